//! A queue with many senders and one receiver, who takes all there is at a time.
//!
//! **What can wait does not wake the receiver**: it lies there until the receiver wakes for something else, or until so much
//! has come that looking at it is worth the waking. A worker has a tick to make twenty times a second, and what players want
//! in it comes some hundred times; to wake for each would cost more than what it brings.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// So many things that can wait wake the receiver together.
const WORTH_WAKING: usize = 512;

/// The queue.
pub(super) struct Mailbox<T> {
    state: Mutex<State<T>>,
    /// Something came for which the receiver wakes.
    arrived: Condvar,
    /// There is room again.
    emptied: Condvar,
    most: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    /// Whether the receiver sleeps, so that waking it is needed.
    is_asleep: bool,
    /// Whether it is to look at what is there.
    is_urgent: bool,
    is_closed: bool,
}

/// Why something is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused<T> {
    /// There is no room.
    Full(T),
    /// The receiver has gone.
    Closed,
}

impl<T> Mailbox<T> {
    /// One that holds at most so many.
    pub(super) fn new(most: usize) -> Self {
        let state = State { waiting: VecDeque::new(), is_asleep: false, is_urgent: false, is_closed: false };
        Self { state: Mutex::new(state), arrived: Condvar::new(), emptied: Condvar::new(), most }
    }

    /// Puts something in, if there is room.
    pub(super) fn try_send(&self, item: T, is_urgent: bool) -> Result<(), Refused<T>> {
        let state = self.state();
        if state.is_closed {
            return Err(Refused::Closed);
        }
        if state.waiting.len() >= self.most {
            return Err(Refused::Full(item));
        }
        self.put(state, item, is_urgent);
        Ok(())
    }

    /// Has the receiver look at what is there.
    pub(super) fn nudge(&self) {
        let mut state = self.state();
        if state.waiting.is_empty() {
            return;
        }
        state.is_urgent = true;
        let wakes = std::mem::take(&mut state.is_asleep);
        drop(state);
        if wakes {
            self.arrived.notify_one();
        }
    }

    /// Puts something in, when there is room. Returns whether the receiver is there.
    pub(super) fn send(&self, item: T) -> bool {
        let has_no_room = |state: &mut State<T>| !state.is_closed && state.waiting.len() >= self.most;
        let state = self.emptied.wait_while(self.state(), has_no_room).unwrap_or_else(PoisonError::into_inner);
        if state.is_closed {
            return false;
        }
        self.put(state, item, true);
        true
    }

    fn put(&self, mut state: MutexGuard<'_, State<T>>, item: T, is_urgent: bool) {
        state.waiting.push_back(item);
        state.is_urgent |= is_urgent || state.waiting.len() >= WORTH_WAKING;
        let wakes = state.is_urgent && std::mem::take(&mut state.is_asleep);
        drop(state);
        if wakes {
            self.arrived.notify_one();
        }
    }

    /// Takes everything, into `taken`, which is empty. If nothing is there that the receiver wakes for, waits for it until
    /// `until`.
    pub(super) fn take(&self, until: Instant, taken: &mut VecDeque<T>) {
        let mut state = self.state();
        while !state.is_urgent && !state.is_closed {
            let Some(wait) = until.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero()) else { break };
            state.is_asleep = true;
            state = self.arrived.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
            state.is_asleep = false;
        }
        state.is_urgent = false;
        let was_full = state.waiting.len() >= self.most;
        std::mem::swap(&mut state.waiting, taken);
        drop(state);
        if was_full {
            self.emptied.notify_all();
        }
    }

    /// The receiver goes; what waits is dropped.
    pub(super) fn close(&self) -> usize {
        let mut state = self.state();
        state.is_closed = true;
        let dropped = std::mem::take(&mut state.waiting);
        drop(state);
        self.emptied.notify_all();
        dropped.len()
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread, time::Duration};

    use super::*;

    fn taken(mailbox: &Mailbox<u32>, until: Instant) -> Vec<u32> {
        let mut taken = VecDeque::new();
        mailbox.take(until, &mut taken);
        taken.into()
    }

    #[test]
    fn all_comes_out_in_order_and_no_more_goes_in_than_fits() {
        let mailbox = Mailbox::new(2);
        assert_eq!(mailbox.try_send(1, true), Ok(()));
        assert_eq!(mailbox.try_send(2, false), Ok(()));
        assert_eq!(mailbox.try_send(3, true), Err(Refused::Full(3)));
        let soon = Instant::now();
        assert_eq!(taken(&mailbox, soon), [1, 2]);
        assert_eq!(mailbox.try_send(4, true), Ok(()));
        assert_eq!(mailbox.close(), 1);
        assert_eq!(mailbox.try_send(5, true), Err(Refused::Closed));
        assert!(!mailbox.send(6));
    }

    #[test]
    fn what_can_wait_comes_with_what_cannot() {
        let mailbox = Arc::new(Mailbox::new(1000));
        assert_eq!(mailbox.try_send(1, false), Ok(()));
        let other = mailbox.clone();
        let sender = thread::spawn(move || other.try_send(2, true));
        // Without the second one this would take an hour.
        let mut all = Vec::new();
        while all.len() < 2 {
            all.extend(taken(&mailbox, Instant::now() + Duration::from_secs(3600)));
        }
        assert_eq!(all, [1, 2]);
        assert_eq!(sender.join().expect("it ends"), Ok(()));
        assert_eq!(mailbox.try_send(3, false), Ok(()));
        mailbox.nudge();
        assert_eq!(taken(&mailbox, Instant::now() + Duration::from_secs(3600)), [3]);
        mailbox.nudge();
        assert!(taken(&mailbox, Instant::now()).is_empty(), "there is nothing to look at");
        for number in 0..WORTH_WAKING as u32 {
            assert_eq!(mailbox.try_send(number, false), Ok(()));
        }
        assert_eq!(taken(&mailbox, Instant::now() + Duration::from_secs(3600)).len(), WORTH_WAKING);
    }

    #[test]
    fn who_must_be_heard_waits_for_room() {
        let mailbox = Arc::new(Mailbox::new(1));
        assert!(mailbox.send(1));
        let other = mailbox.clone();
        let sender = thread::spawn(move || other.send(2));
        let mut all = Vec::new();
        while all.len() < 2 {
            all.extend(taken(&mailbox, Instant::now() + Duration::from_secs(3600)));
        }
        assert_eq!(all, [1, 2]);
        assert!(sender.join().expect("it ends"));
    }
}
