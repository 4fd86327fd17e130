//! Bytes are a replay that plays to its end, or an error; with their checksums and with them put right.

use muster_core::{
    Execution,
    replay::{Player, Replay, Stepped},
};

use crate::seal;

/// A run is ended when it has become long: more of the same finds nothing.
const STEPS_MAX: u32 = 100;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    play(bytes);
    let mut sealed = bytes.to_vec();
    seal::replay(&mut sealed);
    play(&sealed);
}

fn play(bytes: &[u8]) {
    let replay = match Replay::open(bytes) {
        Ok(replay) => replay,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let (first, last) = (replay.tick_first(), replay.tick_last());
    let Ok(mut player) = Player::new(replay, None, Execution::default()) else { return };
    for _ in 0..STEPS_MAX {
        let before = player.world().tick();
        match player.step() {
            Ok(Stepped::Same | Stepped::Differs(_)) => assert!(player.world().tick() > before, "a step goes on"),
            Ok(Stepped::End) | Err(_) => break,
        }
    }
    // A file may say that it is longer than anybody would wait for.
    if last.saturating_sub(first) <= u64::from(STEPS_MAX) {
        let middle = first + last.saturating_sub(first) / 2;
        if player.seek(middle).is_ok() {
            assert_eq!(player.world().tick(), middle);
        }
        let _ = player.verify();
    }
}
