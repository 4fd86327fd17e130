//! The one door into a world.

use core::fmt;

use super::{EntityError, SpawnError, World, WriteError};
use crate::{EntityId, Input};

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
    /// Nothing takes such inputs yet.
    Unknown,
}

impl World {
    /// Takes an input.
    pub fn apply(&mut self, input: &Input) -> Result<Applied, InputError> {
        match input {
            Input::Spawn(entity) => self.spawn(entity).map(Applied::Spawned).map_err(InputError::Spawn),
            Input::Despawn(id) => self.despawn(*id).map(|()| Applied::Done).map_err(InputError::Entity),
            Input::Set { entity, column, value } => {
                self.set(*entity, *column, *value).map(|()| Applied::Done).map_err(InputError::Write)
            }
            Input::Place { entity, position } => {
                self.place_at(*entity, *position).map(|()| Applied::Done).map_err(InputError::Write)
            }
            Input::Step => {
                self.step();
                Ok(Applied::Done)
            }
            _ => Err(InputError::Unknown),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(error) => error.fmt(f),
            Self::Entity(error) => error.fmt(f),
            Self::Write(error) => error.fmt(f),
            Self::Unknown => f.write_str("nothing takes such inputs"),
        }
    }
}

impl core::error::Error for InputError {}
