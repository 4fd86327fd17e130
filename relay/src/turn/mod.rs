//! STUN (RFC 8489) and TURN (RFC 8656) without sockets, threads or clocks.
//!
//! [`Server`] is the machine; its module text states the contract. The rest are its parts: who may ask
//! ([`Authenticator`]), whom they may reach ([`PeerPolicy`]), which ports are whose ([`RelayedPorts`]), and how much they
//! may use.

mod allocate;
mod allocation;
pub mod authentication;
pub mod credentials;
mod forwarding;
pub mod integrity;
pub mod nonce;
pub mod peer_policy;
mod permission;
mod quotas;
mod rate;
mod relayed_ports;
mod reply;
pub mod reply_limiter;
mod reservations;
mod server;

use std::{net::SocketAddr, time::Duration};

pub(crate) use self::allocation::GENERATION_MASK;
pub use self::{
    allocation::RelayId,
    authentication::Authenticator,
    credentials::Credentials,
    peer_policy::PeerPolicy,
    quotas::{QuotaExceeded, Quotas},
    rate::{FairShare, ShareUsed, TokenBucket},
    relayed_ports::{RelayAddress, RelayedPorts},
    reply::Reply,
    reservations::Reservations,
    server::{Action, LiveSettings, OpenError, Route, Server, Shared},
};

/// The time of one call, as the driver at the edge read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Since an arbitrary start; never goes back.
    pub monotonic: Duration,
    /// Seconds since 1970, for credentials that carry a time of day.
    pub unix_s: u64,
}

/// How a client reaches us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams on the listening socket of this index.
    Udp {
        /// Index of the listening address in the worker's list.
        listener: u8,
    },
    /// A TCP or TLS connection; the number is never used again while the worker lives.
    Stream {
        /// The connection's name.
        id: u64,
    },
}

/// A client's 5-tuple: its address, and the socket of ours that it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client {
    /// The client's address as we see it.
    pub address: SocketAddr,
    /// Which of our sockets it reaches.
    pub transport: Transport,
}
