//! The head of a snapshot, and the hash of its form.

use twox_hash::XxHash3_64;

use super::{Fault, Reader, RestoreError, Writer};
use crate::{
    entity::{ATTRIBUTES_MAX, COLUMNS},
    hash::{Digest, Part},
};

/// The number of the form that snapshots and replays are written in.
pub const FORMAT: u32 = 1;

const MAGIC: [u8; 8] = *b"MUSTERSN";

/// What a snapshot says of itself: 64 bytes before the payload.
///
/// | bytes | field |
/// |---|---|
/// | 0..8 | "MUSTERSN" |
/// | 8..12 | [`FORMAT`] |
/// | 12..16 | 0 |
/// | 16..24 | schema hash |
/// | 24..32 | hash of the configuration |
/// | 32..40 | hash of the map, 0 without |
/// | 40..48 | tick |
/// | 48..56 | length of the payload |
/// | 56..64 | XXH3-64 of the payload, seeded with the XXH3-64 of bytes 0..56 |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// See [`super::config_hash`].
    pub config_hash: u64,
    /// The hash of the map; 0 without.
    pub map_hash: u64,
    /// How many ticks the world has made.
    pub tick: u64,
}

impl Header {
    /// How many bytes it takes.
    pub const BYTES: usize = 64;

    /// Makes room for a header at the end of `out`; [`Self::seal`] fills it in when the payload is there.
    pub(crate) fn reserve(out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.resize(start + Self::BYTES, 0);
        start
    }

    /// Fills in the header that was reserved at `start`. The rest of `out` is the payload.
    pub(crate) fn seal(&self, start: usize, out: &mut [u8]) {
        let (header, payload) = out[start..].split_at_mut(Self::BYTES);
        let mut bytes = Vec::with_capacity(Self::BYTES);
        let mut writer = Writer::new(&mut bytes);
        writer.bytes(&MAGIC);
        writer.u32(FORMAT);
        writer.u32(0);
        writer.u64(schema_hash());
        writer.u64(self.config_hash);
        writer.u64(self.map_hash);
        writer.u64(self.tick);
        writer.u64(payload.len() as u64);
        let checksum = checksum(writer.buffer(), payload);
        writer.u64(checksum);
        header.copy_from_slice(&bytes);
    }

    /// Reads a header and checks the payload's length and checksum. What is returned reads the payload.
    pub fn open(bytes: &[u8]) -> Result<(Self, Reader<'_>), RestoreError> {
        let mut reader = Reader::new(bytes, "header");
        if !MAGIC.starts_with(&bytes[..bytes.len().min(8)]) {
            return Err(reader.error(Fault::Magic));
        }
        reader.bytes(8)?;
        if reader.u32()? != FORMAT {
            return Err(reader.error(Fault::Version));
        }
        if reader.u32()? != 0 {
            return Err(reader.error(Fault::Value("reserved")));
        }
        let schema = reader.u64()?;
        let header = Self { config_hash: reader.u64()?, map_hash: reader.u64()?, tick: reader.u64()? };
        let (length, sum) = (reader.u64()?, reader.u64()?);
        match length.cmp(&(reader.left() as u64)) {
            core::cmp::Ordering::Less => return Err(reader.error(Fault::Trailing)),
            core::cmp::Ordering::Greater => return Err(reader.error(Fault::Cut)),
            core::cmp::Ordering::Equal => {}
        }
        // The checksum comes before the schema, so that damage is not mistaken for another version's snapshot.
        if sum != checksum(&bytes[..56], reader.rest()) {
            return Err(reader.error(Fault::Checksum));
        }
        if schema != schema_hash() {
            return Err(reader.error(Fault::Schema));
        }
        Ok((header, reader))
    }
}

/// The checksum of a payload and the bytes before it.
pub(crate) fn checksum(head: &[u8], payload: &[u8]) -> u64 {
    XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(head), payload)
}

/// The hash of what the bytes of a snapshot mean: the columns with their widths, the parts, and [`FORMAT`].
pub fn schema_hash() -> u64 {
    let mut digest = Digest::new(Part::Schema);
    digest.u64(u64::from(FORMAT));
    for column in COLUMNS {
        digest.bytes(column.name().as_bytes());
        digest.u64(column.bytes() as u64);
    }
    digest.u64(ATTRIBUTES_MAX as u64);
    for part in Part::ALL {
        digest.bytes(part.name().as_bytes());
    }
    digest.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_and_every_flip_is_refused() {
        let header = Header { config_hash: 1, map_hash: 2, tick: 3 };
        let mut bytes = b"before".to_vec();
        let start = Header::reserve(&mut bytes);
        bytes.extend_from_slice(b"payload");
        header.seal(start, &mut bytes);
        bytes.drain(..start);
        assert_eq!(bytes.len(), Header::BYTES + 7);
        let (read, payload) = Header::open(&bytes).expect("as written");
        assert_eq!((read, payload.rest()), (header, &b"payload"[..]));
        for end in 0..bytes.len() {
            assert_eq!(Header::open(&bytes[..end]).expect_err("cut").fault, Fault::Cut);
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                assert!(Header::open(&bytes).is_err(), "byte {at}, bit {bit}");
                bytes[at] ^= 1 << bit;
            }
        }
        bytes.push(0);
        assert_eq!(Header::open(&bytes).expect_err("longer").fault, Fault::Trailing);
    }

    #[test]
    fn another_schema_is_told_from_damage() {
        let mut bytes = Vec::new();
        let start = Header::reserve(&mut bytes);
        Header { config_hash: 1, map_hash: 2, tick: 3 }.seal(start, &mut bytes);
        bytes[16] ^= 1;
        assert_eq!(Header::open(&bytes).expect_err("damage").fault, Fault::Checksum);
        let sum = checksum(&bytes[..56], &[]);
        bytes[56..].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(Header::open(&bytes).expect_err("another schema").fault, Fault::Schema);
    }
}
