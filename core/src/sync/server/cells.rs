//! The cells that have entities or viewers.

use crate::{space::SectorId, sync::Cell};

/// The index of no cell.
pub(super) const NO_CELL: u32 = u32::MAX;

/// The number of no sector.
pub(super) const NO_SECTOR: u32 = u32::MAX;

/// How many cells there is room for from the beginning, so that who comes into one for the first time takes no memory.
pub(super) const CELLS_KEPT: usize = 4096;

/// How many sectors there is room for from the beginning.
const SECTORS_KEPT: usize = 16;

/// A cell that is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CellEntry {
    pub(super) cell: Cell,
    /// How many of its groups are open, and how many viewers look at it.
    groups: u32,
    viewers: u32,
    is_used: bool,
}

/// The cells of one sector.
#[derive(Debug)]
struct SectorCells {
    sector: SectorId,
    /// How many cells it has.
    used: u32,
    /// Indexes of cells, row by row.
    cells: Vec<u32>,
}

/// All cells. An index stays the same cell, and a number the same sector, as long as anything is in it or looks at it.
#[derive(Debug)]
pub(super) struct Cells {
    shift: u8,
    columns: usize,
    /// By number.
    sectors: Vec<SectorCells>,
    /// The numbers of sectors with cells, ascending by sector.
    order: Vec<(SectorId, u32)>,
    /// Where in that order the last cell was found.
    hint: usize,
    sectors_free: Vec<u32>,
    entries: Vec<CellEntry>,
    free: Vec<u32>,
    /// The numbers of viewers that have a cell in their area: bits, `words` for each cell.
    viewers: Vec<u64>,
    words: usize,
}

impl Cells {
    pub(super) fn new(shift: u8, viewers_max: u16) -> Self {
        let columns = usize::from(Cell::columns(shift));
        let words = usize::from(viewers_max).div_ceil(64);
        let sector = || SectorCells { sector: SectorId::default(), used: 0, cells: vec![NO_CELL; columns * columns] };
        Self {
            shift,
            columns,
            sectors: (0..SECTORS_KEPT).map(|_| sector()).collect(),
            order: Vec::with_capacity(SECTORS_KEPT),
            hint: 0,
            sectors_free: (0..SECTORS_KEPT as u32).rev().collect(),
            entries: Vec::with_capacity(CELLS_KEPT),
            free: Vec::with_capacity(CELLS_KEPT),
            // Memory that is not written to is only an address.
            viewers: vec![0; CELLS_KEPT * words],
            words,
        }
    }

    pub(super) fn shift(&self) -> u8 {
        self.shift
    }

    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        (self.entries.len() - self.free.len()) as u32
    }

    pub(super) fn entry(&self, index: u32) -> &CellEntry {
        &self.entries[index as usize]
    }

    /// The number of a sector with cells.
    pub(super) fn number_of(&self, sector: SectorId) -> Option<u32> {
        let at = self.order.binary_search_by_key(&sector, |(sector, _)| *sector).ok()?;
        Some(self.order[at].1)
    }

    /// The index of a cell, if anything is in it or looks at it.
    pub(super) fn find(&self, cell: Cell) -> Option<u32> {
        let index = self.sectors[self.number_of(cell.sector)? as usize].cells[self.place(cell)];
        Some(index).filter(|index| *index != NO_CELL)
    }

    fn place(&self, cell: Cell) -> usize {
        usize::from(cell.y) * self.columns + usize::from(cell.x)
    }

    /// The number of a cell's sector and the index of the cell, which is made if it is not there.
    pub(super) fn open(&mut self, cell: Cell) -> (u32, u32) {
        if self.order.get(self.hint).is_none_or(|(sector, _)| *sector != cell.sector) {
            self.hint = self.order.binary_search_by_key(&cell.sector, |(sector, _)| *sector).unwrap_or_else(|at| {
                let number = self.open_sector(cell.sector);
                self.order.insert(at, (cell.sector, number));
                at
            });
        }
        let number = self.order[self.hint].1;
        let place = self.place(cell);
        let sector = &mut self.sectors[number as usize];
        if sector.cells[place] == NO_CELL {
            let index = self.free.pop().unwrap_or_else(|| {
                self.entries.push(CellEntry::default());
                if self.viewers.len() < self.entries.len() * self.words {
                    self.viewers.resize(self.viewers.len() * 2, 0);
                }
                self.entries.len() as u32 - 1
            });
            self.entries[index as usize] = CellEntry { cell, groups: 0, viewers: 0, is_used: true };
            sector.cells[place] = index;
            sector.used += 1;
        }
        (number, sector.cells[place])
    }

    fn open_sector(&mut self, sector: SectorId) -> u32 {
        let number = self.sectors_free.pop().unwrap_or_else(|| {
            let cells = vec![NO_CELL; self.columns * self.columns];
            self.sectors.push(SectorCells { sector, used: 0, cells });
            self.sectors.len() as u32 - 1
        });
        self.sectors[number as usize].sector = sector;
        number
    }

    /// Forgets a cell if nothing is in it and nobody looks at it.
    pub(super) fn close_if_idle(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        if !entry.is_used || entry.groups != 0 || entry.viewers != 0 {
            return;
        }
        entry.is_used = false;
        let cell = entry.cell;
        let at = self.order.binary_search_by_key(&cell.sector, |(sector, _)| *sector);
        let at = at.expect("a used cell has a sector");
        let number = self.order[at].1;
        let place = self.place(cell);
        let sector = &mut self.sectors[number as usize];
        sector.cells[place] = NO_CELL;
        sector.used -= 1;
        if sector.used == 0 {
            self.order.remove(at);
            self.sectors_free.push(number);
        }
        self.free.push(index);
    }

    /// A group of a cell is opened.
    pub(super) fn add_group(&mut self, index: u32) {
        self.entries[index as usize].groups += 1;
    }

    /// A group of a cell is closed.
    pub(super) fn remove_group(&mut self, index: u32) {
        self.entries[index as usize].groups -= 1;
    }

    /// A viewer that did not have a cell in its area has it now.
    pub(super) fn add_viewer(&mut self, index: u32, viewer: u16) {
        let word = self.word_mut(index, viewer);
        debug_assert!(*word >> (viewer % 64) & 1 == 0, "a viewer has a cell once");
        *word |= 1 << (viewer % 64);
        self.entries[index as usize].viewers += 1;
    }

    /// A viewer that had a cell in its area has it no longer.
    pub(super) fn remove_viewer(&mut self, index: u32, viewer: u16) {
        let word = self.word_mut(index, viewer);
        debug_assert!(*word >> (viewer % 64) & 1 == 1, "a viewer leaves a cell that it has");
        *word &= !(1 << (viewer % 64));
        self.entries[index as usize].viewers -= 1;
    }

    fn word_mut(&mut self, index: u32, viewer: u16) -> &mut u64 {
        &mut self.viewers[index as usize * self.words + usize::from(viewer) / 64]
    }

    /// The numbers of viewers that have a cell in their area, ascending.
    pub(super) fn viewers(&self, index: u32) -> impl Iterator<Item = u16> {
        let start = index as usize * self.words;
        let count = self.entries[index as usize].viewers as usize;
        // Most words are empty, and after the last viewer no more have to be looked at.
        (0u16..)
            .zip(&self.viewers[start..start + self.words])
            .flat_map(|(at, word)| bits_of(*word, at * 64))
            .take(count)
    }
}

fn bits_of(word: u64, first: u16) -> impl Iterator<Item = u16> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let bit = (rest != 0).then(|| rest.trailing_zeros() as u16)?;
        rest &= rest - 1;
        Some(first + bit)
    })
}
