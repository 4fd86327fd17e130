//! Goal: the number of shards never shows.
//! Method: the battle of the golden values with 1, 2, 3, 8 and 16 shards on one thread.

use muster_determinism::{Way, execution, fight};

fn with(shards: u16) {
    fight(&Way::steady(execution(shards, 1, 0)));
}

#[test]
fn one_shard_fights_the_battle() {
    with(1);
}

#[test]
fn two_shards_fight_the_battle() {
    with(2);
}

#[test]
fn three_shards_fight_the_battle() {
    with(3);
}

#[test]
fn eight_shards_fight_the_battle() {
    with(8);
}

#[test]
fn sixteen_shards_fight_the_battle() {
    with(16);
}
