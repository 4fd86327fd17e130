//! What is where: queries, rays and sight.

use mlua::{Lua, Table};
use muster_core::{EntityId, World};

use super::{
    super::{
        field,
        fields::{from_id, length, metres, position, short_length},
        filter::Wanted,
        values::whole,
        with,
    },
    TABLE,
};
use crate::{raw, vm::Slot};

/// Safepoints that a ray and a look are worth, however short.
const RAY: u64 = 160;
const SIGHT: u64 = 32;

/// What the way of a ray is worth, which goes through the map's cells.
fn way(right: i64, up: i64) -> u64 {
    const METRES_A_SAFEPOINT: u64 = 4;
    right.unsigned_abs().max(up.unsigned_abs()) / muster_core::METRE.unsigned_abs() as u64 / METRES_A_SAFEPOINT
}

pub(super) fn add(lua: &Lua, slot: &Slot, table: &Table) -> mlua::Result<()> {
    let of = || slot.clone();
    let slot = of();
    let near = move |lua: &Lua, (x, y, radius, filter): (f64, f64, f64, Option<Table>)| {
        query(lua, &slot, filter.as_ref(), |world, wanted, out| {
            world.radius(position(world, x, y)?, length(radius, "radius")?, &wanted.filter, out);
            wanted.keep(world, out);
            Ok(())
        })
    };
    table.raw_set("near", lua.create_function(near)?)?;
    let slot = of();
    let nearest = move |lua: &Lua, (x, y, radius, count, filter): (f64, f64, f64, f64, Option<Table>)| {
        let count: u32 = whole(count, "count")?;
        query(lua, &slot, filter.as_ref(), |world, wanted, out| {
            // What only the filter's own part leaves out would take places among the nearest.
            world.nearest(position(world, x, y)?, length(radius, "radius")?, usize::MAX, &wanted.filter, out);
            raw::charge(out.len() as u64);
            wanted.keep(world, out);
            out.truncate(count as usize);
            Ok(())
        })
    };
    table.raw_set("nearest", lua.create_function(nearest)?)?;
    let slot = of();
    let in_box = move |lua: &Lua, (x, y, width, height, filter): (f64, f64, f64, f64, Option<Table>)| {
        query(lua, &slot, filter.as_ref(), |world, wanted, out| {
            let (width, height) = (length(width, "half_width")?, length(height, "half_height")?);
            world.in_box(position(world, x, y)?, width, height, &wanted.filter, out);
            wanted.keep(world, out);
            Ok(())
        })
    };
    table.raw_set("in_box", lua.create_function(in_box)?)?;
    let slot = of();
    let all = move |lua: &Lua, filter: Option<Table>| {
        query(lua, &slot, filter.as_ref(), |world, wanted, out| {
            world.ids(out);
            wanted.keep_all(world, out);
            Ok(())
        })
    };
    table.raw_set("all", lua.create_function(all)?)?;
    let slot = of();
    let ray = move |lua: &Lua, (x, y, right, up, options): (f64, f64, f64, f64, Option<Table>)| {
        let radius = options.as_ref().map(|table| field::<f64>(table, "radius")).transpose()?.flatten().unwrap_or(0.0);
        let filter = options.as_ref().map(|table| field::<Table>(table, "filter")).transpose()?.flatten();
        let wanted = Wanted::read(filter.as_ref())?;
        let hit = with(&slot, |stage| {
            let world = stage.world()?;
            let from = position(world, x, y)?;
            let (right, up) = (length(right, "right")?, length(up, "up")?);
            raw::afford(RAY + way(right, up))?;
            let hit = world.raycast(from, right, up, short_length(radius, "radius")?, &wanted.filter);
            Ok(hit.map(|hit| (from_id(hit.entity), metres(world, hit.position), hit.time as f64 / (1u64 << 32) as f64)))
        })?;
        raw::charge(TABLE);
        let Some((id, (x, y), part)) = hit else { return Ok(None) };
        let table = lua.create_table_with_capacity(0, 4)?;
        table.raw_set("id", id)?;
        table.raw_set("x", x)?;
        table.raw_set("y", y)?;
        table.raw_set("part", part)?;
        Ok(Some(table))
    };
    table.raw_set("ray", lua.create_function(ray)?)?;
    let slot = of();
    let sees = move |_: &Lua, (x1, y1, x2, y2): (f64, f64, f64, f64)| {
        with(&slot, |stage| {
            raw::afford(SIGHT + way(length(x2 - x1, "x2")?, length(y2 - y1, "y2")?))?;
            let world = stage.world()?;
            Ok(world.line_of_sight(position(world, x1, y1)?, position(world, x2, y2)?))
        })
    };
    table.raw_set("sees", lua.create_function(sees)?)
}

/// Asks the world for entities and gives their ids to the script.
fn query(
    lua: &Lua,
    slot: &Slot,
    filter: Option<&Table>,
    ask: impl FnOnce(&mut World, &Wanted, &mut Vec<EntityId>) -> mlua::Result<()>,
) -> mlua::Result<Table> {
    let wanted = Wanted::read(filter)?;
    let found = with(slot, |stage| {
        raw::afford(stage.looks())?;
        let mut found = std::mem::take(&mut stage.found);
        ask(stage.world()?, &wanted, &mut found)?;
        Ok(found)
    })?;
    raw::charge(found.len() as u64);
    let table = lua.create_sequence_from(found.iter().map(|id| from_id(*id)));
    with(slot, |stage| {
        stage.found = found;
        Ok(())
    })?;
    table
}
