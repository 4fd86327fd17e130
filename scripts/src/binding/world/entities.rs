//! Entities one by one: made, read, changed, taken away.

use mlua::{Lua, Table, Value, Variadic};
use muster_core::{
    Column, Entity, EntityId, Input,
    world::{Applied, InputError, WriteError},
};

use super::{
    super::{
        fields::{FLAGS, Field, fits, from_id, position, to_id},
        values::{known_name, number},
        with,
    },
    refused,
};
use crate::{
    raw,
    stage::{Names, Stage},
    vm::Slot,
};

/// Safepoints that a new entity is worth.
const SPAWN: u64 = 96;

pub(super) fn add(lua: &Lua, slot: &Slot, table: &Table) -> mlua::Result<()> {
    let of = || slot.clone();
    let slot = of();
    table.raw_set("tick", lua.create_function(move |_, ()| with(&slot, |stage| Ok(stage.tick() as f64)))?)?;
    let slot = of();
    let size = move |_: &Lua, ()| {
        with(&slot, |stage| {
            let map = stage.world()?.map();
            let metres = |units: i32| f64::from(units) / f64::from(muster_core::METRE);
            Ok((map.map(|map| metres(map.width())), map.map(|map| metres(map.height()))))
        })
    };
    table.raw_set("size", lua.create_function(size)?)?;
    let slot = of();
    let count = move |_: &Lua, ()| with(&slot, |stage| Ok(stage.world()?.entity_count()));
    table.raw_set("count", lua.create_function(count)?)?;
    let slot = of();
    let spawn = move |_: &Lua, fields: Table| {
        with(&slot, |stage| {
            let entity = entity(stage, &fields)?;
            spawn(stage, entity).map(from_id)
        })
    };
    table.raw_set("spawn", lua.create_function(spawn)?)?;
    let slot = of();
    let despawn = move |_: &Lua, id: f64| {
        with(&slot, |stage| {
            let id = to_id(id);
            let is_there = stage.world()?.is_alive(id);
            Ok(is_there && stage.apply(&Input::Despawn(id))?.is_ok())
        })
    };
    table.raw_set("despawn", lua.create_function(despawn)?)?;
    let slot = of();
    let exists = move |_: &Lua, id: f64| with(&slot, |stage| Ok(stage.world()?.is_alive(to_id(id))));
    table.raw_set("exists", lua.create_function(exists)?)?;
    let slot = of();
    let get = move |_: &Lua, (id, names): (f64, Variadic<mlua::LuaString>)| {
        with(&slot, |stage| {
            raw::afford(names.len() as u64 * 2)?;
            let id = to_id(id);
            let world = stage.world.as_ref().ok_or_else(|| mlua::Error::runtime("there is no world yet"))?;
            let mut values = Variadic::with_capacity(names.len());
            for name in names.iter() {
                let field = Field::of(&known_name(name)?, &stage.names)?;
                values.push(field.read(world, id));
            }
            Ok(values)
        })
    };
    table.raw_set("get", lua.create_function(get)?)?;
    let slot = of();
    let set = move |_: &Lua, (id, fields): (f64, Table)| {
        with(&slot, |stage| {
            let id = to_id(id);
            if !stage.world()?.is_alive(id) {
                return Ok(false);
            }
            for pair in fields.pairs::<mlua::LuaString, Value>() {
                let (name, value) = pair?;
                let name = known_name(&name)?;
                let value = named_number(&stage.names, &name, &value)?;
                let (column, value) = Field::of(&name, &stage.names)?.value(&name, value)?;
                set(stage, id, column, value)?;
            }
            Ok(true)
        })
    };
    table.raw_set("set", lua.create_function(set)?)?;
    let slot = of();
    let place = move |_: &Lua, (id, x, y): (f64, f64, f64)| {
        with(&slot, |stage| {
            let entity = to_id(id);
            let world = stage.world()?;
            if !world.is_alive(entity) {
                return Ok(false);
            }
            let position = position(world, x, y)?;
            stage.apply(&Input::Place { entity, position })?.map_err(refused)?;
            Ok(true)
        })
    };
    table.raw_set("place", lua.create_function(place)?)
}

/// The entity that a script's table describes.
pub(in crate::binding) fn entity(stage: &mut Stage, fields: &Table) -> mlua::Result<Entity> {
    let Stage { world, names, .. } = stage;
    let world = world.as_ref().ok_or_else(|| mlua::Error::runtime("there is no world yet"))?;
    let mut entity = Entity {
        layers: 1,
        collides: u16::MAX,
        half_x: 128,
        mass: 80_000,
        attributes: vec![0; world.config().attributes.len()],
        ..Entity::default()
    };
    let (mut x, mut y) = (None, None);
    for pair in fields.pairs::<Value, Value>() {
        let (name, value) = pair?;
        let Some(name) = name.as_string() else {
            return Err(mlua::Error::runtime("an entity is described by names and values: { x = 1, y = 2 }"));
        };
        let name = known_name(name)?;
        if let Some((_, bit, _)) = FLAGS.iter().find(|(known, ..)| **known == *name) {
            entity.flags |= if value.as_boolean().unwrap_or(false) { *bit } else { 0 };
            continue;
        }
        let value = named_number(names, &name, &value)?;
        match Field::of(&name, names)? {
            Field::X => x = Some(value),
            Field::Y => y = Some(value),
            other => {
                let (column, value) = other.value(&name, value)?;
                let is_set = if column == Column::Flags {
                    // Named flags may have come before.
                    entity.flags |= u32::try_from(value).unwrap_or(0);
                    u32::try_from(value).is_ok()
                } else {
                    entity.set_value(column, value)
                };
                if !is_set {
                    return Err(mlua::Error::runtime(format!("`{name}` cannot be {value}")));
                }
            }
        }
    }
    let (Some(x), Some(y)) = (x, y) else {
        return Err(mlua::Error::runtime("an entity needs `x` and `y`"));
    };
    entity.position = position(world, x, y)?;
    Ok(entity)
}

/// Makes an entity.
pub(in crate::binding) fn spawn(stage: &mut Stage, entity: Entity) -> mlua::Result<EntityId> {
    raw::charge(SPAWN);
    match stage.apply(&Input::Spawn(entity))?.map_err(refused)? {
        Applied::Spawned(id) if fits(id) => Ok(id),
        _ => Err(mlua::Error::runtime("so many entities have come and gone that no number is left for this one's id")),
    }
}

/// Sets a value of an entity that lives.
pub(in crate::binding) fn set(stage: &mut Stage, entity: EntityId, column: Column, value: i64) -> mlua::Result<()> {
    match stage.apply(&Input::Set { entity, column, value })? {
        Ok(_) => Ok(()),
        Err(InputError::Write(WriteError::Value)) => {
            Err(mlua::Error::runtime(format!("{} is out of its range: {value} in the world's units", column.name())))
        }
        Err(error) => Err(refused(error)),
    }
}

/// The number of a value, or of the weapon or behaviour that it names.
pub(super) fn named_number(names: &Names, field: &str, value: &Value) -> mlua::Result<f64> {
    if let Some(number) = number(value) {
        return Ok(number);
    }
    let known = match field {
        "weapon" => Some(&names.weapons),
        "bot" => Some(&names.behaviours),
        _ => None,
    };
    if let (Some(known), Value::String(name)) = (known, value) {
        let name = known_name(name)?;
        return known.get(&*name).map(|number| f64::from(*number)).ok_or_else(|| {
            let list: Vec<&str> = known.keys().map(String::as_str).collect();
            mlua::Error::runtime(format!("there is no {field} `{name}`; match_init names {list:?}"))
        });
    }
    Err(mlua::Error::runtime(format!("`{field}` must be a number, not a {}", value.type_name())))
}
