//! What an operator can set, in one place.
//!
//! [`Settings`] is what the rest of the relay reads: parsed, checked, with every default filled in.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;

/// A checked configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Addresses for clients over UDP and TCP. An unspecified address stands for every address of the host.
    pub listen: Vec<SocketAddr>,
    /// Addresses for clients over TLS on TCP.
    pub listen_tls: Vec<SocketAddr>,
    /// PEM certificate chain for TLS.
    pub tls_cert: Option<PathBuf>,
    /// PEM private key for TLS.
    pub tls_key: Option<PathBuf>,
    /// Addresses that clients are told, one for each relay address of the same family; empty: the relay addresses.
    pub external_ip: Vec<IpAddr>,
    /// Addresses that relayed sockets are bound to. At least one after checking (taken from `listen` if not set).
    pub relay_ip: Vec<IpAddr>,
    /// Ports of relayed sockets.
    pub relay_ports: RangeInclusive<u16>,
    /// The realm of the long-term credentials.
    pub realm: String,
    /// Static users.
    pub users: Vec<User>,
    /// Shared secrets for ephemeral credentials: the newest first; all are valid.
    pub auth_secret: Vec<String>,
    /// Ranges that peers may be in although they are not globally routable.
    pub allow_peer: Vec<IpNet>,
    /// Worker threads; at least 1 after checking.
    pub workers: usize,
    /// Which driver to use.
    pub io: IoMode,
    /// Microseconds that a worker waits for more datagrams before it goes on; 0 does not wait.
    pub batch_window_us: u32,
    /// Where the admin endpoint listens; none if not set.
    pub admin: Option<SocketAddr>,
    /// Where clients are sent while draining (ALTERNATE-SERVER), at most one of each family.
    pub alternate_server: Vec<SocketAddr>,
    /// How long a drain waits for allocations to end.
    pub drain_deadline: Duration,
    /// Largest datagram that is relayed, in bytes.
    pub slot_bytes: u32,
    /// Receive slots of each worker; a power of two.
    pub slots: u16,
    /// What a client or a network may use.
    pub limits: Limits,
}

/// One static user.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// USERNAME.
    pub name: String,
    /// Password.
    pub password: String,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A password must not reach a log through a derived Debug.
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Which driver moves the datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IoMode {
    /// io_uring if a live probe succeeds, otherwise epoll.
    #[default]
    Auto,
    /// io_uring or do not start.
    Uring,
    /// epoll.
    Epoll,
}

/// What a client, a user, a network and the whole relay may use. 0 never means "no limit" here, except where said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Allocations of the whole relay.
    pub allocations: u32,
    /// Allocations of one user (the part after the colon of an ephemeral name).
    pub allocations_per_user: u32,
    /// Allocations from one client address (an IPv6 client counts as its /64).
    pub allocations_per_address: u32,
    /// Permissions of one allocation.
    pub permissions_per_allocation: u16,
    /// Channels of one allocation.
    pub channels_per_allocation: u16,
    /// Bytes a second of one allocation, each direction counted together; 0: no limit.
    pub bytes_per_second_per_allocation: u64,
    /// Bytes a second of the whole relay, shared fairly between allocations; 0: no limit.
    pub bytes_per_second: u64,
    /// Longest lifetime that a client is given, in seconds.
    pub lifetime_max_s: u32,
    /// TCP and TLS connections of the whole relay.
    pub connections: u32,
    /// TCP and TLS connections from one address (an IPv6 client counts as its /64).
    pub connections_per_address: u32,
    /// TLS handshakes under way at once.
    pub handshakes: u32,
    /// A connection without an allocation, or without a complete handshake, is closed after this many seconds.
    pub idle_timeout_s: u32,
    /// Answers a second to clients of one source network (/24 or /48) that have not proved their address.
    pub unproven_replies_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            allocations: 16_384,
            allocations_per_user: 64,
            allocations_per_address: 1_024,
            permissions_per_allocation: 128,
            channels_per_allocation: 128,
            bytes_per_second_per_allocation: 0,
            bytes_per_second: 0,
            lifetime_max_s: 3_600,
            connections: 8_192,
            connections_per_address: 256,
            handshakes: 512,
            idle_timeout_s: 30,
            unproven_replies_per_second: 200,
        }
    }
}
