//! `bench-sync`: bytes and time of state synchronisation in scenes like those of games, and other ways to tell the same
//! beside it in the same run.
//!
//! `RESULTS.md` beside this file holds what was measured and how to read it.

mod bytes;
mod crowd;
mod frame;
mod guest;
// The same counting allocator as that of `bench-core`, which has its tests.
#[path = "../core/heap.rs"]
mod heap;
mod interest;
mod peers;
mod reader;
mod receiving;
mod row;
mod service;
mod soak;
mod steady;
mod ticks;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use muster_benches::table::{Flags, Table, locked_version};

use crate::{
    row::{Plan, ROWS},
    soak::Soak,
};

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

/// What else it does than measuring rows.
#[derive(Debug, Subcommand)]
enum Mode {
    /// Plays a long fight with an observer who roams, and says how old what it knows gets, whether memory grows and whether
    /// its budget holds.
    Soak {
        /// Seconds of simulated time.
        #[arg(long, default_value_t = 600)]
        seconds: u32,
        /// How many fight.
        #[arg(long, default_value_t = 250)]
        fighters: usize,
        /// How many of them watch as well.
        #[arg(long, default_value_t = 25)]
        players: usize,
        /// The part of the observer's packets and reports that is lost, in hundredths.
        #[arg(long, default_value_t = 5.0)]
        loss_percent: f64,
        /// The observer's budget in bytes a second.
        #[arg(long, default_value_t = 64_000)]
        budget: u32,
    },
}

#[derive(Debug, Parser)]
#[command(name = "bench-sync", about = "Measures state synchronisation, with other codecs beside it")]
struct Arguments {
    #[command(subcommand)]
    mode: Option<Mode>,
    #[command(flatten)]
    table: Flags,
    /// Caps the entities of every row. For tests: the figures are then no longer those of the row.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    entities_max: usize,
    /// Caps the viewers of every row. For tests.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    viewers_max: usize,
}

fn main() -> Result<()> {
    let Arguments { mode, table, entities_max, viewers_max } = Arguments::parse();
    if let Some(Mode::Soak { seconds, fighters, players, loss_percent, budget }) = mode {
        ensure!((1..=86_400).contains(&seconds), "--seconds is 1 to 86,400");
        ensure!((0.0..100.0).contains(&loss_percent), "--loss-percent is 0 up to 100");
        let found = soak::run(&Soak { seconds, fighters, players, loss: loss_percent / 100.0, budget })?;
        println!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    ensure!(entities_max >= 32 && viewers_max >= 4, "a scene needs a few entities and viewers");
    let plan = Plan { rounds: table.rounds, seconds: table.seconds, entities_max, viewers_max };
    let peers = ["flatbuffers", "zstd", "bitcode"].map(|name| (name, locked_version(name)));
    let core = ("muster-core", env!("CARGO_PKG_VERSION").to_owned());
    let versions = std::iter::once(core).chain(peers).collect();
    Table { rows: ROWS, page: "benches/sync/RESULTS.md", versions }.run(&table, &plan)
}
