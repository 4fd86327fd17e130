/* Goal: an update that goes as the one before allocates nothing, on either side. Method: the sanitizer's allocator calls
 * back for every block; discs move to and fro until all lists have their lengths, and then on. */
#include "sync.h"

/* Of AddressSanitizer; its header is not installed with every compiler. */
extern int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void *, size_t),
                                                     void (*)(const volatile void *));

static session_t session;
static size_t blocks;

static void allocated(const volatile void *block, size_t size) {
  (void)block;
  (void)size;
  blocks++;
}

static void freed(const volatile void *block) {
  (void)block;
}

static void seconds(int count) {
  muster_entity_t ids[DISCS];
  int64_t health[DISCS];
  muster_event_t events[64];
  muster_departure_t departures[DISCS];
  size_t found;
  for (int second = 0; second < count; second++) {
    for (int i = 0; i < DISCS; i++) {
      const muster_command_t go = {.entity = session.ids[i], .action = MUSTER_ACTION_SET_VELOCITY,
                                   .velocity_y = (second % 2 ? 3 : -3) * MUSTER_METRE};
      /* The first is moved by its player. */
      if (i == 0) {
        OK(muster_sync_client_command(session.client, &go, sizeof go));
      } else {
        OK(muster_world_command(session.world, &go, 1, sizeof go));
      }
    }
    play(&session, 60, 7);
    OK(muster_sync_client_ids(session.client, ids, DISCS, &found));
    OK(muster_sync_client_read_i64(session.client, MUSTER_COLUMN_HEALTH, health, DISCS, &found));
    OK(muster_sync_client_take_events(session.client, events, sizeof events[0], COUNT(events), &found));
    OK(muster_sync_client_take_departures(session.client, departures, sizeof departures[0], DISCS, &found));
  }
}

int main(void) {
  begin(&session);
  seconds(6);
  CHECK(__sanitizer_install_malloc_and_free_hooks(allocated, freed) > 0);
  void *volatile seen = malloc(1);
  free(seen);
  CHECK(blocks == 1);
  seconds(6);
  if (blocks != 1) {
    fprintf(stderr, "%zu blocks were allocated in 6 seconds\n", blocks - 1);
    return 1;
  }
  end(&session);
  return 0;
}
