// Made by `cargo xtask codegen`. @generated

/// The hash of all schemas as the compiler understands them: comments and spaces do not count. Files carry it, so that
/// a reader can tell with which schemas they were written.
pub const SCHEMA_HASH: u64 = 0xb5237de1e64c9ddd;
