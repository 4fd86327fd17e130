//! The form of a replay file: a head, frames, and an index at the end.
//!
//! | bytes of the head | field |
//! |---|---|
//! | 0..8 | "MUSTERRP" |
//! | 8..12 | [`FORMAT`] |
//! | 12..16 | how many ticks there are from a key frame to the next |
//! | 16..24 | schema hash |
//! | 24..32 | hash of the configuration |
//! | 32..40 | hash of the map, 0 without |
//! | 40..48 | tick of the first key frame |
//! | 48..56 | 0 |
//! | 56..64 | XXH3-64 of bytes 0..56 |
//!
//! A frame is its kind ("KEYF", "TICK" or "INDX"), the length of its payload (u32), a tick (u64), a checksum (u64: XXH3-64
//! of the payload, seeded with the XXH3-64 of the sixteen bytes before) and the payload:
//!
//! - key frame: a snapshot of the world at that tick;
//! - tick frame: the world's hash after the tick (u64); how many inputs (u32), then each; how many sector hashes (u32),
//!   then each as x (i64), y (i64), hash (u64), by sector. The tick in front is the one before the step;
//! - index: how many entries (u32), then each as tick (u64) and offset in the file (u64) of a key frame. The tick in front
//!   is the last one. After it come the index frame's offset (u64) and "MUSTEREN".
//!
//! A file that was cut has no index; what is in whole frames is as good as ever.

use crate::{
    snapshot::{FORMAT, Fault, Reader, RestoreError, Writer, checksum, schema_hash},
    space::SectorId,
};

const MAGIC: [u8; 8] = *b"MUSTERRP";
const END: [u8; 8] = *b"MUSTEREN";

/// How many bytes the index's place takes at the end of a file.
pub(super) const TRAILER_BYTES: usize = 16;

/// What a replay file says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// How many ticks there are from a key frame to the next.
    pub key_ticks: u32,
    /// The hash of the configuration of the world.
    pub config_hash: u64,
    /// The hash of the map; 0 without.
    pub map_hash: u64,
    /// The tick of the first key frame.
    pub tick_first: u64,
}

impl Head {
    /// How many bytes it takes.
    pub const BYTES: usize = 64;

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let mut writer = Writer::new(out);
        writer.bytes(&MAGIC);
        writer.u32(FORMAT);
        writer.u32(self.key_ticks);
        writer.u64(schema_hash());
        writer.u64(self.config_hash);
        writer.u64(self.map_hash);
        writer.u64(self.tick_first);
        writer.u64(0);
        let sum = checksum(&writer.buffer()[start..], &[]);
        writer.u64(sum);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, RestoreError> {
        let bytes = reader.rest();
        if !MAGIC.starts_with(&bytes[..bytes.len().min(8)]) {
            return Err(reader.error(Fault::Magic));
        }
        reader.bytes(8)?;
        let format = reader.u32()?;
        let key_ticks = reader.u32()?;
        let schema = reader.u64()?;
        let head = Self { key_ticks, config_hash: reader.u64()?, map_hash: reader.u64()?, tick_first: reader.u64()? };
        let reserved = reader.u64()?;
        if format != FORMAT {
            return Err(reader.error(Fault::Version));
        }
        if reader.u64()? != checksum(&bytes[..56], &[]) {
            return Err(reader.error(Fault::Checksum));
        }
        if schema != schema_hash() {
            return Err(reader.error(Fault::Schema));
        }
        if reserved != 0 || key_ticks == 0 {
            return Err(reader.error(Fault::Value("head")));
        }
        Ok(head)
    }
}

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FrameKind {
    Key,
    Tick,
    Index,
}

impl FrameKind {
    const fn tag(self) -> [u8; 4] {
        match self {
            Self::Key => *b"KEYF",
            Self::Tick => *b"TICK",
            Self::Index => *b"INDX",
        }
    }
}

/// A frame as it lies in a file.
#[derive(Clone, Debug)]
pub(super) struct Frame<'a> {
    pub(super) kind: FrameKind,
    pub(super) tick: u64,
    pub(super) payload: Reader<'a>,
    sum: u64,
    head: &'a [u8],
}

impl<'a> Frame<'a> {
    const HEAD_BYTES: usize = 24;

    /// Appends a frame whose payload `fill` appends.
    pub(super) fn write(kind: FrameKind, tick: u64, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        out.resize(start + Self::HEAD_BYTES, 0);
        fill(out);
        let (head, payload) = out[start..].split_at_mut(Self::HEAD_BYTES);
        let length = u32::try_from(payload.len()).expect("no frame has 4 GB: worlds have fewer than 2^24 entities");
        head[..4].copy_from_slice(&kind.tag());
        head[4..8].copy_from_slice(&length.to_le_bytes());
        head[8..16].copy_from_slice(&tick.to_le_bytes());
        let sum = checksum(&head[..16], payload);
        head[16..].copy_from_slice(&sum.to_le_bytes());
    }

    /// Reads the frame at the reader's place and goes past it. The checksum is not looked at yet.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, RestoreError> {
        let head = reader.rest();
        let tag = reader.bytes(4)?;
        let kind = [FrameKind::Key, FrameKind::Tick, FrameKind::Index].into_iter().find(|kind| kind.tag() == tag);
        let kind = kind.ok_or_else(|| reader.error(Fault::Value("kind of frame")))?;
        let length = reader.u32()?;
        let (tick, sum) = (reader.u64()?, reader.u64()?);
        let length = usize::try_from(length).map_err(|_| reader.error(Fault::Cut))?;
        let payload = reader.split("frame", length)?;
        Ok(Self { kind, tick, payload, sum, head: &head[..16] })
    }

    /// Checks the checksum.
    pub(super) fn check(&self) -> Result<(), RestoreError> {
        if checksum(self.head, self.payload.rest()) == self.sum {
            Ok(())
        } else {
            Err(self.payload.error(Fault::Checksum))
        }
    }
}

/// Appends the end of a file that is `written` bytes long so far.
pub(super) fn write_index(tick_last: u64, keys: &[(u64, u64)], written: u64, out: &mut Vec<u8>) {
    Frame::write(FrameKind::Index, tick_last, out, |out| {
        let mut writer = Writer::new(out);
        writer.count(keys.len());
        for (tick, offset) in keys {
            writer.u64(*tick);
            writer.u64(*offset);
        }
    });
    let mut writer = Writer::new(out);
    writer.u64(written);
    writer.bytes(&END);
}

/// Where the index frame of a file is, if it has one.
pub(super) fn index_offset(file: &[u8]) -> Option<usize> {
    let (rest, trailer) = file.split_last_chunk::<TRAILER_BYTES>()?;
    let (offset, end) = trailer.split_first_chunk::<8>()?;
    let offset = usize::try_from(u64::from_le_bytes(*offset)).ok()?;
    (end == END && offset >= Head::BYTES && offset < rest.len()).then_some(offset)
}

/// A sector's hash as a tick frame has it.
pub(super) fn read_sector_hash(reader: &mut Reader<'_>) -> Result<(SectorId, u64), RestoreError> {
    Ok((SectorId::new(reader.i64()?, reader.i64()?), reader.u64()?))
}
