//! `muster check MODE...`: what is wrong with modes, without a server.

use std::{path::Path, sync::Arc};

use muster_scripts::{Bundle, Limits, Severity, check};
use serde::Serialize;

use crate::door::message::ScriptFault;

/// What came of a check.
#[derive(Debug, Serialize)]
pub struct Trial {
    /// The mode's folder.
    pub folder: String,
    /// The version of its rules.
    pub version: Option<String>,
    /// What keeps it from being played.
    pub errors: Vec<ScriptFault>,
    /// What may be a mistake.
    pub warnings: Vec<ScriptFault>,
    /// Ticks that were played.
    pub ticks: u32,
}

/// Looks at a mode, under the limits that its scripts will have.
pub fn try_mode(folder: &Path, limits: &Limits) -> Trial {
    let mut trial = Trial {
        folder: folder.display().to_string(),
        version: None,
        errors: Vec::new(),
        warnings: Vec::new(),
        ticks: 0,
    };
    let bundle = match Bundle::load(folder) {
        Ok(bundle) => Arc::new(bundle),
        Err(error) => {
            trial.errors.push(ScriptFault { message: error.to_string(), ..ScriptFault::default() });
            return trial;
        }
    };
    trial.version = Some(bundle.version().to_owned());
    let checked = check(&bundle, limits);
    trial.ticks = checked.ticks;
    for finding in checked.findings {
        let list = if finding.severity == Severity::Error { &mut trial.errors } else { &mut trial.warnings };
        list.push(ScriptFault::from(&finding.error));
    }
    trial
}
