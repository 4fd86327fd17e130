//! Commands: what players tell their entities to do.

mod decode;
mod encode;
mod queue;
mod rate;
mod reach;
mod validate;

pub use decode::{InputsError, decode_inputs};
pub use encode::encode_inputs;
pub use queue::Queue;
pub use rate::Rate;
pub(crate) use reach::is_shorter;
pub use reach::{Extent, is_within};
pub use validate::{Facts, Subject, Target, check, is_ready};

use crate::{
    entity::EntityId,
    space::{Position, SectorId},
};

/// What an entity was last told to do, the value of [`crate::Column::Order`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Order {
    /// Nothing: it brakes to a stop if it has a drive.
    #[default]
    None = 0,
    /// Reach the velocity in the goal columns, at most its acceleration a second.
    Velocity = 1,
    /// Go to the place in the goal columns.
    MoveTo = 2,
    /// Go within the weapon's range of the target and fire.
    Attack = 3,
}

/// One thing to do for one entity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Go to a place, round what is in the way.
    MoveTo(Position),
    /// Take on a velocity, in units of length a second.
    SetVelocity {
        /// To the right.
        x: i32,
        /// Upwards.
        y: i32,
    },
    /// Attack an entity until it is gone.
    Attack(EntityId),
    /// Fire the weapon once along a direction.
    Fire {
        /// The direction; see [`crate::space::Angle`].
        heading: u16,
    },
    /// Forget every order and brake.
    Stop,
    /// Use an entity that is near: a door, a flag, a resource. It is told as an event.
    Use(EntityId),
    /// What the game mode defines. It is passed on as an event after ownership, rate and reach are checked.
    Custom {
        /// Which of the mode's commands.
        kind: u16,
        /// The entity it is about, or [`EntityId::NULL`].
        target: EntityId,
        /// Whatever the mode wants.
        value: i64,
    },
}

/// A command: who says it, to which entity, what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Command {
    /// The player. 0 is the host itself, who may command every entity and has no rate.
    pub player: u32,
    /// The entity.
    pub entity: EntityId,
    /// The sector that the player takes the entity to be in; see [`Refusal::WrongSector`]. Batches of players always name
    /// one. `None` is for whoever commands an entity wherever it is.
    pub sector: Option<SectorId>,
    /// What to do.
    pub action: Action,
    /// How many ticks ago its player saw others, for what is attacked, fired at or used: it is judged where it was then,
    /// at most [`crate::WorldConfig::rewind_ticks`] ago. 0 is where it is, which is what the host sees.
    pub rewind: u8,
}

impl Command {
    /// The same with the names that each place and each sector has but one of, under which snapshots and logs have them. A
    /// sector that is larger than any is one of the largest.
    pub fn canonical(self) -> Self {
        let action = match self.action {
            Action::MoveTo(place) => Action::MoveTo(place.canonical()),
            other => other,
        };
        Self { sector: self.sector.map(SectorId::canonical), action, ..self }
    }
}

/// Why a command was refused. Nothing has changed but the event that says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum Refusal {
    /// The entity is gone, or never was.
    NoEntity = 1,
    /// The entity belongs to another player or to nobody.
    NotOwner = 2,
    /// The player has used up the commands of this tick.
    Rate = 3,
    /// The target is gone, or never was, or is the entity itself.
    NoTarget = 4,
    /// The place or the target is too far away.
    Reach = 5,
    /// The velocity is above the entity's limit.
    Speed = 6,
    /// The entity has no drive, or no weapon, or is no thing to attack.
    Unable = 7,
    /// The weapon is not ready.
    NotReady = 8,
    /// The entity is neither in the sector that the command's batch names nor in one of the eight around it. A border may
    /// be crossed while a batch is on its way; a batch that is further off speaks of a world that is long gone.
    WrongSector = 9,
}
