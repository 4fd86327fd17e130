//! What happened in the last tick.

use mlua::{Lua, Table};
use muster_core::{
    Position, World,
    event::{Event, Kind},
};

use super::{
    super::{
        fields::{from_id, metres},
        values::known_name,
    },
    TABLE,
};
use crate::{raw, vm::Slot};

/// Names of the kinds of events, in the order of [`Kind`].
pub(crate) const EVENTS: &[(&str, Kind)] = &[
    ("unit_destroyed", Kind::UnitDestroyed),
    ("base_destroyed", Kind::BaseDestroyed),
    ("massive_battle", Kind::MassiveBattle),
    ("resource_capture", Kind::ResourceCapture),
    ("contact", Kind::Contact),
    ("hit", Kind::Hit),
    ("zone_entered", Kind::ZoneEntered),
    ("zone_left", Kind::ZoneLeft),
    ("pickup_taken", Kind::PickupTaken),
    ("command_refused", Kind::CommandRefused),
    ("used", Kind::Used),
    ("custom", Kind::Custom),
    ("fired", Kind::Fired),
];

/// Safepoints that a call is worth.
const CALL: u64 = 16;

pub(super) fn add(lua: &Lua, slot: &Slot, table: &Table) -> mlua::Result<()> {
    let slot = slot.clone();
    let events = move |lua: &Lua, kind: Option<mlua::LuaString>| {
        let kind = kind.map(|kind| event_kind(&known_name(&kind)?)).transpose()?;
        let tables = lua.create_table()?;
        raw::charge(CALL);
        let stage = slot.borrow();
        let Some(world) = stage.as_ref().and_then(|stage| stage.world.as_ref()) else { return Ok(tables) };
        let mut count = 0;
        for event in world.events().iter().filter(|event| kind.is_none_or(|kind| event.kind == kind)) {
            raw::charge(TABLE);
            count += 1;
            tables.raw_set(count, event_table(lua, world, event)?)?;
        }
        Ok(tables)
    };
    table.raw_set("events", lua.create_function(events)?)
}

/// The kind of event of a name.
pub(in crate::binding) fn event_kind(name: &str) -> mlua::Result<Kind> {
    EVENTS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind).ok_or_else(|| {
        let known: Vec<&str> = EVENTS.iter().map(|(known, _)| *known).collect();
        mlua::Error::runtime(format!("there are no events `{name}`, but {}", known.join(", ")))
    })
}

fn event_table(lua: &Lua, world: &World, event: &Event) -> mlua::Result<Table> {
    let name = EVENTS.iter().find(|(_, kind)| *kind == event.kind).map_or("custom", |(name, _)| name);
    let (x, y) = metres(world, Position { sector: event.sector, x: event.x, y: event.y });
    let table = lua.create_table_with_capacity(0, 8)?;
    table.raw_set("kind", name)?;
    table.raw_set("subject", from_id(event.subject))?;
    table.raw_set("object", from_id(event.object))?;
    table.raw_set("x", x)?;
    table.raw_set("y", y)?;
    table.raw_set("detail", event.detail)?;
    table.raw_set("value", event_value(event))?;
    table.raw_set("count", event.count)?;
    Ok(table)
}

/// The value of an event in the script's units.
pub(in crate::binding) fn event_value(event: &Event) -> f64 {
    let unit = if event.kind == Kind::Contact { f64::from(muster_core::METRE) } else { 1.0 };
    event.value as f64 / unit
}
