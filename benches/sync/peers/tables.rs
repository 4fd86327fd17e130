//! FlatBuffers: a table for each entity that changed, with the fields that changed.

use std::ops::Range;

use flatbuffers::{FlatBufferBuilder, TableFinishedWIPOffset, VOffsetT, WIPOffset};

use super::{Change, Peer, changes, short};
use crate::frame::{Frame, Told};

/// The place of a field in a table's description.
const fn field(number: VOffsetT) -> VOffsetT {
    4 + 2 * number
}

/// `table Entity { slot; x; y; heading; health; state; target; flags; rank; id; ... }`, a vector of which is the root.
#[derive(Default)]
pub(super) struct Tables {
    builder: FlatBufferBuilder<'static>,
}

impl Peer for Tables {
    fn name(&self) -> &'static str {
        "FlatBuffers tables"
    }

    fn bytes(&mut self, now: &Frame, base: &Frame, slots: Range<usize>) -> usize {
        self.builder.reset();
        let tables: Vec<WIPOffset<TableFinishedWIPOffset>> = changes(now, base, slots)
            .map(|(slot, change)| match change {
                Change::Came(told) => self.entity(slot, told, &Told::default()),
                Change::Changed(told, old) => self.entity(slot, told, old),
                Change::Left => {
                    let table = self.builder.start_table();
                    self.builder.push_slot_always(field(0), slot);
                    self.builder.push_slot_always(field(16), true);
                    self.builder.end_table(table)
                }
            })
            .collect();
        let tables = self.builder.create_vector(&tables);
        let root = self.builder.start_table();
        self.builder.push_slot_always(field(0), tables);
        let root = self.builder.end_table(root);
        self.builder.finish_minimal(root);
        self.builder.finished_data().len()
    }
}

impl Tables {
    /// A table of what is not as it was, the large fields first, as the generated code has them.
    fn entity(&mut self, slot: u16, now: &Told, old: &Told) -> WIPOffset<TableFinishedWIPOffset> {
        let builder = &mut self.builder;
        let table = builder.start_table();
        builder.push_slot(field(9), now.id.bits(), old.id.bits());
        builder.push_slot(field(1), now.x, old.x);
        builder.push_slot(field(2), now.y, old.y);
        builder.push_slot(field(7), now.flags, old.flags);
        builder.push_slot(field(13), now.owner, old.owner);
        builder.push_slot_always(field(0), slot);
        // What is mostly small has a small type.
        builder.push_slot(field(4), now.health as i16, old.health as i16);
        builder.push_slot(field(10), now.health_max as i16, old.health_max as i16);
        builder.push_slot(field(8), now.rank as i16, old.rank as i16);
        builder.push_slot(field(6), short(now.target), short(old.target));
        builder.push_slot(field(5), now.state, old.state);
        builder.push_slot(field(11), now.kind, old.kind);
        builder.push_slot(field(12), now.team, old.team);
        builder.push_slot(field(14), now.half_x, old.half_x);
        builder.push_slot(field(15), now.half_y, old.half_y);
        builder.push_slot(field(3), now.heading, old.heading);
        builder.push_slot(field(17), now.shape, old.shape);
        builder.end_table(table)
    }
}
