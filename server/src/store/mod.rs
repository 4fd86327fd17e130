//! What outlives matches: the values that scripts keep.
//!
//! **Who was told `ok` has it**: an answer goes out when what it says is on the disk, and a process that is killed loses
//! nothing of that. Workers ask by a bounded queue and never wait; requests that wait together share one transaction.

mod sqlite;

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use muster_scripts::{StoreRequest, StoreResult, StoreScope, StoredValues};
use serde_json::Value;
use tokio::{
    sync::{
        mpsc::{Receiver, Sender, channel},
        oneshot,
    },
    task::JoinHandle,
    time::timeout,
};

use crate::{
    config::Limits,
    host::{Order, WorkerDoor},
    metrics::{Metrics, StoreOutcome},
};

use sqlite::SqliteValues;

/// Most requests that wait.
const QUEUE_MAX: usize = 8192;
/// Most requests of one transaction.
const BATCH_MAX: usize = 256;
/// How often a database that has failed is tried again.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// Numbers that a script can tell from their neighbours are below this: Lua's are floating.
const NUMBER_MAX: u64 = 1 << 53;

/// Why the store does not do what it was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreRefusal {
    /// There would be more keys than the limit.
    TooManyKeys(u32),
    /// There would be more bytes than the limit.
    TooManyBytes(u64),
    /// `add` found what is no whole number.
    NotANumber,
    /// The sum is none that a script can tell from its neighbours.
    OutOfRange,
    /// Too many requests wait.
    Busy,
    /// The database failed; the log says why.
    Broken,
}

/// One request and where its answer goes.
pub struct Errand {
    /// The mode that asks.
    pub mode: String,
    /// What.
    pub request: StoreRequest,
    /// The match that asks.
    pub match_no: u64,
    /// Who runs it.
    pub worker: Arc<WorkerDoor>,
}

/// All values of some, by whom.
pub type Stored = BTreeMap<StoreScope, StoredValues>;

enum Job {
    Errand(Errand, Instant),
    Read(Reading, Instant),
    Stop,
}

/// A request for all values of some.
struct Reading {
    mode: String,
    scopes: Vec<StoreScope>,
    reply: Reply,
}

/// Who waits for what was read.
enum Reply {
    Caller(oneshot::Sender<Stored>),
    Match(u64, Arc<WorkerDoor>),
}

/// The way to what outlives matches.
pub struct Store {
    sender: Sender<Job>,
    metrics: Arc<Metrics>,
    is_broken: Arc<AtomicBool>,
}

impl Store {
    /// Opens the database of a data folder, brings its tables up to date, and starts the task that works on it until
    /// [`Self::stop`].
    ///
    /// # Errors
    /// When the database cannot be opened, or is one of a newer version.
    pub async fn open(
        folder: &Path,
        limits: &Limits,
        metrics: Arc<Metrics>,
    ) -> Result<(Arc<Self>, JoinHandle<()>), sqlx::Error> {
        let values = SqliteValues::open(&folder.join("muster.db"), limits).await?;
        let (sender, receiver) = channel(QUEUE_MAX);
        let is_broken = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(work(values, receiver, metrics.clone(), is_broken.clone()));
        Ok((Arc::new(Self { sender, metrics, is_broken }), task))
    }

    /// Whether the task has ended, or its database can be neither read nor written. One that is full is not broken.
    pub fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed) || self.sender.is_closed()
    }

    /// Asks for something. The answer is an order to the worker.
    ///
    /// # Errors
    /// [`StoreRefusal::Busy`].
    pub fn ask(&self, errand: Errand) -> Result<(), StoreRefusal> {
        self.metrics.store_waiting.inc();
        self.sender.try_send(Job::Errand(errand, Instant::now())).map_err(|_| {
            self.metrics.store_waiting.dec();
            self.metrics.stored(StoreOutcome::Busy);
            StoreRefusal::Busy
        })
    }

    /// Reads all that there is of some, after what was asked for before. Who cannot be read by then is not in the answer.
    pub async fn read(&self, mode: &str, scopes: Vec<StoreScope>, deadline: Duration) -> Stored {
        let (reply, answer) = oneshot::channel();
        if !self.ask_all(Reading { mode: mode.to_owned(), scopes, reply: Reply::Caller(reply) }) {
            return Stored::new();
        }
        timeout(deadline, answer).await.map_or_else(|_| Stored::new(), Result::unwrap_or_default)
    }

    /// The same for a match that goes on meanwhile; the answer is an order to its worker. Returns whether one will come.
    pub fn read_later(&self, mode: &str, scopes: Vec<StoreScope>, match_no: u64, worker: Arc<WorkerDoor>) -> bool {
        self.ask_all(Reading { mode: mode.to_owned(), scopes, reply: Reply::Match(match_no, worker) })
    }

    fn ask_all(&self, reading: Reading) -> bool {
        if self.is_broken() {
            return false;
        }
        self.metrics.store_waiting.inc();
        let is_taken = self.sender.try_send(Job::Read(reading, Instant::now())).is_ok();
        if !is_taken {
            self.metrics.store_waiting.dec();
            self.metrics.stored(StoreOutcome::Busy);
        }
        is_taken
    }

    /// Ends the task once everything that waits is done.
    pub async fn stop(&self) {
        if self.sender.send(Job::Stop).await.is_err() {
            tracing::error!("the store had ended before its end");
        }
    }
}

async fn work(
    mut values: SqliteValues,
    mut receiver: Receiver<Job>,
    metrics: Arc<Metrics>,
    is_broken: Arc<AtomicBool>,
) {
    let (mut jobs, mut batch) = (Vec::with_capacity(BATCH_MAX), Vec::with_capacity(BATCH_MAX));
    let mut reads = Vec::new();
    let mut is_stopping = false;
    while !is_stopping {
        let is_bad = is_broken.load(Ordering::Relaxed);
        let most = if is_bad { TRY_EVERY } else { Duration::MAX };
        match timeout(most, receiver.recv_many(&mut jobs, BATCH_MAX)).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(_) => is_broken.store(!values.is_sound().await, Ordering::Relaxed),
        }
        for job in jobs.drain(..) {
            match job {
                Job::Errand(errand, asked) => batch.push((errand, asked)),
                Job::Read(reading, asked) => reads.push((reading, asked)),
                Job::Stop => is_stopping = true,
            }
        }
        let requests: Vec<_> = batch.iter().map(|(errand, _)| (errand.mode.as_str(), &errand.request)).collect();
        let results = values.carry_out(&requests).await;
        if is_bad || results.contains(&Err(StoreRefusal::Broken)) {
            is_broken.store(!values.is_sound().await, Ordering::Relaxed);
        }
        for ((errand, asked), result) in batch.drain(..).zip(results) {
            metrics.store_waiting.dec();
            metrics.store_seconds.observe(asked.elapsed().as_secs_f64());
            metrics.stored(match &result {
                Ok(_) => StoreOutcome::Done,
                Err(StoreRefusal::Broken) => StoreOutcome::Broken,
                Err(_) => StoreOutcome::Refused,
            });
            let result = answer(result);
            let order = Order::Stored { match_no: errand.match_no, id: errand.request.id, result };
            errand.worker.send_later(order).await;
        }
        for (Reading { mode, scopes, reply }, asked) in reads.drain(..) {
            metrics.store_waiting.dec();
            // Who asked may have gone.
            if matches!(&reply, Reply::Caller(caller) if caller.is_closed()) {
                continue;
            }
            let read = values.read(&mode, &scopes).await;
            metrics.store_seconds.observe(asked.elapsed().as_secs_f64());
            metrics.stored(if read.is_ok() { StoreOutcome::Done } else { StoreOutcome::Broken });
            if let Err(error) = &read {
                tracing::error!(%error, "the store failed");
                is_broken.store(!values.is_sound().await, Ordering::Relaxed);
            }
            let stored = read.unwrap_or_default();
            match reply {
                Reply::Caller(caller) => drop(caller.send(stored)),
                Reply::Match(match_no, worker) => worker.send_later(Order::Known { match_no, stored }).await,
            }
        }
    }
    values.close().await;
}

fn answer(result: Result<Option<Value>, StoreRefusal>) -> StoreResult {
    match result {
        Ok(value) => StoreResult::Value(value),
        Err(refusal) => StoreResult::Failed(refusal.to_string()),
    }
}

impl fmt::Display for StoreRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyKeys(most) => write!(f, "too_many_keys: at most {most} keys for a player, and for the mode"),
            Self::TooManyBytes(most) => {
                write!(f, "too_many_bytes: at most {most} bytes for a player, and for the mode")
            }
            Self::NotANumber => f.write_str("not_a_number: add works on whole numbers"),
            Self::OutOfRange => f.write_str("out_of_range: whole numbers are below 2^53"),
            Self::Busy => f.write_str("busy: the store has too much to do; ask again later"),
            Self::Broken => f.write_str("broken: the store cannot do it now; ask again later"),
        }
    }
}

impl std::error::Error for StoreRefusal {}
