//! A race of cars.

use muster_core::{Entity, EntityId, Execution, METRE, World, WorldConfig};

use super::{
    CORNER, Scene, TICK_RATE_HZ,
    chance::Chance,
    course::Course,
    measure::{extent, metres_between, place, steer, units},
};

/// The fastest that a car goes, in metres a second.
const TOP_M: f64 = 60.0;
/// Metres a second per second: speeding up, braking, and to the side in a corner.
const ACCELERATION_M: f64 = 9.0;
const BRAKING_M: f64 = 14.0;
const CORNERING_M: f64 = 18.0;
/// The middle of the circuit, in metres from the corner of the scene.
pub(super) const MIDDLE_M: (f64, f64) = (200.0, 140.0);
/// The circuit: a long straight, a hairpin, quick bends, a chicane.
const CIRCUIT_M: [(f64, f64); 16] = [
    (40.0, 20.0),
    (130.0, 16.0),
    (230.0, 16.0),
    (320.0, 22.0),
    (380.0, 60.0),
    (372.0, 115.0),
    (310.0, 125.0),
    (250.0, 95.0),
    (200.0, 110.0),
    (195.0, 165.0),
    (250.0, 205.0),
    (240.0, 255.0),
    (170.0, 265.0),
    (95.0, 225.0),
    (35.0, 175.0),
    (12.0, 90.0),
];

/// Cars that brake for corners, steer along a line of their own and pass each other.
#[derive(Debug)]
pub struct Race {
    world: World,
    chance: Chance,
    course: Course,
    /// The speed at which each metre of the circuit can be driven.
    limits_m: Vec<f64>,
    cars: Vec<Car>,
}

#[derive(Debug)]
struct Car {
    id: EntityId,
    /// Metres along the circuit.
    along_m: f64,
    /// Metres a second.
    speed_m: f64,
    /// How well it is driven, 0.85 to 1.
    skill: f64,
    /// How far left of the middle of the road it is driven, and wants to be.
    line_m: f64,
    wanted_m: f64,
    line_tick: u64,
}

impl Race {
    /// So many cars, one behind the other in two files.
    pub fn new(count: usize, seed: u64, execution: Execution) -> Self {
        let config = WorldConfig {
            seed,
            tick_rate_hz: TICK_RATE_HZ,
            entities_max: count.max(1) as u32,
            projectiles_max: 16,
            ..WorldConfig::default()
        };
        let mut world = World::new(config, None, execution).expect("the configuration is in bounds");
        let mut chance = Chance::new(seed);
        let course = Course::through(&CIRCUIT_M);
        let cars = (0..count)
            .map(|number| {
                let (along_m, line_m) = (-9.0 * (number / 2) as f64, if number % 2 == 0 { 2.5 } else { -2.5 });
                let (x, y) = beside(&course, along_m, line_m);
                let car = Entity {
                    half_x: extent(1.0),
                    mass: 1_200_000,
                    restitution: 60,
                    layers: 1,
                    collides: 1,
                    speed_max: units(TOP_M) as i32,
                    acceleration_max: 30 * METRE,
                    owner: 1 + number as u32,
                    kind: 1,
                    ..Entity::at(place(CORNER, x, y))
                };
                let id = world.spawn(&car).expect("there is room for the cars");
                let skill = chance.between(0.85, 1.0);
                Car { id, along_m, speed_m: 0.0, skill, line_m, wanted_m: line_m, line_tick: 0 }
            })
            .collect();
        let limits_m = limits(&course);
        Self { world, chance, course, limits_m, cars }
    }
}

impl Scene for Race {
    fn world(&self) -> &World {
        &self.world
    }

    fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    fn play(&mut self) {
        let Self { world, chance, course, limits_m, cars } = self;
        for car in cars {
            car.drive(world, chance, course, limits_m);
        }
    }
}

impl Car {
    fn drive(&mut self, world: &mut World, chance: &mut Chance, course: &Course, limits_m: &[f64]) {
        let seconds = 1.0 / f64::from(TICK_RATE_HZ);
        let at = metres_between(CORNER, world.position(self.id).expect("nobody is destroyed in a race"));
        let distance = |along: f64| {
            let place = course.at(along);
            (place.0 - at.0).hypot(place.1 - at.1)
        };
        while distance(self.along_m + 0.5) < distance(self.along_m) {
            self.along_m += 0.5;
        }
        if world.tick() >= self.line_tick {
            self.line_tick = world.tick() + chance.ticks(1.5, 6.0);
            self.wanted_m = chance.between(-4.0, 4.0);
        }
        self.line_m += (self.wanted_m - self.line_m).clamp(-2.0 * seconds, 2.0 * seconds);
        let limit = limits_m[self.along_m.rem_euclid(course.length_m()) as usize % limits_m.len()] * self.skill;
        let change = (limit - self.speed_m).clamp(-BRAKING_M * seconds, ACCELERATION_M * seconds);
        self.speed_m = (self.speed_m + change).max(3.0);
        let ahead = beside(course, self.along_m + 4.0 + 0.35 * self.speed_m, self.line_m);
        let way = (ahead.1 - at.1).atan2(ahead.0 - at.0);
        steer(world, self.id, self.speed_m * way.cos(), self.speed_m * way.sin(), TOP_M);
    }
}

/// A place so many metres left of the middle of the road.
fn beside(course: &Course, along_m: f64, left_m: f64) -> (f64, f64) {
    let (at, heading) = (course.at(along_m), course.heading(along_m));
    (at.0 - left_m * heading.sin(), at.1 + left_m * heading.cos())
}

/// What speed every metre of a circuit allows: that of its own bend, and no more than can be braked away before the next.
fn limits(course: &Course) -> Vec<f64> {
    let count = course.length_m() as usize;
    let bend = |at: usize| (CORNERING_M / course.curvature(at as f64).abs().max(1e-6)).sqrt().min(TOP_M);
    let mut limits: Vec<f64> = (0..count).map(bend).collect();
    // Twice round, since the last metre is before the first.
    for at in (0..2 * count).rev() {
        let next = limits[(at + 1) % count];
        limits[at % count] = limits[at % count].min((next * next + 2.0 * BRAKING_M).sqrt());
    }
    limits
}
