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
    square_of_length(x, y).isqrt() as i64
}

/// The square of the length of a vector. Each part must be below 2^31 in amount.
pub fn square_of_length(x: i64, y: i64) -> u64 {
    x.unsigned_abs() * x.unsigned_abs() + y.unsigned_abs() * y.unsigned_abs()
}
