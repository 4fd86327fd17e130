// Made by `cargo xtask codegen`. @generated

/** The hash of all schemas as the compiler understands them: comments and spaces do not count. */
export const SCHEMA_HASH = 0xb5237de1e64c9dddn;
