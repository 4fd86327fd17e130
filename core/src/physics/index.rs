//! The spatial index of a region: entities sorted by grid cell, so that neighbours lie next to each other in memory.
//!
//! A grid's cells are mapped to a table of about as many buckets as there are entities, wrapped in both directions: cell
//! (x, y) is in bucket (x mod width, y mod height). Entities far apart may share a bucket and are told apart by their
//! distance, so neither a crowd nor an outlier costs memory. Entities are on the level whose cells are at least as large as they are;
//! neighbours are then found in the cells around on their level and, for other levels, in the cells their extent reaches.
//!
//! **The index is a copy of tick N**: a tick reads the indexes of all regions while it writes the columns.

use crate::{
    entity::Columns,
    space::{METRE, root},
};

/// What others need to know of an entity: one cache line holds most of two.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Entry {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) velocity_x: i32,
    pub(crate) velocity_y: i32,
    /// In grams; 0 is immovable.
    pub(crate) mass: u32,
    /// Its slot in the directory.
    pub(crate) slot: u32,
    /// In 2^-8 m.
    pub(crate) half_x: u16,
    /// In 2^-8 m; for circles the radius too.
    pub(crate) half_y: u16,
    pub(crate) layers: u16,
    pub(crate) collides: u16,
    pub(crate) team: u16,
    pub(crate) restitution: u8,
    /// Bits: see [`Entry::BOX`].
    pub(crate) traits: u8,
}

impl Entry {
    /// Set for boxes.
    pub(crate) const BOX: u8 = 1;
    /// Set if contacts are told as events.
    pub(crate) const TELLS: u8 = 2;
    /// Set if damage can be done to it.
    pub(crate) const MORTAL: u8 = 4;
    /// Set if it drives itself.
    pub(crate) const DRIVEN: u8 = 8;
    /// Set if it is judged where it is by those who look back too.
    pub(crate) const NOT_REWOUND: u8 = 16;

    /// Half its width in units of length.
    pub(crate) fn half_width(&self) -> i32 {
        i32::from(self.half_x) << 8
    }

    /// Half its height in units of length.
    pub(crate) fn half_height(&self) -> i32 {
        i32::from(self.half_y) << 8
    }

    pub(crate) fn is_box(&self) -> bool {
        self.traits & Self::BOX != 0
    }
}

/// One grid.
#[derive(Debug, Default)]
struct Level {
    /// The side of a cell is 2^shift units of length, and at least 2^shift_min.
    shift: u32,
    shift_min: u32,
    /// The table has 2^bits_x columns and 2^bits_y rows.
    bits_x: u32,
    bits_y: u32,
    /// Where the entries of a bucket begin; one more than there are buckets.
    starts: Vec<u32>,
    count: u32,
    /// The largest half extent on this level.
    half_max: i32,
}

/// Cells of 1 m, 4 m, 16 m, 128 m and 512 m: men, cars, trucks, houses, bases.
const SHIFTS: [u32; 5] = [16, 18, 20, 23, 25];

/// The entities of a region by place.
#[derive(Debug)]
pub(crate) struct Index {
    levels: [Level; SHIFTS.len()],
    /// Sorted by level, then by bucket.
    entries: Vec<Entry>,
    /// The entry of each row.
    place_of_row: Vec<u32>,
    /// For each row its bucket, while the index is built; the level is in the upper bits.
    buckets: Vec<u32>,
    /// The corners of the smallest box that has every centre in it.
    low: (i32, i32),
    high: (i32, i32),
    /// The largest half extent.
    half_max: i32,
}

impl Index {
    pub(crate) fn new() -> Self {
        let level =
            |shift| Level { shift, shift_min: shift, bits_x: 2, bits_y: 2, starts: vec![0; 17], count: 0, half_max: 0 };
        Self {
            levels: SHIFTS.map(level),
            entries: Vec::new(),
            place_of_row: Vec::new(),
            buckets: Vec::new(),
            low: (i32::MAX, i32::MAX),
            high: (i32::MIN, i32::MIN),
            half_max: 0,
        }
    }

    /// Makes the index of these rows, in time linear in their number.
    pub(crate) fn build(&mut self, columns: &Columns) {
        let rows = columns.len();
        self.levels.iter_mut().for_each(|level| (level.count, level.half_max) = (0, 0));
        (self.low, self.high, self.half_max) = ((i32::MAX, i32::MAX), (i32::MIN, i32::MIN), 0);
        self.choose_levels(columns);
        let area = self.area();
        for level in &mut self.levels {
            level.resize(area);
        }
        self.buckets.clear();
        make_room(&mut self.buckets, rows);
        if self.levels[1..].iter().all(|level| level.count == 0) {
            self.sort_into_one_level(columns);
        } else {
            self.sort_into_levels(columns);
        }
    }

    /// The area of the box that has every centre in it, in square metres.
    fn area(&self) -> u64 {
        let side = |low: i32, high: i32| ((i64::from(high) - i64::from(low)).max(0) as u64 >> 16) + 1;
        side(self.low.0, self.high.0) * side(self.low.1, self.high.1)
    }

    fn choose_levels(&mut self, columns: &Columns) {
        for row in 0..columns.len() {
            let (x, y) = (columns.x[row], columns.y[row]);
            self.low = (self.low.0.min(x), self.low.1.min(y));
            self.high = (self.high.0.max(x), self.high.1.max(y));
            let half = half_extent(columns, row);
            let level = &mut self.levels[level_of(half)];
            level.count += 1;
            level.half_max = level.half_max.max(half);
        }
        self.half_max = self.levels.iter().map(|level| level.half_max).max().unwrap_or(0);
    }

    fn sort_into_one_level(&mut self, columns: &Columns) {
        let level = &mut self.levels[0];
        for (&x, &y) in columns.x.iter().zip(&columns.y) {
            let bucket = level.bucket(x >> level.shift, y >> level.shift);
            level.starts[bucket + 1] += 1;
            self.buckets.push(bucket as u32);
        }
        level.accumulate(0);
        self.scatter(columns);
    }

    fn sort_into_levels(&mut self, columns: &Columns) {
        for row in 0..columns.len() {
            let number = level_of(half_extent(columns, row));
            let level = &mut self.levels[number];
            let bucket = level.bucket(columns.x[row] >> level.shift, columns.y[row] >> level.shift);
            level.starts[bucket + 1] += 1;
            self.buckets.push((number as u32) << LEVEL_SHIFT | bucket as u32);
        }
        let mut before = 0;
        for level in &mut self.levels {
            level.accumulate(before);
            before += level.count;
        }
        self.scatter(columns);
    }

    /// Puts every row's entry at its place. `starts[b + 1]` is used as the place of the next entry of bucket b and ends up
    /// as the start of bucket b + 1.
    fn scatter(&mut self, columns: &Columns) {
        let rows = columns.len();
        make_room(&mut self.entries, rows);
        self.entries.resize(rows, Entry::default());
        make_room(&mut self.place_of_row, rows);
        self.place_of_row.resize(rows, 0);
        for row in 0..rows {
            let bucket = self.buckets[row];
            let level = &mut self.levels[(bucket >> LEVEL_SHIFT) as usize];
            let next = &mut level.starts[(bucket & BUCKET_MASK) as usize + 1];
            self.place_of_row[row] = *next;
            self.entries[*next as usize] = entry_of(columns, row);
            *next += 1;
        }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Where the entry of a row is.
    pub(crate) fn place_of_row(&self, row: usize) -> usize {
        self.place_of_row[row] as usize
    }

    /// The entry of a row.
    pub(crate) fn entry_of_row(&self, row: usize) -> &Entry {
        &self.entries[self.place_of_row(row)]
    }

    /// The entry of a row whose speed was changed from outside.
    pub(crate) fn entry_of_row_mut(&mut self, row: usize) -> &mut Entry {
        &mut self.entries[self.place_of_row[row] as usize]
    }

    /// The largest half extent of any entity.
    pub(crate) fn half_max(&self) -> i32 {
        self.half_max
    }

    /// Calls `visit(first, second)` once for each pair of entries whose bounding boxes may touch.
    #[inline]
    pub(crate) fn for_each_pair(&self, mut visit: impl FnMut(usize, usize)) {
        /// So many times as many small ones as large ones make it cheaper to look from the large ones.
        const FEW: u32 = 4;
        let mut from = 0;
        for (number, level) in self.levels.iter().enumerate() {
            let until = from + level.count as usize;
            if level.count > 1 {
                level.for_each_pair(&self.entries, from, until, &mut visit);
            }
            let mut from_above = until;
            for above in &self.levels[number + 1..] {
                let until_above = from_above + above.count as usize;
                let places_above = from_above..until_above;
                from_above = until_above;
                if above.count == 0 || level.count == 0 {
                    continue;
                }
                // Few large ones look for the many small ones around them.
                if above.count < level.count / FEW {
                    for other in places_above {
                        let entry = &self.entries[other];
                        let (width, height) =
                            (entry.half_width() + level.half_max, entry.half_height() + level.half_max);
                        let (low, high) = ((entry.x - width, entry.y - height), (entry.x + width, entry.y + height));
                        level.for_each_near(low, high, |place| visit(place, other));
                    }
                    continue;
                }
                for place in from..until {
                    let entry = &self.entries[place];
                    let reach = entry.half_width().max(entry.half_height()) + above.half_max;
                    let (low, high) = ((entry.x - reach, entry.y - reach), (entry.x + reach, entry.y + reach));
                    above.for_each_near(low, high, |other| visit(place, other));
                }
            }
            from = until;
        }
    }

    /// Calls `visit(place)` for every entry whose bounding box may touch the box, and for some others.
    #[inline]
    pub(crate) fn for_each_near(&self, low: (i32, i32), high: (i32, i32), mut visit: impl FnMut(usize)) {
        for level in &self.levels {
            if let Some((low, high)) = self.reached(level, low, high) {
                level.for_each_near(low, high, &mut visit);
            }
        }
    }

    /// Calls `visit` with runs of entries whose bounding boxes may touch the box, and of some others. No entry is in two.
    #[inline]
    pub(crate) fn for_each_run_near(&self, low: (i32, i32), high: (i32, i32), mut visit: impl FnMut(&[Entry])) {
        for level in &self.levels {
            if let Some((low, high)) = self.reached(level, low, high) {
                level.for_each_run_near(low, high, |begin, end| visit(&self.entries[begin..end]));
            }
        }
    }

    /// The corners of the box in which the centres are of a level's entries that may touch a box; `None` if there are none.
    #[inline]
    fn reached(&self, level: &Level, low: (i32, i32), high: (i32, i32)) -> Option<((i32, i32), (i32, i32))> {
        let half = level.half_max;
        let low = ((low.0 - half).max(self.low.0), (low.1 - half).max(self.low.1));
        let high = ((high.0 + half).min(self.high.0), (high.1 + half).min(self.high.1));
        (level.count > 0 && low.0 <= high.0 && low.1 <= high.1).then_some((low, high))
    }

    /// Calls `visit` with runs of entries that may come within a radius of a place, and of some others. No entry is in two.
    #[inline]
    pub(crate) fn for_each_run_within(&self, centre: (i64, i64), radius: i64, mut visit: impl FnMut(&[Entry])) {
        for level in self.levels.iter().filter(|level| level.count > 0) {
            // Boxes reach further than their sides at the corners: 3 / 2 is more than the root of 2.
            let reach = radius + i64::from(level.half_max) * 3 / 2;
            level.for_each_run_within(centre, reach, (self.low, self.high), |begin, end| {
                visit(&self.entries[begin..end]);
            });
        }
    }

    /// Calls `visit(own, other)` once for each entry of `own` and each of this index whose bounding boxes may touch.
    /// `shift` is what is added to this index's coordinates to have them in `own`'s, `margin` the sum of both indexes'
    /// largest half extents.
    pub(crate) fn for_each_across(
        &self,
        own: &Self,
        shift: (i32, i32),
        margin: i32,
        mut visit: impl FnMut(usize, usize),
    ) {
        if self.entries.is_empty() || own.entries.is_empty() {
            return;
        }
        let low = (self.low.0 + shift.0 - margin, self.low.1 + shift.1 - margin);
        let high = (self.high.0 + shift.0 + margin, self.high.1 + shift.1 + margin);
        if !own.is_near(low, high, 0) {
            return;
        }
        // Without the largest half extent, which for_each_near adds by itself, only centres within the box matter.
        own.for_each_near(low, high, |place| {
            let entry = &own.entries[place];
            if entry.x < low.0 || entry.x > high.0 || entry.y < low.1 || entry.y > high.1 {
                return;
            }
            let (x, y) = (entry.x - shift.0, entry.y - shift.1);
            let (width, height) = (entry.half_width(), entry.half_height());
            let moved = Entry { x, y, ..*entry };
            self.for_each_near((x - width, y - height), (x + width, y + height), |found| {
                if may_touch(&moved, &self.entries[found]) {
                    visit(place, found);
                }
            });
        });
    }

    /// Whether a box comes near the box of all centres.
    pub(crate) fn is_near(&self, low: (i32, i32), high: (i32, i32), margin: i32) -> bool {
        i64::from(high.0) + i64::from(margin) >= i64::from(self.low.0)
            && i64::from(low.0) - i64::from(margin) <= i64::from(self.high.0)
            && i64::from(high.1) + i64::from(margin) >= i64::from(self.low.1)
            && i64::from(low.1) - i64::from(margin) <= i64::from(self.high.1)
    }
}

/// Makes room for so many values, an eighth more and a few. Doubling would leave half of the memory of a full world unused;
/// the few are for small regions, where what comes and goes is more than an eighth.
pub(crate) fn make_room<T>(values: &mut Vec<T>, wanted: usize) {
    if values.capacity() < wanted {
        values.reserve_exact(wanted + wanted / 8 + 64 - values.len());
    }
}

const LEVEL_SHIFT: u32 = 28;
const BUCKET_MASK: u32 = (1 << LEVEL_SHIFT) - 1;

impl Level {
    /// Makes the table fit the count: about a bucket an entity, and at least four in each direction, so that the cells
    /// around one are different buckets.
    /// Where there is much room for each, cells are larger than they need be, up to eight times: then fewer of them are
    /// empty. No pair that touches is missed by that, and none is found that does not.
    fn resize(&mut self, area: u64) {
        let room = area / u64::from(self.count.max(1));
        let cell = 1u64 << (2 * (self.shift_min - 16));
        self.shift = self.shift_min + (1..=3).take_while(|step| room >= cell << (2 * step + 1)).count() as u32;
        let bits = self.count.max(16).next_power_of_two().ilog2();
        (self.bits_x, self.bits_y) = (bits.div_ceil(2), bits / 2);
        self.starts.clear();
        if self.count > 0 {
            self.starts.resize((1 << bits) + 1, 0);
        }
    }

    /// Turns counts at [bucket + 1] into starts at [bucket + 1], so that [`Index::scatter`] can use them.
    fn accumulate(&mut self, before: u32) {
        let mut sum = before;
        for start in &mut self.starts {
            let count = *start;
            *start = sum;
            sum += count;
        }
        // Shifted by one: starts[b + 1] is where bucket b begins until scatter has moved it to its end.
        // starts[0] stays the beginning of the level.
    }

    fn bucket(&self, cell_x: i32, cell_y: i32) -> usize {
        let (x, y) = (cell_x as u32 & ((1 << self.bits_x) - 1), cell_y as u32 & ((1 << self.bits_y) - 1));
        ((y << self.bits_x) | x) as usize
    }

    /// Calls `visit(begin, end)` with the places of the entries in cells `from_x..=until_x` of a row of cells.
    #[inline]
    fn for_each_run(&self, from_x: i32, until_x: i32, y: i32, mut visit: impl FnMut(usize, usize)) {
        let width = 1 << self.bits_x;
        if until_x - from_x >= width {
            let row = self.bucket(0, y);
            return visit(self.starts[row] as usize, self.starts[row + width as usize] as usize);
        }
        let (first, last) = (self.bucket(from_x, y), self.bucket(until_x, y));
        if first <= last {
            return visit(self.starts[first] as usize, self.starts[last + 1] as usize);
        }
        let row = self.bucket(0, y);
        visit(self.starts[first] as usize, self.starts[row + width as usize] as usize);
        visit(self.starts[row] as usize, self.starts[last + 1] as usize);
    }

    #[inline]
    fn for_each_pair(&self, entries: &[Entry], from: usize, until: usize, visit: &mut impl FnMut(usize, usize)) {
        for place in from..until {
            let entry = entries[place];
            let (x, y) = (entry.x >> self.shift, entry.y >> self.shift);
            let mut test = |begin: usize, end: usize| {
                for (offset, other) in entries[begin..end].iter().enumerate() {
                    if may_touch(&entry, other) {
                        visit(place, begin + offset);
                    }
                }
            };
            let (own, right) = (self.bucket(x, y), self.bucket(x + 1, y));
            if right > own {
                test(place + 1, self.starts[right + 1] as usize);
            } else {
                test(place + 1, self.starts[own + 1] as usize);
                test(self.starts[right] as usize, self.starts[right + 1] as usize);
            }
            self.for_each_run(x - 1, x + 1, y + 1, test);
        }
    }

    #[inline]
    fn for_each_near(&self, low: (i32, i32), high: (i32, i32), mut visit: impl FnMut(usize)) {
        self.for_each_run_near(low, high, |begin, end| (begin..end).for_each(&mut visit));
    }

    /// Visits, of each row of cells, only what a circle cuts out of it. `bounds` are the corners of the box that has all
    /// centres in it, which keeps far circles and large ones to what is there.
    #[inline]
    fn for_each_run_within(
        &self,
        centre: (i64, i64),
        reach: i64,
        (low, high): ((i32, i32), (i32, i32)),
        mut visit: impl FnMut(usize, usize),
    ) {
        let within = |from: i64, until: i64, low: i32, high: i32| {
            (from.max(i64::from(low)) >> self.shift, until.min(i64::from(high)) >> self.shift)
        };
        let (from_y, until_y) = within(centre.1 - reach, centre.1 + reach, low.1, high.1);
        // A circle higher than the table meets each of its rows several times, and cuts it differently each time.
        let is_high = until_y - from_y >= 1 << self.bits_y;
        let until_y = if is_high { from_y + (1 << self.bits_y) - 1 } else { until_y };
        for y in from_y..=until_y {
            let (below, above) = ((y << self.shift) - centre.1, centre.1 - ((y + 1) << self.shift));
            let off = if is_high { 0 } else { below.max(above).max(0) };
            let half = root((reach * reach - off * off).max(0).cast_unsigned()) as i64 + 1;
            let (from_x, until_x) = within(centre.0 - half, centre.0 + half, low.0, high.0);
            if from_x <= until_x {
                self.for_each_run(from_x as i32, until_x as i32, y as i32, &mut visit);
            }
        }
    }

    #[inline]
    fn for_each_run_near(&self, low: (i32, i32), high: (i32, i32), mut visit: impl FnMut(usize, usize)) {
        let (from_x, until_x) = (low.0 >> self.shift, high.0 >> self.shift);
        let (from_y, mut until_y) = (low.1 >> self.shift, high.1 >> self.shift);
        // A box higher than the table meets every row of it once.
        until_y = until_y.min(from_y + (1 << self.bits_y) - 1);
        for y in from_y..=until_y {
            self.for_each_run(from_x, until_x, y, &mut visit);
        }
    }
}

/// Whether the bounding boxes touch.
#[inline]
fn may_touch(a: &Entry, b: &Entry) -> bool {
    let (width, height) = (i32::from(a.half_x) + i32::from(b.half_x), i32::from(a.half_y) + i32::from(b.half_y));
    (a.x - b.x).unsigned_abs() < (width << 8) as u32 && (a.y - b.y).unsigned_abs() < (height << 8) as u32
}

/// The larger half extent of a row, in units of length.
fn half_extent(columns: &Columns, row: usize) -> i32 {
    let half_y = if columns.shape[row] == 0 { 0 } else { columns.half_y[row] };
    i32::from(columns.half_x[row].max(half_y)) << 8
}

/// The first level whose cells are as large as an entity of this half extent.
fn level_of(half: i32) -> usize {
    const { assert!(METRE << 9 == 1 << SHIFTS[4], "the largest entity, 256 m from its centre, fits the last level") };
    SHIFTS.iter().position(|shift| half * 2 <= 1 << shift).unwrap_or(SHIFTS.len() - 1)
}

fn entry_of(columns: &Columns, row: usize) -> Entry {
    let half_x = columns.half_x[row];
    let is_box = columns.shape[row] != 0;
    let tells = columns.flags[row] & crate::entity::FLAG_TELLS_CONTACTS != 0;
    let traits = if is_box { Entry::BOX } else { 0 }
        | if tells { Entry::TELLS } else { 0 }
        | if columns.health_max[row] > 0 { Entry::MORTAL } else { 0 }
        | if columns.acceleration_max[row] > 0 { Entry::DRIVEN } else { 0 }
        | if columns.flags[row] & crate::entity::FLAG_NOT_REWOUND != 0 { Entry::NOT_REWOUND } else { 0 };
    Entry {
        x: columns.x[row],
        y: columns.y[row],
        velocity_x: columns.velocity_x[row],
        velocity_y: columns.velocity_y[row],
        mass: columns.mass[row],
        slot: columns.id[row].slot().expect("a live row has an id"),
        half_x,
        half_y: if is_box { columns.half_y[row] } else { half_x },
        layers: columns.layers[row],
        collides: columns.collides[row],
        team: columns.team[row],
        restitution: columns.restitution[row],
        traits,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::entity::{Entity, EntityId};

    /// Places and half extents: mostly small ones, a few large ones, some far from the others.
    fn bodies() -> impl Strategy<Value = Vec<(i32, i32, u16, u16)>> {
        let along = || prop_oneof![4 => 0..20 * METRE, 1 => 0..1000 * METRE];
        let half = || prop_oneof![8 => 1..200u16, 2 => 1..4_000u16, 1 => 1..=u16::MAX];
        proptest::collection::vec((along(), along(), half(), half()), 0..80)
    }

    fn index_of(bodies: &[(i32, i32, u16, u16)]) -> Index {
        let mut columns = Columns::new(0);
        for (slot, (x, y, half_x, half_y)) in bodies.iter().enumerate() {
            let mut entity = Entity { half_x: *half_x, half_y: *half_y, shape: (slot % 2) as u8, ..Entity::default() };
            (entity.position.x, entity.position.y) = (*x, *y);
            columns.push(EntityId::new(slot as u32, 0), &entity);
        }
        let mut index = Index::new();
        index.build(&columns);
        index
    }

    proptest! {
        #[test]
        fn every_pair_that_may_touch_is_visited_once(bodies in bodies()) {
            let index = index_of(&bodies);
            let entries = index.entries();
            let mut visited = BTreeSet::new();
            let mut again = None;
            index.for_each_pair(|first, second| {
                if may_touch(&entries[first], &entries[second]) && !visited.insert((first.min(second), first.max(second))) {
                    again = Some((first, second));
                }
            });
            prop_assert_eq!(again, None);
            let all = (0..entries.len()).flat_map(|second| (0..second).map(move |first| (first, second)));
            let touching: BTreeSet<_> = all.filter(|(a, b)| may_touch(&entries[*a], &entries[*b])).collect();
            prop_assert_eq!(visited, touching);
        }

        #[test]
        fn everything_near_a_box_is_visited_once(
            bodies in bodies(),
            (x, y) in (-50 * METRE..1050 * METRE, -50 * METRE..1050 * METRE),
            (half_width, half_height) in (0..300 * METRE, 0..30 * METRE),
        ) {
            let index = index_of(&bodies);
            let mut visits = vec![0; bodies.len()];
            let (low, high) = ((x - half_width, y - half_height), (x + half_width, y + half_height));
            index.for_each_near(low, high, |place| visits[place] += 1);
            for (entry, visits) in index.entries().iter().zip(visits) {
                let (width, height) = (entry.half_width(), entry.half_height());
                let touches = (low.0 - width..=high.0 + width).contains(&entry.x)
                    && (low.1 - height..=high.1 + height).contains(&entry.y);
                prop_assert!(visits == 1 || (visits == 0 && !touches), "{visits} {touches} {entry:?}");
            }
        }
    }
}
