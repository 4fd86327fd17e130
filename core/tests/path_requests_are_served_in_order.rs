//! Goal: a navigator spends no more than its budget on average, answers in the order that its rules say, keeps paths that
//! are used and drops the longest unused one, and is the same after it was saved in the middle of anything.
//! Method: one driver with random requests and releases runs a navigator tick by tick; a second one, saved and decoded at
//! every tick, must give the same answers in the same ticks with the same digest. Saved bytes are also cut and altered.

use muster_core::{
    navigation::{Answer, Limits, NavGrid, Navigator, Paths, QueueFull},
    snapshot::{Fault, Reader, RestoreError, Writer},
};

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

const LIMITS: Limits = Limits { requests_max: 32, paths_max: 12, expansions_per_tick: 150 };

fn scattered(seed: u64, side: u32) -> NavGrid {
    let random = &mut Random(seed);
    let mut grid = NavGrid::new(side, side, 15).expect("a valid size");
    (0..side * side / 4).for_each(|_| grid.set_blocked(random.below(side), random.below(side), true));
    grid
}

/// A grid with nothing in it, where every path is one line.
fn open() -> NavGrid {
    NavGrid::new(40, 40, 15).expect("a valid size")
}

fn answers(navigator: &mut Navigator) -> Vec<Answer> {
    std::iter::from_fn(|| navigator.poll_answer()).collect()
}

fn saved(navigator: &Navigator) -> Vec<u8> {
    let mut bytes = Vec::new();
    navigator.encode(&mut Writer::new(&mut bytes));
    bytes
}

/// A navigator from bytes of which none are left.
fn restored(bytes: &[u8], grid: &NavGrid, limits: Limits) -> Result<Navigator, RestoreError> {
    let mut reader = Reader::new(bytes, "paths");
    let navigator = Navigator::decode(&mut reader, grid, limits)?;
    reader.finish().map(|()| navigator)
}

/// Requests and releases of one tick. `held` are references that answers came with.
fn drive(navigator: &mut Navigator, random: &mut Random, held: &mut Vec<u32>) -> Vec<Answer> {
    let side = 60;
    for _ in 0..random.below(4) {
        // Few different ends, so that some are asked for again.
        let mut cell = || (random.below(4) * 17, random.below(3) * 27);
        let (from, to) = (cell(), cell());
        let refused = navigator.request(random.below(1000).into(), from, to) == Err(QueueFull);
        assert!(!refused || navigator.waiting() >= 20, "a queue with {} is not full", navigator.waiting());
    }
    navigator.work(&scattered(5, side));
    let answers = if random.below(5) == 0 { Vec::new() } else { answers(navigator) };
    held.extend(answers.iter().filter_map(|answer| answer.path));
    while held.len() > 10 || (!held.is_empty() && random.below(3) == 0) {
        let handle = held.swap_remove(random.below(held.len() as u32) as usize);
        assert!(navigator.paths_mut().release(handle));
    }
    answers
}

#[test]
fn saving_at_every_tick_changes_no_answer_and_no_tick() {
    let grid = scattered(5, 60);
    for seed in 0..4 {
        let (mut plain, mut reloaded) = (Navigator::new(&grid, LIMITS), Navigator::new(&grid, LIMITS));
        let (mut random, mut random_too) = (Random(seed), Random(seed));
        let (mut held, mut held_too) = (Vec::new(), Vec::new());
        let (mut found, mut in_progress) = (0, 0);
        for tick in 0..300 {
            let expected = drive(&mut plain, &mut random, &mut held);
            assert_eq!(drive(&mut reloaded, &mut random_too, &mut held_too), expected, "seed {seed}, tick {tick}");
            let bytes = saved(&plain);
            assert_eq!(saved(&reloaded), bytes, "seed {seed}, tick {tick}");
            reloaded = restored(&bytes, &grid, LIMITS).expect("what was encoded decodes");
            assert_eq!((saved(&reloaded), reloaded.digest()), (bytes, plain.digest()), "seed {seed}, tick {tick}");
            found += expected.iter().filter(|answer| answer.path.is_some()).count();
            in_progress += u32::from(plain.waiting() > 0);
        }
        assert!(found > 100 && in_progress > 50, "{found} found, {in_progress} ticks with a search going on");
        assert!(plain.counters().cached > 0 && plain.counters().unstored > 0, "{:?}", plain.counters());
    }
}

#[test]
fn work_is_spread_over_ticks_and_never_more_than_the_budget_on_average() {
    let grid = scattered(8, 200);
    let ticks_for = |expansions_per_tick: u32| {
        let limits = Limits { requests_max: 64, paths_max: 64, expansions_per_tick };
        let mut navigator = Navigator::new(&grid, limits);
        for requester in 0..40 {
            let along = requester as u32 * 3;
            navigator.request(requester, (along, 2), (199 - along, 190)).expect("there is room");
        }
        let (mut paths, mut ticks) = (Vec::new(), 0u64);
        while navigator.waiting() > 0 {
            navigator.work(&grid);
            ticks += 1;
            for answer in answers(&mut navigator) {
                paths.push((
                    answer.requester,
                    answer.path.map(|path| navigator.paths().waypoints(path).map(<[_]>::to_vec)),
                ));
            }
        }
        // Those without a way are answered before those that are searched for.
        paths.sort_unstable();
        (paths, ticks)
    };
    let (at_once, one_tick) = ticks_for(u32::MAX);
    let (piecewise, many_ticks) = ticks_for(500);
    assert_eq!(one_tick, 1);
    assert_eq!(at_once, piecewise);
    let (_, twice_as_many) = ticks_for(250);
    assert!(many_ticks > 20 && twice_as_many.abs_diff(2 * many_ticks) <= 2, "{many_ticks}, {twice_as_many}");
}

#[test]
fn a_known_path_is_answered_at_once() {
    let grid = open();
    let mut navigator = Navigator::new(&grid, LIMITS);
    let (from, to) = ((1, 2), (30, 17));
    for requester in [7, 8] {
        navigator.request(requester, from, to).expect("there is room");
    }
    assert_eq!(answers(&mut navigator), []);
    navigator.work(&grid);
    let expected = |requester| Answer { requester, from, to, path: Some(1) };
    assert_eq!(answers(&mut navigator), [expected(7), expected(8)]);
    navigator.request(9, from, to).expect("there is room");
    assert_eq!(answers(&mut navigator), [expected(9)]);
    assert_eq!((navigator.paths().references(1), navigator.counters().found), (Some(3), 1));
    assert_eq!(navigator.paths().waypoints(1), Some(&[grid.centre_of(from), grid.centre_of(to)][..]));
    // The way back is another path.
    navigator.request(9, to, from).expect("there is room");
    navigator.work(&grid);
    assert_eq!(answers(&mut navigator)[0].path, Some(2));
}

#[test]
fn where_there_is_no_way_is_answered_at_once() {
    let mut grid = open();
    (0..40).for_each(|x| grid.set_blocked(x, 20, true));
    let mut navigator = Navigator::new(&grid, LIMITS);
    for (from, to) in [((1, 1), (1, 30)), ((1, 20), (1, 20)), ((1, 1), (40, 1)), ((u32::MAX, 1), (1, 1))] {
        navigator.request(3, from, to).expect("there is room");
        assert_eq!(answers(&mut navigator), [Answer { requester: 3, from, to, path: None }]);
    }
    assert_eq!(navigator.counters().unreachable, 4);
}

#[test]
fn the_longest_unused_path_gives_way() {
    let grid = open();
    let mut navigator = Navigator::new(&grid, Limits { paths_max: 3, ..LIMITS });
    let find = |navigator: &mut Navigator, row: u32| {
        navigator.request(0, (0, row), (9, row)).expect("there is room");
        navigator.work(&grid);
        answers(navigator)[0].path
    };
    assert_eq!([1, 2, 3, 4].map(|row| find(&mut navigator, row)), [Some(1), Some(2), Some(3), None]);
    for handle in [2, 3, 1] {
        assert!(navigator.paths_mut().release(handle));
        assert!(!navigator.paths_mut().release(handle), "it has no reference any more");
    }
    // Asking for the path of row 2 again takes it out of the line of those that go.
    assert_eq!(find(&mut navigator, 2), Some(2));
    assert_eq!([5, 6, 7].map(|row| find(&mut navigator, row)), [Some(3), Some(1), None]);
    assert!(navigator.paths_mut().retain(2) && !navigator.paths_mut().retain(0) && !navigator.paths_mut().retain(4));
    assert_eq!(navigator.paths().references(2), Some(2));
    let evicted = find(&mut navigator, 3);
    assert_eq!(evicted, None, "the path of row 3 is gone and all places are used");
}

#[test]
fn a_full_queue_refuses() {
    let grid = open();
    let mut navigator = Navigator::new(&grid, Limits { requests_max: 2, ..LIMITS });
    assert_eq!([1, 2, 3].map(|to| navigator.request(0, (0, 0), (to, 0))), [Ok(()), Ok(()), Err(QueueFull)]);
    navigator.work(&grid);
    assert_eq!(navigator.request(0, (0, 0), (1, 0)), Err(QueueFull), "answers that nobody polls take room as well");
    assert_eq!((answers(&mut navigator).len(), navigator.counters().refused), (2, 2));
    assert_eq!(navigator.request(0, (0, 0), (3, 0)), Ok(()));
}

#[test]
fn a_path_of_very_many_waypoints_ends_early() {
    // Bars from alternating sides make the way turn back and forth, up on the left and down on the right of a wall.
    let mut grid = NavGrid::new(11, 4096, 15).expect("a valid size");
    for y in 0..4095 {
        let gap = if y % 4 == 1 { [4, 10] } else { [0, 6] };
        (0..11).filter(|x| *x == 5 || y % 2 == 1 && !gap.contains(x)).for_each(|x| grid.set_blocked(x, y, true));
    }
    let limits = Limits { requests_max: 1, paths_max: 1, expansions_per_tick: u32::MAX };
    let mut navigator = Navigator::new(&grid, limits);
    navigator.request(0, (0, 0), (10, 0)).expect("there is room");
    navigator.work(&grid);
    assert_eq!(answers(&mut navigator)[0].path, Some(1));
    assert_eq!(navigator.paths().waypoints(1).map(<[_]>::len), Some(Paths::WAYPOINTS_MAX));
    assert_eq!(navigator.counters().shortened, 1);
}

#[test]
fn bytes_that_are_no_saved_state_are_refused() {
    let grid = scattered(5, 60);
    let mut navigator = Navigator::new(&grid, LIMITS);
    let (mut random, mut held) = (Random(3), Vec::new());
    (0..40).for_each(|_| drop(drive(&mut navigator, &mut random, &mut held)));
    let bytes = saved(&navigator);
    for length in 0..bytes.len() {
        let error = restored(&bytes[..length], &grid, LIMITS).expect_err("cut");
        assert!(matches!(error.fault, Fault::Cut | Fault::Count(_)), "{error}");
    }
    let mut refused = 0;
    for round in 0..4000 {
        let mut altered = bytes.clone();
        for _ in 0..=random.below(3) {
            // Mostly among the numbers at the front, where lengths and states are.
            let bound = if round % 2 == 0 { 200.min(altered.len() as u32) } else { altered.len() as u32 };
            altered[random.below(bound) as usize] =
                [0, 1, 0x7f, 0xff, random.below(256) as u8][random.below(5) as usize];
        }
        match restored(&altered, &grid, LIMITS) {
            Err(_) => refused += 1,
            // What decodes must work.
            Ok(mut navigator) => {
                (0..3).for_each(|_| navigator.work(&grid));
                assert!(answers(&mut navigator).len() <= LIMITS.requests_max as usize);
            }
        }
    }
    assert!(refused > 500, "{refused} of 4,000 were refused");
    // Another grid and tighter limits.
    assert!(restored(&bytes, &scattered(6, 60), LIMITS).is_err());
    assert!(restored(&bytes, &grid, Limits { paths_max: 2, ..LIMITS }).is_err());
    assert!(restored(&[0xff; 4096], &grid, LIMITS).is_err());
}
