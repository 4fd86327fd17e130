//! Time: of this thread's own work, and of the wall.

use std::time::Instant;

use nix::time::{ClockId, clock_gettime};

/// Seconds that this thread needs for `work` alone: what others do on its core meanwhile is left out.
pub fn thread_seconds(work: impl FnOnce()) -> f64 {
    let before = thread_now();
    work();
    thread_now() - before
}

/// Seconds until `work` is done, whoever does it.
pub fn wall_seconds(work: impl FnOnce()) -> f64 {
    let before = Instant::now();
    work();
    before.elapsed().as_secs_f64()
}

/// Seconds that this thread has worked.
pub fn thread_now() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every thread has a CPU clock");
    time.tv_sec() as f64 + time.tv_nsec() as f64 * 1e-9
}
