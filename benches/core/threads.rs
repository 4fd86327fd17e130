//! Two worker threads against one.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use muster_benches::{pinned, usage::Accounts};
use muster_core::{Execution, METRE, SECTOR_SIDE};

use crate::{
    clock::wall_seconds,
    engine::Engine,
    muster::{Muster, ONE_THREAD},
    row::{Finding, Plan},
    scene::Scene,
};

/// Into how many shards the sectors are grouped for two threads: more than threads, so that a thread that is done early
/// finds more to do.
const SHARDS: u16 = 8;
/// In seconds of simulated time: time enough for the division into shards to settle.
const TICKS_BEFORE: u32 = 60;

/// Over how much space the discs are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// All of one sector, or less if they are few.
    OneSector,
    /// So many sectors a side.
    Sectors(u32),
}

/// Compares the wall's time of the same ticks with one thread and with two, each on a core of its own.
pub(crate) fn measure(plan: &Plan, discs: usize, spread: Spread) -> Result<Finding> {
    let spacing_m = match spread {
        Spread::OneSector => 4.0,
        // Less by the walls on both sides, which are in the outermost sectors.
        Spread::Sectors(side) => (f64::from(side) * f64::from(SECTOR_SIDE / METRE) - 50.0) / (discs as f64).sqrt(),
    };
    let scene = Scene::drift(discs, spacing_m);
    let accounts = Accounts::open(std::process::id())?;
    let one_core = pinned::allowed()?;
    let all_cores = pinned::all_cores()?;
    if pinned::count(&all_cores) < 2 {
        eprintln!("two threads need two cores: not measured");
        return Ok(Finding::default());
    }
    let two_threads = Execution { shards: SHARDS, threads: 2, inline_below: 0, split_above: 4_096 };
    let mut one = Muster::with(&scene, 0, ONE_THREAD);
    // Threads begin on the cores of the one that starts them.
    pinned::allow(&all_cores)?;
    let mut two = Muster::with(&scene, 0, two_threads);
    for world in [&mut one, &mut two] {
        run(world, TICKS_BEFORE);
    }
    let (mut one_ms, mut two_ms) = (Vec::new(), Vec::new());
    let (waited_before, began) = (accounts.waited_ns()?, Instant::now());
    for round in 0..plan.rounds {
        for turn in 0..2 {
            let (world, times) =
                if (round + turn) % 2 == 0 { (&mut one, &mut one_ms) } else { (&mut two, &mut two_ms) };
            times.push(1e3 * wall_seconds(|| run(world, plan.ticks())) / f64::from(plan.ticks()));
        }
    }
    let waited_ns = accounts.waited_ns()? - waited_before;
    let waited = waited_ns as f64 / began.elapsed().as_nanos() as f64;
    pinned::allow(&one_core).context("back to one core")?;
    ensure!(one.world.hash() == two.world.hash(), "the worlds must be the same after the same ticks");
    let stats = two.world.stats();
    let rounds = one_ms.iter().zip(&two_ms).map(|(one, two)| one / two).collect();
    let mut finding = Finding { rounds, ..Finding::default() };
    finding.add("1 thread", "ms a tick", one_ms);
    finding.add("2 threads", "ms a tick", two_ms);
    // Of both ways together: a thread that waits is a core that something else has.
    finding.add("2 threads", "waited for a core, % of the time", vec![100.0 * waited]);
    finding.add("2 threads", "sectors", vec![f64::from(stats.sectors)]);
    finding.add("2 threads", "regions", vec![f64::from(stats.regions)]);
    Ok(finding)
}

fn run(world: &mut Muster, ticks: u32) {
    for _ in 0..ticks {
        world.tick();
    }
}
