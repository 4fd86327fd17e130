//! Replays: a snapshot, the inputs after it, and the hashes that say whether they led where they led before.
//!
//! **A replay is a recording of causes, not of pictures.** A [`Recorder`] writes what a world was given; a [`Player`]
//! gives it to another world, from any key frame on, and checks every tick. When a hash differs, the report names the
//! tick, the sector, the entity and the column, as far as the file tells; see [`compare`].
//!
//! Nothing here reads or writes files: the host writes what [`Recorder::pending`] has, and hands over a file as bytes.

mod divergence;
mod file;
mod frame;
mod player;
mod recorder;
mod summary;

pub use divergence::{Difference, Divergence, DivergenceReport, Field, compare};
pub use file::Replay;
pub use frame::Head;
pub use player::{PlayError, Player, Stepped};
pub use recorder::{Recorder, Settings};
pub use summary::encode_header;
pub(crate) use summary::write_config;
