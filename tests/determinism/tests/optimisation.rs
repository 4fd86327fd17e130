//! Goal: how the core was compiled never shows.
//! Method: the battle of the golden values once. `make test` runs this file in the development profile, with assertions
//! and overflow checks, and again in the release profile, with neither; both must come to the same numbers.

use muster_determinism::{Way, agree, execution};

#[test]
fn this_build_fights_the_battle_of_the_golden_values() {
    agree(&[Way::steady(execution(2, 1, 0))]);
}
