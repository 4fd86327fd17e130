//! Why bytes are no snapshot, no replay or no input.

use core::fmt;

use crate::config::ConfigError;

/// What is wrong with bytes, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RestoreError {
    /// The part that was being read: "header", "config", "entities", ...
    pub part: &'static str,
    /// How many bytes into what was given.
    pub at: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The bytes end before the part does.
    Cut,
    /// The bytes do not begin as such files do.
    Magic,
    /// Written in a form that this version does not know.
    Version,
    /// Written with another table of columns or other parts.
    Schema,
    /// The checksum is of other bytes.
    Checksum,
    /// There is more after the end.
    Trailing,
    /// The named field has a value that it cannot have.
    Value(&'static str),
    /// There is more of the named thing than the limit allows, or than the bytes could hold.
    Count(&'static str),
    /// The named things are not in their order, or one is there twice.
    Order(&'static str),
    /// The named hash in the header is not the one of what follows, or of the map that was given.
    Hash(&'static str),
    /// The configuration is none that a world can be made with.
    Config(ConfigError),
    /// The snapshot was made with a map, and none was given; or the other way round.
    Map,
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {}): {}", self.part, self.at, self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("the bytes end too early"),
            Self::Magic => f.write_str("the first bytes are not those of such a file"),
            Self::Version => f.write_str("written in a form that this version does not know"),
            Self::Schema => f.write_str("written with another table of columns"),
            Self::Checksum => f.write_str("the checksum does not match"),
            Self::Trailing => f.write_str("there are bytes after the end"),
            Self::Value(what) => write!(f, "{what} has a value that it cannot have"),
            Self::Count(what) => write!(f, "too many: {what}"),
            Self::Order(what) => write!(f, "{what} are out of order or doubled"),
            Self::Hash(what) => write!(f, "the hash of the {what} is another one"),
            Self::Config(error) => write!(f, "{error}"),
            Self::Map => f.write_str("made with a map that was not given, or without the one that was"),
        }
    }
}

impl core::error::Error for RestoreError {}
