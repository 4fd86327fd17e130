//! Rays through a grid of bits, in steps as large as what is free allows.

use super::{
    ray::{Fraction, Hit, Ray},
    walk::Walk,
};

/// A pyramid of bitmaps: each bit of a level says whether any bit of a block of eight by eight of the level below is set.
/// The lowest level is the cells, the highest is one block.
///
/// **A ray goes down into a block only if something is in it.** Through open ground it takes the largest steps, and the
/// block that it is in is one word in a register.
#[derive(Clone, Debug, Default)]
pub(super) struct Overview {
    /// From the lowest up.
    levels: Vec<Level>,
}

/// Blocks of eight by eight bits, a word each: bit `8 * (row % 8) + column % 8`.
#[derive(Clone, Debug)]
struct Level {
    columns: i64,
    rows: i64,
    words: Vec<u64>,
}

/// A ray's walk at one level.
#[derive(Clone, Copy)]
struct Going {
    walk: Walk,
    /// When it came into the cell; 0 is the ray's beginning.
    since: i64,
    /// Whether it came through a vertical line.
    by_x: bool,
}

/// What came of a block.
enum Outcome {
    /// A set bit, at that time and through such a line.
    Hit(Going),
    /// The ray is over.
    Ended,
    /// It goes on outside the block.
    Left,
}

impl Overview {
    /// Over blocks of cells, so many in a row.
    pub(super) fn new(blocks: Vec<u64>, per_row: usize) -> Self {
        let (columns, rows) = (per_row as i64, (blocks.len() / per_row) as i64);
        let mut levels = vec![Level { columns, rows, words: blocks }];
        while let Some(above) = levels.last().and_then(Level::above) {
            levels.push(above);
        }
        Self { levels }
    }

    /// The word of a block of cells that is in the grid.
    pub(super) fn block(&self, column: i64, row: i64) -> u64 {
        self.levels[0].word(column, row)
    }

    /// Where a ray, relative to the grid, meets the first set cell; cells are 2^`shift` a side and closed, as walls are:
    /// see [`Ray::meets`].
    pub(super) fn meets(&self, ray: &Ray, shift: u32) -> Option<Hit> {
        let on_line = |at: i64| at & ((1 << shift) - 1) == 0;
        let cell = |at: i64| at >> shift;
        // A ray along a line touches the cells on both sides of it.
        let beside = (i64::from(ray.dx == 0 && on_line(ray.x)), i64::from(ray.dy == 0 && on_line(ray.y)));
        let along = |beside: (i64, i64)| self.follow(ray, shift, (cell(ray.x) - beside.0, cell(ray.y) - beside.1));
        let hit = along((0, 0));
        if beside == (0, 0) { hit } else { Hit::sooner(hit, along(beside)) }
    }

    /// `fixed` is the cell of a ray's beginning, which tells in which column a vertical ray stays.
    fn follow(&self, ray: &Ray, shift: u32, fixed: (i64, i64)) -> Option<Hit> {
        let top = self.levels.len() - 1;
        let mut walk = Walk::new((ray.x, ray.y), (ray.dx, ray.dy), shift + 3 * top as u32);
        if ray.is_open {
            walk.limit -= 1;
        }
        if ray.dx == 0 {
            walk.column = fixed.0 >> (3 * top);
        } else if ray.dy == 0 {
            walk.row = fixed.1 >> (3 * top);
        }
        let (columns, rows) = (8, 8);
        walk.approach(columns, rows);
        let mut going = Going { walk, since: 0, by_x: false };
        while !going.walk.is_beyond(columns, rows) {
            let is_inside = (0..columns).contains(&going.walk.column) && (0..rows).contains(&going.walk.row);
            let outcome = if is_inside { self.cross(top, &mut going, fixed) } else { self.step(top, &mut going) };
            match outcome {
                Outcome::Hit(found) => return Some(hit(ray, shift, &found)),
                Outcome::Ended => return None,
                // From one block the ray goes on outside the grid.
                Outcome::Left if is_inside => return None,
                Outcome::Left => {}
            }
        }
        None
    }

    /// Goes through the block of the cell that the ray is in.
    fn cross(&self, level: usize, going: &mut Going, fixed: (i64, i64)) -> Outcome {
        let (column, row) = (going.walk.column >> 3, going.walk.row >> 3);
        let word = self.levels[level].word(column, row);
        loop {
            let walk = &going.walk;
            if word >> (8 * (walk.row & 7) + (walk.column & 7)) & 1 != 0 {
                if level == 0 {
                    return Outcome::Hit(*going);
                }
                let outcome = self.cross(level - 1, &mut going.down(3 * (level - 1), fixed), fixed);
                if !matches!(outcome, Outcome::Left) {
                    return outcome;
                }
            }
            let outcome = self.step(level, going);
            if !matches!(outcome, Outcome::Left) {
                return outcome;
            }
            if (going.walk.column >> 3, going.walk.row >> 3) != (column, row) {
                return Outcome::Left;
            }
        }
    }

    /// Leaves one cell of a level.
    fn step(&self, level: usize, going: &mut Going) -> Outcome {
        let Walk { next_x, next_y, limit, .. } = going.walk;
        let next = next_x.min(next_y);
        if next > limit {
            return Outcome::Ended;
        }
        if next_x == next_y
            && let Some(by_x) = self.touches_at_corner(level, &going.walk)
        {
            return Outcome::Hit(Going { since: next, by_x, ..*going });
        }
        (going.since, going.by_x) = (next, next_x <= next_y);
        going.walk.step();
        Outcome::Left
    }

    /// Whether one of the three cells is set that a ray touches when it leaves a cell of some level through its corner,
    /// and if so whether by a vertical line.
    #[cold]
    fn touches_at_corner(&self, level: usize, walk: &Walk) -> Option<bool> {
        let sides = |cell: i64, step: i64| {
            let line = (if step > 0 { cell + 1 } else { cell }) << (3 * level);
            if step > 0 { (line - 1, line) } else { (line, line - 1) }
        };
        let (near_x, far_x) = sides(walk.column, walk.right);
        let (near_y, far_y) = sides(walk.row, walk.up);
        let (beside_x, beside_y) = (self.is_set(far_x, near_y), self.is_set(near_x, far_y));
        let touches = beside_x || beside_y || self.is_set(far_x, far_y);
        // With both or none beside, the axis that the ray goes along more: a time of 1 in x is one of `every_y` there.
        let flat = walk.every_y >= walk.every_x;
        touches.then_some(if beside_x == beside_y { flat } else { beside_x })
    }

    fn is_set(&self, column: i64, row: i64) -> bool {
        let cells = &self.levels[0];
        let is_inside = (0..cells.columns * 8).contains(&column) && (0..cells.rows * 8).contains(&row);
        is_inside && cells.word(column >> 3, row >> 3) >> (8 * (row & 7) + (column & 7)) & 1 != 0
    }
}

impl Level {
    /// The level above; `None` above a single block.
    fn above(&self) -> Option<Self> {
        if self.words.len() <= 1 {
            return None;
        }
        let (columns, rows) = ((self.columns + 7) / 8, (self.rows + 7) / 8);
        let mut words = vec![0; (columns * rows) as usize];
        for row in 0..self.rows {
            for column in (0..self.columns).filter(|column| self.word(*column, row) != 0) {
                words[((row >> 3) * columns + (column >> 3)) as usize] |= 1 << (8 * (row & 7) + (column & 7));
            }
        }
        Some(Self { columns, rows, words })
    }

    fn word(&self, column: i64, row: i64) -> u64 {
        self.words[(row * self.columns + column) as usize]
    }
}

impl Going {
    /// The walk at the level below. Lines that the ray reaches just when it comes into the cell are still ahead there, so
    /// that the cells on both sides of them are looked at; at the ray's beginning they are behind.
    fn down(&self, fixed_shift: usize, fixed: (i64, i64)) -> Self {
        let walk = &self.walk;
        let from = self.since.max(1);
        // How many of the seven lines within the cell are ahead: three steps of bisection, no division.
        let ahead = |next: i64, every: i64| {
            let mut lines = 0;
            for step in [4, 2, 1] {
                lines += if next - (lines + step) * every >= from { step } else { 0 };
            }
            lines
        };
        let (every_x, every_y) = (walk.every_x >> 3, walk.every_y >> 3);
        let axis = |cell: i64, step: i64, next: i64, every: i64, fixed: i64| {
            if step == 0 {
                return (fixed >> fixed_shift, next);
            }
            let lines = ahead(next, every);
            (8 * cell + if step > 0 { 7 - lines } else { lines }, next - lines * every)
        };
        let (column, next_x) = axis(walk.column, walk.right, walk.next_x, every_x, fixed.0);
        let (row, next_y) = axis(walk.row, walk.up, walk.next_y, every_y, fixed.1);
        Self { walk: Walk { column, row, next_x, next_y, every_x, every_y, ..*walk }, ..*self }
    }
}

/// The hit of a ray that came into a set cell.
fn hit(ray: &Ray, shift: u32, going: &Going) -> Hit {
    if going.since == 0 {
        let on_line = |at: i64| at & ((1 << shift) - 1) == 0;
        let normal = match (on_line(ray.x) && ray.dx != 0, on_line(ray.y) && ray.dy != 0) {
            (true, false) => ray.against_x(),
            (false, true) => ray.against_y(),
            _ => ray.against_axis(),
        };
        return Hit::at(Fraction::ZERO, normal);
    }
    // Times are scaled by the other extent: this division has no rest.
    let (along_x, along_y) = (ray.dx.abs().max(1), ray.dy.abs().max(1));
    if going.by_x {
        Hit::at(Fraction { part: going.since / along_y, whole: along_x }, ray.against_x())
    } else {
        Hit::at(Fraction { part: going.since / along_x, whole: along_y }, ray.against_y())
    }
}
