//! Numbers that look random and are the same in every run.

use muster_core::random::draw;

/// A stream of random numbers, which is a function of its seed.
#[derive(Debug, Clone)]
pub struct Chance {
    seed: u64,
    draws: u64,
}

impl Chance {
    /// The stream of a seed, from its beginning.
    pub const fn new(seed: u64) -> Self {
        Self { seed, draws: 0 }
    }

    /// Any number.
    pub fn bits(&mut self) -> u64 {
        self.draws += 1;
        draw(self.seed, self.draws, 0, 0)
    }

    /// From 0 up to and not including 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From `low` up to and not including `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// From 0 up to and not including `end`, which is at least 1.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.bits()) * end as u128) >> 64) as usize
    }

    /// -1 or 1.
    pub fn sign(&mut self) -> f64 {
        if self.bits() & 1 == 0 { -1.0 } else { 1.0 }
    }

    /// So many ticks as `low` to `high` seconds have.
    pub fn ticks(&mut self, low: f64, high: f64) -> u64 {
        (self.between(low, high) * f64::from(super::TICK_RATE_HZ)) as u64
    }
}
