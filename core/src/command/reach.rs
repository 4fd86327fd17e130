//! How far apart two forms are, edge to edge.

use crate::entity::Shape;

/// The form of an entity without its place, as its columns have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Extent {
    /// Circle or box.
    pub shape: Shape,
    /// Radius of a circle or half the width of a box, in 2^-8 m.
    pub half_x: u16,
    /// Half the height of a box, in 2^-8 m.
    pub half_y: u16,
}

impl Extent {
    /// The form that the columns `shape`, `half_x` and `half_y` describe. Every shape but 1 is a circle.
    pub const fn new(shape: u8, half_x: u16, half_y: u16) -> Self {
        Self { shape: if shape == Shape::Box as u8 { Shape::Box } else { Shape::Circle }, half_x, half_y }
    }

    /// Its radius and its half sides in units of length, the one or the others 0.
    const fn parts(self) -> (i64, i64, i64) {
        match self.shape {
            Shape::Circle => ((self.half_x as i64) << 8, 0, 0),
            Shape::Box => (0, (self.half_x as i64) << 8, (self.half_y as i64) << 8),
        }
    }
}

/// Whether two forms whose centres are `offset` apart are at most `range` apart, edge to edge. Exact for every offset;
/// a `range` below 0 reaches nothing.
///
/// A circle is a point and its radius, so the box that both half sides make together and the radius that both radii make
/// together say it for every pair of forms.
pub fn is_within(offset: (i64, i64), from: Extent, to: Extent, range: i64) -> bool {
    let ((radius_a, wide_a, high_a), (radius_b, wide_b, high_b)) = (from.parts(), to.parts());
    let aside = offset.0.unsigned_abs().saturating_sub((wide_a + wide_b) as u64);
    let above = offset.1.unsigned_abs().saturating_sub((high_a + high_b) as u64);
    u64::try_from(range)
        .is_ok_and(|range| is_shorter((aside, above), range.saturating_add((radius_a + radius_b) as u64)))
}

/// Whether a vector is at most `length` long.
pub(crate) fn is_shorter((x, y): (u64, u64), length: u64) -> bool {
    // Parts beyond the length answer by themselves, which keeps the sum of the squares within 128 bits.
    let square = |part: u64| u128::from(part) * u128::from(part);
    x <= length && y <= length && square(x).saturating_add(square(y)) <= square(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::METRE;

    const M: i64 = METRE as i64;
    const DISC: Extent = Extent::new(0, 256, 0);
    const CRATE: Extent = Extent::new(1, 512, 256);

    #[test]
    fn distances_are_from_edge_to_edge() {
        let cases = [
            ((2 * M, 0), DISC, DISC, 0, true),
            ((2 * M + 1, 0), DISC, DISC, 0, false),
            ((2 * M + 1, 0), DISC, DISC, 1, true),
            // 3-4-5: centres 5 m apart, 2 m of radii.
            ((3 * M, -4 * M), DISC, DISC, 3 * M, true),
            ((3 * M, -4 * M), DISC, DISC, 3 * M - 1, false),
            // Along an axis of a box its side counts, past a corner the corner.
            ((3 * M, M), DISC, CRATE, 0, true),
            ((3 * M + 1, M), DISC, CRATE, 0, false),
            ((-5 * M, 5 * M), CRATE, DISC, 4 * M, true),
            ((-5 * M, 5 * M), CRATE, DISC, 4 * M - 1, false),
            ((4 * M, 2 * M), CRATE, CRATE, 0, true),
            ((4 * M, 2 * M + 1), CRATE, CRATE, 0, false),
            ((7 * M, 6 * M), CRATE, CRATE, 5 * M, true),
            ((7 * M, 6 * M + 1), CRATE, CRATE, 5 * M, false),
            // Within each other there is no distance, but nothing is nearer than nothing.
            ((0, 0), DISC, CRATE, 0, true),
            ((0, 0), DISC, CRATE, -1, false),
            ((i64::MIN, i64::MAX), DISC, CRATE, i64::MAX, false),
            ((i64::MAX, 0), DISC, DISC, i64::MAX, true),
        ];
        for (offset, from, to, range, expected) in cases {
            assert_eq!(is_within(offset, from, to, range), expected, "{offset:?} {from:?} {to:?} {range}");
            assert_eq!(
                is_within(offset, to, from, range),
                expected,
                "the other way: {offset:?} {from:?} {to:?} {range}"
            );
        }
    }

    #[test]
    fn every_shape_but_a_box_is_a_circle() {
        assert_eq!(
            [0, 1, 2, 255].map(|shape| Extent::new(shape, 1, 1).shape),
            [Shape::Circle, Shape::Box, Shape::Circle, Shape::Circle]
        );
    }
}
