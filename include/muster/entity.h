/* Entities: what is in a world, and its columns.
 *
 * An entity is an id and a row of integers, one for each column. The functions work on many at once: give an array of
 * ids, get a column of values into your own array, in the same order. In one call for many, an entity costs about a
 * tenth of a call for it alone.
 *
 *   size_t count;
 *   muster_entities_ids(world, ids, CAPACITY, &count);
 *   muster_entities_read_i32(world, ids, count, MUSTER_COLUMN_HEALTH, health);
 *
 * Ids are never used again: when an entity is gone its id is stale, and a call that names a stale id does nothing at
 * all and answers MUSTER_E_ENTITY; the message says which. Who keeps ids from tick to tick asks muster_entity_is_alive,
 * or reads muster_entities_ids anew. */
#ifndef MUSTER_ENTITY_H
#define MUSTER_ENTITY_H

#include "base.h"
#include "error.h"
#include "world.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Names one entity for as long as the world lives. Its bits may be kept and sent, and mean nothing by themselves. */
typedef uint64_t muster_entity_t;

/* No entity. */
#define MUSTER_ENTITY_NULL 0

/* The form of an entity. */
typedef enum muster_shape_t {
  /* A disc whose radius is half_x. */
  MUSTER_SHAPE_CIRCLE = 0,
  /* A box with sides along the axes, half_x and half_y from its centre. */
  MUSTER_SHAPE_BOX = 1
} muster_shape_t;

/* Bits of MUSTER_COLUMN_FLAGS that are not the game's. */
/* It is judged where it is, whoever looks back; see `rewind_ticks` of the configuration. */
#define MUSTER_FLAG_NOT_REWOUND 268435456
/* It steers round others on its way to a place, as bots do. */
#define MUSTER_FLAG_AVOIDS 536870912
/* An event is told when something begins to touch it. */
#define MUSTER_FLAG_TELLS_CONTACTS 2147483648u

/* The columns. Places are not among them: see muster_entities_read_positions. */
typedef enum muster_column_t {
  /* Speed to the right, in units of length a second. */
  MUSTER_COLUMN_VELOCITY_X = 0,
  /* Speed upwards. */
  MUSTER_COLUMN_VELOCITY_Y = 1,
  /* The way it faces, an angle. */
  MUSTER_COLUMN_HEADING = 2,
  /* A muster_shape_t. */
  MUSTER_COLUMN_SHAPE = 3,
  /* Radius of a circle or half the width of a box, in 2^-8 m. */
  MUSTER_COLUMN_HALF_X = 4,
  /* Half the height of a box, in 2^-8 m. */
  MUSTER_COLUMN_HALF_Y = 5,
  /* In grams; 0 is immovable. */
  MUSTER_COLUMN_MASS = 6,
  /* How much of the speed comes back from a collision, 0 to 255. */
  MUSTER_COLUMN_RESTITUTION = 7,
  /* The collision layers that it is on, a bit each of 16. */
  MUSTER_COLUMN_LAYERS = 8,
  /* The collision layers that it collides with. */
  MUSTER_COLUMN_COLLIDES = 9,
  /* Most speed, in units of length a second; 0 is the world's limit. */
  MUSTER_COLUMN_SPEED_MAX = 10,
  /* Most change of speed by its own drive, in units of length a second per second; 0 is no drive. */
  MUSTER_COLUMN_ACCELERATION_MAX = 11,
  /* What is left of it. */
  MUSTER_COLUMN_HEALTH = 12,
  /* Its health when whole; 0 is indestructible. */
  MUSTER_COLUMN_HEALTH_MAX = 13,
  /* What it does, for the game to define. */
  MUSTER_COLUMN_STATE = 14,
  /* Whose side it is on; 0 is nobody's. */
  MUSTER_COLUMN_TEAM = 15,
  /* What sort of thing it is, for the game to define. */
  MUSTER_COLUMN_KIND = 16,
  /* The player that may command it; 0 is nobody. */
  MUSTER_COLUMN_OWNER = 17,
  /* Bits: those below 2^24 are for the game, others are named MUSTER_FLAG_ below. */
  MUSTER_COLUMN_FLAGS = 18,
  /* The entity it attacks, follows or uses; a muster_entity_t. */
  MUSTER_COLUMN_TARGET = 19,
  /* What it was told to do; a muster_order_t of command.h. */
  MUSTER_COLUMN_ORDER = 20,
  /* Where the order leads, to the right of its sector's left edge; or the speed that it wants. */
  MUSTER_COLUMN_GOAL_X = 21,
  /* Where the order leads, above its sector's lower edge; or the speed that it wants. */
  MUSTER_COLUMN_GOAL_Y = 22,
  /* Its weapon, a number of the configuration from 1; 0 is none. */
  MUSTER_COLUMN_WEAPON = 23,
  /* The tick, cut to 32 bits, at which the weapon is ready again. */
  MUSTER_COLUMN_READY_TICK = 24,
  /* The path that it walks; 0 is none. */
  MUSTER_COLUMN_PATH = 25,
  /* The next waypoint of the path. */
  MUSTER_COLUMN_WAYPOINT = 26,
  /* The behaviour that commands it, a number of the configuration from 1; 0 is none. */
  MUSTER_COLUMN_BOT = 27,
  /* The memory of its behaviour. */
  MUSTER_COLUMN_BOT_STATE = 28,
  /* The first attribute of the configuration; those after it follow one by one. */
  MUSTER_COLUMN_ATTRIBUTE = 256
} muster_column_t;

/* What to spawn an entity from. All zero but the place is a point that nothing touches. */
typedef struct muster_spawn_t {
  muster_position_t position;
  /* Values of the attributes that the configuration names, in its order; those beyond `attribute_count` are 0. */
  const int32_t *attributes;
  int32_t velocity_x;
  int32_t velocity_y;
  int32_t speed_max;
  int32_t acceleration_max;
  int32_t health;
  int32_t health_max;
  uint32_t mass;
  uint32_t owner;
  uint32_t flags;
  uint32_t attribute_count;
  uint16_t heading;
  uint16_t half_x;
  uint16_t half_y;
  uint16_t layers;
  uint16_t collides;
  uint16_t state;
  uint16_t team;
  uint16_t kind;
  uint16_t bot;
  /* A muster_shape_t. */
  uint8_t shape;
  uint8_t restitution;
  uint8_t weapon;
  uint8_t reserved[3];
} muster_spawn_t;

MUSTER_STATIC_ASSERT(sizeof(muster_spawn_t) == 96, "muster_spawn_t is packed in an unusual way");

/* Spawns `count` entities and writes their ids, in the same order. All of them or none. `spawns` is read during the
 * call and not kept; `spawn_size` is sizeof(muster_spawn_t). `out_ids` has room for `count`, or is NULL. Results:
 * MUSTER_OK; MUSTER_E_VALUE if a field of one is out of its range; MUSTER_E_FULL if there is no room for all;
 * MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_entities_spawn(muster_world_t *world, const muster_spawn_t *spawns, size_t count,
                                                 size_t spawn_size, muster_entity_t *out_ids);

/* Takes entities out of the world, without an event. All of them or none; each may be named once. Results: MUSTER_OK;
 * MUSTER_E_ENTITY; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_entities_despawn(muster_world_t *world, const muster_entity_t *ids, size_t count);

/* The ids of all entities, ascending. Results: MUSTER_OK; MUSTER_E_BUFFER; MUSTER_E_ARGUMENT. Threads: [world].
 * Since: 0.1. */
MUSTER_API muster_result_t muster_entities_ids(muster_world_t *world, muster_entity_t *out_ids, size_t capacity,
                                               size_t *out_count);

/* Whether an entity is there. Results: MUSTER_OK, whatever the id is; MUSTER_E_ARGUMENT. Threads: [world]. Since:
 * 0.1. */
MUSTER_API muster_result_t muster_entity_is_alive(muster_world_t *world, muster_entity_t id, bool *out_is_alive);

/* Reads one column of many entities: `out_values[i]` is of `ids[i]`. Both arrays have `count` items. `column` is a
 * muster_column_t. Results: MUSTER_OK; MUSTER_E_ENTITY; MUSTER_E_ARGUMENT, also for a column that is none. Threads:
 * [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_entities_read_i64(muster_world_t *world, const muster_entity_t *ids, size_t count,
                                                    uint32_t column, int64_t *out_values);

/* As muster_entities_read_i64, into 32 bits. Results: also MUSTER_E_VALUE, if a value does not fit. Threads: [world].
 * Since: 0.1. */
MUSTER_API muster_result_t muster_entities_read_i32(muster_world_t *world, const muster_entity_t *ids, size_t count,
                                                    uint32_t column, int32_t *out_values);

/* Writes one column of many entities: `values[i]` to `ids[i]`. All of them or none. Results: MUSTER_OK;
 * MUSTER_E_ENTITY; MUSTER_E_VALUE if a value does not fit the column; MUSTER_E_ARGUMENT, also for a column that is
 * none. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_entities_write_i64(muster_world_t *world, const muster_entity_t *ids, size_t count,
                                                     uint32_t column, const int64_t *values);

/* As muster_entities_write_i64, from 32 bits. Results: as there, MUSTER_E_VALUE among them. Threads: [world].
 * Since: 0.1. */
MUSTER_API muster_result_t muster_entities_write_i32(muster_world_t *world, const muster_entity_t *ids, size_t count,
                                                     uint32_t column, const int32_t *values);

/* Where entities are: `out_positions[i]` is of `ids[i]`. Both arrays have `count` items. Results: MUSTER_OK;
 * MUSTER_E_ENTITY; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_entities_read_positions(muster_world_t *world, const muster_entity_t *ids,
                                                          size_t count, muster_position_t *out_positions);

/* Where entities are, for drawing: `out_xy[2 i]` and `out_xy[2 i + 1]` are the metres to the right of and above
 * `origin`, such as the place of a camera. `out_xy` has room for 2 x `count` floats. They are of the picture only;
 * never feed them back. Results: MUSTER_OK; MUSTER_E_ENTITY; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_entities_read_metres(muster_world_t *world, const muster_entity_t *ids, size_t count,
                                                       muster_position_t origin, float *out_xy);

/* Puts entities somewhere else, at once: `ids[i]` to `positions[i]`. All of them or none. Results: MUSTER_OK;
 * MUSTER_E_ENTITY; MUSTER_E_VALUE if a place is not in its sector; MUSTER_E_FULL if there would be more sectors than
 * the world may have; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_entities_place(muster_world_t *world, const muster_entity_t *ids, size_t count,
                                                 const muster_position_t *positions);

#ifdef __cplusplus
}
#endif

#endif
