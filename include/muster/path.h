/* Paths: the way round what stands still.
 *
 * Entities that are told to go somewhere find their own way; see MUSTER_ACTION_MOVE_TO. This is for asking: how far is
 * it, can one get there, what would the way look like. It changes nothing. */
#ifndef MUSTER_PATH_H
#define MUSTER_PATH_H

#include "base.h"
#include "error.h"
#include "world.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The shortest way over the navigation grid of the world's map, pulled tight: waypoints in a straight line of sight of
 * each other, from the cell of `from` to the cell of `to`. At most `expansions_max` cells are looked at, which bounds
 * the time. The first call makes the memory for searching, some bytes a cell, which the world keeps. Results:
 * MUSTER_OK; MUSTER_E_PATH if there is no way, a place is outside of the map or in a wall, or `expansions_max` were not
 * enough, as the message says; MUSTER_E_MAP if the world has no map; MUSTER_E_VALUE if a place is not in its sector;
 * MUSTER_E_BUFFER; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_path_find(muster_world_t *world, muster_position_t from, muster_position_t to,
                                            uint32_t expansions_max, muster_position_t *out_waypoints, size_t capacity,
                                            size_t *out_count);

#ifdef __cplusplus
}
#endif

#endif
