//! `log`, and `print`.

use mlua::{Lua, Table, Value, Variadic};

use super::{Function, Library, with};
use crate::{matches::LogLevel, raw, vm::Slot};

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
        raw::afford(values.len() as u64)?;
        with(&of, |stage| {
            let mut line = String::new();
            for value in values.iter().take(VALUES_MAX) {
                if line.len() > stage.limits.log_line_bytes_max {
                    break;
                }
                line.push_str(if line.is_empty() { "" } else { " " });
                line.push_str(&word(value, stage.limits.log_line_bytes_max));
            }
            raw::charge((line.len() / 16) as u64);
            stage.log(level, line);
            Ok(())
        })
    })
}

/// A value as a word, or as much of it as a line has room for. No metamethod runs, and no address shows.
fn word(value: &Value, bytes_max: usize) -> String {
    match value {
        Value::Nil => "nil".into(),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => {
            let bytes = text.as_bytes();
            // One more than fits, so that the line is seen to be cut.
            String::from_utf8_lossy(&bytes[..bytes.len().min(bytes_max + 1)]).into_owned()
        }
        Value::Error(error) => error.to_string(),
        other => other.type_name().into(),
    }
}
