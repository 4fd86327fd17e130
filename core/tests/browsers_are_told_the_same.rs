//! Goal: the recordings that the browser's decoder and its rehearsal of movement are held to are what this core writes and knows.
//! Method: the session and the walk are played again, and the texts compared with the committed ones, which the tests of `web/`
//! follow packet by packet and tick by tick.

mod recorded;
mod session;
mod walked;

#[test]
fn the_committed_recording_is_that_of_this_core() {
    check(recorded::PATH, &recorded::recording());
}

#[test]
fn the_committed_walk_is_that_of_this_core() {
    check(walked::PATH, &walked::walk());
}

fn check(path: &str, fresh: &str) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let committed = std::fs::read_to_string(&file).expect("the recording is in the tree");
    let same = committed.lines().zip(fresh.lines()).take_while(|(left, right)| left == right).count();
    assert!(
        committed == fresh,
        "{path} differs from line {} on; instead: cargo run -p muster-core --example record-session",
        same + 1
    );
}
