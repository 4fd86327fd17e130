//! Where an entity is expected, from two states that both sides have.

use crate::{
    space::{cos_q15, sin_q15},
    sync::GroupState,
};

/// Beyond so many updates nothing is expected of a movement: the entity may have stopped, turned or arrived long since.
const UPDATES_MAX: u32 = 16;

/// What turns faster, in 256ths of a turn an update, tumbles: its way does not turn along.
const TURN_MAX: i32 = 10;

/// What went further along an axis, in centimetres, has no way relative to its heading: it would not fit into 32 bits.
const MOVED_MAX: i32 = 4_095;

/// The times of the states.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Times {
    /// Updates from the base to the state that is told.
    lag: i32,
    /// Updates from the state before to the base.
    gap: i32,
    /// Which contexts the times have, below [`TIMES`].
    pub(super) class: usize,
}

/// What is known of one entity's movement.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Movement {
    base: Pose,
    /// How far it went from the state before to the base.
    moved: (i32, i32),
    /// How far it turned.
    turned: i32,
    /// How far it went in 2^-4 cm, relative to where it faced on the middle of its way; `None` if that says nothing.
    way: Option<(i32, i32)>,
    /// How fast and which way it goes, below [`GAITS`].
    pub(super) gait: usize,
    /// How far it is expected to turn, below [`TURNS`].
    pub(super) turn_class: usize,
    /// It goes about as the entity before it in the group does.
    pub(super) is_alike: bool,
}

/// Where an entity is and which way it faces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Pose {
    pub(super) x: u16,
    pub(super) y: u16,
    pub(super) heading: u8,
}

/// The classes of [`Times::class`].
pub(super) const TIMES: usize = 4;
/// The classes of [`Movement::turn_class`].
pub(super) const TURNS: usize = 8;
/// The classes of [`Movement::gait`]: without a state before, without movement, then four ways for each of seven speeds.
pub(super) const GAITS: usize = 30;

/// It goes where it faces.
const FRONT: usize = 0;
/// It goes backwards, sidewards or in between.
const EIGHTH: usize = 1;
/// It goes nearly where it faces.
const NEAR: usize = 2;
/// It goes any other way.
const OTHER: usize = 3;

impl Pose {
    /// Of a place of a state.
    pub(super) fn of(state: &GroupState, index: usize) -> Self {
        Self { x: state.x[index], y: state.y[index], heading: state.heading[index] }
    }

    /// Where the entity in a place of the base was before, if it was there.
    pub(super) fn before(base: &GroupState, before: Option<&GroupState>, index: usize) -> Option<Self> {
        before
            .filter(|before| before.present >> index & 1 == 1 && before.id[index] == base.id[index])
            .map(|before| Self::of(before, index))
    }

    /// How far one that was at `before` is expected to go.
    pub(super) fn advance_from(self, before: Self, times: Times) -> (i32, i32) {
        ahead((i32::from(self.x) - i32::from(before.x), i32::from(self.y) - i32::from(before.y)), times)
    }
}

impl Times {
    /// `before` is `None` when there is no such state.
    pub(super) fn new(update: u32, base: u32, before: Option<u32>) -> Self {
        let lag = update.wrapping_sub(base);
        let gap = before.map_or(0, |before| base.wrapping_sub(before));
        let class = match (lag, gap) {
            (0..=2, 0..=1) => 0,
            (0..=2, _) => 1,
            (3, _) => 2,
            _ => 3,
        };
        let (lag, gap) = if lag > UPDATES_MAX || gap > UPDATES_MAX { (0, 0) } else { (lag as i32, gap as i32) };
        Self { lag, gap, class }
    }

    /// Whether the state before is of use.
    pub(super) const fn has_before(self) -> bool {
        self.gap > 0
    }
}

impl Movement {
    /// Of one that was at `before`, if at all, and then at `base`. `last` is the movement of the one that was told before
    /// it.
    pub(super) fn new(base: Pose, before: Option<Pose>, times: Times, last: &Self) -> Self {
        let Some(before) = before else { return Self { base, ..Self::default() } };
        let moved = (i32::from(base.x) - i32::from(before.x), i32::from(base.y) - i32::from(before.y));
        let turned = i32::from(base.heading.wrapping_sub(before.heading).cast_signed());
        let (wide, high) = (moved.0.abs(), moved.1.abs());
        // The length of its way, to within a part in fourteen.
        let length = 8 * wide.max(high) + 3 * wide.min(high);
        let speed = match length * times.lag / (8 * times.gap) {
            0 => 0,
            1 => 1,
            2..5 => 2,
            5..10 => 3,
            10..17 => 4,
            17..27 => 5,
            27..42 => 6,
            _ => 7,
        };
        let turn_class = match (turned * times.lag).abs() / times.gap {
            0 => 0,
            1 => 1,
            2 => 2,
            3..5 => 3,
            5..9 => 4,
            9..17 => 5,
            17..22 => 6,
            _ => 7,
        };
        let is_near = |one: i32, other: i32| (one - other).abs() <= 3 * times.gap;
        let is_alike = speed > 0 && last.gait > 0 && is_near(moved.0, last.moved.0) && is_near(moved.1, last.moved.1);
        let mut movement = Self { base, moved, turned, way: None, gait: 1, turn_class, is_alike };
        if speed > 0 {
            let tumbles = turned.abs() > TURN_MAX * times.gap;
            let kind = if tumbles || wide.max(high) > MOVED_MAX { OTHER } else { movement.find_way() };
            movement.gait = 2 + (speed - 1) * 4 + kind;
        }
        movement
    }

    /// Finds its way relative to its heading, which is taken for a multiple of an eighth of a turn where it is about one.
    fn find_way(&mut self) -> usize {
        let middle = (u16::from(self.base.heading) << 8).wrapping_sub((self.turned * 128) as u16);
        let (mut front, mut left) = rotate(self.moved, middle.wrapping_neg(), 10);
        let (long, wide) = (front.abs(), left.abs());
        // A centimetre is what rounding may take or give; a heading is known to a 256th of a turn.
        let kind = if 64 * wide <= long + 1_024 {
            left = 0;
            if front > 0 { FRONT } else { EIGHTH }
        } else if 64 * long <= wide + 1_024 {
            front = 0;
            EIGHTH
        } else if 64 * (long - wide).abs() <= long + wide + 1_448 {
            let both = (long + wide) / 2;
            (front, left) = (both * front.signum(), both * left.signum());
            EIGHTH
        } else if front > 0 && 16 * wide <= long + 512 {
            NEAR
        } else {
            OTHER
        };
        self.way = Some((front, left));
        kind
    }

    /// The heading that is expected: one that turns goes on turning, unless it is one of many that go alike.
    pub(super) fn heading(&self, times: Times) -> u8 {
        if self.turned == 0 || self.is_alike {
            return self.base.heading;
        }
        self.base.heading.wrapping_add(scale(self.turned, times, 1) as u8)
    }

    /// The place that is expected of one that faces `heading` now, in a cell with a side of `side`: it goes on at its speed
    /// and as it did relative to where it faces on the way.
    pub(super) fn position(&self, heading: u8, times: Times, side: i32) -> (i32, i32) {
        let (x, y) = (i32::from(self.base.x), i32::from(self.base.y));
        if self.moved == (0, 0) {
            return (x, y);
        }
        let way = match self.way {
            None => (self.moved.0 << 4, self.moved.1 << 4),
            Some(way) => {
                // Who turned just now has done so; who did not turns sooner or later.
                let part = match (self.is_alike, self.turned == 0) {
                    (false, false) => 7,
                    (false, true) => 10,
                    (true, false) => 6,
                    (true, true) => 12,
                };
                let turn = i32::from(heading.wrapping_sub(self.base.heading).cast_signed());
                rotate(way, (u16::from(self.base.heading) << 8).wrapping_add((16 * part * turn) as u16), 14)
            }
        };
        let inside = |at: i32| at.clamp(0, side - 1);
        (inside(x + scale(way.0, times, 16)), inside(y + scale(way.1, times, 16)))
    }

    /// How far it is expected to go, by the way it went, in centimetres.
    pub(super) fn advance(&self, times: Times) -> (i32, i32) {
        ahead(self.moved, times)
    }

    /// 1, or -1 for one that turns to the right.
    pub(super) const fn sign_turn(&self) -> i32 {
        if self.turned < 0 { -1 } else { 1 }
    }

    /// Whether it turns that way, or not at all.
    pub(super) const fn turns_to(&self, way: i32) -> bool {
        self.turned == 0 || (self.turned < 0) == (way < 0)
    }

    /// The directions of a place that is expected at `expected`.
    pub(super) fn axes(&self, expected: (i32, i32)) -> Axes {
        Axes { x: expected.0 - i32::from(self.base.x), y: expected.1 - i32::from(self.base.y) }
    }
}

/// How far somebody is expected to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Axes {
    x: i32,
    y: i32,
}

impl Axes {
    /// Whether it goes up or down rather than left or right.
    const fn is_upright(self) -> bool {
        self.y.unsigned_abs() > self.x.unsigned_abs()
    }

    /// Whether it goes along neither axis, to within a part in three.
    pub(super) const fn is_diagonal(self) -> bool {
        let (wide, high) = (self.x.unsigned_abs(), self.y.unsigned_abs());
        3 * wide > high && 3 * high > wide
    }

    /// A difference in place as ahead along the axis that it goes along, and then along the other.
    pub(super) const fn ahead(self, (x, y): (i32, i32)) -> (i32, i32) {
        let x = if self.x < 0 { x.wrapping_neg() } else { x };
        let y = if self.y < 0 { y.wrapping_neg() } else { y };
        if self.is_upright() { (y, x) } else { (x, y) }
    }

    /// The opposite of [`Self::ahead`].
    pub(super) const fn along_axes(self, (ahead, aside): (i32, i32)) -> (i32, i32) {
        let (x, y) = if self.is_upright() { (aside, ahead) } else { (ahead, aside) };
        (if self.x < 0 { -x } else { x }, if self.y < 0 { -y } else { y })
    }
}

/// A vector turned to the left by an angle, times 2^(14 - shift); rounded.
fn rotate((x, y): (i32, i32), angle: u16, shift: u32) -> (i32, i32) {
    let (sin, cos) = (sin_q15(angle) >> 1, cos_q15(angle) >> 1);
    let half = 1 << (shift - 1);
    ((x * cos - y * sin + half) >> shift, (x * sin + y * cos + half) >> shift)
}

/// How far one goes who moved so far; nobody who did not move goes anywhere, whatever the times.
const fn ahead(moved: (i32, i32), times: Times) -> (i32, i32) {
    if moved.0 == 0 && moved.1 == 0 { (0, 0) } else { (scale(moved.0, times, 1), scale(moved.1, times, 1)) }
}

/// A way in parts of a centimetre at the speed of the gap, over the lag, rounded away from zero at half.
const fn scale(way: i32, times: Times, parts: i32) -> i32 {
    let ahead = way * times.lag;
    let unit = times.gap * parts;
    let half = if ahead < 0 { -unit } else { unit };
    (2 * ahead + half) / (2 * unit)
}
