//! Playing a replay and checking it.

use core::fmt;

use super::{
    compare,
    divergence::{Divergence, DivergenceReport},
    file::{Entry, Replay, TickRecord},
    frame::Head,
};
use crate::{
    Map,
    config::Execution,
    snapshot::{Fault, RestoreError, config_hash},
    space::SectorId,
    world::{InputError, World},
};

/// Plays a replay: a world that is given what the recorded one was given.
///
/// ```
/// use muster_core::{Execution, Input, World, WorldConfig};
/// use muster_core::replay::{Player, Recorder, Replay, Settings, Stepped};
///
/// let mut world = World::new(WorldConfig::default(), None, Execution::default())?;
/// let mut recorder = Recorder::new(&world, Settings { key_ticks: 4, ..Settings::default() });
/// for _ in 0..10 {
///     recorder.apply(&mut world, &Input::Step)?;
/// }
/// recorder.finish();
///
/// let mut player = Player::new(Replay::open(recorder.pending())?, None, Execution::default())?;
/// player.seek(7)?;
/// assert_eq!(player.world().tick(), 7);
/// while player.step()? == Stepped::Same {}
/// assert_eq!(player.world_mut().hash(), world.hash());
/// assert_eq!(player.verify()?, None);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Player<'a> {
    replay: Replay<'a>,
    map: Option<Map>,
    execution: Execution,
    world: World,
    /// Where the next entry is.
    offset: usize,
    recorded: Vec<(SectorId, u64)>,
    played: Vec<(SectorId, u64)>,
}

/// What a step of a player came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stepped {
    /// A tick, and the world is what it was when it was recorded.
    Same,
    /// A tick, and the world is another one.
    Differs(DivergenceReport),
    /// The replay is at its end; nothing was done.
    End,
}

/// Why a replay cannot be played on. The world is as it was before the tick, or in the middle of the tick's inputs.
#[derive(Clone, PartialEq, Debug)]
pub enum PlayError {
    /// The file is damaged, or not one of this map.
    File(RestoreError),
    /// The world refused an input that was accepted when it was recorded.
    Input {
        /// The tick.
        tick: u64,
        /// Why.
        error: InputError,
    },
    /// There is no such tick in the replay.
    Tick {
        /// The tick that was asked for.
        tick: u64,
    },
}

impl<'a> Player<'a> {
    /// Begins at the first key frame. The map must be the one of the recording, if that had one.
    pub fn new(replay: Replay<'a>, map: Option<Map>, execution: Execution) -> Result<Self, PlayError> {
        let (world, offset) = restore(&replay, Head::BYTES, map.as_ref(), execution)?;
        Ok(Self { replay, map, execution, world, offset, recorded: Vec::new(), played: Vec::new() })
    }

    /// Plays the next tick and compares the hash. After a gap in the recording it goes on from the key frame behind it.
    pub fn step(&mut self) -> Result<Stepped, PlayError> {
        loop {
            let Some((entry, next)) = self.replay.entry(self.offset)? else { return Ok(Stepped::End) };
            match entry {
                Entry::Key { tick, .. } if tick == self.world.tick() => self.offset = next,
                Entry::Key { .. } => self.jump(self.offset)?,
                Entry::Tick { tick, record } => {
                    let stepped = self.play(tick, record)?;
                    self.offset = next;
                    return Ok(stepped);
                }
            }
        }
    }

    /// Goes to a tick: from the last key frame before it, or from where the player is if that is nearer.
    pub fn seek(&mut self, tick: u64) -> Result<(), PlayError> {
        let missing = PlayError::Tick { tick };
        if tick > self.replay.tick_last() {
            return Err(missing);
        }
        let (key, offset) = self.replay.key_before(tick).ok_or_else(|| missing.clone())?;
        if !(key..=tick).contains(&self.world.tick()) {
            self.jump(offset)?;
        }
        while self.world.tick() < tick {
            if self.step()? == Stepped::End {
                return Err(missing);
            }
        }
        if self.world.tick() == tick { Ok(()) } else { Err(missing) }
    }

    /// Plays the whole replay from its beginning and checks every hash, and every key frame byte by byte. `None` if all
    /// is the same; otherwise the first difference, with the player at the key frame where it was looked at.
    pub fn verify(&mut self) -> Result<Option<DivergenceReport>, PlayError> {
        self.jump(Head::BYTES)?;
        loop {
            if let Some(report) = self.check_key()? {
                return Ok(Some(report));
            }
            match self.step()? {
                Stepped::Same => {}
                Stepped::End => return Ok(None),
                Stepped::Differs(mut report) => {
                    report.first = self.look_at_next_key()?;
                    return Ok(Some(report));
                }
            }
        }
    }

    /// Plays to the tick of another world, a live one or one restored from a snapshot that was made elsewhere, and compares
    /// with it: the other world is left, the played one right.
    pub fn compare_with(&mut self, other: &World) -> Result<Option<Divergence>, PlayError> {
        self.seek(other.tick())?;
        Ok(compare(other, &self.world))
    }

    /// The world as played so far.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// The world, for what needs it so: hashes, and other ways to work on it. A world that is changed is no longer the
    /// recorded one, and the next step says so.
    pub const fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// The world as played so far, for whoever wants to go on with it in another way.
    pub fn into_world(self) -> World {
        self.world
    }

    /// The replay that is played.
    pub const fn replay(&self) -> &Replay<'a> {
        &self.replay
    }

    fn jump(&mut self, offset: usize) -> Result<(), PlayError> {
        (self.world, self.offset) = restore(&self.replay, offset, self.map.as_ref(), self.execution)?;
        Ok(())
    }

    fn play(&mut self, tick: u64, record: TickRecord<'_>) -> Result<Stepped, PlayError> {
        if tick != self.world.tick() {
            return Err(PlayError::Tick { tick });
        }
        let hash = record.hash;
        let mut refused = None;
        let world = &mut self.world;
        let read = record.read(
            |input| {
                if refused.is_none() {
                    // That a command was refused is recorded: it is an event.
                    refused = world.apply(&input).err().filter(|error| !matches!(error, InputError::Command(_)));
                }
            },
            &mut self.recorded,
        );
        read?;
        if let Some(error) = refused {
            return Err(PlayError::Input { tick, error });
        }
        world.step();
        let played = world.hash();
        if played == hash {
            return Ok(Stepped::Same);
        }
        self.played.clear();
        world.sector_hashes(&mut self.played);
        Ok(Stepped::Differs(DivergenceReport {
            tick: world.tick(),
            recorded: hash,
            played,
            sectors: differing(&self.recorded, &self.played),
            first: None,
        }))
    }

    /// Compares the world with the key frame that comes next, if it is one of this tick.
    fn check_key(&mut self) -> Result<Option<DivergenceReport>, PlayError> {
        let Some((Entry::Key { tick, snapshot }, _)) = self.replay.entry(self.offset)? else { return Ok(None) };
        if tick != self.world.tick() {
            return Ok(None);
        }
        let mut own = Vec::with_capacity(snapshot.len());
        self.world.save(&mut own);
        if own == snapshot {
            return Ok(None);
        }
        let (mut recorded, _) = restore(&self.replay, self.offset, self.map.as_ref(), self.execution)?;
        let (mut left, mut right) = (Vec::new(), Vec::new());
        recorded.sector_hashes(&mut left);
        self.world.sector_hashes(&mut right);
        Ok(Some(DivergenceReport {
            tick,
            recorded: recorded.hash(),
            played: self.world.hash(),
            sectors: differing(&left, &right),
            first: compare(&recorded, &self.world),
        }))
    }

    /// Plays on to the next key frame and compares with it.
    fn look_at_next_key(&mut self) -> Result<Option<Divergence>, PlayError> {
        loop {
            if let Some((Entry::Key { tick, .. }, _)) = self.replay.entry(self.offset)?
                && tick == self.world.tick()
            {
                // A fault may have made a world that no snapshot is restored to.
                let recorded = restore(&self.replay, self.offset, self.map.as_ref(), self.execution).ok();
                return Ok(recorded.and_then(|(recorded, _)| compare(&recorded, &self.world)));
            }
            match self.step() {
                Ok(Stepped::End) => return Ok(None),
                Ok(_) => {}
                // A world that is no longer the recorded one may refuse what that one accepted.
                Err(PlayError::Input { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// The world of a key frame, and where the entry after it is.
fn restore(
    replay: &Replay<'_>,
    offset: usize,
    map: Option<&Map>,
    execution: Execution,
) -> Result<(World, usize), PlayError> {
    let Some((Entry::Key { tick, snapshot }, next)) = replay.entry(offset)? else {
        return Err(PlayError::Tick { tick: replay.tick_first() });
    };
    let world = World::restore(snapshot, map.cloned(), execution)?;
    let head = replay.head();
    if config_hash(world.config()) != head.config_hash || world.map().map_or(0, Map::hash) != head.map_hash {
        return Err(
            RestoreError { part: "key frame", at: offset as u64, fault: Fault::Hash("configuration or map") }.into()
        );
    }
    if world.tick() == tick { Ok((world, next)) } else { Err(PlayError::Tick { tick }) }
}

/// The sectors that have different hashes in two ordered lists, or are in one of them only.
fn differing(left: &[(SectorId, u64)], right: &[(SectorId, u64)]) -> Vec<SectorId> {
    if left.is_empty() {
        return Vec::new();
    }
    let only = |these: &[(SectorId, u64)], those: &[(SectorId, u64)]| {
        these.iter().filter(|entry| those.binary_search(entry).is_err()).map(|(sector, _)| *sector).collect::<Vec<_>>()
    };
    let mut sectors = only(left, right);
    sectors.extend(only(right, left));
    sectors.sort_unstable();
    sectors.dedup();
    sectors
}

impl From<RestoreError> for PlayError {
    fn from(error: RestoreError) -> Self {
        Self::File(error)
    }
}

impl fmt::Display for PlayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => write!(f, "{error}"),
            Self::Input { tick, error } => write!(f, "tick {tick}: an input that was accepted is refused: {error}"),
            Self::Tick { tick } => write!(f, "tick {tick} is not in the replay, or not where it belongs"),
        }
    }
}

impl core::error::Error for PlayError {}
