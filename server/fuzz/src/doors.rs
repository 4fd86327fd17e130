//! What clients say is known whole or refused with a reason that can be told to them: JSON, binary messages, tokens.

use std::{cell::RefCell, time::Duration};

use muster_core::{
    Execution, World, WorldConfig,
    sync::server::{SyncConfig, SyncServer, ViewerId, ViewerOptions},
};
use muster_server::{
    code::{ErrorCode, Refusal},
    door::{
        binary::Up,
        message::{ClientMessage, METADATA_BYTES_MAX, SDP_BYTES_MAX, ServerMessage},
    },
    token::Tokens,
};
use serde_json::Value;

/// Most bytes of a refusal on the wire.
const REFUSAL_BYTES_MAX: usize = 4096;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else { return };
    match which % 3 {
        0 => text(rest),
        1 => binary(rest),
        _ => token(rest),
    }
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
