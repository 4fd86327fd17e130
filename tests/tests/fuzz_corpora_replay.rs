//! Goal: every committed seed of a fuzz target, and so every input that once broke something, passes its target.
//! Method: each goes through its target again, without instrumentation. Looking for new inputs is `tests/fuzz`.

use std::fs;

use muster_tests::program::workspace;

fn replay(of: &str, targets: &[(&str, fn(&[u8]))]) {
    for (name, run) in targets {
        let corpus = workspace().join(of).join("fuzz/corpus").join(name);
        let mut seeds: Vec<_> = fs::read_dir(corpus)
            .unwrap_or_else(|error| panic!("{name} has no corpus: {error}"))
            .map(|entry| entry.expect("the folder can be read").path())
            .collect();
        // The order of a folder is the file system's; a failure should be the same everywhere.
        seeds.sort();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            // Shown only if the test fails.
            println!("{}", seed.display());
            run(&fs::read(&seed).expect("a seed can be read"));
        }
    }
}

#[test]
fn every_seed_of_the_core_passes_its_target() {
    replay("core", &muster_core_fuzz::TARGETS);
}

#[test]
fn every_seed_of_the_relay_passes_its_target() {
    replay("relay", &muster_relay_fuzz::TARGETS);
}

#[test]
fn every_seed_of_the_scripts_passes_its_target() {
    replay("scripts", &muster_scripts_fuzz::TARGETS);
}

#[test]
fn every_seed_of_the_server_passes_its_target() {
    replay("server", &muster_server_fuzz::TARGETS);
}
