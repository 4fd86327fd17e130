//! Many allocations that carry nothing: what each costs to open and to keep.

use std::time::Instant;

use anyhow::Result;

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
    let mut before = None;
    for (opened, client) in flows.clients.iter().enumerate() {
        if opened == warm_up {
            before = Some((Instant::now(), server.accounts.cpu_ns()?, server.accounts.resident_bytes()?));
        }
        let allocation = turn.allocate(client)?;
        turn.bind_channel(client, &allocation, 0x4000, (PEER_IP, PEER_PORT).into())?;
    }
    server.must_live()?;
    let (start, cpu_ns, resident) = before.unwrap_or_else(|| (Instant::now(), 0, 0));
    let wall = start.elapsed();
    let measured = (case.flows - warm_up) as f64;
    let cpu_us = (server.accounts.cpu_ns()? - cpu_ns) as f64 / 1_000.0;
    let grown = server.accounts.resident_bytes()?.saturating_sub(resident) as f64;
    Ok(Figures::from([
        (Figure::AllocationUs, wall.as_secs_f64() * 1e6 / measured),
        (Figure::AllocationCpuUs, cpu_us / measured),
        (Figure::ResidentPerAllocation, grown / measured),
        (Figure::ResidentAtStart, resident_at_start as f64),
    ]))
}
