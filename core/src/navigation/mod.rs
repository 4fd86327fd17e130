//! Ways through the static geometry of a map: a grid of cells, optimal paths over it, and steering around others.

mod digest;
mod grid;

pub use grid::{GridError, NavGrid};
