//! How much may come in a time.

use std::time::{Duration, Instant};

/// A bucket of tokens that fills with time. Whole tokens cost a nanosecond each of the time that makes one.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    /// What one token takes to come.
    nanos_each: f64,
    /// Most tokens.
    burst: f64,
    tokens: f64,
    last: Instant,
}

impl Allowance {
    /// A full bucket that makes `count` tokens in `every`, and holds `burst`.
    pub fn new(count: u32, every: Duration, burst: u32, now: Instant) -> Self {
        let nanos_each = nanos(every) / f64::from(count.max(1));
        Self { nanos_each, burst: f64::from(burst), tokens: f64::from(burst), last: now }
    }

    /// Takes so many tokens, if they are there.
    pub fn take(&mut self, count: u32, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.last);
        self.last = self.last.max(now);
        self.tokens = (self.tokens + nanos(elapsed) / self.nanos_each).min(self.burst);
        let is_there = self.tokens >= f64::from(count);
        if is_there {
            self.tokens -= f64::from(count);
        }
        is_there
    }

    /// Whether it is as good as new.
    pub fn is_full(&self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.last);
        self.tokens + nanos(elapsed) / self.nanos_each >= self.burst
    }
}

/// As 64 bits, which hold five hundred years; the conversion of 128 is a function call.
fn nanos(time: Duration) -> f64 {
    (time.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(time.subsec_nanos()))) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let start = Instant::now();
        let mut bucket = Allowance::new(10, Duration::from_secs(1), 20, start);
        let taken = (0..100).filter(|_| bucket.take(1, start)).count();
        assert_eq!(taken, 20);
        let later = |ms| start + Duration::from_millis(ms);
        assert!(!bucket.take(1, later(99)));
        assert!(bucket.take(1, later(101)));
        assert!(!bucket.take(1, later(150)));
        assert!(!bucket.is_full(later(1000)) && bucket.is_full(later(3000)));
        // A clock that goes back gives nothing.
        assert!(!bucket.take(1, start));
        assert!(!bucket.take(30, later(60_000)));
    }
}
