//! The load: every client and every peer of a case, on one core, never asleep.
//!
//! **The loop polls and never blocks.** A server that answers a sleeping load would pay for waking it, on a virtual
//! machine an interrupt to another core, and that price would drown the differences that are to be measured.

use std::{
    io::ErrorKind,
    net::UdpSocket,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use muster_benches::usage::Accounts;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::{
    case::{Case, Pace, Pattern},
    contender::Server,
    figure::{Figure, Figures},
    flows::Flows,
    heap,
};

/// A payload without an answer for so long is lost.
pub(crate) const LOST_AFTER: Duration = Duration::from_millis(200);
/// How often lost payloads and the server's death are looked for.
const SWEEP_NS: u64 = 20_000_000;
/// Events taken at once. Small, so that paced sends are not held up by a burst of answers.
const EVENTS: usize = 64;
/// Sends of a closed loop's start between two looks at answers: a start in one burst would only fill queues.
const START_BURST: usize = 16;
/// Bytes of a payload that say whose it is, which one and when it was sent.
const STAMP: usize = 16;
/// Marks the token of a peer's socket.
const PEER: u64 = 1 << 32;

/// How long a run takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// Traffic before the measurement.
    pub(crate) warm_up: Duration,
    /// The measurement.
    pub(crate) measured: Duration,
}

/// Runs the traffic of `case` over `flows` and measures `server`.
///
/// # Errors
/// When the server ends or its accounts cannot be read.
pub(crate) fn run(case: &Case, flows: &Flows, server: &mut Server, timing: Timing) -> Result<Figures> {
    let mut load = Load::new(case, flows)?;
    match case.pace {
        Pace::Closed => load.start_closed_loop(),
        Pace::Hertz(hertz) => load.start_schedule(hertz),
    }
    load.run_until(timing.warm_up, server)?;

    let heap_before = server.admin.and_then(heap::heap_allocations);
    let before = Snapshot::take(server, &load)?;
    load.window = Some((before.at_ns, u64::MAX));
    load.run_until(timing.measured, server)?;
    let after = Snapshot::take(server, &load)?;
    load.window = Some((before.at_ns, after.at_ns));
    let heap_after = server.admin.and_then(heap::heap_allocations);

    // What was sent in the window may still be answered; nothing new is sent meanwhile.
    load.stopped = true;
    load.run_until(LOST_AFTER + LOST_AFTER / 2, server)?;
    load.figures(&before, &after, heap_before.zip(heap_after))
}

/// The server's accounts and the load's counts at one time.
struct Snapshot {
    at_ns: u64,
    cpu_ns: u64,
    waited_ns: u64,
    load_waited_ns: u64,
    delivered: u64,
}

impl Snapshot {
    fn take(server: &Server, load: &Load<'_>) -> Result<Self> {
        let waited_ns = server.accounts.waited_ns()?;
        let load_waited_ns = Accounts::open(std::process::id())?.waited_ns()?;
        Ok(Self {
            at_ns: load.now_ns(),
            cpu_ns: server.accounts.cpu_ns()?,
            waited_ns,
            load_waited_ns,
            delivered: load.delivered,
        })
    }
}

/// A closed loop's datagram in flight.
#[derive(Debug, Clone, Copy, Default)]
struct InFlight {
    sequence: u32,
    sent_ns: u64,
}

/// The sends of a paced case: spread evenly, flow after flow.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    interval_ns: f64,
    next: u64,
    start_ns: u64,
}

struct Load<'a> {
    flows: &'a Flows,
    pattern: Pattern,
    epoll: Epoll,
    start: Instant,
    in_flight: Vec<InFlight>,
    schedule: Option<Schedule>,
    /// The datagram that clients send: header, stamp, filler.
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    header: usize,
    window: Option<(u64, u64)>,
    stopped: bool,
    next_sweep_ns: u64,
    delivered: u64,
    sent_in_window: u64,
    answered_in_window: u64,
    lost_in_window: u64,
    latency_ns: Histogram<u64>,
}

impl<'a> Load<'a> {
    fn new(case: &Case, flows: &'a Flows) -> Result<Self> {
        ensure!(case.payload >= STAMP, "a payload holds at least its stamp");
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let watch = |socket: &UdpSocket, token| epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, token));
        for (token, socket) in (0..).zip(&flows.clients) {
            watch(socket, token)?;
        }
        for (token, socket) in (PEER..).zip(&flows.peers) {
            watch(socket, token)?;
        }
        let mut outgoing = Vec::new();
        if let Some(channel) = flows.channel {
            outgoing.extend(channel.to_be_bytes());
            outgoing.extend(u16::try_from(case.payload).context("a payload fits a datagram")?.to_be_bytes());
        }
        let header = outgoing.len();
        outgoing.resize(header + case.payload, 0xa5);
        Ok(Self {
            flows,
            pattern: case.pattern,
            epoll,
            start: Instant::now(),
            in_flight: vec![InFlight::default(); flows.clients.len()],
            schedule: None,
            outgoing,
            incoming: vec![0; 2_048],
            header,
            window: None,
            stopped: false,
            next_sweep_ns: SWEEP_NS,
            delivered: 0,
            sent_in_window: 0,
            answered_in_window: 0,
            lost_in_window: 0,
            latency_ns: Histogram::new_with_bounds(1, 10_000_000_000, 3)?,
        })
    }

    fn start_closed_loop(&mut self) {
        for flow in 0..self.flows.clients.len() {
            self.send_next(flow, self.now_ns());
            if flow % START_BURST == START_BURST - 1 {
                self.take_events();
            }
        }
    }

    fn start_schedule(&mut self, hertz: u32) {
        let interval_ns = 1e9 / (f64::from(hertz) * self.flows.clients.len() as f64);
        self.schedule = Some(Schedule { interval_ns, next: 0, start_ns: self.now_ns() });
    }

    fn run_until(&mut self, duration: Duration, server: &mut Server) -> Result<()> {
        let end_ns = self.now_ns() + u64::try_from(duration.as_nanos())?;
        loop {
            let now_ns = self.now_ns();
            if now_ns >= end_ns {
                return Ok(());
            }
            if self.schedule.is_some() {
                self.send_what_is_due(now_ns);
            }
            if now_ns >= self.next_sweep_ns {
                self.next_sweep_ns = now_ns + SWEEP_NS;
                server.must_live()?;
                if self.schedule.is_none() {
                    self.send_lost_again(now_ns);
                }
            }
            self.take_events();
        }
    }

    fn now_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    fn is_in_window(&self, at_ns: u64) -> bool {
        self.window.is_some_and(|(from, to)| (from..to).contains(&at_ns))
    }

    fn send_what_is_due(&mut self, now_ns: u64) {
        let Some(mut schedule) = self.schedule else { return };
        let due = ((now_ns - schedule.start_ns) as f64 / schedule.interval_ns) as u64;
        if self.stopped {
            return;
        }
        let clients = self.flows.clients.len() as u64;
        // A stall of this process is made up for in bounded steps, so that answers are taken in between.
        let until = due.min(schedule.next + EVENTS as u64);
        while schedule.next < until {
            let flow = (schedule.next % clients) as usize;
            self.send_next(flow, self.now_ns());
            schedule.next += 1;
        }
        self.schedule = Some(schedule);
    }

    /// Sends the next datagram of `flow`. A send that the kernel refuses is a datagram that will be missed: lost.
    fn send_next(&mut self, flow: usize, now_ns: u64) {
        if self.stopped {
            return;
        }
        let state = &mut self.in_flight[flow];
        state.sequence = state.sequence.wrapping_add(1);
        state.sent_ns = now_ns;
        let stamp = &mut self.outgoing[self.header..self.header + STAMP];
        stamp[0..4].copy_from_slice(&(flow as u32).to_le_bytes());
        stamp[4..8].copy_from_slice(&state.sequence.to_le_bytes());
        stamp[8..16].copy_from_slice(&now_ns.to_le_bytes());
        let _ = self.flows.clients[flow].send(&self.outgoing);
        if self.is_in_window(now_ns) {
            self.sent_in_window += 1;
        }
    }

    fn send_lost_again(&mut self, now_ns: u64) {
        for flow in 0..self.in_flight.len() {
            let sent_ns = self.in_flight[flow].sent_ns;
            if now_ns.saturating_sub(sent_ns) > LOST_AFTER.as_nanos() as u64 {
                if self.is_in_window(sent_ns) {
                    self.lost_in_window += 1;
                }
                if self.stopped {
                    self.in_flight[flow].sent_ns = u64::MAX;
                }
                self.send_next(flow, now_ns);
            }
        }
    }

    fn take_events(&mut self) {
        let mut events = [EpollEvent::empty(); EVENTS];
        // Interrupted is as good as nothing: the loop comes back at once.
        let ready = self.epoll.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
        for event in &events[..ready] {
            if event.data() >= PEER {
                self.take_from_peer((event.data() - PEER) as usize);
            } else {
                self.take_from_client(event.data() as usize);
            }
        }
    }

    /// A peer's datagram arrived: echo it.
    fn take_from_peer(&mut self, flow: usize) {
        let peer = &self.flows.peers[flow];
        let Ok(length) = peer.recv(&mut self.incoming) else { return };
        if length == self.outgoing.len() - self.header {
            self.delivered += 1;
            let _ = peer.send(&self.incoming[..length]);
        }
    }

    /// A client's datagram arrived: an answer, or in a hairpin case the partner's.
    fn take_from_client(&mut self, client: usize) {
        let length = match self.flows.clients[client].recv(&mut self.incoming) {
            Ok(length) => length,
            Err(error) => {
                debug_assert!(error.kind() != ErrorKind::InvalidInput);
                return;
            }
        };
        let header = self.header;
        // Only whole datagrams of this channel count; anything else is a relay's mistake and shows as loss.
        if length != self.outgoing.len() || self.incoming[..header] != self.outgoing[..header] {
            return;
        }
        self.delivered += 1;
        let stamp = &self.incoming[header..header + STAMP];
        let flow = u32::from_le_bytes(stamp[0..4].try_into().expect("four bytes")) as usize;
        let sequence = u32::from_le_bytes(stamp[4..8].try_into().expect("four bytes"));
        let sent_ns = u64::from_le_bytes(stamp[8..16].try_into().expect("eight bytes"));
        let now_ns = self.now_ns();
        match (self.schedule, self.pattern) {
            (Some(_), Pattern::Hairpin) if flow == client ^ 1 => self.record(sent_ns, now_ns),
            (Some(_), Pattern::ClientPeer) if flow == client => self.record(sent_ns, now_ns),
            (None, Pattern::Hairpin) if flow == client ^ 1 => {
                let _ = self.flows.clients[client].send(&self.incoming[..length]);
            }
            (None, _) if flow == client && self.in_flight[flow].sequence == sequence => {
                self.record(sent_ns, now_ns);
                self.in_flight[flow].sent_ns = u64::MAX;
                self.send_next(flow, now_ns);
            }
            // The answer to something that was counted as lost before.
            _ => {}
        }
    }

    fn record(&mut self, sent_ns: u64, now_ns: u64) {
        if self.is_in_window(sent_ns) {
            self.answered_in_window += 1;
            self.latency_ns.saturating_record(now_ns.saturating_sub(sent_ns));
        }
    }

    fn figures(&self, before: &Snapshot, after: &Snapshot, heap: Option<(u64, u64)>) -> Result<Figures> {
        let delivered = (after.delivered - before.delivered) as f64;
        let wall_ns = (after.at_ns - before.at_ns) as f64;
        ensure!(delivered > 0.0, "nothing was delivered");
        let cpu_ns = (after.cpu_ns - before.cpu_ns) as f64;
        // A thread that ended takes its waiting time with it, so this difference may shrink.
        let waited_ns = after.waited_ns.saturating_sub(before.waited_ns) as f64;
        let percentile = |quantile| self.latency_ns.value_at_quantile(quantile) as f64 / 1_000.0;
        let lost = match self.schedule {
            Some(_) => self.sent_in_window.saturating_sub(self.answered_in_window),
            None => self.lost_in_window,
        };
        let mut figures = Figures::from([
            (Figure::DatagramsPerSecond, delivered * 1e9 / wall_ns),
            (Figure::CpuNsPerDatagram, cpu_ns / delivered),
            (Figure::P50Us, percentile(0.5)),
            (Figure::P99Us, percentile(0.99)),
            (Figure::P999Us, percentile(0.999)),
            (Figure::LossShare, lost as f64 / (self.sent_in_window as f64).max(1.0)),
            (Figure::ServerBusyShare, cpu_ns / wall_ns),
            (Figure::ServerWaitedShare, waited_ns / wall_ns),
            (Figure::LoadWaitedShare, (after.load_waited_ns - before.load_waited_ns) as f64 / wall_ns),
        ]);
        if let Some((first, last)) = heap {
            figures.insert(Figure::HeapPerDatagram, last.saturating_sub(first) as f64 / delivered);
        }
        Ok(figures)
    }
}
