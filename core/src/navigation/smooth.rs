//! Any-angle paths: a path over cells pulled tight.

use super::grid::NavGrid;

/// Replaces `waypoints` by places in units of length, the middles of cells, such that straight lines between them stay on
/// free cells: from the first of `turns` to the last, at most `waypoints_max` of them, of which the last is then short of
/// the goal.
///
/// `turns` is what [`super::Search::path`] gives. The result is never longer than that, and seldom the shortest there is
/// at any angle: from each waypoint it goes to the furthest cell of the path that it sees before it first loses sight.
pub fn smooth(grid: &NavGrid, turns: &[(u32, u32)], waypoints_max: usize, waypoints: &mut Vec<(i32, i32)>) {
    waypoints.clear();
    let Some(&first) = turns.first() else { return };
    let mut from = first;
    let mut next = 1;
    while waypoints.len() < waypoints_max {
        push_pulled(grid, waypoints, grid.centre_of(from));
        if next >= turns.len() {
            return;
        }
        // A turn follows the one before in sight, so at least that much is gained.
        let mut seen = next;
        while seen + 1 < turns.len() && sees(grid, from, turns[seen + 1]) {
            seen += 1;
        }
        from = match turns.get(seen + 1) {
            Some(&beyond) => furthest_seen(grid, from, turns[seen], beyond),
            None => turns[seen],
        };
        next = seen + 1;
    }
}

/// The last cell in sight on the way from one cell that is to one that is not, found by halving: the first change between
/// seen and hidden that it comes upon, as there may be several.
fn furthest_seen(grid: &NavGrid, from: (u32, u32), seen: (u32, u32), hidden: (u32, u32)) -> (u32, u32) {
    let steps = seen.0.abs_diff(hidden.0).max(seen.1.abs_diff(hidden.1));
    let along = |from: u32, to: u32, step: u32| match to.cmp(&from) {
        core::cmp::Ordering::Less => from - step,
        core::cmp::Ordering::Equal => from,
        core::cmp::Ordering::Greater => from + step,
    };
    let cell = |step: u32| (along(seen.0, hidden.0, step), along(seen.1, hidden.1, step));
    let (mut low, mut high) = (0, steps);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if sees(grid, from, cell(middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    cell(low)
}

/// Adds a waypoint, instead of the one before if it is in sight of the one before that.
fn push_pulled(grid: &NavGrid, waypoints: &mut Vec<(i32, i32)>, place: (i32, i32)) {
    if let [.., before, _] = waypoints[..]
        && grid.is_clear(before, place)
    {
        waypoints.pop();
    }
    waypoints.push(place);
}

fn sees(grid: &NavGrid, from: (u32, u32), to: (u32, u32)) -> bool {
    grid.is_clear(grid.centre_of(from), grid.centre_of(to))
}
