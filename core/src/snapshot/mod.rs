//! Snapshots: the whole state of a world as bytes.
//!
//! **The same state gives the same bytes**, whatever the order of rows, the number of shards and threads, and what the
//! world went through: sectors are in their order, entities of a sector in the order of their ids, and nothing is
//! written that does not change what comes next. Numbers are little-endian, there is no padding, and every count stands
//! before what it counts.
//!
//! **Reading trusts nothing.** Every number is checked where it is read, no count is believed that the remaining bytes
//! could not hold, and what was read is checked as a whole before a world comes of it.

mod config;
mod error;
mod header;
mod inputs;
mod reader;
mod rows;
mod writer;

pub use config::config_hash;
pub use error::{Fault, RestoreError};
pub(crate) use header::checksum;
pub use header::{FORMAT, Header, schema_hash};
pub use inputs::{decode_input, encode_input};
pub use reader::Reader;
pub use writer::Writer;

pub(crate) use config::{decode_config, encode_config};
pub(crate) use inputs::{decode_command, encode_command};
pub(crate) use rows::{Order, decode_sector, encode_sector, past_bytes};
