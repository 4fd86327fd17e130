//! The forwarder on epoll: `recvmmsg` where many flows share a socket, `recv` and `sendto` elsewhere.

use std::{
    io::{self, IoSliceMut},
    net::{SocketAddrV4, UdpSocket},
    os::fd::AsRawFd,
};

use anyhow::Result;
use nix::{
    errno::Errno,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendto},
    },
};

use super::{
    DATAGRAM_MAX, peer_side_socket,
    registration::{self, Request},
    shared_socket,
    table::{Route, Table},
};

/// Datagrams that one `recvmmsg` takes.
const BATCH: usize = 64;
/// Events that one `epoll_wait` takes.
const EVENTS: usize = 256;
/// The token of the shared socket; the others are positions in the list of flows.
const SHARED: u64 = u64::MAX;

struct Flow {
    socket: UdpSocket,
    client: SockaddrIn,
}

struct Forwarder {
    epoll: Epoll,
    shared: UdpSocket,
    flows: Vec<Flow>,
    routes: Table<u32>,
}

/// Forwards until the process is ended.
///
/// # Errors
/// When a socket cannot be opened or polled.
pub(crate) fn run(listen: SocketAddrV4) -> Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let shared = shared_socket(listen)?;
    epoll.add(&shared, EpollEvent::new(EpollFlags::EPOLLIN, SHARED))?;
    let mut forwarder = Forwarder { epoll, shared, flows: Vec::new(), routes: Table::new() };
    let mut events = [EpollEvent::empty(); EVENTS];
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut buffers = vec![[0; DATAGRAM_MAX]; BATCH];
    loop {
        let ready = match forwarder.epoll.wait(&mut events, EpollTimeout::NONE) {
            Ok(ready) => ready,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        for event in &events[..ready] {
            if event.data() == SHARED {
                forwarder.take_from_clients(&mut headers, &mut buffers)?;
            } else {
                forwarder.take_from_peer(event.data() as usize, &mut buffers[0]);
            }
        }
    }
}

impl Forwarder {
    fn take_from_clients(
        &mut self,
        headers: &mut MultiHeaders<SockaddrIn>,
        buffers: &mut [[u8; DATAGRAM_MAX]],
    ) -> io::Result<()> {
        let mut vectors: [[IoSliceMut<'_>; 1]; BATCH] = {
            let mut rest = buffers.iter_mut();
            std::array::from_fn(|_| [IoSliceMut::new(rest.next().expect("there are BATCH buffers"))])
        };
        let received = match recvmmsg(self.shared.as_raw_fd(), headers, vectors.iter_mut(), MsgFlags::empty(), None) {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for datagram in received {
            let (Some(from), Some(bytes)) = (datagram.address, datagram.iovs().next()) else { continue };
            let client = SocketAddrV4::from(from);
            match self.routes.route(client) {
                // A full send buffer drops the datagram, as it would in any relay.
                Some(Route::Peer { through, peer }) => {
                    let socket = &self.flows[through as usize].socket;
                    let _ = sendto(socket.as_raw_fd(), bytes, &SockaddrIn::from(peer), MsgFlags::empty());
                }
                Some(Route::Client(to)) => {
                    let _ = sendto(self.shared.as_raw_fd(), bytes, &SockaddrIn::from(to), MsgFlags::empty());
                }
                None => self.register(client, Request::read(bytes))?,
            }
        }
        Ok(())
    }

    #[inline]
    fn take_from_peer(&self, flow: usize, buffer: &mut [u8]) {
        let flow = &self.flows[flow];
        // The sender's address is not asked for: the socket has one peer.
        if let Ok(length) = flow.socket.recv(buffer) {
            let _ = sendto(self.shared.as_raw_fd(), &buffer[..length], &flow.client, MsgFlags::empty());
        }
    }

    fn register(&mut self, client: SocketAddrV4, request: Option<Request>) -> io::Result<()> {
        let Some(request) = request else { return Ok(()) };
        let mut reached_at = client;
        match request {
            Request::Ready => {}
            Request::Pair(other) => self.routes.insert(client, Route::Client(other)),
            Request::Flow(peer) => {
                let socket = peer_side_socket(*self.shared.local_addr().map(ipv4)?.ip())?;
                reached_at = ipv4(socket.local_addr()?);
                let index = self.flows.len();
                self.epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
                self.flows.push(Flow { socket, client: client.into() });
                self.routes.insert(client, Route::Peer { through: index as u32, peer });
            }
        }
        self.shared.send_to(&registration::answer(reached_at), client).map(|_| ())
    }
}

/// The forwarder only ever binds IPv4.
fn ipv4(address: std::net::SocketAddr) -> SocketAddrV4 {
    match address {
        std::net::SocketAddr::V4(address) => address,
        std::net::SocketAddr::V6(_) => unreachable!("sockets are bound to an IPv4 address"),
    }
}
