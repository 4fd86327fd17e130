/* Goal: the C++ header owns servers and clients as C++ does, and a world goes from one to the other through it. */
#include <cstdio>
#include <cstdlib>
#include <muster.hpp>

static void check(bool holds, const char *what) {
  if (!holds) {
    std::fprintf(stderr, "%s is not so\n", what);
    std::exit(1);
  }
}
#define CHECK(condition) check(condition, #condition)

int main() {
  muster_world_config_t config = muster::default_config();
  config.entities_max = 16;
  muster::world world(config);
  muster_spawn_t disc{};
  disc.position = muster::at_metres(10.0, 20.5);
  disc.half_x = 128;
  disc.mass = 1000;
  disc.health = 60;
  disc.owner = 3;
  disc.speed_max = 5 * MUSTER_METRE;
  disc.acceleration_max = 50 * MUSTER_METRE;
  const muster_entity_t mine = world.spawn(disc);

  muster::sync_server server(world);
  std::vector<std::uint8_t> hello, welcome, report;
  muster::sync_client::hello(hello);
  server.welcome(world, hello, 3, welcome);
  muster_viewer_options_t options;
  muster::check(muster_viewer_options_default(&options, sizeof options));
  options.player = 3;
  const muster_viewer_t viewer = server.add_viewer(options);
  muster_view_t view{};
  view.entity = mine;
  view.enter = view.leave = 50 * MUSTER_METRE;
  server.set_views(viewer, {view});
  server.set_predicted(viewer, mine);

  muster::sync_client first(welcome);
  muster::sync_client client = std::move(first);
  CHECK(first.get() == nullptr && client.get() != nullptr);
  std::uint64_t now_us = 0;
  for (int tick = 0; tick < 120; tick++) {
    if (tick == 30) {
      muster_command_t go{};
      go.entity = mine;
      go.action = MUSTER_ACTION_SET_VELOCITY;
      go.velocity_x = 2 * MUSTER_METRE;
      client.command(go);
    }
    server.apply_inputs(world, viewer);
    world.step();
    now_us += 1000000 / 60;
    if (server.tick(world)) {
      server.take_packets(world, viewer, now_us, [&](muster_bytes_t packet) {
        CHECK(client.receive(packet, now_us));
        CHECK(!client.receive(packet, now_us));
      });
    }
    client.advance(now_us);
    client.report(now_us, report);
    CHECK(server.receive(viewer, muster::bytes_of(report), now_us));
    CHECK(!server.receive(viewer, muster::bytes_of(report), now_us));
  }

  std::vector<muster_entity_t> ids;
  std::vector<muster_position_t> positions;
  std::vector<std::int64_t> health;
  client.ids(ids);
  client.positions(positions);
  client.read(MUSTER_COLUMN_HEALTH, health);
  CHECK(ids.size() == 1 && ids[0] == mine && health[0] == 60 && positions[0].x > 11 * MUSTER_METRE);
  muster_predicted_t predicted;
  CHECK(client.predicted(predicted) && predicted.entity == mine && predicted.velocity_x == 2 * MUSTER_METRE);
  std::vector<muster_event_t> events;
  std::vector<muster_departure_t> departures;
  client.take_events(events);
  client.take_departures(departures);
  CHECK(departures.empty());
  CHECK(client.stats().packets > 20 && server.stats().packets == client.stats().packets);
  server.remove_viewer(viewer);
  try {
    server.remove_viewer(viewer);
    CHECK(false);
  } catch (const muster::error &error) {
    CHECK(error.result() == MUSTER_E_VIEWER);
  }
  try {
    muster::sync_client none({1, 2, 3});
    CHECK(false);
  } catch (const muster::error &error) {
    CHECK(error.result() == MUSTER_E_TERMS);
  }
  return 0;
}
