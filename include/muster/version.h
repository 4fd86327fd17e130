/* Which Muster this is.
 *
 * The macros are of the headers that a program was compiled with, the functions of the library that it runs with. They
 * may differ: a program works with every library whose major version is the same and whose version is not older. Before
 * 1.0 the minor version counts as the major one. */
#ifndef MUSTER_VERSION_H
#define MUSTER_VERSION_H

#include "base.h"

#define MUSTER_VERSION_MAJOR 0
#define MUSTER_VERSION_MINOR 1
#define MUSTER_VERSION_PATCH 0

/* 1.2.3 is 1002003. */
#define MUSTER_VERSION (MUSTER_VERSION_MAJOR * 1000000 + MUSTER_VERSION_MINOR * 1000 + MUSTER_VERSION_PATCH)

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library, to be compared with MUSTER_VERSION. Threads: [any]. Since: 0.1. */
MUSTER_API uint32_t muster_version(void);

/* The version of the library as text, such as "0.1.0". It is valid for as long as the program runs, and never to be
 * freed. Threads: [any]. Since: 0.1. */
MUSTER_API const char *muster_version_text(void);

#ifdef __cplusplus
}
#endif

#endif
