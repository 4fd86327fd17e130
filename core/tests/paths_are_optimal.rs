//! Goal: a path costs as little as any, cuts no corner, is the same however its search is cut into pieces, and gets
//! shorter and stays clear when it is smoothed.
//! Method: thousands of small random grids of all shapes and densities, and larger ones with rooms, against a plain
//! Dijkstra search whose costs are pairs of counts compared exactly.

use std::cmp::Ordering;

use muster_core::navigation::{NavGrid, Progress, Search, smooth};

/// Straight and diagonal steps.
type Cost = (i64, i64);

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((((mixed ^ (mixed >> 31)) >> 32) * u64::from(bound)) >> 32) as u32
    }
}

/// The sign of a - b without rounding: p + q sqrt 2.
fn compare(a: Cost, b: Cost) -> Ordering {
    let (p, q) = (a.0 - b.0, a.1 - b.1);
    match (p.signum(), q.signum()) {
        (0, 0) => Ordering::Equal,
        (p, q) if p >= 0 && q >= 0 => Ordering::Greater,
        (p, q) if p <= 0 && q <= 0 => Ordering::Less,
        (1, _) => (p * p).cmp(&(2 * q * q)),
        _ => (2 * q * q).cmp(&(p * p)),
    }
}

fn free(grid: &NavGrid, x: i64, y: i64) -> bool {
    x >= 0 && y >= 0 && !grid.is_blocked(x as u32, y as u32)
}

/// Whether a step from (x, y) is one that the rules allow.
fn allowed(grid: &NavGrid, (x, y): (i64, i64), (dx, dy): (i64, i64)) -> bool {
    free(grid, x + dx, y + dy) && free(grid, x + dx, y) && free(grid, x, y + dy)
}

/// Checks that a smoothed path keeps its ends, is clear, and is not longer than the cells that it comes from.
fn check_smooth(grid: &NavGrid, path: &[(u32, u32)], cost: Cost) {
    let mut waypoints = Vec::new();
    smooth(grid, path, usize::MAX, &mut waypoints);
    let ends = |cell: Option<&(u32, u32)>| cell.map(|cell| grid.centre_of(*cell));
    assert_eq!((waypoints.first().copied(), waypoints.last().copied()), (ends(path.first()), ends(path.last())));
    assert!(waypoints.len() <= path.len());
    let mut length = 0.0;
    for pair in waypoints.windows(2) {
        assert!(grid.is_clear(pair[0], pair[1]), "{pair:?} of {waypoints:?}\n{grid:?}");
        length += f64::hypot((pair[0].0 - pair[1].0).into(), (pair[0].1 - pair[1].1).into());
    }
    let side = f64::from(1u32 << grid.cell_shift());
    let whole = (cost.0 as f64 + cost.1 as f64 * std::f64::consts::SQRT_2) * side;
    assert!(length <= whole + 1.0, "{length} for {whole}");
    for limit in 0..waypoints.len() {
        let mut short = Vec::new();
        smooth(grid, path, limit, &mut short);
        assert!(short.len() <= limit && short.windows(2).all(|pair| grid.is_clear(pair[0], pair[1])));
    }
}

/// Costs of all cells from one.
fn dijkstra(grid: &NavGrid, from: (u32, u32)) -> Vec<Option<Cost>> {
    let (width, height) = (i64::from(grid.width()), i64::from(grid.height()));
    let index = |x: i64, y: i64| (y * width + x) as usize;
    let mut best: Vec<Option<Cost>> = vec![None; (width * height) as usize];
    let mut done = vec![false; best.len()];
    let mut open = Vec::new();
    if !grid.is_blocked(from.0, from.1) {
        best[index(from.0.into(), from.1.into())] = Some((0, 0));
        open.push((i64::from(from.0), i64::from(from.1)));
    }
    while !open.is_empty() {
        let cost = |&(x, y): &(i64, i64)| best[index(x, y)].expect("what is open has a cost");
        let next = (0..open.len()).min_by(|&a, &b| compare(cost(&open[a]), cost(&open[b]))).expect("some are open");
        let (x, y) = open.swap_remove(next);
        if std::mem::replace(&mut done[index(x, y)], true) {
            continue;
        }
        let (straight, diagonal) = cost(&(x, y));
        for (dx, dy) in [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)] {
            if !allowed(grid, (x, y), (dx, dy)) {
                continue;
            }
            let cost = if dx == 0 || dy == 0 { (straight + 1, diagonal) } else { (straight, diagonal + 1) };
            let known = &mut best[index(x + dx, y + dy)];
            if known.is_none_or(|known| compare(cost, known) == Ordering::Less) {
                *known = Some(cost);
                open.push((x + dx, y + dy));
            }
        }
    }
    best
}

/// Walks a path step by step, checks every step, and says what it costs.
fn walk(grid: &NavGrid, path: &[(u32, u32)], from: (u32, u32), to: (u32, u32)) -> Cost {
    assert_eq!((path.first(), path.last()), (Some(&from), Some(&to)));
    let mut cost = (0, 0);
    let mut heading = (0, 0);
    for pair in path.windows(2) {
        let [(mut x, mut y), (end_x, end_y)] = [pair[0], pair[1]].map(|(x, y)| (i64::from(x), i64::from(y)));
        let (dx, dy) = ((end_x - x).signum(), (end_y - y).signum());
        assert!((dx, dy) != (0, 0) && (dx, dy) != heading, "waypoints are where the path turns: {path:?}");
        heading = (dx, dy);
        while (x, y) != (end_x, end_y) {
            assert!(allowed(grid, (x, y), (dx, dy)), "{path:?} goes through a wall or a corner at {x}, {y}\n{grid:?}");
            (x, y) = (x + dx, y + dy);
            if dx == 0 || dy == 0 { cost.0 += 1 } else { cost.1 += 1 }
        }
    }
    cost
}

fn random_grid(random: &mut Random, side_max: u32) -> NavGrid {
    let (width, height) = (1 + random.below(side_max), 1 + random.below(side_max));
    let mut grid = NavGrid::new(width, height, 14).expect("a valid size");
    let density = random.below(60);
    for y in 0..height {
        for x in 0..width {
            grid.set_blocked(x, y, random.below(100) < density);
        }
    }
    // Some walls, so that there are long detours too.
    for _ in 0..random.below(4) {
        let (at, gap, across) =
            (random.below(width.max(height)), random.below(width.max(height)), random.below(2) == 0);
        for along in (0..width.max(height)).filter(|along| along.abs_diff(gap) > 1) {
            let (x, y) = if across { (along, at) } else { (at, along) };
            grid.set_blocked(x, y, true);
        }
    }
    grid
}

fn check(grid: &NavGrid, random: &mut Random, searches: u32) {
    let mut search = Search::new(grid);
    let (mut path, mut again) = (Vec::new(), Vec::new());
    for _ in 0..searches {
        let mut cell = || (random.below(grid.width()), random.below(grid.height()));
        let (from, to) = (cell(), cell());
        let truth = dijkstra(grid, from)[(to.1 * grid.width() + to.0) as usize];
        search.begin(from, to);
        let progress = search.advance(grid, u64::MAX);
        search.path(&mut path);
        let whole = search.expansions();
        match truth {
            None => {
                assert!(progress == Progress::None && path.is_empty() && whole == 0, "{from:?} to {to:?}\n{grid:?}");
            }
            Some(truth) => {
                assert_eq!(progress, Progress::Found, "{from:?} to {to:?}\n{grid:?}");
                assert_eq!(walk(grid, &path, from, to), truth, "{from:?} to {to:?} by {path:?}\n{grid:?}");
                check_smooth(grid, &path, truth);
            }
        }
        // The same in pieces, in memory that has been used.
        search.begin(from, to);
        let progress_again = loop {
            match search.advance(grid, random.below(4).into()) {
                Progress::More => {}
                end => break end,
            }
        };
        search.path(&mut again);
        assert_eq!((progress_again, &again, search.expansions()), (progress, &path, whole));
    }
}

#[test]
fn on_small_grids() {
    for seed in 0..3000 {
        let random = &mut Random(seed);
        check(&random_grid(random, 12), random, 6);
    }
}

#[test]
fn on_grids_wider_than_a_word() {
    for seed in 0..40 {
        let random = &mut Random(seed);
        check(&random_grid(random, 150), random, 3);
    }
}

#[test]
fn over_ways_so_long_that_costs_wrap() {
    // Corridors of three rows and 4,096 columns, one after the other from alternating ends, with obstacles in them.
    for seed in 0..3 {
        let random = &mut Random(seed);
        let mut grid = NavGrid::new(4096, 63, 14).expect("a valid size");
        for y in (3..63).step_by(4) {
            let gap = if y % 8 == 3 { 4093 } else { 0 };
            (0..4096).filter(|x| !(gap..gap + 3).contains(x)).for_each(|x| grid.set_blocked(x, y, true));
        }
        for _ in 0..20_000 {
            // No two in the same four columns, so that one always gets past.
            let (x, y) = (random.below(1020) * 4 + 8, random.below(16) * 4);
            if (y..y + 3).all(|y| !grid.is_blocked(x, y)) {
                grid.set_blocked(x, y + random.below(3), true);
            }
        }
        let (from, to) = ((random.below(8), random.below(3)), (4090, 60));
        let truth = dijkstra(&grid, from)[(to.1 * grid.width() + to.0) as usize];
        assert!(truth.is_some_and(|(straight, diagonal)| straight + diagonal > 1 << 15));
        let mut search = Search::new(&grid);
        for (from, to) in [(from, to), (to, from)] {
            search.begin(from, to);
            assert_eq!(search.advance(&grid, u64::MAX), Progress::Found);
            let mut path = Vec::new();
            search.path(&mut path);
            assert_eq!(Some(walk(&grid, &path, from, to)), truth);
        }
    }
}

#[test]
fn between_blocked_cells_and_cells_outside_there_is_none() {
    let mut grid = NavGrid::new(5, 4, 14).expect("a valid size");
    grid.set_blocked(2, 2, true);
    let mut search = Search::new(&grid);
    for (from, to) in [((2, 2), (0, 0)), ((0, 0), (2, 2)), ((2, 2), (2, 2)), ((0, 0), (5, 0)), ((0, u32::MAX), (0, 0))]
    {
        search.begin(from, to);
        assert_eq!(search.advance(&grid, 1), Progress::None);
        let mut path = vec![(1, 1)];
        search.path(&mut path);
        assert_eq!(path, []);
    }
    search.begin((1, 1), (1, 1));
    assert_eq!((search.advance(&grid, 0), search.expansions()), (Progress::Found, 0));
}
