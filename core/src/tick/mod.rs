//! One tick: what its threads run, and how what they produce crosses from shard to shard.

pub(crate) mod contacts;
mod flight;
pub(crate) mod message;
mod minds;
pub(crate) mod orders;
pub(crate) mod outbox;
pub(crate) mod partition;
pub(crate) mod region;
pub(crate) mod ring;
pub(crate) mod shard;
mod sync;
pub(crate) mod view;
pub(crate) mod workers;

#[cfg(all(loom, test))]
mod loom_tests;
