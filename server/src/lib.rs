//! The Muster server: it hosts matches whose rules are Lua, and lets players in.
//!
//! - [`config`]: what an operator sets.
//! - [`modes`]: folders of rules, and what changes in them.
//! - [`host`]: the threads that run matches, the directory of them, and what is written down.
//! - [`door`]: HTTP, WebSocket and WebRTC, and what each client may do.
//! - [`relay`]: the relay in the same process.
//! - [`store`]: what outlives matches.
//! - [`condition`]: whether all of it is well.
//! - [`server`]: all of it together.
//!
//! **The two sides meet in bounded queues only**: tasks of the doors never run a script, and workers never wait for a
//! client or a disk.

#![forbid(unsafe_code)]

pub mod code;
pub mod command_line;
pub mod condition;
pub mod config;
pub mod door;
pub mod host;
pub mod metrics;
pub mod modes;
pub mod new_mode;
pub mod pulse;
pub mod relay;
pub mod replays;
pub mod server;
pub mod store;
pub mod token;
pub mod trial;
