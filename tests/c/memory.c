/* Goal: worlds that ended and calls that were refused leave no memory behind. Method: the sanitizer's allocator says how
 * much is allocated, before and after many rounds of everything. */
#include "sync.h"

/* Of AddressSanitizer; its header is not installed with every compiler. */
extern size_t __sanitizer_get_current_allocated_bytes(void);

/* A world that lives, is saved, recorded and copied, and gets much that it refuses. */
static void round_of_everything(void) {
  muster_entity_t ids[DISCS], found[DISCS];
  muster_world_t *world = small_world(ids), *copy = NULL;
  OK(muster_replay_record(world, NULL));
  for (int tick = 0; tick < 3; tick++) {
    const muster_command_t go = {.entity = ids[tick], .player = 7, .action = MUSTER_ACTION_ATTACK, .target = ids[5]};
    OK(muster_world_command(world, &go, 1, sizeof go));
    OK(muster_world_step(world, NO_BYTES));
  }
  size_t size, count;
  static uint8_t bytes[1 << 16];
  OK(muster_world_save(world, bytes, sizeof bytes, &size));
  OK(muster_world_restore((muster_bytes_t){bytes, size}, NO_BYTES, &copy));
  OK(muster_world_step(copy, NO_BYTES));
  bytes[size / 2] ^= 1;
  muster_world_t *none = NULL;
  EXPECT(MUSTER_E_SNAPSHOT, muster_world_restore((muster_bytes_t){bytes, size}, NO_BYTES, &none));
  EXPECT(MUSTER_E_INPUT, muster_world_step(copy, (muster_bytes_t){bytes, size}));
  EXPECT(MUSTER_E_BUFFER, muster_entities_ids(world, found, 1, &count));
  EXPECT(MUSTER_E_HANDLE, muster_world_step(NULL, NO_BYTES));
  OK(muster_query_radius(world, at(20, 20), 3 * MUSTER_METRE, NULL, found, DISCS, &count));
  OK(muster_replay_finish(world));
  OK(muster_replay_take(world, bytes, sizeof bytes, &size));
  OK(muster_replay_verify((muster_bytes_t){bytes, size}, NO_BYTES, NULL));
  EXPECT(MUSTER_E_REPLAY, muster_replay_verify((muster_bytes_t){bytes, 20}, NO_BYTES, NULL));
  muster_world_config_t config = small_config();
  config.tick_rate_hz = 0;
  EXPECT(MUSTER_E_CONFIG, muster_world_create(&config, &none));
  static const uint8_t half_a_map[] = "{\"version\": 1, \"name\": ";
  EXPECT(MUSTER_E_MAP, muster_map_check((muster_bytes_t){half_a_map, sizeof half_a_map - 1}));
  const muster_execution_t threaded = {.size = sizeof threaded, .shards = 3, .threads = 2};
  OK(muster_world_set_execution(copy, &threaded));
  OK(muster_world_step(copy, NO_BYTES));
  OK(muster_world_destroy(copy));
  OK(muster_world_destroy(world));
}

/* A session that goes on for a while over a bad network, with viewers who come and go. */
static void round_of_a_session(void) {
  static session_t session;
  begin(&session);
  play(&session, 20, 3);
  muster_viewer_t viewer;
  OK(muster_sync_server_add_viewer(session.server, NULL, &viewer));
  size_t size, count;
  uint32_t length = 0;
  uint8_t byte = 0;
  while (!tick(&session)) {
  }
  EXPECT(MUSTER_E_PACKET, muster_sync_client_receive(session.client, (muster_bytes_t){session.packets, 20}, 0, NULL));
  EXPECT(MUSTER_E_REPORT, muster_sync_server_receive(session.server, viewer, (muster_bytes_t){session.packets, 20}, 0));
  for (int i = 0; i < 2; i++) {
    muster_sync_server_take_packets(session.server, session.world, viewer, 0, &byte, 0, &size, &length, 0, &count);
  }
  OK(muster_sync_server_remove_viewer(session.server, viewer));
  muster_sync_client_t *none = NULL;
  EXPECT(MUSTER_E_TERMS, muster_sync_client_create((muster_bytes_t){&byte, 1}, NO_BYTES, NULL, &none));
  end(&session);
}

int main(void) {
  /* The first rounds fill what is kept for good: a message a thread, the list of free slots. */
  for (int i = 0; i < 2; i++) {
    round_of_everything();
    round_of_a_session();
  }
  const size_t before = __sanitizer_get_current_allocated_bytes();
  for (int i = 0; i < 200; i++) {
    round_of_everything();
    round_of_a_session();
  }
  const size_t after = __sanitizer_get_current_allocated_bytes();
  /* A thread that has just ended may still hold a little. */
  if (after > before + 4096) {
    fprintf(stderr, "%zu bytes before, %zu after 200 rounds\n", before, after);
    return 1;
  }
  return 0;
}
