//! What the store held when somebody came, for rules that want it at once.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::matches::{StoreAction, StoreScope, StoredValues};

/// What the store is known to hold, of those of whom it was read: what was read, and what it has answered since. What it was
/// asked to write and has not answered yet comes on top ([`after`]).
#[derive(Clone, Debug, Default)]
pub(crate) struct Known(BTreeMap<StoreScope, StoredValues>);

impl Known {
    pub(crate) const fn new(stored: BTreeMap<StoreScope, StoredValues>) -> Self {
        Self(stored)
    }

    pub(crate) fn learn(&mut self, scope: StoreScope, values: StoredValues) {
        self.0.insert(scope, values);
    }

    pub(crate) fn forget(&mut self, scope: &StoreScope) {
        self.0.remove(scope);
    }

    /// The values of somebody; `None` if they were not read.
    pub(crate) fn of(&self, scope: &StoreScope) -> Option<&StoredValues> {
        self.0.get(scope)
    }

    /// The store has said what there is under a key.
    pub(crate) fn put(&mut self, scope: &StoreScope, key: &str, value: Option<Value>) {
        let Some(values) = self.0.get_mut(scope) else { return };
        match value {
            Some(value) => _ = values.insert(key.to_owned(), value),
            None => _ = values.remove(key),
        }
    }
}

/// What there is when something has been done, if the store does it.
pub(crate) fn after(before: Option<Value>, action: &StoreAction) -> Option<Value> {
    match action {
        StoreAction::Get { .. } => before,
        StoreAction::Set { value, .. } => Some(value.clone()),
        StoreAction::Add { amount, .. } => {
            let sum = match &before {
                None => Some(*amount),
                Some(value) => value.as_i64().and_then(|value| value.checked_add(*amount)),
            };
            // What it cannot add to stays.
            sum.map(Value::from).or(before)
        }
        StoreAction::Delete { .. } => None,
    }
}
