//! The two sorts of connection that clients make: HTTP requests one after the other, and a WebSocket.

use std::{
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use socket2::{Domain, SockAddr, Type};
use tungstenite::{Bytes, Error, Message, WebSocket, client::client_with_config, protocol::WebSocketConfig};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Clients of one address, below what the kernel has ports for.
const CLIENTS_AN_ADDRESS: usize = 10_000;

/// Requests over one connection, one after the other.
pub(crate) struct Http {
    host: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Http {
    pub(crate) fn open(host: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(host).context("the server does not listen")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { host, stream: BufReader::new(stream) })
    }

    /// The status of an answer and its body.
    pub(crate) fn request(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
        let (host, length) = (self.host, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            ensure!(self.stream.read_line(&mut line)? > 0, "the server ended a connection");
            let head = line.trim_end();
            if head.is_empty() {
                break;
            }
            if let Some(rest) = head.strip_prefix("HTTP/1.1 ") {
                status = rest.split(' ').next().and_then(|code| code.parse().ok()).unwrap_or(0);
            } else if let Some((name, value)) = head.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().context("a length is a number")?;
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        Ok((status, String::from_utf8(answer).context("an answer is text")?))
    }

    /// What comes of posting some JSON.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        let (status, answer) = self.request("POST", path, &body.to_string())?;
        ensure!(status == 200, "{path} was answered with {status}: {answer}");
        serde_json::from_str(&answer).context("an answer is JSON")
    }
}

/// A WebSocket that never waits once it is open.
pub(crate) struct Socket(WebSocket<TcpStream>);

impl Socket {
    /// Opens one, as the so-manieth client. `buffer` is for what comes, in bytes.
    pub(crate) fn open(host: SocketAddr, path: &str, client: usize, buffer: usize) -> Result<Self> {
        let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None)?;
        let address = Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + 1 + (client / CLIENTS_AN_ADDRESS) as u32);
        socket.bind(&SockAddr::from(SocketAddr::from((address, 0))))?;
        socket.connect(&host.into()).context("the server does not listen")?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let config = WebSocketConfig::default().read_buffer_size(buffer).write_buffer_size(0);
        let opened = client_with_config(format!("ws://{host}{path}"), stream, Some(config));
        let (socket, _) = opened.map_err(|error| anyhow::anyhow!("a WebSocket is not opened: {error}"))?;
        Ok(Self(socket))
    }

    /// The next message, which is waited for.
    pub(crate) fn wait(&mut self) -> Result<Message> {
        Ok(self.0.read()?)
    }

    /// From now on nothing is waited for.
    pub(crate) fn stop_waiting(&mut self) -> Result<()> {
        Ok(self.0.get_ref().set_nonblocking(true)?)
    }

    /// The next message that is there.
    pub(crate) fn poll(&mut self) -> Result<Option<Message>> {
        match self.0.read() {
            Ok(Message::Ping(_)) => {
                // The answer is ready but not yet written.
                self.flush()?;
                self.poll()
            }
            Ok(Message::Close(frame)) => bail!("the server closed a connection: {frame:?}"),
            Ok(message) => Ok(Some(message)),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error).context("a connection broke"),
        }
    }

    pub(crate) fn send_text(&mut self, text: String) -> Result<()> {
        self.send(Message::Text(text.into()))
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.send(Message::Binary(Bytes::copy_from_slice(bytes)))
    }

    fn send(&mut self, message: Message) -> Result<()> {
        match self.0.send(message) {
            // It goes with the next one.
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            sent => sent.context("a connection broke"),
        }
    }

    fn flush(&mut self) -> Result<()> {
        match self.0.flush() {
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            flushed => flushed.context("a connection broke"),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_ref().as_fd()
    }
}
