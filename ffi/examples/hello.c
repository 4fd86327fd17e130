/* A world of three discs in a row, the first of which is kicked: a second later the kick has gone through the row. */
#include <muster.h>
#include <stdio.h>
#include <stdlib.h>

static void check(muster_result_t result) {
  if (result != MUSTER_OK) {
    fprintf(stderr, "%s\n", muster_result_name(result));
    exit(1);
  }
}

int main(void) {
  muster_world_t *world;
  check(muster_world_create(NULL, &world));

  muster_spawn_t discs[3] = {0};
  for (int i = 0; i < 3; i++) {
    discs[i].position = (muster_position_t){0, 0, (10 + 2 * i) * MUSTER_METRE, 10 * MUSTER_METRE};
    discs[i].half_x = 128; /* a radius of half a metre */
    discs[i].mass = 80000; /* grams */
    discs[i].restitution = 255;
    discs[i].layers = discs[i].collides = 1;
  }
  discs[0].velocity_x = 5 * MUSTER_METRE; /* a second */
  muster_entity_t ids[3];
  check(muster_entities_spawn(world, discs, 3, sizeof discs[0], ids));

  for (int tick = 0; tick < 60; tick++) {
    check(muster_world_step(world, (muster_bytes_t){NULL, 0}));
  }

  float xy[6];
  check(muster_entities_read_metres(world, ids, 3, (muster_position_t){0, 0, 0, 0}, xy));
  for (int i = 0; i < 3; i++) {
    printf("disc %d is at %.2f, %.2f\n", i, xy[2 * i], xy[2 * i + 1]);
  }
  check(muster_world_destroy(world));
  return 0;
}
