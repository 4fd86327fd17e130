/* What calls answer.
 *
 * Every function that can fail returns a muster_result_t. Whatever it is, other than MUSTER_OK: nothing has changed but
 * the message, and no out parameter has been written, except where MUSTER_E_BUFFER says how much room is needed and
 * where MUSTER_E_DIVERGED tells of a difference.
 *
 *   muster_result_t result = muster_world_step(world, inputs);
 *   if (result != MUSTER_OK) {
 *     char text[256];
 *     size_t length;
 *     muster_error_message(text, sizeof text, &length);
 *     fprintf(stderr, "%s: %s\n", muster_result_name(result), text);
 *   }
 *
 * A function that fills an array takes a pointer, a capacity in items, and a place for a count. If there is room the
 * count is of the items written. If not, the answer is MUSTER_E_BUFFER, the array is untouched, and the count is of the
 * items there would be; so a call with NULL and 0 asks for the size.
 *
 * Codes never change their meaning and are never used again; later versions add more, so treat those you do not know as
 * a failure. */
#ifndef MUSTER_ERROR_H
#define MUSTER_ERROR_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum muster_result_t {
  /* Done. */
  MUSTER_OK = 0,
  /* A pointer that must not be NULL is, or is not aligned; a number has no meaning here; an array is impossibly
   * long. */
  MUSTER_E_ARGUMENT = 1,
  /* The size of a struct is none that the library knows, or a newer struct asks for what this library cannot do. */
  MUSTER_E_STRUCT = 2,
  /* The world (or other root) is NULL, destroyed, or no handle at all. */
  MUSTER_E_HANDLE = 3,
  /* Another thread is inside the same world; in debug builds of the library also: the world belongs to another
   * thread. */
  MUSTER_E_THREAD = 4,
  /* A fault of the library. The handle that the call was about accepts nothing but its destruction from now on. */
  MUSTER_E_BUG = 5,
  /* The caller's buffer is too small; the count says how much is needed. */
  MUSTER_E_BUFFER = 6,
  /* An entity is gone, or never was. */
  MUSTER_E_ENTITY = 7,
  /* A value does not fit its column, or an entity or shot has a field out of its range. */
  MUSTER_E_VALUE = 8,
  /* What the world was made to hold is there already; or as many worlds live as one process may have. */
  MUSTER_E_FULL = 9,
  /* A field of a configuration is out of its range; the message names it. */
  MUSTER_E_CONFIG = 10,
  /* A map is not good; the message names the place in it. */
  MUSTER_E_MAP = 11,
  /* Inputs are no valid FlatBuffer, or not of this world. */
  MUSTER_E_INPUT = 12,
  /* A snapshot is damaged, or of another version. */
  MUSTER_E_SNAPSHOT = 13,
  /* A replay is damaged, or of another version. */
  MUSTER_E_REPLAY = 14,
  /* A replay does not give the same world again; the report says where it first differs. */
  MUSTER_E_DIVERGED = 15,
  /* There is no way from one place to another, or it was not found within the limit. */
  MUSTER_E_PATH = 16,
  /* A viewer is gone, or never was. */
  MUSTER_E_VIEWER = 17,
  /* A hello or a welcome is damaged, or the two sides cannot understand each other; the message says which. */
  MUSTER_E_TERMS = 18,
  /* A report is damaged, of another session, older than one that came before, or tells of what was never sent. */
  MUSTER_E_REPORT = 19,
  /* A packet is damaged, of another session, or came before. */
  MUSTER_E_PACKET = 20
} muster_result_t;

MUSTER_STATIC_ASSERT(sizeof(muster_result_t) == 4, "enums are int");

/* The name of a result, such as "MUSTER_E_HANDLE"; for a number that is none, a text that says so. It is valid for as
 * long as the program runs, and never to be freed. Threads: [any]. Since: 0.1. */
MUSTER_API const char *muster_result_name(int32_t result);

/* Copies the sentence about the last call of this thread that was refused, with its final zero byte, into `buffer`, and
 * its length without that byte to `out_length`. The sentence is for programmers, in English, at most 1024 bytes of
 * UTF-8; its wording may change. Before any refusal it is empty. Results: MUSTER_OK; MUSTER_E_BUFFER, then `out_length`
 * is how many bytes are needed, the zero byte included; MUSTER_E_ARGUMENT. Threads: [any]. Since: 0.1. */
MUSTER_API muster_result_t muster_error_message(char *buffer, size_t capacity, size_t *out_length);

#ifdef __cplusplus
}
#endif

#endif
