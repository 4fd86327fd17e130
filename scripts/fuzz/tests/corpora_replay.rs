//! Goal: every committed seed of a fuzz target, and so every input that once broke something, passes its target.
//! Method: each goes through its target again, without instrumentation. Looking for new inputs is `tests/fuzz`.

use std::{fs, path::Path};

#[test]
fn every_seed_passes_its_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, run) in muster_scripts_fuzz::TARGETS {
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

/// `MUSTER_WRITE=1 cargo test -p muster-scripts-fuzz` writes it anew.
#[test]
fn the_saved_match_among_the_seeds_is_one_of_this_version() {
    let saved = muster_scripts_fuzz::save::seed();
    let (head, state, _) = muster_scripts_fuzz::save::parts(&saved).expect("it has its parts");
    let seed = [head, &[0], state].concat();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/save/opened");
    if std::env::var_os("MUSTER_WRITE").is_some() {
        fs::write(&path, &seed).expect("the seed can be written");
    }
    let hint = "the seed is old: MUSTER_WRITE=1 cargo test -p muster-scripts-fuzz";
    assert!(fs::read(&path).unwrap_or_default() == seed, "{hint}");
}
