//! The relay's real machines under virtual time, over a seeded network that loses, repeats, delays and translates.
//!
//! **A run is a function of its seed.** Time is a number that [`World::run_for`] moves forward, randomness comes from
//! generators made of the seed, and nothing here opens a socket, starts a thread or reads a clock. So a failing
//! scenario is reproduced by its seed alone; see [`each_seed`].
//!
//! Two ways to use it: [`World`] for what happens over time between hosts, and [`Relay`] with a [`Caller`] for one
//! request and its answer, without a network in between.
#![forbid(unsafe_code)]

mod caller;
mod client;
mod message;
mod nat;
mod network;
mod relay;
mod seeds;
mod trace;
mod world;

pub use self::{
    caller::Caller,
    client::{AllocateOptions, Client, Event, Failure, Method},
    message::{Answer, Credentials, Draft, Hash, attribute, channel_data, method},
    nat::{Nat, NatKind},
    network::{Datagram, Impairments, Network},
    relay::{BindFault, Output, Relay, RelaySetup},
    seeds::{each_seed, seeded},
    trace::Trace,
    world::{HostId, World},
};
