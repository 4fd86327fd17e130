//! Into what pieces space is divided for work: regions, each a sector or a strip of one.
//!
//! **No result depends on it.** A region is only where rows are kept and who works on them.

use crate::{
    entity::MOVED_MAX,
    space::{METRE, SECTOR_SIDE, SectorId},
};

/// How far an entity of a region may be from a region and still matter there: a shot reaches 500 m, and what it hits is
/// up to 256 m from centre to side.
const REACH: i64 = 768 * METRE as i64;

/// No sectors but those around one matter to it.
const _: () = assert!(REACH + MOVED_MAX as i64 <= SECTOR_SIDE as i64);

/// A piece of space: the part of a sector from `low` up to `high`, which is the whole sector unless it is split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Strip {
    pub(crate) sector: SectorId,
    pub(crate) low: i32,
    pub(crate) high: i32,
    /// Regions near enough that entities of both can touch.
    pub(crate) neighbours: Vec<Neighbour>,
    pub(crate) shard: u16,
}

/// Another region: what is added to its coordinates to have them in one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Neighbour {
    pub(crate) region: u32,
    pub(crate) x: i32,
    pub(crate) y: i32,
}

/// The division of space.
#[derive(Default, Debug)]
pub(crate) struct Partition {
    /// By number of the region. Numbers stay while a region lives.
    strips: Vec<Option<Strip>>,
    /// Numbers of regions, by sector and lower edge.
    order: Vec<u32>,
    /// How many sectors there are.
    sectors: u32,
}

impl Partition {
    /// From strips by number; their neighbours are worked out here. `moved_max` is how far from where it is an entity of a
    /// region may still matter there.
    pub(crate) fn new(mut strips: Vec<Option<Strip>>, moved_max: i32) -> Self {
        let key = |strips: &[Option<Strip>], number: u32| {
            strips[number as usize].as_ref().map(|strip| (strip.sector, strip.low))
        };
        let mut order: Vec<u32> =
            (0..strips.len() as u32).filter(|number| strips[*number as usize].is_some()).collect();
        order.sort_unstable_by_key(|number| key(&strips, *number));
        let sectors =
            order.iter().filter(|number| key(&strips, **number).is_some_and(|(_, low)| low == 0)).count() as u32;
        let partition = Self { strips: strips.clone(), order, sectors };
        for (number, strip) in strips.iter_mut().enumerate() {
            if let Some(strip) = strip {
                strip.neighbours = partition.neighbours_of(number as u32, strip, REACH + i64::from(moved_max));
            }
        }
        Self { strips, ..partition }
    }

    pub(crate) fn strip(&self, number: u32) -> &Strip {
        self.strips[number as usize].as_ref().expect("a region that lives has a strip")
    }

    /// All strips by number, for making a changed partition.
    pub(crate) fn strips(&self) -> &[Option<Strip>] {
        &self.strips
    }

    /// Numbers of regions in the order of space: by sector, then from the lower edge up.
    pub(crate) fn order(&self) -> &[u32] {
        &self.order
    }

    pub(crate) fn sectors(&self) -> u32 {
        self.sectors
    }

    /// The region that has a place of a sector; `None` if nothing is in the sector yet.
    pub(crate) fn find(&self, sector: SectorId, y: i32) -> Option<u32> {
        let after = self.order.partition_point(|number| {
            let strip = self.strip(*number);
            (strip.sector, strip.low) <= (sector, y)
        });
        let number = self.order[after.checked_sub(1)?];
        (self.strip(number).sector == sector).then_some(number)
    }

    /// The regions of a sector, from the lower edge up.
    pub(crate) fn regions_of(&self, sector: SectorId) -> &[u32] {
        let from = self.order.partition_point(|number| self.strip(*number).sector < sector);
        let until = self.order.partition_point(|number| self.strip(*number).sector <= sector);
        &self.order[from..until]
    }

    fn neighbours_of(&self, number: u32, strip: &Strip, reach: i64) -> Vec<Neighbour> {
        let mut neighbours = Vec::new();
        for up in -1..=1 {
            for right in -1..=1 {
                for &region in self.regions_of(strip.sector.step(right, up)) {
                    let other = self.strip(region);
                    let shift = up * i64::from(SECTOR_SIDE);
                    let above = i64::from(other.low) + shift - i64::from(strip.high);
                    let below = i64::from(strip.low) - (i64::from(other.high) + shift);
                    if region != number && above < reach && below < reach {
                        let (x, y) = ((right * i64::from(SECTOR_SIDE)) as i32, shift as i32);
                        neighbours.push(Neighbour { region, x, y });
                    }
                }
            }
        }
        neighbours
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(x: i64, y: i64, low: i32, high: i32) -> Option<Strip> {
        Some(Strip { sector: SectorId::new(x, y), low, high, neighbours: Vec::new(), shard: 0 })
    }

    #[test]
    fn places_are_found_and_neighbours_know_each_other() {
        let half = SECTOR_SIDE / 2;
        let partition = Partition::new(
            vec![
                strip(i64::MAX, 0, half, SECTOR_SIDE),
                None,
                strip(i64::MIN, 0, 0, SECTOR_SIDE),
                strip(i64::MAX, 0, 0, half),
                strip(5, 5, 0, SECTOR_SIDE),
            ],
            0,
        );
        assert_eq!(partition.sectors(), 3);
        let sector = SectorId::new(i64::MAX, 0);
        assert_eq!(partition.find(sector, half), Some(0));
        assert_eq!(partition.find(sector, half - 1), Some(3));
        assert_eq!(partition.find(SectorId::new(1, 0), 0), None);
        assert_eq!(partition.regions_of(sector), [3, 0]);
        let of = |number| partition.strip(number).neighbours.as_slice();
        assert!(of(0).contains(&Neighbour { region: 3, x: 0, y: 0 }));
        assert!(of(0).contains(&Neighbour { region: 2, x: SECTOR_SIDE, y: 0 }));
        assert!(of(2).contains(&Neighbour { region: 0, x: -SECTOR_SIDE, y: 0 }));
        assert!(of(4).is_empty());
    }
}
