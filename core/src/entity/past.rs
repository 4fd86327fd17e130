//! Where entities were: a ring of places, a tick apart, that moves with the rows.
//!
//! Lag compensation judges what was hit where the one who shot saw it, so it needs to know where everybody was a little
//! while ago. **A place is relative to the sector that its row is in now**, so it is shifted when the row changes sectors,
//! and who looks at a past place needs no more than who looks at a present one. What is put somewhere else by the host has
//! always been there, as far as the ring knows: nobody is hit where a teleport took them from.

use crate::{
    physics::index::make_room,
    space::{METRE, SECTOR_SIDE},
};

/// How far from where it is an entity may be judged, in x and in y: 224 m, which is 250 ms at 900 m/s. What went further,
/// thrown by a heap of others, is judged where it is. With the longest shot and the largest entity it is less than a
/// sector, so that a shot concerns no sectors but those around.
pub(crate) const MOVED_MAX: i32 = 224 * METRE;

/// The places of rows over the last ticks.
#[derive(Clone, Default, Debug)]
pub(crate) struct Past {
    /// By the tick modulo their number, the present one included: the place of each row. Empty if no past is kept.
    places: Vec<Vec<(i32, i32)>>,
    /// For each of them, at least how far any row went, in x or in y, since the one before.
    steps: Vec<u32>,
}

impl Past {
    /// Of so many ticks; 0 keeps none and takes no memory.
    pub(crate) fn new(ticks: u8) -> Self {
        let slots = if ticks == 0 { 0 } else { usize::from(ticks) + 1 };
        Self { places: vec![Vec::new(); slots], steps: vec![0; slots] }
    }

    pub(crate) fn is_kept(&self) -> bool {
        !self.places.is_empty()
    }

    /// How many ticks it goes back.
    pub(crate) fn ticks(&self) -> u8 {
        self.places.len().saturating_sub(1) as u8
    }

    /// Where in the ring the places of some ticks before a tick are.
    fn slot(&self, tick: u64, ago: u8) -> usize {
        let slots = self.places.len();
        ((tick % slots as u64) as usize + slots - usize::from(ago)) % slots
    }

    pub(crate) fn make_room(&mut self, wanted: usize) {
        self.places.iter_mut().for_each(|places| make_room(places, wanted));
    }

    /// Adds a row that has always been there.
    pub(crate) fn push(&mut self, x: i32, y: i32) {
        self.places.iter_mut().for_each(|places| places.push((x, y)));
    }

    /// Removes a row. The last row takes its place.
    pub(crate) fn swap_remove(&mut self, row: usize) {
        self.places.iter_mut().for_each(|places| {
            places.swap_remove(row);
        });
    }

    /// Moves a row to the end of another ring of the same world. The last row takes its place.
    pub(crate) fn transfer(&mut self, row: usize, to: &mut Self) {
        for (from, to) in self.places.iter_mut().zip(&mut to.places) {
            to.push(from.swap_remove(row));
        }
        to.note_last();
    }

    /// Lets the steps know of the last row. The way from the present to the oldest place is taken for one too; it counts
    /// for no bound, and is gone with the next tick.
    fn note_last(&mut self) {
        let slots = self.places.len();
        for slot in 0..slots {
            let before = (slot + slots - 1) % slots;
            if let (Some(from), Some(to)) = (self.places[before].last(), self.places[slot].last()) {
                self.steps[slot] = self.steps[slot].max(apart(*from, *to));
            }
        }
    }

    /// A row has been put somewhere else.
    pub(crate) fn fill(&mut self, row: usize, x: i32, y: i32) {
        self.places.iter_mut().for_each(|places| places[row] = (x, y));
    }

    /// A row has come into a sector so many steps away.
    pub(crate) fn shift(&mut self, row: usize, right: i64, up: i64) {
        // Beyond the range of numbers a place is far beyond where it could matter.
        let along = |at: i32, steps: i64| at.saturating_sub((steps * i64::from(SECTOR_SIDE)) as i32);
        self.places.iter_mut().for_each(|places| {
            let (x, y) = places[row];
            places[row] = (along(x, right), along(y, up));
        });
    }

    /// Takes down where all rows are at a tick, the one after the last that was taken down.
    pub(crate) fn record(&mut self, tick: u64, x: &[i32], y: &[i32]) {
        if !self.is_kept() {
            return;
        }
        let (slot, before) = (self.slot(tick, 0), self.slot(tick, 1));
        let mut places = std::mem::take(&mut self.places[slot]);
        let mut step = 0;
        for (((place, x), y), before) in places.iter_mut().zip(x).zip(y).zip(&self.places[before]) {
            *place = (*x, *y);
            step = step.max(apart(*place, *before));
        }
        self.places[slot] = places;
        self.steps[slot] = step;
    }

    /// Takes down where the last row is at a tick that was taken down without it.
    pub(crate) fn record_last(&mut self, tick: u64, x: i32, y: i32) {
        if !self.is_kept() {
            return;
        }
        let slot = self.slot(tick, 0);
        if let Some(place) = self.places[slot].last_mut() {
            *place = (x, y);
        }
        self.note_last();
    }

    /// Where a row that is at `now` is judged to have been `ago` ticks before a tick, as far as the ring goes back.
    pub(crate) fn judged(&self, row: usize, now: (i32, i32), tick: u64, ago: u8) -> (i32, i32) {
        let ago = ago.min(self.ticks());
        if ago == 0 {
            return now;
        }
        let was = self.places[self.slot(tick, ago)][row];
        if apart(was, now) <= MOVED_MAX.unsigned_abs() { was } else { now }
    }

    /// At least how far from where it is any row is judged, in x or in y.
    pub(crate) fn moved_max(&self, tick: u64, ago: u8) -> i32 {
        let steps = (0..ago.min(self.ticks())).map(|ago| self.steps[self.slot(tick, ago)]);
        steps.fold(0u32, u32::saturating_add).min(MOVED_MAX.unsigned_abs()).cast_signed()
    }

    /// How many bytes a row takes in a snapshot.
    pub(crate) const fn row_bytes(ticks: u8) -> usize {
        8 * ticks as usize
    }

    /// The places of a row, from the last tick back. The present one is the columns'.
    pub(crate) fn row(&self, row: usize, tick: u64) -> impl Iterator<Item = (i32, i32)> {
        (1..=self.ticks()).map(move |ago| self.places[self.slot(tick, ago)][row])
    }

    /// Adds a row with its places, from the present back.
    pub(crate) fn push_places(&mut self, tick: u64, places: impl Iterator<Item = (i32, i32)>) {
        for (ago, place) in (0..=self.ticks()).zip(places) {
            let slot = self.slot(tick, ago);
            self.places[slot].push(place);
        }
        self.note_last();
    }
}

/// How far two places are apart in x or in y.
fn apart(a: (i32, i32), b: (i32, i32)) -> u32 {
    a.0.abs_diff(b.0).max(a.1.abs_diff(b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKS: u8 = 4;

    /// Of rows that go 1 m (row 0) and 2 m (row 1) to the right in every tick, the present tick being 10.
    fn past() -> Past {
        let mut past = Past::new(TICKS);
        past.make_room(2);
        past.push(0, 0);
        past.push(0, 0);
        for tick in 1..=10 {
            past.record(tick, &[tick as i32 * METRE, 2 * tick as i32 * METRE], &[0, 0]);
        }
        past
    }

    fn now(row: i32) -> (i32, i32) {
        (10 * (row + 1) * METRE, 0)
    }

    #[test]
    fn places_are_those_of_their_tick_and_no_older_ones_are_kept() {
        let past = past();
        for ago in 0..=TICKS + 3 {
            let kept = i32::from(ago.min(TICKS));
            assert_eq!(past.judged(0, now(0), 10, ago), ((10 - kept) * METRE, 0), "{ago}");
            assert_eq!(past.judged(1, now(1), 10, ago), (2 * (10 - kept) * METRE, 0), "{ago}");
            assert_eq!(past.moved_max(10, ago), 2 * kept * METRE, "{ago}");
        }
    }

    #[test]
    fn rows_take_their_places_along() {
        let (mut left, mut right) = (past(), Past::new(TICKS));
        left.transfer(0, &mut right);
        assert_eq!(left.judged(0, now(1), 10, 2), (16 * METRE, 0));
        assert_eq!(right.judged(0, now(0), 10, 2), (8 * METRE, 0));
        assert_eq!(right.moved_max(10, TICKS), 4 * METRE);
        right.shift(0, 1, -1);
        assert_eq!(right.row(0, 10).nth(1), Some((8 * METRE - SECTOR_SIDE, SECTOR_SIDE)));
        right.fill(0, 5, 6);
        assert!(right.row(0, 10).all(|place| place == (5, 6)));
        assert_eq!(right.row(0, 10).count(), usize::from(TICKS));
    }

    #[test]
    fn what_went_too_far_is_judged_where_it_is() {
        let mut past = past();
        let there = (10 * METRE + MOVED_MAX, 0);
        assert_eq!(past.judged(0, there, 10, 1), there);
        assert_eq!(past.judged(0, (9 * METRE + MOVED_MAX, 0), 10, 1), (9 * METRE, 0));
        past.record(11, &[i32::MIN, i32::MAX], &[i32::MAX, i32::MIN]);
        assert_eq!(past.moved_max(11, TICKS), MOVED_MAX);
        past.shift(0, 1, -1);
        assert_eq!(past.judged(0, (0, 0), 11, 1), (0, 0));
    }

    #[test]
    fn places_come_back() {
        let past = past();
        let mut again = Past::new(TICKS);
        for row in 0..2 {
            again.push_places(10, std::iter::once(now(row as i32)).chain(past.row(row, 10)));
        }
        for ago in 0..=TICKS {
            assert_eq!(again.judged(1, now(1), 10, ago), past.judged(1, now(1), 10, ago));
            assert_eq!(again.moved_max(10, ago), past.moved_max(10, ago));
        }
    }

    #[test]
    fn without_a_past_there_is_no_memory() {
        let mut past = Past::new(0);
        past.push(1, 2);
        past.record(1, &[1], &[2]);
        assert!(past.places.capacity() == 0 && past.steps.capacity() == 0);
        assert_eq!((past.judged(0, (3, 4), 9, 7), past.moved_max(9, 7)), ((3, 4), 0));
    }
}
