//! Connections that say nothing: what each of them holds.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use muster_benches::{pinned::pin_to, row::Finding};
use serde_json::json;
use tungstenite::Message;

use crate::{
    colyseus::Colyseus,
    muster::{Muster, value_of},
    program::Program,
    row::Plan,
    swarm::{Actor, Swarm},
    web::Socket,
};

/// Bytes of a client's buffer for what comes.
const BUFFER: usize = 256;
/// Connections before the first look, so that what a server sets up once is not charged to the others: two whole rooms.
const BEFORE: usize = 200;
/// How often the load looks after those who are there already, in connections.
const LOOK_EVERY: usize = 20;

/// What a server holds for connections that are there as long as this is.
struct Held {
    kib_each: f64,
    mib: f64,
    _connections: Swarm,
}

/// Who only answers pings.
struct Quiet;

impl Actor for Quiet {
    fn hear(&mut self, _: usize, message: Message, _: &mut Socket, _: u64) -> Result<()> {
        if let Message::Text(text) = message
            && text.contains("\"error\"")
        {
            bail!("the server says {text}");
        }
        Ok(())
    }

    fn act(&mut self, _: usize, _: &mut Socket, _: u64) -> Result<()> {
        Ok(())
    }
}

/// Bytes of resident memory for a connection.
pub(crate) fn memory(plan: &Plan) -> Result<Finding> {
    pin_to(plan.load_core)?;
    let mut finding = Finding::default();
    let count = plan.connections(15_000);
    let mut muster = Muster::start(plan)?;
    let of_muster = open(
        plan,
        count,
        &mut muster,
        |muster, client| Ok(muster.join(client, json!({ "mode": "quiet" }), BUFFER)?.0),
        |muster| &mut muster.program,
    )?;
    let held = value_of(&muster.metrics()?, "muster_connections")?;
    ensure!(held == count as f64, "the server holds {held} connections");
    finding.add("muster", "KiB a connection", vec![of_muster.kib_each]);
    finding.add("muster", "MiB in all", vec![of_muster.mib]);
    finding.add("muster", "connections", vec![count as f64]);
    // The next ones need the descriptors of these.
    let Held { kib_each: of_muster, _connections: connections, .. } = of_muster;
    drop((connections, muster));
    if let Some(mut colyseus) = Colyseus::start(plan)? {
        let of_colyseus = open(
            plan,
            count,
            &mut colyseus,
            |colyseus, client| colyseus.join(client, "quiet", BUFFER),
            |colyseus| &mut colyseus.program,
        )?;
        finding.add("Colyseus", "KiB a connection", vec![of_colyseus.kib_each]);
        finding.add("Colyseus", "MiB in all", vec![of_colyseus.mib]);
        finding.add("Colyseus", "connections", vec![count as f64]);
        finding.rounds = vec![of_muster / of_colyseus.kib_each];
    }
    Ok(finding)
}

/// Opens connections, and looks at the server when all are there.
fn open<S>(
    plan: &Plan,
    count: usize,
    server: &mut S,
    join: impl Fn(&mut S, usize) -> Result<Socket>,
    program: fn(&mut S) -> &mut Program,
) -> Result<Held> {
    let mut swarm = Swarm::new()?;
    let first = BEFORE.min(count / 2);
    let settle = Duration::from_secs_f64((2.0 * plan.seconds).min(5.0));
    let mut before = 0;
    for client in 0..count {
        if client == first {
            swarm.run(settle / 2, 0, &mut Quiet)?;
            before = program(server).accounts.resident_bytes()?;
        }
        swarm.add(join(server, client)?)?;
        if client % LOOK_EVERY == 0 {
            while swarm.take_events(&mut Quiet)? {}
        }
    }
    swarm.run(settle, 0, &mut Quiet)?;
    program(server).must_live()?;
    let after = program(server).accounts.resident_bytes()?;
    let each = after.saturating_sub(before) as f64 / (count - first) as f64;
    Ok(Held { kib_each: each / 1024.0, mib: after as f64 / 1024.0 / 1024.0, _connections: swarm })
}
