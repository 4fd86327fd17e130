//! The table of settings.
//!
//! **File, environment, flags, help, `check` and the settings page all work from this one table, so they name the same
//! settings with the same ranges.** A new setting is a field of [`Settings`] and one row here.

use std::sync::LazyLock;

use serde_json::{Value as Json, json};

use super::{
    IoMode, Settings,
    resolve::WORKERS_MAX,
    value::{Kind, Value},
};

/// What a setting is about; the order of help and documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chapter {
    /// Where clients come in.
    Listening,
    /// Where relayed traffic goes out.
    Relaying,
    /// Who may use the relay.
    Credentials,
    /// How the work is done.
    Work,
    /// How it is watched and stopped.
    Administration,
    /// What one client, network or the whole relay may use: the table `[limits]` of the file.
    Limits,
}

impl Chapter {
    /// Every chapter, in order.
    pub const ALL: [Self; 6] =
        [Self::Listening, Self::Relaying, Self::Credentials, Self::Work, Self::Administration, Self::Limits];

    /// The heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Listening => "Listening",
            Self::Relaying => "Relaying",
            Self::Credentials => "Credentials",
            Self::Work => "Work",
            Self::Administration => "Administration",
            Self::Limits => "Limits",
        }
    }
}

/// One setting.
pub struct Setting {
    /// The name inside its table of the file: `batch_window_us`, or `allocations` under `[limits]`.
    pub key: &'static str,
    /// What it is about.
    pub chapter: Chapter,
    /// The shape of each value.
    pub kind: Kind,
    /// How many values it takes at most; 1 is a setting that is not repeated.
    pub values_max: usize,
    /// Whether a reload changes it without a restart.
    pub live: bool,
    /// What stands for a value in the usage text.
    pub value_name: &'static str,
    /// What it does, as whole sentences.
    pub help: &'static str,
    /// The default in words, where it is not one fixed value.
    pub default_in_words: Option<&'static str>,
    /// A value that is allowed.
    pub example: &'static str,
    pub(super) store: fn(&mut Settings, Vec<Value>),
    view: fn(&Settings) -> Json,
    flag: String,
    variable: String,
    path: String,
}

/// Largest `slot_bytes`: with the header of a Data indication from an IPv6 peer it still fits a STUN message's length.
const SLOT_BYTES_MAX: u64 = 65_504;

/// What every environment variable begins with.
pub const VARIABLE_PREFIX: &str = "MUSTER_RELAY_";

impl Setting {
    /// The name in messages and documentation: `batch_window_us`, `limits.allocations`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The flag without its dashes: `batch-window-us`, `limit-allocations`.
    pub fn flag(&self) -> &str {
        &self.flag
    }

    /// The environment variable: `MUSTER_RELAY_BATCH_WINDOW_US`, `MUSTER_RELAY_LIMIT_ALLOCATIONS`.
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// Whether it may be given several times.
    pub fn is_repeatable(&self) -> bool {
        self.values_max > 1
    }

    /// The value in `settings`, without secrets: names of users, the number of secrets.
    pub fn view(&self, settings: &Settings) -> Json {
        (self.view)(settings)
    }

    /// The value in `settings` for people, without secrets.
    pub fn shown(&self, settings: &Settings) -> String {
        fn text(value: &Json) -> String {
            match value {
                Json::Null => "none".into(),
                Json::String(text) => text.clone(),
                Json::Array(values) if values.is_empty() => "none".into(),
                Json::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
                other => other.to_string(),
            }
        }
        match (self.kind, self.view(settings).as_u64()) {
            (Kind::Secret, Some(0)) => "none".into(),
            (Kind::Secret, Some(count)) => format!("{count} (not shown)"),
            _ => text(&self.view(settings)),
        }
    }

    /// The default for people.
    pub fn default_shown(&self) -> String {
        self.default_in_words.map_or_else(|| self.shown(&Settings::default()), str::to_owned)
    }

    fn new(chapter: Chapter, key: &'static str, kind: Kind, value_name: &'static str) -> Self {
        let (prefix, table) = if chapter == Chapter::Limits { ("limit_", "limits.") } else { ("", "") };
        Self {
            key,
            chapter,
            kind,
            values_max: 1,
            live: false,
            value_name,
            help: "",
            default_in_words: None,
            example: "",
            store: |_, _| {},
            view: |_| Json::Null,
            flag: format!("{prefix}{key}").replace('_', "-"),
            variable: format!("{VARIABLE_PREFIX}{prefix}{key}").to_uppercase(),
            path: format!("{table}{key}"),
        }
    }

    fn says(mut self, help: &'static str, example: &'static str) -> Self {
        (self.help, self.example) = (help, example);
        self
    }

    fn up_to(mut self, values_max: usize) -> Self {
        self.values_max = values_max;
        self
    }

    fn live(mut self) -> Self {
        self.live = true;
        self
    }

    fn by_default(mut self, words: &'static str) -> Self {
        self.default_in_words = Some(words);
        self
    }

    fn field(mut self, store: fn(&mut Settings, Vec<Value>), view: fn(&Settings) -> Json) -> Self {
        (self.store, self.view) = (store, view);
        self
    }
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setting").field("path", &self.path).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Every setting, chapter by chapter.
pub fn settings() -> &'static [Setting] {
    static TABLE: LazyLock<Vec<Setting>> = LazyLock::new(rows);
    &TABLE
}

/// Stores and shows a list of one kind.
macro_rules! list {
    ($setting:expr, $field:ident, $take:ident) => {
        $setting.field(
            |s, v| s.$field = v.into_iter().map(Value::$take).collect(),
            |s| s.$field.iter().map(ToString::to_string).collect(),
        )
    };
}

/// Stores and shows a list of paths.
macro_rules! paths {
    ($setting:expr, $field:ident) => {
        $setting.field(
            |s, v| s.$field = v.into_iter().map(Value::path).collect(),
            |s| s.$field.iter().map(|path| path.display().to_string()).collect(),
        )
    };
}

/// Stores and shows a number.
macro_rules! number {
    ($setting:expr, $($field:ident).+) => {
        $setting.field(|s, v| s.$($field).+ = last(v).number(), |s| json!(s.$($field).+))
    };
}

/// One row of `[limits]`; every one of them can be changed while the relay runs.
macro_rules! limit {
    ($field:ident, $min:literal ..= $max:literal, $help:literal, $example:literal) => {
        number!(
            Setting::new(Chapter::Limits, stringify!($field), Kind::Integer { min: $min, max: $max }, "N")
                .says($help, $example)
                .live(),
            limits.$field
        )
    };
}

/// The value of a setting that takes one.
fn last(values: Vec<Value>) -> Value {
    values.into_iter().next_back().expect("a setting that takes one value is stored with one")
}

fn rows() -> Vec<Setting> {
    [listening(), relaying(), credentials(), work(), administration(), limits()].into_iter().flatten().collect()
}

fn listening() -> Vec<Setting> {
    let row = |key, kind, value_name| Setting::new(Chapter::Listening, key, kind, value_name);
    vec![
        list!(
            row("listen", Kind::Listen { default_port: 3478 }, "ADDR")
                .says(
                    "Address for clients over UDP and TCP. 0.0.0.0 or [::] stands for every address of that family \
                     that the host has at start.",
                    "0.0.0.0:3478"
                )
                .by_default("0.0.0.0:3478 and [::]:3478, as far as the host has such addresses")
                .up_to(64),
            listen,
            address
        ),
        list!(
            row("listen_tls", Kind::Listen { default_port: 5349 }, "ADDR")
                .says("Address for clients over TLS 1.2 and 1.3 on TCP. Needs tls_cert and tls_key.", "0.0.0.0:5349")
                .up_to(64),
            listen_tls,
            address
        ),
        row("tls_cert", Kind::Path, "FILE")
            .says(
                "PEM file with the certificate and its chain. Read again on reload.",
                "/etc/muster-relay/fullchain.pem",
            )
            .live()
            .field(
                |s, v| s.tls_cert = v.into_iter().next_back().map(Value::path),
                |s| json!(s.tls_cert.as_ref().map(|path| path.display().to_string())),
            ),
        row("tls_key", Kind::Path, "FILE")
            .says(
                "PEM file with the private key of the certificate. Read again on reload.",
                "/etc/muster-relay/privkey.pem",
            )
            .live()
            .field(
                |s, v| s.tls_key = v.into_iter().next_back().map(Value::path),
                |s| json!(s.tls_key.as_ref().map(|path| path.display().to_string())),
            ),
    ]
}

fn relaying() -> Vec<Setting> {
    let row = |key, kind, value_name| Setting::new(Chapter::Relaying, key, kind, value_name);
    vec![
        list!(
            row("external_ip", Kind::Ip, "IP")
                .says(
                    "Address that clients are told instead of a relay address, for a host behind 1:1 NAT. Either none \
                     or one for each relay_ip of the same family, in the same order.",
                    "203.0.113.7"
                )
                .by_default("the relay addresses themselves")
                .up_to(16),
            external_ip,
            ip
        ),
        list!(
            row("relay_ip", Kind::Ip, "IP")
                .says("Address of this host that relayed sockets are bound to.", "10.0.0.5")
                .by_default(
                    "the listening addresses; for a wildcard the first globally routable address of the family, or \
                     else its first one that is not loopback"
                )
                .up_to(16),
            relay_ip,
            ip
        ),
        row("relay_ports", Kind::Ports, "LO-HI")
            .says("Ports of relayed sockets, both ends included. Open them for UDP in the firewall.", "49152-65535")
            .field(
                |s, v| s.relay_ports = last(v).ports(),
                |s| json!(format!("{}-{}", s.relay_ports.start(), s.relay_ports.end())),
            ),
        list!(
            row("allow_peer", Kind::Network, "CIDR")
                .says(
                    "Range that peers may be in although it is not globally routable. Everything private, local or \
                     reserved is closed otherwise. A range opens itself and nothing else.",
                    "10.20.0.0/16"
                )
                .live()
                .up_to(256),
            allow_peer,
            network
        ),
    ]
}

fn credentials() -> Vec<Setting> {
    let row = |key, kind, value_name| Setting::new(Chapter::Credentials, key, kind, value_name);
    vec![
        row("realm", Kind::Realm, "REALM")
            .says("Realm of the long-term credentials. Static passwords are bound to it.", "relay.example.org")
            .field(|s, v| s.realm = last(v).string(), |s| json!(s.realm)),
        row("user", Kind::User, "NAME:PASSWORD")
            .says(
                "Static user. Other programs of the host can read it on a command line: prefer the file, the \
                 environment or user_file.",
                "alice:correct-horse",
            )
            .live()
            .up_to(1024)
            .field(
                |s, v| s.users = v.into_iter().map(Value::user).collect(),
                |s| s.users.iter().map(|user| user.name.clone()).collect(),
            ),
        paths!(
            row("user_file", Kind::Path, "FILE")
                .says(
                    "File with one NAME:PASSWORD a line, added to user. Read again on reload.",
                    "/etc/muster-relay/users"
                )
                .live()
                .up_to(8),
            user_file
        ),
        row("auth_secret", Kind::Secret, "SECRET")
            .says(
                "Shared secret for ephemeral credentials: the user name is \"UNIX-TIME:NAME\", the password is the \
                 base64 of its HMAC-SHA1. Give the newest first; all are valid, so a secret can be rotated.",
                "north-wind-9c1f",
            )
            .live()
            .up_to(8)
            .field(|s, v| s.auth_secret = v.into_iter().map(Value::string).collect(), |s| json!(s.auth_secret.len())),
        paths!(
            row("auth_secret_file", Kind::Path, "FILE")
                .says(
                    "File with one shared secret a line, added behind auth_secret. Read again on reload.",
                    "/etc/muster-relay/secrets"
                )
                .live()
                .up_to(8),
            auth_secret_file
        ),
    ]
}

fn work() -> Vec<Setting> {
    let row = |key, kind, value_name| Setting::new(Chapter::Work, key, kind, value_name);
    vec![
        number!(
            row("workers", Kind::Integer { min: 1, max: WORKERS_MAX as u64 }, "N")
                .says("Worker threads.", "4")
                .by_default("one for each CPU that the process may use"),
            workers
        ),
        row("io", Kind::Choice(&["auto", "uring", "epoll"]), "MODE")
            .says(
                "Driver that moves datagrams: uring or epoll. With auto, uring if a live probe succeeds, otherwise \
                 epoll.",
                "auto",
            )
            .field(
                |s, v| {
                    s.io = match last(v).string().as_str() {
                        "uring" => IoMode::Uring,
                        "epoll" => IoMode::Epoll,
                        _ => IoMode::Auto,
                    }
                },
                |s| {
                    json!(match s.io {
                        IoMode::Auto => "auto",
                        IoMode::Uring => "uring",
                        IoMode::Epoll => "epoll",
                    })
                },
            ),
        number!(
            row("batch_window_us", Kind::Integer { min: 0, max: 10_000 }, "N").says(
                "Microseconds that a worker waits for more datagrams before it goes on. A few hundred save CPU under \
                 many small flows and add as much delay; 0 does not wait.",
                "250"
            ),
            batch_window_us
        ),
        number!(
            row("slot_bytes", Kind::Integer { min: 576, max: SLOT_BYTES_MAX }, "N")
                .says("Largest datagram that is relayed, in bytes. Larger ones are counted and dropped.", "2048"),
            slot_bytes
        ),
        number!(
            row("slots", Kind::PowerOfTwo { min: 64, max: 32_768 }, "N")
                .says("Receive slots of each worker; each takes slot_bytes of memory.", "2048"),
            slots
        ),
    ]
}

fn administration() -> Vec<Setting> {
    let row = |key, kind, value_name| Setting::new(Chapter::Administration, key, kind, value_name);
    vec![
        row("admin", Kind::Endpoint, "ADDR")
            .says(
                "Address of the admin endpoint: /metrics, /healthz, /readyz and drain. It has no password: keep it on \
                 loopback or on a private network.",
                "127.0.0.1:9478",
            )
            .field(
                |s, v| s.admin = v.into_iter().next_back().map(Value::address),
                |s| json!(s.admin.map(|address| address.to_string())),
            ),
        list!(
            row("alternate_server", Kind::Server, "ADDR")
                .says("Server that clients are sent to while this one drains; one for each family.", "203.0.113.8:3478")
                .live()
                .up_to(2),
            alternate_server,
            address
        ),
        row("drain_deadline_s", Kind::Integer { min: 0, max: 86_400 }, "N")
            .says("Seconds that a drain waits for allocations to end; 0 does not wait.", "300")
            .live()
            .field(
                |s, v| s.drain_deadline = std::time::Duration::from_secs(last(v).number()),
                |s| json!(s.drain_deadline.as_secs()),
            ),
    ]
}

fn limits() -> Vec<Setting> {
    vec![
        limit!(allocations, 1..=1_000_000, "Allocations of the whole relay.", "16384"),
        limit!(
            allocations_per_user,
            1..=1_000_000,
            "Allocations of one user; an ephemeral user is the name behind the colon.",
            "64"
        ),
        limit!(
            allocations_per_address,
            1..=1_000_000,
            "Allocations from one client address; an IPv6 client counts as its /64.",
            "1024"
        ),
        limit!(permissions_per_allocation, 1..=4_096, "Permissions of one allocation.", "128"),
        limit!(channels_per_allocation, 1..=4_096, "Channels of one allocation.", "128"),
        limit!(
            bytes_per_second_per_allocation,
            0..=1_000_000_000_000,
            "Bytes a second of one allocation, both directions together; a datagram counts as 64 at least; 0 is no limit.",
            "1000000"
        ),
        limit!(
            bytes_per_second,
            0..=1_000_000_000_000,
            "Bytes a second of the whole relay, shared fairly between allocations and counted alike; 0 is no limit.",
            "100000000"
        ),
        limit!(
            lifetime_max_s,
            10..=86_400,
            "Longest lifetime of an allocation that a client is given, in seconds; below 600 it is also the shortest.",
            "3600"
        ),
        limit!(connections, 1..=1_000_000, "TCP and TLS connections of the whole relay.", "8192"),
        limit!(
            connections_per_address,
            1..=1_000_000,
            "TCP and TLS connections from one address; an IPv6 client counts as its /64.",
            "256"
        ),
        limit!(handshakes, 1..=100_000, "TLS handshakes under way at once.", "512"),
        limit!(
            idle_timeout_s,
            1..=3_600,
            "A connection without an allocation or a complete handshake is closed after this many seconds.",
            "30"
        ),
        limit!(
            unproven_replies_per_second,
            1..=1_000_000,
            "Answers a second to clients of one source network (/24 or /48) that have not proved their address.",
            "200"
        ),
    ]
}
