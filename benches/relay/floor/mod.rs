//! The floor: a forwarder with no protocol, as cheap as a relay on ordinary sockets can be.
//!
//! One socket for all clients and one peer-side socket a flow, as a TURN server has them; both unconnected, as a TURN
//! server's must be. A datagram is forwarded after one look into a flat table, and nothing else is done to it.

pub(crate) mod epoll;
pub(crate) mod registration;
pub(crate) mod table;
pub(crate) mod uring;

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
};

use socket2::{Domain, Socket, Type};

/// Largest datagram that is forwarded.
pub(crate) const DATAGRAM_MAX: usize = 2_048;
/// Receive and send buffers of the socket that all clients share.
const SHARED_BUFFER: usize = 4 << 20;

/// The socket that clients send to.
pub(crate) fn shared_socket(listen: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking(), None)?;
    socket.set_recv_buffer_size(SHARED_BUFFER)?;
    socket.set_send_buffer_size(SHARED_BUFFER)?;
    socket.bind(&listen.into())?;
    Ok(socket.into())
}

/// A peer-side socket.
pub(crate) fn peer_side_socket(ip: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((ip, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
