//! What an operator can set, in one place.
//!
//! [`Settings`] is what the rest of the relay reads: parsed, checked, with every default filled in. [`load`] makes them
//! from a TOML file, the environment (`MUSTER_RELAY_*`) and flags, which name the same settings because all of them work
//! from [`table::settings`]. **A flag wins over the environment, the environment over the file, the file over the
//! default; a list that is given replaces the whole list below it.**
//!
//! ```
//! use muster_relay::config::{Command, Host, load};
//!
//! let host = Host { addresses: vec!["192.0.2.1".parse()?], cpus: 2 };
//! let arguments = ["muster-relay", "run", "--config", "relay.toml", "--io", "epoll"].map(Into::into);
//! let file = |_: &std::path::Path| Ok(b"user = 'alice:secret'\nio = 'uring'".to_vec());
//! let Command::Run { settings, .. } = load(arguments, [], &host, &file)? else { unreachable!() };
//! assert_eq!(settings.users[0].name, "alice");
//! assert_eq!(settings.io, muster_relay::config::IoMode::Epoll);
//! assert_eq!(settings.relay_ip, host.addresses);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod command_line;
mod environment;
mod file;
mod host;
mod layer;
mod problem;
mod reload;
pub mod report;
mod resolve;
pub mod settings_page;
pub mod table;
mod value;

use std::{
    ffi::OsString,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;

use command_line::{Parsed, Verb};
pub use environment::CONFIG_VARIABLE;
pub use host::{Host, read_file};
use layer::Layer;
pub use problem::{LoadError, Origin, Problem};
pub use reload::Sources;
pub use value::Kind;

/// What the command line asks for, with everything it needs.
#[derive(Debug)]
pub enum Command {
    /// Run the relay.
    Run {
        /// What to run.
        settings: Settings,
        /// Where it came from, to read it again.
        sources: Sources,
    },
    /// Say what would run.
    Check {
        /// What would run.
        settings: Settings,
        /// Print JSON.
        json: bool,
    },
    /// Inspect the host. The settings may lack credentials.
    Doctor {
        /// What is meant to run.
        settings: Settings,
        /// Print JSON.
        json: bool,
    },
    /// Print this and succeed.
    Help(String),
    /// Print this and succeed.
    Version(String),
}

/// Makes settings from all sources. `arguments` begins with the program's name; of `environment` only `MUSTER_RELAY_*`
/// is looked at; `read` reads the files that the settings name ([`read_file`] outside of tests).
///
/// # Errors
/// A command line that cannot be understood, or every wrong setting with where it was said, what was found and what is
/// allowed.
pub fn load(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    host: &Host,
    read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<Command, LoadError> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let environment: Vec<(OsString, OsString)> = environment
        .into_iter()
        .filter(|(name, _)| name.as_encoded_bytes().starts_with(table::VARIABLE_PREFIX.as_bytes()))
        .collect();

    let mut flag_problems = Vec::new();
    let invocation = match command_line::parse(&arguments, &mut flag_problems)? {
        Parsed::Command(invocation) => invocation,
        Parsed::Help(text) => return Ok(Command::Help(text)),
        Parsed::Version(text) => return Ok(Command::Version(text)),
    };
    let mut environment_problems = Vec::new();
    let variables = environment::read(&environment, &mut environment_problems);

    let mut problems = Vec::new();
    let by_flag = invocation.config.map(|path| (path, Origin::Flag("--config".into())));
    let by_variable = variables.config.map(|path| (path, Origin::Environment(CONFIG_VARIABLE.into())));
    let file = match by_flag.or(by_variable) {
        Some((path, origin)) => match resolve::config_file(&path, origin, read, &mut problems) {
            Some(bytes) => file::layer(&path, &bytes, &mut problems),
            None => Layer::default(),
        },
        None => Layer::default(),
    };
    problems.append(&mut environment_problems);
    problems.append(&mut flag_problems);

    // A doctor is asked before there are credentials; and a file that was refused may be where they stand.
    let credentials_needed = invocation.verb != Verb::Doctor && problems.is_empty();
    let layers = [&file, &variables.layer, &invocation.layer];
    let settings = resolve::resolve(&layers, host, read, credentials_needed, &mut problems);
    if !problems.is_empty() {
        return Err(LoadError::Settings(problems));
    }
    let json = invocation.json;
    Ok(match invocation.verb {
        Verb::Run => Command::Run { settings, sources: Sources { arguments, environment, host: host.clone() } },
        Verb::Check => Command::Check { settings, json },
        Verb::Doctor => Command::Doctor { settings, json },
    })
}

/// A checked configuration.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Addresses for clients over UDP and TCP. Concrete after checking: a wildcard has been replaced by the host's
    /// addresses.  With `listen_tls` at most 255 together, and at least one.
    pub listen: Vec<SocketAddr>,
    /// Addresses for clients over TLS on TCP, as `listen`. Not empty only with `tls_cert` and `tls_key`.
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
    /// Static users, each name once: those of the setting, then those of `user_file`.
    pub users: Vec<User>,
    /// Files that more users were read from.
    pub user_file: Vec<PathBuf>,
    /// Shared secrets for ephemeral credentials: the newest first; all are valid. Those of the setting, then those of
    /// `auth_secret_file`.
    pub auth_secret: Vec<String>,
    /// Files that more secrets were read from.
    pub auth_secret_file: Vec<PathBuf>,
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

impl Default for Settings {
    /// The defaults before the host is known: wildcards to listen on, no relay address, one worker, no credentials.
    fn default() -> Self {
        Self {
            listen: vec![(Ipv4Addr::UNSPECIFIED, 3478).into(), (Ipv6Addr::UNSPECIFIED, 3478).into()],
            listen_tls: Vec::new(),
            tls_cert: None,
            tls_key: None,
            external_ip: Vec::new(),
            relay_ip: Vec::new(),
            relay_ports: 49_152..=65_535,
            realm: "muster".into(),
            users: Vec::new(),
            user_file: Vec::new(),
            auth_secret: Vec::new(),
            auth_secret_file: Vec::new(),
            allow_peer: Vec::new(),
            workers: 1,
            io: IoMode::Auto,
            batch_window_us: 0,
            admin: None,
            alternate_server: Vec::new(),
            drain_deadline: Duration::from_secs(300),
            slot_bytes: 2_048,
            slots: 2_048,
            limits: Limits::default(),
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The table's view hides secrets, and a new setting cannot be forgotten here.
        f.debug_map().entries(table::settings().iter().map(|setting| (setting.path(), setting.view(self)))).finish()
    }
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
