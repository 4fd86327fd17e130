//! What a shard has to say in a phase: to other shards, and to the world.

use std::sync::Arc;

use super::{
    message::{Batch, Damage, Shot},
    partition::Partition,
};
use crate::{
    config::WorldConfig,
    entity::{Columns, EntityId},
    event::Event,
    space::{Position, SectorId},
};

/// A way into a sector where nothing was yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stray {
    pub(crate) from: SectorId,
    pub(crate) to: SectorId,
}

/// How much of each a shard has room for from the beginning.
const KEPT: usize = 256;

/// The outgoing post of a shard.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) partition: Arc<Partition>,
    /// By number of the region, whether nothing was in its sector when the tick began. What goes there is a stray as in a
    /// sector that has no region yet: empty sectors may or may not have one, and that must not show when sectors run out.
    pub(crate) vacant: Vec<bool>,
    /// By number of the shard.
    pub(crate) batches: Vec<Box<Batch>>,
    pub(crate) events: Vec<Event>,
    /// Entities that were destroyed.
    pub(crate) dead: Vec<EntityId>,
    /// Entities that went into sectors where nothing was, and the sectors.
    pub(crate) strays: Columns,
    pub(crate) stray_sectors: Vec<Stray>,
    pub(crate) stray_shots: Vec<(Stray, Shot)>,
    /// Projectiles that were fired, without ids yet, and the regions they are in.
    pub(crate) new_shots: Vec<(u32, Shot)>,
    pub(crate) path_requests: Vec<PathRequest>,
    /// Paths that one walker less walks.
    pub(crate) paths_done: Vec<u32>,
}

/// A way that an entity wants to know, in cells of the map's grid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub(crate) struct PathRequest {
    pub(crate) entity: EntityId,
    pub(crate) from: (u32, u32),
    pub(crate) to: (u32, u32),
}

impl Outbox {
    pub(crate) fn new(shards: usize, config: &WorldConfig) -> Self {
        let kept = KEPT.min(config.entities_max as usize);
        Self {
            partition: Arc::default(),
            vacant: Vec::new(),
            batches: (0..shards).map(|_| Box::new(Batch::new(config))).collect(),
            events: Vec::with_capacity(kept),
            dead: Vec::with_capacity(kept),
            strays: Columns::of(config),
            stray_sectors: Vec::new(),
            stray_shots: Vec::new(),
            new_shots: Vec::with_capacity(KEPT.min(config.projectiles_max as usize)),
            path_requests: Vec::with_capacity(kept),
            paths_done: Vec::with_capacity(kept),
        }
    }

    /// Sends an entity that `take` puts into columns to where it is now.
    pub(crate) fn send_entity(&mut self, from: SectorId, to: Position, take: impl FnOnce(&mut Columns)) {
        match self.find(to) {
            Some(region) => {
                let batch = &mut self.batches[usize::from(self.partition.strip(region).shard)];
                take(&mut batch.arrivals);
                batch.arrival_regions.push(region);
            }
            None => {
                take(&mut self.strays);
                self.stray_sectors.push(Stray { from, to: to.sector });
            }
        }
    }

    /// Sends a hit to the entity's region.
    pub(crate) fn send_damage(&mut self, damage: Damage) {
        let shard = self.partition.strip(damage.region).shard;
        self.batches[usize::from(shard)].damages.push(damage);
    }

    /// Sends a projectile, whose place is still relative to the sector it comes from, to where it is now.
    pub(crate) fn send_shot(&mut self, from: SectorId, mut shot: Shot) {
        let to = Position::new(from, i64::from(shot.x), i64::from(shot.y));
        (shot.x, shot.y) = (to.x, to.y);
        match self.find(to) {
            Some(region) => self.batches[usize::from(self.partition.strip(region).shard)].shots.push((region, shot)),
            None => self.stray_shots.push((Stray { from, to: to.sector }, shot)),
        }
    }

    /// The region that has a place, if something was in its sector when the tick began.
    fn find(&self, to: Position) -> Option<u32> {
        self.partition.find(to.sector, to.y).filter(|region| !self.vacant[*region as usize])
    }
}
