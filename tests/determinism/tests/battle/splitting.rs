//! Goal: how a crowded sector is split among threads never shows.
//! Method: the battle of the golden values with every sector of some size split into many strips, and with strips that
//! come and go every few ticks. `shards.rs` fights it without splits.

use muster_core::Execution;
use muster_determinism::{Way, execution, fight};

#[test]
fn a_split_sector_is_the_same_sector() {
    let world = fight(&Way::steady(execution(5, 2, 100)));
    let stats = world.stats();
    assert!(stats.regions > stats.sectors, "{stats:?}");
}

#[test]
fn strips_that_come_and_go_are_the_same_sector() {
    let restless = |number: u64| Execution { split_above: [0, 40, 80, 200][number as usize % 4], ..execution(7, 1, 0) };
    fight(&Way::changing("other strips every 23 ticks", execution(7, 1, 0), move |world| {
        if world.tick().is_multiple_of(23) {
            world.set_execution(restless(world.tick() / 23)).expect("a valid execution");
        }
    }));
}
