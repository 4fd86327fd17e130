//! `bench-sync`: bytes and time of state synchronisation in scenes like those of games, and other ways to tell the same
//! beside it in the same run.
//!
//! `RESULTS.md` beside this file holds what was measured and how to read it.

mod bytes;
mod crowd;
mod frame;
// The same counting allocator as that of `bench-core`, which has its tests.
#[path = "../core/heap.rs"]
mod heap;
mod interest;
mod peers;
mod reader;
mod row;
mod service;
mod steady;
mod ticks;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use muster_benches::{host, page::write_measured, pinned, report};

use crate::row::{Plan, ROWS, Row};

#[global_allocator]
static ALLOCATOR: heap::Counting = heap::Counting;

#[derive(Debug, Parser)]
#[command(name = "bench-sync", about = "Measures state synchronisation, with other codecs beside it")]
struct Arguments {
    /// Only this row; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Rounds; in each, everything that is compared runs once.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds of simulated time in each round of a scene, and about that much real time in each round of the others.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// The core for everything that is measured on one.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// Caps the entities of every row. For tests: the figures are then no longer those of the row.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    entities_max: usize,
    /// Caps the viewers of every row. For tests.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    viewers_max: usize,
    /// Writes every round's figures here.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Replaces the measured part of a page of results.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "benches/sync/RESULTS.md")]
    write_results: Option<PathBuf>,
    /// Names the rows, and does nothing else.
    #[arg(long)]
    list: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if arguments.list {
        for row in ROWS {
            println!("--only {:<14} {}", row.name, row.title);
        }
        return Ok(());
    }
    ensure!(arguments.rounds > 0, "at least one round is needed");
    ensure!(arguments.seconds > 0.0 && arguments.seconds < 1e6, "--seconds is a number of seconds above 0");
    ensure!(arguments.entities_max >= 32 && arguments.viewers_max >= 4, "a scene needs a few entities and viewers");
    let rows = chosen(&arguments.only)?;
    pinned::pin_to(arguments.core)?;
    let plan = Plan {
        rounds: arguments.rounds,
        seconds: arguments.seconds,
        entities_max: arguments.entities_max,
        viewers_max: arguments.viewers_max,
    };
    let mut findings = Vec::new();
    for row in rows {
        let finding = (row.measure)(&plan).with_context(|| format!("in {}", row.name))?;
        eprintln!("{}", report::target_line(&row, &finding));
        findings.push((row, finding));
    }
    let facts = facts(&arguments);
    let text = report::markdown(&findings, &facts);
    println!("{text}");
    if let Some(path) = &arguments.write_results {
        write_measured(path, &text)?;
    }
    if let Some(path) = &arguments.json {
        fs::write(path, serde_json::to_string_pretty(&report::json(&findings, &facts))?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Every row, or those that `names` chooses.
fn chosen(names: &[String]) -> Result<Vec<Row>> {
    if let Some(unknown) = names.iter().find(|name| !ROWS.iter().any(|row| row.name == name.as_str())) {
        bail!("there is no row {unknown:?}; --list names them");
    }
    Ok(ROWS.iter().copied().filter(|row| names.is_empty() || names.iter().any(|name| name == row.name)).collect())
}

fn facts(arguments: &Arguments) -> Vec<(&'static str, String)> {
    let mut facts = host::facts();
    facts.push(("muster-core", env!("CARGO_PKG_VERSION").to_owned()));
    for name in ["flatbuffers", "zstd", "bitcode"] {
        facts.push((name, locked_version(name).to_owned()));
    }
    facts.push(("compiler", host::output("rustc", &["--version"])));
    let (rounds, seconds) = (arguments.rounds, arguments.seconds);
    facts.push(("method", format!("{rounds} rounds of {seconds} s in turns on core {}, medians", arguments.core)));
    facts
}

/// The version of a package that the lock file names.
fn locked_version(name: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let after = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).map(|(_, after)| after);
    after.and_then(|after| after.split_once('"')).map_or("unknown", |(version, _)| version)
}
