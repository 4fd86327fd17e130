//! The table of settings: a new setting is a field of [`Settings`] and one row here.

use std::{
    fmt::Display,
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::LazyLock,
    time::Duration,
};

use super::{SECRET_BYTES_MIN, Settings, WORKERS_MAX};

/// One setting.
pub struct Setting {
    path: &'static str,
    flag: String,
    /// What stands for a value in usage texts.
    pub value_name: &'static str,
    /// What it does, as whole sentences.
    pub help: &'static str,
    /// What values are allowed, in words.
    pub allowed: &'static str,
    /// Whether the value is never shown.
    pub is_secret: bool,
    store: fn(&mut Settings, &str) -> bool,
    view: fn(&Settings) -> String,
}

/// What every environment variable begins with.
pub const VARIABLE_PREFIX: &str = "MUSTER_";
/// Variables of the relay begin with this, and are none of ours.
pub const RELAY_PREFIX: &str = "MUSTER_RELAY_";

impl Setting {
    /// The name in the file: `listen`, or `limits.matches` for `matches` in the table `[limits]`.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// The flag without its dashes: `listen`, `limit-matches`.
    pub fn flag(&self) -> &str {
        &self.flag
    }

    /// The environment variable: `MUSTER_LISTEN`, `MUSTER_LIMIT_MATCHES`.
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.flag.replace('-', "_").to_uppercase())
    }

    /// The value for people, without secrets.
    pub fn view(&self, settings: &Settings) -> String {
        (self.view)(settings)
    }

    /// Takes over a value that was given as text. Returns whether it is allowed; nothing has changed if not.
    pub(super) fn store(&self, settings: &mut Settings, text: &str) -> bool {
        (self.store)(settings, text)
    }
}

/// Every setting, in the order of help and documentation.
pub fn settings() -> &'static [Setting] {
    static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(rows);
    &SETTINGS
}

/// Puts a value into its place if the text is one that passes.
fn put<T: FromStr>(text: &str, place: &mut T, passes: impl Fn(&T) -> bool) -> bool {
    match text.parse() {
        Ok(value) if passes(&value) => {
            *place = value;
            true
        }
        _ => false,
    }
}

/// The parser divides the text by bytes and so breaks within a letter of several; targets are of ASCII.
fn is_filter(text: &String) -> bool {
    text.is_ascii() && tracing_subscriber::EnvFilter::builder().parse(text).is_ok()
}

fn put_seconds(text: &str, place: &mut Duration, min: u64, max: u64) -> bool {
    let mut seconds = 0;
    let is_good = put(text, &mut seconds, |seconds| (min..=max).contains(seconds));
    if is_good {
        *place = Duration::from_secs(seconds);
    }
    is_good
}

fn put_path(text: &str, place: &mut std::path::PathBuf) -> bool {
    put(text, place, |path| !path.as_os_str().is_empty())
}

fn list<T: Display>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn seconds(duration: Duration) -> String {
    duration.as_secs().to_string()
}

macro_rules! row {
    ($path:literal, $value:literal, $allowed:literal, $help:literal, $store:expr, $view:expr) => {
        Setting {
            path: $path,
            flag: $path.replace("limits.", "limit-").replace('_', "-"),
            value_name: $value,
            help: $help,
            allowed: $allowed,
            is_secret: $path == "secret",
            store: $store,
            view: $view,
        }
    };
}

/// A whole number of the limits and its range.
macro_rules! limit {
    ($path:literal, $table:ident.$field:ident, $min:literal, $max:literal, $allowed:literal, $help:literal) => {
        row!(
            $path,
            "N",
            $allowed,
            $help,
            |to, text| put(text, &mut to.$table.$field, |value| ($min..=$max).contains(value)),
            |of| of.$table.$field.to_string()
        )
    };
}

fn rows() -> Vec<Setting> {
    vec![
        row!(
            "listen",
            "IP:PORT",
            "IP:PORT",
            "Where HTTP and WebSocket are served.",
            |to, text| put(text, &mut to.listen, |_| true),
            |of| of.listen.to_string()
        ),
        row!(
            "rtc_listen",
            "IP:PORT",
            "IP:PORT, or off",
            "Where WebRTC comes in over UDP; where `listen` says unless it is set. `off` leaves players the WebSocket alone.",
            |to, text| {
                if text == "off" {
                    to.rtc_listen = None;
                    return true;
                }
                let address: Result<SocketAddr, _> = text.parse();
                address.is_ok_and(|address| {
                    to.rtc_listen = Some(address);
                    true
                })
            },
            |of| of.rtc_listen.map_or_else(|| "off".into(), |address| address.to_string())
        ),
        row!(
            "rtc_address",
            "IP,IP",
            "up to 8 IP addresses",
            "The addresses that browsers are told for WebRTC: those of this machine as players see it. None: the address \
             that the player came to.",
            |to, text| {
                let addresses: Result<Vec<IpAddr>, _> =
                    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse).collect();
                addresses.is_ok_and(|addresses| {
                    let is_good = addresses.len() <= 8 && addresses.iter().all(|address| !address.is_unspecified());
                    to.rtc_address = addresses;
                    is_good
                })
            },
            |of| list(&of.rtc_address)
        ),
        row!(
            "modes",
            "FOLDER",
            "a folder",
            "The folder whose folders are modes: FOLDER/arena/rules.lua.",
            |to, text| put_path(text, &mut to.modes),
            |of| of.modes.display().to_string()
        ),
        row!(
            "data",
            "FOLDER",
            "a folder",
            "Where matches are saved while they run, and replays and reports are kept.",
            |to, text| put_path(text, &mut to.data),
            |of| of.data.display().to_string()
        ),
        row!(
            "secret",
            "TEXT",
            "at least 32 bytes that nobody can guess: openssl rand -base64 48",
            "What tokens are signed with. Servers that share players share it. In the environment or the file it is out of \
             the list of processes.",
            |to, text| put(text, &mut to.secret, |secret: &String| secret.len() >= SECRET_BYTES_MIN
                && !is_known(secret)),
            |of| if of.secret.is_empty() { "none".into() } else { "(not shown)".into() }
        ),
        row!(
            "token_seconds",
            "N",
            "60 to 31536000",
            "For how long a guest's token is good.",
            |to, text| put_seconds(text, &mut to.token_lifetime, 60, 31_536_000),
            |of| seconds(of.token_lifetime)
        ),
        row!(
            "workers",
            "N",
            "1 to 256",
            "Threads that run matches. Each match is on one of them.",
            |to, text| put(text, &mut to.workers, |workers| (1..=WORKERS_MAX).contains(workers)),
            |of| of.workers.to_string()
        ),
        row!(
            "watch",
            "BOOL",
            "true or false",
            "Whether changed files of modes are taken up while matches run.",
            |to, text| put(text, &mut to.watch, |_| true),
            |of| of.watch.to_string()
        ),
        row!(
            "developer",
            "BOOL",
            "true or false",
            "Whether players may watch tick times and script errors.",
            |to, text| put(text, &mut to.developer, |_| true),
            |of| of.developer.to_string()
        ),
        row!(
            "log",
            "FILTER",
            "error, warn, info, debug, trace, or TARGET=LEVEL,TARGET=LEVEL",
            "What is logged, to standard error.",
            |to, text| put(text, &mut to.log, is_filter),
            |of| of.log.clone()
        ),
        row!(
            "log_json",
            "BOOL",
            "true or false",
            "Whether each line of the log is a JSON object.",
            |to, text| put(text, &mut to.log_json, |_| true),
            |of| of.log_json.to_string()
        ),
        row!(
            "drain_seconds",
            "N",
            "0 to 86400",
            "How long the end waits, after SIGTERM, for matches to be over. What still runs then is saved.",
            |to, text| put_seconds(text, &mut to.drain_deadline, 0, 86_400),
            |of| seconds(of.drain_deadline)
        ),
        row!(
            "backup_seconds",
            "N",
            "0 to 3600",
            "How often the state of every match is written down, to go on from after a crash. 0 is never.",
            |to, text| put_seconds(text, &mut to.backup_every, 0, 3600),
            |of| seconds(of.backup_every)
        ),
        row!(
            "replays",
            "BOOL",
            "true or false",
            "Whether matches are recorded.",
            |to, text| put(text, &mut to.replays, |_| true),
            |of| of.replays.to_string()
        ),
        row!(
            "turn",
            "BOOL",
            "true or false",
            "Whether this process relays, by TURN, for players whose networks let nothing else through. The table [relay] of \
             the file has the relay's own settings.",
            |to, text| put(text, &mut to.turn, |_| true),
            |of| of.turn.to_string()
        ),
        row!(
            "turn_urls",
            "URL,URL",
            "up to 8 of turn:HOST:PORT?transport=udp, turn:HOST:PORT?transport=tcp, turns:HOST:PORT?transport=tcp",
            "Where players are told that a relay is. None: where the relay of this process listens. With `turn` off it is a \
             relay elsewhere, whose secret is relay.auth_secret.",
            |to, text| {
                let urls: Vec<String> =
                    text.split(',').map(str::trim).filter(|url| !url.is_empty()).map(Into::into).collect();
                let is_url = |url: &String| {
                    (url.starts_with("turn:") || url.starts_with("turns:"))
                        && url.len() <= 256
                        && url.bytes().all(|byte| byte.is_ascii_graphic())
                };
                let is_good = urls.len() <= 8 && urls.iter().all(is_url);
                if is_good {
                    to.turn_urls = urls;
                }
                is_good
            },
            |of| list(&of.turn_urls)
        ),
        row!(
            "turn_seconds",
            "N",
            "60 to 604800",
            "For how long the credentials are good that a player is given for the relay. What is relayed goes on beyond it.",
            |to, text| put_seconds(text, &mut to.turn_lifetime, 60, 604_800),
            |of| seconds(of.turn_lifetime)
        ),
        limit!(
            "limits.connections",
            limits.connections,
            1,
            1_000_000,
            "1 to 1000000",
            "WebSocket connections at a time."
        ),
        limit!(
            "limits.connections_per_network",
            limits.connections_per_network,
            1,
            1_000_000,
            "1 to 1000000",
            "WebSocket connections at a time from one IPv4 address or IPv6 /64. It may have 64 TCP connections more."
        ),
        limit!(
            "limits.arrivals_per_minute",
            limits.arrivals_per_minute,
            1,
            10_000_000,
            "1 to 10000000",
            "Guests made and WebSockets opened in a minute from one IPv4 address or IPv6 /64. It may look at lists and \
             replays eight times as often."
        ),
        limit!(
            "limits.messages_per_second",
            limits.messages_per_second,
            10,
            100_000,
            "10 to 100000",
            "Messages a second of one connection, of all kinds. Two seconds' worth may come at once."
        ),
        limit!(
            "limits.bytes_per_second",
            limits.bytes_per_second,
            1024,
            100_000_000,
            "1024 to 100000000",
            "Bytes a second of one connection, towards the server. Two seconds' worth may come at once."
        ),
        limit!(
            "limits.message_bytes",
            limits.message_bytes,
            2048,
            65_536,
            "2048 to 65536",
            "Bytes of one message towards the server."
        ),
        row!(
            "limits.idle_seconds",
            "N",
            "5 to 3600",
            "A connection from which nothing comes for so long is cut.",
            |to, text| put_seconds(text, &mut to.limits.idle, 5, 3600),
            |of| seconds(of.limits.idle)
        ),
        limit!(
            "limits.queue",
            limits.queue,
            16,
            65_536,
            "16 to 65536",
            "Messages that wait for one connection. Packets beyond three quarters of it are dropped; when it is full the \
             connection is cut."
        ),
        limit!("limits.matches", limits.matches, 1, 100_000, "1 to 100000", "Matches at a time."),
        limit!("limits.spectators", limits.spectators, 0, 10_000, "0 to 10000", "Spectators of one match."),
        row!(
            "limits.empty_seconds",
            "N",
            "1 to 86400",
            "A match without players ends after so long.",
            |to, text| put_seconds(text, &mut to.limits.empty, 1, 86_400),
            |of| seconds(of.limits.empty)
        ),
        limit!(
            "limits.packet_bytes_per_second",
            limits.packet_bytes_per_second,
            1000,
            10_000_000,
            "1000 to 10000000",
            "Bytes a second that the packets of one player may have, by which less is told of what is less near."
        ),
        limit!(
            "limits.replay_files",
            limits.replay_files,
            0,
            1_000_000,
            "0 to 1000000",
            "Replays that are kept; the oldest go."
        ),
        limit!(
            "limits.replay_bytes",
            limits.replay_bytes,
            65_536,
            17_179_869_184,
            "65536 to 17179869184",
            "Bytes of one replay, beyond which it is not written any further."
        ),
        limit!(
            "limits.store_keys",
            limits.store_keys,
            1,
            1_000_000,
            "1 to 1000000",
            "Values that scripts may keep of one player in one mode, and for one mode."
        ),
        limit!(
            "limits.store_bytes",
            limits.store_bytes,
            1024,
            1_073_741_824,
            "1024 to 1073741824",
            "Bytes of the values, with their keys, that scripts may keep of one player in one mode, and for one mode."
        ),
        limit!(
            "limits.store_file_bytes",
            limits.store_file_bytes,
            1_048_576,
            17_592_186_044_416,
            "1048576 to 17592186044416",
            "Bytes of the file with all of them."
        ),
        limit!(
            "limits.script_memory_bytes",
            scripts.memory_bytes,
            1_048_576,
            1_073_741_824,
            "1048576 to 1073741824, and no more than limits.script_host_memory_bytes",
            "Bytes that the scripts of one match may hold. What is saved of a match's scripts is at most 4 MiB all the same."
        ),
        limit!(
            "limits.script_host_memory_bytes",
            scripts.host_memory_bytes,
            16_777_216,
            17_179_869_184,
            "16777216 to 17179869184",
            "Bytes that one virtual machine may hold, which up to 250 matches of a mode on one thread share."
        ),
        limit!(
            "limits.script_call_budget",
            scripts.call_budget,
            10_000,
            10_000_000,
            "10000 to 10000000",
            "Safepoints (calls, returns, rounds of loops) of one call of a script, after which it is stopped; also after 60 ns \
             for each that it may pass, and no less than a millisecond, whatever it does. With 100000 that is 6 ms, for which \
             other matches of the thread wait."
        ),
        limit!(
            "limits.script_tick_budget",
            scripts.tick_budget,
            10_000,
            10_000_000,
            "10000 to 10000000",
            "Safepoints of all calls of a match in one tick; timers and answers of the store that come to more, or take longer \
             than 60 ns for each, wait for the next. A player who comes or goes between two ticks has as many anew."
        ),
        limit!(
            "limits.script_open_budget",
            scripts.open_budget,
            10_000,
            20_000_000,
            "10000 to 20000000",
            "Safepoints of each step in which a match is opened, gone on with after a restart or reloaded: its files, match_init, \
             match_start, on_reload after a restart. Each of the first three is stopped after 6 ms of work, but for match_start of a \
             large world, which has a thread of its own."
        ),
    ]
}

/// Secrets that stand in documents, and are therefore none.
pub(super) fn is_known(secret: &str) -> bool {
    let lower = secret.to_ascii_lowercase();
    let first = lower.as_bytes().first().copied();
    ["secret", "password", "default", "changeme", "change-me", "example"].iter().any(|word| lower.contains(word))
        || lower.bytes().all(|byte| Some(byte) == first)
}
