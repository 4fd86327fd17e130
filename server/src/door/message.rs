//! The JSON messages of the WebSocket.
//!
//! **A message is known whole or refused**: its type, each field and no other.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, value::RawValue};

use crate::{code::Refusal, relay::IceServer};

/// Most bytes of what a client says about itself when it joins.
pub const METADATA_BYTES_MAX: usize = 4096;
/// Most bytes of an offer of WebRTC.
pub const SDP_BYTES_MAX: usize = 16 << 10;

/// What a client says.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum ClientMessage {
    /// Who it is. The first message.
    #[serde(rename = "connect")]
    Connect {
        /// The token of `POST /v1/guests`.
        token: String,
    },
    /// That it wants into a match.
    #[serde(rename = "match:join")]
    Join(JoinRequest),
    /// That it goes for good.
    #[serde(rename = "match:leave")]
    Leave {},
    /// That it wants data channels.
    #[serde(rename = "rtc:offer")]
    RtcOffer {
        /// The offer.
        sdp: String,
    },
    /// How long the way is.
    #[serde(rename = "ping")]
    Ping {
        /// Comes back as it is.
        at: Number,
    },
    /// That it wants to be at another tick of the replay.
    #[serde(rename = "replay:seek")]
    ReplaySeek {
        /// Which.
        tick: u64,
    },
    /// That the replay shall stop, or go on.
    #[serde(rename = "replay:pause")]
    ReplayPause {
        /// Whether it shall stop.
        #[serde(default = "yes")]
        on: bool,
    },
    /// That it wants to see what the match costs.
    #[serde(rename = "dev:watch")]
    DevWatch {
        /// Or no longer.
        #[serde(default = "yes")]
        on: bool,
    },
}

/// Into which match, and as whom.
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinRequest {
    /// A match of this mode with room, or a new one.
    #[serde(default)]
    pub mode: Option<String>,
    /// This match.
    #[serde(default, rename = "match")]
    pub match_id: Option<String>,
    /// This replay, to look at.
    #[serde(default)]
    pub replay: Option<String>,
    /// Only to look on.
    #[serde(default)]
    pub spectate: bool,
    /// For the match's rules.
    #[serde(default)]
    pub metadata: Value,
    /// The token of `match:joined`, to come back.
    #[serde(default)]
    pub resume: Option<String>,
}

const fn yes() -> bool {
    true
}

/// What the server says.
#[derive(Debug, Serialize)]
#[serde(tag = "type")]
pub enum ServerMessage<'a> {
    /// Who the client is.
    #[serde(rename = "connected")]
    Connected {
        /// The player's id.
        player: &'a str,
        /// The player's name.
        name: &'a str,
        /// The server's version.
        version: &'a str,
        /// Relays, for who makes data channels.
        #[serde(skip_serializing_if = "<[IceServer]>::is_empty")]
        ice_servers: &'a [IceServer],
    },
    /// The client is in a match. It says hello next, by what it wants packets to come.
    #[serde(rename = "match:joined")]
    Joined(&'a Joined),
    /// The client's player is on another side.
    #[serde(rename = "match:team")]
    Team {
        /// Which; 0 is none.
        team: u16,
    },
    /// The match is over.
    #[serde(rename = "match:ended")]
    Ended {
        /// Why.
        reason: &'a str,
        /// What the rules say about it.
        result: &'a Value,
    },
    /// The client is out of the match.
    #[serde(rename = "match:left")]
    Left {
        /// `left`, or why it had to go.
        reason: &'a str,
    },
    /// The answer to an offer.
    #[serde(rename = "rtc:answer")]
    RtcAnswer {
        /// The answer.
        sdp: &'a str,
    },
    /// The answer to a ping.
    #[serde(rename = "pong")]
    Pong {
        /// What the ping had.
        at: &'a Number,
        /// The server's clock in milliseconds, from any beginning.
        now: u64,
    },
    /// A script failed. Only to those who watch.
    #[serde(rename = "script:error")]
    ScriptError(&'a ScriptFault),
    /// The match goes on with other rules. Only to those who watch.
    #[serde(rename = "script:reloaded")]
    ScriptReloaded {
        /// The bundle's version.
        version: &'a str,
    },
    /// Where the replay is, four times a second.
    #[serde(rename = "replay:at")]
    ReplayAt {
        /// The tick.
        tick: u64,
        /// Whether it has stopped.
        paused: bool,
    },
    /// What the match costs. Only to those who watch.
    #[serde(rename = "dev:stats")]
    DevStats(&'a DevStats),
    /// Something was refused.
    #[serde(rename = "error")]
    Error {
        /// A code of docs/DOORS.md.
        code: &'a str,
        /// For people.
        message: &'a str,
    },
}

/// What a client is told of the match that it is in.
#[derive(Clone, Debug, Serialize)]
pub struct Joined {
    /// The match's id.
    #[serde(rename = "match")]
    pub match_id: String,
    /// The mode's name.
    pub mode: String,
    /// The player's number there; 0 is a spectator.
    pub number: u32,
    /// The player's side; 0 is none.
    pub team: u16,
    /// A token to come back with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// Whether the client only looks on.
    pub spectator: bool,
    /// What the match is.
    pub settings: JoinedSettings,
    /// Who plays, at most 256 of them, so that who comes late knows names; what changes is for the rules to tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub players: Vec<JoinedPlayer>,
    /// Of a replay: from when to when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplaySpan>,
}

/// A player of a match.
#[derive(Clone, Debug, Serialize)]
pub struct JoinedPlayer {
    /// The owner of the player's entities.
    pub number: u32,
    /// For people.
    pub name: String,
    /// The side; 0 is none.
    pub team: u16,
}

/// From when to when a replay is.
#[derive(Clone, Debug, Serialize)]
pub struct ReplaySpan {
    /// The first tick.
    pub tick_first: u64,
    /// The last.
    pub tick_last: u64,
    /// Where it is.
    pub tick: u64,
    /// Who played.
    pub players: Vec<String>,
    /// Their numbers, as owners of entities.
    pub numbers: Vec<u32>,
}

/// What a match is, as far as who shows it needs to know.
#[derive(Clone, Debug, Serialize)]
pub struct JoinedSettings {
    /// Ticks a second.
    pub tick_rate: u32,
    /// Most players.
    pub players_max: u32,
    /// How many sides.
    pub teams: u16,
    /// What it is found by.
    pub label: String,
    /// The version of its rules.
    pub version: String,
    /// What names its map, which is at `/v1/maps/ID`.
    pub map: Option<String>,
    /// Whether `dev:watch` is answered.
    pub developer: bool,
    /// What the mode says about how it is shown.
    pub client: Value,
}

/// What went wrong in a script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScriptFault {
    /// The file in the mode's folder.
    pub file: String,
    /// The line.
    pub line: u32,
    /// What went wrong.
    pub message: String,
    /// What to change.
    pub hint: String,
    /// The version of the rules.
    pub version: String,
}

/// What a match costs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct DevStats {
    /// The tick.
    pub tick: u64,
    /// The longest tick since the last of these, in milliseconds.
    pub tick_ms: f64,
    /// The mean tick, in milliseconds.
    pub tick_ms_mean: f64,
    /// The most that a tick was late, in milliseconds.
    pub late_ms: f64,
    /// Ticks that were left out since the match began.
    pub ticks_lost: u64,
    /// Entities.
    pub entities: u32,
    /// Cells of the synchronisation.
    pub cells: u32,
    /// Groups of the synchronisation.
    pub groups: u32,
    /// Who gets packets.
    pub viewers: u32,
    /// By how many steps updates are rarer because of load.
    pub rate_step: u8,
    /// Safepoints that scripts passed in the last tick.
    pub script_work: u64,
    /// Bytes that scripts hold.
    pub script_bytes: usize,
    /// The version of the rules.
    pub version: String,
    /// The last error of scripts, if there was one.
    pub error: Option<ScriptFault>,
}

impl ServerMessage<'_> {
    /// As text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("messages are of texts, numbers and JSON")
    }

    /// A refusal as text.
    pub fn refusal(refusal: &Refusal) -> String {
        ServerMessage::Error { code: refusal.code.text(), message: &refusal.message }.text()
    }
}

impl ClientMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn read(text: &str) -> Result<Self, String> {
        let message: Self = serde_json::from_str(text).map_err(|error| {
            // Whoever has not found the form yet is helped more by it than by where the reading ended.
            if serde_json::from_str::<Typed>(text).is_err() { format!("{FORM} ({error})") } else { error.to_string() }
        })?;
        match &message {
            Self::Join(join) => {
                let raw: Result<Metadata<'_>, _> = serde_json::from_str(text);
                let bytes = raw.ok().and_then(|raw| raw.metadata).map_or(0, |raw| raw.get().len());
                if bytes > METADATA_BYTES_MAX {
                    return Err(format!("metadata has {bytes} bytes, more than {METADATA_BYTES_MAX}"));
                }
                if [&join.mode, &join.match_id, &join.resume, &join.replay].iter().all(|name| name.is_none()) {
                    return Err("match:join needs a mode, a match, a replay or a resume token".into());
                }
                let names = [&join.mode, &join.match_id, &join.replay];
                if names.iter().any(|name| name.as_ref().is_some_and(|name| name.len() > 128)) {
                    return Err("mode, match and replay have at most 128 bytes".into());
                }
            }
            Self::RtcOffer { sdp } if sdp.len() > SDP_BYTES_MAX => {
                return Err(format!("sdp has more than {SDP_BYTES_MAX} bytes"));
            }
            _ => {}
        }
        Ok(message)
    }
}

/// What a message is, for who says something that is none.
const FORM: &str = r#"a message is a JSON object with a "type", as in {"type":"ping","at":1}"#;

/// Whether a text has the form of a message.
#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    _kind: String,
}

/// Only how long the metadata is.
#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_known_whole_or_refused() {
        let join = ClientMessage::read(r#"{"type":"match:join","mode":"arena","metadata":{"a":[1]}}"#);
        let Ok(ClientMessage::Join(join)) = join else { panic!("{join:?}") };
        assert_eq!(join.mode.as_deref(), Some("arena"));
        assert!(!join.spectate && join.resume.is_none());
        assert_eq!(ClientMessage::read(r#"{"type":"dev:watch"}"#), Ok(ClientMessage::DevWatch { on: true }));
        assert_eq!(ClientMessage::read(r#"{"type":"match:leave"}"#), Ok(ClientMessage::Leave {}));
        for wrong in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"type":"connect"}"#,
            r#"{"type":"connect","token":1}"#,
            r#"{"type":"connect","token":"a","more":1}"#,
            r#"{"type":"match:join"}"#,
            r#"{"type":"match:join","mode":"a","colour":1}"#,
            r#"{"type":"match:leave","now":true}"#,
            r#"{"type":"unknown"}"#,
            r#"{"type":"ping","at":"x"}"#,
            r#"{"type":"ping","at":1} {}"#,
            &"[".repeat(10_000),
            &format!(r#"{{"type":"match:join","mode":"a","metadata":"{}"}}"#, "x".repeat(5000)),
            &format!(r#"{{"type":"rtc:offer","sdp":"{}"}}"#, "x".repeat(17_000)),
        ] {
            assert!(ClientMessage::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_has_not_the_form_of_a_message_is_answered_with_the_form() {
        for wrong in ["", "hello", "null", "[]", "{}", r#"{"type":1}"#, r#"{"at":1}"#, r#"{"type":"ping""#] {
            let reason = ClientMessage::read(wrong).expect_err("it is none");
            assert!(reason.starts_with(FORM), "{wrong}: {reason}");
        }
        for (wrong, said) in [(r#"{"type":"pong"}"#, "unknown variant `pong`"), (r#"{"type":"ping"}"#, "`at`")] {
            let reason = ClientMessage::read(wrong).expect_err("it is none");
            assert!(!reason.contains(FORM) && reason.contains(said), "{wrong}: {reason}");
        }
    }

    #[test]
    fn what_is_said_is_escaped_once() {
        let text =
            ServerMessage::Connected { player: "g", name: "</script>\"\n", version: "1", ice_servers: &[] }.text();
        let back: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(back["name"], "</script>\"\n");
        assert_eq!(back["type"], "connected");
    }
}
