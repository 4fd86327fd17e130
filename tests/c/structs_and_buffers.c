/* Goal: structs of wrong sizes, null and misaligned pointers, short buffers, impossible counts and values out of range
 * are refused, and the world is as it was; structs of older and newer versions are understood. */
#include "check.h"

/* A count that no memory has, and one that wraps when it is multiplied. */
static const size_t IMPOSSIBLE[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 8 + 1};

static void configurations(void) {
  muster_world_t *world = NULL;
  muster_world_config_t config = small_config();
  EXPECT(MUSTER_E_ARGUMENT, muster_world_create(&config, NULL));
  const uint32_t sizes[] = {0, 4, sizeof config - 8, sizeof config + 1, 5000, UINT32_MAX};
  for (size_t i = 0; i < COUNT(sizes); i++) {
    config.size = sizes[i];
    EXPECT(MUSTER_E_STRUCT, muster_world_create(&config, &world));
  }

  /* A newer program's struct is larger. What it adds is 0 unless it is used, and then we cannot do it. */
  struct {
    muster_world_config_t config;
    uint64_t added;
  } newer = {small_config(), 0};
  newer.config.size = sizeof newer;
  OK(muster_world_create(&newer.config, &world));
  OK(muster_world_destroy(world));
  world = NULL;
  newer.added = 1;
  EXPECT(MUSTER_E_STRUCT, muster_world_create(&newer.config, &world));

  EXPECT(MUSTER_E_ARGUMENT, muster_world_config_default(NULL, sizeof config));
  EXPECT(MUSTER_E_STRUCT, muster_world_config_default(&config, 8));

#define WITH(code, change)                                  \
  do {                                                      \
    config = small_config();                                \
    change;                                                 \
    EXPECT(code, muster_world_create(&config, &world));     \
    CHECK(world == NULL && last_message()[0] != '\0');      \
  } while (0)
  WITH(MUSTER_E_CONFIG, config.tick_rate_hz = 0);
  WITH(MUSTER_E_CONFIG, config.entities_max = UINT32_MAX);
  WITH(MUSTER_E_CONFIG, config.sectors_max = 0);
  WITH(MUSTER_E_CONFIG, config.speed_max = INT32_MIN);
  WITH(MUSTER_E_CONFIG, config.reach_max = INT64_MAX);
  WITH(MUSTER_E_CONFIG, config.rewind_ticks = config.tick_rate_hz / 4 + 1);
  WITH(MUSTER_E_CONFIG, config.rewind_ticks = UINT32_MAX);
  WITH(MUSTER_E_CONFIG, config.attribute_count = 65);
  WITH(MUSTER_E_CONFIG, config.weapon_count = UINT32_MAX);
  WITH(MUSTER_E_CONFIG, config.behaviour_count = UINT32_MAX);
  WITH(MUSTER_E_CONFIG, config.base_kind_count = UINT32_MAX);
  WITH(MUSTER_E_ARGUMENT, config.attributes = NULL);
  WITH(MUSTER_E_ARGUMENT, config.weapons = NULL);
  WITH(MUSTER_E_ARGUMENT, config.behaviours = NULL);
  WITH(MUSTER_E_ARGUMENT, config.base_kind_count = 1);
  WITH(MUSTER_E_STRUCT, config.weapon_size = 8);
  WITH(MUSTER_E_STRUCT, config.behaviour_size = 1 << 20);
  WITH(MUSTER_E_ARGUMENT, config.map_json.size = 1);

  const char *const bad_names[] = {"\xff\xfe", "gold"};
  const char *const null_names[] = {"wood", NULL};
  WITH(MUSTER_E_ARGUMENT, config.attributes = bad_names);
  WITH(MUSTER_E_ARGUMENT, config.attributes = null_names);
  const muster_step_t bad_step = {99, 0};
  const muster_behaviour_t bad_behaviour = {.steps = &bad_step, .step_count = 1, .think_ticks = 1};
  const muster_behaviour_t long_behaviour = {.steps = &bad_step, .step_count = UINT32_MAX, .think_ticks = 1};
  WITH(MUSTER_E_CONFIG, config.behaviours = &bad_behaviour);
  WITH(MUSTER_E_CONFIG, config.behaviours = &long_behaviour);
  const muster_weapon_t bad_weapon = {.damage = -1, .reload_ticks = 1};
  WITH(MUSTER_E_CONFIG, config.weapons = &bad_weapon);
  const muster_weapon_t odd_weapon = {.reload_ticks = 1, .is_not_rewound = 2};
  WITH(MUSTER_E_CONFIG, config.weapons = &odd_weapon);
}

static void pointers(muster_world_t *world, const muster_entity_t *ids) {
  const muster_spawn_t disc = a_disc(50, 50);
  const muster_command_t command = {.entity = ids[0], .action = MUSTER_ACTION_STOP};
  const int64_t values[DISCS] = {0};
  int64_t out[DISCS];
  size_t count;
  REFUSED(world, MUSTER_E_ARGUMENT, muster_world_tick(world, NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_world_hash(world, NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_world_rate_step(world, NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_world_stats(world, NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_world_set_execution(world, NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_world_step(world, (muster_bytes_t){NULL, 8}));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_world_save(world, NULL, SIZE_MAX, &count));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_world_save(world, (uint8_t *)out, sizeof out, NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_spawn(world, NULL, 1, sizeof disc, NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_despawn(world, NULL, 1));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_ids(world, NULL, DISCS, &count));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_entity_is_alive(world, ids[0], NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_read_i64(world, NULL, 1, MUSTER_COLUMN_HEALTH, out));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_read_i64(world, ids, DISCS, MUSTER_COLUMN_HEALTH, NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_write_i64(world, ids, DISCS, MUSTER_COLUMN_HEALTH, NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_read_positions(world, ids, DISCS, NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_read_metres(world, ids, DISCS, at(0, 0), NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_place(world, ids, 1, NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_world_command(world, NULL, 1, sizeof command));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_world_fire(world, NULL, 1, sizeof(muster_projectile_t)));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_world_emit(world, NULL, sizeof(muster_event_t)));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_query_radius(world, at(0, 0), 1, NULL, NULL, 0, NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_query_ray(world, at(0, 0), 1, 0, 0, NULL, NULL, NULL));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_query_raycast_rewound(world, at(0, 0), 1, 0, 0, NULL, 1, NULL, NULL));

  /* Memory that begins where no such number can. */
  uint8_t bytes[64] = {0};
  void *odd = bytes + ((uintptr_t)bytes % 2 == 0);
  REFUSED(world, MUSTER_E_ARGUMENT, muster_world_tick(world, (uint64_t *)odd));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_despawn(world, (muster_entity_t *)odd, 1));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_read_i64(world, ids, 2, MUSTER_COLUMN_HEALTH, (int64_t *)odd));

  for (size_t i = 0; i < COUNT(IMPOSSIBLE); i++) {
    const size_t many = IMPOSSIBLE[i];
    REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_spawn(world, &disc, many, sizeof disc, NULL));
    REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_despawn(world, ids, many));
    REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_write_i64(world, ids, many, MUSTER_COLUMN_HEALTH, values));
    REFUSED(world, MUSTER_E_ARGUMENT, muster_world_command(world, &command, many, sizeof command));
    REFUSED(world, MUSTER_E_ARGUMENT, muster_world_step(world, (muster_bytes_t){bytes, SIZE_MAX - (many % 2)}));
  }

  /* With a count of 0 there is nothing to point at. */
  OK(muster_entities_spawn(world, NULL, 0, sizeof disc, NULL));
  OK(muster_entities_despawn(world, NULL, 0));
  OK(muster_entities_read_i64(world, NULL, 0, MUSTER_COLUMN_HEALTH, NULL));
  OK(muster_world_command(world, NULL, 0, sizeof command));
}

static void sizes(muster_world_t *world, const muster_entity_t *ids) {
  const muster_spawn_t disc = a_disc(50, 50);
  const muster_command_t command = {.entity = ids[0], .action = MUSTER_ACTION_STOP};
  const muster_projectile_t shot = {.position = at(50, 50)};
  const muster_event_t event = {.event_class = MUSTER_CLASS_LOW};
  muster_event_t out_event;
  size_t count;
  const size_t wrong[] = {0, 1, 7, 8, 48, 4104, SIZE_MAX};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    REFUSED(world, MUSTER_E_STRUCT, muster_entities_spawn(world, &disc, 1, wrong[i], NULL));
    REFUSED(world, MUSTER_E_STRUCT, muster_world_command(world, &command, 1, wrong[i]));
    REFUSED(world, MUSTER_E_STRUCT, muster_world_fire(world, &shot, 1, wrong[i]));
    REFUSED(world, MUSTER_E_STRUCT, muster_world_emit(world, &event, wrong[i]));
    REFUSED(world, MUSTER_E_STRUCT, muster_world_events(world, &out_event, wrong[i], 1, &count));
    muster_execution_t execution = {.size = (uint32_t)wrong[i], .shards = 1, .threads = 1};
    REFUSED(world, MUSTER_E_STRUCT, muster_world_set_execution(world, &execution));
    muster_filter_t filter = {.size = (uint32_t)wrong[i], .layers = 1};
    REFUSED(world, MUSTER_E_STRUCT, muster_query_radius(world, at(20, 20), 1, &filter, NULL, 0, &count));
    muster_stats_t stats = {.size = (uint32_t)wrong[i]};
    REFUSED(world, MUSTER_E_STRUCT, muster_world_stats(world, &stats));
  }
  CHECK(wrong[4] < sizeof(muster_event_t));

  /* Structs of a newer program, in an array. */
  struct {
    muster_spawn_t spawn;
    uint64_t added;
  } newer[2] = {{a_disc(60, 60), 0}, {a_disc(62, 60), 0}};
  OK(muster_entities_spawn(world, &newer[0].spawn, 2, sizeof newer[0], NULL));
  newer[1].added = 1;
  REFUSED(world, MUSTER_E_STRUCT, muster_entities_spawn(world, &newer[0].spawn, 2, sizeof newer[0], NULL));
  struct {
    muster_stats_t stats;
    uint64_t added;
  } newer_stats = {{.size = sizeof newer_stats}, 99};
  OK(muster_world_stats(world, &newer_stats.stats));
  CHECK(newer_stats.added == 0 && newer_stats.stats.size == sizeof newer_stats);
  CHECK(newer_stats.stats.entities == DISCS + 2);
}

static void buffers(muster_world_t *world) {
  uint32_t entities;
  OK(muster_world_entity_count(world, &entities));
  size_t count = 0;
  REFUSED(world, MUSTER_E_BUFFER, muster_entities_ids(world, NULL, 0, &count));
  CHECK(count == entities);
  muster_entity_t *ids = calloc(count, sizeof *ids);
  CHECK(ids != NULL);
  REFUSED(world, MUSTER_E_BUFFER, muster_entities_ids(world, ids, count - 1, &count));
  CHECK(count == entities && ids[0] == 0);
  OK(muster_entities_ids(world, ids, count, &count));
  CHECK(count == entities && ids[0] != 0 && ids[count - 1] != 0);
  free(ids);

  REFUSED(world, MUSTER_E_BUFFER, muster_world_save(world, NULL, 0, &count));
  uint8_t *snapshot = malloc(count);
  CHECK(snapshot != NULL && count > 100);
  snapshot[0] = 0xaa;
  REFUSED(world, MUSTER_E_BUFFER, muster_world_save(world, snapshot, count - 1, &count));
  CHECK(snapshot[0] == 0xaa);
  OK(muster_world_save(world, snapshot, count, &count));
  free(snapshot);

  REFUSED(world, MUSTER_E_BUFFER, muster_world_sector_hashes(world, NULL, 0, &count));
  REFUSED(world, MUSTER_E_BUFFER, muster_query_radius(world, at(20, 20), 5 * MUSTER_METRE, NULL, NULL, 0, &count));
  CHECK(count > 0);

  char text[8];
  EXPECT(MUSTER_E_ARGUMENT, muster_world_tick(world, NULL));
  EXPECT(MUSTER_E_BUFFER, muster_error_message(text, sizeof text, &count));
  CHECK(count > sizeof text);
  EXPECT(MUSTER_E_BUFFER, muster_error_message(NULL, 0, &count));
  EXPECT(MUSTER_E_ARGUMENT, muster_error_message(text, sizeof text, NULL));
  CHECK(strstr(last_message(), "out_tick") != NULL);
}

static void values(muster_world_t *world, const muster_entity_t *ids) {
  const int64_t wide[] = {1, INT64_MAX};
  const int32_t narrow[] = {1, -1};
  int64_t out[2];
  int32_t out_narrow[2];
  REFUSED(world, MUSTER_E_VALUE, muster_entities_write_i64(world, ids, 2, MUSTER_COLUMN_HEALTH, wide));
  REFUSED(world, MUSTER_E_VALUE, muster_entities_write_i32(world, ids, 2, MUSTER_COLUMN_TEAM, narrow));
  const uint32_t columns[] = {29, 100, 255, MUSTER_COLUMN_ATTRIBUTE + 2, 65536, UINT32_MAX};
  for (size_t i = 0; i < COUNT(columns); i++) {
    REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_read_i64(world, ids, 2, columns[i], out));
    REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_write_i64(world, ids, 2, columns[i], wide));
  }
  OK(muster_entities_read_i64(world, ids, 2, MUSTER_COLUMN_ATTRIBUTE + 1, out));
  const int64_t large = INT64_C(1) << 40;
  OK(muster_entities_write_i64(world, ids, 1, MUSTER_COLUMN_GOAL_X, &large));
  REFUSED(world, MUSTER_E_VALUE, muster_entities_read_i32(world, ids, 2, MUSTER_COLUMN_GOAL_X, out_narrow));

#define SPAWN(code, change)                                                                   \
  do {                                                                                        \
    muster_spawn_t pair[2] = {a_disc(50, 50), a_disc(52, 50)};                                \
    muster_spawn_t *last = &pair[1];                                                          \
    change;                                                                                   \
    REFUSED(world, code, muster_entities_spawn(world, pair, 2, sizeof pair[0], NULL));        \
  } while (0)
  const int32_t attributes[3] = {1, 2, 3};
  SPAWN(MUSTER_E_VALUE, last->position.x = -1);
  SPAWN(MUSTER_E_VALUE, last->position.y = MUSTER_SECTOR_SIDE);
  SPAWN(MUSTER_E_VALUE, last->shape = 2);
  SPAWN(MUSTER_E_VALUE, last->weapon = 2);
  SPAWN(MUSTER_E_VALUE, last->bot = 2);
  SPAWN(MUSTER_E_VALUE, last->velocity_x = INT32_MIN);
  SPAWN(MUSTER_E_VALUE, last->health_max = -1);
  SPAWN(MUSTER_E_VALUE, last->reserved[2] = 1);
  SPAWN(MUSTER_E_VALUE, (last->attributes = attributes, last->attribute_count = 3));
  SPAWN(MUSTER_E_VALUE, last->attribute_count = UINT32_MAX);
  SPAWN(MUSTER_E_ARGUMENT, last->attribute_count = 2);

  muster_spawn_t many[65];
  for (int i = 0; i < 65; i++) {
    many[i] = a_disc(100 + i, 100);
  }
  REFUSED(world, MUSTER_E_FULL, muster_entities_spawn(world, many, 65, sizeof many[0], NULL));
  for (int i = 0; i < 5; i++) {
    many[i].position.sector_x = 10 + i;
  }
  REFUSED(world, MUSTER_E_FULL, muster_entities_spawn(world, many, 5, sizeof many[0], NULL));

  muster_position_t places[2] = {at(1, 1), {0, 0, -1, 0}};
  REFUSED(world, MUSTER_E_VALUE, muster_entities_place(world, ids, 2, places));

#define COMMAND(change)                                                                                   \
  do {                                                                                                    \
    muster_command_t pair[2] = {{.entity = ids[0], .action = MUSTER_ACTION_STOP},                         \
                                {.entity = ids[1], .action = MUSTER_ACTION_MOVE_TO, .position = at(5, 5)}}; \
    muster_command_t *last = &pair[1];                                                                    \
    change;                                                                                               \
    REFUSED(world, MUSTER_E_VALUE, muster_world_command(world, pair, 2, sizeof pair[0]));                 \
  } while (0)
  COMMAND(last->action = 7);
  COMMAND(last->action = UINT32_MAX);
  COMMAND(last->position.x = INT32_MIN);
  COMMAND(last->reserved = 1);

  muster_projectile_t shots[17];
  for (int i = 0; i < 17; i++) {
    shots[i] = (muster_projectile_t){.position = at(70, 70), .velocity_x = MUSTER_METRE, .range = MUSTER_METRE};
  }
  REFUSED(world, MUSTER_E_FULL, muster_world_fire(world, shots, 17, sizeof shots[0]));
  shots[1].radius = INT32_MAX;
  REFUSED(world, MUSTER_E_VALUE, muster_world_fire(world, shots, 2, sizeof shots[0]));
  shots[1].position.x = INT32_MAX;
  REFUSED(world, MUSTER_E_VALUE, muster_world_fire(world, shots, 2, sizeof shots[0]));

  muster_event_t event = {.event_class = 4};
  REFUSED(world, MUSTER_E_VALUE, muster_world_emit(world, &event, sizeof event));
  event = (muster_event_t){.x = -1};
  REFUSED(world, MUSTER_E_VALUE, muster_world_emit(world, &event, sizeof event));
  event = (muster_event_t){.sector.scale = 1};
  REFUSED(world, MUSTER_E_VALUE, muster_world_emit(world, &event, sizeof event));
  REFUSED(world, MUSTER_E_VALUE, muster_world_take_over(world, 7, 2));
  REFUSED(world, MUSTER_E_VALUE, muster_world_take_over(world, 7, 0));

  muster_execution_t execution = {.size = sizeof execution, .shards = 0, .threads = 1};
  REFUSED(world, MUSTER_E_CONFIG, muster_world_set_execution(world, &execution));
  execution.shards = 1;
  execution.threads = 65536 + 1;
  REFUSED(world, MUSTER_E_CONFIG, muster_world_set_execution(world, &execution));

  size_t count;
  bool flag;
  const muster_position_t nowhere = {0, 0, MUSTER_SECTOR_SIDE, 0};
  REFUSED(world, MUSTER_E_VALUE, muster_query_radius(world, nowhere, 1, NULL, NULL, 0, &count));
  REFUSED(world, MUSTER_E_VALUE, muster_query_line_of_sight(world, at(0, 0), nowhere, &flag));
  /* Lengths beyond all reason are cut, and do no harm. */
  muster_entity_t found[64];
  OK(muster_query_radius(world, at(20, 20), INT64_MAX, NULL, found, 64, &count));
  OK(muster_query_radius(world, at(20, 20), INT64_MIN, NULL, found, 64, &count));
  OK(muster_query_box(world, at(20, 20), INT64_MAX, INT64_MIN, NULL, found, 64, &count));
  OK(muster_query_nearest(world, at(20, 20), INT64_MAX, NULL, found, 3, &count));
  CHECK(count == 3);
  muster_ray_hit_t hit = {.size = sizeof hit};
  OK(muster_query_ray(world, at(20, 20), INT64_MAX, INT64_MIN, INT32_MAX, NULL, &flag, &hit));
}

static void places(void) {
  int64_t right, up;
  muster_sector_t sector, sectors[8];
  const muster_position_t far_away = {INT64_MIN, INT64_MAX, 0, 0};
  EXPECT(MUSTER_E_VALUE, muster_position_offset_to(at(0, 0), far_away, &right, &up));
  EXPECT(MUSTER_E_ARGUMENT, muster_position_offset_to(at(0, 0), at(1, 1), NULL, &up));
  OK(muster_position_offset_to(at(1, 2), at(4, 6), &right, &up));
  CHECK(right == 3 * MUSTER_METRE && up == 4 * MUSTER_METRE);
  const muster_position_t wrapped = muster_position_offset((muster_position_t){INT64_MAX, 0, INT32_MIN, INT32_MAX},
                                                           INT64_MAX, INT64_MIN);
  CHECK(wrapped.x >= 0 && wrapped.x < MUSTER_SECTOR_SIDE && wrapped.y >= 0 && wrapped.y < MUSTER_SECTOR_SIDE);
  EXPECT(MUSTER_E_ARGUMENT, muster_sector_ancestor((muster_sector_t){0, 0, 64, 0}, 64, &sector));
  EXPECT(MUSTER_E_ARGUMENT, muster_sector_ancestor((muster_sector_t){0, 0, 2, 0}, 1, &sector));
  EXPECT(MUSTER_E_ARGUMENT, muster_sector_ancestor((muster_sector_t){0, 0, 2, 0}, UINT32_MAX, &sector));
  EXPECT(MUSTER_E_ARGUMENT, muster_sector_children((muster_sector_t){0, 0, 0, 0}, sectors));
  EXPECT(MUSTER_E_ARGUMENT, muster_sector_neighbours((muster_sector_t){0, 0, 0, 0}, NULL));
  OK(muster_sector_ancestor((muster_sector_t){-1, 5, 0, 0}, 1, &sector));
  CHECK(sector.x == -1 && sector.y == 2 && sector.scale == 1);
  OK(muster_sector_children(sector, sectors));
  CHECK(sectors[3].x == -1 && sectors[3].y == 5 && sectors[3].scale == 0);
  OK(muster_sector_neighbours((muster_sector_t){INT64_MAX, 0, 0, 0}, sectors));
  CHECK(sectors[4].x == INT64_MIN && sectors[4].y == 0);
}

int main(void) {
  configurations();
  places();
  muster_entity_t ids[DISCS];
  muster_world_t *world = small_world(ids);
  pointers(world, ids);
  sizes(world, ids);
  buffers(world);
  values(world, ids);
  OK(muster_world_destroy(world));
  CHECK(strcmp(muster_result_name(MUSTER_E_MAP), "MUSTER_E_MAP") == 0);
  CHECK(muster_result_name(-1) == muster_result_name(1 << 30));
  CHECK(muster_version() == MUSTER_VERSION && strcmp(muster_version_text(), "0.1.0") == 0);
  return 0;
}
