//! Writing a replay while a world runs.

use super::frame::{Frame, FrameKind, Head, write_index};
use crate::{
    Input, Map,
    snapshot::{Writer, config_hash, encode_input},
    space::SectorId,
    world::{Applied, InputError, World},
};

/// How a replay is recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// A key frame every so many ticks, 1 or more. Seeking takes at most as many ticks; a key frame costs a save and the
    /// bytes of the world.
    pub key_ticks: u32,
    /// Whether the hash of every sector is recorded with each tick, 24 bytes each, so that a report can name the sector.
    pub sector_hashes: bool,
    /// How many bytes may wait for the host, beyond which whole ticks are left out and counted. The frame during which
    /// the limit is reached is still written.
    pub pending_bytes_max: usize,
}

/// Writes what a world is given.
///
/// **Every input that the world accepted is recorded before the step that it came before.** What was left out because
/// the host did not take the bytes is a gap: the recording goes on with a key frame.
///
/// ```
/// use muster_core::{Execution, Input, World, WorldConfig, replay::{Recorder, Replay, Settings}};
///
/// let mut world = World::new(WorldConfig::default(), None, Execution::default())?;
/// let mut recorder = Recorder::new(&world, Settings::default());
/// let mut file = Vec::new();
/// for _ in 0..10 {
///     recorder.apply(&mut world, &Input::Step)?;
///     file.extend_from_slice(recorder.pending());
///     recorder.consume(recorder.pending().len());
/// }
/// recorder.finish();
/// file.extend_from_slice(recorder.pending());
/// assert_eq!(Replay::open(&file)?.tick_last(), 10);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Recorder {
    settings: Settings,
    /// The tick of the world as recorded.
    tick: u64,
    key_tick: u64,
    out: Vec<u8>,
    /// How many bytes were taken by the host.
    consumed: u64,
    inputs: Vec<u8>,
    inputs_count: u32,
    sectors: Vec<(SectorId, u64)>,
    /// Tick and offset of key frames, for the index.
    keys: Vec<(u64, u64)>,
    /// Of so many key frames one is in the index.
    keys_stride: u64,
    keys_count: u64,
    /// Whether the recording has a gap that only a key frame can end.
    gap: bool,
    ticks_lost: u64,
    finished: bool,
}

/// Most entries of the index. When there are more key frames, every other one is left out: they are found from the one
/// before.
const KEYS_MAX: usize = 1 << 16;

impl Default for Settings {
    fn default() -> Self {
        Self { key_ticks: 600, sector_hashes: true, pending_bytes_max: 1 << 28 }
    }
}

impl Recorder {
    /// Begins a recording with a key frame of the world as it is. `key_ticks` of 0 counts as 1.
    pub fn new(world: &World, settings: Settings) -> Self {
        let settings = Settings { key_ticks: settings.key_ticks.max(1), ..settings };
        let mut recorder = Self {
            settings,
            tick: world.tick(),
            key_tick: world.tick(),
            out: Vec::new(),
            consumed: 0,
            inputs: Vec::new(),
            inputs_count: 0,
            sectors: Vec::new(),
            keys: Vec::new(),
            keys_stride: 1,
            keys_count: 0,
            gap: false,
            ticks_lost: 0,
            finished: false,
        };
        let head = Head {
            key_ticks: settings.key_ticks,
            config_hash: config_hash(world.config()),
            map_hash: world.map().map_or(0, Map::hash),
            tick_first: world.tick(),
        };
        head.write(&mut recorder.out);
        recorder.record_key(world);
        recorder
    }

    /// Applies an input to the world and records it; a step ends the tick's frame. What the world refuses is not recorded,
    /// except for commands, whose refusal is an event. Returns what [`World::apply`] does.
    pub fn apply(&mut self, world: &mut World, input: &Input) -> Result<Applied, InputError> {
        let applied = world.apply(input);
        match (input, applied) {
            (Input::Step, _) => self.record_tick(world),
            (_, Ok(_) | Err(InputError::Command(_))) => self.record_input(input),
            (_, Err(_)) => {}
        }
        applied
    }

    /// Records an input that the world has accepted, or a command that it has refused. For hosts that call the world themselves; steps are recorded by
    /// [`Self::record_tick`].
    pub fn record_input(&mut self, input: &Input) {
        // Beyond the limit the tick is lost as a whole, so its inputs need not be kept.
        if self.inputs.len() <= self.settings.pending_bytes_max && self.inputs_count < u32::MAX {
            encode_input(input, &mut Writer::new(&mut self.inputs));
            self.inputs_count += 1;
        } else {
            self.gap = true;
        }
    }

    /// Records a tick that the world has just made.
    pub fn record_tick(&mut self, world: &mut World) {
        let tick = self.tick;
        self.tick = world.tick();
        let full = self.out.len() > self.settings.pending_bytes_max || self.finished;
        // A world that made more than one tick since was not recorded in between.
        self.gap |= full || Some(self.tick) != tick.checked_add(1);
        if self.gap {
            self.ticks_lost += 1;
        } else {
            self.write_tick(tick, world);
        }
        self.inputs.clear();
        self.inputs_count = 0;
        let due = self.gap || self.tick - self.key_tick >= u64::from(self.settings.key_ticks);
        if due && !full {
            self.record_key(world);
        }
    }

    /// Ends the recording with an index, from which readers know where the key frames are. Inputs after the last step
    /// are not part of it.
    pub fn finish(&mut self) {
        if !core::mem::replace(&mut self.finished, true) {
            let written = self.written();
            let last = if self.gap { self.key_tick } else { self.tick };
            write_index(last, &self.keys, written, &mut self.out);
        }
    }

    /// Bytes for the host to append to its file.
    pub fn pending(&self) -> &[u8] {
        &self.out
    }

    /// The host has taken so many of the pending bytes.
    pub fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.out.len());
        self.out.drain(..bytes);
        self.consumed += bytes as u64;
    }

    /// How many ticks were left out because the host did not take the bytes, or did not record them.
    pub const fn ticks_lost(&self) -> u64 {
        self.ticks_lost
    }

    fn written(&self) -> u64 {
        self.consumed + self.out.len() as u64
    }

    fn write_tick(&mut self, tick: u64, world: &mut World) {
        self.sectors.clear();
        if self.settings.sector_hashes {
            world.sector_hashes(&mut self.sectors);
        }
        let hash = world.hash();
        Frame::write(FrameKind::Tick, tick, &mut self.out, |out| {
            let mut writer = Writer::new(out);
            writer.u64(hash);
            writer.u32(self.inputs_count);
            writer.bytes(&self.inputs);
            writer.count(self.sectors.len());
            for (sector, hash) in &self.sectors {
                writer.i64(sector.x);
                writer.i64(sector.y);
                writer.u64(*hash);
            }
        });
    }

    fn record_key(&mut self, world: &World) {
        let tick = world.tick();
        if self.keys_count.is_multiple_of(self.keys_stride) {
            if self.keys.len() == KEYS_MAX {
                self.keys = self.keys.iter().copied().step_by(2).collect();
                self.keys_stride *= 2;
            }
            if self.keys_count.is_multiple_of(self.keys_stride) {
                self.keys.push((tick, self.written()));
            }
        }
        self.keys_count += 1;
        Frame::write(FrameKind::Key, tick, &mut self.out, |out| world.save(out));
        self.key_tick = tick;
        self.tick = tick;
        self.gap = false;
    }
}
