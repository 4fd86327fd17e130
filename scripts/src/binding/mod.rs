//! What scripts can call: tables of functions, each with its types and a sentence, from which the sandbox is filled and
//! the files for editors are written.
//!
//! **A function is in the sandbox if and only if it is in a table here.**

mod fields;
mod filter;
mod json;
mod log;
mod math;
mod players;
mod require;
mod rows;
mod settings;
mod store;
mod timers;
mod values;
mod world;

use mlua::{Lua, Table, Value};

pub(crate) use fields::{FIELDS, FLAGS};
pub(crate) use json::{json_to_lua, lua_to_json, write_json};
pub(crate) use players::{LABEL_BYTES_MAX, player_table};
#[cfg(test)]
pub(crate) use rows::methods as row_methods;
pub(crate) use settings::{TICK_RATE_MAX, Wanted, read_settings};
pub(crate) use world::EVENTS;

use crate::{raw, stage::Stage, vm::Slot};

/// A library of functions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Library {
    /// The global's name.
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) doc: &'static str,
    /// Its functions.
    pub(crate) functions: &'static [Function],
}

/// A function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: &'static str,
    /// Parameters, `name: type` each, as Luau has them.
    pub(crate) parameters: &'static [&'static str],
    /// The type of what it returns, as Luau has it.
    pub(crate) returns: &'static str,
    /// What it does.
    pub(crate) doc: &'static str,
}

/// Every library, in the order of the manual.
pub(crate) const LIBRARIES: &[Library] =
    &[world::LIBRARY, rows::LIBRARY, players::LIBRARY, timers::LIBRARY, store::LIBRARY, json::LIBRARY, log::LIBRARY];

/// Fills the globals.
pub(crate) fn register(lua: &Lua, slot: &Slot) -> mlua::Result<()> {
    let globals = lua.globals();
    for (library, table) in [
        (world::LIBRARY.name, world::functions(lua, slot)?),
        (players::LIBRARY.name, players::functions(lua, slot)?),
        (timers::LIBRARY.name, timers::functions(lua, slot)?),
        (store::LIBRARY.name, store::functions(lua, slot)?),
        (json::LIBRARY.name, json::functions(lua)?),
        (log::LIBRARY.name, log::functions(lua, slot)?),
    ] {
        table.set_readonly(true);
        globals.raw_set(library, table)?;
    }
    rows::register(lua, slot)?;
    math::register(lua, slot)?;
    require::register(lua, slot)?;
    log::register_print(lua, slot)
}

/// Does something with the match that runs.
pub(super) fn with<R>(slot: &Slot, run: impl FnOnce(&mut Stage) -> mlua::Result<R>) -> mlua::Result<R> {
    /// What a call from a script into this crate takes at least, in safepoints.
    const CALL: u64 = 16;
    /// What an error on its way back takes, with the trace that it gets.
    const ERROR: u64 = 256;
    raw::charge(CALL);
    let mut stage = slot.try_borrow_mut().map_err(|_| mlua::Error::runtime("the match is busy with another call"))?;
    let result = run(stage.as_mut().ok_or_else(|| mlua::Error::runtime("no match runs"))?);
    if result.is_err() {
        raw::charge(ERROR);
    }
    result
}

/// The optional value of a table, without metamethods.
fn field<T: mlua::FromLua>(table: &Table, name: &str) -> mlua::Result<Option<T>> {
    match table.raw_get::<Value>(name)? {
        Value::Nil => Ok(None),
        value => {
            let kind = value.type_name();
            let wrong = |_| mlua::Error::runtime(format!("`{name}` cannot be a {kind}"));
            table.raw_get::<T>(name).map(Some).map_err(wrong)
        }
    }
}
