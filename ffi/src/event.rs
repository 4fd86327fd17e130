//! `muster/event.h`.

use muster_core::{
    EntityId, Input,
    event::{Class, Event},
};

use crate::{
    base::muster_position_t,
    boundary::{In, Out, Versioned},
    entity::muster_entity_t,
    error::{Refused, muster_result_t, muster_result_t::MUSTER_E_VALUE},
    space::muster_sector_t,
    world::{muster_world_t, with},
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub enum muster_event_class_t {
    MUSTER_CLASS_CRITICAL = 0,
    MUSTER_CLASS_HIGH = 1,
    MUSTER_CLASS_NORMAL = 2,
    MUSTER_CLASS_LOW = 3,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub enum muster_event_kind_t {
    MUSTER_EVENT_UNIT_DESTROYED = 0,
    MUSTER_EVENT_BASE_DESTROYED = 1,
    MUSTER_EVENT_MASSIVE_BATTLE = 2,
    MUSTER_EVENT_RESOURCE_CAPTURE = 3,
    MUSTER_EVENT_CONTACT = 4,
    MUSTER_EVENT_HIT = 5,
    MUSTER_EVENT_ZONE_ENTERED = 6,
    MUSTER_EVENT_ZONE_LEFT = 7,
    MUSTER_EVENT_PICKUP_TAKEN = 8,
    MUSTER_EVENT_COMMAND_REFUSED = 9,
    MUSTER_EVENT_USED = 10,
    MUSTER_EVENT_CUSTOM = 11,
    MUSTER_EVENT_FIRED = 12,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub enum muster_refusal_t {
    MUSTER_REFUSAL_NO_ENTITY = 1,
    MUSTER_REFUSAL_NOT_OWNER = 2,
    MUSTER_REFUSAL_RATE = 3,
    MUSTER_REFUSAL_NO_TARGET = 4,
    MUSTER_REFUSAL_REACH = 5,
    MUSTER_REFUSAL_SPEED = 6,
    MUSTER_REFUSAL_UNABLE = 7,
    MUSTER_REFUSAL_NOT_READY = 8,
    MUSTER_REFUSAL_WRONG_SECTOR = 9,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_event_t {
    pub tick: u64,
    pub sector: muster_sector_t,
    pub subject: muster_entity_t,
    pub object: muster_entity_t,
    pub value: i64,
    pub x: i32,
    pub y: i32,
    pub detail: u32,
    pub count: u32,
    pub kind: u32,
    pub event_class: u32,
}

impl Versioned for muster_event_t {
    const SIZE_MIN: usize = 80;
}

impl From<&Event> for muster_event_t {
    fn from(event: &Event) -> Self {
        Self {
            tick: event.tick,
            sector: event.sector.into(),
            subject: event.subject.bits(),
            object: event.object.bits(),
            value: event.value,
            x: event.x,
            y: event.y,
            detail: event.detail,
            count: event.count,
            kind: event.kind as u32,
            event_class: event.class as u32,
        }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_events(
    world: *mut muster_world_t,
    out_events: Out<muster_event_t>,
    event_size: usize,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(world, |world| {
        let events = world.core.events().iter().map(muster_event_t::from);
        out_events.fill_records(events, event_size, capacity, out_count, "out_events")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_emit(
    world: *mut muster_world_t,
    event: In<muster_event_t>,
    event_size: usize,
) -> muster_result_t {
    with(world, |world| {
        let event = event.record(event_size, "event")?;
        let class = match event.event_class {
            0 => Class::Critical,
            1 => Class::High,
            2 => Class::Normal,
            3 => Class::Low,
            other => return Err(Refused::new(MUSTER_E_VALUE, format!("event_class {other} is none"))),
        };
        let muster_sector_t { x: sector_x, y: sector_y, scale, .. } = event.sector;
        if scale != 0 {
            return Err(Refused::new(MUSTER_E_VALUE, "the sector of an event that is put in must be of scale 0"));
        }
        world.accept(&Input::Emit {
            class,
            position: muster_position_t { sector_x, sector_y, x: event.x, y: event.y }.read("event")?,
            subject: EntityId::from_bits(event.subject),
            object: EntityId::from_bits(event.object),
            detail: event.detail,
            value: event.value,
        });
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use muster_core::{command::Refusal, event::Kind};

    use super::*;

    #[test]
    fn numbers_are_those_of_the_core() {
        assert_eq!(Class::Low as u32, muster_event_class_t::MUSTER_CLASS_LOW as u32);
        assert_eq!(Kind::UnitDestroyed as u32, muster_event_kind_t::MUSTER_EVENT_UNIT_DESTROYED as u32);
        assert_eq!(Kind::MassiveBattle as u32, muster_event_kind_t::MUSTER_EVENT_MASSIVE_BATTLE as u32);
        assert_eq!(Kind::Hit as u32, muster_event_kind_t::MUSTER_EVENT_HIT as u32);
        assert_eq!(Kind::CommandRefused as u32, muster_event_kind_t::MUSTER_EVENT_COMMAND_REFUSED as u32);
        assert_eq!(Kind::Custom as u32, muster_event_kind_t::MUSTER_EVENT_CUSTOM as u32);
        assert_eq!(Refusal::WrongSector as u32, muster_refusal_t::MUSTER_REFUSAL_WRONG_SECTOR as u32);
        assert_eq!(Refusal::Reach as u32, muster_refusal_t::MUSTER_REFUSAL_REACH as u32);
    }
}
