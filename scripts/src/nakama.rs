//! Match handlers written for Nakama: a module of the same name, and what of it is there.

use crate::{Bundle, ScriptError};

/// By which scripts require the module.
pub(crate) const MODULE: &str = "nakama";

/// The module, which also makes rules of a match handler.
pub(crate) const PRELUDE: &str = include_str!("nakama.luau");

const DISPATCHER: &str = "dispatcher";

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
