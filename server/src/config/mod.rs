//! What an operator can set, in one place.
//!
//! **A flag wins over the environment, the environment over the file, the file over the default**, and where each value came
//! from is kept, so that `--print-config` can say it. File, `MUSTER_*` variables, flags and help all work from
//! [`table::settings`].

mod load;
mod problem;
mod relay;
mod report;
pub mod settings_page;
pub mod table;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

pub use load::{CONFIG_VARIABLE, Given, Loaded, load, read, script_limits};
pub use problem::{ConfigProblems, Origin, Problem};
pub use relay::TurnRelay;
pub use report::{as_json, as_text};

/// How much is taken for granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// On the machine of who writes rules: loopback, a generated secret, files are watched.
    Dev,
    /// For players: nothing insecure is guessed.
    Serve,
}

/// The shortest secret that `serve` takes, in bytes: what HS256 makes use of.
pub const SECRET_BYTES_MIN: usize = 32;

/// A checked configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where HTTP and WebSocket are served.
    pub listen: SocketAddr,
    /// Where the data channels of WebRTC come in, over UDP; `None` is nowhere.
    pub rtc_listen: Option<SocketAddr>,
    /// The addresses that browsers are told for it; empty: the one that the browser came to.
    pub rtc_address: Vec<IpAddr>,
    /// The folder whose folders are modes.
    pub modes: PathBuf,
    /// Where matches are saved and replays kept.
    pub data: PathBuf,
    /// What tokens are signed with.
    pub secret: String,
    /// For how long a guest's token is good.
    pub token_lifetime: Duration,
    /// Threads that run matches; at least 1.
    pub workers: usize,
    /// Whether changed files of modes are taken up while matches run.
    pub watch: bool,
    /// Whether pages may watch ticks and script errors.
    pub developer: bool,
    /// What is logged: a level, or the filter of the `tracing` library.
    pub log: String,
    /// Whether lines of the log are JSON.
    pub log_json: bool,
    /// How long a drain waits for matches to end.
    pub drain_deadline: Duration,
    /// How often the state of every match is written down; zero is never.
    pub backup_every: Duration,
    /// Whether matches are recorded.
    pub replays: bool,
    /// Whether this process relays for players whose networks let nothing else through.
    pub turn: bool,
    /// Where players are told that a relay is; empty: where that of this process listens.
    pub turn_urls: Vec<String>,
    /// For how long the credentials are good that players are given for it.
    pub turn_lifetime: Duration,
    /// The relay, if there is one here or elsewhere.
    pub relay: Option<Box<TurnRelay>>,
    /// Limits.
    pub limits: Limits,
    /// What a match and its scripts may do and hold.
    pub scripts: muster_scripts::Limits,
}

/// What may be used at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// WebSocket connections.
    pub connections: u32,
    /// WebSocket connections from one network (an IPv4 address, an IPv6 /64).
    pub connections_per_network: u32,
    /// Guests made and WebSockets opened a minute from one network.
    pub arrivals_per_minute: u32,
    /// Messages a second of one connection, all kinds together.
    pub messages_per_second: u32,
    /// Bytes a second of one connection, towards the server.
    pub bytes_per_second: u32,
    /// Bytes of one message towards the server.
    pub message_bytes: u32,
    /// A connection that says nothing for so long is cut.
    pub idle: Duration,
    /// Messages that wait for one connection, beyond which it is cut.
    pub queue: u32,
    /// Matches.
    pub matches: u32,
    /// Spectators of one match.
    pub spectators: u32,
    /// A match without players ends after so long.
    pub empty: Duration,
    /// Bytes a second that the packets of one player may have.
    pub packet_bytes_per_second: u32,
    /// Replays that are kept.
    pub replay_files: u32,
    /// Bytes of one replay, beyond which it is not written any further.
    pub replay_bytes: u64,
    /// Values that scripts keep of one player in one mode, and of one mode.
    pub store_keys: u32,
    /// Bytes of those.
    pub store_bytes: u64,
    /// Bytes of the file with all of them.
    pub store_file_bytes: u64,
}

impl Settings {
    /// The defaults.
    pub fn new(manner: Manner) -> Self {
        let dev = manner == Manner::Dev;
        let ip = if dev { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        Self {
            listen: (ip, 7350).into(),
            rtc_listen: Some((ip, 7350).into()),
            rtc_address: Vec::new(),
            modes: PathBuf::from(if dev { "scripts/modes" } else { "modes" }),
            data: PathBuf::from(if dev { ".muster" } else { "/var/lib/muster" }),
            secret: String::new(),
            token_lifetime: Duration::from_secs(30 * 24 * 3600),
            workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(WORKERS_MAX),
            watch: dev,
            developer: dev,
            log: "info".into(),
            log_json: !dev,
            drain_deadline: Duration::from_secs(if dev { 0 } else { 300 }),
            backup_every: Duration::from_secs(2),
            replays: true,
            turn: dev,
            turn_urls: Vec::new(),
            turn_lifetime: Duration::from_secs(12 * 3600),
            relay: None,
            limits: Limits::default(),
            scripts: muster_scripts::Limits::default(),
        }
    }
}

/// Most worker threads.
pub const WORKERS_MAX: usize = 256;

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_network: 256,
            arrivals_per_minute: 600,
            messages_per_second: 200,
            bytes_per_second: 65_536,
            message_bytes: 24_576,
            idle: Duration::from_secs(30),
            queue: 256,
            matches: 1000,
            spectators: 64,
            empty: Duration::from_secs(60),
            packet_bytes_per_second: 64_000,
            replay_files: 100,
            replay_bytes: 64 << 20,
            store_keys: 256,
            store_bytes: 1 << 20,
            store_file_bytes: 4 << 30,
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The table's view hides the secret, and a new setting cannot be forgotten here.
        f.debug_map().entries(table::settings().iter().map(|setting| (setting.path(), setting.view(self)))).finish()
    }
}
