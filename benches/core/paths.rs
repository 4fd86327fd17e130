//! Optimal paths, from nothing each.

use anyhow::{Context, Result};
use muster_core::navigation::{NavGrid, Progress, Search};

use crate::{
    clock::thread_seconds,
    ground::{Ground, free_pairs},
    row::{Finding, Plan},
};

/// Pairs of places on each map.
const PAIRS: usize = 1_000;
/// Expansions between two looks at the clock, as a tick would allow.
const BUDGET: u64 = 50_000;

/// Milliseconds for a path between two free cells, mean over the same random pairs in every round; pairs that are not
/// connected count too. Nothing is kept from one path to the next. What counts is the map on which it takes longest.
pub(crate) fn optimal(plan: &Plan) -> Result<Finding> {
    let side = plan.cells(512);
    let mut finding = Finding::default();
    let mut slowest = vec![0.0_f64; plan.rounds];
    for ground in Ground::ALL {
        let cells = ground.cells(side);
        let mut grid = NavGrid::new(side, side, 16).context("the grid is in bounds")?;
        for (index, blocked) in cells.iter().enumerate() {
            grid.set_blocked(index as u32 % side, index as u32 / side, *blocked);
        }
        let pairs = free_pairs(&cells, side, PAIRS);
        let mut search = Search::new(&grid);
        let mut path = Vec::new();
        let mut means_ms = Vec::new();
        let (mut found, mut expansions, mut longest_ms, mut turns) = (0, 0, 0.0_f64, 0);
        for slowest in &mut slowest {
            (found, expansions, longest_ms, turns) = (0, 0, 0.0, 0);
            let mut total = 0.0;
            for &[from, to] in &pairs {
                let mut progress = Progress::More;
                let seconds = thread_seconds(|| {
                    search.begin(from, to);
                    while progress == Progress::More {
                        progress = search.advance(&grid, BUDGET);
                    }
                    search.path(&mut path);
                });
                total += seconds;
                longest_ms = longest_ms.max(1e3 * seconds);
                found += usize::from(progress == Progress::Found);
                expansions += search.expansions();
                turns += path.len();
            }
            let mean_ms = 1e3 * total / pairs.len() as f64;
            means_ms.push(mean_ms);
            *slowest = slowest.max(mean_ms);
        }
        let each = |sum: f64| vec![sum / pairs.len() as f64];
        finding.add(ground.name(), "ms a path, mean", means_ms);
        finding.add(ground.name(), "ms, longest of the last round", vec![longest_ms]);
        finding.add(ground.name(), "paths found, %", vec![100.0 * found as f64 / pairs.len() as f64]);
        finding.add(ground.name(), "expansions, mean", each(expansions as f64));
        finding.add(ground.name(), "turns, mean", each(turns as f64));
    }
    finding.rounds = slowest;
    Ok(finding)
}
