//! Accepting connections, also when there are no descriptors left.
//!
//! A connection that cannot be accepted stays in the kernel's queue and keeps the listener readable: a loop that only
//! logs the error spins, one that stops accepting leaves clients hanging. So each listener keeps one spare descriptor
//! (a duplicate of itself). **When the process or the system has run out, the spare is given up, the connection is
//! accepted and closed at once, and the spare is taken back**, so the client learns of it and may try elsewhere. If even
//! that fails (another thread was quicker), accepting pauses for [`PAUSE`].

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};

use super::tls::TlsSlot;

/// How long accepting pauses when the kernel cannot accept at all.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// A client that acknowledges nothing for this long is gone, whether data or only keep-alive probes went out.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);
/// Silence before the first keep-alive probe.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// Time between keep-alive probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// What one attempt to accept brought.
#[derive(Debug)]
pub(super) enum Accepted {
    /// A connection, not blocking.
    Connection(TcpStream, SocketAddr),
    /// One connection was closed at once for lack of descriptors.
    Shed,
    /// One connection was gone already or could not be set up; the next may do better.
    Failed,
    /// There are no more for now.
    Drained,
    /// The kernel cannot accept now: try again after [`PAUSE`].
    Paused,
}

/// What an error of accept(2) calls for.
#[derive(Debug, PartialEq, Eq)]
enum Remedy {
    Drained,
    Next,
    Shed,
    Pause,
}

/// One listening socket.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: TcpListener,
    pub(super) tls: Option<Arc<TlsSlot>>,
    pub(super) watched: bool,
    /// While accepting pauses: until when.
    pub(super) paused_until: Option<Duration>,
    spare: Option<TcpListener>,
}

impl Listener {
    /// Takes a listening socket. The options that are set here pass on to every connection it accepts, which saves
    /// setting them on each.
    pub(super) fn new(socket: TcpListener, tls: Option<Arc<TlsSlot>>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let options = SockRef::from(&socket);
        options.set_tcp_nodelay(true)?;
        options.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
        options.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL))?;
        let spare = Some(socket.try_clone()?);
        Ok(Self { socket, tls, watched: false, paused_until: None, spare })
    }

    pub(super) fn accept(&mut self) -> Accepted {
        match self.socket.accept() {
            Ok((connection, peer)) => {
                if connection.set_nonblocking(true).is_err() {
                    return Accepted::Failed;
                }
                // A dual-stack socket reports IPv4 clients in a spelling that nothing behind this should have to know.
                Accepted::Connection(connection, SocketAddr::new(peer.ip().to_canonical(), peer.port()))
            }
            Err(error) => match remedy(&error) {
                Remedy::Drained => Accepted::Drained,
                Remedy::Next => Accepted::Failed,
                Remedy::Shed => self.shed(),
                Remedy::Pause => Accepted::Paused,
            },
        }
    }

    fn shed(&mut self) -> Accepted {
        if self.spare.take().is_none() {
            self.spare = self.socket.try_clone().ok();
            return Accepted::Paused;
        }
        let outcome = match self.socket.accept() {
            Ok((connection, _)) => {
                refuse(connection);
                Accepted::Shed
            }
            Err(error) if remedy(&error) == Remedy::Drained => Accepted::Drained,
            Err(_) => Accepted::Paused,
        };
        self.spare = self.socket.try_clone().ok();
        outcome
    }
}

/// Closes a connection with a reset: no state of it stays in our kernel, however many are refused.
pub(super) fn refuse(connection: TcpStream) {
    let _ = SockRef::from(&connection).set_linger(Some(Duration::ZERO));
    drop(connection);
}

/// accept(2) also reports errors of the connection that it would have returned; those concern nobody else.
fn remedy(error: &io::Error) -> Remedy {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE) => Remedy::Shed,
        Some(libc::ENOBUFS | libc::ENOMEM) => Remedy::Pause,
        Some(
            libc::EINTR
            | libc::ECONNABORTED
            | libc::EPROTO
            | libc::EPERM
            | libc::ENETDOWN
            | libc::ENOPROTOOPT
            | libc::EHOSTDOWN
            | libc::ENONET
            | libc::EHOSTUNREACH
            | libc::ENETUNREACH
            | libc::ETIMEDOUT,
        ) => Remedy::Next,
        _ if error.kind() == ErrorKind::WouldBlock => Remedy::Drained,
        _ => Remedy::Pause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_accept_has_its_remedy() {
        let check = |errno, expect: Remedy| {
            assert_eq!(remedy(&io::Error::from_raw_os_error(errno)), expect, "errno {errno}");
        };
        check(libc::EAGAIN, Remedy::Drained);
        check(libc::ECONNABORTED, Remedy::Next);
        check(libc::EINTR, Remedy::Next);
        check(libc::EMFILE, Remedy::Shed);
        check(libc::ENFILE, Remedy::Shed);
        check(libc::ENOMEM, Remedy::Pause);
        check(libc::EINVAL, Remedy::Pause);
    }

    #[test]
    fn connections_inherit_the_options() {
        let mut listener = Listener::new(TcpListener::bind("127.0.0.1:0").unwrap(), None).unwrap();
        let _client = TcpStream::connect(listener.socket.local_addr().unwrap()).unwrap();
        // The handshake of loopback is complete when connect returns, so the connection is there.
        let Accepted::Connection(connection, _) = listener.accept() else { panic!("nothing to accept") };
        let options = SockRef::from(&connection);
        assert!(options.tcp_nodelay().unwrap());
        assert!(options.keepalive().unwrap());
        assert_eq!(options.tcp_user_timeout().unwrap(), Some(UNACKNOWLEDGED_MAX));
        assert!(matches!(listener.accept(), Accepted::Drained));
    }

    #[test]
    fn shedding_closes_one_connection_and_keeps_a_spare() {
        let mut listener = Listener::new(TcpListener::bind("127.0.0.1:0").unwrap(), None).unwrap();
        let mut client = TcpStream::connect(listener.socket.local_addr().unwrap()).unwrap();
        assert!(matches!(listener.shed(), Accepted::Shed));
        assert!(listener.spare.is_some());
        let error = io::Read::read(&mut client, &mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(matches!(listener.shed(), Accepted::Drained));
        listener.spare = None;
        assert!(matches!(listener.shed(), Accepted::Paused), "without a spare there is nothing to do but wait");
        assert!(listener.spare.is_some(), "the spare is taken back when a descriptor is free again");
    }
}
