//! What the map says: zones, spawn points, pickups and routes.

use mlua::{Lua, Table};
use muster_core::map::{ZoneForm, ZoneKind};

use super::{
    super::{values::whole, with},
    TABLE,
};
use crate::{raw, vm::Slot};

pub(super) fn add(lua: &Lua, slot: &Slot, table: &Table) -> mlua::Result<()> {
    let of = || slot.clone();
    let metre = |units: i32| f64::from(units) / f64::from(muster_core::METRE);
    let slot = of();
    let zones = move |lua: &Lua, ()| {
        let list = lua.create_table()?;
        with(&slot, |stage| {
            let Some(map) = stage.world()?.map() else { return Ok(()) };
            for (number, zone) in map.zones().iter().enumerate() {
                raw::charge(TABLE);
                let row = lua.create_table()?;
                let (middle, half) = zone.form.middle();
                row.raw_set("number", number)?;
                row.raw_set("name", zone.name.as_str())?;
                row.raw_set(
                    "kind",
                    match zone.kind {
                        ZoneKind::Generic => "generic",
                        ZoneKind::Resource => "resource",
                        ZoneKind::Base => "base",
                    },
                )?;
                row.raw_set("x", metre(middle.0))?;
                row.raw_set("y", metre(middle.1))?;
                row.raw_set("half_width", metre(half.0))?;
                row.raw_set("half_height", metre(half.1))?;
                row.raw_set("is_circle", matches!(zone.form, ZoneForm::Circle { .. }))?;
                row.raw_set("team", zone.team)?;
                row.raw_set("value", zone.value)?;
                row.raw_set("tag", zone.tag)?;
                list.raw_push(row)?;
            }
            Ok(())
        })?;
        Ok(list)
    };
    table.raw_set("zones", lua.create_function(zones)?)?;
    let slot = of();
    let holder = move |_: &Lua, zone: f64| {
        let zone = whole(zone, "zone")?;
        with(&slot, |stage| Ok(stage.world()?.zone_holder(zone)))
    };
    table.raw_set("zone_holder", lua.create_function(holder)?)?;
    let slot = of();
    let points = move |lua: &Lua, team: Option<f64>| {
        let team: Option<u16> = team.map(|team| whole(team, "team")).transpose()?;
        let list = lua.create_table()?;
        with(&slot, |stage| {
            let Some(map) = stage.world()?.map() else { return Ok(()) };
            let is_for = |of: u16| team.is_none_or(|team| of == 0 || of == team);
            for point in map.spawn_points().iter().filter(|point| is_for(point.team)) {
                raw::charge(TABLE);
                let row = lua.create_table_with_capacity(0, 4)?;
                row.raw_set("x", metre(point.x))?;
                row.raw_set("y", metre(point.y))?;
                row.raw_set("team", point.team)?;
                row.raw_set("heading", f64::from(point.heading) * (std::f64::consts::TAU / 65_536.0))?;
                list.raw_push(row)?;
            }
            Ok(())
        })?;
        Ok(list)
    };
    table.raw_set("spawn_points", lua.create_function(points)?)?;
    let slot = of();
    let pickups = move |lua: &Lua, ()| {
        let list = lua.create_table()?;
        with(&slot, |stage| {
            let Some(map) = stage.world()?.map() else { return Ok(()) };
            for (number, pickup) in map.pickups().iter().enumerate() {
                raw::charge(TABLE);
                let row = lua.create_table_with_capacity(0, 5)?;
                row.raw_set("number", number)?;
                row.raw_set("x", metre(pickup.x))?;
                row.raw_set("y", metre(pickup.y))?;
                row.raw_set("kind", pickup.kind)?;
                row.raw_set("amount", pickup.amount)?;
                list.raw_push(row)?;
            }
            Ok(())
        })?;
        Ok(list)
    };
    table.raw_set("pickups", lua.create_function(pickups)?)?;
    let slot = of();
    let there = move |_: &Lua, pickup: f64| {
        let pickup: u32 = whole(pickup, "pickup")?;
        with(&slot, |stage| {
            let world = stage.world()?;
            let count = world.map().map_or(0, |map| map.pickups().len());
            Ok((pickup as usize) < count && world.is_pickup_there(pickup))
        })
    };
    table.raw_set("pickup_is_there", lua.create_function(there)?)?;
    let slot = of();
    let routes = move |lua: &Lua, ()| {
        let list = lua.create_table()?;
        with(&slot, |stage| {
            let Some(map) = stage.world()?.map() else { return Ok(()) };
            for route in map.routes() {
                let places = lua.create_table()?;
                for (x, y) in route {
                    raw::charge(TABLE);
                    let point = lua.create_table_with_capacity(0, 2)?;
                    point.raw_set("x", metre(*x))?;
                    point.raw_set("y", metre(*y))?;
                    places.raw_push(point)?;
                }
                list.raw_push(places)?;
            }
            Ok(())
        })?;
        Ok(list)
    };
    table.raw_set("routes", lua.create_function(routes)?)
}
