//! Goal: the number of threads never shows.
//! Method: the battle of the golden values on 1, 2 and 4 threads, woken for any work at all, compared tick by tick.

use muster_determinism::{Way, agree, execution};

#[test]
fn any_number_of_threads_gives_the_same_battle() {
    agree(&[(1, 1), (4, 2), (8, 4)].map(|(shards, threads)| Way::steady(execution(shards, threads, 0))));
}
