//! Rays over a map, and what is near a place.

use anyhow::Result;
use muster_core::{METRE, Position, world::Filter};

use crate::{
    clock::thread_seconds,
    engine::Engine,
    ground::{Ground, free_pairs},
    muster::Muster,
    row::{Finding, Plan},
    scene::{Chance, Scene, metres, units},
};

/// Rays of a batch.
const RAYS: usize = 20_000;
/// Queries of a batch.
const QUERIES: usize = 2_000;

/// Millions of rays a second from the middle of one free cell towards the middle of another. What counts is the map on
/// which they are slowest.
pub(crate) fn walls(plan: &Plan) -> Result<Finding> {
    let side = plan.cells(512);
    let mut finding = Finding::default();
    let mut slowest = vec![f64::INFINITY; plan.rounds];
    for ground in Ground::ALL {
        let map = ground.map(side)?;
        let rays: Vec<_> = free_pairs(&ground.cells(side), side, RAYS)
            .into_iter()
            .map(|[from, to]| (middle(from), middle(to)))
            .filter(|(from, to)| from != to)
            .map(|(from, to)| (from.0, from.1, to.0 - from.0, to.1 - from.1))
            .collect();
        let mut rates = Vec::new();
        let (mut hits, mut way_m) = (0, 0.0);
        for round in 0..plan.rounds {
            let mut batches = 0;
            let mut seconds = 0.0;
            while seconds < plan.seconds / Ground::ALL.len() as f64 {
                (hits, way_m) = (0, 0.0);
                seconds += thread_seconds(|| {
                    for &(x, y, dx, dy) in &rays {
                        let hit = map.walls().raycast(x, y, dx, dy, 0, u16::MAX);
                        hits += usize::from(hit.is_some());
                        let share = hit.map_or(1.0, |hit| hit.time as f64 / (1_u64 << 32) as f64);
                        way_m += share * metres(dx.into()).hypot(metres(dy.into()));
                    }
                });
                batches += 1;
            }
            let rate = (batches * rays.len()) as f64 / seconds / 1e6;
            rates.push(rate);
            slowest[round] = slowest[round].min(rate);
        }
        finding.add(ground.name(), "million rays a second", rates);
        finding.add(ground.name(), "rays that hit, %", vec![100.0 * hits as f64 / rays.len() as f64]);
        finding.add(ground.name(), "way of a ray, mean, m", vec![way_m / rays.len() as f64]);
    }
    finding.rounds = slowest;
    Ok(finding)
}

/// Nanoseconds for each entity that a radius query finds, in a crowd of 50,000 at 4 m spacing. What counts is the radius
/// that the target names none for: 30 m, a screen of them.
pub(crate) fn radius(plan: &Plan) -> Result<Finding> {
    let scene = Scene::drift(plan.entities(50_000), 4.0);
    let mut muster = Muster::new(&scene);
    for _ in 0..60 {
        muster.tick();
    }
    let mut finding = Finding::default();
    let filter = Filter::default();
    for (radius_m, name) in [(5.0, "radius 5 m"), (30.0, "radius 30 m"), (100.0, "radius 100 m")] {
        let mut chance = Chance(0x7261_6469_7573);
        let side_m = metres(scene.side);
        let mut within = || muster.corner.offset(units(chance.unit() * side_m), units(chance.unit() * side_m));
        let centres: Vec<Position> = (0..QUERIES).map(|_| within()).collect();
        let mut ids = Vec::new();
        let (mut each_ns, mut query_us, mut found_mean) = (Vec::new(), Vec::new(), 0.0);
        for _ in 0..plan.rounds {
            let (mut found, mut seconds, mut queries) = (0, 0.0, 0);
            while seconds < plan.seconds / 3.0 {
                seconds += thread_seconds(|| {
                    for centre in &centres {
                        muster.world.radius(*centre, units(radius_m), &filter, &mut ids);
                        found += ids.len();
                    }
                });
                queries += centres.len();
            }
            each_ns.push(1e9 * seconds / found.max(1) as f64);
            query_us.push(1e6 * seconds / queries as f64);
            found_mean = found as f64 / queries as f64;
        }
        if radius_m == 30.0 {
            finding.rounds.clone_from(&each_ns);
        }
        finding.add(name, "ns for each found", each_ns);
        finding.add(name, "us a query", query_us);
        finding.add(name, "found, mean", vec![found_mean]);
    }
    Ok(finding)
}

/// The middle of a cell of 1 m, as coordinates of the map.
fn middle(cell: (u32, u32)) -> (i32, i32) {
    let along = |cell: u32| cell as i32 * METRE + METRE / 2;
    (along(cell.0), along(cell.1))
}
