//! Goal: every committed seed of a fuzz target, and so every input that once broke something, passes its target.
//! Method: each goes through its target again, without instrumentation. Looking for new inputs is `tests/fuzz`.

use std::{fs, path::Path};

#[test]
fn every_seed_passes_its_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, run) in muster_server_fuzz::TARGETS {
        let mut seeds: Vec<_> = fs::read_dir(corpus.join(name))
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
