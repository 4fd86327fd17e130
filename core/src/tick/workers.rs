//! Threads that live as long as the world and run the jobs of its ticks.
//!
//! A job is owned by who runs it: it moves to a worker and back, so that nothing is locked and nothing is shared but the
//! lists it moves through. Each worker has a list of its own, to which every run gives the same jobs, whose memory is then
//! still in its core's cache; who is done with its list takes from the others', since jobs differ in size.
//!
//! **No wake-up is lost: a job is put into a list before its worker is unparked, and a worker parks only after it found all
//! lists empty; an `unpark` that comes between the two keeps the `park` from waiting.** The same holds for the caller and
//! the list of jobs that are done. `make loom` checks it in every order that threads can run in.

use super::sync::{Arc, AtomicBool, JoinHandle, Ordering, Parking, Queue, SPIN_ROUNDS, spawn};
use crossbeam_utils::Backoff;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Most jobs that are handed out at once: as many as a world has shards. With more, the caller runs what does not fit.
const OUT_MAX: usize = 256;

/// A pool of threads that runs jobs, the thread of the caller among them as worker 0.
pub(crate) struct Workers<J: Send + 'static> {
    shared: Arc<Shared<J>>,
    threads: Vec<(JoinHandle, Parking)>,
    /// Where jobs that are done wait for the others, in their order; empty between runs.
    finished: Vec<Option<J>>,
}

impl<J: Send + 'static> Workers<J> {
    /// Starts `threads` - 1 threads, or as many as the system allows, since no result depends on their number. `run` is
    /// what is done with a job.
    pub(crate) fn new(threads: usize, run: fn(&mut J)) -> Self {
        assert!(threads > 0, "the caller's thread is one of them");
        let each = OUT_MAX.div_ceil(threads);
        let shared = Arc::new(Shared {
            run,
            lists: (0..threads).map(|_| Queue::new(each)).collect(),
            done: Queue::new(OUT_MAX),
            closed: AtomicBool::new(false),
        });
        let threads = (1..threads)
            .map_while(|worker| {
                let shared = Arc::clone(&shared);
                spawn(format!("muster-{worker}"), move |parking| shared.work(worker, parking))
            })
            .collect();
        Self { shared, threads, finished: Vec::new() }
    }

    /// Runs every job and returns when all are done. `jobs` then holds the same values in the same order.
    ///
    /// Allocates only when there are more jobs than ever before.
    ///
    /// # Panics
    ///
    /// With the panic of the first job that had one, when all are back in `jobs`. Whether those after it were run depends
    /// on the number of threads; what the one that panicked has become is for its owner to know. The pool stays usable.
    pub(crate) fn run(&mut self, jobs: &mut Vec<J>) {
        if self.threads.is_empty() || jobs.len() < 2 {
            jobs.iter_mut().for_each(self.shared.run);
            return;
        }
        let caller = Parking::here();
        let mut round = Round { finished: &mut self.finished, panic: None, out: 0 };
        round.finished.resize_with(jobs.len(), || None);
        // A thread that has no list of its own to look at first need not wake.
        let wanted = self.threads.len().min(jobs.len() - 1);
        let wake = || self.threads.iter().take(wanted).for_each(|(_, parking)| parking.unpark());
        for (index, job) in jobs.drain(..).enumerate() {
            if let Err(task) = self.shared.hand_out(Task { index, job, caller: caller.clone() }, &mut round.out) {
                wake();
                round.take_back(self.shared.finish(task).0);
                while let Some(done) = self.shared.done.pop() {
                    round.out -= 1;
                    round.take_back(done);
                }
            }
        }
        wake();
        while round.out > 0 {
            let done = match self.shared.take(0) {
                Some(task) => self.shared.finish(task).0,
                None => self.shared.wait_for_done(&caller),
            };
            round.out -= 1;
            round.take_back(done);
        }
        let panic = round.panic;
        jobs.extend(self.finished.drain(..).map(|job| job.expect("every job came back")));
        if let Some((_, panic)) = panic {
            resume_unwind(panic);
        }
    }

    /// How many threads run jobs, the caller's among them.
    #[cfg(test)]
    pub(crate) fn threads(&self) -> usize {
        self.threads.len() + 1
    }
}

impl<J: Send + 'static> Drop for Workers<J> {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        for (_, parking) in &self.threads {
            parking.unpark();
        }
        for (handle, _) in self.threads.drain(..) {
            // Jobs cannot end a worker, since their panics are caught; and a panic here would end the process.
            let _ = handle.join();
        }
    }
}

type Panic = Box<dyn Any + Send>;

/// A job on its way to who runs it.
struct Task<J> {
    index: usize,
    job: J,
    /// Whom to tell when it is done: the world may be on another thread at every tick.
    caller: Parking,
}

/// A job on its way back.
struct Done<J> {
    index: usize,
    job: J,
    panic: Option<Panic>,
}

/// What the caller knows of the jobs of a run.
struct Round<'a, J> {
    finished: &'a mut Vec<Option<J>>,
    /// That of the job with the lowest index, so that it does not depend on who was first.
    panic: Option<(usize, Panic)>,
    /// How many are in the lists, with workers, or done and not yet taken back.
    out: usize,
}

impl<J> Round<'_, J> {
    fn take_back(&mut self, done: Done<J>) {
        self.finished[done.index] = Some(done.job);
        if let Some(panic) = done.panic
            && self.panic.as_ref().is_none_or(|(index, _)| done.index < *index)
        {
            self.panic = Some((done.index, panic));
        }
    }
}

struct Shared<J> {
    run: fn(&mut J),
    /// One for each worker; the one of a worker that could not be started is emptied by the others.
    lists: Vec<Queue<Task<J>>>,
    done: Queue<Done<J>>,
    closed: AtomicBool,
}

impl<J> Shared<J> {
    /// What a worker does until the pool is dropped.
    fn work(&self, worker: usize, parking: &Parking) {
        let mut patience = Patience::new();
        loop {
            if let Some(task) = self.take(worker) {
                let (done, caller) = self.finish(task);
                assert!(self.done.push(done).is_ok(), "no more jobs are out than the list of those done has room for");
                caller.unpark();
                patience = Patience::new();
            } else if self.closed.load(Ordering::Acquire) {
                return;
            } else if patience.is_over() {
                parking.park();
            } else {
                patience.wait();
            }
        }
    }

    fn hand_out(&self, task: Task<J>, out: &mut usize) -> Result<(), Task<J>> {
        if *out == OUT_MAX {
            return Err(task);
        }
        self.lists[task.index % self.lists.len()].push(task)?;
        *out += 1;
        Ok(())
    }

    /// The next job of a worker's own list, or of the next list that has one.
    fn take(&self, worker: usize) -> Option<Task<J>> {
        let (before, from) = self.lists.split_at(worker);
        from.iter().chain(before).find_map(Queue::pop)
    }

    fn finish(&self, task: Task<J>) -> (Done<J>, Parking) {
        let Task { index, mut job, caller } = task;
        let panic = catch_unwind(AssertUnwindSafe(|| (self.run)(&mut job))).err();
        (Done { index, job, panic }, caller)
    }

    fn wait_for_done(&self, caller: &Parking) -> Done<J> {
        let mut patience = Patience::new();
        loop {
            if let Some(done) = self.done.pop() {
                return done;
            }
            if patience.is_over() { caller.park() } else { patience.wait() }
        }
    }
}

/// How long to look again before parking: a wake-up costs more than a short wait.
struct Patience {
    backoff: Backoff,
    rounds: u32,
}

impl Patience {
    fn new() -> Self {
        Self { backoff: Backoff::new(), rounds: 0 }
    }

    fn is_over(&self) -> bool {
        self.rounds >= SPIN_ROUNDS
    }

    fn wait(&mut self) {
        self.backoff.snooze();
        if self.backoff.is_completed() {
            self.backoff.reset();
            self.rounds += 1;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::Barrier;
    use std::sync::atomic::AtomicU32;

    /// What a job is in the tick: something on the heap, of which the pool moves the pointer.
    type Job = Box<u64>;

    fn numbers(count: u64) -> Vec<Job> {
        (0..count).map(Job::new).collect()
    }

    fn add_thousand(job: &mut Job) {
        **job += 1000;
    }

    #[test]
    fn every_job_runs_once_a_run_and_keeps_its_place_and_its_memory() {
        for threads in [1, 2, 3, 8] {
            let mut workers = Workers::new(threads, add_thousand);
            assert_eq!(workers.threads(), threads);
            // The last is more than can be handed out at once.
            for count in [0, 1, 2, 3, 7, 256, 3 * OUT_MAX as u64] {
                let mut jobs = numbers(count);
                let places: Vec<*const u64> = jobs.iter().map(|job| &raw const **job).collect();
                for _ in 0..20 {
                    workers.run(&mut jobs);
                }
                assert!(jobs.iter().zip(0..).all(|(job, index)| **job == index + 20_000), "{threads} {count}");
                assert_eq!(jobs.iter().map(|job| &raw const **job).collect::<Vec<_>>(), places, "{threads} {count}");
                assert_eq!(jobs.len() as u64, count);
            }
        }
    }

    #[test]
    fn jobs_run_on_every_thread_at_the_same_time() {
        // Each job waits for both others: the run ends only if three threads take one each.
        let meeting = Arc::new(Barrier::new(3));
        let mut workers = Workers::new(3, |(barrier, name): &mut (Arc<Barrier>, Option<String>)| {
            barrier.wait();
            *name = std::thread::current().name().map(ToOwned::to_owned);
        });
        let mut jobs: Vec<_> = (0..3).map(|_| (Arc::clone(&meeting), None)).collect();
        workers.run(&mut jobs);
        let names: BTreeSet<_> = jobs.into_iter().filter_map(|(_, name)| name).collect();
        assert!(names.contains("muster-1") && names.contains("muster-2") && names.len() == 3, "{names:?}");
    }

    #[test]
    fn the_pool_may_be_used_from_another_thread_at_every_run() {
        let mut workers = Workers::new(2, add_thousand);
        let mut jobs = numbers(5);
        for _ in 0..20 {
            (workers, jobs) = std::thread::spawn(move || {
                workers.run(&mut jobs);
                (workers, jobs)
            })
            .join()
            .expect("the caller ends");
        }
        assert!(jobs.iter().zip(0..).all(|(job, index)| **job == index + 20_000));
    }

    #[test]
    fn a_panic_reaches_the_caller_when_all_jobs_are_back_and_the_pool_goes_on() {
        for threads in [2, 3] {
            let mut workers = Workers::new(threads, |job: &mut Job| {
                assert!(!matches!(**job, 2 | 5), "job {job}");
                **job += 1000;
            });
            for _ in 0..10 {
                let mut jobs = numbers(8);
                let panic = catch_unwind(AssertUnwindSafe(|| workers.run(&mut jobs))).expect_err("two jobs panic");
                // Of two, always that of the first.
                assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("job 2"));
                let values: Vec<u64> = jobs.iter().map(|job| **job).collect();
                assert_eq!(values, [1000, 1001, 2, 1003, 1004, 5, 1006, 1007]);
                let mut jobs = numbers(2);
                workers.run(&mut jobs);
                assert_eq!(jobs, [Box::new(1000), Box::new(1001)]);
            }
        }
    }

    #[test]
    fn to_drop_the_pool_ends_its_threads() {
        static ALIVE: AtomicU32 = AtomicU32::new(0);
        struct Alive;
        impl Drop for Alive {
            fn drop(&mut self) {
                ALIVE.fetch_sub(1, Ordering::SeqCst);
            }
        }
        thread_local!(static MARK: Alive = { ALIVE.fetch_add(1, Ordering::SeqCst); Alive });
        let meeting = Arc::new(Barrier::new(4));
        let mut workers = Workers::new(4, |barrier: &mut Arc<Barrier>| {
            if std::thread::current().name().is_some_and(|name| name.starts_with("muster-")) {
                MARK.with(|_| ());
            }
            barrier.wait();
        });
        let mut jobs = vec![meeting; 4];
        workers.run(&mut jobs);
        assert_eq!(ALIVE.load(Ordering::SeqCst), 3);
        drop(workers);
        assert_eq!(ALIVE.load(Ordering::SeqCst), 0);
    }
}
