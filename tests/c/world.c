/* Goal: what the headers promise of a world that is used as it should be: the same inputs give the same hash on any
 * number of threads, snapshots give the same world, columns come back as they were written, events tell what
 * happened. */
#include "check.h"

static void same_hash_on_any_threads(void) {
  enum { MANY = 3000, TICKS = 40 };
  static muster_spawn_t discs[MANY];
  for (int i = 0; i < MANY; i++) {
    discs[i] = (muster_spawn_t){.position = at(100 + i % 60 * 2, 100 + i / 60 * 2)};
    discs[i].half_x = 128;
    discs[i].mass = 80000;
    discs[i].layers = discs[i].collides = 1;
    discs[i].velocity_x = (i * 37 % 21 - 10) * MUSTER_METRE;
    discs[i].velocity_y = (i * 53 % 17 - 8) * MUSTER_METRE;
  }
  uint64_t expected = 0;
  for (uint32_t threads = 1; threads <= 3; threads++) {
    muster_world_t *world;
    OK(muster_world_create(NULL, &world));
    OK(muster_entities_spawn(world, discs, MANY, sizeof discs[0], NULL));
    const muster_execution_t execution = {
        .size = sizeof execution, .shards = 2 * threads - 1, .threads = threads, .inline_below = 0, .split_above = 500};
    OK(muster_world_set_execution(world, &execution));
    for (int tick = 0; tick < TICKS; tick++) {
      OK(muster_world_step(world, NO_BYTES));
    }
    CHECK(threads == 1 || hash_of(world) == expected);
    expected = hash_of(world);
    OK(muster_world_destroy(world));
  }
}

static void columns_come_back(void) {
  muster_entity_t ids[DISCS], all[DISCS];
  muster_world_t *world = small_world(ids);
  size_t count;
  OK(muster_entities_ids(world, all, DISCS, &count));
  CHECK(count == DISCS && memcmp(ids, all, sizeof ids) == 0);

  int64_t wide[DISCS], wide_back[DISCS];
  int32_t narrow[DISCS], narrow_back[DISCS];
  for (int i = 0; i < DISCS; i++) {
    wide[i] = INT64_C(1) << (40 + i);
    narrow[i] = -1000 * i;
  }
  OK(muster_entities_write_i64(world, ids, DISCS, MUSTER_COLUMN_BOT_STATE, wide));
  OK(muster_entities_write_i32(world, ids, DISCS, MUSTER_COLUMN_ATTRIBUTE + 1, narrow));
  OK(muster_entities_read_i64(world, ids, DISCS, MUSTER_COLUMN_BOT_STATE, wide_back));
  OK(muster_entities_read_i32(world, ids, DISCS, MUSTER_COLUMN_ATTRIBUTE + 1, narrow_back));
  CHECK(memcmp(wide, wide_back, sizeof wide) == 0 && memcmp(narrow, narrow_back, sizeof narrow) == 0);

  const muster_position_t home = {5, -5, 100, 200};
  muster_position_t place;
  OK(muster_entities_place(world, &ids[2], 1, &home));
  OK(muster_entities_read_positions(world, &ids[2], 1, &place));
  CHECK(place.sector_x == 5 && place.sector_y == -5 && place.x == 100 && place.y == 200);
  float xy[2];
  OK(muster_entities_read_metres(world, &ids[2], 1, (muster_position_t){5, -5, 0, MUSTER_METRE}, xy));
  CHECK(xy[0] > 0.0015f && xy[0] < 0.0016f && xy[1] < -0.99f && xy[1] > -1.0f);

  muster_filter_t filter = {.size = sizeof filter, .layers = 1, .except = ids[1]};
  muster_entity_t found[DISCS];
  OK(muster_query_radius(world, at(20, 20), 3 * MUSTER_METRE, &filter, found, DISCS, &count));
  CHECK(count == 1 && found[0] == ids[0]);
  OK(muster_query_nearest(world, at(27, 20), 100 * MUSTER_METRE, &filter, found, 2, &count));
  CHECK(count == 2 && found[0] == ids[5]);
  bool is_hit;
  muster_ray_hit_t hit = {.size = sizeof hit};
  OK(muster_query_ray(world, at(10, 20), 40 * MUSTER_METRE, 0, 0, NULL, &is_hit, &hit));
  CHECK(is_hit && hit.entity == ids[0] && hit.size == sizeof hit && hit.position.y == 20 * MUSTER_METRE);
  OK(muster_query_ray(world, at(10, 20), -40 * MUSTER_METRE, 0, 0, NULL, &is_hit, &hit));
  CHECK(!is_hit);
  OK(muster_query_line_of_sight(world, at(0, 0), at(50, 50), &is_hit));
  CHECK(is_hit);
  OK(muster_world_destroy(world));
}

static void snapshots_give_the_same_world(void) {
  muster_entity_t ids[DISCS];
  muster_world_t *world = small_world(ids), *copy;
  for (int i = 0; i < DISCS; i++) {
    const muster_command_t go = {.entity = ids[i], .player = 7, .action = MUSTER_ACTION_MOVE_TO,
                                 .position = at(30, 40)};
    OK(muster_world_command(world, &go, 1, sizeof go));
  }
  for (int tick = 0; tick < 30; tick++) {
    OK(muster_world_step(world, NO_BYTES));
  }
  static uint8_t snapshot[1 << 16];
  size_t size;
  OK(muster_world_save(world, snapshot, sizeof snapshot, &size));
  OK(muster_world_restore((muster_bytes_t){snapshot, size}, NO_BYTES, &copy));
  for (int tick = 0; tick < 30; tick++) {
    CHECK(hash_of(world) == hash_of(copy));
    OK(muster_world_step(world, NO_BYTES));
    OK(muster_world_step(copy, NO_BYTES));
  }
  uint64_t tick;
  OK(muster_world_tick(copy, &tick));
  CHECK(tick == 60);
  OK(muster_entities_despawn(copy, &ids[0], 1));
  CHECK(hash_of(world) != hash_of(copy));
  OK(muster_world_destroy(copy));
  OK(muster_world_destroy(world));
}

static void events_tell_what_happened(void) {
  muster_entity_t ids[DISCS];
  muster_world_t *world = small_world(ids);
  muster_event_t event = {.event_class = MUSTER_CLASS_CRITICAL, .detail = 77, .value = -5, .subject = ids[0], .x = 9};
  OK(muster_world_emit(world, &event, sizeof event));
  const muster_command_t foreign = {.entity = ids[0], .player = 8, .action = MUSTER_ACTION_STOP};
  OK(muster_world_command(world, &foreign, 1, sizeof foreign));
  OK(muster_world_step(world, NO_BYTES));
  muster_event_t events[64];
  size_t count;
  OK(muster_world_events(world, events, sizeof events[0], COUNT(events), &count));
  CHECK(count >= 2);
  CHECK(events[0].kind == MUSTER_EVENT_CUSTOM && events[0].detail == 77 && events[0].value == -5 && events[0].x == 9);
  CHECK(events[0].event_class == MUSTER_CLASS_CRITICAL && events[0].subject == ids[0] && events[0].count == 1);
  bool is_refused = false;
  for (size_t i = 0; i < count; i++) {
    is_refused |= events[i].kind == MUSTER_EVENT_COMMAND_REFUSED && events[i].detail == MUSTER_REFUSAL_NOT_OWNER;
  }
  CHECK(is_refused);
  muster_stats_t stats = {.size = sizeof stats};
  OK(muster_world_stats(world, &stats));
  CHECK(stats.entities == DISCS && stats.commands_refused == 1);
  OK(muster_world_destroy(world));
}

/* A disc crosses the way of a shot at 20 m/s, 4 m in 12 ticks; who sees it late still hits it where it was. */
static void hits_are_judged_where_they_were_seen(void) {
  enum { AGO = 12 };
  for (uint32_t rewind_ticks = 0; rewind_ticks <= AGO; rewind_ticks += AGO) {
    muster_world_config_t config = small_config();
    muster_weapon_t weapons[] = {config.weapons[0], config.weapons[0]};
    weapons[1].is_not_rewound = 1;
    config.weapons = weapons;
    config.weapon_count = COUNT(weapons);
    config.rewind_ticks = rewind_ticks;
    muster_world_t *world;
    OK(muster_world_create(&config, &world));
    muster_spawn_t discs[] = {a_disc(20, 20), a_disc(30, 16), a_disc(20, 60), a_disc(30, 56)};
    discs[1].team = discs[3].team = 2;
    discs[1].acceleration_max = discs[3].acceleration_max = 0;
    discs[1].speed_max = discs[3].speed_max = 0;
    discs[1].velocity_y = discs[3].velocity_y = 20 * MUSTER_METRE;
    discs[2].weapon = 2;
    muster_entity_t ids[COUNT(discs)];
    OK(muster_entities_spawn(world, discs, COUNT(discs), sizeof discs[0], ids));
    for (int tick = 0; tick < 2 * AGO; tick++) {
      OK(muster_world_step(world, NO_BYTES));
    }
    bool is_hit;
    muster_ray_hit_t hit = {.size = sizeof hit};
    const muster_filter_t filter = {.size = sizeof filter, .layers = 1, .except = ids[0]};
    for (uint32_t ticks = 0; ticks < 1000; ticks += AGO) {
      OK(muster_query_raycast_rewound(world, at(20, 20), 20 * MUSTER_METRE, 0, 0, &filter, ticks, &is_hit, &hit));
      CHECK(is_hit == (ticks > 0 && rewind_ticks > 0) && (!is_hit || hit.entity == ids[1]));
    }
    muster_command_t fire[] = {{.entity = ids[0], .player = 7, .action = MUSTER_ACTION_FIRE},
                               {.entity = ids[2], .player = 7, .action = MUSTER_ACTION_FIRE}};
    fire[0].rewind_ticks = fire[1].rewind_ticks = AGO;
    OK(muster_world_command(world, fire, COUNT(fire), sizeof fire[0]));
    OK(muster_world_step(world, NO_BYTES));
    int32_t health[COUNT(discs)];
    OK(muster_entities_read_i32(world, ids, COUNT(ids), MUSTER_COLUMN_HEALTH, health));
    CHECK(health[1] == (rewind_ticks > 0 ? 90 : 100));
    CHECK(health[3] == 100);
    fire[0].reserved = 1;
    REFUSED(world, MUSTER_E_VALUE, muster_world_command(world, fire, COUNT(fire), sizeof fire[0]));
    OK(muster_world_destroy(world));
  }
}

static void rates_fall_under_load(void) {
  muster_entity_t ids[DISCS];
  muster_world_t *world = small_world(ids);
  const uint64_t before = hash_of(world);
  uint32_t step;
  for (int report = 0; report < 100; report++) {
    OK(muster_world_report_load(world, 990));
  }
  OK(muster_world_rate_step(world, &step));
  CHECK(step == 3 && hash_of(world) != before);
  for (int report = 0; report < 1000; report++) {
    OK(muster_world_report_load(world, UINT32_MAX / 4 * 3 + 1));
    OK(muster_world_report_load(world, 0));
  }
  OK(muster_world_rate_step(world, &step));
  CHECK(step == 3);
  for (int report = 0; report < 1000; report++) {
    OK(muster_world_report_load(world, 100));
  }
  OK(muster_world_rate_step(world, &step));
  CHECK(step == 0 && hash_of(world) == before);
  OK(muster_world_destroy(world));
}

int main(void) {
  same_hash_on_any_threads();
  columns_come_back();
  snapshots_give_the_same_world();
  events_tell_what_happened();
  hits_are_judged_where_they_were_seen();
  rates_fall_under_load();
  return 0;
}
