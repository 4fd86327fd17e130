//! `bench-core`: the core's speed and memory, and rapier2d in the same scenes on the same core in the same run.
//!
//! `RESULTS.md` beside this file holds what was measured and how to read it.

mod beside;
mod engine;
mod ground;
mod heap;
mod memory;
mod muster;
mod paths;
mod quality;
#[cfg(feature = "rapier")]
mod rapier;
mod rays;
mod row;
mod scene;
mod threads;
mod upkeep;

use anyhow::{Result, ensure};
use clap::Parser;
use muster_benches::{
    clock,
    table::{Flags, Table, locked_version},
};

use crate::row::{Plan, ROWS};

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

#[derive(Debug, Parser)]
#[command(name = "bench-core", about = "Measures the simulation core, with rapier2d beside it")]
struct Arguments {
    #[command(flatten)]
    table: Flags,
    /// Caps the entities of every row. For tests: the figures are then no longer those of the row.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    entities_max: usize,
    /// Caps the side of every map, in cells. For tests.
    #[arg(long, value_name = "N", default_value_t = u32::MAX, hide_default_value = true)]
    cells_max: u32,
}

fn main() -> Result<()> {
    let Arguments { table, entities_max, cells_max } = Arguments::parse();
    ensure!(entities_max >= 64 && cells_max >= 16, "a scene needs a few entities and cells");
    let plan = Plan { rounds: table.rounds, seconds: table.seconds, entities_max, cells_max };
    let is_beside = cfg!(feature = "rapier");
    let rapier = if is_beside { locked_version("rapier2d") } else { "not built in (feature `rapier`)".to_owned() };
    let versions = vec![("muster-core", env!("CARGO_PKG_VERSION").to_owned()), ("rapier2d", rapier)];
    Table { rows: ROWS, page: "benches/core/RESULTS.md", versions }.run(&table, &plan)
}
