//! Numbers for scripts.

use muster_core::random::{below, draw};

/// Draws for one tick: the same ones for the same seed, tick and purpose.
#[derive(Clone, Debug)]
pub struct Dice {
    seed: u64,
    tick: u64,
    purpose: u32,
    rolls: u64,
}

impl Dice {
    /// The draws of a tick for one purpose.
    pub const fn new(seed: u64, tick: u64, purpose: u32) -> Self {
        Self { seed, tick, purpose, rolls: 0 }
    }

    /// 64 random bits.
    pub fn word(&mut self) -> u64 {
        self.rolls += 1;
        draw(self.seed, self.tick, self.rolls, self.purpose)
    }

    /// A number below `bound`, which is above 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        below(self.word(), bound)
    }

    /// A number from `low` to `high`, both included, which are less than 2^32 apart.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u32::try_from(high - low).expect("bounds are in order and less than 2^32 apart");
        let word = self.word();
        low + i64::from(span.checked_add(1).map_or(word as u32, |span| below(word, span)))
    }

    /// True once in so many times.
    pub fn one_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// One of several.
    ///
    /// # Panics
    /// If there are none.
    pub fn of<T: Copy>(&mut self, some: &[T]) -> T {
        some[self.below(some.len() as u32) as usize]
    }
}
