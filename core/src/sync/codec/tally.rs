//! Counts of the symbols that shares have, for the trainer of the models and for reports of what the bytes are spent on.

use super::{
    DecodeError, Identity, Known, Layout,
    coder::Coder,
    model::{Field, Model},
    range::TOTAL_BITS,
    tell,
};
use crate::sync::GroupState;

/// Counts symbols by model and context.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    fields: Vec<Count>,
}

/// What was counted of one model.
#[derive(Clone, Debug, Default)]
pub struct Count {
    /// How often each symbol came: a row for each context.
    pub symbols: Vec<Vec<u64>>,
    /// The frequencies of 2^12 that the model has now, in the same rows.
    pub model: Vec<Vec<u16>>,
    /// Bits without a model that belong to the symbols.
    pub plain_bits: u64,
}

impl Tally {
    /// With nothing counted.
    pub fn new() -> Self {
        Self { fields: vec![Count::default(); Field::COUNT] }
    }

    /// Counts the symbols of the share that [`super::encode_group`] would make of the same.
    pub fn count_group(
        &mut self,
        now: &GroupState,
        update: u32,
        known: Option<&Known<'_>>,
        identity: &Identity,
        layout: &Layout,
    ) {
        tell(self, now, update, known, identity, layout);
    }

    /// The name of each model with what was counted. One that no symbol came of has no rows.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &Count)> {
        Field::NAMES.into_iter().zip(&self.fields)
    }
}

impl Coder for Tally {
    fn symbol<const N: usize, const C: usize>(&mut self, model: &Model<N, C>, context: usize, symbol: usize) -> usize {
        let count = &mut self.fields[model.field as usize];
        if count.symbols.is_empty() {
            count.symbols = vec![vec![0; N]; C];
            let sizes = |context| (0..N).map(move |symbol| model.interval(context, symbol).1 as u16).collect();
            count.model = (0..C).map(sizes).collect();
        }
        debug_assert!(model.interval(context, symbol).1 <= 1 << TOTAL_BITS);
        count.symbols[context][symbol] += 1;
        symbol
    }

    fn plain(&mut self, field: Field, value: u32, bits: u32) -> u32 {
        self.fields[field as usize].plain_bits += u64::from(bits);
        value
    }

    fn refuse(&mut self, error: DecodeError) {
        debug_assert!(false, "a state that is none of a group: {error}");
    }
}
