/* Goal: when a replay does not give the same world again, the report names the tick, the sector, the entity and the column.
 *
 * The argument is the folder with replay.bin: three entities with the flags 6, of which the second had a bit of its flags
 * changed from outside after five ticks. There is a snapshot every four ticks. */
#include "check.h"

int main(int argc, char **argv) {
  CHECK(argc == 2);
  char path[4096];
  CHECK(snprintf(path, sizeof path, "%s/replay.bin", argv[1]) < (int)sizeof path);
  muster_bytes_t replay;
  uint8_t *bytes = read_file(path, &replay.size);
  replay.data = bytes;

  muster_divergence_t found = {.size = sizeof found};
  EXPECT(MUSTER_E_DIVERGED, muster_replay_verify(replay, NO_BYTES, &found));
  CHECK(found.tick == 6 && found.recorded_hash != found.played_hash);
  CHECK(found.has_sector == 1 && found.sector.x == 0 && found.sector.y == 0 && found.sector.scale == 0);
  CHECK(found.has_value == 1 && found.column == MUSTER_COLUMN_FLAGS);
  CHECK(found.recorded_value == 7 && found.played_value == 6);
  CHECK(strstr(last_message(), "flags") != NULL);

  /* The entity is the one that the played world has in the second place. */
  muster_world_t *world;
  muster_entity_t ids[3];
  size_t count;
  OK(muster_replay_seek(replay, NO_BYTES, 5, &world));
  OK(muster_entities_ids(world, ids, 3, &count));
  CHECK(count == 3 && found.entity == ids[1]);
  bool is_end;
  EXPECT(MUSTER_E_DIVERGED, muster_replay_step(world, replay, &is_end));
  OK(muster_world_destroy(world));

  /* Without a place for the report the answer is the same; with one of a wrong size there is none. */
  EXPECT(MUSTER_E_DIVERGED, muster_replay_verify(replay, NO_BYTES, NULL));
  found.size = 8;
  EXPECT(MUSTER_E_STRUCT, muster_replay_verify(replay, NO_BYTES, &found));
  free(bytes);
  return 0;
}
