//! One tick: what its threads run, and how what they produce crosses from shard to shard.
#![allow(dead_code, reason = "the tick, which uses these, comes in a change of its own")]

pub(crate) mod ring;
mod sync;
pub(crate) mod workers;

#[cfg(all(loom, test))]
mod loom_tests;
