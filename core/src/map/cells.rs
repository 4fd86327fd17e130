//! Walls that are cells of a grid: a bit for each, in blocks of eight by eight that are one word.

use super::{
    buckets::Bounds,
    definition::CellsDef,
    ray::{Fraction, Hit, Ray},
    walk::Walk,
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
    blocks_per_row: usize,
    /// Bit `8 * (row % 8) + column % 8` of the word of a block is a cell.
    blocks: Vec<u64>,
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
            blocks_per_row,
            blocks,
            layers: cells.layers,
        }
    }

    /// The word of the block of a cell that is in the grid.
    fn block(&self, column: i64, row: i64) -> u64 {
        self.blocks[(row >> BLOCK_SHIFT) as usize * self.blocks_per_row + (column >> BLOCK_SHIFT) as usize]
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
                let bits = self.block(column, row) & lines & line * 0x0101_0101_0101_0101;
                if !visit(column, row, bits) {
                    return;
                }
            }
        }
    }

    /// Where a ray without width meets the first solid cell. Cells are closed, as walls are; see [`Ray::meets`].
    pub(super) fn meets(&self, ray: &Ray) -> Option<Hit> {
        let (x, y) = (ray.x - self.x, ray.y - self.y);
        let walk = Walk::new((x, y), (ray.dx, ray.dy), self.shift);
        let on_line = |at: i64| at & ((1 << self.shift) - 1) == 0;
        // A ray along a line touches the cells on both sides of it.
        let beside = if ray.dx == 0 && on_line(x) {
            Some(Walk { column: walk.column - 1, ..walk })
        } else if ray.dy == 0 && on_line(y) {
            Some(Walk { row: walk.row - 1, ..walk })
        } else {
            None
        };
        let hit = self.follow(ray, walk);
        beside.map_or(hit, |walk| Hit::sooner(hit, self.follow(ray, walk)))
    }

    fn follow(&self, ray: &Ray, mut walk: Walk) -> Option<Hit> {
        walk.approach(self.columns, self.rows);
        let limit = if ray.is_open { walk.limit - 1 } else { walk.limit };
        let is_beginning = (walk.column, walk.row);
        let mut first = true;
        if self.is_solid(is_beginning.0, is_beginning.1) {
            return Some(self.hit_at_beginning(ray));
        }
        while !walk.is_beyond(self.columns, self.rows) {
            if first || walk.column & 7 == 0 || walk.column & 7 == 7 || walk.row & 7 == 0 || walk.row & 7 == 7 {
                first = false;
                if self.has(walk.column, walk.row) && self.block(walk.column, walk.row) == 0 {
                    walk.leap();
                }
            }
            let (next_x, next_y) = (walk.next_x, walk.next_y);
            if next_x.min(next_y) > limit {
                return None;
            }
            if next_x == next_y {
                // Through a corner: the cells on both sides are touched with it.
                let beside_x = self.is_solid(walk.column + walk.right, walk.row);
                let beside_y = self.is_solid(walk.column, walk.row + walk.up);
                let behind = self.is_solid(walk.column + walk.right, walk.row + walk.up);
                if beside_x | beside_y | behind {
                    let by_x = if beside_x == beside_y { ray.dx.abs() >= ray.dy.abs() } else { beside_x };
                    return Some(self.hit(ray, &walk, by_x));
                }
                walk.step();
            } else {
                let by_x = next_x < next_y;
                let next = if by_x { (walk.column + walk.right, walk.row) } else { (walk.column, walk.row + walk.up) };
                if self.is_solid(next.0, next.1) {
                    return Some(self.hit(ray, &walk, by_x));
                }
                walk.step();
            }
        }
        None
    }

    /// The hit of a ray that begins in a solid cell, or on its edge and goes in.
    fn hit_at_beginning(&self, ray: &Ray) -> Hit {
        let on_line = |at: i64, from: i64| (at - from) & ((1 << self.shift) - 1) == 0;
        let normal = match (on_line(ray.x, self.x) && ray.dx != 0, on_line(ray.y, self.y) && ray.dy != 0) {
            (true, false) => ray.against_x(),
            (false, true) => ray.against_y(),
            _ => ray.against_axis(),
        };
        Hit::at(Fraction::ZERO, normal)
    }

    /// The hit at the next crossing of a vertical or a horizontal line.
    fn hit(&self, ray: &Ray, walk: &Walk, by_x: bool) -> Hit {
        let line = |cell: i64, step: i64| (if step > 0 { cell + 1 } else { cell }) << self.shift;
        let (part, whole, normal) = if by_x {
            ((line(walk.column, walk.right) + self.x - ray.x).abs(), ray.dx.abs(), ray.against_x())
        } else {
            ((line(walk.row, walk.up) + self.y - ray.y).abs(), ray.dy.abs(), ray.against_y())
        };
        Hit::at(Fraction { part, whole }, normal)
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

impl Walk {
    /// Goes to the last cell of the ray in this block of eight by eight cells.
    fn leap(&mut self) {
        let left = |cell: i64, step: i64| if step > 0 { 7 - (cell & 7) } else { cell & 7 };
        let (columns, rows) = (left(self.column, self.right), left(self.row, self.up));
        let out = |next: i64, every: i64, cells: i64, step: i64| {
            if step == 0 { i64::MAX } else { next + cells * every }
        };
        let out_x = out(self.next_x, self.every_x, columns, self.right);
        let out_y = out(self.next_y, self.every_y, rows, self.up);
        let end = out_x.min(out_y);
        // Up to seven lines are crossed before the block's end: three steps of bisection find how many.
        let crossed = |next: i64, every: i64| {
            let mut lines = 0;
            for step in [4, 2, 1] {
                lines += if next + (lines + step - 1) * every < end { step } else { 0 };
            }
            lines
        };
        if self.right != 0 {
            let lines = crossed(self.next_x, self.every_x);
            self.column += lines * self.right;
            self.next_x += lines * self.every_x;
        }
        if self.up != 0 {
            let lines = crossed(self.next_y, self.every_y);
            self.row += lines * self.up;
            self.next_y += lines * self.every_y;
        }
    }
}
