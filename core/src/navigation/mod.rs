//! Ways through the static geometry of a map: a grid of cells, optimal paths over it, and steering around others.

mod cost;
mod digest;
mod grid;
mod open;
mod regions;
mod scan;
mod search;

pub use grid::{GridError, NavGrid};
pub use search::{Progress, Search};
