//! A session as another decoder can follow it: what a viewer was sent, and what it knew after each packet.

use std::fmt::Write as _;

use muster_core::{
    Entity, EntityId, Execution, Map, World, WorldConfig,
    command::{Action, Command},
    event::Event,
    space::{cos_q15, sin_q15},
    sync::{
        client::{ClientOptions, SyncClient},
        server::{SyncServer, ViewerOptions},
    },
};

use super::session::{Network, RATE, Way, config, fighter, place, sync_config};

/// Where the recording is committed, from the root of the repository.
pub(crate) const PATH: &str = "web/tests/vectors/session.json";

/// Ticks of the recording: some hundred packets.
const TICKS: u64 = 300;
const FIGHTERS: u64 = 22;
/// Packets are lost, doubled and overtake each other, so that bases are missing at times.
const NETWORK: Network = Network { loss: 12, doubled: 4, delay_us: 30_000, jitter_us: 40_000 };

const MAP: &str = r#"{
    "version": 1,
    "origin": { "sector": [3, -2], "at": [900, 900] },
    "size": [200, 200],
    "walls": [
        { "box": { "min": [0, 0], "max": [200, 2] } }, { "box": { "min": [0, 198], "max": [200, 200] } },
        { "box": { "min": [0, 2], "max": [2, 198] } }, { "box": { "min": [198, 2], "max": [200, 198] } },
        { "segment": { "from": [60, 2], "to": [60, 150] } }
    ]
}"#;

/// Everything that the recording's viewer was told, as JSON.
pub(crate) fn recording() -> String {
    let mut scene = Scene::new();
    let mut text = String::new();
    let document: serde_json::Value = serde_json::from_str(MAP).expect("the map is JSON");
    writeln!(text, "{{\"map\":{document},\n\"welcome\":\"{}\",\n\"steps\":[", hex(&scene.welcome))
        .expect("a string takes everything");
    for step in 0..TICKS {
        let line = scene.step(step);
        writeln!(text, "{line}{}", if step + 1 < TICKS { "," } else { "" }).expect("a string takes everything");
    }
    text.push_str("]}\n");
    text
}

struct Scene {
    world: World,
    server: SyncServer,
    viewer: muster_core::sync::server::ViewerId,
    client: SyncClient,
    welcome: Vec<u8>,
    own: EntityId,
    down: Way,
    up: Way,
    commands: Vec<Command>,
    events: Vec<Event>,
    /// The newest update of each group that was written, by number of the group.
    written: std::collections::BTreeMap<u16, u32>,
}

impl Scene {
    fn new() -> Self {
        let map = || Map::from_json(MAP).expect("the map is right");
        let config = WorldConfig { seed: 77, ..config() };
        let mut world = World::new(config, Some(map()), Execution::default()).expect("it is a world");
        let mut server = SyncServer::new(sync_config(), &world).expect("it is a server");
        for number in 0..FIGHTERS {
            let at = place(960 + (number * 37 % 80) as i64, 960 + (number * 53 % 80) as i64);
            world.spawn(&fighter(number, at)).expect("there is room");
        }
        let entity = Entity { bot: 0, owner: 1, ..fighter(1, place(990, 1000)) };
        let own = world.spawn(&entity).expect("there is room");
        let options = ViewerOptions { player: 1, is_everywhere: true, budget: 1_000_000, ..ViewerOptions::default() };
        let viewer = server.add_viewer(&options).expect("there is room for a viewer");
        server.set_predicted(viewer, own).expect("it is there");
        let (mut hello, mut welcome) = (Vec::new(), Vec::new());
        SyncClient::hello(&mut hello);
        server.welcome(&world, &hello, 1, &mut welcome).expect("it is a hello");
        let client = SyncClient::new(&welcome, Some(map()), &ClientOptions::default()).expect("it is a welcome");
        Self {
            world,
            server,
            viewer,
            client,
            welcome,
            own,
            down: Way::default(),
            up: Way::default(),
            commands: Vec::new(),
            events: Vec::new(),
            written: std::collections::BTreeMap::new(),
        }
    }

    fn now_us(&self) -> u64 {
        1_000_000 + self.world.tick() * 1_000_000 / u64::from(RATE)
    }

    /// One tick of everything, as a line of the recording.
    fn step(&mut self, step: u64) -> serde_json::Value {
        let before = self.now_us();
        for report in self.up.arrived(before) {
            // Late and doubled reports are refused, and that is all.
            let _ = self.server.receive(self.viewer, &report, before);
        }
        self.server.take_inputs(self.viewer, &self.world, &mut self.commands).expect("the viewer is there");
        for command in self.commands.drain(..) {
            self.world.command(command).expect("there is room for a command");
        }
        self.world.step();
        let now = self.now_us();
        if self.server.tick(&self.world) {
            let down = &mut self.down;
            let sent = self.server.write(&self.world, self.viewer, now, |packet| down.send(&NETWORK, now, packet));
            sent.expect("the viewer is there");
        }
        let packets: Vec<_> = self.down.arrived(now).iter().map(|packet| self.receive(packet, now)).collect();
        let commands = self.drive(step);
        self.client.advance(now);
        self.client.take_events(&mut self.events);
        let events: Vec<_> = self.events.drain(..).map(|event| told(&event)).collect();
        let mut report = Vec::new();
        self.client.report(now, &mut report);
        self.up.send(&NETWORK, now, &report);
        let predicted = self.client.predicted().map(|view| {
            let at = view.position;
            let across =
                |sector: i64, within: i32| sector * i64::from(muster_core::space::SECTOR_SIDE) + i64::from(within);
            serde_json::json!([view.tick, across(at.sector.x, at.x), across(at.sector.y, at.y), view.heading])
        });
        serde_json::json!({
            "now": now,
            "packets": packets,
            "commands": commands,
            "events": events,
            "report": hex(&report),
            "predicted": predicted,
            "shown": self.client.shown().len(),
        })
    }

    /// Takes in a packet, and says what it came to: the groups whose newest state is another one now.
    fn receive(&mut self, packet: &[u8], now: u64) -> serde_json::Value {
        let is_taken = self.client.receive(packet, now).is_ok();
        let mut groups = Vec::new();
        let mut open = std::collections::BTreeMap::new();
        for (number, identity, update, state) in self.client.groups() {
            open.insert(number, update);
            if self.written.get(&number) == Some(&update) {
                continue;
            }
            let rows: Vec<_> = state
                .places()
                .map(|at| {
                    serde_json::json!([
                        at,
                        state.id[at].bits(),
                        state.x[at],
                        state.y[at],
                        state.heading[at],
                        state.health[at],
                        state.health_max[at],
                        state.state[at],
                        state.target[at].bits(),
                        state.flags[at],
                        state.kind[at],
                        state.team[at],
                        state.owner[at],
                        state.shape[at],
                        state.half_x[at],
                        state.half_y[at],
                        state.attributes[0][at],
                    ])
                })
                .collect();
            let cell = identity.cell;
            let sector = [cell.sector.x, cell.sector.y];
            let cell = [i64::from(cell.x), i64::from(cell.y)];
            groups.push(serde_json::json!({
                "group": number, "sector": sector, "cell": cell, "scope": identity.scope as u8, "update": update, "rows": rows
            }));
        }
        self.written = open;
        let open = self.written.len();
        serde_json::json!({ "bytes": hex(packet), "isTaken": is_taken, "open": open, "groups": groups })
    }

    /// Drives to and fro, and fires at times.
    fn drive(&mut self, step: u64) -> Vec<serde_json::Value> {
        if step < 60 || !step.is_multiple_of(25) {
            return Vec::new();
        }
        let turn = (step / 25 * 7919 * 9) as u16;
        let speed = |part: i32| part / 8 * 6 * 16;
        let (x, y) = (speed(cos_q15(turn)), speed(sin_q15(turn)));
        self.client.command(self.own, Action::SetVelocity { x, y }).expect("there is room");
        let mut commands = vec![serde_json::json!({ "entity": self.own.bits(), "velocity": [x, y] })];
        if step.is_multiple_of(75) {
            self.client.command(self.own, Action::Fire { heading: turn }).expect("there is room");
            commands.push(serde_json::json!({ "entity": self.own.bits(), "fire": turn }));
        }
        commands
    }
}

fn told(event: &Event) -> serde_json::Value {
    serde_json::json!([
        event.tick,
        event.kind as u8,
        event.class as u8,
        event.sector.x,
        event.sector.y,
        event.x,
        event.y,
        event.subject.bits(),
        event.object.bits(),
        event.detail,
        event.value,
        event.count,
    ])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}
