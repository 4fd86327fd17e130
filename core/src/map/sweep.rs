//! Discs that move against one wall.
//!
//! **A disc may touch a wall: it meets it when it comes nearer than its radius.** What is irrational (the length of a
//! slanted segment, the root of the time at which a corner is met) is rounded so that the disc stops too early rather
//! than too late.

use super::{
    buckets::Bounds,
    definition::WallForm,
    ray::{Fraction, Hit, Normal, Ray, cross, dot, wide},
};

/// A disc on its way: the ray of its centre, and its radius, above 0 and up to 2^24.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sweep {
    pub ray: Ray,
    pub radius: i64,
}

impl Sweep {
    /// Where it meets a wall. A wall that it overlaps at its beginning is met at once if it goes nearer to it, and not
    /// at all if it goes away; see [`Self::overlap`].
    pub(super) fn meets(&self, form: WallForm) -> Option<Hit> {
        match form {
            WallForm::Segment { from, to } => self.meets_segment(wide(from), wide(to)),
            WallForm::Box { min, max } => self.meets_box(wide(min), wide(max)),
        }
    }

    pub(super) fn meets_box(&self, min: (i64, i64), max: (i64, i64)) -> Option<Hit> {
        let Ray { x, y, dx, dy, .. } = self.ray;
        let nearest = (x.clamp(min.0, max.0), y.clamp(min.1, max.1));
        if let Some(hit) = self.overlap(nearest) {
            return hit;
        }
        let mut first = None;
        // The sides, moved out by the radius: when the centre is there, is it beside the side?
        let part = if dx > 0 { min.0 - self.radius - x } else { x - max.0 - self.radius };
        let beside = y * dx.abs() + dy * part;
        if dx != 0 && part >= 0 && part < dx.abs() && (min.1 * dx.abs()..=max.1 * dx.abs()).contains(&beside) {
            first = Some(Hit::at(Fraction { part, whole: dx.abs() }, self.ray.against_x()));
        }
        let part = if dy > 0 { min.1 - self.radius - y } else { y - max.1 - self.radius };
        let beside = x * dy.abs() + dx * part;
        if dy != 0 && part >= 0 && part < dy.abs() && (min.0 * dy.abs()..=max.0 * dy.abs()).contains(&beside) {
            first = Hit::sooner(first, Some(Hit::at(Fraction { part, whole: dy.abs() }, self.ray.against_y())));
        }
        for corner in [min, (max.0, min.1), (min.0, max.1), max] {
            first = Hit::sooner(first, self.meets_point(corner));
        }
        first
    }

    fn meets_segment(&self, from: (i64, i64), to: (i64, i64)) -> Option<Hit> {
        let Ray { x, y, dx, dy, .. } = self.ray;
        let along = (to.0 - from.0, to.1 - from.1);
        let off = (x - from.0, y - from.1);
        // The square of the length, where the foot of the perpendicular is (from 0 to that), and how far the centre is to
        // the left, times the length.
        let square = dot(along, along);
        let foot = dot(off, along);
        let aside = cross(along, off);
        let radius_times_length = ceil_root(i128::from(self.radius).pow(2) * i128::from(square)) as i64;
        let approach = cross(along, (dx, dy));
        if (0..=square).contains(&foot) {
            if aside.abs() < radius_times_length {
                // Nearest is the segment's inside; the perpendicular points to the side that the centre is on, or
                // against the movement if it is on none.
                let side = if aside == 0 { -approach.signum() } else { aside.signum() };
                let normal = Normal::along(-along.1 * side, along.0 * side);
                let goes_in = approach * side < 0 || aside == 0;
                let normal = if normal == Normal::default() { Normal::along(-dx, -dy) } else { normal };
                return goes_in.then(|| Hit::at(Fraction::ZERO, normal));
            }
        } else if let Some(hit) = self.overlap(if foot < 0 { from } else { to }) {
            return hit;
        }
        let side = aside.signum();
        let (whole, part) = (-approach * side, aside.abs() - radius_times_length);
        let mut first = None;
        if whole > 0 && part >= 0 && part < whole {
            // The foot of the perpendicular by then, times `whole`.
            let foot = i128::from(foot) * i128::from(whole) + i128::from(dot((dx, dy), along)) * i128::from(part);
            if foot >= 0 && foot <= i128::from(square) * i128::from(whole) {
                let normal = Normal::along(-along.1 * side, along.0 * side);
                first = Some(Hit::at(Fraction { part, whole }, normal));
            }
        }
        Hit::sooner(Hit::sooner(first, self.meets_point(from)), self.meets_point(to))
    }

    /// Calls `visit` for one after the other of the bands of a grid that the disc touches, across the way that it goes
    /// along more: with bounds that have all of the band that it can touch, and the time before which it does not. Stops
    /// when `visit` says no. The grid begins at `at` and has so many columns and rows of 2^`shift`.
    pub(super) fn bands(
        &self,
        (at, shift, size): ((i64, i64), u32, (i64, i64)),
        mut visit: impl FnMut(Bounds, u64) -> bool,
    ) {
        let Ray { x, y, dx, dy, .. } = self.ray;
        let is_flat = dx.abs() >= dy.abs();
        let (along, aside, d, drift) = if is_flat { (x, y, dx, dy) } else { (y, x, dy, dx) };
        let (origin, count) = if is_flat { (at.0, size.0) } else { (at.1, size.1) };
        let (whole, radius) = (d.abs(), self.radius);
        // A wall on the line before a band touches it.
        let first = ((along.min(along + d) - radius - 1 - origin) >> shift).max(0);
        let last = ((along.max(along + d) + radius - origin) >> shift).min(count - 1);
        for step in 0..=last - first {
            let low = origin + ((if d > 0 { first + step } else { last - step }) << shift);
            let high = low + (1 << shift);
            let (near, far) = if d > 0 { (low - along, high - along) } else { (along - high, along - low) };
            let enters = (near - radius).clamp(0, whole);
            let leaves = (far + radius).clamp(0, whole);
            let (from, to) = (aside + drift * enters / whole, aside + drift * leaves / whole);
            let (left, right) = (from.min(to) - radius - 1, from.max(to) + radius + 1);
            let bounds = if is_flat {
                Bounds { x0: low, y0: left, x1: high, y1: right }
            } else {
                Bounds { x0: left, y0: low, x1: right, y1: high }
            };
            if !visit(bounds, Fraction { part: enters, whole }.q32()) {
                return;
            }
        }
    }

    /// What becomes of a disc whose wall's nearest point is this: `None` if it does not overlap it yet, else the hit at
    /// once, or that it goes away. The way to a convex thing never gets longer and then shorter again, so that what goes
    /// away never meets it later.
    fn overlap(&self, nearest: (i64, i64)) -> Option<Option<Hit>> {
        let off = (self.ray.x - nearest.0, self.ray.y - nearest.1);
        if off.0.abs().max(off.1.abs()) >= self.radius || dot(off, off) >= self.radius * self.radius {
            return None;
        }
        if off == (0, 0) {
            return Some(Some(Hit::at(Fraction::ZERO, Normal::along(-self.ray.dx, -self.ray.dy))));
        }
        let goes_in = dot(off, (self.ray.dx, self.ray.dy)) < 0;
        Some(goes_in.then(|| Hit::at(Fraction::ZERO, Normal::along(off.0, off.1))))
    }

    /// Where it meets a point that it does not overlap at its beginning.
    fn meets_point(&self, point: (i64, i64)) -> Option<Hit> {
        let Ray { x, y, dx, dy, .. } = self.ray;
        let off = (x - point.0, y - point.1);
        let towards = -dot(off, (dx, dy));
        if towards <= 0 {
            return None;
        }
        // |off + t d| = radius: square t^2 - 2 towards t + beyond = 0.
        let square = i128::from(dot((dx, dy), (dx, dy)));
        let aside = i128::from(cross((dx, dy), off));
        let reach = i128::from(self.radius).pow(2) * square;
        // towards^2 - square * beyond, in a form that needs no more than 2^126.
        let under_root = reach - aside * aside;
        if under_root <= 0 {
            return None;
        }
        let part = (i128::from(towards) - i128::from(ceil_root(under_root))).max(0);
        if part >= square {
            return None;
        }
        let time = ((part << 32) / square) as u64;
        let at = |off: i64, d: i64| off + ((i128::from(d) * i128::from(time)) >> 32) as i64;
        Some(Hit { time, normal: Normal::along(at(off.0, dx), at(off.1, dy)) })
    }
}

/// The root of a number, rounded up.
fn ceil_root(square: i128) -> u64 {
    let square = square.cast_unsigned();
    let root = square.isqrt();
    (root + u128::from(root * root < square)) as u64
}
