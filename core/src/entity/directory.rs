//! Which slots live, in which generation, and where their rows are.

use super::EntityId;

/// Where the row of an entity is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) region: u32,
    pub(crate) row: u32,
}

/// The table of slots.
///
/// **Slots are given out and taken back on one thread, in an order that the world defines**, so ids are the same
/// whatever the threads do.
#[derive(Default, Debug)]
pub(crate) struct Directory {
    generations: Vec<u32>,
    places: Vec<Place>,
    /// Slots that are free again, the last one first to be used.
    free: Vec<u32>,
    live: u32,
}

/// The place of a slot that is not in use.
const NOWHERE: Place = Place { region: u32::MAX, row: u32::MAX };

impl Directory {
    /// Room for so many entities, all of it now.
    pub(crate) fn new(entities_max: u32) -> Self {
        let capacity = entities_max as usize;
        Self {
            generations: Vec::with_capacity(capacity),
            places: Vec::with_capacity(capacity),
            free: Vec::new(),
            live: 0,
        }
    }

    /// An id for a new entity whose row will be at `place`. The caller has checked that there is room.
    pub(crate) fn allocate(&mut self, place: Place) -> EntityId {
        self.live += 1;
        if let Some(slot) = self.free.pop() {
            self.places[slot as usize] = place;
            return EntityId::new(slot, self.generations[slot as usize]);
        }
        let slot = self.generations.len() as u32;
        self.generations.push(0);
        self.places.push(place);
        EntityId::new(slot, 0)
    }

    /// Makes an id stale. A slot whose generations are used up is never used again.
    pub(crate) fn release(&mut self, id: EntityId) {
        let slot = self.slot_of(id).expect("only live entities are released");
        self.places[slot] = NOWHERE;
        self.live -= 1;
        if let Some(next) = self.generations[slot].checked_add(1) {
            self.generations[slot] = next;
            self.free.push(slot as u32);
        }
    }

    /// The row of an entity has moved.
    pub(crate) fn set_place(&mut self, slot: u32, place: Place) {
        self.places[slot as usize] = place;
    }

    /// Where the entity's row is; `None` if the id is null, stale or foreign.
    pub(crate) fn place(&self, id: EntityId) -> Option<Place> {
        self.slot_of(id).map(|slot| self.places[slot])
    }

    /// Where the row of what lives in a slot is.
    pub(crate) fn place_in(&self, slot: u32) -> Place {
        self.places[slot as usize]
    }

    /// The id that lives in a slot that lives.
    pub(crate) fn id_in(&self, slot: u32) -> EntityId {
        EntityId::new(slot, self.generations[slot as usize])
    }

    /// Every live entity's id, ascending by slot.
    pub(crate) fn ids(&self) -> impl Iterator<Item = EntityId> {
        let live = self.places.iter().enumerate().filter(|(_, place)| **place != NOWHERE);
        live.map(|(slot, _)| self.id_in(slot as u32))
    }

    /// How many live.
    pub(crate) fn live(&self) -> u32 {
        self.live
    }

    /// A hash of which ids will be given out next.
    pub(crate) fn free_digest(&self) -> u64 {
        let last = self.free.last().map_or(0, |slot| self.id_in(*slot).bits());
        (self.generations.len() as u64) << 32 ^ (self.free.len() as u64) << 8 ^ last
    }

    /// Generations of all slots and the list of free ones, for a snapshot.
    pub(crate) fn parts(&self) -> (&[u32], &[u32]) {
        (&self.generations, &self.free)
    }

    /// From [`Self::parts`] with no entity living yet; each comes with [`Self::revive`].
    pub(crate) fn from_parts(entities_max: u32, generations: &[u32], free: &[u32]) -> Self {
        let mut new = Self::new(entities_max);
        new.generations.extend_from_slice(generations);
        new.places.resize(generations.len(), NOWHERE);
        new.free.extend_from_slice(free);
        new
    }

    /// Makes an id of a snapshot live; false if its slot or generation cannot be, or it lives already.
    pub(crate) fn revive(&mut self, id: EntityId, place: Place) -> bool {
        let Some(slot) = id.slot().map(|slot| slot as usize) else { return false };
        if self.generations.get(slot) != Some(&id.generation()) || self.places[slot] != NOWHERE {
            return false;
        }
        self.places[slot] = place;
        self.live += 1;
        true
    }

    /// Whether every slot is either lived in, or free and once in the list, or used up; what was restored may be anything.
    pub(crate) fn is_whole(&self) -> bool {
        let mut is_free = vec![false; self.generations.len()];
        for slot in &self.free {
            match is_free.get_mut(*slot as usize) {
                Some(is_free) if !*is_free => *is_free = true,
                _ => return false,
            }
        }
        let slots = self.generations.iter().zip(&self.places).zip(is_free);
        slots.into_iter().all(|((generation, place), is_free)| {
            let lives = *place != NOWHERE;
            lives != is_free || (!lives && *generation == u32::MAX)
        })
    }

    fn slot_of(&self, id: EntityId) -> Option<usize> {
        let slot = id.slot()? as usize;
        (self.generations.get(slot) == Some(&id.generation()) && self.places[slot] != NOWHERE).then_some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place = Place { region: 0, row: 0 };

    #[test]
    fn stale_ids_stay_stale() {
        let mut directory = Directory::new(4);
        let first = directory.allocate(HERE);
        directory.release(first);
        let second = directory.allocate(HERE);
        assert_ne!(first, second);
        assert_eq!(directory.place(first), None);
        assert_eq!(directory.place(second), Some(HERE));
        assert_eq!(directory.place(EntityId::NULL), None);
        assert_eq!(directory.place(EntityId::from_bits(u64::MAX)), None);
        assert_eq!(directory.live(), 1);
        assert_eq!(directory.ids().collect::<Vec<_>>(), [second]);
    }

    #[test]
    fn a_copy_from_parts_gives_out_the_same_ids() {
        let mut directory = Directory::new(8);
        let ids: Vec<_> = (0..5).map(|_| directory.allocate(HERE)).collect();
        directory.release(ids[3]);
        directory.release(ids[1]);
        let (generations, free) = directory.parts();
        let mut copy = Directory::from_parts(8, generations, free);
        for id in directory.ids().collect::<Vec<_>>() {
            assert!(copy.revive(id, HERE));
            assert!(!copy.revive(id, HERE));
        }
        assert!(!copy.revive(ids[1], HERE));
        assert_eq!(copy.allocate(HERE), directory.allocate(HERE));
        assert_eq!(copy.allocate(HERE), directory.allocate(HERE));
        assert_eq!(copy.allocate(HERE), directory.allocate(HERE));
    }
}
