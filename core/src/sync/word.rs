//! Words of plain bits that several parts of packets and reports have: ids, sectors, coordinates.

use super::codec::bits::{BitReader, BitWriter, BitsError};
use crate::{
    entity::EntityId,
    space::{Position, SECTOR_SIDE, SectorId},
};

/// Bits of a coordinate in a sector.
const COORDINATE_BITS: u32 = 26;
/// Most worlds have some thousand slots, so that those are the cheap ones.
const SLOT_ORDER: u32 = 10;

/// What is wrong with a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WordError {
    /// The bits end too early, or a code is none.
    Bits(BitsError),
    /// A value is one that it cannot be.
    Value,
}

impl From<BitsError> for WordError {
    fn from(error: BitsError) -> Self {
        Self::Bits(error)
    }
}

/// An id: a bit that it is one, the slot and the generation.
pub(super) fn push_id(writer: &mut BitWriter<'_>, id: EntityId) {
    writer.push_bool(!id.is_null());
    if !id.is_null() {
        writer.push_unsigned(id.bits() & 0xffff_ffff, SLOT_ORDER);
        writer.push_unsigned(id.bits() >> 32, 0);
    }
}

pub(super) fn read_id(reader: &mut BitReader<'_>) -> Result<EntityId, WordError> {
    if !reader.bool()? {
        return Ok(EntityId::NULL);
    }
    let (slot, generation): (u32, u32) = (unsigned(reader, SLOT_ORDER)?, unsigned(reader, 0)?);
    let id = EntityId::from_bits(u64::from(generation) << 32 | u64::from(slot));
    if id.is_null() { Err(WordError::Value) } else { Ok(id) }
}

/// A sector of scale 0, by the steps from another.
pub(super) fn push_sector(writer: &mut BitWriter<'_>, from: SectorId, sector: SectorId) {
    let (right, up) = from.steps_to(sector);
    writer.push_signed(right, 0);
    writer.push_signed(up, 0);
}

pub(super) fn read_sector(reader: &mut BitReader<'_>, from: SectorId) -> Result<SectorId, WordError> {
    let (right, up) = (reader.signed(0)?, reader.signed(0)?);
    Ok(from.step(right, up))
}

/// A canonical position, its sector told from another.
pub(super) fn push_position(writer: &mut BitWriter<'_>, from: SectorId, position: Position) {
    push_sector(writer, from, position.sector);
    for part in [position.x, position.y] {
        writer.push(u64::from(part.cast_unsigned()), COORDINATE_BITS);
    }
}

pub(super) fn read_position(reader: &mut BitReader<'_>, from: SectorId) -> Result<Position, WordError> {
    let sector = read_sector(reader, from)?;
    let mut part = || match reader.bits(COORDINATE_BITS)? as i32 {
        part if part < SECTOR_SIDE => Ok(part),
        _ => Err(WordError::Value),
    };
    Ok(Position { sector, x: part()?, y: part()? })
}

/// An unsigned number that has to fit its type.
pub(super) fn unsigned<T: TryFrom<u64>>(reader: &mut BitReader<'_>, order: u32) -> Result<T, WordError> {
    T::try_from(reader.unsigned(order)?).map_err(|_| WordError::Value)
}

/// A signed number that has to fit its type.
pub(super) fn signed<T: TryFrom<i64>>(reader: &mut BitReader<'_>, order: u32) -> Result<T, WordError> {
    T::try_from(reader.signed(order)?).map_err(|_| WordError::Value)
}

impl core::fmt::Display for WordError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Bits(error) => error.fmt(f),
            Self::Value => f.write_str("a value is out of its range"),
        }
    }
}

impl core::error::Error for WordError {}
