//! Outside bytes become messages here.

use core::fmt;

use flatbuffers::{Follow, InvalidFlatbuffer, Verifiable};

use crate::{
    Limits,
    commands::{INPUTS_IDENTIFIER, Inputs},
    config::{WORLD_CONFIG_IDENTIFIER, WorldConfig},
    events::{EVENTS_IDENTIFIER, Events},
    map::{MAP_IDENTIFIER, Map},
    replay::{REPLAY_HEADER_IDENTIFIER, ReplayHeader},
    sync::{HELLO_IDENTIFIER, Hello, MESSAGE_IDENTIFIER, Message, Packet, Report, WELCOME_IDENTIFIER, Welcome},
};

/// Bytes of the root offset and the identifier.
const HEAD_BYTES: usize = 8;

/// Why bytes are no message of the kind that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SchemaError {
    /// There are more bytes than a message of this kind may have.
    TooLarge {
        /// Bytes that came.
        size: usize,
        /// Bytes that it may have.
        size_max: usize,
    },
    /// The four bytes behind the first four are not the identifier of this kind of message, or are not there.
    Identifier {
        /// What they must be.
        expected: &'static str,
    },
    /// An offset, a length or a string in it is wrong, or it holds more tables than a message of this kind may.
    Malformed(InvalidFlatbuffer),
}

/// Reads the commands of players for a tick. Values of enums may be any byte: whoever uses them has to look.
///
/// # Errors
/// When the bytes are no message of this kind within [`Limits::INPUTS`].
pub fn read_inputs(bytes: &[u8]) -> Result<Inputs<'_>, SchemaError> {
    read::<Inputs<'_>>(bytes, Limits::INPUTS, INPUTS_IDENTIFIER)
}

/// Reads the events of a tick. Values of enums may be any byte: whoever uses them has to look.
///
/// # Errors
/// When the bytes are no message of this kind within [`Limits::EVENTS`].
pub fn read_events(bytes: &[u8]) -> Result<Events<'_>, SchemaError> {
    read::<Events<'_>>(bytes, Limits::EVENTS, EVENTS_IDENTIFIER)
}

/// Reads a configuration. Its numbers may be out of their ranges: the core looks when it makes a world.
///
/// # Errors
/// When the bytes are no message of this kind within [`Limits::CONFIG`].
pub fn read_config(bytes: &[u8]) -> Result<WorldConfig<'_>, SchemaError> {
    read::<WorldConfig<'_>>(bytes, Limits::CONFIG, WORLD_CONFIG_IDENTIFIER)
}

/// Reads a map. Its numbers may be out of their ranges: whoever uses them has to look.
///
/// # Errors
/// When the bytes are no message of this kind within [`Limits::MAP`].
pub fn read_map(bytes: &[u8]) -> Result<Map<'_>, SchemaError> {
    read::<Map<'_>>(bytes, Limits::MAP, MAP_IDENTIFIER)
}

/// Reads the head of a replay. Its offsets may lead out of the file: whoever follows them has to look.
///
/// # Errors
/// When the bytes are no message of this kind within [`Limits::REPLAY_HEADER`].
pub fn read_replay_header(bytes: &[u8]) -> Result<ReplayHeader<'_>, SchemaError> {
    read::<ReplayHeader<'_>>(bytes, Limits::REPLAY_HEADER, REPLAY_HEADER_IDENTIFIER)
}

/// Reads what a viewer says first.
///
/// # Errors
/// When the bytes are no message of this kind within [`Limits::HELLO`].
pub fn read_hello(bytes: &[u8]) -> Result<Hello<'_>, SchemaError> {
    read::<Hello<'_>>(bytes, Limits::HELLO, HELLO_IDENTIFIER)
}

/// Reads the terms of a session. Its numbers may be out of their ranges: whoever uses them has to look.
///
/// # Errors
/// When the bytes are no message of this kind within [`Limits::WELCOME`].
pub fn read_welcome(bytes: &[u8]) -> Result<Welcome<'_>, SchemaError> {
    read::<Welcome<'_>>(bytes, Limits::WELCOME, WELCOME_IDENTIFIER)
}

/// Reads a message of a script or a player. Nothing has looked at its text.
///
/// # Errors
/// When the bytes are no message of this kind within [`Limits::MESSAGE`].
pub fn read_message(bytes: &[u8]) -> Result<Message<'_>, SchemaError> {
    read::<Message<'_>>(bytes, Limits::MESSAGE, MESSAGE_IDENTIFIER)
}

/// Reads a part of an update. It has no identifier, to be four bytes shorter. Lengths in it may be out of their ranges,
/// and nothing has looked into its bits.
///
/// # Errors
/// When the bytes are no message of this kind within [`Limits::DATAGRAM`].
pub fn read_packet(bytes: &[u8]) -> Result<Packet<'_>, SchemaError> {
    verify::<Packet<'_>>(bytes, Limits::DATAGRAM)
}

/// Reads what a viewer reports. It has no identifier, to be four bytes shorter. Nothing has looked into its bits.
///
/// # Errors
/// When the bytes are no message of this kind within [`Limits::DATAGRAM`].
pub fn read_report(bytes: &[u8]) -> Result<Report<'_>, SchemaError> {
    verify::<Report<'_>>(bytes, Limits::DATAGRAM)
}

fn read<'a, T>(bytes: &'a [u8], limits: Limits, identifier: &'static str) -> Result<T::Inner, SchemaError>
where
    T: Follow<'a> + Verifiable + 'a,
{
    // A message that is too large says so, whatever its identifier.
    if bytes.len() <= limits.size_max && bytes.get(4..HEAD_BYTES) != Some(identifier.as_bytes()) {
        return Err(SchemaError::Identifier { expected: identifier });
    }
    verify::<T>(bytes, limits)
}

/// Every message gets a verifier of its own: one that is used again still counts the bytes of the message before
/// (flatbuffers issue 9189).
fn verify<'a, T>(bytes: &'a [u8], limits: Limits) -> Result<T::Inner, SchemaError>
where
    T: Follow<'a> + Verifiable + 'a,
{
    let size = bytes.len();
    if size > limits.size_max {
        return Err(SchemaError::TooLarge { size, size_max: limits.size_max });
    }
    flatbuffers::root_with_opts::<T>(&limits.options(size), bytes).map_err(SchemaError::Malformed)
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size, size_max } => write!(f, "{size} bytes are more than the {size_max} allowed"),
            Self::Identifier { expected } => write!(f, "the identifier {expected} is missing"),
            // The library's text has a line for each step of the way to the fault.
            Self::Malformed(fault) => f.write_str(fault.to_string().trim_end().replace("\n\t", ", ").as_str()),
        }
    }
}

impl core::error::Error for SchemaError {}
