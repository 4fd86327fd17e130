//! The rows of the table: what each measures and what it must reach.

use std::{cell::OnceCell, path::PathBuf, time::Duration};

use anyhow::Result;
use muster_benches::row::{Finding, Target};

use crate::{arena, crowd, echo, idle, kill, muster, muster::Muster, scripts};

/// How much is measured, and with what.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Rounds; in each, everything that is compared runs once.
    pub(crate) rounds: usize,
    /// Seconds of each measurement.
    pub(crate) seconds: f64,
    /// The core of the servers.
    pub(crate) server_core: usize,
    /// The core of the load.
    pub(crate) load_core: usize,
    /// The program, if it is not beside this one.
    pub(crate) muster: Option<PathBuf>,
    /// The folder of Colyseus; `None` leaves it out.
    pub(crate) colyseus: Option<PathBuf>,
    /// Caps the players and the matches of every row.
    pub(crate) players_max: usize,
    /// Caps the connections of every row.
    pub(crate) connections_max: usize,
    /// What rows share that are about the same runs.
    pub(crate) crowd: OnceCell<crowd::Found>,
    pub(crate) echo: OnceCell<echo::Found>,
    pub(crate) kill: OnceCell<kill::Found>,
}

/// One row of the table.
pub(crate) type Row = muster_benches::row::Row<Plan>;

/// Every row, in the order in which they are measured.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "arena-tick",
        title: "a tick of an arena match, 64 players, Lua rules included, mean",
        target: Target::AtMost(0.5),
        unit: "ms",
        measure: arena::tick,
    },
    Row {
        name: "arena-late",
        title: "40 such matches on one core: how late ticks are, p99",
        target: Target::AtMost(5.0),
        unit: "ms",
        measure: arena::late,
    },
    Row {
        name: "crowd-cpu",
        title: "200 moving players in one match: CPU for one more player and update, against Colyseus",
        target: Target::AtMost(0.15),
        unit: "x",
        measure: crowd::cpu,
    },
    Row {
        name: "crowd-bytes",
        title: "the same: bytes a moved player, against Colyseus",
        target: Target::AtMost(0.3),
        unit: "x",
        measure: crowd::bytes,
    },
    Row {
        name: "idle",
        title: "15,000 idle WebSocket connections: resident memory each, against Colyseus",
        target: Target::AtMost(0.4),
        unit: "x",
        measure: idle::memory,
    },
    Row {
        name: "echo-cpu",
        title: "100 B echoed in relay_room, 100 connections: CPU a message, against Colyseus",
        target: Target::AtMost(0.6),
        unit: "x",
        measure: echo::cpu,
    },
    Row {
        name: "echo-p99",
        title: "the same as fast as it goes: p99 there and back, against Colyseus",
        target: Target::AtMost(1.0),
        unit: "x",
        measure: echo::p99,
    },
    Row {
        name: "echo-p99-paced",
        title: "the same at 20 messages a second each: p99 there and back, against Colyseus",
        target: Target::AtMost(1.0),
        unit: "x",
        measure: echo::p99_paced,
    },
    Row {
        name: "kill",
        title: "a tick whose script does not end, until it is stopped, longest",
        target: Target::AtMost(10.0),
        unit: "ms",
        measure: kill::kill,
    },
    Row {
        name: "kill-others",
        title: "how late ticks of another match on its worker are, most in half a second",
        target: Target::AtMost(1.0),
        unit: "ms",
        measure: kill::beside,
    },
    Row {
        name: "budget",
        title: "what the budget costs a tight loop, the worst of them",
        target: Target::AtMost(20.0),
        unit: "%",
        measure: scripts::budget,
    },
    Row {
        name: "bulk",
        title: "a scripted tick over 1,000 entities through the bulk interface, interpreted, the longest",
        target: Target::AtMost(60.0),
        unit: "us",
        measure: scripts::bulk,
    },
    Row {
        name: "ready",
        title: "from its start until the server is ready",
        target: Target::AtMost(300.0),
        unit: "ms",
        measure: |plan| {
            let rounds = (0..plan.rounds).map(|_| Ok(1e3 * Muster::time_to_ready(plan)?.as_secs_f64()));
            Ok(Finding { rounds: rounds.collect::<Result<_>>()?, ..Finding::default() })
        },
    },
];

impl Plan {
    /// `count`, or fewer if the run is a small one.
    pub(crate) fn players(&self, count: usize) -> usize {
        count.min(self.players_max)
    }

    /// `count`, or fewer if the run is a small one.
    pub(crate) fn matches(&self, count: usize) -> usize {
        count.min(self.players_max)
    }

    /// `count`, or fewer if the run is a small one.
    pub(crate) fn connections(&self, count: usize) -> usize {
        count.min(self.connections_max)
    }

    /// How long things run before a measurement.
    pub(crate) fn warm_up(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.clamp(0.6, 1.5))
    }

    /// The program.
    pub(crate) fn muster(&self) -> Result<PathBuf> {
        self.muster.clone().map_or_else(muster::beside_this, Ok)
    }
}
