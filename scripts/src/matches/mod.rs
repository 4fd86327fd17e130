//! A match: a world, its rules, and who plays.

mod output;
mod settings;

use std::{collections::VecDeque, fmt};

use muster_core::{
    Execution, World, WorldConfig,
    command::Command,
    replay::{Recorder, Settings as RecorderSettings},
};
use serde_json::Value;

pub use output::{Ended, LogLevel, Output, StoreAction, StoreRequest, StoreResult, StoreScope, To};
pub use settings::MatchSettings;

use crate::{Host, ScriptError};

/// What a match is opened with.
#[derive(Clone, PartialEq, Debug)]
pub struct MatchOptions {
    /// Names it in logs and to its scripts.
    pub id: String,
    /// From which its randomness comes.
    pub seed: u64,
    /// What `match_init` is given.
    pub params: Value,
    /// How its world is worked on.
    pub execution: Execution,
}

/// Who plays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Player {
    /// Who it is in the world, from 1: the owner of its entities.
    pub number: u32,
    /// Who it is everywhere, at most 64 bytes.
    pub id: String,
    /// For people, at most 64 bytes.
    pub name: String,
    /// Whether nobody sits there.
    pub is_bot: bool,
}

/// Why a player left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeaveReason {
    /// It wanted to.
    Left,
    /// It was away for too long.
    Lost,
    /// It had to.
    Kicked,
    /// The match or the server ends.
    Closing,
}

/// Why a player does not come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JoinRefusal {
    /// The match has `players_max`.
    Full,
    /// The number is 0 or somebody's already, or a name is too long.
    Player,
    /// The match is over.
    Ended,
    /// What the script said.
    Script(String),
    /// The script failed; the error is among the outputs.
    Failed,
}

/// Why a message of a player is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageRefusal {
    /// It is longer than [`crate::Limits::message_bytes_max`].
    TooLong,
    /// It is no JSON text.
    NotJson,
    /// Too many wait already.
    TooMany,
    /// The player is not in the match.
    NoPlayer,
    /// The match is over.
    Ended,
}

/// Why a saved match cannot go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RestoreError {
    /// The bytes are none of a match, or of another version of the form; why.
    Bytes(&'static str),
    /// The world's snapshot is refused; why.
    World(String),
    /// The match is of another mode.
    Mode(String),
    /// The scripts failed.
    Script(Box<ScriptError>),
}

/// What a tick came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StepReport {
    /// The tick that was made.
    pub tick: u64,
    /// How many safepoints the scripts passed.
    pub script_work: u64,
    /// How many calls of scripts failed.
    pub script_errors: u32,
    /// How many of those were stopped because they did too much.
    pub script_kills: u32,
    /// How many inputs the scripts gave the world.
    pub inputs: u32,
    /// Commands of players that were not passed on, since those are not in the match.
    pub commands_refused: u32,
    /// Whether the match is over.
    pub has_ended: bool,
}

/// A match.
pub struct Match {
    settings: MatchSettings,
    world: World,
    recorder: Option<Recorder>,
    outputs: VecDeque<Output>,
    has_ended: bool,
}

impl Default for MatchOptions {
    fn default() -> Self {
        Self { id: String::new(), seed: 1, params: Value::Null, execution: Execution::default() }
    }
}

impl Match {
    pub(crate) fn open(host: &Host, options: &MatchOptions) -> Result<Self, Box<ScriptError>> {
        let config = WorldConfig { seed: options.seed, tick_rate_hz: 20, ..WorldConfig::default() };
        let world = World::new(config, host.bundle().map().cloned(), options.execution)
            .map_err(|error| ScriptError { message: error.to_string(), ..ScriptError::default() })?;
        let settings = MatchSettings::default();
        Ok(Self { settings, world, recorder: None, outputs: VecDeque::new(), has_ended: false })
    }

    pub(crate) fn restore(_host: &Host, _bytes: &[u8], _options: &MatchOptions) -> Result<Self, RestoreError> {
        Err(RestoreError::Bytes("not the beginning of a saved match"))
    }

    /// What it is.
    pub const fn settings(&self) -> &MatchSettings {
        &self.settings
    }

    /// Its world.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Its world, for asking; what changes it has to be recorded.
    pub const fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// The bundle's version.
    pub fn version(&self) -> &str {
        ""
    }

    /// Who plays, by number.
    pub fn players(&self) -> impl Iterator<Item = &Player> {
        [].iter()
    }

    /// Whether it is over.
    pub const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// How many bytes its scripts hold.
    pub fn memory_bytes(&self) -> usize {
        0
    }

    /// Asks whether a player may come in; nothing changes but what the script does.
    ///
    /// # Errors
    /// Why not.
    pub fn join_attempt(&mut self, player: &Player, metadata: &Value) -> Result<(), JoinRefusal> {
        let _ = (player, metadata);
        Ok(())
    }

    /// A player comes in. It was let in by [`Self::join_attempt`].
    ///
    /// # Errors
    /// When it cannot be.
    pub fn join(&mut self, player: &Player) -> Result<(), JoinRefusal> {
        let _ = player;
        Ok(())
    }

    /// A player leaves for good.
    pub fn leave(&mut self, number: u32, reason: LeaveReason) {
        let _ = (number, reason);
    }

    /// A player is away, and the behaviour of the settings commands its entities; or it is there again.
    pub fn away(&mut self, number: u32, is_away: bool) {
        let _ = (number, is_away);
    }

    /// Takes a message of a player, which the next tick is given.
    ///
    /// # Errors
    /// Why not.
    pub fn message(&mut self, number: u32, data: &[u8]) -> Result<(), MessageRefusal> {
        let _ = (number, data);
        Ok(())
    }

    /// Something from outside for the script, and its answer.
    ///
    /// # Errors
    /// When the script fails.
    pub fn signal(&mut self, data: &str) -> Result<String, Box<ScriptError>> {
        Ok(data.into())
    }

    /// Tells the script that the match ends in so many seconds, or now if it is 0.
    pub fn terminate(&mut self, grace_seconds: u32) {
        self.has_ended |= grace_seconds == 0;
    }

    /// Makes one tick: the commands of players, which are taken out of `inputs`, the rules, the world.
    pub fn step(&mut self, inputs: &mut Vec<(u32, Command)>) -> StepReport {
        inputs.clear();
        self.world.step();
        StepReport { tick: self.world.tick(), ..StepReport::default() }
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What came of a request to the store; the next tick is told.
    pub fn handle_stored(&mut self, id: u64, result: StoreResult) {
        let _ = (id, result);
    }

    /// Goes on with the rules of another host, mostly of a newer bundle of the same mode. It changes at once, between two
    /// ticks.
    ///
    /// # Errors
    /// When the new rules fail; the old ones go on.
    pub fn reload(&mut self, host: &Host) -> Result<(), Box<ScriptError>> {
        let _ = host;
        Ok(())
    }

    /// Records what the world is given from now on.
    pub fn record(&mut self, settings: RecorderSettings) {
        self.recorder = Some(Recorder::new(&self.world, settings));
    }

    /// The recording, whose bytes the host takes.
    pub const fn recording_mut(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_mut()
    }

    /// Appends the match as bytes: the world, the script's state, who plays, what waits.
    ///
    /// # Errors
    /// When the script's state has something that cannot be saved; where.
    pub fn save(&self, out: &mut Vec<u8>) -> Result<(), Box<ScriptError>> {
        self.world.save(out);
        Ok(())
    }
}

impl fmt::Display for JoinRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the match is full",
            Self::Player => "the player's number, id or name cannot be",
            Self::Ended => "the match is over",
            Self::Script(reason) => reason,
            Self::Failed => "the mode's rules failed",
        })
    }
}

impl fmt::Display for MessageRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the message is too long",
            Self::NotJson => "the message is no JSON text",
            Self::TooMany => "too many messages wait already",
            Self::NoPlayer => "the player is not in the match",
            Self::Ended => "the match is over",
        })
    }
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(why) => write!(f, "these are not the bytes of a match: {why}"),
            Self::World(why) => write!(f, "the world cannot be restored: {why}"),
            Self::Mode(mode) => write!(f, "the match is of the mode {mode}"),
            Self::Script(error) => write!(f, "the scripts fail: {error}"),
        }
    }
}

impl fmt::Debug for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Match").field("world", &self.world).finish_non_exhaustive()
    }
}

impl std::error::Error for JoinRefusal {}
impl std::error::Error for MessageRefusal {}
impl std::error::Error for RestoreError {}
