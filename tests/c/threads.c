/* Goal: a world that two threads use at once is never damaged: whoever comes second is refused. In debug builds of the
 * library a thread that the world does not belong to is refused also when nobody is inside, until it adopts the
 * world. */
#include <pthread.h>

#include "check.h"

static muster_world_t *world;
static muster_entity_t ids[DISCS];

static void *steps_elsewhere(void *result) {
  *(muster_result_t *)result = muster_world_step(world, NO_BYTES);
  return NULL;
}

static void *adopts(void *unused) {
  (void)unused;
  OK(muster_world_adopt(world));
  OK(muster_world_step(world, NO_BYTES));
  return NULL;
}

static void *hammers(void *done) {
  for (int i = 0; i < 2000; i++) {
    const muster_result_t result = muster_world_step(world, NO_BYTES);
    CHECK(result == MUSTER_OK || result == MUSTER_E_THREAD);
    *(int *)done += result == MUSTER_OK;
  }
  return NULL;
}

static void *makes_and_ends(void *unused) {
  (void)unused;
  for (int i = 0; i < 200; i++) {
    muster_entity_t mine[DISCS];
    muster_world_t *own = small_world(mine);
    OK(muster_world_step(own, NO_BYTES));
    OK(muster_world_destroy(own));
    EXPECT(MUSTER_E_HANDLE, muster_world_step(own, NO_BYTES));
  }
  return NULL;
}

static void run(void *(*body)(void *), void *argument) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, body, argument) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
}

int main(int argc, char **argv) {
  const bool is_debug = argc > 1 && strcmp(argv[1], "debug") == 0;
  world = small_world(ids);
  const uint64_t before = hash_of(world);
  muster_result_t result = MUSTER_OK;
  run(steps_elsewhere, &result);
  CHECK(result == (is_debug ? MUSTER_E_THREAD : MUSTER_OK));
  CHECK(!is_debug || hash_of(world) == before);

  /* It now belongs to a thread that has ended, and comes back. */
  run(adopts, NULL);
  CHECK(!is_debug || muster_world_step(world, NO_BYTES) == MUSTER_E_THREAD);
  OK(muster_world_adopt(world));
  OK(muster_world_step(world, NO_BYTES));

  /* Two threads at once, on one world: every step was made whole or not at all. */
  uint64_t from, to;
  OK(muster_world_tick(world, &from));
  int done[2] = {0, 0};
  pthread_t other;
  CHECK(pthread_create(&other, NULL, hammers, &done[1]) == 0);
  hammers(&done[0]);
  CHECK(pthread_join(other, NULL) == 0);
  OK(muster_world_tick(world, &to));
  CHECK(to - from == (uint64_t)(done[0] + done[1]) && to > from);

  /* Worlds come and go on two threads without meeting. */
  CHECK(pthread_create(&other, NULL, makes_and_ends, NULL) == 0);
  makes_and_ends(NULL);
  CHECK(pthread_join(other, NULL) == 0);
  OK(muster_world_destroy(world));
  return 0;
}
