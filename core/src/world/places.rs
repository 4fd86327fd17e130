//! What a map's places do in a tick: zones that are entered, left and taken, and pickups that are taken.

use super::World;
use crate::{
    EntityId, Position,
    bot::Resource,
    event::{Event, Kind},
    hash::{Digest, Part},
    map::{PickupEffect, Zone, ZoneKind},
    physics::index::Entry,
    snapshot::{Fault, Reader, RestoreError, Writer},
    zone::{Captures, Claim, Pickups, Presence},
};

/// The state of a map's places.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Who was in each zone when the last tick ended, by slot.
    pub(crate) members: Vec<Vec<EntityId>>,
    pub(crate) captures: Captures,
    pub(crate) pickups: Pickups,
    /// The numbers of the resource zones, in the order in which bots know them.
    pub(crate) resources: Vec<u32>,
    /// Who is in the zone that is looked at.
    present: Vec<EntityId>,
}

impl Places {
    pub(crate) fn new(map: Option<&crate::Map>) -> Self {
        let Some(map) = map else { return Self::default() };
        Self {
            members: vec![Vec::new(); map.zones().len()],
            captures: Captures::new(map.zones().iter().map(|zone| (zone.team, zone.capture_ticks))),
            pickups: Pickups::new(map.pickups().len() as u32),
            resources: resources(map).map(|(number, _)| number).collect(),
            present: Vec::new(),
        }
    }
}

/// The resource zones of a map and their numbers.
fn resources(map: &crate::Map) -> impl Iterator<Item = (u32, &Zone)> {
    (0u32..).zip(map.zones()).filter(|(_, zone)| zone.kind == ZoneKind::Resource)
}

/// The resource zones of a map as bots know them.
pub(super) fn resources_for_bots(map: &crate::Map) -> Vec<Resource> {
    let resource = |(_, zone): (u32, &Zone)| {
        let (centre, half) = zone.form.middle();
        // Of a box, the disc that fits in.
        Resource { x: centre.0, y: centre.1, radius: half.0.min(half.1), holder: zone.team }
    };
    resources(map).map(resource).collect()
}

impl Places {
    /// Writes the state as it is before a tick.
    pub(crate) fn encode(&self, tick: u64, writer: &mut Writer<'_>) {
        for members in &self.members {
            writer.count(members.len());
            members.iter().for_each(|id| writer.id(*id));
        }
        self.captures.encode(writer);
        self.pickups.encode(tick, writer);
    }

    /// Reads the state of the same map's places.
    pub(crate) fn decode(&mut self, tick: u64, reader: &mut Reader<'_>) -> Result<(), RestoreError> {
        for members in &mut self.members {
            let count = reader.count("members", u32::MAX, 8)?;
            members.reserve(count);
            for _ in 0..count {
                let id = reader.id()?;
                if members.last().is_some_and(|last| last.slot() >= id.slot()) {
                    return Err(reader.error(Fault::Order("members")));
                }
                members.push(id);
            }
        }
        self.captures.decode(reader)?;
        self.pickups.decode(tick, reader)
    }
}

/// What is told of an entity in a zone or at a pickup.
#[derive(Clone, Copy)]
struct Visitor {
    id: EntityId,
    team: u16,
    /// Whether it drives itself: only such entities hold zones and take pickups.
    is_driven: bool,
}

impl World {
    /// The team that holds a zone of the map; 0 is nobody, and of zones that the map does not have.
    pub fn zone_holder(&self, zone: u32) -> u16 {
        self.places.captures.holder(zone)
    }

    /// The team that is taking a zone of the map and for how many ticks it has; (0, 0) is nobody.
    pub fn zone_taker(&self, zone: u32) -> (u16, u32) {
        self.places.captures.taker(zone)
    }

    /// Whether a pickup of the map is there to be taken.
    pub fn is_pickup_there(&self, pickup: u32) -> bool {
        self.places.pickups.is_there(pickup, self.tick)
    }

    /// A hash of the state of the map's places.
    pub(super) fn places_digest(&self) -> u64 {
        let mut digest = Digest::new(Part::Zones);
        for members in &self.places.members {
            digest.u64(members.len() as u64);
            members.iter().for_each(|id| digest.u64(id.bits()));
        }
        digest.u64(self.places.captures.digest());
        digest.u64(self.places.pickups.digest(self.tick));
        digest.finish()
    }

    /// Tells what happened at the places of the map in the tick that ends.
    pub(super) fn visit_places(&mut self) {
        let constants = std::sync::Arc::clone(&self.constants);
        let Some(map) = &constants.map else { return };
        for (number, zone) in map.zones().iter().enumerate() {
            let (centre, half) = zone.form.middle();
            let mut presence = Presence::default();
            let mut present = std::mem::take(&mut self.places.present);
            present.clear();
            self.each_visitor(map.position(centre.0, centre.1), half, |visitor, _, x, y| {
                // Near the map, so that both fit.
                if zone.contains(centre.0.saturating_add(x as i32), centre.1.saturating_add(y as i32)) {
                    present.push(visitor.id);
                    if visitor.is_driven {
                        presence.handle_entity(visitor.id, visitor.team);
                    }
                }
            });
            present.sort_unstable_by_key(|id| id.slot());
            self.tell_comers_and_goers(number, &present);
            std::mem::swap(&mut self.places.members[number], &mut present);
            self.places.present = present;
            if zone.kind == ZoneKind::Resource
                && let Some((team, by)) = self.places.captures.handle_presence(number as u32, presence)
            {
                let at = map.position(centre.0, centre.1);
                let event =
                    Event::new(self.tick, Kind::ResourceCapture, at, by, EntityId::NULL, number as u32, team.into());
                self.queues.push(event);
            }
        }
        self.take_pickups(map);
    }

    fn tell_comers_and_goers(&mut self, zone: usize, present: &[EntityId]) {
        let before = std::mem::take(&mut self.places.members[zone]);
        let comers = present.iter().filter(|id| {
            before.binary_search_by_key(&id.slot(), |old| old.slot()).ok().is_none_or(|at| before[at] != **id)
        });
        let goers = before.iter().filter(|id| {
            present.binary_search_by_key(&id.slot(), |new| new.slot()).ok().is_none_or(|at| present[at] != **id)
        });
        for (kind, id) in comers.map(|id| (Kind::ZoneEntered, *id)).chain(goers.map(|id| (Kind::ZoneLeft, *id))) {
            // Who is gone has not left: its end was told.
            if let Ok(at) = self.position(id) {
                let team = self.value(id, crate::Column::Team).unwrap_or(0);
                self.queues.push(Event::new(self.tick, kind, at, id, EntityId::NULL, zone as u32, team));
            }
        }
        self.places.members[zone] = before;
    }

    fn take_pickups(&mut self, map: &crate::Map) {
        for (number, pickup) in map.pickups().iter().enumerate() {
            let number = number as u32;
            if !self.places.pickups.is_there(number, self.tick) {
                continue;
            }
            let mut claims = std::mem::take(&mut self.places.pickups);
            let tick = self.tick;
            let at = map.position(pickup.x, pickup.y);
            self.each_visitor(at, (pickup.radius, pickup.radius), |visitor, entry, x, y| {
                let reach = i64::from(pickup.radius);
                if visitor.is_driven && super::query::comes_within(entry, x, y, reach) {
                    let distance_squared = crate::space::square_of_length(x, y);
                    claims.handle_claim(number, tick, Claim { distance_squared, id: visitor.id });
                }
            });
            self.places.pickups = claims;
        }
        let mut pickups = std::mem::take(&mut self.places.pickups);
        pickups.finish(
            self.tick,
            |number| map.pickups()[number as usize].respawn_ticks,
            |number, id| self.hand_over(map, number, id),
        );
        self.places.pickups = pickups;
    }

    /// Gives an entity what a pickup is worth.
    fn hand_over(&mut self, map: &crate::Map, number: u32, id: EntityId) {
        let pickup = &map.pickups()[number as usize];
        let place = self.directory.place(id).expect("who claims a pickup lives");
        let (region, row) = (self.region_mut(place.region), place.row as usize);
        let columns = &mut region.columns;
        match &pickup.effect {
            PickupEffect::Health => {
                columns.health[row] = columns.health[row].saturating_add(pickup.amount).min(columns.health_max[row]);
            }
            PickupEffect::Attribute(attribute) => {
                if let Some(column) = columns.attributes.get_mut(usize::from(*attribute)) {
                    column[row] = column[row].saturating_add(pickup.amount);
                }
            }
            PickupEffect::None | PickupEffect::Named(_) => {}
        }
        region.touch_cold(place.row);
        let at: Position = map.position(pickup.x, pickup.y);
        let event = Event::new(self.tick, Kind::PickupTaken, at, id, EntityId::NULL, number, pickup.amount.into());
        self.queues.push(event);
    }

    fn each_visitor(&mut self, centre: Position, half: (i32, i32), mut visit: impl FnMut(Visitor, &Entry, i64, i64)) {
        self.each_near(centre, i64::from(half.0), i64::from(half.1), |world, entry, x, y| {
            let is_driven = entry.traits & Entry::DRIVEN != 0;
            visit(Visitor { id: world.directory.id_in(entry.slot), team: entry.team, is_driven }, entry, x, y);
        });
    }
}
