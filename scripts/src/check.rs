//! `muster check`: what is wrong with a mode, without starting anything.

use std::{fmt, sync::Arc};

use serde_json::Value;

use crate::{
    Bundle, Host, JoinRefusal, LeaveReason, Limits, LogLevel, Match, MatchOptions, Output, Player, ScriptError,
    StoreAction, StoreResult, StoreScope, StoredValues,
    binding::LIBRARIES,
    error::likely,
    nakama::{self, names_after},
};

/// How bad a finding is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Severity {
    /// It may be meant so.
    Warning,
    /// The mode cannot be played.
    Error,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where and what.
    pub error: ScriptError,
}

/// What came of a check.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// What is wrong; empty is nothing.
    pub findings: Vec<Finding>,
    /// Ticks that were made.
    pub ticks: u32,
    /// The most safepoints that a tick took.
    pub work_max: u64,
    /// The most bytes that the scripts held.
    pub memory_max: usize,
}

/// Ticks of a dry run.
const TICKS: u32 = 60;
/// Errors of a check, and warnings; more of them say no more.
const FINDINGS_MAX: usize = 32;

/// Compiles a mode and plays it for 60 ticks: one player joins, is away for a while, sends a message and leaves; then it is
/// saved, restored and reloaded.
pub fn check(bundle: &Arc<Bundle>, limits: &Limits) -> Checked {
    let mut checked = Checked::default();
    for error in nakama::missing(bundle) {
        checked.find(Severity::Error, error);
    }
    for (severity, error) in misspelt(bundle).into_iter().chain(weak(bundle)) {
        checked.find(severity, error);
    }
    for error in absent(bundle) {
        checked.find(Severity::Warning, error);
    }
    #[cfg(feature = "types")]
    for (severity, error) in crate::types::look_at(bundle) {
        checked.find(severity, error);
    }
    let host = match Host::new(bundle.clone(), limits.clone()) {
        Ok(host) => host,
        Err(error) => {
            checked.find(Severity::Error, *error);
            return checked;
        }
    };
    let options = MatchOptions { id: "check".into(), ..MatchOptions::default() };
    match host.open(&options) {
        Ok(mut game) => checked.play(&host, &mut game, &options),
        Err(error) => checked.find(Severity::Error, *error),
    }
    checked
}

/// Names after those of libraries that the libraries do not have. What a file makes a local of is its own.
fn misspelt(bundle: &Bundle) -> Vec<(Severity, ScriptError)> {
    let mut found = Vec::new();
    for (file, text) in bundle.files().filter(|(file, _)| !file.ends_with(".json")) {
        for library in LIBRARIES.iter().filter(|library| !text.contains(&format!("local {}", library.name))) {
            for (index, line) in text.lines().enumerate() {
                for name in names_after(line, library.name) {
                    let mut known = library.functions.iter().map(|function| function.name);
                    if known.clone().any(|known| known == name) {
                        continue;
                    }
                    let message = format!("there is no {}.{name}", library.name);
                    let meant = likely(name, &mut known);
                    let hint = meant.map_or(String::new(), |meant| format!("is {}.{meant} meant?", library.name));
                    let (file, line) = (file.to_owned(), index as u32 + 1);
                    let error = ScriptError { file, line, hint, ..ScriptError::of(&message, bundle.version()) };
                    found.push((Severity::Warning, error));
                }
            }
        }
    }
    found
}

/// Tables that the collector takes things out of: a match that asks what is in them goes another way each time.
fn weak(bundle: &Bundle) -> Vec<(Severity, ScriptError)> {
    let mut found = Vec::new();
    for (file, text) in bundle.files().filter(|(file, _)| !file.ends_with(".json")) {
        for (index, line) in text.lines().enumerate() {
            let code = line.split_once("--").map_or(line, |(code, _)| code);
            if !code.contains("__mode") {
                continue;
            }
            let hint = "what a weak table forgets depends on the collector: take things out of an ordinary one".into();
            let (file, line) = (file.to_owned(), index as u32 + 1);
            let error = ScriptError { file, line, hint, ..ScriptError::of("this is a weak table", bundle.version()) };
            found.push((Severity::Warning, error));
        }
    }
    found
}

/// What other Luas have and this one does not: each name in each file once.
pub(crate) fn absent(bundle: &Bundle) -> Vec<ScriptError> {
    const LIBRARIES_ABSENT: [&str; 4] = ["os", "io", "debug", "package"];
    let mut found: Vec<ScriptError> = Vec::new();
    let is_nakama = nakama::is_used(bundle);
    for (file, text) in bundle.files().filter(|(file, _)| !file.ends_with(".json")) {
        for library in LIBRARIES_ABSENT.iter().filter(|library| !text.contains(&format!("local {library}"))) {
            for (index, line) in text.lines().enumerate() {
                for name in names_after(line, library) {
                    if is_nakama && *library == "os" && nakama::OF_OS.contains(&name) {
                        continue;
                    }
                    let message = format!("there is no {library}.{name}");
                    if found.iter().any(|error| error.file == file && error.message == message) {
                        continue;
                    }
                    let hint =
                        "scripts have no files, no clock and no machine; world.tick() tells the time of the match";
                    let (file, line) = (file.to_owned(), index as u32 + 1);
                    let error =
                        ScriptError { file, line, hint: hint.into(), ..ScriptError::of(&message, bundle.version()) };
                    found.push(error);
                }
            }
        }
    }
    found
}

impl Checked {
    /// Whether the mode can be played.
    pub fn is_playable(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity < Severity::Error)
    }

    fn find(&mut self, severity: Severity, error: ScriptError) {
        let finding = Finding { severity, error };
        // Many warnings hide no error.
        let count = self.findings.iter().filter(|other| other.severity == severity).count();
        if count < FINDINGS_MAX && !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    fn play(&mut self, host: &Host, game: &mut Match, options: &MatchOptions) {
        let player = Player { number: 1, id: "check-1".into(), name: "Check".into(), is_bot: true };
        self.listen(game);
        game.learn(StoreScope::Player(player.id.clone()), StoredValues::new());
        let joined = game.join_attempt(&player, &Value::Null).and_then(|()| game.join(&player));
        if let Err(refusal @ (JoinRefusal::Script(_) | JoinRefusal::Full)) = joined {
            let message = format!("a player without anything is not let in: {refusal}");
            self.find(Severity::Warning, ScriptError::of(&message, game.version()));
        }
        for tick in 0..TICKS {
            match tick {
                20 => _ = game.message(1, b"{\"type\":\"check\"}"),
                30 => game.away(1, true),
                40 => game.away(1, false),
                50 => game.leave(1, LeaveReason::Left),
                _ => {}
            }
            let report = game.step(&mut Vec::new());
            self.ticks += 1;
            self.work_max = self.work_max.max(report.script_work);
            self.memory_max = self.memory_max.max(game.memory_bytes());
            self.listen(game);
            if report.has_ended {
                let reason = game.ended().map(|ended| ended.reason.clone()).unwrap_or_default();
                let message = format!("the match ended by itself after {} ticks: {reason}", self.ticks);
                self.find(Severity::Warning, ScriptError::of(&message, game.version()));
                return;
            }
        }
        let mut saved = Vec::new();
        if let Err(error) = game.save(&mut saved) {
            self.find(Severity::Error, *error);
        } else if let Err(error) = host.restore(&saved, options) {
            let message = format!("what was saved cannot be restored: {error}");
            self.find(Severity::Error, ScriptError::of(&message, game.version()));
        }
        if let Err(error) = game.reload(host) {
            self.find(Severity::Error, *error);
        }
        self.listen(game);
        _ = game.signal("check");
        game.terminate(0);
        self.listen(game);
    }

    /// Takes what the match says, and answers for the store.
    fn listen(&mut self, game: &mut Match) {
        while let Some(output) = game.poll_output() {
            match output {
                Output::ScriptError(error) => self.find(Severity::Error, *error),
                Output::Log { level: LogLevel::Error, text, version } => {
                    self.find(Severity::Warning, ScriptError::of(&format!("it logs an error: {text}"), &version));
                }
                Output::Store(request) => {
                    let value = match request.action {
                        StoreAction::Set { value, .. } => Some(value),
                        StoreAction::Add { amount, .. } => Some(amount.into()),
                        StoreAction::Get { .. } | StoreAction::Delete { .. } => None,
                    };
                    game.handle_stored(request.id, StoreResult::Value(value));
                }
                _ => {}
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{severity}: {}", self.error)
    }
}
