//! Goal: the number of shards never shows.
//! Method: the battle of the golden values with 1, 2, 3, 8 and 16 shards on one thread, compared tick by tick.

use muster_determinism::{Way, agree, execution};

#[test]
fn any_number_of_shards_gives_the_same_battle() {
    agree(&[1, 2, 3, 8, 16].map(|shards| Way::steady(execution(shards, 1, 0))));
}
