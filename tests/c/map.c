/* Goal: a world with a map tells what the map says, and finds the way round what stands in it. The argument is the
 * folder with map.json: a wall across, with a doorway in it. */
#include "check.h"

static muster_position_t inside(const muster_map_info_t *info, int x, int y) {
  return muster_position_offset(info->origin, (int64_t)x * MUSTER_METRE, (int64_t)y * MUSTER_METRE);
}

static void without_a_map(void) {
  muster_world_t *world;
  OK(muster_world_create(NULL, &world));
  muster_map_info_t info = {.size = sizeof info};
  size_t count;
  char name[8];
  REFUSED(world, MUSTER_E_MAP, muster_map_info(world, &info));
  REFUSED(world, MUSTER_E_MAP, muster_map_zones(world, NULL, sizeof(muster_zone_t), 0, &count));
  REFUSED(world, MUSTER_E_MAP, muster_map_zone_name(world, 0, name, sizeof name, &count));
  REFUSED(world, MUSTER_E_MAP, muster_map_spawn_points(world, NULL, sizeof(muster_spawn_point_t), 0, &count));
  REFUSED(world, MUSTER_E_MAP, muster_map_pickups(world, NULL, sizeof(muster_pickup_t), 0, &count));
  REFUSED(world, MUSTER_E_MAP, muster_map_route(world, 0, NULL, 0, &count));
  REFUSED(world, MUSTER_E_MAP, muster_path_find(world, at(0, 0), at(1, 1), 1000, NULL, 0, &count));
  OK(muster_world_destroy(world));
}

static void parts(muster_world_t *world, const muster_map_info_t *info) {
  size_t count;
  muster_zone_t *zones = calloc(info->zones + 1, sizeof *zones);
  muster_spawn_point_t *points = calloc(info->spawn_points + 1, sizeof *points);
  CHECK(zones != NULL && points != NULL);
  OK(muster_map_zones(world, zones, sizeof *zones, info->zones, &count));
  CHECK(count == info->zones);
  for (size_t i = 0; i < count; i++) {
    char name[65];
    size_t length;
    OK(muster_map_zone_name(world, (uint32_t)i, name, sizeof name, &length));
    CHECK(length == strlen(name) && zones[i].kind <= MUSTER_ZONE_BASE && zones[i].half_x > 0);
    REFUSED(world, MUSTER_E_BUFFER, muster_map_zone_name(world, (uint32_t)i, name, 0, &length));
  }
  OK(muster_map_spawn_points(world, points, sizeof *points, info->spawn_points, &count));
  CHECK(count == info->spawn_points);
  REFUSED(world, MUSTER_E_STRUCT, muster_map_zones(world, zones, 8, info->zones, &count));
  REFUSED(world, MUSTER_E_STRUCT, muster_map_spawn_points(world, points, 8, info->spawn_points, &count));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_map_zone_name(world, info->zones, NULL, 0, &count));
  free(zones);
  free(points);
}

/* A map of three pickups and two routes, in a world whose attributes they name. */
static void pickups_and_routes(void) {
  static const char text[] =
      "{\"version\": 1, \"name\": \"shop\", \"size\": [40, 20],"
      " \"pickups\": [{\"at\": [5, 5], \"radius\": 0.5, \"kind\": 3},"
      "  {\"at\": [10, 5], \"radius\": 1, \"effect\": \"health\", \"amount\": 25, \"respawn_ticks\": 2},"
      "  {\"at\": [15, 5], \"radius\": 1, \"kind\": 4, \"effect\": {\"attribute\": \"gold\"}, \"amount\": -7}],"
      " \"routes\": [[[1, 2], [3, 4], [39, 19]], [[2, 2], [7, 7]]]}";
  muster_world_config_t config = small_config();
  config.map_json = (muster_bytes_t){(const uint8_t *)text, sizeof text - 1};
  muster_world_t *world;
  OK(muster_world_create(&config, &world));
  muster_map_info_t info = {.size = sizeof info};
  OK(muster_map_info(world, &info));
  CHECK(info.pickups == 3 && info.routes == 2);

  muster_pickup_t pickups[4];
  size_t count = 0;
  REFUSED(world, MUSTER_E_BUFFER, muster_map_pickups(world, pickups, sizeof pickups[0], 2, &count));
  CHECK(count == 3);
  REFUSED(world, MUSTER_E_STRUCT, muster_map_pickups(world, pickups, 8, COUNT(pickups), &count));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_map_pickups(world, NULL, sizeof pickups[0], COUNT(pickups), &count));
  OK(muster_map_pickups(world, pickups, sizeof pickups[0], COUNT(pickups), &count));
  CHECK(count == 3);
  for (int i = 0; i < 3; i++) {
    const muster_position_t place = inside(&info, 5 + 5 * i, 5);
    CHECK(memcmp(&pickups[i].position, &place, sizeof place) == 0 && pickups[i].is_there == 1);
  }
  CHECK(pickups[0].effect == MUSTER_PICKUP_NOTHING && pickups[0].kind == 3 && pickups[0].amount == 0);
  CHECK(pickups[0].radius == MUSTER_METRE / 2 && pickups[0].respawn_ticks == 0 && pickups[0].attribute == 0);
  CHECK(pickups[1].effect == MUSTER_PICKUP_HEALTH && pickups[1].amount == 25 && pickups[1].respawn_ticks == 2);
  CHECK(pickups[2].effect == MUSTER_PICKUP_ATTRIBUTE && pickups[2].attribute == 1 && pickups[2].amount == -7);

  /* Who stands there takes it, and it is what was told. */
  muster_spawn_t taker = a_disc(0, 0);
  taker.position = pickups[2].position;
  muster_entity_t id;
  OK(muster_entities_spawn(world, &taker, 1, sizeof taker, &id));
  OK(muster_world_step(world, NO_BYTES));
  int64_t gold = 0;
  OK(muster_entities_read_i64(world, &id, 1, MUSTER_COLUMN_ATTRIBUTE + pickups[2].attribute, &gold));
  CHECK(gold == pickups[2].amount);
  OK(muster_map_pickups(world, pickups, sizeof pickups[0], COUNT(pickups), &count));
  CHECK(pickups[0].is_there == 1 && pickups[1].is_there == 1 && pickups[2].is_there == 0);

  muster_position_t points[4];
  REFUSED(world, MUSTER_E_BUFFER, muster_map_route(world, 0, points, 2, &count));
  CHECK(count == 3);
  REFUSED(world, MUSTER_E_ARGUMENT, muster_map_route(world, info.routes, points, COUNT(points), &count));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_map_route(world, UINT32_MAX, points, COUNT(points), &count));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_map_route(world, 0, NULL, COUNT(points), &count));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_map_route(world, 0, points, COUNT(points), NULL));
  OK(muster_map_route(world, 1, points, COUNT(points), &count));
  CHECK(count == 2);
  OK(muster_map_route(world, 0, points, COUNT(points), &count));
  CHECK(count == 3);
  static const int corners[3][2] = {{1, 2}, {3, 4}, {39, 19}};
  for (int i = 0; i < 3; i++) {
    const muster_position_t place = inside(&info, corners[i][0], corners[i][1]);
    CHECK(memcmp(&points[i], &place, sizeof place) == 0);
  }
  OK(muster_world_destroy(world));
}

static void paths(muster_world_t *world, const muster_map_info_t *info) {
  muster_position_t waypoints[64];
  size_t count;
  const int width = info->width / MUSTER_METRE, height = info->height / MUSTER_METRE;
  const muster_position_t from = inside(info, 2, 2), to = inside(info, width - 2, height - 2);
  REFUSED(world, MUSTER_E_BUFFER, muster_path_find(world, from, to, 100000, waypoints, 1, &count));
  OK(muster_path_find(world, from, to, 100000, waypoints, COUNT(waypoints), &count));
  CHECK(count >= 2);
  for (size_t i = 0; i < count; i++) {
    bool is_free = false;
    const muster_position_t before = waypoints[i == 0 ? 0 : i - 1];
    OK(muster_query_line_of_sight(world, before, waypoints[i], &is_free));
    CHECK(is_free);
  }
  REFUSED(world, MUSTER_E_PATH, muster_path_find(world, from, to, 1, waypoints, COUNT(waypoints), &count));
  REFUSED(world, MUSTER_E_PATH, muster_path_find(world, from, inside(info, -5, 0), 1000, waypoints, 8, &count));
  REFUSED(world, MUSTER_E_VALUE, muster_path_find(world, (muster_position_t){.x = -1}, to, 1000, waypoints, 8, &count));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_path_find(world, from, to, 100000, NULL, 64, &count));
  REFUSED(world, MUSTER_E_ARGUMENT, muster_path_find(world, from, to, 100000, waypoints, 64, NULL));
}

/* A snapshot does not hold the map, and takes no other one. */
static void snapshots(muster_world_t *world, muster_bytes_t map_json) {
  size_t size;
  EXPECT(MUSTER_E_BUFFER, muster_world_save(world, NULL, 0, &size));
  uint8_t *snapshot = malloc(size);
  CHECK(snapshot != NULL);
  OK(muster_world_save(world, snapshot, size, &size));
  const muster_bytes_t saved = {snapshot, size};
  muster_world_t *copy = NULL;
  EXPECT(MUSTER_E_SNAPSHOT, muster_world_restore(saved, NO_BYTES, &copy));
  EXPECT(MUSTER_E_MAP, muster_world_restore(saved, (muster_bytes_t){map_json.data, map_json.size / 2}, &copy));
  CHECK(copy == NULL);
  OK(muster_world_restore(saved, map_json, &copy));
  CHECK(hash_of(copy) == hash_of(world));
  OK(muster_world_destroy(copy));
  free(snapshot);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  without_a_map();
  pickups_and_routes();
  char path[4096];
  CHECK(snprintf(path, sizeof path, "%s/map.json", argv[1]) < (int)sizeof path);
  muster_bytes_t map_json;
  uint8_t *text = read_file(path, &map_json.size);
  map_json.data = text;
  muster_world_config_t config = small_config();
  config.map_json = map_json;
  muster_world_t *world;
  OK(muster_world_create(&config, &world));
  muster_map_info_t info = {.size = sizeof info};
  OK(muster_map_info(world, &info));
  CHECK(info.width > 0 && info.height > 0 && info.hash != 0);
  parts(world, &info);
  paths(world, &info);
  snapshots(world, map_json);
  OK(muster_world_destroy(world));
  free(text);
  return 0;
}
