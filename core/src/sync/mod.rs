//! State synchronisation: the right part of a moving world to each viewer, small and in time, over a network that loses
//! packets.
//!
//! **What a crowd costs is a matter of cells, not of pairs.** Entities are in cells, and in a cell in groups of up to
//! [`GROUP`]. A group's state is quantised once an update; the difference between two of its states is encoded once and
//! every viewer who has the older one gets the same bytes. A viewer's own part is its input acknowledgement, the exact state
//! of what it predicts, and what only an owner sees.
//!
//! **Nothing that was lost has to be sent again.** A state is told from one that the viewer has acknowledged, so any packet
//! may be lost, doubled or late. `docs/WIRE.md` has every byte.

pub mod cell;
pub mod client;
pub mod codec;
pub mod own;
pub mod packet;
pub mod report;
pub mod server;
pub mod state;
pub mod terms;
pub mod told;
mod word;

pub use cell::{Cell, Scope};
pub use state::{GROUP, GroupState};

/// The version of the protocol, which both sides must have.
pub const VERSION: u16 = 2;
