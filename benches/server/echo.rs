//! Messages of 100 bytes that come back: in `relay_room`, and in a room of Colyseus.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use muster_benches::{pinned::pin_to, row::Finding};
use serde_json::json;
use tungstenite::Message;

use crate::{
    colyseus::{self, Colyseus},
    muster::{Muster, message_to_rules},
    program::Program,
    row::Plan,
    swarm::{Actor, Swarm},
    web::Socket,
};

/// Bytes of a message.
const BYTES: usize = 100;
/// Bytes of a client's buffer for what comes.
const BUFFER: usize = 4096;
/// Messages a second of each client, where they come at a pace.
const PACE_HZ: u32 = 20;

/// Clients with at most one message each on its way.
struct Echoes {
    /// What each of them says.
    messages: Vec<Vec<u8>>,
    /// Since when each of them waits for its message; 0 is not at all.
    sent_us: Vec<u64>,
    is_answer: fn(&[u8]) -> bool,
    /// Whether the next message is said as soon as the last one is back.
    is_closed: bool,
    answered: u64,
    unanswered: u64,
    latency_us: Histogram<u64>,
}

/// What was found, a value a round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    muster: Side,
    colyseus: Side,
}

#[derive(Clone, Debug, Default)]
struct Side {
    closed: Load,
    paced: Load,
}

#[derive(Clone, Debug, Default)]
struct Load {
    cpu_us: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
    per_second: Vec<f64>,
}

/// CPU for a message, as fast as it goes.
pub(crate) fn cpu(plan: &Plan) -> Result<Finding> {
    let found = found(plan)?;
    let rounds = ratios(&found.muster.closed.cpu_us, &found.colyseus.closed.cpu_us);
    let mut finding = Finding { rounds, ..Finding::default() };
    for (name, side) in [("muster", &found.muster), ("Colyseus", &found.colyseus)] {
        for (load, pace) in [(&side.closed, "as fast as it goes"), (&side.paced, "20 a second each")] {
            if load.cpu_us.is_empty() {
                continue;
            }
            let of = format!("{name}, {pace}");
            finding.add(&of, "us CPU a message", load.cpu_us.clone());
            finding.add(&of, "messages a second", load.per_second.clone());
            finding.add(&of, "there and back, p50, us", load.p50_us.clone());
            finding.add(&of, "there and back, p99, us", load.p99_us.clone());
        }
    }
    Ok(finding)
}

/// How long a message takes there and back, as fast as it goes.
pub(crate) fn p99(plan: &Plan) -> Result<Finding> {
    let found = found(plan)?;
    Ok(Finding { rounds: ratios(&found.muster.closed.p99_us, &found.colyseus.closed.p99_us), ..Finding::default() })
}

/// The same at a pace that leaves both servers time.
pub(crate) fn p99_paced(plan: &Plan) -> Result<Finding> {
    let found = found(plan)?;
    Ok(Finding { rounds: ratios(&found.muster.paced.p99_us, &found.colyseus.paced.p99_us), ..Finding::default() })
}

fn ratios(own: &[f64], other: &[f64]) -> Vec<f64> {
    own.iter().zip(other).map(|(own, other)| own / other).collect()
}

fn found(plan: &Plan) -> Result<&Found> {
    if plan.echo.get().is_none() {
        let mut found = Found::default();
        pin_to(plan.load_core)?;
        let count = plan.connections(100);
        for _ in 0..plan.rounds {
            of_muster(plan, count, &mut found.muster)?;
            if let Some(mut server) = Colyseus::start(plan)? {
                of_colyseus(plan, count, &mut server, &mut found.colyseus)?;
            }
        }
        // Nobody else has set it meanwhile.
        drop(plan.echo.set(found));
    }
    Ok(plan.echo.get().expect("it has been set"))
}

fn of_muster(plan: &Plan, count: usize, side: &mut Side) -> Result<()> {
    let mut muster = Muster::start(plan)?;
    let (mut swarm, mut messages) = (Swarm::new()?, Vec::new());
    for client in 0..count {
        let (socket, number) = muster.join(client, json!({ "mode": "relay_room" }), BUFFER)?;
        swarm.add(socket)?;
        let head = format!("{{\"to\":{number},\"text\":\"");
        messages.push(message_to_rules(&format!("{head}{}\"}}", "x".repeat(BYTES - head.len() - 2))));
    }
    // Others' comings and goings are told in messages too.
    let is_answer = |bytes: &[u8]| bytes.get(4..8) == Some(b"MUMS") && bytes.windows(6).any(|part| part == b"\"data\"");
    measure(plan, &mut muster.program, &mut swarm, &messages, is_answer, side)
}

fn of_colyseus(plan: &Plan, count: usize, server: &mut Colyseus, side: &mut Side) -> Result<()> {
    let (mut swarm, mut messages) = (Swarm::new()?, Vec::new());
    for client in 0..count {
        swarm.add(server.join(client, "echo", BUFFER)?)?;
        messages.push(colyseus::echo(&"x".repeat(BYTES))?);
    }
    measure(plan, &mut server.program, &mut swarm, &messages, colyseus::is_data, side)
}

fn measure(
    plan: &Plan,
    program: &mut Program,
    swarm: &mut Swarm,
    messages: &[Vec<u8>],
    is_answer: fn(&[u8]) -> bool,
    side: &mut Side,
) -> Result<()> {
    for (is_closed, load) in [(false, &mut side.paced), (true, &mut side.closed)] {
        let mut echoes = Echoes::new(messages.to_vec(), is_answer, is_closed)?;
        // In the closed loop a turn says only what begins it.
        let hertz = if is_closed { 4 } else { PACE_HZ };
        swarm.run(plan.warm_up(), hertz, &mut echoes)?;
        echoes.forget()?;
        let before = program.usage()?;
        swarm.run(Duration::from_secs_f64(plan.seconds), hertz, &mut echoes)?;
        let used = program.used_since(&before)?;
        program.must_live()?;
        ensure!(echoes.answered > 0, "nothing came back");
        ensure!(echoes.unanswered == 0, "{} messages did not come back in time", echoes.unanswered);
        load.cpu_us.push(used.cpu_seconds * 1e6 / echoes.answered as f64);
        load.per_second.push(echoes.answered as f64 / used.seconds);
        load.p50_us.push(echoes.latency_us.value_at_quantile(0.5) as f64);
        load.p99_us.push(echoes.latency_us.value_at_quantile(0.99) as f64);
        // What is on its way belongs to nobody any more.
        echoes.is_closed = false;
        swarm.run(Duration::from_millis(100), 0, &mut echoes)?;
    }
    Ok(())
}

impl Echoes {
    fn new(messages: Vec<Vec<u8>>, is_answer: fn(&[u8]) -> bool, is_closed: bool) -> Result<Self> {
        let latency_us = Histogram::new_with_bounds(1, 60_000_000, 3).context("the bounds are good")?;
        let sent_us = vec![0; messages.len()];
        Ok(Self { messages, sent_us, is_answer, is_closed, answered: 0, unanswered: 0, latency_us })
    }

    /// Begins to count anew.
    fn forget(&mut self) -> Result<()> {
        ensure!(self.answered > 0, "nothing came back before the measurement");
        (self.answered, self.unanswered) = (0, 0);
        self.latency_us.reset();
        Ok(())
    }
}

impl Actor for Echoes {
    fn hear(&mut self, client: usize, message: Message, socket: &mut Socket, now_us: u64) -> Result<()> {
        let Message::Binary(bytes) = message else { return Ok(()) };
        if !(self.is_answer)(&bytes) || self.sent_us[client] == 0 {
            return Ok(());
        }
        self.answered += 1;
        self.latency_us.saturating_record((now_us - self.sent_us[client]).max(1));
        self.sent_us[client] = 0;
        if self.is_closed {
            self.sent_us[client] = now_us;
            socket.send_bytes(&self.messages[client])?;
        }
        Ok(())
    }

    fn act(&mut self, client: usize, socket: &mut Socket, now_us: u64) -> Result<()> {
        if self.sent_us[client] != 0 {
            // In the closed loop it is on its way; a second is too late in any.
            self.unanswered += u64::from(now_us - self.sent_us[client] > 1_000_000);
            return Ok(());
        }
        self.sent_us[client] = now_us;
        socket.send_bytes(&self.messages[client])
    }
}
