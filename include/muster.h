/* Muster: a deterministic simulation that native engines link.
 *
 * This includes every header; each can also be included alone, and opens with what it is for. */
#ifndef MUSTER_H
#define MUSTER_H

#include "muster/base.h"
#include "muster/command.h"
#include "muster/entity.h"
#include "muster/error.h"
#include "muster/event.h"
#include "muster/map.h"
#include "muster/path.h"
#include "muster/query.h"
#include "muster/replay.h"
#include "muster/space.h"
#include "muster/sync_client.h"
#include "muster/sync_server.h"
#include "muster/version.h"
#include "muster/world.h"

#endif
