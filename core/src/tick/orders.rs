//! What entities do about their orders.

use super::{
    flight::Sighting,
    outbox::{Outbox, PathRequest},
    region::Region,
    view::{Constants, View},
};
use crate::{
    bot::{SEEN_MAX, Sight},
    command::{Action, Command, Extent, Facts, Order, Subject, Target, is_ready, is_within},
    config::{Weapon, WorldConfig},
    entity::{EntityId, FLAG_AVOIDS},
    event::{Event, Kind},
    navigation::{Neighbour, Walker, avoid},
    physics::movement::{approach, far_length},
    space::{METRE, Position, SECTOR_SIDE, angle_of, cos_q15, sin_q15},
};

/// The value of the waypoint column while a path is looked for.
pub(crate) const PATH_PENDING: u16 = u16::MAX;

/// How near to a place is being there: 0.25 m.
const ARRIVED: i64 = METRE as i64 / 4;

/// How far a target may move before another path to it is asked for: 4 m.
const STRAYED: i64 = 4 * METRE as i64;

/// How near to a goal is being there when a wall is between: 2 m.
const AT_WALL: i64 = 2 * METRE as i64;

/// How many cells around an entity a path may begin in.
const FREE_REACH: u32 = 3;

/// How many ticks lie between two looks ahead along a path.
const LOOKS_TICKS: u64 = 16;

/// How far an entity looks for others that it steers round: 4 m.
const NOTICED: i32 = 4 * METRE;

/// How near to a waypoint an entity turns to the next, beside half of its own radius: 0.25 m.
const TURNS: i64 = METRE as i64 / 4;

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
            order if order == Order::MoveTo as u8 => {
                let wanted = self.walk(row, view, constants, out);
                self.steer_round(row, wanted, view)
            }
            order if order == Order::Attack as u8 => self.attack(row, view, constants, out),
            _ => (0, 0),
        }
    }

    fn walk(&mut self, row: usize, view: &View, constants: &Constants, out: &mut Outbox) -> (i32, i32) {
        let columns = &self.columns;
        let (x, y) = (columns.goal_x[row] - i64::from(columns.x[row]), columns.goal_y[row] - i64::from(columns.y[row]));
        if x.abs() < ARRIVED && y.abs() < ARRIVED && columns.waypoint[row] != PATH_PENDING {
            self.stop(row, out);
            return (0, 0);
        }
        self.follow_path(row, (x, y), view, constants, out)
    }

    /// Goes after a target that cannot be hit from here, on a path where walls are in the way.
    fn pursue(
        &mut self,
        row: usize,
        offset: (i64, i64),
        view: &View,
        constants: &Constants,
        out: &mut Outbox,
    ) -> (i32, i32) {
        if constants.map.is_none() {
            return self.towards(row, offset, constants);
        }
        let columns = &mut self.columns;
        let at = (i64::from(columns.x[row]) + offset.0, i64::from(columns.y[row]) + offset.1);
        let has_moved = (columns.goal_x[row] - at.0).abs() > STRAYED || (columns.goal_y[row] - at.1).abs() > STRAYED;
        if has_moved && columns.waypoint[row] != PATH_PENDING {
            (columns.goal_x[row], columns.goal_y[row]) = at;
            self.ask_again(row, constants, out);
        }
        self.follow_path(row, offset, view, constants, out)
    }

    /// The velocity along a row's path, or straight to what is `offset` away where there is none.
    ///
    /// Now and then it looks ahead: a waypoint is left out when the one behind it is in sight, as for those whom a crowd
    /// has carried past it, and another path is asked for when a wall has come in the way.
    fn follow_path(
        &mut self,
        row: usize,
        offset: (i64, i64),
        view: &View,
        constants: &Constants,
        out: &mut Outbox,
    ) -> (i32, i32) {
        if self.columns.waypoint[row] == PATH_PENDING {
            // It goes on as it went until the path is there.
            return (self.columns.velocity_x[row], self.columns.velocity_y[row]);
        }
        let looks = (view.tick.wrapping_add(self.columns.id[row].bits())).is_multiple_of(LOOKS_TICKS);
        let mut next = self.next_waypoint(row, view, constants);
        if looks && constants.map.is_some() {
            let behind = next.and_then(|_| self.waypoint_ahead(row, 1, view, constants));
            if next.is_some() && !self.is_blocked(row, behind.unwrap_or(offset), constants) {
                self.columns.waypoint[row] += 1;
                self.touch_cold(row as u32);
                next = behind;
            } else if self.is_blocked(row, next.unwrap_or(offset), constants) {
                let is_there = offset.0.abs() < AT_WALL && offset.1.abs() < AT_WALL;
                if next.is_none() && is_there && self.columns.order[row] == Order::MoveTo as u8 {
                    self.stop(row, out);
                    return (0, 0);
                }
                self.ask_again(row, constants, out);
                return (self.columns.velocity_x[row], self.columns.velocity_y[row]);
            }
        }
        let Some((x, y)) = next else { return self.towards(row, offset, constants) };
        let speed = self.speed_limit(row, &constants.config);
        // Corners are taken at full speed; only the goal is stopped at.
        let distance = far_length(x, y).max(1);
        let along = |part: i64| (part * i64::from(speed) / distance) as i32;
        (along(x), along(y))
    }

    /// Which way a row's next waypoint is; `None` once only the goal is left. Those that it has come to are behind it.
    fn next_waypoint(&mut self, row: usize, view: &View, constants: &Constants) -> Option<(i64, i64)> {
        loop {
            let (x, y) = self.waypoint_ahead(row, 0, view, constants)?;
            let near = TURNS + (i64::from(self.columns.half_x[row]) << 7);
            if x.abs() > near || y.abs() > near {
                return Some((x, y));
            }
            self.columns.waypoint[row] += 1;
            self.touch_cold(row as u32);
        }
    }

    /// Which way a waypoint is, the next one being 0 ahead. The last one is the middle of the goal's cell, which the goal
    /// itself stands for.
    fn waypoint_ahead(&self, row: usize, ahead: u16, view: &View, constants: &Constants) -> Option<(i64, i64)> {
        let path = self.columns.path[row];
        if path == 0 {
            return None;
        }
        let waypoints = view.navigator.as_ref()?.paths().waypoints(path)?;
        let shift = self.map_shift(constants)?;
        let next = usize::from(self.columns.waypoint[row]) + usize::from(ahead);
        let (x, y) = *waypoints.get(next).filter(|_| next + 1 < waypoints.len())?;
        let along = |to: i32, shift: i32, from: i32| i64::from(to) - i64::from(shift) - i64::from(from);
        Some((along(x, shift.0, self.columns.x[row]), along(y, shift.1, self.columns.y[row])))
    }

    /// Whether a wall is between a row and what is `offset` away. It counts as a little slimmer than it is, so that a wall
    /// that it touches is none.
    fn is_blocked(&self, row: usize, offset: (i64, i64), constants: &Constants) -> bool {
        let (Ok(x), Ok(y)) = (i32::try_from(offset.0), i32::try_from(offset.1)) else { return false };
        let columns = &self.columns;
        let from = (columns.x[row], columns.y[row]);
        let radius = i32::from(columns.half_x[row]) * 192;
        self.wall_on_way(from, (x, y), radius, columns.collides[row], constants).is_some()
    }

    /// Gives a row's path back and asks for one from where it is now to its goal.
    fn ask_again(&mut self, row: usize, constants: &Constants, out: &mut Outbox) {
        let path = std::mem::take(&mut self.columns.path[row]);
        out.paths_done.extend((path != 0).then_some(path));
        self.columns.waypoint[row] = 0;
        let goal = (self.columns.goal_x[row], self.columns.goal_y[row]);
        self.ask_for_path(row, goal, constants, out);
        self.touch_cold(row as u32);
    }

    /// What is added to coordinates of the region's sector to have the map's.
    fn map_shift(&self, constants: &Constants) -> Option<(i32, i32)> {
        constants.map.as_ref()?.local(Position { sector: self.sector, x: 0, y: 0 })
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
        // It is shot at where the player saw it, and gone after where it is.
        let ago = weapon.looks_back(self.columns.order_rewind.get(row).copied().unwrap_or(0));
        let seen = self.seen(self.columns.target[row], offset, ago, view);
        let in_range = is_within(seen, self.extent(row), target.extent, i64::from(weapon.range));
        if !in_range || !self.sees(row, seen, weapon, constants) {
            return self.pursue(row, offset, view, constants, out);
        }
        // In range both parts are below 2^26.
        self.face(row, seen.0 as i32, seen.1 as i32);
        if is_ready(view.tick, self.columns.ready_tick[row], weapon.reload_ticks) {
            self.shoot(row, weapon, Sighting { direction: seen, ago }, view, constants, out);
        }
        (0, 0)
    }

    /// Where an entity that is `offset` away was so many ticks ago, from where the row is now.
    fn seen(&self, id: EntityId, offset: (i64, i64), ago: u8, view: &View) -> (i64, i64) {
        let Some((entry, _)) = view.entry(id).filter(|_| ago > 0) else { return offset };
        let (x, y) = view.judged(entry, ago);
        (offset.0 + i64::from(x) - i64::from(entry.x), offset.1 + i64::from(y) - i64::from(entry.y))
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
        for (row, heading, ago) in told.drain(..) {
            let row = row as usize;
            let number = usize::from(self.columns.weapon[row]).wrapping_sub(1);
            let Some(weapon) = constants.config.weapons.get(number) else { continue };
            if is_ready(view.tick, self.columns.ready_tick[row], weapon.reload_ticks) {
                self.columns.heading[row] = heading;
                let direction = (i64::from(cos_q15(heading)), i64::from(sin_q15(heading)));
                self.shoot(row, weapon, Sighting { direction, ago }, view, constants, out);
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
        if let Some(rewind) = columns.order_rewind.get_mut(row) {
            *rewind = 0;
        }
        self.touch_cold(row as u32);
        (path != 0).then_some(path)
    }

    /// Does what a command that was checked says. What it has to say to the world goes into `out`.
    pub(crate) fn obey(&mut self, row: usize, command: &Command, tick: u64, constants: &Constants, out: &mut Outbox) {
        let rewind = command.rewind.min(constants.config.rewind_ticks);
        match command.action {
            Action::Stop => self.stop(row, out),
            Action::SetVelocity { x, y } => {
                self.stop(row, out);
                self.columns.order[row] = Order::Velocity as u8;
                (self.columns.goal_x[row], self.columns.goal_y[row]) = (i64::from(x), i64::from(y));
            }
            Action::MoveTo(place) => {
                // Who follows another keeps it in mind on the way to where it was.
                let target = self.columns.target[row];
                self.stop(row, out);
                self.columns.target[row] = target;
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
                if let Some(place) = self.columns.order_rewind.get_mut(row) {
                    *place = rewind;
                }
            }
            Action::Fire { heading } => self.told_to_fire.push((row as u32, heading, rewind)),
            Action::Use(target) => self.tell(Kind::Used, row, target, 0, 0, tick, out),
            Action::Custom { kind, target, value } => {
                self.tell(Kind::Custom, row, target, u32::from(kind), value, tick, out);
            }
        }
        self.touch_cold(row as u32);
    }

    /// Asks for a path to a goal that is not in a straight line. Where there is no map, it goes straight.
    fn ask_for_path(&mut self, row: usize, goal: (i64, i64), constants: &Constants, out: &mut Outbox) {
        let Some((map, shift)) = constants.map.as_ref().zip(self.map_shift(constants)) else { return };
        let from = (self.columns.x[row] + shift.0, self.columns.y[row] + shift.1);
        let along = |goal: i64, shift: i32| goal.checked_add(i64::from(shift)).and_then(|at| i32::try_from(at).ok());
        let Some(to) = along(goal.0, shift.0).zip(along(goal.1, shift.1)) else { return };
        let cells = map.grid().cell_of(from.0, from.1).zip(map.grid().cell_of(to.0, to.1));
        // Who stands at a wall, where nobody could walk, begins at the nearest place where one can; a goal at a wall is
        // come near to.
        let free = |cells: ((u32, u32), (u32, u32))| {
            let to = map.grid().nearest_free(cells.1, 1).unwrap_or(cells.1);
            (map.grid().nearest_free(cells.0, FREE_REACH).unwrap_or(cells.0), to)
        };
        let Some((from_cell, to_cell)) = cells.map(free) else { return };
        let radius = i32::from(self.columns.half_x[row]) << 8;
        let way = (to.0 - from.0, to.1 - from.1);
        if map.walls().raycast(from.0, from.1, way.0, way.1, radius, self.columns.collides[row]).is_none() {
            return;
        }
        self.columns.waypoint[row] = PATH_PENDING;
        out.path_requests.push(PathRequest { entity: self.columns.id[row], from: from_cell, to: to_cell });
    }

    /// The path that a row has asked for is there; without one it stays where it is. Returns a path that nobody walks.
    pub(crate) fn take_path(&mut self, row: usize, path: Option<u32>) -> Option<u32> {
        let columns = &mut self.columns;
        if columns.waypoint[row] != PATH_PENDING {
            return path;
        }
        let Some(path) = path else {
            self.forget_order(row);
            return None;
        };
        // The first waypoint is the middle of the cell that it stands in.
        (columns.path[row], columns.waypoint[row]) = (path, 1);
        self.touch_cold(row as u32);
        None
    }

    /// A path cannot be asked for now: the row goes straight.
    pub(crate) fn go_straight(&mut self, row: usize) {
        if self.columns.waypoint[row] == PATH_PENDING {
            self.columns.waypoint[row] = 0;
            self.touch_cold(row as u32);
        }
    }

    /// The velocity that leads round others, from the one that leads to where a row wants to go.
    pub(super) fn steer_round(&self, row: usize, wanted: (i32, i32), view: &View) -> (i32, i32) {
        let columns = &self.columns;
        let is_careful = columns.bot[row] != 0 || columns.flags[row] & FLAG_AVOIDS != 0;
        if wanted == (0, 0) || !is_careful {
            return wanted;
        }
        let (x, y) = (columns.x[row], columns.y[row]);
        let own = columns.id[row].slot();
        let mut near = Sight::new(NOTICED);
        view.for_each_near(
            self.number,
            (x - NOTICED, y - NOTICED),
            (x + NOTICED, y + NOTICED),
            |entry, shift_x, shift_y| {
                if own != Some(entry.slot) && entry.layers & columns.collides[row] != 0 {
                    let (right, up) = (i64::from(entry.x + shift_x - x), i64::from(entry.y + shift_y - y));
                    near.handle_enemy(view.directory.id_in(entry.slot), right, up);
                }
            },
        );
        let mut neighbours = [Neighbour { offset: (0, 0), velocity: (0, 0), radius: 0 }; SEEN_MAX];
        for (neighbour, seen) in neighbours.iter_mut().zip(near.nearest_first()) {
            let (entry, _) = view.entry(seen.id).expect("what is in an index lives");
            *neighbour = Neighbour {
                offset: (seen.x, seen.y),
                velocity: (entry.velocity_x, entry.velocity_y),
                radius: entry.half_width().max(entry.half_height()),
            };
        }
        let walker = Walker { desired: wanted, radius: i32::from(columns.half_x[row]) << 8 };
        avoid(&walker, &neighbours[..near.nearest_first().len()])
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

    /// What a check has to know of a row that a command is about, as it was seen from another place so many ticks before
    /// a tick.
    pub(crate) fn as_target(&self, row: usize, from: Position, tick: u64, ago: u8) -> Target {
        let columns = &self.columns;
        let (x, y) = columns.judged(row, tick, ago);
        Target {
            offset: from.offset_to(Position::new(self.sector, x.into(), y.into())),
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
