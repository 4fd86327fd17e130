//! Memory for datagrams, and the ring that lends it to the kernel.

use std::{
    io,
    num::NonZero,
    ops::Range,
    ptr::NonNull,
    sync::atomic::{AtomicU16, Ordering},
};

use io_uring::types::BufRingEntry;

use crate::slot::{HEADROOM, TAILROOM};

/// Slots start at a multiple of the cache line, so that no two datagrams share one.
const CACHE_LINE: usize = 64;

/// The right to use one slot of a [`SlotMemory`]. Neither cloned nor copied: whoever holds it is the only one, and
/// giving it to the kernel consumes it.
#[derive(Debug)]
pub(super) struct SlotId(u16);

impl SlotId {
    /// Takes back a slot that was given to the kernel.
    ///
    /// # Safety
    /// The kernel must have said that it is done with this slot, and this must be the only time it is taken for it.
    pub(super) unsafe fn claim(id: u16) -> Self {
        Self(id)
    }

    /// The slot's number.
    pub(super) fn get(&self) -> u16 {
        self.0
    }
}

/// Pages from the kernel, zeroed, given back on drop.
#[derive(Debug)]
struct Mapping {
    start: NonNull<u8>,
    length: NonZero<usize>,
}

impl Mapping {
    fn new(length: usize) -> io::Result<Self> {
        let length = NonZero::new(length).ok_or(io::ErrorKind::InvalidInput)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new private mapping at an address of the kernel's choice touches nothing that exists.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), length.get(), protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Self { start, length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this start and length, and its owner is gone, so nobody points into it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length.get()) };
    }
}

/// Equal slots side by side: headroom, payload, tailroom each.
///
/// **Whoever holds a [`SlotId`] is the only one who touches its bytes.**
#[derive(Debug)]
pub(super) struct SlotMemory {
    memory: Mapping,
    stride: usize,
    payload_max: usize,
    count: u16,
}

impl SlotMemory {
    /// Maps `count` slots for datagrams of up to `payload_max` bytes, and the right to use each of them.
    pub(super) fn new(count: u16, payload_max: u32) -> io::Result<(Self, Vec<SlotId>)> {
        let payload_max = payload_max as usize;
        let stride = (HEADROOM + payload_max + TAILROOM).next_multiple_of(CACHE_LINE);
        let memory = Mapping::new(stride * usize::from(count))?;
        Ok((Self { memory, stride, payload_max, count }, (0..count).map(SlotId).collect()))
    }

    /// The whole slot, headroom and tailroom included.
    pub(super) fn bytes(&mut self, slot: &SlotId) -> &mut [u8] {
        // SAFETY: `start` is inside the mapping, and the slot's bytes with it. The caller holds the slot's `SlotId`,
        // so the kernel does not write to them, and `&mut self` keeps other callers out. Mapped pages are initialised.
        unsafe { std::slice::from_raw_parts_mut(self.start(slot.0), HEADROOM + self.payload_max + TAILROOM) }
    }

    /// Where the slot starts, for the kernel.
    pub(super) fn start(&self, slot: u16) -> *mut u8 {
        assert!(slot < self.count);
        // SAFETY: the mapping has `count * stride` bytes and `slot` is less than `count`.
        unsafe { self.memory.start.as_ptr().add(usize::from(slot) * self.stride) }
    }

    /// Copies a datagram, not longer than [`SlotMemory::payload_max`], to where a received one would be.
    pub(super) fn fill(&mut self, slot: &SlotId, bytes: &[u8]) -> Range<usize> {
        assert!(bytes.len() <= self.payload_max);
        let range = HEADROOM..HEADROOM + bytes.len();
        self.bytes(slot)[range.clone()].copy_from_slice(bytes);
        range
    }

    /// The longest datagram.
    pub(super) fn payload_max(&self) -> usize {
        self.payload_max
    }
}

/// A ring of slots that the kernel may receive into (`IORING_REGISTER_PBUF_RING`).
///
/// The kernel takes from the head, we add at the tail. There are never more slots than entries, so it cannot overrun.
#[derive(Debug)]
pub(super) struct BufferRing {
    entries: Mapping,
    mask: u16,
    tail: u16,
}

impl BufferRing {
    /// Maps a ring of `entries`, a power of two up to 32,768.
    pub(super) fn new(entries: u16) -> io::Result<Self> {
        if !entries.is_power_of_two() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the number of slots is not a power of two"));
        }
        let mapping = Mapping::new(usize::from(entries) * size_of::<BufRingEntry>())?;
        Ok(Self { entries: mapping, mask: entries - 1, tail: 0 })
    }

    /// What to register.
    pub(super) fn address(&self) -> u64 {
        self.entries.start.as_ptr() as u64
    }

    /// Gives a slot to the kernel, which sees it after the next [`BufferRing::publish`].
    ///
    /// The kernel is told of the payload's room but not of the tailroom: a datagram that is a byte too long has to
    /// come out as cut short.
    #[allow(clippy::needless_pass_by_value, reason = "giving a slot away ends the caller's right to it")]
    pub(super) fn give(&mut self, memory: &SlotMemory, slot: SlotId) {
        let SlotId(number) = slot;
        let position = usize::from(self.tail & self.mask);
        // SAFETY: the mapping holds `mask + 1` entries, aligned to a page, all zero or written here; the kernel only
        // reads entries between its head and the published tail, and this one is past the tail.
        let entry = unsafe { &mut *self.entries.start.as_ptr().cast::<BufRingEntry>().add(position) };
        entry.set_addr(memory.start(number) as u64);
        entry.set_len((HEADROOM + memory.payload_max) as u32);
        entry.set_bid(number);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Lets the kernel see the slots given so far.
    pub(super) fn publish(&mut self) {
        // SAFETY: the pointer is to the first entry of the ring. The tail lies in that entry's unused field, 2 bytes
        // aligned, and from our side it is only ever accessed here, as an atomic.
        let tail = unsafe {
            let tail = BufRingEntry::tail(self.entries.start.as_ptr().cast());
            AtomicU16::from_ptr(tail.cast_mut())
        };
        // Release: the entries have to be there before the kernel is told so.
        tail.store(self.tail, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_do_not_overlap_and_hold_exactly_their_payload() {
        let (mut memory, slots) = SlotMemory::new(4, 100).unwrap();
        for slot in &slots {
            let content = [slot.get() as u8 + 1; 100];
            assert_eq!(memory.fill(slot, &content), HEADROOM..HEADROOM + 100);
        }
        for slot in &slots {
            assert!(memory.bytes(slot)[HEADROOM..HEADROOM + 100].iter().all(|byte| *byte == slot.get() as u8 + 1));
            assert_eq!(memory.start(slot.get()) as usize % CACHE_LINE, 0);
        }
    }

    #[test]
    fn a_ring_is_a_power_of_two() {
        assert!(BufferRing::new(12).is_err());
        assert!(BufferRing::new(0).is_err());
        assert_eq!(BufferRing::new(8).unwrap().address() % 4_096, 0);
    }
}
