//! What a world takes from the heap.

use anyhow::Result;
use muster_benches::pinned;
use muster_core::Execution;

use crate::{
    engine::Engine,
    heap::{Heap, counted},
    muster::{Muster, ONE_THREAD},
    row::{Finding, Plan},
    scene::Scene,
};

/// Attributes of each entity.
const ATTRIBUTES: usize = 8;
/// Ticks until all memory that ticks reuse is there.
const TICKS_BEFORE: u32 = 1_200;

/// Bytes on the heap for each entity of a world that has lived for a while: everything that a world with room for these
/// entities has and one with room for a single one has not. Room that the configuration gives to other things (events,
/// projectiles, paths, the map) is shown beside it.
pub(crate) fn per_entity(plan: &Plan) -> Result<Finding> {
    let mut finding = Finding::default();
    let mut last = 0.0;
    for count in [10_000, 50_000] {
        let entities = plan.entities(count);
        let scene = Scene::drift(entities, 4.0);
        let empty = Scene { discs: Vec::new(), ..scene.clone() };
        let (empty, fixed) = counted(|| Muster::with(&empty, ATTRIBUTES, ONE_THREAD));
        drop(empty);
        let (muster, heap) = counted(|| {
            let mut muster = Muster::with(&scene, ATTRIBUTES, ONE_THREAD);
            for _ in 0..TICKS_BEFORE.min(plan.ticks() * 5) {
                muster.tick();
            }
            muster
        });
        // The list of ids is the bench's own.
        let own = (muster.discs.capacity() * size_of_val(&muster.discs[0])) as i64;
        let bytes = (heap.bytes - own) as f64;
        let of = format!("{entities} entities");
        finding.add(&of, "heap, KiB", vec![bytes / 1_024.0]);
        finding.add(&of, "heap at its peak, KiB", vec![(heap.bytes_peak - own) as f64 / 1_024.0]);
        last = (bytes - fixed.bytes as f64) / entities as f64;
        finding.add(&of, "B an entity", vec![last]);
        finding.add(&of, "heap of the same world without entities, KiB", vec![fixed.bytes as f64 / 1_024.0]);
    }
    finding.rounds = vec![last];
    Ok(finding)
}

/// Allocations of all threads in ticks of a world that has lived for a while, with one thread and with two.
pub(crate) fn allocations(plan: &Plan) -> Result<Finding> {
    let mut finding = Finding::default();
    let one_core = pinned::allowed()?;
    pinned::allow(&pinned::all_cores()?)?;
    let two_threads = Execution { shards: 8, threads: 2, inline_below: 0, split_above: 4_096 };
    let mut largest = 0.0_f64;
    for (name, execution) in [("1 thread", ONE_THREAD), ("2 threads", two_threads)] {
        for (scene_name, scene) in
            [("drift", Scene::drift(plan.entities(10_000), 4.0)), ("crowd", Scene::crowd(plan.entities(1_000)))]
        {
            let mut muster = Muster::with(&scene, ATTRIBUTES, execution);
            for _ in 0..TICKS_BEFORE {
                muster.tick();
            }
            let ticks = plan.ticks() * 10;
            let ((), heap) = counted(|| (0..ticks).for_each(|_| muster.tick()));
            let Heap { allocations, .. } = heap;
            let per_tick = allocations as f64 / f64::from(ticks);
            largest = largest.max(per_tick);
            finding.add(&format!("{scene_name}, {name}"), "allocations a tick", vec![per_tick]);
        }
    }
    pinned::allow(&one_core)?;
    finding.rounds = vec![largest];
    Ok(finding)
}
