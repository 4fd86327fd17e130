//! Goal: a recording of ten minutes of a match between bots is the same at every tick when it is played again.
//!
//! Method: the arena that ships, stepped as fast as it goes and recorded as the server records; the file is given to what
//! `muster replay` does with one.

use std::{fs, path::Path, sync::Arc};

use crate::stage::Scratch;
use muster_core::replay::Settings;
use muster_scripts::{Bundle, Host, Limits, MatchOptions, Output};
use muster_server::replays::verify;
use serde_json::json;

/// Ten minutes.
const SECONDS: u64 = 600;

#[test]
fn ten_minutes_of_bots_are_the_same_at_every_tick() {
    let arena = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/modes/arena"));
    let host = Host::new(Arc::new(Bundle::load(arena).expect("it is a mode")), Limits::default()).expect("it is good");
    let params = json!({ "seconds": SECONDS + 60, "score": 1_000_000 });
    let options = MatchOptions { id: "bots".into(), seed: 7, params, ..MatchOptions::default() };
    let mut game = host.open(&options).expect("it opens");
    let rate = game.settings().tick_rate_hz;
    game.record(Settings { key_ticks: 30 * rate, sector_hashes: false, pending_bytes_max: 256 << 20 });
    let mut scores = 0;
    for _ in 0..SECONDS * u64::from(rate) {
        game.step(&mut Vec::new());
        while let Some(output) = game.poll_output() {
            scores += u32::from(matches!(output, Output::Message { .. }));
            assert!(!matches!(output, Output::ScriptError(_) | Output::Ended(_)), "{output:?}");
        }
    }
    assert!(scores > 20, "the bots only look at each other");
    let recorder = game.recording_mut().expect("it is recorded");
    recorder.finish();
    let scratch = Scratch::new();
    let file = scratch.path().join("bots.replay");
    fs::write(&file, recorder.pending()).expect("it can be written");

    let verdict = verify(&file, Some(&arena.join("map.json"))).expect("it is a replay");
    assert_eq!((verdict.tick_first, verdict.tick_last), (0, SECONDS * u64::from(rate)));
    assert!(verdict.is_finished && verdict.damage.is_none() && verdict.divergence.is_none(), "{verdict:?}");
    // The verdict is one: a byte that was changed is found, or the recording says that it is damaged.
    let mut bytes = fs::read(&file).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).expect("it can be written");
    let verdict = verify(&file, Some(&arena.join("map.json")));
    assert!(verdict.is_err() || verdict.is_ok_and(|v| v.damage.is_some() || v.divergence.is_some()));
}
