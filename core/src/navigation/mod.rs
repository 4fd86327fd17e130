//! Ways through the static geometry of a map: a grid of cells, optimal paths over it, and steering around others.

mod cost;
pub(crate) mod digest;
mod grid;
mod open;
mod regions;
mod scan;
mod search;
mod sight;
mod smooth;

pub use grid::{GridError, NavGrid};
pub use search::{Progress, Search};
pub use smooth::smooth;
