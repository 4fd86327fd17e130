//! Goal: no order in which threads can run loses a job, a message or a wake-up, changes an order, or ends in a deadlock.
//! Method: loom runs the pool and the rings under the schedules there are, up to a number of preemptions; it reports a
//! deadlock by itself. `make loom`.

use super::ring::{Consumer, Producer, ring};
use super::workers::Workers;
use loom::model::Builder;
use std::panic::{AssertUnwindSafe, catch_unwind};

const UNBOUNDED: Option<usize> = None;

/// Explores `model` with at most as many involuntary switches a run: faults of this kind need two, rarely three.
fn explore(preemptions: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_branches = 10_000;
    builder.check(model);
}

fn add_ten(job: &mut Box<u32>) {
    **job += 10;
}

fn two_runs(threads: usize) {
    let mut workers = Workers::new(threads, add_ten);
    let mut jobs = vec![Box::new(0), Box::new(1), Box::new(2)];
    workers.run(&mut jobs);
    assert_eq!(jobs, [Box::new(10), Box::new(11), Box::new(12)]);
    workers.run(&mut jobs);
    assert_eq!(jobs, [Box::new(20), Box::new(21), Box::new(22)]);
}

#[test]
fn two_workers_run_three_jobs_twice() {
    explore(Some(4), || two_runs(2));
}

#[test]
fn three_workers_run_three_jobs_twice() {
    explore(Some(2), || two_runs(3));
}

#[test]
fn a_panic_leaves_no_job_behind() {
    explore(Some(4), || {
        let mut workers = Workers::new(2, |job: &mut Box<u32>| {
            if **job == 1 {
                // As a panic, but without the hook that prints it at each of thousands of schedules.
                std::panic::resume_unwind(Box::new(()));
            }
            add_ten(job);
        });
        let mut jobs = vec![Box::new(0), Box::new(1), Box::new(2)];
        assert!(catch_unwind(AssertUnwindSafe(|| workers.run(&mut jobs))).is_err());
        assert_eq!(jobs, [Box::new(10), Box::new(1), Box::new(12)]);
    });
}

#[test]
fn a_pool_without_work_ends() {
    explore(Some(3), || drop(Workers::new(3, add_ten)));
}

#[test]
fn a_ring_delivers_everything_once_and_in_order() {
    explore(Some(5), || {
        let (mut producer, mut consumer) = ring(2);
        let sender = loom::thread::spawn(move || {
            for mut value in 0..4 {
                while let Err(refused) = producer.push(value) {
                    assert_eq!(refused, value, "a full ring returns what it was given");
                    value = refused;
                    loom::thread::yield_now();
                }
                assert!((0..=2).contains(&producer.len()));
            }
        });
        for expected in 0..4 {
            let value = loop {
                if let Some(value) = consumer.pop() {
                    break value;
                }
                loom::thread::yield_now();
            };
            assert_eq!(value, expected);
        }
        sender.join().expect("the sender ends");
        assert_eq!(consumer.pop(), None);
    });
}

#[test]
fn a_ring_refuses_only_what_it_has_no_room_for() {
    explore(UNBOUNDED, || {
        let (mut producer, mut consumer) = ring(2);
        let sender = loom::thread::spawn(move || [1, 2, 3].map(|value| producer.push(value)));
        let early = consumer.pop();
        let results = sender.join().expect("the sender ends");
        assert_eq!(results[..2], [Ok(()), Ok(())]);
        let mut received = Vec::from_iter(early);
        received.extend(std::iter::from_fn(|| consumer.pop()));
        match results[2] {
            Ok(()) => assert_eq!((early, received), (Some(1), vec![1, 2, 3])),
            // That it was refused says that nothing had been taken out yet, whenever the first was.
            Err(refused) => assert_eq!((refused, received), (3, vec![1, 2])),
        }
    });
}

const SHARDS: usize = 2;

/// The number of a tick, and of the shard that it comes from.
type Batch = Box<(u32, usize)>;

/// A shard as the tick sees it: a phase that sends, and after the end of a run a phase that receives.
struct Shard {
    me: usize,
    receives: bool,
    tick: u32,
    to: Vec<Producer<Batch>>,
    from: Vec<Consumer<Batch>>,
    emptied_to: Vec<Producer<Batch>>,
    emptied_from: Vec<Consumer<Batch>>,
}

impl Shard {
    fn run(self: &mut Box<Self>) {
        for other in 0..SHARDS {
            if self.receives {
                let batch = self.from[other].pop().expect("every shard sent a batch before the run ended");
                assert_eq!(*batch, (self.tick, other));
                assert!(self.from[other].pop().is_none(), "no shard sends twice");
                assert!(self.emptied_to[other].push(batch).is_ok(), "as many come back as went out");
            } else {
                let mut batch = self.emptied_from[other].pop().expect("the batch of the last tick is back");
                *batch = (self.tick, self.me);
                assert!(self.to[other].push(batch).is_ok(), "the last batch was received");
            }
        }
    }
}

/// Shards with a ring from each to each, itself too, and a twin that brings emptied batches back.
fn shards() -> Vec<Box<Shard>> {
    let mut shards: Vec<_> = (0..SHARDS)
        .map(|me| {
            let [to, emptied_to] = [(); 2].map(|()| Vec::new());
            let [from, emptied_from] = [(); 2].map(|()| Vec::new());
            Box::new(Shard { me, receives: false, tick: 0, to, from, emptied_to, emptied_from })
        })
        .collect();
    for sender in 0..SHARDS {
        for receiver in 0..SHARDS {
            let (to, from) = ring(1);
            shards[sender].to.push(to);
            shards[receiver].from.push(from);
            let (mut back, emptied) = ring(1);
            assert!(back.push(Batch::default()).is_ok());
            shards[receiver].emptied_to.push(back);
            shards[sender].emptied_from.push(emptied);
        }
    }
    shards
}

#[test]
fn every_shard_gets_one_batch_of_every_shard_a_tick() {
    explore(Some(3), || {
        let mut workers = Workers::new(2, Shard::run);
        let mut jobs = shards();
        for tick in 1..=2 {
            for receives in [false, true] {
                for shard in &mut jobs {
                    (shard.tick, shard.receives) = (tick, receives);
                }
                workers.run(&mut jobs);
            }
        }
        assert!(jobs.iter().enumerate().all(|(index, shard)| shard.me == index));
    });
}
