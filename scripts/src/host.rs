//! One virtual machine of one bundle.

use std::sync::Arc;

use crate::{
    Bundle, Limits, ScriptError,
    matches::{Match, MatchOptions, RestoreError},
};

/// One virtual machine of one bundle on one thread, which opens matches.
#[derive(Debug)]
pub struct Host {
    bundle: Arc<Bundle>,
    limits: Limits,
}

impl Host {
    /// How many matches a host may have at a time. Make another one for more.
    pub const MATCHES_MAX: usize = 250;

    /// Compiles a bundle.
    ///
    /// # Errors
    /// When a file of it is no script.
    pub fn new(bundle: Arc<Bundle>, limits: Limits) -> Result<Self, Box<ScriptError>> {
        Ok(Self { bundle, limits })
    }

    /// Opens a match: runs `rules.lua` and its `match_init`.
    ///
    /// # Errors
    /// When the scripts fail, or what they ask for cannot be.
    pub fn open(&self, options: &MatchOptions) -> Result<Match, Box<ScriptError>> {
        Match::open(self, options)
    }

    /// A match from what [`Match::save`] wrote.
    ///
    /// # Errors
    /// When the bytes are none of a match, or the scripts fail.
    pub fn restore(&self, bytes: &[u8], options: &MatchOptions) -> Result<Match, RestoreError> {
        Match::restore(self, bytes, options)
    }

    /// What it runs.
    pub const fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// What its matches may do.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many matches it has.
    pub fn matches(&self) -> usize {
        0
    }

    /// How many bytes its matches hold together.
    pub fn memory_bytes(&self) -> usize {
        0
    }

    /// Whether it can take no more calls, since its machine broke. Its matches have to be restored on another one.
    pub fn is_broken(&self) -> bool {
        false
    }
}
