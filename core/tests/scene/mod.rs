//! Small worlds with a bit of everything, for the tests of snapshots and replays.
#![allow(dead_code, reason = "each test uses a part")]

use muster_core::{
    Column, Entity, EntityId, Execution, Input, METRE, Map, Position, Projectile, SectorId, Weapon, World, WorldConfig,
    command::{Action, Command},
    config::{Behaviour, Step},
    entity::FLAG_NOT_REWOUND,
    event::Class,
    replay::{Recorder, Settings},
};

/// A place that many metres right of and above the corner of the first sector.
pub(crate) fn at(right: i64, up: i64) -> Position {
    Position::new(SectorId::new(0, 0), right * i64::from(METRE), up * i64::from(METRE))
}

pub(crate) fn saved(world: &World) -> Vec<u8> {
    let mut bytes = Vec::new();
    world.save(&mut bytes);
    bytes
}

/// Ways to work on a world, none of which may change a result.
pub(crate) fn executions() -> [Execution; 4] {
    let plain = Execution::default();
    [
        plain,
        Execution { shards: 3, ..plain },
        Execution { shards: 8, threads: 2, inline_below: 0, ..plain },
        Execution { shards: 4, split_above: 20, ..plain },
    ]
}

/// A script of inputs that depends on a seed only.
#[derive(Clone)]
pub(crate) struct Scene {
    seed: u64,
    draws: u64,
    entities: u32,
    map: Option<Map>,
    rewind_ticks: u8,
}

impl Scene {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, draws: 0, entities: 60, map: None, rewind_ticks: 0 }
    }

    /// With so many entities at the beginning.
    pub(crate) fn of(seed: u64, entities: u32) -> Self {
        Self { entities, ..Self::new(seed) }
    }

    /// With walls, zones, pickups and paths.
    pub(crate) fn with_map(seed: u64) -> Self {
        let map = Map::from_json(include_str!("map.json")).expect("a valid map");
        Self { map: Some(map), ..Self::new(seed) }
    }

    /// In a world that looks back, with players who see others late and a host that reports its load.
    pub(crate) fn looking_back(self, rewind_ticks: u8) -> Self {
        Self { rewind_ticks, ..self }
    }

    /// The map, if there is one.
    pub(crate) fn map(&self) -> Option<Map> {
        self.map.clone()
    }

    /// A new world for the script.
    pub(crate) fn world(&self, execution: Execution) -> World {
        World::new(self.config(), self.map(), execution).expect("valid")
    }

    /// With few entities, for tests that try every bit of it.
    pub(crate) fn small() -> Self {
        Self::of(1, 4)
    }

    pub(crate) fn config(&self) -> WorldConfig {
        let mut config = self.plain_config();
        config.rewind_ticks = self.rewind_ticks;
        if self.rewind_ticks > 0 {
            let laser = Weapon { projectile_speed: 0, ..config.weapons[0].clone() };
            config.weapons.extend([laser.clone(), Weapon { rewinds: false, ..laser }]);
        }
        config
    }

    fn plain_config(&self) -> WorldConfig {
        WorldConfig {
            seed: self.seed,
            entities_max: 128,
            sectors_max: 64,
            projectiles_max: 64,
            attributes: vec!["ammunition".into(), "fuel".into()],
            weapons: vec![Weapon {
                damage: 5,
                range: 40 * METRE,
                reload_ticks: 7,
                projectile_speed: 60 * METRE,
                projectile_radius: METRE / 8,
                hits: 1,
                friendly_fire: false,
                rewinds: true,
                tracer: false,
            }],
            commands_per_tick_max: 2,
            behaviours: vec![Behaviour {
                steps: vec![
                    Step::Flee { below_percent: 20 },
                    Step::Chase,
                    Step::Capture,
                    Step::Wander { radius: 20 * METRE },
                ],
                sight: 50 * METRE,
                think_ticks: 3,
            }],
            ..WorldConfig::default()
        }
    }

    fn draw(&mut self, below: u64) -> i64 {
        self.draws += 1;
        let mut z = self.seed ^ self.draws.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below) as i64
    }

    fn entity(&mut self) -> Entity {
        let metre = i64::from(METRE);
        // Around the corner of four sectors, so that entities go from one to the other.
        Entity {
            velocity_x: (self.draw(20 * metre as u64) - 10 * metre) as i32,
            velocity_y: (self.draw(20 * metre as u64) - 10 * metre) as i32,
            heading: self.draw(65_536) as u16,
            half_x: 128,
            half_y: 64,
            shape: self.draw(2) as u8,
            mass: 1 + self.draw(100_000) as u32,
            restitution: self.draw(256) as u8,
            layers: 1,
            collides: 1,
            health: 50,
            health_max: 100,
            team: 1 + self.draw(3) as u16,
            owner: 1 + self.draw(3) as u32,
            weapon: self.draw(if self.rewind_ticks == 0 { 2 } else { 4 }) as u8,
            acceleration_max: self.draw(2) as i32 * 20 * METRE,
            bot: (self.draw(4) / 3) as u16,
            attributes: vec![self.draw(1000) as i32],
            ..Entity::at(at(self.draw(60) - 30, self.draw(60) - 30))
        }
    }

    /// What happens before the step of a tick.
    pub(crate) fn inputs(&mut self, world: &World) -> Vec<Input> {
        if world.tick() == 0 {
            return (0..self.entities).map(|_| Input::Spawn(self.entity())).collect();
        }
        let mut ids = Vec::new();
        world.ids(&mut ids);
        let mut inputs = Vec::new();
        if self.rewind_ticks > 0 {
            let permille = if world.tick() % 32 < 20 { 1000 } else { self.draw(900) as u16 };
            inputs.push(Input::Load { permille });
            let id = ids[self.draw(ids.len() as u64) as usize];
            let value = self.draw(2) * i64::from(FLAG_NOT_REWOUND);
            inputs.push(Input::Set { entity: id, column: Column::Flags, value });
        }
        for _ in 0..self.draw(6) {
            let id = ids[self.draw(ids.len() as u64) as usize];
            let other = ids[self.draw(ids.len() as u64) as usize];
            inputs.push(match self.draw(12) {
                0 => Input::Spawn(self.entity()),
                1 => Input::Set { entity: id, column: Column::Health, value: self.draw(100) },
                2 => Input::Set { entity: id, column: Column::Attribute(1), value: -self.draw(100) },
                3 => Input::Place { entity: id, position: at(self.draw(3000) - 1500, 0) },
                4 => Input::Fire(Projectile {
                    position: at(self.draw(40) - 20, self.draw(40) - 20),
                    velocity_x: 50 * METRE,
                    velocity_y: (self.draw(40) - 20) as i32 * METRE,
                    radius: METRE / 4,
                    damage: 30,
                    range: 100 * METRE,
                    shooter: id,
                    team: 0,
                    hits: 1,
                }),
                5 => Input::Emit {
                    class: Class::High,
                    position: at(1, 2),
                    subject: id,
                    object: other,
                    detail: 3,
                    value: self.draw(9),
                },
                6 => Input::TakeOver { player: 1 + self.draw(3) as u32, behaviour: 1 },
                7 => Input::HandBack { player: 1 + self.draw(3) as u32 },
                8 if ids.len() > 2 => Input::Despawn(id),
                _ => Input::Command(self.command(id, other)),
            });
        }
        inputs
    }

    /// A command that may well be refused, at the door or in the tick.
    fn command(&mut self, entity: EntityId, target: EntityId) -> Command {
        let action = match self.draw(7) {
            0 => Action::MoveTo(at(self.draw(80) - 40, self.draw(80) - 40)),
            1 => Action::SetVelocity { x: 3 * METRE, y: (self.draw(9) - 4) as i32 * METRE },
            2 => Action::Attack(target),
            3 => Action::Fire { heading: self.draw(65_536) as u16 },
            4 => Action::Stop,
            5 => Action::Use(target),
            _ => Action::Custom { kind: 4, target, value: self.draw(100) },
        };
        let player = self.draw(4) as u32;
        // Most entities are around the corner of four sectors, so that a sector two columns on is wrong for the left half.
        let sector = [None, Some(SectorId::new(0, 0)), Some(SectorId::new(1, 0))][self.draw(3) as usize];
        let rewind = if self.rewind_ticks == 0 { 0 } else { self.draw(20) as u8 };
        Command { player, entity, sector, action, rewind }
    }

    /// Makes a world and lets the script run for so many ticks.
    pub(crate) fn run(mut self, execution: Execution, ticks: u32) -> World {
        let mut world = self.world(execution);
        self.advance(&mut world, ticks);
        world
    }

    /// Lets the script run on.
    pub(crate) fn advance(&mut self, world: &mut World, ticks: u32) {
        for _ in 0..ticks {
            for input in self.inputs(world) {
                let _ = world.apply(&input);
            }
            world.step();
        }
    }

    /// The same, recorded: the world at the end and the file. `fault` may change the world after a tick.
    pub(crate) fn record(
        mut self,
        settings: Settings,
        ticks: u32,
        mut fault: impl FnMut(&mut World),
    ) -> (World, Vec<u8>) {
        let mut world = self.world(Execution::default());
        let mut recorder = Recorder::new(&world, settings);
        let mut file = Vec::new();
        for _ in 0..ticks {
            for input in self.inputs(&world) {
                let _ = recorder.apply(&mut world, &input);
            }
            fault(&mut world);
            recorder.apply(&mut world, &Input::Step).expect("a step is always accepted");
            file.extend_from_slice(recorder.pending());
            recorder.consume(recorder.pending().len());
        }
        recorder.finish();
        file.extend_from_slice(recorder.pending());
        (world, file)
    }
}
