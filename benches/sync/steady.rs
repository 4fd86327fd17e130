//! What an update asks of the heap once everything has been there before.

use anyhow::Result;
use muster_benches::{
    row::Finding,
    scene::{Kind, ONE_THREAD},
};

use crate::{
    heap::counted,
    row::Plan,
    service::{FAR, Service, UNCAPPED, config, is_update_due},
};

/// Updates until all memory that updates reuse is there.
const UPDATES_BEFORE: u32 = 600;

/// Allocations of a server in an update: reports, interest, states, shares, packets.
pub(crate) fn server(plan: &Plan, fighters: usize, viewers: usize) -> Result<Finding> {
    let mut finding = Finding::default();
    let mut largest = 0.0_f64;
    for (name, budget) in [("no budget", UNCAPPED), ("20 kB/s each", 20_000)] {
        let kind = Kind::Camp(fighters);
        let mut scene = kind.build(17, ONE_THREAD);
        (0..kind.ticks_before()).for_each(|_| scene.step());
        let mut service = Service::new(scene.world(), config(scene.world()))?;
        service.add_players(scene.world(), viewers, FAR, budget)?;
        let (before, updates) = (UPDATES_BEFORE.min(plan.updates() * 30), plan.updates() * 5);
        let (mut allocations, mut bytes, mut done) = (0, 0, 0);
        while done < before + updates {
            scene.step();
            let world = scene.world();
            let is_due = is_update_due(world);
            if is_due {
                service.follow(world)?;
            }
            let (result, heap) = counted(|| {
                if is_due {
                    service.receive(world)?;
                }
                service.tick(world);
                if is_due { service.write(world, |_, _| ()) } else { Ok(()) }
            });
            result?;
            if is_due {
                service.answer();
                done += 1;
            }
            if done > before {
                allocations += heap.allocations;
                bytes += heap.bytes;
            }
        }
        let per_update = allocations as f64 / f64::from(updates);
        largest = largest.max(per_update);
        let of = format!("server, {viewers} viewers of {fighters}, {name}");
        finding.add(&of, "allocations an update", vec![per_update]);
        finding.add(&of, "bytes more an update", vec![bytes as f64 / f64::from(updates)]);
    }
    finding.rounds = vec![largest];
    Ok(finding)
}
