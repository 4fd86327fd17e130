/* Places and sectors: arithmetic that needs no world.
 *
 * The plane is made of sectors, squares of 1 km at scale 0. Four of them, two a side, are one sector of scale 1, and so
 * on to scale 63. Numbers of sectors wrap, so there is no edge: to the right of the sector INT64_MAX is INT64_MIN.
 *
 * Nothing here can fail but by a NULL pointer or an impossible scale. */
#ifndef MUSTER_SPACE_H
#define MUSTER_SPACE_H

#include "base.h"
#include "error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A sector of any scale. */
typedef struct muster_sector_t {
  /* Column, growing to the right. */
  int64_t x;
  /* Row, growing upwards. */
  int64_t y;
  /* 0 to 63; a sector's side is 2^scale km. */
  uint32_t scale;
  uint32_t reserved;
} muster_sector_t;

MUSTER_STATIC_ASSERT(sizeof(muster_sector_t) == 24, "muster_sector_t is packed in an unusual way");

/* The place that far to the right of and above `from`, in the sector that it then is in. It wraps and cannot fail. To
 * make a place from metres, begin at {0, 0, 0, 0}. Threads: [any]. Since: 0.1. */
MUSTER_API muster_position_t muster_position_offset(muster_position_t from, int64_t right, int64_t up);

/* How far `to` is to the right of and above `from`, the short way round. Results: MUSTER_OK; MUSTER_E_VALUE if it is
 * 2^62 units (70 billion km) or more; MUSTER_E_ARGUMENT. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_position_offset_to(muster_position_t from, muster_position_t to, int64_t *out_right,
                                                     int64_t *out_up);

/* The sector of `scale` that has `sector` in it; with the scale that it has, itself. Results: MUSTER_OK;
 * MUSTER_E_ARGUMENT if `scale` is smaller than the sector's, or larger than 63. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_sector_ancestor(muster_sector_t sector, uint32_t scale, muster_sector_t *out_sector);

/* The four quarters of a sector, lower row first, left to right, to `out_sectors[0]` to `[3]`. Results: MUSTER_OK;
 * MUSTER_E_ARGUMENT, also for a sector of scale 0, which has none. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_sector_children(muster_sector_t sector, muster_sector_t *out_sectors);

/* The eight sectors of the same scale around one, lower row first, left to right, to `out_sectors[0]` to `[7]`.
 * Results: MUSTER_OK; MUSTER_E_ARGUMENT. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_sector_neighbours(muster_sector_t sector, muster_sector_t *out_sectors);

#ifdef __cplusplus
}
#endif

#endif
