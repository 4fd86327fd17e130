//! Commands out of the bytes of players: a FlatBuffer `muster.Inputs`.
//!
//! **Nothing of a message is used before all of it has been looked at**: an error leaves the caller's list as it was.

use core::fmt;

use muster_schemas::{
    SchemaError,
    commands::{self, ActionKind},
    common::Sector,
};

use super::{Action, Command};
use crate::{
    entity::EntityId,
    space::{Position, SectorId},
};

/// Why bytes are no commands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InputsError {
    /// They are no message of this kind within its limits.
    Schema(SchemaError),
    /// A command says what no command says.
    Action {
        /// The batch, from 0.
        batch: u32,
        /// The command in its batch, from 0.
        command: u32,
        /// The number that stands for no action.
        action: u8,
    },
    /// A command asks for a velocity that no entity can have: a part of it does not fit 32 bits.
    Velocity {
        /// The batch, from 0.
        batch: u32,
        /// The command in its batch, from 0.
        command: u32,
    },
}

/// Adds the commands of a message to `out`, in its order, and returns the tick that they are for: `None` is the one that
/// comes next. Each command has the sector of its batch. Whether the entities are there and the players may command them
/// is for the world to say.
///
/// A message is at most 1 MiB ([`muster_schemas::Limits::INPUTS`]), so `out` grows by at most 65,536 commands.
///
/// # Errors
/// When the bytes are not valid in every part; `out` is then as it was.
pub fn decode_inputs(bytes: &[u8], out: &mut Vec<Command>) -> Result<Option<u64>, InputsError> {
    let inputs = muster_schemas::read_inputs(bytes).map_err(InputsError::Schema)?;
    let before = out.len();
    for (batch, commands) in (0..).zip(inputs.batches()) {
        let (player, rewind, sector) = (commands.player(), commands.rewind(), sector_of(commands.sector()));
        for (command, message) in (0..).zip(commands.commands()) {
            match action_of(message, sector) {
                Ok(action) => {
                    let entity = EntityId::from_bits(message.entity());
                    out.push(Command { player, entity, sector: Some(sector), action, rewind });
                }
                Err(fault) => {
                    out.truncate(before);
                    return Err(fault.at(batch, command));
                }
            }
        }
    }
    Ok(inputs.tick())
}

/// What is wrong with one command.
enum Fault {
    Action(u8),
    Velocity,
}

impl Fault {
    fn at(self, batch: u32, command: u32) -> InputsError {
        match self {
            Self::Action(action) => InputsError::Action { batch, command, action },
            Self::Velocity => InputsError::Velocity { batch, command },
        }
    }
}

fn sector_of(sector: Option<&Sector>) -> SectorId {
    sector.map_or_else(SectorId::default, |sector| SectorId::new(sector.x(), sector.y()))
}

fn action_of(command: &commands::Command, sector: SectorId) -> Result<Action, Fault> {
    let target = EntityId::from_bits(command.target());
    Ok(match command.action() {
        ActionKind::MoveTo => Action::MoveTo(Position::new(sector, command.x(), command.y())),
        ActionKind::SetVelocity => {
            let part = |part: i64| i32::try_from(part).map_err(|_| Fault::Velocity);
            Action::SetVelocity { x: part(command.x())?, y: part(command.y())? }
        }
        ActionKind::Attack => Action::Attack(target),
        ActionKind::Fire => Action::Fire { heading: command.heading() },
        ActionKind::Stop => Action::Stop,
        ActionKind::Use => Action::Use(target),
        ActionKind::Custom => Action::Custom { kind: command.kind(), target, value: command.value() },
        ActionKind(unknown) => return Err(Fault::Action(unknown)),
    })
}

impl fmt::Display for InputsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(error) => write!(f, "the inputs are no valid message: {error}"),
            Self::Action { batch, command, action } => {
                write!(f, "batches[{batch}].commands[{command}].action: {action} is no action")
            }
            Self::Velocity { batch, command } => {
                write!(f, "batches[{batch}].commands[{command}]: x and y of a velocity must fit 32 bits")
            }
        }
    }
}

impl core::error::Error for InputsError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Schema(error) => Some(error),
            Self::Action { .. } | Self::Velocity { .. } => None,
        }
    }
}
