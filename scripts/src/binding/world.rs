//! `world`: what is in it, one by one. For many at once there is `world.rows`.

use mlua::{Lua, Table, Value, Variadic};
use muster_core::{
    Column, Entity, EntityId, Input, Position, Projectile, World,
    command::{Action, Command},
    event::{Class, Event, Kind},
    map::{ZoneForm, ZoneKind},
    world::{Applied, InputError, WriteError},
};

use super::{
    Function, Library, field,
    fields::{FLAGS, Field, fits, from_id, heading, length, metres, position, short_length, to_id},
    filter::Wanted,
    values::{number, whole},
    with,
};
use crate::{
    raw,
    stage::{Names, Stage},
    vm::Slot,
};

pub(crate) const LIBRARY: Library = Library {
    name: "world",
    doc: "The world: entities in metres, seconds and radians. What a function changes is changed at once and recorded.",
    functions: &[
        Function { name: "tick", parameters: &[], returns: "number", doc: "The tick that comes, from 0." },
        Function {
            name: "size",
            parameters: &[],
            returns: "(number?, number?)",
            doc: "Width and height of the map in metres; nil without a map.",
        },
        Function { name: "count", parameters: &[], returns: "number", doc: "How many entities live." },
        Function {
            name: "spawn",
            parameters: &["entity: EntityFields"],
            returns: "EntityId",
            doc: "Makes an entity. What is left out is 0, but for layers 1, collides 65535, radius 0.5 and mass 80.",
        },
        Function {
            name: "despawn",
            parameters: &["id: EntityId"],
            returns: "boolean",
            doc: "Takes an entity away, without an event; false if it is gone already.",
        },
        Function { name: "exists", parameters: &["id: EntityId"], returns: "boolean", doc: "Whether an entity lives." },
        Function {
            name: "get",
            parameters: &["id: EntityId", "...: string"],
            returns: "...number",
            doc: "The values of fields, in order; nil if the entity is gone.",
        },
        Function {
            name: "set",
            parameters: &["id: EntityId", "fields: EntityFields"],
            returns: "boolean",
            doc: "Sets fields; false if the entity is gone.",
        },
        Function {
            name: "place",
            parameters: &["id: EntityId", "x: number", "y: number"],
            returns: "boolean",
            doc: "Puts an entity somewhere else and forgets its orders; false if it is gone.",
        },
        Function {
            name: "near",
            parameters: &["x: number", "y: number", "radius: number", "filter: Filter?"],
            returns: "{EntityId}",
            doc: "Entities that come within a radius, in the order of their ids' slots.",
        },
        Function {
            name: "nearest",
            parameters: &["x: number", "y: number", "radius: number", "count: number", "filter: Filter?"],
            returns: "{EntityId}",
            doc: "The nearest entities within a radius, nearest first, of those that the filter lets through.",
        },
        Function {
            name: "in_box",
            parameters: &["x: number", "y: number", "half_width: number", "half_height: number", "filter: Filter?"],
            returns: "{EntityId}",
            doc: "Entities whose bounding boxes touch a box.",
        },
        Function {
            name: "all",
            parameters: &["filter: Filter?"],
            returns: "{EntityId}",
            doc: "Every entity that the filter lets through.",
        },
        Function {
            name: "ray",
            parameters: &["x: number", "y: number", "right: number", "up: number", "options: RayOptions?"],
            returns: "RayHit?",
            doc: "What a disc meets first that goes from a place so far: an entity, or a wall (id 0).",
        },
        Function {
            name: "sees",
            parameters: &["x1: number", "y1: number", "x2: number", "y2: number"],
            returns: "boolean",
            doc: "Whether no wall is between two places.",
        },
        Function {
            name: "move_to",
            parameters: &["id: EntityId", "x: number", "y: number"],
            returns: "()",
            doc: "Orders an entity to a place, round what is in the way.",
        },
        Function {
            name: "velocity",
            parameters: &["id: EntityId", "x: number", "y: number"],
            returns: "()",
            doc: "Orders an entity to take on a velocity.",
        },
        Function {
            name: "attack",
            parameters: &["id: EntityId", "target: EntityId"],
            returns: "()",
            doc: "Orders an entity to attack another until it is gone.",
        },
        Function {
            name: "fire",
            parameters: &["id: EntityId", "heading: number"],
            returns: "()",
            doc: "Lets an entity fire its weapon once along a heading in radians.",
        },
        Function {
            name: "stop",
            parameters: &["id: EntityId"],
            returns: "()",
            doc: "Makes an entity forget its orders and brake.",
        },
        Function {
            name: "launch",
            parameters: &["projectile: ProjectileFields"],
            returns: "()",
            doc: "Puts a projectile into the world.",
        },
        Function {
            name: "emit",
            parameters: &["kind: number", "event: EventFields"],
            returns: "()",
            doc: "Tells everybody near an event of kind `custom` whose `detail` is `kind`.",
        },
        Function {
            name: "events",
            parameters: &["kind: EventKind?"],
            returns: "{WorldEvent}",
            doc: "What happened in the last tick, of one kind or all.",
        },
        Function {
            name: "zones",
            parameters: &[],
            returns: "{Zone}",
            doc: "The map's zones; events name them by their number.",
        },
        Function {
            name: "zone_holder",
            parameters: &["zone: number"],
            returns: "number",
            doc: "The team that holds a zone; 0 is nobody.",
        },
        Function {
            name: "spawn_points",
            parameters: &["team: number?"],
            returns: "{SpawnPoint}",
            doc: "Where entities come into the world: all, or those for a team and for everybody.",
        },
        Function {
            name: "pickups",
            parameters: &[],
            returns: "{Pickup}",
            doc: "What lies on the map to be taken; events name it by its number.",
        },
        Function {
            name: "pickup_is_there",
            parameters: &["pickup: number"],
            returns: "boolean",
            doc: "Whether a pickup can be taken now.",
        },
        Function {
            name: "routes",
            parameters: &[],
            returns: "{{Point}}",
            doc: "The map's routes, of which behaviours patrol one by its number.",
        },
        Function {
            name: "rows",
            parameters: &["...: string"],
            returns: "Rows",
            doc: "Makes a set of rows with these columns: fields of entities, or of events.",
        },
        Function {
            name: "take_over",
            parameters: &["player: number", "behaviour: number | string"],
            returns: "()",
            doc: "Lets a behaviour command a player's entities.",
        },
        Function {
            name: "hand_back",
            parameters: &["player: number"],
            returns: "()",
            doc: "Gives a player their entities back.",
        },
    ],
};

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

/// Safepoints that a ray and a new entity are worth.
const RAY: u64 = 160;
const SPAWN: u64 = 96;
/// Safepoints that a table for a script is worth.
const TABLE: u64 = 8;

pub(super) fn functions(lua: &Lua, slot: &Slot) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    add_entities(lua, slot, &table)?;
    add_queries(lua, slot, &table)?;
    add_orders(lua, slot, &table)?;
    add_places(lua, slot, &table)?;
    Ok(table)
}

fn add_entities(lua: &Lua, slot: &Slot, table: &Table) -> mlua::Result<()> {
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
            let id = to_id(id);
            let world = stage.world.as_ref().ok_or_else(|| mlua::Error::runtime("there is no world yet"))?;
            let mut values = Variadic::with_capacity(names.len());
            for name in names.iter() {
                let field = Field::of(&name.to_str()?, &stage.names)?;
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
                let name = name.to_str()?;
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

fn add_queries(lua: &Lua, slot: &Slot, table: &Table) -> mlua::Result<()> {
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
            raw::charge(RAY);
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
            let world = stage.world()?;
            Ok(world.line_of_sight(position(world, x1, y1)?, position(world, x2, y2)?))
        })
    };
    table.raw_set("sees", lua.create_function(sees)?)?;
    let slot = of();
    let events = move |lua: &Lua, kind: Option<mlua::LuaString>| {
        let kind = kind.map(|kind| event_kind(&kind.to_str()?)).transpose()?;
        let tables = lua.create_table()?;
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

fn add_orders(lua: &Lua, slot: &Slot, table: &Table) -> mlua::Result<()> {
    let of = || slot.clone();
    let slot = of();
    let move_to = move |_: &Lua, (id, x, y): (f64, f64, f64)| {
        with(&slot, |stage| {
            let action = Action::MoveTo(position(stage.world()?, x, y)?);
            order(stage, to_id(id), action)
        })
    };
    table.raw_set("move_to", lua.create_function(move_to)?)?;
    let slot = of();
    let velocity = move |_: &Lua, (id, x, y): (f64, f64, f64)| {
        let action = Action::SetVelocity { x: short_length(x, "x")?, y: short_length(y, "y")? };
        with(&slot, |stage| order(stage, to_id(id), action))
    };
    table.raw_set("velocity", lua.create_function(velocity)?)?;
    let slot = of();
    let attack = move |_: &Lua, (id, target): (f64, f64)| {
        with(&slot, |stage| order(stage, to_id(id), Action::Attack(to_id(target))))
    };
    table.raw_set("attack", lua.create_function(attack)?)?;
    let slot = of();
    let fire = move |_: &Lua, (id, angle): (f64, f64)| {
        let heading = heading(angle, "heading")?;
        with(&slot, |stage| order(stage, to_id(id), Action::Fire { heading }))
    };
    table.raw_set("fire", lua.create_function(fire)?)?;
    let slot = of();
    let stop = move |_: &Lua, id: f64| with(&slot, |stage| order(stage, to_id(id), Action::Stop));
    table.raw_set("stop", lua.create_function(stop)?)?;
    let slot = of();
    let launch = move |_: &Lua, fields: Table| {
        with(&slot, |stage| {
            let number = |name| field::<f64>(&fields, name).map(|value| value.unwrap_or(0.0));
            let projectile = Projectile {
                position: position(stage.world()?, number("x")?, number("y")?)?,
                velocity_x: short_length(number("velocity_x")?, "velocity_x")?,
                velocity_y: short_length(number("velocity_y")?, "velocity_y")?,
                radius: short_length(number("radius")?, "radius")?,
                damage: whole(number("damage")?, "damage")?,
                range: short_length(number("range")?, "range")?,
                shooter: to_id(number("shooter")?),
                team: whole(number("team")?, "team")?,
                hits: field::<f64>(&fields, "hits")?.map_or(Ok(u16::MAX), |hits| whole(hits, "hits"))?,
            };
            stage.apply(&Input::Fire(projectile))?.map_err(refused).map(|_| ())
        })
    };
    table.raw_set("launch", lua.create_function(launch)?)?;
    let slot = of();
    let emit = move |_: &Lua, (kind, fields): (f64, Table)| {
        with(&slot, |stage| {
            let number = |name| field::<f64>(&fields, name).map(|value| value.unwrap_or(0.0));
            let class = match field::<String>(&fields, "class")?.as_deref() {
                None | Some("normal") => Class::Normal,
                Some("critical") => Class::Critical,
                Some("high") => Class::High,
                Some("low") => Class::Low,
                Some(_) => return Err(mlua::Error::runtime("`class` is critical, high, normal or low")),
            };
            let position = position(stage.world()?, number("x")?, number("y")?)?;
            let (subject, object) = (to_id(number("subject")?), to_id(number("object")?));
            let (detail, value) = (whole(kind, "kind")?, whole(number("value")?, "value")?);
            let input = Input::Emit { class, position, subject, object, detail, value };
            stage.apply(&input)?.map_err(refused).map(|_| ())
        })
    };
    table.raw_set("emit", lua.create_function(emit)?)?;
    let slot = of();
    let take_over = move |_: &Lua, (player, behaviour): (f64, Value)| {
        with(&slot, |stage| {
            let player = whole(player, "player")?;
            let behaviour = whole(named_number(&stage.names, "bot", &behaviour)?, "behaviour")?;
            stage.apply(&Input::TakeOver { player, behaviour })?.map_err(refused).map(|_| ())
        })
    };
    table.raw_set("take_over", lua.create_function(take_over)?)?;
    let slot = of();
    let hand_back = move |_: &Lua, player: f64| {
        let player = whole(player, "player")?;
        with(&slot, |stage| stage.apply(&Input::HandBack { player })?.map_err(refused).map(|_| ()))
    };
    table.raw_set("hand_back", lua.create_function(hand_back)?)
}

fn add_places(lua: &Lua, slot: &Slot, table: &Table) -> mlua::Result<()> {
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

/// Asks the world for entities and gives their ids to the script.
fn query(
    lua: &Lua,
    slot: &Slot,
    filter: Option<&Table>,
    ask: impl FnOnce(&mut World, &Wanted, &mut Vec<EntityId>) -> mlua::Result<()>,
) -> mlua::Result<Table> {
    let wanted = Wanted::read(filter)?;
    let found = with(slot, |stage| {
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

/// The entity that a script's table describes.
pub(super) fn entity(stage: &mut Stage, fields: &Table) -> mlua::Result<Entity> {
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
        let name = name.to_str()?;
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
pub(super) fn spawn(stage: &mut Stage, entity: Entity) -> mlua::Result<EntityId> {
    raw::charge(SPAWN);
    match stage.apply(&Input::Spawn(entity))?.map_err(refused)? {
        Applied::Spawned(id) if fits(id) => Ok(id),
        _ => Err(mlua::Error::runtime("so many entities have come and gone that no number is left for this one's id")),
    }
}

/// Sets a value of an entity that lives.
pub(super) fn set(stage: &mut Stage, entity: EntityId, column: Column, value: i64) -> mlua::Result<()> {
    match stage.apply(&Input::Set { entity, column, value })? {
        Ok(_) => Ok(()),
        Err(InputError::Write(WriteError::Value)) => {
            Err(mlua::Error::runtime(format!("{} is out of its range: {value} in the world's units", column.name())))
        }
        Err(error) => Err(refused(error)),
    }
}

/// Commands an entity, as the host itself.
pub(super) fn order(stage: &mut Stage, entity: EntityId, action: Action) -> mlua::Result<()> {
    let command = Command { player: 0, entity, sector: None, action, rewind: 0 };
    stage.apply(&Input::Command(command))?.map_err(refused).map(|_| ())
}

pub(super) fn refused(error: InputError) -> mlua::Error {
    mlua::Error::runtime(error.to_string())
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
        let name = name.to_string_lossy();
        return known.get(&name).map(|number| f64::from(*number)).ok_or_else(|| {
            let list: Vec<&str> = known.keys().map(String::as_str).collect();
            mlua::Error::runtime(format!("there is no {field} `{name}`; match_init names {list:?}"))
        });
    }
    Err(mlua::Error::runtime(format!("`{field}` must be a number, not a {}", value.type_name())))
}

/// The kind of event of a name.
pub(super) fn event_kind(name: &str) -> mlua::Result<Kind> {
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
pub(super) fn event_value(event: &Event) -> f64 {
    let unit = if event.kind == Kind::Contact { f64::from(muster_core::METRE) } else { 1.0 };
    event.value as f64 / unit
}
