//! The world: what a host makes, fills, steps, asks and saves.
//!
//! ```
//! use muster_core::{Entity, Execution, METRE, Position, SectorId, World, WorldConfig};
//!
//! let mut world = World::new(WorldConfig::default(), None, Execution::default())?;
//! let at = Position::new(SectorId::new(0, 0), 100 * i64::from(METRE), 100 * i64::from(METRE));
//! let disc = Entity { half_x: 128, mass: 80_000, velocity_x: METRE, ..Entity::at(at) };
//! let id = world.spawn(&disc)?;
//! for _ in 0..60 {
//!     world.step();
//! }
//! // A second later it is a metre further, but for rounding.
//! assert!((world.entity(id)?.position.x - at.x - METRE).abs() < 100);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apply;
mod batch;
mod commands;
mod errands;
mod host;
mod load;
mod partitioning;
mod places;
mod query;
mod rehearsal;
mod rows;
mod save;
mod step;

use std::sync::Arc;

pub use apply::{Applied, InputError};
pub use batch::ProjectileError;
pub use commands::FLAG_TAKEN_OVER;
pub use host::{EntityError, SpawnError, WriteError};
pub use load::{OVERLOAD_PERMILLE, OVERLOADS_TO_RISE, RATE_STEP_MAX, REST_PERMILLE, RESTS_TO_FALL};
pub use query::{Filter, QUERY_MAX, RayHit};
pub use rows::Rows;

use load::Load;
use places::Places;

use crate::{
    ConfigError, Execution, Map, WorldConfig,
    command::{Command, Queue},
    entity::{Directory, EntityId, Place},
    event::{Battles, Event, Queues},
    hash::{self, Digest, Part},
    navigation::{Limits, Navigator},
    space::SectorId,
    tick::{
        message::Shot,
        outbox::{PathRequest, Stray},
        partition::Partition,
        region::Region,
        shard::Shard,
        view::{Constants, View},
        workers::Workers,
    },
};

/// Most commands that wait for a tick, of all players together.
const COMMANDS_MAX: u32 = 1 << 18;

/// A deterministic world. One thread at a time uses it; it uses as many as its [`Execution`] says.
pub struct World {
    constants: Arc<Constants>,
    execution: Execution,
    tick: u64,
    directory: Directory,
    partition: Arc<Partition>,
    shards: Vec<Box<Shard>>,
    workers: Workers<Box<Shard>>,
    view: Arc<View>,
    /// Commands for the coming tick.
    commands: Queue,
    /// The same in their order, while they are carried out.
    ordered: Vec<Command>,
    /// Players whose entities a bot commands, ascending.
    taken_over: Vec<u32>,
    /// Events of the coming tick.
    queues: Queues,
    /// Events of the last tick.
    events: Vec<Event>,
    new_shots: Vec<(u32, Shot)>,
    stray_shots: Vec<(Stray, Shot)>,
    /// Sectors that entities have left which may have to go back, while a tick lasts.
    held_open: Vec<SectorId>,
    /// By number of the region, whether nothing is in its sector.
    vacant: Vec<bool>,
    places: Places,
    battles: Battles,
    /// Regions that a query looks at, and the slots that it finds.
    near: Vec<u32>,
    slots: Vec<u32>,
    /// By which queries sort slots: a bit for each, all of them 0 in between.
    marks: Vec<u64>,
    /// The loads of shards, and the largest after the last try to even them out.
    loads: Vec<usize>,
    loads_settled: usize,
    /// There if there is a map.
    navigator: Option<Box<Navigator>>,
    path_requests: Vec<PathRequest>,
    paths_done: Vec<u32>,
    /// Entities destroyed in a tick, while it lasts.
    dead: Vec<EntityId>,
    next_shot: u64,
    /// What the host has reported of its time budget.
    load: Load,
    stats: Stats,
}

/// What was refused or dropped since the world was made, and how large it is. Not part of its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Entities that live.
    pub entities: u32,
    /// Projectiles in flight.
    pub projectiles: u32,
    /// Sectors that have something in them.
    pub sectors: u32,
    /// Regions that the sectors are divided into for threads.
    pub regions: u32,
    /// Entities that were kept at an edge because [`WorldConfig::sectors_max`] was reached.
    pub kept_at_edge: u64,
    /// Projectiles that ended because [`WorldConfig::sectors_max`] or [`WorldConfig::projectiles_max`] was reached.
    pub projectiles_dropped: u64,
    /// Events that were dropped, by class.
    pub events_dropped: [u64; 4],
    /// Commands that were refused.
    pub commands_refused: u64,
    /// Entities that went straight because too many waited for paths.
    pub paths_refused: u64,
    /// Ticks whose work was done on one thread since there was little of it.
    pub inline_ticks: u64,
}

impl World {
    /// A world with nothing in it.
    ///
    /// # Errors
    /// When a field of the configuration or of the execution is out of its range, or a pickup of the map names an attribute
    /// that the configuration does not declare.
    pub fn new(config: WorldConfig, mut map: Option<Map>, execution: Execution) -> Result<Self, ConfigError> {
        config.validate()?;
        if let Some(map) = &mut map {
            let unknown = ConfigError { field: "map", expected: "one whose pickups name declared attributes" };
            map.resolve(&config.attributes).map_err(|_| unknown)?;
        }
        execution.validate()?;
        let directory = Directory::new(config.entities_max);
        let commands = Queue::new(COMMANDS_MAX, config.entities_max, config.commands_per_tick_max);
        let queues = Queues::new(config.events_max);
        let (places, battles) = (Places::new(map.as_ref()), Battles::new(&config));
        let limits = navigation_limits(&config);
        let navigator = map.as_ref().map(|map| Box::new(Navigator::new(map.grid(), limits)));
        let constants = Arc::new(Constants::new(config, map));
        let mut world = Self {
            shards: Shard::group(execution.shards, &constants),
            workers: Workers::new(usize::from(execution.threads), |shard: &mut Box<Shard>| shard.run()),
            constants,
            execution,
            tick: 0,
            directory,
            partition: Arc::default(),
            view: Arc::default(),
            commands,
            ordered: Vec::new(),
            taken_over: Vec::new(),
            queues,
            events: Vec::new(),
            new_shots: Vec::new(),
            stray_shots: Vec::new(),
            held_open: Vec::new(),
            vacant: Vec::new(),
            places,
            battles,
            navigator,
            near: Vec::new(),
            slots: Vec::new(),
            marks: Vec::new(),
            loads: Vec::new(),
            loads_settled: 0,
            path_requests: Vec::new(),
            paths_done: Vec::new(),
            dead: Vec::new(),
            next_shot: 1,
            load: Load::default(),
            stats: Stats::default(),
        };
        world.set_partition(Vec::new());
        if let Some(map) = &world.constants.map {
            let view = Arc::get_mut(&mut world.view).expect("the view is nobody else's between ticks");
            view.resources = places::resources_for_bots(map);
        }
        Ok(world)
    }

    /// Changes how the world is worked on. No result changes.
    pub fn set_execution(&mut self, execution: Execution) -> Result<(), ConfigError> {
        execution.validate()?;
        if execution.threads != self.execution.threads {
            self.workers = Workers::new(usize::from(execution.threads), |shard: &mut Box<Shard>| shard.run());
        }
        self.execution = execution;
        let mut regions: Vec<_> = self.shards.drain(..).flat_map(|shard| shard.regions).collect();
        self.shards = Shard::group(execution.shards, &self.constants);
        self.shards[0].regions.append(&mut regions);
        self.merge_strips();
        self.divide();
        Ok(())
    }

    /// How many ticks the world has lived.
    pub fn tick(&self) -> u64 {
        self.tick
    }

    /// What the world was made with.
    pub fn config(&self) -> &WorldConfig {
        &self.constants.config
    }

    /// The map, if there is one.
    pub fn map(&self) -> Option<&Map> {
        self.constants.map.as_ref()
    }

    /// How the world is worked on.
    pub fn execution(&self) -> Execution {
        self.execution
    }

    /// By how many steps the host's reports of its load lower the rates at which the world is sent, 0 to
    /// [`RATE_STEP_MAX`].
    pub fn rate_step(&self) -> u8 {
        self.load.step()
    }

    /// Takes a report of how much of its time budget the host's last ticks took, in thousandths. Reports one after the
    /// other raise and lower [`Self::rate_step`]; how many is in [`OVERLOADS_TO_RISE`] and [`RESTS_TO_FALL`].
    pub fn report_load(&mut self, permille: u16) {
        self.load.handle_report(permille);
    }

    /// How many entities live.
    pub fn entity_count(&self) -> u32 {
        self.directory.live()
    }

    /// The events of the last tick, in their order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        let regions = self.partition.order().len() as u32;
        let projectiles = self.regions().map(|region| region.shots.len() as u32).sum();
        let events_dropped = self.queues.dropped();
        Stats {
            events_dropped,
            entities: self.directory.live(),
            sectors: self.partition.sectors(),
            regions,
            projectiles,
            ..self.stats
        }
    }

    /// The ids of all entities, ascending by slot.
    pub fn ids(&self, out: &mut Vec<EntityId>) {
        out.clear();
        out.extend(self.directory.ids());
    }

    /// The hash of the whole state. Equal worlds have equal hashes, whatever threads and shards they were worked on with.
    pub fn hash(&mut self) -> u64 {
        let mut sum = 0u64;
        self.for_each_sector_sum(|sector, part| sum = sum.wrapping_add(hash::combine(sector, part)));
        let mut digest = Digest::new(Part::World);
        digest.u64(self.tick);
        digest.u64(sum);
        digest.u64(self.next_shot);
        digest.u64(u64::from(self.directory.live()));
        digest.u64(self.directory.free_digest());
        digest.u64(self.places_digest());
        digest.u64(self.battles.digest());
        digest.u64(self.navigator.as_ref().map_or(0, |navigator| navigator.digest()));
        digest.u64(self.taken_over.len() as u64);
        self.taken_over.iter().for_each(|player| digest.u64(u64::from(*player)));
        // What only some worlds have adds nothing to the hashes of the others.
        if self.load != Load::default() {
            digest.bytes(&self.load.parts());
        }
        if self.config().rewind_ticks > 0 {
            digest.u64(self.past_sum());
        }
        digest.finish()
    }

    /// The sum of the hashes of where everybody was. It is worked out only when it is asked for: a tick changes no past.
    fn past_sum(&self) -> u64 {
        let regions = self.regions().map(|region| hash::past(&region.columns, self.tick));
        regions.fold(0, u64::wrapping_add)
    }

    /// The hash of each sector that has something in it, in the order of sectors.
    pub fn sector_hashes(&mut self, out: &mut Vec<(SectorId, u64)>) {
        out.clear();
        self.for_each_sector_sum(|sector, sum| out.push((sector, hash::combine(sector, sum))));
    }

    fn for_each_sector_sum(&mut self, mut visit: impl FnMut(SectorId, u64)) {
        let partition = Arc::clone(&self.partition);
        for group in partition.order().chunk_by(|a, b| partition.strip(*a).sector == partition.strip(*b).sector) {
            let (mut sum, mut is_empty) = (0u64, true);
            for number in group {
                let region = self.region_mut(*number);
                if region.sum_is_stale {
                    region.sum = region.state_sum();
                    region.sum_is_stale = false;
                }
                sum = sum.wrapping_add(region.sum);
                is_empty &= region.is_empty();
            }
            if !is_empty {
                visit(partition.strip(group[0]).sector, sum);
            }
        }
    }

    pub(crate) fn regions(&self) -> impl Iterator<Item = &Region> {
        self.shards.iter().flat_map(|shard| shard.regions.iter().map(AsRef::as_ref))
    }

    fn region_mut(&mut self, number: u32) -> &mut Region {
        let shard = self.partition.strip(number).shard;
        self.shards[usize::from(shard)].region_mut(number)
    }

    fn region(&self, number: u32) -> &Region {
        let shard = self.partition.strip(number).shard;
        self.shards[usize::from(shard)].region(number)
    }

    fn place(&self, id: EntityId) -> Result<Place, EntityError> {
        self.directory.place(id).ok_or(EntityError::Gone)
    }
}

/// Every entity may wait for a path.
fn navigation_limits(config: &WorldConfig) -> Limits {
    Limits {
        requests_max: config.entities_max,
        paths_max: config.paths_max,
        expansions_per_tick: config.path_expansions_per_tick,
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("tick", &self.tick).field("stats", &self.stats()).finish_non_exhaustive()
    }
}
