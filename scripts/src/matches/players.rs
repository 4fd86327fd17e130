//! Who comes in, is away, says something and leaves.

use std::fmt;

use muster_core::Input;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Match, StoreScope, StoredValues};
use crate::{
    binding::{json_to_lua, player_table},
    stage::Member,
};

/// Most bytes of a player's id and name.
pub(super) const NAME_BYTES_MAX: usize = 64;
/// Most characters of the reason why a player is not let in.
const REASON_CHARS_MAX: usize = 256;

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

impl Match {
    /// What the store holds: of somebody who is about to come, for [`Self::join_attempt`], which is forgotten when they leave
    /// or are not let in; or of those of whom it is [`Self::unread`].
    pub fn learn(&mut self, scope: StoreScope, values: StoredValues) {
        self.stage_mut().known.learn(scope, values);
    }

    /// Whether the rules may want to know at once what the store holds of who comes.
    pub fn wants_stored(&self) -> bool {
        self.rules.vm.bundle.wants_stored()
    }

    /// Of whom the rules may want to know at once what the store holds, and do not.
    pub fn unread(&self) -> impl Iterator<Item = StoreScope> {
        let is_wanted = self.wants_stored();
        let stage = self.stage();
        let players = stage.members.values().filter(|member| !member.player.is_bot);
        let players = players.map(|member| StoreScope::Player(member.player.id.clone()));
        let all = std::iter::once(StoreScope::Mode).chain(players);
        all.filter(move |scope| is_wanted && stage.known.of(scope).is_none())
    }

    /// Asks whether a player may come in; nothing changes but what the script does.
    ///
    /// # Errors
    /// Why not.
    pub fn join_attempt(&mut self, player: &Player, metadata: &Value) -> Result<(), JoinRefusal> {
        let refused = self.ask_for(player, metadata);
        let stage = self.stage_mut();
        let is_here = || stage.members.values().any(|member| member.player.id == player.id);
        if refused.is_err() && !is_here() {
            stage.known.forget(&StoreScope::Player(player.id.clone()));
        }
        refused
    }

    fn ask_for(&mut self, player: &Player, metadata: &Value) -> Result<(), JoinRefusal> {
        self.may_join(player)?;
        let member = Member { player: player.clone(), ..Member::default() };
        self.stage_mut().coming = Some(player.clone());
        let returned =
            self.call("match_join_attempt", |lua| Ok((player_table(lua, &member)?, json_to_lua(lua, metadata)?)));
        self.stage_mut().coming = None;
        let Ok(returned) = returned else { return Err(JoinRefusal::Failed) };
        let mut returned = returned.unwrap_or_default().into_iter();
        // Who says nothing lets everybody in.
        if returned.next().is_none_or(|accept| accept.is_nil() || accept.as_boolean() == Some(true)) {
            return Ok(());
        }
        let reason = returned.next().and_then(|reason| reason.to_string().ok());
        let reason = reason.filter(|reason| reason != "nil").unwrap_or_else(|| "the match does not let you in".into());
        Err(JoinRefusal::Script(reason.chars().take(REASON_CHARS_MAX).collect()))
    }

    /// A player comes in. It was let in by [`Self::join_attempt`].
    ///
    /// # Errors
    /// When it cannot be.
    pub fn join(&mut self, player: &Player) -> Result<(), JoinRefusal> {
        self.may_join(player)?;
        let member = Member { player: player.clone(), ..Member::default() };
        self.stage_mut().members.insert(player.number, member.clone());
        // A failure is among the outputs; the player is in all the same.
        self.notify("match_join", |lua| player_table(lua, &member));
        Ok(())
    }

    fn may_join(&self, player: &Player) -> Result<(), JoinRefusal> {
        let stage = self.stage();
        if stage.ended.is_some() {
            return Err(JoinRefusal::Ended);
        }
        let is_taken = stage.members.contains_key(&player.number);
        if player.number == 0 || is_taken || player.id.len() > NAME_BYTES_MAX || player.name.len() > NAME_BYTES_MAX {
            return Err(JoinRefusal::Player);
        }
        if stage.members.len() >= stage.settings.players_max as usize {
            return Err(JoinRefusal::Full);
        }
        Ok(())
    }

    /// A player leaves for good.
    pub fn leave(&mut self, number: u32, reason: LeaveReason) {
        let Some(member) = self.stage().members.get(&number).cloned() else { return };
        if member.is_away {
            self.away(number, false);
        }
        if self.stage().ended.is_none() {
            let reason = match reason {
                LeaveReason::Left => "left",
                LeaveReason::Lost => "lost",
                LeaveReason::Kicked => "kicked",
                LeaveReason::Closing => "closing",
            };
            self.notify("match_leave", |lua| Ok((player_table(lua, &member)?, reason)));
        }
        let stage = self.stage_mut();
        stage.members.remove(&number);
        stage.known.forget(&StoreScope::Player(member.player.id));
        let bytes: usize = stage.inbox.iter().filter(|(player, _)| *player == number).map(|(_, text)| text.len()).sum();
        stage.inbox_bytes -= bytes;
        stage.inbox.retain(|(player, _)| *player != number);
    }

    /// A player is away, and the behaviour of the settings commands its entities; or it is there again.
    pub fn away(&mut self, number: u32, is_away: bool) {
        let stage = self.stage_mut();
        let behaviour = stage.settings.away_behaviour;
        let Some(member) = stage.members.get_mut(&number).filter(|member| member.is_away != is_away) else { return };
        member.is_away = is_away;
        let member = member.clone();
        if behaviour > 0 {
            let taken = Input::TakeOver { player: number, behaviour };
            let input = if is_away { taken } else { Input::HandBack { player: number } };
            // The behaviour was checked with the settings, so that the world takes it.
            _ = stage.apply(&input);
        }
        if self.stage().ended.is_none() {
            self.notify("match_away", |lua| Ok((player_table(lua, &member)?, is_away)));
        }
    }

    /// Takes a message of a player, which the next tick is given.
    ///
    /// # Errors
    /// Why not.
    pub fn message(&mut self, number: u32, data: &[u8]) -> Result<(), MessageRefusal> {
        let stage = self.stage_mut();
        if stage.ended.is_some() {
            return Err(MessageRefusal::Ended);
        }
        if data.len() > stage.limits.message_bytes_max {
            return Err(MessageRefusal::TooLong);
        }
        let text = str::from_utf8(data).ok().filter(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        let text = text.ok_or(MessageRefusal::NotJson)?;
        let bytes = stage.inbox_bytes + text.len();
        let most = stage.limits.inbox_messages_max;
        let member = stage.members.get_mut(&number).ok_or(MessageRefusal::NoPlayer)?;
        if member.messages >= most || bytes > stage.limits.inbox_bytes_max {
            return Err(MessageRefusal::TooMany);
        }
        member.messages += 1;
        stage.inbox_bytes = bytes;
        stage.inbox.push_back((number, text.to_owned()));
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
            Self::TooLong => "the message is too long for rules: say it in several",
            Self::NotJson => "the message is no JSON text: what rules hear is JSON, a text stands in quotes",
            Self::TooMany => "too many messages wait for the next tick: say less at a time",
            Self::NoPlayer => "the player is not in the match",
            Self::Ended => "the match is over",
        })
    }
}

impl std::error::Error for JoinRefusal {}
impl std::error::Error for MessageRefusal {}
