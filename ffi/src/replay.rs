//! `muster/replay.h`.

use muster_core::{
    Execution, Input,
    replay::{Difference, DivergenceReport, Field, Player, Recorder, Replay, Settings},
};

use crate::{
    base::muster_bytes_t,
    boundary::{In, Out, Versioned},
    entity::muster_entity_t,
    error::{
        Refused, call, muster_result_t,
        muster_result_t::{MUSTER_E_CONFIG, MUSTER_E_DIVERGED, MUSTER_E_REPLAY},
    },
    map::read_map,
    space::muster_sector_t,
    world::{World, keep, muster_world_t, with},
};

pub const MUSTER_COLUMN_X: u32 = 65_534;
pub const MUSTER_COLUMN_Y: u32 = 65_535;

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_replay_settings_t {
    pub size: u32,
    pub key_ticks: u32,
    pub sector_hashes: u32,
    pub reserved: u32,
    pub pending_bytes_max: u64,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_replay_info_t {
    pub size: u32,
    pub key_ticks: u32,
    pub tick_first: u64,
    pub tick_last: u64,
    pub config_hash: u64,
    pub map_hash: u64,
    pub is_whole: u32,
    pub reserved: u32,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_divergence_t {
    pub size: u32,
    pub has_value: u32,
    pub tick: u64,
    pub recorded_hash: u64,
    pub played_hash: u64,
    pub sector: muster_sector_t,
    pub entity: muster_entity_t,
    pub recorded_value: i64,
    pub played_value: i64,
    pub has_sector: u32,
    pub column: u32,
}

impl Versioned for muster_replay_settings_t {
    const SIZE_MIN: usize = 24;
}
impl Versioned for muster_replay_info_t {
    const SIZE_MIN: usize = 48;
}
impl Versioned for muster_divergence_t {
    const SIZE_MIN: usize = 88;
}

impl muster_replay_settings_t {
    fn read(self) -> Result<Settings, Refused> {
        let wrong = |text: &str| Refused::new(MUSTER_E_CONFIG, text);
        if self.key_ticks == 0 {
            return Err(wrong("key_ticks must be 1 or more"));
        }
        if self.sector_hashes > 1 || self.reserved != 0 {
            return Err(wrong("sector_hashes must be 0 or 1, and reserved 0"));
        }
        Ok(Settings {
            key_ticks: self.key_ticks,
            sector_hashes: self.sector_hashes == 1,
            pending_bytes_max: usize::try_from(self.pending_bytes_max).unwrap_or(usize::MAX),
        })
    }
}

impl From<&DivergenceReport> for muster_divergence_t {
    fn from(report: &DivergenceReport) -> Self {
        let mut sector = report.sectors.first().copied();
        let mut divergence = Self {
            size: 0,
            has_value: 0,
            tick: report.tick,
            recorded_hash: report.recorded,
            played_hash: report.played,
            sector: muster_sector_t { x: 0, y: 0, scale: 0, reserved: 0 },
            entity: 0,
            recorded_value: 0,
            played_value: 0,
            has_sector: 0,
            column: 0,
        };
        if let Some(Difference::Value { sector: at, entity, field, left, right }) =
            report.first.map(|first| first.difference)
        {
            sector = Some(at);
            divergence = Self {
                has_value: 1,
                entity: entity.bits(),
                recorded_value: left,
                played_value: right,
                column: match field {
                    Field::X => MUSTER_COLUMN_X,
                    Field::Y => MUSTER_COLUMN_Y,
                    Field::Column(column) => column.number().into(),
                },
                ..divergence
            };
        }
        let has_sector = u32::from(sector.is_some());
        Self { has_sector, sector: sector.map_or(divergence.sector, Into::into), ..divergence }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an adapter for map_err, which passes by value")]
fn damaged(error: impl ToString) -> Refused {
    Refused::new(MUSTER_E_REPLAY, error.to_string())
}

fn recorder(world: &mut World) -> Result<&mut Recorder, Refused> {
    world.recorder.as_mut().ok_or_else(|| Refused::new(MUSTER_E_REPLAY, "the world is not recorded"))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_replay_record(
    world: *mut muster_world_t,
    settings: In<muster_replay_settings_t>,
) -> muster_result_t {
    with(world, |world| {
        let settings = if settings.is_null() { Settings::default() } else { settings.versioned("settings")?.read()? };
        if world.recorder.is_some() && world.is_recording {
            return Err(Refused::new(MUSTER_E_REPLAY, "the world is being recorded already"));
        }
        world.recorder = Some(Recorder::new(&world.core, settings));
        world.is_recording = true;
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_replay_take(
    world: *mut muster_world_t,
    out_bytes: Out<u8>,
    capacity: usize,
    out_size: Out<usize>,
) -> muster_result_t {
    with(world, |world| {
        let recorder = recorder(world)?;
        out_size.check("out_size")?;
        let size = recorder.pending().len().min(capacity);
        out_bytes.write_all(&recorder.pending()[..size], "out_bytes")?;
        recorder.consume(size);
        out_size.write(size, "out_size")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_replay_ticks_lost(world: *mut muster_world_t, out_ticks: Out<u64>) -> muster_result_t {
    with(world, |world| out_ticks.write(recorder(world)?.ticks_lost(), "out_ticks"))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_replay_finish(world: *mut muster_world_t) -> muster_result_t {
    with(world, |world| {
        if !world.is_recording {
            return Err(Refused::new(MUSTER_E_REPLAY, "the world is not recorded"));
        }
        recorder(world)?.finish();
        world.is_recording = false;
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_replay_info(replay: muster_bytes_t, out_info: Out<muster_replay_info_t>) -> muster_result_t {
    call(|| {
        out_info.check_versioned("out_info")?;
        let replay = Replay::open(replay.read("replay")?).map_err(damaged)?;
        let head = replay.head();
        let info = muster_replay_info_t {
            size: 0,
            key_ticks: head.key_ticks,
            tick_first: replay.tick_first(),
            tick_last: replay.tick_last(),
            config_hash: head.config_hash,
            map_hash: head.map_hash,
            is_whole: replay.damage().is_none().into(),
            reserved: 0,
        };
        out_info.write_versioned(info, "out_info")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_replay_verify(
    replay: muster_bytes_t,
    map_json: muster_bytes_t,
    out_divergence: Out<muster_divergence_t>,
) -> muster_result_t {
    call(|| {
        if !out_divergence.is_null() {
            out_divergence.check_versioned("out_divergence")?;
        }
        let report = player(replay, map_json)?.verify().map_err(damaged)?;
        let Some(report) = report else { return Ok(()) };
        if !out_divergence.is_null() {
            out_divergence.write_versioned((&report).into(), "out_divergence")?;
        }
        Err(Refused::new(MUSTER_E_DIVERGED, report.to_string()))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_replay_seek(
    replay: muster_bytes_t,
    map_json: muster_bytes_t,
    tick: u64,
    out_world: Out<*mut muster_world_t>,
) -> muster_result_t {
    call(|| {
        out_world.check("out_world")?;
        let mut player = player(replay, map_json)?;
        player.seek(tick).map_err(damaged)?;
        keep(player.into_world(), out_world)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_replay_step(
    world: *mut muster_world_t,
    replay: muster_bytes_t,
    out_is_end: Out<bool>,
) -> muster_result_t {
    with(world, |world| {
        out_is_end.check("out_is_end")?;
        let replay = Replay::open(replay.read("replay")?).map_err(damaged)?;
        let tick = world.core.tick();
        // All of a tick is read before any of it is done.
        let mut inputs = Vec::new();
        let Some(recorded) = replay.inputs(tick, &mut inputs).map_err(damaged)? else {
            return out_is_end.write(true, "out_is_end");
        };
        // In a world that is what it was, none is refused; in another one, the hash will tell.
        let refused = inputs.iter().filter(|input| world.apply(input).is_err()).count();
        world.accept(&Input::Step);
        out_is_end.write(false, "out_is_end")?;
        let played = world.core.hash();
        if played == recorded {
            return Ok(());
        }
        let text = format!(
            "after tick {tick} the hash is {played:016x}, and was {recorded:016x}; {refused} inputs of the tick were refused"
        );
        Err(Refused::new(MUSTER_E_DIVERGED, text))
    })
}

fn player<'call>(replay: muster_bytes_t, map_json: muster_bytes_t) -> Result<Player<'call>, Refused> {
    let replay = Replay::open(replay.read("replay")?).map_err(damaged)?;
    Player::new(replay, read_map(map_json)?, Execution::default()).map_err(damaged)
}
