/* Maps: what stands still in a world.
 *
 * A map is JSON text: walls, zones, pickups, spawn points, routes. Its form is in schemas/map.schema.json, a JSON
 * Schema, and schemas/examples/ has some. It is given when a world is created, and cannot change afterwards.
 * muster_map_check tells in an editor or a build whether a text is a map, and where it is not.
 *
 * The functions with a world read what its map says, with places as everywhere else. Zones, pickups and routes are
 * known by their number in the map, from 0, as in events and behaviours. */
#ifndef MUSTER_MAP_H
#define MUSTER_MAP_H

#include "base.h"
#include "error.h"
#include "world.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a zone is for. */
typedef enum muster_zone_kind_t {
  /* What the game makes of it. */
  MUSTER_ZONE_GENERIC = 0,
  /* Can be taken by a team. */
  MUSTER_ZONE_RESOURCE = 1,
  /* Where a team is at home. */
  MUSTER_ZONE_BASE = 2
} muster_zone_kind_t;

/* What a pickup adds to. */
typedef enum muster_pickup_effect_t {
  /* Nothing: it is taken with an event, and the game does the rest. */
  MUSTER_PICKUP_NOTHING = 0,
  /* Health, up to the whole. */
  MUSTER_PICKUP_HEALTH = 1,
  /* The attribute that `attribute` numbers. */
  MUSTER_PICKUP_ATTRIBUTE = 2
} muster_pickup_effect_t;

/* A map as a whole. */
typedef struct muster_map_info_t {
  /* sizeof(muster_map_info_t). */
  uint32_t size;
  /* From left to right and from bottom to top, in units of length. */
  int32_t width;
  int32_t height;
  uint32_t zones;
  uint32_t pickups;
  uint32_t spawn_points;
  uint32_t routes;
  uint32_t reserved;
  /* The place of its lower left corner. */
  muster_position_t origin;
  /* Two maps that differ in anything have different ones. */
  uint64_t hash;
} muster_map_info_t;

MUSTER_STATIC_ASSERT(sizeof(muster_map_info_t) == 64, "muster_map_info_t is packed in an unusual way");

/* An area that has a meaning. */
typedef struct muster_zone_t {
  /* Its middle. */
  muster_position_t centre;
  /* A muster_zone_kind_t. */
  uint32_t kind;
  /* A muster_shape_t. */
  uint32_t shape;
  /* Radius of a circle or half the width of a box, in units of length. */
  int32_t half_x;
  /* Half the height of a box. */
  int32_t half_y;
  /* How many ticks a team must hold it alone to take it. */
  uint32_t capture_ticks;
  /* What it is worth, for the game to define. */
  int32_t value;
  /* For the game to define. */
  uint32_t tag;
  /* Whose it is at the beginning; 0 is nobody's. */
  uint16_t team;
  uint16_t reserved;
} muster_zone_t;

MUSTER_STATIC_ASSERT(sizeof(muster_zone_t) == 56, "muster_zone_t is packed in an unusual way");

/* Where entities come into the world. */
typedef struct muster_spawn_point_t {
  muster_position_t position;
  /* For whom; 0 is for everybody. */
  uint16_t team;
  /* Which way they face, an angle. */
  uint16_t heading;
  uint32_t reserved;
} muster_spawn_point_t;

MUSTER_STATIC_ASSERT(sizeof(muster_spawn_point_t) == 32, "muster_spawn_point_t is packed in an unusual way");

/* Something that lies there to be taken, and comes again. */
typedef struct muster_pickup_t {
  muster_position_t position;
  /* An entity that is so near, edge to edge, takes it. In units of length. */
  int32_t radius;
  /* By how much what `effect` names grows. */
  int32_t amount;
  /* After how many ticks it is there again; 0 is never. */
  uint32_t respawn_ticks;
  /* A muster_pickup_effect_t. */
  uint32_t effect;
  /* What sort of thing it is, for the game to define. */
  uint16_t kind;
  /* The number of the attribute, from 0, as after MUSTER_COLUMN_ATTRIBUTE; 0 if it adds to none. */
  uint16_t attribute;
  /* 1 if it is there to be taken now, 0 while it is not. */
  uint32_t is_there;
} muster_pickup_t;

MUSTER_STATIC_ASSERT(sizeof(muster_pickup_t) == 48, "muster_pickup_t is packed in an unusual way");

/* Whether a text is a map. Results: MUSTER_OK; MUSTER_E_MAP, and the message names the place in it, as
 * `zones[3].circle.radius`, and what belongs there; MUSTER_E_ARGUMENT if it is no UTF-8. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_map_check(muster_bytes_t map_json);

/* What the world's map is. `out_info->size` must be set before. Results: MUSTER_OK; MUSTER_E_MAP if the world has no
 * map; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_map_info(muster_world_t *world, muster_map_info_t *out_info);

/* The zones. `zone_size` is sizeof(muster_zone_t). Results: MUSTER_OK; MUSTER_E_MAP if the world has no map;
 * MUSTER_E_BUFFER; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_map_zones(muster_world_t *world, muster_zone_t *out_zones, size_t zone_size,
                                            size_t capacity, size_t *out_count);

/* The name of a zone, with its final zero byte, and its length without that. Results: MUSTER_OK; MUSTER_E_MAP if the
 * world has no map; MUSTER_E_BUFFER, then `out_length` is how many bytes are needed, the zero byte included;
 * MUSTER_E_ARGUMENT, also for a zone that is none. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_map_zone_name(muster_world_t *world, uint32_t zone, char *out_name, size_t capacity,
                                                size_t *out_length);

/* The spawn points. `point_size` is sizeof(muster_spawn_point_t). Results: MUSTER_OK; MUSTER_E_MAP if the world has no
 * map; MUSTER_E_BUFFER; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_map_spawn_points(muster_world_t *world, muster_spawn_point_t *out_points,
                                                   size_t point_size, size_t capacity, size_t *out_count);

/* The pickups, and which are there after the last tick. `pickup_size` is sizeof(muster_pickup_t). Results: MUSTER_OK;
 * MUSTER_E_MAP if the world has no map; MUSTER_E_BUFFER; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [world].
 * Since: 0.1. */
MUSTER_API muster_result_t muster_map_pickups(muster_world_t *world, muster_pickup_t *out_pickups, size_t pickup_size,
                                              size_t capacity, size_t *out_count);

/* The points of a route, in the order in which it is walked. Results: MUSTER_OK; MUSTER_E_MAP if the world has no map;
 * MUSTER_E_BUFFER; MUSTER_E_ARGUMENT, also for a route that is none. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_map_route(muster_world_t *world, uint32_t route, muster_position_t *out_points,
                                            size_t capacity, size_t *out_count);

#ifdef __cplusplus
}
#endif

#endif
