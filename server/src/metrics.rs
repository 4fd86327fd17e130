//! What is counted, and how it is shown.
//!
//! **Every label is from a closed set**: no player and no script can add a series.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use crate::code::ErrorCode;

/// The label of a refusal or a cut.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CodeLabel {
    code: &'static str,
}

/// The label of a direction and a carrier.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CarrierLabel {
    carrier: &'static str,
}

/// What is counted.
pub struct Metrics {
    registry: Registry,
    /// Seconds that a tick took.
    pub tick_seconds: Histogram,
    /// Seconds between when a tick was due and when it began.
    pub lateness_seconds: Histogram,
    /// Ticks that were left out because the worker was too late.
    pub ticks_lost: Counter,
    /// Matches now.
    pub matches: Gauge,
    /// Players now, those who are away included.
    pub players: Gauge,
    /// Spectators now.
    pub spectators: Gauge,
    /// Matches that were opened.
    pub matches_opened: Counter,
    /// Matches that broke.
    pub matches_failed: Counter,
    /// Matches that went on from their saved state.
    pub matches_restored: Counter,
    /// WebSocket connections now.
    pub connections: Gauge,
    /// TCP connections now, those of WebSockets included.
    pub tcp_connections: Gauge,
    /// TCP connections that were closed at once, since their network had too many.
    pub tcp_refused: Counter,
    /// WebRTC sessions now.
    pub rtc_sessions: Gauge,
    /// Orders that wait for workers.
    pub orders_waiting: Gauge,
    /// Orders that were dropped since a worker's queue was full.
    pub orders_dropped: Counter,
    /// Packets that were dropped since a connection's queue was nearly full.
    pub packets_dropped: Counter,
    /// Seconds of a tick that scripts took, with what they did since the one before.
    pub script_seconds: Histogram,
    /// Safepoints that scripts passed.
    pub script_work: Counter,
    /// Calls of scripts that failed.
    pub script_errors: Counter,
    /// Calls of scripts that were stopped.
    pub script_kills: Counter,
    /// Bundles that were taken up while matches ran.
    pub reloads: Counter,
    /// Bundles that were refused.
    pub reloads_refused: Counter,
    /// States of matches that were written down.
    pub backups: Counter,
    /// Files that could not be written.
    pub archive_failures: Counter,
    /// Things that were not written since the disk was too slow.
    pub archive_dropped: Counter,
    /// Requests that wait for the store.
    pub store_waiting: Gauge,
    /// Seconds from a request to the store to its answer.
    pub store_seconds: Histogram,
    stored: Family<OutcomeLabel, Counter>,
    refusals: Family<CodeLabel, Counter>,
    cuts: Family<CodeLabel, Counter>,
    messages_in: Family<CarrierLabel, Counter>,
    messages_out: Family<CarrierLabel, Counter>,
    bytes_in: Family<CarrierLabel, Counter>,
    bytes_out: Family<CarrierLabel, Counter>,
}

/// The label of what came of a request to the store.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// What came of a request to the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreOutcome {
    /// It was carried out.
    Done,
    /// It was against a limit.
    Refused,
    /// Too many waited.
    Busy,
    /// The database failed.
    Broken,
}

/// What carries messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carrier {
    /// A WebSocket.
    WebSocket,
    /// A data channel.
    WebRtc,
}

impl Carrier {
    const fn label(self) -> CarrierLabel {
        CarrierLabel {
            carrier: match self {
                Self::WebSocket => "websocket",
                Self::WebRtc => "webrtc",
            },
        }
    }
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("muster");
        // From 20 us to 1.6 s, a quarter apart: fine enough to tell whether a tick keeps to half a millisecond.
        let times = || Histogram::new(exponential_buckets(0.000_02, 1.25, 52));
        let metrics = Self {
            tick_seconds: times(),
            lateness_seconds: times(),
            ticks_lost: Counter::default(),
            matches: Gauge::default(),
            players: Gauge::default(),
            spectators: Gauge::default(),
            matches_opened: Counter::default(),
            matches_failed: Counter::default(),
            matches_restored: Counter::default(),
            connections: Gauge::default(),
            tcp_connections: Gauge::default(),
            tcp_refused: Counter::default(),
            rtc_sessions: Gauge::default(),
            orders_waiting: Gauge::default(),
            orders_dropped: Counter::default(),
            packets_dropped: Counter::default(),
            script_seconds: times(),
            script_work: Counter::default(),
            script_errors: Counter::default(),
            script_kills: Counter::default(),
            reloads: Counter::default(),
            reloads_refused: Counter::default(),
            backups: Counter::default(),
            archive_failures: Counter::default(),
            archive_dropped: Counter::default(),
            store_waiting: Gauge::default(),
            store_seconds: times(),
            stored: Family::default(),
            refusals: Family::default(),
            cuts: Family::default(),
            messages_in: Family::default(),
            messages_out: Family::default(),
            bytes_in: Family::default(),
            bytes_out: Family::default(),
            registry: Registry::default(),
        };
        let m = &metrics;
        registry.register_with_unit("tick", "Time that a tick took", Unit::Seconds, m.tick_seconds.clone());
        let late = "Time from when a tick was due to its beginning";
        registry.register_with_unit("tick_lateness", late, Unit::Seconds, m.lateness_seconds.clone());
        registry.register("ticks_lost", "Ticks left out because the worker was too late", m.ticks_lost.clone());
        registry.register("matches", "Matches now", m.matches.clone());
        registry.register("players", "Players now, those away included", m.players.clone());
        registry.register("spectators", "Spectators now", m.spectators.clone());
        registry.register("matches_opened", "Matches opened", m.matches_opened.clone());
        registry.register("matches_failed", "Matches that broke", m.matches_failed.clone());
        registry.register("matches_restored", "Matches gone on with from a saved state", m.matches_restored.clone());
        registry.register("connections", "WebSocket connections now", m.connections.clone());
        registry.register("tcp_connections", "TCP connections now", m.tcp_connections.clone());
        registry.register("tcp_refused", "TCP connections closed for their network's number", m.tcp_refused.clone());
        registry.register("rtc_sessions", "WebRTC sessions now", m.rtc_sessions.clone());
        registry.register("orders_waiting", "Orders waiting for workers", m.orders_waiting.clone());
        registry.register("orders_dropped", "Orders dropped at full queues", m.orders_dropped.clone());
        registry.register("packets_dropped", "Packets dropped for slow connections", m.packets_dropped.clone());
        let scripts = "Time that scripts took of a tick";
        registry.register_with_unit("script", scripts, Unit::Seconds, m.script_seconds.clone());
        registry.register("script_work", "Safepoints passed by scripts", m.script_work.clone());
        registry.register("script_errors", "Calls of scripts that failed", m.script_errors.clone());
        registry.register("script_kills", "Calls of scripts that were stopped", m.script_kills.clone());
        registry.register("reloads", "Bundles taken up while matches ran", m.reloads.clone());
        registry.register("reloads_refused", "Bundles refused", m.reloads_refused.clone());
        registry.register("backups", "States of matches written down", m.backups.clone());
        registry.register("archive_failures", "Files that could not be written", m.archive_failures.clone());
        registry.register("archive_dropped", "Writes dropped because the disk was slow", m.archive_dropped.clone());
        registry.register("store_waiting", "Requests waiting for the store", m.store_waiting.clone());
        registry.register_with_unit("store", "Time to an answer of the store", Unit::Seconds, m.store_seconds.clone());
        registry.register("store_requests", "Requests to the store by what came of them", m.stored.clone());
        registry.register("refusals", "Refusals by code", m.refusals.clone());
        registry.register("cuts", "Connections cut by code", m.cuts.clone());
        registry.register("messages_in", "Messages from players", m.messages_in.clone());
        registry.register("messages_out", "Messages to players", m.messages_out.clone());
        registry.register("bytes_in", "Bytes from players", m.bytes_in.clone());
        registry.register("bytes_out", "Bytes to players", m.bytes_out.clone());
        Self { registry, ..metrics }
    }

    /// Something was refused.
    pub fn refused(&self, code: ErrorCode) {
        self.refusals.get_or_create(&CodeLabel { code: code.text() }).inc();
    }

    /// A connection was cut.
    pub fn cut(&self, code: ErrorCode) {
        self.cuts.get_or_create(&CodeLabel { code: code.text() }).inc();
    }

    /// A request to the store was answered.
    pub fn stored(&self, outcome: StoreOutcome) {
        let outcome = match outcome {
            StoreOutcome::Done => "done",
            StoreOutcome::Refused => "refused",
            StoreOutcome::Busy => "busy",
            StoreOutcome::Broken => "broken",
        };
        self.stored.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// The counters of one carrier, to count without looking them up each time.
    pub fn traffic(&self, carrier: Carrier) -> Traffic {
        let label = carrier.label();
        Traffic {
            messages_in: self.messages_in.get_or_create(&label).clone(),
            messages_out: self.messages_out.get_or_create(&label).clone(),
            bytes_in: self.bytes_in.get_or_create(&label).clone(),
            bytes_out: self.bytes_out.get_or_create(&label).clone(),
        }
    }

    /// Everything in OpenMetrics' text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes everything");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// The counters of one carrier.
#[derive(Clone)]
pub struct Traffic {
    messages_in: Counter<u64, AtomicU64>,
    messages_out: Counter<u64, AtomicU64>,
    bytes_in: Counter<u64, AtomicU64>,
    bytes_out: Counter<u64, AtomicU64>,
}

impl Traffic {
    /// A message came.
    pub fn came(&self, bytes: usize) {
        self.messages_in.inc();
        self.bytes_in.inc_by(bytes as u64);
    }

    /// A message went.
    pub fn went(&self, bytes: usize) {
        self.messages_out.inc();
        self.bytes_out.inc_by(bytes as u64);
    }
}
