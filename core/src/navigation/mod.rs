//! Ways through the static geometry of a map: a grid of cells, optimal paths over it, and steering around others.

mod avoidance;
mod cost;
mod grid;
mod open;
mod paths;
mod regions;
mod scan;
mod search;
mod service;
mod sight;
mod smooth;

pub use avoidance::{Neighbour, Walker, avoid};
pub use grid::{GridError, NavGrid};
pub use paths::Paths;
pub use search::{Progress, Search};
pub use service::{Answer, Counters, Limits, Navigator, QueueFull};
pub use smooth::smooth;
