//! What clients say is known whole or refused with a reason that can be told to them: frames, JSON, binary messages, tokens.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
    time::Duration,
};

use muster_core::{
    Execution, World, WorldConfig,
    sync::server::{SyncConfig, SyncServer, ViewerId, ViewerOptions},
};
use muster_server::{
    code::{ErrorCode, Refusal},
    door::{
        binary::Up,
        message::{ClientMessage, METADATA_BYTES_MAX, SDP_BYTES_MAX, ServerMessage},
        websocket::{Heard, Incoming},
    },
    token::Tokens,
};
use serde_json::Value;
use tungstenite::{
    Bytes, Error, Message, WebSocket,
    error::ProtocolError,
    protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
};

/// Most bytes of a refusal on the wire.
const REFUSAL_BYTES_MAX: usize = 4096;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else { return };
    match which % 4 {
        0 => text(rest),
        1 => binary(rest),
        2 => token(rest),
        _ => frames(rest),
    }
}

/// Most bytes of a message, in frames.
const MESSAGE_BYTES_MAX: usize = 256;

/// What a client has said, by one reader of frames or another.
#[derive(Debug, Default)]
struct Said {
    messages: Vec<Message>,
    /// Why nothing came after it, if that is not that the bytes came to an end.
    is_broken: bool,
    is_text_broken: bool,
}

/// A client that sends these bytes and hears nothing.
struct Sender<'a>(&'a [u8]);

impl Read for Sender<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Sender<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The library's reader and ours hear the same. Ours looks at texts when they are whole, so that it may hear a ping more.
fn frames(bytes: &[u8]) {
    let Some((piece, bytes)) = bytes.split_first() else { return };
    let (theirs, ours) = (theirs(bytes), ours(bytes, usize::from(*piece).max(1)));
    let more = ours.messages.get(theirs.messages.len()..);
    assert!(ours.messages.starts_with(&theirs.messages), "{theirs:?} {ours:?}");
    let is_ping = |message: &Message| matches!(message, Message::Ping(_) | Message::Pong(_));
    assert!(more.is_some_and(|more| more.is_empty() || theirs.is_text_broken && more.iter().all(is_ping)));
    assert!(ours.is_broken || !theirs.is_broken || theirs.is_text_broken, "{theirs:?} {ours:?}");
}

fn theirs(bytes: &[u8]) -> Said {
    let config =
        WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES_MAX)).max_frame_size(Some(MESSAGE_BYTES_MAX));
    let mut socket = WebSocket::from_raw_socket(Sender(bytes), Role::Server, Some(config));
    let mut said = Said::default();
    loop {
        match socket.read() {
            // So it tells of a code that may not be used.
            Ok(Message::Close(Some(frame))) if frame.code == CloseCode::Protocol => {
                said.is_broken = true;
                return said;
            }
            Ok(message) => {
                let is_end = message.is_close();
                said.messages.push(match message {
                    // What it carries is told to nobody.
                    Message::Pong(_) => Message::Pong(Bytes::new()),
                    Message::Close(frame) => {
                        Message::Close(frame.map(|frame| CloseFrame { reason: Default::default(), ..frame }))
                    }
                    message => message,
                });
                if is_end {
                    return said;
                }
            }
            Err(
                Error::Io(_) | Error::ConnectionClosed | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake),
            ) => {
                return said;
            }
            Err(error) => {
                said.is_broken = true;
                said.is_text_broken = matches!(error, Error::Utf8(_));
                return said;
            }
        }
    }
}

/// The same bytes, of which so many come at a time.
fn ours(bytes: &[u8], piece: usize) -> Said {
    let (mut incoming, mut held, mut said) = (Incoming::default(), Vec::new(), Said::default());
    for piece in bytes.chunks(piece) {
        held.extend_from_slice(piece);
        loop {
            let frame = match incoming.next(&mut held, MESSAGE_BYTES_MAX) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(broken) => {
                    let (code, reason) = broken.close();
                    assert!((1002..=1009).contains(&code) && reason.len() <= 123);
                    said.is_broken = true;
                    return said;
                }
            };
            assert!(frame.payload <= frame.length);
            said.messages.extend(match frame.heard {
                Heard::Text(text) => Some(Message::text(text.into_owned())),
                Heard::Binary(bytes) => Some(Message::binary(bytes.into_owned())),
                Heard::Ping(bytes) => Some(Message::Ping(Bytes::copy_from_slice(bytes))),
                Heard::Pong => Some(Message::Pong(Bytes::new())),
                Heard::Part => None,
                Heard::Close(Some(1002)) => {
                    said.is_broken = true;
                    return said;
                }
                Heard::Close(code) => {
                    let frame = code.map(|code| CloseFrame { code: code.into(), reason: Default::default() });
                    said.messages.push(Message::Close(frame));
                    return said;
                }
            });
            let length = frame.length;
            held.drain(..length);
        }
    }
    said
}

fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match ClientMessage::read(text) {
        Ok(ClientMessage::Join(join)) => {
            assert!(join.mode.is_some() || join.match_id.is_some() || join.replay.is_some() || join.resume.is_some());
            // Numbers may be longer when they are written again: 1e9 is ten digits.
            assert!(join.metadata.to_string().len() <= 32 * METADATA_BYTES_MAX);
        }
        Ok(ClientMessage::RtcOffer { sdp }) => assert!(sdp.len() <= SDP_BYTES_MAX),
        Ok(_) => {}
        Err(reason) => can_be_told(&Refusal::because(ErrorCode::Malformed, &reason)),
    }
}

/// A refusal goes to the client as JSON of a bounded length, whatever it quotes.
fn can_be_told(refusal: &Refusal) {
    let told = ServerMessage::refusal(refusal);
    assert!(told.len() <= REFUSAL_BYTES_MAX, "{} bytes", told.len());
    let told: Value = serde_json::from_str(&told).expect("it is JSON");
    assert_eq!(told["code"], refusal.code.text());
    assert_eq!(told["message"], refusal.message.as_str());
}

/// A world with one viewer, for what a match does with binary messages.
struct Meeting {
    world: World,
    sync: SyncServer,
    viewer: ViewerId,
}

impl Meeting {
    fn new() -> Self {
        let config = WorldConfig { entities_max: 16, projectiles_max: 16, sectors_max: 16, ..WorldConfig::default() };
        let world = World::new(config, None, Execution::default()).expect("it is a good configuration");
        let config = SyncConfig { session: 7, viewers_max: 4, ..SyncConfig::default() };
        let mut sync = SyncServer::new(config, &world).expect("it is a good configuration");
        let options =
            ViewerOptions { player: 1, team: 1, sees_hidden: false, is_everywhere: false, delay: 0, budget: 64_000 };
        let viewer = sync.add_viewer(&options).expect("there is room");
        Self { world, sync, viewer }
    }
}

fn binary(bytes: &[u8]) {
    let mut meeting = Meeting::new();
    match Up::read(bytes) {
        Ok(Up::Hello) => {
            let mut welcome = Vec::new();
            if let Err(error) = meeting.sync.welcome(&meeting.world, bytes, 1, &mut welcome) {
                can_be_told(&Refusal::because(ErrorCode::HelloRefused, &error.to_string()));
                assert!(welcome.is_empty());
            }
        }
        Ok(Up::Message(text)) => assert!(text.len() < bytes.len()),
        Ok(Up::Report) => {
            let before = meeting.sync.stats().reports_refused;
            let taken = meeting.sync.receive(meeting.viewer, bytes, 1_000_000);
            assert_eq!(taken.is_err(), meeting.sync.stats().reports_refused > before);
            let mut commands = Vec::new();
            if meeting.sync.take_inputs(meeting.viewer, &meeting.world, &mut commands).is_ok() {
                assert!(commands.len() <= bytes.len());
            }
        }
        Err(refusal) => can_be_told(&refusal),
    }
}

thread_local! {
    static TOKENS: RefCell<Tokens> =
        RefCell::new(Tokens::new("gXh4Z0l2b3J5LXRvd2VyLWJhdHRlcnktc3RhcGxl", Duration::from_secs(3600)));
}

fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    TOKENS.with_borrow(|tokens| {
        let (guest, place) = (tokens.read_guest(text), tokens.read_resume(text));
        // What it is for is signed with it.
        assert!(guest.is_err() || place.is_err());
        for code in [guest.err(), place.err()].into_iter().flatten() {
            assert!(matches!(code, ErrorCode::TokenInvalid | ErrorCode::TokenExpired));
        }
    });
}
