//! How entities move and meet: the spatial index, contacts, movement.
//!
//! Everything is integer arithmetic on the state of the last tick. What a pair of entities does to each other is added
//! up, and sums of integers are the same in any order, so neither the order of rows nor the division of work shows.

pub(crate) mod contact;
pub(crate) mod ground;
pub(crate) mod index;
pub(crate) mod movement;
pub(crate) mod sweep;
