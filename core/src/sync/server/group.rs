//! Groups: up to 32 entities of a cell that the same viewers may see, their last states, and what was encoded of those.

use super::viewer::Link;
use crate::{
    entity::EntityId,
    sync::{
        GROUP, GroupState, Scope,
        codec::{Identity, Known, Layout, encode_group},
        packet::{GroupHeader, SHARE_MAX},
    },
};

/// The number of no group.
pub(super) const NO_GROUP: u16 = u16::MAX;

/// How many ways to tell one state are kept; further viewers are told from none before their base, or whole.
const SHARES_MAX: usize = 24;

/// A group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) cell: u32,
    pub(super) scope: Scope,
    /// The places that are taken.
    pub(super) members: u32,
    /// Of who left each place last: whether it is gone from the world.
    destroyed: u32,
    pub(super) id: [EntityId; GROUP],
    /// The version that each member is in first.
    entered: [u32; GROUP],
    /// Places that had somebody else before.
    reused: u32,
    /// Versions below it are nothing to build on: a place in them may be somebody's of whom it is forgotten how they left.
    floor: u32,
    /// How many it takes; less than [`GROUP`] once its whole state did not fit into a packet.
    pub(super) room: u32,
    /// How many viewers have it.
    pub(super) watchers: u32,
    /// The version that comes next, never 0. It goes on when the number of the group is used again.
    pub(super) next_version: u32,
    /// Kept while somebody watches.
    pub(super) history: Option<Box<History>>,
    /// The update in which somebody's health or state changed last.
    pub(super) active_update: u32,
    /// The largest weight of its members' kinds.
    pub(super) weight: u32,
    pub(super) memo: Memo,
}

/// What a viewer is told of a group: the bytes of a state, or that it is closed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub(super) header: GroupHeader,
    /// The state; 0 is none.
    pub(super) number: u32,
    /// Where the history has it.
    pub(super) at: u32,
    pub(super) start: u32,
    pub(super) length: u32,
}

impl Told {
    pub(super) fn closing(group: u16) -> Self {
        Self { header: GroupHeader::closing(group), ..Self::default() }
    }
}

/// What a viewer was told of the group last. Most of those who come after it have acknowledged the same states and are told the
/// same, without looking anything up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memo {
    /// 0 is none.
    update: u32,
    base: u32,
    before: u32,
    pub(super) told: Told,
}

impl Memo {
    pub(super) fn new(update: u32, link: &Link, told: Told) -> Self {
        Self { update, base: link.base, before: link.before, told }
    }

    /// Whether a viewer is told it too.
    pub(super) fn is_for(&self, update: u32, link: &Link) -> bool {
        self.update == update && self.base == link.base && self.before == link.before && !link.is_closing
    }
}

/// One state of a group.
#[derive(Debug)]
pub(super) struct Version {
    /// 0 while it is none.
    pub(super) number: u32,
    pub(super) update: u32,
    pub(super) state: GroupState,
    /// It is told from no version below this one.
    pub(super) floor: u32,
    is_moving: bool,
    shares: Vec<Share>,
    bytes: Vec<u8>,
}

/// What was encoded of a state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    base: u32,
    before: u32,
    pub(super) start: u32,
    pub(super) length: u32,
}

/// The last states of a group: a ring, and one place for the state that is being made.
#[derive(Debug)]
pub(super) struct History {
    versions: Vec<Version>,
    /// Where the newest is.
    newest: usize,
}

/// Why a state cannot be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Untold {
    /// Its share does not fit into a packet: the group has to be divided.
    TooLarge,
}

impl Group {
    pub(super) fn new(cell: u32, scope: Scope, next_version: u32) -> Self {
        Self {
            cell,
            scope,
            members: 0,
            destroyed: 0,
            id: [EntityId::NULL; GROUP],
            entered: [0; GROUP],
            reused: 0,
            floor: 0,
            room: GROUP as u32,
            watchers: 0,
            next_version,
            history: None,
            active_update: 0,
            weight: 16,
            memo: Memo::default(),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.members.count_ones() < self.room
    }

    /// Gives an entity a place.
    pub(super) fn seat(&mut self, id: EntityId) -> u8 {
        let place = (!self.members).trailing_zeros() as usize;
        self.members |= 1 << place;
        self.id[place] = id;
        self.entered[place] = self.next_version;
        place as u8
    }

    /// Takes an entity out of its place.
    pub(super) fn unseat(&mut self, place: usize, is_destroyed: bool) {
        let bit = 1 << place;
        self.members &= !bit;
        if self.reused & bit != 0 {
            self.floor = self.floor.max(self.entered[place]);
        }
        self.reused |= bit;
        self.destroyed = if is_destroyed { self.destroyed | bit } else { self.destroyed & !bit };
    }

    /// Begins the next state, as a copy of the newest; its places are to be overwritten.
    pub(super) fn begin(&mut self) {
        let (members, destroyed, id) = (self.members, self.destroyed, &self.id);
        let Some(history) = &mut self.history else { return };
        let (newest, next) = history.newest_and_next();
        next.state.copy_from(&newest.state);
        (next.state.present, next.state.destroyed, next.state.id) = (members, destroyed, *id);
    }

    /// Where the next state is written.
    pub(super) fn next_state(&mut self) -> Option<&mut GroupState> {
        self.history.as_mut().map(|history| &mut history.newest_and_next().1.state)
    }

    /// Makes the next state the newest if it is different, or if the newest moved, so that a stop is told too. Returns whether
    /// it did.
    pub(super) fn commit(&mut self, update: u32) -> bool {
        let Some(history) = &mut self.history else { return false };
        let (newest, next) = history.newest_and_next();
        let is_moving = next.state.x != newest.state.x || next.state.y != newest.state.y;
        let is_fought = next.state.health != newest.state.health || next.state.state != newest.state.state;
        let is_same =
            newest.number != 0 && !newest.is_moving && !is_moving && !is_fought && next.state.is_equal(&newest.state);
        if is_same {
            return false;
        }
        (next.number, next.update, next.is_moving) = (self.next_version, update, is_moving);
        next.floor = self.floor;
        next.shares.clear();
        next.bytes.clear();
        history.newest = (history.newest + 1) % history.versions.len();
        self.next_version = self.next_version.checked_add(1).unwrap_or(1);
        if is_fought {
            self.active_update = update;
        }
        true
    }
}

impl History {
    /// Room for so many states, and one that is being made.
    pub(super) fn new(states: usize, attributes: usize) -> Self {
        let version = || Version {
            number: 0,
            update: 0,
            state: GroupState::new(attributes),
            floor: 0,
            is_moving: false,
            shares: Vec::with_capacity(SHARES_MAX),
            bytes: Vec::with_capacity(512),
        };
        Self { versions: (0..states + 1).map(|_| version()).collect(), newest: 0 }
    }

    /// Forgets every state.
    pub(super) fn clear(&mut self) {
        for version in &mut self.versions {
            (version.number, version.is_moving) = (0, false);
            version.state.present = 0;
        }
    }

    fn newest_and_next(&mut self) -> (&Version, &mut Version) {
        let next = (self.newest + 1) % self.versions.len();
        if next > self.newest {
            let (left, right) = self.versions.split_at_mut(next);
            (&left[self.newest], &mut right[0])
        } else {
            let (left, right) = self.versions.split_at_mut(self.newest);
            (&right[0], &mut left[next])
        }
    }

    /// The newest state; of number 0 if there is none.
    pub(super) fn newest(&self) -> &Version {
        &self.versions[self.newest]
    }

    /// The newest state that was made at an update or before.
    pub(super) fn at(&self, update: u32) -> Option<&Version> {
        self.backwards()
            .take_while(|version| version.number != 0)
            .find(|version| update.wrapping_sub(version.update) < 1 << 31)
    }

    fn backwards(&self) -> impl Iterator<Item = &Version> {
        let count = self.versions.len();
        // The place of the state that is being made is left out.
        (0..count - 1).map(move |back| &self.versions[(self.newest + count - back) % count])
    }

    /// Where a version is.
    fn find(&self, number: u32) -> Option<usize> {
        let newest = self.versions[self.newest].number;
        let back = newest.checked_sub(number).filter(|_| number != 0)? as usize;
        let count = self.versions.len();
        if back >= count - 1 {
            return None;
        }
        // Every viewer comes by here for every group, so there is no division.
        let at = if back > self.newest { self.newest + count - back } else { self.newest - back };
        (self.versions[at].number == number).then_some(at)
    }

    /// A version, if it is still there.
    pub(super) fn version(&self, number: u32) -> Option<&Version> {
        self.find(number).map(|at| &self.versions[at])
    }

    /// Whether a version is still there.
    pub(super) fn has(&self, number: u32) -> bool {
        self.find(number).is_some()
    }

    /// The bytes of what is told; none if nothing is but that the group is closed.
    pub(super) fn bytes(&self, told: &Told) -> &[u8] {
        &self.versions[told.at as usize].bytes[told.start as usize..(told.start + told.length) as usize]
    }

    /// What tells a version from another one, encoded if nobody has asked for it yet. Returns whether it was, in
    /// which of the states it is, and where.
    pub(super) fn share(
        &mut self,
        number: u32,
        base: u32,
        before: u32,
        identity: impl FnOnce() -> Identity,
        layout: &Layout,
    ) -> Result<(bool, u32, Share), Untold> {
        let at = self.find(number).expect("only states that are there are told");
        let found = self.versions[at].shares.iter().find(|share| share.base == base && share.before == before).copied();
        let (is_new, share) = match found {
            Some(share) => (false, share),
            None => (true, self.encode(at, base, before, &identity(), layout)),
        };
        if share.length as usize > SHARE_MAX {
            return Err(Untold::TooLarge);
        }
        Ok((is_new, at as u32, share))
    }

    fn encode(&mut self, at: usize, base: u32, before: u32, identity: &Identity, layout: &Layout) -> Share {
        let version = &mut self.versions[at];
        let (mut bytes, mut shares) = (std::mem::take(&mut version.bytes), std::mem::take(&mut version.shares));
        if shares.len() == SHARES_MAX {
            // Many viewers with many different losses: what was encoded first is encoded again should it be asked for.
            shares.clear();
            bytes.clear();
        }
        let start = bytes.len() as u32;
        let now = &self.versions[at];
        let known = self.find(base).map(|base| Known {
            base: &self.versions[base].state,
            base_update: self.versions[base].update,
            before: self.find(before).map(|before| (&self.versions[before].state, self.versions[before].update)),
        });
        encode_group(&now.state, now.update, known.as_ref(), identity, layout, &mut bytes);
        let share = Share { base, before, start, length: bytes.len() as u32 - start };
        shares.push(share);
        (self.versions[at].bytes, self.versions[at].shares) = (bytes, shares);
        share
    }
}
