//! What one source says, before it is checked, and which source wins.

use std::collections::BTreeMap;

use super::{problem::Origin, value::Raw};

/// One value and where it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) raw: Raw,
    pub(super) origin: Origin,
}

/// All values of one setting in one source; none is an explicitly empty list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) given: Vec<Given>,
    /// Where the setting as a whole was said.
    pub(super) origin: Origin,
}

/// What one source says, by the setting's position in the table.
#[derive(Debug, Default)]
pub(super) struct Layer(BTreeMap<usize, Values>);

impl Layer {
    pub(super) fn insert(&mut self, setting: usize, given: Vec<Given>, origin: Origin) {
        self.0.insert(setting, Values { given, origin });
    }

    pub(super) fn get(&self, setting: usize) -> Option<&Values> {
        self.0.get(&setting)
    }
}
