//! Randomness without a state: a number is a function of what it is for.
//!
//! **[`draw`] of the same words gives the same number for ever.** Nothing has to be kept, saved or passed from thread to
//! thread, and who draws first does not matter. The mixing is the finaliser of SplitMix64 (Steele, Lea and Flood 2014),
//! once a word; it is not for secrets.

/// The odd fraction of the golden ratio, which SplitMix64 counts by.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64: a bijection of words in which every bit of the result depends on every bit of `word`.
#[inline]
pub const fn mix(word: u64) -> u64 {
    let mut mixed = word;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Takes one more word into a hash; the order of words counts. For an equal `hash`, unequal words give unequal results.
#[inline]
pub const fn fold(hash: u64, word: u64) -> u64 {
    mix(hash.wrapping_add(GOLDEN) ^ word)
}

/// A random word for one `purpose` of one `subject`, mostly the bits of an entity's id, in one tick.
///
/// Purposes are numbered by their users; two draws for the same subject in the same tick need two of them.
#[inline]
pub const fn draw(seed: u64, tick: u64, subject: u64, purpose: u32) -> u64 {
    fold(fold(fold(fold(0, seed), tick), subject), purpose as u64)
}

/// A number below `bound` from a word of [`draw`]; 0 if `bound` is 0.
///
/// The upper half of a product instead of a remainder: there is no division, and every number is as likely as another to
/// within `bound` in 2^64, which no world lives long enough to see. To remove that too, words would have to be thrown
/// away and drawn again.
#[inline]
pub const fn below(word: u64, bound: u32) -> u32 {
    ((word as u128 * bound as u128) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by SplitMix64's reference: the first three outputs for the seed 0 are `mix` of multiples of the constant.
    #[test]
    fn mixes_as_the_reference_does() {
        assert_eq!(mix(GOLDEN), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(GOLDEN.wrapping_mul(2)), 0x6e78_9e6a_a1b9_65f4);
        assert_eq!(mix(GOLDEN.wrapping_mul(3)), 0x06c4_5d18_8009_454f);
    }

    #[test]
    fn every_word_counts() {
        let base = draw(1, 2, 3, 4);
        for other in [draw(2, 2, 3, 4), draw(1, 3, 3, 4), draw(1, 2, 4, 4), draw(1, 2, 3, 5), draw(2, 1, 3, 4)] {
            assert_ne!(base, other);
        }
        assert_eq!(base, draw(1, 2, 3, 4));
    }

    /// A bit of any argument turns about half of the result's bits, over many arguments.
    #[test]
    fn a_bit_turns_half_of_the_bits() {
        for bit in 0..64 {
            let mut turned = 0;
            for subject in 0..256 {
                turned += (draw(7, 9, subject, 1) ^ draw(7, 9 ^ (1 << bit), subject, 1)).count_ones();
            }
            let mean = turned / 256;
            assert!((30..=34).contains(&mean), "bit {bit} turns {mean} bits");
        }
    }

    #[test]
    fn numbers_below_a_bound_are_spread_evenly() {
        assert_eq!(
            [below(u64::MAX, 0), below(0, 5), below(u64::MAX, 5), below(u64::MAX, u32::MAX)],
            [0, 0, 4, u32::MAX - 1]
        );
        let mut counts = [0u32; 7];
        for tick in 0..70_000 {
            counts[below(draw(1, tick, 2, 3), 7) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_600..=10_400).contains(count)), "{counts:?}");
    }
}
