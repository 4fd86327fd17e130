//! Entities: their ids and the columns of their state.

mod columns;
mod directory;
mod id;
mod past;

pub use columns::{COLUMNS, Column, Columns, Entity, Shape};
pub(crate) use directory::{Directory, Place};
pub use id::EntityId;
pub(crate) use past::{MOVED_MAX, Past};

/// How many integer attributes a world may declare.
pub const ATTRIBUTES_MAX: usize = 64;

/// A bit of [`Column::Flags`]: a contact event is told when something begins to touch this entity. The bits below 2^24
/// are the game mode's.
pub const FLAG_TELLS_CONTACTS: u32 = 1 << 31;

/// A bit of [`Column::Flags`]: the entity steers round others on its way to a place. Bots do so without it.
pub const FLAG_AVOIDS: u32 = 1 << 29;

/// A bit of [`Column::Flags`]: the entity is judged where it is and never where it was, whoever looks back; see
/// [`crate::WorldConfig::rewind_ticks`].
pub const FLAG_NOT_REWOUND: u32 = 1 << 28;
/// A bit of [`Column::Flags`]: only viewers of the entity's team are told of it. See [`crate::sync`].
pub const FLAG_TEAM_ONLY: u32 = 1 << 27;

/// A bit of [`Column::Flags`]: only viewers of the entity's owner are told of it. See [`crate::sync`].
pub const FLAG_OWNER_ONLY: u32 = 1 << 26;
