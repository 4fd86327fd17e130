/* Events: what happened in the last tick.
 *
 * Read them after each step; the next step replaces them. Their order is part of what is promised: by class, sector,
 * kind, subject, object, detail, value and count, whatever the threads did. */
#ifndef MUSTER_EVENT_H
#define MUSTER_EVENT_H

#include "base.h"
#include "entity.h"
#include "error.h"
#include "world.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How much it matters that an event arrives. Each class has its own bounded queue. */
typedef enum muster_event_class_t {
  /* Changes the course of the game. */
  MUSTER_CLASS_CRITICAL = 0,
  /* A player waits for it. */
  MUSTER_CLASS_HIGH = 1,
  /* Worth showing. */
  MUSTER_CLASS_NORMAL = 2,
  /* Nobody misses it. */
  MUSTER_CLASS_LOW = 3
} muster_event_class_t;

/* What happened. Later versions may add kinds: skip those that you do not know. */
typedef enum muster_event_kind_t {
  /* `subject` was destroyed; `object` did it, if any. */
  MUSTER_EVENT_UNIT_DESTROYED = 0,
  /* A base was destroyed; `object` did it. */
  MUSTER_EVENT_BASE_DESTROYED = 1,
  /* Many entities fought in one sector; `value` is how many took part. */
  MUSTER_EVENT_MASSIVE_BATTLE = 2,
  /* The team `value` of `subject` took the resource zone `detail`. */
  MUSTER_EVENT_RESOURCE_CAPTURE = 3,
  /* Two entities began to touch; `value` is the speed at which they met, in units of length a second. */
  MUSTER_EVENT_CONTACT = 4,
  /* `object` was hit by `subject`; `value` is the damage. */
  MUSTER_EVENT_HIT = 5,
  /* `subject` came into zone `detail`. */
  MUSTER_EVENT_ZONE_ENTERED = 6,
  /* `subject` left zone `detail`. */
  MUSTER_EVENT_ZONE_LEFT = 7,
  /* `subject` took pickup `detail`; `value` is what it was worth. */
  MUSTER_EVENT_PICKUP_TAKEN = 8,
  /* A command to `subject` was refused: `detail` is a muster_refusal_t, `value` the player. */
  MUSTER_EVENT_COMMAND_REFUSED = 9,
  /* `subject` used `object`. */
  MUSTER_EVENT_USED = 10,
  /* What the game defines; `detail` is its kind. */
  MUSTER_EVENT_CUSTOM = 11,
  /* `subject` fired weapon `detail`, counted from 1, towards the heading `value`; only weapons with tracers say so. */
  MUSTER_EVENT_FIRED = 12
} muster_event_kind_t;

/* Why a command was refused. */
typedef enum muster_refusal_t {
  /* The entity is gone, or never was. */
  MUSTER_REFUSAL_NO_ENTITY = 1,
  /* The entity belongs to another player or to nobody. */
  MUSTER_REFUSAL_NOT_OWNER = 2,
  /* The player has used up the commands of this tick. */
  MUSTER_REFUSAL_RATE = 3,
  /* The target is gone, or never was, or is the entity itself. */
  MUSTER_REFUSAL_NO_TARGET = 4,
  /* The place or the target is too far away. */
  MUSTER_REFUSAL_REACH = 5,
  /* The velocity is above the entity's limit. */
  MUSTER_REFUSAL_SPEED = 6,
  /* The entity has no drive, or no weapon, or is no thing to attack. */
  MUSTER_REFUSAL_UNABLE = 7,
  /* The weapon is not ready. */
  MUSTER_REFUSAL_NOT_READY = 8,
  /* The entity is neither in the sector that the batch names nor in one of the eight around it. */
  MUSTER_REFUSAL_WRONG_SECTOR = 9
} muster_refusal_t;

/* One event. */
typedef struct muster_event_t {
  /* The tick that it happened in. */
  uint64_t tick;
  /* Where it happened. */
  muster_sector_t sector;
  /* Who it is about. */
  muster_entity_t subject;
  /* Who else took part. */
  muster_entity_t object;
  /* By kind. */
  int64_t value;
  /* Where in the sector. */
  int32_t x;
  int32_t y;
  /* By kind. */
  uint32_t detail;
  /* How many like it were merged into this one, itself included. */
  uint32_t count;
  /* A muster_event_kind_t. */
  uint32_t kind;
  /* A muster_event_class_t. */
  uint32_t event_class;
} muster_event_t;

MUSTER_STATIC_ASSERT(sizeof(muster_event_t) == 80, "muster_event_t is packed in an unusual way");

/* Copies the events of the last tick. `event_size` is sizeof(muster_event_t). Results: MUSTER_OK; MUSTER_E_BUFFER;
 * MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_events(muster_world_t *world, muster_event_t *out_events, size_t event_size,
                                               size_t capacity, size_t *out_count);

/* Puts an event of kind MUSTER_EVENT_CUSTOM into the coming tick. Of `event`, `event_class`, `detail`, `value`,
 * `subject`, `object`, the place and a sector of scale 0 are read, and the rest is 0. `event_size` is
 * sizeof(muster_event_t). Results: MUSTER_OK; MUSTER_E_VALUE if the class is none or the place is not in its sector;
 * MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_emit(muster_world_t *world, const muster_event_t *event, size_t event_size);

#ifdef __cplusplus
}
#endif

#endif
