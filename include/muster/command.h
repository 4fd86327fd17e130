/* Commands: what players tell their entities to do; and what else a host puts into a world.
 *
 * A command is a wish. The world judges it in the coming tick: whether the entity is the player's, whether the player
 * has not said too much, whether the place is in reach. A refused command changes nothing and becomes the event
 * MUSTER_EVENT_COMMAND_REFUSED with its reason. So commands of players can be passed on as they arrive. What is refused
 * here, with a result, is only what is no command at all.
 *
 * Batches of players, the bytes that muster_world_step takes, name a sector each, in or next to which their entities must
 * be. A muster_command_t names none and is about its entity wherever that is. */
#ifndef MUSTER_COMMAND_H
#define MUSTER_COMMAND_H

#include "base.h"
#include "entity.h"
#include "error.h"
#include "world.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What an entity was last told to do: the value of MUSTER_COLUMN_ORDER. */
typedef enum muster_order_t {
  /* Nothing: it brakes to a stop if it has a drive. */
  MUSTER_ORDER_NONE = 0,
  MUSTER_ORDER_VELOCITY = 1,
  MUSTER_ORDER_MOVE_TO = 2,
  MUSTER_ORDER_ATTACK = 3,
  MUSTER_ORDER_USE = 4,
  MUSTER_ORDER_FOLLOW = 5
} muster_order_t;

/* What a command says, and which fields of it are read. */
typedef enum muster_action_t {
  /* Go to `position`, round what is in the way. */
  MUSTER_ACTION_MOVE_TO = 0,
  /* Take on the velocity `velocity_x`, `velocity_y`. */
  MUSTER_ACTION_SET_VELOCITY = 1,
  /* Attack `target` until it is gone. */
  MUSTER_ACTION_ATTACK = 2,
  /* Fire the weapon once along `heading`. */
  MUSTER_ACTION_FIRE = 3,
  /* Forget every order and brake. */
  MUSTER_ACTION_STOP = 4,
  /* Use `target`, which is near. */
  MUSTER_ACTION_USE = 5,
  /* What the game defines as `kind`, about `target` or MUSTER_ENTITY_NULL, with `value`. */
  MUSTER_ACTION_CUSTOM = 6
} muster_action_t;

/* One thing to do for one entity. Fields that its action does not read are 0. */
typedef struct muster_command_t {
  muster_entity_t entity;
  muster_entity_t target;
  muster_position_t position;
  int64_t value;
  int32_t velocity_x;
  int32_t velocity_y;
  /* Who says it. 0 is the host itself, who may command every entity and has no rate. */
  uint32_t player;
  /* A muster_action_t. */
  uint32_t action;
  uint16_t kind;
  uint16_t heading;
  /* How many ticks ago the player saw the others, for MUSTER_ACTION_ATTACK, MUSTER_ACTION_FIRE and MUSTER_ACTION_USE: what
   * is hit or used is judged where it was then, at most `rewind_ticks` of the configuration ago. An attack keeps it. */
  uint16_t rewind_ticks;
  uint16_t reserved;
} muster_command_t;

MUSTER_STATIC_ASSERT(sizeof(muster_command_t) == 72, "muster_command_t is packed in an unusual way");

/* A shot that flies by itself. */
typedef struct muster_projectile_t {
  muster_position_t position;
  /* Who fired it, and whom it does not hit; or MUSTER_ENTITY_NULL. */
  muster_entity_t shooter;
  /* In units of length a second. */
  int32_t velocity_x;
  int32_t velocity_y;
  /* In units of length. */
  int32_t radius;
  /* What a hit takes from the target's health. */
  int32_t damage;
  /* How far it flies, in units of length. */
  int32_t range;
  /* Whose side it is on. It does not hit that side, unless it is 0. */
  uint16_t team;
  /* The collision layers that it hits, a bit each. */
  uint16_t hits;
} muster_projectile_t;

MUSTER_STATIC_ASSERT(sizeof(muster_projectile_t) == 56, "muster_projectile_t is packed in an unusual way");

/* Gives commands for the coming tick, in their order, after those given before. All of them or none are given.
 * `commands` is read during the call and not kept; `command_size` is sizeof(muster_command_t). Results: MUSTER_OK, also
 * for commands that the world will refuse, which includes those of a player who has said too much; MUSTER_E_VALUE if an
 * action is none or a place is not in its sector; MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_command(muster_world_t *world, const muster_command_t *commands, size_t count,
                                                size_t command_size);

/* Lets projectiles fly from the coming tick on. All of them or none. `projectile_size` is sizeof(muster_projectile_t).
 * Results: MUSTER_OK; MUSTER_E_VALUE if a field of one is out of its range; MUSTER_E_FULL if there is no room for all;
 * MUSTER_E_STRUCT; MUSTER_E_ARGUMENT. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_fire(muster_world_t *world, const muster_projectile_t *projectiles,
                                             size_t count, size_t projectile_size);

/* Lets the behaviour of that number, from 1, command all entities of a player, as when the player has lost the
 * connection. Results: MUSTER_OK; MUSTER_E_VALUE if there is no such behaviour. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_take_over(muster_world_t *world, uint32_t player, uint16_t behaviour);

/* Gives a player's entities back to the player. Results: MUSTER_OK. Threads: [world]. Since: 0.1. */
MUSTER_API muster_result_t muster_world_hand_back(muster_world_t *world, uint32_t player);

#ifdef __cplusplus
}
#endif

#endif
