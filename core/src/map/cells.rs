//! Walls that are cells of a grid: a bit for each, in blocks of eight by eight that are one word.

use super::{
    buckets::Bounds,
    definition::CellsDef,
    overview::Overview,
    ray::{Hit, Ray},
};

/// Bits of a block's coordinates within it.
const BLOCK_SHIFT: u32 = 3;
/// How many cells on each side of a point in solid ground are looked at for a way out.
const DEPTH_MAX: i64 = 256;

/// A grid of solid and free cells. Outside of it all is free.
///
/// **A word holds the 64 cells of a block, so that a ray crosses a block without walls in one step.**
#[derive(Clone, Debug)]
pub(super) struct Cells {
    x: i64,
    y: i64,
    shift: u32,
    columns: i64,
    rows: i64,
    overview: Overview,
    pub layers: u16,
}

/// The ways out of solid ground: how far the free cell is on each side, from a point.
pub(super) struct Exits {
    pub left: Option<i64>,
    pub right: Option<i64>,
    pub down: Option<i64>,
    pub up: Option<i64>,
}

impl Cells {
    pub(super) fn new(cells: &CellsDef) -> Self {
        let blocks_per_row = (cells.columns as usize).div_ceil(8);
        let mut blocks = vec![0; blocks_per_row * (cells.rows as usize).div_ceil(8)];
        for (row, line) in cells.solid.chunks_exact(cells.columns as usize).enumerate() {
            for (column, _) in line.iter().enumerate().filter(|(_, solid)| **solid) {
                blocks[(row >> BLOCK_SHIFT) * blocks_per_row + (column >> BLOCK_SHIFT)] |=
                    1 << (8 * (row & 7) + (column & 7));
            }
        }
        Self {
            x: cells.at.0.into(),
            y: cells.at.1.into(),
            shift: cells.cell_shift,
            columns: cells.columns.into(),
            rows: cells.rows.into(),
            overview: Overview::new(blocks, blocks_per_row),
            layers: cells.layers,
        }
    }

    /// The word of the block of a cell that is in the grid.
    fn block(&self, column: i64, row: i64) -> u64 {
        self.overview.block(column >> BLOCK_SHIFT, row >> BLOCK_SHIFT)
    }

    const fn has(&self, column: i64, row: i64) -> bool {
        (column.cast_unsigned() < self.columns.cast_unsigned()) & (row.cast_unsigned() < self.rows.cast_unsigned())
    }

    pub(super) fn is_solid(&self, column: i64, row: i64) -> bool {
        self.has(column, row) && self.block(column, row) >> (8 * (row & 7) + (column & 7)) & 1 != 0
    }

    /// Where the grid begins, and the size and number of its blocks.
    pub(super) fn blocks(&self) -> ((i64, i64), u32, (i64, i64)) {
        let along = |cells: i64| (cells + 7) >> BLOCK_SHIFT;
        ((self.x, self.y), self.shift + BLOCK_SHIFT, (along(self.columns), along(self.rows)))
    }

    /// The corners of a cell.
    pub(super) const fn corners(&self, column: i64, row: i64) -> ((i64, i64), (i64, i64)) {
        let (x, y) = (self.x + (column << self.shift), self.y + (row << self.shift));
        ((x, y), (x + (1 << self.shift), y + (1 << self.shift)))
    }

    /// The cells that bounds meet or touch: left, low, right, high; `None` if there is none.
    fn range(&self, bounds: Bounds) -> Option<(i64, i64, i64, i64)> {
        // A cell ends where the next one begins: what begins on a line touches the one before it.
        let left = ((bounds.x0 - self.x - 1) >> self.shift).max(0);
        let low = ((bounds.y0 - self.y - 1) >> self.shift).max(0);
        let right = ((bounds.x1 - self.x) >> self.shift).min(self.columns - 1);
        let high = ((bounds.y1 - self.y) >> self.shift).min(self.rows - 1);
        (left <= right && low <= high).then_some((left, low, right, high))
    }

    /// Whether a solid cell meets or touches the bounds.
    pub(super) fn any(&self, bounds: Bounds) -> bool {
        let Some(range) = self.range(bounds) else { return false };
        let mut any = false;
        self.blocks_within(range, |_, _, bits| {
            any = bits != 0;
            !any
        });
        any
    }

    /// Calls `visit` with column and row of every solid cell that meets or touches the bounds, until it says no; in an
    /// order that depends on nothing but the bounds.
    pub(super) fn visit(&self, bounds: Bounds, mut visit: impl FnMut(i64, i64) -> bool) {
        let Some(range) = self.range(bounds) else { return };
        self.blocks_within(range, |column, row, mut bits| {
            while bits != 0 {
                let bit = i64::from(bits.trailing_zeros());
                bits &= bits - 1;
                if !visit(column + (bit & 7), row + (bit >> 3)) {
                    return false;
                }
            }
            true
        });
    }

    /// Calls `visit` with the first cell of each block and its solid cells within the range, until it says no.
    fn blocks_within(
        &self,
        (left, low, right, high): (i64, i64, i64, i64),
        mut visit: impl FnMut(i64, i64, u64) -> bool,
    ) {
        for block_row in low >> BLOCK_SHIFT..=high >> BLOCK_SHIFT {
            let row = block_row << BLOCK_SHIFT;
            let lines = (u64::MAX << (8 * (low - row).max(0))) & (u64::MAX >> (8 * (row + 7 - high).max(0)));
            for block_column in left >> BLOCK_SHIFT..=right >> BLOCK_SHIFT {
                let column = block_column << BLOCK_SHIFT;
                let line = (0xff << (left - column).max(0)) & 0xff & (0xff >> (column + 7 - right).max(0));
                // The same eight bits in each of the eight lines.
                let bits = self.block(column, row) & lines & (line * 0x0101_0101_0101_0101);
                if !visit(column, row, bits) {
                    return;
                }
            }
        }
    }

    /// Where a ray without width meets the first solid cell. Cells are closed, as walls are; see [`Ray::meets`].
    pub(super) fn meets(&self, ray: &Ray) -> Option<Hit> {
        self.overview.meets(&Ray { x: ray.x - self.x, y: ray.y - self.y, ..*ray }, self.shift)
    }

    /// The ways out for a point that is in a solid cell; `None` if it is not. A way is the distance to the first free
    /// cell's edge.
    pub(super) fn exits(&self, x: i64, y: i64) -> Option<Exits> {
        let (column, row) = ((x - self.x) >> self.shift, (y - self.y) >> self.shift);
        if !self.is_solid(column, row) {
            return None;
        }
        let free = |right: i64, up: i64| {
            (1..=DEPTH_MAX).find(|steps| !self.is_solid(column + steps * right, row + steps * up))
        };
        let ((x0, y0), (x1, y1)) = self.corners(column, row);
        let way = |steps: Option<i64>, first: i64| steps.map(|steps| first + ((steps - 1) << self.shift));
        Some(Exits {
            left: way(free(-1, 0), x - x0),
            right: way(free(1, 0), x1 - x),
            down: way(free(0, -1), y - y0),
            up: way(free(0, 1), y1 - y),
        })
    }
}
