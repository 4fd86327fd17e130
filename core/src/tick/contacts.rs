//! Who touches whom in a region in one tick, and what comes of it.
//!
//! * **Places**: every contact parts its two by a share of the depth, the smaller the more others press on them.
//! * **Velocities**: an entity in several contacts bounces off the one it meets fastest, and only if that one meets nobody
//!   faster; the other contacts wait for a tick. Each bounce is then that of a pair alone and keeps all the energy it should
//!   keep, where a share of each would make elastic contacts inelastic.
//! * **Drives**: an entity does not drive into those it touches faster than they go, and what it was pushed it does not
//!   work against. So a crowd that wants to one place packs and rests, where it would press its middle together.
//!
//! All of it depends on the state of tick N only, and sums are commutative, so a region works out its own side of contacts
//! with entities of other regions and comes to what those come to.

use super::{
    outbox::Outbox,
    view::{Constants, View},
};
use crate::{
    event::{Event, Kind},
    physics::{
        contact::{Push, Touch, began, collide, overlaps, part_places, part_velocities, restitution, touch},
        index::{Entry, make_room},
    },
    space::{Position, length},
};

/// No party, or the end of a list.
const NONE: u32 = u32::MAX;

/// The contacts of a region, and memory for them that regions of a shard use one after the other.
#[derive(Debug)]
pub(crate) struct Contacts {
    /// By place in the index: which party it is, from 1; 0 for those that touch nobody.
    party_of: Vec<u32>,
    parties: Vec<Party>,
    meetings: Vec<Meeting>,
    /// The others of meetings with entities of other regions.
    foreigners: Vec<Foreigner>,
}

/// An entity that touches others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Party {
    /// Its place in the index.
    place: u32,
    standing: Standing,
    /// Whether one of its contacts is perfectly elastic.
    is_elastic: bool,
    /// The first of its meetings.
    first: u32,
    /// What its contacts do to it.
    pub(crate) push: Push,
}

/// How an entity stands among those that it touches.
#[derive(Clone, Copy, Debug)]
struct Standing {
    /// How many it touches; nobody pushes what is immovable, so that counts none.
    count: u16,
    /// Whom it meets fastest: how fast, and the slot; of equals the lower slot. 0 if it meets nobody.
    fastest: i32,
    slot: u32,
}

/// Two that touch.
#[derive(Clone, Copy, Debug)]
struct Meeting {
    touch: Touch,
    /// The party that is first.
    first: u32,
    /// The party that is second, or [`NONE`].
    second: u32,
    /// If the second is none, which foreigner it is.
    foreigner: u32,
    /// The next meetings of the first and of the second.
    next: [u32; 2],
}

#[derive(Clone, Copy, Debug)]
struct Foreigner {
    region: u32,
    entry: Entry,
    /// What is added to its coordinates to have them in the region's.
    shift: (i32, i32),
}

impl Contacts {
    /// With room for a small crowd, or for all that the world may have.
    pub(crate) fn new(entities_max: u32) -> Self {
        const PARTIES: usize = 512;
        let parties = PARTIES.min(entities_max as usize);
        Self {
            party_of: Vec::new(),
            parties: Vec::with_capacity(parties),
            meetings: Vec::with_capacity(2 * parties),
            foreigners: Vec::with_capacity(parties / 4),
        }
    }

    /// Finds all contacts of a region.
    pub(crate) fn find(&mut self, region: u32, view: &View) {
        let index = view.index(region);
        let entries = index.entries();
        self.party_of.clear();
        make_room(&mut self.party_of, entries.len());
        self.party_of.resize(entries.len(), 0);
        self.parties.clear();
        self.meetings.clear();
        self.foreigners.clear();
        index.for_each_pair(|first, second| {
            let (a, b) = (&entries[first], &entries[second]);
            let (dx, dy) = (b.x - a.x, b.y - a.y);
            if collide(a, b) && overlaps(dx, dy, a, b) {
                let touch = touch(dx, dy, a, b);
                let (first, second) = (self.join(first), self.join(second));
                self.note(first, a, b, &touch);
                self.note(second, b, a, &touch);
                self.link(touch, first, second, NONE);
            }
        });
        for neighbour in &view.partition.strip(region).neighbours {
            let other = view.index(neighbour.region);
            let shift = (neighbour.x, neighbour.y);
            let margin = index.half_max() + other.half_max();
            other.for_each_across(index, shift, margin, |place, found| {
                let (a, b) = (&entries[place], &other.entries()[found]);
                let (dx, dy) = (b.x + shift.0 - a.x, b.y + shift.1 - a.y);
                if collide(a, b) && overlaps(dx, dy, a, b) {
                    let touch = touch(dx, dy, a, b);
                    let first = self.join(place);
                    self.note(first, a, b, &touch);
                    let foreigner = self.foreigners.len() as u32;
                    self.foreigners.push(Foreigner { region: neighbour.region, entry: *b, shift });
                    self.link(touch, first, NONE, foreigner);
                }
            });
        }
    }

    fn join(&mut self, place: usize) -> u32 {
        let party = &mut self.party_of[place];
        if *party == 0 {
            self.parties.push(Party {
                place: place as u32,
                standing: Standing::ALONE,
                is_elastic: false,
                first: NONE,
                push: Push::default(),
            });
            *party = self.parties.len() as u32;
        }
        *party - 1
    }

    fn note(&mut self, party: u32, own: &Entry, other: &Entry, touch: &Touch) {
        let party = &mut self.parties[party as usize];
        party.standing.note(own, other, touch);
        party.is_elastic |= restitution(own, other) == u8::MAX;
    }

    fn link(&mut self, touch: Touch, first: u32, second: u32, foreigner: u32) {
        let number = self.meetings.len() as u32;
        let mut next = [NONE; 2];
        next[0] = std::mem::replace(&mut self.parties[first as usize].first, number);
        if second != NONE {
            next[1] = std::mem::replace(&mut self.parties[second as usize].first, number);
        }
        self.meetings.push(Meeting { touch, first, second, foreigner, next });
    }

    /// Works out what the contacts do, and tells those that began.
    pub(crate) fn resolve(&mut self, region: u32, view: &View, constants: &Constants, out: &mut Outbox) {
        let entries = view.index(region).entries();
        for meeting in &self.meetings {
            let first = self.parties[meeting.first as usize];
            let a = &entries[first.place as usize];
            let (b, standing, shift) = match self.parties.get(meeting.second as usize) {
                Some(second) => (&entries[second.place as usize], second.standing, (0, 0)),
                None => {
                    let foreigner = &self.foreigners[meeting.foreigner as usize];
                    (&foreigner.entry, foreigner.standing(view), foreigner.shift)
                }
            };
            let crowding = first.standing.count.max(standing.count);
            let (on_a, on_b) = part_places(&meeting.touch, a, b, crowding);
            let mut pushes = [on_a, on_b];
            if meeting.touch.meeting > 0 && first.standing.bounces(a, b) && standing.bounces(b, a) {
                let (on_a, on_b) = part_velocities(&meeting.touch, a, b);
                pushes[0].add(on_a);
                pushes[1].add(on_b);
            }
            self.parties[meeting.first as usize].push.add(pushes[0]);
            if let Some(second) = self.parties.get_mut(meeting.second as usize) {
                second.push.add(pushes[1]);
            }
            // Of a contact of two regions, the one whose entity has the lower slot tells.
            let tells = (a.traits | b.traits) & Entry::TELLS != 0 && (meeting.second != NONE || a.slot < b.slot);
            if tells {
                tell(region, view, constants, (a, b, shift), out);
            }
        }
    }

    /// What contacts do to the entity at a place of the index; `None` if it touches nobody.
    #[inline]
    pub(crate) fn party(&self, place: usize) -> Option<&Party> {
        let party = self.party_of[place].checked_sub(1)?;
        Some(&self.parties[party as usize])
    }

    /// The velocity that a party's drive may ask for: not into those it touches, faster than they go themselves.
    pub(crate) fn yielding(&self, party: &Party, wanted: (i32, i32), view: &View, region: u32) -> (i32, i32) {
        /// More than fit round one of the same size; of more, the lowest slots count.
        const TOUCHED_MAX: usize = 12;
        let entries = view.index(region).entries();
        let own = self.party_of[party.place as usize] - 1;
        let mut touched = [(u32::MAX, (0i64, 0i64), 0i64); TOUCHED_MAX];
        let mut count = 0;
        let mut next = party.first;
        while next != NONE {
            let meeting = &self.meetings[next as usize];
            let is_first = meeting.first == own;
            next = meeting.next[usize::from(!is_first)];
            let (nx, ny) = (i64::from(meeting.touch.normal.0), i64::from(meeting.touch.normal.1));
            let normal = if is_first { (nx, ny) } else { (-nx, -ny) };
            let other = match (is_first, meeting.second) {
                (true, NONE) => &self.foreigners[meeting.foreigner as usize].entry,
                (true, second) => &entries[self.parties[second as usize].place as usize],
                (false, _) => &entries[self.parties[meeting.first as usize].place as usize],
            };
            let along = (i64::from(other.velocity_x) * normal.0 + i64::from(other.velocity_y) * normal.1) >> 16;
            // Sorted by slot, so that the order in which contacts were found does not show.
            let at = touched[..count].partition_point(|(slot, ..)| *slot < other.slot);
            if at < TOUCHED_MAX {
                count = (count + 1).min(TOUCHED_MAX);
                for later in (at + 1..count).rev() {
                    touched[later] = touched[later - 1];
                }
                touched[at] = (other.slot, normal, along.max(0));
            }
        }
        let (mut x, mut y) = (i64::from(wanted.0), i64::from(wanted.1));
        for (_, normal, limit) in &touched[..count] {
            let excess = ((x * normal.0 + y * normal.1) >> 16) - limit;
            if excess > 0 {
                x -= (excess * normal.0) >> 16;
                y -= (excess * normal.1) >> 16;
            }
        }
        (x as i32, y as i32)
    }
}

impl Party {
    /// The velocity without what works against the way it was pushed. Elastic contacts keep it.
    pub(crate) fn yield_to_push(&self, velocity: (i32, i32)) -> (i32, i32) {
        let (x, y) = (i64::from(self.push.x), i64::from(self.push.y));
        let (vx, vy) = (i64::from(velocity.0), i64::from(velocity.1));
        if self.is_elastic || vx * x + vy * y >= 0 {
            return velocity;
        }
        let length = length(x, y).max(1);
        let normal = ((x << 16) / length, (y << 16) / length);
        let against = (vx * normal.0 + vy * normal.1) >> 16;
        ((vx - ((against * normal.0) >> 16)) as i32, (vy - ((against * normal.1) >> 16)) as i32)
    }
}

impl Foreigner {
    /// How it stands, as its own region finds it.
    fn standing(&self, view: &View) -> Standing {
        let entry = &self.entry;
        let mut standing = Standing::ALONE;
        if entry.mass == 0 {
            return standing;
        }
        let (width, height) = (entry.half_width(), entry.half_height());
        let (low, high) = ((entry.x - width, entry.y - height), (entry.x + width, entry.y + height));
        view.for_each_near(self.region, low, high, |other, x, y| {
            let (dx, dy) = (other.x + x - entry.x, other.y + y - entry.y);
            if other.slot != entry.slot && collide(entry, other) && overlaps(dx, dy, entry, other) {
                standing.note(entry, other, &touch(dx, dy, entry, other));
            }
        });
        standing
    }
}

/// Tells a contact if it began in this tick. `b`'s coordinates are shifted.
fn tell(
    region: u32,
    view: &View,
    constants: &Constants,
    (a, b, shift): (&Entry, &Entry, (i32, i32)),
    out: &mut Outbox,
) {
    let (dx, dy) = (b.x + shift.0 - a.x, b.y + shift.1 - a.y);
    let Some(speed) = began(dx, dy, a, b, constants.step_q32) else { return };
    // The place is the one of the lower slot, so that it is the same whichever way round the pair was found.
    let (subject, object, x, y) = if a.slot < b.slot { (a, b, a.x, a.y) } else { (b, a, b.x + shift.0, b.y + shift.1) };
    let at = Position::new(view.partition.strip(region).sector, i64::from(x), i64::from(y));
    let (subject, object) = (view.directory.id_in(subject.slot), view.directory.id_in(object.slot));
    out.events.push(Event::new(view.tick, Kind::Contact, at, subject, object, 0, speed));
}

impl Standing {
    const ALONE: Self = Self { count: 0, fastest: 0, slot: NONE };

    fn note(&mut self, own: &Entry, other: &Entry, touch: &Touch) {
        if own.mass == 0 {
            return;
        }
        self.count = self.count.saturating_add(1);
        let is_faster = touch.meeting > self.fastest || (touch.meeting == self.fastest && other.slot < self.slot);
        if touch.meeting > 0 && is_faster {
            (self.fastest, self.slot) = (touch.meeting, other.slot);
        }
    }

    /// Whether the entity bounces off another one in this tick: it meets nobody faster.
    fn bounces(&self, own: &Entry, other: &Entry) -> bool {
        own.mass == 0 || self.slot == other.slot
    }
}
