//! Waiting for something to become true, never for a time to pass.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks at `probe` until it gives a value, and returns it.
///
/// # Panics
/// With `what` when nothing came within `limit`.
#[track_caller]
pub fn until<T>(limit: Duration, what: &str, probe: impl FnMut() -> Option<T>) -> T {
    match within(limit, probe) {
        Some(value) => value,
        None => panic!("{what}: not within {limit:?}"),
    }
}

/// Looks at `probe` until it gives a value or `limit` has passed.
pub fn within<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(PAUSE); // tidy-allow: a condition that another process brings about can only be looked at again
    }
}
