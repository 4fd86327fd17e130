//! A server and those who watch, with a network between them that loses packets and takes its time.
//!
//! **Acknowledgements are 100 ms old**: a packet of one update is there by the next, its report is back by the one after
//! that, two updates of 50 ms later. Watchers say which packets came, as clients do, without looking into them; who wants to
//! know what is in them gives the packets to a reader.

use anyhow::{Context, Result, ensure};
use muster_benches::{
    clock::thread_now,
    scene::{Chance, TICK_RATE_HZ, UPDATE_TICKS},
};
use muster_core::{
    Column, EntityId, METRE, Position, World,
    sync::{
        report::{ReportHeader, encode_report},
        server::{SyncConfig, SyncServer, UpdatePart, View, ViewPoint, ViewerId, ViewerOptions},
    },
};

/// Updates a second.
pub(crate) const UPDATES_HZ: u32 = TICK_RATE_HZ / UPDATE_TICKS;
/// How far everybody sees, in units of length: all of any scene.
pub(crate) const FAR: i32 = 420 * METRE;
/// More bytes a second than any scene has.
pub(crate) const UNCAPPED: u32 = 100_000_000;

/// A server and its watchers.
pub(crate) struct Service {
    pub(crate) server: SyncServer,
    pub(crate) watchers: Vec<Watcher>,
}

/// One who watches, as far as the server knows.
pub(crate) struct Watcher {
    pub(crate) id: ViewerId,
    /// Its player, who owns one entity; 0 is a spectator.
    player: u32,
    entity: EntityId,
    reach: i32,
    /// The part of packets, and of reports, that is lost.
    loss: f64,
    chance: Chance,
    /// Packets that will be there by the next update.
    arriving: Vec<u32>,
    header: ReportHeader,
    /// The report that will be there by the next update; empty is none.
    report: Vec<u8>,
}

/// How the scenes are told: everything 20 times a second, wherever it is.
pub(crate) fn config(world: &World) -> SyncConfig {
    // Scenes that have attributes have a public one and one of the owner's.
    let has_attributes = !world.config().attributes.is_empty();
    SyncConfig {
        session: 0x5eed,
        viewers_max: 2048,
        update_ticks: UPDATE_TICKS as u16,
        rates_hz: [20; 3],
        public_attributes: if has_attributes { vec![muster_benches::scene::RANK] } else { Vec::new() },
        owner_attributes: if has_attributes { vec![muster_benches::scene::AMMUNITION] } else { Vec::new() },
        ..SyncConfig::default()
    }
}

impl Service {
    /// A server that nobody watches yet.
    pub(crate) fn new(world: &World, config: SyncConfig) -> Result<Self> {
        Ok(Self { server: SyncServer::new(config, world)?, watchers: Vec::new() })
    }

    /// Lets a spectator in who sees all around a place.
    pub(crate) fn add_spectator(&mut self, middle: Position, loss: f64, budget: u32) -> Result<()> {
        let options = ViewerOptions { budget, ..ViewerOptions::default() };
        let id = self.server.add_viewer(&options)?;
        self.server.set_views(id, &[view(ViewPoint::Place(middle), FAR)])?;
        self.watchers.push(Watcher::new(id, 0, FAR, loss));
        Ok(())
    }

    /// Lets so many players in, each with an entity of its own that it sees from and predicts.
    pub(crate) fn add_players(&mut self, world: &World, count: usize, reach: i32, budget: u32) -> Result<()> {
        let mut ids = Vec::new();
        world.ids(&mut ids);
        for id in ids.into_iter().take(count) {
            let player = u32::try_from(world.value(id, Column::Owner)?)?;
            let team = u16::try_from(world.value(id, Column::Team)?)?;
            let options = ViewerOptions { player, team, budget, ..ViewerOptions::default() };
            let viewer = self.server.add_viewer(&options)?;
            self.watchers.push(Watcher::new(viewer, player, reach, 0.0));
        }
        self.follow(world)
    }

    /// Gives players whose entity was destroyed the one that came in its place.
    pub(crate) fn follow(&mut self, world: &World) -> Result<()> {
        let mut ids = Vec::new();
        world.ids(&mut ids);
        let mut owned = Vec::new();
        for id in ids {
            owned.push((u32::try_from(world.value(id, Column::Owner)?)?, id));
        }
        owned.sort_unstable();
        for watcher in self.watchers.iter_mut().filter(|watcher| watcher.player != 0) {
            if world.is_alive(watcher.entity) {
                continue;
            }
            let Ok(at) = owned.binary_search_by_key(&watcher.player, |(player, _)| *player) else { continue };
            watcher.entity = owned[at].1;
            self.server.set_predicted(watcher.id, watcher.entity)?;
            self.server.set_views(watcher.id, &[view(ViewPoint::Entity(watcher.entity), watcher.reach)])?;
        }
        Ok(())
    }

    /// The server takes in what has come back to it.
    pub(crate) fn receive(&mut self, world: &World) -> Result<()> {
        for watcher in &mut self.watchers {
            if !watcher.report.is_empty() {
                self.server.receive(watcher.id, &watcher.report, now_us(world))?;
                watcher.report.clear();
            }
        }
        Ok(())
    }

    /// The watchers report what has come to them.
    pub(crate) fn answer(&mut self) {
        let session = self.server.config().session;
        self.watchers.iter_mut().for_each(|watcher| watcher.answer(session));
    }

    /// The server takes in the tick; whether there is an update.
    pub(crate) fn tick(&mut self, world: &World) -> bool {
        self.server.tick(world)
    }

    /// The server takes in the tick; how many seconds of the thread's own time it takes until it knows who sees what, and in
    /// all.
    pub(crate) fn timed_tick(&mut self, world: &World) -> (f64, f64) {
        let begin = thread_now();
        let mut known = None;
        self.server.tick_in_parts(world, |part| {
            if part == UpdatePart::Interest {
                known = Some(thread_now());
            }
        });
        let end = thread_now();
        (known.unwrap_or(end) - begin, end - begin)
    }

    /// The server writes to everybody.
    pub(crate) fn write(&mut self, world: &World, mut each: impl FnMut(usize, &[u8])) -> Result<()> {
        let now = now_us(world);
        for (number, watcher) in self.watchers.iter_mut().enumerate() {
            let id = watcher.id;
            self.server.write(world, id, now, |packet| {
                watcher.handle_packet(packet);
                each(number, packet);
            })?;
        }
        Ok(())
    }

    /// What happens between server and watchers after each tick of the world, in its order. Returns whether there was an
    /// update.
    pub(crate) fn turn(&mut self, world: &World, each: impl FnMut(usize, &[u8])) -> Result<bool> {
        if !is_update_due(world) {
            return Ok(self.tick(world));
        }
        self.follow(world)?;
        self.receive(world)?;
        self.answer();
        ensure!(self.tick(world), "there is an update each {UPDATE_TICKS} ticks");
        self.write(world, each)?;
        Ok(true)
    }
}

impl Watcher {
    fn new(id: ViewerId, player: u32, reach: i32, loss: f64) -> Self {
        Self {
            id,
            player,
            entity: EntityId::NULL,
            reach,
            loss,
            chance: Chance::new(id.bits()),
            arriving: Vec::with_capacity(256),
            header: ReportHeader::default(),
            report: Vec::with_capacity(128),
        }
    }

    fn handle_packet(&mut self, bytes: &[u8]) {
        let word = [0, 1, 2, 3].map(|at| bytes[SEQUENCE_AT + at]);
        if self.loss == 0.0 || self.chance.unit() >= self.loss {
            self.arriving.push(u32::from_le_bytes(word));
        }
    }

    fn answer(&mut self, session: u32) {
        for sequence in self.arriving.drain(..) {
            let header = &mut self.header;
            // They come in their order, and no more than 64 at a time.
            let steps = sequence - header.newest;
            let before = header.received << 1 | u64::from(header.newest != 0);
            header.received = before.checked_shl(steps - 1).unwrap_or(0);
            header.newest = sequence;
        }
        self.header.session = session;
        self.header.sequence += 1;
        self.report.clear();
        if self.loss == 0.0 || self.chance.unit() >= self.loss {
            encode_report(&self.header, &[], &mut self.report);
        }
    }
}

/// Where a packet has its sequence; `docs/WIRE.md` has all of it, and a test holds this against the reader.
const SEQUENCE_AT: usize = 24;

/// Whether the server makes an update of this tick.
pub(crate) fn is_update_due(world: &World) -> bool {
    world.tick().is_multiple_of(u64::from(UPDATE_TICKS))
}

/// The time of a world, as a clock would have it.
pub(crate) fn now_us(world: &World) -> u64 {
    world.tick() * 1_000_000 / u64::from(TICK_RATE_HZ)
}

fn view(point: ViewPoint, reach: i32) -> View {
    View { point, enter: reach, leave: reach + reach / 10 }
}

/// A server with a spectator for each part of packets that is lost, who sees all around a place.
pub(crate) fn watch(world: &World, middle: Position, losses: &[f64]) -> Result<Service> {
    let mut service = Service::new(world, config(world)).context("the scene can be told")?;
    for loss in losses {
        service.add_spectator(middle, *loss, UNCAPPED)?;
    }
    Ok(service)
}
