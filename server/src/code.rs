//! What a player is told when something is refused.

use std::fmt;

/// Why something was refused or ended. **The texts of the codes are part of the protocol** and never change;
/// docs/DOORS.md has the table, and a test compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum ErrorCode {
    /// Something came before `connect`.
    NotConnected,
    /// The token is none of this server's.
    TokenInvalid,
    /// The token was good once.
    TokenExpired,
    /// A message is no JSON of a known type, or has a field too many, too few or of the wrong kind.
    Malformed,
    /// A message is too large.
    TooLarge,
    /// Too many messages or bytes at a time.
    RateLimited,
    /// Too many connections, from this network or altogether.
    TooManyConnections,
    /// The server is about to end.
    Draining,
    /// There is no room for another match.
    ServerFull,
    /// The server has more to do than it can take up now.
    Busy,
    /// There is no such mode.
    ModeUnknown,
    /// The mode's rules cannot be run.
    ModeBroken,
    /// There is no such match, or no longer.
    MatchUnknown,
    /// The match is full.
    MatchFull,
    /// The match's rules do not let this player in.
    MatchRefused,
    /// The match has broken, and was saved.
    MatchFailed,
    /// The match shows itself to nobody who does not play.
    NoSpectators,
    /// The connection is in a match already.
    AlreadyJoined,
    /// The connection is in no match.
    NotJoined,
    /// The token to come back with is of another match or player, or the place is gone.
    ResumeGone,
    /// A name is empty, too long or has signs that are no text.
    NameInvalid,
    /// The hello is none, or of another version of the protocol.
    HelloRefused,
    /// There is no WebRTC here.
    RtcOff,
    /// The offer is none that a connection can be made of.
    RtcFailed,
    /// Only a server in development shows this.
    DeveloperOff,
    /// The player came in by another connection.
    Replaced,
    /// Nothing came for too long.
    Idle,
    /// What was sent was not taken in time.
    Slow,
    /// The match's rules sent the player away.
    Kicked,
    /// There is no such address.
    NotFound,
    /// The address is there, but is not asked in this way.
    MethodNotAllowed,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 31] = [
        Self::NotConnected,
        Self::TokenInvalid,
        Self::TokenExpired,
        Self::Malformed,
        Self::TooLarge,
        Self::RateLimited,
        Self::TooManyConnections,
        Self::Draining,
        Self::ServerFull,
        Self::Busy,
        Self::ModeUnknown,
        Self::ModeBroken,
        Self::MatchUnknown,
        Self::MatchFull,
        Self::MatchRefused,
        Self::MatchFailed,
        Self::NoSpectators,
        Self::AlreadyJoined,
        Self::NotJoined,
        Self::ResumeGone,
        Self::NameInvalid,
        Self::HelloRefused,
        Self::RtcOff,
        Self::RtcFailed,
        Self::DeveloperOff,
        Self::Replaced,
        Self::Idle,
        Self::Slow,
        Self::Kicked,
        Self::NotFound,
        Self::MethodNotAllowed,
    ];

    /// The code on the wire.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotConnected => "not_connected",
            Self::TokenInvalid => "token_invalid",
            Self::TokenExpired => "token_expired",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::TooManyConnections => "too_many_connections",
            Self::Draining => "draining",
            Self::ServerFull => "server_full",
            Self::Busy => "busy",
            Self::ModeUnknown => "mode_unknown",
            Self::ModeBroken => "mode_broken",
            Self::MatchUnknown => "match_unknown",
            Self::MatchFull => "match_full",
            Self::MatchRefused => "match_refused",
            Self::MatchFailed => "match_failed",
            Self::NoSpectators => "no_spectators",
            Self::AlreadyJoined => "already_joined",
            Self::NotJoined => "not_joined",
            Self::ResumeGone => "resume_gone",
            Self::NameInvalid => "name_invalid",
            Self::HelloRefused => "hello_refused",
            Self::RtcOff => "rtc_off",
            Self::RtcFailed => "rtc_failed",
            Self::DeveloperOff => "developer_off",
            Self::Replaced => "replaced",
            Self::Idle => "idle",
            Self::Slow => "slow",
            Self::Kicked => "kicked",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
        }
    }

    /// What to say to people, and what they can do.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NotConnected => "say connect with a token first",
            Self::TokenInvalid => "the token is none of this server's; ask for a new one",
            Self::TokenExpired => "the token is too old; ask for a new one",
            Self::Malformed => "the message is not one that this server knows; see docs/DOORS.md for their forms",
            Self::TooLarge => "the message is too large; say it in several, or shorter",
            Self::RateLimited => "too much at a time; wait a little",
            Self::TooManyConnections => "there are too many connections; close others, or come again later",
            Self::Draining => "the server is about to end and lets nobody in; come again in a minute",
            Self::ServerFull => "the server has no room for another match; join one that runs, or come again later",
            Self::Busy => "the server has too much to do; try again",
            Self::ModeUnknown => "there is no such mode; /v1/modes lists them",
            Self::ModeBroken => "the mode's rules have an error; `muster check` says which",
            Self::MatchUnknown => "there is no such match, or no longer; /v1/matches lists them",
            Self::MatchFull => "the match is full; join another one, or look on",
            Self::MatchRefused => "the match does not let you in; join another one",
            Self::MatchFailed => "the match has broken and is over; begin another one",
            Self::NoSpectators => "the match shows itself to nobody who does not play; join it, or another one",
            Self::AlreadyJoined => "leave the match before you join another",
            Self::NotJoined => "join a match first",
            Self::ResumeGone => "the place that you come back to is gone; join without `resume`",
            Self::NameInvalid => "a name has 1 to 32 letters, digits, spaces or signs, and at most 64 bytes",
            Self::HelloRefused => "the client speaks another version of the protocol; it needs the one of this server",
            Self::RtcOff => "this server has no WebRTC; go on over the WebSocket",
            Self::RtcFailed => "no connection can be made of this offer; go on over the WebSocket",
            Self::DeveloperOff => "only a server in development shows this",
            Self::Replaced => "you came in by another connection, which has the seat now",
            Self::Idle => {
                "nothing came from you for too long; come again, and send something at least every few seconds"
            }
            Self::Slow => "what was sent to you was not taken in time; come again and read faster",
            Self::Kicked => "you were sent away",
            Self::NotFound => "there is nothing here; see docs/DOORS.md for what there is",
            Self::MethodNotAllowed => "this address is asked in another way; the header `allow` says how",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// A refusal: the code and what there is to say about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The code.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
}

impl Refusal {
    /// With more to say than the code does. What comes from scripts or players is cut to 300 characters.
    pub fn because(code: ErrorCode, message: &str) -> Self {
        Self { code, message: message.chars().take(300).collect() }
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: code.message().into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Refusal {}
