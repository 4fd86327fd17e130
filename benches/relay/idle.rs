//! Many allocations that carry nothing: what each costs to open and to keep.

use std::time::Instant;

use anyhow::{Context, Result};
use muster_benches::usage::Accounts;

use crate::{
    case::Case,
    contender::{PASSWORD, PEER_IP, Server, USER},
    figure::{Figure, Figures},
    flows::Flows,
    turn_client::TurnClient,
};

/// The port of the peer that every channel is bound to; nothing is ever sent there.
const PEER_PORT: u16 = 9;
/// Allocations opened before the first measurement, so that what a server sets up once is not charged to the others.
const WARM_UP: usize = 16;

/// Opens the allocations of `case`, one after the other, and measures `server`.
///
/// # Errors
/// When the server refuses an allocation or ends.
pub(crate) fn run(case: &Case, flows: &Flows, server: &mut Server) -> Result<Figures> {
    let resident_at_start = server.accounts.resident_bytes()?;
    let mut turn = TurnClient::new(USER, PASSWORD);
    let warm_up = WARM_UP.min(case.flows / 2);
    let load = Accounts::open(std::process::id())?;
    let mut before = None;
    for (opened, client) in flows.clients.iter().enumerate() {
        if opened == warm_up {
            before = Some(Start {
                at: Instant::now(),
                cpu_ns: server.accounts.cpu_ns()?,
                resident: server.accounts.resident_bytes()?,
                waited_ns: server.accounts.waited_ns()?,
                load_waited_ns: load.waited_ns()?,
            });
        }
        let allocation = turn.allocate(client)?;
        turn.bind_channel(client, &allocation, 0x4000, (PEER_IP, PEER_PORT).into())?;
    }
    server.must_live()?;
    let start = before.context("a case has more allocations than its warm-up")?;
    let wall_ns = start.at.elapsed().as_nanos() as f64;
    let measured = (case.flows - warm_up) as f64;
    let cpu_ns = (server.accounts.cpu_ns()? - start.cpu_ns) as f64;
    let grown = server.accounts.resident_bytes()?.saturating_sub(start.resident) as f64;
    let waited_ns = server.accounts.waited_ns()?.saturating_sub(start.waited_ns) as f64;
    let load_waited_ns = (load.waited_ns()? - start.load_waited_ns) as f64;
    Ok(Figures::from([
        (Figure::AllocationUs, wall_ns / 1_000.0 / measured),
        (Figure::AllocationCpuUs, cpu_ns / 1_000.0 / measured),
        (Figure::ResidentPerAllocation, grown / measured),
        (Figure::ResidentAtStart, resident_at_start as f64),
        (Figure::ServerWaitedShare, waited_ns / wall_ns),
        (Figure::LoadWaitedShare, load_waited_ns / wall_ns),
    ]))
}

/// The accounts when the measurement began.
struct Start {
    at: Instant,
    cpu_ns: u64,
    resident: u64,
    waited_ns: u64,
    load_waited_ns: u64,
}
