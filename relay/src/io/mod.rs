//! Sockets and the kernel: one contract, two drivers.
//!
//! A [`Driver`] owns every datagram socket of one worker. It receives each datagram into a [`Slot`] with headroom, lets
//! the [`Handler`] rewrite it in place, and sends it from the same slot. It also reports readiness of the descriptors
//! that are not its own (TCP listeners, streams, wake-ups), whose bytes others read and write.
//!
//! **One [`Driver::turn`] submits what was queued, waits, hands every datagram to the handler, and queues what the
//! handler decided to send; the next turn, or [`Driver::flush`], submits it.** So nothing waits longer than the work of
//! one batch, and a slot returns to the kernel only after its send has been carried out.
//!
//! ```no_run
//! use std::{io, net::SocketAddr};
//!
//! use muster_relay::{
//!     io::{Driver, Forward, Handler, IcmpError, Readiness, SocketId, Token, UdpOptions, bind_udp},
//!     slot::Slot,
//! };
//!
//! /// Sends every datagram back, and tells a listener about it.
//! struct Echo {
//!     socket: SocketId,
//!     listener: SocketAddr,
//!     news: Vec<String>,
//! }
//!
//! impl Handler for Echo {
//!     fn handle_datagram(&mut self, _: Token, from: SocketAddr, slot: &mut Slot<'_>) -> Forward {
//!         self.news.push(format!("{from} sent {} bytes", slot.payload().len()));
//!         Forward::Send { socket: self.socket, to: from }
//!     }
//!
//!     fn handle_icmp(&mut self, _: Token, error: IcmpError) {
//!         self.news.push(format!("{} cannot be reached", error.peer));
//!     }
//!
//!     fn handle_ready(&mut self, _: Token, _: Readiness) {}
//! }
//!
//! fn run(mut driver: impl Driver, at: SocketAddr, listener: SocketAddr) -> io::Result<()> {
//!     let socket = driver.open(bind_udp(at, UdpOptions::default())?, 0)?;
//!     let mut echo = Echo { socket, listener, news: Vec::new() };
//!     loop {
//!         // Receives, rewrites and queues what goes back in the same slots.
//!         driver.turn(&mut echo, None)?;
//!         // What is our own message is copied into a slot of its own, and goes out with the next turn.
//!         for line in echo.news.drain(..) {
//!             driver.send(echo.socket, echo.listener, line.as_bytes());
//!         }
//!     }
//! }
//! ```

mod address;
mod buffers;
mod epoll;
mod heap;
mod icmp;
mod names;
mod probe;
mod socket;
mod uring;
mod waker;

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    os::fd::RawFd,
    time::Duration,
};

pub use self::{
    epoll::EpollDriver,
    heap::CountedHeap,
    probe::{Choice, ProbeError, ProbeStep, UringFacts, choose, probe},
    socket::{UdpOptions, bind_tcp_listener, bind_udp, raise_open_file_limit, receive_queue_drops},
    uring::UringDriver,
    waker::Waker,
};
use crate::slot::Slot;

/// Names one datagram socket of one driver. A closed socket's name is never valid again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketId {
    /// Position in the driver's table of sockets.
    pub index: u32,
    /// Counts the sockets that have had this position.
    pub generation: u32,
}

/// What the owner of a socket or descriptor wants to be told with each event: the driver hands it back unread.
pub type Token = u64;

/// What to do with a datagram after the handler has seen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// Give the slot back.
    Nothing,
    /// Send the slot's payload as it now stands from `socket` to `to`.
    Send {
        /// The socket to send from.
        socket: SocketId,
        /// Where to.
        to: SocketAddr,
    },
}

/// An ICMP error that came back for a datagram that one of our sockets sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpError {
    /// Where the offending datagram was sent.
    pub peer: SocketAddr,
    /// ICMP or ICMPv6 type.
    pub icmp_type: u8,
    /// ICMP or ICMPv6 code.
    pub code: u8,
    /// The type's own data: the next hop's MTU for "too big", otherwise 0.
    pub data: u32,
}

/// What a descriptor that the driver only watches can do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// Reading will not block (or the other side closed).
    pub readable: bool,
    /// Writing will not block.
    pub writable: bool,
}

/// Receives the events of one [`Driver::turn`].
pub trait Handler {
    /// One datagram arrived on the socket opened with `token`.
    fn handle_datagram(&mut self, token: Token, from: SocketAddr, slot: &mut Slot<'_>) -> Forward;

    /// An ICMP error came back for a datagram sent from the socket opened with `token`.
    fn handle_icmp(&mut self, token: Token, error: IcmpError);

    /// A watched descriptor can be read or written. Edge-like: reported once per [`Driver::watch`] or
    /// [`Driver::rewatch`]; the owner reads and writes until it would block and then calls `rewatch`.
    fn handle_ready(&mut self, token: Token, ready: Readiness);
}

/// Counts that a driver keeps; monotonic since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DriverStats {
    /// Datagrams received, oversized ones included.
    pub received: u64,
    /// Datagrams handed to the kernel to send, those that it refused included.
    pub sent: u64,
    /// Datagrams larger than a slot: dropped, never cut short.
    pub dropped_oversize: u64,
    /// Datagrams whose source the kernel wrote in a form that we cannot read, and that nobody could answer.
    pub dropped_unreadable: u64,
    /// Sends that the kernel refused because a buffer was full.
    pub dropped_send_full: u64,
    /// Sends that the kernel refused for another reason (no route, pending ICMP error, too long...).
    pub dropped_send_error: u64,
    /// Copies that found no free outgoing slot.
    pub dropped_no_slot: u64,
    /// Datagrams that the kernel dropped because the queue of a socket was full, counted when it is closed.
    pub receive_queue_overflows: u64,
    /// Times the kernel had no free receive slot and receiving was armed again.
    pub receive_exhausted: u64,
    /// Times a multishot receive ended, for any reason, and was armed again.
    pub receive_rearmed: u64,
}

/// A batch of the kernel's work for one worker. See the module's text for the order of calls.
///
/// A driver is made on the thread that uses it and never leaves it.
pub trait Driver: Sized {
    /// Takes a bound, non-blocking socket and starts receiving on it.
    ///
    /// # Errors
    /// When the table of sockets is full, or the kernel refuses. The place of a closed socket is free again within a few
    /// turns: when many were closed at once, within one turn for each twenty.
    fn open(&mut self, socket: UdpSocket, token: Token) -> io::Result<SocketId>;

    /// Stops receiving and closes the socket. Nothing is delivered for its token any more, even if it had arrived.
    /// What was queued to be sent from it before is still sent. Its port is free after the next turns. Unknown or closed
    /// names are ignored.
    fn close(&mut self, socket: SocketId);

    /// Copies `bytes` into an outgoing slot and queues them. For control replies and for payloads that came over a
    /// stream; a datagram that was received by this driver is sent in place through [`Forward`]. Longer than a slot: it is
    /// dropped and counted.
    fn send(&mut self, socket: SocketId, to: SocketAddr, bytes: &[u8]);

    /// Reports the readiness of `fd`, which the caller owns and keeps open until [`Driver::unwatch`].
    ///
    /// # Errors
    /// When the descriptor is watched already or the kernel refuses.
    fn watch(&mut self, fd: RawFd, token: Token, writable: bool) -> io::Result<()>;

    /// Asks for the next readiness of a watched descriptor; always for reading, and for writing if `writable`.
    ///
    /// # Errors
    /// When the descriptor is not watched or the kernel refuses.
    fn rewatch(&mut self, fd: RawFd, token: Token, writable: bool) -> io::Result<()>;

    /// Stops watching `fd`. Must come before the owner closes it.
    fn unwatch(&mut self, fd: RawFd);

    /// Submits what is queued, waits up to `timeout` (for ever if `None`) for something to happen, and hands each event
    /// to `handler`. Returns the number of events.
    ///
    /// # Errors
    /// Only for what makes the worker useless; a single socket's errors are counted or handed on.
    fn turn<H: Handler>(&mut self, handler: &mut H, timeout: Option<Duration>) -> io::Result<usize>;

    /// Submits what is queued without waiting.
    ///
    /// # Errors
    /// As [`Driver::turn`].
    fn flush(&mut self) -> io::Result<()>;

    /// The counts so far.
    fn stats(&self) -> DriverStats;
}

/// How a driver is sized; the same fields serve both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriverConfig {
    /// Sockets at once, listening sockets included.
    pub sockets_max: u32,
    /// Largest datagram that is relayed, in bytes.
    pub slot_bytes: u32,
    /// Receive slots; a power of two.
    pub slots: u16,
    /// Waits this long for more datagrams after a turn began, to share the cost of a system call; 0 does not wait.
    pub batch_window_us: u32,
}
