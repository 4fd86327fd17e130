//! `log`, and `print`.

use mlua::{Lua, Table, Value, Variadic};

use super::{Function, Library, with};
use crate::{matches::LogLevel, vm::Slot};

pub(crate) const LIBRARY: Library = Library {
    name: "log",
    doc: "Lines for the log of the server, with the version of the mode's files. print is log.info.",
    functions: &[
        Function { name: "debug", parameters: &["...: any"], returns: "()", doc: "For who looks for a mistake." },
        Function { name: "info", parameters: &["...: any"], returns: "()", doc: "What happened." },
        Function { name: "warn", parameters: &["...: any"], returns: "()", doc: "What should not have happened." },
        Function { name: "error", parameters: &["...: any"], returns: "()", doc: "What somebody has to look at." },
    ],
};

/// Most values of a line.
const VALUES_MAX: usize = 32;

pub(super) fn functions(lua: &Lua, slot: &Slot) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (name, level) in
        [("debug", LogLevel::Debug), ("info", LogLevel::Info), ("warn", LogLevel::Warn), ("error", LogLevel::Error)]
    {
        table.raw_set(name, line(lua, slot, level)?)?;
    }
    Ok(table)
}

pub(super) fn register_print(lua: &Lua, slot: &Slot) -> mlua::Result<()> {
    lua.globals().raw_set("print", line(lua, slot, LogLevel::Info)?)
}

fn line(lua: &Lua, slot: &Slot, level: LogLevel) -> mlua::Result<mlua::Function> {
    let of = slot.clone();
    lua.create_function(move |_, values: Variadic<Value>| {
        let words: Vec<String> = values.iter().take(VALUES_MAX).map(word).collect();
        with(&of, |stage| {
            stage.log(level, words.join(" "));
            Ok(())
        })
    })
}

/// A value as a word. No metamethod runs, and no address shows.
fn word(value: &Value) -> String {
    match value {
        Value::Nil => "nil".into(),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.to_string_lossy(),
        Value::Error(error) => error.to_string(),
        other => other.type_name().into(),
    }
}
