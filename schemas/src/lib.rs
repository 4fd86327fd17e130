//! What Muster's messages and files look like in bytes, and how outside bytes are read.
//!
//! The schemas are the `.fbs` files beside this crate; [`commands`], [`events`], [`config`], [`map`], [`replay`] and
//! [`sync`] hold what the compiler makes of them. **Outside bytes are read by the `read_*` functions and by nothing else**: they look
//! at the size, the identifier and every offset before anything is believed, under limits that fit the message.
//!
//! ```
//! use muster_schemas::{Builder, commands, read_inputs};
//!
//! let mut builder = Builder::new();
//! let stop = commands::Command::new(7, 0, 0, 0, 0, 0, 0, commands::ActionKind::Stop);
//! let commands = builder.create_vector(&[stop]);
//! let args = commands::BatchArgs { player: 3, sector: None, rewind: 0, commands: Some(commands) };
//! let batch = commands::Batch::create(&mut builder, &args);
//! let batches = builder.create_vector(&[batch]);
//! let args = commands::InputsArgs { tick: Some(100), batches: Some(batches) };
//! let inputs = commands::Inputs::create(&mut builder, &args);
//! commands::finish_inputs_buffer(&mut builder, inputs);
//!
//! let inputs = read_inputs(builder.finished_data()).expect("it has just been written");
//! assert_eq!(inputs.tick(), Some(100));
//! assert_eq!(inputs.batches().get(0).commands().get(0).entity(), 7);
//! ```

#![deny(unsafe_code)]

// Made by the schema compiler, whose style is not ours; it reads through offsets that its verifier has checked.
#[allow(warnings, unsafe_code, unsafe_op_in_unsafe_fn, clippy::all, clippy::undocumented_unsafe_blocks)]
#[rustfmt::skip]
mod generated;
mod limits;
mod read;

// A generated file looks for the types of another under that file's name at the root of the crate.
use common as common_generated;
use config as config_generated;

pub use flatbuffers::{FlatBufferBuilder as Builder, Follow, Vector, WIPOffset as Offset};
pub use generated::schema_hash::SCHEMA_HASH;
pub use limits::Limits;
pub use read::{
    SchemaError, read_config, read_events, read_hello, read_inputs, read_map, read_message, read_packet,
    read_replay_header, read_report, read_welcome,
};

/// What several messages speak of: sectors and positions.
pub mod common {
    pub use crate::generated::common_generated::muster::*;
}

/// Commands of players for one tick: [`Inputs`](commands::Inputs).
pub mod commands {
    pub use crate::generated::commands_generated::muster::*;
}

/// What happened in a tick: [`Events`](events::Events).
pub mod events {
    pub use crate::generated::events_generated::muster::*;
}

/// What a world is made with: [`WorldConfig`](config::WorldConfig).
pub mod config {
    pub use crate::generated::config_generated::muster::*;
}

/// What stands still in a world: [`Map`](map::Map).
pub mod map {
    pub use crate::generated::map_generated::muster::*;
}

/// The head of a replay file: [`ReplayHeader`](replay::ReplayHeader).
pub mod replay {
    pub use crate::generated::replay_generated::muster::*;
}

/// What servers and viewers say to each other: [`Hello`](sync::Hello), [`Welcome`](sync::Welcome),
/// [`Packet`](sync::Packet), [`Report`](sync::Report) and [`Message`](sync::Message).
pub mod sync {
    pub use crate::generated::{
        hello_generated::muster::*, message_generated::muster::*, packet_generated::muster::*,
        report_generated::muster::*, welcome_generated::muster::*,
    };
}
