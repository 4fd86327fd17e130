//! From states to bits and back.

pub mod bits;

/// The hash of the models.
pub const MODELS_HASH: u64 = 0;
