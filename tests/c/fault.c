/* Goal: a fault of the library itself is an answer, not an end: the world that it happened in can only be destroyed,
 * and all others go on. Method: debug builds export a function that panics, which no header has. */
#include "check.h"

extern muster_result_t muster_test_panic(muster_world_t *world);

int main(void) {
  muster_entity_t ids[DISCS], others[DISCS];
  muster_world_t *world = small_world(ids);
  muster_world_t *other = small_world(others);
  uint64_t tick = 99;
  bool is_alive = true;
  muster_sync_server_t *server;
  OK(muster_sync_server_create(world, NULL, &server));

  EXPECT(MUSTER_E_HANDLE, muster_test_panic(NULL));
  EXPECT(MUSTER_E_BUG, muster_test_panic(world));
  CHECK(strstr(last_message(), "muster_test_panic was called") != NULL);

  EXPECT(MUSTER_E_BUG, muster_world_step(world, NO_BYTES));
  EXPECT(MUSTER_E_BUG, muster_world_tick(world, &tick));
  EXPECT(MUSTER_E_BUG, muster_entity_is_alive(world, ids[0], &is_alive));
  EXPECT(MUSTER_E_BUG, muster_test_panic(world));
  CHECK(tick == 99 && is_alive);

  OK(muster_world_step(other, NO_BYTES));
  /* A server of a world that is broken is of no use, and ends as it would otherwise. */
  bool is_update = true;
  EXPECT(MUSTER_E_BUG, muster_sync_server_tick(server, world, &is_update));
  OK(muster_sync_server_destroy(server));
  muster_sync_server_t *none = NULL;
  EXPECT(MUSTER_E_BUG, muster_sync_server_create(world, NULL, &none));
  CHECK(is_update && none == NULL);
  OK(muster_world_destroy(world));
  EXPECT(MUSTER_E_HANDLE, muster_world_destroy(world));
  OK(muster_world_step(other, NO_BYTES));
  OK(muster_world_destroy(other));
  return 0;
}
