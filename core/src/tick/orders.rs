//! What entities do about their orders.

use super::{
    outbox::{Outbox, PathRequest},
    region::Region,
    view::{Constants, View},
};
use crate::{
    command::{Action, Extent, Facts, Order, Subject, Target, is_ready, is_within},
    config::{Weapon, WorldConfig},
    entity::EntityId,
    event::{Event, Kind},
    physics::movement::{approach, far_length},
    space::{METRE, Position, SECTOR_SIDE, angle_of, cos_q15, sin_q15},
};

/// The value of the waypoint column while a path is looked for.
pub(crate) const PATH_PENDING: u16 = u16::MAX;

/// How near to a place is being there: 0.25 m.
const ARRIVED: i64 = METRE as i64 / 4;

impl Region {
    /// The velocity that a row's order asks for. Attacks fire here too.
    pub(super) fn wanted_velocity(
        &mut self,
        row: usize,
        view: &View,
        constants: &Constants,
        out: &mut Outbox,
    ) -> (i32, i32) {
        let columns = &self.columns;
        match columns.order[row] {
            order if order == Order::Velocity as u8 => (columns.goal_x[row] as i32, columns.goal_y[row] as i32),
            order if order == Order::MoveTo as u8 => self.walk(row, view, constants, out),
            order if order == Order::Attack as u8 => self.attack(row, view, constants, out),
            _ => (0, 0),
        }
    }

    fn walk(&mut self, row: usize, view: &View, constants: &Constants, out: &mut Outbox) -> (i32, i32) {
        let columns = &self.columns;
        if columns.waypoint[row] == PATH_PENDING {
            return (0, 0);
        }
        let (x, y) = (columns.goal_x[row] - i64::from(columns.x[row]), columns.goal_y[row] - i64::from(columns.y[row]));
        if x.abs() < ARRIVED && y.abs() < ARRIVED {
            self.stop(row, out);
            return (0, 0);
        }
        if let Some((x, y)) = self.next_waypoint(row, view) {
            let speed = self.speed_limit(row, &constants.config);
            // Corners are taken at full speed; only the goal is stopped at.
            let distance = far_length(x, y).max(1);
            let along = |part: i64| (part * i64::from(speed) / distance) as i32;
            return (along(x), along(y));
        }
        self.towards(row, (x, y), constants)
    }

    /// Which way a row's next waypoint is; `None` once only the goal is left.
    fn next_waypoint(&mut self, _row: usize, _view: &View) -> Option<(i64, i64)> {
        None
    }

    fn towards(&self, row: usize, (x, y): (i64, i64), constants: &Constants) -> (i32, i32) {
        let speed = self.speed_limit(row, &constants.config);
        approach(x, y, speed, self.columns.acceleration_max[row], constants)
    }

    fn speed_limit(&self, row: usize, config: &WorldConfig) -> i32 {
        let own = self.columns.speed_max[row];
        if own > 0 { own.min(config.speed_max) } else { config.speed_max }
    }

    fn attack(&mut self, row: usize, view: &View, constants: &Constants, out: &mut Outbox) -> (i32, i32) {
        let weapon = constants.config.weapons.get(usize::from(self.columns.weapon[row]).wrapping_sub(1));
        let target = self.target(self.columns.target[row], row, view);
        let (Some(weapon), Some(target)) = (weapon, target) else {
            self.stop(row, out);
            return (0, 0);
        };
        let Some(offset) = target.offset else { return (0, 0) };
        let in_range = is_within(offset, self.extent(row), target.extent, i64::from(weapon.range));
        if !in_range || !self.sees(row, offset, weapon, constants) {
            return self.towards(row, offset, constants);
        }
        // In range both parts are below 2^26.
        self.face(row, offset.0 as i32, offset.1 as i32);
        if is_ready(view.tick, self.columns.ready_tick[row], weapon.reload_ticks) {
            self.shoot(row, weapon, offset, view, constants, out);
        }
        (0, 0)
    }

    fn sees(&self, row: usize, (x, y): (i64, i64), weapon: &Weapon, constants: &Constants) -> bool {
        let from = (self.columns.x[row], self.columns.y[row]);
        self.wall_on_way(from, (x as i32, y as i32), weapon.projectile_radius, weapon.hits, constants).is_none()
    }

    /// Turns a row's heading along a direction.
    pub(super) fn face(&mut self, row: usize, x: i32, y: i32) {
        self.columns.heading[row] = angle_of(x, y);
    }

    /// Fires weapons that were told to, along their headings.
    pub(super) fn fire_as_told(&mut self, view: &View, constants: &Constants, out: &mut Outbox) {
        let mut told = std::mem::take(&mut self.told_to_fire);
        for (row, heading) in told.drain(..) {
            let row = row as usize;
            let number = usize::from(self.columns.weapon[row]).wrapping_sub(1);
            let Some(weapon) = constants.config.weapons.get(number) else { continue };
            if is_ready(view.tick, self.columns.ready_tick[row], weapon.reload_ticks) {
                self.columns.heading[row] = heading;
                let direction = (i64::from(cos_q15(heading)), i64::from(sin_q15(heading)));
                self.shoot(row, weapon, direction, view, constants, out);
            }
        }
        self.told_to_fire = told;
    }

    /// Makes a row forget its order.
    pub(super) fn stop(&mut self, row: usize, out: &mut Outbox) {
        if let Some(path) = self.forget_order(row) {
            out.paths_done.push(path);
        }
    }

    /// Makes a row forget its order; the path that it walked is returned, to be released.
    pub(crate) fn forget_order(&mut self, row: usize) -> Option<u32> {
        let columns = &mut self.columns;
        let path = columns.path[row];
        columns.order[row] = Order::None as u8;
        (columns.goal_x[row], columns.goal_y[row]) = (0, 0);
        (columns.path[row], columns.waypoint[row]) = (0, 0);
        columns.target[row] = EntityId::NULL;
        self.touch_cold(row as u32);
        (path != 0).then_some(path)
    }

    /// Does what a command that was checked says. What it has to say to the world goes into `out`.
    pub(crate) fn obey(&mut self, row: usize, action: Action, tick: u64, constants: &Constants, out: &mut Outbox) {
        match action {
            Action::Stop => self.stop(row, out),
            Action::SetVelocity { x, y } => {
                self.stop(row, out);
                self.columns.order[row] = Order::Velocity as u8;
                (self.columns.goal_x[row], self.columns.goal_y[row]) = (i64::from(x), i64::from(y));
            }
            Action::MoveTo(place) => {
                self.stop(row, out);
                let corner = Position { sector: self.sector, x: 0, y: 0 };
                // The check has seen that it is within reach.
                let Some(goal) = corner.offset_to(place) else { return };
                self.columns.order[row] = Order::MoveTo as u8;
                (self.columns.goal_x[row], self.columns.goal_y[row]) = goal;
                self.ask_for_path(row, goal, constants, out);
            }
            Action::Attack(target) => {
                self.stop(row, out);
                self.columns.order[row] = Order::Attack as u8;
                self.columns.target[row] = target;
            }
            Action::Fire { heading } => self.told_to_fire.push((row as u32, heading)),
            Action::Use(target) => self.tell(Kind::Used, row, target, 0, 0, tick, out),
            Action::Custom { kind, target, value } => {
                self.tell(Kind::Custom, row, target, u32::from(kind), value, tick, out);
            }
        }
        self.touch_cold(row as u32);
    }

    fn ask_for_path(&mut self, _row: usize, _goal: (i64, i64), _constants: &Constants, _out: &mut Outbox) {
        let _: Option<PathRequest> = None;
    }

    #[expect(clippy::too_many_arguments, reason = "they are the parts of an event")]
    fn tell(&self, kind: Kind, row: usize, object: EntityId, detail: u32, value: i64, tick: u64, out: &mut Outbox) {
        let at = Position::new(self.sector, i64::from(self.columns.x[row]), i64::from(self.columns.y[row]));
        out.events.push(Event::new(tick, kind, at, self.columns.id[row], object, detail, value));
    }

    /// What a check has to know of a row that is commanded.
    pub(crate) fn subject(&self, row: usize, taken_over: bool) -> Subject {
        let columns = &self.columns;
        Subject {
            position: Position { sector: self.sector, x: columns.x[row], y: columns.y[row] },
            extent: self.extent(row),
            owner: columns.owner[row],
            taken_over,
            team: columns.team[row],
            speed_max: columns.speed_max[row],
            acceleration_max: columns.acceleration_max[row],
            weapon: columns.weapon[row],
            ready_tick: columns.ready_tick[row],
        }
    }

    /// What a check has to know of a row that a command is about, as seen from another place.
    pub(crate) fn as_target(&self, row: usize, from: Position) -> Target {
        let columns = &self.columns;
        Target {
            offset: from.offset_to(Position { sector: self.sector, x: columns.x[row], y: columns.y[row] }),
            extent: self.extent(row),
            team: columns.team[row],
            health_max: columns.health_max[row],
        }
    }

    fn extent(&self, row: usize) -> Extent {
        Extent::new(self.columns.shape[row], self.columns.half_x[row], self.columns.half_y[row])
    }

    /// What a row knows of another entity, from the view.
    pub(super) fn target(&self, id: EntityId, row: usize, view: &View) -> Option<Target> {
        let (entry, sector) = view.entry(id)?;
        let (right, up) = self.sector.steps_to(sector);
        let side = i64::from(SECTOR_SIDE);
        let along = |steps: i64, from: i32, to: i32| {
            steps
                .checked_mul(side)?
                .checked_add(i64::from(to) - i64::from(from))
                .filter(|way| way.unsigned_abs() < 1 << 62)
        };
        let x = along(right, self.columns.x[row], entry.x);
        let y = along(up, self.columns.y[row], entry.y);
        Some(Target {
            offset: x.zip(y),
            extent: Extent::new(u8::from(entry.is_box()), entry.half_x, entry.half_y),
            team: entry.team,
            health_max: i32::from(entry.traits & crate::physics::index::Entry::MORTAL != 0),
        })
    }

    /// The facts for a command that a row gives itself.
    pub(super) fn facts(&self, row: usize, action: &Action, view: &View) -> Facts {
        let target = action.target();
        Facts {
            tick: view.tick,
            subject: Some(self.subject(row, false)),
            target: (!target.is_null()).then(|| self.target(target, row, view)).flatten(),
        }
    }
}
