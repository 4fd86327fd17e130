//! From a readable socket to bytes that can be cut into frames.
//!
//! **Every ready connection is read from once in a turn, and a connection's bytes are cut up before the next one is
//! read**, so two buffers serve all of a worker's connections.

use std::io::{ErrorKind, Read};

use super::{Chunk, CloseReason, HANDSHAKES_PER_TURN, READ_MAX, StreamId, Streams, keep, tls_session::Progress};

/// Protocol messages of TLS may exceed the send queue by this much before the client is taken for hostile.
const HANDSHAKE_BACKLOG_MAX: usize = 64 * 1_024;

impl Streams {
    /// Reads from the next connection in turn. False when the turn is over.
    pub(super) fn visit_next(&mut self) -> bool {
        let left = *self.visits_left.get_or_insert_with(|| {
            self.handshakes_left = HANDSHAKES_PER_TURN;
            self.ready.len()
        });
        let next = if left == 0 { None } else { self.ready.pop_front() };
        let Some(id) = next else {
            self.visits_left = None;
            return false;
        };
        self.visits_left = Some(left - 1);
        if let Some(connection) = self.table.get_mut(id) {
            if connection.handshake.is_none() {
                self.visit(id);
            } else if self.handshakes_left > 0 {
                self.handshakes_left -= 1;
                self.visit(id);
            } else {
                self.ready.push_back(id);
            }
        }
        true
    }

    /// Reads once from a connection and makes what came the current chunk.
    fn visit(&mut self, id: StreamId) {
        let Some(connection) = self.table.get_mut(id) else { return };
        let held = connection.tls.as_ref().map_or(0, |session| session.restore(&mut self.read));
        let read = match connection.socket.stream.read(&mut self.read[held..held + READ_MAX]) {
            Ok(0) => return self.retire(id, CloseReason::Peer),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return self.finish_visit(id, false),
            Err(error) if error.kind() == ErrorKind::Interrupted => return self.finish_visit(id, true),
            Err(_) => return self.retire(id, CloseReason::Io),
        };
        self.stats.bytes_in += read as u64;
        // A short read has emptied the socket; if more came since, watching it again says so at once.
        let more = read == READ_MAX;
        let opened = connection.tls.is_some();
        let end = if opened {
            match self.open(id, held + read) {
                Ok(len) => len,
                Err(()) => return,
            }
        } else {
            read
        };
        if let Some(connection) = self.table.get_mut(id) {
            connection.framer.lend_buffer(&mut self.spares);
            self.chunk = Some(Chunk { stream: id, start: 0, end, opened, more });
        }
    }

    /// Decrypts the first `len` bytes of `read` and answers what the protocol wants answered. `Err`: the connection is
    /// closed.
    fn open(&mut self, id: StreamId, len: usize) -> Result<usize, ()> {
        let connection = self.table.get_mut(id).ok_or(())?;
        let session = connection.tls.as_mut().ok_or(())?;
        self.opened.clear();
        self.sealed.clear();
        session.lend_buffer(&mut self.spares);
        let outcome = session.receive(&mut self.read[..len], &mut self.opened, &mut self.sealed);
        if let Some(buffer) = session.take_buffer() {
            keep(&mut self.spares, buffer);
        }
        let established = !session.is_handshaking();
        if !self.sealed.is_empty() {
            match connection.write(&self.sealed, &[]) {
                Ok(written) => self.stats.bytes_out += written as u64,
                Err(_) => {
                    self.retire(id, CloseReason::Io);
                    return Err(());
                }
            }
        }
        connection.ended = matches!(outcome, Ok(Progress::PeerClosed));
        let hopeless = outcome.is_err() || connection.backlog() > self.config.send_queue_bytes + HANDSHAKE_BACKLOG_MAX;
        // The handshake may have ended well in the same read that brought something bad after it.
        if established && connection.handshake.take().is_some() {
            connection.last_active = self.now;
            self.stats.handshakes_completed += 1;
            self.schedule_sweep(self.now + self.config.idle_timeout);
        }
        if hopeless {
            self.retire(id, CloseReason::Tls);
            return Err(());
        }
        Ok(self.opened.len())
    }

    pub(super) fn finish_chunk(&mut self) {
        let Some(chunk) = self.chunk.take() else { return };
        if let Some(connection) = self.table.get_mut(chunk.stream) {
            self.stats.dropped_oversize += connection.framer.take_oversize();
            if let Some(buffer) = connection.framer.take_buffer() {
                keep(&mut self.spares, buffer);
            }
            if connection.ended {
                self.retire(chunk.stream, CloseReason::Peer);
            } else {
                self.finish_visit(chunk.stream, chunk.more);
            }
        }
    }

    fn finish_visit(&mut self, id: StreamId, more: bool) {
        if let Some(connection) = self.table.get_mut(id) {
            connection.ready = more;
            if more {
                self.ready.push_back(id);
            }
            self.queue_change(id);
        }
    }
}
