//! What comparisons share: the machine they run on, the page they write to, and scenes of a world.

#![forbid(unsafe_code)]

pub mod clock;
pub mod host;
pub mod page;
pub mod pinned;
pub mod report;
pub mod row;
#[path = "../sync/scene/mod.rs"]
pub mod scene;
pub mod spread;
pub mod table;
pub mod usage;
