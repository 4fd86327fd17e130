/* Looking at a world that is somewhere else: the side that gets packets.
 *
 * A sync client makes of packets, which come late, twice or never, what is to be shown at this moment: everybody moves
 * smoothly, a little in the past, and the viewer's own entity follows its commands at once, a little in the future. How
 * packets and reports travel is yours. The other side is muster/sync_server.h.
 *
 * The usual order of calls:
 *
 *   muster_sync_hello(hello, sizeof hello, &size);                send it until a welcome comes
 *   muster_sync_client_create(welcome, map_json, NULL, &client);  when it has
 *   for every packet that comes:
 *     muster_sync_client_receive(client, packet, now_us, NULL);
 *   every frame:
 *     muster_sync_client_command(client, &command, sizeof command);   what the player wants
 *     muster_sync_client_advance(client, now_us);
 *     muster_sync_client_ids(client, ...);                            who is to be shown, and
 *     muster_sync_client_read_metres(client, ...);                    where, in the same order
 *     muster_sync_client_take_events(client, ...);                    what happened
 *   20 to 60 times a second:
 *     muster_sync_client_report(client, now_us, ...);                 send it
 *   muster_sync_client_destroy(client);
 *
 * The lists of all that is shown are what the last muster_sync_client_advance made, in one order, until the next one.
 * Entities have the ids that they have in the world.
 *
 * Threads. [client]: from one thread at a time, as [world] is for worlds; muster_sync_client_adopt hands a client over.
 * Each function with [client] may also answer MUSTER_E_HANDLE, MUSTER_E_THREAD and MUSTER_E_BUG; these three are not
 * repeated below.
 *
 * `now_us` is your clock in microseconds, from any beginning, that never goes back: take it when a packet arrives, not
 * when it is looked at. */
#ifndef MUSTER_SYNC_CLIENT_H
#define MUSTER_SYNC_CLIENT_H

#include "base.h"
#include "command.h"
#include "entity.h"
#include "error.h"
#include "event.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A viewer of a world that is somewhere else. There can be 1024 at a time. */
typedef struct muster_sync_client_t muster_sync_client_t;

/* Most bytes of a report. */
#define MUSTER_REPORT_MAX 1200

/* How an entity went out of sight. */
typedef enum muster_departure_kind_t {
  /* It has left the viewer's area, or is hidden. */
  MUSTER_DEPARTURE_LEFT = 0,
  /* It is gone from the world. */
  MUSTER_DEPARTURE_DESTROYED = 1
} muster_departure_kind_t;

/* What a client has room for, and how it shows things. */
typedef struct muster_sync_client_options_t {
  /* sizeof(muster_sync_client_options_t). */
  uint32_t size;
  /* Most groups of up to 32 entities at a time, 1 to 65535. Each takes up to 2 kB for each state that is kept of it.
   * Default: 4096. */
  uint32_t groups_max;
  /* Most entities at a time; those beyond are not shown, and counted. Each takes 0.6 kB. Default: 16384. */
  uint32_t entities_max;
  /* Most attributes that only an owner sees. Default: 16384. */
  uint32_t owner_values_max;
  /* For how long an entity goes on as it did when nothing is heard of it, in microseconds, at most 1000000. Default:
   * 250000. */
  uint32_t beyond_us;
  /* How long a correction of the viewer's own entity takes to be mostly out of sight, in microseconds, at most
   * 1000000. Default: 100000. */
  uint32_t smooth_us;
  /* A correction of more than that is shown at once: a length, 0 or more. Default: 4 m. */
  int32_t snap;
} muster_sync_client_options_t;

/* What a welcome says. */
typedef struct muster_sync_terms_t {
  /* sizeof(muster_sync_terms_t). */
  uint32_t size;
  uint32_t session;
  /* The player that the viewer is; 0 is none. */
  uint32_t player;
  uint32_t tick_rate_hz;
  /* Ticks from one update to the next. */
  uint32_t update_ticks;
  /* Most bytes of a packet. */
  uint32_t packet_max;
  /* The attributes that everybody sees, and those that only the owner of an entity sees, by number. */
  uint32_t public_attribute_count;
  uint32_t owner_attribute_count;
  uint8_t public_attributes[64];
  uint8_t owner_attributes[64];
  /* The tick of the world when this was said. */
  uint64_t tick;
  /* Of the world's map, as muster_map_info tells it; 0 is none. */
  uint64_t map_hash;
} muster_sync_terms_t;

MUSTER_STATIC_ASSERT(sizeof(muster_sync_terms_t) == 176, "muster_sync_terms_t is packed in an unusual way");

/* What a packet had. */
typedef struct muster_received_t {
  /* sizeof(muster_received_t). */
  uint32_t size;
  /* The update that it is a part of. */
  uint32_t update;
  /* States of groups. */
  uint32_t states;
  uint32_t events;
  /* 1 if every state could be told from those that are here, else 0; then the server does not hear that it came. */
  uint32_t is_whole;
} muster_received_t;

/* The viewer's own entity as it is shown, ahead of all others. */
typedef struct muster_predicted_t {
  /* sizeof(muster_predicted_t). */
  uint32_t size;
  /* Which way it faces, 65536 to a turn. */
  uint32_t heading;
  muster_entity_t entity;
  muster_position_t position;
  /* In units of length a second. */
  int32_t velocity_x;
  int32_t velocity_y;
  /* The tick that it comes to, for which the next command is. */
  uint64_t tick;
} muster_predicted_t;

MUSTER_STATIC_ASSERT(sizeof(muster_predicted_t) == 56, "muster_predicted_t is packed in an unusual way");

/* Somebody who went out of sight. */
typedef struct muster_departure_t {
  muster_entity_t entity;
  /* A muster_departure_kind_t. */
  uint32_t kind;
  uint32_t reserved;
} muster_departure_t;

/* What a client has counted since it was made, and its estimates. */
typedef struct muster_sync_client_stats_t {
  /* sizeof(muster_sync_client_stats_t). */
  uint32_t size;
  /* Groups and entities that are known now. */
  uint32_t groups;
  uint32_t entities;
  /* The way there and back, in microseconds; 0 until it is known. */
  uint32_t rtt_us;
  /* How much later than the earliest most packets come, in microseconds. */
  uint32_t jitter_us;
  /* How far behind the newest packet others are shown, in microseconds. */
  uint32_t delay_us;
  /* How far ahead of the newest packet the viewer's own entity is, in microseconds. */
  uint32_t lead_us;
  uint32_t reserved;
  /* The tick that others are shown at; 0 before anything has come. */
  uint64_t shown_tick;
  /* Packets that came and were good, and bytes of all that came. */
  uint64_t packets;
  uint64_t bytes;
  /* States of groups that came: all; those told whole; those that came too late; and those told from a state that is not
   * here, whose packets count as lost. */
  uint64_t states;
  uint64_t states_whole;
  uint64_t states_late;
  uint64_t states_unknown;
  /* Packets that never came. */
  uint64_t lost;
  /* Packets refused: too long; no packet; of another session; come before; too old; too far ahead; a bad part of the
   * viewer's own; bad events; no room for events; a bad state; a group twice; no room for a group. */
  uint64_t refused[12];
  uint64_t reports;
  uint64_t report_bytes;
  /* Times that the prediction was put right. */
  uint64_t corrections;
  /* Events, departures, values and entities that had no room. */
  uint64_t dropped;
} muster_sync_client_stats_t;

MUSTER_STATIC_ASSERT(sizeof(muster_sync_client_stats_t) == 224,
                     "muster_sync_client_stats_t is packed in an unusual way");

/* Fills options with the defaults, and their `size` with `size`, which is sizeof *out_options. Results: MUSTER_OK;
 * MUSTER_E_ARGUMENT; MUSTER_E_STRUCT. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_options_default(muster_sync_client_options_t *out_options, uint32_t size);

/* Writes what a viewer says first into the caller's buffer. 128 bytes are enough. Results: MUSTER_OK;
 * MUSTER_E_BUFFER, then `*out_size` is how many bytes are needed; MUSTER_E_ARGUMENT. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_hello(uint8_t *out_hello, size_t capacity, size_t *out_size);

/* What a welcome says, for instance which map to load. `welcome` comes from the other side and is verified; it is
 * read during the call and not kept. `out_terms->size` must be set before. Results: MUSTER_OK; MUSTER_E_TERMS if it
 * is no welcome, or of another version; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT; MUSTER_E_BUG. Threads: [any]. Since:
 * 0.1. */
MUSTER_API muster_result_t muster_sync_terms(muster_bytes_t welcome, muster_sync_terms_t *out_terms);

/* Makes a client under the terms of a welcome. It belongs to this thread. `map_json` is the map that the world has,
 * or {NULL, 0} if it has none. With `options` NULL everything is as muster_sync_client_options_default has it. All
 * three are read during the call and not kept. The client is the caller's, and ends with muster_sync_client_destroy.
 * Results: MUSTER_OK; MUSTER_E_TERMS if it is no welcome, or of another version; MUSTER_E_MAP if the map is not
 * good, or another one; MUSTER_E_CONFIG if an option is out of its range; MUSTER_E_FULL if there are 1024 clients;
 * MUSTER_E_STRUCT; MUSTER_E_ARGUMENT; MUSTER_E_BUG. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_create(muster_bytes_t welcome, muster_bytes_t map_json,
                                                     const muster_sync_client_options_t *options,
                                                     muster_sync_client_t **out_client);

/* Ends a client. The handle is stale afterwards, and refused wherever it is used. Also a client that has answered
 * MUSTER_E_BUG is ended. Results: MUSTER_OK. Threads: [client]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_destroy(muster_sync_client_t *client);

/* Makes this thread the one that the client belongs to. Results: MUSTER_OK. Threads: [any], but not while another
 * thread is inside the client. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_adopt(muster_sync_client_t *client);

/* Takes in a packet. `packet` comes from the other side and is verified; it is read during the call and not kept.
 * `out_received` may be NULL; its `size` must be set before. Results: MUSTER_OK; MUSTER_E_PACKET, also for one that
 * comes twice, as happens on every network: then nothing has changed but counters; MUSTER_E_STRUCT;
 * MUSTER_E_ARGUMENT. Threads: [client]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_receive(muster_sync_client_t *client, muster_bytes_t packet,
                                                      uint64_t now_us, muster_received_t *out_received);

/* Commands one of the viewer's entities in the coming tick. What is predicted follows at once, and the command rides
 * along in reports until the server has carried it out. Its `player` is not looked at: the server knows who the
 * viewer is. `command` is read during the call and not kept; `command_size` is sizeof(muster_command_t). Results:
 * MUSTER_OK; MUSTER_E_FULL if there are 8 for this tick, or those of 32 ticks wait for a server that does not
 * answer; MUSTER_E_VALUE if the action is none or the place is not in its sector; MUSTER_E_STRUCT;
 * MUSTER_E_ARGUMENT. Threads: [client]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_command(muster_sync_client_t *client, const muster_command_t *command,
                                                      size_t command_size);

/* Comes to a time: predicts the viewer's own entity up to it, and finds where everybody is to be shown. Results:
 * MUSTER_OK. Threads: [client]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_advance(muster_sync_client_t *client, uint64_t now_us);

/* Writes a report into the caller's buffer, to be sent as a datagram: what has come, and the commands that are not
 * yet carried out. `capacity` is no less than MUSTER_REPORT_MAX. Results: MUSTER_OK; MUSTER_E_BUFFER, then
 * `*out_size` is the capacity that is needed; MUSTER_E_ARGUMENT. Threads: [client]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_report(muster_sync_client_t *client, uint64_t now_us,
                                                     uint8_t *out_report, size_t capacity, size_t *out_size);

/* The ids of all that is shown. Results: MUSTER_OK; MUSTER_E_BUFFER, then `*out_count` is how many there are;
 * MUSTER_E_ARGUMENT. Threads: [client]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_ids(muster_sync_client_t *client, muster_entity_t *out_ids,
                                                  size_t capacity, size_t *out_count);

/* Where all that is shown is, in the order of muster_sync_client_ids. Results: MUSTER_OK; MUSTER_E_BUFFER, then
 * `*out_count` is how many there are; MUSTER_E_ARGUMENT. Threads: [client]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_read_positions(muster_sync_client_t *client,
                                                             muster_position_t *out_positions, size_t capacity,
                                                             size_t *out_count);

/* Where all that is shown is, in metres to the right of and above `origin`, for drawing: two floats an entity, in the
 * order of muster_sync_client_ids. `capacity` and `*out_count` are numbers of entities, not of floats. Results:
 * MUSTER_OK; MUSTER_E_BUFFER, then `*out_count` is how many there are; MUSTER_E_ARGUMENT. Threads: [client]. Since:
 * 0.1. */
MUSTER_API muster_result_t muster_sync_client_read_metres(muster_sync_client_t *client, muster_position_t origin,
                                                          float *out_xy, size_t capacity, size_t *out_count);

/* A column of all that is shown, in the order of muster_sync_client_ids: MUSTER_COLUMN_HEADING, SHAPE, HALF_X,
 * HALF_Y, HEALTH, HEALTH_MAX, STATE, TEAM, KIND, OWNER, FLAGS, TARGET, or MUSTER_COLUMN_ATTRIBUTE plus the number of
 * a public attribute. Results: MUSTER_OK; MUSTER_E_BUFFER, then `*out_count` is how many there are;
 * MUSTER_E_ARGUMENT, also if viewers are not told the column. Threads: [client]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_read_i64(muster_sync_client_t *client, uint32_t column,
                                                       int64_t *out_values, size_t capacity, size_t *out_count);

/* muster_sync_client_read_i64 for values that fit 32 bits, as all do but those of TARGET, OWNER and FLAGS. Results:
 * as there, and MUSTER_E_VALUE if one does not fit. Threads: [client]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_read_i32(muster_sync_client_t *client, uint32_t column,
                                                       int32_t *out_values, size_t capacity, size_t *out_count);

/* An attribute that only an owner sees, by its number in the world. `out_value` is written if `*out_is_known` is
 * true. Results: MUSTER_OK; MUSTER_E_ARGUMENT, also if owners are not told the attribute. Threads: [client]. Since:
 * 0.1. */
MUSTER_API muster_result_t muster_sync_client_owner_value(muster_sync_client_t *client, muster_entity_t entity,
                                                          uint32_t attribute, bool *out_is_known, int32_t *out_value);

/* The viewer's own entity as it is shown, if there is one that it moves by itself; then it is also among all that is
 * shown. `out_predicted` is written if `*out_is_predicted` is true; its `size` must be set before. Results:
 * MUSTER_OK; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [client]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_predicted(muster_sync_client_t *client, bool *out_is_predicted,
                                                        muster_predicted_t *out_predicted);

/* Hands out the events that came since the last call, each once. Those of the classes critical and high are told again
 * until they have come, and come in their order. `event_size` is sizeof(muster_event_t). Results: MUSTER_OK;
 * MUSTER_E_BUFFER, then `*out_count` is how many there are, and they can be taken with more room; MUSTER_E_STRUCT;
 * MUSTER_E_ARGUMENT. Threads: [client]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_take_events(muster_sync_client_t *client, muster_event_t *out_events,
                                                          size_t event_size, size_t capacity, size_t *out_count);

/* Hands out who went out of sight since the last call, and how, each once. `departure_size` is
 * sizeof(muster_departure_t). Results: MUSTER_OK; MUSTER_E_BUFFER, then `*out_count` is how many there are, and they
 * can be taken with more room; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [client]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_take_departures(muster_sync_client_t *client,
                                                              muster_departure_t *out_departures,
                                                              size_t departure_size, size_t capacity,
                                                              size_t *out_count);

/* What the client has counted, and its estimates. `out_stats->size` must be set before. Results: MUSTER_OK;
 * MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [client]. Since: 0.1. */
MUSTER_API muster_result_t muster_sync_client_stats(muster_sync_client_t *client,
                                                    muster_sync_client_stats_t *out_stats);

#ifdef __cplusplus
}
#endif

#endif
