//! Events in packets.
//!
//! **An event's bytes are the same for every viewer and in every packet**, so that they are made once. What differs is the
//! number by which a viewer knows that it has missed none of those that matter: it stands in the list before them.

use core::fmt;

use super::{
    codec::bits::{BitReader, BitWriter, short_code},
    word::{WordError, push_id, push_sector, read_id, read_sector, signed, unsigned},
};
use crate::{
    event::{Class, Event, Kind},
    space::{METRE, SECTOR_SIDE, SectorId},
};

/// Most events of a packet.
pub const EVENTS_MAX: usize = 255;
/// Most bytes of one event.
pub const EVENT_BYTES_MAX: usize = 127;
/// How far the number of an event may be ahead of the last that the viewer has acknowledged all before.
pub const WINDOW: u32 = 256;

/// Bits of the tick that an event has: it is of the last 65,536 ticks.
const TICK_BITS: u32 = 16;
/// Bits of a coordinate in centimetres.
const PLACE_BITS: u32 = 17;
/// Order of the code of an event's length.
const LENGTH_ORDER: u32 = 4;
/// Centimetres of a metre.
const CENTIMETRES: i64 = 100;

/// An event as a viewer is told it. Its place is that of a centimetre.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Told {
    /// The number of an event that is told until it is acknowledged, from 1; 0 is one that may be missed.
    pub sequence: u32,
    /// What happened.
    pub event: Event,
}

/// Why bytes are no list of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventsError {
    /// Something in it is wrong.
    Word(WordError),
    /// There are more than [`EVENTS_MAX`].
    Count,
    /// The lengths of the events are not that of their bytes.
    Lengths,
    /// A number does not grow, or wraps.
    Sequence,
}

/// Gathers the events of one packet.
#[derive(Clone, Debug, Default)]
pub struct EventList {
    entries: Vec<(u32, u8)>,
    bodies: Vec<u8>,
    /// Bits of the entries.
    bits: usize,
    /// The last number, 0 before there is one.
    last: u32,
}

impl EventList {
    /// An empty list, with room for so many bytes.
    pub fn with_room(bytes: usize) -> Self {
        Self { entries: Vec::with_capacity(bytes / 2), bodies: Vec::with_capacity(bytes), ..Self::default() }
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.bodies.clear();
        (self.bits, self.last) = (0, 0);
    }

    /// Whether there is no event in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many events are in it.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// How many bytes [`Self::finish`] appends: none for no event.
    pub fn len(&self) -> usize {
        if self.is_empty() { 0 } else { (self.bits + 1).div_ceil(8) + self.bodies.len() }
    }

    /// Adds an event that [`encode_event`] made the bytes of, if there are fewer than [`EVENTS_MAX`] and the list is then no longer
    /// than `room`. Numbers other than 0 must grow. Returns whether it did.
    #[inline]
    pub fn push(&mut self, sequence: u32, body: &[u8], room: usize) -> bool {
        debug_assert!(body.len() <= EVENT_BYTES_MAX, "the bytes are those of an event");
        debug_assert!(sequence == 0 || sequence > self.last, "numbers grow");
        let bits = self.bits + self.entry_bits(sequence, body);
        let length = (bits + 1).div_ceil(8) + self.bodies.len() + body.len();
        if self.entries.len() >= EVENTS_MAX || length > room {
            return false;
        }
        self.bits = bits;
        self.entries.push((sequence, body.len() as u8));
        self.bodies.extend_from_slice(body);
        self.last = self.last.max(sequence);
        true
    }

    /// Appends the list: for each event a 1, its length, and whether it has a number and which, the first one whole and the
    /// others by how many are left out; then a 0, and the events.
    pub fn finish(&self, out: &mut Vec<u8>) {
        if self.is_empty() {
            return;
        }
        let start = out.len();
        let mut writer = BitWriter::new(out);
        let mut last = 0;
        for (sequence, length) in &self.entries {
            // The 1, the length and whether there is a number.
            let (code, bits) = short_code((*length).into(), LENGTH_ORDER);
            let has_number = u64::from(*sequence != 0);
            writer.push(has_number << (bits + 1) | code << 1 | 1, bits + 2);
            match (*sequence, last) {
                (0, _) => continue,
                (_, 0) => writer.push(u64::from(*sequence), 32),
                _ => writer.push_unsigned(u64::from(sequence.wrapping_sub(last).wrapping_sub(1)), 0),
            }
            last = *sequence;
        }
        writer.push_bool(false);
        writer.finish();
        out.extend_from_slice(&self.bodies);
        debug_assert_eq!(out.len() - start, self.len(), "the bits were counted");
    }

    fn entry_bits(&self, sequence: u32, body: &[u8]) -> usize {
        let number = match (sequence, self.last) {
            (0, _) => 0,
            (_, 0) => 32,
            _ => short_code(sequence.wrapping_sub(self.last).wrapping_sub(1), 0).1 as usize,
        };
        2 + short_code(body.len() as u32, LENGTH_ORDER).1 as usize + number
    }
}

/// Appends an event's bytes, at most [`EVENT_BYTES_MAX`]. They are right in packets of the 65,535 ticks after it.
pub fn encode_event(event: &Event, out: &mut Vec<u8>) {
    let start = out.len();
    let mut writer = BitWriter::new(out);
    writer.push(event.tick, TICK_BITS);
    let kind = Kind::ALL.iter().position(|kind| *kind == event.kind).expect("every kind is in the list");
    writer.push(kind as u64, 4);
    writer.push_bool(event.class != event.kind.class());
    if event.class != event.kind.class() {
        writer.push(event.class as u64, 2);
    }
    push_sector(&mut writer, SectorId::default(), event.sector);
    for part in [event.x, event.y] {
        writer.push((i64::from(part) * CENTIMETRES / i64::from(METRE)) as u64, PLACE_BITS);
    }
    push_id(&mut writer, event.subject);
    push_id(&mut writer, event.object);
    writer.push_unsigned(event.detail.into(), 3);
    writer.push_signed(event.value, 4);
    writer.push_unsigned(event.count.saturating_sub(1).into(), 0);
    writer.finish();
    debug_assert!(out.len() - start <= EVENT_BYTES_MAX, "the longest codes of all fields are {EVENT_BYTES_MAX} bytes");
}

/// Appends the events of a packet of `tick` to `out`, which grows by [`EVENTS_MAX`] at most.
///
/// # Errors
/// When the bytes are no such list; `out` is then as it was.
pub fn decode_events(bytes: &[u8], tick: u64, out: &mut Vec<Told>) -> Result<(), EventsError> {
    let before = out.len();
    let result = read_events(bytes, tick, out);
    if result.is_err() {
        out.truncate(before);
    }
    result
}

fn read_events(bytes: &[u8], tick: u64, out: &mut Vec<Told>) -> Result<(), EventsError> {
    if bytes.is_empty() {
        return Ok(());
    }
    let mut entries = [(0, 0); EVENTS_MAX];
    let (mut count, mut last, mut bodies) = (0, 0u32, 0);
    let mut reader = BitReader::new(bytes);
    while reader.bool().map_err(WordError::Bits)? {
        let entry = entries.get_mut(count).ok_or(EventsError::Count)?;
        let length: u8 = unsigned(&mut reader, LENGTH_ORDER)?;
        let mut sequence = 0;
        if reader.bool().map_err(WordError::Bits)? {
            sequence = if last == 0 {
                reader.bits(32).map_err(WordError::Bits)? as u32
            } else {
                let left_out: u32 = unsigned(&mut reader, 0)?;
                left_out.checked_add(1).and_then(|step| last.checked_add(step)).ok_or(EventsError::Sequence)?
            };
            if sequence == 0 {
                return Err(EventsError::Sequence);
            }
            last = sequence;
        }
        *entry = (sequence, usize::from(length));
        bodies += usize::from(length);
        count += 1;
    }
    let head = bytes.len().checked_sub(bodies).ok_or(EventsError::Lengths)?;
    let (head, mut rest) = bytes.split_at(head);
    // The entries once more, as they must be the whole of the head.
    let mut reader = BitReader::new(head);
    let mut last = 0;
    for (sequence, _) in &entries[..count] {
        reader.bits(1).map_err(WordError::Bits)?;
        reader.unsigned(LENGTH_ORDER).map_err(WordError::Bits)?;
        if reader.bool().map_err(WordError::Bits)? {
            if last == 0 { reader.bits(32) } else { reader.unsigned(0) }.map_err(WordError::Bits)?;
            last = *sequence;
        }
    }
    reader.bits(1).map_err(WordError::Bits)?;
    reader.finish().map_err(WordError::Bits)?;
    for (sequence, length) in &entries[..count] {
        let (body, after) = rest.split_at(*length);
        rest = after;
        out.push(Told { sequence: *sequence, event: decode_event(body, tick)? });
    }
    Ok(())
}

/// Reads one event of a packet of `tick`.
///
/// # Errors
/// When the bytes are none.
pub fn decode_event(bytes: &[u8], tick: u64) -> Result<Event, WordError> {
    let mut reader = BitReader::new(bytes);
    let cut = reader.bits(TICK_BITS)?;
    let age = tick.wrapping_sub(cut) & ((1 << TICK_BITS) - 1);
    let kind = *Kind::ALL.get(reader.bits(4)? as usize).ok_or(WordError::Value)?;
    let class = if reader.bool()? { class_of(reader.bits(2)?) } else { kind.class() };
    let sector = read_sector(&mut reader, SectorId::default())?;
    let mut place = || {
        let centimetres = reader.bits(PLACE_BITS)? as i64;
        // The middle of what was cut.
        let at = (centimetres * i64::from(METRE) + i64::from(METRE) / 2) / CENTIMETRES;
        i32::try_from(at).ok().filter(|at| *at < SECTOR_SIDE).ok_or(WordError::Value)
    };
    let (x, y) = (place()?, place()?);
    let event = Event {
        tick: tick.checked_sub(age).ok_or(WordError::Value)?,
        class,
        kind,
        sector,
        x,
        y,
        subject: read_id(&mut reader)?,
        object: read_id(&mut reader)?,
        detail: unsigned(&mut reader, 3)?,
        value: signed(&mut reader, 4)?,
        count: unsigned::<u32>(&mut reader, 0)?.checked_add(1).ok_or(WordError::Value)?,
    };
    reader.finish()?;
    Ok(event)
}

const fn class_of(number: u64) -> Class {
    match number {
        0 => Class::Critical,
        1 => Class::High,
        2 => Class::Normal,
        _ => Class::Low,
    }
}

impl From<WordError> for EventsError {
    fn from(error: WordError) -> Self {
        Self::Word(error)
    }
}

impl fmt::Display for EventsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(error) => error.fmt(f),
            Self::Count => write!(f, "there are more than {EVENTS_MAX} events"),
            Self::Lengths => f.write_str("the lengths of the events are not that of their bytes"),
            Self::Sequence => f.write_str("the numbers of the events do not grow"),
        }
    }
}

impl core::error::Error for EventsError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entity::EntityId;

    /// The coordinate that a viewer is told.
    fn told(at: i32) -> i32 {
        let centimetres = i64::from(at) * 100 / 65_536;
        ((centimetres * 65_536 + 32_768) / 100) as i32
    }

    fn event(tick: u64) -> impl Strategy<Value = Event> {
        let id = || prop_oneof![Just(0), 1..5000u64, any::<u64>()].prop_map(EntityId::from_bits);
        let place = (any::<i64>(), -3..3i64, 0..SECTOR_SIDE, 0..SECTOR_SIDE);
        let rest = (id(), id(), any::<u32>(), any::<i64>(), 1..=u32::MAX);
        (0..65_536u64, 0..4u64, 0..Kind::ALL.len(), place, rest).prop_map(move |(age, class, kind, place, rest)| {
            let (subject, object, detail, value, count) = rest;
            Event {
                tick: tick - age,
                class: class_of(class),
                kind: Kind::ALL[kind],
                sector: SectorId::new(place.0, place.1),
                x: place.2,
                y: place.3,
                subject,
                object,
                detail,
                value,
                count,
            }
        })
    }

    const TICK: u64 = (1 << 40) + 5;

    proptest! {
        #[test]
        fn events_come_back_and_cuts_are_refused(
            events in proptest::collection::vec((event(TICK), 0..4u32), 0..20),
            first in any::<u32>(),
        ) {
            let mut list = EventList::default();
            let mut sequence = first / 2;
            let mut expected = Vec::new();
            let mut body = Vec::new();
            for (event, step) in events {
                body.clear();
                encode_event(&event, &mut body);
                prop_assert!(body.len() <= EVENT_BYTES_MAX);
                sequence += step;
                let number = if step == 0 { 0 } else { sequence };
                let mut with_it = list.clone();
                prop_assert!(with_it.push(number, &body, usize::MAX));
                let length = with_it.len();
                prop_assert!(!list.push(number, &body, length - 1));
                prop_assert!(list.push(number, &body, length));
                prop_assert_eq!(list.len(), length);
                let event = Event { x: told(event.x), y: told(event.y), ..event };
                expected.push(Told { sequence: number, event });
            }
            let mut bytes = Vec::new();
            list.finish(&mut bytes);
            prop_assert_eq!(bytes.len(), list.len());
            let mut back = Vec::new();
            prop_assert_eq!(decode_events(&bytes, TICK, &mut back), Ok(()));
            prop_assert_eq!(&back, &expected);
            for end in 1..bytes.len() {
                prop_assert!(decode_events(&bytes[..end], TICK, &mut back).is_err());
                prop_assert_eq!(back.len(), expected.len());
            }
            bytes.push(0);
            prop_assert!(bytes.len() == 1 || decode_events(&bytes, TICK, &mut back).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), tick in any::<u64>()) {
            let mut out = Vec::new();
            if decode_events(&bytes, tick, &mut out).is_ok() {
                prop_assert!(out.len() <= EVENTS_MAX);
            } else {
                prop_assert!(out.is_empty());
            }
        }
    }
}
