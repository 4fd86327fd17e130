//! Straight lines over the grid.

use super::grid::{Bitmap, NavGrid};

impl NavGrid {
    /// Whether the straight line between two places, in units of length, touches free cells only. A line through the
    /// corner where four cells meet touches all four, so nobody cuts a corner by it. Both ways the answer is the same.
    pub fn is_clear(&self, from: (i32, i32), to: (i32, i32)) -> bool {
        if self.cell_of(from.0, from.1).is_none() || self.cell_of(to.0, to.1).is_none() {
            return false;
        }
        if from.0.abs_diff(to.0) >= from.1.abs_diff(to.1) {
            is_clear_along(self.rows(), self.cell_shift(), from, to)
        } else {
            is_clear_along(self.columns(), self.cell_shift(), (from.1, from.0), (to.1, to.0))
        }
    }
}

/// Takes the line apart where it crosses from one line of cells to the next. Places are (along the lines, across them).
fn is_clear_along(lines: &Bitmap, shift: u32, a: (i32, i32), b: (i32, i32)) -> bool {
    let ((from, base), (to, top)) = if (a.1, a.0) <= (b.1, b.0) { (a, b) } else { (b, a) };
    let (along, across) = (i64::from(to) - i64::from(from), i64::from(top) - i64::from(base));
    let last = top >> shift;
    let mut enters = (from >> shift, from >> shift);
    for line in base >> shift..=last {
        let leaves = if line == last {
            (to >> shift, to >> shift)
        } else {
            // Both factors are below 2^31, and `across` is not 0, as there is a line after this one.
            let part = ((i64::from(line + 1) << shift) - i64::from(base)) * along;
            let place = (i64::from(from) + part.div_euclid(across)) as i32;
            let at_corner = part.rem_euclid(across) == 0 && place.trailing_zeros() >= shift;
            ((place >> shift) - i32::from(at_corner), place >> shift)
        };
        let (first, end) = (enters.0.min(leaves.0), enters.1.max(leaves.1));
        if lines.any_set((first + 1) as u32, (end + 1) as u32, (line + 1) as u32) {
            return false;
        }
        enters = leaves;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a line touches a square, edges included: neither lies beside the other along x, y or across the line.
    fn touches((ax, ay): (i64, i64), (bx, by): (i64, i64), (left, low): (i64, i64), side: i64) -> bool {
        let (right, high) = (left + side, low + side);
        let beside = |from: i64, to: i64, start: i64, end: i64| from.max(to) < start || from.min(to) > end;
        let turns = [(left, low), (right, low), (left, high), (right, high)]
            .map(|(x, y)| ((bx - ax) * (y - ay) - (by - ay) * (x - ax)).signum());
        // A line without length has all corners on it.
        let across = turns.iter().any(|turn| *turn != turns[0]) || turns == [0; 4];
        across && !beside(ax, bx, left, right) && !beside(ay, by, low, high)
    }

    #[test]
    fn a_line_is_clear_when_it_touches_no_blocked_square() {
        let (width, height, shift) = (9u32, 7u32, 3);
        let mut state = 1u64;
        let mut random = |bound: u32| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            ((state >> 33) % u64::from(bound)) as u32
        };
        let mut clear = 0;
        for _ in 0..300 {
            let mut grid = NavGrid::new(width, height, shift).expect("a valid size");
            (0..random(12)).for_each(|_| grid.set_blocked(random(width), random(height), true));
            for round in 0..60 {
                // Centres, between which many lines meet corners, and other places that are on no edge.
                let mut place =
                    |cells: u32| ((random(cells) << shift) + if round % 2 == 0 { 4 } else { 1 + random(7) }) as i32;
                let (from, to) = ((place(width), place(height)), (place(width), place(height)));
                let wide = |(x, y): (i32, i32)| (i64::from(x), i64::from(y));
                let blocked = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).any(|(x, y)| {
                    let corner = (i64::from(x) << shift, i64::from(y) << shift);
                    grid.is_blocked(x, y) && touches(wide(from), wide(to), corner, 1 << shift)
                });
                assert_eq!(grid.is_clear(from, to), !blocked, "{from:?} to {to:?}\n{grid:?}");
                assert_eq!(grid.is_clear(to, from), !blocked);
                clear += u32::from(!blocked);
            }
        }
        assert!((2000..16_000).contains(&clear), "both answers must come up often, and {clear} of 18,000 were clear");
    }

    #[test]
    fn lines_over_the_largest_grid_do_not_overflow() {
        let mut grid = NavGrid::new(4096, 4096, 18).expect("a valid size");
        let (low, high) = (1, (1 << 30) - 1);
        assert!(grid.is_clear((low, low), (high, high)) && grid.is_clear((low, high), (high, low + 5)));
        assert!(!grid.is_clear((low, low), (1 << 30, low)) && !grid.is_clear((-1, low), (low, low)));
        grid.set_blocked(2048, 2047, true);
        assert!(!grid.is_clear((low, low), (high, high)));
    }
}
