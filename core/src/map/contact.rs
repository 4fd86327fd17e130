//! What overlaps a wall, and the least movement that frees it.

use super::{
    definition::WallForm,
    ray::{Normal, cross, dot, wide},
};
use crate::entity::Shape;

/// The form of something that moves, and what it collides with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Body {
    /// The radius of a circle or half the width of a box, in units of length: 0 to 256 m. What is beyond counts as that.
    pub half_x: i32,
    /// Half the height of a box; unused for a circle.
    pub half_y: i32,
    /// Which of the two.
    pub shape: Shape,
    /// The collision layers that it collides with, a bit each.
    pub mask: u16,
}

/// How something overlaps one wall.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Contact {
    /// How deep, rounded up.
    pub depth: i64,
    /// The movement that frees it.
    pub push: (i64, i64),
    /// Out of the wall.
    pub normal: Normal,
}

/// Something that may overlap walls: a body at a place, its extents within their limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub x: i64,
    pub y: i64,
    pub half_x: i64,
    pub half_y: i64,
    pub is_box: bool,
}

impl Contact {
    /// Out along an axis.
    pub(super) const fn straight(right: i64, up: i64) -> Self {
        let normal = Normal { x: (right.signum() << 15) as i32, y: (up.signum() << 15) as i32 };
        Self { depth: right.abs() + up.abs(), push: (right, up), normal }
    }

    /// Out along a vector whose length, rounded down, is given. Each part is rounded away from 0, so that the movement
    /// is never too short.
    fn slanted(depth: i64, way: (i64, i64), length: i64) -> Self {
        let part = |way: i64| {
            let amount = i128::from(way.unsigned_abs()) * i128::from(depth);
            let amount = ((amount + i128::from(length) - 1) / i128::from(length)) as i64;
            if way < 0 { -amount } else { amount }
        };
        Self { depth, push: (part(way.0), part(way.1)), normal: Normal::along(way.0, way.1) }
    }

    /// The deeper of two; the first of two as deep.
    pub(super) fn deeper(first: Option<Self>, second: Option<Self>) -> Option<Self> {
        match (first, second) {
            (Some(a), Some(b)) => Some(if b.depth > a.depth { b } else { a }),
            (a, b) => a.or(b),
        }
    }
}

impl Standing {
    pub(super) fn overlaps(&self, form: WallForm) -> Option<Contact> {
        match (form, self.is_box) {
            (WallForm::Segment { from, to }, false) => self.disc_on_segment(wide(from), wide(to)),
            (WallForm::Segment { from, to }, true) => self.box_on_segment(wide(from), wide(to)),
            (WallForm::Box { min, max }, _) => self.overlaps_box(wide(min), wide(max)),
        }
    }

    pub(super) fn overlaps_box(&self, min: (i64, i64), max: (i64, i64)) -> Option<Contact> {
        if self.is_box {
            self.box_on_box(min, max)
        } else {
            let nearest = (self.x.clamp(min.0, max.0), self.y.clamp(min.1, max.1));
            if nearest == (self.x, self.y) { self.box_on_box(min, max) } else { self.disc_on_point(nearest) }
        }
    }

    /// A disc whose wall's nearest point is this, and not its centre.
    fn disc_on_point(&self, nearest: (i64, i64)) -> Option<Contact> {
        let (radius, off) = (self.half_x, (self.x - nearest.0, self.y - nearest.1));
        if off.0.abs().max(off.1.abs()) >= radius || dot(off, off) >= radius * radius {
            return None;
        }
        // In 2^-7 of a unit, so that the direction of a short way out is not coarse: its square is below 2^62 then.
        let (fine, length) = ((off.0 << 7, off.1 << 7), ((dot(off, off) as u64) << 14).isqrt() as i64);
        Some(match off {
            (0, up) => Contact::straight(0, up.signum() * (radius - up.abs())),
            (right, 0) => Contact::straight(right.signum() * (radius - right.abs()), 0),
            _ => Contact::slanted(radius - (length >> 7), fine, length),
        })
    }

    fn disc_on_segment(&self, from: (i64, i64), to: (i64, i64)) -> Option<Contact> {
        let along = (to.0 - from.0, to.1 - from.1);
        let off = (self.x - from.0, self.y - from.1);
        let (square, foot) = (dot(along, along), dot(off, along));
        if foot <= 0 && off != (0, 0) {
            return self.disc_on_point(from);
        }
        if foot >= square && (self.x, self.y) != to {
            return self.disc_on_point(to);
        }
        self.on_inside(along, square, cross(along, off), i128::from(self.half_x).pow(2) * i128::from(square))
    }

    /// The contact with the inside of a segment of something whose centre is `aside` times the segment's length to its
    /// left and that reaches as far, squared, as `reach_square` says.
    fn on_inside(&self, along: (i64, i64), square: i64, aside: i64, reach_square: i128) -> Option<Contact> {
        if i128::from(aside).pow(2) >= reach_square {
            return None;
        }
        let length = (square as u64).isqrt() as i64;
        let reach = {
            let reach = reach_square.cast_unsigned().isqrt();
            (reach + u128::from(reach * reach < reach_square.cast_unsigned())) as i64
        };
        let depth = (reach - aside.abs() + length - 1) / length;
        // Who stands on the line goes to its left: nothing here knows where it came from.
        let side = if aside < 0 { -1 } else { 1 };
        Some(match along {
            (0, up) => Contact::straight(-up.signum() * side * depth, 0),
            (right, 0) => Contact::straight(0, right.signum() * side * depth),
            _ => Contact::slanted(depth, (-along.1 * side, along.0 * side), length),
        })
    }

    /// A box, or a disc whose centre is within the wall and which leaves it as its box does.
    fn box_on_box(&self, min: (i64, i64), max: (i64, i64)) -> Option<Contact> {
        let half_y = if self.is_box { self.half_y } else { self.half_x };
        let (left, right) = (self.x + self.half_x - min.0, max.0 - (self.x - self.half_x));
        let (down, up) = (self.y + half_y - min.1, max.1 - (self.y - half_y));
        if left.min(right).min(down).min(up) <= 0 {
            return None;
        }
        Some(least([(-1, 0, left), (1, 0, right), (0, -1, down), (0, 1, up)]))
    }

    fn box_on_segment(&self, from: (i64, i64), to: (i64, i64)) -> Option<Contact> {
        let (low, high) = ((from.0.min(to.0), from.1.min(to.1)), (from.0.max(to.0), from.1.max(to.1)));
        // The segment's own box first: this separates along the axes.
        let straight = self.box_on_box(low, high)?;
        let along = (to.0 - from.0, to.1 - from.1);
        let aside = cross(along, (self.x - from.0, self.y - from.1));
        let reach = self.half_x * along.1.abs() + self.half_y * along.0.abs();
        if along.0 == 0 || along.1 == 0 {
            return Some(straight);
        }
        let slanted = self.on_inside(along, dot(along, along), aside, i128::from(reach).pow(2))?;
        Some(if slanted.depth < straight.depth { slanted } else { straight })
    }
}

/// The shortest way out: of ways to the right and up, each with its length. The first of those as short.
pub(super) fn least(ways: [(i64, i64, i64); 4]) -> Contact {
    let mut best = ways[0];
    for way in ways {
        if way.2 < best.2 {
            best = way;
        }
    }
    Contact::straight(best.0 * best.2, best.1 * best.2)
}
