//! Small worlds with a bit of everything, for the tests of snapshots and replays.
#![allow(dead_code, reason = "each test uses a part")]

use muster_core::{
    Column, Entity, Execution, Input, METRE, Position, SectorId, World, WorldConfig,
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
}

impl Scene {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, draws: 0, entities: 60 }
    }

    /// With few entities, for tests that try every bit of it.
    pub(crate) fn small() -> Self {
        Self { entities: 4, ..Self::new(1) }
    }

    pub(crate) fn config(&self) -> WorldConfig {
        WorldConfig {
            seed: self.seed,
            entities_max: 128,
            sectors_max: 64,
            attributes: vec!["ammunition".into(), "fuel".into()],
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
        for _ in 0..self.draw(3) {
            let id = ids[self.draw(ids.len() as u64) as usize];
            inputs.push(match self.draw(5) {
                0 => Input::Spawn(self.entity()),
                1 => Input::Set { entity: id, column: Column::Health, value: self.draw(100) },
                2 => Input::Set { entity: id, column: Column::Attribute(1), value: -self.draw(100) },
                3 => Input::Place { entity: id, position: at(self.draw(3000) - 1500, 0) },
                _ if ids.len() > 2 => Input::Despawn(id),
                _ => Input::Set { entity: id, column: Column::State, value: 1 },
            });
            world.ids(&mut ids);
            if matches!(inputs.last(), Some(Input::Despawn(_))) {
                break;
            }
        }
        inputs
    }

    /// Makes a world and lets the script run for so many ticks.
    pub(crate) fn run(mut self, execution: Execution, ticks: u32) -> World {
        let mut world = World::new(self.config(), execution).expect("valid");
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
        let mut world = World::new(self.config(), Execution::default()).expect("valid");
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
