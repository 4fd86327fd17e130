//! The navigation grid: which cells of a map can be walked on.

use core::fmt;

use crate::hash::Chain;

/// Which cells of a map are blocked.
///
/// Cells are squares whose side is a power of two of the unit of length; cell (0, 0) has the map's lower left corner as
/// its own, and all places are map-local. **Everything outside the grid is blocked**: both bitmaps carry a border of
/// blocked bits, so that a scan along a row or a column always ends without looking at where the grid does.
#[derive(Clone, PartialEq, Eq)]
pub struct NavGrid {
    width: u32,
    height: u32,
    cell_shift: u32,
    rows: Bitmap,
    /// The same bits with x and y exchanged, so that columns are scanned a word at a time too.
    columns: Bitmap,
}

/// Why there is no such grid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GridError {
    /// The width or the height is 0 or above [`NavGrid::SIDE_MAX`].
    Size,
    /// Cells have no middle, or the grid would be 2^31 units of length or more wide or high.
    CellShift,
}

/// Lines of bits with a border of set bits: bit `i` of line `k` is bit `i + 1` of the words of line `k + 1`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Bitmap {
    words: Vec<u64>,
    words_per_line: usize,
}

impl NavGrid {
    /// Most cells a side.
    pub const SIDE_MAX: u32 = 4096;

    /// A grid without blocked cells, `width` by `height` cells of 1 to [`Self::SIDE_MAX`], each 2^`cell_shift` units of
    /// length wide and high.
    ///
    /// # Errors
    /// When the numbers of cells or the length of the whole are out of range.
    pub fn new(width: u32, height: u32, cell_shift: u32) -> Result<Self, GridError> {
        let sides = 1..=Self::SIDE_MAX;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(GridError::Size);
        }
        if !(1..=30).contains(&cell_shift) || u64::from(width.max(height)) << cell_shift > i32::MAX as u64 {
            return Err(GridError::CellShift);
        }
        Ok(Self { width, height, cell_shift, rows: Bitmap::new(width, height), columns: Bitmap::new(height, width) })
    }

    /// Cells from left to right.
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Cells from bottom to top.
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// The side of a cell is 2 to the power of this, in units of length.
    pub const fn cell_shift(&self) -> u32 {
        self.cell_shift
    }

    /// Makes a cell blocked or free. Cells outside stay as they are: blocked.
    pub fn set_blocked(&mut self, x: u32, y: u32, blocked: bool) {
        if self.has(x, y) {
            self.rows.set(x, y, blocked);
            self.columns.set(y, x, blocked);
        }
    }

    /// Whether a cell is blocked. Cells outside are.
    pub fn is_blocked(&self, x: u32, y: u32) -> bool {
        !self.has(x, y) || self.rows.is_set(x, y)
    }

    /// The cell that a place in units of length is in; `None` outside the grid.
    pub fn cell_of(&self, x: i32, y: i32) -> Option<(u32, u32)> {
        let cell = (u32::try_from(x).ok()? >> self.cell_shift, u32::try_from(y).ok()? >> self.cell_shift);
        self.has(cell.0, cell.1).then_some(cell)
    }

    /// The free cell nearest to one, itself if it is free, at most `reach` rows and columns away. Of equally near ones the
    /// lowest and then the leftmost.
    pub fn nearest_free(&self, cell: (u32, u32), reach: u32) -> Option<(u32, u32)> {
        let around = |at: u32| at.saturating_sub(reach)..=at.saturating_add(reach);
        let cells = around(cell.1).flat_map(|y| around(cell.0).map(move |x| (x, y)));
        let distance = |(x, y): &(u32, u32)| {
            let (off_x, off_y) = (u64::from(x.abs_diff(cell.0)), u64::from(y.abs_diff(cell.1)));
            off_x * off_x + off_y * off_y
        };
        // min_by_key keeps the first of equals.
        cells.filter(|(x, y)| !self.is_blocked(*x, *y)).min_by_key(distance)
    }

    /// The middle of a cell in units of length; of the nearest cell, if it is outside the grid.
    pub fn centre_of(&self, cell: (u32, u32)) -> (i32, i32) {
        let half = (1 << self.cell_shift) / 2;
        let along = |index: u32, cells: u32| ((index.min(cells - 1) << self.cell_shift) + half) as i32;
        (along(cell.0, self.width), along(cell.1, self.height))
    }

    /// A hash of everything in the grid, the same on every machine.
    pub fn hash(&self) -> u64 {
        let mut digest = Chain::new();
        digest.u64(u64::from(self.width) << 32 | u64::from(self.height));
        digest.u64(u64::from(self.cell_shift));
        self.rows.words.iter().for_each(|word| digest.u64(*word));
        digest.finish()
    }

    const fn has(&self, x: u32, y: u32) -> bool {
        x < self.width && y < self.height
    }

    /// A line for each y, with a bit for each x.
    pub(super) const fn rows(&self) -> &Bitmap {
        &self.rows
    }

    /// A line for each x, with a bit for each y.
    pub(super) const fn columns(&self) -> &Bitmap {
        &self.columns
    }
}

impl Bitmap {
    fn new(bits: u32, lines: u32) -> Self {
        let words_per_line = (bits as usize + 2).div_ceil(64);
        let words = vec![u64::MAX; words_per_line * (lines as usize + 2)];
        let mut map = Self { words, words_per_line };
        for line in 0..lines {
            (0..bits).for_each(|bit| map.set(bit, line, false));
        }
        map
    }

    const fn place(&self, bit: u32, line: u32) -> (usize, u64) {
        let (bit, line) = (bit as usize + 1, line as usize + 1);
        (line * self.words_per_line + bit / 64, 1 << (bit % 64))
    }

    fn set(&mut self, bit: u32, line: u32, value: bool) {
        let (word, mask) = self.place(bit, line);
        if value {
            self.words[word] |= mask;
        } else {
            self.words[word] &= !mask;
        }
    }

    fn is_set(&self, bit: u32, line: u32) -> bool {
        self.is_set_bit(bit + 1, line + 1)
    }

    /// By the place in the words, border included.
    #[inline]
    pub(super) fn is_set_bit(&self, bit: u32, line: u32) -> bool {
        self.words[line as usize * self.words_per_line + (bit / 64) as usize] >> (bit % 64) & 1 != 0
    }

    /// All words, line after line, and how many a line has. A line of border is first.
    pub(super) fn words(&self) -> (&[u64], usize) {
        (&self.words, self.words_per_line)
    }
}

impl fmt::Debug for NavGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} by {} cells of 2^{}", self.width, self.height, self.cell_shift)?;
        for y in (0..self.height).rev() {
            let row: String = (0..self.width).map(|x| if self.is_blocked(x, y) { '#' } else { '.' }).collect();
            writeln!(f, "{row}")?;
        }
        Ok(())
    }
}

impl fmt::Display for GridError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "a grid has 1 to 4096 cells a side",
            Self::CellShift => "cells are 2 units of length a side or more, and a grid is less than 2^31",
        })
    }
}

impl core::error::Error for GridError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_outside_is_blocked_and_stays_so() {
        for (width, height) in [(1, 1), (62, 3), (63, 64), (64, 65), (4096, 1), (1, 4096)] {
            let mut grid = NavGrid::new(width, height, 15).expect("a valid size");
            assert!(!grid.is_blocked(0, 0) && !grid.is_blocked(width - 1, height - 1));
            let fresh = grid.clone();
            for (x, y) in [(width, 0), (0, height), (u32::MAX, 0), (0, u32::MAX), (width, height)] {
                grid.set_blocked(x, y, false);
                assert!(grid.is_blocked(x, y), "({x}, {y}) of {width} by {height}");
            }
            assert_eq!(grid, fresh);
            grid.set_blocked(width - 1, height - 1, true);
            assert!(grid.is_blocked(width - 1, height - 1));
            assert!(grid.columns.is_set(height - 1, width - 1));
            assert_ne!(grid.hash(), fresh.hash());
        }
    }

    #[test]
    fn places_and_cells_agree() {
        let grid = NavGrid::new(10, 20, 14).expect("a valid size");
        assert_eq!(grid.cell_of(0, 0), Some((0, 0)));
        assert_eq!(grid.cell_of((10 << 14) - 1, (20 << 14) - 1), Some((9, 19)));
        for (x, y) in [(-1, 0), (0, -1), (10 << 14, 0), (0, 20 << 14), (i32::MAX, i32::MIN)] {
            assert_eq!(grid.cell_of(x, y), None);
        }
        for cell in [(0, 0), (9, 19), (3, 7)] {
            let (x, y) = grid.centre_of(cell);
            assert_eq!(grid.cell_of(x, y), Some(cell));
        }
        assert_eq!(grid.centre_of((1, 2)), (3 << 13, 5 << 13));
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        for (width, height, shift, error) in [
            (0, 1, 14, GridError::Size),
            (1, 4097, 14, GridError::Size),
            (u32::MAX, 1, 0, GridError::Size),
            (4096, 1, 19, GridError::CellShift),
            (1, 1, 0, GridError::CellShift),
            (1, 1, 31, GridError::CellShift),
            (1, 1, u32::MAX, GridError::CellShift),
        ] {
            assert_eq!(NavGrid::new(width, height, shift).err(), Some(error));
        }
        assert!(NavGrid::new(4096, 4096, 18).is_ok());
    }
}
