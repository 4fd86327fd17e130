//! What goes wrong in a script, as its writer needs to know it.

use std::fmt;

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
