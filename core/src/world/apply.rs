//! The one door into a world.

use core::fmt;

use super::{EntityError, SpawnError, World, WriteError};
use crate::{EntityId, Input, command::Refusal};

/// What an input came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applied {
    /// It was taken.
    Done,
    /// An entity was made.
    Spawned(EntityId),
}

/// Why an input was refused. Nothing has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InputError {
    /// The entity cannot be.
    Spawn(SpawnError),
    /// The id names nothing.
    Entity(EntityError),
    /// The value cannot be written.
    Write(WriteError),
    /// There is no such behaviour.
    NoBehaviour,
    /// The projectile's position, speed, radius, damage or range is out of range, or there are too many.
    Projectile,
    /// The command was refused at the door, since there were too many. An event of the coming tick says so.
    Command(Refusal),
}

impl World {
    /// Takes an input.
    pub fn apply(&mut self, input: &Input) -> Result<Applied, InputError> {
        match input {
            Input::Spawn(entity) => return self.spawn(entity).map(Applied::Spawned).map_err(InputError::Spawn),
            Input::Despawn(id) => self.despawn(*id).map_err(InputError::Entity)?,
            Input::Set { entity, column, value } => self.set(*entity, *column, *value).map_err(InputError::Write)?,
            Input::Place { entity, position } => self.place_at(*entity, *position).map_err(InputError::Write)?,
            Input::Fire(projectile) => self.fire(projectile)?,
            Input::Emit { class, position, subject, object, detail, value } => {
                self.emit(*class, *position, *subject, *object, *detail, *value);
            }
            Input::TakeOver { player, behaviour } => self.take_over(*player, *behaviour)?,
            Input::HandBack { player } => self.hand_back(*player),
            Input::Command(command) => self.command(*command).map_err(InputError::Command)?,
            Input::Step => self.step(),
            Input::Load { permille } => self.report_load(*permille),
        }
        Ok(Applied::Done)
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(error) => error.fmt(f),
            Self::Entity(error) => error.fmt(f),
            Self::Write(error) => error.fmt(f),
            Self::NoBehaviour => f.write_str("there is no such behaviour; they are numbered from 1"),
            Self::Projectile => {
                f.write_str("a value of the projectile is out of its range, or there are projectiles_max")
            }
            Self::Command(refusal) => write!(f, "the command was refused: {refusal:?}"),
        }
    }
}

impl core::error::Error for InputError {}
