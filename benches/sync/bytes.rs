//! Bytes: what it takes to tell a scene, without and with loss, and what other ways to tell it take in the same run.

use std::{collections::VecDeque, sync::Mutex};

use anyhow::{Context, Result};
use muster_benches::{
    row::Finding,
    scene::{Kind, ONE_THREAD, Scene},
};
use muster_core::sync::{codec::Layout, packet::read_packet};

use crate::{
    frame::Frame,
    peers::{self, Peer},
    reader::Reader,
    row::Plan,
    service::{UPDATES_HZ, is_update_due, watch},
};

/// The parts of packets that are lost, in turn for each spectator, and what tables call the bytes then.
const LOSSES: [(f64, &str); 4] = [
    (0.0, "B a moving entity, nothing lost"),
    (0.01, "B a moving entity, 1 % lost"),
    (0.05, "B a moving entity, 5 % lost"),
    (0.2, "B a moving entity, 20 % lost"),
];
/// Updates until every spectator is told of changes only.
const UPDATES_BEFORE: u32 = 40;
/// Updates from one to the one that it is told from.
const BEHIND: usize = 2;
/// What of a scene's figures a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Bytes a moving entity, by the index of the loss.
    Bytes(usize),
    /// Those of the best peer, in packets, over which ours are.
    Ratio,
}

/// Everything that was measured of a kind of scene.
#[derive(Clone)]
struct Measured {
    kind: Kind,
    finding: Finding,
    bytes: [Vec<f64>; LOSSES.len()],
    ratio: Vec<f64>,
}

/// What was measured already: several rows are about the same runs.
static MEASURED: Mutex<Vec<Measured>> = Mutex::new(Vec::new());

/// The figure of the worst of some kinds of scene in each round, and all that was measured of them.
pub(crate) fn measure(plan: &Plan, kinds: &[Kind], figure: Figure, shows_all: bool) -> Result<Finding> {
    let mut finding = Finding::default();
    let mut worst: Vec<f64> = Vec::new();
    for kind in kinds {
        let measured = measured(plan, *kind)?;
        let rounds = match figure {
            Figure::Bytes(loss) => &measured.bytes[loss],
            Figure::Ratio => &measured.ratio,
        };
        worst.resize(rounds.len(), 0.0);
        worst.iter_mut().zip(rounds).for_each(|(worst, value)| *worst = worst.max(*value));
        if shows_all {
            finding.series.extend(measured.finding.series);
        }
    }
    finding.rounds = worst;
    Ok(finding)
}

fn measured(plan: &Plan, kind: Kind) -> Result<Measured> {
    let mut known = MEASURED.lock().expect("nobody panics with it");
    if let Some(measured) = known.iter().find(|measured| measured.kind == kind) {
        return Ok(measured.clone());
    }
    let measured = Run::new(kind)?.measure(plan)?;
    known.push(measured.clone());
    Ok(measured)
}

/// A scene, its spectators, and peers who tell the same.
struct Run {
    kind: Kind,
    scene: Box<dyn Scene>,
    service: crate::service::Service,
    reader: Reader,
    /// What was sent to each spectator in the round.
    sent: [Sent; LOSSES.len()],
    peers: Vec<Box<dyn Peer>>,
    /// The newest first.
    frames: VecDeque<Frame>,
}

/// Bytes that were sent to a spectator.
#[derive(Clone, Copy, Default)]
struct Sent {
    packets: u64,
    bytes: u64,
    own: u64,
    events: u64,
    shares: u64,
}

impl Sent {
    fn note(&mut self, bytes: &[u8]) {
        let packet = read_packet(bytes).expect("servers write packets");
        self.packets += 1;
        self.bytes += bytes.len() as u64;
        self.own += packet.own.len() as u64;
        self.events += packet.events.len() as u64;
        self.shares += packet.groups().map(|(_, share)| share.len() as u64).sum::<u64>();
    }

    /// Bytes of the states of groups, headers included: all but what one viewer is told, and events.
    const fn states(&self) -> u64 {
        self.bytes - self.own - self.events
    }

    /// Bytes of what is around groups' shares.
    const fn headers(&self) -> u64 {
        self.states() - self.shares
    }
}

/// What a round came to.
#[derive(Default)]
struct Round {
    moving: f64,
    there: f64,
    /// Of peers: in one piece, and in packets.
    peers: Vec<(f64, f64)>,
}

impl Run {
    fn new(kind: Kind) -> Result<Self> {
        let mut scene = kind.build(11, ONE_THREAD);
        (0..kind.ticks_before()).for_each(|_| scene.step());
        let losses = LOSSES.map(|(loss, _)| loss);
        let service = watch(scene.world(), kind.middle(), &losses)?;
        let config = service.server.config();
        let layout = Layout { attributes: config.public_attributes.len() as u8, cell_shift: config.cell_shift };
        let reader = Reader::new(layout);
        let (sent, frames) = ([Sent::default(); LOSSES.len()], VecDeque::new());
        let mut run = Self { kind, scene, service, reader, sent, peers: peers::all(), frames };
        for _ in 0..UPDATES_BEFORE {
            run.update()?;
        }
        run.reader.must_know(&run.frames[0]).context("what is told must be what is there")?;
        Ok(run)
    }

    /// Plays until the next update, and through it.
    fn update(&mut self) -> Result<()> {
        loop {
            self.scene.step();
            let (reader, sent) = (&mut self.reader, &mut self.sent);
            let mut result = Ok(());
            self.service.turn(self.scene.world(), |watcher, packet| {
                sent[watcher].note(packet);
                if watcher == 0 && result.is_ok() {
                    result = reader.handle_packet(packet);
                }
            })?;
            result?;
            if is_update_due(self.scene.world()) {
                self.frames.push_front(Frame::of(self.scene.world()));
                self.frames.truncate(BEHIND + 1);
                return Ok(());
            }
        }
    }

    fn round(&mut self, updates: u32) -> Result<Round> {
        let mut round = Round { peers: vec![(0.0, 0.0); self.peers.len()], ..Round::default() };
        for _ in 0..updates {
            self.update()?;
            let (now, before, base) = (&self.frames[0], &self.frames[1], &self.frames[BEHIND]);
            round.moving += now.moving_since(before) as f64;
            round.there += now.entities.iter().flatten().count() as f64;
            let slots = now.entities.len().max(base.entities.len());
            for (peer, (whole, packets)) in self.peers.iter_mut().zip(&mut round.peers) {
                *whole += peer.bytes(now, base, 0..slots) as f64;
                *packets += peers::bytes_in_packets(peer.as_mut(), now, base) as f64;
            }
        }
        Ok(round)
    }

    fn measure(mut self, plan: &Plan) -> Result<Measured> {
        let updates = plan.updates();
        let name = self.kind.name();
        let mut lines = Lines::new(&name);
        let (mut bytes, mut ratio) = ([const { Vec::new() }; LOSSES.len()], Vec::new());
        for _ in 0..plan.rounds {
            self.sent.fill(Sent::default());
            self.reader.take_bits();
            let round = self.round(updates)?;
            let moving = round.moving.max(1.0);
            for (index, (sent, (_, figure))) in self.sent.iter().zip(LOSSES).enumerate() {
                let value = sent.states() as f64 / moving;
                bytes[index].push(value);
                lines.add(figure, value);
            }
            let first = self.sent[0];
            lines.add("of these, headers of packets and groups", first.headers() as f64 / moving);
            let mut parts: Vec<(&'static str, f64)> = Vec::new();
            for (field, bits) in self.reader.take_bits().into_iter().filter(|(_, bits)| *bits > 0.0) {
                let name = name_of(field);
                match parts.iter_mut().find(|(part, _)| *part == name) {
                    Some((_, sum)) => *sum += bits,
                    None => parts.push((name, bits)),
                }
            }
            parts.into_iter().for_each(|(name, bits)| lines.add(name, bits / 8.0 / moving));
            lines.add("B of events beside them", first.events as f64 / moving);
            lines.add("kB/s in all, uncapped", first.bytes as f64 * f64::from(UPDATES_HZ) / f64::from(updates) / 1e3);
            lines.add("packets an update", first.packets as f64 / f64::from(updates));
            lines.add("moving, % of all", 100.0 * round.moving / round.there.max(1.0));
            let mut best = f64::INFINITY;
            let mut best_whole = f64::INFINITY;
            for (peer, (whole, packets)) in self.peers.iter().zip(&round.peers) {
                lines.add(peer.name(), packets / moving);
                best = best.min(*packets);
                best_whole = best_whole.min(*whole);
            }
            // Without the strongest peers there is nothing to be proud of.
            if cfg!(feature = "peers") {
                ratio.push(first.states() as f64 / best);
                lines.add("ratio to the best of them", first.states() as f64 / best);
                lines.add("ratio if that had no packets and no headers", first.states() as f64 / best_whole);
            }
        }
        self.reader.must_know(&self.frames[0]).context("what is told must be what is there")?;
        Ok(Measured { kind: self.kind, finding: lines.finding, bytes, ratio })
    }
}

/// The figures of one column, each a value a round.
struct Lines {
    of: String,
    finding: Finding,
}

impl Lines {
    fn new(of: &str) -> Self {
        Self { of: of.to_owned(), finding: Finding::default() }
    }

    fn add(&mut self, figure: &'static str, value: f64) {
        match self.finding.series.iter_mut().find(|series| series.figure == figure) {
            Some(series) => series.rounds.push(value),
            None => self.finding.add(&self.of, figure, vec![value]),
        }
    }
}

/// What a table calls the part of the bytes that a model's symbols take.
fn name_of(field: &'static str) -> &'static str {
    match field {
        "same" => "of these, who has not changed at all",
        "changed" => "of these, what has changed",
        "ahead" | "aside" => "of these, movement",
        "heading" => "of these, heading",
        "health" => "of these, health",
        "state" => "of these, state",
        "target" | "target_slot" | "target_generation" => "of these, target",
        "came" | "slot" | "generation" | "left" | "destroyed" => "of these, who came and left",
        "plain" => "of these, bits without a model",
        _ => "of these, all else",
    }
}
