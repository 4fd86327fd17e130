//! The rows of entities, sector by sector and column by column.

use super::{Fault, Reader, RestoreError, Writer};
use crate::{
    config::WorldConfig,
    entity::{Columns, EntityId, Past, Shape},
    space::{SECTOR_SIDE, SectorId},
};

/// Memory for [`encode_sector`], so that a save allocates as little as may be.
#[derive(Default, Debug)]
pub(crate) struct Order {
    keys: Vec<(EntityId, u32, u32)>,
    rows: Vec<(u32, u32)>,
}

/// Appends the entities of a sector, wherever their rows are, in the order of their ids: the sector's numbers, how many
/// there are, and their columns.
/// Of a world that looks back, where each row was comes behind the columns, from the tick before `tick` back, and then the
/// rewinds of orders.
pub(crate) fn encode_sector(
    sector: SectorId,
    blocks: &[&Columns],
    tick: u64,
    order: &mut Order,
    writer: &mut Writer<'_>,
) {
    order.keys.clear();
    for (number, block) in blocks.iter().enumerate() {
        order.keys.extend(block.id.iter().zip(0..).map(|(id, row)| (*id, number as u32, row)));
    }
    order.keys.sort_unstable();
    order.rows.clear();
    order.rows.extend(order.keys.iter().map(|(_, block, row)| (*block, *row)));
    writer.i64(sector.x);
    writer.i64(sector.y);
    writer.count(order.rows.len());
    Columns::encode(blocks, &order.rows, writer.buffer());
    let rows = || order.rows.iter().map(|(block, row)| (blocks[*block as usize], *row as usize));
    for (columns, row) in rows() {
        for (x, y) in columns.past.row(row, tick) {
            writer.i32(x);
            writer.i32(y);
        }
    }
    for (columns, row) in rows().filter(|(columns, _)| columns.past.is_kept()) {
        writer.u8(columns.order_rewind[row]);
    }
}

/// Reads a sector: at least one entity, at most `entities_max`. Ids must ascend, and places lie within the sector; where
/// they were may be anywhere.
pub(crate) fn decode_sector(
    reader: &mut Reader<'_>,
    entities_max: u32,
    config: &WorldConfig,
    tick: u64,
) -> Result<(SectorId, Columns), RestoreError> {
    let sector = SectorId::new(reader.i64()?, reader.i64()?);
    let attributes = config.attributes.len();
    let row_bytes = Columns::row_bytes(attributes);
    let count = reader.count("entities", entities_max, row_bytes + past_bytes(config))?;
    if count == 0 {
        return Err(reader.error(Fault::Count("sectors without entities")));
    }
    // Errors name the byte where the rows begin: a row's values are not next to each other.
    let start = reader.clone();
    let mut columns = Columns::decode(count, attributes, reader.bytes(count * row_bytes)?);
    let within = |coordinate: &i32| (0..SECTOR_SIDE).contains(coordinate);
    let faults = [
        (columns.id.is_sorted_by(|left, right| left < right), Fault::Order("ids")),
        (columns.x.iter().all(within) && columns.y.iter().all(within), Fault::Value("position")),
        (columns.shape.iter().all(|shape| *shape <= Shape::Box as u8), Fault::Value("shape")),
    ];
    if let Some((_, fault)) = faults.into_iter().find(|(holds, _)| !holds) {
        return Err(start.error(fault));
    }
    decode_past(reader, &mut columns, config, tick)?;
    Ok((sector, columns))
}

/// How many bytes a row's past takes.
pub(crate) fn past_bytes(config: &WorldConfig) -> usize {
    if config.rewind_ticks == 0 { 0 } else { Past::row_bytes(config.rewind_ticks) + 1 }
}

fn decode_past(
    reader: &mut Reader<'_>,
    columns: &mut Columns,
    config: &WorldConfig,
    tick: u64,
) -> Result<(), RestoreError> {
    let mut past = Past::new(config.rewind_ticks);
    if !past.is_kept() {
        return Ok(());
    }
    let rows = columns.len();
    past.make_room(rows);
    let row_bytes = Past::row_bytes(config.rewind_ticks);
    let places = reader.bytes(rows * row_bytes)?;
    for (row, places) in places.chunks_exact(row_bytes).enumerate() {
        let number = |bytes: &[u8; 4]| i32::from_le_bytes(*bytes);
        let before = places.as_chunks::<4>().0.as_chunks::<2>().0.iter().map(|[x, y]| (number(x), number(y)));
        past.push_places(tick, std::iter::once((columns.x[row], columns.y[row])).chain(before));
    }
    let rewinds = reader.bytes(rows)?;
    if rewinds.iter().any(|rewind| *rewind > config.rewind_ticks) {
        return Err(reader.error(Fault::Value("rewind")));
    }
    (columns.past, columns.order_rewind) = (past, rewinds.to_vec());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::{COLUMNS, Column, Entity};

    const ATTRIBUTES: usize = 2;
    const TICK: u64 = 1000;

    fn config(rewind_ticks: u8) -> WorldConfig {
        WorldConfig { attributes: vec![String::new(); ATTRIBUTES], rewind_ticks, ..WorldConfig::default() }
    }

    fn block(slots: impl Iterator<Item = u32>) -> Columns {
        let mut columns = Columns::new(ATTRIBUTES);
        for (row, slot) in slots.enumerate() {
            columns.push(EntityId::new(slot, slot / 40), &Entity::default());
            (columns.x[row], columns.y[row]) = (slot as i32 * 5, SECTOR_SIDE - 1 - slot as i32);
            for column in COLUMNS.iter().copied().chain([Column::Attribute(0), Column::Attribute(1)]) {
                let value = i64::from((slot + u32::from(column.number())) % 101);
                assert!(columns.set_value(column, row, if column == Column::Shape { value % 2 } else { value }));
            }
        }
        columns
    }

    fn bytes_of(blocks: &[&Columns]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_sector(SectorId::new(3, -4), blocks, TICK, &mut Order::default(), &mut Writer::new(&mut bytes));
        bytes
    }

    fn read(bytes: &[u8]) -> Result<(SectorId, Columns), RestoreError> {
        let mut reader = Reader::new(bytes, "entities");
        let sector = decode_sector(&mut reader, 100, &config(0), TICK)?;
        reader.finish()?;
        Ok(sector)
    }

    #[test]
    fn the_bytes_do_not_depend_on_where_rows_are() {
        let whole = bytes_of(&[&block(0..60)]);
        assert_eq!(whole.len(), 20 + 60 * Columns::row_bytes(ATTRIBUTES));
        assert_eq!(bytes_of(&[&block((0..60).rev())]), whole);
        assert_eq!(
            bytes_of(&[&block((0..60).step_by(2)), &block(std::iter::empty()), &block((0..60).skip(1).step_by(2))]),
            whole
        );
        let (sector, columns) = read(&whole).expect("as written");
        assert_eq!(sector, SectorId::new(3, -4));
        let plain = block(0..60);
        for row in 0..60 {
            assert_eq!(columns.id[row], plain.id[row]);
            assert_eq!(columns.entity(row, sector), plain.entity(row, sector));
        }
        assert_eq!(bytes_of(&[&columns]), whole);
    }

    #[test]
    fn rows_that_cannot_be_are_refused() {
        let good = bytes_of(&[&block(0..3)]);
        for end in 0..good.len() {
            assert!(read(&good[..end]).is_err(), "{end}");
        }
        let refused = |change: &dyn Fn(&mut Columns)| {
            let mut columns = block(0..3);
            change(&mut columns);
            read(&bytes_of(&[&columns])).expect_err("refused").fault
        };
        assert_eq!(refused(&|columns| columns.id[1] = columns.id[0]), Fault::Order("ids"));
        assert_eq!(refused(&|columns| columns.x[1] = -1), Fault::Value("position"));
        assert_eq!(refused(&|columns| columns.y[2] = SECTOR_SIDE), Fault::Value("position"));
        assert_eq!(refused(&|columns| columns.shape[0] = 2), Fault::Value("shape"));
        assert_eq!(read(&bytes_of(&[])).expect_err("nothing").fault, Fault::Count("sectors without entities"));
        assert_eq!(
            read(&bytes_of(&[&block(0..99), &block(99..101)])).expect_err("too many").fault,
            Fault::Count("entities")
        );
        let mut swapped = good;
        let ids = 20..20 + 24;
        swapped[ids].rotate_left(8);
        assert_eq!(read(&swapped).expect_err("swapped").fault, Fault::Order("ids"));
    }
}
