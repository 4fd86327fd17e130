//! What goes wrong in a script, as its writer needs to know it.

use std::fmt;

use crate::raw;

/// An error in a script: where, what, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ScriptError {
    /// The file in the bundle; empty if it is not known.
    pub file: String,
    /// The line, from 1; 0 if it is not known.
    pub line: u32,
    /// What went wrong.
    pub message: String,
    /// What to change; empty if there is nothing to say.
    pub hint: String,
    /// The callback that was running, as `match_loop`; empty while files are loaded.
    pub callback: String,
    /// The calls that led there, innermost first, one a line.
    pub trace: String,
    /// The bundle's version.
    pub version: String,
    /// Whether it was stopped because it did too much.
    pub is_killed: bool,
}

/// Most bytes of a message and of a trace: what scripts raise may be long.
const TEXT_MAX: usize = 2048;

/// What Luau says and what helps against it.
const HINTS: &[(&str, &str)] = &[
    ("attempt to index nil with", "what is before the dot or bracket is nil here: is its name right, was it ever set?"),
    (
        "attempt to index number with",
        "what is before the dot is a number: ids are numbers; ask world.get(id, \"health\")",
    ),
    ("attempt to index", "what is before the dot or bracket is no table: look at what it was set to"),
    (
        "attempt to call a nil value",
        "there is no function of that name here: check the spelling and what the file returns",
    ),
    ("attempt to perform arithmetic", "one of the two is no number; (value or 0) helps where it may be nil"),
    ("attempt to compare", "both sides must be numbers or both strings; one may be nil"),
    ("attempt to concatenate", "use tostring(value), or a string with `{value}` in backticks"),
    ("attempt to get length of", "what is after # is no table and no string"),
    ("attempt to iterate over", "what is after `in` is no table; (list or {}) helps where it may be nil"),
    (
        "attempt to modify a readonly table",
        "libraries and globals cannot be changed; keep values in `self` or in a local",
    ),
    (
        "not enough memory",
        "the match may hold no more: let go of what is not needed, and build no huge strings or tables",
    ),
    ("stack overflow", "a function calls itself without an end"),
    ("invalid argument", "look at the function's line in docs/SCRIPTING.md"),
    ("attempt to yield across", "a callback cannot be left by coroutine.yield; use timer.after"),
    ("attempt to yield from outside a coroutine", "a callback cannot be left by coroutine.yield; use timer.after"),
];

impl ScriptError {
    pub(crate) fn of(message: &str, version: &str) -> Self {
        Self { message: message.into(), version: version.into(), ..Self::default() }
    }
}

/// Makes of what mlua says what a writer of scripts can use.
pub(crate) fn explain(error: &mlua::Error, callback: &str, version: &str) -> ScriptError {
    let (message, trace) = unfold(error);
    let (mut file, mut line, mut text) = located(&message);
    if file.is_empty() {
        // A function of ours raised it: the first line of the trace that is a script's is where it was called.
        let place = trace.lines().filter_map(place_of).next();
        if let Some((found, at)) = place {
            (file, line) = (found, at);
        }
    }
    if text.is_empty() {
        text = "an error without a message".into();
    }
    let hint = HINTS.iter().find(|(words, _)| text.contains(words)).map_or("", |(_, hint)| hint);
    ScriptError {
        file,
        line,
        message: cut(text),
        hint: hint.into(),
        callback: callback.into(),
        trace: cut(trace),
        version: version.into(),
        is_killed: false,
    }
}

/// The innermost message of an error and the trace that belongs to it.
fn unfold(error: &mlua::Error) -> (String, String) {
    match error {
        mlua::Error::CallbackError { traceback, cause } => {
            let (message, inner) = unfold(cause);
            (message, if inner.is_empty() { traceback.clone() } else { inner })
        }
        mlua::Error::WithContext { context, cause } => {
            let (message, trace) = unfold(cause);
            (format!("{context}: {message}"), trace)
        }
        mlua::Error::RuntimeError(text) | mlua::Error::SyntaxError { message: text, .. } => {
            match text.split_once("\nstack traceback:\n") {
                Some((message, trace)) => (message.into(), trace.into()),
                None => (text.clone(), String::new()),
            }
        }
        mlua::Error::MemoryError(_) => ("not enough memory".into(), String::new()),
        mlua::Error::BadArgument { to, pos, name, cause } => {
            let (message, trace) = unfold(cause);
            let function = to.as_deref().unwrap_or("the function");
            let name = name.as_deref().map_or(String::new(), |name| format!(" ({name})"));
            (format!("invalid argument {pos}{name} of {function}: {message}"), trace)
        }
        other => (other.to_string(), String::new()),
    }
}

/// Takes `file:line: ` from the front of a message.
fn located(message: &str) -> (String, u32, String) {
    let parts = message.split_once(':').and_then(|(file, rest)| {
        let (line, text) = rest.split_once(':')?;
        let line = line.parse().ok()?;
        let is_file = !file.is_empty() && !file.contains(char::is_whitespace);
        is_file.then(|| (file.trim_matches(['[', ']', '"']).to_owned(), line, text.trim_start().to_owned()))
    });
    parts.unwrap_or_else(|| (String::new(), 0, message.to_owned()))
}

/// The place that a line of a trace names, if it is in a script.
fn place_of(line: &str) -> Option<(String, u32)> {
    let (file, rest) = line.trim().split_once(':')?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let is_script = file.ends_with(".lua") || file.ends_with(".luau");
    is_script.then(|| Some((file.to_owned(), digits.parse().ok()?)))?
}

fn cut(mut text: String) -> String {
    if text.len() > TEXT_MAX {
        let end = (0..=TEXT_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
    if text.contains(raw::KILLED) { text.trim().to_owned() } else { text }
}

/// The name that is most like one that is not known, if any is like it.
pub(crate) fn likely<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// A longer name is no slip of a known one.
    const NAME_MAX: usize = 48;
    if name.len() > NAME_MAX {
        return None;
    }
    let distance = |other: &str| {
        let other: Vec<char> = other.chars().collect();
        let mut row: Vec<usize> = (0..=other.len()).collect();
        for (at, c) in name.chars().enumerate() {
            let mut diagonal = row[0];
            row[0] = at + 1;
            for (column, o) in other.iter().enumerate() {
                let replaced = diagonal + usize::from(c != *o);
                diagonal = row[column + 1];
                row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
            }
        }
        row[other.len()]
    };
    let near = name.chars().count().div_ceil(3);
    known.map(|other| (distance(other), other)).filter(|(away, _)| *away <= near).min().map(|(_, other)| other)
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:{}: ", self.file, self.line)?;
        }
        f.write_str(&self.message)?;
        if !self.hint.is_empty() {
            write!(f, " ({})", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for ScriptError {}
