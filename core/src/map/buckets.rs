//! Which of many shapes may be near a place: a grid over the map with a list for each of its cells.

/// Most cells a side.
const SIDE_MAX: i64 = 1024;
/// Most entries of all lists together. A grid that would have more is made coarser.
const ENTRIES_MAX: u32 = 1 << 22;
/// Most shapes in a list: what a question about one place costs at most.
pub(super) const LIST_MAX: u32 = 1024;
/// The smallest side of a cell is 2 to the power of this, in units of length: 2 m.
const SHIFT_MIN: u32 = 17;

/// Where the first cell begins, in both axes: a unit before the map. **So what is in a map is never on the grid's own edge,
/// and a ray that touches it goes through a cell that lists it**, also one that only passes the map's first corner.
pub(super) const ORIGIN: i64 = -1;

/// A box in map-local units of length, all its edges included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bounds {
    pub x0: i64,
    pub y0: i64,
    pub x1: i64,
    pub y1: i64,
}

/// A grid of square cells and for each the numbers of the shapes that meet it, ascending.
///
/// **A shape is in the list of every cell that it meets, with its edges and one unit of length around.** So who goes
/// along the line between two cells need look into one of them only.
#[derive(Clone, Debug, Default)]
pub(super) struct Buckets {
    shift: u32,
    columns: i64,
    rows: i64,
    /// A bit for each cell that has a list, in rows of `words_per_row` words.
    some: Vec<u64>,
    words_per_row: usize,
    /// Where the list of a cell begins in `items`; it ends where the next begins.
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Bounds {
    pub(super) const fn around(x: i64, y: i64, half_x: i64, half_y: i64) -> Self {
        Self { x0: x - half_x, y0: y - half_y, x1: x + half_x, y1: y + half_y }
    }
}

const fn cell_of(at: i64, shift: u32) -> i64 {
    (at - ORIGIN) >> shift
}

impl Buckets {
    /// Over a map of that size. `bounds` gives the box around a shape; `columns` gives how far to the left and right it
    /// reaches within a band from one height to another, both within its bounds.
    ///
    /// The error is the number of a shape with more than [`LIST_MAX`] others near it.
    pub(super) fn new(
        (width, height): (i32, i32),
        count: usize,
        bounds: impl Fn(usize) -> Bounds,
        columns: impl Fn(usize, i64, i64) -> (i64, i64),
    ) -> Result<Self, u32> {
        if count == 0 {
            return Ok(Self::default());
        }
        let mut shift = SHIFT_MIN;
        loop {
            let mut grid = Self::empty(width, height, shift);
            let is_fine_enough = grid.columns <= SIDE_MAX && grid.rows <= SIDE_MAX;
            if is_fine_enough && grid.fill(count, &bounds, &columns) {
                return grid.crowded().map_or(Ok(grid), Err);
            }
            // Ends: a grid of one cell has as many entries as there are shapes.
            shift += 1;
        }
    }

    /// The last shape of the first list that is too long.
    fn crowded(&self) -> Option<u32> {
        let list = self.starts.windows(2).find(|list| list[1] - list[0] > LIST_MAX)?;
        Some(self.items[list[1] as usize - 1])
    }

    fn empty(width: i32, height: i32, shift: u32) -> Self {
        let columns = cell_of(width.into(), shift) + 1;
        let rows = cell_of(height.into(), shift) + 1;
        Self { shift, columns, rows, words_per_row: (columns as usize).div_ceil(64), ..Self::default() }
    }

    /// Counting sort; false if there would be too many entries.
    fn fill(
        &mut self,
        count: usize,
        bounds: &impl Fn(usize) -> Bounds,
        columns: &impl Fn(usize, i64, i64) -> (i64, i64),
    ) -> bool {
        self.starts = vec![0; (self.columns * self.rows) as usize + 1];
        self.some = vec![0; self.words_per_row * self.rows as usize];
        let mut entries = 0;
        for shape in 0..count {
            self.cells_of(
                bounds(shape),
                |low, high| columns(shape, low, high),
                |grid, row, first, last| {
                    entries += (last - first + 1) as u32;
                    for column in first..=last {
                        grid.starts[(row * grid.columns + column) as usize + 1] += 1;
                        grid.some[row as usize * grid.words_per_row + (column >> 6) as usize] |= 1 << (column & 63);
                    }
                    entries <= ENTRIES_MAX
                },
            );
            if entries > ENTRIES_MAX {
                return false;
            }
        }
        for cell in 1..self.starts.len() {
            self.starts[cell] += self.starts[cell - 1];
        }
        let mut ends = self.starts.clone();
        let mut items = vec![0; entries as usize];
        for shape in 0..count {
            self.cells_of(
                bounds(shape),
                |low, high| columns(shape, low, high),
                |grid, row, first, last| {
                    for column in first..=last {
                        let end = &mut ends[(row * grid.columns + column) as usize];
                        items[*end as usize] = shape as u32;
                        *end += 1;
                    }
                    true
                },
            );
        }
        self.items = items;
        true
    }

    /// Calls `visit` with each row that a shape meets and its first and last column there, until that says no.
    fn cells_of(
        &mut self,
        bounds: Bounds,
        columns: impl Fn(i64, i64) -> (i64, i64),
        mut visit: impl FnMut(&mut Self, i64, i64, i64) -> bool,
    ) {
        let first = self.cell_of(bounds.y0 - 1).max(0);
        let last = self.cell_of(bounds.y1 + 1).min(self.rows - 1);
        for row in first..=last {
            let low = (ORIGIN + (row << self.shift)).max(bounds.y0).min(bounds.y1);
            let high = (ORIGIN + ((row + 1) << self.shift)).max(bounds.y0).min(bounds.y1);
            let (left, right) = columns(low, high);
            let left = self.cell_of(left - 1).max(0);
            let right = self.cell_of(right + 1).min(self.columns - 1);
            if left <= right && !visit(self, row, left, right) {
                return;
            }
        }
    }

    /// The column of an x, or the row of a y.
    const fn cell_of(&self, at: i64) -> i64 {
        cell_of(at, self.shift)
    }

    pub(super) const fn shift(&self) -> u32 {
        self.shift
    }

    pub(super) const fn columns(&self) -> i64 {
        self.columns
    }

    pub(super) const fn rows(&self) -> i64 {
        self.rows
    }

    /// Whether there may be a shape within the bounds. Quick when there is none.
    pub(super) fn any(&self, bounds: Bounds) -> bool {
        let Some((left, low, right, high)) = self.range(bounds) else { return false };
        for row in low..=high {
            let words = &self.some[row as usize * self.words_per_row..][..self.words_per_row];
            let (first, last) = ((left >> 6) as usize, (right >> 6) as usize);
            for (word, bits) in words.iter().enumerate().take(last + 1).skip(first) {
                let from = if word == first { u64::MAX << (left & 63) } else { u64::MAX };
                let to = if word == last { u64::MAX >> (63 - (right & 63)) } else { u64::MAX };
                if bits & from & to != 0 {
                    return true;
                }
            }
        }
        false
    }

    /// Calls `visit` with every shape that may be within the bounds; with some of them more than once.
    pub(super) fn visit(&self, bounds: Bounds, mut visit: impl FnMut(u32)) {
        self.find(bounds, |item| {
            visit(item);
            false
        });
    }

    /// Whether `is_it` says yes to any shape that may be within the bounds.
    pub(super) fn find(&self, bounds: Bounds, mut is_it: impl FnMut(u32) -> bool) -> bool {
        let Some((left, low, right, high)) = self.range(bounds) else { return false };
        (low..=high).any(|row| (left..=right).any(|column| self.list(column, row).iter().any(|item| is_it(*item))))
    }

    /// The shapes of a cell, ascending; none outside.
    pub(super) fn list(&self, column: i64, row: i64) -> &[u32] {
        if !(0..self.columns).contains(&column) || !(0..self.rows).contains(&row) {
            return &[];
        }
        let cell = (row * self.columns + column) as usize;
        &self.items[self.starts[cell] as usize..self.starts[cell + 1] as usize]
    }

    /// The shapes of the cell that a place is in, ascending; none outside.
    pub(super) fn list_at(&self, x: i64, y: i64) -> &[u32] {
        self.list(self.cell_of(x), self.cell_of(y))
    }

    /// The cells of bounds: left, low, right, high.
    fn range(&self, bounds: Bounds) -> Option<(i64, i64, i64, i64)> {
        let left = self.cell_of(bounds.x0).max(0);
        let low = self.cell_of(bounds.y0).max(0);
        let right = self.cell_of(bounds.x1).min(self.columns - 1);
        let high = self.cell_of(bounds.y1).min(self.rows - 1);
        (left <= right && low <= high).then_some((left, low, right, high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::METRE;

    fn of_boxes(side: i32, boxes: &[Bounds]) -> Buckets {
        Buckets::new((side, side), boxes.len(), |index| boxes[index], |index, _, _| (boxes[index].x0, boxes[index].x1))
            .expect("no crowd")
    }

    #[test]
    fn every_shape_is_found_where_it_is_and_next_to_it() {
        let metre = i64::from(METRE);
        let boxes = [
            Bounds { x0: 0, y0: 0, x1: 2 * metre, y1: 2 * metre },
            Bounds { x0: 63 * metre, y0: 63 * metre, x1: 64 * metre, y1: 64 * metre },
        ];
        let buckets = of_boxes(64 * METRE, &boxes);
        for (number, found) in boxes.iter().enumerate() {
            for x in [found.x0, found.x1] {
                for y in [found.y0, found.y1] {
                    let at = Bounds::around(x, y, 0, 0);
                    assert!(buckets.any(at));
                    let mut numbers = Vec::new();
                    buckets.visit(at, |item| numbers.push(item as usize));
                    assert!(numbers.contains(&number));
                }
            }
        }
        assert!(!buckets.any(Bounds::around(30 * metre, 30 * metre, metre, metre)));
        assert!(!buckets.any(Bounds::around(-30 * metre, 30 * metre, metre, metre)));
        assert!(buckets.list(-1, 0).is_empty() && buckets.list(0, buckets.rows()).is_empty());
    }

    #[test]
    fn shapes_that_are_everywhere_make_the_grid_coarse_and_too_many_are_refused() {
        let side = 16_000 * METRE;
        let all = Bounds { x0: 0, y0: 0, x1: i64::from(side), y1: i64::from(side) };
        let buckets = of_boxes(side, &vec![all; LIST_MAX as usize]);
        assert!(buckets.items.len() <= ENTRIES_MAX as usize);
        assert_eq!(buckets.list(0, 0).len(), LIST_MAX as usize);
        let crowd = Buckets::new((side, side), LIST_MAX as usize + 1, |_| all, |_, _, _| (all.x0, all.x1));
        assert_eq!(crowd.err(), Some(LIST_MAX));
    }
}
