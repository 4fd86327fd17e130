//! What the tests of matches share.
#![allow(dead_code, reason = "each test uses a part")]

use std::sync::Arc;

use muster_scripts::{Bundle, Host, Limits, LogLevel, Match, MatchOptions, Output, Player, ScriptError};

/// A host of rules.
pub(crate) fn host(rules: &str) -> Host {
    host_of(&[("rules.lua", rules)], Limits::default())
}

/// A host of files.
pub(crate) fn host_of(files: &[(&str, &str)], limits: Limits) -> Host {
    Host::new(bundle(files), limits).expect("the scripts compile")
}

/// A bundle of files.
pub(crate) fn bundle(files: &[(&str, &str)]) -> Arc<Bundle> {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    Arc::new(Bundle::from_files("test", files).expect("the files are a bundle"))
}

/// A match of rules.
pub(crate) fn open(rules: &str) -> Match {
    host(rules).open(&MatchOptions::default()).expect("the rules open a match")
}

/// Rules whose loop is this, with a map-less world.
pub(crate) fn looping(body: &str) -> String {
    format!(
        "local rules = {{}}
function rules.match_init() return {{ tick_rate = 20 }} end
function rules.match_loop(self, tick, messages) {body} end
return rules"
    )
}

/// Makes a tick.
pub(crate) fn step(game: &mut Match) -> muster_scripts::StepReport {
    game.step(&mut Vec::new())
}

/// Everything that a match has to say.
pub(crate) fn outputs(game: &mut Match) -> Vec<Output> {
    std::iter::from_fn(|| game.poll_output()).collect()
}

/// The messages to everybody, as text.
pub(crate) fn messages(game: &mut Match) -> Vec<String> {
    let text = |output| match output {
        Output::Message { bytes, .. } => Some(String::from_utf8(bytes).expect("messages are text")),
        _ => None,
    };
    outputs(game).into_iter().filter_map(text).collect()
}

/// The errors of scripts.
pub(crate) fn errors(game: &mut Match) -> Vec<ScriptError> {
    let error = |output| if let Output::ScriptError(error) = output { Some(*error) } else { None };
    outputs(game).into_iter().filter_map(error).collect()
}

/// The lines of the log from a level on.
pub(crate) fn lines(game: &mut Match, from: LogLevel) -> Vec<String> {
    let line = |output| match output {
        Output::Log { level, text, .. } if level >= from => Some(text),
        _ => None,
    };
    outputs(game).into_iter().filter_map(line).collect()
}

/// A player.
pub(crate) fn player(number: u32) -> Player {
    Player { number, id: format!("id-{number}"), name: format!("Player {number}"), is_bot: false }
}
