//! Coders: what encodes, decodes or counts. A share is described once, for all of them.
//!
//! Each operation takes a value and returns one. An encoder returns what it took; a decoder takes anything and returns what
//! the share says. **So the two sides cannot differ in order, models or contexts.**

use super::{
    DecodeError,
    model::{Field, Model},
    range::{RangeDecoder, RangeEncoder, TOTAL_BITS},
};

/// Encodes, decodes or counts.
pub(super) trait Coder {
    /// A symbol of a model. The context has to be one that the model has.
    fn symbol<const N: usize, const C: usize, const R: usize>(
        &mut self,
        model: &Model<N, C, R>,
        context: usize,
        symbol: usize,
    ) -> usize;

    /// Up to 16 bits that are as likely as any others.
    fn plain(&mut self, field: Field, value: u32, bits: u32) -> u32;

    /// Notes that what was decoded is nothing an encoder writes. Reading goes on, to its bounded end.
    fn refuse(&mut self, error: DecodeError);

    /// A symbol of two.
    #[inline]
    fn flag<const C: usize, const R: usize>(&mut self, model: &Model<2, C, R>, context: usize, flag: bool) -> bool {
        self.symbol(model, context, usize::from(flag)) == 1
    }

    /// Any word: how many bits it has by a model, then those below the highest.
    #[inline]
    fn number<const C: usize, const R: usize>(&mut self, model: &Model<33, C, R>, context: usize, value: u32) -> u32 {
        let length = self.symbol(model, context, (u32::BITS - value.leading_zeros()) as usize) as u32;
        if length <= 1 { length } else { self.below_highest(model.field, value, length) }
    }

    /// The difference to `old`, by its size, as [`Self::number`].
    #[inline]
    fn difference<const C: usize, const R: usize>(
        &mut self,
        model: &Model<33, C, R>,
        context: usize,
        old: u32,
        value: u32,
    ) -> u32 {
        old.wrapping_add(unfold(self.number(model, context, fold(value.wrapping_sub(old)))))
    }

    /// The bits below the highest of a word with `length` bits, 2 to 32.
    #[inline]
    fn below_highest(&mut self, field: Field, value: u32, length: u32) -> u32 {
        let below = length - 1;
        let low = self.plain(field, value & 0xffff & mask(below), below.min(16));
        let high = if below > 16 { self.plain(field, (value & mask(below)) >> 16, below - 16) } else { 0 };
        1 << below | high << 16 | low
    }

    /// A difference that is mostly small: -6 to 6 have a symbol each; beyond them an amount's symbol says the sign and how
    /// many bits follow. `N` is 13 symbols and two for each number of bits from 1.
    #[inline]
    fn residual<const N: usize, const C: usize, const R: usize>(
        &mut self,
        model: &Model<N, C, R>,
        context: usize,
        value: i32,
    ) -> i32 {
        const DIRECT: i32 = 6;
        let amount = value.unsigned_abs();
        // From 7 on, an amount less 5 has two bits and more, of which the highest is known.
        let beyond = amount.wrapping_sub(5);
        let symbol = if amount <= DIRECT as u32 {
            (value + DIRECT) as usize
        } else {
            let bits = beyond.ilog2().min((N as u32 - 13) / 2);
            (13 + 2 * (bits - 1) + u32::from(value < 0)) as usize
        };
        let symbol = self.symbol(model, context, symbol) as u32;
        if symbol < 13 {
            return symbol as i32 - DIRECT;
        }
        let bits = (symbol - 13) / 2 + 1;
        let low = self.plain(model.field, beyond & mask(bits), bits);
        let amount = ((1 << bits | low) + 5) as i32;
        if symbol & 1 == 1 { amount } else { -amount }
    }
}

/// The lower bits.
const fn mask(bits: u32) -> u32 {
    (1 << bits) - 1
}

/// The sign to the lowest bit.
const fn fold(difference: u32) -> u32 {
    difference << 1 ^ (difference.cast_signed() >> 31).cast_unsigned()
}

const fn unfold(folded: u32) -> u32 {
    folded >> 1 ^ (folded & 1).wrapping_neg()
}

/// Writes a share.
#[derive(Debug)]
pub(super) struct Encoder<'a>(pub(super) RangeEncoder<'a>);

impl Coder for Encoder<'_> {
    #[inline]
    fn symbol<const N: usize, const C: usize, const R: usize>(
        &mut self,
        model: &Model<N, C, R>,
        context: usize,
        symbol: usize,
    ) -> usize {
        let (start, size) = model.interval(context, symbol);
        self.0.encode(start, size, TOTAL_BITS);
        symbol
    }

    #[inline]
    fn plain(&mut self, _: Field, value: u32, bits: u32) -> u32 {
        self.0.encode(value, 1, bits);
        value
    }

    fn refuse(&mut self, error: DecodeError) {
        debug_assert!(false, "a state that is none of a group: {error}");
    }
}

/// Reads a share.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    range: RangeDecoder<'a>,
    refused: Option<DecodeError>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(share: &'a [u8]) -> Self {
        Self { range: RangeDecoder::new(share), refused: None }
    }

    /// How many bytes were taken, zeros behind the end among them.
    #[cfg(test)]
    pub(super) const fn taken(&self) -> usize {
        self.range.taken()
    }

    /// The first thing that was wrong.
    pub(super) fn finish(self) -> Result<(), DecodeError> {
        match self.refused {
            Some(error) => Err(error),
            None if !self.range.is_at_end() => Err(DecodeError::Length),
            None => Ok(()),
        }
    }
}

impl Coder for Decoder<'_> {
    #[inline]
    fn symbol<const N: usize, const C: usize, const R: usize>(
        &mut self,
        model: &Model<N, C, R>,
        context: usize,
        _: usize,
    ) -> usize {
        let part = self.range.part(TOTAL_BITS);
        let symbol = model.symbol_at(context, part);
        let (start, size) = model.interval(context, symbol);
        self.range.consume(start, size, TOTAL_BITS);
        symbol
    }

    #[inline]
    fn plain(&mut self, _: Field, _: u32, bits: u32) -> u32 {
        let value = self.range.part(bits);
        self.range.consume(value, 1, bits);
        value
    }

    fn refuse(&mut self, error: DecodeError) {
        self.refused.get_or_insert(error);
    }
}
