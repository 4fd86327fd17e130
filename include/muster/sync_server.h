/* Telling a world to viewers: the side that has the world.
 *
 * A sync server turns a world into packets, for players and spectators who each see a part of it. Packets may be lost,
 * doubled and late; what a viewer reports to have received is what later ones build on, so nothing is ever sent again.
 * How packets and reports travel is yours: a datagram each is what they are made for. The other side is
 * muster/sync_client.h.
 *
 * The usual order of calls:
 *
 *   muster_sync_server_create(world, NULL, &server);
 *   when somebody says hello:
 *     muster_sync_server_welcome(server, world, hello, player, ...);   the answer; send it for each hello that comes
 *     muster_sync_server_add_viewer(server, &options, &viewer);        once
 *     muster_sync_server_set_views(server, viewer, ...);               from where it sees, and how far
 *     muster_sync_server_set_predicted(server, viewer, avatar);        what it moves by itself, if anything
 *   when a report comes:
 *     muster_sync_server_receive(server, viewer, report, now_us);
 *   every tick:
 *     muster_sync_server_apply_inputs(server, world, viewer, NULL);    for every viewer who plays
 *     muster_world_step(world, no_inputs);
 *     muster_sync_server_tick(server, world, &is_update);
 *     if (is_update)
 *       muster_sync_server_take_packets(server, world, viewer, ...);   for every viewer; send them
 *   muster_sync_server_destroy(server);
 *
 * A server is made for one world and does not keep it: each call that reads the world is given it, and another one is
 * refused with MUSTER_E_ARGUMENT. The world may be used for all else in between, but no tick may be left out.
 *
 * Threads. [server]: from one thread at a time, as [world] is for worlds; muster_sync_server_adopt hands a server over.
 * A call with a world is also [world]. Each function with [server] may also answer MUSTER_E_HANDLE, MUSTER_E_THREAD and
 * MUSTER_E_BUG; these three are not repeated below. A fault of a server leaves the world as it is, except where it is
 * told otherwise.
 *
 * `now_us` is your clock in microseconds, from any beginning, that never goes back. It measures the way to viewers and
 * back, and has no effect on anything else. */
#ifndef MUSTER_SYNC_SERVER_H
#define MUSTER_SYNC_SERVER_H

#include "base.h"
#include "command.h"
#include "entity.h"
#include "error.h"
#include "world.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A server of viewers. There can be 1024 at a time. */
typedef struct muster_sync_server_t muster_sync_server_t;

/* A viewer of a server. A number that was given out is never given to another viewer of that server. */
typedef uint64_t muster_viewer_t;

/* Most commands that can be due for a viewer at once. */
#define MUSTER_VIEWER_COMMANDS_MAX 512

/* How much entities of a kind matter when not all can be told of. */
typedef struct muster_kind_weight_t {
  uint16_t kind;
  /* 1 to 255; kinds that are not listed have 16. */
  uint16_t weight;
} muster_kind_weight_t;

/* How a world is told, and how much of it at a time. */
typedef struct muster_sync_config_t {
  /* sizeof(muster_sync_config_t). */
  uint32_t size;
  /* What every packet and report carries, so that those of another session are refused: draw it at random. */
  uint32_t session;
  /* Most viewers at a time, 1 to 65534. Default: 1024. */
  uint32_t viewers_max;
  /* Most groups of up to 32 entities, 1 to 65534. What is beyond is told to nobody, and counted. Default: 8192. */
  uint32_t groups_max;
  /* Space is told in squares of 2^cell_shift units of length, 20 (16 m) to 24 (256 m). Default: 23 (128 m). */
  uint32_t cell_shift;
  /* How many states are kept to tell others from, 4 to 63. Default: 32. */
  uint32_t history;
  /* Most updates that a spectator may be behind, 0 to 1000. Default: 0. */
  uint32_t delay_max;
  /* Ticks from one update to the next, 1 to 240. Default: 3. */
  uint32_t update_ticks;
  /* Most bytes of a packet, 512 to 16384. Default: 1200, which goes nearly everywhere. */
  uint32_t packet_max;
  /* How often viewers are told of what is near, further off and far, in Hz, each at least 1; no more often than there
   * are updates. Default: 60, 20, 10. */
  uint32_t rates_hz[3];
  /* How far near and further off reach from where a viewer looks, in units of length. Default: 64 m, 192 m. */
  int32_t rate_radii[2];
  /* The attributes that everybody sees, and those that only the owner of an entity sees, by number; at most 64 each. */
  const uint8_t *public_attributes;
  const uint8_t *owner_attributes;
  /* At most 65536. */
  const muster_kind_weight_t *kind_weights;
  uint32_t public_attribute_count;
  uint32_t owner_attribute_count;
  uint32_t kind_weight_count;
  uint32_t reserved;
} muster_sync_config_t;

MUSTER_STATIC_ASSERT(sizeof(muster_sync_config_t) == 96, "muster_sync_config_t is packed in an unusual way");

/* Who a viewer is, and what it may have. */
typedef struct muster_viewer_options_t {
  /* sizeof(muster_viewer_options_t). */
  uint32_t size;
  /* Its player, who sees what only an owner sees and whose commands it gives; 0 is none. Default: 0. */
  uint32_t player;
  /* Bytes a second for its packets together, at least 1000. Default: 64000. */
  uint32_t budget;
  /* Updates that it is behind, at most `delay_max`. Default: 0. */
  uint32_t delay;
  /* Its side, which sees what only the side sees; 0 is none. Default: 0. */
  uint16_t team;
  /* 1 if it sees also what is hidden, whosever it is, as a referee does; else 0. Default: 0. */
  uint8_t sees_hidden;
  /* 1 if it sees all of the world and has no views, as a spectator or a recorder does; else 0. Default: 0. */
  uint8_t is_everywhere;
} muster_viewer_options_t;

MUSTER_STATIC_ASSERT(sizeof(muster_viewer_options_t) == 20, "muster_viewer_options_t is packed in an unusual way");

/* Where a viewer looks from, and how far. */
typedef struct muster_view_t {
  /* A place, if `entity` is MUSTER_ENTITY_NULL. */
  muster_position_t position;
  /* An entity, to look from wherever it goes. When it is gone, the view stays where it was last. */
  muster_entity_t entity;
  /* What is nearer than `enter` comes into sight and stays until it is further than `leave`: lengths, 0 or more,
   * `leave` no less than `enter`. A tenth between them keeps what is at the edge from coming and going. A view
   * reaches at most 4096 cells. */
  int32_t enter;
  int32_t leave;
} muster_view_t;

MUSTER_STATIC_ASSERT(sizeof(muster_view_t) == 40, "muster_view_t is packed in an unusual way");

/* What was due of a viewer's inputs. */
typedef struct muster_inputs_due_t {
  /* sizeof(muster_inputs_due_t). */
  uint32_t size;
  /* How many inputs, each with up to 8 commands. */
  uint32_t inputs;
  /* How many ticks ago that was which the viewer was shown when it said so: what it aims at was there then. */
  uint32_t rewind_ticks;
} muster_inputs_due_t;

/* How large a server is, and its counters since it was made. */
typedef struct muster_sync_server_stats_t {
  /* sizeof(muster_sync_server_stats_t). */
  uint32_t size;
  uint32_t viewers;
  uint32_t groups;
  uint32_t cells;
  uint64_t updates;
  /* States of groups that were encoded, and how often they were sent; how many of those told all and not only what
   * has changed; and how many had to wait because a budget was used up. */
  uint64_t shares_encoded;
  uint64_t shares_sent;
  uint64_t shares_whole;
  uint64_t shares_deferred;
  uint64_t packets;
  /* Bytes of packets; among them those that only one viewer is told, and those of events. */
  uint64_t bytes;
  uint64_t own_bytes;
  uint64_t event_bytes;
  /* Groups that were divided because their state did not fit into a packet. */
  uint64_t divided;
  /* Entities that are told to nobody because there are `groups_max` groups. */
  uint64_t unplaced;
  uint64_t events_dropped;
  uint64_t reports_refused;
} muster_sync_server_stats_t;

MUSTER_STATIC_ASSERT(sizeof(muster_sync_server_stats_t) == 120,
                     "muster_sync_server_stats_t is packed in an unusual way");

/* Fills a configuration with the defaults, and its `size` with `size`, which is sizeof *out_config. Pointers in it
 * are NULL. Results: MUSTER_OK; MUSTER_E_ARGUMENT; MUSTER_E_STRUCT. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_config_default(muster_sync_config_t *out_config, uint32_t size);

/* Fills options with the defaults, and their `size` with `size`, which is sizeof *out_options. Results: MUSTER_OK;
 * MUSTER_E_ARGUMENT; MUSTER_E_STRUCT. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_viewer_options_default(muster_viewer_options_t *out_options, uint32_t size);

/* Makes a server without viewers for a world. It belongs to this thread. With `config` NULL everything is as
 * muster_sync_config_default has it. `config` and all that it points to is read during the call and not kept. The
 * server is the caller's, and ends with muster_sync_server_destroy, before or after the world. Results: MUSTER_OK;
 * MUSTER_E_CONFIG; MUSTER_E_HANDLE, MUSTER_E_THREAD or MUSTER_E_BUG of the world; MUSTER_E_FULL if there are 1024
 * servers; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_server_create(muster_world_t *world, const muster_sync_config_t *config,
                                                     muster_sync_server_t **out_server);

/* Ends a server and its viewers. The handle is stale afterwards, and refused wherever it is used. Also a server that
 * has answered MUSTER_E_BUG is ended. Results: MUSTER_OK. Threads: [server]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_server_destroy(muster_sync_server_t *server);

/* Makes this thread the one that the server belongs to. Results: MUSTER_OK. Threads: [any], but not while another
 * thread is inside the server. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_server_adopt(muster_sync_server_t *server);

/* Writes the answer to a viewer's hello into the caller's buffer: the terms of the session for a viewer who is
 * `player`, or 0 for none. It changes nothing and may be asked for again. `hello` comes from the other side and is
 * verified; it is read during the call and not kept. Results: MUSTER_OK; MUSTER_E_TERMS if it is no hello, or of a
 * viewer that another version was made for; MUSTER_E_BUFFER, then `*out_size` is how many bytes are needed;
 * MUSTER_E_ARGUMENT. Threads: [server] and [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_server_welcome(muster_sync_server_t *server, muster_world_t *world,
                                                      muster_bytes_t hello, uint32_t player, uint8_t *out_welcome,
                                                      size_t capacity, size_t *out_size);

/* Lets a viewer in. It sees nothing before it has a view, unless it is everywhere. With `options` NULL everything is
 * as muster_viewer_options_default has it. Results: MUSTER_OK; MUSTER_E_FULL if there are `viewers_max`;
 * MUSTER_E_VALUE if an option is out of its range; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [server]. Since:
 * 0.1. */
MUSTER_API muster_result_t muster_sync_server_add_viewer(muster_sync_server_t *server,
                                                         const muster_viewer_options_t *options,
                                                         muster_viewer_t *out_viewer);

/* Forgets a viewer. Results: MUSTER_OK; MUSTER_E_VIEWER. Threads: [server]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_server_remove_viewer(muster_sync_server_t *server, muster_viewer_t viewer);

/* Gives a viewer these views in the place of those it had: at most 16, or none. `views` is read during the call and
 * not kept; `view_size` is sizeof(muster_view_t). Results: MUSTER_OK; MUSTER_E_VIEWER; MUSTER_E_VALUE if there are
 * too many or one is out of its range; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [server]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_server_set_views(muster_sync_server_t *server, muster_viewer_t viewer,
                                                        const muster_view_t *views, size_t count, size_t view_size);

/* Says which entity a viewer moves by itself before the answer has come: its exact state is in all of the viewer's
 * updates. MUSTER_ENTITY_NULL is none. Results: MUSTER_OK; MUSTER_E_VIEWER. Threads: [server]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_server_set_predicted(muster_sync_server_t *server, muster_viewer_t viewer,
                                                            muster_entity_t entity);

/* Takes in what the world's last tick did. Call it after every muster_world_step. `*out_is_update` says whether
 * there is now an update, whose packets are to be taken. Results: MUSTER_OK; MUSTER_E_ARGUMENT. Threads: [server]
 * and [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_server_tick(muster_sync_server_t *server, muster_world_t *world,
                                                   bool *out_is_update);

/* Writes the packets of the last update for a viewer into the caller's buffer, one right behind the other, and the
 * length of each into `out_lengths`, which has room for `lengths_capacity` of them. They are taken once: a second
 * call in the same update gives none. On MUSTER_E_BUFFER `*out_size` and `*out_count` are how many bytes and lengths
 * are needed, and the packets can be taken with more room until the next update, which gives its own; those that
 * were never taken are as if they had been lost on their way. A viewer's packets of an update are, apart from the
 * last of them, no more bytes than an eighth of its budget. Results: MUSTER_OK, also if there is none;
 * MUSTER_E_VIEWER; MUSTER_E_BUFFER; MUSTER_E_ARGUMENT. Threads: [server] and [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_server_take_packets(muster_sync_server_t *server, muster_world_t *world,
                                                           muster_viewer_t viewer, uint64_t now_us, uint8_t *out_bytes,
                                                           size_t capacity, size_t *out_size, uint32_t *out_lengths,
                                                           size_t lengths_capacity, size_t *out_count);

/* Takes in a report of a viewer: which packets came, and its inputs. `report` comes from the other side and is
 * verified; it is read during the call and not kept. Results: MUSTER_OK; MUSTER_E_REPORT, also for one that comes
 * twice or after a newer one, as happens on every network: then nothing has changed; MUSTER_E_VIEWER;
 * MUSTER_E_ARGUMENT. Threads: [server]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_server_receive(muster_sync_server_t *server, muster_viewer_t viewer,
                                                      muster_bytes_t report, uint64_t now_us);

/* Hands out the commands of a viewer's inputs that are for the coming tick, for a host that looks at them before it
 * gives them to muster_world_command. They are of the viewer's player; a viewer without one gives none. They are
 * handed out once. `command_size` is sizeof(muster_command_t), and `capacity` no less than
 * MUSTER_VIEWER_COMMANDS_MAX. `out_due` may be NULL; its `size` must be set before. Results: MUSTER_OK;
 * MUSTER_E_VIEWER; MUSTER_E_BUFFER, then nothing was taken and `*out_count` is the capacity that is needed;
 * MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [server] and [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_server_take_inputs(muster_sync_server_t *server, muster_world_t *world,
                                                          muster_viewer_t viewer, muster_command_t *out_commands,
                                                          size_t command_size, size_t capacity, size_t *out_count,
                                                          muster_inputs_due_t *out_due);

/* Gives the commands of a viewer's inputs that are for the coming tick to the world, as muster_world_command would.
 * `out_due` may be NULL; its `size` must be set before. After MUSTER_E_BUG the world too can only be destroyed.
 * Results: MUSTER_OK; MUSTER_E_VIEWER; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [server] and [world]. Since:
 * 0.1. */
MUSTER_API muster_result_t muster_sync_server_apply_inputs(muster_sync_server_t *server, muster_world_t *world,
                                                           muster_viewer_t viewer, muster_inputs_due_t *out_due);

/* How large the server is, and its counters. `out_stats->size` must be set before. Results: MUSTER_OK;
 * MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [server]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_server_stats(muster_sync_server_t *server,
                                                    muster_sync_server_stats_t *out_stats);

#ifdef __cplusplus
}
#endif

#endif
