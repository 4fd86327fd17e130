/* Goal: what cannot be right is refused by servers and clients, and nothing has changed: handles, viewers and worlds that
 * are not those they should be, structs of wrong sizes, null pointers, short buffers, values out of range, other threads.
 * What did not fit can be taken again. */
#include <pthread.h>

#include "sync.h"

static session_t session;

/* Every function that takes a server, with arguments that are otherwise good. */
static void refused_by_servers(muster_sync_server_t *server) {
  const int refused = MUSTER_E_HANDLE;
  const muster_view_t view = {.position = at(1, 1)};
  static muster_command_t commands[MUSTER_VIEWER_COMMANDS_MAX];
  muster_viewer_t viewer = 99;
  muster_sync_server_stats_t stats = {.size = sizeof stats};
  uint8_t bytes[8] = {99};
  uint32_t lengths[1] = {99};
  size_t size = 99, count = 99;
  bool flag = true;
  EXPECT(refused, muster_sync_server_destroy(server));
  EXPECT(refused, muster_sync_server_adopt(server));
  EXPECT(refused, muster_sync_server_welcome(server, session.world, NO_BYTES, 0, bytes, sizeof bytes, &size));
  EXPECT(refused, muster_sync_server_add_viewer(server, NULL, &viewer));
  EXPECT(refused, muster_sync_server_remove_viewer(server, session.viewer));
  EXPECT(refused, muster_sync_server_set_views(server, session.viewer, &view, 1, sizeof view));
  EXPECT(refused, muster_sync_server_set_predicted(server, session.viewer, session.ids[0]));
  EXPECT(refused, muster_sync_server_tick(server, session.world, &flag));
  EXPECT(refused, muster_sync_server_take_packets(server, session.world, session.viewer, 0, bytes, sizeof bytes, &size,
                                                  lengths, 1, &count));
  EXPECT(refused, muster_sync_server_receive(server, session.viewer, NO_BYTES, 0));
  EXPECT(refused, muster_sync_server_take_inputs(server, session.world, session.viewer, commands, sizeof commands[0],
                                                 COUNT(commands), &count, NULL));
  EXPECT(refused, muster_sync_server_apply_inputs(server, session.world, session.viewer, NULL));
  EXPECT(refused, muster_sync_server_stats(server, &stats));
  CHECK(viewer == 99 && bytes[0] == 99 && lengths[0] == 99 && size == 99 && count == 99 && flag);
}

/* Every function that takes a client. */
static void refused_by_clients(muster_sync_client_t *client) {
  const int refused = MUSTER_E_HANDLE;
  const muster_command_t stop = {.entity = 1, .action = MUSTER_ACTION_STOP};
  muster_sync_client_stats_t stats = {.size = sizeof stats};
  muster_predicted_t predicted = {.size = sizeof predicted};
  muster_event_t event;
  muster_departure_t departure;
  muster_entity_t id = 99;
  muster_position_t position = {.x = 99};
  float xy[2] = {99, 99};
  int64_t wide = 99;
  int32_t narrow = 99;
  uint8_t bytes[MUSTER_REPORT_MAX] = {99};
  size_t size = 99;
  bool flag = true;
  EXPECT(refused, muster_sync_client_destroy(client));
  EXPECT(refused, muster_sync_client_adopt(client));
  EXPECT(refused, muster_sync_client_receive(client, NO_BYTES, 0, NULL));
  EXPECT(refused, muster_sync_client_command(client, &stop, sizeof stop));
  EXPECT(refused, muster_sync_client_advance(client, 0));
  EXPECT(refused, muster_sync_client_report(client, 0, bytes, sizeof bytes, &size));
  EXPECT(refused, muster_sync_client_ids(client, &id, 1, &size));
  EXPECT(refused, muster_sync_client_read_positions(client, &position, 1, &size));
  EXPECT(refused, muster_sync_client_read_metres(client, at(0, 0), xy, 1, &size));
  EXPECT(refused, muster_sync_client_read_i64(client, MUSTER_COLUMN_HEALTH, &wide, 1, &size));
  EXPECT(refused, muster_sync_client_read_i32(client, MUSTER_COLUMN_HEALTH, &narrow, 1, &size));
  EXPECT(refused, muster_sync_client_owner_value(client, 1, 0, &flag, &narrow));
  EXPECT(refused, muster_sync_client_predicted(client, &flag, &predicted));
  EXPECT(refused, muster_sync_client_take_events(client, &event, sizeof event, 1, &size));
  EXPECT(refused, muster_sync_client_take_departures(client, &departure, sizeof departure, 1, &size));
  EXPECT(refused, muster_sync_client_stats(client, &stats));
  CHECK(id == 99 && position.x == 99 && xy[0] == 99 && wide == 99 && narrow == 99 && bytes[0] == 99);
  CHECK(size == 99 && flag);
}

static void handles_are_told_apart(void) {
  int local = 0;
  void *const wrong[] = {NULL,
                         &local,
                         session.world,
                         (void *)UINTPTR_MAX,
                         (void *)((uintptr_t)session.server + 1024),
                         (void *)((uintptr_t)session.client + 1024)};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    refused_by_servers(wrong[i]);
    refused_by_clients(wrong[i]);
  }
  refused_by_servers((muster_sync_server_t *)(void *)session.client);
  refused_by_clients((muster_sync_client_t *)(void *)session.server);
  uint64_t hash;
  EXPECT(MUSTER_E_HANDLE, muster_world_hash((muster_world_t *)(void *)session.server, &hash));

  session_t other;
  begin(&other);
  muster_sync_server_t *const server = other.server;
  muster_sync_client_t *const client = other.client;
  end(&other);
  refused_by_servers(server);
  refused_by_clients(client);
}

static void a_server_is_of_one_world(void) {
  muster_entity_t ids[DISCS];
  muster_world_t *other = small_world(ids);
  bool flag = true;
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_server_tick(session.server, other, &flag));
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_server_apply_inputs(session.server, other, session.viewer, NULL));
  EXPECT(MUSTER_E_HANDLE, muster_sync_server_tick(session.server, NULL, &flag));
  EXPECT(MUSTER_E_HANDLE, muster_sync_server_apply_inputs(session.server, NULL, session.viewer, NULL));
  OK(muster_world_destroy(other));
  EXPECT(MUSTER_E_HANDLE, muster_sync_server_tick(session.server, other, &flag));
  CHECK(flag);

  /* A world may end before its server. */
  session_t early;
  begin(&early);
  OK(muster_world_destroy(early.world));
  EXPECT(MUSTER_E_HANDLE, muster_sync_server_tick(early.server, early.world, &flag));
  OK(muster_sync_server_destroy(early.server));
  OK(muster_sync_client_destroy(early.client));
  muster_sync_server_t *none = NULL;
  EXPECT(MUSTER_E_HANDLE, muster_sync_server_create(early.world, NULL, &none));
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_server_create(session.world, NULL, NULL));
  CHECK(none == NULL);
}

static void configurations(void) {
  muster_sync_server_t *server = NULL;
  muster_sync_config_t config = sync_config();
  const uint8_t undeclared[] = {2};
  const muster_kind_weight_t nothing = {.kind = 1, .weight = 0};
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_config_default(NULL, sizeof config));
  EXPECT(MUSTER_E_STRUCT, muster_sync_config_default(&config, 8));
#define WITH(code, change)                                                      \
  do {                                                                          \
    config = sync_config();                                                     \
    change;                                                                     \
    EXPECT(code, muster_sync_server_create(session.world, &config, &server));   \
    CHECK(server == NULL && last_message()[0] != '\0');                         \
  } while (0)
  WITH(MUSTER_E_STRUCT, config.size = 0);
  WITH(MUSTER_E_STRUCT, config.size = sizeof config - 8);
  WITH(MUSTER_E_STRUCT, config.size = UINT32_MAX);
  WITH(MUSTER_E_CONFIG, config.viewers_max = 0);
  WITH(MUSTER_E_CONFIG, config.viewers_max = 65536 + 4);
  WITH(MUSTER_E_CONFIG, config.groups_max = 65535);
  WITH(MUSTER_E_CONFIG, config.cell_shift = 19);
  WITH(MUSTER_E_CONFIG, config.history = 64);
  WITH(MUSTER_E_CONFIG, config.delay_max = 1001);
  WITH(MUSTER_E_CONFIG, config.update_ticks = 0);
  WITH(MUSTER_E_CONFIG, config.packet_max = 511);
  WITH(MUSTER_E_CONFIG, config.rates_hz[1] = 0);
  WITH(MUSTER_E_CONFIG, config.rate_radii[0] = -1);
  WITH(MUSTER_E_CONFIG, config.reserved = 1);
  WITH(MUSTER_E_CONFIG, config.public_attribute_count = UINT32_MAX);
  WITH(MUSTER_E_CONFIG, config.owner_attributes = undeclared);
  WITH(MUSTER_E_CONFIG, config.kind_weight_count = UINT32_MAX);
  WITH(MUSTER_E_ARGUMENT, config.kind_weight_count = 1);
  WITH(MUSTER_E_CONFIG, config.kind_weight_count = 1; config.kind_weights = &nothing);
  WITH(MUSTER_E_ARGUMENT, config.public_attributes = NULL);
#undef WITH

  uint8_t welcome[4096];
  const muster_bytes_t good = {welcome, welcome_of(&session, welcome, sizeof welcome)};
  muster_sync_client_t *client = NULL;
  muster_sync_client_options_t options;
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_client_options_default(NULL, sizeof options));
  EXPECT(MUSTER_E_STRUCT, muster_sync_client_options_default(&options, 4));
#define WITH(code, change)                                                               \
  do {                                                                                   \
    options = client_options();                                                          \
    change;                                                                              \
    EXPECT(code, muster_sync_client_create(good, NO_BYTES, &options, &client));          \
    CHECK(client == NULL && last_message()[0] != '\0');                                  \
  } while (0)
  WITH(MUSTER_E_STRUCT, options.size = 24);
  WITH(MUSTER_E_CONFIG, options.groups_max = 0);
  WITH(MUSTER_E_CONFIG, options.groups_max = 65536 + 8);
  WITH(MUSTER_E_CONFIG, options.beyond_us = 1000001);
  WITH(MUSTER_E_CONFIG, options.smooth_us = UINT32_MAX);
  WITH(MUSTER_E_CONFIG, options.snap = -1);
#undef WITH
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_client_create(good, NO_BYTES, NULL, NULL));
  static const uint8_t no_map[] = "{\"version\": 1";
  EXPECT(MUSTER_E_MAP,
         muster_sync_client_create(good, (muster_bytes_t){no_map, sizeof no_map - 1}, NULL, &client));
  EXPECT(MUSTER_E_TERMS, muster_sync_client_create(NO_BYTES, NO_BYTES, NULL, &client));
  muster_sync_terms_t terms = {.size = sizeof terms};
  EXPECT(MUSTER_E_TERMS, muster_sync_terms(NO_BYTES, &terms));
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_terms(good, NULL));
  terms.size = 4;
  EXPECT(MUSTER_E_STRUCT, muster_sync_terms(good, &terms));
  CHECK(client == NULL);
}

static void viewers(void) {
  muster_viewer_t viewer = 99;
  muster_viewer_options_t options;
#define WITH(code, change)                                                                 \
  do {                                                                                     \
    OK(muster_viewer_options_default(&options, sizeof options));                           \
    change;                                                                                \
    EXPECT(code, muster_sync_server_add_viewer(session.server, &options, &viewer));        \
    CHECK(viewer == 99);                                                                   \
  } while (0)
  WITH(MUSTER_E_STRUCT, options.size = 16);
  WITH(MUSTER_E_VALUE, options.budget = 999);
  WITH(MUSTER_E_VALUE, options.delay = 1);
  WITH(MUSTER_E_VALUE, options.delay = 65536);
  WITH(MUSTER_E_VALUE, options.sees_hidden = 2);
  WITH(MUSTER_E_VALUE, options.is_everywhere = 255);
#undef WITH
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_server_add_viewer(session.server, NULL, NULL));
  muster_viewer_t more[3];
  for (size_t i = 0; i < 3; i++) {
    OK(muster_sync_server_add_viewer(session.server, NULL, &more[i]));
  }
  EXPECT(MUSTER_E_FULL, muster_sync_server_add_viewer(session.server, NULL, &viewer));
  for (size_t i = 0; i < 3; i++) {
    OK(muster_sync_server_remove_viewer(session.server, more[i]));
  }

  const muster_viewer_t wrong[] = {0, more[0], more[2], UINT64_MAX, session.viewer + 1, session.viewer + 65536};
  const muster_view_t good = {.position = at(1, 1), .enter = 5, .leave = 6};
  uint8_t bytes[64];
  uint32_t lengths[1];
  size_t size = 99, count = 99;
  for (size_t i = 0; i < COUNT(wrong); i++) {
    EXPECT(MUSTER_E_VIEWER, muster_sync_server_remove_viewer(session.server, wrong[i]));
    EXPECT(MUSTER_E_VIEWER, muster_sync_server_set_views(session.server, wrong[i], &good, 1, sizeof good));
    EXPECT(MUSTER_E_VIEWER, muster_sync_server_set_predicted(session.server, wrong[i], session.ids[0]));
    EXPECT(MUSTER_E_VIEWER, muster_sync_server_receive(session.server, wrong[i], NO_BYTES, 0));
    EXPECT(MUSTER_E_VIEWER, muster_sync_server_apply_inputs(session.server, session.world, wrong[i], NULL));
    EXPECT(MUSTER_E_VIEWER, muster_sync_server_take_packets(session.server, session.world, wrong[i], 0, bytes,
                                                            sizeof bytes, &size, lengths, 1, &count));
  }
  CHECK(size == 99 && count == 99);

  muster_view_t views[17];
  for (size_t i = 0; i < 17; i++) {
    views[i] = good;
  }
  EXPECT(MUSTER_OK, muster_sync_server_set_views(session.server, session.viewer, views, 16, sizeof good));
  EXPECT(MUSTER_E_VALUE, muster_sync_server_set_views(session.server, session.viewer, views, 17, sizeof good));
  EXPECT(MUSTER_E_VALUE, muster_sync_server_set_views(session.server, session.viewer, views, SIZE_MAX, sizeof good));
  EXPECT(MUSTER_E_STRUCT, muster_sync_server_set_views(session.server, session.viewer, views, 2, 32));
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_server_set_views(session.server, session.viewer, NULL, 2, sizeof good));
  const muster_view_t bad[] = {{.position = at(1, 1), .enter = -1, .leave = 6},
                               {.position = at(1, 1), .enter = 7, .leave = 6},
                               {.position = at(1, 1), .enter = 7, .leave = INT32_MAX},
                               {.position = {.x = -1}, .enter = 5, .leave = 6}};
  for (size_t i = 0; i < COUNT(bad); i++) {
    views[1] = bad[i];
    EXPECT(MUSTER_E_VALUE, muster_sync_server_set_views(session.server, session.viewer, views, 2, sizeof good));
  }
}

static void pointers_and_columns(void) {
  const muster_command_t stop = {.entity = session.ids[0], .action = MUSTER_ACTION_STOP};
  const muster_command_t none = {.entity = session.ids[0], .action = 77};
  static muster_command_t commands[MUSTER_VIEWER_COMMANDS_MAX];
  int64_t wide[DISCS];
  bool flag = true;
  int32_t narrow = 99;
  size_t count = 99;
  muster_inputs_due_t due = {.size = 4};
  muster_received_t received = {.size = 4};
  muster_predicted_t predicted = {.size = 4};
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_hello(NULL, 128, &count));
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_server_tick(session.server, session.world, NULL));
  EXPECT(MUSTER_E_STRUCT, muster_sync_server_apply_inputs(session.server, session.world, session.viewer, &due));
  EXPECT(MUSTER_E_STRUCT, muster_sync_server_take_inputs(session.server, session.world, session.viewer, commands, 8,
                                                         COUNT(commands), &count, NULL));
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_server_take_inputs(session.server, session.world, session.viewer, NULL,
                                                           sizeof commands[0], COUNT(commands), &count, NULL));
  CHECK(count == 99);
  EXPECT(MUSTER_E_BUFFER, muster_sync_server_take_inputs(session.server, session.world, session.viewer, commands,
                                                         sizeof commands[0], COUNT(commands) - 1, &count, NULL));
  CHECK(count == MUSTER_VIEWER_COMMANDS_MAX);
  EXPECT(MUSTER_E_STRUCT, muster_sync_client_receive(session.client, NO_BYTES, 0, &received));
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_client_command(session.client, NULL, sizeof stop));
  EXPECT(MUSTER_E_STRUCT, muster_sync_client_command(session.client, &stop, 8));
  EXPECT(MUSTER_E_VALUE, muster_sync_client_command(session.client, &none, sizeof none));
  for (int i = 0; i < 8; i++) {
    OK(muster_sync_client_command(session.client, &stop, sizeof stop));
  }
  EXPECT(MUSTER_E_FULL, muster_sync_client_command(session.client, &stop, sizeof stop));
  const uint32_t columns[] = {MUSTER_COLUMN_VELOCITY_X,    MUSTER_COLUMN_BOT, 29, MUSTER_COLUMN_ATTRIBUTE,
                              MUSTER_COLUMN_ATTRIBUTE + 2, 65536,             UINT32_MAX};
  for (size_t i = 0; i < COUNT(columns); i++) {
    EXPECT(MUSTER_E_ARGUMENT, muster_sync_client_read_i64(session.client, columns[i], wide, DISCS, &count));
  }
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_client_read_i64(session.client, MUSTER_COLUMN_TEAM, NULL, DISCS, &count));
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_client_read_i64(session.client, MUSTER_COLUMN_TEAM, wide, DISCS, NULL));
  EXPECT(MUSTER_E_BUFFER, muster_sync_client_read_i64(session.client, MUSTER_COLUMN_TEAM, wide, 2, &count));
  CHECK(count == DISCS);
  EXPECT(MUSTER_E_ARGUMENT, muster_sync_client_owner_value(session.client, 1, 1, &flag, &narrow));
  EXPECT(MUSTER_E_STRUCT, muster_sync_client_predicted(session.client, &flag, &predicted));
  uint8_t report[MUSTER_REPORT_MAX];
  EXPECT(MUSTER_E_BUFFER, muster_sync_client_report(session.client, 0, report, sizeof report - 1, &count));
  CHECK(count == MUSTER_REPORT_MAX);
  CHECK(flag && narrow == 99);
}

/* What has no room waits, until the next update has packets of its own. */
static void packets_wait_for_room(void) {
  static uint8_t bytes[BYTES_MAX];
  uint32_t lengths[PACKETS_MAX];
  size_t size = 0, count = 0, again = 0;
  bool is_update = false;
  while (!is_update) {
    OK(muster_world_step(session.world, NO_BYTES));
    OK(muster_sync_server_tick(session.server, session.world, &is_update));
  }
#define TAKE(expected, capacity, most)                                                                           \
  EXPECT(expected, muster_sync_server_take_packets(session.server, session.world, session.viewer, 0, bytes, capacity, \
                                                   &size, lengths, most, &count))
  TAKE(MUSTER_E_BUFFER, 10, PACKETS_MAX);
  CHECK(size > 10 && count > 0);
  TAKE(MUSTER_E_BUFFER, BYTES_MAX, 0);
  again = size;
  uint8_t *exact = malloc(size);
  CHECK(exact != NULL);
  OK(muster_sync_server_take_packets(session.server, session.world, session.viewer, 0, exact, size, &size, lengths,
                                     count, &count));
  CHECK(size == again && lengths[0] <= 1200);
  OK(muster_sync_client_receive(session.client, (muster_bytes_t){exact, lengths[0]}, session.now_us, NULL));
  free(exact);
  TAKE(MUSTER_OK, 0, 0);
  CHECK(size == 0 && count == 0);

  /* Those of an update that is over are not taken with the next. */
  for (int i = 0; i < 3; i++) {
    is_update = false;
    while (!is_update) {
      OK(muster_world_step(session.world, NO_BYTES));
      OK(muster_sync_server_tick(session.server, session.world, &is_update));
    }
    TAKE(MUSTER_E_BUFFER, 0, 0);
    CHECK(count == 1);
  }
  TAKE(MUSTER_OK, BYTES_MAX, PACKETS_MAX);
  OK(muster_sync_client_receive(session.client, (muster_bytes_t){bytes, lengths[0]}, session.now_us, NULL));
  EXPECT(MUSTER_E_PACKET,
         muster_sync_client_receive(session.client, (muster_bytes_t){bytes, lengths[0]}, session.now_us, NULL));
}

static void *used_elsewhere(void *results) {
  muster_result_t *const result = results;
  bool flag;
  result[0] = muster_sync_server_tick(session.server, session.world, &flag);
  result[1] = muster_sync_client_advance(session.client, session.now_us);
  return NULL;
}

static void *adopts(void *unused) {
  (void)unused;
  bool flag;
  OK(muster_sync_server_adopt(session.server));
  OK(muster_sync_client_adopt(session.client));
  OK(muster_world_adopt(session.world));
  OK(muster_sync_server_tick(session.server, session.world, &flag));
  OK(muster_sync_client_advance(session.client, session.now_us));
  return NULL;
}

static void other_threads(bool is_debug) {
  muster_result_t results[2];
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, used_elsewhere, results) == 0 && pthread_join(thread, NULL) == 0);
  const muster_result_t expected = is_debug ? MUSTER_E_THREAD : MUSTER_OK;
  CHECK(results[0] == expected && results[1] == expected);
  CHECK(pthread_create(&thread, NULL, adopts, NULL) == 0 && pthread_join(thread, NULL) == 0);
  OK(muster_sync_server_adopt(session.server));
  OK(muster_sync_client_adopt(session.client));
  OK(muster_world_adopt(session.world));
}

int main(int argc, char **argv) {
  begin(&session);
  play(&session, 60, 0);
  const uint64_t before = hash_of(session.world);
  handles_are_told_apart();
  a_server_is_of_one_world();
  configurations();
  viewers();
  pointers_and_columns();
  CHECK(hash_of(session.world) == before);
  packets_wait_for_room();
  other_threads(argc > 1 && strcmp(argv[1], "debug") == 0);
  end(&session);
  return 0;
}
