//! Bodies that rest until a large one rolls through them.

use std::f64::consts::TAU;

use muster_core::{Column, Entity, EntityId, Execution, METRE, Position, World, WorldConfig, command::Action};

use super::{
    CORNER, Scene, TICK_RATE_HZ,
    chance::Chance,
    measure::{extent, metres_between, order, place, short_way, steer, turn, units},
};

/// The side of the square in which bodies lie, in metres.
pub(super) const SIDE_M: f64 = 48.0;
/// The radius of the large one, in metres.
const BALL_M: f64 = 3.5;
/// The fastest that the large one rolls, in metres a second.
const ROLL_M: f64 = 7.0;
/// How near to the large one's edge bodies are drawn along, in metres.
const PULL_M: f64 = 2.0;
/// The fastest of the small ones, in metres a second.
const FLING_M: f64 = 12.0;

/// 900 bodies on the ground and one that rolls through them, pushes them, draws some along for a while and loses them
/// again. What moves tumbles: it turns by as much as it moves, one way or the other. What is left alone comes to rest.
#[derive(Debug)]
pub struct Katamari {
    world: World,
    chance: Chance,
    ball: EntityId,
    /// The direction in which the large one is rolled, in radians, and the one that it turns to.
    way: f64,
    wanted: f64,
    speed_m: f64,
    change_tick: u64,
    bodies: Vec<Body>,
}

#[derive(Debug)]
struct Body {
    id: EntityId,
    radius_m: f64,
    /// Which way round it tumbles.
    spin: f64,
    heading: f64,
    /// The tick until which the large one draws it along, if it does.
    held_until: Option<u64>,
}

impl Katamari {
    /// So many bodies in all, the large one among them.
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
        let ball = Entity {
            half_x: extent(BALL_M),
            mass: 12_000_000,
            // It is no body to the core, whose drives yield to those who stand in the way: it shoves by itself.
            speed_max: units(ROLL_M) as i32,
            acceleration_max: 12 * METRE,
            kind: 1,
            owner: 1,
            ..Entity::at(place(CORNER, -5.0, SIDE_M / 2.0))
        };
        let ball = world.spawn(&ball).expect("there is room for the large one");
        let small = count.saturating_sub(1);
        let columns = (small as f64).sqrt().ceil().max(1.0);
        let cell = SIDE_M / columns;
        let bodies = (0..small)
            .map(|index| {
                let (column, row) = (index as f64 % columns, (index as f64 / columns).floor());
                let mut along = |cells: f64| (cells + 0.5) * cell + chance.between(-0.3, 0.3);
                let (x, y) = (along(column), along(row));
                let (radius_m, heading) = (chance.between(0.2, 0.45), chance.between(0.0, TAU));
                let body = Entity {
                    half_x: extent(radius_m),
                    mass: (radius_m * radius_m * 200_000.0) as u32,
                    restitution: 40,
                    layers: 1,
                    collides: 1,
                    speed_max: units(FLING_M) as i32,
                    // The ground brakes what nothing drives.
                    acceleration_max: 4 * METRE,
                    heading: turn(heading),
                    ..Entity::at(place(CORNER, x, y))
                };
                let id = world.spawn(&body).expect("there is room for the bodies");
                Body { id, radius_m, spin: chance.sign(), heading, held_until: None }
            })
            .collect();
        Self { world, chance, ball, way: 0.0, wanted: 0.0, speed_m: 0.0, change_tick: 0, bodies }
    }

    /// The player of the large one: rolls about, turns, stops now and then, and stays near the bodies.
    fn roll(&mut self, at: (f64, f64)) {
        let now = self.world.tick();
        if now >= self.change_tick {
            self.change_tick = now + self.chance.ticks(0.5, 3.0);
            self.wanted = self.way + self.chance.between(-1.6, 1.6);
            self.speed_m = if self.chance.unit() < 0.12 { 0.0 } else { self.chance.between(3.0, ROLL_M) };
        }
        if at.0 < 0.0 || at.1 < 0.0 || at.0 > SIDE_M || at.1 > SIDE_M {
            self.wanted = (SIDE_M / 2.0 - at.1).atan2(SIDE_M / 2.0 - at.0);
            self.speed_m = self.speed_m.max(3.0);
        }
        let step = 2.5 / f64::from(TICK_RATE_HZ);
        self.way += short_way(self.way, self.wanted).clamp(-step, step);
        steer(&mut self.world, self.ball, self.speed_m * self.way.cos(), self.speed_m * self.way.sin(), ROLL_M);
    }
}

impl Scene for Katamari {
    fn world(&self) -> &World {
        &self.world
    }

    fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    fn play(&mut self) {
        let ball = self.world.position(self.ball).expect("nothing is destroyed here");
        self.roll(metres_between(CORNER, ball));
        let rolls = (self.speed_m * self.way.cos(), self.speed_m * self.way.sin());
        let Self { world, chance, bodies, .. } = self;
        for body in bodies {
            body.tumble(world, chance, ball, rolls);
        }
    }
}

impl Body {
    fn tumble(&mut self, world: &mut World, chance: &mut Chance, ball: Position, rolls: (f64, f64)) {
        let value = |world: &World, column| world.value(self.id, column).expect("nothing is destroyed here");
        let velocity = (value(world, Column::VelocityX), value(world, Column::VelocityY));
        let speed_m = super::metres(velocity.0).hypot(super::metres(velocity.1));
        let to = metres_between(world.position(self.id).expect("nothing is destroyed here"), ball);
        let gap = to.0.hypot(to.1) - BALL_M - self.radius_m;
        let now = world.tick();
        match self.held_until {
            None if gap < 0.1 && chance.unit() < 0.3 => self.held_until = Some(now + chance.ticks(1.0, 9.0)),
            Some(until) if now >= until || gap > PULL_M * 3.0 => {
                self.held_until = None;
                order(world, self.id, Action::Stop);
            }
            Some(_) => {
                // Along with the large one and round it, as far as others in the way let it.
                let distance = to.0.hypot(to.1).max(0.1);
                let (toward, aside) = ((gap * 4.0).clamp(0.5, 6.0) / distance, self.spin * 2.0 / distance);
                let (x, y) = (to.0 * toward - to.1 * aside, to.1 * toward + to.0 * aside);
                steer(world, self.id, x, y, FLING_M);
            }
            None if gap < 0.0 => {
                // What it rolls against is shoved aside and along.
                let distance = to.0.hypot(to.1).max(0.1);
                let out = (-gap * 10.0).min(4.0) / distance;
                let (x, y) = (rolls.0 * 0.8 - to.0 * out, rolls.1 * 0.8 - to.1 * out);
                let mut write = |column, speed: f64| {
                    world.set(self.id, column, units(speed)).expect("it is there and no faster than the world allows");
                };
                write(Column::VelocityX, x);
                write(Column::VelocityY, y);
            }
            None => {}
        }
        if speed_m > 0.01 {
            // A body rolls without slipping: a turn for each circumference.
            self.heading += self.spin * speed_m / self.radius_m / f64::from(TICK_RATE_HZ);
            world.set(self.id, Column::Heading, i64::from(turn(self.heading))).expect("it is there");
        }
    }
}
