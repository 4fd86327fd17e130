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

/* Owns a world. It is moved, not copied. */
class world {
 public:
  world() { check(muster_world_create(nullptr, &handle_)); }
  explicit world(const muster_world_config_t &config) { check(muster_world_create(&config, &handle_)); }

  /* A world from a snapshot, with the text of the map that it had. */
  static world restore(const std::vector<std::uint8_t> &snapshot, const std::string &map_json = {}) {
    muster_world_t *handle = nullptr;
    check(muster_world_restore({snapshot.data(), snapshot.size()}, bytes_of(map_json), &handle));
    return world(handle);
  }

  /* Takes over a handle that C functions made. */
  explicit world(muster_world_t *handle) noexcept : handle_(handle) {}

  world(world &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  world &operator=(world &&other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  world(const world &) = delete;
  world &operator=(const world &) = delete;
  ~world() {
    if (handle_ != nullptr) {
      muster_world_destroy(handle_);
    }
  }

  /* The handle, for C functions. It stays this object's. */
  muster_world_t *get() const noexcept { return handle_; }

  void adopt() { check(muster_world_adopt(handle_)); }
  void set_execution(const muster_execution_t &execution) { check(muster_world_set_execution(handle_, &execution)); }
  void step() { check(muster_world_step(handle_, {nullptr, 0})); }
  void step(const std::vector<std::uint8_t> &inputs) {
    check(muster_world_step(handle_, {inputs.data(), inputs.size()}));
  }

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
  static muster_bytes_t bytes_of(const std::string &text) noexcept {
    return {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()};
  }

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

  template <typename T, typename Fill>
  static void fill(std::vector<T> &out, Fill ask) {
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

  muster_world_t *handle_ = nullptr;
};

}  // namespace muster

#endif
