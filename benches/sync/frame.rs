//! What there is to tell of a world at an update: quantised as Muster tells it, for peers to encode and for counting.

use muster_benches::scene::RANK;
use muster_core::{EntityId, METRE, World, sync::cell::CENTIMETRES};

/// One entity as everybody may see it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Told {
    pub(crate) id: EntityId,
    /// Right of the edge of the first sector, in centimetres: scenes are smaller than a sector.
    pub(crate) x: i32,
    /// Above it.
    pub(crate) y: i32,
    /// In 256ths of a turn.
    pub(crate) heading: u8,
    pub(crate) health: i32,
    pub(crate) state: u16,
    pub(crate) target: EntityId,
    pub(crate) flags: u32,
    /// The one public attribute that a scene may have.
    pub(crate) rank: i32,
    pub(crate) health_max: i32,
    pub(crate) kind: u16,
    pub(crate) team: u16,
    pub(crate) owner: u32,
    pub(crate) shape: u8,
    pub(crate) half_x: u16,
    pub(crate) half_y: u16,
}

/// Everything at one update, by slot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frame {
    pub(crate) entities: Vec<Option<Told>>,
}

impl Frame {
    /// The world as it is now.
    pub(crate) fn of(world: &World) -> Self {
        let mut ids = Vec::new();
        world.ids(&mut ids);
        let mut frame = Self::default();
        for id in ids {
            let slot = slot_of(id);
            if frame.entities.len() <= slot {
                frame.entities.resize(slot + 1, None);
            }
            frame.entities[slot] = Some(Told::of(id, world));
        }
        frame
    }

    /// Who is in a slot.
    pub(crate) fn at(&self, slot: usize) -> Option<&Told> {
        self.entities.get(slot)?.as_ref()
    }

    /// How many are in another place, to the centimetre, than they were.
    pub(crate) fn moving_since(&self, before: &Self) -> usize {
        let moved = |(slot, now): (usize, &Option<Told>)| {
            let Some((now, old)) = now.as_ref().zip(before.at(slot)) else { return false };
            now.id == old.id && (now.x, now.y) != (old.x, old.y)
        };
        self.entities.iter().enumerate().filter(|entry| moved(*entry)).count()
    }
}

/// The slot of an id, counted from 1 in its low bits; 0 is that of nobody.
pub(crate) fn slot_of(id: EntityId) -> usize {
    id.bits() as u32 as usize
}

impl Told {
    fn of(id: EntityId, world: &World) -> Self {
        let entity = world.entity(id).expect("what is listed lives");
        let centimetres = |sector: i64, at: i32| {
            let at = sector * i64::from(muster_core::SECTOR_SIDE) + i64::from(at);
            (at * CENTIMETRES).div_euclid(i64::from(METRE)) as i32
        };
        Self {
            id,
            x: centimetres(entity.position.sector.x, entity.position.x),
            y: centimetres(entity.position.sector.y, entity.position.y),
            heading: (entity.heading >> 8) as u8,
            health: entity.health,
            state: entity.state,
            // What is gone is nobody's target to those who are told.
            target: if world.is_alive(entity.target) { entity.target } else { EntityId::NULL },
            flags: entity.flags,
            rank: entity.attributes.get(usize::from(RANK)).copied().unwrap_or(0),
            health_max: entity.health_max,
            kind: entity.kind,
            team: entity.team,
            owner: entity.owner,
            shape: entity.shape,
            half_x: entity.half_x,
            half_y: entity.half_y,
        }
    }
}
