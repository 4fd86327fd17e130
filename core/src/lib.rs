//! A deterministic world: entities in sectors, physics, commands, events, maps, paths, bots, snapshots and replays.
//!
//! **A world is a function of its configuration, its map and its inputs. The same bytes come out on any number of threads
//! and shards, in debug and release, on every target.** What that rests on is in `docs/DETERMINISM.md`; the short form
//! is that authoritative state is integers, that what threads compute in parallel is combined by operations whose order
//! does not matter or is sorted by keys of the world, and that there is no clock, no I/O and no hash order in here.

#![forbid(unsafe_code)]
#![allow(clippy::vec_box, reason = "shards, regions and batches move from owner to owner, by their pointers")]

pub mod bot;
pub mod command;
pub mod config;
pub mod entity;
pub mod event;
pub mod hash;
pub mod input;
pub mod map;
pub mod navigation;
mod physics;
pub mod random;
pub mod replay;
pub mod snapshot;
pub mod space;
pub mod sync;
mod tick;
pub mod world;
pub mod zone;

pub use config::{ConfigError, Execution, Weapon, WorldConfig};
pub use entity::{Column, Entity, EntityId};
pub use input::{Input, Projectile};
pub use map::{Map, MapError};
pub use space::{METRE, Position, SECTOR_SIDE, SectorId};
pub use world::World;
