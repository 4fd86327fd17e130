//! What keeping watch over a world costs: the hash of each tick, saving and restoring.

use anyhow::{Context, Result, ensure};
use muster_core::{Column, World};

use crate::{
    clock::thread_seconds,
    engine::Engine,
    muster::{Muster, ONE_THREAD},
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

/// Milliseconds to save a world of 50,000 entities with 8 attributes, and to make a world of the bytes again.
pub(crate) fn save_and_restore(plan: &Plan) -> Result<Finding> {
    let scene = Scene::drift(plan.entities(50_000), 4.0);
    let mut muster = Muster::with(&scene, 8, ONE_THREAD);
    for _ in 0..60 {
        muster.tick();
    }
    let expected = muster.world.hash();
    let mut bytes = Vec::new();
    let (mut save_ms, mut restore_ms) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        bytes.clear();
        save_ms.push(1e3 * thread_seconds(|| muster.world.save(&mut bytes)));
        let map = muster.map.clone();
        let mut restored = None;
        restore_ms.push(1e3 * thread_seconds(|| restored = Some(World::restore(&bytes, map, ONE_THREAD))));
        let mut world = restored.context("the restoring has run")?.context("what was saved can be restored")?;
        ensure!(world.hash() == expected, "the restored world must be the one that was saved");
    }
    let mut finding = Finding {
        rounds: save_ms.iter().zip(&restore_ms).map(|(save, restore)| save + restore).collect(),
        ..Finding::default()
    };
    finding.add("muster", "save, ms", save_ms);
    finding.add("muster", "restore, ms", restore_ms);
    finding.add("muster", "bytes an entity", vec![bytes.len() as f64 / scene.discs.len() as f64]);
    Ok(finding)
}
