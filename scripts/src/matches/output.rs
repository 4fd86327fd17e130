//! What a match tells its host.

use std::collections::BTreeMap;

use muster_core::{EntityId, sync::server::View};
use serde_json::Value;

use crate::ScriptError;

/// One thing for the host to do.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// A message of JSON text to players.
    Message {
        /// To whom.
        to: To,
        /// The text.
        bytes: Vec<u8>,
    },
    /// A line for the log.
    Log {
        /// How much it matters.
        level: LogLevel,
        /// The line, without an end.
        text: String,
        /// The version of the bundle that wrote it.
        version: String,
    },
    /// A script failed. The match goes on.
    ScriptError(Box<ScriptError>),
    /// Something to do with the store, whose result is given to [`super::Match::handle_stored`].
    Store(StoreRequest),
    /// A player has to go. The host answers with [`super::Match::leave`].
    Kick {
        /// Who.
        player: u32,
        /// Why, for the player to read.
        reason: String,
    },
    /// The label is another one from now on: JSON or text by which matches are found.
    Label(String),
    /// The player predicts the entity and is followed by it; [`EntityId::NULL`] is none.
    Predicted {
        /// Who.
        player: u32,
        /// What.
        entity: EntityId,
    },
    /// What the player sees is near these points.
    View {
        /// Who.
        player: u32,
        /// The points, eight at most.
        points: Vec<View>,
    },
    /// The player is on this side.
    Team {
        /// Who.
        player: u32,
        /// Which; 0 is none.
        team: u16,
    },
    /// The match is over. Nothing comes after this.
    Ended(Ended),
}

/// How a match ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Ended {
    /// Why: what the script said, or `script_failed`, `terminated`.
    pub reason: String,
    /// What the script has to say about it.
    pub result: Value,
    /// The error that ended it, if one did.
    pub error: Option<Box<ScriptError>>,
}

/// Whom a message is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    /// One player.
    Player(u32),
    /// The players of one side.
    Team(u16),
    /// Everybody, spectators too.
    All,
    /// Everybody but one player.
    AllBut(u32),
}

/// How much a line of the log matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum LogLevel {
    /// For who looks for a mistake.
    Debug,
    /// What happened.
    Info,
    /// What should not have.
    Warn,
    /// What somebody has to look at.
    Error,
}

/// Something to do with the store.
#[derive(Clone, PartialEq, Debug)]
pub struct StoreRequest {
    /// Names it in [`super::Match::handle_stored`].
    pub id: u64,
    /// Whose values.
    pub scope: StoreScope,
    /// What to do.
    pub action: StoreAction,
}

/// Whose values are meant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum StoreScope {
    /// The mode's.
    Mode,
    /// The player's of this id in this mode.
    Player(String),
}

/// What to do with a value. Keys are 1 to 128 bytes.
#[derive(Clone, PartialEq, Debug)]
pub enum StoreAction {
    /// Read it.
    Get {
        /// Which.
        key: String,
    },
    /// Write it.
    Set {
        /// Which.
        key: String,
        /// What.
        value: Value,
    },
    /// Add to it, in one go; what is not there is 0.
    Add {
        /// Which.
        key: String,
        /// How much.
        amount: i64,
    },
    /// Take it away.
    Delete {
        /// Which.
        key: String,
    },
}

/// All values of somebody, by key.
pub type StoredValues = BTreeMap<String, Value>;

/// What came of a request to the store.
#[derive(Clone, PartialEq, Debug)]
pub enum StoreResult {
    /// What there is now under the key; `None` is nothing.
    Value(Option<Value>),
    /// It could not be done.
    Failed(String),
}
