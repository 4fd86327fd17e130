/* What the C programs about synchronisation share: a server with one viewer, who plays the first disc of the small world,
 * and its client; and a network between them that loses what it is told to. */
#ifndef MUSTER_TESTS_SYNC_H
#define MUSTER_TESTS_SYNC_H

#include "check.h"

enum { SESSION = 4711, PACKETS_MAX = 16, BYTES_MAX = 1 << 15 };

typedef struct session_t {
  muster_world_t *world;
  muster_entity_t ids[DISCS];
  muster_sync_server_t *server;
  muster_viewer_t viewer;
  muster_sync_client_t *client;
  uint64_t now_us;
  /* Of the last update. */
  uint8_t packets[BYTES_MAX];
  uint32_t lengths[PACKETS_MAX];
  size_t size, count;
  /* Of the last report. */
  uint8_t report[MUSTER_REPORT_MAX];
  size_t report_size;
} session_t;

static inline muster_sync_config_t sync_config(void) {
  static const uint8_t gold[] = {1}, wood[] = {0};
  muster_sync_config_t config;
  OK(muster_sync_config_default(&config, sizeof config));
  config.session = SESSION;
  config.viewers_max = 4;
  config.groups_max = 64;
  config.update_ticks = 2;
  config.public_attributes = gold;
  config.public_attribute_count = 1;
  config.owner_attributes = wood;
  config.owner_attribute_count = 1;
  return config;
}

static inline muster_sync_client_options_t client_options(void) {
  muster_sync_client_options_t options;
  OK(muster_sync_client_options_default(&options, sizeof options));
  options.groups_max = 64;
  options.entities_max = 64;
  options.owner_values_max = 64;
  return options;
}

/* What the server answers to a hello. */
static inline size_t welcome_of(session_t *session, uint8_t *welcome, size_t capacity) {
  uint8_t hello[128];
  size_t hello_size, size;
  OK(muster_sync_hello(hello, sizeof hello, &hello_size));
  OK(muster_sync_server_welcome(session->server, session->world, (muster_bytes_t){hello, hello_size}, 7, welcome,
                                capacity, &size));
  return size;
}

static inline void begin(session_t *session) {
  memset(session, 0, sizeof *session);
  session->world = small_world(session->ids);
  const muster_sync_config_t config = sync_config();
  OK(muster_sync_server_create(session->world, &config, &session->server));
  muster_viewer_options_t options;
  OK(muster_viewer_options_default(&options, sizeof options));
  options.player = 7;
  options.team = 1;
  OK(muster_sync_server_add_viewer(session->server, &options, &session->viewer));
  const muster_view_t view = {.entity = session->ids[0], .enter = 100 * MUSTER_METRE, .leave = 110 * MUSTER_METRE};
  OK(muster_sync_server_set_views(session->server, session->viewer, &view, 1, sizeof view));
  OK(muster_sync_server_set_predicted(session->server, session->viewer, session->ids[0]));
  uint8_t welcome[4096];
  const size_t size = welcome_of(session, welcome, sizeof welcome);
  const muster_sync_client_options_t client = client_options();
  OK(muster_sync_client_create((muster_bytes_t){welcome, size}, NO_BYTES, &client, &session->client));
}

static inline void end(session_t *session) {
  OK(muster_sync_client_destroy(session->client));
  OK(muster_sync_server_destroy(session->server));
  OK(muster_world_destroy(session->world));
}

/* A tick of the world; true if there is an update, whose packets are then in the session. */
static inline bool tick(session_t *session) {
  OK(muster_sync_server_apply_inputs(session->server, session->world, session->viewer, NULL));
  OK(muster_world_step(session->world, NO_BYTES));
  session->now_us += 1000000 / 60;
  bool is_update;
  OK(muster_sync_server_tick(session->server, session->world, &is_update));
  if (is_update) {
    OK(muster_sync_server_take_packets(session->server, session->world, session->viewer, session->now_us,
                                       session->packets, BYTES_MAX, &session->size, session->lengths, PACKETS_MAX,
                                       &session->count));
  }
  return is_update;
}

/* Hands the packets of the last update to the client. */
static inline void deliver(session_t *session) {
  size_t from = 0;
  for (size_t i = 0; i < session->count; i++) {
    const muster_bytes_t packet = {session->packets + from, session->lengths[i]};
    OK(muster_sync_client_receive(session->client, packet, session->now_us, NULL));
    from += session->lengths[i];
  }
  CHECK(from == session->size);
}

/* A frame of the client, whose report is then in the session. */
static inline void frame(session_t *session) {
  OK(muster_sync_client_advance(session->client, session->now_us));
  OK(muster_sync_client_report(session->client, session->now_us, session->report, sizeof session->report,
                               &session->report_size));
}

static inline void answer(session_t *session) {
  const muster_bytes_t report = {session->report, session->report_size};
  OK(muster_sync_server_receive(session->server, session->viewer, report, session->now_us));
}

/* So many ticks over a network that loses every `lost`th packet and report; 0 loses none. */
static inline void play(session_t *session, int ticks, int lost) {
  for (int i = 1; i <= ticks; i++) {
    if (tick(session) && (lost == 0 || i % lost != 0)) {
      deliver(session);
    }
    frame(session);
    if (lost == 0 || i % lost != 1) {
      answer(session);
    }
  }
}

#endif
