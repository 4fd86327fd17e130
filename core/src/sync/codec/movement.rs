//! Where an entity is expected, from two states that both sides have.

use crate::space::{cos_q15, sin_q15};

/// Beyond so many updates nothing is expected of a movement: the entity may have stopped, turned or arrived long since.
const UPDATES_MAX: u32 = 16;

/// What turns faster, in 256ths of a turn an update, tumbles: its way does not turn along.
const TURN_MAX: i32 = 10;

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

/// What is known of one entity's movement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Movement {
    base: Pose,
    /// How far it went from the state before to the base.
    moved: (i32, i32),
    /// How far it turned.
    turned: i32,
    /// How far it is expected to go: 0 if there is no state before, then none, little, some, far.
    pub(super) speed_class: usize,
    /// How far it is expected to turn: not, little, far.
    pub(super) turn_class: usize,
}

/// Where an entity is and which way it faces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Pose {
    pub(super) x: u16,
    pub(super) y: u16,
    pub(super) heading: u8,
}

/// The classes of [`Times::lag_class`].
pub(super) const LAGS: usize = 4;
/// The classes of [`Movement::turn_class`].
pub(super) const TURNS: usize = 6;

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

impl Movement {
    /// Of one that was at `before`, if at all, and then at `base`.
    pub(super) fn new(base: Pose, before: Option<Pose>, times: Times) -> Self {
        let Some(before) = before else { return Self { base, ..Self::default() } };
        let moved = (i32::from(base.x) - i32::from(before.x), i32::from(base.y) - i32::from(before.y));
        let turned = i32::from(base.heading.wrapping_sub(before.heading).cast_signed());
        let far = |way: i32| (way * times.lag).abs();
        let speed_class = match far(moved.0).max(far(moved.1)) / times.gap {
            0 => 1,
            1..8 => 2,
            8..32 => 3,
            _ => 4,
        };
        let turn_class = match far(turned) / times.gap {
            0 => 0,
            1 => 1,
            2 => 2,
            3..5 => 3,
            5..9 => 4,
            _ => 5,
        };
        Self { base, moved, turned, speed_class, turn_class }
    }

    /// The heading that is expected: one that turns goes on turning.
    pub(super) fn heading(&self, times: Times) -> u8 {
        if self.turned == 0 {
            return self.base.heading;
        }
        self.base.heading.wrapping_add(scale(self.turned, times) as u8)
    }

    /// The place that is expected of one that faces `heading` now, in a cell with a side of `side`: it goes on at its speed,
    /// half the way as it went and half as it would have gone if it had turned with its heading.
    pub(super) fn position(&self, heading: u8, times: Times, side: i32) -> (i32, i32) {
        let (x, y) = (i32::from(self.base.x), i32::from(self.base.y));
        if self.moved == (0, 0) {
            return (x, y);
        }
        let turn = heading.wrapping_sub(self.base.heading).wrapping_add(self.turned as u8);
        let moved = if turn == 0 || self.turned.abs() > TURN_MAX * times.gap {
            (self.moved.0 << 5, self.moved.1 << 5)
        } else {
            let (sin, cos) = (sin_q15(u16::from(turn) << 8), cos_q15(u16::from(turn) << 8));
            let (right, up) = self.moved;
            // In 2^-5 cm; a way has 16 bits.
            let turned = ((right * (cos >> 1) - up * (sin >> 1)) >> 10, (right * (sin >> 1) + up * (cos >> 1)) >> 10);
            ((turned.0 + (right << 4)), (turned.1 + (up << 4)))
        };
        let inside = |at: i32| at.clamp(0, side - 1);
        (inside(x + scale_fine(moved.0, times)), inside(y + scale_fine(moved.1, times)))
    }

    /// 1, or -1 for one that turns to the right.
    pub(super) const fn sign_turn(&self) -> i32 {
        if self.turned < 0 { -1 } else { 1 }
    }

    /// Whether it goes up or down rather than left or right.
    const fn is_upright(&self) -> bool {
        self.moved.1.unsigned_abs() > self.moved.0.unsigned_abs()
    }

    /// Whether it goes along neither axis, to within a part in three.
    pub(super) const fn is_diagonal(&self) -> bool {
        let (wide, high) = (self.moved.0.unsigned_abs(), self.moved.1.unsigned_abs());
        3 * wide > high && 3 * high > wide
    }

    /// A difference in place as ahead along the axis that it goes along, and then along the other.
    pub(super) const fn ahead(&self, (x, y): (i32, i32)) -> (i32, i32) {
        let x = if self.moved.0 < 0 { x.wrapping_neg() } else { x };
        let y = if self.moved.1 < 0 { y.wrapping_neg() } else { y };
        if self.is_upright() { (y, x) } else { (x, y) }
    }

    /// The opposite of [`Self::ahead`].
    pub(super) const fn along_axes(&self, (ahead, aside): (i32, i32)) -> (i32, i32) {
        let (x, y) = if self.is_upright() { (aside, ahead) } else { (ahead, aside) };
        (if self.moved.0 < 0 { -x } else { x }, if self.moved.1 < 0 { -y } else { y })
    }
}

/// A way at the speed of the gap, over the lag, rounded away from zero at half.
const fn scale(way: i32, times: Times) -> i32 {
    let ahead = way * times.lag;
    let half = if ahead < 0 { -times.gap } else { times.gap };
    (2 * ahead + half) / (2 * times.gap)
}

/// The same for a way in 2^-5 cm, as centimetres.
const fn scale_fine(way: i32, times: Times) -> i32 {
    let ahead = way * times.lag;
    let unit = times.gap << 5;
    let half = if ahead < 0 { -unit } else { unit };
    (2 * ahead + half) / (2 * unit)
}
