//! The cells that have entities or viewers.

use crate::{space::SectorId, sync::Cell};

/// The index of no cell.
pub(super) const NO_CELL: u32 = u32::MAX;

/// How many cells there is room for from the beginning, so that who comes into one for the first time takes no memory.
const CELLS_KEPT: u32 = 512;

/// What is in a cell, and who looks at it.
#[derive(Debug, Default)]
pub(super) struct CellEntry {
    pub(super) cell: Cell,
    /// The numbers of its groups, in the order in which they were opened.
    pub(super) groups: Vec<u16>,
    /// The numbers of viewers that it is in the area of.
    pub(super) viewers: Vec<u16>,
    is_used: bool,
}

/// The cells of one sector.
#[derive(Debug)]
struct SectorCells {
    sector: SectorId,
    /// Indexes of cells, row by row.
    cells: Vec<u32>,
}

/// All cells. An index stays the same cell as long as anything is in it or looks at it.
#[derive(Debug)]
pub(super) struct Cells {
    shift: u8,
    columns: usize,
    /// Ascending by sector.
    sectors: Vec<SectorCells>,
    entries: Vec<CellEntry>,
    free: Vec<u32>,
}

impl Cells {
    pub(super) fn new(shift: u8) -> Self {
        let columns = usize::from(Cell::columns(shift));
        let entry =
            || CellEntry { groups: Vec::with_capacity(4), viewers: Vec::with_capacity(16), ..CellEntry::default() };
        Self {
            shift,
            columns,
            sectors: Vec::new(),
            entries: (0..CELLS_KEPT).map(|_| entry()).collect(),
            free: (0..CELLS_KEPT).rev().collect(),
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

    pub(super) fn entry_mut(&mut self, index: u32) -> &mut CellEntry {
        &mut self.entries[index as usize]
    }

    /// The indexes of a sector's cells, row by row of [`Cell::columns`]; none for a sector without any.
    pub(super) fn of_sector(&self, sector: SectorId) -> Option<&[u32]> {
        let at = self.sectors.binary_search_by_key(&sector, |cells| cells.sector).ok()?;
        Some(&self.sectors[at].cells)
    }

    /// The index of a cell, which is made if it is not there.
    pub(super) fn open(&mut self, cell: Cell) -> u32 {
        let at = match self.sectors.binary_search_by_key(&cell.sector, |cells| cells.sector) {
            Ok(at) => at,
            Err(at) => {
                let cells = vec![NO_CELL; self.columns * self.columns];
                self.sectors.insert(at, SectorCells { sector: cell.sector, cells });
                at
            }
        };
        let index = &mut self.sectors[at].cells[usize::from(cell.y) * self.columns + usize::from(cell.x)];
        if *index == NO_CELL {
            *index = self.free.pop().unwrap_or_else(|| {
                self.entries.push(CellEntry::default());
                self.entries.len() as u32 - 1
            });
            let entry = &mut self.entries[*index as usize];
            (entry.cell, entry.is_used) = (cell, true);
        }
        *index
    }

    /// Forgets a cell if nothing is in it and nobody looks at it.
    pub(super) fn close_if_idle(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        if !entry.is_used || !entry.groups.is_empty() || !entry.viewers.is_empty() {
            return;
        }
        entry.is_used = false;
        let cell = entry.cell;
        let at =
            self.sectors.binary_search_by_key(&cell.sector, |cells| cells.sector).expect("a used cell has a sector");
        let cells = &mut self.sectors[at].cells;
        cells[usize::from(cell.y) * self.columns + usize::from(cell.x)] = NO_CELL;
        if cells.iter().all(|index| *index == NO_CELL) {
            self.sectors.remove(at);
        }
        self.free.push(index);
    }
}
