/* Replays: what a world was given, from which it can be made again at any tick.
 *
 * Recording. The world writes what it is given into a file of yours, piece by piece:
 *
 *   muster_replay_record(world, NULL);
 *   every tick, or now and then:
 *     muster_world_step(world, inputs);
 *     do {
 *       muster_replay_take(world, buffer, sizeof buffer, &size);
 *       fwrite(buffer, 1, size, file);
 *     } while (size > 0);
 *   muster_replay_finish(world);   and take once more, until nothing is left
 *
 * Reading. The bytes of a file are given as a whole; they are read during each call and not kept. A file that was cut,
 * as by a crash, is good up to the last whole tick. The map is not in the file: give the JSON that the world had, or
 * {NULL, 0}.
 *
 * muster_replay_seek makes an ordinary world out of any tick; muster_replay_step goes on from there.
 *
 * Verifying plays a replay from its beginning and compares every hash. It is how you find out that a build, a machine
 * or a change of yours does not do what another did: the report names the tick, the sector, the entity and the
 * column. */
#ifndef MUSTER_REPLAY_H
#define MUSTER_REPLAY_H

#include "base.h"
#include "entity.h"
#include "error.h"
#include "world.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a replay is recorded. */
typedef struct muster_replay_settings_t {
  /* sizeof(muster_replay_settings_t). */
  uint32_t size;
  /* A snapshot every so many ticks, 1 or more: seeking takes at most as many ticks. Default: 600. */
  uint32_t key_ticks;
  /* 1 to record the hash of every sector with each tick, so that a report can name the sector; else 0. Default: 1. */
  uint32_t sector_hashes;
  uint32_t reserved;
  /* How many bytes may wait to be taken; beyond, whole ticks are left out and counted. Default: 2^28. */
  uint64_t pending_bytes_max;
} muster_replay_settings_t;

/* What a replay is of. */
typedef struct muster_replay_info_t {
  /* sizeof(muster_replay_info_t). */
  uint32_t size;
  uint32_t key_ticks;
  /* The tick of the first snapshot, and the tick after the last step. */
  uint64_t tick_first;
  uint64_t tick_last;
  /* Of the configuration and the map of the world; the latter is 0 without a map. */
  uint64_t config_hash;
  uint64_t map_hash;
  /* 1 if the file could be read to its end, 0 if it was cut or is damaged there. */
  uint32_t is_whole;
  uint32_t reserved;
} muster_replay_info_t;

MUSTER_STATIC_ASSERT(sizeof(muster_replay_info_t) == 48, "muster_replay_info_t is packed in an unusual way");

/* Where a replay and what it plays first differ. */
typedef struct muster_divergence_t {
  /* sizeof(muster_divergence_t). */
  uint32_t size;
  /* 1 if `entity`, `column` and the values are known, else 0: the recording ends before a snapshot, or what differs is
   * no single value. The message says what it is. */
  uint32_t has_value;
  /* The first tick after which the worlds differ. */
  uint64_t tick;
  /* The hash of the world, as recorded and as played. */
  uint64_t recorded_hash;
  uint64_t played_hash;
  /* The first sector that differs; meaningful if `has_sector` is 1. */
  muster_sector_t sector;
  muster_entity_t entity;
  int64_t recorded_value;
  int64_t played_value;
  uint32_t has_sector;
  /* A muster_column_t, or MUSTER_COLUMN_X or MUSTER_COLUMN_Y for the place in the sector. */
  uint32_t column;
} muster_divergence_t;

MUSTER_STATIC_ASSERT(sizeof(muster_divergence_t) == 88, "muster_divergence_t is packed in an unusual way");

/* What muster_divergence_t calls the two parts of a place. */
#define MUSTER_COLUMN_X 65534
#define MUSTER_COLUMN_Y 65535

/* Begins to record the world, from how it is now. With `settings` NULL all is as the defaults are. Results: MUSTER_OK;
 * MUSTER_E_REPLAY if it is being recorded already; MUSTER_E_CONFIG; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads:
 * [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_replay_record(muster_world_t *world, const muster_replay_settings_t *settings);

/* Hands over the next bytes of the recording, at most `capacity`, to be put behind those taken before. There is nothing
 * more when `*out_size` is 0. Results: MUSTER_OK; MUSTER_E_REPLAY if nothing is or was recorded; MUSTER_E_ARGUMENT.
 * Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_replay_take(muster_world_t *world, uint8_t *out_bytes, size_t capacity,
                                              size_t *out_size);

/* How many ticks were left out of the recording because the bytes were not taken in time. Results: MUSTER_OK;
 * MUSTER_E_REPLAY if nothing is or was recorded; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_replay_ticks_lost(muster_world_t *world, uint64_t *out_ticks);

/* Ends the recording with an index, by which readers find their way at once. What is left is still to be taken.
 * Results: MUSTER_OK; MUSTER_E_REPLAY if nothing is recorded. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_replay_finish(muster_world_t *world);

/* What a replay is of. `out_info->size` must be set before. Results: MUSTER_OK; MUSTER_E_REPLAY; MUSTER_E_STRUCT;
 * MUSTER_E_ARGUMENT; MUSTER_E_BUG. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_replay_info(muster_bytes_t replay, muster_replay_info_t *out_info);

/* Plays a replay from its beginning to its end and compares every hash and every snapshot. On MUSTER_E_DIVERGED, and
 * only then, `out_divergence` is written, if it is not NULL; its `size` must be set before. Results: MUSTER_OK if all
 * is the same; MUSTER_E_DIVERGED; MUSTER_E_REPLAY if the file is damaged or the map is another one; MUSTER_E_MAP;
 * MUSTER_E_STRUCT; MUSTER_E_ARGUMENT; MUSTER_E_BUG. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_replay_verify(muster_bytes_t replay, muster_bytes_t map_json,
                                                muster_divergence_t *out_divergence);

/* Makes a world that is what the recorded one was at `tick`: from the snapshot before it and the inputs since. It is an
 * ordinary world, belongs to this thread, and ends with muster_world_destroy. Results: MUSTER_OK; MUSTER_E_REPLAY if
 * the file is damaged, has no such tick, or the map is another one; MUSTER_E_MAP; MUSTER_E_FULL if there are 1024
 * worlds; MUSTER_E_ARGUMENT; MUSTER_E_BUG. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_replay_seek(muster_bytes_t replay, muster_bytes_t map_json, uint64_t tick,
                                              muster_world_t **out_world);

/* Gives a world what the recorded one was given in the same tick, and steps it: for watching a replay tick by tick,
 * after muster_replay_seek. `*out_is_end` says that there is no such tick in the file, and nothing was done. On
 * MUSTER_E_DIVERGED the step was made, and the world is not what the recorded one was; this is the one refusal after
 * which something has changed. Results: MUSTER_OK; MUSTER_E_DIVERGED; MUSTER_E_REPLAY if the file is damaged;
 * MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_replay_step(muster_world_t *world, muster_bytes_t replay, bool *out_is_end);

#ifdef __cplusplus
}
#endif

#endif
