//! From a listener to a connection that has its places and, with TLS, a session.

use std::net::{SocketAddr, TcpStream};

use super::{
    Change, Streams,
    connection::{Connection, Socket},
    framing::Framer,
    limits::{HandshakePermit, Refusal},
    listener::{Accepted, PAUSE, refuse},
    tls::TlsSlot,
    tls_session::Session,
};

/// Connections accepted from one listener in one turn.
const ACCEPT_MAX: usize = 64;
impl Streams {
    pub(super) fn accept(&mut self, index: usize) {
        for _ in 0..ACCEPT_MAX {
            let Some(listener) = self.listeners.get_mut(index) else { return };
            match listener.accept() {
                Accepted::Connection(stream, peer) => {
                    let tls = listener.tls.clone();
                    self.admit(stream, peer, tls.as_deref());
                }
                Accepted::Shed => self.stats.refused_descriptors += 1,
                Accepted::Failed => self.stats.accept_failures += 1,
                Accepted::Drained => break,
                Accepted::Paused => {
                    self.stats.accept_pauses += 1;
                    listener.paused_until = Some(self.now + PAUSE);
                    return;
                }
            }
        }
        // Those that are left over make the listener ready again at once.
        self.changes.push_back(Change::Listener(index));
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr, tls: Option<&TlsSlot>) {
        let permit = match self.limits.admit(peer.ip()) {
            Ok(permit) => permit,
            Err(refusal) => {
                match refusal {
                    Refusal::Total => self.stats.refused_total += 1,
                    Refusal::Address => self.stats.refused_address += 1,
                }
                return refuse(stream);
            }
        };
        let mut secure = None;
        if let Some(slot) = tls {
            let Some(handshake) = self.limits.begin_handshake(peer.ip()) else {
                self.stats.refused_handshakes += 1;
                return refuse(stream);
            };
            let Ok(session) = Session::new(slot.current().config()) else {
                self.stats.accept_failures += 1;
                return refuse(stream);
            };
            secure = Some((Box::new(session), handshake));
        }
        self.insert(Socket::new(stream, permit), peer, secure);
    }

    fn insert(&mut self, socket: Socket, peer: SocketAddr, secure: Option<(Box<Session>, HandshakePermit)>) {
        let mut connection = Connection::new(socket, peer, Framer::new(self.config.frame_max), self.now);
        let mut timeout = self.config.idle_timeout;
        if let Some((session, handshake)) = secure {
            connection.tls = Some(session);
            connection.handshake = Some(handshake);
            timeout = self.config.handshake_timeout;
        }
        match self.table.insert(connection) {
            Ok(id) => {
                self.stats.accepted += 1;
                self.schedule_sweep(self.now + timeout);
                self.queue_change(id);
            }
            Err(connection) => {
                self.stats.accept_failures += 1;
                refuse(connection.socket.stream);
            }
        }
    }
}
