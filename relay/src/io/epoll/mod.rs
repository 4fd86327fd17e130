//! The driver on epoll, for where io_uring is not to be had.
//!
//! **A slot is free, set as the place of a coming datagram, or queued to be sent; never two of these.** Sends are
//! carried out before the next wait at the latest, earlier when slots run out.
//!
//! Readiness is edge-triggered, so a socket that was not read until it would block stays on the ready list, and the
//! next turn does not wait. Each turn reads each ready socket once, so no socket starves another.

mod batch;

use std::{
    collections::VecDeque,
    io,
    net::{SocketAddr, UdpSocket},
    ops::Range,
    os::fd::{AsRawFd, RawFd},
    thread,
    time::Duration,
};

use mio::{Events, Interest, Poll, unix::SourceFd};

use self::batch::{BATCH, Messages, NAME_START, send_one};
use super::{
    Driver, DriverConfig, DriverStats, Forward, Handler, Readiness, SocketId, Token,
    address::{RawAddress, decode},
    buffers::{SlotId, SlotMemory},
    icmp,
    names::{INDEX_MAX, Kind, Watches, pack, unpack},
};
use crate::slot::{HEADROOM, Slot};

/// Slots besides those that are configured, so that copies do not take the place of datagrams.
const COPY_SLOTS: u16 = 256;

/// Most receive slots, as with io_uring.
const SLOTS_MAX: u16 = 1 << 15;

/// Events taken from the kernel in one turn; the others come in the next.
const EVENTS: usize = 1_024;

/// Datagrams handed on in one turn, so that what queues behind them (timers, watched descriptors) is not late.
const TURN_MAX: usize = 2_048;

/// One position in the table of sockets.
#[derive(Debug, Default)]
struct Socket {
    generation: u32,
    token: Token,
    socket: Option<UdpSocket>,
    /// It is on the ready list.
    ready: bool,
    /// Its error queue may hold something.
    failed: bool,
}

/// A send that is queued from the slot of the same number.
#[derive(Debug, Clone, Copy)]
struct Outgoing {
    to: RawAddress,
    socket: SocketId,
    start: u32,
    length: u32,
}

/// See the module's text. It belongs to the thread that made it.
pub struct EpollDriver {
    poll: Poll,
    events: Events,
    config: DriverConfig,
    memory: SlotMemory,
    free_slots: Vec<SlotId>,
    /// The slots that the next receive goes to, in the order of `receives`.
    receiving: Vec<SlotId>,
    receives: Messages,
    sends: Messages,
    outgoing: Box<[Outgoing]>,
    queued: Vec<SlotId>,
    sockets: Vec<Socket>,
    free: Vec<u32>,
    ready: VecDeque<u32>,
    watches: Watches,
    stats: DriverStats,
}

impl std::fmt::Debug for EpollDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EpollDriver").field("config", &self.config).field("stats", &self.stats).finish_non_exhaustive()
    }
}

impl EpollDriver {
    /// Opens the event queue and maps memory for datagrams.
    ///
    /// # Errors
    /// When descriptors or memory are used up, or the configuration is out of range.
    pub fn new(config: DriverConfig) -> io::Result<Self> {
        if !config.slots.is_power_of_two() || config.slots > SLOTS_MAX || config.sockets_max > INDEX_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the number of slots or of sockets is out of range",
            ));
        }
        let (memory, mut free_slots) = SlotMemory::new(config.slots + COPY_SLOTS, config.slot_bytes)?;
        let receiving = free_slots.split_off(free_slots.len() - BATCH.min(usize::from(config.slots)));
        let mut receives = Messages::new();
        for (position, slot) in receiving.iter().enumerate() {
            receives.set_receive(position, slot, &memory);
        }
        let nowhere =
            Outgoing { to: RawAddress::EMPTY, socket: SocketId { index: 0, generation: 0 }, start: 0, length: 0 };
        let slots_all = usize::from(config.slots + COPY_SLOTS);
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            config,
            memory,
            free_slots,
            receiving,
            receives,
            sends: Messages::new(),
            outgoing: vec![nowhere; slots_all].into_boxed_slice(),
            queued: Vec::with_capacity(slots_all),
            sockets: (0..config.sockets_max).map(|_| Socket::default()).collect(),
            free: (0..config.sockets_max).rev().collect(),
            ready: VecDeque::with_capacity(config.sockets_max as usize),
            watches: Watches::default(),
            stats: DriverStats::default(),
        })
    }

    fn fd(&self, id: SocketId) -> Option<RawFd> {
        let socket = self.sockets.get(id.index as usize).filter(|socket| socket.generation == id.generation)?;
        socket.socket.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Waits for readiness and notes which sockets have it; tells the owners of watched descriptors at once.
    fn wait<H: Handler>(&mut self, handler: &mut H, timeout: Option<Duration>) -> io::Result<usize> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let mut events = 0;
        for event in &self.events {
            match unpack(event.token().0 as u64) {
                (Kind::Receive, index, generation) => {
                    let socket = &mut self.sockets[index as usize];
                    if socket.generation != generation || socket.socket.is_none() {
                        continue;
                    }
                    socket.failed |= event.is_error();
                    if !std::mem::replace(&mut socket.ready, true) {
                        self.ready.push_back(index);
                    }
                }
                (Kind::Watch, index, generation) => {
                    let Some(token) = self.watches.fire(index, generation) else { continue };
                    let readable = event.is_readable() || event.is_read_closed() || event.is_error();
                    let writable = event.is_writable() || event.is_write_closed() || event.is_error();
                    handler.handle_ready(token, Readiness { readable, writable });
                    events += 1;
                }
                _ => {}
            }
        }
        Ok(events)
    }

    /// Reads the sockets that are ready, each once.
    fn read_ready<H: Handler>(&mut self, handler: &mut H) -> usize {
        let mut events = 0;
        for _ in 0..self.ready.len() {
            if events >= TURN_MAX {
                break;
            }
            let Some(index) = self.ready.pop_front() else { break };
            let (count, more) = self.read(index, handler);
            events += count;
            if more {
                self.ready.push_back(index);
            } else {
                self.sockets[index as usize].ready = false;
            }
        }
        events
    }

    /// Reads one socket once. Returns the events handed on, and whether the socket may have more.
    fn read<H: Handler>(&mut self, index: u32, handler: &mut H) -> (usize, bool) {
        let socket = &mut self.sockets[index as usize];
        let Some(udp) = &socket.socket else { return (0, false) };
        let fd = udp.as_raw_fd();
        let mut events = 0;
        if std::mem::take(&mut socket.failed) {
            icmp::drain(fd, |error| {
                events += 1;
                handler.handle_icmp(socket.token, error);
            });
        }
        let room = self.receiving.len();
        // SAFETY: `set_receive` was called for each slot in `receiving`, and those slots are used for nothing else.
        let count = match unsafe { self.receives.receive(fd, room) } {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (events, false),
            Err(error) => {
                socket.failed = error.kind() != io::ErrorKind::Interrupted;
                return (events, true);
            }
        };
        for position in 0..count {
            events += self.handle(index, position, handler);
        }
        (events, count == room)
    }

    /// Lets the handler see the datagram at `position` of the last receive, does what it says, and sets another slot in
    /// its place.
    fn handle<H: Handler>(&mut self, index: u32, position: usize, handler: &mut H) -> usize {
        self.stats.received += 1;
        let arrived = self.receives.arrived(position);
        let slot = &self.receiving[position];
        let bytes = self.memory.bytes(slot);
        let from = decode(&bytes[NAME_START..NAME_START + arrived.name]);
        let mut events = 0;
        if arrived.truncated {
            self.stats.dropped_oversize += 1;
        } else if let Some(from) = from {
            let mut datagram = Slot::new(bytes, HEADROOM..HEADROOM + arrived.payload);
            let token = self.sockets[index as usize].token;
            events = 1;
            if let Forward::Send { socket, to } = handler.handle_datagram(token, from, &mut datagram) {
                let range = datagram.range();
                let next = self.free_slot();
                let slot = std::mem::replace(&mut self.receiving[position], next);
                self.queue_send(slot, range, socket, to);
            }
        } else {
            self.stats.dropped_unreadable += 1;
        }
        self.receives.set_receive(position, &self.receiving[position], &self.memory);
        events
    }

    /// Takes a free slot, after sending what is queued if there is none.
    fn free_slot(&mut self) -> SlotId {
        if self.free_slots.is_empty() {
            self.send_queued();
        }
        self.free_slots.pop().expect("more slots exist than a receive takes, and sending frees the others")
    }

    fn queue_send(&mut self, slot: SlotId, payload: Range<usize>, socket: SocketId, to: SocketAddr) {
        let outgoing = &mut self.outgoing[usize::from(slot.get())];
        outgoing.to.set(to);
        outgoing.socket = socket;
        outgoing.start = payload.start as u32;
        outgoing.length = payload.len() as u32;
        self.queued.push(slot);
    }

    /// Carries out the sends that are queued, those of one socket that follow each other in one system call.
    fn send_queued(&mut self) {
        let mut from = 0;
        while from < self.queued.len() {
            let socket = self.outgoing[usize::from(self.queued[from].get())].socket;
            let same = self.queued[from..].iter().take(BATCH);
            let count = same.take_while(|slot| self.outgoing[usize::from(slot.get())].socket == socket).count();
            match self.fd(socket) {
                None => self.stats.dropped_send_error += count as u64,
                Some(fd) => {
                    self.stats.sent += count as u64;
                    self.send_group(fd, from..from + count);
                }
            }
            from += count;
        }
        self.free_slots.append(&mut self.queued);
    }

    /// Carries out sends of one socket.
    fn send_group(&mut self, fd: RawFd, range: Range<usize>) {
        let count = range.len();
        if count > 1 {
            for (position, slot) in self.queued[range.clone()].iter().enumerate() {
                let outgoing = &self.outgoing[usize::from(slot.get())];
                let start = self.memory.start(slot.get()).wrapping_add(outgoing.start as usize);
                self.sends.set_send(position, &outgoing.to, start, outgoing.length as usize);
            }
        }
        let mut done = 0;
        let mut tried = false;
        while done < count {
            let result = if count > 1 {
                // SAFETY: the positions were set above, and the queued slots stay ours until all are carried out.
                unsafe { self.sends.send(fd, done, count) }
            } else {
                let number = self.queued[range.start].get();
                let outgoing = &self.outgoing[usize::from(number)];
                let start = self.memory.start(number).wrapping_add(outgoing.start as usize);
                // SAFETY: the slot is ours until all are carried out, and the range was taken from it.
                unsafe { send_one(fd, &outgoing.to, start, outgoing.length as usize) }.map(|()| 1)
            };
            match result {
                Ok(sent) => {
                    done += sent.max(1);
                    tried = false;
                }
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => {
                        self.stats.dropped_send_full += 1;
                        done += 1;
                        tried = false;
                    }
                    // The error may be an ICMP error about another peer, which it is enough to have been told once.
                    _ if !tried => tried = true,
                    _ => {
                        self.stats.dropped_send_error += 1;
                        done += 1;
                        tried = false;
                    }
                },
            }
        }
    }

    fn poll_interest(writable: bool) -> Interest {
        if writable { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE }
    }
}

impl Driver for EpollDriver {
    fn open(&mut self, socket: UdpSocket, token: Token) -> io::Result<SocketId> {
        let full = || io::Error::new(io::ErrorKind::QuotaExceeded, "the driver's table of sockets is full");
        let index = *self.free.last().ok_or_else(full)?;
        let entry = &mut self.sockets[index as usize];
        let generation = entry.generation;
        let name = mio::Token(pack(Kind::Receive, index, generation) as usize);
        self.poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), name, Interest::READABLE)?;
        self.free.pop();
        entry.token = token;
        entry.socket = Some(socket);
        Ok(SocketId { index, generation })
    }

    fn close(&mut self, socket: SocketId) {
        if self.fd(socket).is_none() {
            return;
        }
        // Some of what is queued may have to go out from it.
        self.send_queued();
        self.stats.receive_queue_overflows +=
            self.fd(socket).and_then(|fd| super::receive_queue_drops(fd).ok()).map_or(0, u64::from);
        let entry = &mut self.sockets[socket.index as usize];
        entry.generation = entry.generation.wrapping_add(1);
        entry.failed = false;
        // Closing takes the descriptor out of the event queue: nobody else holds a copy of it.
        entry.socket = None;
        self.free.push(socket.index);
    }

    fn send(&mut self, socket: SocketId, to: SocketAddr, bytes: &[u8]) {
        if bytes.len() > self.memory.payload_max() {
            self.stats.dropped_oversize += 1;
            return;
        }
        let slot = self.free_slot();
        let payload = self.memory.fill(&slot, bytes);
        self.queue_send(slot, payload, socket, to);
    }

    fn watch(&mut self, fd: RawFd, token: Token, writable: bool) -> io::Result<()> {
        self.watches.add(fd, token)?;
        let (name, _) = self.watches.arm(fd, token)?;
        let interest = Self::poll_interest(writable);
        self.poll.registry().register(&mut SourceFd(&fd), mio::Token(name as usize), interest).inspect_err(|_| {
            self.watches.remove(fd);
        })
    }

    fn rewatch(&mut self, fd: RawFd, token: Token, writable: bool) -> io::Result<()> {
        let (name, _) = self.watches.arm(fd, token)?;
        let interest = Self::poll_interest(writable);
        // The kernel looks anew and reports what is ready already.
        self.poll.registry().reregister(&mut SourceFd(&fd), mio::Token(name as usize), interest)
    }

    fn unwatch(&mut self, fd: RawFd) {
        if self.watches.remove(fd).0 {
            // It can only fail because the descriptor was closed, against the contract; then it is gone as well.
            let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        }
    }

    fn turn<H: Handler>(&mut self, handler: &mut H, timeout: Option<Duration>) -> io::Result<usize> {
        self.send_queued();
        let timeout = if self.ready.is_empty() { timeout } else { Some(Duration::ZERO) };
        let mut events = self.wait(handler, timeout)?;
        let window = Duration::from_micros(self.config.batch_window_us.into());
        let few = !self.ready.is_empty() && self.ready.len() < BATCH;
        if !window.is_zero() && few && timeout != Some(Duration::ZERO) {
            thread::sleep(window);
            events += self.wait(handler, Some(Duration::ZERO))?;
        }
        Ok(events + self.read_ready(handler))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_queued();
        Ok(())
    }

    fn stats(&self) -> DriverStats {
        self.stats
    }
}
