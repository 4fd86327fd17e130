//! Where an entity is expected, from two states that both sides have.

use crate::space::angle_of;

/// Beyond so many updates nothing is expected of a movement: the entity may have stopped, turned or arrived long since.
const UPDATES_MAX: u32 = 16;

/// The times of the states.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Times {
    /// Updates from the base to the state that is told.
    lag: i32,
    /// Updates from the state before to the base.
    gap: i32,
    /// Which contexts the lag has, 0 to 3.
    pub(super) lag_class: usize,
}

/// What is expected of one entity.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Expected {
    pub(super) x: i32,
    pub(super) y: i32,
    /// How far it went from the state before to the base.
    moved: (i32, i32),
    /// How far it is expected to go: 0 if there is no state before, then none, little, some, far.
    pub(super) speed_class: usize,
}

/// The classes of [`Times::lag_class`].
pub(super) const LAGS: usize = 4;
/// The classes of [`Expected::heading`].
pub(super) const HEADINGS: usize = 3;

impl Times {
    /// `before` is `None` when there is no such state.
    pub(super) fn new(update: u32, base: u32, before: Option<u32>) -> Self {
        let lag = update.wrapping_sub(base);
        let lag_class = match lag {
            0..=1 => 0,
            2..=3 => 1,
            4..=7 => 2,
            _ => 3,
        };
        let gap = before.map_or(0, |before| base.wrapping_sub(before));
        let (lag, gap) = if lag > UPDATES_MAX || gap > UPDATES_MAX { (0, 0) } else { (lag as i32, gap as i32) };
        Self { lag, gap, lag_class }
    }

    /// Whether the state before is of use.
    pub(super) const fn has_before(self) -> bool {
        self.gap > 0
    }
}

impl Expected {
    /// Where an entity is that was at `before`, if at all, and then at `base`; in a cell with a side of `side`.
    pub(super) fn new(base: (u16, u16), before: Option<(u16, u16)>, times: Times, side: i32) -> Self {
        let (x, y) = (i32::from(base.0), i32::from(base.1));
        let Some(before) = before else { return Self { x, y, moved: (0, 0), speed_class: 0 } };
        let moved = (x - i32::from(before.0), y - i32::from(before.1));
        let (ahead_x, ahead_y) = (scale(moved.0, times), scale(moved.1, times));
        let speed_class = match ahead_x.abs().max(ahead_y.abs()) {
            0 => 1,
            1..8 => 2,
            8..32 => 3,
            _ => 4,
        };
        let inside = |at: i32| at.clamp(0, side - 1);
        Self { x: inside(x + ahead_x), y: inside(y + ahead_y), moved, speed_class }
    }

    /// 1, or -1 for one that goes left: differences along the way are told as ahead or behind.
    pub(super) const fn sign_x(&self) -> i32 {
        if self.moved.0 < 0 { -1 } else { 1 }
    }

    /// 1, or -1 for one that goes down.
    pub(super) const fn sign_y(&self) -> i32 {
        if self.moved.1 < 0 { -1 } else { 1 }
    }

    /// The heading that is expected of one that is `went` from its base, and the class of how: one that looked where it went
    /// does so again.
    pub(super) fn heading(&self, base: u8, went: (i32, i32)) -> (u8, usize) {
        if self.moved == (0, 0) || went == (0, 0) {
            return (base, 0);
        }
        let way = direction(self.moved);
        if way.wrapping_sub(base).cast_signed().unsigned_abs() > 12 {
            return (base, 1);
        }
        (direction(went), 2)
    }
}

/// A way at the speed of the gap, over the lag, rounded away from zero at half.
const fn scale(way: i32, times: Times) -> i32 {
    let ahead = way * times.lag;
    let half = if ahead < 0 { -times.gap } else { times.gap };
    (2 * ahead + half) / (2 * times.gap)
}

/// In 256ths of a turn, to the nearest.
fn direction(way: (i32, i32)) -> u8 {
    (angle_of(way.0, way.1).wrapping_add(128) >> 8) as u8
}
