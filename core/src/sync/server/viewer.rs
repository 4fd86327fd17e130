//! A viewer: what it has of which group, what was sent to it and what has arrived.

use super::{config::ViewerOptions, inbox::Inbox, news::Pending};
use crate::{
    EntityId, Position,
    sync::{Scope, own::Traits},
};

/// How many packets are remembered until they are acknowledged; older ones count as lost.
const PACKETS: usize = 128;
/// How many groups in packets are remembered; beyond, the oldest packets count as lost.
const ENTRIES: usize = 4096;

/// The tier of what is far, or out of the area.
const FAR: u8 = 2;

/// How many groups a viewer has room for from the beginning.
const LINKS_KEPT: usize = 128;

/// What a viewer has of one group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) group: u16,
    /// Whether the group is out of the viewer's area and it has to be told.
    pub(super) is_closing: bool,
    /// 0 near, 1 further off, 2 far.
    pub(super) tier: u8,
    /// The version it has acknowledged last; 0 is none.
    pub(super) base: u32,
    /// A version that it has acknowledged before; 0 is none.
    pub(super) before: u32,
    /// The first packet that can have told of the group since it came into the area: what older ones told is forgotten.
    opened: u32,
    /// The tick, cut to 32 bits, in which it was told last.
    pub(super) sent_tick: u32,
    /// Whether it was told since the group came into the area.
    pub(super) is_told: bool,
    /// Grows while it waits for its share of the budget.
    pub(super) waiting: u32,
}

/// One group in a packet: its number, and the lower and the upper half of the version that was told; 0 is that it was closed.
#[derive(Clone, Copy, Debug)]
struct Entry([u16; 3]);

impl Entry {
    const fn new(group: u16, version: u32) -> Self {
        Self([group, version as u16, (version >> 16) as u16])
    }

    const fn group(self) -> u16 {
        self.0[0]
    }

    const fn version(self) -> u32 {
        self.0[1] as u32 | (self.0[2] as u32) << 16
    }
}

/// The count of groups of a packet whose groups are not remembered.
const GROUPS_LOST: u32 = u32::MAX;

/// A packet that is on its way.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    sequence: u32,
    first_entry: u32,
    /// [`GROUPS_LOST`] if there were more than are remembered.
    entries: u32,
    /// The sequence of the first reliable event that waited, and which of those after it are in the packet.
    event_first: u32,
    events: u64,
    /// The update whose own part it has whole; 0 is none.
    own_update: u32,
    /// The input that it says is done.
    input: u32,
}

/// A viewer.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) options: ViewerOptions,
    /// Where its points of view were when they came into the quarter of a cell they are in.
    pub(super) places: Vec<Position>,
    /// Cells in its area and their tiers, ascending by cell.
    pub(super) area: Vec<(u32, u8)>,
    /// Ascending by group.
    pub(super) links: Vec<Link>,
    pub(super) predicted: EntityId,
    /// Of the last packet.
    pub(super) sequence: u32,
    /// What is on its way, ascending by sequence, and what was told in it, in the same order. Few packets are at a time, so that
    /// these are the same few lines of memory again and again.
    sent: Vec<Sent>,
    entries: Vec<Entry>,
    /// Bytes that may be sent; below 0 when the last packet took more.
    pub(super) tokens: i64,
    /// The tick up to which tokens were given.
    pub(super) tokens_tick: u64,
    /// The update that was written last.
    pub(super) written: u32,
    /// The tick of the last packet.
    pub(super) beat_tick: u64,
    pub(super) pending: Pending,
    pub(super) inbox: Inbox,
    /// The newest update of which it has the own part whole, and the newest input that it knows to be done.
    pub(super) own_acknowledged: u32,
    pub(super) input_acknowledged: u32,
    /// With which of its entities the values that only it sees begin, if they do not have room together.
    pub(super) turn: usize,
    /// What was told last of the thing it predicts and seldom changes, and since when.
    pub(super) traits: Option<(EntityId, Traits)>,
    pub(super) traits_update: u32,
}

impl Viewer {
    pub(super) fn new(options: ViewerOptions, tick: u64) -> Self {
        Self {
            options,
            places: Vec::with_capacity(4),
            area: Vec::new(),
            links: Vec::with_capacity(LINKS_KEPT),
            predicted: EntityId::NULL,
            sequence: 0,
            sent: Vec::with_capacity(PACKETS),
            entries: Vec::with_capacity(ENTRIES),
            tokens: i64::from(options.budget) / 4,
            tokens_tick: tick,
            written: 0,
            beat_tick: 0,
            pending: Pending::new(),
            inbox: Inbox::new(),
            own_acknowledged: 0,
            input_acknowledged: 0,
            turn: 0,
            traits: None,
            traits_update: 0,
        }
    }

    /// Whether it may see what is in a scope.
    pub(super) fn may_see(&self, scope: Scope) -> bool {
        self.options.sees_hidden
            || match scope {
                Scope::Everyone => true,
                Scope::Team(team) => team != 0 && team == self.options.team,
                Scope::Owner(player) => player != 0 && player == self.options.player,
            }
    }

    /// Whether a cell is in its area.
    pub(super) fn has_cell(&self, cell: u32) -> bool {
        self.options.is_everywhere || self.tier_of(cell).is_some()
    }

    pub(super) fn tier_of(&self, cell: u32) -> Option<u8> {
        self.area.binary_search_by_key(&cell, |(cell, _)| *cell).ok().map(|at| self.area[at].1)
    }

    fn find(&self, group: u16) -> Result<usize, usize> {
        self.links.binary_search_by_key(&group, |link| link.group)
    }

    /// Begins to tell of a group. Returns whether it was not told of before.
    pub(super) fn open(&mut self, group: u16, tier: u8) -> bool {
        let opened = self.sequence.wrapping_add(1);
        match self.find(group) {
            // It may have heard of the closing already, and has forgotten every state.
            Ok(at) => {
                let link = &mut self.links[at];
                link.tier = tier;
                if link.is_closing {
                    (link.is_closing, link.opened) = (false, opened);
                }
                false
            }
            Err(at) => {
                let link = Link {
                    group,
                    is_closing: false,
                    tier,
                    base: 0,
                    before: 0,
                    opened,
                    sent_tick: 0,
                    is_told: false,
                    waiting: 0,
                };
                self.links.insert(at, link);
                true
            }
        }
    }

    /// Begins to tell that a group is out of the area. Returns whether it can be forgotten at once.
    pub(super) fn close(&mut self, group: u16) -> bool {
        let Ok(at) = self.find(group) else { return false };
        let link = &mut self.links[at];
        if !link.is_told {
            self.links.remove(at);
            return true;
        }
        (link.is_closing, link.base, link.before, link.tier) = (true, 0, 0, FAR);
        false
    }

    /// The cell of a group is as far now.
    pub(super) fn set_tier(&mut self, group: u16, tier: u8) {
        if let Ok(at) = self.find(group) {
            self.links[at].tier = tier;
        }
    }

    /// Takes back every packet after one: none has been sent.
    pub(super) fn go_back(&mut self, sequence: u32) {
        while self.sequence > sequence {
            self.take_packet_back();
        }
    }

    /// Takes back the packet that was begun last.
    pub(super) fn take_packet_back(&mut self) {
        if let Some(sent) = self.sent.pop_if(|sent| sent.sequence == self.sequence) {
            self.entries.truncate(sent.first_entry as usize);
        }
        self.sequence -= 1;
    }

    /// Notes a packet that is being written.
    pub(super) fn begin_packet(&mut self) -> u32 {
        self.sequence += 1;
        while self.sent.first().is_some_and(|sent| self.sequence - sent.sequence >= PACKETS as u32) {
            self.drop_packet(0);
        }
        let (first_entry, event_first) = (self.entries.len() as u32, self.pending.first());
        self.sent.push(Sent { sequence: self.sequence, first_entry, event_first, ..Sent::default() });
        self.sequence
    }

    fn last_sent(&mut self) -> &mut Sent {
        self.sent.last_mut().expect("a packet was begun")
    }

    /// Remembers a packet no longer.
    fn drop_packet(&mut self, at: usize) {
        let Sent { first_entry, entries, .. } = self.sent.remove(at);
        let count = if entries == GROUPS_LOST { 0 } else { entries };
        self.entries.drain(first_entry as usize..(first_entry + count) as usize);
        self.sent[at..].iter_mut().for_each(|later| later.first_entry -= count);
    }

    /// Notes that the packet tells a group's version, or that it is closed if that is 0.
    #[inline]
    pub(super) fn note_group(&mut self, group: u16, version: u32) {
        if self.entries.len() >= ENTRIES {
            self.make_room();
        }
        let sent = self.sent.last_mut().expect("a packet was begun");
        if sent.entries != GROUPS_LOST {
            self.entries.push(Entry::new(group, version));
            sent.entries += 1;
        }
    }

    /// Remembers older packets no longer, and if there is none, not what this one tells.
    #[cold]
    fn make_room(&mut self) {
        while self.entries.len() >= ENTRIES && self.sent.len() > 1 {
            self.drop_packet(0);
        }
        if self.entries.len() >= ENTRIES {
            self.entries.clear();
            self.last_sent().entries = GROUPS_LOST;
        }
    }

    pub(super) fn note_events(&mut self, events: u64) {
        self.last_sent().events |= events;
    }

    /// Notes that the packet has the own part; `update` is that of the part if it is whole, or 0.
    pub(super) fn note_own(&mut self, update: u32) {
        let input = self.inbox.done;
        let sent = self.last_sent();
        (sent.own_update, sent.input) = (update, input);
    }

    /// Of the packets that are on their way, some have arrived. Groups that need no link any more go to `done`.
    pub(super) fn acknowledge(&mut self, has_arrived: impl Fn(u32) -> bool, done: &mut Vec<u16>) {
        let mut packet = 0;
        while let Some(sent) = self.sent.get(packet).copied() {
            if has_arrived(sent.sequence) {
                self.note_arrived(&sent, done);
                self.drop_packet(packet);
            } else {
                packet += 1;
            }
        }
    }

    fn note_arrived(&mut self, sent: &Sent, done: &mut Vec<u16>) {
        self.pending.acknowledge(sent.event_first, sent.events);
        self.own_acknowledged = self.own_acknowledged.max(sent.own_update);
        self.input_acknowledged = self.input_acknowledged.max(sent.input);
        let count = if sent.entries == GROUPS_LOST { 0 } else { sent.entries };
        // Most packets have their groups in the order of the links.
        let mut next = 0;
        for number in 0..count {
            let entry = self.entries[(sent.first_entry + number) as usize];
            let (group, version) = (entry.group(), entry.version());
            let is_next = self.links.get(next).is_some_and(|link| link.group == group);
            let found = if is_next { Ok(next) } else { self.find(group) };
            let Ok(at) = found else { continue };
            next = at + 1;
            let link = &mut self.links[at];
            if link.is_closing != (version == 0) || sent.sequence < link.opened {
                continue;
            }
            if link.is_closing {
                self.links.remove(at);
                done.push(group);
                continue;
            }
            link.note_acknowledged(version);
        }
    }

    /// Forgets a group that nobody is in any more, and of which it knows that.
    pub(super) fn forget(&mut self, group: u16) {
        if let Ok(at) = self.find(group) {
            self.links.remove(at);
        }
    }
}

impl Link {
    /// How many versions before its base a state may be from which movement is told.
    const BEFORE_MAX: u32 = 3;

    /// Two versions are kept: the newest, and one shortly before it.
    fn note_acknowledged(&mut self, version: u32) {
        let old = self.base;
        if version > old {
            self.base = version;
            self.before = if old != 0 && version - old <= Self::BEFORE_MAX { old } else { 0 };
        } else if version < old && old - version <= Self::BEFORE_MAX && version > self.before {
            self.before = version;
        }
    }

    /// How many versions lie between the base and the one before it; 0 if there is none to build on.
    pub(super) fn before_back(&self, floor: u32) -> u8 {
        if self.before != 0 && self.before >= floor { (self.base - self.before) as u8 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A viewer that is told of the first groups.
    fn viewer(groups: u16) -> Viewer {
        let mut viewer = Viewer::new(ViewerOptions::default(), 0);
        for group in 0..groups {
            viewer.open(group, 0);
        }
        viewer
    }

    /// Tells a version of some groups in a packet.
    fn tell(viewer: &mut Viewer, groups: impl Iterator<Item = u16>, version: u32) -> u32 {
        let sequence = viewer.begin_packet();
        groups.for_each(|group| viewer.note_group(group, version));
        sequence
    }

    fn bases(viewer: &Viewer) -> Vec<u32> {
        viewer.links.iter().map(|link| link.base).collect()
    }

    #[test]
    fn packets_are_acknowledged_in_any_order_and_once() {
        let mut viewer = viewer(4);
        let mut done = Vec::new();
        let first = tell(&mut viewer, 0..3, 1);
        let second = tell(&mut viewer, 1..4, 2);
        let third = tell(&mut viewer, [3, 0].into_iter(), 3);
        viewer.acknowledge(|arrived| arrived == second, &mut done);
        assert_eq!(bases(&viewer), [0, 2, 2, 2]);
        viewer.acknowledge(|arrived| arrived == first, &mut done);
        assert_eq!(bases(&viewer), [1, 2, 2, 2]);
        viewer.acknowledge(|arrived| arrived == third, &mut done);
        assert_eq!(bases(&viewer), [3, 2, 2, 3]);
        let before = bases(&viewer);
        for sequence in [0, first, second, third, third + 1, u32::MAX] {
            viewer.acknowledge(|arrived| arrived == sequence, &mut done);
        }
        assert_eq!((bases(&viewer), viewer.sent.len(), viewer.entries.len()), (before, 0, 0));
        assert!(done.is_empty());
    }

    #[test]
    fn packets_that_are_taken_back_leave_nothing() {
        let mut viewer = viewer(4);
        let mut done = Vec::new();
        let first = tell(&mut viewer, 0..2, 1);
        tell(&mut viewer, 0..4, 2);
        tell(&mut viewer, 2..4, 2);
        viewer.go_back(first);
        let second = tell(&mut viewer, 3..4, 3);
        assert_eq!(second, first + 1);
        viewer.acknowledge(|arrived| arrived == second, &mut done);
        viewer.acknowledge(|arrived| arrived == first, &mut done);
        assert_eq!(bases(&viewer), [1, 1, 0, 3]);
    }

    #[test]
    fn what_is_too_old_or_too_much_counts_as_lost_and_memory_stays() {
        let mut viewer = viewer(5000);
        let mut done = Vec::new();
        let room = (viewer.sent.capacity(), viewer.entries.capacity());
        let old = tell(&mut viewer, 0..1, 1);
        let kept = tell(&mut viewer, 1..2, 1);
        (0..PACKETS - 1).for_each(|_| _ = tell(&mut viewer, std::iter::empty(), 1));
        viewer.acknowledge(|arrived| arrived == old, &mut done);
        viewer.acknowledge(|arrived| arrived == kept, &mut done);
        assert_eq!(&bases(&viewer)[..2], [0, 1]);

        let (whole, half) = (tell(&mut viewer, 0..3000, 2), tell(&mut viewer, 0..3000, 3));
        viewer.acknowledge(|arrived| arrived == whole, &mut done);
        assert_eq!(viewer.links[2999].base, 0, "it had to go for the one after it");
        viewer.acknowledge(|arrived| arrived == half, &mut done);
        assert_eq!((viewer.links[0].base, viewer.links[2999].base), (3, 3));

        let (too_much, after) = (tell(&mut viewer, 0..5000, 4), tell(&mut viewer, 10..20, 5));
        viewer.acknowledge(|arrived| arrived == too_much, &mut done);
        assert_eq!(viewer.links[4999].base, 0);
        viewer.acknowledge(|arrived| arrived == after, &mut done);
        assert_eq!((viewer.links[9].base, viewer.links[10].base), (3, 5));
        assert_eq!((viewer.sent.capacity(), viewer.entries.capacity()), room);
    }
}
