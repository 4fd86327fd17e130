/* What every other header of Muster needs: how functions are declared, and the types that all of them share.
 *
 * Lengths are integers in units of 2^-16 m (15 um): MUSTER_METRE of them are a metre. Speeds are in the same units a
 * second. Angles are uint16_t, 65536 to a turn, 0 to the right, growing against the clock. No float holds a place or a
 * speed, which is why the same inputs give the same bytes on every machine.
 *
 * Fields with the name `reserved` are 0. Structs that are begun with `= {0}` or a muster_..._default function are
 * right.
 *
 * Space is a plane of square sectors, 1 km a side, so that a place far from the origin is as exact as one near it. */
#ifndef MUSTER_BASE_H
#define MUSTER_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define MUSTER_API extern __attribute__((visibility("default")))
#else
#define MUSTER_API extern
#endif

#ifdef __cplusplus
#define MUSTER_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define MUSTER_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* One metre in units of length. */
#define MUSTER_METRE 65536

/* The side of a sector of scale 0 in units of length: 1 km. */
#define MUSTER_SECTOR_SIDE (1000 * MUSTER_METRE)

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of the caller that the library reads during one call and does not keep. With size 0, data may be NULL. */
typedef struct muster_bytes_t {
  const uint8_t *data;
  size_t size;
} muster_bytes_t;

/* A place: a sector of scale 0 and a point in it, from the sector's lower left corner. x and y are 0 to
 * MUSTER_SECTOR_SIDE - 1 in every place that the library gives out and accepts; muster_position_offset makes such
 * places from any distance. */
typedef struct muster_position_t {
  int64_t sector_x;
  int64_t sector_y;
  int32_t x;
  int32_t y;
} muster_position_t;

MUSTER_STATIC_ASSERT(sizeof(muster_bytes_t) == 16, "Muster is for 64-bit targets");
MUSTER_STATIC_ASSERT(sizeof(muster_position_t) == 24, "muster_position_t is packed in an unusual way");

#ifdef __cplusplus
}
#endif

#endif
