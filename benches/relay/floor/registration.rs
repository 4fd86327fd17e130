//! The two datagrams that set a flow up. The forwarder reads them only from addresses it does not know, so they cost
//! the forwarding path nothing.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

const READY: [u8; 8] = *b"READY???";
const FLOW: u8 = b'F';
const PAIR: u8 = b'P';

/// What an unknown client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Whether the forwarder runs.
    Ready,
    /// Forward between this client and a peer, through a socket of its own.
    Flow(SocketAddrV4),
    /// Forward from this client straight to another client.
    Pair(SocketAddrV4),
}

impl Request {
    /// Reads a datagram of an unknown client; `None` is to be ignored.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 8] = bytes.try_into().ok()?;
        match bytes[0] {
            _ if bytes == READY => Some(Self::Ready),
            FLOW => Some(Self::Flow(read_address(bytes))),
            PAIR => Some(Self::Pair(read_address(bytes))),
            _ => None,
        }
    }

    fn write(self) -> [u8; 8] {
        match self {
            Self::Ready => READY,
            Self::Flow(peer) => write_address(FLOW, peer),
            Self::Pair(client) => write_address(PAIR, client),
        }
    }
}

/// The answer to a request: where peers reach the flow (any address where that means nothing).
pub(crate) fn answer(address: SocketAddrV4) -> [u8; 8] {
    write_address(b'A', address)
}

/// Asks a forwarder through a connected, non-blocking socket.
///
/// # Errors
/// When it does not answer within a second.
pub(crate) fn ask(socket: &UdpSocket, request: Request) -> Result<SocketAddrV4> {
    exchange(socket, request, Duration::from_secs(1))?.context("the forwarder did not answer")
}

/// Whether a forwarder runs behind a connected, non-blocking socket.
pub(crate) fn answers(socket: &UdpSocket, patience: Duration) -> bool {
    exchange(socket, Request::Ready, patience).is_ok_and(|answer| answer.is_some())
}

fn exchange(socket: &UdpSocket, request: Request, patience: Duration) -> io::Result<Option<SocketAddrV4>> {
    socket.send(&request.write())?;
    let deadline = Instant::now() + patience;
    let mut bytes = [0; 8];
    while Instant::now() < deadline {
        match socket.recv(&mut bytes) {
            Ok(8) => return Ok(Some(read_address(bytes))),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::hint::spin_loop(),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn write_address(kind: u8, address: SocketAddrV4) -> [u8; 8] {
    let ([a, b, c, d], [high, low]) = (address.ip().octets(), address.port().to_be_bytes());
    [kind, 0, a, b, c, d, high, low]
}

fn read_address(bytes: [u8; 8]) -> SocketAddrV4 {
    let [_, _, a, b, c, d, high, low] = bytes;
    SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_survive_the_wire_and_noise_does_not() {
        let address = SocketAddrV4::new(Ipv4Addr::new(127, 0, 77, 3), 54_321);
        for request in [Request::Ready, Request::Flow(address), Request::Pair(address)] {
            assert_eq!(Request::read(&request.write()), Some(request));
        }
        assert_eq!(read_address(answer(address)), address);
        assert_eq!(Request::read(b"noise..."), None);
        assert_eq!(Request::read(b"F"), None);
    }
}
