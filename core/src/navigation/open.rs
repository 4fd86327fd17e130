//! The open list: what a search goes on from next.

use core::{cmp::Ordering, mem};
use std::collections::{BinaryHeap, binary_heap::PeekMut};

use super::cost;

/// A cell to go on from. Of two, the greater is the one to go on from first: ordered by the cost of the way there and
/// the estimate from there, then by the estimate, then by the cell, the smallest first.
///
/// **Costs wrap, but compare as if they did not**: estimates are consistent, so nothing on the list is cheaper than what
/// was taken off last, or dearer than that by more than twice the longest jump, 2 * 4095 * sqrt 2 < 2^14.
///
/// The three are one number, cost first, because a single subtraction then compares them without a branch, and branches
/// that nobody can predict are most of what a search costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Open(u128);

/// Cells to go on from, the best first.
#[derive(Debug)]
pub(super) struct OpenList {
    /// The best of those that were put on since one was last taken off. It often is the best of all, as a way towards
    /// the goal costs nothing more than estimated, and then never gets into the heap.
    newest: Option<Open>,
    heap: BinaryHeap<Open>,
}

impl OpenList {
    pub(super) fn new(capacity: usize) -> Self {
        Self { newest: None, heap: BinaryHeap::with_capacity(capacity) }
    }

    pub(super) fn clear(&mut self) {
        self.newest = None;
        self.heap.clear();
    }

    pub(super) fn push(&mut self, open: Open) {
        match self.newest {
            None => self.newest = Some(open),
            Some(newest) if newest < open => {
                self.heap.push(newest);
                self.newest = Some(open);
            }
            Some(_) => self.heap.push(open),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Open> {
        let Some(newest) = self.newest.take() else { return self.heap.pop() };
        match self.heap.peek_mut() {
            Some(best) if newest < *best => Some(replace(best, newest)),
            _ => Some(newest),
        }
    }
}

/// Puts another at the top of the heap, which then sinks to its place.
fn replace(mut best: PeekMut<'_, Open>, by: Open) -> Open {
    mem::replace(&mut *best, by)
}

impl Open {
    /// `estimate` is below 2^62; what differs only behind its 32nd bit counts as equal.
    #[inline]
    pub(super) fn new(cost: u64, estimate: u64, cell: u32) -> Self {
        Self(u128::from(cost) << 64 | u128::from(cost::coarse(estimate)) << 32 | u128::from(cell))
    }

    #[inline]
    pub(super) const fn cell(self) -> u32 {
        self.0 as u32
    }

    /// How much greater it is than another.
    #[inline]
    const fn above(self, other: Self) -> i128 {
        other.0.wrapping_sub(self.0) as i128
    }
}

impl Ord for Open {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.above(*other).cmp(&0)
    }
}

impl PartialOrd for Open {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    // These are what the heap asks. Written out, they come down to the sign of the difference.
    #[inline]
    fn lt(&self, other: &Self) -> bool {
        self.above(*other) < 0
    }

    #[inline]
    fn le(&self, other: &Self) -> bool {
        self.above(*other) <= 0
    }

    #[inline]
    fn gt(&self, other: &Self) -> bool {
        self.above(*other) > 0
    }

    #[inline]
    fn ge(&self, other: &Self) -> bool {
        self.above(*other) >= 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_that_wrap_come_out_in_order() {
        let mut list = OpenList::new(0);
        let near_the_end = u64::MAX - 5;
        for (step, cell) in [(3, 1), (9, 2), (0, 3), (6, 4), (7, 5), (7, 0)] {
            list.push(Open::new(near_the_end.wrapping_add(step), 1 << 40, cell));
        }
        list.push(Open::new(near_the_end.wrapping_add(7), 1 << 39, 9));
        let mut cells = Vec::new();
        while let Some(open) = list.pop() {
            cells.push(open.cell());
        }
        assert_eq!(cells, [3, 1, 4, 9, 0, 5, 2]);
    }
}
