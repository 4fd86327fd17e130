//! Rays over a map, and what is near a place.

use anyhow::{Context, Result};
use muster_core::{Entity, METRE, Map, Position, World, WorldConfig, world::Filter};

use crate::{
    clock::thread_seconds,
    engine::Engine,
    ground::{Ground, free_pairs},
    muster::{Muster, ONE_THREAD},
    row::{Finding, Plan},
    scene::{Chance, Scene, metres, units},
};

/// Rays of a batch.
const RAYS: usize = 20_000;
/// Queries of a batch.
const QUERIES: usize = 2_000;

/// Discs that stand about in the maps where rays may meet them.
const DISCS: usize = 1_000;

/// Millions of rays a second from the middle of one free cell towards the middle of another, through a world that has
/// only the map. What counts is the map on which they are slowest.
pub(crate) fn on_maps(plan: &Plan) -> Result<Finding> {
    let side = plan.cells(512);
    let mut finding = Finding::default();
    let mut slowest = vec![f64::INFINITY; plan.rounds];
    for ground in Ground::ALL {
        let (map, cells) = (ground.map(side)?, ground.cells(side));
        let mut rays: Vec<_> = free_pairs(&cells, side, RAYS).into_iter().map(|pair| pair.map(middle)).collect();
        rays.retain(|[from, to]| from != to);
        let (mut empty, mut peopled) = (world(&map)?, world(&map)?);
        for [(x, y), _] in free_pairs(&cells, side, plan.entities(DISCS)) {
            let position = map.position(x as i32 * METRE + METRE / 2, y as i32 * METRE + METRE / 2);
            let disc = Entity { half_x: 128, mass: 80_000, layers: 1, collides: 1, ..Entity::at(position) };
            peopled.spawn(&disc).context("there is room for the discs")?;
        }
        let filter = Filter::default();
        let meet = |world: &mut World, [from, to]: [(i32, i32); 2]| {
            let (right, up) = (to.0 - from.0, to.1 - from.1);
            let hit = world.raycast(map.position(from.0, from.1), right.into(), up.into(), 0, &filter);
            hit.map(|hit| hit.time)
        };
        let (mut rates, mut peopled_rates, mut walls_rates) = (Vec::new(), Vec::new(), Vec::new());
        let mut met = Met::default();
        // Three ways on each map.
        let seconds = plan.seconds / (3 * Ground::ALL.len()) as f64;
        for slowest in &mut slowest {
            let rate;
            (rate, met) = rate_of(seconds, &rays, |ray| meet(&mut empty, ray));
            rates.push(rate);
            *slowest = slowest.min(rate);
            peopled_rates.push(rate_of(seconds, &rays, |ray| meet(&mut peopled, ray)).0);
            let walls = |[from, to]: [(i32, i32); 2]| {
                map.walls().raycast(from.0, from.1, to.0 - from.0, to.1 - from.1, 0, u16::MAX).map(|hit| hit.time)
            };
            walls_rates.push(rate_of(seconds, &rays, walls).0);
        }
        let name = ground.name();
        finding.add(name, "million rays a second, World::raycast", rates);
        finding.add(name, "the same with 1,000 discs about", peopled_rates);
        finding.add(name, "the walls alone, Walls::raycast", walls_rates);
        finding.add(name, "rays that hit, %", vec![100.0 * met.hits as f64 / rays.len() as f64]);
        finding.add(name, "way of a ray, mean, m", vec![met.way_m / rays.len() as f64]);
    }
    finding.rounds = slowest;
    Ok(finding)
}

/// What a batch of rays met.
#[derive(Debug, Clone, Copy, Default)]
struct Met {
    hits: usize,
    way_m: f64,
}

/// Millions of rays a second, from so many seconds of them, and what they met.
fn rate_of(seconds: f64, rays: &[[(i32, i32); 2]], mut cast: impl FnMut([(i32, i32); 2]) -> Option<u64>) -> (f64, Met) {
    let (mut spent, mut batches, mut met) = (0.0, 0, Met::default());
    while spent < seconds {
        met = Met::default();
        spent += thread_seconds(|| {
            for &[from, to] in rays {
                let time = cast([from, to]);
                met.hits += usize::from(time.is_some());
                let share = time.map_or(1.0, |time| time as f64 / (1_u64 << 32) as f64);
                met.way_m += share * metres((to.0 - from.0).into()).hypot(metres((to.1 - from.1).into()));
            }
        });
        batches += 1;
    }
    ((batches * rays.len()) as f64 / spent / 1e6, met)
}

fn world(map: &Map) -> Result<World> {
    let config = WorldConfig { entities_max: 1_024, projectiles_max: 1, ..WorldConfig::default() };
    World::new(config, Some(map.clone()), ONE_THREAD).context("the configuration is in bounds")
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
