//! Where things are: sectors, positions in them, angles, and the integer arithmetic of lengths.
//!
//! Lengths are integers in units of 2^-16 m (15 um); [`METRE`] is one metre. Speeds are in the same units a second.
//! **No float holds a place or a speed.**

mod angle;
mod position;
mod sector;

pub use angle::{Angle, angle_of, cos_q15, sin_q15};
pub use position::Position;
pub use sector::SectorId;

/// One metre in units of length.
pub const METRE: i32 = 1 << 16;

/// The side of a sector of scale 0 in units of length: 1 km.
pub const SECTOR_SIDE: i32 = 1000 * METRE;

/// The length of a vector, rounded down.
pub fn length(x: i64, y: i64) -> i64 {
    root(square_of_length(x, y)) as i64
}

/// The square root, rounded down.
///
/// The processor's root of a float is a first guess, which is then put right: the result is the exact integer, whatever
/// the guess was, in half the time of a root from integers alone.
#[inline]
pub fn root(square: u64) -> u64 {
    // tidy-allow: a guess that the exact comparison below puts right, so no rounding of a float shows
    let mut root = (square as f64).sqrt() as u64;
    root = root.min(u64::from(u32::MAX));
    while root * root > square {
        root -= 1;
    }
    while root < u64::from(u32::MAX) && (root + 1) * (root + 1) <= square {
        root += 1;
    }
    root
}

/// The square of the length of a vector. Each part must be below 2^31 in amount.
pub fn square_of_length(x: i64, y: i64) -> u64 {
    x.unsigned_abs() * x.unsigned_abs() + y.unsigned_abs() * y.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_exact_at_every_edge() {
        for bits in 0..64 {
            for near in [0u64, 1, 2, 3] {
                let square = (1u64 << bits).wrapping_sub(near);
                assert_eq!(root(square), square.isqrt(), "{square}");
            }
        }
        for side in (0..=u64::from(u32::MAX)).step_by(65_521) {
            for square in [(side * side).saturating_sub(1), side * side, side * side + side] {
                assert_eq!(root(square), square.isqrt(), "{square}");
            }
        }
        assert_eq!(root(u64::MAX), u64::from(u32::MAX));
    }
}
