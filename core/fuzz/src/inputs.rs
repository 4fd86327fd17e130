//! Bytes of players become commands that can be told again, or an error that leaves no trace; and other messages are read
//! as far as they are verified.

use muster_core::{
    EntityId, SectorId,
    command::{Action, Command, decode_inputs, encode_inputs},
};
use muster_schemas::Builder;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let sector = Some(SectorId::default());
    let held = Command { player: 9, entity: EntityId::NULL, sector, action: Action::Stop, rewind: 0 };
    let mut commands = vec![held];
    match decode_inputs(bytes, &mut commands) {
        Ok(tick) => {
            assert!(commands.len() * 16 <= 16 + bytes.len(), "{} commands of {} bytes", commands.len(), bytes.len());
            let mut builder = Builder::new();
            let again = encode_inputs(tick, &commands, &mut builder);
            let mut back = Vec::new();
            assert_eq!(decode_inputs(again, &mut back), Ok(tick));
            assert_eq!(back, commands);
        }
        Err(error) => {
            assert_eq!(commands, [held]);
            assert!(!error.to_string().is_empty());
        }
    }
    // To print a message goes through every field of it.
    let _ = muster_schemas::read_events(bytes).map(|message| format!("{message:?}"));
    let _ = muster_schemas::read_config(bytes).map(|message| format!("{message:?}"));
    let _ = muster_schemas::read_map(bytes).map(|message| format!("{message:?}"));
    let _ = muster_schemas::read_replay_header(bytes).map(|message| format!("{message:?}"));
}
