/* Worlds: made, stepped, saved, ended.
 *
 * A world is a function of its configuration, its map and what it is told. Two worlds that are told the same have the
 * same hash in every tick, on every machine, with any number of threads.
 *
 * The usual order of calls:
 *
 *   muster_world_config_default(&config, sizeof config);   the fields you care about, then
 *   muster_world_create(&config, &world);                  or NULL for all defaults
 *   muster_entities_spawn(world, ...);
 *   every tick:
 *     muster_world_command(world, ...);                    what players want, for the coming tick
 *     muster_world_step(world, no_inputs);
 *     muster_world_events(world, ...);                     what happened
 *     muster_entities_read_positions(world, ...);          where everything is now
 *   muster_world_destroy(world);
 *
 * Threads. [any]: from any thread at any time. [world]: from one thread at a time, and it is the thread that made the
 * world until another calls muster_world_adopt. A call while another thread is inside the same world is refused with
 * MUSTER_E_THREAD and does no harm; a call from a thread that the world does not belong to is refused by debug builds
 * of the library, so that the mistake is found before it happens to collide. The world's own worker threads never call
 * you.
 *
 * A muster_world_t * is a number that the library looks up, not the address of something: a NULL, destroyed or made-up
 * one is refused with MUSTER_E_HANDLE. Each function with [world] may also answer MUSTER_E_HANDLE, MUSTER_E_THREAD, and
 * MUSTER_E_BUG after a fault of the library; then only muster_world_destroy works. These three are not repeated below.
 *
 * Structs that begin with `size` want their sizeof in it, and arrays of structs come with the sizeof of one, so that a
 * program works with later libraries without being compiled again. */
#ifndef MUSTER_WORLD_H
#define MUSTER_WORLD_H

#include "base.h"
#include "error.h"
#include "space.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A world. There can be 1024 at a time. */
typedef struct muster_world_t muster_world_t;

/* What an attack does. Entities name weapons by their number in the configuration, from 1. */
typedef struct muster_weapon_t {
  /* What a hit takes from the target's health, 0 or more. */
  int32_t damage;
  /* How far it reaches, in units of length, at most 10 km. */
  int32_t range;
  /* Ticks from a shot to the next, at least 1. */
  uint32_t reload_ticks;
  /* Speed of its projectiles, in units of length a second; 0 hits at once. */
  int32_t projectile_speed;
  /* Radius of its projectiles, in units of length, at most 10 m. */
  int32_t projectile_radius;
  /* The collision layers that it hits, a bit each. */
  uint16_t hits;
  /* 1 if it hits entities of the shooter's own team too, else 0. */
  uint8_t friendly_fire;
  /* 1 if what it hits at once is judged where it is, else 0: where the player saw it; see `rewind_ticks` of the
   * configuration. */
  uint8_t is_not_rewound;
  /* 1 if each of its shots is told as an event MUSTER_EVENT_FIRED, so that others can show it on its way, else 0. */
  uint8_t has_tracers;
  /* Zero. */
  uint8_t reserved[3];
} muster_weapon_t;

MUSTER_STATIC_ASSERT(sizeof(muster_weapon_t) == 28, "muster_weapon_t is packed in an unusual way");

/* What a part of a behaviour does, and what its `value` is. */
typedef enum muster_step_kind_t {
  /* Runs from the nearest enemy in sight while its health is below `value` hundredths of the whole, 0 to 100. */
  MUSTER_STEP_FLEE = 0,
  /* Attacks the nearest enemy in sight. */
  MUSTER_STEP_CHASE = 1,
  /* Goes back when it is further than `value`, a length, from its post; attacks enemies within it. */
  MUSTER_STEP_GUARD = 2,
  /* Goes to the nearest resource zone that is not its team's. */
  MUSTER_STEP_CAPTURE = 3,
  /* Stays within `value`, a length, of the entity in its target column. */
  MUSTER_STEP_FOLLOW = 4,
  /* Goes round the map's route of number `value`, from 0. */
  MUSTER_STEP_PATROL = 5,
  /* Goes to places at random within `value`, a length, of its post. */
  MUSTER_STEP_WANDER = 6
} muster_step_kind_t;

/* One part of a behaviour. */
typedef struct muster_step_t {
  /* A muster_step_kind_t. */
  uint32_t kind;
  /* By kind; 0 where the kind has none. */
  int32_t value;
} muster_step_t;

/* What a bot does. Entities name behaviours by their number in the configuration, from 1. */
typedef struct muster_behaviour_t {
  /* What it does by itself: in each decision the first that applies. At most 16. */
  const muster_step_t *steps;
  uint32_t step_count;
  /* Ticks between two decisions, at least 1. */
  uint32_t think_ticks;
  /* How far it notices others, in units of length, at most 250 m. */
  int32_t sight;
  uint32_t reserved;
} muster_behaviour_t;

MUSTER_STATIC_ASSERT(sizeof(muster_behaviour_t) == 24, "muster_behaviour_t is packed in an unusual way");

/* What a world is and how much it may hold. It is part of the world's identity: snapshots and replays carry it, and
 * worlds with different configurations have different hashes. Nothing is allocated in a steady tick, so the limits are
 * what the world takes of memory. */
typedef struct muster_world_config_t {
  /* sizeof(muster_world_config_t). */
  uint32_t size;
  /* Ticks a second, 1 to 240. Default: 60. */
  uint32_t tick_rate_hz;
  /* From which all randomness of the world comes. Default: 0. */
  uint64_t seed;
  /* Most entities at a time, up to 2^24. Default: 65536. */
  uint32_t entities_max;
  /* Most projectiles at a time. Default: 65536. */
  uint32_t projectiles_max;
  /* Most sectors at a time that have something in them. Default: 4096. */
  uint32_t sectors_max;
  /* Limit of every speed, in units of length a second, at most 250 m a tick. Default: 200 m/s. */
  int32_t speed_max;
  /* How far from an entity a place may be that it is told to go to, in units of length. Default: 100 km. */
  int64_t reach_max;
  /* How near, edge to edge, an entity must be to what it uses, in units of length. Default: 2 m. */
  int32_t use_range;
  /* Most commands of a player in a tick; more are refused. Default: 64. */
  uint32_t commands_per_tick_max;
  /* Most events of a tick for each class: critical, high, normal, low. What goes beyond is dropped and counted.
   * Default: 1024, 4096, 8192, 8192. */
  uint32_t events_max[4];
  /* How many participants of hits in one sector within a second make a massive battle. Default: 100. */
  uint32_t massive_battle_min;
  /* Most cells of the navigation grid looked at in a tick for all paths together. Default: 50000. */
  uint32_t path_expansions_per_tick;
  /* Most paths kept at a time. Default: 4096. */
  uint32_t paths_max;
  /* How many names there are in `attributes`, at most 64. */
  uint32_t attribute_count;
  /* The names of integer columns that every entity has besides the ordinary ones. Default: none. */
  const char *const *attributes;
  /* The weapons, at most 255. Default: none. */
  const muster_weapon_t *weapons;
  uint32_t weapon_count;
  /* sizeof(muster_weapon_t), where there are weapons. */
  uint32_t weapon_size;
  /* The behaviours of bots, at most 65535. Default: none. */
  const muster_behaviour_t *behaviours;
  uint32_t behaviour_count;
  /* sizeof(muster_behaviour_t), where there are behaviours. */
  uint32_t behaviour_size;
  /* The kinds of entity whose destruction is the event MUSTER_EVENT_BASE_DESTROYED. Default: none. */
  const uint16_t *base_kinds;
  uint32_t base_kind_count;
  /* How many ticks back hits may be judged for players who see others late, at most 250 ms, which is tick_rate_hz / 4;
   * 0 is none. A command says how late its player sees. It takes 8 bytes a tick for each entity. Default: 0. */
  uint32_t rewind_ticks;
  /* The map as JSON text without a zero byte; see map.h. Default: none, an open plane. */
  muster_bytes_t map_json;
} muster_world_config_t;

MUSTER_STATIC_ASSERT(sizeof(muster_world_config_t) == 152, "muster_world_config_t is packed in an unusual way");

/* How a world is worked on. Nothing in it changes a result. */
typedef struct muster_execution_t {
  /* sizeof(muster_execution_t). */
  uint32_t size;
  /* Into how many shards the sectors are grouped, 1 to 256. A new world has 1. */
  uint32_t shards;
  /* How many threads work on them, 1 to 256, the one that steps included. A new world has 1: no thread is started. */
  uint32_t threads;
  /* With fewer entities than this, all is done on the thread that steps. A new world has 2000. */
  uint32_t inline_below;
  /* A sector with more entities than this is split, so that more threads can work on it; 0 never splits, as a new world
   * does. */
  uint32_t split_above;
} muster_execution_t;

/* The hash of one sector. */
typedef struct muster_sector_hash_t {
  muster_sector_t sector;
  uint64_t hash;
} muster_sector_hash_t;

/* How large a world is, and what was refused or dropped since it was made. Not part of its state: a restored world
 * counts from 0. */
typedef struct muster_stats_t {
  /* sizeof(muster_stats_t). */
  uint32_t size;
  /* Entities that live. */
  uint32_t entities;
  /* Projectiles in flight. */
  uint32_t projectiles;
  /* Sectors that have something in them. */
  uint32_t sectors;
  /* Entities that were kept at an edge because sectors_max was reached. */
  uint64_t kept_at_edge;
  /* Projectiles that ended because sectors_max or projectiles_max was reached. */
  uint64_t projectiles_dropped;
  /* Events that were dropped, by class: critical, high, normal, low. */
  uint64_t events_dropped[4];
  /* Commands that were refused. */
  uint64_t commands_refused;
  /* Entities that went straight because too many waited for paths. */
  uint64_t paths_refused;
  /* Ticks whose work was done on one thread since there was little of it. */
  uint64_t inline_ticks;
} muster_stats_t;

MUSTER_STATIC_ASSERT(sizeof(muster_stats_t) == 88, "muster_stats_t is packed in an unusual way");

/* Fills a configuration with the defaults, and its `size` with `size`, which is sizeof *out_config. Pointers in it are
 * NULL. Results: MUSTER_OK; MUSTER_E_ARGUMENT; MUSTER_E_STRUCT. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_config_default(muster_world_config_t *out_config, uint32_t size);

/* Makes an empty world of tick 0. It belongs to this thread. With `config` NULL everything is as
 * muster_world_config_default has it. `config` and all that it points to is read during the call and not kept. The
 * world is the caller's, and ends with muster_world_destroy. Results: MUSTER_OK; MUSTER_E_CONFIG; MUSTER_E_MAP;
 * MUSTER_E_FULL if there are 1024 worlds; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT; MUSTER_E_BUG. Threads: [any]. Since:
 * 0.1. */
MUSTER_API muster_result_t muster_world_create(const muster_world_config_t *config, muster_world_t **out_world);

/* Ends a world: frees its memory and its threads. The handle is stale afterwards, and refused wherever it is used. Also
 * a world that has answered MUSTER_E_BUG is ended. Results: MUSTER_OK. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_destroy(muster_world_t *world);

/* Makes this thread the one that the world belongs to. Results: MUSTER_OK. Threads: [any], but not while another thread
 * is inside the world. Since: 0.1. */
MUSTER_API muster_result_t muster_world_adopt(muster_world_t *world);

/* Changes how the world is worked on, from the next tick. Results: MUSTER_OK; MUSTER_E_CONFIG; MUSTER_E_STRUCT;
 * MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_set_execution(muster_world_t *world, const muster_execution_t *execution);

/* Advances exactly one tick. The result depends only on the world and on `inputs`, byte for byte, on every supported
 * target. `inputs` is a FlatBuffer muster.Inputs of schemas/commands.fbs, or empty; its commands come after those of
 * muster_world_command. It is verified first, and on MUSTER_E_INPUT the world is unchanged. It is read during the call
 * and not kept. Results: MUSTER_OK; MUSTER_E_INPUT; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_step(muster_world_t *world, muster_bytes_t inputs);

/* How many ticks the world has made. Results: MUSTER_OK; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_tick(muster_world_t *world, uint64_t *out_tick);

/* How many entities there are. Results: MUSTER_OK; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_entity_count(muster_world_t *world, uint32_t *out_count);

/* How large the world is, and its counters. `out_stats->size` must be set before. Results: MUSTER_OK; MUSTER_E_STRUCT;
 * MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_stats(muster_world_t *world, muster_stats_t *out_stats);

/* Tells how much of their time budget the last ticks took, in thousandths; more than 65535 counts as that. It is the
 * only way in which time comes into a world, and replays have it. After 10 reports above 900, one after the other, the
 * rate step rises; after 60 below 600 it falls. Report as often as you send updates. Results: MUSTER_OK. Threads:
 * [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_report_load(muster_world_t *world, uint32_t permille);

/* By how many steps the rates at which the world is sent are lowered, 0 to 3. It is a part of the world's state.
 * Results: MUSTER_OK; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_rate_step(muster_world_t *world, uint32_t *out_step);

/* The hash of the world's whole state and configuration. Two worlds that differ have different hashes, for practical
 * purposes: it is 64 bits, and no protection against somebody who seeks a collision. Results: MUSTER_OK;
 * MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_hash(muster_world_t *world, uint64_t *out_hash);

/* The hash of each sector that has something in it, in the order of sectors: by y, then x. Two worlds that should be
 * the same and are not differ in these sectors. Results: MUSTER_OK; MUSTER_E_BUFFER; MUSTER_E_ARGUMENT. Threads:
 * [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_sector_hashes(muster_world_t *world, muster_sector_hash_t *out_hashes,
                                                      size_t capacity, size_t *out_count);

/* Writes a snapshot into the caller's buffer, from which muster_world_restore makes the same world again, on any
 * machine. Ask for the size with NULL and 0; it changes with the world. The same state always gives the same bytes.
 * Results: MUSTER_OK; MUSTER_E_BUFFER; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_save(muster_world_t *world, uint8_t *out_snapshot, size_t capacity,
                                             size_t *out_size);

/* Makes a world from a snapshot, with the same tick, hash and ids of entities. It belongs to this thread. A snapshot
 * does not hold the map: give the same JSON that the world was created with, or {NULL, 0} if it had none. Both are read
 * during the call and not kept; they may come from anywhere, and whatever is wrong with them is found. The world is the
 * caller's, and ends with muster_world_destroy. Results: MUSTER_OK; MUSTER_E_SNAPSHOT, also if the map is another one;
 * MUSTER_E_MAP; MUSTER_E_FULL if there are 1024 worlds; MUSTER_E_ARGUMENT; MUSTER_E_BUG. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_restore(muster_bytes_t snapshot, muster_bytes_t map_json,
                                                muster_world_t **out_world);

#ifdef __cplusplus
}
#endif

#endif
