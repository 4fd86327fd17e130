//! A datagram in the buffer slot that received it.
//!
//! The relay never copies a payload in user space: a driver receives into a slot that has [`HEADROOM`] bytes to spare
//! in front, the TURN machine strips or prepends headers there, and the driver sends from the same slot.

use std::ops::Range;

/// Writable bytes in front of every received payload.
///
/// The largest header that the relay puts before a payload is a Data indication to an IPv6 peer: 20 bytes of STUN
/// header, 24 of XOR-PEER-ADDRESS and 4 of DATA header. A multishot receive puts its own header (16) and the sender's
/// address (32) in the same place, so the room costs nothing.
pub const HEADROOM: usize = 48;

/// Writable bytes behind every received payload: padding of a Data indication or of ChannelData over a stream.
pub const TAILROOM: usize = 4;

/// One datagram and the room around it.
#[derive(Debug)]
pub struct Slot<'a> {
    buffer: &'a mut [u8],
    payload: Range<usize>,
}

impl<'a> Slot<'a> {
    /// Wraps `buffer`, of which `payload` holds the datagram.
    ///
    /// # Panics
    /// If `payload` is not inside `buffer`.
    pub fn new(buffer: &'a mut [u8], payload: Range<usize>) -> Self {
        assert!(payload.start <= payload.end && payload.end <= buffer.len());
        Self { buffer, payload }
    }

    /// Takes `bytes` off the front of the payload; the room they leave becomes headroom.
    ///
    /// # Panics
    /// If the payload is shorter than `bytes`.
    pub fn strip_front(&mut self, bytes: usize) {
        assert!(bytes <= self.payload.len());
        self.payload.start += bytes;
    }

    /// Cuts the payload to its first `bytes`; the rest becomes tailroom.
    ///
    /// # Panics
    /// If the payload is shorter than `bytes`.
    pub fn truncate(&mut self, bytes: usize) {
        assert!(bytes <= self.payload.len());
        self.payload.end = self.payload.start + bytes;
    }

    /// Grows the payload by `N` bytes at the front and returns them to be written.
    ///
    /// # Panics
    /// If there are not `N` bytes of headroom.
    pub fn grow_front<const N: usize>(&mut self) -> &mut [u8; N] {
        self.payload.start = self.payload.start.checked_sub(N).expect("headroom is a constant of the drivers");
        let start = self.payload.start;
        (&mut self.buffer[start..start + N]).try_into().expect("the slice has N bytes")
    }

    /// Appends zeroes until the payload's length is a multiple of four, as far as there is room.
    pub fn pad_to_four(&mut self) {
        let end = (self.payload.start + self.payload.len().next_multiple_of(4)).min(self.buffer.len());
        self.buffer[self.payload.end..end].fill(0);
        self.payload.end = end;
    }

    /// The datagram as it stands.
    pub fn payload(&self) -> &[u8] {
        &self.buffer[self.payload.clone()]
    }

    /// Where the datagram stands in the buffer.
    pub fn range(&self) -> Range<usize> {
        self.payload.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_and_prepends_in_place() {
        let mut buffer = *b"....abcdefgh";
        let mut slot = Slot::new(&mut buffer, 4..12);
        slot.strip_front(4);
        assert_eq!(slot.payload(), b"efgh");
        slot.grow_front::<2>().copy_from_slice(b"XY");
        assert_eq!(slot.payload(), b"XYefgh");
        slot.truncate(5);
        slot.pad_to_four();
        assert_eq!(slot.payload(), b"XYefg\0", "padding stops where the buffer does");
        assert_eq!(slot.range(), 6..12);
    }
}
