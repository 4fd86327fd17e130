//! Wakes the tasks of many connections at a time.
//!
//! A tick has something for every player. **To wake a task from a worker's thread may take the core from the worker**, once for
//! each of them, when the network's thread sleeps or shares it; so a worker gathers whom to wake, and wakes one task, which
//! wakes the others where that costs next to nothing.

use std::{
    cell::RefCell,
    future::poll_fn,
    sync::{Mutex, PoisonError},
    task::{Poll, Waker},
};

use futures_util::task::AtomicWaker;

use super::gathering;

thread_local! {
    /// Whom to wake when the work is done that this thread is at; `None` is at once.
    static GATHERED: RefCell<Option<Vec<Waker>>> = const { RefCell::new(None) };
}

/// What wakes those that were gathered.
#[derive(Default)]
pub struct Pump {
    waiting: Mutex<Vec<Waker>>,
    task: AtomicWaker,
}

/// Wakes a task: now, or with the others if this thread gathers them.
pub(super) fn wake(waker: Waker) {
    let now = GATHERED.with_borrow_mut(|gathered| match gathered {
        Some(gathered) => {
            gathered.push(waker);
            None
        }
        None => Some(waker),
    });
    if let Some(waker) = now {
        waker.wake();
    }
}

impl Pump {
    /// From now on whom this thread wakes is gathered.
    pub fn gather() {
        GATHERED.with_borrow_mut(|gathered| _ = gathered.get_or_insert_default());
    }

    /// Wakes those whom this thread has gathered.
    pub fn release(&self) {
        let is_first = GATHERED.with_borrow_mut(|gathered| {
            let gathered = gathered.as_mut().filter(|gathered| !gathered.is_empty())?;
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let is_first = waiting.is_empty();
            waiting.append(gathered);
            Some(is_first)
        });
        if is_first == Some(true) {
            self.task.wake();
            gathering::call();
        }
    }

    /// Wakes whom workers have gathered, for ever.
    pub async fn run(&self) {
        let mut due = Vec::new();
        poll_fn::<(), _>(|context| {
            self.task.register(context.waker());
            due.append(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            due.drain(..).for_each(Waker::wake);
            Poll::Pending
        })
        .await;
    }

    /// How many wait to be woken.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.waiting.lock().expect("nobody panics").len()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn whom_a_worker_wakes_is_woken_when_it_is_done() {
        let (pump, woken) = (Pump::default(), Arc::new(Woken(AtomicUsize::new(0))));
        wake(woken.clone().into());
        assert_eq!(woken.0.load(Ordering::Relaxed), 1, "others wake at once");
        Pump::gather();
        wake(woken.clone().into());
        wake(woken.clone().into());
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        pump.release();
        assert_eq!(pump.waiting(), 2);
    }
}
