//! The arena that ships, with 64 seats, rules included.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use muster_benches::{pinned::pin_to, row::Finding};
use muster_core::Map;
use serde_json::json;

use crate::{
    muster::{Histogram, Muster, value_of},
    player::Guests,
    row::Plan,
    swarm::Swarm,
};

/// Ticks a second, and turns of a player.
const HERTZ: u32 = 20;
/// Seats of a match.
const SEATS: usize = 64;
/// Sides of the map in metres.
const SIZE: (f64, f64) = (64.0, 48.0);
/// Bytes of a client's buffer for what comes.
const BUFFER: usize = 8192;

/// What ticks of some matches were like.
struct Ticks {
    took: Histogram,
    late: Histogram,
    lost: f64,
    busy: f64,
}

/// How long a tick of one match takes.
pub(crate) fn tick(plan: &Plan) -> Result<Finding> {
    let mut finding = Finding::default();
    let players = plan.players(SEATS);
    for (of, lines) in [(format!("{players} players by lines"), players), ("one player, bots".to_owned(), 1)] {
        let (mut mean, mut p95, mut p99, mut busy) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            let ticks = play(plan, &[lines])?;
            mean.push(1e3 * ticks.took.mean());
            p95.push(1e3 * ticks.took.quantile(0.95));
            p99.push(1e3 * ticks.took.quantile(0.99));
            busy.push(100.0 * ticks.busy);
        }
        if lines == players {
            finding.rounds = mean.clone();
        }
        finding.add(&of, "mean, ms", mean);
        finding.add(&of, "p95, ms", p95);
        finding.add(&of, "p99, ms", p99);
        finding.add(&of, "% of the core, lines included", busy);
    }
    Ok(finding)
}

/// How late ticks of forty matches on one core are.
pub(crate) fn late(plan: &Plan) -> Result<Finding> {
    let mut finding = Finding::default();
    let count = plan.matches(40);
    let lines: Vec<usize> = (0..count).map(|number| if number == 0 { plan.players(SEATS) } else { 1 }).collect();
    let (mut p50, mut p99, mut p999, mut mean, mut busy, mut lost, mut made) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let ticks = play(plan, &lines)?;
        p50.push(1e3 * ticks.late.quantile(0.5));
        p99.push(1e3 * ticks.late.quantile(0.99));
        p999.push(1e3 * ticks.late.quantile(0.999));
        mean.push(1e3 * ticks.took.mean());
        busy.push(100.0 * ticks.busy);
        lost.push(ticks.lost);
        made.push(ticks.took.count());
    }
    finding.rounds = p99.clone();
    let of = format!("{count} matches");
    finding.add(&of, "late, p50, ms", p50);
    finding.add(&of, "late, p99, ms", p99);
    finding.add(&of, "late, p99.9, ms", p999);
    finding.add(&of, "a tick, mean, ms", mean);
    finding.add(&of, "% of the core", busy);
    finding.add(&of, "ticks lost", lost);
    finding.add(&of, "ticks", made);
    Ok(finding)
}

/// Plays a match for each number of `lines`, with so many real players and bots in the other seats.
fn play(plan: &Plan, lines: &[usize]) -> Result<Ticks> {
    pin_to(plan.load_core)?;
    let mut muster = Muster::start(plan)?;
    let map = Map::from_json(include_str!("../../scripts/modes/arena/map.json")).context("the arena's map is good")?;
    let (mut swarm, mut guests) = (Swarm::new()?, Guests::new(Some(map), SIZE, true));
    for (number, count) in lines.iter().enumerate() {
        for _ in 0..*count {
            let request = json!({ "mode": Muster::full_arena(number) });
            let (mut socket, _) = muster.join(swarm.sockets.len(), request, BUFFER)?;
            guests.enter(&mut socket)?;
            swarm.add(socket)?;
            swarm.take_events(&mut guests)?;
        }
    }
    swarm.run(plan.warm_up(), HERTZ, &mut guests)?;
    ensure!(guests.placed() * 2 >= swarm.sockets.len(), "{} players have a place", guests.placed());
    let read = |muster: &mut Muster| -> Result<(Histogram, Histogram, f64)> {
        let text = muster.metrics()?;
        let histogram = |name| Histogram::read(&text, name);
        Ok((
            histogram("muster_tick_seconds")?,
            histogram("muster_tick_lateness_seconds")?,
            value_of(&text, "muster_ticks_lost_total")?,
        ))
    };
    let (took, late, lost) = read(&mut muster)?;
    let before = muster.program.usage()?;
    swarm.run(Duration::from_secs_f64(plan.seconds * 2.0), HERTZ, &mut guests)?;
    let used = muster.program.used_since(&before)?;
    muster.program.must_live()?;
    let (took_after, late_after, lost_after) = read(&mut muster)?;
    let made = value_of(&muster.metrics()?, "muster_matches")?;
    ensure!(made == lines.len() as f64, "{made} matches run, not {}", lines.len());
    Ok(Ticks {
        took: took_after.since(&took),
        late: late_after.since(&late),
        lost: lost_after - lost,
        busy: used.cpu_seconds / used.seconds,
    })
}
