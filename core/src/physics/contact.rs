//! What two entities that touch do to each other.
//!
//! All contacts of a tick are worked out from the same state and added up (Jacobi's way, not Gauss and Seidel's). Every
//! formula is odd: what the first does to the second is exactly the opposite of what the second does to the first, so
//! each of two regions may work out its own side of a contact.

use super::index::Entry;
use crate::space::{length, square_of_length};

/// What contacts add to an entity: speed, in units of length a second, and place, in units of length.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Push {
    pub(crate) velocity_x: i32,
    pub(crate) velocity_y: i32,
    pub(crate) x: i32,
    pub(crate) y: i32,
}

/// Two entities that overlap: how the second lies from the first, and how deep they are in each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Overlap {
    /// From the first to the second, of length 1, in 2^-16.
    normal_x: i64,
    normal_y: i64,
    /// In units of length.
    depth: i64,
}

const ONE: i64 = 1 << 16;

/// Whether two entities are on layers that collide, and one of them can be moved.
#[inline]
pub(crate) fn collide(a: &Entry, b: &Entry) -> bool {
    a.layers & b.collides != 0 && b.layers & a.collides != 0 && (a.mass | b.mass) != 0
}

/// Whether they overlap, `b` being `dx` right of and `dy` above `a`.
#[inline]
pub(crate) fn overlaps(dx: i32, dy: i32, a: &Entry, b: &Entry) -> bool {
    let (dx, dy) = (i64::from(dx), i64::from(dy));
    match (a.is_box(), b.is_box()) {
        (false, false) => {
            let reach = i64::from(a.half_width() + b.half_width());
            square_of_length(dx, dy) < (reach * reach) as u64
        }
        (true, true) => {
            dx.abs() < i64::from(a.half_width() + b.half_width())
                && dy.abs() < i64::from(a.half_height() + b.half_height())
        }
        (true, false) => circle_reaches_box(dx, dy, b, a),
        (false, true) => circle_reaches_box(-dx, -dy, a, b),
    }
}

/// Whether a circle at (dx, dy) from the centre of a box overlaps it.
fn circle_reaches_box(dx: i64, dy: i64, circle: &Entry, square: &Entry) -> bool {
    let (width, height) = (i64::from(square.half_width()), i64::from(square.half_height()));
    let (off_x, off_y) = (dx - dx.clamp(-width, width), dy - dy.clamp(-height, height));
    let radius = i64::from(circle.half_width());
    square_of_length(off_x, off_y) < (radius * radius) as u64 || (off_x == 0 && off_y == 0)
}

/// How they overlap. They must, by [`overlaps`].
fn overlap(dx: i32, dy: i32, a: &Entry, b: &Entry) -> Overlap {
    let (x, y) = (i64::from(dx), i64::from(dy));
    match (a.is_box(), b.is_box()) {
        (false, false) => between_circles(x, y, i64::from(a.half_width() + b.half_width()), a, b),
        (true, true) => {
            let (width, height) = (a.half_width() + b.half_width(), a.half_height() + b.half_height());
            between_boxes(x, y, i64::from(width), i64::from(height), a, b)
        }
        (true, false) => circle_from_box(x, y, b, a, a, b),
        (false, true) => circle_from_box(-x, -y, a, b, b, a).reversed(),
    }
}

impl Overlap {
    fn reversed(self) -> Self {
        Self { normal_x: -self.normal_x, normal_y: -self.normal_y, ..self }
    }
}

/// The direction for two entities in the same place: the one of the lower slot goes left.
fn apart(a: &Entry, b: &Entry) -> i64 {
    if a.slot < b.slot { ONE } else { -ONE }
}

fn between_circles(x: i64, y: i64, reach: i64, a: &Entry, b: &Entry) -> Overlap {
    let distance = length(x, y);
    if distance == 0 {
        return Overlap { normal_x: apart(a, b), normal_y: 0, depth: reach };
    }
    // One division instead of two; neither part is longer than the distance, so nothing overflows. Rounding to the nearest,
    // halves away from 0, keeps it odd and a direction along an axis whole.
    let inverse = (1i64 << 48) / distance;
    let along = |part: i64| {
        let product = part * inverse;
        (product + product.signum() * (1 << 31)) / (1 << 32)
    };
    Overlap { normal_x: along(x), normal_y: along(y), depth: reach - distance }
}

/// Along the axis on which they overlap least.
fn between_boxes(x: i64, y: i64, width: i64, height: i64, a: &Entry, b: &Entry) -> Overlap {
    let (in_x, in_y) = (width - x.abs(), height - y.abs());
    if in_x <= in_y {
        let normal_x = if x == 0 { apart(a, b) } else { x.signum() * ONE };
        Overlap { normal_x, normal_y: 0, depth: in_x }
    } else {
        // Here y may be 0 only if x is not: the boxes are not in the same place.
        let normal_y = if y == 0 { apart(a, b) } else { y.signum() * ONE };
        Overlap { normal_x: 0, normal_y, depth: in_y }
    }
}

/// A circle at (x, y) from the centre of a box; the normal leads from the box to the circle.
fn circle_from_box(x: i64, y: i64, circle: &Entry, square: &Entry, a: &Entry, b: &Entry) -> Overlap {
    let (width, height) = (i64::from(square.half_width()), i64::from(square.half_height()));
    let radius = i64::from(circle.half_width());
    let (off_x, off_y) = (x - x.clamp(-width, width), y - y.clamp(-height, height));
    if off_x == 0 && off_y == 0 {
        // The centre is inside: out through the nearest side.
        return between_boxes(x, y, width + radius, height + radius, a, b);
    }
    between_circles(off_x, off_y, radius, a, b)
}

/// Two entities that touch, as one of them sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Touch {
    /// From the first to the second, of length 1, in 2^-16.
    pub(crate) normal: (i32, i32),
    /// How deep they are in each other, in units of length.
    pub(crate) depth: i32,
    /// How fast they come together along the normal, in units of length a second; below 0 if they part.
    pub(crate) meeting: i32,
}

/// How two entities that overlap touch, `b` being `dx` right of and `dy` above `a`.
pub(crate) fn touch(dx: i32, dy: i32, a: &Entry, b: &Entry) -> Touch {
    let overlap = overlap(dx, dy, a, b);
    // Speeds are at most 4 km/s and extents 256 m, so all of it fits.
    Touch {
        normal: (overlap.normal_x as i32, overlap.normal_y as i32),
        depth: overlap.depth as i32,
        meeting: meeting_speed(a, b, &overlap) as i32,
    }
}

/// What a touch does to the places of the first and the second. `crowding` is the larger number of contacts of the two.
pub(crate) fn part_places(touch: &Touch, a: &Entry, b: &Entry, crowding: u16) -> (Push, Push) {
    let crowding = i32::from(crowding.max(1));
    // One contact is undone at once. Of several, each gets one and a half parts: fewer leave a pile soft, more shake it.
    // The deepest are 512 m in each other, which is below 2^26.
    let depth = i64::from(if crowding == 1 { touch.depth } else { touch.depth * 3 / (2 * crowding) });
    let push = |share: i64| Push {
        x: part(depth, i64::from(touch.normal.0), share),
        y: part(depth, i64::from(touch.normal.1), share),
        ..Push::default()
    };
    let (share_a, share_b) = shares(a.mass, b.mass);
    (push(-share_a), push(share_b))
}

/// What a touch does to the velocities of the first and the second, if they come together.
pub(crate) fn part_velocities(touch: &Touch, a: &Entry, b: &Entry) -> (Push, Push) {
    let restitution = i64::from(restitution(a, b));
    // 255 is all of it, 256 parts.
    let change = i64::from(touch.meeting) * (256 + restitution + (restitution >> 7)) / 256;
    let push = |share: i64| Push {
        velocity_x: part(change, i64::from(touch.normal.0), share),
        velocity_y: part(change, i64::from(touch.normal.1), share),
        ..Push::default()
    };
    let (share_a, share_b) = shares(a.mass, b.mass);
    (push(-share_a), push(share_b))
}

/// How much of the speed two entities keep: the larger of theirs.
pub(crate) fn restitution(a: &Entry, b: &Entry) -> u8 {
    a.restitution.max(b.restitution)
}

/// How fast they come together along the normal, in units of length a second; negative if they part.
fn meeting_speed(a: &Entry, b: &Entry, overlap: &Overlap) -> i64 {
    let (x, y) = relative_velocity(a, b);
    -(x * overlap.normal_x + y * overlap.normal_y) / ONE
}

/// The velocity of `b` as `a` sees it.
fn relative_velocity(a: &Entry, b: &Entry) -> (i64, i64) {
    (i64::from(b.velocity_x) - i64::from(a.velocity_x), i64::from(b.velocity_y) - i64::from(a.velocity_y))
}

/// The speed at which they met if they did not touch a tick ago, as far as their speeds tell; `None` if they did, or part.
pub(crate) fn began(dx: i32, dy: i32, a: &Entry, b: &Entry, step_q32: i64) -> Option<i64> {
    let (x, y) = relative_velocity(a, b);
    let before = |now: i32, speed: i64| {
        // Rounded towards 0, so that it is the same from either side; a shift would round towards the left.
        let before = i64::from(now) - speed * step_q32 / (1 << 32);
        i32::try_from(before).ok()
    };
    let touched = overlaps(before(dx, x)?, before(dy, y)?, a, b);
    let speed = meeting_speed(a, b, &overlap(dx, dy, a, b));
    (!touched && speed > 0).then_some(speed)
}

/// A part of an amount along a direction. Rounds towards 0, so that it is odd.
fn part(amount: i64, normal: i64, share: i64) -> i32 {
    (amount * normal / ONE * share / ONE) as i32
}

/// How the two share a change, in 2^-16: by the other's mass; what is immovable takes nothing.
fn shares(a: u32, b: u32) -> (i64, i64) {
    match (a, b) {
        (0, _) => (0, ONE),
        (_, 0) => (ONE, 0),
        _ if a == b => (ONE / 2, ONE / 2),
        _ => {
            let (a, b) = (i64::from(a), i64::from(b));
            (b * ONE / (a + b), a * ONE / (a + b))
        }
    }
}

impl Push {
    pub(crate) fn add(&mut self, other: Self) {
        self.velocity_x = self.velocity_x.wrapping_add(other.velocity_x);
        self.velocity_y = self.velocity_y.wrapping_add(other.velocity_y);
        self.x = self.x.wrapping_add(other.x);
        self.y = self.y.wrapping_add(other.y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::METRE;

    fn disc(mass: u32, velocity_x: i32) -> Entry {
        Entry {
            mass,
            velocity_x,
            half_x: 128,
            half_y: 128,
            restitution: 255,
            layers: 1,
            collides: 1,
            ..Entry::default()
        }
    }

    #[test]
    fn equal_discs_swap_their_speeds() {
        let (a, b) = (disc(1000, METRE), disc(1000, -METRE));
        assert!(overlaps(METRE - 2, 0, &a, &b));
        let touch = touch(METRE - 2, 0, &a, &b);
        let (on_a, on_b) = part_velocities(&touch, &a, &b);
        assert_eq!((on_a.velocity_x, on_b.velocity_x), (-2 * METRE, 2 * METRE));
        let (on_a, on_b) = part_places(&touch, &a, &b, 1);
        assert_eq!((on_a.x, on_b.x), (-1, 1));
        assert!(!overlaps(METRE, 0, &a, &b));
    }

    #[test]
    fn either_side_says_the_same() {
        let shapes = [(0u8, 128u16, 128u16), (Entry::BOX, 60, 200), (Entry::BOX, 300, 10)];
        for (shape_a, ax, ay) in shapes {
            for (shape_b, bx, by) in shapes {
                for dx in (-40_000..=40_000).step_by(7_001) {
                    for dy in (-40_000..=40_000).step_by(9_001) {
                        let a = Entry { traits: shape_a, half_x: ax, half_y: ay, slot: 1, ..disc(700, 12_345) };
                        let b = Entry {
                            traits: shape_b,
                            half_x: bx,
                            half_y: by,
                            slot: 2,
                            velocity_y: -777,
                            ..disc(1300, -4_321)
                        };
                        assert_eq!(overlaps(dx, dy, &a, &b), overlaps(-dx, -dy, &b, &a));
                        if overlaps(dx, dy, &a, &b) {
                            let (here, there) = (touch(dx, dy, &a, &b), touch(-dx, -dy, &b, &a));
                            assert_eq!((here.depth, here.meeting), (there.depth, there.meeting));
                            let (on_a, on_b) = part_places(&here, &a, &b, 3);
                            assert_eq!((on_b, on_a), part_places(&there, &b, &a, 3));
                            let (on_a, on_b) = part_velocities(&here, &a, &b);
                            assert_eq!((on_b, on_a), part_velocities(&there, &b, &a));
                            for step in [1 << 26, (1 << 32) / 30, (1 << 32) / 7] {
                                assert_eq!(began(dx, dy, &a, &b, step), began(-dx, -dy, &b, &a, step));
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_touch_begins_from_either_side() {
        // A tick ago they were one unit from touching, or just touching, by how the way of a tick is rounded.
        let a = Entry { slot: 1, ..disc(700, 0) };
        for speed in -2000..2000 {
            let b = Entry { slot: 2, velocity_x: speed, ..disc(700, 0) };
            for dx in [1 - METRE, METRE - 1] {
                let step = (1 << 32) / 30;
                assert_eq!(began(dx, 0, &a, &b, step), began(-dx, 0, &b, &a, step), "{speed}");
            }
        }
    }

    #[test]
    fn an_immovable_thing_stays() {
        let (wall, disc) = (disc(0, 0), disc(500, -METRE));
        let touch = touch(METRE / 2, 0, &wall, &disc);
        let (on_wall, on_disc) = part_velocities(&touch, &wall, &disc);
        assert_eq!((on_wall, on_disc.velocity_x), (Push::default(), 2 * METRE));
        let (on_wall, on_disc) = part_places(&touch, &wall, &disc, 1);
        assert_eq!((on_wall, on_disc.x), (Push::default(), METRE / 2));
    }

    #[test]
    fn things_in_one_place_are_parted() {
        let (a, b) = (Entry { slot: 1, ..disc(1, 0) }, Entry { slot: 2, ..disc(1, 0) });
        let (on_a, on_b) = part_places(&touch(0, 0, &a, &b), &a, &b, 1);
        assert!(on_a.x < 0 && on_b.x > 0);
    }
}
