//! The way to the threads of the WebSockets: what there is for them to do.
//!
//! A tick has something for every player. **To wake a thread may take the core from the one that wakes it**, so a worker
//! gathers for whom it has something, and calls each thread once when it is done.

use std::{
    cell::RefCell,
    io,
    mem::take,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use mio::{Poll, Token, Waker};

use super::sockets::Arrival;
use crate::pulse::{Life, Pulse};

/// The token of what wakes a thread that waits for its sockets.
pub(super) const WAKER: Token = Token(usize::MAX);

thread_local! {
    /// Whom there is something for, from this thread, until its work is done; `None` is that it calls at once.
    static GATHERED: RefCell<Option<Vec<Address>>> = const { RefCell::new(None) };
}

/// A client among those of all threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    /// The thread.
    pub(super) thread: u16,
    /// The place among the thread's clients. Who comes later may have it again.
    pub(super) slot: u32,
}

/// The ways to all threads.
#[derive(Default)]
pub struct Pump {
    inboxes: Vec<Inbox>,
    /// How many clients have come.
    arrivals: AtomicUsize,
}

/// The way to one thread.
pub(super) struct Inbox {
    state: Mutex<State>,
    called: Condvar,
    waker: Waker,
    pulse: Pulse,
}

#[derive(Default)]
struct State {
    letters: Letters,
    sleep: Sleep,
}

/// How a thread waits, and so what wakes it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Sleep {
    #[default]
    Awake,
    /// For letters only.
    Resting,
    /// For its sockets too.
    Waiting,
}

/// What there is to do for a thread.
#[derive(Default)]
pub(super) struct Letters {
    /// Slots whose lines have something to send, or are to end.
    pub(super) calls: Vec<u32>,
    /// Clients whose question is answered, by slot and line.
    pub(super) answered: Vec<(u32, u64)>,
    pub(super) arrivals: Vec<Arrival>,
    pub(super) is_end: bool,
}

impl Letters {
    fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.answered.is_empty() && self.arrivals.is_empty() && !self.is_end
    }
}

impl Pump {
    /// Ways to so many threads, and what each of them waits by.
    ///
    /// # Errors
    /// When the system gives nothing to wait by.
    pub(crate) fn open(threads: usize) -> io::Result<(Self, Vec<Poll>)> {
        let polls = (0..threads).map(|_| Poll::new()).collect::<io::Result<Vec<_>>>()?;
        let inboxes = polls.iter().map(Inbox::new).collect::<io::Result<_>>()?;
        Ok((Self { inboxes, arrivals: AtomicUsize::new(0) }, polls))
    }

    /// There is something for a client: now, or with the others if this thread gathers them.
    pub(super) fn call(&self, address: Address) {
        let is_gathered =
            GATHERED.with_borrow_mut(|gathered| gathered.as_mut().map(|gathered| gathered.push(address)).is_some());
        if !is_gathered {
            self.put(address.thread, |letters| letters.calls.push(address.slot));
        }
    }

    /// What a client had asked is answered.
    pub(super) fn answer(&self, address: Address, line: u64) {
        self.put(address.thread, |letters| letters.answered.push((address.slot, line)));
    }

    /// A client has come: one thread after the other takes one.
    pub(super) fn arrive(&self, arrival: Arrival) {
        let first = self.arrivals.fetch_add(1, Ordering::Relaxed);
        let inboxes = (0..self.inboxes.len()).map(|next| &self.inboxes[(first + next) % self.inboxes.len()]);
        // Without any the client is gone.
        if let Some(inbox) = inboxes.into_iter().find(|inbox| !inbox.pulse.has_ended()) {
            inbox.put(|letters| letters.arrivals.push(arrival));
        }
    }

    /// From now on those for whom this thread has something are gathered.
    pub fn gather() {
        GATHERED.with_borrow_mut(|gathered| _ = gathered.get_or_insert_default());
    }

    /// Calls those that this thread has gathered.
    pub fn release(&self) {
        GATHERED.with_borrow_mut(|gathered| {
            let Some(gathered) = gathered.as_mut().filter(|gathered| !gathered.is_empty()) else { return };
            for thread in 0..self.inboxes.len() as u16 {
                let of_thread = || gathered.iter().filter(move |address| address.thread == thread);
                if of_thread().next().is_some() {
                    self.put(thread, |letters| letters.calls.extend(of_thread().map(|address| address.slot)));
                }
            }
            gathered.clear();
        });
    }

    fn put(&self, thread: u16, letter: impl FnOnce(&mut Letters)) {
        if let Some(inbox) = self.inboxes.get(usize::from(thread)) {
            inbox.put(letter);
        }
    }

    /// The way to one of the threads, for itself.
    pub(super) fn inbox(&self, thread: u16) -> &Inbox {
        &self.inboxes[usize::from(thread)]
    }

    /// What state the worst of the threads is in.
    pub fn life(&self, now: Instant) -> Life {
        self.inboxes.iter().map(|inbox| inbox.pulse.life(now)).max().unwrap_or_default()
    }

    /// Ends the threads.
    pub(crate) fn stop(&self) {
        self.inboxes.iter().for_each(|inbox| inbox.put(|letters| letters.is_end = true));
    }
}

impl Inbox {
    fn new(poll: &Poll) -> io::Result<Self> {
        let waker = Waker::new(poll.registry(), WAKER)?;
        Ok(Self { state: Mutex::default(), called: Condvar::new(), waker, pulse: Pulse::new(Instant::now()) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, letter: impl FnOnce(&mut Letters)) {
        let mut state = self.state();
        letter(&mut state.letters);
        let sleep = take(&mut state.sleep);
        drop(state);
        match sleep {
            Sleep::Awake => {}
            Sleep::Resting => self.called.notify_one(),
            Sleep::Waiting => {
                if let Err(error) = self.waker.wake() {
                    tracing::error!(%error, "a thread of the WebSockets cannot be woken");
                }
            }
        }
    }

    /// The thread takes what there is, into `letters`, which is empty. It comes by at least once a second.
    pub(super) fn take(&self, letters: &mut Letters, now: Instant) {
        self.pulse.beat(now);
        let mut state = self.state();
        state.sleep = Sleep::Awake;
        std::mem::swap(&mut state.letters, letters);
    }

    /// The thread waits for letters, so long at most.
    pub(super) fn rest(&self, time: Duration) {
        let mut state = self.state();
        state.sleep = Sleep::Resting;
        drop(self.called.wait_timeout_while(state, time, |state| state.letters.is_empty()));
    }

    /// The thread is about to wait for its sockets; returns whether it may, since there is no letter.
    pub(super) fn may_wait(&self) -> bool {
        let mut state = self.state();
        let may_wait = state.letters.is_empty();
        state.sleep = if may_wait { Sleep::Waiting } else { Sleep::Awake };
        may_wait
    }

    /// The thread ends.
    pub(super) fn end(&self) {
        self.pulse.end();
        let left = take(&mut self.state().letters);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pulse::HANGS_AFTER;

    fn calls(pump: &Pump, thread: u16) -> Vec<u32> {
        let mut letters = Letters::default();
        pump.inbox(thread).take(&mut letters, Instant::now());
        letters.calls
    }

    #[test]
    fn whom_a_worker_has_something_for_is_called_when_it_is_done() {
        let (pump, _polls) = Pump::open(2).expect("there is something to wait by");
        let (first, second) = (Address { thread: 0, slot: 7 }, Address { thread: 1, slot: 8 });
        pump.call(first);
        assert_eq!(calls(&pump, 0), [7], "others call at once");
        Pump::gather();
        pump.call(first);
        pump.call(second);
        pump.call(Address { slot: 9, ..first });
        assert_eq!((calls(&pump, 0), calls(&pump, 1)), (vec![], vec![]));
        pump.release();
        assert_eq!((calls(&pump, 0), calls(&pump, 1)), (vec![7, 9], vec![8]));
        pump.release();
        assert!(calls(&pump, 0).is_empty());
    }

    #[test]
    fn a_thread_that_does_not_come_by_hangs() {
        let (pump, _polls) = Pump::open(2).expect("there is something to wait by");
        let now = Instant::now();
        let late = now + HANGS_AFTER + Duration::from_secs(1);
        let come_by = |thread| pump.inbox(thread).take(&mut Letters::default(), late);
        assert_eq!(pump.life(now), Life::Good);
        come_by(0);
        assert_eq!(pump.life(late), Life::Hung);
        come_by(1);
        assert_eq!(pump.life(late), Life::Good);
        pump.inbox(0).end();
        assert_eq!(pump.life(late + 2 * HANGS_AFTER), Life::Ended, "that is worse");
    }

    #[test]
    fn a_thread_does_not_wait_over_letters() {
        let (pump, mut polls) = Pump::open(1).expect("there is something to wait by");
        let inbox = pump.inbox(0);
        assert!(inbox.may_wait());
        // It is woken out of waiting for its sockets.
        pump.call(Address { thread: 0, slot: 1 });
        let mut events = mio::Events::with_capacity(4);
        polls[0].poll(&mut events, Some(Duration::from_secs(10))).expect("it can wait");
        assert!(events.iter().any(|event| event.token() == WAKER));
        assert!(!inbox.may_wait());
        assert_eq!(calls(&pump, 0), [1]);
        assert!(inbox.may_wait());
        // And out of its rest, which would be an hour.
        std::thread::scope(|scope| {
            scope.spawn(|| pump.call(Address { thread: 0, slot: 2 }));
            inbox.rest(Duration::from_secs(3600));
        });
        assert_eq!(calls(&pump, 0), [2]);
    }
}
