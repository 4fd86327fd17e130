//! `muster/world.h`: the life of a world. What is in one is read and written by the modules beside this.

use core::{ffi::c_void, mem};

use muster_core::{
    Entity, EntityId, Execution, Input, SectorId,
    command::{Command, decode_inputs},
    replay::Recorder,
    world::{Applied, InputError},
};

use crate::{
    base::{muster_bytes_t, muster_position_t},
    boundary::{In, Out, Versioned},
    config::{muster_execution_t, muster_world_config_t},
    error::{Refused, call, muster_result_t, muster_result_t::*},
    map::read_map,
    path::Paths,
    roots::{self, Root, Slots},
    space::muster_sector_t,
};

/// What a handle is a pointer to, for C. There is nothing behind it.
#[derive(Debug)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_world_t {
    _nothing: [c_void; 0],
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_sector_hash_t {
    pub sector: muster_sector_t,
    pub hash: u64,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_stats_t {
    pub size: u32,
    pub entities: u32,
    pub projectiles: u32,
    pub sectors: u32,
    pub kept_at_edge: u64,
    pub projectiles_dropped: u64,
    pub events_dropped: [u64; 4],
    pub commands_refused: u64,
    pub paths_refused: u64,
    pub inline_ticks: u64,
}

impl Versioned for muster_stats_t {
    const SIZE_MIN: usize = 88;
}

/// A world and what its callers' calls need from one to the next.
pub(crate) struct World {
    pub(crate) core: muster_core::World,
    /// Lists that are kept so that steady calls allocate nothing.
    pub(crate) ids: Vec<EntityId>,
    pub(crate) wide: Vec<i64>,
    pub(crate) narrow: Vec<i32>,
    pub(crate) positions: Vec<muster_position_t>,
    pub(crate) pairs: Vec<[f32; 2]>,
    /// What records the world, or has recorded it and still has bytes for the host.
    pub(crate) recorder: Option<Recorder>,
    pub(crate) is_recording: bool,
    /// Made by the first search.
    pub(crate) paths: Option<Paths>,
    commands: Vec<Command>,
    hashes: Vec<(SectorId, u64)>,
    /// The bytes of the last save.
    snapshot: Vec<u8>,
    /// Whether nothing has changed since then.
    snapshot_is_fresh: bool,
}

static WORLDS: Slots<World> = Slots::new(1);

impl Root for World {
    const HANDLE: &'static str = "muster_world_t *";

    fn slots() -> &'static Slots<Self> {
        &WORLDS
    }
}

impl World {
    pub(crate) fn new(core: muster_core::World) -> Self {
        Self {
            core,
            ids: Vec::new(),
            wide: Vec::new(),
            narrow: Vec::new(),
            positions: Vec::new(),
            pairs: Vec::new(),
            recorder: None,
            is_recording: false,
            paths: None,
            commands: Vec::new(),
            hashes: Vec::new(),
            snapshot: Vec::new(),
            snapshot_is_fresh: false,
        }
    }

    /// Works with an empty list of commands that is kept for the next call.
    pub(crate) fn with_commands(
        &mut self,
        work: impl FnOnce(&mut Self, &mut Vec<Command>) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let mut commands = mem::take(&mut self.commands);
        commands.clear();
        let done = work(self, &mut commands);
        self.commands = commands;
        done
    }

    /// An empty list of ids, to be put back into `ids`.
    pub(crate) fn take_ids(&mut self) -> Vec<EntityId> {
        let mut ids = mem::take(&mut self.ids);
        ids.clear();
        ids
    }

    /// Does what was checked before.
    ///
    /// # Panics
    /// When the world refuses it all the same, which is a fault of the check.
    pub(crate) fn accept(&mut self, input: &Input) {
        self.apply(input).expect("it was checked before");
    }

    /// Makes an entity that was checked before.
    pub(crate) fn spawn(&mut self, entity: Entity) -> EntityId {
        match self.apply(&Input::Spawn(entity)).expect("it was checked before") {
            Applied::Spawned(id) => id,
            Applied::Done => unreachable!("a spawn makes an entity"),
        }
    }

    /// Gives a command. One that is refused becomes an event that says so.
    pub(crate) fn command(&mut self, command: Command) {
        let _ = self.apply(&Input::Command(command));
    }

    /// The one way in which a world is changed.
    pub(crate) fn apply(&mut self, input: &Input) -> Result<Applied, InputError> {
        self.snapshot_is_fresh = false;
        match &mut self.recorder {
            Some(recorder) if self.is_recording => recorder.apply(&mut self.core, input),
            _ => self.core.apply(input),
        }
    }
}

/// Works with the world of a handle.
pub(crate) fn with(
    world: *mut muster_world_t,
    work: impl FnOnce(&mut World) -> Result<(), Refused>,
) -> muster_result_t {
    call(|| roots::with(world.addr() as u64, work))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_config_default(out_config: Out<muster_world_config_t>, size: u32) -> muster_result_t {
    call(|| {
        let config = muster_world_config_t::defaults(size);
        out_config.write_records([config].into_iter(), size as usize, "out_config")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_create(
    config: In<muster_world_config_t>,
    out_world: Out<*mut muster_world_t>,
) -> muster_result_t {
    call(|| {
        out_world.check("out_world")?;
        let config = if config.is_null() {
            muster_world_config_t::defaults(size_of::<muster_world_config_t>() as u32)
        } else {
            config.versioned("config")?
        };
        let map = read_map(config.map_json)?;
        let core = muster_core::World::new(config.read()?, map, Execution::default())
            .map_err(|error| Refused::new(MUSTER_E_CONFIG, error.to_string()))?;
        keep(core, out_world)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_destroy(world: *mut muster_world_t) -> muster_result_t {
    call(|| roots::end::<World>(world.addr() as u64))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_adopt(world: *mut muster_world_t) -> muster_result_t {
    call(|| roots::adopt::<World>(world.addr() as u64))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_set_execution(
    world: *mut muster_world_t,
    execution: In<muster_execution_t>,
) -> muster_result_t {
    with(world, |world| {
        let execution = execution.versioned("execution")?.read()?;
        world.core.set_execution(execution).map_err(|error| Refused::new(MUSTER_E_CONFIG, error.to_string()))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_step(world: *mut muster_world_t, inputs: muster_bytes_t) -> muster_result_t {
    with(world, |world| {
        let bytes = inputs.read("inputs")?;
        world.with_commands(|world, commands| {
            if !bytes.is_empty() {
                let refused = |text: String| Refused::new(MUSTER_E_INPUT, text);
                let tick = decode_inputs(bytes, commands).map_err(|error| refused(error.to_string()))?;
                let next = world.core.tick();
                if let Some(tick) = tick.filter(|tick| *tick != next) {
                    return Err(refused(format!("the inputs are for tick {tick}, and the next is {next}")));
                }
            }
            commands.iter().for_each(|command| world.command(*command));
            world.accept(&Input::Step);
            Ok(())
        })
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_tick(world: *mut muster_world_t, out_tick: Out<u64>) -> muster_result_t {
    with(world, |world| out_tick.write(world.core.tick(), "out_tick"))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_entity_count(world: *mut muster_world_t, out_count: Out<u32>) -> muster_result_t {
    with(world, |world| out_count.write(world.core.entity_count(), "out_count"))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_stats(world: *mut muster_world_t, out_stats: Out<muster_stats_t>) -> muster_result_t {
    with(world, |world| {
        let stats = world.core.stats();
        let stats = muster_stats_t {
            size: 0,
            entities: stats.entities,
            projectiles: stats.projectiles,
            sectors: stats.sectors,
            kept_at_edge: stats.kept_at_edge,
            projectiles_dropped: stats.projectiles_dropped,
            events_dropped: stats.events_dropped,
            commands_refused: stats.commands_refused,
            paths_refused: stats.paths_refused,
            inline_ticks: stats.inline_ticks,
        };
        out_stats.write_versioned(stats, "out_stats")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_report_load(world: *mut muster_world_t, permille: u32) -> muster_result_t {
    with(world, |world| {
        world.accept(&Input::Load { permille: u16::try_from(permille).unwrap_or(u16::MAX) });
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_rate_step(world: *mut muster_world_t, out_step: Out<u32>) -> muster_result_t {
    with(world, |world| out_step.write(world.core.rate_step().into(), "out_step"))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_hash(world: *mut muster_world_t, out_hash: Out<u64>) -> muster_result_t {
    with(world, |world| out_hash.write(world.core.hash(), "out_hash"))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_sector_hashes(
    world: *mut muster_world_t,
    out_hashes: Out<muster_sector_hash_t>,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(world, |world| {
        world.core.sector_hashes(&mut world.hashes);
        let hashes =
            world.hashes.iter().map(|(sector, hash)| muster_sector_hash_t { sector: (*sector).into(), hash: *hash });
        out_hashes.fill(hashes, capacity, out_count, "out_hashes")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_save(
    world: *mut muster_world_t,
    out_snapshot: Out<u8>,
    capacity: usize,
    out_size: Out<usize>,
) -> muster_result_t {
    with(world, |world| {
        // Who asks for the size first has the same bytes copied by the second call.
        if !world.snapshot_is_fresh {
            world.snapshot.clear();
            world.core.save(&mut world.snapshot);
            world.snapshot_is_fresh = true;
        }
        out_snapshot.fill_bytes(&world.snapshot, capacity, out_size, "out_snapshot")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_world_restore(
    snapshot: muster_bytes_t,
    map_json: muster_bytes_t,
    out_world: Out<*mut muster_world_t>,
) -> muster_result_t {
    call(|| {
        out_world.check("out_world")?;
        let map = read_map(map_json)?;
        let core = muster_core::World::restore(snapshot.read("snapshot")?, map, Execution::default())
            .map_err(|error| Refused::new(MUSTER_E_SNAPSHOT, error.to_string()))?;
        keep(core, out_world)
    })
}

pub(crate) fn keep(core: muster_core::World, out_world: Out<*mut muster_world_t>) -> Result<(), Refused> {
    let handle = roots::keep(World::new(core))?;
    out_world.write(core::ptr::without_provenance_mut(handle as usize), "out_world")
}

/// Debug builds can be made to fail, so that tests see what then happens.
#[cfg(debug_assertions)]
#[unsafe(no_mangle)]
pub extern "C" fn muster_test_panic(world: *mut muster_world_t) -> muster_result_t {
    with(world, |_| panic!("muster_test_panic was called"))
}
