//! Plain bits, for events, a viewer's own part and inputs: what is too rare or too varied for models.
//!
//! The first bit is the lowest of the first byte. What is left of the last byte is 0.

use core::fmt;

/// Writes bits behind what is in a vector.
#[derive(Debug)]
pub struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    held: u64,
    count: u32,
}

/// Reads what a [`BitWriter`] wrote.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Why there is no such value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BitsError {
    /// The bits are at their end.
    End,
    /// It has more bits than a value of its kind.
    Long,
    /// What is left after the last value is more than the rest of its byte, or is not 0.
    Rest,
}

/// Moves the sign to the lowest bit, so that small amounts are small numbers.
pub const fn fold_sign(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The opposite of [`fold_sign`].
pub const fn unfold_sign(folded: u64) -> i64 {
    (folded >> 1) as i64 ^ -((folded & 1) as i64)
}

impl<'a> BitWriter<'a> {
    /// Begins at the end of `out`. Without a call of [`Self::finish`] the last bits are lost.
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, held: 0, count: 0 }
    }

    /// The lower `bits` of `value`, at most 64.
    #[inline]
    pub fn push(&mut self, value: u64, bits: u32) {
        debug_assert!(bits <= 64, "a word has 64 bits");
        if bits > 32 {
            self.push_half(value & 0xffff_ffff, 32);
            self.push_half(value >> 32, bits - 32);
        } else {
            self.push_half(value, bits);
        }
    }

    /// At most 32 bits; fewer than 32 are held before and after it.
    #[inline]
    fn push_half(&mut self, value: u64, bits: u32) {
        self.held |= (value & ((1 << bits) - 1)) << self.count;
        self.count += bits;
        if self.count >= 32 {
            self.out.extend_from_slice(&(self.held as u32).to_le_bytes());
            self.held >>= 32;
            self.count -= 32;
        }
    }

    /// One bit.
    pub fn push_bool(&mut self, value: bool) {
        self.push(u64::from(value), 1);
    }

    /// An Exp-Golomb code of order `order`, at most 63: `value >> order` plus 1 behind one zero for each of its bits but the
    /// first, from the highest; then the lower `order` bits. Any value has a code; those below 2^order have order + 1 bits.
    #[inline]
    pub fn push_unsigned(&mut self, value: u64, order: u32) {
        match u32::try_from(value) {
            Ok(value) if order < 32 && value >> order < 1 << 15 => {
                let (code, bits) = short_code(value, order);
                self.push(code, bits);
            }
            _ => self.push_long(value, order),
        }
    }

    /// A code that may have more than 64 bits.
    #[cold]
    fn push_long(&mut self, value: u64, order: u32) {
        let quotient = u128::from(value >> order) + 1;
        let bits = quotient.ilog2();
        self.push(0, bits);
        self.push(1, 1);
        self.push(quotient as u64, bits);
        self.push(value, order);
    }

    /// A signed value, folded by [`fold_sign`], as [`Self::push_unsigned`].
    pub fn push_signed(&mut self, value: i64, order: u32) {
        self.push_unsigned(fold_sign(value), order);
    }

    /// Fills the last byte with zeros.
    pub fn finish(self) {
        let bytes = self.count.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.held.to_le_bytes()[..bytes]);
    }
}

/// The code that [`BitWriter::push_unsigned`] writes for a value of 32 bits, and how many bits that are; `order` is at most 31 and
/// `value >> order` below 2^16.
#[inline]
pub(crate) const fn short_code(value: u32, order: u32) -> (u64, u32) {
    let quotient = (value >> order) as u64 + 1;
    let bits = quotient.ilog2();
    // Zeros; the highest bit, which ends them; the others; the lowest ones of the value.
    let low = (quotient ^ 1 << bits) | (value as u64 & low_bits(order)) << bits;
    ((low << 1 | 1) << bits, 2 * bits + 1 + order)
}

/// The lowest so many bits, at most 64.
#[inline]
const fn low_bits(bits: u32) -> u64 {
    if bits == 0 { 0 } else { u64::MAX >> (64 - bits) }
}

impl<'a> BitReader<'a> {
    /// Begins with the first bit.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next bits and how many those are: 57 to 64, or all there are if they are fewer.
    #[inline]
    fn peek(&self) -> (u64, u32) {
        let (rest, offset) = (&self.bytes[self.at / 8..], (self.at % 8) as u32);
        if let Some(word) = rest.first_chunk() {
            return (u64::from_le_bytes(*word) >> offset, 64 - offset);
        }
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        (u64::from_le_bytes(word) >> offset, rest.len() as u32 * 8 - offset)
    }

    /// So many bits, at most 64.
    ///
    /// # Errors
    /// When there are not so many left.
    #[inline]
    pub fn bits(&mut self, bits: u32) -> Result<u64, BitsError> {
        debug_assert!(bits <= 64, "a word has 64 bits");
        let (word, have) = self.peek();
        if bits <= have {
            self.at += bits as usize;
            return Ok(word & low_bits(bits));
        }
        if self.bytes.len() * 8 - self.at < bits as usize {
            return Err(BitsError::End);
        }
        // There are eight bytes at least, so that each half is had at once.
        let low = self.bits(32)?;
        Ok(low | self.bits(bits - 32)? << 32)
    }

    /// One bit.
    ///
    /// # Errors
    /// When none is left.
    pub fn bool(&mut self) -> Result<bool, BitsError> {
        Ok(self.bits(1)? == 1)
    }

    /// What [`BitWriter::push_unsigned`] wrote with the same `order`.
    ///
    /// # Errors
    /// At the end of the bits, and for a code that no value has.
    #[inline]
    pub fn unsigned(&mut self, order: u32) -> Result<u64, BitsError> {
        let (word, have) = self.peek();
        let bits = word.trailing_zeros();
        let length = 2 * bits + 1 + order;
        if length > have {
            return self.unsigned_long(order);
        }
        self.at += length as usize;
        let quotient = (1 << bits | word >> bits >> 1 & low_bits(bits)) - 1;
        Ok(quotient << order | word >> bits >> 1 >> bits & low_bits(order))
    }

    /// A code that is longer than what is had at once, or that ends behind the end.
    #[cold]
    fn unsigned_long(&mut self, order: u32) -> Result<u64, BitsError> {
        let mut bits = 0;
        while !self.bool()? {
            bits += 1;
            if bits > 64 {
                return Err(BitsError::Long);
            }
        }
        let quotient = (1u128 << bits | u128::from(self.bits(bits)?)) - 1;
        let value = quotient << order | u128::from(self.bits(order)?);
        u64::try_from(value).map_err(|_| BitsError::Long)
    }

    /// What [`BitWriter::push_signed`] wrote with the same `order`.
    ///
    /// # Errors
    /// Those of [`Self::unsigned`].
    pub fn signed(&mut self, order: u32) -> Result<i64, BitsError> {
        self.unsigned(order).map(unfold_sign)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// When more than the zeros of the last byte is left.
    pub fn finish(mut self) -> Result<(), BitsError> {
        let left = self.bytes.len() * 8 - self.at;
        if left >= 8 || self.bits(left as u32)? != 0 { Err(BitsError::Rest) } else { Ok(()) }
    }
}

impl fmt::Display for BitsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::End => "the bits end in a value",
            Self::Long => "a code is longer than any value's",
            Self::Rest => "there are bits behind the last value",
        })
    }
}

impl core::error::Error for BitsError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Value {
        Bits(u64, u32),
        Unsigned(u64, u32),
        Signed(i64, u32),
    }

    fn value() -> impl Strategy<Value = Value> {
        let word = || (any::<u64>(), 0u32..64).prop_map(|(word, shift)| word >> shift);
        prop_oneof![
            (word(), 0u32..=64)
                .prop_map(|(word, bits)| Value::Bits(if bits == 64 { word } else { word & ((1 << bits) - 1) }, bits)),
            (word(), 0u32..64).prop_map(|(word, order)| Value::Unsigned(word, order)),
            (word(), 0u32..64).prop_map(|(word, order)| Value::Signed(unfold_sign(word), order)),
        ]
    }

    proptest! {
        #[test]
        fn values_come_back(values in prop::collection::vec(value(), 0..40)) {
            let mut bytes = vec![7];
            let mut writer = BitWriter::new(&mut bytes);
            for value in &values {
                match *value {
                    Value::Bits(value, bits) => writer.push(value, bits),
                    Value::Unsigned(value, order) => writer.push_unsigned(value, order),
                    Value::Signed(value, order) => writer.push_signed(value, order),
                }
            }
            writer.finish();
            let mut reader = BitReader::new(&bytes[1..]);
            for value in &values {
                match *value {
                    Value::Bits(value, bits) => prop_assert_eq!(reader.bits(bits), Ok(value)),
                    Value::Unsigned(value, order) => prop_assert_eq!(reader.unsigned(order), Ok(value)),
                    Value::Signed(value, order) => prop_assert_eq!(reader.signed(order), Ok(value)),
                }
            }
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40), order in 0u32..64) {
            let mut reader = BitReader::new(&bytes);
            let mut read = 0;
            while reader.unsigned(order).is_ok() {
                read += 1;
            }
            prop_assert!(read <= bytes.len() * 8);
        }
    }

    #[test]
    fn the_extremes_have_codes() {
        for value in [0, 1, i64::MAX, i64::MIN, -1] {
            let mut bytes = Vec::new();
            let mut writer = BitWriter::new(&mut bytes);
            writer.push_signed(value, 0);
            writer.finish();
            assert_eq!(BitReader::new(&bytes).signed(0), Ok(value));
        }
        assert_eq!(BitReader::new(&[0; 20]).unsigned(0), Err(BitsError::Long));
        assert_eq!(BitReader::new(&[0; 2]).unsigned(0), Err(BitsError::End));
        assert_eq!(BitReader::new(&[0, 0]).finish(), Err(BitsError::Rest));
        assert_eq!(BitReader::new(&[1]).finish(), Ok(()).and(Err(BitsError::Rest)));
    }
}
