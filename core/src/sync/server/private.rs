//! What only one viewer is told: how far its inputs are, the exact state of what it predicts, and attributes that only an owner
//! sees.

use super::{SyncServer, viewer::Viewer};
use crate::{
    EntityId, World,
    entity::Columns,
    sync::own::{OWNER_VALUES_MAX, OwnerValue, Predicted, Traits, encode_own},
};

/// Bytes that an owner's value takes at most, nearly always.
const VALUE_BYTES: usize = 10;

/// Bytes that are kept for the state of what is predicted.
const PREDICTED_BYTES: usize = 120;

/// The attributes that only owners see, as they were at the last update.
#[derive(Debug)]
pub(super) struct Ledger {
    attributes: Vec<u8>,
    /// By slot.
    slots: Vec<Slot>,
    /// How often it was captured.
    captures: u32,
    /// By slot, one behind the other.
    values: Vec<i32>,
    /// Who has which entity, ascending.
    owned: Vec<(u32, EntityId)>,
}

/// What is known of an entity that has an owner.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    id: EntityId,
    owner: u32,
    /// The update at which one of its values changed last.
    update: u32,
    /// The capture that came by it last.
    capture: u32,
}

impl Ledger {
    pub(super) fn new(attributes: Vec<u8>, entities_max: u32) -> Self {
        // Memory that is not written to is only an address.
        let room = if attributes.is_empty() { 0 } else { entities_max as usize };
        let values = Vec::with_capacity(room * attributes.len());
        let (slots, owned) = (Vec::with_capacity(room), Vec::with_capacity(room));
        Self { attributes, slots, captures: 0, values, owned }
    }

    /// Nobody is there who could be told: what comes will be held against what is known now.
    pub(super) fn rest(&mut self) {
        self.owned.clear();
    }

    /// Notes what has changed since the last update.
    pub(super) fn capture(&mut self, world: &World, update: u32) {
        if self.attributes.is_empty() {
            return;
        }
        self.captures = self.captures.wrapping_add(1);
        let (mut count, mut is_as_before) = (0, true);
        for region in world.regions() {
            let columns = &region.columns;
            for row in 0..columns.id.len() {
                if columns.owner[row] != 0 {
                    count += 1;
                    is_as_before &= self.capture_row(columns, row, update);
                }
            }
        }
        // Who has what seldom changes, and putting it in order is most of the work.
        if !is_as_before || count != self.owned.len() {
            self.list_owned(world);
        }
    }

    /// Lists anew who has which entity.
    fn list_owned(&mut self, world: &World) {
        self.owned.clear();
        for region in world.regions() {
            let owners = region.columns.owner.iter().copied().zip(region.columns.id.iter().copied());
            self.owned.extend(owners.filter(|(owner, _)| *owner != 0));
        }
        self.owned.sort_unstable();
    }

    /// Takes over a row. Returns whether it was there at the last capture, and its owner's then.
    fn capture_row(&mut self, columns: &Columns, row: usize, update: u32) -> bool {
        let (id, owner, width) = (columns.id[row], columns.owner[row], self.attributes.len());
        let at = id.slot().expect("an entity has a slot") as usize;
        if at >= self.slots.len() {
            self.slots.resize(at + 1, Slot::default());
            self.values.resize((at + 1) * width, 0);
        }
        let slot = &mut self.slots[at];
        let is_same = (slot.id, slot.owner) == (id, owner);
        let was_there = slot.capture == self.captures.wrapping_sub(1);
        let mut has_changed = !is_same;
        for (number, kept) in self.attributes.iter().zip(&mut self.values[at * width..]) {
            let value = columns.attributes[usize::from(*number)][row];
            has_changed |= *kept != value;
            *kept = value;
        }
        let update = if has_changed { update } else { slot.update };
        *slot = Slot { id, owner, update, capture: self.captures };
        is_same && was_there
    }

    fn owned_by(&self, player: u32) -> &[(u32, EntityId)] {
        let start = self.owned.partition_point(|(owner, _)| *owner < player);
        let end = self.owned.partition_point(|(owner, _)| *owner <= player);
        &self.owned[start..end]
    }

    /// Adds the values of a player's entities that have changed since an update, from the `turn`th entity round, as many as have
    /// room. Returns whether all had.
    fn write(&self, player: u32, since: u32, turn: usize, room: usize, out: &mut Vec<OwnerValue>) -> bool {
        if self.attributes.is_empty() || player == 0 {
            return true;
        }
        let owned = self.owned_by(player);
        let (before, after) = owned.split_at(turn.checked_rem(owned.len()).unwrap_or(0));
        let width = self.attributes.len();
        for (_, entity) in after.iter().chain(before) {
            let slot = entity.slot().expect("an entity has a slot") as usize;
            if self.slots[slot].update <= since {
                continue;
            }
            if out.len() + width > room {
                return false;
            }
            let values = self.values[slot * width..][..width].iter();
            out.extend((0..).zip(values).map(|(attribute, value)| OwnerValue {
                entity: *entity,
                attribute,
                value: *value,
            }));
        }
        true
    }
}

impl SyncServer {
    /// Writes a viewer's own part. Returns whether all that it does not know is in it.
    pub(super) fn write_own(&mut self, world: &World, viewer: &mut Viewer, room: usize, out: &mut Vec<u8>) -> bool {
        self.own.input = viewer.inbox.done;
        self.own.values.clear();
        self.own.predicted = self.predicted_of(world, viewer);
        // A spectator that is behind is told nothing of now.
        if viewer.options.delay > 0 {
            return true;
        }
        let own = &mut self.own;
        let values = (room.saturating_sub(PREDICTED_BYTES) / VALUE_BYTES).min(OWNER_VALUES_MAX);
        let (player, since) = (viewer.options.player, viewer.own_acknowledged);
        let is_whole = self.ledger.write(player, since, viewer.turn, values, &mut own.values);
        viewer.turn = if is_whole { 0 } else { viewer.turn + own.values.len() / self.ledger.attributes.len() };
        let is_news = own.predicted.is_some() || !own.values.is_empty() || own.input != viewer.input_acknowledged;
        if is_news {
            encode_own(own, out);
        }
        is_whole
    }

    /// The exact state of what a viewer predicts, if it may know it.
    fn predicted_of(&self, world: &World, viewer: &mut Viewer) -> Option<Predicted> {
        let id = viewer.predicted;
        if viewer.options.delay > 0 {
            return None;
        }
        let (columns, row, sector) = world.row(id)?;
        let is_its_own = viewer.options.player != 0 && columns.owner[row] == viewer.options.player;
        if !is_its_own && !viewer.options.sees_hidden {
            return None;
        }
        let traits = Traits::of_row(columns, row);
        if viewer.traits != Some((id, traits)) {
            (viewer.traits, viewer.traits_update) = (Some((id, traits)), self.update);
        }
        Some(Predicted {
            traits: (viewer.traits_update > viewer.own_acknowledged).then_some(traits),
            ..Predicted::of_row(columns, row, sector)
        })
    }
}
