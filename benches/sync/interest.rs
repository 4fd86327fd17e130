//! Time to know who sees what.

use anyhow::Result;
use muster_benches::{
    clock::thread_seconds,
    row::Finding,
    scene::{CORNER, Kind, ONE_THREAD, metres_between},
};
use muster_core::METRE;

use crate::{
    row::Plan,
    service::{Service, UNCAPPED, config, is_update_due},
};

/// How far each viewer sees, in metres.
const REACH_M: i32 = 80;
/// Updates until everybody is told of changes only.
const UPDATES_BEFORE: u32 = 30;

/// Microseconds an update in which a server finds out which entity is in which cell and which cells are in whose area.
///
/// It is the part of [`SyncServer::tick_in_parts`](muster_core::sync::server::SyncServer::tick_in_parts) until that is known, of
/// all ticks of an update. Beside it stands what it takes with nobody who watches. Between updates the world steps and every
/// packet is written, so that nothing is in the processor's cache because it was just looked at. In the scenes for it nothing
/// happens but movement, so that no time goes into events.
pub(crate) fn upkeep(plan: &Plan, kind: Kind, viewers: usize) -> Result<Finding> {
    let mut scene = kind.build(9, ONE_THREAD);
    (0..kind.ticks_before()).for_each(|_| scene.step());
    let mut services = Vec::new();
    for players in [viewers, 0] {
        let mut service = Service::new(scene.world(), config(scene.world()))?;
        service.add_players(scene.world(), players, REACH_M * METRE, UNCAPPED)?;
        services.push(service);
    }
    let mut finding = Finding::default();
    let mut parts = [const { Vec::new() }; 4];
    for round in 0..=plan.rounds {
        let updates = if round == 0 { UPDATES_BEFORE.min(plan.updates() * 4) } else { plan.updates() };
        let (mut sums, mut left) = ([0.0; 4], updates);
        while left > 0 {
            scene.step();
            let world = scene.world();
            let is_due = is_update_due(world);
            left -= u32::from(is_due);
            for (number, service) in services.iter_mut().enumerate() {
                if is_due {
                    service.follow(world)?;
                    service.receive(world)?;
                    service.answer();
                }
                let (interest, whole) = service.timed_tick(world);
                sums[number * 2] += interest;
                if number == 0 {
                    sums[1] += whole;
                }
                if is_due {
                    service.write(world, |_, _| ())?;
                }
            }
            if is_due {
                sums[3] += all_pairs(world);
            }
        }
        if round > 0 {
            parts.iter_mut().zip(sums).for_each(|(part, sum)| part.push(1e6 * sum / f64::from(updates)));
        }
    }
    let [interest, whole, nobody, pairs] = parts;
    finding.rounds = interest.clone();
    let of = format!("{}, {viewers} viewers", kind.name());
    finding.add(&of, "who sees what, us", interest);
    finding.add(&of, "the same with no viewer, us", nobody);
    finding.add(&of, "with the states of groups, us", whole);
    finding.add(&of, "all pairs without a branch, us", pairs);
    Ok(finding)
}

/// Seconds to compare everybody's distance to everybody with the reach, 64 a word of bits: what is simplest.
fn all_pairs(world: &muster_core::World) -> f64 {
    let mut ids = Vec::new();
    world.ids(&mut ids);
    let at = |id| metres_between(CORNER, world.position(id).expect("it lives"));
    let (xs, ys): (Vec<f32>, Vec<f32>) = ids.iter().map(|id| at(*id)).map(|(x, y)| (x as f32, y as f32)).unzip();
    let mut seen = vec![0_u64; ids.len().div_ceil(64)];
    let reach = (REACH_M * REACH_M) as f32;
    thread_seconds(|| {
        for (x, y) in xs.iter().zip(&ys) {
            for (word, (xs, ys)) in seen.iter_mut().zip(xs.chunks(64).zip(ys.chunks(64))) {
                let mut bits = 0;
                for (bit, (other_x, other_y)) in xs.iter().zip(ys).enumerate() {
                    let (right, up) = (other_x - x, other_y - y);
                    bits |= u64::from(right * right + up * up <= reach) << bit;
                }
                *word = bits;
            }
            std::hint::black_box(&mut seen);
        }
    })
}
