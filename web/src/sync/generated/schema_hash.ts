// Made by `cargo xtask codegen`. @generated

/** The hash of all schemas as the compiler understands them: comments and spaces do not count. */
export const SCHEMA_HASH = 0x8ef8e7acb0259baen;
