//! What shards send each other in a tick.

use crate::{
    config::WorldConfig,
    entity::{Columns, EntityId},
    hash::{Digest, Part},
};

/// A hit on an entity of another region or of one's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Damage {
    /// Where the target's row was when the tick began.
    pub(crate) region: u32,
    pub(crate) row: u32,
    /// 0 or more.
    pub(crate) amount: i32,
    pub(crate) shooter: EntityId,
}

/// A projectile in flight, its place relative to the sector of the region that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shot {
    pub(crate) id: u64,
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) velocity_x: i32,
    pub(crate) velocity_y: i32,
    pub(crate) radius: i32,
    pub(crate) damage: i32,
    /// How far it still flies.
    pub(crate) range: i32,
    pub(crate) shooter: EntityId,
    pub(crate) team: u16,
    pub(crate) hits: u16,
}

/// Everything from one shard to another in one phase. **The order within a batch never matters**: what is in it is summed
/// up, or becomes rows whose order is free.
#[derive(Default, Debug)]
pub(crate) struct Batch {
    pub(crate) damages: Vec<Damage>,
    /// Entities that have left their region, and for each the region that gets it.
    pub(crate) arrivals: Columns,
    pub(crate) arrival_regions: Vec<u32>,
    /// Projectiles that have left their region, each with the region that gets it.
    pub(crate) shots: Vec<(u32, Shot)>,
}

impl Batch {
    pub(crate) fn new(config: &WorldConfig) -> Self {
        /// More rarely leave a region for another one in a tick.
        const ARRIVALS: usize = 64;
        let arrivals = ARRIVALS.min(config.entities_max as usize);
        let mut batch = Self {
            damages: Vec::with_capacity(arrivals),
            arrivals: Columns::of(config),
            arrival_regions: Vec::with_capacity(arrivals),
            shots: Vec::with_capacity(ARRIVALS.min(config.projectiles_max as usize)),
        };
        batch.arrivals.make_room(arrivals);
        batch
    }
}

impl Shot {
    /// Its part of the state's hash.
    pub(crate) fn hash(&self) -> u64 {
        let mut digest = Digest::new(Part::Projectiles);
        let halves = |low: i32, high: i32| u64::from(low.cast_unsigned()) | u64::from(high.cast_unsigned()) << 32;
        digest.u64(self.id);
        digest.u64(halves(self.x, self.y));
        digest.u64(halves(self.velocity_x, self.velocity_y));
        digest.u64(halves(self.radius, self.damage));
        digest.u64(halves(self.range, i32::from(self.team)));
        digest.u64(self.shooter.bits() ^ u64::from(self.hits) << 48);
        digest.finish()
    }
}
