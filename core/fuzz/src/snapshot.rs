//! Bytes become a world that can be saved and stepped, or an error; with their checksum and with it put right.

use muster_core::{Execution, World};

use crate::seal;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    restore(bytes);
    let mut sealed = bytes.to_vec();
    seal::snapshot(&mut sealed);
    restore(&sealed);
}

fn restore(bytes: &[u8]) {
    let execution = Execution { shards: 3, threads: 1, inline_below: 0, split_above: 2 };
    let mut world = match World::restore(bytes, None, execution) {
        Ok(world) => world,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let mut saved = Vec::new();
    world.save(&mut saved);
    assert_eq!(saved, bytes, "a state has one form");
    let mut again = World::restore(&saved, None, Execution::default()).expect("it has just been saved");
    for _ in 0..3 {
        world.step();
        again.step();
        assert_eq!(world.events(), again.events());
        assert_eq!(world.hash(), again.hash());
    }
}
