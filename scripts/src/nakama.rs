//! Match handlers written for Nakama: a module of the same name, and what of it is there.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use hmac::{Hmac, Mac as _};
use md5::Md5;
use mlua::{Function, Lua, LuaString, Table};
use sha2::{Digest as _, Sha256};

use crate::{Bundle, ScriptError, binding::with, raw, vm::Slot};

/// By which scripts require the module.
pub(crate) const MODULE: &str = "nakama";

/// The module, which also makes rules of a match handler.
pub(crate) const PRELUDE: &str = include_str!("nakama.luau");

const DISPATCHER: &str = "dispatcher";

/// Base64 as Nakama reads it: with or without the signs at the end that fill it up.
const fn base64(alphabet: &alphabet::Alphabet, is_padded: bool) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(is_padded)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config)
}

/// What the module is given when it is loaded, since it cannot do it in Luau, or not as fast.
pub(crate) fn given(lua: &Lua, slot: &Slot) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let encoded = |text: LuaString, is_url: bool, is_padded: bool| {
        let alphabet = if is_url { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
        Ok(base64(alphabet, is_padded).encode(paid(&text)?))
    };
    table.raw_set("to_base64", lua.create_function(move |_, (text, url, padded)| encoded(text, url, padded))?)?;
    let decoded = |lua: &Lua, (text, is_url): (LuaString, bool)| {
        let alphabet = if is_url { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
        let text: Vec<u8> = paid(&text)?.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect();
        let bytes = base64(alphabet, true).decode(text);
        lua.create_string(bytes.map_err(|error| mlua::Error::runtime(format!("not a valid base64 string: {error}")))?)
    };
    table.raw_set("of_base64", lua.create_function(decoded)?)?;
    table.raw_set("to_base16", of_text(lua, |text| Ok(hex::encode(text).into_bytes()))?)?;
    let of_base16 = |text: &[u8]| {
        hex::decode(text).map_err(|error| mlua::Error::runtime(format!("not a valid base16 string: {error}")))
    };
    table.raw_set("of_base16", of_text(lua, of_base16)?)?;
    table.raw_set("md5", of_text(lua, |text| Ok(hex::encode(Md5::digest(text)).into_bytes()))?)?;
    table.raw_set("sha256", of_text(lua, |text| Ok(hex::encode(Sha256::digest(text)).into_bytes()))?)?;
    let hmac = |lua: &Lua, (text, key): (LuaString, LuaString)| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&paid(&key)?).expect("a key of any length will do");
        mac.update(&paid(&text)?);
        lua.create_string(mac.finalize().into_bytes())
    };
    table.raw_set("hmac_sha256", lua.create_function(hmac)?)?;
    let of = slot.clone();
    let keys = move |lua: &Lua, player: u32| {
        let keys = with(&of, |stage| stage.known_keys(player))?;
        raw::afford(keys.len() as u64 * 4)?;
        lua.create_sequence_from(keys)
    };
    table.raw_set("keys", lua.create_function(keys)?)?;
    let of = slot.clone();
    let number_of = move |_: &Lua, id: LuaString| {
        with(&of, |stage| {
            let members = &stage.members;
            raw::afford(1 + members.len() as u64 / 8)?;
            let all = members.values().map(|member| &member.player).chain(&stage.coming);
            Ok(all.into_iter().find(|player| player.id.as_bytes() == &*id.as_bytes()).map(|player| player.number))
        })
    };
    table.raw_set("number_of", lua.create_function(number_of)?)?;
    Ok(table)
}

fn of_text(lua: &Lua, made: impl Fn(&[u8]) -> mlua::Result<Vec<u8>> + 'static) -> mlua::Result<Function> {
    lua.create_function(move |lua, text: LuaString| lua.create_string(made(&paid(&text)?)?))
}

/// The bytes of a text, once what is done with them is counted.
fn paid(text: &LuaString) -> mlua::Result<mlua::BorrowedBytes> {
    /// What a call takes at least, in safepoints, and how many bytes are hashed in the time of one.
    const CALL: u64 = 16;
    const BYTES: u64 = 4;
    let bytes = text.as_bytes();
    raw::afford(CALL + bytes.len() as u64 / BYTES)?;
    Ok(bytes)
}

/// Whether a bundle has anything to do with the module.
pub(crate) fn is_used(bundle: &Bundle) -> bool {
    bundle.files().any(|(_, text)| text.lines().any(|line| local_of(line).is_some()))
}

/// What of the module is used in a bundle and is not offered: each file, line and name, once a name.
pub(crate) fn missing(bundle: &Bundle) -> Vec<ScriptError> {
    let mut findings: Vec<ScriptError> = Vec::new();
    for (file, text) in bundle.files().filter(|(file, _)| !file.ends_with(".json")) {
        let Some(local) = text.lines().find_map(local_of) else { continue };
        for (index, line) in text.lines().enumerate() {
            let of = |table: &'static str, local| {
                names_after(line, local).filter(|name| !is_offered(table, name)).map(move |name| (table, name))
            };
            // Handlers are given the dispatcher as an argument, which all of them name so.
            for (table, name) in of("nk", local).chain(of(DISPATCHER, DISPATCHER)) {
                let table = if table == "nk" { MODULE } else { table };
                let message = format!("{table}.{name} is not offered");
                if findings.iter().any(|finding| finding.message == message) {
                    continue;
                }
                findings.push(ScriptError {
                    file: file.into(),
                    line: index as u32 + 1,
                    hint: "docs/SCRIPTING.md says what of Nakama's module there is".into(),
                    ..ScriptError::of(&message, bundle.version())
                });
            }
        }
    }
    findings
}

/// The name that a line gives to the module.
fn local_of(line: &str) -> Option<&str> {
    let code = line.split_once("--").map_or(line, |(code, _)| code).trim();
    let (name, value) = code.strip_prefix("local ").unwrap_or(code).split_once('=')?;
    let value: String = value.chars().filter(|c| !c.is_whitespace() && !"();'\"".contains(*c)).collect();
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    (value == "requirenakama").then_some(name.trim())
}

/// The names that a line takes from a table.
pub(crate) fn names_after<'a>(line: &'a str, table: &'a str) -> impl Iterator<Item = &'a str> {
    let code = line.split_once("--").map_or(line, |(code, _)| code);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    code.match_indices(table).filter_map(move |(at, _)| {
        let before = code[..at].chars().next_back();
        let rest = code[at + table.len()..].strip_prefix('.')?;
        if before.is_some_and(|c| is_name(c) || c == '.') {
            return None;
        }
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        (end > 0).then(|| &rest[..end])
    })
}

/// What of `os` the module puts there, with the time of the match.
pub(crate) const OF_OS: [&str; 3] = ["time", "clock", "difftime"];

fn is_offered(table: &str, name: &str) -> bool {
    PRELUDE.lines().any(|line| {
        let rest = line.strip_prefix("function ").unwrap_or(line);
        let rest = rest.strip_prefix(table).and_then(|rest| rest.strip_prefix('.'));
        rest.is_some_and(|rest| rest.split(['(', ' ']).next() == Some(name))
    })
}
