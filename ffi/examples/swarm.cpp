/* A swarm that drifts to one place, saved on its way: the world and its copy end with the same hash. */
#include <cstdio>
#include <muster.hpp>

int main() try {
  muster::world world;
  std::vector<muster_spawn_t> swarm(400);
  for (std::size_t i = 0; i < swarm.size(); i++) {
    const double x = 10.0 + 2.0 * static_cast<double>(i % 20), y = 10.0 + 2.0 * static_cast<double>(i / 20);
    swarm[i].position = muster::at_metres(x, y);
    swarm[i].half_x = 100;  // a radius of 0.4 m
    swarm[i].mass = 70000;
    swarm[i].layers = swarm[i].collides = 1;
    swarm[i].acceleration_max = 20 * MUSTER_METRE;
    swarm[i].speed_max = 6 * MUSTER_METRE;
  }
  const std::vector<muster_entity_t> ids = world.spawn(swarm);

  std::vector<muster_command_t> commands(ids.size());
  for (std::size_t i = 0; i < ids.size(); i++) {
    commands[i].entity = ids[i];
    commands[i].action = MUSTER_ACTION_MOVE_TO;
    commands[i].position = muster::at_metres(30.0, 30.0);
  }
  world.command(commands);
  for (int tick = 0; tick < 120; tick++) {
    world.step();
  }

  std::vector<std::uint8_t> snapshot;
  world.save(snapshot);
  muster::world copy = muster::world::restore(snapshot);
  for (int tick = 0; tick < 120; tick++) {
    world.step();
    copy.step();
  }

  std::vector<muster_entity_t> near;
  world.radius(muster::at_metres(30.0, 30.0), 15 * MUSTER_METRE, nullptr, near);
  std::printf("%zu of %u are within 15 m after %llu ticks\n", near.size(), world.entity_count(),
              static_cast<unsigned long long>(world.tick()));
  std::printf("the copy %s\n", world.hash() == copy.hash() ? "is the same" : "differs");
  return world.hash() == copy.hash() ? 0 : 1;
} catch (const std::exception &fault) {
  std::fprintf(stderr, "%s\n", fault.what());
  return 1;
}
