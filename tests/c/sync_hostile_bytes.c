/* Goal: hellos, welcomes, packets and reports that were cut or changed at any byte are refused, or mean something that is
 * allowed. What was refused has changed nothing, and nothing is read beyond it.
 *
 * Method: every prefix of each message is tried in a block of exactly its size, and every bit of it is flipped, in the
 * middle of a session; the session goes on afterwards. */
#include "sync.h"

static session_t session;

typedef muster_result_t (*try_t)(muster_bytes_t bytes);

static muster_result_t try_hello(muster_bytes_t bytes) {
  static uint8_t welcome[4096];
  size_t size;
  return muster_sync_server_welcome(session.server, session.world, bytes, 7, welcome, sizeof welcome, &size);
}

static muster_result_t try_welcome(muster_bytes_t bytes) {
  muster_sync_terms_t terms = {.size = sizeof terms};
  const muster_sync_client_options_t options = client_options();
  muster_sync_client_t *client = NULL;
  const muster_result_t read = muster_sync_terms(bytes, &terms);
  const muster_result_t made = muster_sync_client_create(bytes, NO_BYTES, &options, &client);
  CHECK(read == made || made == MUSTER_E_MAP);
  CHECK((client != NULL) == (made == MUSTER_OK));
  if (client != NULL) {
    OK(muster_sync_client_destroy(client));
  }
  return made;
}

static muster_result_t try_packet(muster_bytes_t bytes) {
  const muster_result_t result = muster_sync_client_receive(session.client, bytes, session.now_us, NULL);
  OK(muster_sync_client_advance(session.client, session.now_us));
  return result;
}

static muster_result_t try_report(muster_bytes_t bytes) {
  muster_inputs_due_t due = {.size = sizeof due};
  const muster_result_t result = muster_sync_server_receive(session.server, session.viewer, bytes, session.now_us);
  OK(muster_sync_server_apply_inputs(session.server, session.world, session.viewer, &due));
  return result;
}

/* Cuts, flips and fills; the answers are MUSTER_OK, `refused` or `other`. */
static void try_all(try_t try, const uint8_t *bytes, size_t size, int refused, int other) {
  for (size_t length = 0; length < size; length++) {
    uint8_t *cut = exact_copy(bytes, length);
    const int result = try((muster_bytes_t){cut, length});
    /* Zeros at the end of a message may be there to fill a word. */
    CHECK(result == refused || (result == MUSTER_OK && size - length < 4 && bytes[length] == 0));
    CHECK(last_message()[0] != '\0');
    free(cut);
  }
  uint8_t *flipped = exact_copy(bytes, size);
  for (size_t bit = 0; bit < 8 * size; bit++) {
    flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
    const int result = try((muster_bytes_t){flipped, size});
    CHECK(result == MUSTER_OK || result == refused || result == other);
    flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  for (int value = 0; value < 256; value++) {
    memset(flipped, value, size);
    EXPECT(refused, try((muster_bytes_t){flipped, size}));
  }
  free(flipped);
}

static void restart(void) {
  end(&session);
  begin(&session);
  play(&session, 31, 5);
}

int main(void) {
  begin(&session);
  play(&session, 31, 5);
  uint8_t bytes[4096];
  size_t size;
  OK(muster_sync_hello(bytes, sizeof bytes, &size));
  try_all(try_hello, bytes, size, MUSTER_E_TERMS, MUSTER_E_TERMS);
  size = welcome_of(&session, bytes, sizeof bytes);
  try_all(try_welcome, bytes, size, MUSTER_E_TERMS, MUSTER_E_MAP);

  /* The first packets tell all, and later ones what has changed. */
  for (int i = 0; i < 3; i++) {
    const muster_command_t go = {.entity = session.ids[i], .player = 7, .action = MUSTER_ACTION_ATTACK,
                                 .target = session.ids[5]};
    OK(muster_world_command(session.world, &go, 1, sizeof go));
    while (!tick(&session)) {
    }
    CHECK(session.count == 1);
    try_all(try_packet, session.packets, session.size, MUSTER_E_PACKET, MUSTER_E_PACKET);
    restart();
  }
  session_t fresh;
  begin(&fresh);
  while (!tick(&fresh)) {
  }
  memcpy(bytes, fresh.packets, fresh.size);
  size = fresh.size;
  CHECK(fresh.count == 1);
  end(&fresh);
  end(&session);
  begin(&session);
  try_all(try_packet, bytes, size, MUSTER_E_PACKET, MUSTER_E_PACKET);
  restart();

  const muster_command_t commands[] = {
      {.entity = session.ids[0], .action = MUSTER_ACTION_MOVE_TO, .position = at(30, 30)},
      {.entity = session.ids[1], .action = MUSTER_ACTION_FIRE, .heading = 1000},
      {.entity = session.ids[2], .action = MUSTER_ACTION_CUSTOM, .kind = 3, .value = INT64_MIN}};
  for (size_t i = 0; i < COUNT(commands); i++) {
    OK(muster_sync_client_command(session.client, &commands[i], sizeof commands[i]));
  }
  session.now_us += 100000;
  frame(&session);
  try_all(try_report, session.report, session.report_size, MUSTER_E_REPORT, MUSTER_E_REPORT);

  /* What one session said means nothing in another. */
  restart();
  muster_sync_client_t *stranger;
  muster_sync_server_t *elsewhere;
  OK(muster_sync_server_create(session.world, NULL, &elsewhere));
  uint8_t hello[128];
  size_t hello_size;
  OK(muster_sync_hello(hello, sizeof hello, &hello_size));
  OK(muster_sync_server_welcome(elsewhere, session.world, (muster_bytes_t){hello, hello_size}, 0, bytes, sizeof bytes,
                                &size));
  const muster_sync_client_options_t options = client_options();
  OK(muster_sync_client_create((muster_bytes_t){bytes, size}, NO_BYTES, &options, &stranger));
  while (!tick(&session)) {
  }
  EXPECT(MUSTER_E_PACKET, muster_sync_client_receive(stranger, (muster_bytes_t){session.packets, session.lengths[0]},
                                                     session.now_us, NULL));
  OK(muster_sync_client_report(stranger, session.now_us, session.report, sizeof session.report, &session.report_size));
  EXPECT(MUSTER_E_REPORT, muster_sync_server_receive(session.server, session.viewer,
                                                     (muster_bytes_t){session.report, session.report_size},
                                                     session.now_us));
  OK(muster_sync_client_destroy(stranger));
  OK(muster_sync_server_destroy(elsewhere));
  play(&session, 60, 0);
  size_t count;
  EXPECT(MUSTER_E_BUFFER, muster_sync_client_ids(session.client, NULL, 0, &count));
  CHECK(count == DISCS);
  end(&session);
  return 0;
}
