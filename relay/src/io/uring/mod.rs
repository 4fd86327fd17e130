//! The driver on io_uring.
//!
//! **A slot is either lent to the kernel for receiving, or named by exactly one [`SlotId`] here: being handled, queued
//! to be sent, or sent and not yet lent again.** Sends carry `MSG_DONTWAIT`, so the kernel performs them while it takes
//! them off the queue: when the queue is empty, every send is over, and none but the failed ones reports back. That is
//! what makes a send cheap (no completion) and what tells us when its slot is free.
//!
//! A slot is lent again only after the failures of its batch were read, because a failed send is tried once more: an
//! ICMP error about one peer is reported by the kernel to the next send, whichever peer that one is for.

mod completions;
mod ring;

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    ops::Range,
    os::fd::{AsRawFd, RawFd},
    time::Duration,
};

use io_uring::{
    opcode,
    squeue::{self, Flags},
    types::{Fd, Fixed},
};

use self::{
    completions::RECEIVE_NAME,
    ring::{Ring, Wait},
};
use super::{
    Driver, DriverConfig, DriverStats, Handler, SocketId, Token,
    address::RawAddress,
    buffers::{BufferRing, SlotId, SlotMemory},
    names::{INDEX_MAX, Kind, Watches, pack},
    probe::{ProbeError, ProbeStep, UringFacts},
};

/// Slots for copies. When they are used up, what is queued is submitted and they are free again.
const COPY_SLOTS: u16 = 256;

/// Most receive slots: a ring holds 2^15, and slots for copies share the numbers with them.
const SLOTS_MAX: u16 = 1 << 15;

/// Completions that end a wait before its window does.
const WINDOW_WANT: u32 = 32;

/// The only group of receive buffers.
const BUFFER_GROUP: u16 = 0;

/// Stands for "no file" in the table of files; the kernel reads it when a queued update is carried out.
static NO_FILE: RawFd = -1;

/// One position in the table of sockets.
#[derive(Debug, Default)]
struct Socket {
    generation: u32,
    token: Token,
    socket: Option<UdpSocket>,
    /// The kernel has a receive of ours that has not ended: of this generation while open, of the last one after.
    receiving: bool,
}

/// A send that is queued from the slot of the same number. The kernel reads the address when it takes the request.
#[derive(Debug, Clone, Copy)]
struct Outgoing {
    to: RawAddress,
    socket: SocketId,
    start: u32,
    length: u32,
    /// It failed for the first time.
    again: bool,
}

/// See the module's text. It belongs to the thread that made it.
pub struct UringDriver {
    // The ring comes first because it is dropped first: it ends the kernel's use of the memory below.
    ring: Ring,
    buffers: BufferRing,
    memory: SlotMemory,
    config: DriverConfig,
    sockets: Vec<Socket>,
    /// Positions that can be used.
    free: Vec<u32>,
    /// Positions whose file leaves the table with the next complete submission.
    closing: Vec<u32>,
    /// Positions that may have no receive although they are open.
    unarmed: Vec<u32>,
    watches: Watches,
    outgoing: Box<[Outgoing]>,
    /// In the submission queue.
    queued: Vec<SlotId>,
    /// Submitted, and not yet lent again.
    sent: Vec<SlotId>,
    /// For copies, and free.
    copies: Vec<SlotId>,
    /// Receive slots that the kernel has, those with a datagram that we have not seen yet included.
    lent: usize,
    /// A send of this batch is to be tried again.
    failed: bool,
    /// What a receive asks for. Boxed: the kernel reads it when it takes the request.
    receive: Box<libc::msghdr>,
    stats: DriverStats,
}

impl std::fmt::Debug for UringDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UringDriver").field("config", &self.config).field("stats", &self.stats).finish_non_exhaustive()
    }
}

impl UringDriver {
    /// Sets the ring up. Only the calling thread may use the driver.
    ///
    /// # Errors
    /// When the kernel refuses a step; the error says which, and what can be done about it.
    pub fn new(config: DriverConfig) -> Result<Self, ProbeError> {
        let refuse = |step| move |error| ProbeError { step, error };
        let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
        if config.slots > SLOTS_MAX || config.sockets_max > INDEX_MAX {
            return Err(refuse(ProbeStep::RegisterBuffers)(invalid()));
        }
        let ring = Ring::new(config.sockets_max)?;
        let mut buffers = BufferRing::new(config.slots).map_err(refuse(ProbeStep::MapBuffers))?;
        let (memory, mut slots) =
            SlotMemory::new(config.slots + COPY_SLOTS, config.slot_bytes).map_err(refuse(ProbeStep::MapBuffers))?;
        // SAFETY: `buffers` and `memory` move into the driver with the ring, and the ring is dropped before them.
        unsafe { ring.register_buffers(buffers.address(), config.slots) }?;
        let copies = slots.split_off(usize::from(config.slots));
        for slot in slots {
            buffers.give(&memory, slot);
        }
        buffers.publish();
        // SAFETY: all zeroes is a valid `msghdr`: null pointers with zero lengths.
        let mut receive: Box<libc::msghdr> = Box::new(unsafe { std::mem::zeroed() });
        receive.msg_namelen = RECEIVE_NAME as _;
        let nowhere = Outgoing {
            to: RawAddress::EMPTY,
            socket: SocketId { index: 0, generation: 0 },
            start: 0,
            length: 0,
            again: false,
        };
        let slots_all = usize::from(config.slots + COPY_SLOTS);
        Ok(Self {
            ring,
            buffers,
            memory,
            config,
            sockets: (0..config.sockets_max).map(|_| Socket::default()).collect(),
            free: (0..config.sockets_max).rev().collect(),
            closing: Vec::with_capacity(config.sockets_max as usize),
            unarmed: Vec::with_capacity(config.sockets_max as usize),
            watches: Watches::default(),
            outgoing: vec![nowhere; slots_all].into_boxed_slice(),
            queued: Vec::with_capacity(slots_all),
            sent: Vec::with_capacity(slots_all),
            copies,
            lent: usize::from(config.slots),
            failed: false,
            receive,
            stats: DriverStats::default(),
        })
    }

    /// Whether a batching window is asked for and this kernel can do it (Linux 6.12). Without it, turns do not wait.
    pub fn batching(&self) -> bool {
        self.config.batch_window_us > 0 && self.ring.has_window()
    }

    /// What this kernel offers.
    pub fn facts(&self) -> UringFacts {
        UringFacts { batch_window: self.ring.has_window(), registered_ring: self.ring.is_registered() }
    }

    fn open_socket(&self, id: SocketId) -> Option<&Socket> {
        let socket = self.sockets.get(id.index as usize)?;
        (socket.generation == id.generation && socket.socket.is_some()).then_some(socket)
    }

    /// Submits what is queued without waiting.
    fn submit(&mut self) -> io::Result<()> {
        self.ring.submit()?;
        self.submitted();
        Ok(())
    }

    /// Takes note that the submission queue may be empty, and so its requests carried out.
    fn submitted(&mut self) {
        if self.ring.unsubmitted() > 0 {
            return;
        }
        self.sent.append(&mut self.queued);
        self.free.append(&mut self.closing);
    }

    /// Queues a request that points to nothing, or only to what lives as long as the driver; submits the others first
    /// if there is no room.
    fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        for _ in 0..2 {
            // SAFETY: `receive` and `outgoing` are boxed and live as long as the ring, `NO_FILE` is static, and the
            // bytes of a send belong to its slot, whose `SlotId` is kept in `queued` until the send is over.
            if unsafe { self.ring.push(entry) } {
                return Ok(());
            }
            self.submit()?;
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "the kernel takes no requests"))
    }

    /// Queues a cancellation. What it cancels reports back as usual.
    fn cancel(&mut self, name: u64, report: u64) {
        let entry = opcode::AsyncCancel::new(name).build().flags(Flags::SKIP_SUCCESS).user_data(report);
        if self.push(&entry).is_err() {
            self.ring.cancel_now(name);
        }
    }

    /// Queues the send that `outgoing` holds for `slot`.
    fn push_send(&mut self, slot: SlotId, kind: Kind) {
        let number = slot.get();
        let outgoing = &self.outgoing[usize::from(number)];
        let payload = self.memory.start(number).wrapping_add(outgoing.start as usize);
        let entry = opcode::Send::new(Fixed(outgoing.socket.index), payload, outgoing.length)
            .flags(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
            .dest_addr(outgoing.to.as_ptr())
            .dest_addr_len(outgoing.to.len())
            .build()
            .flags(Flags::SKIP_SUCCESS)
            .user_data(pack(kind, outgoing.socket.index, u32::from(number)));
        match self.push(&entry) {
            Ok(()) => self.queued.push(slot),
            Err(_) => {
                self.stats.dropped_send_full += 1;
                self.give_back(slot);
            }
        }
    }

    /// Queues the datagram in `slot`, of which `payload` is sent.
    fn queue_send(&mut self, slot: SlotId, payload: Range<usize>, socket: SocketId, to: SocketAddr) {
        if self.open_socket(socket).is_none() {
            self.stats.dropped_send_error += 1;
            return self.give_back(slot);
        }
        let outgoing = &mut self.outgoing[usize::from(slot.get())];
        outgoing.to.set(to);
        outgoing.socket = socket;
        outgoing.start = payload.start as u32;
        outgoing.length = payload.len() as u32;
        outgoing.again = false;
        self.stats.sent += 1;
        self.push_send(slot, Kind::Send);
    }

    /// Frees a slot. If the kernel is to receive into it, it sees it after the next `publish`.
    fn give_back(&mut self, slot: SlotId) {
        if slot.get() < self.config.slots {
            self.buffers.give(&self.memory, slot);
            self.lent += 1;
        } else {
            self.copies.push(slot);
        }
    }

    /// Frees the slots of the sends whose failures were read, or tries those sends again.
    fn release(&mut self) {
        let mut sent = std::mem::take(&mut self.sent);
        let failed = std::mem::take(&mut self.failed);
        for slot in sent.drain(..) {
            let outgoing = &self.outgoing[usize::from(slot.get())];
            if failed && outgoing.again {
                self.outgoing[usize::from(slot.get())].again = false;
                self.push_send(slot, Kind::Resend);
            } else {
                self.give_back(slot);
            }
        }
        self.buffers.publish();
        sent.append(&mut self.sent);
        self.sent = sent;
    }

    /// Queues a receive for the open socket at `index`, or notes that it has none.
    fn arm(&mut self, index: u32) {
        let generation = self.sockets[index as usize].generation;
        let entry = opcode::RecvMsgMulti::new(Fixed(index), &raw const *self.receive, BUFFER_GROUP)
            .build()
            .user_data(pack(Kind::Receive, index, generation));
        match self.push(&entry) {
            Ok(()) => self.sockets[index as usize].receiving = true,
            Err(_) => self.unarmed.push(index),
        }
    }

    /// Arms what has no receive, unless there is no slot to receive into: then the next turn submits first.
    fn arm_all(&mut self) {
        if self.unarmed.is_empty() || self.lent == 0 {
            return;
        }
        let mut unarmed = std::mem::take(&mut self.unarmed);
        for index in unarmed.drain(..) {
            let socket = &self.sockets[index as usize];
            if socket.socket.is_some() && !socket.receiving {
                self.arm(index);
                self.stats.receive_rearmed += 1;
            }
        }
        unarmed.append(&mut self.unarmed);
        self.unarmed = unarmed;
    }

    /// Queues a poll for a watched descriptor.
    fn poll(&mut self, fd: RawFd, token: Token, writable: bool) -> io::Result<()> {
        let (name, replaced) = self.watches.arm(fd, token)?;
        if let Some(replaced) = replaced {
            self.cancel(replaced, pack(Kind::Ignored, 0, 0));
        }
        let mask = libc::POLLIN | libc::POLLRDHUP | if writable { libc::POLLOUT } else { 0 };
        self.push(&opcode::PollAdd::new(Fd(fd), mask as u32).build().user_data(name))
    }
}

impl Driver for UringDriver {
    fn open(&mut self, socket: UdpSocket, token: Token) -> io::Result<SocketId> {
        if self.free.is_empty() {
            self.submit()?;
        }
        let full = || io::Error::new(io::ErrorKind::QuotaExceeded, "the driver's table of sockets is full");
        let index = *self.free.last().ok_or_else(full)?;
        self.ring.register_file(index, socket.as_raw_fd())?;
        self.free.pop();
        let entry = &mut self.sockets[index as usize];
        entry.token = token;
        entry.socket = Some(socket);
        let generation = entry.generation;
        self.arm(index);
        Ok(SocketId { index, generation })
    }

    fn close(&mut self, socket: SocketId) {
        if self.open_socket(socket).is_none() {
            return;
        }
        let SocketId { index, generation } = socket;
        let entry = &mut self.sockets[index as usize];
        entry.generation = generation.wrapping_add(1);
        if let Some(closed) = entry.socket.take() {
            let overflows = super::receive_queue_drops(closed.as_raw_fd()).map_or(0, u64::from);
            self.stats.receive_queue_overflows += overflows;
        }
        // The file leaves the table in its turn, behind the sends that were queued from it.
        let update = opcode::FilesUpdate::new(&raw const NO_FILE, 1)
            .offset(index as i32)
            .build()
            .flags(Flags::SKIP_SUCCESS)
            .user_data(pack(Kind::Ignored, 0, 0));
        if self.push(&update).is_err() {
            let _ = self.ring.register_file(index, NO_FILE);
        }
        if self.sockets[index as usize].receiving {
            // The position is free when the receive has said its last.
            self.cancel(pack(Kind::Receive, index, generation), pack(Kind::Cancel, index, generation));
        } else {
            self.closing.push(index);
        }
    }

    fn send(&mut self, socket: SocketId, to: SocketAddr, bytes: &[u8]) {
        if bytes.len() > self.memory.payload_max() {
            self.stats.dropped_oversize += 1;
            return;
        }
        if self.copies.is_empty() {
            // An error comes again in the next turn, which can report it. Copies that have been sent already are not
            // tried again, should they have failed: their slots are needed now.
            let _ = self.submit();
            let receive_slots = self.config.slots;
            self.copies.extend(self.sent.extract_if(.., |slot| slot.get() >= receive_slots));
        }
        let Some(slot) = self.copies.pop() else {
            self.stats.dropped_no_slot += 1;
            return;
        };
        let payload = self.memory.fill(&slot, bytes);
        self.queue_send(slot, payload, socket, to);
    }

    fn watch(&mut self, fd: RawFd, token: Token, writable: bool) -> io::Result<()> {
        self.watches.add(fd, token)?;
        self.poll(fd, token, writable)
    }

    fn rewatch(&mut self, fd: RawFd, token: Token, writable: bool) -> io::Result<()> {
        self.poll(fd, token, writable)
    }

    fn unwatch(&mut self, fd: RawFd) {
        if let (_, Some(name)) = self.watches.remove(fd) {
            self.cancel(name, pack(Kind::Ignored, 0, 0));
        }
    }

    fn turn<H: Handler>(&mut self, handler: &mut H, timeout: Option<Duration>) -> io::Result<usize> {
        let mut events = 0;
        if !self.unarmed.is_empty() {
            // Every slot waits to be sent: without this nothing could be received while we wait.
            self.submit()?;
        }
        if !self.unarmed.is_empty() || !self.sent.is_empty() {
            events += self.reap(handler);
        }
        let idle = events == 0 && self.unarmed.is_empty();
        let timeout = if idle { timeout } else { Some(Duration::ZERO) };
        let window = if self.ring.has_window() { self.config.batch_window_us } else { 0 };
        let limit_us = timeout.map_or(u32::MAX, |limit| u32::try_from(limit.as_micros()).unwrap_or(u32::MAX));
        let window_us = window.min(limit_us);
        let want = if window_us > 0 { WINDOW_WANT } else { 1 };
        self.ring.submit_and_wait(Wait { timeout, want, window_us })?;
        self.submitted();
        events += self.reap(handler);
        Ok(events)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.submit()
    }

    fn stats(&self) -> DriverStats {
        self.stats
    }
}
