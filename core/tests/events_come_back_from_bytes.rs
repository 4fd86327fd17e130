//! Goal: events survive the way into bytes unchanged and in their order, and writing them again and again is free.
//! Method: events made up by proptest are written by the core and read with the generated code.

use muster_core::{
    EntityId, Position, SectorId,
    command::Refusal,
    event::{Class, Event, Kind, encode_events},
};
use muster_schemas::{Builder, events, read_events};
use proptest::prelude::*;

const KINDS: [Kind; 13] = [
    Kind::UnitDestroyed,
    Kind::BaseDestroyed,
    Kind::MassiveBattle,
    Kind::ResourceCapture,
    Kind::Contact,
    Kind::Hit,
    Kind::ZoneEntered,
    Kind::ZoneLeft,
    Kind::PickupTaken,
    Kind::CommandRefused,
    Kind::Used,
    Kind::Custom,
    Kind::Fired,
];

const CLASSES: [Class; 4] = [Class::Critical, Class::High, Class::Normal, Class::Low];

const REFUSALS: [Refusal; 9] = [
    Refusal::NoEntity,
    Refusal::NotOwner,
    Refusal::Rate,
    Refusal::NoTarget,
    Refusal::Reach,
    Refusal::Speed,
    Refusal::Unable,
    Refusal::NotReady,
    Refusal::WrongSector,
];

prop_compose! {
    fn event()(
        tick: u64,
        class in prop::sample::select(&CLASSES[..]),
        kind in prop::sample::select(&KINDS[..]),
        (column, row, scale) in (any::<i64>(), any::<i64>(), 0..=63_u8),
        (x, y) in any::<(i32, i32)>(),
        (subject, object) in any::<(u64, u64)>(),
        (detail, value, count) in any::<(u32, i64, u32)>(),
    ) -> Event {
        Event {
            tick,
            class,
            kind,
            sector: SectorId { x: column, y: row, scale },
            x,
            y,
            subject: EntityId::from_bits(subject),
            object: EntityId::from_bits(object),
            detail,
            value,
            count,
        }
    }
}

/// The event that a message tells of. Enums are told by their names, which both sides must share.
fn read(message: &events::Event) -> Event {
    let kind = message.kind().variant_name().expect("a known kind");
    let class = message.class().variant_name().expect("a known class");
    Event {
        tick: message.tick(),
        class: CLASSES.into_iter().find(|known| format!("{known:?}") == class).expect("the core has the class"),
        kind: KINDS.into_iter().find(|known| format!("{known:?}") == kind).expect("the core has the kind"),
        sector: SectorId { x: message.sector().x(), y: message.sector().y(), scale: message.scale() },
        x: message.x(),
        y: message.y(),
        subject: EntityId::from_bits(message.subject()),
        object: EntityId::from_bits(message.object()),
        detail: message.detail(),
        value: message.value(),
        count: message.count(),
    }
}

proptest! {
    #[test]
    fn events_are_the_same_behind_the_bytes(events in proptest::collection::vec(event(), 0..40)) {
        let mut builder = Builder::new();
        let _ = encode_events(&events[..events.len() / 2], &mut builder).expect("few events");
        let bytes = encode_events(&events, &mut builder).expect("few events");
        let message = read_events(bytes).expect("what is written can be read");
        let back: Vec<_> = message.events().iter().map(read).collect();
        prop_assert_eq!(back, events);
    }
}

#[test]
fn the_schema_and_the_core_know_the_same_names() {
    assert_eq!(events::EventKind::ENUM_VALUES.len(), KINDS.len());
    assert_eq!(events::EventClass::ENUM_VALUES.len(), CLASSES.len());
    for (number, kind) in KINDS.into_iter().enumerate() {
        let event = Event::new(0, kind, Position::default(), EntityId::NULL, EntityId::NULL, 0, 0);
        let mut builder = Builder::new();
        let bytes = encode_events(&[event], &mut builder).expect("one event");
        let message = read_events(bytes).expect("what is written can be read");
        let kind = message.events().get(0).kind();
        assert_eq!(usize::from(kind.0), number, "the numbers are those of the order of declaration");
    }
    assert_eq!(events::Refusal::ENUM_VALUES.len(), REFUSALS.len() + 1, "the schema has one for no refusal");
    for refusal in REFUSALS {
        assert_eq!(events::Refusal(refusal as u8).variant_name(), Some(format!("{refusal:?}").as_str()));
    }
}
