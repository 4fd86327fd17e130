//! Goal: the largest and least values that a world takes neither end it nor tell executions apart.
//! Method: worlds of extreme values, some set by the host as no game would, are stepped in several executions side by
//! side, with overflow checks on; state and events are compared after every tick, and with a world that was restored.

use muster_core::{
    Column, Entity, EntityId, Execution, Input, METRE, Map, Position, Projectile, SECTOR_SIDE, SectorId, Weapon, World,
    WorldConfig,
    command::{Action, Command, Order},
    config::{Behaviour, Step},
    entity::COLUMNS,
};
use muster_determinism::{Dice, execution, map};

const M: i64 = METRE as i64;
const FASTEST: i32 = 4000 * METRE;

/// As much of everything as a configuration allows.
fn config() -> WorldConfig {
    let weapon = |projectile_speed, range, projectile_radius| Weapon {
        damage: i32::MAX,
        range,
        reload_ticks: 1,
        projectile_speed,
        projectile_radius,
        hits: u16::MAX,
        friendly_fire: true,
        rewinds: true,
        tracer: false,
    };
    WorldConfig {
        tick_rate_hz: 16,
        speed_max: FASTEST,
        entities_max: 4000,
        projectiles_max: 4000,
        attributes: vec!["gold".into(), "ammunition".into()],
        weapons: vec![
            weapon(0, 500 * METRE, 10 * METRE),
            weapon(i32::MAX, 10_000 * METRE, 10 * METRE),
            weapon(1, 0, 0),
        ],
        reach_max: 1 << 50,
        use_range: i32::MAX,
        behaviours: vec![Behaviour {
            steps: vec![
                Step::Flee { below_percent: 255 },
                Step::Guard { radius: i32::MAX },
                Step::Chase,
                Step::Capture,
                Step::Follow { distance: i32::MIN },
                Step::Patrol { route: u16::MAX },
                Step::Wander { radius: i32::MAX },
            ],
            sight: 250 * METRE,
            think_ticks: 1,
        }],
        ..WorldConfig::default()
    }
}

/// Worlds that must stay the same one.
struct Together {
    worlds: Vec<World>,
    map: Option<Map>,
}

impl Together {
    fn new(config: &WorldConfig, map: Option<Map>) -> Self {
        let executions = [execution(1, 1, 0), execution(4, 1, 3), execution(3, 2, 50), execution(2, 1, 0)];
        let world = |execution: Execution| World::new(config.clone(), map.clone(), execution).expect("a configuration");
        Self { worlds: executions.map(world).into(), map }
    }

    fn apply(&mut self, input: &Input) {
        let answers: Vec<_> = self.worlds.iter_mut().map(|world| world.apply(input)).collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{input:?}: {answers:?}");
    }

    fn spawn(&mut self, entity: &Entity) -> EntityId {
        let ids: Vec<_> = self.worlds.iter_mut().map(|world| world.spawn(entity).expect("room")).collect();
        assert!(ids.iter().all(|id| *id == ids[0]));
        ids[0]
    }

    fn ids(&self) -> Vec<EntityId> {
        let mut ids = Vec::new();
        self.worlds[0].ids(&mut ids);
        ids
    }

    fn step(&mut self) {
        // The last one goes through its own bytes.
        let last = self.worlds.last_mut().expect("there are some");
        let mut bytes = Vec::new();
        last.save(&mut bytes);
        *last = World::restore(&bytes, self.map.clone(), last.execution()).expect("a snapshot of a world");
        self.worlds.iter_mut().for_each(World::step);
        let (first, others) = self.worlds.split_first_mut().expect("there are some");
        for other in others {
            assert_eq!(first.events(), other.events(), "tick {}, {:?}", first.tick(), other.execution());
            assert_eq!(first.hash(), other.hash(), "tick {}, {:?}", first.tick(), other.execution());
        }
    }
}

fn heavy(at: Position) -> Entity {
    Entity {
        half_x: u16::MAX,
        half_y: u16::MAX,
        mass: u32::MAX,
        restitution: 255,
        layers: u16::MAX,
        collides: u16::MAX,
        health: i32::MAX,
        health_max: i32::MAX,
        flags: u32::MAX,
        ..Entity::at(at)
    }
}

#[test]
fn a_thousand_in_one_point() {
    let mut together = Together::new(&config(), None);
    let corner = Position::new(SectorId::new(i64::MAX, i64::MAX), i64::from(SECTOR_SIDE), i64::from(SECTOR_SIDE));
    for number in 0..1000u32 {
        let entity = heavy(corner);
        together.spawn(&Entity {
            half_x: 128,
            half_y: 128,
            shape: (number % 2) as u8,
            mass: [0, 1, 1000, u32::MAX][number as usize % 4],
            velocity_x: if number % 3 == 0 { FASTEST } else { -FASTEST },
            velocity_y: if number % 5 == 0 { FASTEST } else { 0 },
            ..entity
        });
    }
    for _ in 0..12 {
        together.step();
    }
}

#[test]
fn the_largest_meet_at_the_greatest_speed() {
    let mut together = Together::new(&config(), None);
    for number in 0..60i64 {
        let side = i64::from(SECTOR_SIDE);
        let sector = SectorId::new(i64::MIN + number % 2, i64::MAX - number % 3);
        let at = Position::new(sector, (number * 37 % 5) * side / 4, (number * 11 % 3) * side / 2 - number % 2);
        together.spawn(&Entity {
            shape: (number % 2) as u8,
            velocity_x: if number % 4 < 2 { FASTEST } else { -FASTEST },
            velocity_y: if number % 8 < 4 { FASTEST } else { -FASTEST },
            mass: if number % 7 == 0 { 1 } else { u32::MAX },
            ..heavy(at)
        });
    }
    for _ in 0..100 {
        together.step();
    }
}

#[test]
fn orders_that_lead_to_the_end_of_space() {
    let mut together = Together::new(&config(), Some(map()));
    let ends = [i64::MIN + 1, -(1 << 61), -1, 0, 1, 1 << 61, (1 << 62) - 1, i64::MAX];
    let mut dice = Dice::new(1, 1, 5);
    for number in 0..200u32 {
        let sector = SectorId::new(dice.of(&ends), dice.of(&ends));
        let id = together.spawn(&Entity {
            acceleration_max: if number % 2 == 0 { i32::MAX } else { 1 },
            speed_max: if number % 3 == 0 { i32::MAX } else { 0 },
            weapon: (number % 4) as u8,
            bot: u16::from(number % 5 == 0),
            team: (number % 3) as u16,
            half_x: 64,
            ..heavy(Position::new(sector, dice.between(0, 10 * M), dice.between(0, 10 * M)))
        });
        for (column, value) in [
            (Column::Order, i64::from(dice.below(4))),
            (Column::GoalX, dice.of(&ends)),
            (Column::GoalY, dice.of(&ends)),
            (Column::Target, dice.word().cast_signed() >> dice.below(64)),
            (Column::BotState, dice.of(&ends)),
            (Column::ReadyTick, i64::from(u32::MAX)),
        ] {
            together.apply(&Input::Set { entity: id, column, value });
        }
    }
    for tick in 0..60 {
        let ids = together.ids();
        for _ in 0..40 {
            let place = Position::new(SectorId::new(dice.of(&ends), dice.of(&ends)), 0, 0);
            let (entity, target) = (dice.of(&ids), dice.of(&ids));
            let from = together.worlds[0].position(entity).expect("it lives");
            let action = match dice.below(7) {
                0 => Action::MoveTo(place),
                1 => Action::MoveTo(from.offset(dice.between(-(1 << 30), 1 << 30) << 19, 0)),
                2 => Action::SetVelocity { x: dice.of(&[FASTEST, -FASTEST, i32::MIN]), y: dice.of(&[0, i32::MAX]) },
                3 => Action::Attack(target),
                4 => Action::Fire { heading: dice.word() as u16 },
                5 => Action::Use(target),
                _ => Action::Custom { kind: u16::MAX, target, value: i64::MIN },
            };
            together.apply(&Input::Command(Command { player: 0, entity, sector: None, action, rewind: 0 }));
        }
        if tick % 8 == 0 {
            let position = Position::new(SectorId::new(dice.of(&ends), dice.of(&ends)), 0, 0);
            together.apply(&Input::Place { entity: dice.of(&ids), position });
        }
        together.step();
    }
}

#[test]
fn a_drive_against_the_hardest_push() {
    let mut together = Together::new(&config(), None);
    for (number, mass) in [(0, 0u32), (1, u32::MAX)] {
        let at = Position::new(SectorId::new(number, 0), 500 * M, 500 * M);
        let body = Entity { half_x: 128, ..heavy(at) };
        together.spawn(&Entity { mass, velocity_x: FASTEST, velocity_y: FASTEST, ..body.clone() });
        // A unit from the other's centre the direction is rounded up to be longer than 1.
        let pushed = together.spawn(&Entity {
            position: at.offset(1, 1),
            mass: 1,
            velocity_x: -FASTEST,
            velocity_y: -FASTEST,
            acceleration_max: 1,
            order: Order::Velocity as u8,
            ..body
        });
        for column in [Column::GoalX, Column::GoalY] {
            together.apply(&Input::Set { entity: pushed, column, value: i32::MIN.into() });
        }
    }
    for _ in 0..4 {
        together.step();
    }
}

#[test]
fn projectiles_at_the_limit() {
    let mut together = Together::new(&config(), Some(map()));
    let mut dice = Dice::new(1, 2, 5);
    for number in 0..80 {
        let at = Position::new(SectorId::new(0, 0), dice.between(-1000, 1000) * M, dice.between(-1000, 1000) * M);
        together.spawn(&Entity { shape: number % 2, velocity_x: FASTEST, ..heavy(at) });
    }
    for _ in 0..60 {
        for _ in 0..20 {
            let position = Position::new(SectorId::new(0, 0), dice.between(-1, 1) * 1000 * M, dice.between(-1, 1));
            together.apply(&Input::Fire(Projectile {
                position,
                velocity_x: dice.of(&[FASTEST, -FASTEST, 0, 1, i32::MIN]),
                velocity_y: dice.of(&[0, 0, 1, -1, FASTEST, i32::MIN]),
                radius: dice.of(&[0, 10 * METRE, 1]),
                damage: dice.of(&[0, 1, i32::MAX]),
                range: dice.of(&[0, 1, i32::MAX]),
                shooter: EntityId::from_bits(dice.word() >> dice.below(64)),
                team: dice.of(&[0, 1, u16::MAX]),
                hits: dice.of(&[0, 1, u16::MAX]),
            }));
        }
        together.step();
    }
    assert!(together.worlds[0].stats().projectiles > 0);
}

/// Whatever the host may write into whatever column, with the least, the largest and random values.
#[test]
fn every_column_at_its_ends() {
    for seed in 0..seeds() {
        write_wildly(seed);
    }
}

fn write_wildly(seed: u64) {
    let mut together = Together::new(&config(), seed.is_multiple_of(3).then(map));
    let mut dice = Dice::new(seed, 3, 5);
    let spread = dice.of(&[1, 60, 700]);
    for number in 0..100u32 {
        let sector = SectorId::new(0, if number % 9 == 0 { i64::MAX } else { 0 });
        let at = Position::new(sector, dice.between(-spread, spread) * M, dice.between(-spread, spread) * M);
        together.spawn(&Entity { half_x: 128, mass: 1, layers: 1, collides: 1, team: 1, ..Entity::at(at) });
    }
    let columns: Vec<Column> = COLUMNS.iter().copied().chain([Column::Attribute(0)]).collect();
    for _ in 0..100 {
        let ids = together.ids();
        if ids.is_empty() {
            break;
        }
        for _ in 0..20 {
            let column = dice.of(&columns);
            let bits = 8 * column.bytes() as u32;
            let value = match dice.below(6) {
                0 => i64::MAX >> (64 - bits),
                1 => i64::MIN >> (64 - bits),
                2 => (u64::MAX >> (64 - bits)).cast_signed(),
                3 => i64::from(dice.below(4)),
                4 => dice.of(&[(1 << 62) - 1, i64::from(FASTEST), -i64::from(FASTEST)]),
                _ => dice.word().cast_signed() >> dice.below(64),
            };
            together.apply(&Input::Set { entity: dice.of(&ids), column, value });
        }
        together.step();
    }
}

/// How many seeds wild writes are tried with.
fn seeds() -> u64 {
    std::env::var("MUSTER_DETERMINISM_SEEDS")
        .map_or(4, |text| text.parse().expect("MUSTER_DETERMINISM_SEEDS is a number"))
}

#[test]
fn the_slowest_ticks_and_the_fastest() {
    for tick_rate_hz in [1, 240u32] {
        let speed_max = METRE * (250 * tick_rate_hz).min(4000).cast_signed();
        let config = WorldConfig { tick_rate_hz, speed_max, ..config() };
        let mut together = Together::new(&config, None);
        let mut dice = Dice::new(tick_rate_hz.into(), 4, 5);
        for number in 0..150u32 {
            let at = Position::new(SectorId::new(-1, i64::MIN), dice.between(-50, 50) * M, dice.between(-50, 50) * M);
            together.spawn(&Entity {
                velocity_x: dice.of(&[speed_max, -speed_max, 0]),
                velocity_y: dice.of(&[speed_max, -speed_max, 0]),
                half_x: dice.of(&[1, 300, u16::MAX]),
                acceleration_max: dice.of(&[0, 1, i32::MAX]),
                weapon: (number % 4) as u8,
                bot: 1,
                team: (number % 4) as u16,
                ..heavy(at)
            });
        }
        for _ in 0..40 {
            together.step();
        }
    }
}
