//! One client's connection: its socket, its framing, its TLS and what it has not read yet.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, IoSlice},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use socket2::SockRef;

use super::{
    framing::Framer,
    limits::{HandshakePermit, Permit},
    tls_session::Session,
};

/// A TCP connection with what must be counted as long as its descriptor is open.
#[derive(Debug)]
pub(super) struct Socket {
    // Fields are dropped in this order: the place is free only when the descriptor is.
    pub(super) stream: TcpStream,
    _permit: Permit,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, permit: Permit) -> Self {
        Self { stream, _permit: permit }
    }
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: Socket,
    pub(super) peer: SocketAddr,
    pub(super) framer: Framer,
    pub(super) tls: Option<Box<Session>>,
    /// Held while a TLS handshake is under way.
    pub(super) handshake: Option<HandshakePermit>,
    /// When the last frame came, or the connection.
    pub(super) last_active: Duration,
    /// Bytes of the wire that the socket has not taken; only ever whole frames and records.
    backlog: VecDeque<u8>,
    /// The client will send no more; to be closed when what it sent has been handed on.
    pub(super) ended: bool,
    /// Has an allocation, so silence is no reason to close it.
    pub(super) allocated: bool,
    /// Stands in the queue of those to be read.
    pub(super) ready: bool,
    /// Stands in the queue of those whose watch is to be changed.
    pub(super) change_queued: bool,
    /// The driver knows the descriptor.
    pub(super) watched: bool,
    /// The driver will report readiness: `Some(true)` also of writing.
    pub(super) armed: Option<bool>,
}

impl Connection {
    pub(super) fn new(socket: Socket, peer: SocketAddr, framer: Framer, now: Duration) -> Self {
        Self {
            socket,
            peer,
            framer,
            tls: None,
            handshake: None,
            last_active: now,
            backlog: VecDeque::new(),
            ended: false,
            allocated: false,
            ready: false,
            change_queued: false,
            watched: false,
            armed: None,
        }
    }

    /// Bytes that wait for the socket.
    pub(super) fn backlog(&self) -> usize {
        self.backlog.len()
    }

    /// Whether the driver has to be told something that it does not know yet.
    pub(super) fn wants_change(&self) -> bool {
        match self.armed {
            None => !self.ready || !self.backlog.is_empty(),
            Some(writable) => !writable && !self.backlog.is_empty(),
        }
    }

    /// When the connection is to be closed if nothing more comes; `None`: silence is fine.
    pub(super) fn deadline(&self, idle: Duration, handshake: Duration) -> Option<Duration> {
        match (&self.handshake, self.allocated) {
            (Some(_), _) => Some(self.last_active.saturating_add(handshake)),
            (None, true) => None,
            (None, false) => Some(self.last_active.saturating_add(idle)),
        }
    }

    /// Sends `head` and `tail` behind what waits already; what the socket does not take waits too. Returns the bytes
    /// that the socket took.
    pub(super) fn write(&mut self, head: &[u8], tail: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while self.backlog.is_empty() && written < head.len() + tail.len() {
            let parts = [
                IoSlice::new(&head[written.min(head.len())..]),
                IoSlice::new(&tail[written.saturating_sub(head.len())..]),
            ];
            match send(&self.socket.stream, &parts) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(taken) => written += taken,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.backlog.extend(&head[written.min(head.len())..]);
        self.backlog.extend(&tail[written.saturating_sub(head.len())..]);
        Ok(written)
    }

    /// Sends what waits, as far as the socket takes it. Returns the bytes that it took.
    pub(super) fn flush(&mut self) -> io::Result<usize> {
        let mut written = 0;
        while !self.backlog.is_empty() {
            let (front, back) = self.backlog.as_slices();
            match send(&self.socket.stream, &[IoSlice::new(front), IoSlice::new(back)]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    self.backlog.drain(..taken);
                    written += taken;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.backlog.is_empty() {
            // A client that caught up costs as little as one that was never behind.
            self.backlog = VecDeque::new();
        }
        Ok(written)
    }
}

/// Not `write_vectored`, which would raise SIGPIPE in a host that does not ignore it.
fn send(stream: &TcpStream, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    SockRef::from(stream).send_vectored_with_flags(parts, libc::MSG_NOSIGNAL)
}
