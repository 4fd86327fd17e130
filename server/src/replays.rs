//! `muster replay FILE`: plays a replay and compares the world's hash at every tick.

use std::{fs, path::Path};

use anyhow::{Context as _, anyhow};
use muster_core::{
    Execution, Map,
    replay::{Player, Replay},
};
use serde::Serialize;

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// The first tick.
    pub tick_first: u64,
    /// The tick after the last.
    pub tick_last: u64,
    /// Whether the recording came to its end.
    pub is_finished: bool,
    /// Where the file cannot be read, if it cannot.
    pub damage: Option<String>,
    /// Where the world became another one, if it did.
    pub divergence: Option<String>,
}

/// Plays a replay.
///
/// # Errors
/// When the file is none, or needs a map that was not given.
pub fn verify(file: &Path, map: Option<&Path>) -> anyhow::Result<Verdict> {
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    let map = map.map(|map| -> anyhow::Result<Map> {
        let text = fs::read_to_string(map).with_context(|| map.display().to_string())?;
        Map::from_json(&text).map_err(|error| anyhow!("{}: {error}", map.display()))
    });
    let replay = Replay::open(&bytes).map_err(|error| anyhow!("{}: {error}", file.display()))?;
    let mut verdict = Verdict {
        tick_first: replay.tick_first(),
        tick_last: replay.tick_last(),
        is_finished: replay.is_finished(),
        damage: replay.damage().map(ToString::to_string),
        divergence: None,
    };
    let player = Player::new(replay, map.transpose()?, Execution::default());
    let mut player = player.map_err(|error| anyhow!("{}: {error}", file.display()))?;
    let divergence = player.verify().map_err(|error| anyhow!("{}: {error}", file.display()))?;
    verdict.divergence = divergence.map(|divergence| divergence.to_string());
    Ok(verdict)
}
