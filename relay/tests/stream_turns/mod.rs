//! A worker of one thread for [`Streams`]: it turns, carries out what is to be watched, and holds the streams to the
//! contract of the driver. Time is virtual. It does not wait for the kernel but asks each armed descriptor every turn.
#![allow(dead_code, unreachable_pub, reason = "each test file uses the part that it needs")]

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, ErrorKind, Read},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::RawFd,
    path::Path,
    sync::Arc,
    time::Duration,
};

use muster_relay::{
    io::{Readiness, Token},
    slot::HEADROOM,
    stream::{StreamId, StreamLimits, Streams, StreamsConfig, TlsSlot, WatchChange},
};

/// Turns after which something that should have happened has not. Loopback delivers within a few.
const TURNS_MAX: usize = 500_000;

pub struct Worker {
    pub streams: Streams,
    pub limits: Arc<StreamLimits>,
    pub now: Duration,
    /// Everything that came, in order.
    pub frames: Vec<(StreamId, Vec<u8>)>,
    pub closed: Vec<StreamId>,
    /// Sends each frame back.
    pub echo: bool,
    watched: BTreeMap<RawFd, Token>,
    armed: HashMap<Token, bool>,
    buffer: Vec<u8>,
}

impl Worker {
    pub fn new(config: StreamsConfig, limits: StreamLimits) -> Self {
        let limits = Arc::new(limits);
        Self {
            streams: Streams::new(config, Arc::clone(&limits)),
            limits,
            now: Duration::from_secs(1_000),
            frames: Vec::new(),
            closed: Vec::new(),
            echo: false,
            watched: BTreeMap::new(),
            armed: HashMap::new(),
            buffer: vec![0; 70_000],
        }
    }

    /// A worker with defaults and no limit that a test could reach.
    pub fn roomy() -> Self {
        Self::new(StreamsConfig::default(), StreamLimits::new(10_000, 10_000, 10_000))
    }

    pub fn listen(&mut self, tls: Option<&Arc<TlsSlot>>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let address = listener.local_addr().expect("it is bound");
        self.streams.listen(listener, tls.cloned()).expect("descriptors are left");
        address
    }

    /// One turn: readiness of everything that is armed, then all frames of the turn, then what is to be watched.
    pub fn turn(&mut self) {
        for (token, writable) in self.armed.drain().collect::<Vec<_>>() {
            self.streams.handle_ready(token, Readiness { readable: true, writable }, self.now);
        }
        self.streams.handle_timeout(self.now);
        while let Some((stream, _, len)) = self.streams.poll_frame(&mut self.buffer) {
            let frame = self.buffer[HEADROOM..HEADROOM + len].to_vec();
            if self.echo {
                self.streams.send(stream, &frame);
            }
            self.frames.push((stream, frame));
        }
        while let Some((stream, _)) = self.streams.poll_closed() {
            assert!(!self.closed.contains(&stream), "a connection ends once");
            self.closed.push(stream);
        }
        self.carry_out_changes();
        std::thread::yield_now();
    }

    pub fn carry_out_changes(&mut self) {
        while let Some(change) = self.streams.poll_watch() {
            match change {
                WatchChange::Watch { fd, token, writable } => {
                    assert_eq!(
                        self.watched.insert(fd, token),
                        None,
                        "a watched descriptor was closed or watched twice"
                    );
                    self.armed.insert(token, writable);
                }
                WatchChange::Rewatch { fd, token, writable } => {
                    assert_eq!(self.watched.get(&fd), Some(&token), "only what is watched is watched again");
                    self.armed.insert(token, writable);
                }
                WatchChange::Unwatch { fd } => {
                    let token = self.watched.remove(&fd).expect("only what is watched is forgotten");
                    self.armed.remove(&token);
                    assert!(Path::new(&format!("/proc/self/fd/{fd}")).exists(), "still open when it is unwatched");
                }
            }
        }
    }

    /// Turns until `done` holds.
    pub fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..TURNS_MAX {
            if done(self) {
                return;
            }
            self.turn();
        }
        panic!("not after {TURNS_MAX} turns: {what}; {:?}", self.streams.stats());
    }

    /// Connects, and turns until the connection is admitted. Returns the client's end, not blocking.
    pub fn connect(&mut self, address: SocketAddr) -> TcpStream {
        let accepted = self.streams.stats().accepted;
        let client = connect(address);
        self.until("the connection is accepted", |worker| worker.streams.stats().accepted > accepted);
        client
    }

    /// Turns until `bytes` bytes have come to `client`.
    pub fn receive(&mut self, client: &mut TcpStream, bytes: usize) -> Vec<u8> {
        let mut received = Vec::new();
        self.until("the client receives", |_| {
            while received.len() < bytes {
                let mut piece = vec![0; bytes - received.len()];
                match client.read(&mut piece) {
                    Ok(0) => panic!("closed after {} of {bytes} bytes", received.len()),
                    Ok(read) => received.extend_from_slice(&piece[..read]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                    Err(error) => panic!("{error} after {} of {bytes} bytes", received.len()),
                }
            }
            true
        });
        received
    }

    /// Turns until the server has closed `client`, and returns what came before that.
    pub fn drain(&mut self, client: &mut TcpStream) -> Vec<u8> {
        let mut received = Vec::new();
        self.until("the server closes", |_| drain(client, &mut received));
        received
    }

    pub fn only_frames(&self) -> Vec<Vec<u8>> {
        self.frames.iter().map(|(_, frame)| frame.clone()).collect()
    }
}

/// A connected socket that does not block.
pub fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).expect("the kernel accepts for the listener");
    client.set_nodelay(true).expect("a socket takes the option");
    client.set_nonblocking(true).expect("a socket takes the option");
    client
}

/// Reads what there is; true when the other side has closed or reset.
pub fn drain(client: &mut impl Read, received: &mut Vec<u8>) -> bool {
    loop {
        let mut piece = [0; 4_096];
        match client.read(&mut piece) {
            Ok(0) => return true,
            Ok(read) => received.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => {
                assert!(is_closed(&error), "{error}");
                return true;
            }
        }
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::ConnectionAborted)
}

/// A ChannelData frame with `payload`.
pub fn channel_data(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a payload of a test is small");
    [&[0x40, 0x01], &length.to_be_bytes()[..], payload].concat()
}

/// A frame as it stands on a stream.
pub fn padded(frame: &[u8]) -> Vec<u8> {
    let mut wire = frame.to_vec();
    wire.resize(frame.len().next_multiple_of(4), 0);
    wire
}
