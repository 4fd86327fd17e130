//! bitcode: the fields that changed, as differences to the acknowledged frame, through zstd where that helps.

#![cfg(feature = "peers")]

use std::ops::Range;

use bitcode::{Buffer, Encode};

use super::{Change, Peer, changes, short};
use crate::frame::{Frame, Told};

/// What zstd's own documentation takes for a default.
const LEVEL: i32 = 3;

/// A message; bitcode lays it out field by field and packs each into as few bits as its largest value needs.
#[derive(Debug, Default, Encode)]
#[cfg_attr(test, derive(bitcode::Decode))]
pub(super) struct Message {
    pub(super) changed: Vec<Changed>,
    pub(super) came: Vec<Came>,
    pub(super) left: Vec<u16>,
}

/// What of an entity is not as it was.
#[derive(Debug, Default, Encode)]
#[cfg_attr(test, derive(bitcode::Decode))]
pub(super) struct Changed {
    /// How many slots behind the one before.
    skipped: u16,
    place: Option<(i16, i16)>,
    heading: Option<i8>,
    health: Option<i16>,
    state: Option<u16>,
    target: Option<u16>,
    flags: Option<u32>,
    rank: Option<i16>,
    kind: Option<u16>,
    team: Option<u16>,
    owner: Option<u32>,
    health_max: Option<i16>,
    form: Option<(u8, u16, u16)>,
}

/// A newcomer.
#[derive(Debug, Default, Encode)]
#[cfg_attr(test, derive(bitcode::Decode))]
pub(super) struct Came {
    slot: u16,
    id: u64,
    x: i32,
    y: i32,
    heading: u8,
    health: i16,
    state: u16,
    target: u16,
    flags: u32,
    rank: i16,
    health_max: i16,
    kind: u16,
    team: u16,
    owner: u32,
    form: (u8, u16, u16),
}

/// The peer.
pub(super) struct Columns {
    buffer: Buffer,
    compressor: zstd::bulk::Compressor<'static>,
}

impl Default for Columns {
    fn default() -> Self {
        let compressor = zstd::bulk::Compressor::new(LEVEL).expect("zstd has this level");
        Self { buffer: Buffer::new(), compressor }
    }
}

impl Peer for Columns {
    fn name(&self) -> &'static str {
        "bitcode + zstd"
    }

    fn bytes(&mut self, now: &Frame, base: &Frame, slots: Range<usize>) -> usize {
        let message = message(now, base, slots);
        let packed = self.buffer.encode(&message);
        let smaller = self.compressor.compress(packed).expect("there is room for what is compressed").len();
        // A bit of the first byte could say whether it is compressed.
        packed.len().min(smaller)
    }
}

/// What there is to tell.
pub(super) fn message(now: &Frame, base: &Frame, slots: Range<usize>) -> Message {
    let (mut message, mut next) = (Message::default(), slots.start as u16);
    for (slot, change) in changes(now, base, slots) {
        match change {
            Change::Came(told) => message.came.push(came(slot, told)),
            Change::Left => message.left.push(slot),
            // Who is further than a difference reaches has been put elsewhere.
            Change::Changed(told, old) => match differences(slot - next, told, old) {
                Some(changed) => {
                    message.changed.push(changed);
                    next = slot + 1;
                }
                None => message.came.push(came(slot, told)),
            },
        }
    }
    message
}

fn differences(skipped: u16, now: &Told, old: &Told) -> Option<Changed> {
    fn other<T: PartialEq + Copy>(now: T, old: T) -> Option<T> {
        (now != old).then_some(now)
    }
    let place = (i16::try_from(now.x - old.x).ok()?, i16::try_from(now.y - old.y).ok()?);
    Some(Changed {
        skipped,
        place: (place != (0, 0)).then_some(place),
        heading: (now.heading != old.heading).then(|| now.heading.wrapping_sub(old.heading).cast_signed()),
        health: (now.health != old.health).then(|| (now.health - old.health) as i16),
        state: other(now.state, old.state),
        target: other(short(now.target), short(old.target)),
        flags: other(now.flags, old.flags),
        rank: (now.rank != old.rank).then(|| (now.rank - old.rank) as i16),
        kind: other(now.kind, old.kind),
        team: other(now.team, old.team),
        owner: other(now.owner, old.owner),
        health_max: other(now.health_max as i16, old.health_max as i16),
        form: other((now.shape, now.half_x, now.half_y), (old.shape, old.half_x, old.half_y)),
    })
}

fn came(slot: u16, told: &Told) -> Came {
    Came {
        slot,
        id: told.id.bits(),
        x: told.x,
        y: told.y,
        heading: told.heading,
        health: told.health as i16,
        state: told.state,
        target: short(told.target),
        flags: told.flags,
        rank: told.rank as i16,
        health_max: told.health_max as i16,
        kind: told.kind,
        team: told.team,
        owner: told.owner,
        form: (told.shape, told.half_x, told.half_y),
    }
}
