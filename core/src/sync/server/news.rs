//! Events on their way to viewers.
//!
//! **An event is encoded once.** Those that everybody may see and nobody waits for go once to all viewers of their cell. The
//! others are handed out one by one: to those who may see them, and again and again
//! until they have arrived if they are critical or high.

use std::collections::VecDeque;

use super::{
    cells::{Cells, NO_CELL},
    roster::{Roster, scope_of},
    viewer::Viewer,
};
use crate::{
    EntityId, Position, World,
    event::{Class, Event, Kind},
    sync::{
        Cell, Scope,
        told::{EVENT_BYTES_MAX, EventList, WINDOW, encode_event},
    },
};

/// Most events of a packet that are told once: what more than these happens in a viewer's area in an update, nobody follows.
const COMMON_MAX: usize = 32;

/// Most reliable events that wait for a viewer. Beyond, only critical ones still find room.
const WAITING_MAX: usize = 1024;

/// How many of those that wait are told in one packet at most.
const TOLD_MAX: usize = 64;

/// Most events of an update.
const EVENTS_MAX: usize = 16_384;

/// For how many events there is room from the beginning: of an update, and of all that are kept together.
const EVENTS_KEPT_EACH: usize = 1024;
const EVENTS_KEPT: usize = 65_536;

/// An event that is handed out one by one.
#[derive(Clone, Copy, Debug)]
struct Special {
    cell: u32,
    class: Class,
    subject: Scope,
    object: Scope,
    /// The only player that it is for; 0 is any.
    player: u32,
    whole: (u32, u32),
    /// Without the object, for those who may not see it.
    partial: (u32, u32),
}

/// An event that everybody may see who has its cell, and that is told once.
#[derive(Clone, Copy, Debug)]
struct Common {
    cell: u32,
    start: u32,
    end: u32,
}

/// The events of one update.
#[derive(Debug, Default)]
pub(super) struct News {
    update: u32,
    specials: Vec<Special>,
    commons: Vec<Common>,
    bytes: Vec<u8>,
    pub(super) dropped: u64,
}

/// The events of the last updates.
#[derive(Debug)]
pub(super) struct Log {
    ring: Vec<News>,
    /// Those of the update that comes.
    next: usize,
}

impl Log {
    pub(super) fn new(delay_max: u16, entities_max: u32) -> Self {
        let updates = usize::from(delay_max) + 2;
        // A world tells of hardly more than a few events of each of its entities in an update.
        let events = (EVENTS_KEPT / updates).min(EVENTS_KEPT_EACH).min(4 * entities_max as usize);
        Self { ring: (0..updates).map(|_| News::with_room(events)).collect(), next: 0 }
    }

    /// Takes in the events of the last tick. Who was destroyed since the last update still has its place.
    pub(super) fn collect(&mut self, world: &World, roster: &Roster, cells: &Cells) {
        let news = &mut self.ring[self.next];
        for event in world.events() {
            news.add(event, world, roster, cells);
        }
    }

    /// Ends an update. What comes now is for the next one.
    pub(super) fn close(&mut self, update: u32) {
        let news = &mut self.ring[self.next];
        news.update = update;
        // In a cell they keep the order in which they were.
        news.commons.sort_by_key(|common| common.cell);
        self.next = (self.next + 1) % self.ring.len();
        self.ring[self.next].clear();
    }

    /// The events of an update, if they are still there.
    pub(super) fn of(&self, update: u32) -> Option<&News> {
        self.ring.iter().find(|news| news.update == update && update != 0)
    }

    /// Whether any event of the updates that are kept is handed out one by one.
    pub(super) fn has_specials(&self) -> bool {
        self.ring.iter().any(|news| !news.specials.is_empty())
    }

    /// How many events had no room.
    pub(super) fn dropped(&self) -> u64 {
        self.ring.iter().map(|news| news.dropped).sum()
    }
}

impl News {
    fn with_room(events: usize) -> Self {
        Self {
            specials: Vec::with_capacity(events),
            commons: Vec::with_capacity(events),
            bytes: Vec::with_capacity(events * 16),
            ..Self::default()
        }
    }

    fn clear(&mut self) {
        self.update = 0;
        self.specials.clear();
        self.commons.clear();
        self.bytes.clear();
    }

    fn add(&mut self, event: &Event, world: &World, roster: &Roster, cells: &Cells) {
        if self.specials.len() + self.commons.len() >= EVENTS_MAX {
            self.dropped += 1;
            return;
        }
        let player = if event.kind == Kind::CommandRefused { event.value as u32 } else { 0 };
        if event.kind == Kind::CommandRefused && player == 0 {
            // The host was refused something, which is nobody else's business.
            return;
        }
        let at = Position { sector: event.sector, x: event.x, y: event.y };
        let cell = Cell::at(at, cells.shift());
        let index = cells.find(cell).unwrap_or(NO_CELL);
        // An entity that nobody has a place for is not known to anybody either.
        let scope = |id: EntityId| if id.is_null() { Some(Scope::Everyone) } else { scope_in(world, roster, id) };
        let subject = scope(event.subject).unwrap_or(Scope::Owner(0));
        let object = scope(event.object).unwrap_or(Scope::Owner(0));
        let whole = self.encode(event);
        if event.class >= Class::Normal && subject == Scope::Everyone && object == Scope::Everyone && player == 0 {
            self.commons.push(Common { cell: index, start: whole.0, end: whole.1 });
            return;
        }
        let partial =
            if object == Scope::Everyone { whole } else { self.encode(&Event { object: EntityId::NULL, ..*event }) };
        self.specials.push(Special { cell: index, class: event.class, subject, object, player, whole, partial });
    }

    fn encode(&mut self, event: &Event) -> (u32, u32) {
        let start = self.bytes.len() as u32;
        encode_event(event, &mut self.bytes);
        (start, self.bytes.len() as u32)
    }

    /// Hands a viewer the events that are for it one by one.
    pub(super) fn hand_out(&self, viewer: &mut Viewer) {
        for special in &self.specials {
            let is_for_it = (special.player == 0 || special.player == viewer.options.player)
                && viewer.may_see(special.subject)
                && (special.player != 0 || viewer.has_cell(special.cell));
            if is_for_it {
                let (start, end) = if viewer.may_see(special.object) { special.whole } else { special.partial };
                viewer.pending.push(special.class, &self.bytes[start as usize..end as usize]);
            }
        }
    }

    /// Adds the common events of the cells in a viewer's area to a list, as long as it is no longer than `room`. Returns how
    /// many had none.
    pub(super) fn write_common(&self, viewer: &Viewer, room: usize, list: &mut EventList) -> u64 {
        let mut area = viewer.area.iter().map(|(cell, _)| *cell).peekable();
        let (mut told, mut left_out) = (0, 0);
        for common in &self.commons {
            while area.next_if(|cell| *cell < common.cell).is_some() {}
            if !viewer.options.is_everywhere && area.peek() != Some(&common.cell) {
                continue;
            }
            let event = &self.bytes[common.start as usize..common.end as usize];
            if told < COMMON_MAX && list.push(0, event, room) {
                told += 1;
            } else {
                left_out += 1;
            }
        }
        left_out
    }
}

/// The scope of an entity: as it is now, or as it was at the last update if it is no more.
fn scope_in(world: &World, roster: &Roster, id: EntityId) -> Option<Scope> {
    match world.row(id) {
        Some((columns, row, _)) => Some(scope_of(columns.flags[row], columns.team[row], columns.owner[row])),
        None => roster.scope_of(id),
    }
}

/// An event that waits until it has arrived.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    class: Class,
    is_done: bool,
    length: u8,
    bytes: [u8; EVENT_BYTES_MAX],
}

/// The events that a viewer is told one by one, in the order of their sequence.
#[derive(Debug)]
pub(super) struct Pending {
    queue: VecDeque<Waiting>,
    /// Those that are told in the next packet and never again.
    once: Vec<Waiting>,
    /// The sequence of the first in the queue.
    first: u32,
    pub(super) dropped: u64,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self { queue: VecDeque::with_capacity(TOLD_MAX), once: Vec::with_capacity(COMMON_MAX), first: 1, dropped: 0 }
    }

    pub(super) fn first(&self) -> u32 {
        self.first
    }

    /// An event for the viewer. Those that are not reliable are told once and have no number.
    fn push(&mut self, class: Class, event: &[u8]) {
        let is_reliable = class <= Class::High;
        let (length, room) = match class {
            // Where only critical events come, they may have as much again.
            Class::Critical => (self.queue.len(), 2 * WAITING_MAX),
            Class::High => (self.queue.len(), WAITING_MAX),
            Class::Normal | Class::Low => (self.once.len(), COMMON_MAX),
        };
        if length >= room {
            self.dropped += 1;
            return;
        }
        let mut bytes = [0; EVENT_BYTES_MAX];
        bytes[..event.len()].copy_from_slice(event);
        let waiting = Waiting { class, is_done: false, length: event.len() as u8, bytes };
        if is_reliable {
            self.queue.push_back(waiting);
        } else {
            self.once.push(waiting);
        }
    }

    /// Events that have arrived: of those from `first` on, a bit each.
    pub(super) fn acknowledge(&mut self, first: u32, events: u64) {
        let mut rest = events;
        while rest != 0 {
            let sequence = first + rest.trailing_zeros();
            rest &= rest - 1;
            let at = sequence.wrapping_sub(self.first) as usize;
            if let Some(waiting) = self.queue.get_mut(at) {
                waiting.is_done = true;
            }
        }
        self.skip_done();
    }

    fn skip_done(&mut self) {
        while self.queue.front().is_some_and(|waiting| waiting.is_done) {
            self.queue.pop_front();
            self.first += 1;
        }
    }

    /// Adds as many of the first 64 as there is room for to a list, the critical ones before the others where there is little.
    /// Returns which they are, from the first. Behind them come those that are told once.
    pub(super) fn write(&mut self, room: usize, list: &mut EventList) -> u64 {
        let (mut told, mut left) = (0u64, room);
        for is_critical in [true, false] {
            for (number, waiting) in self.queue.iter().take(TOLD_MAX).enumerate() {
                // The length and the number of an event take three bytes at most, but for the first number.
                let length = usize::from(waiting.length) + 3;
                if !waiting.is_done && (waiting.class == Class::Critical) == is_critical && length + 3 <= left {
                    left -= length;
                    told |= 1 << number;
                }
            }
        }
        for (number, waiting) in self.queue.iter().take(TOLD_MAX).enumerate() {
            let event = &waiting.bytes[..usize::from(waiting.length)];
            if told >> number & 1 == 1 && !list.push(self.first + number as u32, event, room) {
                told &= !(1 << number);
            }
        }
        for waiting in self.once.drain(..) {
            let event = &waiting.bytes[..usize::from(waiting.length)];
            if !list.push(0, event, room) {
                self.dropped += 1;
            }
        }
        told
    }
}

/// Viewers take in events that are so far ahead of what they have.
const _: () = assert!(TOLD_MAX < WINDOW as usize);
