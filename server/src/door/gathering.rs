//! Lets messages gather before the network's threads look for them.
//!
//! A thread that wakes for each message pays for waking more than for the message, and what players want in a tick is not
//! looked at before it. So **a thread to which many of those come looks for messages every two milliseconds**; one to which
//! few come, or messages that are answered at once, looks all the time. What is to be sent does not wait. Network cards do so
//! by the name of interrupt moderation.

use std::{
    cell::Cell,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// How long messages gather.
const GATHERING: Duration = Duration::from_millis(2);
/// So many in a millisecond are many.
const MANY: u32 = 1;
/// How long they are counted.
const SPAN: Duration = Duration::from_millis(16);

#[derive(Clone, Copy)]
struct Count {
    since: Option<Instant>,
    messages: u32,
    are_many: bool,
}

thread_local! {
    static COUNT: Cell<Count> = const { Cell::new(Count { since: None, messages: 0, are_many: false }) };
}

/// How many threads let messages gather.
static RESTING: AtomicUsize = AtomicUsize::new(0);
/// How often they were to look up.
static CALLS: Mutex<u64> = Mutex::new(0);
static CALLED: Condvar = Condvar::new();

/// A message has come to this thread that can wait.
pub(super) fn note() {
    let count = COUNT.get();
    COUNT.set(Count { messages: count.messages.saturating_add(1), ..count });
}

/// This thread has nothing to do and would wait for the network.
pub fn rest() {
    let count = COUNT.get().at(Instant::now());
    COUNT.set(count);
    if !count.are_many {
        return;
    }
    let calls = CALLS.lock().unwrap_or_else(PoisonError::into_inner);
    let before = *calls;
    RESTING.fetch_add(1, Ordering::SeqCst);
    drop(CALLED.wait_timeout_while(calls, GATHERING, |calls| *calls == before));
    RESTING.fetch_sub(1, Ordering::SeqCst);
}

/// There is something to send: nobody rests any longer. Whoever begins to rest meanwhile does so for its time, at most.
pub(super) fn call() {
    if RESTING.load(Ordering::SeqCst) > 0 {
        *CALLS.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        CALLED.notify_all();
    }
}

impl Count {
    fn at(self, now: Instant) -> Self {
        let Some(since) = self.since else { return Self { since: Some(now), messages: 0, ..self } };
        let span = now.saturating_duration_since(since);
        if span < SPAN {
            return self;
        }
        let are_many = u128::from(self.messages) >= u128::from(MANY) * span.as_millis();
        Self { since: Some(now), messages: 0, are_many }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_gather_while_many_come() {
        let begun = Instant::now();
        let nothing = Count { since: None, messages: 0, are_many: false };
        let first = nothing.at(begun);
        assert!(!first.are_many);
        assert!(!Count { messages: 1000, ..first }.at(begun + SPAN / 2).are_many, "not yet counted to the end");
        let many = Count { messages: 16, ..first }.at(begun + SPAN);
        assert!(many.are_many);
        assert!(!Count { messages: 15, ..many }.at(begun + 2 * SPAN).are_many);
        // A thread that slept for long has had few.
        assert!(!Count { messages: 900, ..many }.at(begun + SPAN + Duration::from_secs(1)).are_many);
    }
}
