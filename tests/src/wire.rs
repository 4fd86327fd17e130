//! Whole messages over UDP, TCP and TLS, as RFC 8656 section 12.5 and RFC 8489 section 6.2.2 frame them.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, StreamOwned,
    pki_types::{CertificateDer, ServerName},
};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// A socket cannot be told to wait for no time at all; this is as short as a wait gets.
const SHORTEST: Duration = Duration::from_millis(1);

/// How a client reaches the relay.
#[derive(Debug, Clone)]
pub enum Via {
    /// Datagrams.
    Udp,
    /// A plain stream.
    Tcp,
    /// A stream in TLS, with what the client trusts.
    Tls(Arc<ClientConfig>),
}

/// One connection of a client.
#[derive(Debug)]
pub struct Wire {
    link: Link,
    /// Bytes of a stream that are not a whole message yet.
    pending: Vec<u8>,
}

#[derive(Debug)]
enum Link {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    /// Connects to `server`, from `local` if given (datagrams only).
    ///
    /// # Errors
    /// When the connection or the handshake fails.
    pub fn connect(server: SocketAddr, via: &Via, local: Option<SocketAddr>) -> io::Result<Self> {
        let link = match via {
            Via::Udp => {
                let any = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
                let socket = match local {
                    Some(local) => UdpSocket::bind(local)?,
                    None => UdpSocket::bind(any)?,
                };
                socket.connect(server)?;
                Link::Udp(socket)
            }
            Via::Tcp => Link::Tcp(tcp(server)?),
            Via::Tls(config) => {
                let name = ServerName::IpAddress(server.ip().into());
                let session = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
                let mut stream = StreamOwned::new(session, tcp(server)?);
                while stream.conn.is_handshaking() {
                    stream.conn.complete_io(&mut stream.sock)?;
                }
                Link::Tls(Box::new(stream))
            }
        };
        Ok(Self { link, pending: Vec::new() })
    }

    /// The client's own address.
    ///
    /// # Errors
    /// When the socket is not connected any more.
    pub fn local(&self) -> io::Result<SocketAddr> {
        match &self.link {
            Link::Udp(socket) => socket.local_addr(),
            Link::Tcp(stream) => stream.local_addr(),
            Link::Tls(stream) => stream.sock.local_addr(),
        }
    }

    /// Whether a message may be lost on the way, so that requests have to be repeated.
    pub fn is_lossy(&self) -> bool {
        matches!(self.link, Link::Udp(_))
    }

    /// The certificate that the server showed, over TLS.
    pub fn server_certificate(&self) -> Option<CertificateDer<'static>> {
        let Link::Tls(stream) = &self.link else { return None };
        stream.conn.peer_certificates()?.first().map(|certificate| certificate.clone().into_owned())
    }

    /// Sends one message; a stream pads it to four bytes.
    ///
    /// # Errors
    /// When the socket refuses.
    pub fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let stream: &mut dyn Write = match &mut self.link {
            Link::Udp(socket) => return socket.send(message).map(drop),
            Link::Tcp(stream) => stream,
            Link::Tls(stream) => stream,
        };
        let mut padded = message.to_vec();
        padded.resize(message.len().next_multiple_of(4), 0);
        stream.write_all(&padded)?;
        stream.flush()
    }

    /// Receives one message without its padding; `None` when none came within `limit`.
    ///
    /// # Errors
    /// When the connection is closed or broken. A UDP port that nobody listens on shows as `ConnectionRefused`.
    pub fn receive(&mut self, limit: Duration) -> io::Result<Option<Vec<u8>>> {
        let end = Instant::now() + limit;
        loop {
            if let Some(message) = self.take_pending() {
                return Ok(Some(message));
            }
            let left = end.saturating_duration_since(Instant::now()).max(SHORTEST);
            let mut buffer = vec![0; 65_536];
            let read = match &mut self.link {
                Link::Udp(socket) => {
                    socket.set_read_timeout(Some(left))?;
                    let read = socket.recv(&mut buffer);
                    if let Ok(length) = read {
                        buffer.truncate(length);
                        return Ok(Some(buffer));
                    }
                    read
                }
                Link::Tcp(stream) => {
                    stream.set_read_timeout(Some(left))?;
                    stream.read(&mut buffer)
                }
                Link::Tls(stream) => {
                    stream.sock.set_read_timeout(Some(left))?;
                    stream.read(&mut buffer)
                }
            };
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.pending.extend_from_slice(&buffer[..length]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if Instant::now() >= end {
                        return Ok(None);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn take_pending(&mut self) -> Option<Vec<u8>> {
        let header = self.pending.get(..4)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let is_channel_data = header[0] & 0xC0 == 0x40;
        let whole = if is_channel_data { 4 + length } else { 20 + length };
        let padded = whole.next_multiple_of(4);
        if self.pending.len() < padded {
            return None;
        }
        let mut message: Vec<u8> = self.pending.drain(..padded).collect();
        message.truncate(whole);
        Some(message)
    }
}

fn tcp(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server, CONNECT)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(CONNECT))?;
    stream.set_read_timeout(Some(CONNECT))?;
    Ok(stream)
}
