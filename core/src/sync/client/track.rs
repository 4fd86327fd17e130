//! Entities as they are followed through groups and time, and where each is shown.
//!
//! **Between two places that are known an entity is shown on the line between them, unless it cannot have gone there.** Behind
//! the last it goes on as it went, for a short while.

use super::clock::TICK;
use crate::{
    entity::EntityId,
    space::{METRE, Position, SectorId},
};

/// How many places are kept of an entity.
const SAMPLES: usize = 16;
/// A step between places so far apart begins anew, in units of length.
const FAR: i64 = 1 << 40;

/// Where an entity was at a tick.
#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    tick: i64,
    x: i64,
    y: i64,
    heading: u8,
}

/// How an entity went out of sight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Departure {
    /// It has left the viewer's area, or is hidden.
    Left,
    /// It is gone from the world.
    Destroyed,
}

/// An entity.
#[derive(Clone, Debug)]
pub(super) struct Track {
    pub(super) id: EntityId,
    /// The group and the place in it that the newest state is from, and its update.
    pub(super) group: u16,
    pub(super) place: u8,
    pub(super) update: u32,
    /// The tick at which it goes out of sight, and how.
    pub(super) gone: Option<(i64, Departure)>,
    /// What the places count from.
    home: SectorId,
    samples: [Sample; SAMPLES],
    count: usize,
}

/// Limits of what is shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Units of length a tick, in 2^-8, that nothing moves faster than.
    pub(super) step_max: i64,
    /// How long an entity is shown beyond the last place, as a moment.
    pub(super) beyond_max: i64,
}

impl Limits {
    pub(super) fn new(speed_max: i32, rate_hz: u32, beyond_us: u32) -> Self {
        let rate = i64::from(rate_hz);
        Self {
            // A quarter more, since contacts push too.
            step_max: (i64::from(speed_max) * 320 / rate).max(1),
            beyond_max: i64::from(beyond_us) * rate * TICK / 1_000_000,
        }
    }

    /// Whether an entity can have gone from one place to the other.
    fn can_go(&self, from: &Sample, to: &Sample) -> bool {
        let reach = ((self.step_max * (to.tick - from.tick).min(1 << 16)) >> 8) + i64::from(METRE);
        (to.x - from.x).abs() <= reach && (to.y - from.y).abs() <= reach
    }
}

impl Track {
    pub(super) fn new(id: EntityId) -> Self {
        Self {
            id,
            group: 0,
            place: 0,
            update: 0,
            gone: None,
            home: SectorId::default(),
            samples: [Sample::default(); SAMPLES],
            count: 0,
        }
    }

    /// Notes where it is at a tick. If it is known to have been where it was before until `held`, it is shown there.
    pub(super) fn note(&mut self, tick: i64, held: Option<i64>, position: Position, heading: u8) {
        if self.count > 0 {
            let corner = Position { sector: self.home, x: 0, y: 0 };
            let offset = corner.offset_to(position).filter(|(x, y)| x.abs() < FAR && y.abs() < FAR);
            if let Some((x, y)) = offset {
                let last = self.samples[self.count - 1];
                if let Some(held) = held.filter(|held| *held > last.tick && *held < tick) {
                    self.push(Sample { tick: held, ..last });
                }
                return self.push(Sample { tick, x, y, heading });
            }
        }
        self.home = position.sector;
        self.count = 0;
        self.push(Sample { tick, x: i64::from(position.x), y: i64::from(position.y), heading });
    }

    fn push(&mut self, sample: Sample) {
        let last = self.count.checked_sub(1).map(|last| self.samples[last].tick);
        match last {
            Some(last) if last > sample.tick => return,
            Some(last) if last == sample.tick => self.count -= 1,
            _ => {}
        }
        if self.count == SAMPLES {
            self.samples.copy_within(1.., 0);
            self.count -= 1;
        }
        self.samples[self.count] = sample;
        self.count += 1;
    }

    /// Where it is shown at a moment, and which way it faces. `heard` is the moment of the newest packet: of what goes on, one
    /// would have heard by then, so that what is not heard of for long rests where it was last.
    pub(super) fn shown(&self, moment: i64, heard: i64, limits: &Limits) -> (Position, u16) {
        let samples = &self.samples[..self.count];
        let after = samples.partition_point(|sample| sample.tick * TICK <= moment);
        let (x, y, heading) = match (after.checked_sub(1), samples.get(after)) {
            (None, None) => (0, 0, 0),
            (None, Some(first)) => (first.x, first.y, whole_angle(first.heading)),
            (Some(at), Some(next)) => {
                let last = &samples[at];
                if limits.can_go(last, next) {
                    let (part, whole) = (moment - last.tick * TICK, (next.tick - last.tick) * TICK);
                    let along = |from: i64, to: i64| {
                        from + (i128::from(to - from) * i128::from(part) / i128::from(whole)) as i64
                    };
                    let turn = i64::from(next.heading.wrapping_sub(last.heading).cast_signed()) << 8;
                    let heading = whole_angle(last.heading).wrapping_add(along(0, turn) as u16);
                    (along(last.x, next.x), along(last.y, next.y), heading)
                } else {
                    (last.x, last.y, whole_angle(last.heading))
                }
            }
            (Some(at), None) => {
                let last = &samples[at];
                let before = at.checked_sub(1).map(|before| &samples[before]);
                let silent = (moment.min(heard) - last.tick * TICK - limits.beyond_max).clamp(0, limits.beyond_max);
                let beyond = (moment - last.tick * TICK).min(limits.beyond_max) - silent;
                // A long way back tells no speed.
                match before.filter(|before| limits.can_go(before, last) && last.tick - before.tick < 64) {
                    None => (last.x, last.y, whole_angle(last.heading)),
                    Some(before) => {
                        let whole = (last.tick - before.tick) * TICK;
                        let along = |from: i64, to: i64| {
                            to + (i128::from(to - from) * i128::from(beyond) / i128::from(whole)) as i64
                        };
                        (along(before.x, last.x), along(before.y, last.y), whole_angle(last.heading))
                    }
                }
            }
        };
        (Position::new(self.home, x, y), heading)
    }
}

/// An angle of 256ths of a turn.
const fn whole_angle(heading: u8) -> u16 {
    (heading as u16) << 8
}

/// The tracks of all entities.
#[derive(Debug)]
pub(super) struct Tracks {
    tracks: Vec<Track>,
    free: Vec<u32>,
    /// Ascending by slot, then generation.
    order: Vec<(u64, u32)>,
    tracks_max: usize,
    /// How many entities had no room.
    pub(super) dropped: u64,
}

/// What ids are ordered by: their slots.
const fn key(id: EntityId) -> u64 {
    id.bits().rotate_left(32)
}

impl Tracks {
    pub(super) fn new(tracks_max: usize) -> Self {
        Self { tracks: Vec::new(), free: Vec::new(), order: Vec::new(), tracks_max, dropped: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The track of an id, made if it is not there; `None` if there is no room.
    pub(super) fn open(&mut self, id: EntityId) -> Option<u32> {
        let at = match self.order.binary_search_by_key(&key(id), |(key, _)| *key) {
            Ok(at) => return Some(self.order[at].1),
            Err(at) => at,
        };
        if self.order.len() >= self.tracks_max {
            self.dropped += 1;
            return None;
        }
        let track = match self.free.pop() {
            Some(track) => {
                self.tracks[track as usize] = Track::new(id);
                track
            }
            None => {
                self.tracks.push(Track::new(id));
                self.tracks.len() as u32 - 1
            }
        };
        self.order.insert(at, (key(id), track));
        Some(track)
    }

    pub(super) fn track_mut(&mut self, track: u32) -> &mut Track {
        &mut self.tracks[track as usize]
    }

    /// Takes out those that are gone at a moment, and tells of each.
    pub(super) fn bury(&mut self, moment: i64, mut tell: impl FnMut(EntityId, Departure)) {
        let (tracks, free) = (&mut self.tracks, &mut self.free);
        self.order.retain(|(_, at)| {
            let track = &mut tracks[*at as usize];
            match track.gone.filter(|(tick, _)| tick * TICK <= moment) {
                None => true,
                Some((_, departure)) => {
                    free.push(*at);
                    // Groups that remember the track see that it is another's now.
                    tell(std::mem::take(&mut track.id), departure);
                    false
                }
            }
        });
    }

    /// All, ascending by slot.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Track> {
        self.order.iter().map(|(_, at)| &self.tracks[*at as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { step_max: (METRE as i64) << 8, beyond_max: 10 * TICK };

    fn at(x: i64) -> Position {
        Position::new(SectorId::new(5, -5), x * i64::from(METRE), 0)
    }

    fn shown(track: &Track, tick: i64, part: i64) -> i64 {
        let (position, _) = track.shown(tick * TICK + part, 0, &LIMITS);
        at(0).offset_to(position).expect("it is near").0 * 16 / i64::from(METRE)
    }

    #[test]
    fn between_places_it_is_on_the_line_and_beyond_it_goes_on_for_a_while() {
        let mut track = Track::new(EntityId::from_bits(1));
        // Across the border of sectors, which is at 1000 m.
        for (tick, x) in [(10, 998), (14, 1002), (18, 1006)] {
            track.note(tick, None, at(x), 0);
        }
        assert_eq!(shown(&track, 0, 0), 998 * 16);
        assert_eq!(shown(&track, 12, 0), 1000 * 16);
        assert_eq!(shown(&track, 12, TICK / 2), 1000 * 16 + 8);
        assert_eq!(shown(&track, 20, 0), 1008 * 16);
        assert_eq!(shown(&track, 90, 0), 1016 * 16, "ten ticks beyond, and no further");
        let (rests, _) = track.shown(90 * TICK, 80 * TICK, &LIMITS);
        assert_eq!(rests, at(1006), "others were heard of meanwhile");
    }

    #[test]
    fn a_jump_and_a_rest_are_no_line() {
        let mut track = Track::new(EntityId::from_bits(1));
        track.note(10, None, at(0), 0);
        track.note(14, None, at(100), 0);
        assert_eq!(shown(&track, 13, 0), 0);
        assert_eq!(shown(&track, 14, 0), 1600);
        assert_eq!(shown(&track, 20, 0), 1600, "a jump is no speed");
        // It rested until tick 50.
        track.note(54, Some(50), at(104), 0);
        assert_eq!(shown(&track, 50, 0), 1600);
        assert_eq!(shown(&track, 52, 0), 1632);
    }

    #[test]
    fn late_places_change_nothing_and_headings_turn_the_short_way() {
        let mut track = Track::new(EntityId::from_bits(1));
        track.note(10, None, at(0), 250);
        track.note(20, None, at(0), 6);
        track.note(15, None, at(5), 100);
        assert_eq!(shown(&track, 15, 0), 0);
        assert_eq!(track.shown(15 * TICK, 0, &LIMITS).1, 0);
    }

    #[test]
    fn tracks_are_in_the_order_of_slots_and_bounded() {
        let mut tracks = Tracks::new(3);
        for bits in [9, 1 << 32 | 4, 7] {
            tracks.open(EntityId::from_bits(bits)).expect("there is room");
        }
        assert_eq!(tracks.open(EntityId::from_bits(1)), None);
        assert_eq!(tracks.dropped, 1);
        let ids: Vec<u64> = tracks.iter().map(|track| track.id.bits()).collect();
        assert_eq!(ids, [1 << 32 | 4, 7, 9]);
        let seven = tracks.open(EntityId::from_bits(7)).expect("it is there");
        tracks.track_mut(seven).gone = Some((5, Departure::Left));
        let mut told = Vec::new();
        tracks.bury(5 * TICK - 1, |id, departure| told.push((id.bits(), departure)));
        assert_eq!(told, []);
        tracks.bury(5 * TICK, |id, departure| told.push((id.bits(), departure)));
        assert_eq!(told, [(7, Departure::Left)]);
        assert_eq!(tracks.len(), 2);
        assert!(tracks.open(EntityId::from_bits(1)).is_some());
    }
}
