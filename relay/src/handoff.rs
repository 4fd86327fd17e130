//! Payloads between workers: a hairpin whose two clients are on different threads.
//!
//! The kernel spreads clients over workers by their 5-tuple, so two clients that talk to each other may be on two
//! workers. **A payload crosses once, by one copy into a buffer that came from the receiver's own stock**, so nothing is
//! allocated and the stock is the bound: when it is used up the datagram is dropped and counted.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};

use crossbeam_queue::ArrayQueue;

use crate::{
    io::Waker,
    slot::{HEADROOM, TAILROOM},
};

/// Payloads that may be under way to one worker.
const STOCK: usize = 512;

/// A payload on its way to another worker.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// The sender's relayed address.
    pub(crate) from: SocketAddr,
    /// The receiver's relayed address.
    pub(crate) to: SocketAddr,
    /// Bytes of payload, which begins at [`HEADROOM`].
    pub(crate) length: usize,
    pub(crate) buffer: Box<[u8]>,
}

/// What one worker receives from the others.
#[derive(Debug)]
pub(crate) struct Mailbox {
    full: ArrayQueue<Parcel>,
    stock: ArrayQueue<Box<[u8]>>,
    waker: Waker,
    asleep: AtomicBool,
}

impl Mailbox {
    /// A mailbox for payloads of at most `slot_bytes`. `used` is false when there is only one worker: no stock is laid in.
    pub(crate) fn new(waker: Waker, slot_bytes: usize, used: bool) -> Self {
        let stock = ArrayQueue::new(STOCK);
        while used && stock.push(vec![0; HEADROOM + slot_bytes + TAILROOM].into_boxed_slice()).is_ok() {}
        Self { full: ArrayQueue::new(STOCK), stock, waker, asleep: AtomicBool::new(false) }
    }

    /// Puts a copy of `payload` in; false if the stock is used up.
    pub(crate) fn post(&self, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> bool {
        let Some(mut buffer) = self.stock.pop() else { return false };
        let Some(room) = buffer.get_mut(HEADROOM..HEADROOM + payload.len()) else {
            self.give_back(buffer);
            return false;
        };
        room.copy_from_slice(payload);
        let parcel = Parcel { from, to, length: payload.len(), buffer };
        // There are as many places as buffers, so a buffer in hand means a place.
        self.full.push(parcel).expect("as many places as buffers");
        if self.asleep.swap(false, SeqCst) {
            self.waker.wake();
        }
        true
    }

    /// The next payload. Its buffer goes back by [`Mailbox::give_back`].
    pub(crate) fn take(&self) -> Option<Parcel> {
        self.full.pop()
    }

    /// Returns a buffer to the stock.
    pub(crate) fn give_back(&self, buffer: Box<[u8]>) {
        self.stock.push(buffer).expect("no more buffers than were laid in");
    }

    /// Says that the owner is about to wait; false if it must not, because something came in.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.asleep.store(true, SeqCst);
        let empty = self.full.is_empty();
        if !empty {
            self.asleep.store(false, SeqCst);
        }
        empty
    }

    /// Says that the owner is at work.
    pub(crate) fn wake_up(&self) {
        self.asleep.store(false, SeqCst);
    }

    /// What wakes the owner, also for other reasons than a payload.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }
}
