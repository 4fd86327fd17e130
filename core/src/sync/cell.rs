//! Cells: squares of a sector whose entities are told together.

use crate::space::{METRE, Position, SECTOR_SIDE, SectorId};

/// Centimetres are what positions are told in.
pub const CENTIMETRES: i64 = 100;

/// A square of a sector, with a side of 2^shift units of length. Those at the right and the upper edge of a sector may be
/// cut off by it: no cell is in two sectors.
///
/// Ordered by sector, then y, then x.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, PartialOrd, Ord)]
pub struct Cell {
    /// Its sector, of scale 0.
    pub sector: SectorId,
    /// Row in the sector, from 0 at the lower edge.
    pub y: u8,
    /// Column in the sector, from 0 at the left edge.
    pub x: u8,
}

/// Who may see a group's entities.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Everybody.
    #[default]
    Everyone,
    /// Viewers of this team.
    Team(u16),
    /// The viewers of this player.
    Owner(u32),
}

impl Cell {
    /// The smallest shift: 16 m.
    pub const SHIFT_MIN: u8 = 20;
    /// The largest shift: 256 m.
    pub const SHIFT_MAX: u8 = 24;

    /// The cell that a place is in.
    pub fn at(position: Position, shift: u8) -> Self {
        Self { sector: position.sector, x: (position.x >> shift) as u8, y: (position.y >> shift) as u8 }
    }

    /// How many cells a sector has a side.
    pub const fn columns(shift: u8) -> u8 {
        ((SECTOR_SIDE - 1) >> shift) as u8 + 1
    }

    /// The place of its lower left corner.
    pub fn corner(self, shift: u8) -> Position {
        Position { sector: self.sector, x: i32::from(self.x) << shift, y: i32::from(self.y) << shift }
    }

    /// A coordinate of a sector in centimetres from the edge of its cell: 0 to 25,599. It is cut, not rounded, so that it
    /// never leads into the next cell.
    pub const fn centimetres(coordinate: i32, shift: u8) -> u16 {
        let inside = coordinate as i64 & ((1 << shift) - 1);
        (inside * CENTIMETRES / METRE as i64) as u16
    }

    /// The coordinate in the middle of what [`Self::centimetres`] made the same of; `column` is that of the cell. At the
    /// sector's edge it is kept inside.
    pub const fn coordinate(column: u8, centimetres: u16, shift: u8) -> i32 {
        let inside = (centimetres as i64 * METRE as i64 + METRE as i64 / 2) / CENTIMETRES;
        let at = ((column as i64) << shift) + inside;
        if at < SECTOR_SIDE as i64 { at as i32 } else { SECTOR_SIDE - 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_come_back_within_half_a_centimetre() {
        for shift in Cell::SHIFT_MIN..=Cell::SHIFT_MAX {
            for at in (0..SECTOR_SIDE).step_by(997).chain([SECTOR_SIDE - 1]) {
                let cell = Cell::at(Position { sector: SectorId::default(), x: at, y: 0 }, shift);
                assert!(cell.x < Cell::columns(shift));
                let back = Cell::coordinate(cell.x, Cell::centimetres(at, shift), shift);
                assert!((back - at).abs() <= METRE / 200 + 1, "{at} {back}");
                let again = Position { sector: SectorId::default(), x: back, y: 0 };
                assert_eq!(Cell::at(again, shift).x, cell.x);
            }
        }
    }
}
