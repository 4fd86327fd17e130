//! Rays without width against one wall, exactly: times are fractions of integers until they are given out.

use super::definition::WallForm;
use crate::space::length;

/// A direction: a vector of length 2^15, to within a unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Normal {
    /// To the right, in 2^-15.
    pub x: i32,
    /// Upwards, in 2^-15.
    pub y: i32,
}

/// Where a ray meets a wall.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hit {
    /// When: the part of the ray before it, 0 to 2^32 (the whole), rounded down.
    pub time: u64,
    /// Out of the wall, against the ray.
    pub normal: Normal,
}

/// A ray from a map-local point. The point is within 2^30 units of the map, the vector at most 2^30 in each part and not
/// null, so that every product of two differences is below 2^62.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ray {
    pub x: i64,
    pub y: i64,
    pub dx: i64,
    pub dy: i64,
    /// Whether to touch a wall with the very end is not to meet it.
    pub is_open: bool,
}

impl Normal {
    /// Of the direction of a vector below 2^31 in each part; null for the null vector.
    pub(super) fn along(mut x: i64, mut y: i64) -> Self {
        // Short vectors lose precision to the rounded length.
        while x != 0 || y != 0 {
            if x.abs().max(y.abs()) >= 1 << 20 {
                let length = length(x, y);
                return Self { x: ((x << 15) / length) as i32, y: ((y << 15) / length) as i32 };
            }
            (x, y) = (x << 10, y << 10);
        }
        Self::default()
    }

    /// What is left of a vector when nothing of it goes against the direction: rounded so that it rather leaves the wall.
    pub(super) fn glance(self, dx: i32, dy: i32) -> (i32, i32) {
        let into = self.dot(dx, dy);
        if into >= 0 {
            return (dx, dy);
        }
        // A slanted direction is only known to 2^-15.
        let is_slanted = self.x != 0 && self.y != 0;
        let margin = if is_slanted { 1 + (i64::from(dx).abs().max(i64::from(dy).abs()) >> 14) } else { 0 };
        let push = ((-into + (1 << 15) - 1) >> 15) + margin;
        let part = |d: i32, normal: i32| {
            let amount = (push * i64::from(normal).abs() + (1 << 15) - 1) >> 15;
            (i64::from(d) + amount * i64::from(normal.signum())).clamp(i32::MIN.into(), i32::MAX.into()) as i32
        };
        (part(dx, self.x), part(dy, self.y))
    }

    /// The product with a vector, in 2^-15 of its units.
    pub fn dot(self, x: i32, y: i32) -> i64 {
        i64::from(self.x) * i64::from(x) + i64::from(self.y) * i64::from(y)
    }
}

impl Hit {
    /// The whole of a ray.
    pub const WHOLE: u64 = 1 << 32;

    /// How far along a ray of that vector it is, rounded towards the ray's beginning.
    pub fn along(&self, dx: i32, dy: i32) -> (i32, i32) {
        let part = |d: i32| {
            let amount = ((u64::from(d.unsigned_abs()) * self.time) >> 32) as i64;
            (if d < 0 { -amount } else { amount }) as i32
        };
        (part(dx), part(dy))
    }

    pub(super) fn at(time: Fraction, normal: Normal) -> Self {
        Self { time: time.q32(), normal }
    }

    /// The earlier of two; the first of two at the same time.
    pub(super) fn sooner(first: Option<Self>, second: Option<Self>) -> Option<Self> {
        match (first, second) {
            (Some(a), Some(b)) => Some(if b.time < a.time { b } else { a }),
            (a, b) => a.or(b),
        }
    }
}

/// A time: `part / whole`, `0 <= part <= whole`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fraction {
    pub part: i64,
    pub whole: i64,
}

impl Fraction {
    pub(super) const ZERO: Self = Self { part: 0, whole: 1 };

    pub(super) fn q32(self) -> u64 {
        if self.whole < 1 << 31 {
            ((self.part << 32) / self.whole) as u64
        } else {
            ((i128::from(self.part) << 32) / i128::from(self.whole)) as u64
        }
    }
}

impl Ray {
    /// The axis that the ray goes along more, against it.
    pub(super) fn against_axis(&self) -> Normal {
        if self.dx.abs() >= self.dy.abs() { self.against_x() } else { self.against_y() }
    }

    pub(super) fn against_x(&self) -> Normal {
        Normal { x: -(self.dx.signum() as i32) << 15, y: 0 }
    }

    pub(super) fn against_y(&self) -> Normal {
        Normal { x: 0, y: -(self.dy.signum() as i32) << 15 }
    }

    /// Whether a time is one of the ray's.
    fn has(&self, part: i64, whole: i64) -> bool {
        if self.is_open { part < whole } else { part <= whole }
    }

    /// Where it meets a wall.
    ///
    /// **A wall is closed: to touch it is to meet it, but for what touches with its beginning only and goes away.**
    pub(super) fn meets(&self, form: WallForm) -> Option<Hit> {
        match form {
            WallForm::Segment { from, to } => self.meets_segment(wide(from), wide(to)),
            WallForm::Box { min, max } => self.meets_box(wide(min), wide(max)),
        }
    }

    fn meets_segment(&self, from: (i64, i64), to: (i64, i64)) -> Option<Hit> {
        let along = (to.0 - from.0, to.1 - from.1);
        let off = (from.0 - self.x, from.1 - self.y);
        let d = (self.dx, self.dy);
        let whole = cross(d, along);
        if whole == 0 {
            return if cross(off, d) == 0 { self.meets_ahead(from, to) } else { None };
        }
        let sign = whole.signum();
        let (whole, part, place) = (whole.abs(), sign * cross(off, along), sign * cross(off, d));
        let meets = (0..=whole).contains(&place) && part > 0 && self.has(part, whole);
        // The side of the segment that the ray comes from: the perpendicular against which it goes.
        let normal = || Normal::along(-along.1 * sign, along.0 * sign);
        meets.then(|| Hit::at(Fraction { part, whole }, normal()))
    }

    /// Meets a segment that lies on the ray's line.
    fn meets_ahead(&self, from: (i64, i64), to: (i64, i64)) -> Option<Hit> {
        let (a, b, whole) = if self.dx.abs() >= self.dy.abs() {
            let sign = self.dx.signum();
            (sign * (from.0 - self.x), sign * (to.0 - self.x), self.dx.abs())
        } else {
            let sign = self.dy.signum();
            (sign * (from.1 - self.y), sign * (to.1 - self.y), self.dy.abs())
        };
        let part = a.min(b).max(0);
        let meets = a.max(b) > 0 && self.has(part, whole);
        meets.then(|| Hit::at(Fraction { part, whole }, Normal::along(-self.dx, -self.dy)))
    }

    pub(super) fn meets_box(&self, min: (i64, i64), max: (i64, i64)) -> Option<Hit> {
        let x = Slab::of(self.x, self.dx, min.0, max.0)?;
        let y = Slab::of(self.y, self.dy, min.1, max.1)?;
        // Which slab is entered last, and which is left first: fractions compared crosswise.
        let x_is_last = x.enters * y.whole >= y.enters * x.whole;
        let (last, normal) =
            if x_is_last && self.dx != 0 || self.dy == 0 { (x, self.against_x()) } else { (y, self.against_y()) };
        let x_is_first = x.leaves * y.whole <= y.leaves * x.whole;
        let first = if x_is_first { x } else { y };
        let meets = last.enters * first.whole <= first.leaves * last.whole
            && first.leaves > 0
            && (last.enters <= 0 || self.has(last.enters, last.whole));
        if !meets {
            return None;
        }
        if last.enters < 0 {
            return Some(Hit::at(Fraction::ZERO, self.against_axis()));
        }
        Some(Hit::at(Fraction { part: last.enters, whole: last.whole }, normal))
    }
}

/// When a ray is between two parallel lines: from `enters / whole` to `leaves / whole`.
#[derive(Clone, Copy)]
struct Slab {
    enters: i64,
    leaves: i64,
    whole: i64,
}

impl Slab {
    fn of(at: i64, d: i64, low: i64, high: i64) -> Option<Self> {
        match d.signum() {
            1 => Some(Self { enters: low - at, leaves: high - at, whole: d }),
            -1 => Some(Self { enters: at - high, leaves: at - low, whole: -d }),
            // Always between them: from long before to long after, which no product of the other axis can reach.
            _ => (low <= at && at <= high).then_some(Self { enters: -(1 << 31), leaves: 1 << 31, whole: 1 }),
        }
    }
}

pub(super) fn wide(point: (i32, i32)) -> (i64, i64) {
    (point.0.into(), point.1.into())
}

pub(super) const fn cross(a: (i64, i64), b: (i64, i64)) -> i64 {
    a.0 * b.1 - a.1 * b.0
}

pub(super) const fn dot(a: (i64, i64), b: (i64, i64)) -> i64 {
    a.0 * b.0 + a.1 * b.1
}
