//! `bench-server`: the real server under load, with Colyseus beside it in the same run.
//!
//! `RESULTS.md` beside this file holds what was measured and how to read it.

#![forbid(unsafe_code)]

mod arena;
mod colyseus;
mod crowd;
mod echo;
mod floor;
mod idle;
mod kill;
mod muster;
mod player;
mod program;
mod row;
mod scripts;
mod swarm;
mod web;

use std::{cell::OnceCell, ffi::OsString, path::PathBuf};

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use muster_benches::{
    host,
    pinned::{become_command, raise_descriptor_limit},
    table::{Flags, Table, locked_version},
};

use crate::row::{Plan, ROWS};

#[derive(Debug, Parser)]
#[command(name = "bench-server", about = "Measures the server under load, with Colyseus beside it")]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    table: Flags,
    /// The muster binary, if it is not beside this program.
    #[arg(long, value_name = "FILE")]
    muster: Option<PathBuf>,
    /// The folder with Colyseus and its rooms.
    #[arg(long, value_name = "FOLDER", default_value = "benches/server/colyseus")]
    colyseus: PathBuf,
    /// Leaves Colyseus out, and with it what is compared with it.
    #[arg(long)]
    without_colyseus: bool,
    /// The core of the load.
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Caps the players and matches of every row. For tests: the figures are then no longer those of the row.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    players_max: usize,
    /// Caps the connections of every row. For tests.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    connections_max: usize,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Executes a command on one core; it ends with the process that started this one.
    Pinned {
        /// The core.
        #[arg(long)]
        core: usize,
        /// The command.
        #[arg(last = true)]
        command: Vec<OsString>,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(Part::Pinned { core, command }) = arguments.part {
        return become_command(core, &command);
    }
    let Arguments { table, players_max, connections_max, load_core, muster, .. } = arguments;
    ensure!(players_max >= 4 && connections_max >= 4, "a row needs a few players and connections");
    raise_descriptor_limit()?;
    let colyseus = (!arguments.without_colyseus).then_some(arguments.colyseus);
    let mut versions = vec![
        ("muster", env!("CARGO_PKG_VERSION").to_owned()),
        ("commit", host::output("git", &["describe", "--always", "--dirty", "--exclude", "*"])),
        ("mlua", locked_version("mlua")),
    ];
    if let Some(folder) = &colyseus {
        versions.push(("Node.js", host::output("node", &["--version"])));
        versions.push(("@colyseus/core", colyseus::version(folder, "core")));
        versions.push(("@colyseus/ws-transport", colyseus::version(folder, "ws-transport")));
        versions.push(("@colyseus/schema", colyseus::version(folder, "schema")));
    }
    let plan = Plan {
        rounds: table.rounds,
        seconds: table.seconds,
        server_core: table.core,
        load_core,
        muster,
        colyseus,
        players_max,
        connections_max,
        crowd: OnceCell::new(),
        echo: OnceCell::new(),
        kill: OnceCell::new(),
    };
    Table { rows: ROWS, page: "benches/server/RESULTS.md", versions }.run(&table, &plan)
}
