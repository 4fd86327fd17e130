//! A thread that rings where a call takes long.
//!
//! The net of time below the count looks every so many safepoints, and a safepoint may be anything: a round of a loop that compares
//! texts of megabytes a hundred times. **Where a call has taken some milliseconds, its next safepoint is made to look**, without
//! a change of what it has counted.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// What a thread counts of its call, and others see.
#[repr(align(128))]
#[derive(Debug)]
pub(super) struct Counters {
    /// How many safepoints the call may still pass until it is looked at more closely.
    slice: AtomicI64,
    /// The number of the call that runs, or [`OVER`] with the number of the last.
    call: AtomicU64,
}

/// In [`Counters::call`], that no call runs.
const OVER: u64 = 1 << 63;
/// By how much too few safepoints are left where it rings: more than any call has or charges.
const RING: i64 = 1 << 60;
/// A call of which nothing has changed for so long is rung for.
const EVERY: Duration = Duration::from_millis(4);
/// So often it is looked for calls while there were none for a second: matches call many times in that.
const SELDOM: Duration = Duration::from_millis(50);
const QUIET_ROUNDS: u32 = 250;

/// Counters that live until [`forget`] has returned.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Place(*const Counters);

// SAFETY: counters may be read and written by any thread; that they live is what `watch` asks for.
unsafe impl Send for Place {}

/// The counters of the threads that run scripts.
#[derive(Debug)]
struct Register {
    places: Vec<Place>,
    is_watched: bool,
}

static REGISTER: Mutex<Register> = Mutex::new(Register { places: Vec::new(), is_watched: false });
static SOMEBODY: Condvar = Condvar::new();

fn register() -> MutexGuard<'static, Register> {
    REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Counters {
    pub(super) const fn new() -> Self {
        Self { slice: AtomicI64::new(i64::MAX), call: AtomicU64::new(OVER) }
    }

    /// A call begins, which is not the one before.
    pub(super) fn begin(&self, number: u64, slice: i64) {
        self.set_slice(slice);
        self.call.store(number, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.call.store(self.call.load(Ordering::Relaxed) | OVER, Ordering::Relaxed);
        self.set_slice(i64::MAX);
    }

    /// What is left of the slice; less than nothing also where it rings.
    #[inline]
    pub(super) fn slice(&self) -> i64 {
        self.slice.load(Ordering::Relaxed)
    }

    /// A ring that comes meanwhile may be lost: another follows.
    #[inline]
    pub(super) fn set_slice(&self, slice: i64) {
        self.slice.store(slice, Ordering::Relaxed);
    }

    /// What is left of the slice, rung for or not.
    pub(super) fn count(&self) -> i64 {
        let slice = self.slice();
        if (-2 * RING..-RING / 2).contains(&slice) { slice + RING } else { slice }
    }

    fn ring(&self) {
        if self.slice() >= 0 {
            self.slice.fetch_sub(RING, Ordering::Relaxed);
        }
    }
}

/// Watches the calls of a thread.
///
/// # Safety
/// The counters live until they were given to [`forget`].
pub(super) unsafe fn watch(counters: *const Counters) {
    register().places.push(Place(counters));
    SOMEBODY.notify_one();
}

/// Begins to ring, if nobody has. Without the thread the net looks less often, and the next machine tries again.
pub(super) fn begin() {
    let mut register = register();
    if !register.is_watched {
        register.is_watched = thread::Builder::new().name("muster-alarm".into()).spawn(run).is_ok();
    }
}

/// Watches them no more.
pub(super) fn forget(counters: *const Counters) {
    register().places.retain(|place| *place != Place(counters));
}

fn run() {
    let mut last: Vec<(Place, u64)> = Vec::new();
    let mut quiet = 0;
    loop {
        let register = register();
        let register = SOMEBODY.wait_while(register, |register| register.places.is_empty());
        let register = register.unwrap_or_else(PoisonError::into_inner);
        let is_quiet = look(&register.places, &mut last);
        drop(register);
        quiet = if is_quiet { QUIET_ROUNDS.min(quiet + 1) } else { 0 };
        thread::sleep(if quiet < QUIET_ROUNDS { EVERY } else { SELDOM });
    }
}

/// Rings for the calls that ran at the look before, too. Returns whether there was no call since then.
fn look(places: &[Place], last: &mut Vec<(Place, u64)>) -> bool {
    let mut is_quiet = true;
    let see = |place: &Place| {
        // SAFETY: they are in the register, which is locked, so that they live.
        let counters = unsafe { &*place.0 };
        let seen = (*place, counters.call.load(Ordering::Relaxed));
        let (runs, is_known) = (seen.1 & OVER == 0, last.contains(&seen));
        if runs && is_known {
            counters.ring();
        }
        is_quiet &= !runs && is_known;
        seen
    };
    *last = places.iter().map(see).collect();
    is_quiet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_counts_nothing() {
        let counters = Counters::new();
        for left in [512, 1, 0] {
            counters.begin(1, left);
            counters.ring();
            counters.ring();
            assert!(counters.slice() < 0);
            assert_eq!(counters.count(), left);
            // A safepoint passes.
            counters.set_slice(counters.slice() - 1);
            assert_eq!(counters.count(), left - 1);
        }
        // What is over stays over.
        counters.set_slice(i64::MIN / 2);
        counters.ring();
        assert_eq!(counters.count(), i64::MIN / 2);
    }

    #[test]
    fn a_call_that_takes_long_is_rung_for_and_the_next_one_is_not() {
        let (counters, mut last) = (Counters::new(), Vec::new());
        // Whether it was quiet, and whether it rings.
        let mut look = || (look(&[Place(&raw const counters)], &mut last), counters.slice() < 0);
        assert_eq!((look(), look()), ((false, false), (true, false)), "no call runs");
        counters.begin(7, 512);
        assert_eq!((look(), look()), ((false, false), (false, true)));
        counters.set_slice(counters.count());
        assert_eq!(look(), (false, true), "it still runs");
        assert_eq!(counters.count(), 512);
        counters.begin(8, 512);
        assert_eq!(look(), (false, false));
        counters.end();
        assert_eq!((look(), look()), ((false, false), (true, false)));
        // One between two looks is one.
        counters.begin(9, 512);
        counters.end();
        assert_eq!((look(), look()), ((false, false), (true, false)));
    }
}
