//! Muster's relay: STUN and TURN for every ICE client, on io_uring, with no user-space copy of a payload.
#![deny(unsafe_code)]

pub mod config;
pub mod doctor;
#[allow(unsafe_code, reason = "the kernel's interfaces; every block states what it relies on")]
pub mod io;
pub mod slot;
pub mod stream;
pub mod turn;
