//! What threads share, in one place, so that `make loom` can put the model checker's in its stead.
//!
//! The model checker knows neither crossbeam's queue nor the parking of the standard library, so that `--cfg loom`
//! replaces both with ones made of its own mutex and condition variable: a queue whose operations are atomic, and a
//! token that is kept until it is used. These are what the documentation of the originals promises, and no more.

#[cfg(not(loom))]
pub(crate) use native::{Arc, AtomicBool, JoinHandle, Ordering, Parking, Queue, SPIN_ROUNDS, spawn};

#[cfg(loom)]
pub(crate) use model::{Arc, AtomicBool, JoinHandle, Ordering, Parking, Queue, SPIN_ROUNDS, spawn};

#[cfg(not(loom))]
mod native {
    pub(crate) use crossbeam_queue::ArrayQueue as Queue;
    pub(crate) use std::sync::Arc;
    pub(crate) use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::{self, Thread};

    pub(crate) type JoinHandle = thread::JoinHandle<()>;

    /// How often a thread without work looks again, with growing pauses, before it parks: some 40 us in all, which spans
    /// the gap between the two phases of a tick and is nothing beside the gap between two ticks.
    pub(crate) const SPIN_ROUNDS: u32 = 8;

    /// A handle to a thread that waits, for itself and for those that wake it.
    #[derive(Clone, Debug)]
    pub(crate) struct Parking(Thread);

    impl Parking {
        /// That of the calling thread.
        pub(crate) fn here() -> Self {
            Self(thread::current())
        }

        /// Waits until `unpark` is called, or returns at once if it was since the last time; sometimes for no reason.
        /// Only for the thread that it belongs to.
        pub(crate) fn park(&self) {
            debug_assert_eq!(self.0.id(), thread::current().id(), "a thread parks itself");
            thread::park();
        }

        /// Wakes the thread, or keeps its next `park` from waiting.
        pub(crate) fn unpark(&self) {
            self.0.unpark();
        }
    }

    /// Starts a thread, if the system allows one more, and waits until it runs: what it takes to start one allocates, and
    /// is not to happen during a tick.
    ///
    /// It stays a function of its own, because `cargo xtask symbols` lets nothing else reach what the standard library
    /// needs to start a thread.
    #[inline(never)]
    pub(crate) fn spawn(name: String, run: impl FnOnce(&Parking) + Send + 'static) -> Option<(JoinHandle, Parking)> {
        let starter = Parking::here();
        let started = Arc::new(AtomicBool::new(false));
        let start = {
            let (starter, started) = (starter.clone(), Arc::clone(&started));
            move || {
                let parking = Parking::here();
                started.store(true, Ordering::Release);
                starter.unpark();
                run(&parking);
            }
        };
        let handle = thread::Builder::new().name(name).spawn(start).ok()?;
        while !started.load(Ordering::Acquire) {
            starter.park();
        }
        let parking = Parking(handle.thread().clone());
        Some((handle, parking))
    }
}

#[cfg(loom)]
mod model {
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::sync::{Condvar, Mutex};
    use std::collections::VecDeque;

    pub(crate) type JoinHandle = loom::thread::JoinHandle<()>;

    /// To look again changes nothing that the model checker does not explore anyway.
    pub(crate) const SPIN_ROUNDS: u32 = 0;

    const POISON: &str = "no operation of the model panics while it holds a mutex";

    /// Stands for crossbeam's `ArrayQueue`.
    #[derive(Debug)]
    pub(crate) struct Queue<T> {
        items: Mutex<VecDeque<T>>,
        capacity: usize,
    }

    impl<T> Queue<T> {
        pub(crate) fn new(capacity: usize) -> Self {
            Self { items: Mutex::new(VecDeque::with_capacity(capacity)), capacity }
        }

        pub(crate) fn push(&self, item: T) -> Result<(), T> {
            let mut items = self.items.lock().expect(POISON);
            if items.len() == self.capacity {
                return Err(item);
            }
            items.push_back(item);
            Ok(())
        }

        pub(crate) fn pop(&self) -> Option<T> {
            self.items.lock().expect(POISON).pop_front()
        }

        pub(crate) fn len(&self) -> usize {
            self.items.lock().expect(POISON).len()
        }
    }

    /// Stands for a `std::thread::Thread`.
    #[derive(Clone, Debug)]
    pub(crate) struct Parking(std::sync::Arc<(Mutex<bool>, Condvar)>);

    impl Parking {
        pub(crate) fn here() -> Self {
            Self(std::sync::Arc::new((Mutex::new(false), Condvar::new())))
        }

        pub(crate) fn park(&self) {
            let (token, woken) = &*self.0;
            let mut token = token.lock().expect(POISON);
            while !*token {
                token = woken.wait(token).expect(POISON);
            }
            *token = false;
        }

        pub(crate) fn unpark(&self) {
            let (token, woken) = &*self.0;
            *token.lock().expect(POISON) = true;
            woken.notify_one();
        }
    }

    pub(crate) fn spawn(name: String, run: impl FnOnce(&Parking) + Send + 'static) -> Option<(JoinHandle, Parking)> {
        let parking = Parking::here();
        let own = parking.clone();
        let handle = loom::thread::Builder::new().name(name).spawn(move || run(&own)).ok()?;
        Some((handle, parking))
    }
}
