//! Goal: crowds that steer by `avoid` pass a doorway without deadlock, one way and against each other, and without being
//! pressed into each other.
//! Method: discs on a plane with a wall, all of whom aim for the middle of its door. Each tick every disc takes its velocity
//! from its eight nearest neighbours; then discs that overlap are moved apart by half the overlap each, all from the same
//! state, and the wall pushes them out. Once makes soft discs; six times makes hard ones, which get stuck more easily.
//! What neighbours know of each other is either how they steer or, which is harder, how far they got.

use muster_core::navigation::{Neighbour, Walker, avoid};

const METRE: i32 = 1 << 16;
const RADIUS: i32 = METRE * 2 / 5;
const SPEED: i32 = 3 * METRE;
const TICK_RATE_HZ: i32 = 60;
/// Discs are looked for as far as this along x, besides how near they must be. None moves so far within a tick.
const SLACK: i32 = METRE;

struct Disc {
    at: (i32, i32),
    goal: (i32, i32),
    /// As others know it.
    velocity: (i32, i32),
}

struct Crowd {
    /// Ordered by x at the beginning of each tick.
    discs: Vec<Disc>,
    /// The wall stands from -0.25 to 0.25 m; the door is its opening around y = 0.
    door: i32,
    case: Case,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    /// Whether others know a disc's velocity from how far it got, and not from how it steers.
    from_movement: bool,
    /// How often overlaps are reduced in a tick.
    rounds: u32,
}

const CASES: [Case; 3] = [
    Case { from_movement: false, rounds: 1 },
    Case { from_movement: false, rounds: 6 },
    Case { from_movement: true, rounds: 6 },
];

fn length((x, y): (i32, i32)) -> i32 {
    (i64::from(x).pow(2) + i64::from(y).pow(2)).isqrt() as i32
}

/// A vector in the direction of another.
fn along((x, y): (i32, i32), wanted: i32) -> (i32, i32) {
    let whole = i64::from(length((x, y)).max(1));
    ((i64::from(x) * i64::from(wanted) / whole) as i32, (i64::from(y) * i64::from(wanted) / whole) as i32)
}

fn within((x, y): (i32, i32), distance: i32) -> bool {
    x.abs() < distance && y.abs() < distance
}

impl Disc {
    /// How far it is behind the door; below 0 before it.
    fn passed(&self) -> i32 {
        self.at.0 * self.goal.0.signum()
    }

    fn offset(&self, other: &Self) -> (i32, i32) {
        (other.at.0 - self.at.0, other.at.1 - self.at.1)
    }
}

impl Crowd {
    fn new(door: i32, case: Case) -> Self {
        Self { discs: Vec::new(), door, case }
    }

    /// Adds discs in ranks of 14, a metre apart, from `nearest` metres before the wall on the side of `sign`.
    fn add(&mut self, count: i32, sign: i32, nearest: i32) {
        for index in 0..count {
            let (rank, file) = (index / 14, index % 14);
            let at = (sign * (nearest + rank) * METRE, file * METRE - 13 * METRE / 2 + rank * METRE / 50);
            self.discs.push(Disc { at, goal: (-sign * 40 * METRE, at.1), velocity: (0, 0) });
        }
    }

    /// Those whose distance from a disc may be below `distance`.
    fn near(&self, index: usize, distance: i32) -> impl Iterator<Item = &Disc> {
        let disc = &self.discs[index];
        let reachable = move |other: &&Disc| disc.offset(other).0.abs() < distance + SLACK;
        let before = self.discs[..index].iter().rev().take_while(reachable);
        before
            .chain(self.discs[index + 1..].iter().take_while(reachable))
            .filter(move |other| within(disc.offset(other), distance))
    }

    fn step(&mut self) {
        self.discs.sort_by_key(|disc| disc.at);
        let velocities: Vec<_> = (0..self.discs.len()).map(|index| self.steer(index)).collect();
        let before: Vec<_> = self.discs.iter().map(|disc| disc.at).collect();
        for (disc, velocity) in self.discs.iter_mut().zip(&velocities) {
            disc.at = (disc.at.0 + velocity.0 / TICK_RATE_HZ, disc.at.1 + velocity.1 / TICK_RATE_HZ);
            disc.velocity = *velocity;
        }
        (0..self.case.rounds).for_each(|_| self.part());
        for (disc, before) in self.discs.iter_mut().zip(before) {
            let moved = (disc.at.0 - before.0, disc.at.1 - before.1);
            assert!(within(moved, SLACK) && ((before.0 < 0) == (disc.at.0 < 0) || disc.at.1.abs() < self.door / 2));
            if self.case.from_movement {
                disc.velocity = (moved.0 * TICK_RATE_HZ, moved.1 * TICK_RATE_HZ);
            }
        }
    }

    fn steer(&self, index: usize) -> (i32, i32) {
        let disc = &self.discs[index];
        let aim = if disc.passed() < METRE / 4 { (disc.goal.0.signum() * METRE / 2, 0) } else { disc.goal };
        let mut near: Vec<Neighbour> = self
            .near(index, 3 * METRE)
            .map(|other| Neighbour { offset: disc.offset(other), velocity: other.velocity, radius: RADIUS })
            .collect();
        near.sort_by_cached_key(|neighbour| (length(neighbour.offset), neighbour.offset));
        near.truncate(8);
        let walker = Walker { desired: along((aim.0 - disc.at.0, aim.1 - disc.at.1), SPEED), radius: RADIUS };
        let velocity = avoid(&walker, &near);
        near.reverse();
        assert_eq!(avoid(&walker, &near), velocity, "the order of the neighbours does not matter");
        velocity
    }

    /// Moves what overlaps apart.
    fn part(&mut self) {
        let push = |index: usize| {
            let disc = &self.discs[index];
            self.near(index, 2 * RADIUS).fold((0, 0), |push, other| {
                let apart = other.offset(disc);
                let (x, y) = along(apart, (2 * RADIUS - length(apart)).max(0) / 2);
                (push.0 + x, push.1 + y)
            })
        };
        let pushes: Vec<(i32, i32)> = (0..self.discs.len()).map(push).collect();
        for (disc, push) in self.discs.iter_mut().zip(pushes) {
            // Nobody is pushed into the wall further than it can push back.
            let push = if length(push) > RADIUS / 2 { along(push, RADIUS / 2) } else { push };
            disc.at = (disc.at.0 + push.0, disc.at.1 + push.1);
            // The nearest point of the part of the wall on this side of the door.
            let (thick, side) = (METRE / 4, if disc.at.1 < 0 { -1 } else { 1 });
            let nearest = (disc.at.0.clamp(-thick, thick), disc.at.1.abs().max(self.door / 2) * side);
            let apart = (disc.at.0 - nearest.0, disc.at.1 - nearest.1);
            let (x, y) = along(apart, (RADIUS - length(apart)).max(0));
            disc.at = (disc.at.0 + x, disc.at.1 + y);
        }
    }

    /// Seconds until all are 2 m behind the door; those who are far behind it leave. `None` if it takes too long. Also by
    /// how much a disc overlaps others on average.
    fn pass(&mut self, seconds_max: i32) -> (Option<i32>, i32) {
        let (mut overlaps, mut count) = (0, 0);
        let seconds = (0..seconds_max * TICK_RATE_HZ).find_map(|tick| {
            self.step();
            for index in (0..self.discs.len()).filter(|_| tick % TICK_RATE_HZ == 0) {
                let disc = &self.discs[index];
                let overlap = self.near(index, 2 * RADIUS).map(|other| 2 * RADIUS - length(disc.offset(other))).max();
                overlaps += i64::from(overlap.unwrap_or(0).max(0));
                count += 1;
            }
            self.discs.retain(|disc| disc.passed() < 12 * METRE);
            self.discs.iter().all(|disc| disc.passed() > 2 * METRE).then_some(tick / TICK_RATE_HZ)
        });
        (seconds, (overlaps / count) as i32)
    }
}

/// Hard discs keep their distance; soft ones are pressed together no more than a third of their width.
fn overlap_max(case: Case) -> i32 {
    if case.rounds > 1 { RADIUS / 10 } else { 2 * RADIUS / 3 }
}

#[test]
fn two_hundred_one_way_through_two_metres() {
    for case in CASES {
        let mut crowd = Crowd::new(2 * METRE, case);
        crowd.add(200, -1, 3);
        let (seconds, overlap) = crowd.pass(60);
        assert!(seconds.is_some() && overlap < overlap_max(case), "{case:?}: {seconds:?} s, overlap {overlap}");
    }
}

#[test]
fn a_hundred_against_a_hundred_through_three_metres() {
    for case in CASES {
        let mut crowd = Crowd::new(3 * METRE, case);
        crowd.add(100, -1, 3);
        crowd.add(100, 1, 4);
        let (seconds, overlap) = crowd.pass(90);
        assert!(seconds.is_some() && overlap < overlap_max(case), "{case:?}: {seconds:?} s, overlap {overlap}");
    }
}

#[test]
fn without_avoidance_the_same_crowds_get_stuck() {
    // This shows that the two above can fail: here, all just walk on.
    let mut crowd = Crowd::new(3 * METRE, CASES[1]);
    crowd.add(100, -1, 3);
    crowd.add(100, 1, 4);
    let blind = (0..60 * TICK_RATE_HZ).find(|_| {
        crowd.discs.sort_by_key(|disc| disc.at);
        for disc in &mut crowd.discs {
            let aim = if disc.passed() < METRE / 4 { (disc.goal.0.signum() * METRE / 2, 0) } else { disc.goal };
            let (x, y) = along((aim.0 - disc.at.0, aim.1 - disc.at.1), SPEED / TICK_RATE_HZ);
            disc.at = (disc.at.0 + x, disc.at.1 + y);
        }
        (0..crowd.case.rounds).for_each(|_| crowd.part());
        crowd.discs.iter().all(|disc| disc.passed() > 2 * METRE)
    });
    assert_eq!(blind, None);
}
