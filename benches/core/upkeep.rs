//! What keeping watch over a world costs: the hash of each tick, saving and restoring.

use anyhow::{Context, Result};
use muster_core::Column;

use crate::{
    clock::thread_seconds,
    engine::Engine,
    muster::Muster,
    row::{Finding, Plan},
    scene::Scene,
};

/// The share of a tick that the hash of all state takes.
///
/// A tick always hashes. To time that part by itself, one entity's heading is written between two ticks: the sum of its
/// region is stale then, and asking for the hash adds it up again over all entities, as a tick does.
pub(crate) fn hash(plan: &Plan) -> Result<Finding> {
    let scene = Scene::drift(plan.entities(50_000), 4.0);
    let mut muster = Muster::new(&scene);
    for _ in 0..60 {
        muster.tick();
    }
    let disc = *muster.discs.first().context("the scene has discs")?;
    let (mut ticks_ms, mut hashes_ms) = (Vec::new(), Vec::new());
    let mut heading = 0;
    for _ in 0..plan.rounds {
        let (mut tick_seconds, mut hash_seconds) = (0.0, 0.0);
        for _ in 0..plan.ticks() {
            tick_seconds += thread_seconds(|| muster.world.step());
            heading = (heading + 1) % 1_000;
            muster.world.set(disc, Column::Heading, heading).context("a heading can be written")?;
            hash_seconds += thread_seconds(|| {
                std::hint::black_box(muster.world.hash());
            });
        }
        ticks_ms.push(1e3 * tick_seconds / f64::from(plan.ticks()));
        hashes_ms.push(1e3 * hash_seconds / f64::from(plan.ticks()));
    }
    let mut finding = Finding {
        rounds: ticks_ms.iter().zip(&hashes_ms).map(|(tick, hash)| 100.0 * hash / tick).collect(),
        ..Finding::default()
    };
    finding.add("muster", "tick, its hash included, ms", ticks_ms);
    finding.add("muster", "hash alone, ms", hashes_ms);
    Ok(finding)
}
