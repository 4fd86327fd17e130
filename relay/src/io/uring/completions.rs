//! What the kernel says has happened, and what the driver does about it.

use std::{mem::MaybeUninit, os::fd::AsRawFd};

use io_uring::cqueue;

use super::UringDriver;
use crate::{
    io::{
        Forward, Handler, Readiness,
        address::decode,
        buffers::SlotId,
        icmp,
        names::{Kind, pack, unpack},
    },
    slot::{HEADROOM, Slot},
};

/// Bytes of `io_uring_recvmsg_out`, which the kernel puts first: lengths of name, control and payload, and flags.
const RECEIVE_HEADER: usize = 16;

/// Room for the sender's address, so that the payload begins exactly at the slot's headroom.
pub(super) const RECEIVE_NAME: usize = HEADROOM - RECEIVE_HEADER;

/// Completions taken off the queue at a time.
const REAP: usize = 64;

impl UringDriver {
    /// Hands on every completion that is there, and frees and arms what they allow. Returns the events handed on.
    pub(super) fn reap<H: Handler>(&mut self, handler: &mut H) -> usize {
        let mut entries = [const { MaybeUninit::uninit() }; REAP];
        let mut events = 0;
        loop {
            let batch = self.ring.reap(&mut entries);
            if batch.is_empty() {
                break;
            }
            for entry in batch {
                events += self.complete(entry, handler);
            }
        }
        self.release();
        self.arm_all();
        events
    }

    fn complete<H: Handler>(&mut self, entry: &cqueue::Entry, handler: &mut H) -> usize {
        let (kind, index, rest) = unpack(entry.user_data());
        let result = entry.result();
        match kind {
            Kind::Receive => self.received(index, rest, result, entry.flags(), handler),
            Kind::Send | Kind::Resend if result < 0 => self.send_failed(kind, index, rest, -result, handler),
            Kind::Watch => {
                let Some(token) = self.watches.fire(index, rest) else { return 0 };
                // A failed poll is handed on as ready for everything: the owner's own call says what is wrong.
                let events = if result < 0 { libc::POLLERR } else { result as i16 };
                let broken = events & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0;
                let readable = broken || events & (libc::POLLIN | libc::POLLRDHUP) != 0;
                let writable = broken || events & libc::POLLOUT != 0;
                handler.handle_ready(token, Readiness { readable, writable });
                1
            }
            Kind::Cancel => {
                // The receive was just being carried out, where a cancellation does not find it.
                let socket = &self.sockets[index as usize];
                if socket.receiving && socket.generation == rest.wrapping_add(1) {
                    self.cancel(pack(Kind::Receive, index, rest), entry.user_data());
                }
                0
            }
            Kind::Send | Kind::Resend | Kind::Ignored => 0,
        }
    }

    fn received<H: Handler>(&mut self, index: u32, generation: u32, result: i32, flags: u32, handler: &mut H) -> usize {
        let slot = cqueue::buffer_select(flags).map(|number| {
            self.lent -= 1;
            // SAFETY: the completion says that the kernel put a datagram there and is done with it, and it is read once.
            unsafe { SlotId::claim(number) }
        });
        let socket = &mut self.sockets[index as usize];
        let current = socket.generation == generation && socket.socket.is_some();
        if !cqueue::more(flags) {
            if current {
                socket.receiving = false;
                self.unarmed.push(index);
            } else if socket.receiving && socket.generation == generation.wrapping_add(1) {
                socket.receiving = false;
                self.closing.push(index);
            }
        }
        if !current {
            if let Some(slot) = slot {
                self.give_back(slot);
            }
            return 0;
        }
        match (slot, -result) {
            (Some(slot), ..=0) => self.handle(index, slot, handler),
            (slot, error) => {
                if let Some(slot) = slot {
                    self.give_back(slot);
                }
                if error == libc::ENOBUFS {
                    self.stats.receive_exhausted += 1;
                    0
                } else {
                    self.drain_errors(index, handler)
                }
            }
        }
    }

    /// Lets the handler see the datagram in `slot`, and does what it says.
    fn handle<H: Handler>(&mut self, index: u32, slot: SlotId, handler: &mut H) -> usize {
        self.stats.received += 1;
        let socket = &self.sockets[index as usize];
        let payload_max = self.memory.payload_max();
        let bytes = self.memory.bytes(&slot);
        let field = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let (name, payload, flags) = (field(0) as usize, field(8) as usize, field(12) as i32);
        if flags & libc::MSG_TRUNC != 0 || payload > payload_max {
            self.stats.dropped_oversize += 1;
            self.give_back(slot);
            return 0;
        }
        let Some(from) = decode(&bytes[RECEIVE_HEADER..RECEIVE_HEADER + name.min(RECEIVE_NAME)]) else {
            self.stats.dropped_unreadable += 1;
            self.give_back(slot);
            return 0;
        };
        let mut datagram = Slot::new(bytes, HEADROOM..HEADROOM + payload);
        match handler.handle_datagram(socket.token, from, &mut datagram) {
            Forward::Nothing => self.give_back(slot),
            Forward::Send { socket, to } => {
                let range = datagram.range();
                self.queue_send(slot, range, socket, to);
            }
        }
        1
    }

    fn send_failed<H: Handler>(&mut self, kind: Kind, index: u32, slot: u32, error: i32, handler: &mut H) -> usize {
        if matches!(error, libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) {
            self.stats.dropped_send_full += 1;
            return 0;
        }
        if kind == Kind::Send {
            self.outgoing[slot as usize].again = true;
            self.failed = true;
        } else {
            self.stats.dropped_send_error += 1;
        }
        self.drain_errors(index, handler)
    }

    /// Hands on the ICMP errors of the socket at `index`, if it is open.
    fn drain_errors<H: Handler>(&mut self, index: u32, handler: &mut H) -> usize {
        let socket = &self.sockets[index as usize];
        let mut events = 0;
        if let Some(udp) = &socket.socket {
            icmp::drain(udp.as_raw_fd(), |error| {
                events += 1;
                handler.handle_icmp(socket.token, error);
            });
        }
        events
    }
}
