//! What is wrong with a configuration, and where it was said.

use std::{fmt, path::PathBuf};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody gave it.
    Default,
    /// A file; lines and columns count from 1, columns in characters.
    File {
        /// The file as the operator named it.
        path: PathBuf,
        /// Line of the value.
        line: usize,
        /// Column of the value's first character.
        column: usize,
    },
    /// An environment variable of this name.
    Environment(String),
    /// A flag of this name, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One thing that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was said.
    pub origin: Origin,
    /// The setting, as the file names it, or what else is meant ("limits.allocations", "file").
    pub key: String,
    /// What was found, without secrets.
    pub found: String,
    /// What is allowed instead.
    pub allowed: String,
    /// What was probably meant, or what to do.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: found {}; allowed: {}", self.origin, self.key, self.found, self.allowed)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Why there are no settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// The command line cannot be understood; the text says why and how to ask for help.
    Usage(String),
    /// Every problem that was found, in the order file, environment, flags, then what does not fit together.
    Settings(Vec<Problem>),
}

impl LoadError {
    /// The problems with settings; empty for a command line that cannot be understood.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Usage(_) => &[],
            Self::Settings(problems) => problems,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text.trim_end()),
            Self::Settings(problems) => {
                for (index, problem) in problems.iter().enumerate() {
                    if index > 0 {
                        writeln!(f)?;
                    }
                    write!(f, "{problem}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// Names the candidate that is closest to `name`, if one is close enough to have been meant.
pub(super) fn did_you_mean<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    /// Below this similarity a suggestion confuses more than it helps.
    const CLOSE: f64 = 0.8;
    let plain = name.replace('-', "_").to_lowercase();
    candidates
        .map(|candidate| (strsim::jaro_winkler(&plain, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= CLOSE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| format!("did you mean {candidate}?"))
}

/// Text from outside, quoted, with control characters shown and a bounded length.
pub(super) fn quoted(text: &str) -> String {
    /// Enough to recognise a value, too little to flood a log.
    const SHOWN_CHARS: usize = 80;
    if text.chars().count() <= SHOWN_CHARS {
        format!("{text:?}")
    } else {
        format!("{:?}...", text.chars().take(SHOWN_CHARS).collect::<String>())
    }
}
