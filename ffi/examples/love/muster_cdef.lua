-- Made from include/muster.h by ffi/package/cdef; not to be changed by hand.
return [[
static const int MUSTER_METRE = 65536;
static const int MUSTER_ENTITY_NULL = 0;
static const int MUSTER_FLAG_NOT_REWOUND = 268435456;
static const int MUSTER_FLAG_AVOIDS = 536870912;
static const int MUSTER_COLUMN_X = 65534;
static const int MUSTER_COLUMN_Y = 65535;
static const int MUSTER_REPORT_MAX = 1200;
static const int MUSTER_VIEWER_COMMANDS_MAX = 512;
static const int MUSTER_VERSION_MAJOR = 0;
static const int MUSTER_VERSION_MINOR = 1;
static const int MUSTER_VERSION_PATCH = 0;
typedef struct muster_bytes_t {
  const uint8_t *data;
  size_t size;
} muster_bytes_t;
typedef struct muster_position_t {
  int64_t sector_x;
  int64_t sector_y;
  int32_t x;
  int32_t y;
} muster_position_t;
typedef enum muster_result_t {
  MUSTER_OK = 0,
  MUSTER_E_ARGUMENT = 1,
  MUSTER_E_STRUCT = 2,
  MUSTER_E_HANDLE = 3,
  MUSTER_E_THREAD = 4,
  MUSTER_E_BUG = 5,
  MUSTER_E_BUFFER = 6,
  MUSTER_E_ENTITY = 7,
  MUSTER_E_VALUE = 8,
  MUSTER_E_FULL = 9,
  MUSTER_E_CONFIG = 10,
  MUSTER_E_MAP = 11,
  MUSTER_E_INPUT = 12,
  MUSTER_E_SNAPSHOT = 13,
  MUSTER_E_REPLAY = 14,
  MUSTER_E_DIVERGED = 15,
  MUSTER_E_PATH = 16,
  MUSTER_E_VIEWER = 17,
  MUSTER_E_TERMS = 18,
  MUSTER_E_REPORT = 19,
  MUSTER_E_PACKET = 20
} muster_result_t;
const char *muster_result_name(int32_t result);
muster_result_t muster_error_message(char *buffer, size_t capacity, size_t *out_length);
typedef struct muster_sector_t {
  int64_t x;
  int64_t y;
  uint32_t scale;
  uint32_t reserved;
} muster_sector_t;
muster_position_t muster_position_offset(muster_position_t from, int64_t right, int64_t up);
muster_result_t muster_position_offset_to(muster_position_t from, muster_position_t to, int64_t *out_right,
                                                     int64_t *out_up);
muster_result_t muster_sector_ancestor(muster_sector_t sector, uint32_t scale, muster_sector_t *out_sector);
muster_result_t muster_sector_children(muster_sector_t sector, muster_sector_t *out_sectors);
muster_result_t muster_sector_neighbours(muster_sector_t sector, muster_sector_t *out_sectors);
typedef struct muster_world_t muster_world_t;
typedef struct muster_weapon_t {
  int32_t damage;
  int32_t range;
  uint32_t reload_ticks;
  int32_t projectile_speed;
  int32_t projectile_radius;
  uint16_t hits;
  uint8_t friendly_fire;
  uint8_t is_not_rewound;
  uint8_t has_tracers;
  uint8_t reserved[3];
} muster_weapon_t;
typedef enum muster_step_kind_t {
  MUSTER_STEP_FLEE = 0,
  MUSTER_STEP_CHASE = 1,
  MUSTER_STEP_GUARD = 2,
  MUSTER_STEP_CAPTURE = 3,
  MUSTER_STEP_FOLLOW = 4,
  MUSTER_STEP_PATROL = 5,
  MUSTER_STEP_WANDER = 6
} muster_step_kind_t;
typedef struct muster_step_t {
  uint32_t kind;
  int32_t value;
} muster_step_t;
typedef struct muster_behaviour_t {
  const muster_step_t *steps;
  uint32_t step_count;
  uint32_t think_ticks;
  int32_t sight;
  uint32_t reserved;
} muster_behaviour_t;
typedef struct muster_world_config_t {
  uint32_t size;
  uint32_t tick_rate_hz;
  uint64_t seed;
  uint32_t entities_max;
  uint32_t projectiles_max;
  uint32_t sectors_max;
  int32_t speed_max;
  int64_t reach_max;
  int32_t use_range;
  uint32_t commands_per_tick_max;
  uint32_t events_max[4];
  uint32_t massive_battle_min;
  uint32_t path_expansions_per_tick;
  uint32_t paths_max;
  uint32_t attribute_count;
  const char *const *attributes;
  const muster_weapon_t *weapons;
  uint32_t weapon_count;
  uint32_t weapon_size;
  const muster_behaviour_t *behaviours;
  uint32_t behaviour_count;
  uint32_t behaviour_size;
  const uint16_t *base_kinds;
  uint32_t base_kind_count;
  uint32_t rewind_ticks;
  muster_bytes_t map_json;
} muster_world_config_t;
typedef struct muster_execution_t {
  uint32_t size;
  uint32_t shards;
  uint32_t threads;
  uint32_t inline_below;
  uint32_t split_above;
} muster_execution_t;
typedef struct muster_sector_hash_t {
  muster_sector_t sector;
  uint64_t hash;
} muster_sector_hash_t;
typedef struct muster_stats_t {
  uint32_t size;
  uint32_t entities;
  uint32_t projectiles;
  uint32_t sectors;
  uint64_t kept_at_edge;
  uint64_t projectiles_dropped;
  uint64_t events_dropped[4];
  uint64_t commands_refused;
  uint64_t paths_refused;
  uint64_t inline_ticks;
} muster_stats_t;
muster_result_t muster_world_config_default(muster_world_config_t *out_config, uint32_t size);
muster_result_t muster_world_create(const muster_world_config_t *config, muster_world_t **out_world);
muster_result_t muster_world_destroy(muster_world_t *world);
muster_result_t muster_world_adopt(muster_world_t *world);
muster_result_t muster_world_set_execution(muster_world_t *world, const muster_execution_t *execution);
muster_result_t muster_world_step(muster_world_t *world, muster_bytes_t inputs);
muster_result_t muster_world_tick(muster_world_t *world, uint64_t *out_tick);
muster_result_t muster_world_entity_count(muster_world_t *world, uint32_t *out_count);
muster_result_t muster_world_stats(muster_world_t *world, muster_stats_t *out_stats);
muster_result_t muster_world_report_load(muster_world_t *world, uint32_t permille);
muster_result_t muster_world_rate_step(muster_world_t *world, uint32_t *out_step);
muster_result_t muster_world_hash(muster_world_t *world, uint64_t *out_hash);
muster_result_t muster_world_sector_hashes(muster_world_t *world, muster_sector_hash_t *out_hashes,
                                                      size_t capacity, size_t *out_count);
muster_result_t muster_world_save(muster_world_t *world, uint8_t *out_snapshot, size_t capacity,
                                             size_t *out_size);
muster_result_t muster_world_restore(muster_bytes_t snapshot, muster_bytes_t map_json,
                                                muster_world_t **out_world);
typedef uint64_t muster_entity_t;
typedef enum muster_shape_t {
  MUSTER_SHAPE_CIRCLE = 0,
  MUSTER_SHAPE_BOX = 1
} muster_shape_t;
typedef enum muster_column_t {
  MUSTER_COLUMN_VELOCITY_X = 0,
  MUSTER_COLUMN_VELOCITY_Y = 1,
  MUSTER_COLUMN_HEADING = 2,
  MUSTER_COLUMN_SHAPE = 3,
  MUSTER_COLUMN_HALF_X = 4,
  MUSTER_COLUMN_HALF_Y = 5,
  MUSTER_COLUMN_MASS = 6,
  MUSTER_COLUMN_RESTITUTION = 7,
  MUSTER_COLUMN_LAYERS = 8,
  MUSTER_COLUMN_COLLIDES = 9,
  MUSTER_COLUMN_SPEED_MAX = 10,
  MUSTER_COLUMN_ACCELERATION_MAX = 11,
  MUSTER_COLUMN_HEALTH = 12,
  MUSTER_COLUMN_HEALTH_MAX = 13,
  MUSTER_COLUMN_STATE = 14,
  MUSTER_COLUMN_TEAM = 15,
  MUSTER_COLUMN_KIND = 16,
  MUSTER_COLUMN_OWNER = 17,
  MUSTER_COLUMN_FLAGS = 18,
  MUSTER_COLUMN_TARGET = 19,
  MUSTER_COLUMN_ORDER = 20,
  MUSTER_COLUMN_GOAL_X = 21,
  MUSTER_COLUMN_GOAL_Y = 22,
  MUSTER_COLUMN_WEAPON = 23,
  MUSTER_COLUMN_READY_TICK = 24,
  MUSTER_COLUMN_PATH = 25,
  MUSTER_COLUMN_WAYPOINT = 26,
  MUSTER_COLUMN_BOT = 27,
  MUSTER_COLUMN_BOT_STATE = 28,
  MUSTER_COLUMN_ATTRIBUTE = 256
} muster_column_t;
typedef struct muster_spawn_t {
  muster_position_t position;
  const int32_t *attributes;
  int32_t velocity_x;
  int32_t velocity_y;
  int32_t speed_max;
  int32_t acceleration_max;
  int32_t health;
  int32_t health_max;
  uint32_t mass;
  uint32_t owner;
  uint32_t flags;
  uint32_t attribute_count;
  uint16_t heading;
  uint16_t half_x;
  uint16_t half_y;
  uint16_t layers;
  uint16_t collides;
  uint16_t state;
  uint16_t team;
  uint16_t kind;
  uint16_t bot;
  uint8_t shape;
  uint8_t restitution;
  uint8_t weapon;
  uint8_t reserved[3];
} muster_spawn_t;
muster_result_t muster_entities_spawn(muster_world_t *world, const muster_spawn_t *spawns, size_t count,
                                                 size_t spawn_size, muster_entity_t *out_ids);
muster_result_t muster_entities_despawn(muster_world_t *world, const muster_entity_t *ids, size_t count);
muster_result_t muster_entities_ids(muster_world_t *world, muster_entity_t *out_ids, size_t capacity,
                                               size_t *out_count);
muster_result_t muster_entity_is_alive(muster_world_t *world, muster_entity_t id, bool *out_is_alive);
muster_result_t muster_entities_read_i64(muster_world_t *world, const muster_entity_t *ids, size_t count,
                                                    uint32_t column, int64_t *out_values);
muster_result_t muster_entities_read_i32(muster_world_t *world, const muster_entity_t *ids, size_t count,
                                                    uint32_t column, int32_t *out_values);
muster_result_t muster_entities_write_i64(muster_world_t *world, const muster_entity_t *ids, size_t count,
                                                     uint32_t column, const int64_t *values);
muster_result_t muster_entities_write_i32(muster_world_t *world, const muster_entity_t *ids, size_t count,
                                                     uint32_t column, const int32_t *values);
muster_result_t muster_entities_read_positions(muster_world_t *world, const muster_entity_t *ids,
                                                          size_t count, muster_position_t *out_positions);
muster_result_t muster_entities_read_metres(muster_world_t *world, const muster_entity_t *ids, size_t count,
                                                       muster_position_t origin, float *out_xy);
muster_result_t muster_entities_place(muster_world_t *world, const muster_entity_t *ids, size_t count,
                                                 const muster_position_t *positions);
typedef enum muster_order_t {
  MUSTER_ORDER_NONE = 0,
  MUSTER_ORDER_VELOCITY = 1,
  MUSTER_ORDER_MOVE_TO = 2,
  MUSTER_ORDER_ATTACK = 3,
  MUSTER_ORDER_USE = 4,
  MUSTER_ORDER_FOLLOW = 5
} muster_order_t;
typedef enum muster_action_t {
  MUSTER_ACTION_MOVE_TO = 0,
  MUSTER_ACTION_SET_VELOCITY = 1,
  MUSTER_ACTION_ATTACK = 2,
  MUSTER_ACTION_FIRE = 3,
  MUSTER_ACTION_STOP = 4,
  MUSTER_ACTION_USE = 5,
  MUSTER_ACTION_CUSTOM = 6
} muster_action_t;
typedef struct muster_command_t {
  muster_entity_t entity;
  muster_entity_t target;
  muster_position_t position;
  int64_t value;
  int32_t velocity_x;
  int32_t velocity_y;
  uint32_t player;
  uint32_t action;
  uint16_t kind;
  uint16_t heading;
  uint16_t rewind_ticks;
  uint16_t reserved;
} muster_command_t;
typedef struct muster_projectile_t {
  muster_position_t position;
  muster_entity_t shooter;
  int32_t velocity_x;
  int32_t velocity_y;
  int32_t radius;
  int32_t damage;
  int32_t range;
  uint16_t team;
  uint16_t hits;
} muster_projectile_t;
muster_result_t muster_world_command(muster_world_t *world, const muster_command_t *commands, size_t count,
                                                size_t command_size);
muster_result_t muster_world_fire(muster_world_t *world, const muster_projectile_t *projectiles,
                                             size_t count, size_t projectile_size);
muster_result_t muster_world_take_over(muster_world_t *world, uint32_t player, uint16_t behaviour);
muster_result_t muster_world_hand_back(muster_world_t *world, uint32_t player);
typedef enum muster_event_class_t {
  MUSTER_CLASS_CRITICAL = 0,
  MUSTER_CLASS_HIGH = 1,
  MUSTER_CLASS_NORMAL = 2,
  MUSTER_CLASS_LOW = 3
} muster_event_class_t;
typedef enum muster_event_kind_t {
  MUSTER_EVENT_UNIT_DESTROYED = 0,
  MUSTER_EVENT_BASE_DESTROYED = 1,
  MUSTER_EVENT_MASSIVE_BATTLE = 2,
  MUSTER_EVENT_RESOURCE_CAPTURE = 3,
  MUSTER_EVENT_CONTACT = 4,
  MUSTER_EVENT_HIT = 5,
  MUSTER_EVENT_ZONE_ENTERED = 6,
  MUSTER_EVENT_ZONE_LEFT = 7,
  MUSTER_EVENT_PICKUP_TAKEN = 8,
  MUSTER_EVENT_COMMAND_REFUSED = 9,
  MUSTER_EVENT_USED = 10,
  MUSTER_EVENT_CUSTOM = 11,
  MUSTER_EVENT_FIRED = 12
} muster_event_kind_t;
typedef enum muster_refusal_t {
  MUSTER_REFUSAL_NO_ENTITY = 1,
  MUSTER_REFUSAL_NOT_OWNER = 2,
  MUSTER_REFUSAL_RATE = 3,
  MUSTER_REFUSAL_NO_TARGET = 4,
  MUSTER_REFUSAL_REACH = 5,
  MUSTER_REFUSAL_SPEED = 6,
  MUSTER_REFUSAL_UNABLE = 7,
  MUSTER_REFUSAL_NOT_READY = 8,
  MUSTER_REFUSAL_WRONG_SECTOR = 9
} muster_refusal_t;
typedef struct muster_event_t {
  uint64_t tick;
  muster_sector_t sector;
  muster_entity_t subject;
  muster_entity_t object;
  int64_t value;
  int32_t x;
  int32_t y;
  uint32_t detail;
  uint32_t count;
  uint32_t kind;
  uint32_t event_class;
} muster_event_t;
muster_result_t muster_world_events(muster_world_t *world, muster_event_t *out_events, size_t event_size,
                                               size_t capacity, size_t *out_count);
muster_result_t muster_world_emit(muster_world_t *world, const muster_event_t *event, size_t event_size);
typedef enum muster_zone_kind_t {
  MUSTER_ZONE_GENERIC = 0,
  MUSTER_ZONE_RESOURCE = 1,
  MUSTER_ZONE_BASE = 2
} muster_zone_kind_t;
typedef enum muster_pickup_effect_t {
  MUSTER_PICKUP_NOTHING = 0,
  MUSTER_PICKUP_HEALTH = 1,
  MUSTER_PICKUP_ATTRIBUTE = 2
} muster_pickup_effect_t;
typedef struct muster_map_info_t {
  uint32_t size;
  int32_t width;
  int32_t height;
  uint32_t zones;
  uint32_t pickups;
  uint32_t spawn_points;
  uint32_t routes;
  uint32_t reserved;
  muster_position_t origin;
  uint64_t hash;
} muster_map_info_t;
typedef struct muster_zone_t {
  muster_position_t centre;
  uint32_t kind;
  uint32_t shape;
  int32_t half_x;
  int32_t half_y;
  uint32_t capture_ticks;
  int32_t value;
  uint32_t tag;
  uint16_t team;
  uint16_t reserved;
} muster_zone_t;
typedef struct muster_spawn_point_t {
  muster_position_t position;
  uint16_t team;
  uint16_t heading;
  uint32_t reserved;
} muster_spawn_point_t;
typedef struct muster_pickup_t {
  muster_position_t position;
  int32_t radius;
  int32_t amount;
  uint32_t respawn_ticks;
  uint32_t effect;
  uint16_t kind;
  uint16_t attribute;
  uint32_t is_there;
} muster_pickup_t;
muster_result_t muster_map_check(muster_bytes_t map_json);
muster_result_t muster_map_info(muster_world_t *world, muster_map_info_t *out_info);
muster_result_t muster_map_zones(muster_world_t *world, muster_zone_t *out_zones, size_t zone_size,
                                            size_t capacity, size_t *out_count);
muster_result_t muster_map_zone_name(muster_world_t *world, uint32_t zone, char *out_name, size_t capacity,
                                                size_t *out_length);
muster_result_t muster_map_spawn_points(muster_world_t *world, muster_spawn_point_t *out_points,
                                                   size_t point_size, size_t capacity, size_t *out_count);
muster_result_t muster_map_pickups(muster_world_t *world, muster_pickup_t *out_pickups, size_t pickup_size,
                                              size_t capacity, size_t *out_count);
muster_result_t muster_map_route(muster_world_t *world, uint32_t route, muster_position_t *out_points,
                                            size_t capacity, size_t *out_count);
muster_result_t muster_path_find(muster_world_t *world, muster_position_t from, muster_position_t to,
                                            uint32_t expansions_max, muster_position_t *out_waypoints, size_t capacity,
                                            size_t *out_count);
typedef struct muster_filter_t {
  uint32_t size;
  uint16_t layers;
  uint16_t except_team;
  muster_entity_t except;
} muster_filter_t;
typedef struct muster_ray_hit_t {
  uint32_t size;
  uint32_t reserved;
  muster_entity_t entity;
  uint64_t time;
  muster_position_t position;
} muster_ray_hit_t;
muster_result_t muster_query_radius(muster_world_t *world, muster_position_t centre, int64_t radius,
                                               const muster_filter_t *filter, muster_entity_t *out_ids, size_t capacity,
                                               size_t *out_count);
muster_result_t muster_query_box(muster_world_t *world, muster_position_t centre, int64_t half_width,
                                            int64_t half_height, const muster_filter_t *filter,
                                            muster_entity_t *out_ids, size_t capacity, size_t *out_count);
muster_result_t muster_query_nearest(muster_world_t *world, muster_position_t centre, int64_t radius,
                                                const muster_filter_t *filter, muster_entity_t *out_ids,
                                                size_t capacity, size_t *out_count);
muster_result_t muster_query_ray(muster_world_t *world, muster_position_t from, int64_t right, int64_t up,
                                            int32_t radius, const muster_filter_t *filter, bool *out_is_hit,
                                            muster_ray_hit_t *out_hit);
muster_result_t muster_query_raycast_rewound(muster_world_t *world, muster_position_t from, int64_t right,
                                                        int64_t up, int32_t radius, const muster_filter_t *filter,
                                                        uint32_t ticks, bool *out_is_hit, muster_ray_hit_t *out_hit);
muster_result_t muster_query_line_of_sight(muster_world_t *world, muster_position_t from,
                                                      muster_position_t to, bool *out_is_free);
typedef struct muster_replay_settings_t {
  uint32_t size;
  uint32_t key_ticks;
  uint32_t sector_hashes;
  uint32_t reserved;
  uint64_t pending_bytes_max;
} muster_replay_settings_t;
typedef struct muster_replay_info_t {
  uint32_t size;
  uint32_t key_ticks;
  uint64_t tick_first;
  uint64_t tick_last;
  uint64_t config_hash;
  uint64_t map_hash;
  uint32_t is_whole;
  uint32_t reserved;
} muster_replay_info_t;
typedef struct muster_divergence_t {
  uint32_t size;
  uint32_t has_value;
  uint64_t tick;
  uint64_t recorded_hash;
  uint64_t played_hash;
  muster_sector_t sector;
  muster_entity_t entity;
  int64_t recorded_value;
  int64_t played_value;
  uint32_t has_sector;
  uint32_t column;
} muster_divergence_t;
muster_result_t muster_replay_record(muster_world_t *world, const muster_replay_settings_t *settings);
muster_result_t muster_replay_take(muster_world_t *world, uint8_t *out_bytes, size_t capacity,
                                              size_t *out_size);
muster_result_t muster_replay_ticks_lost(muster_world_t *world, uint64_t *out_ticks);
muster_result_t muster_replay_finish(muster_world_t *world);
muster_result_t muster_replay_info(muster_bytes_t replay, muster_replay_info_t *out_info);
muster_result_t muster_replay_verify(muster_bytes_t replay, muster_bytes_t map_json,
                                                muster_divergence_t *out_divergence);
muster_result_t muster_replay_seek(muster_bytes_t replay, muster_bytes_t map_json, uint64_t tick,
                                              muster_world_t **out_world);
muster_result_t muster_replay_step(muster_world_t *world, muster_bytes_t replay, bool *out_is_end);
typedef struct muster_sync_client_t muster_sync_client_t;
typedef enum muster_departure_kind_t {
  MUSTER_DEPARTURE_LEFT = 0,
  MUSTER_DEPARTURE_DESTROYED = 1
} muster_departure_kind_t;
typedef struct muster_sync_client_options_t {
  uint32_t size;
  uint32_t groups_max;
  uint32_t entities_max;
  uint32_t owner_values_max;
  uint32_t beyond_us;
  uint32_t smooth_us;
  int32_t snap;
} muster_sync_client_options_t;
typedef struct muster_sync_terms_t {
  uint32_t size;
  uint32_t session;
  uint32_t player;
  uint32_t tick_rate_hz;
  uint32_t update_ticks;
  uint32_t packet_max;
  uint32_t public_attribute_count;
  uint32_t owner_attribute_count;
  uint8_t public_attributes[64];
  uint8_t owner_attributes[64];
  uint64_t tick;
  uint64_t map_hash;
} muster_sync_terms_t;
typedef struct muster_received_t {
  uint32_t size;
  uint32_t update;
  uint32_t states;
  uint32_t events;
  uint32_t is_whole;
} muster_received_t;
typedef struct muster_predicted_t {
  uint32_t size;
  uint32_t heading;
  muster_entity_t entity;
  muster_position_t position;
  int32_t velocity_x;
  int32_t velocity_y;
  uint64_t tick;
} muster_predicted_t;
typedef struct muster_departure_t {
  muster_entity_t entity;
  uint32_t kind;
  uint32_t reserved;
} muster_departure_t;
typedef struct muster_sync_client_stats_t {
  uint32_t size;
  uint32_t groups;
  uint32_t entities;
  uint32_t rtt_us;
  uint32_t jitter_us;
  uint32_t delay_us;
  uint32_t lead_us;
  uint32_t reserved;
  uint64_t shown_tick;
  uint64_t packets;
  uint64_t bytes;
  uint64_t states;
  uint64_t states_whole;
  uint64_t states_late;
  uint64_t states_unknown;
  uint64_t lost;
  uint64_t refused[12];
  uint64_t reports;
  uint64_t report_bytes;
  uint64_t corrections;
  uint64_t dropped;
} muster_sync_client_stats_t;
muster_result_t muster_sync_client_options_default(muster_sync_client_options_t *out_options, uint32_t size);
muster_result_t muster_sync_hello(uint8_t *out_hello, size_t capacity, size_t *out_size);
muster_result_t muster_sync_terms(muster_bytes_t welcome, muster_sync_terms_t *out_terms);
muster_result_t muster_sync_client_create(muster_bytes_t welcome, muster_bytes_t map_json,
                                                     const muster_sync_client_options_t *options,
                                                     muster_sync_client_t **out_client);
muster_result_t muster_sync_client_destroy(muster_sync_client_t *client);
muster_result_t muster_sync_client_adopt(muster_sync_client_t *client);
muster_result_t muster_sync_client_receive(muster_sync_client_t *client, muster_bytes_t packet,
                                                      uint64_t now_us, muster_received_t *out_received);
muster_result_t muster_sync_client_command(muster_sync_client_t *client, const muster_command_t *command,
                                                      size_t command_size);
muster_result_t muster_sync_client_advance(muster_sync_client_t *client, uint64_t now_us);
muster_result_t muster_sync_client_report(muster_sync_client_t *client, uint64_t now_us,
                                                     uint8_t *out_report, size_t capacity, size_t *out_size);
muster_result_t muster_sync_client_ids(muster_sync_client_t *client, muster_entity_t *out_ids,
                                                  size_t capacity, size_t *out_count);
muster_result_t muster_sync_client_read_positions(muster_sync_client_t *client,
                                                             muster_position_t *out_positions, size_t capacity,
                                                             size_t *out_count);
muster_result_t muster_sync_client_read_metres(muster_sync_client_t *client, muster_position_t origin,
                                                          float *out_xy, size_t capacity, size_t *out_count);
muster_result_t muster_sync_client_read_i64(muster_sync_client_t *client, uint32_t column,
                                                       int64_t *out_values, size_t capacity, size_t *out_count);
muster_result_t muster_sync_client_read_i32(muster_sync_client_t *client, uint32_t column,
                                                       int32_t *out_values, size_t capacity, size_t *out_count);
muster_result_t muster_sync_client_owner_value(muster_sync_client_t *client, muster_entity_t entity,
                                                          uint32_t attribute, bool *out_is_known, int32_t *out_value);
muster_result_t muster_sync_client_predicted(muster_sync_client_t *client, bool *out_is_predicted,
                                                        muster_predicted_t *out_predicted);
muster_result_t muster_sync_client_take_events(muster_sync_client_t *client, muster_event_t *out_events,
                                                          size_t event_size, size_t capacity, size_t *out_count);
muster_result_t muster_sync_client_take_departures(muster_sync_client_t *client,
                                                              muster_departure_t *out_departures,
                                                              size_t departure_size, size_t capacity,
                                                              size_t *out_count);
muster_result_t muster_sync_client_stats(muster_sync_client_t *client,
                                                    muster_sync_client_stats_t *out_stats);
typedef struct muster_sync_server_t muster_sync_server_t;
typedef uint64_t muster_viewer_t;
typedef struct muster_kind_weight_t {
  uint16_t kind;
  uint16_t weight;
} muster_kind_weight_t;
typedef struct muster_sync_config_t {
  uint32_t size;
  uint32_t session;
  uint32_t viewers_max;
  uint32_t groups_max;
  uint32_t cell_shift;
  uint32_t history;
  uint32_t delay_max;
  uint32_t update_ticks;
  uint32_t packet_max;
  uint32_t rates_hz[3];
  int32_t rate_radii[2];
  const uint8_t *public_attributes;
  const uint8_t *owner_attributes;
  const muster_kind_weight_t *kind_weights;
  uint32_t public_attribute_count;
  uint32_t owner_attribute_count;
  uint32_t kind_weight_count;
  uint32_t reserved;
} muster_sync_config_t;
typedef struct muster_viewer_options_t {
  uint32_t size;
  uint32_t player;
  uint32_t budget;
  uint32_t delay;
  uint16_t team;
  uint8_t sees_hidden;
  uint8_t is_everywhere;
} muster_viewer_options_t;
typedef struct muster_view_t {
  muster_position_t position;
  muster_entity_t entity;
  int32_t enter;
  int32_t leave;
} muster_view_t;
typedef struct muster_inputs_due_t {
  uint32_t size;
  uint32_t inputs;
  uint32_t rewind_ticks;
} muster_inputs_due_t;
typedef struct muster_sync_server_stats_t {
  uint32_t size;
  uint32_t viewers;
  uint32_t groups;
  uint32_t cells;
  uint64_t updates;
  uint64_t shares_encoded;
  uint64_t shares_sent;
  uint64_t shares_whole;
  uint64_t shares_deferred;
  uint64_t packets;
  uint64_t bytes;
  uint64_t own_bytes;
  uint64_t event_bytes;
  uint64_t divided;
  uint64_t unplaced;
  uint64_t events_dropped;
  uint64_t reports_refused;
} muster_sync_server_stats_t;
muster_result_t muster_sync_config_default(muster_sync_config_t *out_config, uint32_t size);
muster_result_t muster_viewer_options_default(muster_viewer_options_t *out_options, uint32_t size);
muster_result_t muster_sync_server_create(muster_world_t *world, const muster_sync_config_t *config,
                                                     muster_sync_server_t **out_server);
muster_result_t muster_sync_server_destroy(muster_sync_server_t *server);
muster_result_t muster_sync_server_adopt(muster_sync_server_t *server);
muster_result_t muster_sync_server_welcome(muster_sync_server_t *server, muster_world_t *world,
                                                      muster_bytes_t hello, uint32_t player, uint8_t *out_welcome,
                                                      size_t capacity, size_t *out_size);
muster_result_t muster_sync_server_add_viewer(muster_sync_server_t *server,
                                                         const muster_viewer_options_t *options,
                                                         muster_viewer_t *out_viewer);
muster_result_t muster_sync_server_remove_viewer(muster_sync_server_t *server, muster_viewer_t viewer);
muster_result_t muster_sync_server_set_views(muster_sync_server_t *server, muster_viewer_t viewer,
                                                        const muster_view_t *views, size_t count, size_t view_size);
muster_result_t muster_sync_server_set_predicted(muster_sync_server_t *server, muster_viewer_t viewer,
                                                            muster_entity_t entity);
muster_result_t muster_sync_server_tick(muster_sync_server_t *server, muster_world_t *world,
                                                   bool *out_is_update);
muster_result_t muster_sync_server_take_packets(muster_sync_server_t *server, muster_world_t *world,
                                                           muster_viewer_t viewer, uint64_t now_us, uint8_t *out_bytes,
                                                           size_t capacity, size_t *out_size, uint32_t *out_lengths,
                                                           size_t lengths_capacity, size_t *out_count);
muster_result_t muster_sync_server_receive(muster_sync_server_t *server, muster_viewer_t viewer,
                                                      muster_bytes_t report, uint64_t now_us);
muster_result_t muster_sync_server_take_inputs(muster_sync_server_t *server, muster_world_t *world,
                                                          muster_viewer_t viewer, muster_command_t *out_commands,
                                                          size_t command_size, size_t capacity, size_t *out_count,
                                                          muster_inputs_due_t *out_due);
muster_result_t muster_sync_server_apply_inputs(muster_sync_server_t *server, muster_world_t *world,
                                                           muster_viewer_t viewer, muster_inputs_due_t *out_due);
muster_result_t muster_sync_server_stats(muster_sync_server_t *server,
                                                    muster_sync_server_stats_t *out_stats);
uint32_t muster_version(void);
const char *muster_version_text(void);
]]
