//! What every library reads of its arguments.

use mlua::{LuaString, Value};

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
    let wrong = |_| mlua::Error::runtime(format!("`{name}` must be text in UTF-8"));
    value.to_str().map(|text| text.to_owned()).map_err(wrong)
}

/// A number, if the value is one.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    }
}
