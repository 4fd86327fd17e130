//! Inputs: everything that changes a world from outside, as values that a log can keep.
//!
//! **A world changes by [`Input`]s and by nothing else**, so that a snapshot and the inputs after it give the same world
//! again.

use crate::{
    command::Command,
    entity::{Column, Entity, EntityId},
    event::Class,
    space::Position,
};

/// A shot that flies by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Projectile {
    /// Where it is.
    pub position: Position,
    /// Speed to the right, in units of length a second.
    pub velocity_x: i32,
    /// Speed upwards, in units of length a second.
    pub velocity_y: i32,
    /// Radius, in units of length.
    pub radius: i32,
    /// What a hit takes from the target's health.
    pub damage: i32,
    /// How far it still flies, in units of length.
    pub range: i32,
    /// Who fired it, and whom it does not hit.
    pub shooter: EntityId,
    /// Whose side it is on. It does not hit that side, unless it is 0.
    pub team: u16,
    /// The collision layers that it hits.
    pub hits: u16,
}

/// One change from outside.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// A new entity.
    Spawn(Entity),
    /// The entity goes, without an event.
    Despawn(EntityId),
    /// One value of one entity.
    Set {
        /// The entity.
        entity: EntityId,
        /// The column.
        column: Column,
        /// The value, which must fit the column.
        value: i64,
    },
    /// The entity is put somewhere else.
    Place {
        /// The entity.
        entity: EntityId,
        /// Where to.
        position: Position,
    },
    /// A projectile.
    Fire(Projectile),
    /// An event of kind `Custom` in the coming tick.
    Emit {
        /// How much it matters.
        class: Class,
        /// Where.
        position: Position,
        /// Who it is about.
        subject: EntityId,
        /// Who else.
        object: EntityId,
        /// The kind, for the mode to define.
        detail: u32,
        /// For the mode to define.
        value: i64,
    },
    /// A bot commands the player's entities from now on.
    TakeOver {
        /// The player.
        player: u32,
        /// The behaviour, from 1.
        behaviour: u16,
    },
    /// The player commands their entities again.
    HandBack {
        /// The player.
        player: u32,
    },
    /// A command for the coming tick.
    Command(Command),
    /// One tick.
    Step,
    /// How much of its time budget the last ticks took the host.
    Load {
        /// In thousandths.
        permille: u16,
    },
}
