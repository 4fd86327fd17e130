//! `store`: values that outlive a match.

use mlua::{Lua, LuaString, Table, Value};

use super::{
    Function, Library, json_to_lua, lua_to_json,
    values::{text, whole},
    with,
};
use crate::{matches::StoreAction, vm::Slot};

pub(crate) const LIBRARY: Library = Library {
    name: "store",
    doc: "Values that outlive the match: a player's in this mode, or the mode's own (player 0). Every function returns at once; \
          what came of it is given to match_stored(self, result) at a later tick.",
    functions: &[
        Function {
            name: "get",
            parameters: &["player: number", "key: string", "tag: string?"],
            returns: "number",
            doc: "Asks for a value; returns what names the request.",
        },
        Function {
            name: "set",
            parameters: &["player: number", "key: string", "value: Json", "tag: string?"],
            returns: "number",
            doc: "Writes a value.",
        },
        Function {
            name: "add",
            parameters: &["player: number", "key: string", "amount: number", "tag: string?"],
            returns: "number",
            doc: "Adds to a whole number, in one go; what is not there is 0.",
        },
        Function {
            name: "delete",
            parameters: &["player: number", "key: string", "tag: string?"],
            returns: "number",
            doc: "Takes a value away.",
        },
        Function {
            name: "known",
            parameters: &["player: number", "key: string"],
            returns: "Json",
            doc: "The value that there was when the player came, of the mode (player 0) when the match was opened or gone on \
                  with, and what this match has written since; nil if there is none. It returns at once; what others have \
                  written meanwhile is not in it, another match that the player is in among them: what must not be lost or \
                  doubled is for store.add. Fails while the values could not be read.",
        },
    ],
};

pub(super) fn functions(lua: &Lua, slot: &Slot) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let tag_of = |tag: Option<LuaString>| tag.map_or_else(|| Ok(String::new()), |tag| text(&tag, "tag"));
    let of = slot.clone();
    let get = move |_: &Lua, (player, key, tag): (f64, LuaString, Option<LuaString>)| {
        let action = StoreAction::Get { key: text(&key, "key")? };
        let (player, tag) = (whole(player, "player")?, tag_of(tag)?);
        with(&of, |stage| stage.ask_store(player, action, tag))
    };
    table.raw_set("get", lua.create_function(get)?)?;
    let of = slot.clone();
    let set = move |_: &Lua, (player, key, value, tag): (f64, LuaString, Value, Option<LuaString>)| {
        let mut bytes = Vec::new();
        super::write_json(&value, &mut bytes)?;
        let action = StoreAction::Set { key: text(&key, "key")?, value: lua_to_json(&value)? };
        let (player, tag) = (whole(player, "player")?, tag_of(tag)?);
        with(&of, |stage| {
            let most = stage.limits.store_value_bytes_max;
            if bytes.len() > most {
                return Err(mlua::Error::runtime(format!("a stored value has at most {most} bytes as JSON")));
            }
            stage.ask_store(player, action, tag)
        })
    };
    table.raw_set("set", lua.create_function(set)?)?;
    let of = slot.clone();
    let add = move |_: &Lua, (player, key, amount, tag): (f64, LuaString, f64, Option<LuaString>)| {
        let action = StoreAction::Add { key: text(&key, "key")?, amount: whole(amount, "amount")? };
        let (player, tag) = (whole(player, "player")?, tag_of(tag)?);
        with(&of, |stage| stage.ask_store(player, action, tag))
    };
    table.raw_set("add", lua.create_function(add)?)?;
    let of = slot.clone();
    let delete = move |_: &Lua, (player, key, tag): (f64, LuaString, Option<LuaString>)| {
        let action = StoreAction::Delete { key: text(&key, "key")? };
        let (player, tag) = (whole(player, "player")?, tag_of(tag)?);
        with(&of, |stage| stage.ask_store(player, action, tag))
    };
    table.raw_set("delete", lua.create_function(delete)?)?;
    let of = slot.clone();
    let known = move |lua: &Lua, (player, key): (f64, LuaString)| {
        let (player, key) = (whole(player, "player")?, text(&key, "key")?);
        let value = with(&of, |stage| stage.known(player, &key))?;
        value.map_or(Ok(Value::Nil), |value| json_to_lua(lua, &value))
    };
    table.raw_set("known", lua.create_function(known)?)?;
    Ok(table)
}
