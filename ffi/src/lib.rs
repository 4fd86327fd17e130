//! libmuster: the C ABI over the simulation core.
//!
//! **Nothing that a C caller does wrong, and no panic of ours, ends the process or changes a world: each is a result
//! code.** The headers in `include/` say what each function does; what is written here says how.
//!
//! - [`boundary`] is the only module with `unsafe` blocks. Exported functions take [`boundary::In`] and
//!   [`boundary::Out`] where C has pointers; safe Rust cannot make one, so the C caller alone vouches for them.
//! - `roots` keeps what a handle such as `muster_world_t *` stands for. A handle is a number that looks like no
//!   address; it is looked up and never followed.
//! - The other modules are the headers of the same names, function by function.
//!
//! `#[unsafe(no_mangle)]` counts as unsafe code to the compiler, so modules that export allow the lint. That they have
//! no unsafe block is checked by `cargo xtask tidy`.

#![deny(unsafe_code)]
#![allow(missing_docs, reason = "what C sees is documented in the headers, where C programmers read")]

pub mod base;
#[allow(unsafe_code, reason = "this is where the memory of C callers is touched")]
pub mod boundary;
#[allow(unsafe_code, reason = "exports symbols; tidy refuses unsafe blocks")]
pub mod command;
pub mod config;
#[allow(unsafe_code, reason = "exports symbols; tidy refuses unsafe blocks")]
pub mod entity;
#[allow(unsafe_code, reason = "exports symbols; tidy refuses unsafe blocks")]
pub mod error;
#[allow(unsafe_code, reason = "exports symbols; tidy refuses unsafe blocks")]
pub mod event;
#[allow(unsafe_code, reason = "exports symbols; tidy refuses unsafe blocks")]
pub mod map;
#[allow(unsafe_code, reason = "exports symbols; tidy refuses unsafe blocks")]
pub mod path;
#[allow(unsafe_code, reason = "exports symbols; tidy refuses unsafe blocks")]
pub mod query;
#[allow(unsafe_code, reason = "exports symbols; tidy refuses unsafe blocks")]
pub mod replay;
mod roots;
#[allow(unsafe_code, reason = "exports symbols; tidy refuses unsafe blocks")]
pub mod space;
#[allow(unsafe_code, reason = "exports symbols; tidy refuses unsafe blocks")]
pub mod sync_client;
#[allow(unsafe_code, reason = "exports symbols; tidy refuses unsafe blocks")]
pub mod sync_server;
#[allow(unsafe_code, reason = "exports symbols; tidy refuses unsafe blocks")]
pub mod version;
#[allow(unsafe_code, reason = "exports symbols; tidy refuses unsafe blocks")]
pub mod world;
