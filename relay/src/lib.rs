//! Muster's relay: STUN and TURN for every ICE client, on io_uring, with no user-space copy of a payload.
#![deny(unsafe_code)]

mod admin;
pub mod announcement;
pub mod config;
pub mod counters;
pub mod doctor;
mod handoff;
#[allow(unsafe_code, reason = "the kernel's interfaces; every block states what it relies on")]
pub mod io;
mod metrics;
pub mod slot;
pub mod stream;
pub mod supervisor;
pub mod turn;
pub mod worker;
