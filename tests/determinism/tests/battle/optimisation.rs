//! Goal: how the core was compiled never shows.
//! Method: the battle of the golden values once. `make test` fights it to its end in the development profile, with assertions
//! and overflow checks, and in the release profile, with neither.

use muster_determinism::{Way, execution, fight};

#[test]
fn this_build_fights_the_battle() {
    fight(&Way::steady(execution(2, 1, 0)));
}
