//! Goal: whether a tick's work is done on the caller's thread or on others never shows.
//! Method: the battle of the golden values always inline, never inline, and with a limit that its load goes over and
//! under, compared tick by tick.

use muster_core::Execution;
use muster_determinism::{Setting, Way, agree, execution};

#[test]
fn inline_ticks_are_the_same_ticks() {
    let population = Setting::default().population;
    let threaded = execution(4, 2, 0);
    agree(&[
        Way::steady(Execution { inline_below: u32::MAX, ..threaded }),
        Way::steady(threaded),
        // The load counts projectiles and regions too, so it is now above the limit and now below.
        Way::steady(Execution { inline_below: population + population * 7 / 15, ..threaded }),
    ]);
}
