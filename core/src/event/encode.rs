//! Events into bytes, for those who are told: a FlatBuffer `muster.Events`.

use core::fmt;

use muster_schemas::{
    Builder, Limits,
    common::Sector,
    events::{self, EventClass, EventKind, Events, EventsArgs},
};

use super::{Class, Event, Kind};

/// Most events of one message: what readers accept.
pub const EVENTS_MAX: usize = Limits::EVENTS.size_max / size_of::<events::Event>() - 1;

/// There are more events than a message may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooManyEvents;

/// Writes events in their order into a builder, which is cleared first; used again and again, it does not grow.
///
/// # Errors
/// When there are more than [`EVENTS_MAX`].
pub fn encode_events<'a>(events: &[Event], builder: &'a mut Builder<'_>) -> Result<&'a [u8], TooManyEvents> {
    if events.len() > EVENTS_MAX {
        return Err(TooManyEvents);
    }
    builder.reset();
    let events = builder.create_vector_from_iter(events.iter().map(message_of));
    let events = Events::create(builder, &EventsArgs { events: Some(events) });
    events::finish_events_buffer(builder, events);
    Ok(builder.finished_data())
}

fn message_of(event: &Event) -> events::Event {
    events::Event::new(
        event.tick,
        &Sector::new(event.sector.x, event.sector.y),
        event.subject.bits(),
        event.object.bits(),
        event.value,
        event.x,
        event.y,
        event.detail,
        event.count,
        kind_of(event.kind),
        class_of(event.class),
        event.sector.scale,
    )
}

const fn kind_of(kind: Kind) -> EventKind {
    match kind {
        Kind::UnitDestroyed => EventKind::UnitDestroyed,
        Kind::BaseDestroyed => EventKind::BaseDestroyed,
        Kind::MassiveBattle => EventKind::MassiveBattle,
        Kind::ResourceCapture => EventKind::ResourceCapture,
        Kind::Contact => EventKind::Contact,
        Kind::Hit => EventKind::Hit,
        Kind::ZoneEntered => EventKind::ZoneEntered,
        Kind::ZoneLeft => EventKind::ZoneLeft,
        Kind::PickupTaken => EventKind::PickupTaken,
        Kind::CommandRefused => EventKind::CommandRefused,
        Kind::Used => EventKind::Used,
        Kind::Custom => EventKind::Custom,
        Kind::Fired => EventKind::Fired,
    }
}

const fn class_of(class: Class) -> EventClass {
    match class {
        Class::Critical => EventClass::Critical,
        Class::High => EventClass::High,
        Class::Normal => EventClass::Normal,
        Class::Low => EventClass::Low,
    }
}

impl fmt::Display for TooManyEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {EVENTS_MAX} events do not fit a message")
    }
}

impl core::error::Error for TooManyEvents {}
