//! Numbers in saved state: little-endian, of fixed size.

use core::fmt;

/// Why bytes are not a saved navigator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// The bytes end too early.
    Short,
    /// There are more of something than the limits allow.
    TooMany,
    /// A place is outside the grid, or blocked where something free is needed.
    Place,
    /// Parts contradict each other.
    Inconsistent,
}

pub(super) fn put_u32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn take_u32(cursor: &mut &[u8]) -> Result<u32, DecodeError> {
    take(cursor).map(u32::from_le_bytes)
}

pub(super) fn take_u64(cursor: &mut &[u8]) -> Result<u64, DecodeError> {
    take(cursor).map(u64::from_le_bytes)
}

fn take<const SIZE: usize>(cursor: &mut &[u8]) -> Result<[u8; SIZE], DecodeError> {
    let (bytes, rest) = cursor.split_first_chunk().ok_or(DecodeError::Short)?;
    *cursor = rest;
    Ok(*bytes)
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the saved paths end too early",
            Self::TooMany => "the saved paths are more than the limits allow",
            Self::Place => "a saved path has a place that the grid does not have",
            Self::Inconsistent => "the saved paths contradict themselves",
        })
    }
}

impl core::error::Error for DecodeError {}
