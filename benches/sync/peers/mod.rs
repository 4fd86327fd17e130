//! What Muster's bytes are put beside: how the same is told without it.
//!
//! Each peer gets whole frames that are quantised already and tells the difference to the frame that the viewer
//! acknowledged. It is given what it would have to add in a game: entities have a number of 16 bits instead of their id, and
//! nobody has to be told what is in sight.

mod columns;
mod packets;
mod structs;
mod tables;

use std::ops::Range;

pub(crate) use packets::bytes as bytes_in_packets;

use crate::frame::{Frame, Told, slot_of};

/// A way to tell a frame from an older one.
pub(crate) trait Peer {
    /// What tables call it.
    fn name(&self) -> &'static str;

    /// How many bytes it takes to tell what is in these slots `now` to a viewer who has `base`, in one piece.
    fn bytes(&mut self, now: &Frame, base: &Frame, slots: Range<usize>) -> usize;
}

/// Every peer that is built in.
pub(crate) fn all() -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(tables::Tables::default()),
        #[cfg(feature = "peers")]
        Box::new(structs::Structs::new(structs::Layout::Rows)),
        #[cfg(feature = "peers")]
        Box::new(structs::Structs::new(structs::Layout::Columns)),
        #[cfg(feature = "peers")]
        Box::new(columns::Columns::default()),
    ]
}

/// What became of a slot from one frame to another.
enum Change<'a> {
    /// Somebody else is in it than before, or somebody for the first time.
    Came(&'a Told),
    /// The same one, with another state.
    Changed(&'a Told, &'a Told),
    /// Whoever was in it is gone.
    Left,
}

/// Every change in some slots from one frame to another.
fn changes<'a>(now: &'a Frame, base: &'a Frame, slots: Range<usize>) -> impl Iterator<Item = (u16, Change<'a>)> {
    slots.filter_map(|slot| {
        let change = match (now.at(slot), base.at(slot)) {
            (Some(now), Some(old)) if now == old => return None,
            (Some(now), Some(old)) if now.id == old.id => Change::Changed(now, old),
            (Some(now), _) => Change::Came(now),
            (None, Some(_)) => Change::Left,
            (None, None) => return None,
        };
        Some((u16::try_from(slot).expect("scenes are smaller than that"), change))
    })
}

/// The slot of a target as 16 bits; 0 is none.
fn short(id: muster_core::EntityId) -> u16 {
    slot_of(id) as u16
}

#[cfg(test)]
mod tests;
