//! What a path costs: straight steps 1, diagonal steps the square root of 2, as fixed-point numbers that compare exactly.
//!
//! A cost is `s * ONE + d * DIAGONAL` for s straight and d diagonal steps, modulo 2^64, with 49 fractional bits.
//!
//! **Two paths compare as their true costs do.** Say they differ by p straight and q diagonal steps, not both 0. The true
//! difference is `|p + q sqrt 2| = |p^2 - 2 q^2| / |p - q sqrt 2|`. The numerator is at least 1, as sqrt 2 is irrational,
//! so if the difference is below 1, and p hence near `-q sqrt 2`, it is more than `1 / (2 sqrt 2 |q| + 1)`. `DIAGONAL` is
//! rounded to nearest and off by 2^-50 at most, the computed difference hence by `|q| 2^-50`. That has no effect as
//! long as `|q| (2 sqrt 2 |q| + 1) < 2^50`, which holds for `|q| < 2^24`: and a path visits no cell of the at most 2^24 twice.
//!
//! **Wrapping is harmless** where the compared costs lie within 2^14 of each other, which is half of what 15 bits before the
//! point can hold: see `open.rs`.

use core::cmp::Ordering;

/// Bits behind the point.
const FRACTION: u32 = 49;

/// The cost of a step along a row or a column.
const ONE: u64 = 1 << FRACTION;

/// The cost of a step to a diagonal neighbour, rounded to nearest: twice the square root is rounded down first.
const DIAGONAL: u64 = ((1u128 << (2 * FRACTION + 3)).isqrt() as u64).div_ceil(2);

/// How many bits [`coarse`] drops.
const COARSE: u32 = 30;

/// The cost of the shortest way without obstacles over that many columns and rows, each below 4096; below 2^62.
#[inline]
pub(super) fn octile(columns: u32, rows: u32) -> u64 {
    let (more, less) = (columns.max(rows), columns.min(rows));
    u64::from(more) * ONE + u64::from(less) * (DIAGONAL - ONE)
}

/// Compares two costs that lie within 2^14 of each other.
#[inline]
pub(super) fn compare(a: u64, b: u64) -> Ordering {
    (a.wrapping_sub(b) as i64).cmp(&0)
}

/// The leading 32 of the 62 bits of a result of [`octile`].
#[inline]
pub(super) fn coarse(cost: u64) -> u32 {
    (cost >> COARSE) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagonal_is_rounded_to_nearest() {
        let (twice, two) = (u128::from(2 * DIAGONAL), 8u128 << (2 * FRACTION));
        assert!((twice - 1).pow(2) < two && two < (twice + 1).pow(2));
    }

    #[test]
    fn the_hardest_pairs_below_the_limit_compare_as_their_true_costs() {
        // The best approximations of sqrt 2, p / q, leave the least difference that any p and q can.
        let (mut p, mut q) = (1u64, 1u64);
        while q < 1 << 24 {
            let truth = (p * p).cmp(&(2 * q * q));
            assert_eq!((u128::from(p) * u128::from(ONE)).cmp(&(u128::from(q) * u128::from(DIAGONAL))), truth);
            // What is left of both after wrapping compares the same.
            assert_eq!(compare(p.wrapping_mul(ONE), q.wrapping_mul(DIAGONAL)), truth);
            (p, q) = (p + 2 * q, p + q);
        }
    }

    #[test]
    fn the_longest_way_without_obstacles_fits() {
        assert!(octile(4095, 4095) < 1 << 62);
        assert_eq!(octile(3, 5), 2 * ONE + 3 * DIAGONAL);
        // Twice the longest jump stays within the window of `compare`.
        assert!(2 * octile(4095, 4095) < 1 << 63);
    }
}
