//! Which entity is in which group: the one pass over all entities in an update, whose work is what crosses a border.

use super::{
    cells::{Cells, NO_CELL},
    config::SyncConfig,
    group::{Group, History, NO_GROUP},
};
use crate::{
    World,
    entity::{Columns, EntityId, FLAG_OWNER_ONLY, FLAG_TEAM_ONLY},
    space::Position,
    sync::{Cell, GROUP, Scope},
};

/// How far from a cell's edge anchors are told apart: a quarter of a cell.
const ANCHOR_SHIFT: u8 = 2;

/// Where an entity is told from.
#[derive(Clone, Copy, Debug)]
struct Seat {
    id: EntityId,
    cell: u32,
    /// Which quarter of which cell it is in, in x and in y.
    anchor: u16,
    group: u16,
    place: u8,
    is_hidden: bool,
    /// The number of the pass in which it was found to have left its group, cut to 8 bits.
    is_crossing: bool,
}

const NOWHERE: Seat = Seat {
    id: EntityId::NULL,
    cell: NO_CELL,
    anchor: 0,
    group: NO_GROUP,
    place: 0,
    is_hidden: false,
    is_crossing: false,
};

/// An entity that needs a place.
#[derive(Clone, Copy, Debug)]
struct Crossing {
    id: EntityId,
    position: Position,
    scope: Scope,
    kind: u16,
}

/// What a pass has changed that viewers have to know.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Groups that were opened, or have somebody again.
    pub(super) opened: Vec<u16>,
    /// Groups that nobody is in any more.
    pub(super) emptied: Vec<u16>,
}

/// Who is where.
#[derive(Debug)]
pub(super) struct Roster {
    shift: u8,
    seats: Vec<Seat>,
    pub(super) groups: Vec<Group>,
    is_open: Vec<bool>,
    free: Vec<u16>,
    /// By group, the places whose entities the pass has come by.
    seen: Vec<u32>,
    crossings: Vec<Crossing>,
    histories: Vec<Box<History>>,
    states: usize,
    attributes: Vec<u8>,
    kind_weights: Vec<(u16, u8)>,
    pub(super) unplaced: u64,
}

/// The scope of an entity, by its flags.
pub(super) fn scope_of(flags: u32, team: u16, owner: u32) -> Scope {
    if flags & FLAG_OWNER_ONLY != 0 {
        Scope::Owner(owner)
    } else if flags & FLAG_TEAM_ONLY != 0 {
        Scope::Team(team)
    } else {
        Scope::Everyone
    }
}

impl Roster {
    pub(super) fn new(config: &SyncConfig, entities_max: u32) -> Self {
        let mut kind_weights = config.kind_weights.clone();
        kind_weights.sort_unstable();
        Self {
            shift: config.cell_shift,
            // Memory that is not written to is only an address.
            seats: Vec::with_capacity(entities_max as usize),
            groups: Vec::with_capacity(config.groups_max.into()),
            is_open: Vec::with_capacity(config.groups_max.into()),
            free: (0..config.groups_max).rev().collect(),
            seen: Vec::with_capacity(config.groups_max.into()),
            crossings: Vec::new(),
            histories: Vec::new(),
            states: usize::from(config.history) + usize::from(config.delay_max),
            attributes: config.public_attributes.clone(),
            kind_weights,
            unplaced: 0,
        }
    }

    pub(super) fn group(&self, number: u16) -> &Group {
        &self.groups[usize::from(number)]
    }

    /// How many groups there are.
    pub(super) fn open_groups(&self) -> usize {
        self.is_open.iter().filter(|is_open| **is_open).count()
    }

    /// The numbers of all groups, ascending.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u16> {
        self.is_open.iter().enumerate().filter(|(_, is_open)| **is_open).map(|(number, _)| number as u16)
    }

    /// The scope of an entity that has a place.
    pub(super) fn scope_of(&self, id: EntityId) -> Option<Scope> {
        let seat = self.seat(id)?;
        Some(if seat.is_hidden { self.group(seat.group).scope } else { Scope::Everyone })
    }

    /// The cell and the quarters of it that an entity is in.
    pub(super) fn anchor_of(&self, id: EntityId) -> Option<(u32, u16)> {
        self.seat(id).map(|seat| (seat.cell, seat.anchor))
    }

    fn seat(&self, id: EntityId) -> Option<&Seat> {
        self.seats.get(id.slot()? as usize).filter(|seat| seat.id == id)
    }

    /// Brings every entity to its group.
    pub(super) fn follow(&mut self, world: &World, cells: &mut Cells, changes: &mut Changes) {
        self.seen.clear();
        self.seen.resize(self.groups.len(), 0);
        self.crossings.clear();
        for region in world.regions() {
            self.pass(region.sector, &region.columns, cells);
        }
        self.unseat_missing(changes);
        self.unplaced = 0;
        let mut crossings = std::mem::take(&mut self.crossings);
        // Regions have no order of their own.
        crossings.sort_unstable_by_key(|crossing| crossing.id);
        for crossing in &crossings {
            self.seat_crossing(crossing, cells, changes);
        }
        self.crossings = crossings;
    }

    /// Looks where the rows of a region are. Nearly all of them are where they were.
    fn pass(&mut self, sector: crate::SectorId, columns: &Columns, cells: &Cells) {
        const HIDDEN: u32 = FLAG_TEAM_ONLY | FLAG_OWNER_ONLY;
        const NONE: &[u32] = &[];
        let of_sector = cells.of_sector(sector).unwrap_or(NONE);
        let (shift, width) = (self.shift, usize::from(Cell::columns(self.shift)));
        for row in 0..columns.id.len() {
            let (id, x, y, flags) = (columns.id[row], columns.x[row], columns.y[row], columns.flags[row]);
            let slot = id.slot().expect("an entity has a slot") as usize;
            if slot >= self.seats.len() {
                self.seats.resize(slot + 1, NOWHERE);
            }
            let seat = &mut self.seats[slot];
            let at = (y >> shift) as usize * width + (x >> shift) as usize;
            let cell = of_sector.get(at).copied().unwrap_or(NO_CELL);
            let is_here = seat.id == id && seat.cell == cell && cell != NO_CELL;
            if is_here {
                let is_plain = flags & HIDDEN == 0 && !seat.is_hidden;
                if is_plain
                    || self.groups[usize::from(seat.group)].scope
                        == scope_of(flags, columns.team[row], columns.owner[row])
                {
                    seat.anchor = anchor(x, y, shift);
                    self.seen[usize::from(seat.group)] |= 1 << seat.place;
                    continue;
                }
            }
            seat.is_crossing = seat.id == id;
            self.crossings.push(Crossing {
                id,
                position: Position { sector, x, y },
                scope: scope_of(flags, columns.team[row], columns.owner[row]),
                kind: columns.kind[row],
            });
        }
    }

    /// Empties the places of those that the pass has not come by.
    fn unseat_missing(&mut self, changes: &mut Changes) {
        for (number, seen) in self.seen.iter().enumerate() {
            let group = &mut self.groups[number];
            let mut missing = group.members & !seen;
            while missing != 0 {
                let place = missing.trailing_zeros() as usize;
                missing &= missing - 1;
                let id = group.id[place];
                let seat = &mut self.seats[id.slot().expect("an entity has a slot") as usize];
                let is_destroyed = !(seat.id == id && seat.is_crossing);
                group.unseat(place, is_destroyed);
                if seat.id == id {
                    *seat = NOWHERE;
                }
                if group.members == 0 {
                    changes.emptied.push(number as u16);
                }
            }
        }
    }

    fn seat_crossing(&mut self, crossing: &Crossing, cells: &mut Cells, changes: &mut Changes) {
        let cell = cells.open(Cell::at(crossing.position, self.shift));
        let found = cells.entry(cell).groups.iter().copied().find(|number| {
            let group = self.group(*number);
            group.scope == crossing.scope && group.has_room()
        });
        let Some(number) = found.or_else(|| self.open_group(cell, crossing.scope, cells, changes)) else {
            self.unplaced += 1;
            cells.close_if_idle(cell);
            return;
        };
        let weight = self.weight_of(crossing.kind);
        if self.group(number).members == 0 && changes.opened.last() != Some(&number) {
            // Viewers who know that it is empty have forgotten it.
            changes.opened.push(number);
        }
        let group = &mut self.groups[usize::from(number)];
        group.weight = if group.members == 0 { weight } else { group.weight.max(weight) };
        let place = group.seat(crossing.id);
        self.seats[crossing.id.slot().expect("an entity has a slot") as usize] = Seat {
            id: crossing.id,
            cell,
            anchor: anchor(crossing.position.x, crossing.position.y, self.shift),
            group: number,
            place,
            is_hidden: crossing.scope != Scope::Everyone,
            is_crossing: false,
        };
    }

    fn open_group(&mut self, cell: u32, scope: Scope, cells: &mut Cells, changes: &mut Changes) -> Option<u16> {
        let number = self.free.pop()?;
        let at = usize::from(number);
        while self.groups.len() <= at {
            self.groups.push(Group::new(cell, scope, 1));
            self.is_open.push(false);
        }
        self.groups[at] = Group::new(cell, scope, self.groups[at].next_version);
        self.is_open[at] = true;
        cells.entry_mut(cell).groups.push(number);
        changes.opened.push(number);
        Some(number)
    }

    /// Closes a group that nobody is in and nobody watches.
    pub(super) fn close_if_idle(&mut self, number: u16, cells: &mut Cells) {
        let group = &self.groups[usize::from(number)];
        if group.members != 0 || group.watchers != 0 || !self.is_open[usize::from(number)] {
            return;
        }
        let cell = group.cell;
        cells.entry_mut(cell).groups.retain(|other| *other != number);
        cells.close_if_idle(cell);
        self.is_open[usize::from(number)] = false;
        self.free.push(number);
    }

    /// A viewer more has the group; the first makes it keep its states.
    pub(super) fn watch(&mut self, number: u16) {
        let group = &mut self.groups[usize::from(number)];
        group.watchers += 1;
        if group.watchers == 1 {
            let mut history =
                self.histories.pop().unwrap_or_else(|| Box::new(History::new(self.states, self.attributes.len())));
            history.clear();
            group.history = Some(history);
        }
    }

    /// A viewer less has the group.
    pub(super) fn unwatch(&mut self, number: u16) {
        let group = &mut self.groups[usize::from(number)];
        group.watchers -= 1;
        if group.watchers == 0 {
            self.histories.extend(group.history.take());
        }
    }

    /// Half of a group's members get places elsewhere in the coming pass, because its state does not fit into a packet.
    pub(super) fn divide(&mut self, number: u16) {
        let group = &mut self.groups[usize::from(number)];
        let count = group.members.count_ones();
        if count < 2 {
            return;
        }
        group.room = count / 2;
        let mut leaving = group.members;
        for _ in 0..count / 2 {
            leaving &= leaving - 1;
        }
        while leaving != 0 {
            let place = leaving.trailing_zeros() as usize;
            leaving &= leaving - 1;
            let slot = group.id[place].slot().expect("an entity has a slot") as usize;
            // Not where it is any more: the pass will find it crossing.
            self.seats[slot].cell = NO_CELL;
        }
    }

    fn weight_of(&self, kind: u16) -> u32 {
        let at = self.kind_weights.binary_search_by_key(&kind, |(kind, _)| *kind);
        at.map_or(16, |at| u32::from(self.kind_weights[at].1))
    }

    /// Writes the state of every entity whose group is watched, and makes versions of what has changed.
    pub(super) fn capture(&mut self, world: &World, update: u32) {
        for group in &mut self.groups {
            group.begin();
        }
        for region in world.regions() {
            self.write_rows(&region.columns);
        }
        for group in &mut self.groups {
            group.commit(update);
        }
    }

    fn write_rows(&mut self, columns: &Columns) {
        for row in 0..columns.id.len() {
            let slot = columns.id[row].slot().expect("an entity has a slot") as usize;
            let Some(seat) = self.seats.get(slot).copied().filter(|seat| seat.group != NO_GROUP) else { continue };
            let target = self.visible_target(columns.target[row], &seat);
            let shift = self.shift;
            let Some(state) = self.groups[usize::from(seat.group)].next_state() else { continue };
            let place = usize::from(seat.place) % GROUP;
            state.x[place] = Cell::centimetres(columns.x[row], shift);
            state.y[place] = Cell::centimetres(columns.y[row], shift);
            state.heading[place] = (columns.heading[row] >> 8) as u8;
            state.health[place] = columns.health[row];
            state.health_max[place] = columns.health_max[row];
            state.state[place] = columns.state[row];
            state.target[place] = target;
            state.flags[place] = columns.flags[row];
            state.kind[place] = columns.kind[row];
            state.team[place] = columns.team[row];
            state.owner[place] = columns.owner[row];
            state.shape[place] = columns.shape[row];
            state.half_x[place] = columns.half_x[row];
            state.half_y[place] = columns.half_y[row];
            for (number, values) in self.attributes.iter().zip(&mut state.attributes) {
                values[place] = columns.attributes[usize::from(*number)][row];
            }
        }
    }

    /// The target as viewers of the group may know it: hidden ones are only told to those who see them.
    fn visible_target(&self, target: EntityId, seat: &Seat) -> EntityId {
        if target.is_null() {
            return target;
        }
        match self.scope_of(target) {
            Some(Scope::Everyone) => target,
            Some(scope) if seat.is_hidden && self.group(seat.group).scope == scope => target,
            _ => EntityId::NULL,
        }
    }
}

/// Which quarters of cells a place is in.
pub(super) fn anchor(x: i32, y: i32, shift: u8) -> u16 {
    let quarter = |at: i32| (at >> (shift - ANCHOR_SHIFT)) as u16;
    quarter(x) << 8 | (quarter(y) & 255)
}
