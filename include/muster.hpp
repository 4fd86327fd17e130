/* Muster for C++17: the C functions with owners, containers and exceptions.
 *
 * Everything is inline and thin; what a call does, costs and refuses is written beside the C function of the same name.
 * A refusal is thrown as muster::error. Where exceptions are off, it ends the program: then use the C functions, and
 * muster::world only as the owner of its handle. */
#ifndef MUSTER_HPP
#define MUSTER_HPP

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "muster.h"

namespace muster {

/* A call that was refused: its result, and the library's sentence about it. */
class error : public std::runtime_error {
 public:
  error(muster_result_t result, const std::string &text) : std::runtime_error(text), result_(result) {}

  muster_result_t result() const noexcept { return result_; }

 private:
  muster_result_t result_;
};

/* Throws unless the result is MUSTER_OK. */
inline void check(muster_result_t result) {
  if (result == MUSTER_OK) {
    return;
  }
#if defined(__cpp_exceptions)
  char text[1025];
  std::size_t length = 0;
  if (muster_error_message(text, sizeof text, &length) != MUSTER_OK) {
    length = 0;
  }
  throw error(result, std::string(muster_result_name(result)) + ": " + std::string(text, length));
#else
  std::abort();
#endif
}

/* A place so many metres to the right of and above the corner of the sector 0, 0. */
inline muster_position_t at_metres(double x, double y) noexcept {
  return muster_position_offset({0, 0, 0, 0}, static_cast<std::int64_t>(x * MUSTER_METRE),
                                static_cast<std::int64_t>(y * MUSTER_METRE));
}

/* The defaults of muster_world_config_default. */
inline muster_world_config_t default_config() {
  muster_world_config_t config;
  check(muster_world_config_default(&config, sizeof config));
  return config;
}

/* Owns what a handle stands for, and ends it. It is moved, not copied. */
template <typename T, muster_result_t (*destroy)(T *)>
class owner {
 public:
  owner(owner &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  owner &operator=(owner &&other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  owner(const owner &) = delete;
  owner &operator=(const owner &) = delete;

  /* The handle, for C functions. It stays this object's. */
  T *get() const noexcept { return handle_; }

 protected:
  owner() noexcept = default;
  explicit owner(T *handle) noexcept : handle_(handle) {}
  ~owner() {
    if (handle_ != nullptr) {
      destroy(handle_);
    }
  }

  T *handle_ = nullptr;
};

/* The bytes of a list or a text, for one call. */
inline muster_bytes_t bytes_of(const std::vector<std::uint8_t> &bytes) noexcept { return {bytes.data(), bytes.size()}; }
inline muster_bytes_t bytes_of(const std::string &text) noexcept {
  return {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()};
}

/* Fills a vector by a function that says how many items there are when there is no room for them. */
template <typename T, typename Ask>
inline void fill(std::vector<T> &out, Ask ask) {
  out.resize(out.capacity());
  std::size_t count = 0;
  muster_result_t result = ask(out.data(), out.size(), &count);
  if (result == MUSTER_E_BUFFER) {
    out.resize(count);
    result = ask(out.data(), out.size(), &count);
  }
  check(result);
  out.resize(count);
}

/* Owns a world. */
class world : public owner<muster_world_t, muster_world_destroy> {
 public:
  world() { check(muster_world_create(nullptr, &handle_)); }
  explicit world(const muster_world_config_t &config) { check(muster_world_create(&config, &handle_)); }

  /* A world from a snapshot, with the text of the map that it had. */
  static world restore(const std::vector<std::uint8_t> &snapshot, const std::string &map_json = {}) {
    muster_world_t *handle = nullptr;
    check(muster_world_restore(bytes_of(snapshot), bytes_of(map_json), &handle));
    return world(handle);
  }

  /* Takes over a handle that C functions made. */
  explicit world(muster_world_t *handle) noexcept : owner(handle) {}

  void adopt() { check(muster_world_adopt(handle_)); }
  void set_execution(const muster_execution_t &execution) { check(muster_world_set_execution(handle_, &execution)); }
  void step() { check(muster_world_step(handle_, {nullptr, 0})); }
  void step(const std::vector<std::uint8_t> &inputs) { check(muster_world_step(handle_, bytes_of(inputs))); }

  std::uint64_t tick() const { return value<std::uint64_t>(muster_world_tick); }
  std::uint64_t hash() const { return value<std::uint64_t>(muster_world_hash); }
  std::uint32_t entity_count() const { return value<std::uint32_t>(muster_world_entity_count); }

  std::vector<muster_entity_t> spawn(const std::vector<muster_spawn_t> &spawns) {
    std::vector<muster_entity_t> ids(spawns.size());
    check(muster_entities_spawn(handle_, spawns.data(), spawns.size(), sizeof(muster_spawn_t), ids.data()));
    return ids;
  }
  muster_entity_t spawn(const muster_spawn_t &spawn) {
    muster_entity_t id = MUSTER_ENTITY_NULL;
    check(muster_entities_spawn(handle_, &spawn, 1, sizeof spawn, &id));
    return id;
  }
  void despawn(const std::vector<muster_entity_t> &ids) {
    check(muster_entities_despawn(handle_, ids.data(), ids.size()));
  }
  bool is_alive(muster_entity_t id) const {
    bool is_alive = false;
    check(muster_entity_is_alive(handle_, id, &is_alive));
    return is_alive;
  }

  /* These fill a vector of the caller, so that the memory of the last tick serves the next one. */
  void ids(std::vector<muster_entity_t> &out) const {
    fill(out, [this](muster_entity_t *items, std::size_t capacity, std::size_t *count) {
      return muster_entities_ids(handle_, items, capacity, count);
    });
  }
  void events(std::vector<muster_event_t> &out) const {
    fill(out, [this](muster_event_t *items, std::size_t capacity, std::size_t *count) {
      return muster_world_events(handle_, items, sizeof(muster_event_t), capacity, count);
    });
  }
  void save(std::vector<std::uint8_t> &out) const {
    fill(out, [this](std::uint8_t *items, std::size_t capacity, std::size_t *count) {
      return muster_world_save(handle_, items, capacity, count);
    });
  }
  void radius(muster_position_t centre, std::int64_t radius, const muster_filter_t *filter,
              std::vector<muster_entity_t> &out) const {
    fill(out, [=](muster_entity_t *items, std::size_t capacity, std::size_t *count) {
      return muster_query_radius(handle_, centre, radius, filter, items, capacity, count);
    });
  }
  void read(const std::vector<muster_entity_t> &ids, muster_column_t column, std::vector<std::int64_t> &out) const {
    out.resize(ids.size());
    check(muster_entities_read_i64(handle_, ids.data(), ids.size(), column, out.data()));
  }
  void read(const std::vector<muster_entity_t> &ids, muster_column_t column, std::vector<std::int32_t> &out) const {
    out.resize(ids.size());
    check(muster_entities_read_i32(handle_, ids.data(), ids.size(), column, out.data()));
  }
  void positions(const std::vector<muster_entity_t> &ids, std::vector<muster_position_t> &out) const {
    out.resize(ids.size());
    check(muster_entities_read_positions(handle_, ids.data(), ids.size(), out.data()));
  }
  /* Two floats an entity. */
  void metres(const std::vector<muster_entity_t> &ids, muster_position_t origin, std::vector<float> &out) const {
    out.resize(2 * ids.size());
    check(muster_entities_read_metres(handle_, ids.data(), ids.size(), origin, out.data()));
  }

  /* `values` has as many items as `ids`. */
  void write(const std::vector<muster_entity_t> &ids, muster_column_t column, const std::vector<std::int64_t> &values) {
    check_lengths(ids.size(), values.size());
    check(muster_entities_write_i64(handle_, ids.data(), ids.size(), column, values.data()));
  }
  void place(const std::vector<muster_entity_t> &ids, const std::vector<muster_position_t> &positions) {
    check_lengths(ids.size(), positions.size());
    check(muster_entities_place(handle_, ids.data(), ids.size(), positions.data()));
  }
  void command(const std::vector<muster_command_t> &commands) {
    check(muster_world_command(handle_, commands.data(), commands.size(), sizeof(muster_command_t)));
  }

 private:
  static void check_lengths(std::size_t left, std::size_t right) {
    if (left != right) {
#if defined(__cpp_exceptions)
      throw std::length_error("muster: the lists are not of the same length");
#else
      std::abort();
#endif
    }
  }

  template <typename T>
  T value(muster_result_t (*ask)(muster_world_t *, T *)) const {
    T value = 0;
    check(ask(handle_, &value));
    return value;
  }
};

/* Owns a server of viewers, made for one world, which must outlive the calls that are given it. */
class sync_server : public owner<muster_sync_server_t, muster_sync_server_destroy> {
 public:
  explicit sync_server(const world &world) { check(muster_sync_server_create(world.get(), nullptr, &handle_)); }
  sync_server(const world &world, const muster_sync_config_t &config) {
    check(muster_sync_server_create(world.get(), &config, &handle_));
  }

  void adopt() { check(muster_sync_server_adopt(handle_)); }
  void welcome(const world &world, const std::vector<std::uint8_t> &hello, std::uint32_t player,
               std::vector<std::uint8_t> &out) {
    fill(out, [&](std::uint8_t *items, std::size_t capacity, std::size_t *count) {
      return muster_sync_server_welcome(handle_, world.get(), bytes_of(hello), player, items, capacity, count);
    });
  }
  muster_viewer_t add_viewer(const muster_viewer_options_t &options) {
    muster_viewer_t viewer = 0;
    check(muster_sync_server_add_viewer(handle_, &options, &viewer));
    return viewer;
  }
  void remove_viewer(muster_viewer_t viewer) { check(muster_sync_server_remove_viewer(handle_, viewer)); }
  void set_views(muster_viewer_t viewer, const std::vector<muster_view_t> &views) {
    check(muster_sync_server_set_views(handle_, viewer, views.data(), views.size(), sizeof(muster_view_t)));
  }
  void set_predicted(muster_viewer_t viewer, muster_entity_t entity) {
    check(muster_sync_server_set_predicted(handle_, viewer, entity));
  }
  /* Whether there is an update, whose packets are to be taken. */
  bool tick(const world &world) {
    bool is_update = false;
    check(muster_sync_server_tick(handle_, world.get(), &is_update));
    return is_update;
  }
  /* Hands each packet of the last update to `send`, as muster_bytes_t that is valid during its call. */
  template <typename Send>
  void take_packets(const world &world, muster_viewer_t viewer, std::uint64_t now_us, Send send) {
    std::size_t size = 0, count = 0;
    muster_result_t result = take(world, viewer, now_us, size, count);
    if (result == MUSTER_E_BUFFER) {
      packets_.resize(size);
      lengths_.resize(count);
      result = take(world, viewer, now_us, size, count);
    }
    check(result);
    for (std::size_t i = 0, from = 0; i < count; from += lengths_[i], i++) {
      send(muster_bytes_t{packets_.data() + from, lengths_[i]});
    }
  }
  /* False if the report comes twice, late, or is damaged, as happens on every network. */
  bool receive(muster_viewer_t viewer, muster_bytes_t report, std::uint64_t now_us) {
    const muster_result_t result = muster_sync_server_receive(handle_, viewer, report, now_us);
    if (result != MUSTER_E_REPORT) {
      check(result);
    }
    return result == MUSTER_OK;
  }
  void apply_inputs(world &world, muster_viewer_t viewer) {
    check(muster_sync_server_apply_inputs(handle_, world.get(), viewer, nullptr));
  }
  muster_sync_server_stats_t stats() const {
    muster_sync_server_stats_t stats{};
    stats.size = sizeof stats;
    check(muster_sync_server_stats(handle_, &stats));
    return stats;
  }

 private:
  muster_result_t take(const world &world, muster_viewer_t viewer, std::uint64_t now_us, std::size_t &size,
                       std::size_t &count) {
    return muster_sync_server_take_packets(handle_, world.get(), viewer, now_us, packets_.data(), packets_.size(), &size,
                                           lengths_.data(), lengths_.size(), &count);
  }

  std::vector<std::uint8_t> packets_;
  std::vector<std::uint32_t> lengths_;
};

/* Owns a viewer of a world that is somewhere else. */
class sync_client : public owner<muster_sync_client_t, muster_sync_client_destroy> {
 public:
  explicit sync_client(const std::vector<std::uint8_t> &welcome, const std::string &map_json = {},
                       const muster_sync_client_options_t *options = nullptr) {
    check(muster_sync_client_create(bytes_of(welcome), bytes_of(map_json), options, &handle_));
  }

  /* What a viewer says first. */
  static void hello(std::vector<std::uint8_t> &out) { fill(out, muster_sync_hello); }

  void adopt() { check(muster_sync_client_adopt(handle_)); }
  /* False if the packet comes twice, late, or is damaged, as happens on every network. */
  bool receive(muster_bytes_t packet, std::uint64_t now_us) {
    const muster_result_t result = muster_sync_client_receive(handle_, packet, now_us, nullptr);
    if (result != MUSTER_E_PACKET) {
      check(result);
    }
    return result == MUSTER_OK;
  }
  void command(const muster_command_t &command) { check(muster_sync_client_command(handle_, &command, sizeof command)); }
  void advance(std::uint64_t now_us) { check(muster_sync_client_advance(handle_, now_us)); }
  void report(std::uint64_t now_us, std::vector<std::uint8_t> &out) {
    out.resize(MUSTER_REPORT_MAX);
    std::size_t size = 0;
    check(muster_sync_client_report(handle_, now_us, out.data(), out.size(), &size));
    out.resize(size);
  }

  /* These fill a vector of the caller with all that is shown, in one order. */
  void ids(std::vector<muster_entity_t> &out) const {
    fill(out, [this](muster_entity_t *items, std::size_t capacity, std::size_t *count) {
      return muster_sync_client_ids(handle_, items, capacity, count);
    });
  }
  void positions(std::vector<muster_position_t> &out) const {
    fill(out, [this](muster_position_t *items, std::size_t capacity, std::size_t *count) {
      return muster_sync_client_read_positions(handle_, items, capacity, count);
    });
  }
  void read(muster_column_t column, std::vector<std::int64_t> &out) const {
    fill(out, [=](std::int64_t *items, std::size_t capacity, std::size_t *count) {
      return muster_sync_client_read_i64(handle_, column, items, capacity, count);
    });
  }
  /* Those that came since the last call. */
  void take_events(std::vector<muster_event_t> &out) {
    fill(out, [this](muster_event_t *items, std::size_t capacity, std::size_t *count) {
      return muster_sync_client_take_events(handle_, items, sizeof(muster_event_t), capacity, count);
    });
  }
  void take_departures(std::vector<muster_departure_t> &out) {
    fill(out, [this](muster_departure_t *items, std::size_t capacity, std::size_t *count) {
      return muster_sync_client_take_departures(handle_, items, sizeof(muster_departure_t), capacity, count);
    });
  }
  /* Whether there is an entity that the viewer moves by itself, and how it is. */
  bool predicted(muster_predicted_t &out) const {
    bool is_predicted = false;
    out.size = sizeof out;
    check(muster_sync_client_predicted(handle_, &is_predicted, &out));
    return is_predicted;
  }
  muster_sync_client_stats_t stats() const {
    muster_sync_client_stats_t stats{};
    stats.size = sizeof stats;
    check(muster_sync_client_stats(handle_, &stats));
    return stats;
  }
};

}  // namespace muster

#endif
