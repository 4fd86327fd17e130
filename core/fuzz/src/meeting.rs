//! A server and a viewer in mid-session, the same for every run.

use muster_core::{
    Entity, Execution, METRE, Position, SectorId, Weapon, World, WorldConfig,
    command::{Action, Command},
    config::{Behaviour, Step},
    sync::{
        client::{ClientOptions, SyncClient},
        server::{SyncConfig, SyncServer, ViewerId, ViewerOptions},
    },
};

/// Groups that the viewer has room for.
pub(crate) const GROUPS_MAX: u16 = 8;
/// Entities that it has room for.
pub(crate) const ENTITIES_MAX: u32 = 64;

/// The two, and the world.
pub(crate) struct Meeting {
    pub(crate) world: World,
    pub(crate) server: SyncServer,
    pub(crate) viewer: ViewerId,
    pub(crate) client: SyncClient,
}

impl Meeting {
    /// A dozen fighters on a border of sectors, one of them the viewer's own.
    pub(crate) fn new() -> Self {
        let weapon = Weapon {
            damage: 20,
            range: 20 * METRE,
            reload_ticks: 5,
            projectile_speed: 0,
            projectile_radius: 0,
            hits: 1,
            friendly_fire: false,
            rewinds: false,
            tracer: true,
        };
        let steps = vec![Step::Chase, Step::Wander { radius: 10 * METRE }];
        let config = WorldConfig {
            entities_max: 32,
            attributes: vec!["ore".into(), "fuel".into()],
            weapons: vec![weapon],
            behaviours: vec![Behaviour { steps, sight: 15 * METRE, think_ticks: 3 }],
            ..WorldConfig::default()
        };
        let mut world = World::new(config, None, Execution::default()).expect("the configuration is right");
        let sync = SyncConfig {
            session: 7,
            groups_max: 64,
            viewers_max: 2,
            history: 8,
            public_attributes: vec![0],
            owner_attributes: vec![1],
            ..SyncConfig::default()
        };
        let mut server = SyncServer::new(sync, &world).expect("the configuration is right");
        let options = ViewerOptions { player: 1, is_everywhere: true, budget: 1_000_000, ..ViewerOptions::default() };
        let viewer = server.add_viewer(&options).expect("there is room");
        let (mut hello, mut welcome) = (Vec::new(), Vec::new());
        SyncClient::hello(&mut hello);
        server.welcome(&world, &hello, 1, &mut welcome).expect("it is a hello");
        let options = ClientOptions { groups_max: GROUPS_MAX, entities_max: ENTITIES_MAX, ..ClientOptions::default() };
        let client = SyncClient::new(&welcome, None, &options).expect("it is a welcome");
        for number in 0..12 {
            let at = Position::new(SectorId::default(), (995 + number) * i64::from(METRE), 5 * i64::from(METRE));
            let entity = Entity {
                half_x: 64,
                mass: 1000,
                layers: 1,
                collides: 1,
                acceleration_max: 10 * METRE,
                speed_max: 5 * METRE,
                health: 100,
                health_max: 100,
                team: 1 + number as u16 % 2,
                owner: u32::from(number == 3),
                weapon: 1,
                bot: u16::from(number != 3),
                attributes: vec![number as i32, 5],
                ..Entity::at(at)
            };
            let id = world.spawn(&entity).expect("there is room");
            if number == 3 {
                server.set_predicted(viewer, id).expect("it is there");
            }
        }
        let mut meeting = Self { world, server, viewer, client };
        for _ in 0..24 {
            meeting.step(|_| true);
        }
        meeting
    }

    pub(crate) fn now_us(&self) -> u64 {
        5_000_000 + self.world.tick() * 1_000_000 / 60
    }

    /// A tick. Each packet of the server is taken in if `arrives` says so, and the viewer reports.
    pub(crate) fn step(&mut self, mut arrives: impl FnMut(&[u8]) -> bool) {
        let mut commands: Vec<Command> = Vec::new();
        self.server.take_inputs(self.viewer, &self.world, &mut commands).expect("it is there");
        for command in commands {
            let _ = self.world.command(command);
        }
        self.world.step();
        let now = self.now_us();
        if self.server.tick(&self.world) {
            let client = &mut self.client;
            self.server
                .write(&self.world, self.viewer, now, |packet| {
                    if arrives(packet) {
                        let _ = client.receive(packet, now);
                    }
                })
                .expect("it is there");
        }
        self.client.advance(now);
        let mut report = Vec::new();
        self.client.report(now, &mut report);
        let _ = self.server.receive(self.viewer, &report, now);
    }

    /// Drives the viewer's own entity.
    pub(crate) fn drive(&mut self, x: i32, y: i32) {
        if let Some(own) = self.client.predicted() {
            let _ = self.client.command(own.id, Action::SetVelocity { x, y });
        }
    }
}
