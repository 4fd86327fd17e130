//! The world that the battle is fought in, and who fights.

use muster_core::{
    Column, Entity, Execution, METRE, Map, Position, SECTOR_SIDE, SectorId, Weapon, World, WorldConfig,
    command::Order,
    config::{Behaviour, Step},
};

use crate::Dice;

const M: i64 = METRE as i64;

/// What makes one battle another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// From which everything is drawn, by the script and by the world.
    pub seed: u64,
    /// How many entities there are to be; the dead are replaced.
    pub population: u32,
    /// How many there are to be in a storm, 500 ticks of every 10,000.
    pub storm: u32,
    /// How many in a hundred travel fast and far, and do little else.
    pub travellers_percent: u32,
    /// How many leave in every tick, whatever they are, for others to come.
    pub turnover: u32,
}

impl Default for Setting {
    /// The battle of the golden values.
    fn default() -> Self {
        Self { seed: 0x6d75_7374_6572, population: 2_100, storm: 2_600, travellers_percent: 90, turnover: 6 }
    }
}

impl Setting {
    /// A small battle, the same all the time.
    pub const fn small(seed: u64, population: u32) -> Self {
        Self { seed, population, storm: population, travellers_percent: 0, turnover: 0 }
    }

    /// About how many of the population do more than travel.
    pub const fn fighters(self) -> u32 {
        self.population * (100 - self.travellers_percent) / 100
    }

    /// How many entities there are to be in a tick.
    pub(crate) const fn population_in(self, tick: u64) -> u32 {
        if matches!(tick % 10_000, 500..1_000) { self.storm } else { self.population }
    }
}

/// How a world is worked on, for tests: threads are woken for any work at all.
pub const fn execution(shards: u16, threads: u16, split_above: u32) -> Execution {
    Execution { shards, threads, inline_below: 0, split_above }
}

/// The world before the first tick: empty, but with all there is to fight with and about. Every bound is one that the
/// battle reaches now and then, so that what is refused, cut and dropped is part of what must not differ.
///
/// # Panics
/// If the configuration is refused.
pub fn found(setting: Setting, execution: Execution) -> World {
    World::new(config(setting), Some(map()), execution).expect("a valid configuration")
}

/// The map: walls, zones, pickups and routes where four sectors meet.
///
/// # Panics
/// If the committed document is no map.
pub fn map() -> Map {
    Map::from_json(include_str!("battlefield.json")).expect("the battlefield is a map")
}

/// The configuration of the battle's world.
pub fn config(setting: Setting) -> WorldConfig {
    WorldConfig {
        seed: setting.seed,
        tick_rate_hz: 30,
        entities_max: setting.storm + setting.storm / 16 + 4,
        projectiles_max: setting.fighters() / 3 + 4,
        sectors_max: 40,
        attributes: vec!["gold".into(), "ammunition".into()],
        weapons: weapons(),
        speed_max: 200 * METRE,
        commands_per_tick_max: 6,
        reach_max: 5_000 * M,
        use_range: 2 * METRE,
        events_max: [1, 12, 5, 3],
        massive_battle_min: 24,
        base_kinds: vec![9],
        path_expansions_per_tick: 300,
        paths_max: 10,
        behaviours: behaviours(),
        rewind_ticks: 0,
    }
}

fn weapons() -> Vec<Weapon> {
    let rifle = Weapon {
        damage: 12,
        range: 30 * METRE,
        reload_ticks: 20,
        projectile_speed: 0,
        projectile_radius: 0,
        hits: 3,
        friendly_fire: false,
        rewinds: true,
        tracer: false,
    };
    vec![
        rifle.clone(),
        Weapon { damage: 30, range: 80 * METRE, reload_ticks: 45, projectile_speed: 60 * METRE, ..rifle.clone() },
        Weapon {
            damage: 90,
            range: 1500 * METRE,
            reload_ticks: 150,
            projectile_speed: 400 * METRE,
            projectile_radius: METRE / 8,
            ..rifle.clone()
        },
        Weapon {
            damage: 25,
            range: 40 * METRE,
            reload_ticks: 60,
            projectile_speed: 20 * METRE,
            projectile_radius: 2 * METRE,
            friendly_fire: true,
            tracer: true,
            ..rifle.clone()
        },
        Weapon { damage: 0, range: 500 * METRE, reload_ticks: 1, friendly_fire: true, ..rifle },
    ]
}

fn behaviours() -> Vec<Behaviour> {
    let behaviour = |steps: Vec<Step>, sight: i32, think_ticks| Behaviour { steps, sight: sight * METRE, think_ticks };
    let (flee, wander) = (Step::Flee { below_percent: 30 }, Step::Wander { radius: 60 * METRE });
    vec![
        behaviour(vec![flee.clone(), Step::Chase, Step::Patrol { route: 0 }], 40, 10),
        behaviour(vec![Step::Guard { radius: 50 * METRE }, Step::Patrol { route: 1 }], 60, 15),
        behaviour(vec![Step::Chase, Step::Follow { distance: 5 * METRE }], 50, 7),
        behaviour(vec![flee.clone(), Step::Capture, Step::Chase, wander.clone()], 30, 12),
        behaviour(vec![flee, wander], 80, 30),
        behaviour(vec![Step::Patrol { route: 99 }, Step::Patrol { route: 2 }], 0, 1),
    ]
}

/// Where things begin, and where they are put: five places, with a border or the end of space through most of them.
pub(crate) fn somewhere(dice: &mut Dice) -> Position {
    let (sector, x, y, spread) = match dice.below(10) {
        // The battlefield, where four sectors meet at the origin of space.
        0..=4 => (SectorId::new(0, 0), 0, 0, 110),
        // A crowd in the middle of one sector.
        5 | 6 => (SectorId::new(2, 0), 500, 500, 25),
        // The corner of space, where i64 wraps in both directions.
        7 | 8 => (SectorId::new(i64::MIN, i64::MAX), 0, 1000, 60),
        // Far from everything, over nine sectors.
        _ => (SectorId::new(1 << 40, -(1 << 50)), 500, 500, 1400),
    };
    let mut along = |centre: i64| centre * M + dice.between(-spread * M, spread * M);
    Position::new(sector, along(x), along(y))
}

/// Someone who comes in a tick in which there are fewer than there are to be.
pub(crate) fn newcomer(setting: Setting, dice: &mut Dice) -> Entity {
    if dice.below(100) < setting.travellers_percent { traveller(dice) } else { someone(dice) }
}

/// Someone who goes fast and straight, over a border before long, and bounces off others of the kind. A tick costs little
/// of them, so that there can be thousands in every one. An eighth may be shot and bumps into everything.
fn traveller(dice: &mut Dice) -> Entity {
    let (sector, spread) = match dice.below(8) {
        0..=2 => (SectorId::new(0, 0), 700),
        3 => (SectorId::new(i64::MIN, i64::MIN), 500),
        4..=6 => (SectorId::new(-7, 5), 700),
        _ => (SectorId::new(3, 0), 80),
    };
    let mut between = |most: i64| dice.between(-most * M, most * M);
    let (x, y, velocity_x, velocity_y) = (between(spread), between(spread), between(120), between(120));
    let is_mortal = dice.one_in(8);
    let layers = if is_mortal { 9 } else { 8 };
    Entity {
        velocity_x: velocity_x as i32,
        velocity_y: velocity_y as i32,
        half_x: 128,
        half_y: 128,
        mass: 1_000 + dice.below(60_000),
        restitution: 255,
        layers,
        collides: layers,
        health: 10,
        health_max: if is_mortal { 10 } else { 0 },
        team: dice.below(4) as u16,
        kind: 10,
        flags: if is_mortal { 1 << 31 } else { 0 },
        ..Entity::at(Position::new(sector, x, y))
    }
}

/// Someone to fight, or something in the way.
fn someone(dice: &mut Dice) -> Entity {
    let plain = Entity {
        half_x: 128,
        half_y: 128,
        mass: 60_000 + dice.below(60_000),
        restitution: dice.of(&[0, 80, 255]),
        layers: 1,
        collides: 3,
        health: 35,
        health_max: 35,
        team: dice.below(4) as u16,
        kind: dice.below(8) as u16,
        owner: dice.below(9),
        flags: if dice.one_in(4) { 1 << 31 } else { 0 },
        attributes: vec![dice.below(100).cast_signed()],
        ..Entity::at(somewhere(dice))
    };
    let mut speed = |most: i64| dice.between(-most * M, most * M) as i32;
    let (velocity_x, velocity_y) = (speed(30), speed(30));
    match dice.below(16) {
        // A drifter: it keeps its speed and crosses sectors.
        0..=2 => Entity { velocity_x: 4 * velocity_x, velocity_y: 4 * velocity_y, restitution: 255, ..plain },
        // A house, or a wall that moves.
        3 => Entity {
            shape: 1,
            mass: 0,
            half_x: 128 + dice.below(2000) as u16,
            half_y: 128 + dice.below(2000) as u16,
            velocity_x: if dice.one_in(4) { velocity_x / 8 } else { 0 },
            health_max: 0,
            ..plain
        },
        // A base.
        4 => Entity { shape: 1, mass: 0, half_x: 700, half_y: 500, kind: 9, health: 120, health_max: 120, ..plain },
        // Cargo: a box that is pushed about.
        5 | 6 => Entity { shape: 1, half_x: 64 + dice.below(400) as u16, half_y: 64 + dice.below(400) as u16, ..plain },
        // A ghost, which only its kind touches.
        7 => Entity { layers: 4, collides: 4, velocity_x, velocity_y, ..plain },
        // Soldiers, half of them with minds of their own.
        class => Entity {
            speed_max: (4 + dice.below(8)).cast_signed() * METRE,
            acceleration_max: (5 + dice.below(30)).cast_signed() * METRE,
            weapon: dice.below(6) as u8,
            bot: if class < 12 { 1 + dice.below(6) as u16 } else { 0 },
            order: if class == 15 { Order::MoveTo as u8 } else { 0 },
            // The middle of the sector, for the crowd.
            goal_x: if class == 15 { i64::from(SECTOR_SIDE / 2) } else { 0 },
            goal_y: if class == 15 { i64::from(SECTOR_SIDE / 2) } else { 0 },
            ..plain
        },
    }
}

/// A value to write and its column: one that there may be, or one that is refused.
pub(crate) fn some_value(dice: &mut Dice) -> (Column, i64) {
    let speed = dice.between(-220 * M, 220 * M);
    match dice.below(20) {
        0 | 1 => (Column::VelocityX, speed),
        2 | 3 => (Column::VelocityY, speed),
        4 => (Column::Heading, dice.between(-10, 70_000)),
        5 => (Column::Shape, dice.between(0, 2)),
        6 => (Column::HalfX, dice.between(-1, 600)),
        7 => (Column::HalfY, dice.between(0, 600)),
        8 => (Column::Mass, dice.between(0, 200_000)),
        9 => (Column::Restitution, dice.between(0, 260)),
        10 => (Column::Layers, dice.between(0, 7)),
        11 => (Column::Health, dice.between(-5, 150)),
        12 => (Column::Team, dice.between(0, 4)),
        13 => (Column::Owner, dice.between(0, 9)),
        14 => (Column::Weapon, dice.between(0, 7)),
        15 => (Column::Bot, dice.between(0, 8)),
        16 => (Column::BotState, dice.word().cast_signed()),
        17 => (Column::State, dice.between(0, 70_000)),
        18 => (Column::Attribute(dice.below(4) as u8), dice.between(-100, 100)),
        _ => (Column::AccelerationMax, dice.between(-1, 40) * M),
    }
}
