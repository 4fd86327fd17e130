//! Counts of the symbols that shares have, for the trainer of the models and for reports of what the bytes are spent on.

use super::{
    DecodeError, Identity, Known, Layout,
    coder::Coder,
    model::{Field, Model},
    models, tell,
};
use crate::sync::GroupState;

/// Counts symbols by model and context.
#[derive(Clone, Debug)]
pub struct Tally {
    fields: Vec<Count>,
}

/// What was counted of one model.
#[derive(Clone, Debug, Default)]
pub struct Count {
    /// How often each symbol came: a row for each context.
    pub symbols: Vec<Vec<u64>>,
    /// The frequencies of 2^14 that the model has now, in the same rows.
    pub model: Vec<Vec<u16>>,
    /// Bits without a model that belong to the symbols.
    pub plain_bits: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

impl Tally {
    /// With nothing counted.
    pub fn new() -> Self {
        let mut tally = Self { fields: vec![Count::default(); Field::COUNT] };
        tally.expect(&models::SAME);
        tally.expect(&models::LEFT);
        tally.expect(&models::DESTROYED);
        tally.expect(&models::CAME);
        tally.expect(&models::SLOT);
        tally.expect(&models::GENERATION);
        tally.expect(&models::CHANGED);
        tally.expect(&models::AHEAD);
        tally.expect(&models::ASIDE);
        tally.expect(&models::HEADING);
        tally.expect(&models::HEALTH);
        tally.expect(&models::OTHER);
        tally.expect(&models::STATE);
        tally.expect(&models::TARGET);
        tally.expect(&models::TARGET_SLOT);
        tally.expect(&models::TARGET_GENERATION);
        tally.expect(&models::FLAGS);
        tally.expect(&models::RARE);
        tally.expect(&models::RARE_VALUE);
        tally.expect(&models::ATTRIBUTE_CHANGED);
        tally.expect(&models::ATTRIBUTE);
        tally.expect(&models::WHOLE_MORE);
        tally.expect(&models::SECTOR);
        tally
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

    /// The name of each model with what was counted. The last, of what has no model, has no rows.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &Count)> {
        Field::NAMES.into_iter().zip(&self.fields)
    }

    fn expect<const N: usize, const C: usize, const R: usize>(&mut self, model: &Model<N, C, R>) {
        let sizes = |context| (0..N).map(move |symbol| model.interval(context, symbol).1 as u16).collect();
        let (symbols, model_rows) = (vec![vec![0; N]; C], (0..C).map(sizes).collect());
        self.fields[model.field as usize] = Count { symbols, model: model_rows, plain_bits: 0 };
    }
}

impl Coder for Tally {
    fn symbol<const N: usize, const C: usize, const R: usize>(
        &mut self,
        model: &Model<N, C, R>,
        context: usize,
        symbol: usize,
    ) -> usize {
        self.fields[model.field as usize].symbols[context][symbol] += 1;
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
