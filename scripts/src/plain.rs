//! Plain data as bytes: what of a script's state is saved.
//!
//! Nil, booleans, numbers, strings, vectors, buffers and tables of those, with their shared parts and rings. **The same
//! data gives the same bytes**, whatever was put in first: keys are in order. Functions, coroutines and metatables are no
//! data; whoever saves is told where they are.

use std::{collections::HashMap, ffi::c_void};

use mlua::{Lua, Table, Value};

const NIL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const NUMBER: u8 = 3;
const STRING: u8 = 4;
const TABLE: u8 = 5;
const SEEN: u8 = 6;
const BUFFER: u8 = 7;
const VECTOR: u8 = 8;

/// How deep tables may be in each other.
const DEPTH_MAX: usize = 64;

/// A key of a table, ordered.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Boolean(bool),
    /// The bits of a number, put so that they are in its order.
    Number(u64),
    String(Vec<u8>),
}

/// Appends a value as bytes, at most so many.
///
/// # Errors
/// Where there is something that is no plain data, as `self.players[3].callback is a function`.
pub(crate) fn encode(value: &Value, bytes_max: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let mut writer = Writer { end: out.len().saturating_add(bytes_max), out, seen: HashMap::new(), path: Vec::new() };
    writer.value(value)
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// How long `out` may become.
    end: usize,
    /// The number of each table and buffer that was written. It is only looked up, never gone through.
    seen: HashMap<*const c_void, u32>,
    path: Vec<String>,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) -> Result<(), String> {
        self.has_room_for(0)?;
        match value {
            Value::Nil => self.out.push(NIL),
            Value::Boolean(value) => self.out.push(if *value { TRUE } else { FALSE }),
            Value::Number(number) => self.number(*number),
            Value::Integer(number) => self.number(*number as f64),
            Value::Vector(vector) => {
                self.out.push(VECTOR);
                for part in [vector.x(), vector.y(), vector.z()] {
                    self.out.extend_from_slice(&part.to_le_bytes());
                }
            }
            Value::String(text) => {
                self.has_room_for(text.as_bytes().len())?;
                self.bytes(STRING, &text.as_bytes());
            }
            Value::Buffer(buffer) => {
                if !self.is_seen(value.to_pointer())? {
                    self.has_room_for(buffer.len())?;
                    self.bytes(BUFFER, &buffer.to_vec());
                }
            }
            Value::Table(table) => {
                if !self.is_seen(value.to_pointer())? {
                    return self.table(table);
                }
            }
            other => return Err(format!("{} is a {}", self.place(), other.type_name())),
        }
        Ok(())
    }

    fn table(&mut self, table: &Table) -> Result<(), String> {
        if table.metatable().is_some() && !self.path.is_empty() {
            return Err(format!("{} has a metatable", self.place()));
        }
        if self.path.len() >= DEPTH_MAX {
            return Err(format!("{} is more than {DEPTH_MAX} tables deep", self.place()));
        }
        let mut pairs: Vec<(Key, Value, Value)> = Vec::new();
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair.map_err(|error| error.to_string())?;
            // A pair takes at least two bytes.
            self.has_room_for(2 * pairs.len())?;
            let order = match &key {
                Value::Boolean(key) => Key::Boolean(*key),
                Value::Number(number) => Key::Number(ordered(*number)),
                Value::Integer(number) => Key::Number(ordered(*number as f64)),
                Value::String(text) => Key::String(text.as_bytes().to_vec()),
                other => return Err(format!("{} has a key that is a {}", self.place(), other.type_name())),
            };
            pairs.push((order, key, value));
        }
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        self.out.push(TABLE);
        self.count(pairs.len())?;
        for (order, key, value) in &pairs {
            self.value(key)?;
            self.path.push(match order {
                Key::String(name) => format!(".{}", String::from_utf8_lossy(name)),
                _ => format!("[{}]", key.to_string().unwrap_or_default()),
            });
            self.value(value)?;
            self.path.pop();
        }
        Ok(())
    }

    /// Whether a table or buffer was written before; then a reference to it is now.
    fn is_seen(&mut self, pointer: *const c_void) -> Result<bool, String> {
        if let Some(number) = self.seen.get(&pointer) {
            self.out.push(SEEN);
            self.out.extend_from_slice(&number.to_le_bytes());
            return Ok(true);
        }
        let number = u32::try_from(self.seen.len()).map_err(|_| "the state has too many tables".to_owned())?;
        self.seen.insert(pointer, number);
        Ok(false)
    }

    /// Whether so many more bytes are not too many, asked before they are looked at.
    fn has_room_for(&self, bytes: usize) -> Result<(), String> {
        if self.out.len().saturating_add(bytes) > self.end {
            return Err("the state is too large to be saved".into());
        }
        Ok(())
    }

    fn number(&mut self, number: f64) {
        self.out.push(NUMBER);
        self.out.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, tag: u8, bytes: &[u8]) {
        self.out.push(tag);
        // A string of Luau has at most 2^30 bytes.
        self.out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.out.extend_from_slice(bytes);
    }

    fn count(&mut self, count: usize) -> Result<(), String> {
        let count = u32::try_from(count).map_err(|_| format!("{} is too large", self.place()))?;
        self.out.extend_from_slice(&count.to_le_bytes());
        Ok(())
    }

    fn place(&self) -> String {
        format!("self{}", self.path.concat())
    }
}

/// The bits of a number in its order.
fn ordered(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// Makes the value of bytes that [`encode`] wrote, all of them.
///
/// # Errors
/// When they are none.
pub(crate) fn decode(lua: &Lua, bytes: &[u8]) -> mlua::Result<Value> {
    let mut reader = Reader { lua, bytes, seen: Vec::new() };
    let value = reader.value(0)?;
    if reader.bytes.is_empty() { Ok(value) } else { Err(broken()) }
}

struct Reader<'a> {
    lua: &'a Lua,
    bytes: &'a [u8],
    seen: Vec<Value>,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> mlua::Result<Value> {
        if depth > DEPTH_MAX + 1 {
            return Err(broken());
        }
        Ok(match self.take::<1>()?[0] {
            NIL => Value::Nil,
            FALSE => Value::Boolean(false),
            TRUE => Value::Boolean(true),
            NUMBER => Value::Number(f64::from_le_bytes(self.take()?)),
            STRING => Value::String(self.lua.create_string(self.run()?)?),
            BUFFER => {
                let buffer = Value::Buffer(self.lua.create_buffer(self.run()?)?);
                self.seen.push(buffer.clone());
                buffer
            }
            VECTOR => {
                let mut part = || Ok::<_, mlua::Error>(f32::from_le_bytes(self.take()?));
                Value::Vector(mlua::Vector::new(part()?, part()?, part()?))
            }
            SEEN => {
                let number = u32::from_le_bytes(self.take()?) as usize;
                self.seen.get(number).cloned().ok_or_else(broken)?
            }
            TABLE => {
                let count = u32::from_le_bytes(self.take()?) as usize;
                // A pair takes at least three bytes.
                if count > self.bytes.len() / 3 {
                    return Err(broken());
                }
                let table = self.lua.create_table()?;
                self.seen.push(Value::Table(table.clone()));
                for _ in 0..count {
                    let key = self.value(depth + 1)?;
                    let is_key = !matches!(&key, Value::Nil | Value::Table(_) | Value::Buffer(_))
                        && !matches!(&key, Value::Number(number) if number.is_nan());
                    if !is_key {
                        return Err(broken());
                    }
                    table.raw_set(key, self.value(depth + 1)?)?;
                }
                Value::Table(table)
            }
            _ => return Err(broken()),
        })
    }

    fn take<const N: usize>(&mut self) -> mlua::Result<[u8; N]> {
        let (head, rest) = self.bytes.split_first_chunk().ok_or_else(broken)?;
        self.bytes = rest;
        Ok(*head)
    }

    fn run(&mut self) -> mlua::Result<&'a [u8]> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        let (head, rest) = self.bytes.split_at_checked(length).ok_or_else(broken)?;
        self.bytes = rest;
        Ok(head)
    }
}

fn broken() -> mlua::Error {
    mlua::Error::runtime("these are not the bytes of a saved state")
}
