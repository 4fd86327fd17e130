//! `timer`: callbacks at later ticks.

use mlua::{Lua, LuaString, Table, Value};

use super::{
    Function, Library,
    values::{text, whole},
    with,
};
use crate::{
    plain, raw,
    stage::{Stage, Timer},
    vm::Slot,
};

pub(crate) const LIBRARY: Library = Library {
    name: "timer",
    doc: "Callbacks at later ticks, by the names of functions of rules.lua, so that they outlive a restart and a change of the rules.",
    functions: &[
        Function {
            name: "after",
            parameters: &["ticks: number", "callback: string", "data: any?"],
            returns: "number",
            doc: "Calls rules[callback](self, data) once, in so many ticks; returns what names the timer.",
        },
        Function {
            name: "every",
            parameters: &["ticks: number", "callback: string", "data: any?"],
            returns: "number",
            doc: "The same again and again.",
        },
        Function {
            name: "cancel",
            parameters: &["id: number"],
            returns: "boolean",
            doc: "Forgets a timer; false if there is none.",
        },
    ],
};

/// Most bytes of a timer's data.
const DATA_BYTES_MAX: usize = 4096;

pub(super) fn functions(lua: &Lua, slot: &Slot) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (name, repeats) in [("after", false), ("every", true)] {
        let of = slot.clone();
        let start = move |_: &Lua, (ticks, callback, data): (f64, LuaString, Value)| {
            let mut bytes = Vec::new();
            plain::encode(&data, DATA_BYTES_MAX, &mut bytes).map_err(mlua::Error::runtime)?;
            raw::charge(bytes.len() as u64);
            let ticks: u32 = whole(ticks.round().max(1.0), "ticks")?;
            let callback = text(&callback, "callback")?;
            with(&of, |stage| add(stage, u64::from(ticks), callback, bytes, repeats))
        };
        table.raw_set(name, lua.create_function(start)?)?;
    }
    let of = slot.clone();
    let cancel = move |_: &Lua, id: f64| {
        let id: u64 = whole(id, "id")?;
        with(&of, |stage| {
            raw::charge((stage.timers.len() / 8) as u64);
            let key = stage.timers.keys().find(|(_, timer)| *timer == id).copied();
            Ok(key.is_some_and(|key| stage.timers.remove(&key).is_some()))
        })
    };
    table.raw_set("cancel", lua.create_function(cancel)?)?;
    Ok(table)
}

fn add(stage: &mut Stage, ticks: u64, callback: String, data: Vec<u8>, repeats: bool) -> mlua::Result<u64> {
    let most = stage.limits.timers_max;
    if stage.timers.len() >= most {
        return Err(mlua::Error::runtime(format!("a match has at most {most} timers")));
    }
    let id = stage.next_timer;
    stage.next_timer += 1;
    let every = if repeats { ticks } else { 0 };
    stage.timers.insert((stage.tick().saturating_add(ticks), id), Timer { callback, data, every });
    Ok(id)
}
