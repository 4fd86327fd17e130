//! A server, its viewers and a network between them, in virtual time. Everything comes from a seed.

#![allow(dead_code, reason = "every test uses a part of it")]

use std::collections::BTreeMap;

use muster_core::{
    Column, Entity, EntityId, Execution, METRE, Map, Position, SectorId, Weapon, World, WorldConfig,
    command::Command,
    config::{Behaviour, Step},
    event::Event,
    random::draw,
    sync::{
        Cell,
        client::{ClientOptions, Departure, SyncClient},
        server::{SyncConfig, SyncServer, ViewerId, ViewerOptions},
    },
};

pub(crate) const RATE: u32 = 60;

/// What a network does to packets, each way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Network {
    /// Packets of a hundred that are lost.
    pub(crate) loss: u64,
    /// Packets of a hundred that come twice.
    pub(crate) doubled: u64,
    /// Least time of a way.
    pub(crate) delay_us: u64,
    /// What comes to it at most; packets overtake each other.
    pub(crate) jitter_us: u64,
}

/// Packets on their way.
#[derive(Default)]
pub(crate) struct Way {
    flying: Vec<(u64, u64, Vec<u8>)>,
    sent: u64,
    seed: u64,
}

impl Way {
    fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    pub(crate) fn send(&mut self, network: &Network, now_us: u64, bytes: &[u8]) {
        self.sent += 1;
        let number = self.sent;
        let word = |purpose| draw(self.seed, number, 0, purpose);
        if word(0) % 100 < network.loss {
            return;
        }
        let copies = 1 + u64::from(word(1) % 100 < network.doubled);
        for copy in 0..copies {
            let due = now_us + network.delay_us + word(2 + copy as u32) % network.jitter_us.max(1);
            self.flying.push((due, number, bytes.to_vec()));
        }
    }

    pub(crate) fn arrived(&mut self, now_us: u64) -> Vec<Vec<u8>> {
        let mut due: Vec<_> = self.flying.extract_if(.., |(due, ..)| *due <= now_us).collect();
        due.sort();
        due.into_iter().map(|(_, _, bytes)| bytes).collect()
    }
}

/// One viewer and its connection.
pub(crate) struct Viewer {
    pub(crate) id: ViewerId,
    pub(crate) client: SyncClient,
    pub(crate) network: Network,
    pub(crate) down: Way,
    pub(crate) up: Way,
    pub(crate) events: Vec<Event>,
    pub(crate) departures: Vec<(EntityId, Departure)>,
    pub(crate) states_checked: u64,
}

/// What everybody is told of an entity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) cell: Cell,
    pub(crate) x: u16,
    pub(crate) y: u16,
    pub(crate) heading: u8,
    pub(crate) health: i32,
    pub(crate) health_max: i32,
    pub(crate) state: u16,
    pub(crate) target: EntityId,
    pub(crate) kind: u16,
    pub(crate) team: u16,
    pub(crate) owner: u32,
    pub(crate) flags: u32,
    pub(crate) attribute: i32,
}

pub(crate) struct Session {
    pub(crate) world: World,
    pub(crate) server: SyncServer,
    pub(crate) viewers: Vec<Viewer>,
    /// What the last updates told.
    pub(crate) told: BTreeMap<u32, BTreeMap<u64, Told>>,
    commands: Vec<Command>,
    seed: u64,
    map: Option<String>,
}

pub(crate) fn config() -> WorldConfig {
    WorldConfig {
        entities_max: 2048,
        attributes: vec!["fuel".into(), "secret".into()],
        weapons: vec![Weapon {
            damage: 7,
            range: 20 * METRE,
            reload_ticks: 20,
            projectile_speed: 60 * METRE,
            projectile_radius: METRE / 8,
            hits: 1,
            friendly_fire: false,
            rewinds: false,
            tracer: true,
        }],
        behaviours: vec![Behaviour {
            steps: vec![Step::Chase, Step::Wander { radius: 60 * METRE }],
            sight: 25 * METRE,
            think_ticks: 10,
        }],
        ..WorldConfig::default()
    }
}

pub(crate) fn sync_config() -> SyncConfig {
    SyncConfig { session: 0x5eed, public_attributes: vec![0], owner_attributes: vec![1], ..SyncConfig::default() }
}

/// A place near the corner of four sectors.
pub(crate) fn place(x: i64, y: i64) -> Position {
    Position::new(SectorId::new(3, -2), x * i64::from(METRE), y * i64::from(METRE))
}

/// A fighter.
pub(crate) fn fighter(number: u64, at: Position) -> Entity {
    Entity {
        half_x: 100,
        mass: 80_000,
        layers: 1,
        collides: 1,
        speed_max: 6 * METRE,
        acceleration_max: 20 * METRE,
        health: 100,
        health_max: 100,
        team: 1 + (number % 2) as u16,
        kind: (number % 5) as u16,
        weapon: 1,
        bot: 1,
        attributes: vec![number as i32, 1000 + number as i32],
        ..Entity::at(at)
    }
}

impl Session {
    pub(crate) fn new(seed: u64, entities: u64) -> Self {
        Self::with(config(), sync_config(), None, seed, entities)
    }

    pub(crate) fn with(config: WorldConfig, sync: SyncConfig, map: Option<&str>, seed: u64, entities: u64) -> Self {
        let made = map.map(|map| Map::from_json(map).expect("the map is right"));
        let world = World::new(WorldConfig { seed, ..config }, made, Execution::default()).expect("it is a world");
        let server = SyncServer::new(sync, &world).expect("it is a server");
        let mut session = Self {
            world,
            server,
            viewers: Vec::new(),
            told: BTreeMap::new(),
            commands: Vec::new(),
            seed,
            map: map.map(str::to_owned),
        };
        for number in 0..entities {
            session.spawn(number);
        }
        session
    }

    pub(crate) fn spawn(&mut self, number: u64) -> EntityId {
        let word = |purpose| (draw(self.seed, number, self.world.tick(), purpose) % 200) as i64;
        let at = place(900 + word(1), 900 + word(2));
        self.world.spawn(&fighter(number, at)).expect("there is room")
    }

    pub(crate) fn now_us(&self) -> u64 {
        1_000_000_000 + self.world.tick() * 1_000_000 / u64::from(RATE)
    }

    /// Lets a viewer in who sees everything. Returns its place in the list.
    pub(crate) fn join(&mut self, network: Network, options: ViewerOptions) -> usize {
        self.join_with(network, options, &ClientOptions::default())
    }

    pub(crate) fn join_with(&mut self, network: Network, options: ViewerOptions, client: &ClientOptions) -> usize {
        let id = self.server.add_viewer(&options).expect("there is room for a viewer");
        let (mut hello, mut welcome) = (Vec::new(), Vec::new());
        SyncClient::hello(&mut hello);
        self.server.welcome(&self.world, &hello, options.player, &mut welcome).expect("it is a hello");
        let map = self.map.as_ref().map(|map| Map::from_json(map).expect("the map is right"));
        let client = SyncClient::new(&welcome, map, client).expect("it is a welcome");
        let number = self.viewers.len() as u64;
        self.viewers.push(Viewer {
            id,
            client,
            network,
            down: Way::new(self.seed ^ (2 * number + 1) << 32),
            up: Way::new(self.seed ^ (2 * number + 2) << 32),
            events: Vec::new(),
            departures: Vec::new(),
            states_checked: 0,
        });
        self.viewers.len() - 1
    }

    /// One tick of the world, the server, the network and the viewers.
    pub(crate) fn step(&mut self) {
        let now = self.now_us();
        for viewer in &mut self.viewers {
            for report in viewer.up.arrived(now) {
                // Late and doubled reports are refused, and that is all.
                let _ = self.server.receive(viewer.id, &report, now);
            }
            self.server.take_inputs(viewer.id, &self.world, &mut self.commands).expect("the viewer is there");
        }
        for command in self.commands.drain(..) {
            self.world.command(command).expect("there is room for a command");
        }
        self.world.step();
        let now = self.now_us();
        if self.server.tick(&self.world) {
            let update = self.server.last_update();
            self.told.insert(update, told(&self.world));
            while self.told.len() > 400 {
                self.told.pop_first();
            }
            for viewer in &mut self.viewers {
                let (down, network) = (&mut viewer.down, &viewer.network);
                let sent = self.server.write(&self.world, viewer.id, now, |packet| down.send(network, now, packet));
                sent.expect("the viewer is there");
            }
        }
        let mut report = Vec::new();
        for viewer in &mut self.viewers {
            for packet in viewer.down.arrived(now) {
                let _ = viewer.client.receive(&packet, now);
            }
            viewer.client.advance(now);
            viewer.client.take_events(&mut viewer.events);
            viewer.client.take_departures(&mut viewer.departures);
            report.clear();
            viewer.client.report(now, &mut report);
            viewer.up.send(&viewer.network, now, &report);
        }
    }

    /// Whatever a viewer has of any update is what the server told of that update.
    pub(crate) fn check_states(&mut self) {
        for viewer in &mut self.viewers {
            for (number, identity, update, state) in viewer.client.groups() {
                let Some(told) = self.told.get(&update) else { continue };
                for at in state.places() {
                    let expected = told
                        .get(&state.id[at].bits())
                        .unwrap_or_else(|| panic!("group {number}, update {update}: {} was not there", state.id[at]));
                    let known = Told {
                        cell: identity.cell,
                        x: state.x[at],
                        y: state.y[at],
                        heading: state.heading[at],
                        health: state.health[at],
                        health_max: state.health_max[at],
                        state: state.state[at],
                        target: state.target[at],
                        kind: state.kind[at],
                        team: state.team[at],
                        owner: state.owner[at],
                        flags: state.flags[at],
                        attribute: state.attributes[0][at],
                    };
                    assert_eq!(known, *expected, "group {number}, update {update}, {}", state.id[at]);
                    viewer.states_checked += 1;
                }
            }
        }
    }

    /// Everybody stands still and forgets what they were at.
    pub(crate) fn calm(&mut self) {
        let mut ids = Vec::new();
        self.world.ids(&mut ids);
        for id in ids {
            for (column, value) in [
                (Column::Bot, 0),
                (Column::Order, 0),
                (Column::Target, 0),
                (Column::VelocityX, 0),
                (Column::VelocityY, 0),
            ] {
                self.world.set(id, column, value).expect("it is a value");
            }
        }
    }

    /// Each viewer has exactly the entities of the world, and each exactly as it is.
    pub(crate) fn check_converged(&mut self) {
        let now = told(&self.world);
        for (number, viewer) in self.viewers.iter().enumerate() {
            let mut known = BTreeMap::new();
            for (_, identity, _, state) in viewer.client.groups() {
                for at in state.places() {
                    known.insert(state.id[at].bits(), (identity.cell, state.x[at], state.y[at], state.health[at]));
                }
            }
            let expected: BTreeMap<_, _> =
                now.iter().map(|(id, told)| (*id, (told.cell, told.x, told.y, told.health))).collect();
            assert_eq!(known, expected, "viewer {number}: {:?}", viewer.client.statistics());
            let shown: Vec<u64> = viewer.client.shown().id.iter().map(|id| id.bits()).collect();
            let mut ids: Vec<u64> = expected.keys().copied().collect();
            ids.sort_by_key(|id| id.rotate_left(32));
            assert_eq!(shown, ids, "viewer {number} shows what it knows");
            for (row, id) in viewer.client.shown().id.iter().enumerate() {
                let shown = viewer.client.shown();
                let at = Position { sector: shown.sector[row], x: shown.x[row], y: shown.y[row] };
                let real = self.world.position(*id).expect("it lives");
                let (x, y) = real.offset_to(at).expect("it is near");
                // Half a centimetre of quantisation.
                assert!(x.abs().max(y.abs()) <= i64::from(METRE) / 100, "viewer {number}, {id}: {x} {y}");
            }
        }
    }
}

/// What an update tells of the world as it is.
pub(crate) fn told(world: &World) -> BTreeMap<u64, Told> {
    let mut ids = Vec::new();
    world.ids(&mut ids);
    let shift = sync_config().cell_shift;
    ids.iter()
        .map(|id| {
            let entity = world.entity(*id).expect("it lives");
            let told = Told {
                cell: Cell::at(entity.position, shift),
                x: Cell::centimetres(entity.position.x, shift),
                y: Cell::centimetres(entity.position.y, shift),
                heading: (entity.heading >> 8) as u8,
                health: entity.health,
                health_max: entity.health_max,
                state: entity.state,
                target: if world.is_alive(entity.target) { entity.target } else { EntityId::NULL },
                kind: entity.kind,
                team: entity.team,
                owner: entity.owner,
                flags: entity.flags,
                attribute: entity.attributes[0],
            };
            (id.bits(), told)
        })
        .collect()
}

/// A viewer who sees everything, without a budget.
pub(crate) fn everywhere() -> ViewerOptions {
    ViewerOptions { is_everywhere: true, budget: 100_000_000, ..ViewerOptions::default() }
}
