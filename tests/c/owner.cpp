/* Goal: the C++ header owns worlds as C++ does: they move, end with their scope, and refuse by throwing. */
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

template <typename Call>
static muster_result_t thrown_by(Call call) {
  try {
    call();
  } catch (const muster::error &error) {
    CHECK(std::string(error.what()).size() > 10);
    return error.result();
  }
  return MUSTER_OK;
}

int main() {
  muster_world_config_t config = muster::default_config();
  config.entities_max = 16;
  muster::world world(config);
  muster_spawn_t disc{};
  disc.position = muster::at_metres(10.0, 20.5);
  disc.half_x = 128;
  disc.mass = 1000;
  disc.layers = disc.collides = 1;
  const muster_entity_t first = world.spawn(disc);
  disc.position = muster::at_metres(-10.0, 20.5);
  const std::vector<muster_entity_t> more = world.spawn(std::vector<muster_spawn_t>(1, disc));
  CHECK(world.entity_count() == 2 && world.is_alive(first));

  std::vector<muster_entity_t> ids;
  world.ids(ids);
  CHECK(ids.size() == 2 && ids[0] == first && ids[1] == more[0]);
  std::vector<float> xy;
  world.metres(ids, {0, 0, 0, 0}, xy);
  CHECK(xy.size() == 4 && xy[0] == 10.0f && xy[1] == 20.5f && xy[2] == -10.0f);
  std::vector<muster_position_t> positions;
  world.positions(ids, positions);
  CHECK(positions[1].sector_x == -1);
  world.write(ids, MUSTER_COLUMN_FLAGS, {5, 6});
  std::vector<std::int32_t> narrow;
  std::vector<std::int64_t> wide;
  world.read(ids, MUSTER_COLUMN_FLAGS, narrow);
  world.read(ids, MUSTER_COLUMN_FLAGS, wide);
  CHECK(narrow[1] == 6 && wide[0] == 5);

  std::vector<muster_event_t> events;
  world.step();
  world.events(events);
  std::vector<std::uint8_t> snapshot;
  world.save(snapshot);
  muster::world copy = muster::world::restore(snapshot);
  CHECK(copy.hash() == world.hash() && copy.tick() == 1);

  muster::world moved = std::move(copy);
  CHECK(copy.get() == nullptr && moved.tick() == 1);
  moved = std::move(world);
  moved.place(ids, {muster::at_metres(1, 1), muster::at_metres(2, 2)});
  moved.despawn({first});

  CHECK(thrown_by([&] { moved.despawn({first}); }) == MUSTER_E_ENTITY);
  CHECK(thrown_by([&] { moved.step({1, 2, 3}); }) == MUSTER_E_INPUT);
  CHECK(thrown_by([&] { muster::world::restore({1, 2, 3}); }) == MUSTER_E_SNAPSHOT);
  config.tick_rate_hz = 0;
  CHECK(thrown_by([&] { muster::world refused(config); }) == MUSTER_E_CONFIG);
  CHECK(thrown_by([&] { muster::world(nullptr).step(); }) == MUSTER_E_HANDLE);
  return 0;
}
