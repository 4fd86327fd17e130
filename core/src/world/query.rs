//! What a host asks a world between ticks: who is where, and what a ray meets.
//!
//! **Results have one order**: by slot of the id, or by distance and then by slot. It does not depend on how the world is
//! worked on. Queries take the world mutably because the first one after a change brings its indexes up to date; the
//! state does not change.

use super::World;
use crate::{
    EntityId,
    entity::MOVED_MAX,
    physics::{
        index::Entry,
        sweep::{Aim, WHOLE, touch},
    },
    space::{METRE, Position, SECTOR_SIDE, SectorId, square_of_length},
    tick::region::Region,
};

/// The largest radius and half side of a query, and the longest ray, in units of length: 16 km.
pub const QUERY_MAX: i64 = 16_000 * METRE as i64;

/// Which entities a query is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Filter {
    /// Those on any of these collision layers. Entities on no layer are found by no query.
    pub layers: u16,
    /// Not those of this side; 0 leaves none out.
    pub except_team: u16,
    /// Not this one.
    pub except: EntityId,
}

/// What a ray met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RayHit {
    /// The entity, or [`EntityId::NULL`] for a wall of the map.
    pub entity: EntityId,
    /// The part of the ray before it, in 2^-32: 0 to 2^32.
    pub time: u64,
    /// Where.
    pub position: Position,
}

/// A disc on its way, and how many ticks ago it meets entities.
struct Ray {
    from: Position,
    way: (i64, i64),
    radius: i64,
    aim: Aim,
    ago: u8,
}

impl Default for Filter {
    /// Every entity that is on a layer.
    fn default() -> Self {
        Self { layers: u16::MAX, except_team: 0, except: EntityId::NULL }
    }
}

impl Filter {
    fn aim(&self) -> Aim {
        Aim { hits: self.layers, spares: self.except, team: self.except_team }
    }
}

impl World {
    /// The entities that come within `radius` of a place, edge included, by slot. `radius` counts as [`QUERY_MAX`] beyond
    /// it and finds nothing below 0.
    pub fn radius(&mut self, centre: Position, radius: i64, filter: &Filter, out: &mut Vec<EntityId>) {
        out.clear();
        let mut slots = std::mem::take(&mut self.slots);
        let mut count = 0;
        let aim = filter.aim();
        self.each_run_within(centre, radius, |run, x, y, radius| {
            if slots.len() < count + run.len() {
                slots.resize((count + run.len()).next_power_of_two(), 0);
            }
            // Every slot is written and only those that count are kept: without a branch that cannot be foretold, the
            // processor is at the next rows of cells while it waits for this one.
            for entry in run {
                slots[count] = entry.slot;
                let is_in = comes_within(entry, i64::from(entry.x) - x, i64::from(entry.y) - y, radius);
                count += usize::from(aim.is_at(entry) & is_in);
            }
        });
        self.in_order(&mut slots[..count]);
        // Generations are read in their order in memory.
        out.extend(slots[..count].iter().map(|slot| self.directory.id_in(*slot)));
        self.slots = slots;
    }

    /// Sorts slots, none of which is there twice: by a bit for each if they are close together.
    fn in_order(&mut self, slots: &mut [u32]) {
        /// Words of bits that are worth an entry of a sort.
        const WORDS: usize = 8;
        let (Some(low), Some(high)) = (slots.iter().min(), slots.iter().max()) else { return };
        let first = *low as usize / 64;
        let words = *high as usize / 64 - first + 1;
        if words > WORDS * slots.len() {
            return slots.sort_unstable();
        }
        if self.marks.len() < words {
            self.marks.resize(words.next_power_of_two(), 0);
        }
        for slot in &*slots {
            self.marks[*slot as usize / 64 - first] |= 1 << (slot % 64);
        }
        let mut sorted = slots.iter_mut();
        for (word, marks) in self.marks[..words].iter_mut().enumerate() {
            let mut left = std::mem::take(marks);
            while left != 0 {
                let slot = ((first + word) * 64) as u32 + left.trailing_zeros();
                *sorted.next().expect("as many bits as there are slots") = slot;
                left &= left - 1;
            }
        }
    }

    /// The entities nearest to a place whose forms come within `radius` of it, at most `count`, by the distance of their
    /// centres and then by slot.
    pub fn nearest(&mut self, centre: Position, radius: i64, count: usize, filter: &Filter, out: &mut Vec<EntityId>) {
        let mut found: Vec<(u64, u32)> = Vec::new();
        self.each_within(centre, radius, filter, |slot, distance| found.push((distance, slot)));
        if found.len() > count && count > 0 {
            found.select_nth_unstable(count - 1);
        }
        found.truncate(count);
        found.sort_unstable();
        out.clear();
        out.extend(found.into_iter().map(|(_, slot)| self.directory.id_in(slot)));
    }

    /// The entities whose bounding boxes touch a box, by slot. `half_width` and `half_height` count as [`QUERY_MAX`] beyond
    /// it; with one below 0 nothing is found.
    pub fn in_box(
        &mut self,
        centre: Position,
        half_width: i64,
        half_height: i64,
        filter: &Filter,
        out: &mut Vec<EntityId>,
    ) {
        out.clear();
        if half_width < 0 || half_height < 0 {
            return;
        }
        let (width, height) = (half_width.min(QUERY_MAX), half_height.min(QUERY_MAX));
        let aim = filter.aim();
        self.each_near(centre, width, height, |world, entry, x, y| {
            let apart = |at: i64, half: i32, side: i64| at.abs() <= i64::from(half) + side;
            if aim.is_at(entry) && apart(x, entry.half_width(), width) && apart(y, entry.half_height(), height) {
                out.push(world.directory.id_in(entry.slot));
            }
        });
        sort_by_slot(out);
    }

    /// What a disc meets first that goes from a place `right` and `up`: an entity or a wall of the map. Parts of the way
    /// beyond [`QUERY_MAX`] are cut off. Walls on none of the filter's layers let it through.
    pub fn raycast(&mut self, from: Position, right: i64, up: i64, radius: i32, filter: &Filter) -> Option<RayHit> {
        self.raycast_rewound(from, right, up, radius, filter, 0)
    }

    /// Like [`Self::raycast`], every entity being where it was `ticks` ago, at most
    /// [`rewind_ticks`](crate::WorldConfig::rewind_ticks). Those with [`crate::entity::FLAG_NOT_REWOUND`] are where they are,
    /// and so are those that have gone further than 224 m since; what came into the world or was put somewhere else since
    /// has always been where it was then.
    pub fn raycast_rewound(
        &mut self,
        from: Position,
        right: i64,
        up: i64,
        radius: i32,
        filter: &Filter,
        ticks: u8,
    ) -> Option<RayHit> {
        let way = (right.clamp(-QUERY_MAX, QUERY_MAX), up.clamp(-QUERY_MAX, QUERY_MAX));
        let radius = radius.clamp(0, 256 * METRE);
        let wall = self.constants.wall_on_way(from, (way.0 as i32, way.1 as i32), radius, filter.layers);
        let ray = Ray { from, way, radius: i64::from(radius), aim: filter.aim(), ago: ticks };
        let entity = self.first_entity(&ray, wall.unwrap_or(WHOLE));
        let (time, entity) = match (entity, wall) {
            (Some((time, slot)), _) => (time, self.directory.id_in(slot)),
            (None, Some(time)) => (time, EntityId::NULL),
            (None, None) => return None,
        };
        let along = |way: i64| ((i128::from(way) * i128::from(time)) >> 32) as i64;
        Some(RayHit { entity, time, position: from.offset(along(way.0), along(way.1)) })
    }

    /// Whether no wall of the map, on any layer, is between two places. Places further apart than [`QUERY_MAX`] in x or y
    /// do not see each other.
    pub fn line_of_sight(&self, from: Position, to: Position) -> bool {
        let Some((x, y)) = from.offset_to(to) else { return false };
        x.abs() <= QUERY_MAX
            && y.abs() <= QUERY_MAX
            && self.constants.wall_on_way(from, (x as i32, y as i32), 0, u16::MAX).is_none()
    }

    fn first_entity(&mut self, ray: &Ray, until: u64) -> Option<(u64, u32)> {
        /// Rays are looked at in pieces of up to 32 m, so that one across the grid does not look at the whole box around
        /// it, and one that meets something near does not look far.
        const PIECE_SHIFT: u32 = 21;
        let &Ray { from, way, radius, aim, ago } = ray;
        self.refresh_indexes();
        // What is behind the first wall is not looked at.
        let cut = |way: i64| (i128::from(way) * i128::from(until) / i128::from(WHOLE)) as i64;
        let end = (cut(way.0), cut(way.1));
        let pieces = (end.0.abs().max(end.1.abs()) >> PIECE_SHIFT) + 1;
        let mut near = std::mem::take(&mut self.near);
        let middle = from.offset(end.0 / 2, end.1 / 2);
        let moved_max = if ago > 0 && self.config().rewind_ticks > 0 { i64::from(MOVED_MAX) } else { 0 };
        let reach = |end: i64| end.abs() / 2 + 1 + radius + moved_max;
        self.regions_near(middle, reach(end.0), reach(end.1), &mut near);
        let mut first: Option<(u64, u32)> = None;
        for piece in 0..pieces {
            let at = |piece: i64| (end.0 * piece / pieces, end.1 * piece / pieces);
            let (begin, end) = (at(piece), at(piece + 1));
            let low = (begin.0.min(end.0) - radius, begin.1.min(end.1) - radius);
            let high = (begin.0.max(end.0) + radius, begin.1.max(end.1) + radius);
            for &number in &near {
                let region = self.region(number);
                let index = region.index.as_ref().expect("the index is here between ticks");
                // The beginning of the ray in the coordinates of the region's sector.
                let (right, up) = region.sector.steps_to(from.sector);
                let side = i64::from(SECTOR_SIDE);
                let (x, y) = (right * side + i64::from(from.x), up * side + i64::from(from.y));
                // Whoever was in the box is now at most so far outside.
                let moved = i64::from(region.columns.past.moved_max(self.tick, ago));
                let low = (cut_to_sector(x + low.0 - moved), cut_to_sector(y + low.1 - moved));
                let high = (cut_to_sector(x + high.0 + moved), cut_to_sector(y + high.1 + moved));
                index.for_each_run_near(low, high, |run| {
                    for entry in run.iter().filter(|entry| aim.is_at(entry)) {
                        let at = if ago == 0 { (entry.x, entry.y) } else { self.judged(region, entry, ago) };
                        let to = (i64::from(at.0) - x, i64::from(at.1) - y);
                        let Some(time) = touch(to, way, radius, entry) else { continue };
                        if time <= until && first.is_none_or(|first| (time, entry.slot) < first) {
                            first = Some((time, entry.slot));
                        }
                    }
                });
            }
            let passed = (i128::from(until) * i128::from(piece + 1) / i128::from(pieces)) as u64;
            if first.is_some_and(|(time, _)| time <= passed) {
                break;
            }
        }
        self.near = near;
        first
    }

    /// Where an entity of a region was so many ticks ago.
    fn judged(&self, region: &Region, entry: &Entry, ago: u8) -> (i32, i32) {
        region.columns.judged(self.directory.place_in(entry.slot).row as usize, self.tick, ago)
    }

    /// Calls `found` with the slot of every entity that comes within a radius, and the square of its centre's distance.
    fn each_within(&mut self, centre: Position, radius: i64, filter: &Filter, mut found: impl FnMut(u32, u64)) {
        let aim = filter.aim();
        self.each_run_within(centre, radius, |run, x, y, radius| {
            for entry in run {
                let (off_x, off_y) = (i64::from(entry.x) - x, i64::from(entry.y) - y);
                if aim.is_at(entry) && comes_within(entry, off_x, off_y, radius) {
                    found(entry.slot, square_of_length(off_x, off_y));
                }
            }
        });
    }

    /// Calls `visit` with runs of entries that may come within a radius, the centre in their coordinates, and the radius
    /// as it counts.
    #[inline]
    fn each_run_within(&mut self, centre: Position, radius: i64, mut visit: impl FnMut(&[Entry], i64, i64, i64)) {
        if radius < 0 {
            return;
        }
        let radius = radius.min(QUERY_MAX);
        self.refresh_indexes();
        let mut near = std::mem::take(&mut self.near);
        self.regions_near(centre, radius, radius, &mut near);
        for &number in &near {
            let region = self.region(number);
            let index = region.index.as_ref().expect("the index is here between ticks");
            let (right, up) = region.sector.steps_to(centre.sector);
            let side = i64::from(SECTOR_SIDE);
            let (x, y) = (right * side + i64::from(centre.x), up * side + i64::from(centre.y));
            index.for_each_run_within((x, y), radius, |run| visit(run, x, y, radius));
        }
        self.near = near;
    }

    /// Calls `visit` for every entity whose bounding box may touch the box, and some others, with its offset from the
    /// centre.
    #[inline]
    pub(super) fn each_near(
        &mut self,
        centre: Position,
        half_width: i64,
        half_height: i64,
        mut visit: impl FnMut(&Self, &Entry, i64, i64),
    ) {
        self.refresh_indexes();
        let mut near = std::mem::take(&mut self.near);
        self.regions_near(centre, half_width, half_height, &mut near);
        for &number in &near {
            let region = self.region(number);
            let index = region.index.as_ref().expect("the index is here between ticks");
            let (right, up) = region.sector.steps_to(centre.sector);
            let side = i64::from(SECTOR_SIDE);
            let (x, y) = (right * side + i64::from(centre.x), up * side + i64::from(centre.y));
            let low = (cut_to_sector(x - half_width), cut_to_sector(y - half_height));
            let high = (cut_to_sector(x + half_width), cut_to_sector(y + half_height));
            index.for_each_run_near(low, high, |run| {
                for entry in run {
                    visit(self, entry, i64::from(entry.x) - x, i64::from(entry.y) - y);
                }
            });
        }
        self.near = near;
    }

    /// The regions that have something near a box.
    fn regions_near(&self, centre: Position, half_width: i64, half_height: i64, near: &mut Vec<u32>) {
        near.clear();
        // Entities whose centres are in other sectors reach in by up to 256 m.
        let margin = 256 * i64::from(METRE);
        let side = i64::from(SECTOR_SIDE);
        let steps = |at: i32, half: i64| {
            let at = i64::from(at);
            ((at - half - margin).div_euclid(side), (at + half + margin).div_euclid(side))
        };
        let (x, y) = (steps(centre.x, half_width), steps(centre.y, half_height));
        let sectors = (x.1 - x.0 + 1) * (y.1 - y.0 + 1);
        if self.partition.order().len() as i64 <= sectors {
            near.extend(self.partition.order().iter().filter(|number| {
                let (right, up) = centre.sector.steps_to(self.partition.strip(**number).sector);
                (x.0..=x.1).contains(&right) && (y.0..=y.1).contains(&up)
            }));
            return;
        }
        for up in y.0..=y.1 {
            for right in x.0..=x.1 {
                near.extend(self.partition.regions_of(centre.sector.step(right, up)));
            }
        }
    }

    /// The sectors of scale 0 in which something is, in their order.
    pub fn sectors(&self, out: &mut Vec<SectorId>) {
        out.clear();
        for group in
            self.partition.order().chunk_by(|a, b| self.partition.strip(*a).sector == self.partition.strip(*b).sector)
        {
            if group.iter().any(|number| !self.region(*number).is_empty()) {
                out.push(self.partition.strip(group[0]).sector);
            }
        }
    }
}

/// A coordinate as far as it matters in a sector: nothing of it is further than a kilometre away.
fn cut_to_sector(at: i64) -> i32 {
    let bound = 2 * i64::from(SECTOR_SIDE);
    at.clamp(-bound, bound) as i32
}

fn sort_by_slot(ids: &mut [EntityId]) {
    // The low half of an id is its slot and one.
    ids.sort_unstable_by_key(|id| id.bits() as u32);
}

/// Whether an entity so far away comes within a radius.
#[inline]
pub(super) fn comes_within(entry: &Entry, x: i64, y: i64, radius: i64) -> bool {
    let (half_x, half_y) = (i64::from(entry.half_width()), i64::from(entry.half_height()));
    if entry.is_box() {
        let (off_x, off_y) = ((x.abs() - half_x).max(0), (y.abs() - half_y).max(0));
        return off_x <= radius && off_y <= radius && square_of_length(off_x, off_y) <= (radius * radius) as u64;
    }
    let reach = radius + half_x;
    (x.abs() <= reach) & (y.abs() <= reach) & (square_of_length(x, y) <= (reach * reach) as u64)
}
