//! An army on the march.

use std::f64::consts::FRAC_PI_2;

use muster_core::{Entity, EntityId, Execution, METRE, World, WorldConfig, command::Action};

use super::{
    CORNER, Scene, TICK_RATE_HZ,
    chance::Chance,
    course::Course,
    measure::{extent, metres_between, order, place, steer, units},
};

/// Ranks and files of a block.
const FILES: usize = 10;
/// Metres from one unit to the next.
const SPACING_M: f64 = 1.5;
/// Metres from one block to the next along the way.
const INTERVAL_M: f64 = 19.0;
/// Ticks that a block does later what the one before it did.
const DELAY_TICKS: usize = 12;
/// Ticks between two corrections of a unit's step.
const STEER_TICKS: u64 = 6;
/// Metres a second.
const PACE_M: f64 = 2.2;
/// The fastest that a unit runs to catch up, in metres a second.
const RUN_M: f64 = 4.5;
/// The radius of the corners, in metres.
const WHEEL_M: f64 = 14.0;

/// Units in blocks of ten by ten, which follow each other round a square, wheel at its corners, halt and go on. A halt runs
/// down the column. No two units keep quite the same step.
#[derive(Debug)]
pub struct March {
    world: World,
    chance: Chance,
    course: Course,
    units: Vec<Unit>,
    /// How far the head of the column had come, the last few hundred ticks, the newest last.
    advances: Vec<f64>,
    pace_m: f64,
    is_halting: bool,
    /// The tick at which the march halts or goes on.
    change_tick: u64,
}

#[derive(Debug)]
struct Unit {
    id: EntityId,
    /// How far out of step it is, in metres.
    sway: (f64, f64),
    is_resting: bool,
}

/// The side of the square that so many units march round, in metres: the column leaves a tenth of it free.
fn side_m(count: usize) -> f64 {
    let blocks = count.div_ceil(FILES * FILES) as f64;
    (blocks * INTERVAL_M * 1.1 / 4.0 + 0.45 * WHEEL_M).max(60.0)
}

/// The middle of that square, from the corner of the scene.
pub(super) fn middle_m(count: usize) -> (f64, f64) {
    (side_m(count) / 2.0, side_m(count) / 2.0)
}

impl March {
    /// So many units, in their places.
    pub fn new(count: usize, seed: u64, execution: Execution) -> Self {
        let config = WorldConfig {
            seed,
            tick_rate_hz: TICK_RATE_HZ,
            entities_max: count.max(1) as u32,
            projectiles_max: 16,
            ..WorldConfig::default()
        };
        let mut march = Self {
            world: World::new(config, None, execution).expect("the configuration is in bounds"),
            chance: Chance::new(seed),
            course: Course::along(&rounded_square(side_m(count))),
            units: Vec::new(),
            advances: vec![0.0; count.div_ceil(FILES * FILES) * DELAY_TICKS + 8],
            pace_m: 0.0,
            is_halting: false,
            change_tick: 20 * u64::from(TICK_RATE_HZ),
        };
        for number in 0..count {
            let (x, y) = march.slot(number, 0);
            let entity = Entity {
                half_x: extent(0.3),
                mass: 80_000,
                layers: 1,
                collides: 1,
                speed_max: units(RUN_M) as i32,
                acceleration_max: 8 * METRE,
                health: 100,
                health_max: 100,
                team: 1 + (number / (FILES * FILES) % 2) as u16,
                kind: (number % FILES / 5) as u16,
                ..Entity::at(place(CORNER, x, y))
            };
            let id = march.world.spawn(&entity).expect("there is room for the units");
            march.units.push(Unit { id, sway: (0.0, 0.0), is_resting: true });
        }
        march
    }

    /// Where a unit ought to have been so many ticks ago, in metres.
    fn slot(&self, number: usize, ticks_ago: usize) -> (f64, f64) {
        let (block, within) = (number / (FILES * FILES), number % (FILES * FILES));
        let advance = self.advances[self.advances.len() - 1 - block * DELAY_TICKS - ticks_ago];
        let along = advance - block as f64 * INTERVAL_M;
        let (centre, heading) = (self.course.at(along), self.course.heading(along));
        let middle = (FILES - 1) as f64 / 2.0;
        let (file, rank) = ((within % FILES) as f64 - middle, (within / FILES) as f64 - middle);
        let (sin, cos) = heading.sin_cos();
        let (left, back) = (file * SPACING_M, rank * SPACING_M);
        (centre.0 - left * sin - back * cos, centre.1 + left * cos - back * sin)
    }

    fn advance(&mut self) {
        let now = self.world.tick();
        if now >= self.change_tick {
            self.is_halting = !self.is_halting;
            let (low, high) = if self.is_halting { (3.0, 8.0) } else { (15.0, 30.0) };
            self.change_tick = now + self.chance.ticks(low, high);
        }
        let wanted = if self.is_halting { 0.0 } else { PACE_M };
        let change = 1.5 / f64::from(TICK_RATE_HZ);
        self.pace_m += (wanted - self.pace_m).clamp(-change, change);
        let head = self.advances[self.advances.len() - 1];
        self.advances.rotate_left(1);
        *self.advances.last_mut().expect("there are advances") = head + self.pace_m / f64::from(TICK_RATE_HZ);
    }

    fn steer(&mut self, number: usize) {
        let (now, before) = (self.slot(number, 0), self.slot(number, 3));
        let per_second = f64::from(TICK_RATE_HZ) / 3.0;
        let carried = ((now.0 - before.0) * per_second, (now.1 - before.1) * per_second);
        let unit = &mut self.units[number];
        let at = metres_between(CORNER, self.world.position(unit.id).expect("nobody is destroyed on the march"));
        let off = (now.0 - at.0, now.1 - at.1);
        if carried.0.hypot(carried.1) < 0.02 && off.0.hypot(off.1) < 0.3 {
            if !unit.is_resting {
                unit.is_resting = true;
                order(&mut self.world, unit.id, Action::Stop);
            }
            return;
        }
        unit.is_resting = false;
        let mut sway = |sway: f64| sway * 0.9 + self.chance.between(-0.12, 0.12);
        unit.sway = (sway(unit.sway.0), sway(unit.sway.1));
        let wanted = |carried: f64, off: f64, sway: f64| carried + 1.2 * (off + sway);
        let (x, y) = (wanted(carried.0, off.0, unit.sway.0), wanted(carried.1, off.1, unit.sway.1));
        steer(&mut self.world, unit.id, x, y, RUN_M);
    }
}

impl Scene for March {
    fn world(&self) -> &World {
        &self.world
    }

    fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    fn play(&mut self) {
        self.advance();
        let turn = self.world.tick() % STEER_TICKS;
        for number in (turn as usize..self.units.len()).step_by(STEER_TICKS as usize) {
            self.steer(number);
        }
    }
}

/// The corners of a square whose own corners are arcs.
fn rounded_square(side_m: f64) -> Vec<(f64, f64)> {
    let (low, high) = (WHEEL_M, side_m - WHEEL_M);
    let centres = [(high, low), (high, high), (low, high), (low, low)];
    let arc = |(index, centre): (usize, (f64, f64))| {
        (0..=24).map(move |part| {
            let angle = -FRAC_PI_2 + FRAC_PI_2 * (index as f64 + f64::from(part) / 24.0);
            (centre.0 + WHEEL_M * angle.cos(), centre.1 + WHEEL_M * angle.sin())
        })
    };
    centres.into_iter().enumerate().flat_map(arc).collect()
}
