//! The maps for rays and paths: squares of cells of 1 m, each blocked or free.

use anyhow::{Context, Result};
use muster_core::{
    METRE, Map,
    map::{CellsDef, MapDef},
};

use crate::scene::Chance;

/// Kinds of map. A figure that holds on one kind says little about the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// A fifth of the cells is blocked, by chance: rays are short, paths turn all the time.
    Rubble,
    /// Buildings of 4 to 24 m a side on about a third of the ground: streets, rays of some tens of metres.
    Town,
    /// Walls every 32 m with one doorway of 3 m each: long detours.
    Rooms,
    /// A few pillars: rays cross the whole map.
    Plain,
}

impl Ground {
    pub(crate) const ALL: [Self; 4] = [Self::Rubble, Self::Town, Self::Rooms, Self::Plain];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rubble => "rubble",
            Self::Town => "town",
            Self::Rooms => "rooms",
            Self::Plain => "plain",
        }
    }

    /// Which cells of a square are blocked, in rows.
    pub(crate) fn cells(self, side: u32) -> Vec<bool> {
        let mut chance = Chance(0x6772_6f75_6e64);
        let mut blocked = vec![false; (side * side) as usize];
        match self {
            Self::Rubble => blocked.iter_mut().for_each(|cell| *cell = chance.below(5) == 0),
            Self::Town => {
                // Each covers 196 cells in the mean, some of them twice.
                for _ in 0..side * side / 500 {
                    let (width, height) = (4 + chance.below(21), 4 + chance.below(21));
                    let (x, y) = (chance.below(side), chance.below(side));
                    for row in y..(y + height).min(side) {
                        let row = row * side;
                        blocked[(row + x) as usize..(row + (x + width).min(side)) as usize].fill(true);
                    }
                }
            }
            Self::Rooms => {
                const ROOM: u32 = 32;
                for wall in (ROOM..side).step_by(ROOM as usize) {
                    for along in 0..side {
                        blocked[(wall * side + along) as usize] = true;
                        blocked[(along * side + wall) as usize] = true;
                    }
                }
                for wall in (ROOM..side).step_by(ROOM as usize) {
                    for room in (0..side).step_by(ROOM as usize) {
                        // Not every room has a door to every side, but none is shut in.
                        for is_upright in [false, true] {
                            if chance.below(5) == 0 && room % (2 * ROOM) != 0 {
                                continue;
                            }
                            let door = room + 2 + chance.below(ROOM - 6);
                            for along in door..(door + 3).min(side) {
                                let cell = if is_upright { along * side + wall } else { wall * side + along };
                                blocked[cell as usize] = false;
                            }
                        }
                    }
                }
            }
            Self::Plain => blocked.iter_mut().for_each(|cell| *cell = chance.below(1_000) == 0),
        }
        blocked
    }

    /// The map of such cells.
    pub(crate) fn map(self, side: u32) -> Result<Map> {
        let extent = side as i32 * METRE;
        let cells = CellsDef {
            at: (0, 0),
            cell_shift: METRE.ilog2(),
            columns: side,
            rows: side,
            solid: self.cells(side),
            layers: u16::MAX,
        };
        Map::new(MapDef { cells: Some(cells), ..MapDef::empty(extent, extent) }).context("the map is in bounds")
    }
}

/// So many pairs of free cells, by chance.
pub(crate) fn free_pairs(cells: &[bool], side: u32, count: usize) -> Vec<[(u32, u32); 2]> {
    let mut chance = Chance(0x70_6169_7273);
    let mut free = || loop {
        let place = (chance.below(side), chance.below(side));
        if !cells[(place.1 * side + place.0) as usize] {
            return place;
        }
    };
    (0..count).map(|_| [free(), free()]).collect()
}
