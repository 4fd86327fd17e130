//! Running a scenario over many seeds, and over one again.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use rand::{SeedableRng, rngs::StdRng};

/// The environment variable that replaces the seeds of every scenario by one.
const VARIABLE: &str = "MUSTER_SIM_SEED";

/// Runs `scenario` with each of `seeds`, or with the one in `MUSTER_SIM_SEED` only.
///
/// # Panics
/// As the scenario does, after printing the seed that made it; and when `MUSTER_SIM_SEED` is not a number.
pub fn each_seed(name: &str, seeds: Range<u64>, scenario: impl Fn(u64)) {
    let chosen = std::env::var(VARIABLE).ok().map(|text| text.parse::<u64>().expect("MUSTER_SIM_SEED is a number"));
    for seed in chosen.map_or(seeds, |seed| seed..seed + 1) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| scenario(seed))) {
            eprintln!("scenario {name} failed; {VARIABLE}={seed} reproduces it");
            resume_unwind(panic);
        }
    }
}

/// A generator for one purpose: different purposes of one seed draw unrelated numbers, so that what one part draws
/// does not change what another part does.
pub fn seeded(seed: u64, purpose: u8) -> StdRng {
    let mut bytes = [purpose; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    StdRng::from_seed(bytes)
}
