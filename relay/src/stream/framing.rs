//! Cuts a byte stream into STUN messages and ChannelData, and pads ChannelData on the way out.
//!
//! RFC 8656 section 12.5 and RFC 8489 section 6.2.2: over TCP and TLS a message says its own length, and ChannelData is
//! followed by zero to three bytes of padding that its length does not count.
//!
//! **The same bytes give the same frames however they are cut into reads, and a [`Framer`] never holds more than one
//! frame of at most `frame_max` bytes.** A frame that lies whole in the input is returned from there without a copy;
//! only one that a read cut in two is put together in a buffer, which the owner takes away when it is empty.
//!
//! ```
//! use muster_relay::stream::framing::Framer;
//!
//! let mut framer = Framer::new(2_048);
//! let mut input: &[u8] = &[0x40, 0x00, 0, 1, b'x', 0, 0, 0, 0x40, 0x01, 0, 0];
//! assert_eq!(framer.next_frame(&mut input), Ok(Some(&[0x40, 0x00, 0, 1, b'x'][..])));
//! assert_eq!(framer.next_frame(&mut input), Ok(Some(&[0x40, 0x01, 0, 0][..])));
//! assert_eq!(framer.next_frame(&mut input), Ok(None), "the input is used up");
//! ```

use std::{error::Error, fmt, mem};

/// Bytes that say how long a frame is: the type or channel number, and the length.
const PREFIX: usize = 4;
/// Length of a STUN header, which a STUN message's length field does not count.
const STUN_HEADER: usize = 20;

/// Why a stream can no longer be cut into frames. Nothing after it can be trusted, so the connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FramingError {
    /// A frame begins with a byte that is neither STUN (0 to 3) nor ChannelData (64 to 127).
    FirstByte(u8),
    /// A STUN message whose length is not a multiple of four.
    StunLength(u16),
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstByte(byte) => write!(f, "no frame begins with the byte {byte:#04x}"),
            Self::StunLength(length) => write!(f, "a STUN message's length {length} is not a multiple of four"),
        }
    }
}

impl Error for FramingError {}

/// How many bytes a frame has, and how many of padding follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Extent {
    frame: usize,
    padding: usize,
}

impl Extent {
    /// Reads the first four bytes of a frame. The sum cannot overflow: 16 bits of length plus a constant in a `usize`.
    fn read(prefix: [u8; PREFIX]) -> Result<Self, FramingError> {
        let length = u16::from_be_bytes([prefix[2], prefix[3]]);
        match prefix[0] {
            0..=3 if !length.is_multiple_of(4) => Err(FramingError::StunLength(length)),
            0..=3 => Ok(Self { frame: STUN_HEADER + usize::from(length), padding: 0 }),
            64..=127 => {
                let frame = PREFIX + usize::from(length);
                Ok(Self { frame, padding: frame.next_multiple_of(4) - frame })
            }
            other => Err(FramingError::FirstByte(other)),
        }
    }
}

/// The receiving side of one stream. See the module's text.
#[derive(Debug)]
pub struct Framer {
    frame_max: usize,
    /// The beginning of a frame that the last input ended in, at most `frame_max` bytes of it.
    partial: Vec<u8>,
    /// `partial` was handed out whole and is to be forgotten.
    delivered: bool,
    /// Bytes still to throw away: padding, or the rest of a frame that is too large.
    skip: usize,
    oversize: u64,
}

impl Framer {
    /// A framer at the beginning of a stream. `frame_max` is the largest frame to return, in bytes, headers included;
    /// at least 4, so that every frame's length can be read.
    pub fn new(frame_max: usize) -> Self {
        Self { frame_max: frame_max.max(PREFIX), partial: Vec::new(), delivered: false, skip: 0, oversize: 0 }
    }

    /// Takes one frame off the front of `input`, without its padding. `None` once the input is used up; the next call
    /// then goes on with the bytes that follow.
    ///
    /// # Errors
    /// [`FramingError`] when the bytes are no frame; the framer must not be used any more.
    pub fn next_frame<'frame, 'input: 'frame>(
        &'frame mut self,
        input: &mut &'input [u8],
    ) -> Result<Option<&'frame [u8]>, FramingError> {
        if mem::take(&mut self.delivered) {
            self.partial.clear();
        }
        loop {
            let skipped = self.skip.min(input.len());
            *input = &input[skipped..];
            self.skip -= skipped;
            if input.is_empty() {
                return Ok(None);
            }
            // A hostile first byte is refused at once, not when three more have come.
            let first = *self.partial.first().unwrap_or(&input[0]);
            if !matches!(first, 0..=3 | 64..=127) {
                return Err(FramingError::FirstByte(first));
            }
            let Some(prefix) = self.prefix(input) else {
                self.partial.extend_from_slice(input);
                *input = &[];
                return Ok(None);
            };
            let extent = Extent::read(prefix)?;
            let missing = extent.frame - self.partial.len();
            if extent.frame > self.frame_max {
                self.oversize += 1;
                self.partial.clear();
                self.skip = missing + extent.padding;
                continue;
            }
            if input.len() < missing {
                self.partial.extend_from_slice(input);
                *input = &[];
                return Ok(None);
            }
            let (end, rest) = input.split_at(missing);
            *input = rest;
            self.skip = extent.padding;
            if self.partial.is_empty() {
                return Ok(Some(end));
            }
            self.partial.extend_from_slice(end);
            self.delivered = true;
            return Ok(Some(&self.partial));
        }
    }

    /// Takes the number of frames that were larger than `frame_max` since the last call.
    pub fn take_oversize(&mut self) -> u64 {
        mem::take(&mut self.oversize)
    }

    /// Takes the buffer away if it holds nothing, so that a quiet connection costs none; another will be allocated, or
    /// may be lent, when it is needed.
    pub fn take_buffer(&mut self) -> Option<Vec<u8>> {
        if mem::take(&mut self.delivered) {
            self.partial.clear();
        }
        (self.partial.is_empty() && self.partial.capacity() > 0).then(|| mem::take(&mut self.partial))
    }

    /// Lends a buffer from `spares`, empty ones, for frames that a read cuts in two, if the framer has none.
    pub fn lend_buffer(&mut self, spares: &mut Vec<Vec<u8>>) {
        if self.partial.capacity() == 0 {
            self.partial = spares.pop().unwrap_or_default();
        }
    }

    /// Bytes of an unfinished frame that are held, at most `frame_max`.
    pub fn held(&self) -> usize {
        if self.delivered { 0 } else { self.partial.len() }
    }

    /// The next frame's first four bytes, once that many have come.
    fn prefix(&self, input: &[u8]) -> Option<[u8; PREFIX]> {
        let mut prefix = [0; PREFIX];
        let held = self.partial.len().min(PREFIX);
        prefix[..held].copy_from_slice(&self.partial[..held]);
        prefix[held..].copy_from_slice(input.get(..PREFIX - held)?);
        Some(prefix)
    }
}

/// The bytes that must follow `frame` on a stream: zeroes up to a multiple of four after ChannelData, nothing after
/// STUN. They come from a constant, so that no memory of ours can leak through them.
pub fn write_padding(frame: &[u8]) -> &'static [u8] {
    const ZEROES: [u8; 3] = [0; 3];
    match frame.first() {
        Some(64..=127) => &ZEROES[..frame.len().next_multiple_of(4) - frame.len()],
        _ => &[],
    }
}
