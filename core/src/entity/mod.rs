//! Entities: their ids and the columns of their state.

mod columns;
mod id;

pub use columns::{COLUMNS, Column, Columns, Entity, Shape};
pub use id::EntityId;

/// How many integer attributes a world may declare.
pub const ATTRIBUTES_MAX: usize = 64;
