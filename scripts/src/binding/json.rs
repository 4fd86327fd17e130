//! `json`, and values of scripts as JSON.
//!
//! A table whose keys are 1 to n is a list, and so is an empty one; any other is an object, whose keys are strings or
//! numbers and come out in one order.

use std::io::Write as _;

use mlua::{Lua, LuaString, Table, Value};
use serde_json::Value as Json;

use super::{
    Function, Library,
    values::{number, text},
};
use crate::raw;

pub(crate) const LIBRARY: Library = Library {
    name: "json",
    doc: "JSON text. A table with keys 1 to n is a list, an empty one too; others are objects.",
    functions: &[
        Function { name: "encode", parameters: &["value: Json"], returns: "string", doc: "The text of a value." },
        Function {
            name: "decode",
            parameters: &["text: string"],
            returns: "Json",
            doc: "The value of a text; nil and what went wrong if it is none.",
        },
    ],
};

/// What a text takes at least, in safepoints.
const CALL: u64 = 32;
/// What a value takes, in safepoints.
const VALUE: u64 = 2;
/// How deep lists and objects may be in each other.
const DEPTH_MAX: usize = 64;
/// Most bytes of a text that is made.
const BYTES_MAX: usize = 1 << 20;

pub(super) fn functions(lua: &Lua) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let encode = |lua: &Lua, value: Value| {
        let mut bytes = Vec::new();
        write_json(&value, &mut bytes)?;
        lua.create_string(&bytes)
    };
    table.raw_set("encode", lua.create_function(encode)?)?;
    let decode = |lua: &Lua, value: LuaString| {
        // Before the work: a text of many small lists takes many times its bytes.
        raw::afford(CALL + value.as_bytes().len() as u64 / 2)?;
        let text = text(&value, "text")?;
        Ok(match serde_json::from_str::<Json>(&text) {
            Ok(value) => (json_to_lua(lua, &value)?, None),
            Err(error) => (Value::Nil, Some(error.to_string())),
        })
    };
    table.raw_set("decode", lua.create_function(decode)?)?;
    Ok(table)
}

/// Makes a value for scripts.
pub(crate) fn json_to_lua(lua: &Lua, value: &Json) -> mlua::Result<Value> {
    /// What a table takes, in safepoints; and how many bytes of a text are copied in the time of one.
    const TABLE: u64 = 6;
    const BYTES: usize = 64;
    raw::afford(match value {
        Json::Array(_) | Json::Object(_) => TABLE,
        Json::String(text) => 1 + (text.len() / BYTES) as u64,
        _ => 1,
    })?;
    Ok(match value {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => Value::Number(number.as_f64().unwrap_or(0.0)),
        Json::String(text) => Value::String(lua.create_string(text)?),
        Json::Array(items) => {
            let table = lua.create_table_with_capacity(items.len(), 0)?;
            for (index, item) in items.iter().enumerate() {
                table.raw_set(index + 1, json_to_lua(lua, item)?)?;
            }
            Value::Table(table)
        }
        Json::Object(fields) => {
            let table = lua.create_table_with_capacity(0, fields.len())?;
            for (name, field) in fields {
                table.raw_set(name.as_str(), json_to_lua(lua, field)?)?;
            }
            Value::Table(table)
        }
    })
}

/// The JSON of a value of scripts.
pub(crate) fn lua_to_json(value: &Value) -> mlua::Result<Json> {
    let mut bytes = Vec::new();
    write_json(value, &mut bytes)?;
    serde_json::from_slice(&bytes).map_err(|error| mlua::Error::runtime(error.to_string()))
}

/// Appends the JSON text of a value.
///
/// # Errors
/// When it has something that JSON has not, is too deep or too long.
pub(crate) fn write_json(value: &Value, out: &mut Vec<u8>) -> mlua::Result<()> {
    raw::afford(CALL)?;
    write(value, 0, out.len(), out)
}

fn write(value: &Value, depth: usize, from: usize, out: &mut Vec<u8>) -> mlua::Result<()> {
    if depth > DEPTH_MAX {
        return Err(mlua::Error::runtime("tables are more than 64 deep in each other, or one is in itself"));
    }
    if out.len() - from > BYTES_MAX {
        return Err(mlua::Error::runtime("the JSON text would have more than 1 MiB"));
    }
    raw::afford(VALUE)?;
    if let Some(number) = number(value) {
        return write_number(number, out);
    }
    match value {
        Value::Nil => out.extend_from_slice(b"null"),
        Value::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::String(value) => write_text(&text(value, "a string")?, out),
        Value::Table(table) => return write_table(table, depth, from, out),
        other => return Err(mlua::Error::runtime(format!("JSON has no {}", other.type_name()))),
    }
    Ok(())
}

fn write_number(number: f64, out: &mut Vec<u8>) -> mlua::Result<()> {
    if !number.is_finite() {
        return Err(mlua::Error::runtime(format!("JSON has no {number}; was something divided by 0?")));
    }
    if number.fract() == 0.0 && number.abs() < (1u64 << 53) as f64 {
        return serde_json::to_writer(out, &(number as i64)).map_err(mlua::Error::external);
    }
    write!(out, "{number}").map_err(mlua::Error::external)
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("text can be written into memory");
}

fn write_table(table: &Table, depth: usize, from: usize, out: &mut Vec<u8>) -> mlua::Result<()> {
    let length = table.raw_len();
    let mut fields: Vec<(String, Value)> = Vec::new();
    let mut items = 0;
    table.for_each(|key: Value, value: Value| {
        raw::afford(VALUE)?;
        match (number(&key), &key) {
            (Some(number), _) if number.fract() == 0.0 && (1.0..=length as f64).contains(&number) => items += 1,
            (Some(number), _) if number.fract() == 0.0 => fields.push(((number as i64).to_string(), value)),
            (_, Value::String(name)) => fields.push((text(name, "a key")?, value)),
            (_, other) => return Err(mlua::Error::runtime(format!("JSON has no key that is a {}", other.type_name()))),
        }
        Ok(())
    })?;
    if fields.is_empty() && items == length {
        out.push(b'[');
        for index in 1..=length {
            if index > 1 {
                out.push(b',');
            }
            write(&table.raw_get(index)?, depth + 1, from, out)?;
        }
        out.push(b']');
        return Ok(());
    }
    for index in 1..=length {
        let value: Value = table.raw_get(index)?;
        if !value.is_nil() {
            fields.push((index.to_string(), value));
        }
    }
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    out.push(b'{');
    for (index, (name, value)) in fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(name, out);
        out.push(b':');
        write(value, depth + 1, from, out)?;
    }
    out.push(b'}');
    Ok(())
}
