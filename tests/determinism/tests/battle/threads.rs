//! Goal: the number of threads never shows.
//! Method: the battle of the golden values on 2 and 4 threads that are woken for any work at all. `shards.rs` fights it on
//! one, with as many shards.

use muster_determinism::{Way, execution, fight};

/// No tick's work is done on the caller's thread alone.
fn with(threads: u16) {
    let world = fight(&Way::steady(execution(8, threads, 0)));
    assert_eq!(world.stats().inline_ticks, 0);
}

#[test]
fn two_threads_fight_the_battle() {
    with(2);
}

#[test]
fn four_threads_fight_the_battle() {
    with(4);
}
