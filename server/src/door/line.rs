//! The line to one client, over whatever carries it.
//!
//! A worker sends into the line and never waits. **What may be lost is dropped when the client is slow; what may not be lost
//! finds room, or the client is cut.** What is sent goes where the client's last hello came from: over the WebSocket, or
//! over the data channels.

use std::{
    cell::RefCell,
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};

use super::{
    allowance::Allowance,
    message::ServerMessage,
    pump::{Address, Pump},
    rtc::RtcSender,
    websocket,
};
use crate::{
    code::{ErrorCode, Refusal},
    config::Limits,
    host::{Order, Seat, WorkerDoor},
    metrics::{Carrier, Metrics, Traffic},
};

/// Room for so many messages is kept for the next ones.
const KEPT: usize = 4;
/// In [`Line::cut`], that the client has ended the line itself.
const GONE: u8 = u8::MAX;

/// How often a client hears at most that its binary messages are none.
const REMIND_EVERY: Duration = Duration::from_secs(10);

/// What is passed to another thread is copied into parts of this size, one after another: memory that one thread takes and
/// another gives back, message by message, costs more than the copy. A message keeps its whole part.
const PART: usize = 16 << 10;
/// Where so many messages wait, another one gets memory of its own: who is slow would keep a part for each.
const FEW: usize = 8;

thread_local! {
    static PARTS: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// A copy, for another thread.
pub(crate) fn copied(bytes: &[u8]) -> Bytes {
    PARTS.with_borrow_mut(|part| {
        if part.capacity() < bytes.len() {
            part.reserve(bytes.len().max(PART));
        }
        part.extend_from_slice(bytes);
        part.split().freeze()
    })
}

/// How a binary message came, or goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The WebSocket.
    WebSocket,
    /// The reliable data channel.
    Control,
    /// The data channel that may lose.
    State,
}

/// What goes to a client over its WebSocket.
#[derive(Debug)]
pub enum Down {
    /// JSON.
    Text(String),
    /// Anything binary.
    Binary(Bytes),
}

/// The line to one client.
pub struct Line {
    /// Tells lines apart.
    pub id: u64,
    /// What waits for the WebSocket. It takes no memory while nothing does, which is most of the time of most lines.
    waiting: Mutex<VecDeque<Down>>,
    /// Most messages that wait.
    queue_max: usize,
    /// Who writes to the WebSocket.
    pump: Arc<Pump>,
    address: Address,
    rtc: Mutex<Option<RtcSender>>,
    is_over_rtc: AtomicBool,
    seat: Mutex<Option<Seat>>,
    allowances: Mutex<(Allowance, Allowance)>,
    /// Milliseconds since `begun` when something came last.
    heard_ms: AtomicU64,
    /// Milliseconds since `begun` until when the client is not reminded again.
    reminded_ms: AtomicU64,
    begun: Instant,
    /// The place in [`ErrorCode::ALL`], plus 1; 0 is not cut, and [`GONE`] by nobody.
    cut: AtomicU8,
    metrics: Arc<Metrics>,
    websocket: Traffic,
    webrtc: Traffic,
}

impl Line {
    /// A line to a client that `pump` reaches at `address`.
    pub fn new(
        id: u64,
        limits: &Limits,
        metrics: Arc<Metrics>,
        (pump, address): (Arc<Pump>, Address),
        now: Instant,
    ) -> Arc<Self> {
        let second = Duration::from_secs(1);
        let messages = Allowance::new(limits.messages_per_second, second, 2 * limits.messages_per_second, now);
        let burst = limits.bytes_per_second.saturating_mul(2).max(2 * limits.message_bytes);
        let bytes = Allowance::new(limits.bytes_per_second, second, burst, now);
        let line = Self {
            id,
            waiting: Mutex::default(),
            queue_max: limits.queue as usize,
            pump,
            address,
            rtc: Mutex::default(),
            is_over_rtc: AtomicBool::new(false),
            seat: Mutex::default(),
            allowances: Mutex::new((messages, bytes)),
            heard_ms: AtomicU64::new(0),
            reminded_ms: AtomicU64::new(0),
            begun: now,
            cut: AtomicU8::new(0),
            websocket: metrics.traffic(Carrier::WebSocket),
            webrtc: metrics.traffic(Carrier::WebRtc),
            metrics,
        };
        Arc::new(line)
    }

    /// Sends JSON, which always goes over the WebSocket.
    pub fn text(&self, text: String) {
        self.websocket.went(text.len());
        if !self.put(0, |_| Down::Text(text)) {
            self.cut(ErrorCode::Slow);
        }
    }

    /// Refuses a binary message: that is counted, and told once in a while. Such messages come many a second, and whoever
    /// makes them by mistake learns no more from each.
    pub fn remind(&self, refusal: &Refusal, now: Instant) {
        self.metrics.refused(refusal.code);
        let ms = now.saturating_duration_since(self.begun).as_millis() as u64;
        let next = self.reminded_ms.load(Ordering::Relaxed);
        let until = ms + REMIND_EVERY.as_millis() as u64;
        let is_due = ms >= next;
        if is_due && self.reminded_ms.compare_exchange(next, until, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.text(ServerMessage::refusal(refusal));
        }
    }

    /// Sends what must not be lost.
    pub fn reliable(&self, bytes: Bytes) {
        let is_taken = if self.is_over_rtc.load(Ordering::Relaxed) {
            self.webrtc.went(bytes.len());
            self.over_rtc(|rtc| rtc.send(self.id, Side::Control, bytes))
        } else {
            self.websocket.went(bytes.len());
            self.put(0, |waiting| Down::Binary(if waiting < FEW { bytes } else { Bytes::copy_from_slice(&bytes) }))
        };
        if !is_taken {
            self.cut(ErrorCode::Slow);
        }
    }

    /// Sends what may be lost.
    pub fn packet(&self, packet: &[u8]) {
        let is_taken = if self.is_over_rtc.load(Ordering::Relaxed) {
            self.webrtc.went(packet.len());
            self.over_rtc(|rtc| rtc.send(self.id, Side::State, copied(packet)))
        } else {
            self.put(self.queue_max / 4, |waiting| {
                self.websocket.went(packet.len());
                Down::Binary(if waiting < FEW { copied(packet) } else { Bytes::copy_from_slice(packet) })
            })
        };
        if !is_taken {
            self.metrics.packets_dropped.inc();
        }
    }

    /// Has a message wait for the WebSocket, if so much room is left behind it; it is told how many wait before it.
    fn put(&self, reserve: usize, message: impl FnOnce(usize) -> Down) -> bool {
        let mut waiting = self.waiting();
        if waiting.len() + reserve >= self.queue_max {
            return false;
        }
        let message = message(waiting.len());
        waiting.push_back(message);
        let is_first = waiting.len() == 1;
        drop(waiting);
        // Who has not yet taken the one before is called already.
        if is_first {
            self.pump.call(self.address);
        }
        true
    }

    /// The next message for the WebSocket.
    pub fn take(&self) -> Option<Down> {
        let mut waiting = self.waiting();
        let next = waiting.pop_front();
        tidy(&mut waiting);
        next
    }

    /// Writes the next messages for the WebSocket, until there are none or `out` has `enough` bytes.
    pub(super) fn write(&self, out: &mut Vec<u8>, enough: usize) {
        let mut waiting = self.waiting();
        while out.len() < enough {
            match waiting.pop_front() {
                Some(Down::Text(text)) => websocket::write_text(out, &text),
                Some(Down::Binary(bytes)) => websocket::write_binary(out, &bytes),
                None => break,
            }
        }
        tidy(&mut waiting);
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Down>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn over_rtc(&self, send: impl FnOnce(&RtcSender) -> bool) -> bool {
        self.rtc.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(send)
    }

    /// The client can be reached by data channels too.
    pub fn set_rtc(&self, sender: Option<RtcSender>) {
        if sender.is_none() {
            // What is sent before the client says hello again is lost, and state may be; it goes over the WebSocket.
            self.is_over_rtc.store(false, Ordering::Relaxed);
        }
        *self.rtc.lock().unwrap_or_else(PoisonError::into_inner) = sender;
    }

    /// A hello came by `side`: from now on things go there.
    pub fn prefer(&self, side: Side) {
        self.is_over_rtc.store(side != Side::WebSocket, Ordering::Relaxed);
    }

    /// Puts the client into a seat, or out of it.
    pub fn set_seat(&self, seat: Option<Seat>) {
        *self.seat.lock().unwrap_or_else(PoisonError::into_inner) = seat;
    }

    /// Puts the client out of its seat, if it is one of this match.
    pub fn leave_seat(&self, match_no: u64) {
        let mut seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner);
        seat.take_if(|seat| seat.match_no == match_no);
    }

    /// Where the client sits.
    pub fn seat(&self) -> Option<Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something came. Returns whether it may be looked at; if not, the client is cut.
    pub fn admit(&self, side: Side, bytes: usize, now: Instant) -> bool {
        let traffic = if side == Side::WebSocket { &self.websocket } else { &self.webrtc };
        traffic.came(bytes);
        let ms = now.saturating_duration_since(self.begun).as_millis() as u64;
        self.heard_ms.fetch_max(ms, Ordering::Relaxed);
        let mut allowances = self.allowances.lock().unwrap_or_else(PoisonError::into_inner);
        let (messages, volume) = &mut *allowances;
        let is_admitted = messages.take(1, now) && volume.take(u32::try_from(bytes).unwrap_or(u32::MAX), now);
        drop(allowances);
        if !is_admitted {
            self.cut(ErrorCode::RateLimited);
        }
        is_admitted
    }

    /// For how long nothing has come.
    pub fn silence(&self, now: Instant) -> Duration {
        let heard = self.begun + Duration::from_millis(self.heard_ms.load(Ordering::Relaxed));
        now.saturating_duration_since(heard)
    }

    /// An order of this line's was taken out of its queue, by what is no worker.
    pub fn count_order_taken(&self) {
        self.metrics.orders_waiting.dec();
    }

    /// Passes a binary message on to the match. Returns whom to nudge so that it is heard at once, if it should be; others
    /// are early enough when the tick is made.
    ///
    /// # Errors
    /// That the client is in none. What finds the worker's queue full is dropped and counted.
    pub fn deliver(&self, side: Side, bytes: &[u8], now: Instant) -> Result<Option<Arc<WorkerDoor>>, ErrorCode> {
        let seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seat) = seat.as_ref() else { return Err(ErrorCode::NotJoined) };
        // What a player wants in a tick is early enough when the tick is made; the worker knows when it came.
        let is_urgent = match bytes.get(4..8) {
            Some(b"MUHE") => true,
            Some(b"MUMS") => seat.at_once,
            _ => false,
        };
        let bytes = copied(bytes);
        let order = Order::Up { match_no: seat.match_no, seat: seat.number, line: self.id, side, at: now, bytes };
        seat.worker.try_send_idly(order);
        Ok(is_urgent.then(|| seat.worker.clone()))
    }

    /// Ends the line, for the reason given first.
    pub fn cut(&self, code: ErrorCode) {
        let place = ErrorCode::ALL.iter().position(|other| *other == code).map_or(1, |place| place as u8 + 1);
        if self.cut.compare_exchange(0, place, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.metrics.cut(code);
            self.pump.call(self.address);
        }
    }

    /// The client has ended the line itself. Returns whether nobody has before.
    pub(super) fn end(&self) -> bool {
        self.cut.compare_exchange(0, GONE, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether the line has ended, or is to.
    pub fn has_ended(&self) -> bool {
        self.cut.load(Ordering::Relaxed) != 0
    }

    /// Why the line is to end, if it is.
    pub fn why_cut(&self) -> Option<ErrorCode> {
        let place = usize::from(self.cut.load(Ordering::Relaxed));
        place.checked_sub(1).and_then(|place| ErrorCode::ALL.get(place).copied())
    }
}

/// Gives back what a burst took.
fn tidy(waiting: &mut VecDeque<Down>) {
    if waiting.is_empty() && waiting.capacity() > KEPT {
        *waiting = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that nobody writes for.
    fn line(limits: Limits, metrics: &Arc<Metrics>, now: Instant) -> Arc<Line> {
        Line::new(1, &limits, metrics.clone(), (Arc::default(), Address { thread: 0, slot: 0 }), now)
    }

    #[test]
    fn a_slow_client_loses_packets_first_and_is_cut_then() {
        let limits = Limits { queue: 16, ..Limits::default() };
        let line = line(limits, &Arc::new(Metrics::new()), Instant::now());
        for _ in 0..40 {
            line.packet(&[1]);
        }
        assert_eq!(line.why_cut(), None);
        for _ in 0..4 {
            line.reliable(Bytes::from_static(&[2]));
        }
        assert_eq!(line.why_cut(), None, "a quarter is kept for what must not be lost");
        line.reliable(Bytes::from_static(&[2]));
        assert_eq!(line.why_cut(), Some(ErrorCode::Slow));
        line.cut(ErrorCode::Idle);
        assert_eq!(line.why_cut(), Some(ErrorCode::Slow), "the first reason stays");
        let mut count = 0;
        while line.take().is_some() {
            count += 1;
        }
        assert_eq!(count, 16);
    }

    #[test]
    fn what_is_no_message_is_told_once_in_a_while_and_counted_each_time() {
        let (metrics, now) = (Arc::new(Metrics::new()), Instant::now());
        let line = line(Limits::default(), &metrics, now);
        let told = || std::iter::from_fn(|| line.take()).count();
        for _ in 0..50 {
            line.remind(&ErrorCode::Malformed.into(), now);
        }
        assert_eq!(told(), 1);
        line.remind(&ErrorCode::NotJoined.into(), now + REMIND_EVERY / 2);
        assert_eq!(told(), 0);
        line.remind(&ErrorCode::NotJoined.into(), now + REMIND_EVERY);
        assert_eq!(told(), 1);
        let counted = metrics.render();
        for line in ["muster_refusals_total{code=\"malformed\"} 50", "muster_refusals_total{code=\"not_joined\"} 2"] {
            assert!(counted.contains(line), "{line} is not in {counted}");
        }
    }

    #[test]
    fn who_says_too_much_is_cut() {
        let limits = Limits { messages_per_second: 10, ..Limits::default() };
        let now = Instant::now();
        let line = line(limits, &Arc::new(Metrics::new()), now);
        assert!((0..20).all(|_| line.admit(Side::WebSocket, 10, now)));
        assert!(!line.admit(Side::State, 10, now));
        assert_eq!(line.why_cut(), Some(ErrorCode::RateLimited));
        assert!(line.silence(now + Duration::from_secs(2)) >= Duration::from_secs(2));
        assert_eq!(line.deliver(Side::State, &[], now).err(), Some(ErrorCode::NotJoined));
    }
}
