//! Whether a thread is there and goes round its loop, for those who watch over it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// A thread that has not gone round its loop for so long hangs: each goes round at least once a second.
pub const HANGS_AFTER: Duration = Duration::from_secs(10);

/// In [`Pulse::beat_ms`], that there are no more.
const ENDED: u64 = u64::MAX;

/// The pulse of a thread.
#[derive(Debug)]
pub struct Pulse {
    begun: Instant,
    /// When the thread went round its loop last, in milliseconds since `begun`.
    beat_ms: AtomicU64,
}

/// What can be told by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Life {
    /// The thread goes round its loop, or is not wanted.
    #[default]
    Good,
    /// It is there and has done nothing for too long.
    Hung,
    /// It has ended, however that came.
    Ended,
}

impl Pulse {
    /// That of a thread that is about to begin.
    pub fn new(now: Instant) -> Self {
        Self { begun: now, beat_ms: AtomicU64::new(0) }
    }

    /// The thread has gone round its loop, or is about to do one more thing that may take long.
    pub fn beat(&self, now: Instant) {
        self.beat_ms.store(now.saturating_duration_since(self.begun).as_millis() as u64, Ordering::Relaxed);
    }

    /// The thread ends.
    pub fn end(&self) {
        self.beat_ms.store(ENDED, Ordering::Relaxed);
    }

    /// Whether the thread has ended.
    pub fn has_ended(&self) -> bool {
        self.beat_ms.load(Ordering::Relaxed) == ENDED
    }

    /// What state the thread is in.
    pub fn life(&self, now: Instant) -> Life {
        match self.beat_ms.load(Ordering::Relaxed) {
            ENDED => Life::Ended,
            ms if now.saturating_duration_since(self.begun + Duration::from_millis(ms)) > HANGS_AFTER => Life::Hung,
            _ => Life::Good,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_hangs_that_does_not_go_round_any_more() {
        let (now, moment) = (Instant::now(), Duration::from_millis(1));
        let pulse = Pulse::new(now);
        assert_eq!(pulse.life(now + HANGS_AFTER), Life::Good);
        assert_eq!(pulse.life(now + HANGS_AFTER + moment), Life::Hung);
        pulse.beat(now + HANGS_AFTER);
        assert_eq!(pulse.life(now + 2 * HANGS_AFTER), Life::Good);
        assert_eq!(pulse.life(now + 2 * HANGS_AFTER + moment), Life::Hung);
        assert!(!pulse.has_ended());
        pulse.end();
        assert_eq!((pulse.has_ended(), pulse.life(now + 3 * HANGS_AFTER)), (true, Life::Ended));
    }
}
