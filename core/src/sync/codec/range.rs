//! A range coder: symbols and raw bits become a share, with a cost of each symbol close to what its probability is worth.
//!
//! It is the byte-wise coder of Martin (1979) with a range of 32 bits; a carry goes back into the bytes that are already
//! out, which are in memory. The decoder takes zeros behind the end, so the last interval needs at most one byte.
//! **Every operation is exact in 32 bits without a sign.**

/// The frequencies of a model add up to 2^14.
pub(super) const TOTAL_BITS: u32 = 14;
/// The range is kept at or above it by shifting bytes out.
const RANGE_MIN: u32 = 1 << 24;

/// Encodes behind what is in a vector.
#[derive(Debug)]
pub(super) struct RangeEncoder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    low: u32,
    range: u32,
}

impl<'a> RangeEncoder<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start, low: 0, range: u32::MAX }
    }

    /// Narrows the interval to `size` parts from `start` of 2^bits parts; `bits` is at most 16.
    #[inline]
    pub(super) fn encode(&mut self, start: u32, size: u32, bits: u32) {
        let part = self.range >> bits;
        let (low, carried) = self.low.overflowing_add(part * start);
        self.low = low;
        self.range = part * size;
        if carried {
            self.carry();
        }
        while self.range < RANGE_MIN {
            self.out.push((self.low >> 24) as u8);
            self.low <<= 8;
            self.range <<= 8;
        }
    }

    /// Ends with the number of the interval that has the fewest bytes. A share has at least one.
    pub(super) fn finish(mut self) {
        if self.low != 0 {
            // The range is at least 2^24, so a multiple of 2^24 is in it.
            let (end, carried) = self.low.overflowing_add(RANGE_MIN - 1);
            if carried {
                self.carry();
            }
            // A carry leaves 0 in the upper byte, which the decoder takes for itself.
            if end >> 24 != 0 {
                self.out.push((end >> 24) as u8);
            }
        }
        if self.out.len() == self.start {
            self.out.push(0);
        }
    }

    #[cold]
    fn carry(&mut self) {
        // The number is below 1, so a carry ends at the first byte at the latest.
        for byte in self.out[self.start..].iter_mut().rev() {
            let (more, carried) = byte.overflowing_add(1);
            *byte = more;
            if !carried {
                break;
            }
        }
    }
}

/// Decodes a share. Bytes that no encoder wrote give symbols too, and are found out at the end or not at all.
#[derive(Debug)]
pub(super) struct RangeDecoder<'a> {
    share: &'a [u8],
    at: usize,
    /// How far the share's number is above the interval's lower end.
    code: u32,
    range: u32,
    /// The number was above the interval, where no encoder's is.
    is_outside: bool,
}

impl<'a> RangeDecoder<'a> {
    pub(super) fn new(share: &'a [u8]) -> Self {
        let mut decoder = Self { share, at: 0, code: 0, range: u32::MAX, is_outside: false };
        for _ in 0..4 {
            decoder.code = decoder.code << 8 | decoder.next();
        }
        decoder
    }

    /// In which of 2^bits parts the number is. [`Self::consume`] has to follow.
    #[inline]
    pub(super) fn part(&mut self, bits: u32) -> u32 {
        let part = self.code / (self.range >> bits);
        self.is_outside |= part >> bits != 0;
        part.min((1 << bits) - 1)
    }

    /// What the encoder narrowed the interval to.
    #[inline]
    pub(super) fn consume(&mut self, start: u32, size: u32, bits: u32) {
        let part = self.range >> bits;
        self.code -= part * start;
        self.range = part * size;
        while self.range < RANGE_MIN {
            self.range <<= 8;
            self.code = self.code << 8 | self.next();
        }
    }

    /// How many bytes were taken, zeros behind the end among them.
    #[cfg(test)]
    pub(super) const fn taken(&self) -> usize {
        self.at
    }

    /// Whether the share ended where the symbols did.
    pub(super) const fn is_at_end(&self) -> bool {
        // The decoder is four bytes ahead, and at most one byte ends a share.
        !self.is_outside && (self.at == self.share.len() + 3 || self.at == self.share.len() + 4)
    }

    #[inline]
    fn next(&mut self) -> u32 {
        let byte = self.share.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        u32::from(byte)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A start, a size and bits, with the whole of it in range.
    fn interval() -> impl Strategy<Value = (u32, u32, u32)> {
        (0u32..=16, any::<u32>(), any::<u32>()).prop_map(|(bits, start, size)| {
            let total = 1 << bits;
            let start = start % total;
            (start, 1 + size % (total - start), bits)
        })
    }

    proptest! {
        #[test]
        fn intervals_are_found_again(intervals in prop::collection::vec(interval(), 0..400)) {
            let mut share = vec![255, 255];
            let mut encoder = RangeEncoder::new(&mut share);
            for (start, size, bits) in &intervals {
                encoder.encode(*start, *size, *bits);
            }
            encoder.finish();
            prop_assert_eq!(&share[..2], &[255, 255]);
            prop_assert!(share.len() > 2);
            let mut decoder = RangeDecoder::new(&share[2..]);
            for (start, size, bits) in &intervals {
                let part = decoder.part(*bits);
                prop_assert!((*start..start + size).contains(&part));
                decoder.consume(*start, *size, *bits);
            }
            prop_assert!(decoder.is_at_end());
        }
    }
}
