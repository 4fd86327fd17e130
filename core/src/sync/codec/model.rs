//! Models: how likely each symbol is, by context. Constant, and the same on both sides.

use super::range::TOTAL_BITS;

/// How likely each of `N` symbols is in each of `C` contexts. Contexts that are alike have one of `R` rows.
#[derive(Debug)]
pub(super) struct Model<const N: usize, const C: usize, const R: usize> {
    /// Which model it is, for those who count symbols.
    pub(super) field: Field,
    /// Which row a context has.
    pub(super) rows: [u8; C],
    /// The sums of the frequencies before each symbol's; each is at least 1, and all of them are 2^14.
    pub(super) starts: [[u16; N]; R],
}

/// The models, by what their symbols tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Field {
    Same,
    Left,
    Destroyed,
    Came,
    Slot,
    Generation,
    Changed,
    Ahead,
    Aside,
    Heading,
    Health,
    Other,
    State,
    Target,
    TargetSlot,
    TargetGeneration,
    Flags,
    Rare,
    RareValue,
    AttributeChanged,
    Attribute,
    WholeMore,
    Sector,
    /// What is coded without a model.
    Plain,
}

impl Field {
    pub(super) const COUNT: usize = Self::Plain as usize + 1;

    /// As the trainer and its tables call it.
    pub(super) const NAMES: [&str; Self::COUNT] = [
        "same",
        "left",
        "destroyed",
        "came",
        "slot",
        "generation",
        "changed",
        "ahead",
        "aside",
        "heading",
        "health",
        "other",
        "state",
        "target",
        "target_slot",
        "target_generation",
        "flags",
        "rare",
        "rare_value",
        "attribute_changed",
        "attribute",
        "whole_more",
        "sector",
        "plain",
    ];
}

impl<const N: usize, const C: usize, const R: usize> Model<N, C, R> {
    /// The start and the size of a symbol's part of the range.
    #[inline]
    pub(super) fn interval(&self, context: usize, symbol: usize) -> (u32, u32) {
        let starts = &self.starts[usize::from(self.rows[context])];
        let start = u32::from(starts[symbol]);
        let end = if symbol + 1 < N { u32::from(starts[symbol + 1]) } else { 1 << TOTAL_BITS };
        (start, end - start)
    }

    /// The symbol whose part of the range `part` is in.
    #[inline]
    pub(super) fn symbol_at(&self, context: usize, part: u32) -> usize {
        let starts = &self.starts[usize::from(self.rows[context])];
        // Counting has no branch to mispredict, and runs eight or sixteen at a time. The first start is 0.
        let part = part as u16;
        starts.iter().map(|start| u16::from(*start <= part)).sum::<u16>() as usize - 1
    }

    /// Mixes the model into a hash of all of them.
    pub(super) const fn hash(&self, mut hash: u64) -> u64 {
        hash = crate::random::fold(hash, (self.field as u64) << 32 | (N as u64) << 16 | C as u64);
        let mut context = 0;
        while context < C {
            hash = crate::random::fold(hash, self.rows[context] as u64);
            context += 1;
        }
        let mut row = 0;
        while row < R {
            let mut symbol = 0;
            while symbol < N {
                hash = crate::random::fold(hash, self.starts[row][symbol] as u64);
                symbol += 1;
            }
            row += 1;
        }
        hash
    }
}
