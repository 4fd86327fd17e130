//! One worker: a thread that owns its sockets, its streams and its allocations.
//!
//! **Nothing here is shared with another worker but mailboxes and counters**, so the loop takes no lock: it waits in the
//! driver, routes each datagram as the TURN machine says, and then carries out what the machine and the streams ask for.

use std::{
    io,
    net::SocketAddr,
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    counters::{Counter, Drop, TurnCounters},
    handoff::{Mailbox, Parcel},
    io::{
        CountedHeap, Driver, Forward, Handler, IcmpError, Readiness, SocketId, Token, UdpOptions, bind_udp,
        receive_queue_drops,
    },
    slot::{HEADROOM, Slot, TAILROOM},
    stream::{StreamStats, Streams, WatchChange},
    turn::{Action, Client, LiveSettings, Now, OpenError, RelayId, Reply, Route, Server, Transport},
};

/// How often the kernel's own counts are read and the settings looked at, at the least.
const HOUSEKEEPING: Duration = Duration::from_millis(500);

/// Frames from streams that one turn handles before datagrams get their chance again.
const FRAMES_PER_TURN: usize = 256;

/// Allocations that make memory worth giving back when they have ended.
const CROWD: usize = 256;

/// Payloads from other workers that one turn handles.
const PARCELS_PER_TURN: usize = 256;

/// Upper bounds of the residence time's buckets, in microseconds; the last has none.
pub const RESIDENCE_US: [u64; 12] = [5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000];

/// What one worker shows to the admin endpoint.
#[derive(Debug, Default)]
pub struct WorkerCounters {
    /// What the TURN machine counts.
    pub turn: Arc<TurnCounters>,
    /// Datagrams by the time from the end of the wait to the hand-over to the kernel; see [`RESIDENCE_US`].
    pub residence: [Counter; RESIDENCE_US.len() + 1],
    /// Sum of those times, in nanoseconds.
    pub residence_ns: Counter,
    /// Datagrams received by the driver.
    pub received: Counter,
    /// Datagrams handed to the kernel.
    pub sent: Counter,
    /// Times the kernel found no free receive slot.
    pub receive_exhausted: Counter,
    /// Times a multishot receive was armed again.
    pub receive_rearmed: Counter,
    /// Datagrams that the kernel dropped because a socket's queue was full: of the listening sockets, and of relayed
    /// ones when they are closed.
    pub receive_queue_overflows: Counter,
    /// Open TCP and TLS connections (a gauge).
    pub connections: Counter,
    /// TLS handshakes completed.
    pub handshakes_completed: Counter,
    /// TLS handshakes that failed or that the client broke off.
    pub handshakes_failed: Counter,
    /// TLS handshakes that took too long.
    pub handshakes_timed_out: Counter,
    /// TLS handshakes refused because too many were under way.
    pub handshakes_refused: Counter,
    /// Connections refused by a limit.
    pub connections_refused: Counter,
    /// Turns of the loop.
    pub turns: Counter,
}

/// What the supervisor tells all workers.
#[derive(Debug)]
pub(crate) struct Orders {
    /// Counts reloads; a worker that sees a new number fetches the settings.
    pub(crate) version: AtomicU64,
    pub(crate) settings: std::sync::Mutex<Arc<LiveSettings>>,
    pub(crate) stop: AtomicBool,
    /// Relayed sockets that may still be opened; may go below zero for a moment.
    pub(crate) descriptors: AtomicI64,
}

impl Orders {
    /// Counts one relayed socket more. Every call is followed by one of [`Orders::give_back_descriptor`], when the socket
    /// is closed or if this failed.
    fn take_descriptor(&self) -> io::Result<()> {
        if self.descriptors.fetch_sub(1, Relaxed) > 0 {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::QuotaExceeded, "the rest of the descriptors is kept for connections"))
        }
    }

    fn give_back_descriptor(&self) {
        self.descriptors.fetch_add(1, Relaxed);
    }
}

/// A worker before its thread starts.
pub(crate) struct WorkerSetup {
    pub(crate) number: u8,
    pub(crate) server: Server,
    pub(crate) streams: Streams,
    pub(crate) mailboxes: Arc<[Mailbox]>,
    pub(crate) counters: Arc<WorkerCounters>,
    pub(crate) orders: Arc<Orders>,
    pub(crate) slot_bytes: usize,
    pub(crate) started: Instant,
}

pub(crate) struct Worker<D> {
    driver: D,
    core: Core,
}

/// Everything but the driver, so that the driver can hand events to it.
struct Core {
    number: u8,
    server: Server,
    streams: Streams,
    listeners: Vec<SocketId>,
    listener_fds: Vec<std::os::fd::RawFd>,
    mailboxes: Arc<[Mailbox]>,
    counters: Arc<WorkerCounters>,
    orders: Arc<Orders>,
    orders_seen: u64,
    clock: Clock,
    scratch: Box<[u8]>,
    woken: bool,
    next_housekeeping: Duration,
    datagrams: u64,
    /// The most allocations since memory was last given back.
    peak: usize,
}

/// Tokens carry their kind in the top byte.
mod token {
    use super::{RelayId, Token};

    pub(super) const LISTENER: u64 = 0;
    pub(super) const RELAY: u64 = 1 << 56;
    pub(super) const STREAM: u64 = 2 << 56;
    pub(super) const WAKER: u64 = 3 << 56;
    pub(super) const KIND: u64 = 0xFF << 56;

    pub(super) fn relay(id: RelayId) -> Token {
        RELAY | u64::from(id.ipv6) << 55 | u64::from(id.generation) << 32 | u64::from(id.index)
    }

    pub(super) fn relay_id(token: Token) -> RelayId {
        RelayId {
            index: token as u32,
            generation: (token >> 32) as u32 & crate::turn::GENERATION_MASK,
            ipv6: token & (1 << 55) != 0,
        }
    }
}

/// The base of the tokens that [`Streams`] gives to the driver.
pub(crate) const STREAM_TOKENS: u64 = token::STREAM;

/// Reads the clocks once a turn.
struct Clock {
    started: Instant,
    now: Now,
    fresh: bool,
}

impl Clock {
    fn now(&mut self) -> Now {
        if !self.fresh {
            self.read();
        }
        self.now
    }

    fn read(&mut self) {
        let monotonic = self.started.elapsed();
        // A time of day that is a second old is good enough for credentials.
        if monotonic >= self.now.monotonic + Duration::from_millis(500) || self.now.unix_s == 0 {
            self.now.unix_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        }
        self.now.monotonic = monotonic;
        self.fresh = true;
    }
}

impl<D: Driver> Worker<D> {
    /// Takes the listening sockets, in the order of the listening addresses.
    pub(crate) fn new(mut driver: D, setup: WorkerSetup, listeners: Vec<std::net::UdpSocket>) -> io::Result<Self> {
        let listener_fds = listeners.iter().map(AsRawFd::as_raw_fd).collect();
        let listeners = listeners
            .into_iter()
            .zip(token::LISTENER..)
            .map(|(socket, token)| driver.open(socket, token))
            .collect::<io::Result<_>>()?;
        let waker = setup.mailboxes[usize::from(setup.number)].waker();
        driver.watch(waker.fd(), token::WAKER, false)?;
        let now = Now { monotonic: Duration::ZERO, unix_s: 0 };
        let core = Core {
            number: setup.number,
            server: setup.server,
            streams: setup.streams,
            listeners,
            listener_fds,
            mailboxes: setup.mailboxes,
            counters: setup.counters,
            orders_seen: setup.orders.version.load(Relaxed),
            orders: setup.orders,
            clock: Clock { started: setup.started, now, fresh: false },
            scratch: vec![0; HEADROOM + setup.slot_bytes + HEADROOM + TAILROOM].into_boxed_slice(),
            woken: false,
            next_housekeeping: Duration::ZERO,
            datagrams: 0,
            peak: 0,
        };
        Ok(Self { driver, core })
    }

    /// Works until told to stop.
    pub(crate) fn run(mut self) -> io::Result<()> {
        while !self.core.orders.stop.load(Relaxed) {
            self.turn()?;
        }
        self.driver.flush()
    }

    fn turn(&mut self) -> io::Result<()> {
        let Self { driver, core } = self;
        core.apply_watches(driver);
        let timeout = core.timeout();
        core.clock.fresh = false;
        core.datagrams = 0;
        driver.turn(core, timeout)?;
        core.mailbox().wake_up();
        if core.woken {
            core.woken = false;
            let waker = core.mailbox().waker();
            waker.clear();
            driver.rewatch(waker.fd(), token::WAKER, false)?;
        }
        let now = core.clock.now();
        core.frames_from_streams(driver, now);
        core.parcels_from_workers(driver, now);
        core.timers(now);
        core.actions(driver, now);
        core.replies(driver);
        core.publish(driver, now);
        core.give_back_memory();
        Ok(())
    }
}

impl Handler for Core {
    fn handle_datagram(&mut self, token: Token, from: SocketAddr, slot: &mut Slot<'_>) -> Forward {
        let now = self.clock.now();
        self.datagrams += 1;
        let route = if token & token::KIND == token::RELAY {
            self.server.handle_peer(now, token::relay_id(token), from, slot)
        } else {
            let client = Client { address: from, transport: Transport::Udp { listener: token as u8 } };
            self.server.handle_client(now, client, slot)
        };
        self.forward(route, slot)
    }

    fn handle_icmp(&mut self, token: Token, error: IcmpError) {
        if token & token::KIND == token::RELAY {
            let now = self.clock.now();
            self.server.handle_icmp(now, token::relay_id(token), error);
        }
    }

    fn handle_ready(&mut self, token: Token, ready: Readiness) {
        if token & token::KIND == token::STREAM {
            let now = self.clock.now();
            self.streams.handle_ready(token, ready, now.monotonic);
        } else {
            self.woken = true;
        }
    }
}

impl Core {
    /// Where a slot goes: in place if to a datagram socket, by a copy otherwise.
    fn forward(&mut self, route: Route, slot: &Slot<'_>) -> Forward {
        match route {
            Route::Nothing => Forward::Nothing,
            Route::ToPeer { socket, to } => Forward::Send { socket, to },
            Route::ToClient(client) => match client.transport {
                Transport::Udp { listener } => {
                    Forward::Send { socket: self.listeners[usize::from(listener)], to: client.address }
                }
                Transport::Stream { id } => {
                    self.streams.send(id, slot.payload());
                    Forward::Nothing
                }
            },
            Route::ToWorker { worker, from, to } => {
                if !self.mailboxes[usize::from(worker)].post(from, to, slot.payload()) {
                    self.counters.turn.dropped(Drop::HandoffFull);
                }
                Forward::Nothing
            }
        }
    }

    fn mailbox(&self) -> &Mailbox {
        &self.mailboxes[usize::from(self.number)]
    }

    /// How long the driver may wait.
    fn timeout(&mut self) -> Option<Duration> {
        if self.streams.has_pending() || !self.mailbox().fall_asleep() {
            return Some(Duration::ZERO);
        }
        let idle = self.server.allocations() == 0;
        let housekeeping = (!idle).then_some(self.next_housekeeping);
        let due =
            [self.server.poll_timeout(), self.streams.poll_timeout(), housekeeping].into_iter().flatten().min()?;
        Some(due.saturating_sub(self.clock.started.elapsed()))
    }

    fn frames_from_streams<D: Driver>(&mut self, driver: &mut D, now: Now) {
        let mut scratch = std::mem::take(&mut self.scratch);
        for _ in 0..FRAMES_PER_TURN {
            let Some((id, address, length)) = self.streams.poll_frame(&mut scratch) else { break };
            let client = Client { address, transport: Transport::Stream { id } };
            let mut slot = Slot::new(&mut scratch, HEADROOM..HEADROOM + length);
            let route = self.server.handle_client(now, client, &mut slot);
            if let Forward::Send { socket, to } = self.forward(route, &slot) {
                driver.send(socket, to, slot.payload());
            }
        }
        self.scratch = scratch;
        while let Some((id, address)) = self.streams.poll_closed() {
            self.server.handle_client_gone(&Client { address, transport: Transport::Stream { id } });
        }
    }

    fn parcels_from_workers<D: Driver>(&mut self, driver: &mut D, now: Now) {
        for _ in 0..PARCELS_PER_TURN {
            let Some(Parcel { from, to, length, mut buffer }) = self.mailbox().take() else { break };
            let mut slot = Slot::new(&mut buffer, HEADROOM..HEADROOM + length);
            let route = self.server.handle_hairpin(now, from, to, &mut slot);
            if let Forward::Send { socket, to } = self.forward(route, &slot) {
                driver.send(socket, to, slot.payload());
            }
            self.mailbox().give_back(buffer);
        }
    }

    fn timers(&mut self, now: Now) {
        self.server.handle_timeout(now);
        self.streams.handle_timeout(now.monotonic);
        let version = self.orders.version.load(Relaxed);
        if version != self.orders_seen {
            self.orders_seen = version;
            let settings = Arc::clone(&self.orders.settings.lock().expect("no holder of this lock panics"));
            self.streams.set_idle_timeout(Duration::from_secs(settings.limits.idle_timeout_s.into()));
            self.server.handle_settings(settings);
        }
    }

    fn actions<D: Driver>(&mut self, driver: &mut D, now: Now) {
        while let Some(action) = self.server.poll_action() {
            match action {
                Action::Open { relay, address } => {
                    let opened = self
                        .orders
                        .take_descriptor()
                        .and_then(|()| bind_udp(address, UdpOptions::default()))
                        .and_then(|socket| driver.open(socket, token::relay(relay)))
                        .inspect_err(|_| self.orders.give_back_descriptor())
                        .map_err(|error| match error.kind() {
                            io::ErrorKind::AddrInUse => OpenError::InUse,
                            _ => OpenError::Exhausted,
                        });
                    self.server.handle_opened(now, relay, opened);
                }
                Action::Close { socket } => {
                    driver.close(socket);
                    self.orders.give_back_descriptor();
                }
            }
        }
    }

    fn replies<D: Driver>(&mut self, driver: &mut D) {
        while let Some(id) = self.server.poll_unallocated_stream() {
            self.streams.set_allocated(id, false);
        }
        while let Some(Reply { to, bytes }) = self.server.poll_reply() {
            match to.transport {
                Transport::Udp { listener } => {
                    driver.send(self.listeners[usize::from(listener)], to.address, &bytes);
                }
                Transport::Stream { id } => {
                    self.streams.send(id, &bytes);
                    self.streams.set_allocated(id, self.server.is_allocated(&to));
                }
            }
        }
    }

    fn apply_watches<D: Driver>(&mut self, driver: &mut D) {
        while let Some(change) = self.streams.poll_watch() {
            match change {
                WatchChange::Watch { fd, token, writable } => {
                    if driver.watch(fd, token, writable).is_err() {
                        self.streams.handle_watch_error(token);
                    }
                }
                WatchChange::Rewatch { fd, token, writable } => {
                    if driver.rewatch(fd, token, writable).is_err() {
                        self.streams.handle_watch_error(token);
                    }
                }
                WatchChange::Unwatch { fd } => driver.unwatch(fd),
            }
        }
    }

    /// After a crowd has left, its memory goes back to the system. Not for a few, so that the cost is spread over many.
    fn give_back_memory(&mut self) {
        let live = self.server.allocations();
        self.peak = self.peak.max(live);
        if self.peak >= CROWD && live <= self.peak / 8 {
            self.peak = live;
            self.server.shrink();
            CountedHeap::give_back();
        }
    }

    fn publish<D: Driver>(&mut self, driver: &D, now: Now) {
        let counters = &self.counters;
        counters.turns.add(1);
        if self.datagrams > 0 {
            let resident = self.clock.started.elapsed().saturating_sub(now.monotonic);
            let us = resident.as_micros() as u64;
            let bucket = RESIDENCE_US.iter().position(|&bound| us <= bound).unwrap_or(RESIDENCE_US.len());
            counters.residence[bucket].add(self.datagrams);
            counters.residence_ns.add(resident.as_nanos() as u64 * self.datagrams);
        }
        let stats = driver.stats();
        counters.received.set(stats.received);
        counters.sent.set(stats.sent);
        counters.receive_exhausted.set(stats.receive_exhausted);
        counters.receive_rearmed.set(stats.receive_rearmed);
        counters.turn.set_dropped(Drop::Oversize, stats.dropped_oversize + self.streams.stats().dropped_oversize);
        counters.turn.set_dropped(Drop::SendFull, stats.dropped_send_full + stats.dropped_no_slot);
        counters.turn.set_dropped(Drop::SendError, stats.dropped_send_error);
        counters.turn.set_dropped(Drop::Unreadable, stats.dropped_unreadable);
        if now.monotonic >= self.next_housekeeping {
            self.next_housekeeping = now.monotonic + HOUSEKEEPING;
            let overflows: u64 =
                self.listener_fds.iter().filter_map(|&fd| receive_queue_drops(fd).ok()).map(u64::from).sum();
            counters.receive_queue_overflows.set(overflows.saturating_add(stats.receive_queue_overflows));
        }
        self.publish_streams();
    }

    fn publish_streams(&self) {
        let stats: &StreamStats = self.streams.stats();
        let counters = &self.counters;
        counters.connections.set(self.streams.len() as u64);
        counters.handshakes_completed.set(stats.handshakes_completed);
        counters.handshakes_failed.set(stats.handshakes_failed);
        counters.handshakes_timed_out.set(stats.handshakes_timed_out);
        counters.handshakes_refused.set(stats.refused_handshakes);
        let refused = stats.refused_total + stats.refused_address + stats.refused_descriptors;
        counters.connections_refused.set(refused);
        counters.turn.set_dropped(Drop::StreamBacklog, stats.dropped_backlog);
    }
}
