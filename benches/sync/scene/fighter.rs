//! One fighter of a camp: what a player does with keys and a mouse, or with clicks.

use std::f64::consts::{PI, TAU};

use muster_core::{Column, EntityId, World, command::Action, world::Filter};

use super::{
    AMMUNITION, CORNER, TICK_RATE_HZ,
    chance::Chance,
    measure::{metres_between, order, place, short_way, steer, turn, units},
};

/// How fast a player turns, in radians a second.
const TURN_RATE: f64 = 4.7;
/// How far players notice enemies, in metres.
const SIGHT_M: f64 = 35.0;
/// Seconds until a fighter comes back.
const AWAY_S: (f64, f64) = (0.5, 1.5);

/// How a fighter is moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    /// Keys say which way relative to the aim, the mouse turns the aim.
    Keys,
    /// Clicks on places and enemies.
    Clicks,
    /// A behaviour of the core.
    Bot,
}

/// A fighter and what its player has in mind.
#[derive(Debug)]
pub(super) struct Fighter {
    pub(super) id: EntityId,
    pub(super) team: u16,
    pub(super) style: Style,
    /// Metres a second.
    pub(super) speed_m: f64,
    /// 0 none, 1 blade, 2 rifle.
    pub(super) weapon: u8,
    /// The tick at which it comes back, once it is known to be gone.
    due_tick: Option<u64>,
    target: EntityId,
    look_tick: u64,
    /// Where it is going while there is nobody to fight, in metres from the corner.
    goal: (f64, f64),
    /// The direction it looks in, in radians.
    aim: f64,
    /// By how much its hand is off, in radians.
    aim_error: f64,
    /// Which keys are down: the way relative to the aim and the part of its speed.
    keys: (f64, f64),
    keys_tick: u64,
    ready_tick: u64,
}

impl Fighter {
    pub(super) fn new(team: u16, style: Style, is_armed: bool, chance: &mut Chance) -> Self {
        Self {
            id: EntityId::NULL,
            team,
            style,
            speed_m: chance.between(3.5, 6.0),
            weapon: if is_armed { 1 + u8::from(chance.unit() < 0.6) } else { 0 },
            due_tick: None,
            target: EntityId::NULL,
            look_tick: 0,
            goal: (0.0, 0.0),
            aim: chance.between(0.0, TAU),
            aim_error: 0.0,
            keys: (0.0, 0.0),
            keys_tick: 0,
            ready_tick: 0,
        }
    }

    /// It lives from now on.
    pub(super) fn begin(&mut self, id: EntityId, chance: &mut Chance) {
        self.id = id;
        self.due_tick = None;
        self.target = EntityId::NULL;
        (self.look_tick, self.keys_tick) = (0, 0);
        self.goal = (chance.between(0.0, 1.0), chance.between(0.0, 1.0));
    }

    /// Whether one that is gone comes back now.
    pub(super) fn is_due(&mut self, world: &World, chance: &mut Chance) -> bool {
        let now = world.tick();
        let due = *self.due_tick.get_or_insert_with(|| now + chance.ticks(AWAY_S.0, AWAY_S.1));
        now >= due
    }

    /// What its player does after a tick.
    pub(super) fn play(&mut self, world: &mut World, chance: &mut Chance, side_m: f64, near: &mut Vec<EntityId>) {
        match self.style {
            Style::Keys => self.play_keys(world, chance, side_m, near),
            Style::Clicks => self.play_clicks(world, chance, side_m, near),
            Style::Bot => {}
        }
    }

    fn play_clicks(&mut self, world: &mut World, chance: &mut Chance, side_m: f64, near: &mut Vec<EntityId>) {
        if world.tick() < self.look_tick {
            return;
        }
        self.look_tick = world.tick() + chance.ticks(0.4, 2.5);
        self.find_target(world, chance, near);
        if self.weapon != 0 && !self.target.is_null() && chance.unit() < 0.6 {
            order(world, self.id, Action::Attack(self.target));
            return;
        }
        let at = metres_between(CORNER, world.position(self.id).expect("it is alive"));
        let mut along = |at: f64| (at + chance.between(-25.0, 25.0)).clamp(0.0, side_m);
        let (x, y) = (along(at.0), along(at.1));
        order(world, self.id, Action::MoveTo(place(CORNER, x, y)));
    }

    fn play_keys(&mut self, world: &mut World, chance: &mut Chance, side_m: f64, near: &mut Vec<EntityId>) {
        let now = world.tick();
        if now >= self.look_tick || !world.is_alive(self.target) {
            self.find_target(world, chance, near);
            self.look_tick = now + chance.ticks(0.5, 3.0);
        }
        let position = world.position(self.id).expect("it is alive");
        let at = metres_between(CORNER, position);
        let to = match world.position(self.target) {
            Ok(target) => metres_between(position, target),
            Err(_) => self.way_to_goal(at, chance, side_m),
        };
        let distance = to.0.hypot(to.1);
        let off = self.turn_aim(to.1.atan2(to.0), chance);
        let is_hurt = world.value(self.id, Column::Health).expect("it is alive") < 30;
        if now >= self.keys_tick {
            self.keys_tick = now + chance.ticks(0.15, 1.1);
            self.keys = self.press(distance, is_hurt, chance);
        }
        let outside = at.0 < 0.0 || at.1 < 0.0 || at.0 > side_m || at.1 > side_m;
        let (way, part) = if outside {
            ((side_m / 2.0 - at.1).atan2(side_m / 2.0 - at.0), 1.0)
        } else {
            (self.aim + self.keys.0, self.keys.1)
        };
        let speed = self.speed_m * part;
        steer(world, self.id, speed * way.cos(), speed * way.sin(), self.speed_m);
        if self.weapon != 0
            && !self.target.is_null()
            && distance < self.reach_m()
            && off.abs() < 0.2
            && now >= self.ready_tick
        {
            self.ready_tick = now + 42;
            order(world, self.id, Action::Fire { heading: turn(self.aim) });
            let left = world.value(self.id, Column::Attribute(AMMUNITION)).expect("it is alive");
            self.write(world, Column::Attribute(AMMUNITION), (left + 299) % 300);
        }
        // Who moves by keys looks where the mouse aims, whatever way it goes.
        self.write(world, Column::Heading, i64::from(turn(self.aim)));
        self.write(world, Column::Target, self.target.bits().cast_signed());
        let state = if is_hurt { 3 } else { 1 + i64::from(!self.target.is_null()) };
        if world.value(self.id, Column::State) != Ok(state) {
            self.write(world, Column::State, state);
        }
    }

    /// Turns the aim towards a direction as fast as a hand does; how far it still is off.
    fn turn_aim(&mut self, wanted: f64, chance: &mut Chance) -> f64 {
        // The hand wanders, and comes back within a quarter of a second.
        self.aim_error += chance.between(-0.02, 0.02) - self.aim_error / 15.0;
        let off = short_way(self.aim, wanted + self.aim_error);
        let step = TURN_RATE / f64::from(TICK_RATE_HZ);
        // A hand slows down near its aim.
        self.aim = (self.aim + (off * 0.25).clamp(-step, step)).rem_euclid(TAU);
        off
    }

    /// Which keys a player presses next.
    fn press(&self, distance: f64, is_hurt: bool, chance: &mut Chance) -> (f64, f64) {
        let (side, luck) = (chance.sign(), chance.unit());
        if self.target.is_null() {
            return if luck < 0.12 { (0.0, 0.0) } else { (side * PI / 4.0 * (chance.below(4) / 3) as f64, 1.0) };
        }
        if is_hurt {
            return (side * PI * if luck < 0.5 { 1.0 } else { 0.75 }, 0.8);
        }
        if distance > self.reach_m() * 0.8 {
            return (side * PI / 4.0 * (chance.below(3) / 2) as f64, 1.0);
        }
        match luck {
            luck if luck < 0.18 => (0.0, 0.0),
            luck if luck < 0.65 => (side * PI / 2.0, 0.9),
            luck if luck < 0.82 => (side * PI / 4.0, 1.0),
            _ => (side * PI * 0.75, 0.7),
        }
    }

    fn way_to_goal(&mut self, at: (f64, f64), chance: &mut Chance, side_m: f64) -> (f64, f64) {
        let way = |goal: (f64, f64)| (goal.0 * side_m - at.0, goal.1 * side_m - at.1);
        let to = way(self.goal);
        if to.0.hypot(to.1) < 3.0 {
            self.goal = (chance.unit(), chance.unit());
        }
        way(self.goal)
    }

    fn find_target(&mut self, world: &mut World, chance: &mut Chance, near: &mut Vec<EntityId>) {
        let filter = Filter { except_team: self.team, ..Filter::default() };
        let position = world.position(self.id).expect("it is alive");
        world.nearest(position, units(SIGHT_M), 3, &filter, near);
        self.target = if near.is_empty() { EntityId::NULL } else { near[chance.below(near.len())] };
    }

    fn reach_m(&self) -> f64 {
        if self.weapon == 1 { 2.2 } else { 24.0 }
    }

    fn write(&self, world: &mut World, column: Column, value: i64) {
        world.set(self.id, column, value).expect("it is alive and the value is in range");
    }
}
