/* What the C programs of this folder share: checks that say where they failed, and a small world to work with.
 *
 * They see only include/ and are built with AddressSanitizer and UBSan, which end them at the first fault. */
#ifndef MUSTER_TESTS_CHECK_H
#define MUSTER_TESTS_CHECK_H

#include <muster.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The message of the last refusal, for what a failed check prints. */
static inline const char *last_message(void) {
  static char text[1025];
  size_t length;
  return muster_error_message(text, sizeof text, &length) == MUSTER_OK ? text : "(no message)";
}

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: %s is not so\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                                  \
    }                                                                           \
  } while (0)

static inline void expect_at(const char *file, int line, const char *call, muster_result_t result, int expected) {
  if ((int)result != expected) {
    fprintf(stderr, "%s:%d: %s is %s (%s), not %s\n", file, line, call, muster_result_name(result), last_message(),
            muster_result_name(expected));
    exit(1);
  }
}

/* The call answers this result. */
#define EXPECT(expected, call) expect_at(__FILE__, __LINE__, #call, (call), (expected))
#define OK(call) EXPECT(MUSTER_OK, call)

static inline uint64_t hash_of(muster_world_t *world) {
  uint64_t hash;
  OK(muster_world_hash(world, &hash));
  return hash;
}

/* The call is refused with this result, says why, and the world is as it was. */
#define REFUSED(world, expected, call)                                         \
  do {                                                                         \
    const uint64_t before = hash_of(world);                                    \
    EXPECT(expected, call);                                                    \
    CHECK(expected == MUSTER_E_BUFFER || last_message()[0] != '\0');           \
    CHECK(hash_of(world) == before);                                           \
  } while (0)

#define NO_BYTES ((muster_bytes_t){NULL, 0})

static inline muster_position_t at(int x, int y) {
  return muster_position_offset((muster_position_t){0, 0, 0, 0}, (int64_t)x * MUSTER_METRE, (int64_t)y * MUSTER_METRE);
}

/* A configuration with one weapon, one behaviour, two attributes and little memory. */
static inline muster_world_config_t small_config(void) {
  static const char *const attributes[] = {"wood", "gold"};
  static const muster_weapon_t weapons[] = {{.damage = 10, .range = 20 * MUSTER_METRE, .reload_ticks = 5, .hits = 1}};
  static const muster_step_t steps[] = {{MUSTER_STEP_CHASE, 0}, {MUSTER_STEP_WANDER, 10 * MUSTER_METRE}};
  static const muster_behaviour_t behaviours[] = {
      {.steps = steps, .step_count = 2, .think_ticks = 10, .sight = 30 * MUSTER_METRE}};
  muster_world_config_t config;
  OK(muster_world_config_default(&config, sizeof config));
  config.entities_max = 64;
  config.projectiles_max = 16;
  config.sectors_max = 4;
  config.attributes = attributes;
  config.attribute_count = COUNT(attributes);
  config.weapons = weapons;
  config.weapon_count = COUNT(weapons);
  config.weapon_size = sizeof weapons[0];
  config.behaviours = behaviours;
  config.behaviour_count = COUNT(behaviours);
  config.behaviour_size = sizeof behaviours[0];
  return config;
}

static inline muster_spawn_t a_disc(int x, int y) {
  muster_spawn_t disc = {.position = at(x, y)};
  disc.half_x = 128;
  disc.mass = 80000;
  disc.health = disc.health_max = 100;
  disc.layers = disc.collides = 1;
  disc.speed_max = 10 * MUSTER_METRE;
  disc.acceleration_max = 20 * MUSTER_METRE;
  disc.owner = 7;
  disc.team = 1;
  disc.weapon = 1;
  return disc;
}

enum { DISCS = 8 };

/* A small world with DISCS discs in a row, a metre and a half apart. */
static inline muster_world_t *small_world(muster_entity_t *ids) {
  const muster_world_config_t config = small_config();
  muster_world_t *world;
  OK(muster_world_create(&config, &world));
  muster_spawn_t discs[DISCS];
  for (int i = 0; i < DISCS; i++) {
    discs[i] = a_disc(20 + i + i / 2, 20);
  }
  OK(muster_entities_spawn(world, discs, DISCS, sizeof discs[0], ids));
  return world;
}

/* A whole file; the caller frees it. */
static inline uint8_t *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  CHECK(file != NULL);
  CHECK(fseek(file, 0, SEEK_END) == 0);
  const long end = ftell(file);
  CHECK(end > 0 && fseek(file, 0, SEEK_SET) == 0);
  *size = (size_t)end;
  uint8_t *bytes = malloc(*size);
  CHECK(bytes != NULL && fread(bytes, 1, *size, file) == *size);
  fclose(file);
  return bytes;
}

/* A copy in memory of exactly its size, so that AddressSanitizer sees a read beyond it. */
static inline uint8_t *exact_copy(const uint8_t *bytes, size_t size) {
  uint8_t *copy = malloc(size > 0 ? size : 1);
  CHECK(copy != NULL);
  memcpy(copy, bytes, size);
  return copy;
}

#endif
