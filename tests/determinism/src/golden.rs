//! What the battle of the default setting comes to.

use crate::{Outcome, Setting};

/// What a run comes to at a tick.
pub type Golden = Outcome;

/// The values at three ticks, so that a shorter run than a test's is checked too.
///
/// They change with the battle and with every change of what a world does. Whoever means such a change runs
/// `cargo test --package muster-determinism --test optimisation`, which prints the new ones, and says in the changelog
/// that worlds go another way.
pub const GOLDEN: [Golden; 3] = [
    Golden { size: 322_216, digest: 15_766_908_527_857_080_819, tick: 1_000 },
    Golden { size: 56_818, digest: 1_716_345_942_744_709_435, tick: 10_000 },
    Golden { size: 56_951, digest: 1_044_849_620_443_262_014, tick: 100_000 },
];

/// Checks what a run of the default setting came to on the way.
///
/// # Panics
/// If it is another than in [`GOLDEN`].
pub fn check_golden(setting: Setting, outcomes: &[Outcome]) {
    assert_eq!(setting, Setting::default(), "the golden values are of this setting");
    assert!(!outcomes.is_empty(), "a run passes at least the first golden value");
    for (outcome, golden) in outcomes.iter().zip(&GOLDEN) {
        assert_eq!(
            outcome, golden,
            "the battle takes another course; if that is meant, the values are now\n{outcomes:#?}"
        );
    }
}
