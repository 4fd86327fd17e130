//! A hash that is the same on every machine.

/// Folds words into one. It finds differences; it keeps out nobody who looks for collisions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// Folds a word in; the order of words counts.
    pub(crate) const fn write(&mut self, word: u64) {
        // The finaliser of SplitMix64, a bijection, so that no word that goes in is lost before the next one.
        let mut mixed = self.0.rotate_left(23) ^ word;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = mixed ^ (mixed >> 31);
    }

    pub(crate) const fn finish(self) -> u64 {
        self.0
    }
}
