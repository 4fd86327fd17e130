//! `require`: other scripts of the bundle, each once a match.

use mlua::{Lua, LuaString, Value};

use super::{values::text, with};
use crate::{nakama, vm::Slot};

/// Puts `require` in place. It knows the bundle and nothing else: there are no paths out of it.
pub(super) fn register(lua: &Lua, slot: &Slot) -> mlua::Result<()> {
    let of = slot.clone();
    let require = move |lua: &Lua, name: LuaString| {
        let name = text(&name, "name")?;
        let home = with(&of, |stage| stage.home.clone().ok_or_else(|| mlua::Error::runtime("no match runs")))?;
        let key = name.strip_prefix("./").unwrap_or(&name);
        let Some(chunk) = home.vm.chunk(key) else {
            let known: Vec<&str> = home.vm.scripts().collect();
            let known = known.join(", ");
            return Err(mlua::Error::runtime(format!("the mode has no file `{name}.lua`; it has {known}")));
        };
        match home.modules.raw_get(chunk.name.as_str())? {
            // While a file runs, its place is taken.
            Value::Boolean(false) => {
                return Err(mlua::Error::runtime(format!("`{name}` is required while it is being required")));
            }
            Value::Nil => {}
            done => return Ok(done),
        }
        home.modules.raw_set(chunk.name.as_str(), false)?;
        let given = chunk.is_ours.then(|| nakama::given(lua, &of)).transpose()?;
        let result = home.vm.load(chunk, home.globals.clone()).and_then(|run| run.call::<Value>(given));
        let value = match result {
            Ok(Value::Nil) => Value::Boolean(true),
            Ok(value) => value,
            Err(error) => {
                home.modules.raw_set(chunk.name.as_str(), Value::Nil)?;
                return Err(error);
            }
        };
        home.modules.raw_set(chunk.name.as_str(), &value)?;
        Ok(value)
    };
    lua.globals().raw_set("require", lua.create_function(require)?)
}
