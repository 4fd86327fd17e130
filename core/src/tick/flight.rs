//! How projectiles fly, and what shots do to what they hit.

use super::{
    message::{Damage, Shot},
    outbox::Outbox,
    region::Region,
    view::{Constants, View},
};
use crate::{
    config::Weapon,
    entity::EntityId,
    event::{Event, Kind},
    physics::{
        index::Entry,
        sweep::{Aim, along, first_on_way},
    },
    space::{Position, SECTOR_SIDE, angle_of, length},
};

/// What is common to a projectile and a shot that hits at once.
struct Flight {
    from: (i32, i32),
    way: (i32, i32),
    radius: i32,
    damage: i32,
    aim: Aim,
    /// How many ticks ago it meets the others.
    ago: u8,
}

/// Which way a weapon is fired, and how many ticks ago whoever fires it saw the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting {
    pub(super) direction: (i64, i64),
    pub(super) ago: u8,
}

impl Region {
    /// Moves every projectile by a tick; what hits or has flown far enough is gone.
    pub(super) fn fly(&mut self, view: &View, constants: &Constants, out: &mut Outbox) {
        let mut shots = std::mem::take(&mut self.shots);
        shots.retain_mut(|shot| {
            let whole = (constants.way(shot.velocity_x), constants.way(shot.velocity_y));
            let distance = length(i64::from(whole.0), i64::from(whole.1));
            let range = i64::from(shot.range);
            let is_last = range <= distance;
            let way = if is_last { cut(whole, range, distance) } else { whole };
            let flight = Flight {
                from: (shot.x, shot.y),
                way,
                radius: shot.radius,
                damage: shot.damage,
                aim: Aim { hits: shot.hits, spares: shot.shooter, team: shot.team },
                ago: 0,
            };
            if self.hit(&flight, shot.shooter, view, constants, out) || is_last {
                return false;
            }
            shot.range -= distance as i32;
            (shot.x, shot.y) = (shot.x + way.0, shot.y + way.1);
            let is_inside = (0..SECTOR_SIDE).contains(&shot.x) && (self.low..self.high).contains(&shot.y);
            if !is_inside {
                out.send_shot(self.sector, *shot);
            }
            is_inside
        });
        self.shots = shots;
    }

    /// Fires the weapon of a row.
    pub(super) fn shoot(
        &mut self,
        row: usize,
        weapon: &Weapon,
        sighting: Sighting,
        view: &View,
        constants: &Constants,
        out: &mut Outbox,
    ) {
        let columns = &mut self.columns;
        columns.ready_tick[row] = (view.tick as u32).wrapping_add(weapon.reload_ticks);
        let shooter = columns.id[row];
        let from = (columns.x[row], columns.y[row]);
        let team = if weapon.friendly_fire { 0 } else { columns.team[row] };
        let number = columns.weapon[row];
        self.touch_cold(row as u32);
        let direction = sighting.direction;
        let length = length(direction.0, direction.1);
        let (x, y) = if length == 0 { (1, 0) } else { direction };
        if weapon.tracer {
            let at = Position::new(self.sector, i64::from(from.0), i64::from(from.1));
            // Whatever is in range is less than 2^30 away.
            let heading = angle_of(x as i32, y as i32);
            let (detail, value) = (u32::from(number), i64::from(heading));
            out.events.push(Event::new(view.tick, Kind::Fired, at, shooter, EntityId::NULL, detail, value));
        }
        let scaled = |amount: i32| {
            let part = |part: i64| (part * i64::from(amount) / length.max(1)) as i32;
            (part(x), part(y))
        };
        if weapon.projectile_speed > 0 {
            let (velocity_x, velocity_y) = scaled(weapon.projectile_speed.min(constants.config.speed_max));
            out.new_shots.push((
                self.number,
                Shot {
                    id: 0,
                    x: from.0,
                    y: from.1,
                    velocity_x,
                    velocity_y,
                    radius: weapon.projectile_radius,
                    damage: weapon.damage,
                    range: weapon.range,
                    shooter,
                    team,
                    hits: weapon.hits,
                },
            ));
            return;
        }
        let flight = Flight {
            from,
            way: scaled(weapon.range),
            radius: weapon.projectile_radius,
            damage: weapon.damage,
            aim: Aim { hits: weapon.hits, spares: shooter, team },
            ago: weapon.looks_back(sighting.ago),
        };
        self.hit(&flight, shooter, view, constants, out);
    }

    /// Whether something stops the flight. An entity that does takes the damage.
    fn hit(&self, flight: &Flight, shooter: EntityId, view: &View, constants: &Constants, out: &mut Outbox) -> bool {
        let wall = self.wall_on_way(flight.from, flight.way, flight.radius, flight.aim.hits, constants);
        let found = first_on_way(view, self.number, flight.from, flight.way, flight.radius, &flight.aim, flight.ago);
        let Some((time, entry)) = found.filter(|(time, _)| wall.is_none_or(|wall| *time <= wall)) else {
            return wall.is_some();
        };
        let (x, y) = along(flight.way, time);
        let at = Position::new(self.sector, i64::from(flight.from.0 + x), i64::from(flight.from.1 + y));
        let target = view.directory.id_in(entry.slot);
        let damage = if entry.traits & Entry::MORTAL != 0 { flight.damage } else { 0 };
        out.events.push(Event::new(view.tick, Kind::Hit, at, shooter, target, 0, i64::from(damage)));
        if damage > 0 {
            let place = view.directory.place(target).expect("what is in an index lives");
            out.send_damage(Damage { region: place.region, row: place.row, amount: damage, shooter });
        }
        true
    }

    /// When a wall of the map stops something.
    pub(super) fn wall_on_way(
        &self,
        from: (i32, i32),
        way: (i32, i32),
        radius: i32,
        mask: u16,
        constants: &Constants,
    ) -> Option<u64> {
        let from = Position { sector: self.sector, x: from.0, y: from.1 };
        constants.wall_on_way(from, way, radius, mask)
    }
}

/// The part of a way that is so long.
fn cut(way: (i32, i32), length: i64, whole: i64) -> (i32, i32) {
    let part = |way: i32| (i64::from(way) * length / whole.max(1)) as i32;
    (part(way.0), part(way.1))
}
