//! The rows of one piece of space, and what a tick does to them.
//!
//! **A region reads the view, which is tick N, and writes its own rows, which become tick N+1.** What it has to say to
//! others goes into the outbox.

use super::{
    contacts::Contacts,
    message::{Damage, Shot},
    outbox::Outbox,
    partition::Strip,
    view::{Constants, View},
};
use crate::{
    entity::{Column, Columns, Entity, EntityId, Place},
    event::{Event, Kind},
    hash,
    physics::{
        contact::Push,
        ground::Ground,
        index::Index,
        movement::{PUSH_MAX, drive, limit},
    },
    space::{Position, SECTOR_SIDE, SectorId},
};

/// How many projectiles, and rows that something happens to, a region has room for from the beginning, so that a fight does
/// not take memory.
const SHOTS_KEPT: usize = 128;

/// How many rows that changed are remembered without new memory: as many as a battle strikes in a tick.
const STALE_KEPT: usize = 8192;

/// The rows of a sector or of a strip of one.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) number: u32,
    pub(crate) sector: SectorId,
    /// The strip of the sector, from its lower edge up.
    pub(crate) low: i32,
    pub(crate) high: i32,
    pub(crate) columns: Columns,
    /// Not here while it is in the view.
    pub(crate) index: Option<Box<Index>>,
    /// Whether rows have changed since the index was made.
    pub(crate) index_is_stale: bool,
    /// Projectiles; their order is free.
    pub(crate) shots: Vec<Shot>,
    /// What does not change in every tick of each row's hash; 0 if it has to be worked out again.
    cold: Vec<u64>,
    cold_sum: u64,
    /// Rows whose cold part is to be worked out, some of them perhaps twice or gone.
    cold_stale: Vec<u32>,
    /// The sum over all rows and shots when the last tick ended.
    pub(crate) sum: u64,
    /// Whether anything was written since.
    pub(crate) sum_is_stale: bool,
    /// Rows that are beyond the region's edges.
    leaving: Vec<u32>,
    /// Rows that were hit in this tick, and by whom.
    struck: Vec<(u32, EntityId)>,
    /// Rows whose place in the columns has changed, for the directory.
    pub(crate) moved: Vec<u32>,
    /// Rows that fire in this tick because they were told to, where, and how many ticks ago who told them saw the others.
    pub(super) told_to_fire: Vec<(u32, u16, u8)>,
}

impl Region {
    pub(crate) fn new(number: u32, strip: &Strip, columns: Columns) -> Self {
        Self {
            number,
            sector: strip.sector,
            low: strip.low,
            high: strip.high,
            columns,
            index: Some(Box::new(Index::new())),
            index_is_stale: true,
            shots: Vec::with_capacity(SHOTS_KEPT),
            cold: Vec::new(),
            cold_sum: 0,
            cold_stale: Vec::with_capacity(SHOTS_KEPT),
            sum: 0,
            sum_is_stale: true,
            leaving: Vec::with_capacity(SHOTS_KEPT),
            struck: Vec::with_capacity(SHOTS_KEPT),
            moved: Vec::with_capacity(SHOTS_KEPT),
            told_to_fire: Vec::new(),
        }
    }

    /// A region with rows in it, as a snapshot has them.
    pub(crate) fn filled(number: u32, strip: &Strip, columns: Columns) -> Self {
        let rows = columns.len();
        let cold_stale = (0..rows as u32).collect();
        Self { cold: vec![0; rows], cold_stale, ..Self::new(number, strip, columns) }
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.columns.len() == 0 && self.shots.is_empty()
    }

    /// How many rows the second phase has to look at.
    pub(crate) fn settling_work(&self) -> usize {
        self.leaving.len()
    }

    /// How much work it is, in entities.
    pub(crate) fn load(&self) -> usize {
        1 + self.columns.len() + self.shots.len()
    }

    /// Adds a row and returns its number.
    pub(crate) fn insert(&mut self, id: EntityId, entity: &Entity) -> u32 {
        self.columns.push(id, entity);
        self.note_new_row()
    }

    /// Takes a row out of other columns and adds it here. The row is told in `moved`.
    fn insert_from(&mut self, from: &mut Columns, row: usize) {
        from.transfer(row, &mut self.columns);
        let row = self.note_new_row();
        self.moved.push(row);
    }

    fn note_new_row(&mut self) -> u32 {
        let row = self.cold.len() as u32;
        // It grows when the columns grow, and no other time.
        if self.cold.len() == self.cold.capacity() {
            self.cold.reserve_exact(self.columns.capacity() - self.cold.len());
        }
        self.cold.push(0);
        self.cold_stale.push(row);
        self.touch();
        row
    }

    /// Removes a row. The last row takes its place and is told in `moved`.
    pub(crate) fn remove(&mut self, row: u32) {
        self.columns.swap_remove(row as usize);
        self.note_removed_row(row);
    }

    /// Moves a row to other columns. The last row takes its place and is told in `moved`.
    pub(crate) fn take(&mut self, row: u32, to: &mut Columns) {
        self.columns.transfer(row as usize, to);
        self.note_removed_row(row);
    }

    fn note_removed_row(&mut self, row: u32) {
        self.cold_sum = self.cold_sum.wrapping_sub(self.cold.swap_remove(row as usize));
        if let Some(cold) = self.cold.get(row as usize) {
            if *cold == 0 {
                self.cold_stale.push(row);
            }
            self.moved.push(row);
        }
        self.touch();
    }

    /// A row has changed in a column that the index has.
    pub(crate) fn touch(&mut self) {
        self.index_is_stale = true;
        self.sum_is_stale = true;
    }

    /// A row has changed in a column that does not change in every tick.
    pub(crate) fn touch_cold(&mut self, row: u32) {
        let cold = &mut self.cold[row as usize];
        if *cold != 0 {
            self.cold_sum = self.cold_sum.wrapping_sub(*cold);
            *cold = 0;
            self.cold_stale.push(row);
        }
        self.sum_is_stale = true;
    }

    /// A row was written from outside.
    pub(crate) fn note_written(&mut self, row: u32, column: Column) {
        match column {
            Column::VelocityX | Column::VelocityY => {
                let entry = self.index.as_mut().expect("the index is here between ticks");
                if !self.index_is_stale {
                    let entry = entry.entry_of_row_mut(row as usize);
                    entry.velocity_x = self.columns.velocity_x[row as usize];
                    entry.velocity_y = self.columns.velocity_y[row as usize];
                }
                self.sum_is_stale = true;
            }
            Column::Heading => self.sum_is_stale = true,
            Column::Shape
            | Column::HalfX
            | Column::HalfY
            | Column::Mass
            | Column::Restitution
            | Column::Layers
            | Column::Collides
            | Column::Team
            | Column::Flags
            | Column::HealthMax
            | Column::AccelerationMax => {
                self.touch_cold(row);
                self.touch();
            }
            _ => self.touch_cold(row),
        }
    }

    /// The first phase: contacts, movement. Reads the view and this region's own rows.
    pub(crate) fn advance(&mut self, view: &View, constants: &Constants, contacts: &mut Contacts, out: &mut Outbox) {
        let index = view.index(self.number);
        contacts.find(self.number, view);
        contacts.resolve(self.number, view, constants, out);
        self.think(view, constants, out);
        self.fire_as_told(view, constants, out);
        self.move_rows(view, constants, index, contacts, out);
        self.fly(view, constants, out);
    }

    fn move_rows(&mut self, view: &View, constants: &Constants, index: &Index, contacts: &Contacts, out: &mut Outbox) {
        self.leaving.clear();
        let world_max = constants.config.speed_max;
        let ground = Ground::new(constants.map.as_ref(), self.sector);
        for row in 0..self.columns.len() {
            let party = contacts.party(index.place_of_row(row));
            let push = party.map_or_else(Push::default, |party| party.push);
            let columns = &mut self.columns;
            let mut velocity = (
                columns.velocity_x[row].wrapping_add(push.velocity_x),
                columns.velocity_y[row].wrapping_add(push.velocity_y),
            );
            let is_driven = columns.acceleration_max[row] > 0;
            if is_driven || columns.order[row] != 0 {
                let mut wanted = self.wanted_velocity(row, view, constants, out);
                if let Some(party) = party {
                    wanted = contacts.yielding(party, wanted, view, self.number);
                }
                if is_driven {
                    velocity = drive(velocity, wanted, self.columns.acceleration_max[row], constants);
                    // What drives faces where it goes; what stands to shoot faces where it shoots.
                    if wanted != (0, 0) && velocity != (0, 0) {
                        self.face(row, velocity.0, velocity.1);
                    }
                }
            }
            if let Some(party) = party {
                velocity = party.yield_to_push(velocity);
            }
            let columns = &mut self.columns;
            let own_max = columns.speed_max[row];
            let speed_max = if own_max > 0 { own_max.min(world_max) } else { world_max };
            velocity = limit(velocity, speed_max);
            (columns.velocity_x[row], columns.velocity_y[row]) = velocity;
            let mut way = (
                constants.way(velocity.0) + push.x.clamp(-PUSH_MAX, PUSH_MAX),
                constants.way(velocity.1) + push.y.clamp(-PUSH_MAX, PUSH_MAX),
            );
            if let Some(ground) = &ground {
                ground.hold(columns, row, &mut way);
                // What a wall turns back is rounded, perhaps to a little more than there may be.
                let turned = (columns.velocity_x[row], columns.velocity_y[row]);
                if turned != velocity {
                    (columns.velocity_x[row], columns.velocity_y[row]) = limit(turned, speed_max);
                }
            }
            let (x, y) = (columns.x[row] + way.0, columns.y[row] + way.1);
            (columns.x[row], columns.y[row]) = (x, y);
            if !(0..SECTOR_SIDE).contains(&x) || !(self.low..self.high).contains(&y) {
                self.leaving.push(row as u32);
            }
        }
    }

    /// A hit from anywhere.
    pub(crate) fn strike(&mut self, damage: &Damage) {
        let row = damage.row as usize;
        if self.columns.health_max[row] == 0 {
            return;
        }
        self.columns.health[row] = self.columns.health[row].saturating_sub(damage.amount);
        self.touch_cold(damage.row);
        self.struck.push((damage.row, damage.shooter));
    }

    /// The second phase: who dies, who leaves.
    pub(crate) fn settle(&mut self, view_tick: u64, constants: &Constants, out: &mut Outbox) {
        self.moved.clear();
        self.struck.sort_unstable();
        self.struck.dedup_by_key(|(row, _)| *row);
        // Rows go from the last to the first, so that none of those still to go is moved.
        let (mut dead, mut leaving) = (self.struck.len(), self.leaving.len());
        while dead > 0 || leaving > 0 {
            let next_dead = dead.checked_sub(1).map(|last| self.struck[last].0);
            let next_leaving = leaving.checked_sub(1).map(|last| self.leaving[last]);
            let row = next_dead.max(next_leaving).expect("one of the lists is not empty");
            let struck_by = (next_dead == Some(row)).then(|| {
                dead -= 1;
                self.struck[dead].1
            });
            let is_leaving = next_leaving == Some(row);
            leaving -= usize::from(is_leaving);
            match struck_by {
                Some(killer) if self.columns.health[row as usize] <= 0 => {
                    self.tell_death(row as usize, killer, view_tick, constants, out);
                    let path = self.columns.path[row as usize];
                    out.paths_done.extend((path != 0).then_some(path));
                    out.dead.push(self.columns.id[row as usize]);
                    self.remove(row);
                }
                _ if is_leaving => self.depart(row, out),
                _ => {}
            }
        }
        self.struck.clear();
        self.leaving.clear();
    }

    fn tell_death(&self, row: usize, killer: EntityId, tick: u64, constants: &Constants, out: &mut Outbox) {
        let kind = if constants.config.base_kinds.contains(&self.columns.kind[row]) {
            Kind::BaseDestroyed
        } else {
            Kind::UnitDestroyed
        };
        let at = Position::new(self.sector, i64::from(self.columns.x[row]), i64::from(self.columns.y[row]));
        let value = i64::from(self.columns.kind[row]);
        out.events.push(Event::new(
            tick,
            kind,
            at,
            self.columns.id[row],
            killer,
            u32::from(self.columns.team[row]),
            value,
        ));
    }

    fn depart(&mut self, row: u32, out: &mut Outbox) {
        let columns = &mut self.columns;
        let at = row as usize;
        let to = Position::new(self.sector, i64::from(columns.x[at]), i64::from(columns.y[at]));
        let (right, up) = self.sector.steps_to(to.sector);
        (columns.x[at], columns.y[at]) = (to.x, to.y);
        columns.change_sector(at, right, up);
        out.send_entity(self.sector, to, |arrivals| self.take(row, arrivals));
    }

    /// The third phase, after all arrivals: the index, the hash and the past of tick N+1, which is `tick`.
    pub(crate) fn publish(&mut self, tick: u64) {
        self.columns.past.record(tick, &self.columns.x, &self.columns.y);
        self.refresh_index();
        self.sum = self.state_sum();
        self.sum_is_stale = false;
    }

    /// Takes what arrived.
    pub(crate) fn arrive(&mut self, from: &mut Columns, row: usize) {
        self.insert_from(from, row);
    }

    /// Makes the index anew.
    pub(crate) fn refresh_index(&mut self) {
        let index = self.index.as_mut().expect("the index is here outside of the first phase");
        index.build(&self.columns);
        self.index_is_stale = false;
    }

    /// The sum of the hashes of all rows and projectiles.
    pub(crate) fn state_sum(&mut self) -> u64 {
        for row in self.cold_stale.drain(..) {
            let row = row as usize;
            if self.cold.get(row) == Some(&0) {
                self.cold[row] = hash::cold(&self.columns, row);
                self.cold_sum = self.cold_sum.wrapping_add(self.cold[row]);
            }
        }
        // Of the list of a whole new region only a part is needed later.
        if self.cold_stale.capacity() > STALE_KEPT {
            self.cold_stale.shrink_to(STALE_KEPT);
        }
        let columns = &self.columns;
        let mut sum = self.cold_sum;
        for row in 0..columns.len() {
            sum = sum.wrapping_add(hash::hot(
                columns.id[row],
                columns.x[row],
                columns.y[row],
                columns.velocity_x[row],
                columns.velocity_y[row],
                columns.heading[row],
            ));
        }
        for shot in &self.shots {
            sum = sum.wrapping_add(shot.hash());
        }
        sum
    }

    /// Where rows that were moved are now.
    pub(crate) fn moved_places(&self) -> impl Iterator<Item = (EntityId, Place)> {
        self.moved.iter().filter_map(|&row| {
            let id = *self.columns.id.get(row as usize)?;
            Some((id, Place { region: self.number, row }))
        })
    }
}
