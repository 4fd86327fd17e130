//! Two hundred players who move in one match and see each other: what one of them costs.

use std::time::Duration;

use anyhow::{Result, ensure};
use muster_benches::{pinned::pin_to, row::Finding};
use serde_json::json;

use crate::{
    colyseus::Colyseus,
    floor::Floor,
    muster::Muster,
    player::{Guests, Members, Traffic},
    program::Program,
    row::Plan,
    swarm::{Actor, Swarm},
};

/// Updates a second, and turns of a player.
const HERTZ: u32 = 20;
/// Sides of the field in metres.
const SIDE: f64 = 200.0;
/// Bytes of a client's buffer for what comes.
const BUFFER: usize = 8192;
/// Bytes of a player's report with an input, and of the WebSocket around it.
const REPORT_BYTES: usize = 120;

/// One run with so many players.
#[derive(Clone, Copy, Debug)]
struct Run {
    players: usize,
    seconds: f64,
    cpu_seconds: f64,
    waited_share: f64,
    traffic: Traffic,
}

/// What was found, a value a round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    muster: Side,
    colyseus: Side,
    /// Colyseus with players whom its room moves by itself.
    unsteered: Side,
    /// The kernel alone, with as many bytes as `muster` sends and is sent.
    floor: Side,
}

#[derive(Clone, Debug, Default)]
struct Side {
    /// Microseconds that one more player costs in an update.
    marginal_us: Vec<f64>,
    /// Microseconds of all there is, over the players and updates.
    all_us: Vec<f64>,
    bytes: Vec<f64>,
    busy: Vec<f64>,
    waited: Vec<f64>,
}

/// CPU for a player and update.
pub(crate) fn cpu(plan: &Plan) -> Result<Finding> {
    let found = found(plan)?;
    let rounds = ratios(&found.muster.marginal_us, &found.colyseus.marginal_us);
    let mut finding = Finding { rounds, ..Finding::default() };
    let sides = [
        ("muster", &found.muster),
        ("the kernel alone", &found.floor),
        ("Colyseus", &found.colyseus),
        ("Colyseus, players say nothing", &found.unsteered),
    ];
    for (name, side) in sides.into_iter().filter(|(_, side)| !side.all_us.is_empty()) {
        finding.add(name, "us for one more player and update", side.marginal_us.clone());
        finding.add(name, "us for a player and update, all together", side.all_us.clone());
        finding.add(name, "% of its core", side.busy.clone());
        finding.add(name, "% of the time that it waited for the core", side.waited.clone());
        finding.add(name, "B a moved player in an update", side.bytes.clone());
    }
    Ok(finding)
}

/// Bytes of an update for a player who moved.
pub(crate) fn bytes(plan: &Plan) -> Result<Finding> {
    let found = found(plan)?;
    Ok(Finding { rounds: ratios(&found.muster.bytes, &found.colyseus.bytes), ..Finding::default() })
}

fn ratios(own: &[f64], other: &[f64]) -> Vec<f64> {
    own.iter().zip(other).map(|(own, other)| own / other).collect()
}

fn found(plan: &Plan) -> Result<&Found> {
    if plan.crowd.get().is_none() {
        let mut found = Found::default();
        pin_to(plan.load_core)?;
        let many = plan.players(200);
        let few = many / 4;
        for _ in 0..plan.rounds {
            let (of_few, of_many) = (of_muster(plan, few)?, of_muster(plan, many)?);
            found.muster.add(&of_few, &of_many);
            found.floor.add(&of_kernel(plan, &of_few)?, &of_kernel(plan, &of_many)?);
            if plan.colyseus.is_some() {
                for (side, hertz) in [(&mut found.colyseus, HERTZ), (&mut found.unsteered, 0)] {
                    side.add(&of_colyseus(plan, few, hertz)?, &of_colyseus(plan, many, hertz)?);
                }
            }
        }
        // Nobody else has set it meanwhile.
        drop(plan.crowd.set(found));
    }
    Ok(plan.crowd.get().expect("it has been set"))
}

impl Side {
    fn add(&mut self, few: &Run, many: &Run) {
        let players = (many.players - few.players) as f64;
        let a_second = |run: &Run| run.cpu_seconds / run.seconds;
        self.marginal_us.push((a_second(many) - a_second(few)) * 1e6 / players / f64::from(HERTZ));
        self.all_us.push(a_second(many) * 1e6 / many.players as f64 / f64::from(HERTZ));
        let told = many.players as f64 * many.players as f64 * f64::from(HERTZ) * many.seconds;
        self.bytes.push(many.traffic.bytes as f64 / told);
        self.busy.push(100.0 * a_second(many));
        self.waited.push(100.0 * many.waited_share);
    }
}

fn of_muster(plan: &Plan, players: usize) -> Result<Run> {
    let mut muster = Muster::start(plan)?;
    let (mut swarm, mut guests) = (Swarm::new()?, Guests::new(None, (SIDE, SIDE), false));
    for client in 0..players {
        let (mut socket, _) = muster.join(client, json!({ "mode": "crowd" }), BUFFER)?;
        guests.enter(&mut socket)?;
        swarm.add(socket)?;
        swarm.take_events(&mut guests)?;
    }
    swarm.run(plan.warm_up(), HERTZ, &mut guests)?;
    ensure!(guests.placed() == players, "{} of {players} players have a place", guests.placed());
    ensure!(guests.in_sight() == players, "{} of {players} players are seen", guests.in_sight());
    measure(plan, &mut muster.program, &mut swarm, HERTZ, &mut guests, players, |guests| &mut guests.traffic)
}

fn of_colyseus(plan: &Plan, players: usize, hertz: u32) -> Result<Run> {
    let mut colyseus = Colyseus::start(plan)?.expect("the caller has looked");
    let (mut swarm, mut members) = (Swarm::new()?, Members::new(players));
    for client in 0..players {
        swarm.add(colyseus.join(client, "crowd", BUFFER)?)?;
        swarm.take_events(&mut members)?;
    }
    swarm.run(plan.warm_up(), hertz, &mut members)?;
    measure(plan, &mut colyseus.program, &mut swarm, hertz, &mut members, players, |members| &mut members.traffic)
}

/// The same bytes as in a run of `muster`, sent by a server that does nothing else.
fn of_kernel(plan: &Plan, run: &Run) -> Result<Run> {
    let down = run.traffic.bytes / run.traffic.messages.max(1);
    let floor = Floor { clients: run.players, down: down as usize, up: REPORT_BYTES };
    let busy = floor.busy(plan.server_core, plan.load_core, Duration::from_secs_f64(plan.seconds))?;
    Ok(Run { cpu_seconds: busy * run.seconds, waited_share: 0.0, ..*run })
}

fn measure<A: Actor>(
    plan: &Plan,
    program: &mut Program,
    swarm: &mut Swarm,
    hertz: u32,
    actor: &mut A,
    players: usize,
    traffic: fn(&mut A) -> &mut Traffic,
) -> Result<Run> {
    *traffic(actor) = Traffic::default();
    let before = program.usage()?;
    swarm.run(Duration::from_secs_f64(plan.seconds), hertz, actor)?;
    let used = program.used_since(&before)?;
    program.must_live()?;
    Ok(Run {
        players,
        seconds: used.seconds,
        cpu_seconds: used.cpu_seconds,
        waited_share: used.waited_share,
        traffic: *traffic(actor),
    })
}
