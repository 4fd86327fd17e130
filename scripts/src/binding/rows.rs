//! `world.rows`: many entities at once, in buffers.
//!
//! A set of rows is a table with a buffer for each of its columns: row `i`, from 0, is the number at byte `8 * i`. One call
//! fills all of them, one gives a column back to the world, and nothing is allocated but when there are more rows than
//! ever before.

use std::io::Read as _;

use mlua::{Buffer, Lua, Table, Value, Variadic};
use muster_core::{EntityId, Input, World, command::Action, event::Event};

use super::{
    Function, Library,
    fields::{Field, from_id, heading, metres, position, short_length, to_id},
    filter::Wanted,
    values::{known_name, whole},
    with,
    world::{entity, event_kind, event_value, order, set, spawn},
};
use crate::{raw, stage::Stage, vm::Slot};

pub(crate) const LIBRARY: Library = Library {
    name: "Rows",
    doc: "Many entities in buffers, made by world.rows(columns...). Row i, from 0, of a column is buffer.readf64(rows.x, 8 * i); \
          rows.count is how many there are. Take the buffers out of the rows after each call that fills them.",
    functions: &[
        Function {
            name: "all",
            parameters: &["filter: Filter?"],
            returns: "number",
            doc: "Fills the rows with every entity that the filter lets through, and returns how many.",
        },
        Function {
            name: "near",
            parameters: &["x: number", "y: number", "radius: number", "filter: Filter?"],
            returns: "number",
            doc: "Fills the rows with the entities within a radius.",
        },
        Function {
            name: "in_box",
            parameters: &["x: number", "y: number", "half_width: number", "half_height: number", "filter: Filter?"],
            returns: "number",
            doc: "Fills the rows with the entities whose bounding boxes touch a box.",
        },
        Function {
            name: "read",
            parameters: &[],
            returns: "number",
            doc: "Reads the columns of the entities in `id` anew; of those that are gone the id becomes 0.",
        },
        Function {
            name: "set",
            parameters: &["...: string"],
            returns: "number",
            doc: "Gives columns back to the world and returns how many values were others than before.",
        },
        Function {
            name: "move_to",
            parameters: &["x: buffer", "y: buffer"],
            returns: "number",
            doc: "Orders every entity to the place of its row; rows whose x is not a number (0/0) get no order. If one \
                  cannot be, nobody gets one.",
        },
        Function {
            name: "velocity",
            parameters: &["x: buffer", "y: buffer"],
            returns: "number",
            doc: "Orders every entity to the velocity of its row, as move_to; who has that order already is not told again.",
        },
        Function {
            name: "attack",
            parameters: &["target: buffer"],
            returns: "number",
            doc: "Orders every entity to attack the id of its row; 0 is no order.",
        },
        Function {
            name: "fire",
            parameters: &["heading: buffer"],
            returns: "number",
            doc: "Lets every entity fire along the heading of its row, as move_to.",
        },
        Function {
            name: "stop",
            parameters: &[],
            returns: "number",
            doc: "Makes every entity forget its orders and brake.",
        },
        Function {
            name: "spawn",
            parameters: &["count: number", "entity: EntityFields"],
            returns: "number",
            doc: "Makes so many entities of what the columns and, for what is no column, the table say; the ids go into `id`.",
        },
        Function { name: "despawn", parameters: &[], returns: "number", doc: "Takes every entity away." },
        Function {
            name: "events",
            parameters: &["kind: EventKind?"],
            returns: "number",
            doc: "Fills the rows with the last tick's events; columns are subject, object, x, y, detail, value, times, kind.",
        },
    ],
};

/// The fields by which a set of rows is known inside.
const COLUMNS: &str = "columns";
const COUNT: &str = "count";
const ID: &str = "id";
/// Most columns of a set.
const COLUMNS_MAX: usize = 32;
/// The registry's name for the functions of rows.
const METATABLE: &str = "muster rows";
/// Values of columns that are read and count as a safepoint, and values that are set.
const VALUES_A_SAFEPOINT: usize = 8;
const CHANGES_A_SAFEPOINT: usize = 2;

/// Safepoints that it is worth to find a column and its buffer, and to take an entity away.
const COLUMN: u64 = 16;
const DESPAWN: u64 = 4;
/// The same for an order, which the step of the world carries out.
const ORDER: u64 = 3;

/// What events have for columns.
pub(crate) const EVENT_COLUMNS: &[&str] = &["subject", "object", "x", "y", "detail", "value", "times", "kind"];

pub(super) fn register(lua: &Lua, slot: &Slot) -> mlua::Result<()> {
    let methods = lua.create_table()?;
    add_fills(lua, slot, &methods)?;
    add_changes(lua, slot, &methods)?;
    methods.set_readonly(true);
    let metatable = lua.create_table()?;
    metatable.raw_set("__index", methods)?;
    metatable.raw_set("__metatable", "rows")?;
    metatable.set_readonly(true);
    lua.set_named_registry_value(METATABLE, &metatable)?;
    let world: Table = lua.globals().raw_get("world")?;
    world.set_readonly(false);
    let of = slot.clone();
    let rows = move |lua: &Lua, names: Variadic<mlua::LuaString>| {
        if names.len() > COLUMNS_MAX {
            return Err(mlua::Error::runtime(format!("a set of rows has at most {COLUMNS_MAX} columns")));
        }
        let table = lua.create_table()?;
        let list = lua.create_table()?;
        let empty = lua.create_buffer([])?;
        table.raw_set(ID, &empty)?;
        for name in names.iter() {
            let name = known_name(name)?;
            if [COLUMNS, COUNT, ID].contains(&&*name) {
                let message = "a column cannot be `columns`, `count` or `id`: rows have these anyhow; of events, `times` is how many like it";
                return Err(mlua::Error::runtime(message));
            }
            if !EVENT_COLUMNS.contains(&&*name) {
                with(&of, |stage| Field::of(&name, &stage.names))?;
            }
            list.raw_push(&*name)?;
            table.raw_set(&*name, &empty)?;
        }
        table.raw_set(COLUMNS, list)?;
        table.raw_set(COUNT, 0)?;
        table.set_metatable(Some(lua.named_registry_value(METATABLE)?))?;
        Ok(table)
    };
    world.raw_set("rows", lua.create_function(rows)?)?;
    world.set_readonly(true);
    Ok(())
}

fn add_fills(lua: &Lua, slot: &Slot, methods: &Table) -> mlua::Result<()> {
    let of = slot.clone();
    let all = move |lua: &Lua, (rows, filter): (Table, Option<Table>)| {
        fill(lua, &of, &rows, filter.as_ref(), |world, wanted, out| {
            world.ids(out);
            wanted.keep_all(world, out);
            Ok(())
        })
    };
    methods.raw_set("all", lua.create_function(all)?)?;
    let of = slot.clone();
    let near = move |lua: &Lua, (rows, x, y, radius, filter): (Table, f64, f64, f64, Option<Table>)| {
        fill(lua, &of, &rows, filter.as_ref(), |world, wanted, out| {
            world.radius(position(world, x, y)?, short_length(radius, "radius")?.into(), &wanted.filter, out);
            wanted.keep(world, out);
            Ok(())
        })
    };
    methods.raw_set("near", lua.create_function(near)?)?;
    let of = slot.clone();
    let in_box = move |lua: &Lua, (rows, x, y, width, height, filter): (Table, f64, f64, f64, f64, Option<Table>)| {
        fill(lua, &of, &rows, filter.as_ref(), |world, wanted, out| {
            let (width, height) = (short_length(width, "half_width")?, short_length(height, "half_height")?);
            world.in_box(position(world, x, y)?, width.into(), height.into(), &wanted.filter, out);
            wanted.keep(world, out);
            Ok(())
        })
    };
    methods.raw_set("in_box", lua.create_function(in_box)?)?;
    let of = slot.clone();
    let read = move |lua: &Lua, rows: Table| {
        let ids = ids(&rows)?;
        fill(lua, &of, &rows, None, |world, _, out| {
            out.clear();
            out.extend(ids.iter().map(|id| if world.is_alive(*id) { *id } else { EntityId::NULL }));
            Ok(())
        })
    };
    methods.raw_set("read", lua.create_function(read)?)?;
    let of = slot.clone();
    let events = move |lua: &Lua, (rows, kind): (Table, Option<mlua::LuaString>)| {
        let kind = kind.map(|kind| event_kind(&known_name(&kind)?)).transpose()?;
        let names = names(&rows)?;
        let mut events: Vec<Event> = Vec::new();
        let mut bytes = with(&of, |stage| {
            let found = stage.world()?.events().iter().filter(|event| kind.is_none_or(|kind| event.kind == kind));
            events.extend(found);
            Ok(std::mem::take(&mut stage.bytes))
        })?;
        raw::charge((events.len() * names.len() / VALUES_A_SAFEPOINT) as u64);
        for name in &names {
            bytes.clear();
            let places = with(&of, |stage| {
                let world = stage.world()?;
                let place = |event: &Event| {
                    metres(world, muster_core::Position { sector: event.sector, x: event.x, y: event.y })
                };
                for event in &events {
                    let value = match name.as_str() {
                        "subject" => from_id(event.subject),
                        "object" => from_id(event.object),
                        "x" => place(event).0,
                        "y" => place(event).1,
                        "detail" => f64::from(event.detail),
                        "value" => event_value(event),
                        "times" => f64::from(event.count),
                        "kind" => f64::from(event.kind as u8),
                        _ => f64::NAN,
                    };
                    bytes.extend_from_slice(&value.to_le_bytes());
                }
                Ok(())
            });
            places?;
            put(lua, &rows, name, &bytes)?;
        }
        with(&of, |stage| {
            stage.bytes = bytes;
            Ok(())
        })?;
        rows.raw_set(COUNT, events.len())?;
        Ok(events.len())
    };
    methods.raw_set("events", lua.create_function(events)?)
}

fn add_changes(lua: &Lua, slot: &Slot, methods: &Table) -> mlua::Result<()> {
    let of = slot.clone();
    let set_columns = move |_: &Lua, (rows, names): (Table, Variadic<mlua::LuaString>)| {
        let ids = ids(&rows)?;
        let mut changed = 0;
        for name in names.iter() {
            let name = known_name(name)?;
            let values = numbers(rows.raw_get::<Buffer>(&*name)?, ids.len(), &name)?;
            raw::afford((ids.len() / CHANGES_A_SAFEPOINT) as u64)?;
            changed += with(&of, |stage| set_column(stage, &name, &ids, &values))?;
        }
        Ok(changed)
    };
    methods.raw_set("set", lua.create_function(set_columns)?)?;
    for (name, is_place) in [("move_to", true), ("velocity", false)] {
        let of = slot.clone();
        let command = move |_: &Lua, (rows, x, y): (Table, Buffer, Buffer)| {
            let ids = ids(&rows)?;
            let (x, y) = (numbers(x, ids.len(), "x")?, numbers(y, ids.len(), "y")?);
            command_each(&of, &ids, |world, row| {
                let (x, y) = (x.get(row), y.get(row));
                if x.is_nan() {
                    return Ok(None);
                }
                Ok(Some(if is_place {
                    Action::MoveTo(position(world, x, y)?)
                } else {
                    Action::SetVelocity { x: short_length(x, "x")?, y: short_length(y, "y")? }
                }))
            })
        };
        methods.raw_set(name, lua.create_function(command)?)?;
    }
    let of = slot.clone();
    let attack = move |_: &Lua, (rows, targets): (Table, Buffer)| {
        let ids = ids(&rows)?;
        let targets = numbers(targets, ids.len(), "target")?;
        command_each(&of, &ids, |_, row| {
            let target = to_id(targets.get(row));
            Ok((!target.is_null()).then_some(Action::Attack(target)))
        })
    };
    methods.raw_set("attack", lua.create_function(attack)?)?;
    let of = slot.clone();
    let fire = move |_: &Lua, (rows, headings): (Table, Buffer)| {
        let ids = ids(&rows)?;
        let headings = numbers(headings, ids.len(), "heading")?;
        command_each(&of, &ids, |_, row| {
            let angle = headings.get(row);
            if angle.is_nan() { Ok(None) } else { Ok(Some(Action::Fire { heading: heading(angle, "heading")? })) }
        })
    };
    methods.raw_set("fire", lua.create_function(fire)?)?;
    let of = slot.clone();
    let stop = move |_: &Lua, rows: Table| command_each(&of, &ids(&rows)?, |_, _| Ok(Some(Action::Stop)));
    methods.raw_set("stop", lua.create_function(stop)?)?;
    let of = slot.clone();
    let despawn = move |_: &Lua, rows: Table| {
        let ids = ids(&rows)?;
        raw::afford(ids.len() as u64 * DESPAWN)?;
        let mut gone = 0;
        with(&of, |stage| {
            for id in ids {
                gone += u32::from(stage.world()?.is_alive(id) && stage.apply(&Input::Despawn(id))?.is_ok());
            }
            Ok(())
        })?;
        rows.raw_set(COUNT, 0)?;
        Ok(gone)
    };
    methods.raw_set("despawn", lua.create_function(despawn)?)?;
    let of = slot.clone();
    let spawn_rows = move |lua: &Lua, (rows, count, base): (Table, f64, Table)| {
        let count: u16 = whole(count, "count")?;
        let names = names(&rows)?;
        raw::afford(u64::from(count) * 4)?;
        let mut columns = Vec::with_capacity(names.len());
        for name in &names {
            columns.push((name.as_str(), numbers(rows.raw_get::<Buffer>(name.as_str())?, count.into(), name)?));
        }
        let mut bytes = Vec::with_capacity(usize::from(count) * 8);
        with(&of, |stage| {
            // What is a column need not be in the table.
            let needs = |name: &str| base.raw_get::<Value>(name).is_ok_and(|value| value.is_nil());
            for name in ["x", "y"] {
                if needs(name) {
                    base.raw_set(name, 0.0)?;
                }
            }
            let model = entity(stage, &base)?;
            for row in 0..usize::from(count) {
                let mut one = model.clone();
                let (mut x, mut y) = (None, None);
                for (name, values) in &columns {
                    match Field::of(name, &stage.names)? {
                        Field::X => x = Some(values.get(row)),
                        Field::Y => y = Some(values.get(row)),
                        field => {
                            let (column, value) = field.value(name, values.get(row))?;
                            if !one.set_value(column, value) {
                                return Err(mlua::Error::runtime(format!("`{name}` cannot be {}", values.get(row))));
                            }
                        }
                    }
                }
                if x.is_some() || y.is_some() {
                    let world = stage.world()?;
                    let (base_x, base_y) = metres(world, model.position);
                    one.position = position(world, x.unwrap_or(base_x), y.unwrap_or(base_y))?;
                }
                bytes.extend_from_slice(&from_id(spawn(stage, one)?).to_le_bytes());
            }
            Ok(())
        })?;
        put(lua, &rows, ID, &bytes)?;
        rows.raw_set(COUNT, count)?;
        Ok(count)
    };
    methods.raw_set("spawn", lua.create_function(spawn_rows)?)
}

/// The functions of rows.
#[cfg(test)]
pub(crate) fn methods(lua: &Lua) -> mlua::Result<Table> {
    lua.named_registry_value::<Table>(METATABLE)?.raw_get("__index")
}

/// Fills a set with what a query finds.
fn fill(
    lua: &Lua,
    slot: &Slot,
    rows: &Table,
    filter: Option<&Table>,
    ask: impl FnOnce(&mut World, &Wanted, &mut Vec<EntityId>) -> mlua::Result<()>,
) -> mlua::Result<usize> {
    let wanted = Wanted::read(filter)?;
    let names = names(rows)?;
    raw::afford(names.len() as u64 * COLUMN)?;
    let found = with(slot, |stage| {
        raw::afford(stage.looks())?;
        let mut found = std::mem::take(&mut stage.found);
        ask(stage.world()?, &wanted, &mut found)?;
        Ok(found)
    })?;
    raw::charge((found.len() * (names.len() + 1) / VALUES_A_SAFEPOINT) as u64);
    let length = 8 * found.len();
    // If there is no memory for one of them, there are no rows, and not some without their values.
    rows.raw_set(COUNT, 0)?;
    let ids = room(lua, rows, ID, length)?;
    let columns: Vec<Buffer> = names.iter().map(|name| room(lua, rows, name, length)).collect::<mlua::Result<_>>()?;
    let count = found.len();
    with(slot, |stage| {
        let mut bytes = std::mem::take(&mut stage.bytes);
        bytes.resize(length, 0);
        bytes.as_chunks_mut().0.iter_mut().zip(&found).for_each(|(bytes, id)| *bytes = from_id(*id).to_le_bytes());
        ids.write_bytes(0, &bytes);
        let fields: Vec<Option<Field>> = names.iter().map(|name| Field::of(name, &stage.names).ok()).collect();
        let world = stage.world()?;
        let at = world.rows(found.iter().copied());
        let mut places = Vec::new();
        for (column, field) in columns.iter().zip(fields) {
            match field {
                Some(field) => field.read_all(world, &at, &mut places, &mut bytes),
                // What only events have.
                None => bytes.fill(0),
            }
            column.write_bytes(0, &bytes);
        }
        (stage.found, stage.bytes) = (found, bytes);
        Ok(())
    })?;
    rows.raw_set(COUNT, count)?;
    Ok(count)
}

fn set_column(stage: &mut Stage, name: &str, ids: &[EntityId], values: &Numbers) -> mlua::Result<u32> {
    let field = Field::of(name, &stage.names)?;
    if matches!(field, Field::X | Field::Y) {
        return Err(mlua::Error::runtime("places are set one by one, by world.place"));
    }
    let mut known = Vec::new();
    if !ids.is_empty()
        && is_each_once(ids)
        && let Some(column) = field.column()
    {
        known.reserve(ids.len());
        stage.world()?.rows(ids.iter().copied()).read(column, |value| known.push(value));
    }
    let mut changed = 0;
    for (row, (id, number)) in ids.iter().zip(values.iter()).enumerate() {
        let (column, value) = field.value(name, number)?;
        let world = stage.world()?;
        // What stays as it is needs no place in a replay; who is gone has no value.
        let before = known.get(row).map_or_else(|| world.value(*id, column).ok(), |before| Some(*before));
        if before.is_some_and(|before| before != value) && world.is_alive(*id) {
            set(stage, *id, column, value)?;
            changed += 1;
        }
    }
    Ok(changed)
}

/// Whether nobody is among the rows twice; of rows that queries have filled it is so, and seen at once.
fn is_each_once(ids: &[EntityId]) -> bool {
    let slot_of = |id: &EntityId| id.bits() as u32;
    ids.is_sorted_by(|a, b| slot_of(a) < slot_of(b))
}

/// Orders each what is asked for it, or nobody anything if one of the actions cannot be made.
fn command_each(
    slot: &Slot,
    ids: &[EntityId],
    mut action: impl FnMut(&World, usize) -> mlua::Result<Option<Action>>,
) -> mlua::Result<u32> {
    raw::afford(ids.iter().filter(|id| !id.is_null()).count() as u64 * ORDER)?;
    with(slot, |stage| {
        // An order that an entity has already changes nothing and needs no place in a replay. Whether it has one is only
        // seen while none waits, and if nobody is among the rows twice.
        let may_have = !stage.has_ordered && is_each_once(ids);
        let mut orders = Vec::with_capacity(ids.len());
        for (row, id) in ids.iter().enumerate().filter(|(_, id)| !id.is_null()) {
            if let Some(action) = action(stage.world()?, row)? {
                orders.push((*id, action));
            }
        }
        let count = orders.len() as u32;
        if may_have && let Some((_, Action::SetVelocity { .. })) = orders.first() {
            let at = stage.world()?.rows(orders.iter().map(|(id, _)| *id));
            let mut known = at.velocity_orders();
            orders.retain(|(_, action)| {
                let known = known.next().flatten();
                !matches!(action, Action::SetVelocity { x, y } if known == Some(((*x).into(), (*y).into())))
            });
        }
        for (id, action) in orders {
            order(stage, id, action)?;
        }
        Ok(count)
    })
}

fn names(rows: &Table) -> mlua::Result<Vec<String>> {
    let list: Table = rows.raw_get(COLUMNS).map_err(|_| not_rows())?;
    let names: mlua::Result<Vec<String>> = list.sequence_values().take(COLUMNS_MAX).collect();
    names.map_err(|_| not_rows())
}

fn ids(rows: &Table) -> mlua::Result<Vec<EntityId>> {
    let count: f64 = rows.raw_get(COUNT).map_err(|_| not_rows())?;
    let count: u32 = whole(count, COUNT)?;
    raw::afford(u64::from(count) / VALUES_A_SAFEPOINT as u64)?;
    let buffer: Buffer = rows.raw_get(ID).map_err(|_| not_rows())?;
    Ok(numbers(buffer, count as usize, ID)?.iter().map(to_id).collect())
}

/// The first numbers of a buffer, copied: nobody else is to change them meanwhile.
struct Numbers(Vec<u8>);

impl Numbers {
    fn get(&self, row: usize) -> f64 {
        f64::from_le_bytes(self.0.as_chunks().0[row])
    }

    fn iter(&self) -> impl Iterator<Item = f64> {
        self.0.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes))
    }
}

fn numbers(buffer: Buffer, count: usize, name: &str) -> mlua::Result<Numbers> {
    let length = buffer.len();
    if length / 8 < count {
        let message = format!("the buffer `{name}` has {length} bytes, {count} rows need {}", count * 8);
        return Err(mlua::Error::runtime(message));
    }
    let mut bytes = Vec::with_capacity(8 * count);
    buffer.cursor().take(8 * count as u64).read_to_end(&mut bytes).map_err(mlua::Error::external)?;
    Ok(Numbers(bytes))
}

/// Writes a column.
fn put(lua: &Lua, rows: &Table, name: &str, bytes: &[u8]) -> mlua::Result<()> {
    room(lua, rows, name, bytes.len())?.write_bytes(0, bytes);
    Ok(())
}

/// The buffer of a column, of so many bytes at least. It is made anew when it is too small, half as large again as it must be.
fn room(lua: &Lua, rows: &Table, name: &str, length: usize) -> mlua::Result<Buffer> {
    let buffer: Buffer = rows.raw_get(name).map_err(|_| not_rows())?;
    if buffer.len() >= length {
        return Ok(buffer);
    }
    let buffer = lua.create_buffer_with_capacity((length / 2 * 3).next_multiple_of(64))?;
    rows.raw_set(name, &buffer)?;
    Ok(buffer)
}

fn not_rows() -> mlua::Error {
    mlua::Error::runtime("these are no rows: make them by world.rows(...) and call rows:all() with a colon")
}
