/* Goal: inputs, snapshots, replays and maps that were cut or changed at any byte are refused, or mean something that is
 * allowed; the world that they were for is as it was, and nothing is read beyond them.
 *
 * Method: every prefix of each file is tried in a block of exactly its size, and every bit of it is flipped. The folder
 * with inputs.bin and map.json is the argument. */
#include "check.h"

/* Steps a copy of the world, whose own state must stay. */
static void step_a_copy(muster_bytes_t snapshot, muster_bytes_t inputs, int is_cut) {
  muster_world_t *copy;
  OK(muster_world_restore(snapshot, NO_BYTES, &copy));
  const uint64_t before = hash_of(copy);
  const muster_result_t result = muster_world_step(copy, inputs);
  CHECK(result == MUSTER_OK || result == MUSTER_E_INPUT);
  /* An empty message is no message. */
  CHECK(!is_cut || inputs.size == 0 || result == MUSTER_E_INPUT);
  CHECK(result == MUSTER_OK || (hash_of(copy) == before && last_message()[0] != '\0'));
  OK(muster_world_destroy(copy));
}

static void inputs(muster_world_t *world, const char *path) {
  size_t size, snapshot_size;
  uint8_t *bytes = read_file(path, &size);
  EXPECT(MUSTER_E_BUFFER, muster_world_save(world, NULL, 0, &snapshot_size));
  uint8_t *snapshot = malloc(snapshot_size);
  CHECK(snapshot != NULL);
  OK(muster_world_save(world, snapshot, snapshot_size, &snapshot_size));
  const muster_bytes_t saved = {snapshot, snapshot_size};
  for (size_t length = 0; length < size; length++) {
    uint8_t *cut = exact_copy(bytes, length);
    step_a_copy(saved, (muster_bytes_t){cut, length}, 1);
    free(cut);
  }
  uint8_t *flipped = exact_copy(bytes, size);
  for (size_t bit = 0; bit < 8 * size; bit++) {
    flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
    step_a_copy(saved, (muster_bytes_t){flipped, size}, 0);
    flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  for (int value = 0; value < 256; value++) {
    memset(flipped, value, size);
    step_a_copy(saved, (muster_bytes_t){flipped, size}, 1);
  }
  free(flipped);
  free(snapshot);
  OK(muster_world_step(world, (muster_bytes_t){bytes, size}));
  free(bytes);
}

static void snapshots(muster_world_t *world) {
  size_t size;
  EXPECT(MUSTER_E_BUFFER, muster_world_save(world, NULL, 0, &size));
  uint8_t *bytes = malloc(size);
  CHECK(bytes != NULL);
  OK(muster_world_save(world, bytes, size, &size));
  muster_world_t *copy = NULL;
  for (size_t length = 0; length < size; length++) {
    uint8_t *cut = exact_copy(bytes, length);
    EXPECT(MUSTER_E_SNAPSHOT, muster_world_restore((muster_bytes_t){cut, length}, NO_BYTES, &copy));
    free(cut);
  }
  for (size_t bit = 0; bit < 8 * size; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    EXPECT(MUSTER_E_SNAPSHOT, muster_world_restore((muster_bytes_t){bytes, size}, NO_BYTES, &copy));
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  CHECK(copy == NULL);
  OK(muster_world_restore((muster_bytes_t){bytes, size}, NO_BYTES, &copy));
  CHECK(hash_of(copy) == hash_of(world));
  OK(muster_world_destroy(copy));
  EXPECT(MUSTER_E_ARGUMENT, muster_world_restore((muster_bytes_t){bytes, size}, NO_BYTES, NULL));
  free(bytes);
}

/* Takes what is recorded, in small pieces. */
static size_t take(muster_world_t *world, uint8_t **bytes, size_t size) {
  size_t taken;
  do {
    uint8_t *larger = realloc(*bytes, size + 100);
    CHECK(larger != NULL);
    *bytes = larger;
    OK(muster_replay_take(world, *bytes + size, 100, &taken));
    size += taken;
  } while (taken > 0);
  return size;
}

/* A damaged replay is refused, or good up to the damage. */
static void read_replay(muster_bytes_t replay, uint64_t tick_last) {
  muster_replay_info_t info = {.size = sizeof info};
  muster_divergence_t divergence = {.size = sizeof divergence};
  const muster_result_t opened = muster_replay_info(replay, &info);
  CHECK(opened == MUSTER_OK || opened == MUSTER_E_REPLAY);
  CHECK(opened != MUSTER_OK || info.tick_last <= tick_last);
  const muster_result_t verified = muster_replay_verify(replay, NO_BYTES, &divergence);
  CHECK(verified == MUSTER_OK || verified == MUSTER_E_REPLAY || verified == MUSTER_E_DIVERGED);
  muster_world_t *world = NULL;
  const muster_result_t sought = muster_replay_seek(replay, NO_BYTES, tick_last, &world);
  CHECK((sought == MUSTER_OK) == (world != NULL));
  CHECK(sought == MUSTER_OK || sought == MUSTER_E_REPLAY);
  if (world != NULL) {
    OK(muster_world_destroy(world));
  }
}

/* Plays a replay tick by tick from its second tick, then in a world that it is not of. */
static void watched(muster_bytes_t replay, const uint64_t *hashes, uint64_t ticks) {
  muster_world_t *world, *other;
  bool is_end = true;
  OK(muster_replay_seek(replay, NO_BYTES, 1, &world));
  for (uint64_t tick = 2; tick <= ticks; tick++) {
    OK(muster_replay_step(world, replay, &is_end));
    CHECK(!is_end && hash_of(world) == hashes[tick]);
  }
  OK(muster_replay_step(world, replay, &is_end));
  CHECK(is_end && hash_of(world) == hashes[ticks]);
  REFUSED(world, MUSTER_E_REPLAY, muster_replay_step(world, NO_BYTES, &is_end));
  REFUSED(world, MUSTER_E_REPLAY, muster_replay_step(world, (muster_bytes_t){replay.data, 30}, &is_end));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_replay_step(world, replay, NULL));
  OK(muster_world_destroy(world));
  OK(muster_world_create(NULL, &other));
  EXPECT(MUSTER_E_DIVERGED, muster_replay_step(other, replay, &is_end));
  uint64_t tick;
  OK(muster_world_tick(other, &tick));
  CHECK(tick == 1 && !is_end);
  OK(muster_world_destroy(other));
}

static void replays(void) {
  enum { TICKS = 6 };
  muster_world_config_t config = small_config();
  config.entities_max = 4;
  muster_world_t *world;
  OK(muster_world_create(&config, &world));
  muster_replay_settings_t settings = {.size = sizeof settings, .key_ticks = 3, .sector_hashes = 1,
                                       .pending_bytes_max = 1 << 20};
  size_t size = 0;
  EXPECT(MUSTER_E_REPLAY, muster_replay_take(world, NULL, 0, &size));
  EXPECT(MUSTER_E_REPLAY, muster_replay_finish(world));
  settings.key_ticks = 0;
  EXPECT(MUSTER_E_CONFIG, muster_replay_record(world, &settings));
  settings.key_ticks = 3;
  OK(muster_replay_record(world, &settings));
  EXPECT(MUSTER_E_REPLAY, muster_replay_record(world, NULL));
  uint8_t *bytes = NULL;
  uint64_t hashes[TICKS + 1];
  const muster_spawn_t disc = a_disc(30, 30);
  muster_entity_t id;
  OK(muster_entities_spawn(world, &disc, 1, sizeof disc, &id));
  for (int tick = 0; tick < TICKS; tick++) {
    const muster_command_t command = {.entity = id, .player = 7, .action = MUSTER_ACTION_MOVE_TO,
                                      .position = at(35, 30)};
    OK(muster_world_command(world, &command, 1, sizeof command));
    OK(muster_world_step(world, NO_BYTES));
    hashes[tick + 1] = hash_of(world);
    size = take(world, &bytes, size);
  }
  OK(muster_replay_finish(world));
  size = take(world, &bytes, size);
  uint64_t lost;
  OK(muster_replay_ticks_lost(world, &lost));
  CHECK(lost == 0);
  OK(muster_world_destroy(world));

  const muster_bytes_t whole = {bytes, size};
  muster_replay_info_t info = {.size = sizeof info};
  OK(muster_replay_info(whole, &info));
  CHECK(info.tick_first == 0 && info.tick_last == TICKS && info.key_ticks == 3 && info.is_whole == 1);
  OK(muster_replay_verify(whole, NO_BYTES, NULL));
  for (uint64_t tick = 1; tick <= TICKS; tick++) {
    OK(muster_replay_seek(whole, NO_BYTES, tick, &world));
    CHECK(hash_of(world) == hashes[tick]);
    OK(muster_world_destroy(world));
  }
  EXPECT(MUSTER_E_REPLAY, muster_replay_seek(whole, NO_BYTES, TICKS + 1, &world));
  watched(whole, hashes, TICKS);
  EXPECT(MUSTER_E_REPLAY, muster_replay_verify(NO_BYTES, NO_BYTES, NULL));

  for (size_t length = 0; length < size; length++) {
    uint8_t *cut = exact_copy(bytes, length);
    read_replay((muster_bytes_t){cut, length}, TICKS);
    free(cut);
  }
  for (size_t at_byte = 0; at_byte < size; at_byte++) {
    const uint8_t bit = (uint8_t)(1u << at_byte % 8);
    bytes[at_byte] ^= bit;
    read_replay(whole, TICKS);
    bytes[at_byte] ^= bit;
  }
  free(bytes);
}

static void maps(const char *path) {
  size_t size;
  uint8_t *bytes = read_file(path, &size);
  OK(muster_map_check((muster_bytes_t){bytes, size}));
  for (size_t length = 0; length < size; length++) {
    uint8_t *cut = exact_copy(bytes, length);
    const muster_result_t result = muster_map_check((muster_bytes_t){cut, length});
    /* Only what stands behind the last brace may be missing. */
    CHECK(result == MUSTER_E_MAP || result == MUSTER_E_ARGUMENT || length + 2 >= size);
    CHECK(result == MUSTER_OK || last_message()[0] != '\0');
    free(cut);
  }
  for (size_t bit = 0; bit < 8 * size; bit++) {
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    const muster_result_t result = muster_map_check((muster_bytes_t){bytes, size});
    CHECK(result == MUSTER_OK || result == MUSTER_E_MAP || result == MUSTER_E_ARGUMENT);
    bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }

  /* A world that refuses its map is not made. */
  muster_world_config_t config = small_config();
  muster_world_t *world = NULL;
  config.map_json = (muster_bytes_t){bytes, size - 3};
  EXPECT(MUSTER_E_MAP, muster_world_create(&config, &world));
  CHECK(world == NULL);
  config.map_json.size = size;
  OK(muster_world_create(&config, &world));
  OK(muster_world_destroy(world));
  free(bytes);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  char path[4096];
  muster_entity_t ids[DISCS];
  muster_world_t *world = small_world(ids);
  CHECK(snprintf(path, sizeof path, "%s/inputs.bin", argv[1]) < (int)sizeof path);
  inputs(world, path);
  snapshots(world);
  OK(muster_world_destroy(world));
  replays();
  CHECK(snprintf(path, sizeof path, "%s/map.json", argv[1]) < (int)sizeof path);
  maps(path);
  return 0;
}
