//! Inputs on their way to the server: they ride along in every report until they are carried out.

use crate::{
    command::Action,
    entity::EntityId,
    sync::report::{INPUTS_MAX, TickInput},
};

/// Why a command was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommandError {
    /// There are as many for the coming tick as an input may have.
    Tick,
    /// The server has not answered for so long that as many inputs wait as a report may have.
    Waiting,
}

/// Inputs that are not carried out yet, and the one that is gathered.
#[derive(Debug)]
pub(super) struct Outbox {
    /// The number of the first that waits.
    first: u32,
    inputs: Vec<TickInput>,
    coming: TickInput,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self { first: 1, inputs: Vec::with_capacity(INPUTS_MAX), coming: TickInput::new(0) }
    }

    pub(super) fn first(&self) -> u32 {
        self.first
    }

    pub(super) fn inputs(&self) -> &[TickInput] {
        &self.inputs
    }

    pub(super) fn push(&mut self, entity: EntityId, action: Action) -> Result<(), CommandError> {
        if self.inputs.len() == INPUTS_MAX {
            return Err(CommandError::Waiting);
        }
        if self.coming.push(entity, action) { Ok(()) } else { Err(CommandError::Tick) }
    }

    /// Makes what was gathered the input of a tick.
    pub(super) fn close(&mut self, tick: u32) -> Option<&TickInput> {
        if self.coming.commands().is_empty() {
            return None;
        }
        let mut input = std::mem::replace(&mut self.coming, TickInput::new(0));
        // After a jump of time back, ticks still grow.
        let after = self.inputs.last().map_or(tick, |last| last.tick.wrapping_add(1));
        input.tick = if after.wrapping_sub(tick).cast_signed() > 0 { after } else { tick };
        self.inputs.push(input);
        self.inputs.last()
    }

    /// The server has carried out the inputs up to a number.
    pub(super) fn handle_done(&mut self, done: u32) {
        // Numbers beyond those that there were are not believed.
        let count = (done.saturating_add(1).saturating_sub(self.first) as usize).min(self.inputs.len());
        self.inputs.drain(..count);
        self.first += count as u32;
    }
}
