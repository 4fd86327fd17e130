/* Goal: handles that are null, foreign, stale, of another world, or destroyed twice are refused and do no harm. */
#include "check.h"

/* Every function that takes a world, with arguments that are otherwise good. */
static void refused_by_all(muster_world_t *world) {
  const int refused = MUSTER_E_HANDLE;
  const muster_entity_t id = 1;
  const muster_spawn_t disc = a_disc(1, 1);
  const muster_command_t command = {.entity = id, .action = MUSTER_ACTION_STOP};
  const muster_projectile_t shot = {.position = at(1, 1)};
  const muster_execution_t execution = {.size = sizeof execution, .shards = 1, .threads = 1};
  const muster_event_t event = {.event_class = MUSTER_CLASS_HIGH};
  const int64_t value = 0;
  const int32_t narrow = 0;
  const muster_position_t position = at(1, 1);
  uint64_t number = 99;
  uint32_t count = 99;
  size_t size = 99;
  bool flag = true;
  int64_t wide = 99;
  int32_t out_narrow = 99;
  float xy[2] = {99, 99};
  uint8_t byte = 99;
  muster_entity_t out_id = 99;
  muster_event_t out_event;
  muster_position_t out_position;
  muster_sector_hash_t sector_hash;
  muster_stats_t stats = {.size = sizeof stats};
  muster_ray_hit_t hit = {.size = sizeof hit};
  muster_map_info_t info = {.size = sizeof info};

  EXPECT(refused, muster_world_destroy(world));
  EXPECT(refused, muster_world_adopt(world));
  EXPECT(refused, muster_world_set_execution(world, &execution));
  EXPECT(refused, muster_world_step(world, NO_BYTES));
  EXPECT(refused, muster_world_tick(world, &number));
  EXPECT(refused, muster_world_entity_count(world, &count));
  EXPECT(refused, muster_world_stats(world, &stats));
  EXPECT(refused, muster_world_hash(world, &number));
  EXPECT(refused, muster_world_sector_hashes(world, &sector_hash, 1, &size));
  EXPECT(refused, muster_world_save(world, &byte, 1, &size));
  EXPECT(refused, muster_entities_spawn(world, &disc, 1, sizeof disc, &out_id));
  EXPECT(refused, muster_entities_despawn(world, &id, 1));
  EXPECT(refused, muster_entities_ids(world, &out_id, 1, &size));
  EXPECT(refused, muster_entity_is_alive(world, id, &flag));
  EXPECT(refused, muster_entities_read_i64(world, &id, 1, MUSTER_COLUMN_HEALTH, &wide));
  EXPECT(refused, muster_entities_read_i32(world, &id, 1, MUSTER_COLUMN_HEALTH, &out_narrow));
  EXPECT(refused, muster_entities_write_i64(world, &id, 1, MUSTER_COLUMN_HEALTH, &value));
  EXPECT(refused, muster_entities_write_i32(world, &id, 1, MUSTER_COLUMN_HEALTH, &narrow));
  EXPECT(refused, muster_entities_read_positions(world, &id, 1, &out_position));
  EXPECT(refused, muster_entities_read_metres(world, &id, 1, position, xy));
  EXPECT(refused, muster_entities_place(world, &id, 1, &position));
  EXPECT(refused, muster_world_command(world, &command, 1, sizeof command));
  EXPECT(refused, muster_world_fire(world, &shot, 1, sizeof shot));
  EXPECT(refused, muster_world_take_over(world, 1, 1));
  EXPECT(refused, muster_world_hand_back(world, 1));
  EXPECT(refused, muster_world_events(world, &out_event, sizeof out_event, 1, &size));
  EXPECT(refused, muster_world_emit(world, &event, sizeof event));
  EXPECT(refused, muster_query_radius(world, position, 1, NULL, &out_id, 1, &size));
  EXPECT(refused, muster_query_box(world, position, 1, 1, NULL, &out_id, 1, &size));
  EXPECT(refused, muster_query_nearest(world, position, 1, NULL, &out_id, 1, &size));
  EXPECT(refused, muster_query_ray(world, position, 1, 1, 0, NULL, &flag, &hit));
  EXPECT(refused, muster_replay_record(world, NULL));
  EXPECT(refused, muster_replay_take(world, &byte, 1, &size));
  EXPECT(refused, muster_replay_ticks_lost(world, &number));
  EXPECT(refused, muster_replay_finish(world));
  EXPECT(refused, muster_replay_step(world, NO_BYTES, &flag));
  EXPECT(refused, muster_map_info(world, &info));
  EXPECT(refused, muster_map_zones(world, NULL, sizeof(muster_zone_t), 0, &size));
  EXPECT(refused, muster_map_zone_name(world, 0, (char *)&byte, 1, &size));
  EXPECT(refused, muster_map_spawn_points(world, NULL, sizeof(muster_spawn_point_t), 0, &size));
  EXPECT(refused, muster_map_pickups(world, NULL, sizeof(muster_pickup_t), 0, &size));
  EXPECT(refused, muster_map_route(world, 0, &out_position, 1, &size));
  EXPECT(refused, muster_path_find(world, position, position, 1, &out_position, 1, &size));
  EXPECT(refused, muster_query_line_of_sight(world, position, position, &flag));

  /* No out parameter was written. */
  CHECK(number == 99 && count == 99 && size == 99 && flag && wide == 99);
  CHECK(out_narrow == 99 && xy[0] == 99 && byte == 99 && out_id == 99);
}

static void roots_are_told_apart(void) {
  muster_entity_t ids[DISCS];
  muster_world_t *world = small_world(ids);
  int local = 0;
  refused_by_all(NULL);
  refused_by_all((muster_world_t *)(void *)&local);
  refused_by_all((muster_world_t *)(void *)stdout);
  refused_by_all((muster_world_t *)((uintptr_t)world + 1));
  refused_by_all((muster_world_t *)((uintptr_t)world ^ ((uintptr_t)1 << 58)));
  refused_by_all((muster_world_t *)UINTPTR_MAX);

  const uint64_t before = hash_of(world);
  muster_world_t *other = small_world(ids);
  OK(muster_world_destroy(other));
  refused_by_all(other);
  /* The place of the one that is gone is taken, and its handle is still nobody's. */
  muster_world_t *third = small_world(ids);
  CHECK(third != other);
  refused_by_all(other);
  CHECK(hash_of(world) == before);
  OK(muster_world_destroy(third));
  OK(muster_world_destroy(world));
  EXPECT(MUSTER_E_HANDLE, muster_world_destroy(world));
}

static void many_worlds_come_and_go(void) {
  enum { MOST = 1024 };
  static muster_world_t *worlds[MOST];
  muster_world_config_t config = small_config();
  config.entities_max = 1;
  for (int i = 0; i < MOST; i++) {
    OK(muster_world_create(&config, &worlds[i]));
  }
  muster_world_t *more = NULL;
  EXPECT(MUSTER_E_FULL, muster_world_create(&config, &more));
  CHECK(more == NULL);
  for (int i = 0; i < MOST; i++) {
    OK(muster_world_destroy(worlds[i]));
  }
  OK(muster_world_create(&config, &more));
  OK(muster_world_destroy(more));
}

static void ids_are_told_apart(void) {
  muster_entity_t ids[DISCS];
  muster_world_t *world = small_world(ids);
  const muster_entity_t stale = ids[3];
  OK(muster_entities_despawn(world, &stale, 1));
  const muster_spawn_t again = a_disc(40, 40);
  muster_entity_t fresh;
  OK(muster_entities_spawn(world, &again, 1, sizeof again, &fresh));
  CHECK(fresh != stale);
  ids[3] = fresh;

  const muster_entity_t wrong[] = {MUSTER_ENTITY_NULL, stale, 12345, UINT64_MAX, UINT64_MAX << 32, ids[0] + 1000};
  for (size_t i = 0; i < COUNT(wrong); i++) {
    /* A wrong id among good ones: nothing is done to any of them. */
    const muster_entity_t mixed[] = {ids[0], wrong[i], ids[1]};
    const int64_t values[] = {1, 2, 3};
    const int32_t narrow[] = {1, 2, 3};
    const muster_position_t places[] = {at(1, 1), at(2, 2), at(3, 3)};
    int64_t out[3] = {-5, -5, -5};
    int32_t out_narrow[3] = {-5, -5, -5};
    float xy[6] = {-5, -5, -5, -5, -5, -5};
    muster_position_t positions[3] = {{.x = -5}, {.x = -5}, {.x = -5}};
    bool is_alive = true;
    OK(muster_entity_is_alive(world, wrong[i], &is_alive));
    CHECK(!is_alive);
    REFUSED(world, MUSTER_E_ENTITY, muster_entities_despawn(world, mixed, 3));
    REFUSED(world, MUSTER_E_ENTITY, muster_entities_read_i64(world, mixed, 3, MUSTER_COLUMN_HEALTH, out));
    REFUSED(world, MUSTER_E_ENTITY, muster_entities_read_i32(world, mixed, 3, MUSTER_COLUMN_HEALTH, out_narrow));
    REFUSED(world, MUSTER_E_ENTITY, muster_entities_write_i64(world, mixed, 3, MUSTER_COLUMN_HEALTH, values));
    REFUSED(world, MUSTER_E_ENTITY, muster_entities_write_i32(world, mixed, 3, MUSTER_COLUMN_HEALTH, narrow));
    REFUSED(world, MUSTER_E_ENTITY, muster_entities_read_positions(world, mixed, 3, positions));
    REFUSED(world, MUSTER_E_ENTITY, muster_entities_read_metres(world, mixed, 3, at(0, 0), xy));
    REFUSED(world, MUSTER_E_ENTITY, muster_entities_place(world, mixed, 3, places));
    CHECK(out[0] == -5 && out_narrow[0] == -5 && xy[0] == -5 && positions[0].x == -5);
  }
  const muster_entity_t twice[] = {ids[0], ids[1], ids[0]};
  REFUSED(world, MUSTER_E_ARGUMENT, muster_entities_despawn(world, twice, 3));

  /* An id of another world may name nothing here or something else, but never breaks anything. */
  muster_entity_t others[DISCS];
  muster_world_t *other = small_world(others);
  const uint64_t before = hash_of(world);
  OK(muster_entities_despawn(other, &others[0], 1));
  CHECK(hash_of(world) == before);
  OK(muster_world_destroy(other));

  /* A command for an entity that is gone is a wish that the world refuses, with an event. */
  const muster_command_t command = {.entity = stale, .action = MUSTER_ACTION_STOP, .player = 7};
  OK(muster_world_command(world, &command, 1, sizeof command));
  OK(muster_world_step(world, NO_BYTES));
  muster_event_t events[16];
  size_t count;
  OK(muster_world_events(world, events, sizeof events[0], COUNT(events), &count));
  bool told = false;
  for (size_t i = 0; i < count; i++) {
    told |= events[i].kind == MUSTER_EVENT_COMMAND_REFUSED && events[i].detail == MUSTER_REFUSAL_NO_ENTITY &&
            events[i].subject == stale && events[i].value == 7;
  }
  CHECK(told);
  OK(muster_world_destroy(world));
}

int main(void) {
  roots_are_told_apart();
  many_worlds_come_and_go();
  ids_are_told_apart();
  return 0;
}
