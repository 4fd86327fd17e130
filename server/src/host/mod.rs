//! Matches, and the threads that run them.
//!
//! **A match is owned by one worker**, a plain thread that waits for nobody: orders come in by a bounded queue, what goes
//! out goes into the bounded lines of clients and the archive's bounded queue.

pub mod archive;
pub mod directory;
mod failure;
mod lodgings;
mod mailbox;
mod record;
mod running;
pub mod screening;
mod seats;
pub(crate) mod telling;
mod worker;

use std::{
    sync::{Arc, atomic::AtomicU32},
    thread::JoinHandle,
    time::Instant,
};

use bytes::Bytes;
use muster_core::map::Map;
use muster_scripts::{Bundle, StoreResult, StoredValues};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    code::Refusal,
    config::Settings,
    door::{
        line::{Line, Side},
        message::{Joined, ScriptFault},
        pump::Pump,
    },
    metrics::Metrics,
    pulse::Pulse,
    store::{Store, Stored},
    token::{Guest, Tokens},
};

use archive::{Archive, SavedMatch};
use directory::Directory;
use mailbox::{Mailbox, Refused};
use screening::ReplayOrder;
use worker::Worker;

/// Most orders that wait for a worker.
const ORDERS_MAX: usize = 16_384;

/// What a worker is told.
pub enum Order {
    /// To open a match.
    Open(Box<Opening>),
    /// To let somebody into a match.
    Join(Box<Joining>),
    /// Somebody goes for good.
    Leave {
        /// The match.
        match_no: u64,
        /// The seat.
        seat: u32,
        /// By which line.
        line: u64,
    },
    /// A line has ended.
    Gone {
        /// The match.
        match_no: u64,
        /// The seat.
        seat: u32,
        /// Which line.
        line: u64,
    },
    /// A binary message of a client.
    Up {
        /// The match.
        match_no: u64,
        /// The seat.
        seat: u32,
        /// By which line.
        line: u64,
        /// How it came.
        side: Side,
        /// When it came.
        at: Instant,
        /// The message.
        bytes: Bytes,
    },
    /// Somebody wants to see what a match costs, or no longer.
    Watch {
        /// The match.
        match_no: u64,
        /// The seat.
        seat: u32,
        /// By which line.
        line: u64,
        /// Whether.
        on: bool,
    },
    /// A mode has other rules.
    Reload(Arc<Bundle>),
    /// A mode's files have an error, and the old rules go on.
    Fault {
        /// The mode.
        mode: String,
        /// What is wrong.
        fault: ScriptFault,
    },
    /// The server ends in so many seconds: matches are told, so that their rules can come to an end.
    Drain {
        /// The seconds.
        seconds: u32,
    },
    /// What came of a request of a match to the store.
    Stored {
        /// The match.
        match_no: u64,
        /// The request.
        id: u64,
        /// What came of it.
        result: StoreResult,
    },
    /// What the store holds of those of whom a match did not know it.
    Known {
        /// The match.
        match_no: u64,
        /// What there is.
        stored: Stored,
    },
    /// What a viewer of a replay wants.
    Replay(ReplayOrder),
    /// Save every match and end.
    Stop,
}

/// How a match comes into being.
pub struct Opening {
    /// Its number in the directory.
    pub match_no: u64,
    /// Its id.
    pub match_id: String,
    /// Its rules.
    pub bundle: Arc<Bundle>,
    /// What it goes on from.
    pub saved: Option<SavedMatch>,
    /// The map that a saved one has, if the mode has another by now.
    pub map: Option<Map>,
    /// What the store holds of its mode, and of the players of a saved one.
    pub stored: Stored,
}

/// Somebody who wants in.
pub struct Joining {
    /// The match.
    pub match_no: u64,
    /// Who.
    pub guest: Guest,
    /// How they are reached.
    pub line: Arc<Line>,
    /// Whether they only look on.
    pub spectate: bool,
    /// For the rules.
    pub metadata: Value,
    /// The number to come back to.
    pub place: Option<u32>,
    /// What the store holds of them in this mode, if it could be read.
    pub stored: Option<StoredValues>,
    /// What comes of it.
    pub reply: oneshot::Sender<Result<Joined, Refusal>>,
}

/// Where a client sits.
#[derive(Clone)]
pub struct Seat {
    /// The match's number in the directory.
    pub match_no: u64,
    /// The player's number, or that of a spectator.
    pub number: u32,
    /// Who runs the match.
    pub worker: Arc<WorkerDoor>,
    /// Whether its rules hear messages as soon as they come.
    pub at_once: bool,
}

/// The way to a worker.
pub struct WorkerDoor {
    mailbox: Mailbox<Order>,
    metrics: Arc<Metrics>,
    /// How busy the worker is, in thousandths.
    pub load_permille: AtomicU32,
    /// Whether its thread is there.
    pub pulse: Pulse,
}

impl WorkerDoor {
    /// A way to a worker that takes so many orders at most between two looks.
    pub(crate) fn new(orders_max: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            mailbox: Mailbox::new(orders_max),
            metrics,
            load_permille: AtomicU32::new(0),
            pulse: Pulse::new(Instant::now()),
        })
    }

    /// Tells the worker something. What finds its queue full is dropped and counted; returns whether it was taken.
    pub fn try_send(&self, order: Order) -> bool {
        self.put(order, true)
    }

    /// The same for what can wait until the worker wakes for something else, which is at the next tick at the latest.
    pub fn try_send_idly(&self, order: Order) -> bool {
        self.put(order, false)
    }

    /// Has the worker look now at what could have waited.
    pub fn nudge(&self) {
        self.mailbox.nudge();
    }

    fn put(&self, order: Order, is_urgent: bool) -> bool {
        self.metrics.orders_waiting.inc();
        let is_taken = self.mailbox.try_send(order, is_urgent).is_ok();
        if !is_taken {
            self.metrics.orders_waiting.dec();
            self.metrics.orders_dropped.inc();
        }
        is_taken
    }

    /// Tells the worker something that must arrive, without holding up others meanwhile.
    pub async fn send_later(self: &Arc<Self>, order: Order) {
        self.metrics.orders_waiting.inc();
        match self.mailbox.try_send(order, true) {
            Ok(()) => {}
            Err(Refused::Full(order)) => {
                self.metrics.orders_waiting.dec();
                let door = self.clone();
                // The thread waits for room, which is there as soon as the worker has made a tick.
                drop(tokio::task::spawn_blocking(move || door.send(order)).await);
            }
            Err(Refused::Closed) => _ = self.metrics.orders_waiting.dec(),
        }
    }

    /// Tells the worker something that must arrive, from a thread that may wait.
    pub fn send(&self, order: Order) {
        self.metrics.orders_waiting.inc();
        if !self.mailbox.send(order) {
            self.metrics.orders_waiting.dec();
        }
    }
}

/// What workers share.
#[derive(Clone)]
pub struct Commons {
    /// The settings.
    pub settings: Arc<Settings>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The matches, for those who look for one.
    pub directory: Arc<Directory>,
    /// What is written down.
    pub archive: Arc<Archive>,
    /// What outlives matches.
    pub store: Arc<Store>,
    /// What signs places.
    pub tokens: Arc<Tokens>,
    /// What wakes connections.
    pub pump: Arc<Pump>,
}

/// The workers.
pub struct Workers {
    doors: Vec<Arc<WorkerDoor>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(commons: &Commons) -> std::io::Result<Self> {
        let mut workers = Self { doors: Vec::new(), threads: Vec::new() };
        for number in 0..commons.settings.workers {
            let (door, thread) = start_worker(commons, format!("worker-{number}"), None)?;
            workers.doors.push(door);
            workers.threads.push(thread);
        }
        Ok(workers)
    }

    /// The ways to the workers.
    pub fn doors(&self) -> &[Arc<WorkerDoor>] {
        &self.doors
    }

    /// Has every match saved and ends the threads.
    pub fn stop(self) {
        for door in &self.doors {
            door.send(Order::Stop);
        }
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker had broken before its end");
            }
        }
    }
}

/// Starts a worker; with threads for a world of its own it ends with the match that it is told to open first.
fn start_worker(
    commons: &Commons,
    name: String,
    threads: Option<u16>,
) -> std::io::Result<(Arc<WorkerDoor>, JoinHandle<()>)> {
    let door = WorkerDoor::new(ORDERS_MAX, commons.metrics.clone());
    let (commons, its_door) = (commons.clone(), door.clone());
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        let ending = Ending(its_door.clone());
        Worker::new(commons, its_door, threads).run();
        drop(ending);
    })?;
    Ok((door, thread))
}

/// Notes the end of a worker's thread, however it comes.
struct Ending(Arc<WorkerDoor>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.pulse.end();
        self.0.metrics.orders_waiting.dec_by(self.0.mailbox.close() as i64);
    }
}
