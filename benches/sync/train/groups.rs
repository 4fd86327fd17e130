//! The groups of a scene as a server would keep them: by cell, every entity in its place, and their last versions.

use std::collections::{BTreeMap, VecDeque};

use muster_benches::scene::RANK;
use muster_core::{
    EntityId, World,
    sync::{Cell, GROUP, GroupState},
};

/// The shift of the cells: 128 m.
pub(crate) const CELL_SHIFT: u8 = 23;
/// Versions that are kept.
const HISTORY: usize = 32;

/// A group and its versions, the newest last.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) cell: Cell,
    pub(crate) versions: VecDeque<Version>,
    /// The group's version is of this update.
    pub(crate) is_new: bool,
}

/// A state and the update at which it was made.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) update: u32,
    pub(crate) state: GroupState,
}

/// All groups of a world.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    pub(crate) groups: Vec<Group>,
    by_cell: BTreeMap<Cell, Vec<usize>>,
    places: BTreeMap<EntityId, (usize, usize)>,
    pub(crate) update: u32,
    /// Entities that are elsewhere, to the centimetre, than at the update before.
    pub(crate) moving: u64,
}

impl Groups {
    /// Takes the world as it is now.
    pub(crate) fn update(&mut self, world: &World) {
        self.update += 1;
        self.moving = 0;
        let mut ids = Vec::new();
        world.ids(&mut ids);
        let empty = GroupState::new(1);
        let old: Vec<GroupState> = self
            .groups
            .iter()
            .map(|group| group.versions.back().map_or_else(|| empty.clone(), |version| version.state.clone()))
            .collect();
        let mut now: Vec<GroupState> = old.clone();
        // Who is gone makes room first, as does who went to another cell.
        let cells: BTreeMap<EntityId, Cell> =
            ids.iter().map(|id| (*id, Cell::at(world.position(*id).expect("it lives"), CELL_SHIFT))).collect();
        let groups = &self.groups;
        self.places.retain(|id, (group, place)| {
            let stays = cells.get(id) == Some(&groups[*group].cell);
            if !stays {
                now[*group].present &= !(1 << *place);
                let gone = u32::from(!cells.contains_key(id)) << *place;
                now[*group].destroyed = now[*group].destroyed & !(1 << *place) | gone;
            }
            stays
        });
        for id in ids {
            let (group, place) = match self.places.get(&id) {
                Some(at) => *at,
                None => self.join(id, cells[&id], &mut now),
            };
            let entity = world.entity(id).expect("it lives");
            let state = &mut now[group];
            let was = (state.x[place], state.y[place]);
            state.x[place] = Cell::centimetres(entity.position.x, CELL_SHIFT);
            state.y[place] = Cell::centimetres(entity.position.y, CELL_SHIFT);
            self.moving += u64::from(was != (state.x[place], state.y[place]));
            state.id[place] = id;
            state.heading[place] = (entity.heading >> 8) as u8;
            (state.health[place], state.health_max[place]) = (entity.health, entity.health_max);
            (state.state[place], state.target[place], state.flags[place]) = (entity.state, entity.target, entity.flags);
            (state.kind[place], state.team[place], state.owner[place]) = (entity.kind, entity.team, entity.owner);
            (state.shape[place], state.half_x[place], state.half_y[place]) =
                (entity.shape, entity.half_x, entity.half_y);
            state.attributes[0][place] = entity.attributes.get(usize::from(RANK)).copied().unwrap_or(0);
        }
        for (index, state) in now.into_iter().enumerate() {
            let group = &mut self.groups[index];
            let newest = group.versions.back();
            let has_changed = newest.is_none_or(|newest| newest.state != state);
            let trails = newest.is_some_and(|newest| {
                newest.update + 1 == self.update
                    && group.versions.iter().rev().nth(1).is_some_and(|before| before.state != newest.state)
            });
            group.is_new = has_changed || trails;
            if group.is_new {
                if group.versions.len() == HISTORY {
                    group.versions.pop_front();
                }
                group.versions.push_back(Version { update: self.update, state });
            }
        }
    }

    fn join(&mut self, id: EntityId, cell: Cell, now: &mut Vec<GroupState>) -> (usize, usize) {
        let of_cell = self.by_cell.entry(cell).or_default();
        let group = of_cell.iter().copied().find(|group| now[*group].present != u32::MAX).unwrap_or_else(|| {
            of_cell.push(self.groups.len());
            self.groups.push(Group { cell, versions: VecDeque::new(), is_new: false });
            now.push(GroupState::new(1));
            self.groups.len() - 1
        });
        let place = now[group].present.trailing_ones() as usize;
        debug_assert!(place < GROUP, "there is a free place");
        now[group].present |= 1 << place;
        self.places.insert(id, (group, place));
        (group, place)
    }
}
