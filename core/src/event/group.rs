//! Which events of a tick are one, and which of them are missed least.
//!
//! What is merged and what is kept is told, with the reasons, where it is done: in the queues of events.

use core::cmp::Ordering;

use super::{Event, Kind};
use crate::random::{draw, fold};

/// Takes the next event into one of the same group, if it is; the counts are added.
pub(super) fn take_in(event: &mut Event, next: &Event) -> bool {
    let is_merged = match event.kind {
        Kind::Hit | Kind::Contact => true,
        Kind::CommandRefused => event.value == next.value,
        _ => false,
    };
    let name = |event: &Event| (event.kind, event.sector, event.subject, event.object, event.detail);
    if !is_merged || name(event) != name(next) {
        return false;
    }
    event.count = event.count.saturating_add(next.count);
    let (place, other) = ((event.x, event.y), (next.x, next.y));
    match event.kind {
        Kind::Contact => {
            if (next.value, place) > (event.value, other) {
                (event.value, (event.x, event.y)) = (next.value, other);
            }
        }
        Kind::Hit => {
            // Of numbers of 32 bits there would have to be 2^32 to wrap.
            event.value = event.value.wrapping_add(next.value);
            (event.x, event.y) = place.min(other);
        }
        _ => (event.x, event.y) = place.min(other),
    }
    true
}

/// The order in which events are kept, the best first. Hits of a group are equal, and so are refusals.
pub(super) fn rank(a: &Event, b: &Event) -> Ordering {
    let hardest = |event: &Event| if event.kind == Kind::Contact { !event.value } else { 0 };
    let coarse = |event: &Event| (grade(event.kind), hardest(event));
    coarse(a).cmp(&coarse(b)).then_with(|| drawn(a).cmp(&drawn(b))).then_with(|| fine(a).cmp(&fine(b)))
}

/// All that tells events apart which are not of one group.
fn fine(event: &Event) -> impl Ord + use<> {
    let own = match event.kind {
        Kind::Hit => (0, 0, 0, 0),
        Kind::CommandRefused => (event.value, 0, 0, 0),
        Kind::Contact => (event.value, 0, event.x, event.y),
        _ => (event.value, event.count, event.x, event.y),
    };
    (event.sector, event.subject, event.object, event.detail, own)
}

/// A random word from the tick and the group's name.
fn drawn(event: &Event) -> u64 {
    let (x, y) = (event.sector.x.cast_unsigned(), event.sector.y.cast_unsigned());
    let value = if matches!(event.kind, Kind::Hit | Kind::Contact) { 0 } else { event.value.cast_unsigned() };
    let place = fold(fold(fold(u64::from(grade(event.kind)), x), y), value);
    draw(place ^ event.object.bits(), event.tick, event.subject.bits(), event.detail)
}

/// By how much an event of a kind would be missed among those of its class; 0 the most.
const fn grade(kind: Kind) -> u8 {
    match kind {
        Kind::BaseDestroyed => 0,
        Kind::ResourceCapture => 1,
        Kind::MassiveBattle => 2,
        Kind::UnitDestroyed => 3,
        Kind::PickupTaken => 4,
        Kind::ZoneEntered => 5,
        Kind::ZoneLeft => 6,
        Kind::Used => 7,
        Kind::Custom => 8,
        Kind::Hit => 9,
        Kind::Contact => 10,
        Kind::CommandRefused => 11,
        Kind::Fired => 12,
    }
}
