//! What a world is made with.

use core::fmt;

use crate::{entity::ATTRIBUTES_MAX, space::METRE};

/// Most bytes of an attribute's name.
pub const TEXT_MAX: usize = 64;

/// Nothing is judged more than the part of a second back that 1 is of this: 250 ms. Who sees others later than that is
/// at a loss, so that those who are seen are not hit long after they have taken cover.
const REWINDS_A_SECOND: u32 = 4;

/// What a world is and how much it may hold. It is part of a world's identity: a snapshot or a replay carries it, and
/// two worlds of different configurations have different hashes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorldConfig {
    /// From which all randomness of the world comes.
    pub seed: u64,
    /// Ticks a second, 1 to 240.
    pub tick_rate_hz: u32,
    /// Most entities at a time, up to 2^24.
    pub entities_max: u32,
    /// Most projectiles at a time.
    pub projectiles_max: u32,
    /// Most sectors that have something in them at a time.
    pub sectors_max: u32,
    /// The names of the attributes, [`ATTRIBUTES_MAX`] at most.
    pub attributes: Vec<String>,
    /// The weapons; [`crate::Column::Weapon`] is an index from 1.
    pub weapons: Vec<Weapon>,
    /// Limit of every speed, in units of length a second; at most 4 km/s, and 250 m a tick.
    pub speed_max: i32,
    /// Most commands of a player in a tick; more are refused.
    pub commands_per_tick_max: u32,
    /// How far from an entity a place may be that it is told to go to, in units of length.
    pub reach_max: i64,
    /// How near, edge to edge, an entity must be to what it uses, in units of length.
    pub use_range: i32,
    /// Most events of a tick for each class: critical, high, normal, low. What goes beyond is dropped and counted.
    pub events_max: [u32; 4],
    /// How many participants of hits in one sector within a second make a massive battle.
    pub massive_battle_min: u32,
    /// The kinds of entity whose destruction is BaseDestroyed.
    pub base_kinds: Vec<u16>,
    /// Most cells of the navigation grid looked at in a tick for all paths together.
    pub path_expansions_per_tick: u32,
    /// Most paths kept, walked ones and cached ones together.
    pub paths_max: u32,
    /// The behaviours of bots; [`crate::Column::Bot`] is an index from 1.
    pub behaviours: Vec<Behaviour>,
    /// How many ticks back hits may be judged, at most 250 ms, for players who see others late; 0 keeps no past. A past
    /// takes 8 bytes a tick for each entity.
    pub rewind_ticks: u8,
}

/// A weapon: what an attack does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Weapon {
    /// What a hit takes from the target's health.
    pub damage: i32,
    /// How far it reaches, in units of length: up to 500 m if it hits at once, up to 10 km for projectiles.
    pub range: i32,
    /// Ticks from a shot to the next, at least 1.
    pub reload_ticks: u32,
    /// Speed of its projectiles, in units of length a second; 0 hits at once.
    pub projectile_speed: i32,
    /// Radius of its projectiles, in units of length.
    pub projectile_radius: i32,
    /// The collision layers that it hits.
    pub hits: u16,
    /// Whether it hits entities of the shooter's own team.
    pub friendly_fire: bool,
    /// Whether what it hits at once is judged where the one who shot saw it; see [`WorldConfig::rewind_ticks`].
    /// Projectiles meet others where they are.
    pub rewinds: bool,
    /// Whether each shot is told as an event [`crate::event::Kind::Fired`], so that others can show it on its way.
    pub tracer: bool,
}

/// What a bot does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Behaviour {
    /// What it does by itself, in order: the first that applies decides.
    pub steps: Vec<Step>,
    /// How far it notices others, in units of length.
    pub sight: i32,
    /// Ticks between two decisions, at least 1. Bots decide in different ticks.
    pub think_ticks: u32,
}

/// One part of a behaviour. Distances are in units of length.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Runs from the nearest enemy in sight while its health is below so many hundredths of the whole.
    Flee {
        /// 0 to 100.
        below_percent: u8,
    },
    /// Attacks the nearest enemy in sight.
    Chase,
    /// Goes back when it is further from its post, where it began, than this; attacks enemies within it.
    Guard {
        /// How far it goes.
        radius: i32,
    },
    /// Goes to a resource zone of the map that is not its team's, the nearest first.
    Capture,
    /// Stays near the entity in its target column.
    Follow {
        /// How near.
        distance: i32,
    },
    /// Goes round the map's patrol of this number.
    Patrol {
        /// In the map's list, from 0.
        route: u16,
    },
    /// Goes to places around its post at random.
    Wander {
        /// How far.
        radius: i32,
    },
}

/// How a world is worked on. **Nothing here changes a result.**
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Execution {
    /// Into how many shards the sectors are grouped, 1 to 256.
    pub shards: u16,
    /// How many threads work on them, 1 to 256; 1 works on the caller's.
    pub threads: u16,
    /// With fewer entities than this, all is done on the caller's thread.
    pub inline_below: u32,
    /// A sector with more entities than this is split, so that more threads can work on it; 0 never splits.
    pub split_above: u32,
}

/// What is wrong with a configuration: the field and what it must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The field.
    pub field: &'static str,
    /// What it must be.
    pub expected: &'static str,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            tick_rate_hz: 60,
            entities_max: 65_536,
            projectiles_max: 65_536,
            sectors_max: 4096,
            attributes: Vec::new(),
            weapons: Vec::new(),
            speed_max: 200 * METRE,
            commands_per_tick_max: 64,
            reach_max: 100_000 * i64::from(METRE),
            use_range: 2 * METRE,
            events_max: [1024, 4096, 8192, 8192],
            massive_battle_min: 100,
            base_kinds: Vec::new(),
            path_expansions_per_tick: 50_000,
            paths_max: 4096,
            behaviours: Vec::new(),
            rewind_ticks: 0,
        }
    }
}

impl Default for Execution {
    fn default() -> Self {
        Self { shards: 1, threads: 1, inline_below: 2000, split_above: 0 }
    }
}

impl WorldConfig {
    /// Most entities that any world may be made for.
    pub const ENTITIES_MAX: u32 = 1 << 24;

    /// Checks every field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let speed_max = i64::from(self.speed_max);
        let checks = [
            ((1..=240).contains(&self.tick_rate_hz), "tick_rate_hz", "1 to 240"),
            ((1..=Self::ENTITIES_MAX).contains(&self.entities_max), "entities_max", "1 to 16,777,216"),
            (self.projectiles_max <= Self::ENTITIES_MAX, "projectiles_max", "at most 16,777,216"),
            ((1..=1 << 20).contains(&self.sectors_max), "sectors_max", "1 to 1,048,576"),
            (self.attributes.len() <= ATTRIBUTES_MAX, "attributes", "at most 64"),
            (self.attributes.iter().all(|name| name.len() <= TEXT_MAX), "attributes", "names of at most 64 bytes"),
            (self.base_kinds.len() <= 1 << 16, "base_kinds", "at most 65,536"),
            (self.weapons.len() <= 255, "weapons", "at most 255"),
            (
                self.weapons.iter().all(Weapon::is_valid),
                "weapons",
                "lengths and damage of 0 or more, reload_ticks of 1 or more",
            ),
            (
                speed_max > 0 && speed_max <= i64::from(METRE) * 4000.min(250 * i64::from(self.tick_rate_hz)),
                "speed_max",
                "above 0, at most 4000 m/s and at most 250 m a tick",
            ),
            ((0..=1 << 50).contains(&self.reach_max), "reach_max", "0 to 2^50"),
            (self.use_range >= 0, "use_range", "0 or more"),
            (self.paths_max <= 1 << 20, "paths_max", "at most 1,048,576"),
            (
                u32::from(self.rewind_ticks) * REWINDS_A_SECOND <= self.tick_rate_hz,
                "rewind_ticks",
                "at most 250 ms, a quarter of tick_rate_hz",
            ),
            (self.behaviours.len() <= 65_535, "behaviours", "at most 65,535"),
            (
                self.behaviours.iter().all(Behaviour::is_valid),
                "behaviours",
                "sight of 0 to 250 m, think_ticks of 1 or more, at most 16 steps",
            ),
        ];
        checks
            .into_iter()
            .find(|(holds, ..)| !holds)
            .map_or(Ok(()), |(_, field, expected)| Err(ConfigError { field, expected }))
    }
}

/// Most radius of a projectile, in units of length: ways are looked at in boxes that are so much wider.
pub(crate) const PROJECTILE_RADIUS_MAX: i32 = 10 * METRE;

impl Weapon {
    fn is_valid(&self) -> bool {
        self.damage >= 0
            && (0..=self.range_max()).contains(&self.range)
            && self.reload_ticks >= 1
            && self.projectile_speed >= 0
            && (0..=PROJECTILE_RADIUS_MAX).contains(&self.projectile_radius)
    }

    /// How many ticks ago it meets others, if whoever fires it saw them so many ticks ago.
    pub(crate) const fn looks_back(&self, ago: u8) -> u8 {
        if self.rewinds && self.projectile_speed == 0 { ago } else { 0 }
    }

    const fn range_max(&self) -> i32 {
        if self.projectile_speed > 0 { 10_000 * METRE } else { 500 * METRE }
    }
}

impl Behaviour {
    fn is_valid(&self) -> bool {
        (0..=250 * METRE).contains(&self.sight) && self.think_ticks >= 1 && self.steps.len() <= 16
    }
}

impl Execution {
    /// Checks every field.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let checks = [
            ((1..=256).contains(&self.shards), "shards", "1 to 256"),
            ((1..=256).contains(&self.threads), "threads", "1 to 256"),
        ];
        checks
            .into_iter()
            .find(|(holds, ..)| !holds)
            .map_or(Ok(()), |(_, field, expected)| Err(ConfigError { field, expected }))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}", self.field, self.expected)
    }
}

impl core::error::Error for ConfigError {}
