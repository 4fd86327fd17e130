//! The rows of entities, column by column.

use super::{Fault, Reader, RestoreError};
use crate::{
    entity::{Columns, Shape},
    space::SECTOR_SIDE,
};

/// Appends the rows in the given order, column by column. How many there are, and their sector, is written before.
pub(crate) fn encode_rows(columns: &Columns, order: &[u32], out: &mut Vec<u8>) {
    columns.encode(order, out);
}

/// Reads as many rows as [`encode_rows`] wrote. Ids must ascend, places must lie within their sector.
pub(crate) fn decode_rows(reader: &mut Reader<'_>, count: usize, attributes: usize) -> Result<Columns, RestoreError> {
    let row = Columns::row_bytes(attributes);
    let bytes = count.checked_mul(row).ok_or_else(|| reader.error(Fault::Count("entities")))?;
    // Errors name the byte where the rows begin: a row has no place of its own.
    let start = reader.clone();
    let columns = Columns::decode(count, attributes, reader.bytes(bytes)?);
    let fails = |fault| Err(start.error(fault));
    if !columns.id.is_sorted_by(|left, right| left < right) {
        return fails(Fault::Order("ids"));
    }
    let within = |coordinate: &i32| (0..SECTOR_SIDE).contains(coordinate);
    if !columns.x.iter().all(within) || !columns.y.iter().all(within) {
        return fails(Fault::Value("position"));
    }
    if columns.shape.iter().any(|shape| *shape > Shape::Box as u8) {
        return fails(Fault::Value("shape"));
    }
    Ok(columns)
}
