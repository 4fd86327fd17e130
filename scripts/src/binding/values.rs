//! What every library reads of its arguments.

use mlua::{BorrowedStr, LuaString, Value};

use crate::raw;

/// The number of a player, 1 or more, or a team.
pub(crate) fn whole<T: TryFrom<i64>>(number: f64, name: &str) -> mlua::Result<T> {
    let wrong = || mlua::Error::runtime(format!("`{name}` cannot be {number}"));
    if number.fract() != 0.0 || number.abs() >= (1u64 << 53) as f64 {
        return Err(wrong());
    }
    T::try_from(number as i64).map_err(|_| wrong())
}

/// Text of UTF-8.
pub(crate) fn text(value: &LuaString, name: &str) -> mlua::Result<String> {
    /// Bytes that are looked at and copied and count as a safepoint.
    const BYTES_A_SAFEPOINT: usize = 32;
    raw::afford((value.as_bytes().len() / BYTES_A_SAFEPOINT) as u64)?;
    let wrong = |_| mlua::Error::runtime(format!("`{name}` must be text in UTF-8"));
    value.to_str().map(|text| text.to_owned()).map_err(wrong)
}

/// A name that scripts know things by: one that is longer than any names nothing, and is not looked through.
pub(crate) fn known_name(value: &LuaString) -> mlua::Result<BorrowedStr> {
    const BYTES_MAX: usize = 128;
    if value.as_bytes().len() > BYTES_MAX {
        return Err(mlua::Error::runtime("a name has at most 128 bytes"));
    }
    value.to_str()
}

/// A number, if the value is one.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    }
}
