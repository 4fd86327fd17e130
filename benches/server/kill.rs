//! A script that does not end, and a match beside it on the same worker.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use muster_benches::{pinned::pin_to, row::Finding};
use serde_json::{Value, json};
use tungstenite::Message;

use crate::{
    muster::{Muster, value_of},
    row::Plan,
    swarm::{Actor, Swarm},
    web::Socket,
};

/// Bytes of a client's buffer for what comes.
const BUFFER: usize = 8192;

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// The longest ticks of the match with the loop, in milliseconds, one each half second.
    kills_ms: Vec<f64>,
    kills: f64,
    /// The most that the other match was late in each half second, without the loop beside it and with it.
    calm_ms: Vec<f64>,
    beside_ms: Vec<f64>,
}

/// Who watches what matches cost: one of each match.
#[derive(Default)]
struct Watchers {
    /// Longest ticks in milliseconds, by client.
    longest_ms: [Vec<f64>; 2],
    latest_ms: [Vec<f64>; 2],
}

/// How long a tick takes whose script is stopped.
pub(crate) fn kill(plan: &Plan) -> Result<Finding> {
    let found = found(plan)?;
    let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let mut finding = Finding { rounds: vec![most(&found.kills_ms)], ..Finding::default() };
    finding.add("stopped", "longest tick in half a second, ms", found.kills_ms.clone());
    finding.add("stopped", "scripts stopped", vec![found.kills]);
    Ok(finding)
}

/// How much later the ticks of another match are for it.
pub(crate) fn beside(plan: &Plan) -> Result<Finding> {
    let found = found(plan)?;
    let mut finding = Finding { rounds: found.beside_ms.clone(), ..Finding::default() };
    finding.add("alone", "most that ticks were late in half a second, ms", found.calm_ms.clone());
    finding.add("beside the loop", "most that ticks were late in half a second, ms", found.beside_ms.clone());
    Ok(finding)
}

fn found(plan: &Plan) -> Result<&Found> {
    if plan.kill.get().is_none() {
        // Nobody else has set it meanwhile.
        drop(plan.kill.set(watch(plan)?));
    }
    Ok(plan.kill.get().expect("it has been set"))
}

fn watch(plan: &Plan) -> Result<Found> {
    pin_to(plan.load_core)?;
    let time = Duration::from_secs_f64((plan.seconds * plan.rounds as f64).max(1.2));
    let mut muster = Muster::start(plan)?;
    let (mut swarm, mut watchers) = (Swarm::new()?, Watchers::default());
    enter(&mut muster, &mut swarm, "arena")?;
    swarm.run(plan.warm_up(), 0, &mut watchers)?;
    watchers = Watchers::default();
    swarm.run(time, 0, &mut watchers)?;
    let calm_ms = watchers.latest_ms[0].clone();
    enter(&mut muster, &mut swarm, "loops")?;
    swarm.run(plan.warm_up(), 0, &mut watchers)?;
    watchers = Watchers::default();
    let before = value_of(&muster.metrics()?, "muster_script_kills_total")?;
    swarm.run(time, 0, &mut watchers)?;
    let kills = value_of(&muster.metrics()?, "muster_script_kills_total")? - before;
    let matches = value_of(&muster.metrics()?, "muster_matches")?;
    ensure!(kills > 0.0 && matches == 2.0, "{kills} scripts were stopped in {matches} matches");
    let [_, kills_ms] = watchers.longest_ms;
    let [beside_ms, _] = watchers.latest_ms;
    Ok(Found { kills_ms, kills, calm_ms, beside_ms })
}

/// Comes into a match of a mode to see what it costs.
fn enter(muster: &mut Muster, swarm: &mut Swarm, mode: &str) -> Result<()> {
    let (mut socket, _) = muster.join(swarm.sockets.len(), json!({ "mode": mode }), BUFFER)?;
    socket.send_text(json!({ "type": "dev:watch" }).to_string())?;
    swarm.add(socket)
}

impl Actor for Watchers {
    fn hear(&mut self, client: usize, message: Message, _: &mut Socket, _: u64) -> Result<()> {
        let Message::Text(text) = message else { return Ok(()) };
        let message: Value = serde_json::from_str(&text).context("the server says JSON")?;
        match message["type"].as_str() {
            Some("dev:stats") => {
                let ms = |name: &str| message[name].as_f64().with_context(|| format!("costs have {name}"));
                self.longest_ms[client].push(ms("tick_ms")?);
                self.latest_ms[client].push(ms("late_ms")?);
            }
            Some("error" | "match:ended") => bail!("the server says {text}"),
            _ => {}
        }
        Ok(())
    }

    fn act(&mut self, _: usize, _: &mut Socket, _: u64) -> Result<()> {
        Ok(())
    }
}
