/* Goal: a world is shown, from packets alone, where it is: bots in the past and the player's own disc ahead, with what
 * everybody sees, what only the owner sees, events, and who went out of sight and how.
 *
 * Method: server and client in one program with a network that loses packets between them; what is shown is compared with
 * the world. */
#include "sync.h"

static session_t session;

static size_t row_of(muster_entity_t id) {
  muster_entity_t ids[DISCS];
  size_t count;
  OK(muster_sync_client_ids(session.client, ids, DISCS, &count));
  for (size_t i = 0; i < count; i++) {
    if (ids[i] == id) {
      return i;
    }
  }
  return SIZE_MAX;
}

static void columns_are_as_in_the_world(void) {
  muster_entity_t ids[DISCS];
  size_t count;
  OK(muster_sync_client_ids(session.client, ids, DISCS, &count));
  CHECK(count == DISCS);
  const uint32_t columns[] = {MUSTER_COLUMN_HEALTH, MUSTER_COLUMN_HEALTH_MAX, MUSTER_COLUMN_TEAM,
                              MUSTER_COLUMN_OWNER,  MUSTER_COLUMN_KIND,       MUSTER_COLUMN_STATE,
                              MUSTER_COLUMN_SHAPE,  MUSTER_COLUMN_HALF_X,     MUSTER_COLUMN_HALF_Y,
                              MUSTER_COLUMN_FLAGS,  MUSTER_COLUMN_TARGET,     MUSTER_COLUMN_ATTRIBUTE + 1};
  for (size_t i = 0; i < COUNT(columns); i++) {
    int64_t shown[DISCS], there[DISCS];
    int32_t narrow[DISCS];
    OK(muster_sync_client_read_i64(session.client, columns[i], shown, DISCS, &count));
    CHECK(count == DISCS);
    OK(muster_entities_read_i64(session.world, ids, DISCS, columns[i], there));
    CHECK(memcmp(shown, there, sizeof shown) == 0);
    OK(muster_sync_client_read_i32(session.client, columns[i], narrow, DISCS, &count));
    CHECK(narrow[3] == shown[3]);
  }
  muster_position_t shown[DISCS], there[DISCS];
  float xy[2 * DISCS], there_xy[2 * DISCS];
  OK(muster_sync_client_read_positions(session.client, shown, DISCS, &count));
  OK(muster_sync_client_read_metres(session.client, at(0, 0), xy, DISCS, &count));
  CHECK(count == DISCS);
  OK(muster_entities_read_positions(session.world, ids, DISCS, there));
  OK(muster_entities_read_metres(session.world, ids, DISCS, at(0, 0), there_xy));
  for (size_t i = 0; i < DISCS; i++) {
    CHECK(abs(shown[i].x - there[i].x) <= MUSTER_METRE / 50 && abs(shown[i].y - there[i].y) <= MUSTER_METRE / 50);
    CHECK(xy[2 * i] - there_xy[2 * i] < 0.02f && there_xy[2 * i] - xy[2 * i] < 0.02f);
  }
}

static void the_terms_are_told(void) {
  uint8_t welcome[4096];
  const size_t size = welcome_of(&session, welcome, sizeof welcome);
  muster_sync_terms_t terms = {.size = sizeof terms};
  OK(muster_sync_terms((muster_bytes_t){welcome, size}, &terms));
  CHECK(terms.session == SESSION && terms.player == 7 && terms.tick_rate_hz == 60 && terms.update_ticks == 2);
  CHECK(terms.packet_max == 1200 && terms.map_hash == 0 && terms.public_attribute_count == 1);
  CHECK(terms.public_attributes[0] == 1 && terms.owner_attributes[0] == 0 && terms.owner_attribute_count == 1);
}

static void what_is_owned_is_told_to_the_owner(void) {
  const int64_t wood = 77;
  OK(muster_entities_write_i64(session.world, &session.ids[2], 1, MUSTER_COLUMN_ATTRIBUTE, &wood));
  play(&session, 20, 0);
  bool is_known = false;
  int32_t value = 0;
  OK(muster_sync_client_owner_value(session.client, session.ids[2], 0, &is_known, &value));
  CHECK(is_known && value == 77);
  OK(muster_sync_client_owner_value(session.client, 12345, 0, &is_known, &value));
  CHECK(!is_known && value == 77);
}

static void commands_are_followed_at_once_and_there(void) {
  muster_predicted_t before = {.size = sizeof before}, after = {.size = sizeof after};
  bool is_predicted = false;
  OK(muster_sync_client_predicted(session.client, &is_predicted, &before));
  CHECK(is_predicted && before.entity == session.ids[0]);
  const muster_command_t go = {.entity = session.ids[0], .action = MUSTER_ACTION_SET_VELOCITY,
                               .velocity_y = -4 * MUSTER_METRE};
  OK(muster_sync_client_command(session.client, &go, sizeof go));
  session.now_us += 50000;
  OK(muster_sync_client_advance(session.client, session.now_us));
  OK(muster_sync_client_predicted(session.client, &is_predicted, &after));
  CHECK(is_predicted && after.position.y < before.position.y && after.velocity_y < 0);
  muster_position_t there, was;
  OK(muster_entities_read_positions(session.world, &session.ids[0], 1, &was));
  play(&session, 60, 7);
  OK(muster_entities_read_positions(session.world, &session.ids[0], 1, &there));
  CHECK(was.y - there.y > 2 * MUSTER_METRE);
  const muster_command_t stop = {.entity = session.ids[0], .action = MUSTER_ACTION_STOP};
  OK(muster_sync_client_command(session.client, &stop, sizeof stop));
  play(&session, 90, 7);
}

static void inputs_can_be_looked_at_first(void) {
  static muster_command_t commands[MUSTER_VIEWER_COMMANDS_MAX];
  const muster_command_t custom = {.entity = session.ids[0], .action = MUSTER_ACTION_CUSTOM, .kind = 5, .value = -9,
                                   .target = session.ids[1], .player = 999};
  OK(muster_sync_client_command(session.client, &custom, sizeof custom));
  size_t count = 0;
  for (int i = 0; i < 60 && count == 0; i++) {
    muster_inputs_due_t due = {.size = sizeof due};
    OK(muster_sync_server_take_inputs(session.server, session.world, session.viewer, commands, sizeof commands[0],
                                      COUNT(commands), &count, &due));
    CHECK(count == due.inputs && due.rewind_ticks < 60);
    OK(muster_world_step(session.world, NO_BYTES));
    bool is_update;
    OK(muster_sync_server_tick(session.server, session.world, &is_update));
    session.now_us += 1000000 / 60;
    frame(&session);
    answer(&session);
  }
  CHECK(count == 1 && commands[0].action == MUSTER_ACTION_CUSTOM && commands[0].kind == 5);
  CHECK(commands[0].value == -9 && commands[0].target == session.ids[1] && commands[0].entity == session.ids[0]);
  /* Who says it is for the server to know. */
  CHECK(commands[0].player == 7);
}

static void events_and_departures_come_once(void) {
  muster_event_t events[64];
  muster_departure_t departures[DISCS];
  size_t count;
  OK(muster_sync_client_take_events(session.client, events, sizeof events[0], COUNT(events), &count));
  OK(muster_sync_client_take_departures(session.client, departures, sizeof departures[0], DISCS, &count));
  CHECK(row_of(session.ids[4]) != SIZE_MAX && row_of(session.ids[5]) != SIZE_MAX);
  const muster_event_t event = {.x = 20 * MUSTER_METRE, .y = 20 * MUSTER_METRE, .value = 31,
                                .subject = session.ids[1], .detail = 8, .event_class = MUSTER_CLASS_CRITICAL};
  OK(muster_world_emit(session.world, &event, sizeof event));
  OK(muster_entities_despawn(session.world, &session.ids[4], 1));
  const muster_position_t away = at(900, 900);
  OK(muster_entities_place(session.world, &session.ids[5], 1, &away));
  play(&session, 90, 3);

  /* Without room nothing is handed out, and nothing is lost. */
  EXPECT(MUSTER_E_BUFFER, muster_sync_client_take_events(session.client, events, sizeof events[0], 0, &count));
  CHECK(count == 1);
  OK(muster_sync_client_take_events(session.client, events, sizeof events[0], COUNT(events), &count));
  CHECK(count == 1 && events[0].value == 31 && events[0].detail == 8 && events[0].subject == session.ids[1]);
  OK(muster_sync_client_take_events(session.client, events, sizeof events[0], COUNT(events), &count));
  CHECK(count == 0);

  EXPECT(MUSTER_E_BUFFER,
         muster_sync_client_take_departures(session.client, departures, sizeof departures[0], 1, &count));
  CHECK(count == 2);
  OK(muster_sync_client_take_departures(session.client, departures, sizeof departures[0], DISCS, &count));
  CHECK(count == 2);
  for (size_t i = 0; i < 2; i++) {
    CHECK(departures[i].entity == session.ids[4] || departures[i].entity == session.ids[5]);
    const bool is_destroyed = departures[i].kind == MUSTER_DEPARTURE_DESTROYED;
    CHECK(is_destroyed == (departures[i].entity == session.ids[4]));
  }
  CHECK(row_of(session.ids[4]) == SIZE_MAX && row_of(session.ids[5]) == SIZE_MAX);
}

static void counters_count(void) {
  muster_sync_client_stats_t seen = {.size = sizeof seen};
  muster_sync_server_stats_t told = {.size = sizeof told};
  OK(muster_sync_client_stats(session.client, &seen));
  OK(muster_sync_server_stats(session.server, &told));
  CHECK(seen.size == sizeof seen && told.size == sizeof told);
  CHECK(told.viewers == 1 && told.updates > 50 && told.packets > 50 && told.bytes > told.own_bytes);
  CHECK(seen.packets > 50 && seen.packets < told.packets && seen.bytes < told.bytes && seen.reports > 100);
  CHECK(seen.lost > 0 && seen.states > 0 && seen.shown_tick > 0);
  for (size_t i = 0; i < COUNT(seen.refused); i++) {
    CHECK(seen.refused[i] == 0);
  }
}

/* Spectators see all, and one is as good as another. */
static void a_spectator_sees_everything(void) {
  muster_viewer_options_t options;
  OK(muster_viewer_options_default(&options, sizeof options));
  options.is_everywhere = 1;
  muster_viewer_t spectator;
  OK(muster_sync_server_add_viewer(session.server, &options, &spectator));
  CHECK(spectator != session.viewer);
  while (!tick(&session)) {
  }
  OK(muster_sync_server_take_packets(session.server, session.world, spectator, session.now_us, session.packets,
                                     BYTES_MAX, &session.size, session.lengths, PACKETS_MAX, &session.count));
  CHECK(session.count > 0 && session.size > 100);
  OK(muster_sync_server_remove_viewer(session.server, spectator));
  EXPECT(MUSTER_E_VIEWER, muster_sync_server_remove_viewer(session.server, spectator));
}

/* Packets may come, and be asked about, before the first frame. */
static void what_is_predicted_is_known_before_the_first_frame(void) {
  while (!tick(&session)) {
  }
  deliver(&session);
  muster_predicted_t predicted = {.size = sizeof predicted};
  bool is_predicted = false;
  OK(muster_sync_client_predicted(session.client, &is_predicted, &predicted));
  CHECK(is_predicted && predicted.entity == session.ids[0] && predicted.velocity_x == 0);
}

int main(void) {
  begin(&session);
  what_is_predicted_is_known_before_the_first_frame();
  play(&session, 60, 0);
  the_terms_are_told();
  columns_are_as_in_the_world();
  what_is_owned_is_told_to_the_owner();
  commands_are_followed_at_once_and_there();
  columns_are_as_in_the_world();
  inputs_can_be_looked_at_first();
  events_and_departures_come_once();
  counters_count();
  a_spectator_sees_everything();
  end(&session);
  return 0;
}
