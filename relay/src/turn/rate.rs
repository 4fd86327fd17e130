//! Bytes a second: a ceiling for each allocation, and a fair share of a ceiling for all.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

/// A token bucket that refills when it is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokenBucket {
    tokens: u64,
    refilled: Duration,
    started: bool,
}

impl TokenBucket {
    /// Takes `bytes` if they are there. The bucket holds half a second of `rate`, and at least 64 KiB, so that a burst of
    /// a few full datagrams always passes. A `rate` of 0 is no limit.
    pub fn take(&mut self, bytes: usize, rate: u64, now: Duration) -> bool {
        if rate == 0 {
            return true;
        }
        let capacity = (rate / 2).max(64 * 1024);
        if self.started {
            let elapsed_us = now.saturating_sub(self.refilled).as_micros().min(1_000_000) as u64;
            let earned = (u128::from(rate) * u128::from(elapsed_us) / 1_000_000) as u64;
            if earned > 0 {
                self.tokens = (self.tokens + earned).min(capacity);
                self.refilled = now;
            }
        } else {
            *self = Self { tokens: capacity, refilled: now, started: true };
        }
        let enough = self.tokens >= bytes as u64;
        if enough {
            self.tokens -= bytes as u64;
        }
        enough
    }
}

/// How long the demand of one round sets the share of the next.
const ROUND: Duration = Duration::from_millis(100);

/// Max-min fairness under one ceiling: nobody gets less than it asks while somebody gets more than an equal share.
///
/// The relay has no queues to schedule, so fairness is policed: the bytes that each allocation offers in one round of
/// 100 ms give the share of the next (the level to which the demands fill the ceiling, like water). A newcomer is under
/// the same share at once. With several workers each gets the part of the ceiling that its active allocations stand for.
#[derive(Debug)]
pub struct FairShare {
    ceiling: u64,
    round: u32,
    round_ends: Duration,
    share: u64,
    capacity: u64,
    admitted: u64,
    /// Bytes offered by each allocation that was active in this round, by order of arrival.
    offered: Vec<u64>,
    sorted: Vec<u64>,
}

/// What one allocation has used of its share; part of the allocation.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShareUsed {
    round: u32,
    position: u32,
    admitted: u64,
}

impl FairShare {
    /// A ceiling of `bytes_per_second` (0: none) for at most `allocations_max`.
    pub fn new(bytes_per_second: u64, allocations_max: usize) -> Self {
        let capacity = if bytes_per_second == 0 { 0 } else { allocations_max };
        Self {
            ceiling: bytes_per_second,
            round: 0,
            round_ends: Duration::ZERO,
            share: u64::MAX,
            capacity: 0,
            admitted: 0,
            offered: Vec::with_capacity(capacity),
            sorted: Vec::with_capacity(capacity),
        }
    }

    /// Asks for `bytes` more in this round. `active` counts the active allocations of all workers.
    pub fn take(&mut self, used: &mut ShareUsed, bytes: usize, now: Duration, active: &AtomicU32) -> bool {
        if self.ceiling == 0 {
            return true;
        }
        if now >= self.round_ends {
            self.start_round(now, active);
        }
        let bytes = bytes as u64;
        if used.round != self.round {
            if self.offered.len() == self.offered.capacity() {
                return false;
            }
            *used = ShareUsed { round: self.round, position: self.offered.len() as u32, admitted: 0 };
            self.offered.push(0);
        }
        self.offered[used.position as usize] += bytes;
        let fits = used.admitted + bytes <= self.share && self.admitted + bytes <= self.capacity;
        if fits {
            used.admitted += bytes;
            self.admitted += bytes;
        }
        fits
    }

    /// Ends the round if its time is over, so that allocations which have fallen silent are counted no longer. To be
    /// called now and then while [`FairShare::is_counted`].
    pub fn handle_timeout(&mut self, now: Duration, active: &AtomicU32) {
        if self.is_counted() && now >= self.round_ends {
            self.start_round(now, active);
        }
    }

    /// Starts anew with another ceiling, as [`FairShare::new`] does. Rounds are counted on, because allocations remember
    /// the number of the last one that they were active in.
    pub fn restart(&mut self, bytes_per_second: u64, allocations_max: usize, active: &AtomicU32) {
        active.fetch_sub(self.sorted.len() as u32, Relaxed);
        *self = Self { round: self.round, ..Self::new(bytes_per_second, allocations_max) };
    }

    /// Whether other workers leave a part of the ceiling to this one, or will.
    pub fn is_counted(&self) -> bool {
        !self.sorted.is_empty() || !self.offered.is_empty()
    }

    fn start_round(&mut self, now: Duration, active: &AtomicU32) {
        let mine = self.offered.len() as u32;
        let previous = self.sorted.len() as u32;
        // Each worker keeps its own part of the sum right; a reader may be one round late, which does not matter.
        let everyone = active.fetch_add(mine.wrapping_sub(previous), Relaxed).wrapping_add(mine.wrapping_sub(previous));
        let part = f64::from(mine.max(1)) / f64::from(everyone.max(mine).max(1));
        self.capacity = (self.ceiling as f64 * part * ROUND.as_secs_f64()) as u64;
        self.sorted.clear();
        self.sorted.extend_from_slice(&self.offered);
        self.sorted.sort_unstable();
        self.share = water_level(&self.sorted, self.capacity);
        self.offered.clear();
        self.admitted = 0;
        // Round 0 is what a fresh `ShareUsed` has, so it never comes back.
        self.round = self.round.wrapping_add(1).max(1);
        self.round_ends = now + ROUND;
    }
}

/// The level at which `demands` (sorted) fill `capacity`, each taking the smaller of its demand and the level.
fn water_level(demands: &[u64], capacity: u64) -> u64 {
    let mut left = capacity;
    for (index, &demand) in demands.iter().enumerate() {
        let equal = left / (demands.len() - index) as u64;
        if demand > equal {
            return equal;
        }
        left -= demand;
    }
    u64::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_passes_its_rate_and_no_more() {
        let mut bucket = TokenBucket::default();
        let rate = 1_000_000;
        let mut passed = 0;
        for millisecond in 0..10_000 {
            for _ in 0..10 {
                if bucket.take(1_000, rate, Duration::from_millis(millisecond)) {
                    passed += 1_000;
                }
            }
        }
        let expected = 10 * rate + rate / 2;
        assert!((expected - 2_000..=expected + 2_000).contains(&passed), "{passed}");
    }

    #[test]
    fn the_water_level_serves_the_small_first() {
        assert_eq!(water_level(&[10, 20, 30], 100), u64::MAX);
        assert_eq!(water_level(&[10, 50, 90], 90), 40);
        assert_eq!(water_level(&[100, 100], 50), 25);
        assert_eq!(water_level(&[], 50), u64::MAX);
    }

    /// One greedy allocation must not take what two modest ones ask for.
    #[test]
    fn a_greedy_allocation_leaves_the_modest_ones_their_share() {
        let mut fair = FairShare::new(1_000_000, 8);
        let active = AtomicU32::new(0);
        let mut used = [ShareUsed::default(); 3];
        let mut passed = [0_u64; 3];
        for millisecond in 0..5_000 {
            let now = Duration::from_millis(millisecond);
            for _ in 0..10 {
                if fair.take(&mut used[0], 1_000, now, &active) {
                    passed[0] += 1_000;
                }
            }
            for modest in 1..3 {
                if fair.take(&mut used[modest], 200, now, &active) {
                    passed[modest] += 200;
                }
            }
        }
        for modest in 1..3 {
            assert!(passed[modest] > 5 * 200_000 * 95 / 100, "{passed:?}");
        }
        let total: u64 = passed.iter().sum();
        assert!((4_500_000..=5_100_000).contains(&total), "{passed:?}");
    }
}
