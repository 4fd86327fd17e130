//! The cells of a square grid that a ray goes through, in order and exactly.

/// Goes along a ray from cell to cell.
///
/// The times at which the ray crosses the next vertical and the next horizontal line are kept as integers, scaled by the
/// product of the ray's two extents (`limit` is the time of its end), so that **which line comes first is decided
/// exactly, and that the ray passes through a corner is known for certain.**
///
/// The idea is that of Amanatides and Woo, A Fast Voxel Traversal Algorithm for Ray Tracing, 1987.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    /// The cell: the one that the ray is in just after the last crossing, which at the start is the one that it goes
    /// into if it begins on a line. A ray along a line is in the cells above or to the right of it.
    pub column: i64,
    pub row: i64,
    /// -1, 0 or 1.
    pub right: i64,
    pub up: i64,
    /// The times of the next crossings; `i64::MAX` is never.
    pub next_x: i64,
    pub next_y: i64,
    /// From one crossing to the next of the same kind.
    pub every_x: i64,
    pub every_y: i64,
    /// The time of the ray's end.
    pub limit: i64,
}

impl Walk {
    /// From a point, relative to the grid, by a vector; cells are 2^`shift` a side. The point is below 2^31 in amount,
    /// the vector up to 2^30, and not null.
    pub(super) fn new((x, y): (i64, i64), (dx, dy): (i64, i64), shift: u32) -> Self {
        // An extent of 0 is never crossed; 1 keeps the other scale right.
        let (along_x, along_y) = (dx.abs().max(1), dy.abs().max(1));
        let axis = |at: i64, d: i64, scale: i64| {
            let cell = if d >= 0 { at >> shift } else { (at - 1) >> shift };
            let to_line = if d >= 0 { ((cell + 1) << shift) - at } else { at - (cell << shift) };
            (cell, if d == 0 { i64::MAX } else { to_line * scale })
        };
        let (column, next_x) = axis(x, dx, along_y);
        let (row, next_y) = axis(y, dy, along_x);
        Self {
            column,
            row,
            right: dx.signum(),
            up: dy.signum(),
            next_x,
            next_y,
            every_x: along_y << shift,
            every_y: along_x << shift,
            limit: along_x * along_y,
        }
    }

    /// Leaves out the way to a grid of that many cells: the walk goes on from the last cell before it, or misses it.
    pub(super) fn approach(&mut self, columns: i64, rows: i64) {
        let before = |cell: i64, step: i64, cells: i64| match step {
            1 => (-1 - cell).max(0),
            -1 => (cell - cells).max(0),
            _ => 0,
        };
        let ahead = before(self.column, self.right, columns);
        if ahead > 0 {
            self.column += ahead * self.right;
            self.next_x += ahead * self.every_x;
            let crossed = crossings_before(self.next_y, self.every_y, self.next_x);
            self.row += crossed * self.up;
            self.next_y += crossed * self.every_y;
        }
        let ahead = before(self.row, self.up, rows);
        if ahead > 0 {
            self.row += ahead * self.up;
            self.next_y += ahead * self.every_y;
            let crossed = crossings_before(self.next_x, self.every_x, self.next_y);
            self.column += crossed * self.right;
            self.next_x += crossed * self.every_x;
        }
    }

    /// Whether no cell of a grid of that many cells can come any more, this one included.
    pub(super) const fn is_beyond(&self, columns: i64, rows: i64) -> bool {
        (self.right >= 0 && self.column >= columns)
            || (self.right <= 0 && self.column < 0)
            || (self.up >= 0 && self.row >= rows)
            || (self.up <= 0 && self.row < 0)
    }

    /// When the cell is left.
    pub(super) fn leaves(&self) -> i64 {
        self.next_x.min(self.next_y)
    }

    /// Goes to the next cell; through a corner, to the one behind it.
    pub(super) fn step(&mut self) {
        let (next_x, next_y) = (self.next_x, self.next_y);
        if next_x <= next_y {
            self.column += self.right;
            self.next_x += self.every_x;
        }
        if next_y <= next_x {
            self.row += self.up;
            self.next_y += self.every_y;
        }
    }
}

/// How many crossings, the next at `next` and then one `every` so often, are before a time.
fn crossings_before(next: i64, every: i64, time: i64) -> i64 {
    if next < time { (time - next - 1) / every + 1 } else { 0 }
}
