//! Clients over TCP and TLS.
//!
//! [`Streams`] holds the listeners and the connections of one worker: it accepts, decrypts, cuts the bytes into frames,
//! and sends frames back. It owns the sockets but does not wait on them: the worker's driver does, and is told what to
//! watch through [`Streams::poll_watch`].
//!
//! **A frame is handed on whole, in order, from a connection that is still open, or not at all; the same holds for what
//! is sent.** A client that does not read loses whole frames, counted, and never a byte in the middle of one.
//!
//! One turn of a worker:
//!
//! ```no_run
//! # use std::{net::TcpListener, sync::Arc, time::Duration};
//! # use muster_relay::{io::Readiness, stream::{StreamLimits, Streams, StreamsConfig, WatchChange}};
//! # fn turn(streams: &mut Streams, now: Duration, events: Vec<(u64, Readiness)>) {
//! let mut buffer = vec![0; 4_096];
//! for (token, ready) in events {
//!     streams.handle_ready(token, ready, now);
//! }
//! streams.handle_timeout(now);
//! while let Some((stream, _peer, len)) = streams.poll_frame(&mut buffer) {
//!     // The TURN machine works in place; here the frame simply goes back.
//!     let frame = &buffer[muster_relay::slot::HEADROOM..][..len];
//!     streams.send(stream, frame);
//! }
//! while let Some((stream, _peer)) = streams.poll_closed() {
//!     // Tell the TURN machine that the client is gone.
//! }
//! while let Some(change) = streams.poll_watch() {
//!     // driver.watch, driver.rewatch or driver.unwatch
//! }
//! // Wait for the driver: not at all if streams.has_pending(), otherwise until streams.poll_timeout().
//! # }
//! ```

mod accepting;
mod connection;
pub mod framing;
pub mod limits;
mod listener;
mod reading;
mod stats;
mod table;
pub mod tls;
mod tls_session;

use std::{
    collections::VecDeque,
    net::{SocketAddr, TcpListener},
    os::fd::{AsRawFd, RawFd},
    sync::Arc,
    time::Duration,
};

use self::{
    connection::{Connection, Socket},
    framing::write_padding,
    listener::{Listener, PAUSE},
    table::{Name, Table},
    tls_session::{HELD_MAX, Session},
};
pub use self::{
    limits::StreamLimits,
    stats::{CloseReason, StreamStats},
    table::StreamId,
    tls::{TlsAcceptor, TlsLoadError, TlsSlot},
};
use crate::{
    io::{Readiness, Token},
    slot::{HEADROOM, TAILROOM},
};

/// Most bytes read from one connection in one turn: the share that makes a busy connection wait for the others.
const READ_MAX: usize = 16 * 1_024;
/// Connections whose handshake goes on in one turn. A handshake takes up to a millisecond of signing, during which
/// no datagram is relayed by this worker.
const HANDSHAKES_PER_TURN: usize = 4;
/// Deadlines are looked at this often at most, so a connection lives up to this much longer than its deadline.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Empty buffers kept for connections whose frames or records a read cuts in two.
const SPARES_MAX: usize = 64;
/// Larger buffers are given back to the system, or a large record would leave a connection with 24 KiB for a few bytes.
const SPARE_BYTES_MAX: usize = 4 * 1_024;
/// Bytes that may wait for a client without an allocation: answers to a few requests. Anybody may connect and ask without
/// ever reading the answers.
const UNALLOCATED_QUEUE_MAX: usize = 16 * 1_024;
/// How the streams of one worker are sized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamsConfig {
    /// Largest frame from a client, in bytes, headers included; larger ones are skipped and counted.
    pub frame_max: usize,
    /// A connection without an allocation is closed when no frame came for this long.
    pub idle_timeout: Duration,
    /// A TLS handshake must be complete after this long.
    pub handshake_timeout: Duration,
    /// Bytes that may wait for one client that does not read; without an allocation no more than 16 KiB.
    pub send_queue_bytes: usize,
    /// Tokens handed to the driver are this plus a number below 2^56.
    pub token_base: Token,
}

impl Default for StreamsConfig {
    fn default() -> Self {
        Self {
            frame_max: 2_048,
            idle_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            send_queue_bytes: 256 * 1_024,
            token_base: 0,
        }
    }
}

/// What the driver is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchChange {
    /// Call [`crate::io::Driver::watch`]. Its failure goes to [`Streams::handle_watch_error`].
    Watch {
        /// The descriptor.
        fd: RawFd,
        /// To be handed back with its readiness.
        token: Token,
        /// Whether readiness for writing is wanted too.
        writable: bool,
    },
    /// Call [`crate::io::Driver::rewatch`]; it may come while an earlier watch has not reported yet. Its failure goes
    /// to [`Streams::handle_watch_error`].
    Rewatch {
        /// The descriptor.
        fd: RawFd,
        /// To be handed back with its readiness.
        token: Token,
        /// Whether readiness for writing is wanted too.
        writable: bool,
    },
    /// Call [`crate::io::Driver::unwatch`] before the next [`Streams::poll_watch`], which closes the descriptor.
    Unwatch {
        /// The descriptor.
        fd: RawFd,
    },
}

/// What became of a frame that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendOutcome {
    /// The kernel has all of it.
    Sent,
    /// Some of it waits until the client reads.
    Queued,
    /// Dropped whole: too much waits already, or the connection is not ready for frames.
    Dropped,
    /// The connection is closed, or broke now.
    Closed,
}

#[derive(Debug)]
enum Change {
    Listener(usize),
    Stream(StreamId),
    Unwatch(Socket),
}

/// Bytes of one connection that are being cut into frames, in one of the worker's two buffers.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    stream: StreamId,
    start: usize,
    end: usize,
    /// In `opened` rather than in `read`.
    opened: bool,
    /// The socket has more.
    more: bool,
}

/// The listeners and connections of one worker. See the module's text.
#[derive(Debug)]
pub struct Streams {
    config: StreamsConfig,
    limits: Arc<StreamLimits>,
    listeners: Vec<Listener>,
    table: Table<Connection>,
    /// Connections with bytes to read, in turn.
    ready: VecDeque<StreamId>,
    /// How many of `ready` this turn still visits; `None` between turns.
    visits_left: Option<usize>,
    handshakes_left: usize,
    chunk: Option<Chunk>,
    changes: VecDeque<Change>,
    /// The driver has been told to forget it; closed when the driver has had the time to.
    unwatched: Option<Socket>,
    closed: VecDeque<(StreamId, SocketAddr)>,
    /// What sockets are read into: waiting bytes of a TLS connection in front, then one read.
    read: Box<[u8]>,
    /// What TLS records say.
    opened: Vec<u8>,
    /// TLS records on their way out.
    sealed: Vec<u8>,
    /// A frame and its padding, for TLS, which wants them in one piece.
    padded: Vec<u8>,
    /// Buffers without an owner.
    spares: Vec<Vec<u8>>,
    next_sweep: Option<Duration>,
    now: Duration,
    stats: StreamStats,
}

impl Streams {
    /// No listeners and no connections. `limits` is shared by all workers.
    pub fn new(config: StreamsConfig, limits: Arc<StreamLimits>) -> Self {
        Self {
            config,
            limits,
            listeners: Vec::new(),
            table: Table::default(),
            ready: VecDeque::new(),
            visits_left: None,
            handshakes_left: HANDSHAKES_PER_TURN,
            chunk: None,
            changes: VecDeque::new(),
            unwatched: None,
            closed: VecDeque::new(),
            read: vec![0; HELD_MAX + READ_MAX].into_boxed_slice(),
            opened: Vec::new(),
            sealed: Vec::new(),
            padded: Vec::new(),
            spares: Vec::new(),
            next_sweep: None,
            now: Duration::ZERO,
            stats: StreamStats::default(),
        }
    }

    /// Accepts connections from `listener`, with TLS if `tls` is given: each connection gets the acceptor that the slot
    /// holds when it comes.
    ///
    /// # Errors
    /// When the kernel refuses an option, or there is no descriptor left for the spare.
    pub fn listen(&mut self, listener: TcpListener, tls: Option<Arc<TlsSlot>>) -> std::io::Result<()> {
        self.listeners.push(Listener::new(listener, tls)?);
        self.changes.push_back(Change::Listener(self.listeners.len() - 1));
        Ok(())
    }

    /// A watched descriptor can be read or written. Tokens that are no longer ours are ignored.
    pub fn handle_ready(&mut self, token: Token, ready: Readiness, now: Duration) {
        self.now = self.now.max(now);
        let Some(offset) = token.checked_sub(self.config.token_base) else { return };
        match Name::from_offset(offset) {
            Name::Listener(index) => self.accept(index),
            Name::Stream(id) => self.stream_ready(id, ready),
        }
    }

    /// The driver could not watch what it was told to: the connection is closed, a listener is tried again later.
    pub fn handle_watch_error(&mut self, token: Token) {
        let Some(offset) = token.checked_sub(self.config.token_base) else { return };
        match Name::from_offset(offset) {
            Name::Listener(index) => {
                if let Some(listener) = self.listeners.get_mut(index) {
                    listener.watched = false;
                    listener.paused_until = Some(self.now + PAUSE);
                }
            }
            Name::Stream(id) => self.retire(id, CloseReason::Io),
        }
    }

    /// The next frame, written to `buffer` behind [`HEADROOM`] bytes: its stream, the client's address and its length.
    /// `None` once every connection with something to read has had its share of this turn; ask [`Streams::has_pending`]
    /// then whether there is more. A frame for which `buffer` has no room (with [`TAILROOM`]) is dropped as oversized.
    pub fn poll_frame(&mut self, buffer: &mut [u8]) -> Option<(StreamId, SocketAddr, usize)> {
        let room = buffer.len().saturating_sub(HEADROOM + TAILROOM);
        loop {
            let Some(chunk) = &mut self.chunk else {
                if self.visit_next() {
                    continue;
                }
                return None;
            };
            let stream = chunk.stream;
            let Some(connection) = self.table.get_mut(stream) else {
                self.chunk = None;
                continue;
            };
            let bytes = if chunk.opened { &self.opened } else { &*self.read };
            let mut input = &bytes[chunk.start..chunk.end];
            let peer = connection.peer;
            match connection.framer.next_frame(&mut input) {
                Ok(Some(frame)) => {
                    chunk.start = chunk.end - input.len();
                    if frame.len() > room {
                        self.stats.dropped_oversize += 1;
                        continue;
                    }
                    buffer[HEADROOM..HEADROOM + frame.len()].copy_from_slice(frame);
                    let len = frame.len();
                    connection.last_active = self.now;
                    self.stats.frames_in += 1;
                    return Some((stream, peer, len));
                }
                Ok(None) => self.finish_chunk(),
                Err(_) => {
                    self.stats.dropped_oversize += connection.framer.take_oversize();
                    self.retire(stream, CloseReason::Framing);
                }
            }
        }
    }

    /// Whether [`Streams::poll_frame`] has work for another turn right now.
    pub fn has_pending(&self) -> bool {
        self.chunk.is_some() || !self.ready.is_empty()
    }

    /// The next connection that has ended, for whatever reason, [`Streams::close`] included; each once.
    pub fn poll_closed(&mut self) -> Option<(StreamId, SocketAddr)> {
        self.closed.pop_front()
    }

    /// The next thing to tell the driver; to be asked until `None` in every turn. A descriptor that the last call said
    /// to unwatch is closed by this one.
    pub fn poll_watch(&mut self) -> Option<WatchChange> {
        self.unwatched = None;
        loop {
            match self.changes.pop_front()? {
                Change::Unwatch(socket) => {
                    let fd = socket.stream.as_raw_fd();
                    self.unwatched = Some(socket);
                    return Some(WatchChange::Unwatch { fd });
                }
                Change::Listener(index) => {
                    let token = self.config.token_base + Name::Listener(index).offset();
                    let listener = &mut self.listeners[index];
                    let fd = listener.socket.as_raw_fd();
                    let watched = std::mem::replace(&mut listener.watched, true);
                    return Some(change(watched, fd, token, false));
                }
                Change::Stream(id) => {
                    let token = self.config.token_base + Name::Stream(id).offset();
                    let Some(connection) = self.table.get_mut(id) else { continue };
                    connection.change_queued = false;
                    if !connection.wants_change() {
                        continue;
                    }
                    let writable = connection.backlog() > 0;
                    connection.armed = Some(writable);
                    let watched = std::mem::replace(&mut connection.watched, true);
                    return Some(change(watched, connection.socket.stream.as_raw_fd(), token, writable));
                }
            }
        }
    }

    /// Sends one frame, padded and encrypted as the connection wants it, at once as far as the client's window allows.
    pub fn send(&mut self, stream: StreamId, frame: &[u8]) -> SendOutcome {
        let Some(connection) = self.table.get_mut(stream) else { return SendOutcome::Closed };
        let padding = write_padding(frame);
        let queue_max = self.config.send_queue_bytes;
        let queue_max = if connection.allocated { queue_max } else { queue_max.min(UNALLOCATED_QUEUE_MAX) };
        let outcome = match &mut connection.tls {
            None => {
                if connection.backlog() + frame.len() + padding.len() > queue_max {
                    self.stats.dropped_backlog += 1;
                    return SendOutcome::Dropped;
                }
                connection.write(frame, padding)
            }
            Some(session) => {
                self.padded.clear();
                self.padded.extend_from_slice(frame);
                self.padded.extend_from_slice(padding);
                // A sealed record cannot be left out any more, so the room for it is checked before.
                let sealed_max = self.padded.len() + Session::overhead(self.padded.len());
                if session.is_handshaking() || connection.backlog() + sealed_max > queue_max {
                    self.stats.dropped_backlog += 1;
                    return SendOutcome::Dropped;
                }
                let session = connection.tls.as_mut().expect("it was there above");
                self.sealed.clear();
                if session.seal(&self.padded, &mut self.sealed).is_err() {
                    self.retire(stream, CloseReason::Tls);
                    return SendOutcome::Closed;
                }
                connection.write(&self.sealed, &[])
            }
        };
        match outcome {
            Ok(written) => {
                self.stats.frames_out += 1;
                self.stats.bytes_out += written as u64;
                let queued = connection.backlog() > 0;
                if queued {
                    self.queue_change(stream);
                }
                if queued { SendOutcome::Queued } else { SendOutcome::Sent }
            }
            Err(_) => {
                self.retire(stream, CloseReason::Io);
                SendOutcome::Closed
            }
        }
    }

    /// A connection with an allocation is not closed for idleness; when it loses it, its idle time begins.
    pub fn set_allocated(&mut self, stream: StreamId, allocated: bool) {
        if let Some(connection) = self.table.get_mut(stream) {
            let lost = connection.allocated && !allocated;
            connection.allocated = allocated;
            if lost {
                connection.last_active = self.now;
                self.schedule_sweep(self.now + self.config.idle_timeout);
            }
        }
    }

    /// Closes a connection. What waits for it in the kernel is still sent, what waits here is not.
    pub fn close(&mut self, stream: StreamId) {
        self.retire(stream, CloseReason::Requested);
    }

    /// Time has come to `now`: closes who is over its deadline, goes on accepting after a pause. Cheap when
    /// [`Streams::poll_timeout`] is later.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.now = self.now.max(now);
        for (index, listener) in self.listeners.iter_mut().enumerate() {
            if listener.paused_until.is_some_and(|until| until <= self.now) {
                listener.paused_until = None;
                self.changes.push_back(Change::Listener(index));
            }
        }
        if self.next_sweep.is_some_and(|at| at <= self.now) {
            self.sweep();
        }
    }

    /// Changes the idle time of [`StreamsConfig`], from the next frame of each connection on.
    pub fn set_idle_timeout(&mut self, idle_timeout: Duration) {
        self.config.idle_timeout = idle_timeout;
    }

    /// When [`Streams::handle_timeout`] wants to be called; `None`: not before something else happens.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.listeners.iter().filter_map(|listener| listener.paused_until).chain(self.next_sweep).min()
    }

    /// Connections now.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no connection.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The counts so far.
    pub fn stats(&self) -> &StreamStats {
        &self.stats
    }

    fn stream_ready(&mut self, id: StreamId, ready: Readiness) {
        let Some(connection) = self.table.get_mut(id) else { return };
        connection.armed = None;
        if ready.writable {
            match connection.flush() {
                Ok(written) => self.stats.bytes_out += written as u64,
                Err(_) => return self.retire(id, CloseReason::Io),
            }
        }
        if ready.readable && !connection.ready {
            connection.ready = true;
            self.ready.push_back(id);
        }
        self.queue_change(id);
    }

    fn queue_change(&mut self, id: StreamId) {
        if let Some(connection) = self.table.get_mut(id)
            && !connection.change_queued
            && connection.wants_change()
        {
            connection.change_queued = true;
            self.changes.push_back(Change::Stream(id));
        }
    }

    /// Takes a connection out. The descriptor stays open until the driver has been told.
    fn retire(&mut self, id: StreamId, reason: CloseReason) {
        let Some(mut connection) = self.table.remove(id) else { return };
        if connection.handshake.is_some() {
            match reason {
                CloseReason::HandshakeTimeout => self.stats.handshakes_timed_out += 1,
                _ => self.stats.handshakes_failed += 1,
            }
        } else if !matches!(reason, CloseReason::Io | CloseReason::Tls)
            && connection.backlog() == 0
            && let Some(session) = &mut connection.tls
        {
            self.sealed.clear();
            if session.close_notify(&mut self.sealed).is_ok() {
                self.stats.bytes_out += connection.write(&self.sealed, &[]).unwrap_or(0) as u64;
            }
        }
        if let Some(buffer) = connection.framer.take_buffer() {
            keep(&mut self.spares, buffer);
        }
        if self.chunk.is_some_and(|chunk| chunk.stream == id) {
            self.chunk = None;
        }
        self.stats.closed[reason as usize] += 1;
        self.closed.push_back((id, connection.peer));
        if connection.watched {
            self.changes.push_back(Change::Unwatch(connection.socket));
        }
    }

    fn schedule_sweep(&mut self, at: Duration) {
        self.next_sweep = Some(self.next_sweep.map_or(at, |next| next.min(at)));
    }

    /// Closes who is over its deadline and notes when the next deadline can be. Activity only moves deadlines later, so
    /// none is missed in between.
    fn sweep(&mut self) {
        let (idle, handshake) = (self.config.idle_timeout, self.config.handshake_timeout);
        let mut next: Option<Duration> = None;
        let mut due = Vec::new();
        for (id, connection) in self.table.iter() {
            match connection.deadline(idle, handshake) {
                Some(deadline) if deadline <= self.now => due.push((id, connection.handshake.is_some())),
                Some(deadline) => next = Some(next.map_or(deadline, |next| next.min(deadline))),
                None => {}
            }
        }
        self.next_sweep = next.map(|next| next.max(self.now + SWEEP_INTERVAL));
        for (id, handshaking) in due {
            self.retire(id, if handshaking { CloseReason::HandshakeTimeout } else { CloseReason::Idle });
        }
    }
}

fn change(watched: bool, fd: RawFd, token: Token, writable: bool) -> WatchChange {
    if watched { WatchChange::Rewatch { fd, token, writable } } else { WatchChange::Watch { fd, token, writable } }
}

/// Keeps an empty buffer for the next connection that needs one, so that frames cut in two cost no allocation.
fn keep(spares: &mut Vec<Vec<u8>>, mut buffer: Vec<u8>) {
    if spares.len() < SPARES_MAX && buffer.capacity() <= SPARE_BYTES_MAX {
        buffer.clear();
        spares.push(buffer);
    }
}
