//! Lets messages gather before a thread of the WebSockets looks for them.
//!
//! A thread that wakes for each message pays for waking more than for the message, and what players want in a tick is not
//! looked at before it. So **a thread to which many of those come looks for messages every two milliseconds**; one to which
//! few come, or messages that are answered at once, looks all the time. What is to be sent does not wait. Network cards do so
//! by the name of interrupt moderation.

use std::time::{Duration, Instant};

/// How long messages gather.
pub(super) const GATHERING: Duration = Duration::from_millis(2);
/// So many in a millisecond are many.
const MANY: u32 = 1;
/// How long they are counted.
const SPAN: Duration = Duration::from_millis(16);

/// How many messages that can wait come to a thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gathering {
    since: Instant,
    messages: u32,
    are_many: bool,
}

impl Gathering {
    /// None yet.
    pub(super) const fn new(now: Instant) -> Self {
        Self { since: now, messages: 0, are_many: false }
    }

    /// One has come.
    pub(super) const fn note(&mut self) {
        self.messages = self.messages.saturating_add(1);
    }

    /// Whether so many come that they should gather.
    pub(super) fn is_worth_it(&mut self, now: Instant) -> bool {
        let span = now.saturating_duration_since(self.since);
        if span >= SPAN {
            let are_many = u128::from(self.messages) >= u128::from(MANY) * span.as_millis();
            *self = Self { since: now, messages: 0, are_many };
        }
        self.are_many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_gather_while_many_come() {
        let begun = Instant::now();
        let mut gathering = Gathering::new(begun);
        let mut come = |messages, at| {
            (0..messages).for_each(|_| gathering.note());
            gathering.is_worth_it(at)
        };
        assert!(!come(1000, begun + SPAN / 2), "not yet counted to the end");
        assert!(come(0, begun + SPAN));
        assert!(!come(15, begun + 2 * SPAN));
        assert!(come(16, begun + 3 * SPAN));
        // A thread that slept for long has had few.
        assert!(!come(900, begun + 3 * SPAN + Duration::from_secs(1)));
    }
}
