//! The bodies of the fuzz targets: the real host of scripts, with what must hold asserted after every step.
//!
//! Each module has one function `run(bytes)`, which decodes the bytes into what it needs and panics when an invariant is
//! broken. The programs under `fuzz_targets/` give it to libFuzzer; `tests/` gives it the committed corpora.
//! **A run is a function of its bytes.**

#![forbid(unsafe_code)]

use muster_scripts::{Limits, Match, Output};

pub mod bundle;
pub mod rules;
pub mod save;

/// The name and the body of every target. A target's corpus is the folder of its name under `corpus/`.
pub const TARGETS: [(&str, fn(&[u8])); 3] = [("bundle", bundle::run), ("rules", rules::run), ("save", save::run)];

/// Little of everything, so that a run meets the limits and takes no time.
fn limits() -> Limits {
    Limits {
        memory_bytes: 1 << 20,
        host_memory_bytes: 8 << 20,
        call_budget: 3000,
        tick_budget: 4000,
        open_budget: 10_000,
        outputs_max: 256,
        players_max: 16,
        entities_max: 256,
        ..Limits::default()
    }
}

/// Makes some ticks and takes what the match says, all of which must be well-formed and within the limits.
fn play(game: &mut Match, ticks: u32) {
    let limits = limits();
    for _ in 0..ticks {
        let report = game.step(&mut Vec::new());
        // Each of a few calls may end with the last thing that it did.
        assert!(report.script_work <= 4 * limits.tick_budget, "{report:?}");
        assert!(game.memory_bytes() <= limits.memory_bytes + (64 << 10), "{} bytes", game.memory_bytes());
        let mut outputs = 0;
        while let Some(output) = game.poll_output() {
            outputs += 1;
            match output {
                Output::Message { bytes, .. } => assert!(bytes.len() <= limits.message_bytes_max),
                Output::Log { text, .. } => assert!(!text.contains('\n')),
                Output::ScriptError(error) => assert!(!error.to_string().is_empty()),
                _ => {}
            }
        }
        assert!(outputs <= limits.outputs_max + 1, "{outputs} outputs");
    }
}
