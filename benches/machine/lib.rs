//! What every comparison needs of the machine it runs on, and of the page it writes to.

#![forbid(unsafe_code)]

pub mod host;
pub mod page;
pub mod pinned;
pub mod spread;
pub mod usage;
