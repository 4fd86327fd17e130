/* Queries: who is where, and what a ray meets.
 *
 * They look at the world as it is now and change nothing. Their results have one order: by slot of the id (its lower 32
 * bits), or by distance and then by slot; it does not depend on threads. Lengths beyond 16 km are cut to that. */
#ifndef MUSTER_QUERY_H
#define MUSTER_QUERY_H

#include "base.h"
#include "entity.h"
#include "error.h"
#include "world.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which entities a query is about. A query without one (NULL) is about every entity that is on a layer. */
typedef struct muster_filter_t {
  /* sizeof(muster_filter_t). */
  uint32_t size;
  /* Those on any of these collision layers, a bit each. Entities on no layer are found by no query. */
  uint16_t layers;
  /* Not those of this team; 0 leaves none out. */
  uint16_t except_team;
  /* Not this one; MUSTER_ENTITY_NULL leaves none out. */
  muster_entity_t except;
} muster_filter_t;

MUSTER_STATIC_ASSERT(sizeof(muster_filter_t) == 16, "muster_filter_t is packed in an unusual way");

/* What a ray met. */
typedef struct muster_ray_hit_t {
  /* sizeof(muster_ray_hit_t). */
  uint32_t size;
  uint32_t reserved;
  /* The entity, or MUSTER_ENTITY_NULL for a wall of the map. */
  muster_entity_t entity;
  /* The part of the way before it, in 2^-32: 0 to 2^32. */
  uint64_t time;
  /* Where the middle of the ray was then. */
  muster_position_t position;
} muster_ray_hit_t;

MUSTER_STATIC_ASSERT(sizeof(muster_ray_hit_t) == 48, "muster_ray_hit_t is packed in an unusual way");

/* The entities whose forms come within `radius` of a place, edge included, by slot. Results: MUSTER_OK;
 * MUSTER_E_BUFFER; MUSTER_E_VALUE if the place is not in its sector; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads:
 * [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_query_radius(muster_world_t *world, muster_position_t centre, int64_t radius,
                                               const muster_filter_t *filter, muster_entity_t *out_ids, size_t capacity,
                                               size_t *out_count);

/* The entities whose bounding boxes touch a box with sides along the axes, by slot. Results: MUSTER_OK;
 * MUSTER_E_BUFFER; MUSTER_E_VALUE if the place is not in its sector; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads:
 * [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_query_box(muster_world_t *world, muster_position_t centre, int64_t half_width,
                                            int64_t half_height, const muster_filter_t *filter,
                                            muster_entity_t *out_ids, size_t capacity, size_t *out_count);

/* The entities nearest to a place whose forms come within `radius` of it, at most `capacity` of them, by the distance
 * of their centres and then by slot. That there are more is no error. Results: MUSTER_OK; MUSTER_E_VALUE if the place
 * is not in its sector; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_query_nearest(muster_world_t *world, muster_position_t centre, int64_t radius,
                                                const muster_filter_t *filter, muster_entity_t *out_ids,
                                                size_t capacity, size_t *out_count);

/* What a disc of `radius`, 0 for a ray, meets first on its way from a place `right` and `up`: an entity, or a wall of
 * the map that stops one of the filter's layers. `*out_is_hit` says whether there is anything; `out_hit`, whose `size`
 * must be set before, is written only then. Results: MUSTER_OK; MUSTER_E_VALUE if the place is not in its sector;
 * MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_query_ray(muster_world_t *world, muster_position_t from, int64_t right, int64_t up,
                                            int32_t radius, const muster_filter_t *filter, bool *out_is_hit,
                                            muster_ray_hit_t *out_hit);

/* Like muster_query_ray, with every entity where it was `ticks` ago, as far back as `rewind_ticks` of the configuration.
 * Those with the flag MUSTER_FLAG_NOT_REWOUND are where they are, and so are those that have gone further than 224 m
 * since. What was spawned or placed since has always been where it was put. Results: MUSTER_OK; MUSTER_E_VALUE if the
 * place is not in its sector; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_query_raycast_rewound(muster_world_t *world, muster_position_t from, int64_t right,
                                                        int64_t up, int32_t radius, const muster_filter_t *filter,
                                                        uint32_t ticks, bool *out_is_hit, muster_ray_hit_t *out_hit);

/* Whether no wall of the map, on any layer, is between two places. Entities are not in the way. Results: MUSTER_OK;
 * MUSTER_E_VALUE if a place is not in its sector; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_query_line_of_sight(muster_world_t *world, muster_position_t from,
                                                      muster_position_t to, bool *out_is_free);

#ifdef __cplusplus
}
#endif

#endif
