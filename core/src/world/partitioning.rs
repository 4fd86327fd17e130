//! How the world's sectors are divided into regions and the regions among shards.

use std::sync::Arc;

use super::World;
use crate::{
    entity::{Columns, MOVED_MAX, Past, Place},
    space::{SECTOR_SIDE, SectorId},
    tick::{
        partition::{Partition, Strip},
        region::Region,
    },
};

impl World {
    /// Makes sure that a sector has a region. False if there are too many sectors.
    pub(super) fn open_sector(&mut self, sector: SectorId) -> bool {
        if !self.partition.regions_of(sector).is_empty() {
            return true;
        }
        if self.partition.sectors() >= self.constants.config.sectors_max {
            self.close_empty_sectors();
            if self.partition.sectors() >= self.constants.config.sectors_max {
                return false;
            }
        }
        let shard = self.lightest_shard();
        let mut strips = self.partition.strips().to_vec();
        self.add_region(&mut strips, Strip { sector, low: 0, high: SECTOR_SIDE, neighbours: Vec::new(), shard });
        self.set_partition(strips);
        true
    }

    /// Forgets sectors in which nothing is and into which nothing may have to go back.
    pub(super) fn close_empty_sectors(&mut self) {
        let mut strips = self.partition.strips().to_vec();
        let partition = Arc::clone(&self.partition);
        let mut closed = false;
        for group in partition.order().chunk_by(|a, b| partition.strip(*a).sector == partition.strip(*b).sector) {
            let sector = partition.strip(group[0]).sector;
            let is_empty = group.iter().all(|number| self.region(*number).is_empty());
            if is_empty && !self.held_open.contains(&sector) {
                group.iter().for_each(|number| strips[*number as usize] = None);
                closed = true;
            }
        }
        if closed {
            for shard in &mut self.shards {
                shard.regions.retain(|region| strips[region.number as usize].is_some());
            }
            self.set_partition(strips);
        }
    }

    /// Tells every shard in which sectors nothing is.
    pub(super) fn note_vacant_sectors(&mut self) {
        let mut vacant = std::mem::take(&mut self.vacant);
        vacant.clear();
        vacant.resize(self.partition.strips().len(), false);
        let partition = &self.partition;
        for group in partition.order().chunk_by(|a, b| partition.strip(*a).sector == partition.strip(*b).sector) {
            let is_empty = group.iter().all(|number| self.region(*number).is_empty());
            group.iter().for_each(|number| vacant[*number as usize] = is_empty);
        }
        for shard in &mut self.shards {
            shard.outbox.vacant.clone_from(&vacant);
        }
        self.vacant = vacant;
    }

    /// Makes a division known to all, with places for the regions' indexes in the view.
    pub(super) fn set_partition(&mut self, strips: Vec<Option<Strip>>) {
        let moved_max = if self.config().rewind_ticks > 0 { MOVED_MAX } else { 0 };
        let partition = Arc::new(Partition::new(strips, moved_max));
        for shard in &mut self.shards {
            shard.set_partition(&partition);
        }
        let view = Arc::get_mut(&mut self.view).expect("the view is nobody else's between ticks");
        view.partition = Arc::clone(&partition);
        view.indexes.clear();
        view.indexes.resize_with(partition.strips().len(), || None);
        view.pasts.clear();
        view.pasts.resize_with(partition.strips().len(), Past::default);
        self.partition = partition;
    }

    /// Splits what is crowded and spreads regions over shards by how much is in them. Called now and then; nothing but
    /// time depends on when.
    pub(super) fn divide(&mut self) {
        let wanted = self.strips_wanted();
        if let Some(sector) = wanted {
            self.split(sector);
        }
        self.balance();
    }

    /// A sector that should be split otherwise than it is.
    fn strips_wanted(&self) -> Option<(SectorId, usize)> {
        let above = self.execution.split_above as usize;
        let order = self.partition.order();
        let sector_of = |number: &u32| self.partition.strip(*number).sector;
        order.chunk_by(|a, b| sector_of(a) == sector_of(b)).find_map(|group| {
            let counts = group.iter().map(|number| self.region(*number).columns.len());
            let (total, largest) = counts.fold((0, 0), |(total, largest), count| (total + count, largest.max(count)));
            let parts = match above {
                0 => 1,
                _ if self.execution.shards == 1 => 1,
                // Between half of the limit and all of it, what is split stays split.
                _ if total > above || (group.len() > 1 && total > above / 2) => usize::from(self.execution.shards),
                _ => 1,
            };
            let uneven = parts > 1 && largest * parts > total + total / 4 + 64;
            (parts != group.len() || uneven).then(|| (sector_of(&group[0]), parts))
        })
    }

    /// Divides a sector into strips with as many entities each.
    fn split(&mut self, (sector, parts): (SectorId, usize)) {
        let numbers = self.partition.regions_of(sector).to_vec();
        let mut strips = self.partition.strips().to_vec();
        let mut old: Vec<Box<Region>> = Vec::new();
        for number in numbers {
            let shard = &mut self.shards[usize::from(self.partition.strip(number).shard)];
            let seat = shard.regions.iter().position(|region| region.number == number).expect("a region has a seat");
            old.push(shard.regions.swap_remove(seat));
            strips[number as usize] = None;
        }
        let mut heights: Vec<i32> = old.iter().flat_map(|region| region.columns.y.iter().copied()).collect();
        heights.sort_unstable();
        let mut edges: Vec<i32> =
            (1..parts).filter_map(|part| heights.get(heights.len() * part / parts).copied()).collect();
        edges.retain(|edge| (1..SECTOR_SIDE).contains(edge));
        edges.dedup();
        edges.insert(0, 0);
        edges.push(SECTOR_SIDE);
        let mut new = Vec::new();
        for edge in edges.windows(2) {
            let strip =
                Strip { sector, low: edge[0], high: edge[1], neighbours: Vec::new(), shard: self.lightest_shard() };
            new.push((edge[1], self.add_region(&mut strips, strip)));
        }
        self.set_partition(strips);
        for (_, number) in &new {
            // A quarter more than its part, for what comes and goes between strips that are as full.
            let part = heights.len() / new.len();
            self.region_mut(*number).columns.make_room(part + part / 8);
        }
        for mut from in old {
            while let Some(&y) = from.columns.y.last() {
                let number = strip_of(&new, y);
                let row = from.columns.len() - 1;
                self.region_mut(number).arrive(&mut from.columns, row);
            }
            for shot in from.shots.drain(..) {
                self.region_mut(strip_of(&new, shot.y)).shots.push(shot);
            }
        }
        for (_, number) in new {
            self.note_moved(number);
            self.region_mut(number).refresh_index();
        }
    }

    /// Makes every sector one region again.
    pub(super) fn merge_strips(&mut self) {
        // All regions are in the first shard when this is called.
        let mut strips = self.partition.strips().to_vec();
        strips.iter_mut().flatten().for_each(|strip| strip.shard = 0);
        self.set_partition(strips);
        let sectors: Vec<SectorId> =
            self.partition.order().iter().map(|number| self.partition.strip(*number).sector).collect();
        for pair in sectors.windows(2).filter(|pair| pair[0] == pair[1]) {
            if self.partition.regions_of(pair[0]).len() > 1 {
                self.split((pair[0], 1));
            }
        }
    }

    /// Tells the directory where the rows of a region are that have moved.
    pub(super) fn note_moved(&mut self, number: u32) {
        let shard = self.partition.strip(number).shard;
        let region = self.shards[usize::from(shard)].region_mut(number);
        for (id, place) in region.moved_places() {
            self.directory.set_place(id.slot().expect("a live row has an id"), place);
        }
        region.moved.clear();
    }

    /// Gives regions to other shards if one has much more to do than its part. A division that could not be evened out is
    /// left alone until it has become worse.
    fn balance(&mut self) {
        let shards = self.shards.len();
        if shards == 1 {
            return;
        }
        self.loads.clear();
        self.loads.extend(self.shards.iter().map(|shard| shard.load()));
        let total: usize = self.loads.iter().sum();
        let largest = self.loads.iter().copied().max().unwrap_or(0);
        let is_even = largest * shards <= total + total / 8 + 64;
        if is_even || largest <= self.loads_settled + self.loads_settled / 8 {
            return;
        }
        let mut regions: Vec<Box<Region>> = self.shards.iter_mut().flat_map(|shard| shard.regions.drain(..)).collect();
        let mut strips = self.partition.strips().to_vec();
        // The largest first, each to the shard that has least.
        regions.sort_by_key(|region| (std::cmp::Reverse(region.load()), region.number));
        self.loads.fill(0);
        for region in regions {
            let lightest = (0..shards).min_by_key(|shard| self.loads[*shard]).expect("there is a shard");
            self.loads[lightest] += region.load();
            strips[region.number as usize].as_mut().expect("a region that lives has a strip").shard = lightest as u16;
            self.shards[lightest].regions.push(region);
        }
        self.loads_settled = self.loads.iter().copied().max().unwrap_or(0);
        self.set_partition(strips);
    }

    fn lightest_shard(&self) -> u16 {
        (0..self.shards.len()).min_by_key(|shard| self.shards[*shard].load()).expect("there is a shard") as u16
    }

    /// Puts a new region into its shard and its strip among the others. Returns its number.
    fn add_region(&mut self, strips: &mut Vec<Option<Strip>>, strip: Strip) -> u32 {
        let number = strips.iter().position(Option::is_none).unwrap_or(strips.len());
        let region = Region::new(number as u32, &strip, Columns::of(self.config()));
        self.shards[usize::from(strip.shard)].regions.push(Box::new(region));
        if number == strips.len() {
            strips.push(None);
        }
        strips[number] = Some(strip);
        number as u32
    }

    /// Where a new row of a region is, for the directory.
    pub(super) fn next_place(&self, number: u32) -> Place {
        Place { region: number, row: self.region(number).columns.len() as u32 }
    }
}

/// Of strips by their upper edge, the one that has a height.
fn strip_of(strips: &[(i32, u32)], y: i32) -> u32 {
    strips[strips.partition_point(|(high, _)| *high <= y)].1
}
