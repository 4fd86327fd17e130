//! Runs along a row or a column, 64 cells at a time.
//!
//! The idea is that of Harabor and Grastien, "Improving Jump Point Search" (ICAPS 2014): three adjacent lines of bits tell
//! at once for 64 cells where a straight run must stop. Places are those of the border bits: cell `i` is bit `i + 1`.

use super::grid::Bitmap;

/// Where a straight run ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stop {
    pub(super) bit: u32,
    /// Whether it is a blocked cell, and not one where a way may turn.
    pub(super) blocked: bool,
}

impl Bitmap {
    /// The first bit after `bit` that is set, or that has a clear bit beside it in one of the neighbouring lines behind
    /// which there is a set one: only there can it be better to turn than to have turned before.
    #[inline]
    pub(super) fn scan_up(&self, bit: u32, line: u32) -> Stop {
        let (words, stride) = self.words();
        let mut at = line as usize * stride + (bit / 64) as usize;
        let mut base = bit & !63;
        let mut within = (u64::MAX << 1) << (bit % 64);
        let (mut carry_left, mut carry_right) = (0, 0);
        loop {
            let (left, here, right) = (words[at - stride], words[at], words[at + stride]);
            let turns = ((left << 1 | carry_left) & !left) | ((right << 1 | carry_right) & !right);
            let stops = (here | turns) & within;
            if stops != 0 {
                let bit = stops.trailing_zeros();
                return Stop { bit: base + bit, blocked: here >> bit & 1 != 0 };
            }
            (carry_left, carry_right) = (left >> 63, right >> 63);
            within = u64::MAX;
            at += 1;
            base += 64;
        }
    }

    /// The same towards lower bits.
    #[inline]
    pub(super) fn scan_down(&self, bit: u32, line: u32) -> Stop {
        let (words, stride) = self.words();
        let mut at = line as usize * stride + (bit / 64) as usize;
        let mut base = bit & !63;
        let mut within = (1 << (bit % 64)) - 1;
        let (mut carry_left, mut carry_right) = (0, 0);
        loop {
            let (left, here, right) = (words[at - stride], words[at], words[at + stride]);
            let turns = ((left >> 1 | carry_left) & !left) | ((right >> 1 | carry_right) & !right);
            let stops = (here | turns) & within;
            if stops != 0 {
                let bit = 63 - stops.leading_zeros();
                return Stop { bit: base + bit, blocked: here >> bit & 1 != 0 };
            }
            (carry_left, carry_right) = (left << 63, right << 63);
            within = u64::MAX;
            at -= 1;
            base -= 64;
        }
    }

    /// Three bits around one: bit 0 is the one before it.
    #[inline]
    pub(super) fn three(&self, bit: u32, line: u32) -> u32 {
        let (words, stride) = self.words();
        let first = bit - 1;
        let at = line as usize * stride + (first / 64) as usize;
        let low = words[at] >> (first % 64);
        // The last word of a line is followed by one of the next; its bits are not used then, as the border is the last.
        let high = words.get(at + 1).map_or(0, |word| (word << 1) << (63 - first % 64));
        (low | high) as u32 & 7
    }

    /// Whether any bit from `first` to `last`, which is not before it, is set.
    #[inline]
    pub(super) fn any_set(&self, first: u32, last: u32, line: u32) -> bool {
        let (words, stride) = self.words();
        let words = &words[line as usize * stride..][..stride];
        let (start, end) = ((first / 64) as usize, (last / 64) as usize);
        let (from, to) = (u64::MAX << (first % 64), u64::MAX >> (63 - last % 64));
        if start == end {
            return words[start] & from & to != 0;
        }
        words[start] & from != 0 || words[end] & to != 0 || words[start + 1..end].iter().any(|word| *word != 0)
    }

    /// Calls `run` with the first and the last cell of each run of clear bits in the line of a cell, ascending.
    pub(super) fn for_each_free_run(&self, cell: u32, mut run: impl FnMut(u32, u32)) {
        let (words, stride) = self.words();
        let line = &words[(cell as usize + 1) * stride..][..stride];
        let mut from = None;
        for (index, &word) in line.iter().enumerate() {
            // The border is bit 0, so that a cell's number is its bit's less one.
            let (base, mut bit) = (index as u32 * 64, 0);
            while bit < 64 {
                let rest = word >> bit;
                match from {
                    None => {
                        bit += (!rest).trailing_zeros().min(64 - bit);
                        if bit < 64 {
                            from = Some(base + bit - 1);
                        }
                    }
                    Some(first) => {
                        bit += rest.trailing_zeros().min(64 - bit);
                        if bit < 64 {
                            run(first, base + bit - 2);
                            from = None;
                        }
                    }
                }
            }
        }
    }
}
