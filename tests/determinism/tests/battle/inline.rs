//! Goal: whether a tick's work is done on the caller's thread or on others never shows.
//! Method: the battle of the golden values always inline, and with a limit that its load goes over and under.
//! `threads.rs` fights it never inline.

use muster_core::Execution;
use muster_determinism::{Setting, Way, execution, fight};

#[test]
fn ticks_on_the_callers_thread_are_the_same_ticks() {
    let world = fight(&Way::steady(Execution { inline_below: u32::MAX, ..execution(4, 2, 0) }));
    assert_eq!(world.stats().inline_ticks, world.tick());
}

#[test]
fn ticks_now_here_and_now_there_are_the_same_ticks() {
    // The load counts projectiles and regions too, so it is now above the limit and now below.
    let inline_below = Setting::default().population + 100;
    let world = fight(&Way::steady(Execution { inline_below, ..execution(4, 2, 0) }));
    let share = world.stats().inline_ticks * 100 / world.tick();
    assert!((10..90).contains(&share), "{share} % of the ticks were inline");
}
