//! The real `muster`, as operators run it: states are written down every two seconds, matches are recorded.

use std::{
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use muster_schemas::{
    Builder,
    sync::{MessageArgs, finish_message_buffer},
};
use serde_json::{Value, json};
use tungstenite::Message;

use crate::{
    program::{Folder, Program},
    row::Plan,
    web::{Http, Socket},
};

/// The modes that ship: files by their place in the folder of modes.
const SHIPPED: &[(&str, &str)] = &[
    ("arena/rules.lua", include_str!("../../scripts/modes/arena/rules.lua")),
    ("arena/map.json", include_str!("../../scripts/modes/arena/map.json")),
    ("race/rules.lua", include_str!("../../scripts/modes/race/rules.lua")),
    ("race/map.json", include_str!("../../scripts/modes/race/map.json")),
    ("relay_room/rules.lua", include_str!("../../scripts/modes/relay_room/rules.lua")),
    ("skirmish/rules.lua", include_str!("../../scripts/modes/skirmish/rules.lua")),
    ("skirmish/map.json", include_str!("../../scripts/modes/skirmish/map.json")),
];

/// Modes for what the others do not do.
const OWN: &[(&str, &str)] = &[
    ("crowd/rules.lua", include_str!("modes/crowd/rules.lua")),
    ("quiet/rules.lua", include_str!("modes/quiet/rules.lua")),
    ("loops/rules.lua", include_str!("modes/loops/rules.lua")),
];

/// The arena with 64 seats. Each match of it is of a mode of its own, since who joins a mode comes into a match with room.
const FULL_ARENA: &[(&str, &str)] = &[
    ("arena.lua", include_str!("../../scripts/modes/arena/rules.lua")),
    ("map.json", include_str!("../../scripts/modes/arena/map.json")),
    ("rules.lua", include_str!("modes/full_arena/rules.lua")),
];

/// Limits that would keep out so many clients of one address that say so much.
const LIMITS: &str = "--limit-connections 100000 --limit-connections-per-network 100000 \
    --limit-arrivals-per-minute 10000000 --limit-messages-per-second 100000 --limit-bytes-per-second 100000000";

/// How long the server has to be ready.
const START: Duration = Duration::from_secs(20);

/// A running server.
pub(crate) struct Muster {
    pub(crate) program: Program,
    http: Http,
    guests: u32,
}

/// A histogram, as the server shows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    /// Upper bounds in seconds, and how many were below or equal.
    buckets: Vec<(f64, f64)>,
    sum: f64,
    count: f64,
}

impl Muster {
    /// Starts one with a worker.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn start(plan: &Plan) -> Result<Self> {
        let folder = Folder::new()?;
        OWN.iter().try_for_each(|(name, text)| write_mode(&folder, name, text))?;
        for number in 0..plan.matches(40) {
            let mode = Self::full_arena(number);
            FULL_ARENA.iter().try_for_each(|(name, text)| write_mode(&folder, &format!("{mode}/{name}"), text))?;
        }
        let program = spawn(plan, folder)?;
        let http = Http::open(program.address)?;
        Ok(Self { program, http, guests: 0 })
    }

    /// The mode of a match of the arena with 64 seats.
    pub(crate) fn full_arena(number: usize) -> String {
        format!("full_arena_{number}")
    }

    /// How long it takes from making the process until it is ready.
    ///
    /// # Errors
    /// When it does not get ready.
    pub(crate) fn time_to_ready(plan: &Plan) -> Result<Duration> {
        let program = spawn(plan, Folder::new()?)?;
        while program.begun.elapsed() < START {
            let ready = Http::open(program.address).and_then(|mut http| http.request("GET", "/ready", ""));
            if let Ok((200, _)) = ready {
                return Ok(program.begun.elapsed());
            }
        }
        bail!("the server is not ready after {START:?}");
    }

    /// A new guest who is in a match, by a request as `match:join` has it, and the number that it has there.
    ///
    /// # Errors
    /// When it is not let in.
    pub(crate) fn join(&mut self, client: usize, mut request: Value, buffer: usize) -> Result<(Socket, u32)> {
        self.guests += 1;
        let guest = self.http.post("/v1/guests", &json!({ "name": format!("guest {}", self.guests) }))?;
        let mut socket = Socket::open(self.program.address, "/v1/play", client, buffer)?;
        socket.send_text(json!({ "type": "connect", "token": guest["token"] }).to_string())?;
        hear(&mut socket, "connected")?;
        request["type"] = "match:join".into();
        socket.send_text(request.to_string())?;
        let joined = hear(&mut socket, "match:joined")?;
        let number = joined["number"].as_u64().and_then(|number| u32::try_from(number).ok()).context("a number")?;
        Ok((socket, number))
    }

    /// What the server counts, as text.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) fn metrics(&mut self) -> Result<String> {
        // The server ends a connection that says nothing for a while, and a row may take longer.
        self.http = Http::open(self.program.address)?;
        let (status, text) = self.http.request("GET", "/metrics", "")?;
        ensure!(status == 200, "the metrics were answered with {status}");
        Ok(text)
    }
}

fn write_mode(folder: &Folder, name: &str, text: &str) -> Result<()> {
    let path = folder.path().join("modes").join(name);
    fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Starts one with the modes that ship, beside those that are in the folder.
fn spawn(plan: &Plan, folder: Folder) -> Result<Program> {
    SHIPPED.iter().try_for_each(|(name, text)| write_mode(&folder, name, text))?;
    let modes = folder.path().join("modes");
    let muster = plan.muster()?;
    let mut command = vec![muster.into_os_string()];
    let words = format!("serve --listen 127.0.0.1:0 --rtc-listen 127.0.0.1:0 --developer true --workers 1 {LIMITS}");
    command.extend(words.split_whitespace().map(Into::into));
    command.extend(["--modes".into(), modes.into_os_string()]);
    command.extend(["--data".into(), folder.path().join("data").into_os_string()]);
    // Nobody else comes to a server on loopback for a minute.
    let environment = [("MUSTER_SECRET", format!("{:032x}{:032x}", std::process::id(), start_ns()))];
    Program::start(plan.server_core, &command, &environment, folder, |line| {
        line.strip_prefix("muster: http://")?.parse::<SocketAddr>().ok()
    })
}

fn start_ns() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

/// The program beside this one, as `cargo build` puts them.
///
/// # Errors
/// When it is not there.
pub(crate) fn beside_this() -> Result<PathBuf> {
    let own = env::current_exe().context("this program's own path is unknown")?;
    let path = own.parent().unwrap_or_else(|| Path::new(".")).join("muster");
    ensure!(path.exists(), "{} is needed: cargo build --package muster-server", path.display());
    Ok(path)
}

/// Waits for a JSON message of a type.
fn hear(socket: &mut Socket, kind: &str) -> Result<Value> {
    let begun = Instant::now();
    while begun.elapsed() < START {
        let Message::Text(text) = socket.wait()? else { continue };
        let message: Value = serde_json::from_str(&text).context("the server says JSON")?;
        ensure!(message["type"] != "error", "{message} came instead of {kind}");
        if message["type"] == kind {
            return Ok(message);
        }
    }
    bail!("no {kind} came");
}

/// A message to the rules.
pub(crate) fn message_to_rules(text: &str) -> Vec<u8> {
    let mut builder = Builder::new();
    let data = builder.create_vector(text.as_bytes());
    let message = muster_schemas::sync::Message::create(&mut builder, &MessageArgs { data: Some(data) });
    finish_message_buffer(&mut builder, message);
    builder.finished_data().to_vec()
}

/// The value of a counter or a gauge.
pub(crate) fn value_of(metrics: &str, name: &str) -> Result<f64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.with_context(|| format!("there is no {name}"))?.parse().with_context(|| format!("{name} is a number"))
}

impl Histogram {
    /// The one of a name.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn read(metrics: &str, name: &str) -> Result<Self> {
        let prefix = format!("{name}_bucket{{le=\"");
        let mut buckets = Vec::new();
        for line in metrics.lines().filter_map(|line| line.strip_prefix(&prefix)) {
            let (bound, rest) = line.split_once("\"} ").context("a bucket has a bound")?;
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().context("a bound is a number")? };
            let count = rest.split(' ').next().unwrap_or(rest);
            buckets.push((bound, count.parse().context("a bucket has a number")?));
        }
        let (sum, count) = (value_of(metrics, &format!("{name}_sum"))?, value_of(metrics, &format!("{name}_count"))?);
        Ok(Self { buckets, sum, count })
    }

    /// What has come since an earlier look.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let pairs = self.buckets.iter().zip(&before.buckets);
        let buckets = pairs.map(|((bound, now), (_, then))| (*bound, now - then)).collect();
        Self { buckets, sum: self.sum - before.sum, count: self.count - before.count }
    }

    pub(crate) fn count(&self) -> f64 {
        self.count
    }

    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.count
    }

    /// A quantile, as if a bucket's were spread evenly over it.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let wanted = self.count * share;
        let (mut low, mut below) = (0.0, 0.0);
        for (bound, count) in &self.buckets {
            if *count >= wanted && *count > below {
                let part = (wanted - below) / (count - below);
                return if bound.is_finite() { low + (bound - low) * part } else { low };
            }
            (low, below) = (*bound, *count);
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_read_and_asked() {
        let text = "a_sum 3.0\na_count 4\na_bucket{le=\"0.5\"} 1\na_bucket{le=\"1.0\"} 3\na_bucket{le=\"+Inf\"} 4\n";
        let histogram = Histogram::read(text, "a").expect("it is one");
        assert_eq!((histogram.mean(), histogram.quantile(0.5), histogram.quantile(1.0)), (0.75, 0.75, 1.0));
        let none = histogram.since(&histogram);
        assert_eq!(none.count(), 0.0);
        assert!(Histogram::read(text, "b").is_err());
    }
}
