//! What a shard has to say in a phase: to other shards, and to the world.

use std::sync::Arc;

use super::{
    message::{Batch, Shot},
    partition::Partition,
};
use crate::{
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

/// The outgoing post of a shard.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) partition: Arc<Partition>,
    /// By number of the shard.
    pub(crate) batches: Vec<Box<Batch>>,
    pub(crate) events: Vec<Event>,
    /// Entities that were destroyed.
    pub(crate) dead: Vec<EntityId>,
    /// Entities that went into sectors where nothing was yet, and the sectors.
    pub(crate) strays: Columns,
    pub(crate) stray_sectors: Vec<Stray>,
    pub(crate) stray_shots: Vec<(Stray, Shot)>,
}

impl Outbox {
    pub(crate) fn new(shards: usize, attributes: usize) -> Self {
        Self {
            partition: Arc::default(),
            batches: (0..shards).map(|_| Box::new(Batch::new(attributes))).collect(),
            events: Vec::new(),
            dead: Vec::new(),
            strays: Columns::new(attributes),
            stray_sectors: Vec::new(),
            stray_shots: Vec::new(),
        }
    }

    /// Sends an entity that `take` puts into columns to where it is now.
    pub(crate) fn send_entity(&mut self, from: SectorId, to: Position, take: impl FnOnce(&mut Columns)) {
        match self.partition.find(to.sector, to.y) {
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
}
