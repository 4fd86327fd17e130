//! Which entity is in which group: the one pass over all entities in an update, whose work is what crosses a border.

use super::{
    cells::{CELLS_KEPT, Cells, NO_CELL, NO_SECTOR},
    config::SyncConfig,
    group::{Group, History, NO_GROUP},
};
use crate::{
    World,
    entity::{Columns, EntityId, FLAG_OWNER_ONLY, FLAG_TEAM_ONLY},
    space::{Position, SectorId},
    sync::{Cell, GROUP, Scope},
};

/// How far from a cell's edge anchors are told apart: a quarter of a cell.
const ANCHOR_SHIFT: u8 = 2;

/// Where an entity is told from.
#[derive(Clone, Copy, Debug)]
struct Seat {
    id: EntityId,
    cell: u32,
    /// The number of its sector; [`NO_SECTOR`] if it has to be given another place.
    sector: u32,
    /// Which quarter of which cell it is in, in x and in y.
    anchor: u16,
    group: u16,
    place: u8,
    is_hidden: bool,
}

impl Seat {
    fn mark(&self) -> u64 {
        mark(self.id, self.anchor, if self.is_hidden { NO_MARK } else { self.sector })
    }
}

const NOWHERE: Seat = Seat {
    id: EntityId::NULL,
    cell: NO_CELL,
    sector: NO_SECTOR,
    anchor: 0,
    group: NO_GROUP,
    place: 0,
    is_hidden: false,
};

/// Where an entity is, in a word: its generation, the quarters it is in and its sector.
fn mark(id: EntityId, anchor: u16, sector: u32) -> u64 {
    id.bits() & 0xffff_ffff_0000_0000 | u64::from(anchor) << 16 | u64::from(sector.min(NO_MARK))
}

/// The sector in the word of those who need a closer look: those who are nowhere, or hidden, or in a sector beyond.
const NO_MARK: u32 = 0xffff;

/// The flags of those whom not everybody may see.
const HIDDEN: u32 = FLAG_TEAM_ONLY | FLAG_OWNER_ONLY;

/// How many entities may cross borders in an update without taking memory.
const CROSSINGS_KEPT: usize = 65_536;

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
    /// Entities that are in another quarter of a cell than before.
    pub(super) moved: Vec<EntityId>,
}

impl Changes {
    /// Room for what an update may change at most, nearly always.
    pub(super) fn with_room(config: &SyncConfig, entities_max: u32) -> Self {
        let (groups, entities) = (config.groups_max.into(), CROSSINGS_KEPT.min(entities_max as usize));
        // Memory that is not written to is only an address.
        Self {
            opened: Vec::with_capacity(groups),
            emptied: Vec::with_capacity(groups),
            moved: Vec::with_capacity(entities),
        }
    }
}

/// Who is where.
#[derive(Debug)]
pub(super) struct Roster {
    shift: u8,
    seats: Vec<Seat>,
    /// By slot, what a row is held against: the [`mark`] of the seat.
    marks: Vec<u64>,
    /// How many seats have somebody.
    seated: u32,
    pub(super) groups: Vec<Group>,
    is_open: Vec<bool>,
    free: Vec<u16>,
    /// By group: the next of its cell, in the order in which they were opened.
    following: Vec<u16>,
    /// By cell: its first group and its last.
    ends: Vec<(u16, u16)>,
    /// How many groups are watched.
    watched: u32,
    /// The rows of a region that are not quite where they were.
    odd: Vec<u32>,
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
        let states = usize::from(config.history) + usize::from(config.delay_max);
        let attributes = config.public_attributes.len();
        // A spectator that is behind makes groups larger, not the memory that is taken for them.
        let histories = usize::from(config.groups_kept) * usize::from(config.history) / states;
        let histories = histories.min(config.groups_max.into()).min(entities_max as usize);
        let mut room = Vec::with_capacity(config.groups_max.into());
        room.extend((0..histories).map(|_| Box::new(History::new(states, attributes))));
        Self {
            shift: config.cell_shift,
            // Memory that is not written to is only an address.
            seats: Vec::with_capacity(entities_max as usize),
            marks: Vec::with_capacity(entities_max as usize),
            groups: Vec::with_capacity(config.groups_max.into()),
            is_open: Vec::with_capacity(config.groups_max.into()),
            free: (0..config.groups_max).rev().collect(),
            seated: 0,
            following: Vec::with_capacity(config.groups_max.into()),
            ends: Vec::with_capacity(CELLS_KEPT),
            watched: 0,
            odd: Vec::with_capacity(CROSSINGS_KEPT.min(entities_max as usize)),
            crossings: Vec::with_capacity(CROSSINGS_KEPT.min(entities_max as usize)),
            histories: room,
            states,
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

    /// The groups of a cell, in the order in which they were opened.
    pub(super) fn groups_of(&self, cell: u32) -> impl Iterator<Item = u16> {
        std::iter::successors(self.first_of(cell), |number| self.following(*number))
    }

    /// The first group of a cell.
    pub(super) fn first_of(&self, cell: u32) -> Option<u16> {
        self.ends.get(cell as usize).map(|(first, _)| *first).filter(|number| *number != NO_GROUP)
    }

    /// The group after this one in its cell.
    pub(super) fn following(&self, number: u16) -> Option<u16> {
        Some(self.following[usize::from(number)]).filter(|number| *number != NO_GROUP)
    }

    /// Brings every entity to its group.
    pub(super) fn follow(&mut self, world: &World, cells: &mut Cells, changes: &mut Changes) {
        self.crossings.clear();
        changes.moved.clear();
        let here: u32 = world.regions().map(|region| self.pass(region.sector, &region.columns, cells, changes)).sum();
        if self.seated != here {
            self.unseat_gone(world, changes);
        }
        changes.emptied.sort_unstable();
        self.unplaced = 0;
        let mut crossings = std::mem::take(&mut self.crossings);
        // Regions have no order of their own.
        crossings.sort_unstable_by_key(|crossing| crossing.id);
        for crossing in &crossings {
            self.seat_crossing(crossing, cells, changes);
        }
        self.crossings = crossings;
    }

    /// Looks where the rows of a region are, and returns how many are in their group's cell still. Nearly all of them are where
    /// they were, which takes a glance at their mark.
    fn pass(&mut self, sector: SectorId, columns: &Columns, cells: &Cells, changes: &mut Changes) -> u32 {
        let number = cells.number_of(sector).unwrap_or(NO_SECTOR - 1);
        // In a sector that no mark can name, everybody needs a closer look.
        let marks = if number < NO_MARK { &self.marks[..] } else { &[] };
        let (shift, mut odd) = (self.shift, std::mem::take(&mut self.odd));
        odd.clear();
        let places = columns.x.iter().zip(&columns.y);
        let rows = columns.id.iter().zip(places.zip(&columns.flags));
        for (row, (id, ((x, y), flags))) in (0..).zip(rows) {
            // The slot, from 0; no entity has the one that null would have.
            let slot = (id.bits() as u32).wrapping_sub(1) as usize;
            let is_still = marks.get(slot) == Some(&mark(*id, anchor(*x, *y, shift), number));
            if !is_still || flags & HIDDEN != 0 {
                odd.push(row);
            }
        }
        let mut here = (columns.id.len() - odd.len()) as u32;
        for row in odd.iter().copied() {
            here += u32::from(self.look_again(sector, number, columns, row as usize, changes));
        }
        self.odd = odd;
        here
    }

    /// Looks at a row that is not quite where it was, or not everybody's. Returns whether it stays in its group; otherwise it
    /// is noted as crossing, and its old place is empty.
    fn look_again(
        &mut self,
        sector: SectorId,
        number: u32,
        columns: &Columns,
        row: usize,
        changes: &mut Changes,
    ) -> bool {
        let (id, x, y, flags) = (columns.id[row], columns.x[row], columns.y[row], columns.flags[row]);
        let scope = scope_of(flags, columns.team[row], columns.owner[row]);
        let slot = id.slot().expect("an entity has a slot") as usize;
        if slot >= self.seats.len() {
            self.seats.resize(slot + 1, NOWHERE);
            self.marks.resize(slot + 1, NOWHERE.mark());
        }
        let seat = &mut self.seats[slot];
        let at = anchor(x, y, self.shift);
        if seat.id == id
            && seat.sector == number
            && is_same_cell(seat.anchor, at)
            && self.groups[usize::from(seat.group)].scope == scope
        {
            if seat.anchor != at {
                seat.anchor = at;
                self.marks[slot] = seat.mark();
                changes.moved.push(id);
            }
            return true;
        }
        let is_destroyed = seat.id != id;
        self.unseat(slot, is_destroyed, changes);
        let position = Position { sector, x, y };
        self.crossings.push(Crossing { id, position, scope, kind: columns.kind[row] });
        false
    }

    /// Empties the seats of those that are no more.
    fn unseat_gone(&mut self, world: &World, changes: &mut Changes) {
        for slot in 0..self.seats.len() {
            if !self.seats[slot].id.is_null() && !world.is_alive(self.seats[slot].id) {
                self.unseat(slot, true, changes);
            }
        }
    }

    /// Empties a seat, if it has somebody.
    fn unseat(&mut self, slot: usize, is_destroyed: bool, changes: &mut Changes) {
        let seat = std::mem::replace(&mut self.seats[slot], NOWHERE);
        self.marks[slot] = NOWHERE.mark();
        if seat.group == NO_GROUP {
            return;
        }
        self.seated -= 1;
        let group = &mut self.groups[usize::from(seat.group)];
        group.unseat(seat.place.into(), is_destroyed);
        if group.members == 0 {
            changes.emptied.push(seat.group);
        }
    }

    fn seat_crossing(&mut self, crossing: &Crossing, cells: &mut Cells, changes: &mut Changes) {
        let (sector, cell) = cells.open(Cell::at(crossing.position, self.shift));
        let found = self.groups_of(cell).find(|number| {
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
        self.seated += 1;
        changes.moved.push(crossing.id);
        let slot = crossing.id.slot().expect("an entity has a slot") as usize;
        self.seats[slot] = Seat {
            id: crossing.id,
            cell,
            sector,
            anchor: anchor(crossing.position.x, crossing.position.y, self.shift),
            group: number,
            place,
            is_hidden: crossing.scope != Scope::Everyone,
        };
        self.marks[slot] = self.seats[slot].mark();
    }

    fn open_group(&mut self, cell: u32, scope: Scope, cells: &mut Cells, changes: &mut Changes) -> Option<u16> {
        let number = self.free.pop()?;
        let at = usize::from(number);
        while self.groups.len() <= at {
            self.groups.push(Group::new(cell, scope, 1));
            self.is_open.push(false);
            self.following.push(NO_GROUP);
        }
        self.groups[at] = Group::new(cell, scope, self.groups[at].next_version);
        self.is_open[at] = true;
        self.append(cell, number);
        cells.add_group(cell);
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
        self.take_out(cell, number);
        cells.remove_group(cell);
        cells.close_if_idle(cell);
        self.is_open[usize::from(number)] = false;
        self.free.push(number);
    }

    /// Makes a group the last of its cell.
    fn append(&mut self, cell: u32, number: u16) {
        let cell = cell as usize;
        if cell >= self.ends.len() {
            self.ends.resize(cell + 1, (NO_GROUP, NO_GROUP));
        }
        let (first, last) = &mut self.ends[cell];
        self.following[usize::from(number)] = NO_GROUP;
        match *last {
            NO_GROUP => *first = number,
            last => self.following[usize::from(last)] = number,
        }
        *last = number;
    }

    /// Takes a group out of those of its cell.
    fn take_out(&mut self, cell: u32, number: u16) {
        let next = self.following[usize::from(number)];
        let before = self.groups_of(cell).take_while(|other| *other != number).last();
        let (first, last) = &mut self.ends[cell as usize];
        match before {
            None => *first = next,
            Some(before) => self.following[usize::from(before)] = next,
        }
        if *last == number {
            *last = before.unwrap_or(NO_GROUP);
        }
    }

    /// A viewer more has the group; the first makes it keep its states.
    pub(super) fn watch(&mut self, number: u16) {
        let group = &mut self.groups[usize::from(number)];
        group.watchers += 1;
        if group.watchers == 1 {
            self.watched += 1;
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
            self.watched -= 1;
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
            self.seats[slot].sector = NO_SECTOR;
            self.marks[slot] = self.seats[slot].mark();
        }
    }

    fn weight_of(&self, kind: u16) -> u32 {
        let at = self.kind_weights.binary_search_by_key(&kind, |(kind, _)| *kind);
        at.map_or(16, |at| u32::from(self.kind_weights[at].1))
    }

    /// Writes the state of every entity whose group is watched, and makes versions of what has changed.
    pub(super) fn capture(&mut self, world: &World, update: u32) {
        if self.watched == 0 {
            return;
        }
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

/// Whether two anchors of a sector are of the same cell.
fn is_same_cell(anchor: u16, other: u16) -> bool {
    const CELL: u16 = 0xff << ANCHOR_SHIFT & 0xff;
    (anchor ^ other) & (CELL << 8 | CELL) == 0
}

/// Which quarters of cells a place is in.
pub(super) fn anchor(x: i32, y: i32, shift: u8) -> u16 {
    let quarter = |at: i32| (at >> (shift - ANCHOR_SHIFT)) as u16;
    quarter(x) << 8 | (quarter(y) & 255)
}
