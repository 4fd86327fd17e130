//! What the battle of the default setting comes to.

use crate::Outcome;

/// What a run comes to at a tick.
pub type Golden = Outcome;

/// The values at three ticks, so that a shorter run than a test's is checked too.
///
/// They change with the battle and with every change of what a world does. Whoever means such a change runs
/// `cargo test --package muster-determinism --test battle optimisation`, which prints the new ones, and says in the changelog
/// that worlds go another way.
pub const GOLDEN: [Golden; 3] = [
    Golden { size: 340_307, digest: 13_787_117_936_073_419_949, tick: 1_000 },
    Golden { size: 280_532, digest: 8_415_510_037_013_452_719, tick: 10_000 },
    Golden { size: 280_393, digest: 1_514_879_601_688_645_681, tick: 100_000 },
];

/// The first golden value that a run of the default setting did not come to when it passed its tick.
///
/// # Panics
/// If the run passed none.
pub fn first_difference(outcomes: &[Outcome]) -> Option<Golden> {
    assert!(!outcomes.is_empty(), "a run passes at least the first golden value");
    outcomes.iter().zip(&GOLDEN).find(|(outcome, golden)| outcome != golden).map(|(_, golden)| *golden)
}

/// Checks what a run of the default setting came to on the way.
///
/// # Panics
/// If it is another than in [`GOLDEN`].
pub fn check_golden(outcomes: &[Outcome]) {
    assert_eq!(first_difference(outcomes), None, "the battle takes another course\n{outcomes:#?}");
}
