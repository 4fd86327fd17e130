//! `muster check MODE...`: compiles a mode, opens a match of it and plays a few ticks.

use std::{path::Path, sync::Arc};

use muster_scripts::{Bundle, Host, LeaveReason, Limits, MatchOptions, Output, Player};
use serde::Serialize;
use serde_json::Value;

use crate::door::message::ScriptFault;

/// Ticks that are played.
const TICKS: u32 = 100;

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Trial {
    /// The mode's folder.
    pub folder: String,
    /// The version of its rules.
    pub version: Option<String>,
    /// What is wrong.
    pub errors: Vec<ScriptFault>,
}

/// Tries a mode with two players.
pub fn try_mode(folder: &Path) -> Trial {
    let mut trial = Trial { folder: folder.display().to_string(), version: None, errors: Vec::new() };
    let bundle = match Bundle::load(folder) {
        Ok(bundle) => Arc::new(bundle),
        Err(error) => {
            trial.errors.push(ScriptFault { message: error.to_string(), ..ScriptFault::default() });
            return trial;
        }
    };
    trial.version = Some(bundle.version().to_owned());
    if let Err(fault) = play(&bundle, &mut trial.errors) {
        trial.errors.push(fault);
    }
    trial.errors.dedup();
    trial
}

fn play(bundle: &Arc<Bundle>, errors: &mut Vec<ScriptFault>) -> Result<(), ScriptFault> {
    let fault = |error: Box<muster_scripts::ScriptError>| ScriptFault::from(&*error);
    let host = Host::new(bundle.clone(), Limits::default()).map_err(fault)?;
    let options = MatchOptions { id: "check".into(), ..MatchOptions::default() };
    let mut game = host.open(&options).map_err(fault)?;
    let players = [1, 2].map(|number| Player {
        number,
        id: format!("check-{number}"),
        name: format!("Checker {number}"),
        is_bot: false,
    });
    for player in &players {
        if game.join_attempt(player, &Value::Null).is_ok()
            && let Err(refusal) = game.join(player)
        {
            errors.push(ScriptFault { message: refusal.to_string(), ..ScriptFault::default() });
        }
    }
    for tick in 0..TICKS {
        game.step(&mut Vec::new());
        if tick == TICKS / 2 {
            game.leave(2, LeaveReason::Left);
        }
        while let Some(output) = game.poll_output() {
            match output {
                Output::ScriptError(error) if errors.len() < 20 => errors.push(ScriptFault::from(&*error)),
                Output::Ended(ended) => return ended.error.map_or(Ok(()), |error| Err(fault(error))),
                _ => {}
            }
        }
    }
    let mut bytes = Vec::new();
    game.save(&mut bytes).map_err(fault)
}
