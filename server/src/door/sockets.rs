//! The threads of the WebSockets: each waits for many clients at a time.
//!
//! **What a client holds while it says nothing is a few hundred bytes**: what is read and written goes by way of the thread's own
//! buffers, and only what has come in part, or could not be sent, is the client's. What a client asks that takes time is
//! answered elsewhere, and nothing more is heard of it until then.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io::{self, ErrorKind, Read as _, Write as _},
    mem::take,
    net::{IpAddr, Shutdown},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use bytes::Bytes;
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use slab::Slab;
use tokio::runtime::Handle;

use super::{
    gathering::{GATHERING, Gathering},
    line::{Down, Line},
    message::ServerMessage,
    pump::{Address, Inbox, Letters, Pump, WAKER},
    session::{Next, Session},
    websocket::{self, Broken, Heard, Incoming},
};
use crate::{code::ErrorCode, host::WorkerDoor, metrics::Metrics, server::Server};

/// How long a client has for its first message.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How long a client has to take what is sent.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// How long the end of a connection that is cut may take.
const LINGER: Duration = Duration::from_secs(1);
/// So much is read at a time.
const READ: usize = 64 << 10;
/// About so much is written at a time.
const WRITTEN: usize = 64 << 10;
/// How often one client is read from before others have their turn.
const TURNS: usize = 4;
/// Most events that are looked at at a time.
const EVENTS: usize = 1024;
/// Longest wait.
const WAIT: Duration = Duration::from_secs(1);

/// A client that has come.
pub(super) struct Arrival {
    pub(super) stream: std::net::TcpStream,
    /// What came with its request.
    pub(super) ahead: Bytes,
    /// The address that it came to.
    pub(super) local: IpAddr,
    /// Kept for as long as the connection is there.
    pub(super) place: Box<dyn Send>,
}

/// How many threads a machine with so many cores has for WebSockets. One writes about two hundred thousand messages a
/// second.
pub(crate) fn threads(cores: usize) -> usize {
    cores.clamp(1, 4)
}

/// Starts the threads, each of which waits by one of `polls`.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn start(server: &Arc<Server>, polls: Vec<Poll>) -> io::Result<Vec<JoinHandle<()>>> {
    let start = |(number, poll)| {
        let (server, runtime) = (server.clone(), Handle::current());
        std::thread::Builder::new().name(format!("sockets-{number}")).spawn(move || {
            let pump = server.commons.pump.clone();
            let _ending = Ending(pump.inbox(number));
            Sockets {
                desk: Desk { message_max: server.commons.settings.limits.message_bytes as usize, server, runtime },
                pump: &pump,
                number,
                poll,
                clients: Slab::new(),
                due: BinaryHeap::new(),
                buffer: vec![0; READ],
                out: Vec::with_capacity(2 * WRITTEN),
                turns: Vec::new(),
                heard: Counted::new(Instant::now()),
            }
            .run();
        })
    };
    (0..).zip(polls).map(start).collect()
}

/// Notes the end of a thread, however it comes.
struct Ending<'a>(&'a Inbox);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What clients of a thread share.
struct Desk {
    server: Arc<Server>,
    /// Where questions are answered.
    runtime: Handle,
    message_max: usize,
}

/// What was heard since workers were nudged last.
struct Counted {
    /// When the sockets were looked at last.
    now: Instant,
    gathering: Gathering,
    nudged: Vec<Arc<WorkerDoor>>,
}

impl Counted {
    const fn new(now: Instant) -> Self {
        Self { now, gathering: Gathering::new(now), nudged: Vec::new() }
    }
}

/// One thread.
struct Sockets<'a> {
    desk: Desk,
    pump: &'a Arc<Pump>,
    number: u16,
    poll: Poll,
    clients: Slab<Client>,
    /// When which clients are to be looked at; see [`Client::look`].
    due: BinaryHeap<Reverse<(Instant, u32)>>,
    buffer: Vec<u8>,
    out: Vec<u8>,
    /// Clients that had more to read than a turn.
    turns: Vec<u32>,
    heard: Counted,
}

/// One client.
struct Client {
    stream: TcpStream,
    address: Address,
    /// `None` is that only its last words are still on their way.
    session: Option<Session>,
    incoming: Incoming,
    /// What has come and is not read yet.
    held: Vec<u8>,
    /// What is on its way.
    unsent: Vec<u8>,
    /// How much of it has gone.
    sent: usize,
    /// Since when something is on its way.
    blocked: Option<Instant>,
    begun: Instant,
    /// When it is asked next whether it is there.
    beat: Instant,
    /// When it is to be looked at.
    look: Instant,
    /// What answers its last ping.
    pong: Option<Box<[u8]>>,
    is_pinged: bool,
    /// It has asked something that is not answered.
    asks: bool,
    /// There may be something to read that was not read because it asks.
    is_readable: bool,
    /// Why it is to end when its question is answered.
    end: Option<End>,
    _place: Box<dyn Send>,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The other side is gone.
    Gone,
    /// The other side has said that it goes.
    Closed(Option<u16>),
    /// We end it.
    Cut(ErrorCode),
    /// It cannot be understood.
    Broken(Broken),
}

impl Sockets<'_> {
    fn run(&mut self) {
        let inbox = self.pump.inbox(self.number);
        let (mut letters, mut events) = (Letters::default(), Events::with_capacity(EVENTS));
        loop {
            self.heard.now = Instant::now();
            inbox.take(&mut letters, self.heard.now);
            if letters.is_end {
                // What was said last goes out if it can.
                let slots: Vec<u32> = self.clients.iter().map(|(slot, _)| slot as u32).collect();
                slots.into_iter().for_each(|slot| self.write(slot));
                return;
            }
            letters.arrivals.drain(..).for_each(|arrival| self.admit(arrival));
            letters.answered.drain(..).for_each(|(slot, line)| self.go_on(slot, line));
            letters.calls.drain(..).for_each(|slot| self.write(slot));
            self.pass_time();
            self.nudge();
            let now = self.heard.now;
            let due = self.due.peek().map_or(WAIT, |Reverse((due, _))| due.saturating_duration_since(now).min(WAIT));
            let wait = if !self.turns.is_empty() {
                Duration::ZERO
            } else if self.heard.gathering.is_worth_it(now) {
                inbox.rest(GATHERING.min(due));
                Duration::ZERO
            } else if inbox.may_wait() {
                due
            } else {
                Duration::ZERO
            };
            if let Err(error) = self.poll.poll(&mut events, Some(wait))
                && error.kind() != ErrorKind::Interrupted
            {
                return tracing::error!(%error, "the WebSockets cannot be waited for");
            }
            self.heard.now = Instant::now();
            for slot in take(&mut self.turns) {
                self.read(slot, true);
            }
            for event in events.iter().filter(|event| event.token() != WAKER) {
                let slot = event.token().0 as u32;
                if event.is_readable() || event.is_error() {
                    self.read(slot, event.is_read_closed() || event.is_error());
                }
                if event.is_writable() && self.clients.get(slot as usize).is_some_and(Client::is_blocked) {
                    self.write(slot);
                }
            }
            self.nudge();
        }
    }

    /// Workers look at what they should hear at once.
    fn nudge(&mut self) {
        self.heard.nudged.drain(..).for_each(|worker| worker.nudge());
    }

    fn admit(&mut self, arrival: Arrival) {
        let Arrival { stream, ahead, local, place } = arrival;
        let mut stream = TcpStream::from_std(stream);
        let entry = self.clients.vacant_entry();
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut stream, Token(entry.key()), interest) {
            return tracing::warn!(%error, "a WebSocket cannot be waited for");
        }
        let (server, now) = (&self.desk.server, Instant::now());
        let (settings, metrics) = (&server.commons.settings, &server.commons.metrics);
        let address = Address { thread: self.number, slot: entry.key() as u32 };
        let line = Line::new(server.next_line(), &settings.limits, metrics.clone(), (self.pump.clone(), address), now);
        metrics.connections.inc();
        let beat = now + (settings.limits.idle / 3).min(CONNECT_DEADLINE);
        entry.insert(Client {
            stream,
            address,
            session: Some(Session::new(server.clone(), line, local, now)),
            incoming: Incoming::default(),
            held: Vec::new(),
            unsent: Vec::new(),
            sent: 0,
            blocked: None,
            begun: now,
            beat,
            look: beat,
            pong: None,
            is_pinged: false,
            asks: false,
            is_readable: false,
            end: None,
            _place: place,
        });
        self.due.push(Reverse((beat, address.slot)));
        self.hear(address.slot, &mut ahead.to_vec());
    }

    /// There is something to read, or there was; `is_closed` is that it ends.
    fn read(&mut self, slot: u32, is_closed: bool) {
        let mut buffer = take(&mut self.buffer);
        for turn in 1.. {
            let Some(client) = self.clients.get_mut(slot as usize) else { break };
            if client.asks {
                client.is_readable = true;
                break;
            }
            match client.stream.read(&mut buffer) {
                Ok(0) => {
                    self.end(slot, End::Gone);
                    break;
                }
                Ok(count) => {
                    self.hear(slot, &mut buffer[..count]);
                    if count < READ && !is_closed {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.end(slot, End::Gone);
                    break;
                }
            }
            if turn == TURNS {
                self.turns.push(slot);
                break;
            }
        }
        self.buffer = buffer;
    }

    /// Something has come.
    fn hear(&mut self, slot: u32, fresh: &mut [u8]) {
        let Some(client) = self.clients.get_mut(slot as usize) else { return };
        let heard = catch_unwind(AssertUnwindSafe(|| client.hear(fresh, &self.desk, &mut self.heard)));
        let end = heard.unwrap_or_else(|_| {
            // Whatever broke over what a client said, the others of this thread go on.
            tracing::error!("hearing a client broke, and it is gone");
            client.asks = false;
            Some(End::Gone)
        });
        if let Some(end) = end {
            self.end(slot, end);
        } else if client.pong.is_some() {
            self.write(slot);
        }
    }

    /// A client's question is answered.
    fn go_on(&mut self, slot: u32, line: u64) {
        let client = self.clients.get_mut(slot as usize);
        let Some(client) = client.filter(|client| client.session.as_ref().is_some_and(|its| its.line.id == line))
        else {
            return;
        };
        client.asks = false;
        if let Some(end) = client.end.take() {
            return self.end(slot, end);
        }
        let is_readable = take(&mut client.is_readable);
        self.hear(slot, &mut []);
        if is_readable {
            self.read(slot, true);
        }
    }

    /// There may be something to send, or the line may have been cut.
    fn write(&mut self, slot: u32) {
        let Some(client) = self.clients.get_mut(slot as usize) else { return };
        let cut = client.session.as_ref().and_then(|session| session.line.why_cut());
        if let Some(code) = cut
            && client.end.is_none()
        {
            return self.end(slot, End::Cut(code));
        }
        self.flush(slot);
    }

    /// Sends what it can.
    fn flush(&mut self, slot: u32) {
        let Some(client) = self.clients.get_mut(slot as usize) else { return };
        match client.flush(&mut self.out) {
            Ok(()) if client.session.is_some() => {
                if let Some(blocked) = client.blocked {
                    self.look_at(slot, blocked + SEND_DEADLINE);
                }
            }
            Ok(()) if client.is_blocked() => {}
            Ok(()) => {
                // Whoever hears the end closes, and what still comes is read until then: a connection that is closed over
                // unread bytes takes the reason with it.
                if client.stream.shutdown(Shutdown::Write).is_err() {
                    self.clients.remove(slot as usize);
                }
            }
            Err(_) => self.end(slot, End::Gone),
        }
    }

    /// A client is to be looked at, at `due` at the latest.
    fn look_at(&mut self, slot: u32, due: Instant) {
        if let Some(client) = self.clients.get_mut(slot as usize)
            && due < client.look
        {
            client.look = due;
            self.due.push(Reverse((due, slot)));
        }
    }

    fn pass_time(&mut self) {
        let now = self.heard.now;
        while let Some(Reverse((due, slot))) = self.due.peek().copied()
            && due <= now
        {
            self.due.pop();
            let Some(client) = self.clients.get_mut(slot as usize).filter(|client| client.look == due) else {
                continue;
            };
            let idle = self.desk.server.commons.settings.limits.idle;
            match client.pass_time(now, idle) {
                Some(end) if client.session.is_some() => self.end(slot, end),
                Some(_) => _ = self.clients.remove(slot as usize),
                None => {
                    let blocked = client.blocked.map(|blocked| blocked + SEND_DEADLINE);
                    client.look = blocked.map_or(client.beat, |blocked| blocked.min(client.beat));
                    self.due.push(Reverse((client.look, slot)));
                    self.flush(slot);
                }
            }
        }
    }

    /// Ends a connection; what it has asked is answered first.
    fn end(&mut self, slot: u32, end: End) {
        let Some(client) = self.clients.get_mut(slot as usize) else { return };
        if client.asks {
            client.end.get_or_insert(end);
            return;
        }
        let Some(session) = client.session.take() else {
            if matches!(end, End::Gone) {
                self.clients.remove(slot as usize);
            }
            return;
        };
        let words = client.last_words(&session.line, end, &self.desk.server.commons.metrics);
        if let Some(parting) = session.leave() {
            self.desk.runtime.spawn(parting);
        }
        if words {
            let due = Instant::now() + LINGER;
            (client.beat, client.look) = (due, due);
            self.due.push(Reverse((due, slot)));
            self.flush(slot);
        } else {
            self.clients.remove(slot as usize);
        }
    }
}

impl Drop for Sockets<'_> {
    fn drop(&mut self) {
        // However the thread ends, matches hear who has gone.
        for session in self.clients.drain().filter_map(|client| client.session) {
            session.line.end();
            if let Some(parting) = session.leave() {
                self.desk.runtime.spawn(parting);
            }
        }
    }
}

impl Client {
    /// Whether something is on its way.
    const fn is_blocked(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Hears what has come. Returns why the connection is to end, if it is.
    fn hear(&mut self, fresh: &mut [u8], desk: &Desk, heard: &mut Counted) -> Option<End> {
        self.session.as_ref()?;
        if self.held.is_empty() {
            let (at, end) = self.hear_frames(fresh, desk, heard);
            self.held.extend_from_slice(&fresh[at..]);
            return end;
        }
        let mut held = take(&mut self.held);
        held.extend_from_slice(fresh);
        let (at, end) = self.hear_frames(&mut held, desk, heard);
        // Room for what was long is not kept for what is short.
        if held.len() - at < held.capacity() / 4 {
            self.held = held[at..].to_vec();
        } else {
            held.drain(..at);
            self.held = held;
        }
        end
    }

    /// Hears frames, until one has not come whole or asks something. Returns how many bytes they have.
    fn hear_frames(&mut self, bytes: &mut [u8], desk: &Desk, counted: &mut Counted) -> (usize, Option<End>) {
        let mut at = 0;
        while !self.asks {
            let Some(session) = &mut self.session else { break };
            let frame = match self.incoming.next(&mut bytes[at..], desk.message_max) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(broken) => return (at, Some(End::Broken(broken))),
            };
            at += frame.length;
            match frame.heard {
                Heard::Close(code) => return (at, Some(End::Closed(code))),
                Heard::Ping(bytes) => self.pong = Some(bytes.into()),
                _ => {}
            }
            match session.hear(frame.heard, frame.payload, counted.now) {
                Next::Goes => counted.gathering.note(),
                Next::Nudges(worker) => {
                    if counted.nudged.last().is_none_or(|last| !Arc::ptr_eq(last, &worker)) {
                        counted.nudged.push(worker);
                    }
                }
                Next::Asks(question) => {
                    self.asks = true;
                    let pump = desk.server.commons.pump.clone();
                    let answer = Answer { pump, address: self.address, line: session.line.id };
                    desk.runtime.spawn(async move {
                        let _answer = answer;
                        question.await;
                    });
                }
                Next::Ends(code) => return (at, Some(End::Cut(code))),
            }
        }
        (at, None)
    }

    /// Sends what waits, as much as goes.
    fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        loop {
            while self.sent < self.unsent.len() {
                match self.stream.write(&self.unsent[self.sent..]) {
                    Ok(count) => self.sent += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            (self.unsent, self.sent, self.blocked) = (Vec::new(), 0, None);
            let Some(session) = &self.session else { return Ok(()) };
            out.clear();
            if take(&mut self.is_pinged) {
                websocket::write_ping(out);
            }
            if let Some(pong) = self.pong.take() {
                websocket::write_pong(out, &pong);
            }
            session.line.write(out, WRITTEN);
            if out.is_empty() {
                return Ok(());
            }
            let count = match self.stream.write(out) {
                Ok(count) => count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
                Err(error) => return Err(error),
            };
            if count < out.len() {
                self.unsent.extend_from_slice(&out[count..]);
                self.blocked = Some(Instant::now());
            }
        }
    }

    /// Time has passed. Returns why the connection is to end, if it is.
    fn pass_time(&mut self, now: Instant, idle: Duration) -> Option<End> {
        let Some(session) = &self.session else { return Some(End::Gone) };
        if self.blocked.is_some_and(|blocked| now - blocked >= SEND_DEADLINE) {
            return Some(End::Cut(ErrorCode::Slow));
        }
        if now >= self.beat {
            let is_stranger = !session.is_connected() && now - self.begun >= CONNECT_DEADLINE;
            if is_stranger || session.line.silence(now) > idle {
                return Some(End::Cut(ErrorCode::Idle));
            }
            // A browser answers, so that who plays by data channels is not silent here.
            self.is_pinged = true;
            self.beat = now + idle / 3;
        }
        None
    }

    /// What is said last. Returns whether anybody may hear it.
    fn last_words(&mut self, line: &Line, end: End, metrics: &Metrics) -> bool {
        let words = &mut self.unsent;
        if let Some(pong) = self.pong.take() {
            websocket::write_pong(words, &pong);
        }
        let enough = words.len() + WRITTEN;
        match end {
            End::Gone => {
                line.end();
                return false;
            }
            End::Closed(code) => {
                line.end();
                // What answers what was said before comes first.
                line.write(words, enough);
                websocket::write_close(words, code.unwrap_or(1000), "");
            }
            End::Broken(broken) => {
                let code = broken.code();
                let is_first = line.end();
                line.write(words, enough);
                // Who was cut for another reason heard that one.
                if is_first {
                    metrics.cut(code);
                    websocket::write_text(words, &ServerMessage::refusal(&code.into()));
                }
                let (code, reason) = broken.close();
                websocket::write_close(words, code, reason);
            }
            End::Cut(code) => {
                // For who is on the way into a seat: the worker looks.
                line.cut(code);
                // The client may be slow: what was refused is all that it still needs to hear.
                while let Some(down) = line.take() {
                    if let Down::Text(text) = down {
                        websocket::write_text(words, &text);
                    }
                }
                websocket::write_text(words, &ServerMessage::refusal(&code.into()));
                websocket::write_close(words, close_code(code), code.text());
            }
        }
        true
    }
}

/// Tells the thread that a question is answered, or that its answering broke.
struct Answer {
    pump: Arc<Pump>,
    address: Address,
    line: u64,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.pump.answer(self.address, self.line);
    }
}

/// 4000 and the code's place, as the range for applications has it; 4000 itself is nothing that comes.
fn close_code(code: ErrorCode) -> u16 {
    4001 + ErrorCode::ALL.iter().position(|other| *other == code).map_or(0, |place| place as u16)
}
