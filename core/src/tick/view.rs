//! What every shard may read during a tick: the world as it was when the tick began.

use std::sync::Arc;

use super::partition::Partition;
use crate::{
    bot::Resource,
    config::WorldConfig,
    entity::{Directory, EntityId, Past, Place},
    map::Map,
    navigation::Navigator,
    physics::index::{Entry, Index},
    space::{Position, SectorId},
};

/// What does not change while a world lives.
#[derive(Debug)]
pub(crate) struct Constants {
    pub(crate) config: WorldConfig,
    pub(crate) map: Option<Map>,
    /// A tick in seconds, in 2^-32: what a speed is multiplied with to have a way.
    pub(crate) step_q32: i64,
}

impl Constants {
    pub(crate) fn new(config: WorldConfig, map: Option<Map>) -> Self {
        let rate = i64::from(config.tick_rate_hz);
        Self { step_q32: ((1 << 32) + rate / 2) / rate, config, map }
    }

    /// When a wall of the map stops a disc on its way.
    pub(crate) fn wall_on_way(&self, from: Position, way: (i32, i32), radius: i32, mask: u16) -> Option<u64> {
        let map = self.map.as_ref()?;
        let (x, y) = map.local(from)?;
        map.walls().raycast(x, y, way.0, way.1, radius, mask).map(|hit| hit.time)
    }

    /// The way that a speed makes in a tick, in units of length.
    pub(crate) fn way(&self, speed: i32) -> i32 {
        ((i64::from(speed) * self.step_q32 + (1 << 31)) >> 32) as i32
    }
}

/// The state of tick N that tick N+1 reads. It is put together before the shards work and taken apart after.
#[derive(Default, Debug)]
pub(crate) struct View {
    pub(crate) tick: u64,
    pub(crate) directory: Directory,
    /// By number of the region; `None` where there is none.
    pub(crate) indexes: Vec<Option<Box<Index>>>,
    /// By number of the region, where its rows were; empty ones if the world does not look back.
    pub(crate) pasts: Vec<Past>,
    pub(crate) partition: Arc<Partition>,
    /// The paths that entities walk.
    pub(crate) navigator: Option<Box<Navigator>>,
    /// The resource zones of the map and who holds them.
    pub(crate) resources: Vec<Resource>,
}

impl View {
    pub(crate) fn index(&self, region: u32) -> &Index {
        self.indexes[region as usize].as_ref().expect("a region that lives has an index")
    }

    /// Calls `visit` for every entity whose bounding box may touch the box, and some others, in the region and around it:
    /// the entry, and what is added to its coordinates to have them in the region's.
    pub(crate) fn for_each_near(
        &self,
        region: u32,
        low: (i32, i32),
        high: (i32, i32),
        mut visit: impl FnMut(&Entry, i32, i32),
    ) {
        let own = self.index(region);
        own.for_each_near(low, high, |place| visit(&own.entries()[place], 0, 0));
        for neighbour in &self.partition.strip(region).neighbours {
            let index = self.index(neighbour.region);
            let (x, y) = (neighbour.x, neighbour.y);
            index.for_each_near((low.0 - x, low.1 - y), (high.0 - x, high.1 - y), |place| {
                visit(&index.entries()[place], x, y);
            });
        }
    }

    /// Like [`Self::for_each_near`], as it was so many ticks ago: the entries have the places where they are judged to
    /// have been, in the coordinates of the sectors that they are in now.
    pub(crate) fn for_each_near_ago(
        &self,
        region: u32,
        low: (i32, i32),
        high: (i32, i32),
        ago: u8,
        mut visit: impl FnMut(&Entry, i32, i32),
    ) {
        if ago == 0 {
            return self.for_each_near(region, low, high, visit);
        }
        let mut look = |region: u32, x: i32, y: i32| {
            // Whoever was in the box is now at most so far outside.
            let moved = self.pasts[region as usize].moved_max(self.tick, ago);
            let index = self.index(region);
            let low = (low.0 - x - moved, low.1 - y - moved);
            let high = (high.0 - x + moved, high.1 - y + moved);
            index.for_each_near(low, high, |place| {
                let entry = &index.entries()[place];
                let was = self.judged(entry, ago);
                visit(&Entry { x: was.0, y: was.1, ..*entry }, x, y);
            });
        };
        look(region, 0, 0);
        for neighbour in &self.partition.strip(region).neighbours {
            look(neighbour.region, neighbour.x, neighbour.y);
        }
    }

    /// Where an entity is judged to have been so many ticks ago, in the coordinates of the sector that it is in now.
    pub(crate) fn judged(&self, entry: &Entry, ago: u8) -> (i32, i32) {
        if ago == 0 || entry.traits & Entry::NOT_REWOUND != 0 {
            return (entry.x, entry.y);
        }
        let Place { region, row } = self.directory.place_in(entry.slot);
        self.pasts[region as usize].judged(row as usize, (entry.x, entry.y), self.tick, ago)
    }

    /// The entry of a living entity and the sector that its coordinates are of.
    pub(crate) fn entry(&self, id: EntityId) -> Option<(&Entry, SectorId)> {
        let place = self.directory.place(id)?;
        let entry = self.index(place.region).entry_of_row(place.row as usize);
        Some((entry, self.partition.strip(place.region).sector))
    }
}
