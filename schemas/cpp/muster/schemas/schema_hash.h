// Made by `cargo xtask codegen`. @generated
#pragma once

#include <cstdint>

namespace muster {

/// The hash of all schemas as the compiler understands them: comments and spaces do not count.
inline constexpr std::uint64_t SCHEMA_HASH = 0xb5237de1e64c9ddd;

}  // namespace muster
