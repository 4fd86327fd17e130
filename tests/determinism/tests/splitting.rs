//! Goal: how a crowded sector is split among threads never shows.
//! Method: the battle of the golden values without splits, with every sector of some size split into many strips, and
//! with strips that come and go every few ticks, compared tick by tick.

use muster_core::Execution;
use muster_determinism::{Way, agree, execution};

#[test]
fn a_split_sector_is_the_same_sector() {
    let restless = |number: u64| Execution { split_above: [0, 8, 30, 100][number as usize % 4], ..execution(7, 1, 0) };
    agree(&[
        Way::steady(execution(4, 1, 0)),
        Way::steady(execution(5, 2, 40)),
        Way::changing("other strips every 23 ticks", execution(7, 1, 0), move |world| {
            if world.tick().is_multiple_of(23) {
                world.set_execution(restless(world.tick() / 23)).expect("a valid execution");
            }
        }),
    ]);
}
