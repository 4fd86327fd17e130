//! The groups that a viewer knows, and the last states of each.

use crate::entity::EntityId;
use crate::sync::{
    GROUP, GroupState,
    codec::{DecodeError, Identity, Known, Layout, decode_group},
    packet::{AGE_MAX, GroupHeader},
};

/// The index of no track.
pub(super) const NO_TRACK: u32 = u32::MAX;

/// Whether an update comes after another.
pub(super) const fn is_after(update: u32, other: u32) -> bool {
    update.wrapping_sub(other).cast_signed() > 0
}

/// A state of a group as it was told.
#[derive(Debug)]
pub(super) struct Version {
    /// Its number; of a group's first state, and after a gap, only the low 8 bits are those of the server's.
    pub(super) number: u64,
    /// The update at which it was made.
    pub(super) update: u32,
    pub(super) state: GroupState,
}

/// A group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) number: u16,
    pub(super) identity: Identity,
    /// The update at which it was closed, once it was; shares of that update and before are too late.
    pub(super) closed: Option<u32>,
    /// In no order.
    pub(super) versions: Vec<Box<Version>>,
    /// Where the one of the newest update is; any number while there is none.
    pub(super) newest: usize,
    /// The tracks of the newest state's entities, by place.
    pub(super) tracks: [u32; GROUP],
    /// The packet that had a share for it last.
    pub(super) packet: u32,
    /// The version that is shown now.
    pub(super) shown: usize,
}

/// A share that was decoded and waits for the rest of its packet.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) group: u16,
    pub(super) version: Box<Version>,
    /// Of a whole state.
    pub(super) identity: Option<Identity>,
}

/// What a share in a packet came to.
#[derive(Debug)]
pub(super) enum Share {
    /// A state.
    State(Staged),
    /// The group was closed later, or is another one by now.
    Late,
    /// It is told from a state that is not here.
    Unknown,
}

/// The groups by number, and states that are not in use.
#[derive(Debug)]
pub(super) struct Groups {
    /// Ascending by number.
    groups: Vec<Box<Group>>,
    groups_max: usize,
    history: usize,
    layout: Layout,
    spare: Vec<Box<Version>>,
}

impl Group {
    fn new(number: u16) -> Self {
        Self {
            number,
            identity: Identity::default(),
            closed: None,
            versions: Vec::new(),
            newest: 0,
            tracks: [NO_TRACK; GROUP],
            packet: 0,
            shown: 0,
        }
    }

    /// The newest state.
    pub(super) fn newest(&self) -> Option<&Version> {
        self.versions.get(self.newest).map(AsRef::as_ref)
    }

    /// The newest state that has an entity in a place.
    pub(super) fn last_of(&self, id: EntityId, place: usize) -> Option<&GroupState> {
        let states = self.versions.iter().map(AsRef::as_ref);
        let has_it = |version: &&Version| version.state.present >> place & 1 == 1 && version.state.id[place] == id;
        states.filter(has_it).max_by_key(|version| version.number).map(|version| &version.state)
    }

    fn find(&self, number: u64) -> Option<&Version> {
        self.versions.iter().map(AsRef::as_ref).find(|version| version.number == number)
    }

    /// The number of a state told whole: the one nearest to the newest that has these low bits and is not before it if its
    /// update is not.
    fn lift(&self, low: u8, update: u32) -> u64 {
        let Some(newest) = self.newest() else { return 256 + u64::from(low) };
        let ahead = u64::from(low.wrapping_sub(newest.number as u8));
        match update.wrapping_sub(newest.update).cast_signed() {
            0 => newest.number + ahead,
            // A number that comes again is of the next round, or of the one before.
            1.. => newest.number + if ahead == 0 { 256 } else { ahead },
            _ => (newest.number + ahead).saturating_sub(256),
        }
    }

    /// The base of a share, and the one before it: of those whose numbers end in these bits, the newest that is older than
    /// `update`.
    fn known(&self, header: &GroupHeader, update: u32) -> Option<(u64, Known<'_>)> {
        let low = header.version.wrapping_sub(header.base);
        let base = self
            .versions
            .iter()
            .filter(|version| version.number as u8 == low && is_after(update, version.update))
            .max_by_key(|version| version.number)?;
        let before = match header.before {
            0 => None,
            back => Some(self.find(base.number.checked_sub(u64::from(back))?)?),
        };
        let before = before.map(|before| (&before.state, before.update));
        Some((base.number, Known { base: &base.state, base_update: base.update, before }))
    }
}

impl Groups {
    pub(super) fn new(groups_max: usize, history: u8, layout: Layout) -> Self {
        Self { groups: Vec::new(), groups_max, history: usize::from(history), layout, spare: Vec::new() }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().map(AsRef::as_ref)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Group> {
        self.groups.iter_mut().map(AsMut::as_mut)
    }

    pub(super) fn find(&self, number: u16) -> Option<&Group> {
        self.at(number).ok().map(|at| self.groups[at].as_ref())
    }

    pub(super) fn find_mut(&mut self, number: u16) -> Option<&mut Group> {
        self.at(number).ok().map(|at| self.groups[at].as_mut())
    }

    fn at(&self, number: u16) -> Result<usize, usize> {
        self.groups.binary_search_by_key(&number, |group| group.number)
    }

    /// Whether a packet may name a group: it is known, or there is room for one more beside `more` that are new too.
    pub(super) fn has_room(&self, number: u16, more: usize) -> bool {
        let closed = || self.groups.iter().filter(|group| group.closed.is_some()).count();
        self.at(number).is_ok()
            || self.groups.len() + more < self.groups_max
            || self.groups.len() - closed() + more < self.groups_max
    }

    /// Decodes a share of a packet of `update`. Nothing of the groups changes.
    pub(super) fn decode(&mut self, header: &GroupHeader, share: &[u8], update: u32) -> Result<Share, DecodeError> {
        let group = self.at(header.group).ok();
        let made = update.wrapping_sub(u32::from(header.age));
        if let Some(closed) = group.and_then(|at| self.groups[at].closed)
            && !is_after(update, closed)
        {
            return Ok(Share::Late);
        }
        if header.base != 0 && u32::from(header.age) >= AGE_MAX {
            // Its update cannot be told.
            return Ok(Share::Unknown);
        }
        let mut version = self.spare.pop().unwrap_or_else(|| {
            let state = GroupState::new(usize::from(self.layout.attributes));
            Box::new(Version { number: 0, update: 0, state })
        });
        let known = match (header.base, group) {
            (0, _) => None,
            (_, Some(at)) => self.groups[at].known(header, made),
            _ => None,
        };
        if header.base != 0 && known.is_none() {
            self.spare.push(version);
            return Ok(Share::Unknown);
        }
        let told = decode_group(share, made, known.as_ref().map(|(_, known)| known), &self.layout, &mut version.state);
        let identity = match told {
            Ok(identity) => identity,
            Err(error) => {
                self.spare.push(version);
                return Err(error);
            }
        };
        version.update = identity.map_or(made, |identity| identity.update);
        version.number = match (known, group) {
            (Some((base, _)), _) => base + u64::from(header.base),
            (None, Some(at)) => self.groups[at].lift(header.version, version.update),
            (None, None) => 256 + u64::from(header.version),
        };
        let newest = group.and_then(|at| self.groups[at].newest().map(|newest| (&self.groups[at].identity, newest)));
        let is_late = version.update.wrapping_sub(update).cast_signed() > 0
            || identity.zip(newest).is_some_and(|(told, (known, newest))| {
                (told.cell, told.scope) != (known.cell, known.scope) && !is_after(version.update, newest.update)
            });
        if is_late {
            self.spare.push(version);
            return Ok(Share::Late);
        }
        Ok(Share::State(Staged { group: header.group, version, identity }))
    }

    /// Gives a state back that is not wanted.
    pub(super) fn give_back(&mut self, version: Box<Version>) {
        self.spare.push(version);
    }

    /// The group of a number, made if it is not there; a closed one makes room. `has_room` has looked.
    pub(super) fn open(&mut self, number: u16) -> &mut Group {
        if self.at(number).is_err() && self.groups.len() >= self.groups_max {
            let oldest = self
                .groups
                .iter()
                .enumerate()
                .filter_map(|(at, group)| group.closed.map(|closed| (at, closed)))
                .reduce(|old, next| if is_after(old.1, next.1) { next } else { old });
            if let Some((at, _)) = oldest {
                self.groups.remove(at);
            }
        }
        let at = match self.at(number) {
            Ok(at) => at,
            Err(at) => {
                self.groups.insert(at, Box::new(Group::new(number)));
                at
            }
        };
        &mut self.groups[at]
    }

    /// Forgets every state of a group.
    pub(super) fn clear(&mut self, number: u16) {
        let Ok(at) = self.at(number) else { return };
        let group = &mut self.groups[at];
        self.spare.append(&mut group.versions);
        (group.newest, group.shown) = (0, 0);
        group.tracks = [NO_TRACK; GROUP];
    }

    /// Adds a state to a group that is there. Returns where it is, or `None` if it is older than all that are kept.
    pub(super) fn insert(&mut self, number: u16, version: Box<Version>) -> Option<usize> {
        let at = self.at(number).expect("the group was opened");
        let group = &mut self.groups[at];
        let same = group.versions.iter().position(|other| other.number == version.number);
        let place = match same {
            Some(place) => place,
            None if group.versions.len() < self.history => {
                group.versions.push(version);
                return Some(group.versions.len() - 1);
            }
            None => {
                let oldest = (0..group.versions.len()).min_by_key(|place| group.versions[*place].number);
                let oldest = oldest.expect("a history has room for some states");
                if group.versions[oldest].number > version.number {
                    self.spare.push(version);
                    return None;
                }
                oldest
            }
        };
        self.spare.push(std::mem::replace(&mut group.versions[place], version));
        Some(place)
    }
}
