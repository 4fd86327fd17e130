//! Goal: the recording that the browser's decoder is held to is what this core writes and knows.
//! Method: the session is played again, and the text compared with the committed one, which the tests of `web/` follow packet by
//! packet.

mod recorded;
mod session;

#[test]
fn the_committed_recording_is_that_of_this_core() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(recorded::PATH);
    let committed = std::fs::read_to_string(&path).expect("the recording is in the tree");
    let fresh = recorded::recording();
    let same = committed.lines().zip(fresh.lines()).take_while(|(left, right)| left == right).count();
    assert!(
        committed == fresh,
        "{} differs from line {} on; instead: cargo run -p muster-core --example record-session",
        recorded::PATH,
        same + 1
    );
}
