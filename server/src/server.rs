//! The server as a whole: what its parts share, how it starts, goes on and ends.

use std::{
    collections::BTreeSet,
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use muster_core::map::Map;
use muster_scripts::StoreScope;
use tokio::{
    net::TcpListener,
    runtime::Handle,
    signal::unix::{SignalKind, signal},
};

use crate::{
    code::ErrorCode,
    condition::Condition,
    config::Settings,
    door::{http, network::Networks, pump::Pump, rtc::RtcGateway, sockets},
    host::{
        Commons, Opening, Order, WorkerDoor, Workers,
        archive::{Archive, FailureReport},
        directory::{Directory, Found},
        screening::Screenings,
        telling::one_line,
    },
    metrics::Metrics,
    modes::{Change, Modes},
    pulse::Life,
    relay::Turn,
    store::{Store, Stored},
    token::Tokens,
};

/// How often files are looked at for changes, when they are watched.
const WATCH_EVERY: Duration = Duration::from_millis(200);

/// What connections share.
pub struct Server {
    /// What they share with the workers.
    pub commons: Commons,
    /// The modes.
    pub modes: Arc<Modes>,
    /// What networks may do.
    pub networks: Arc<Networks>,
    /// Replays that are looked at.
    pub screenings: Screenings,
    /// Data channels.
    pub rtc: Option<RtcGateway>,
    /// The relay.
    pub turn: Turn,
    doors: Vec<Arc<WorkerDoor>>,
    lines: AtomicU64,
    begun: Instant,
    is_draining: AtomicBool,
}

/// How long matches that are gone on with wait, all together, for what their rules may want to know.
const READ_DEADLINE: Duration = Duration::from_secs(30);

impl Server {
    /// A number for the next line.
    pub fn next_line(&self) -> u64 {
        self.lines.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Milliseconds since the start.
    pub fn uptime_ms(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    /// Whether nobody new is let in.
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// Everything that is counted.
    pub fn metrics_text(&self) -> String {
        let (own, relay) = (self.commons.metrics.render(), self.turn.metrics());
        if relay.is_empty() {
            return own;
        }
        // One text has one end.
        own.trim_end_matches("# EOF\n").to_owned() + &relay
    }

    /// What state its parts are in.
    pub fn condition(&self) -> Condition {
        let now = Instant::now();
        let are = |life| move |door: &&Arc<WorkerDoor>| door.pulse.life(now) == life;
        Condition {
            is_draining: self.is_draining(),
            workers_ended: self.doors.iter().filter(are(Life::Ended)).count(),
            workers_hung: self.doors.iter().filter(are(Life::Hung)).count()
                + self.commons.directory.lodgers(&self.doors).iter().filter(are(Life::Hung)).count(),
            rtc: self.rtc.as_ref().map_or(Life::Good, |rtc| rtc.life(now)),
            sockets: self.commons.pump.life(now),
            archive: self.commons.archive.life(now),
            is_archive_failing: self.commons.archive.is_failing(),
            is_store_broken: self.commons.store.is_broken(),
            modes: self.modes.list().iter().filter(|mode| mode.version.is_some()).count(),
        }
    }

    /// A seat in a match of a mode; nothing if there is none and another match must not be opened.
    ///
    /// # Errors
    /// When there is no room for another match.
    pub fn place(&self, mode: &str, except: &[u64], may_open: bool) -> Result<Option<Found>, ErrorCode> {
        let matches = self.commons.settings.limits.matches;
        self.commons.directory.place(mode, except, may_open, &self.doors, matches, seconds_now())
    }

    /// Goes on with what was saved.
    fn restore(&self, runtime: &Handle) {
        let deadline = Instant::now() + READ_DEADLINE;
        let replays = self.commons.archive.replays(usize::MAX).into_iter();
        let mut maps: BTreeSet<String> = replays.filter_map(|head| head.map).collect();
        for saved in self.commons.archive.saved_matches() {
            let head = saved.head.clone();
            maps.extend(head.map.clone());
            let bundle = self.modes.bundle(&head.mode).and_then(Result::ok);
            let matches = self.commons.settings.limits.matches;
            let found = bundle.ok_or_else(|| "there is no such mode that works".to_owned()).and_then(|bundle| {
                let directory = &self.commons.directory;
                let found = directory.restore(&head.match_id, &head.mode, &self.doors, matches, head.started);
                found.map(|found| (found, bundle)).map_err(|code| code.to_string())
            });
            match found {
                Ok((found, bundle)) => {
                    let (match_no, match_id) = (found.match_no, found.match_id);
                    let mut stored = Stored::new();
                    if bundle.wants_stored() {
                        let left = deadline.saturating_duration_since(Instant::now());
                        let players = saved.head.players.iter();
                        let players = players.map(|player| StoreScope::Player(player.guest.id.clone()));
                        let scopes = std::iter::once(StoreScope::Mode).chain(players).collect();
                        stored = runtime.block_on(self.commons.store.read(&head.mode, scopes, left));
                    }
                    let other = head.map.filter(|id| bundle.map_id().as_ref() != Some(id));
                    let map = other.and_then(|id| Map::from_json(&self.modes.map_text(&id)?).ok());
                    let opening = Opening { match_no, match_id, bundle, saved: Some(saved), map, stored };
                    found.worker.send(Order::Open(Box::new(opening)));
                }
                Err(reason) => {
                    tracing::error!(game = %head.match_id, mode = %head.mode, %reason, "a saved match cannot go on");
                    let report = FailureReport {
                        match_id: head.match_id,
                        mode: head.mode,
                        version: head.version,
                        tick: 0,
                        at: seconds_now(),
                        reason,
                        error: None,
                    };
                    self.commons.archive.fail(report, Some(saved));
                }
            }
        }
        self.modes.forget_maps(&maps);
    }

    /// Looks at the modes' files and tells the workers of what has changed.
    pub fn refresh_modes(&self) {
        let changes = match self.modes.refresh() {
            Ok(changes) => changes,
            Err(error) => {
                tracing::error!(folder = %self.modes.folder().display(), %error, "the modes cannot be read");
                return;
            }
        };
        for change in changes {
            log_change(&change);
            match change {
                Change::Loaded(bundle) => {
                    for door in &self.doors {
                        door.send(Order::Reload(bundle.clone()));
                    }
                }
                Change::Broken { mode, fault } => {
                    self.commons.metrics.reloads_refused.inc();
                    for door in &self.doors {
                        door.send(Order::Fault { mode: mode.clone(), fault: fault.clone() });
                    }
                }
                Change::Gone(_) => {}
            }
        }
    }
}

fn log_change(change: &Change) {
    match change {
        Change::Loaded(bundle) => {
            tracing::info!(mode = %bundle.name(), version = %bundle.version(), "rules are loaded");
        }
        Change::Broken { mode, fault } => {
            let (message, hint) = (one_line(&fault.message), one_line(&fault.hint));
            tracing::error!(%mode, "{}:{}: {message} {hint}", fault.file, fault.line);
        }
        Change::Gone(mode) => tracing::warn!(%mode, "the mode's folder is gone; its matches go on"),
    }
}

/// A server that is to run.
pub struct Start {
    server: Arc<Server>,
    listener: TcpListener,
    workers: Workers,
    socket_threads: Vec<JoinHandle<()>>,
    archive_thread: JoinHandle<()>,
    rtc_thread: Option<JoinHandle<()>>,
    store_task: tokio::task::JoinHandle<()>,
}

impl Start {
    /// Opens everything that can fail.
    ///
    /// # Errors
    /// What cannot be opened.
    pub async fn open(settings: Settings) -> anyhow::Result<Self> {
        let metrics = Arc::new(Metrics::new());
        let settings = Arc::new(settings);
        // It looks at what the system can do meanwhile.
        let turning = settings.clone();
        let turning = tokio::task::spawn_blocking(move || Turn::start(&turning));
        let listener = TcpListener::bind(settings.listen)
            .await
            .with_context(|| format!("cannot listen on {}", settings.listen))?;
        let (rtc, rtc_thread) = match settings.rtc_listen {
            Some(mut address) => {
                if address.port() == 0 && address.ip() == settings.listen.ip() {
                    address.set_port(listener.local_addr()?.port());
                }
                let (gateway, thread) = RtcGateway::open(address, &settings, metrics.clone())
                    .with_context(|| format!("cannot listen for WebRTC on {address}"))?;
                (Some(gateway), Some(thread))
            }
            None => (None, None),
        };
        let replays_max = settings.limits.replay_files as usize;
        let (archive, archive_thread) = Archive::open(&settings.data, replays_max, metrics.clone())
            .with_context(|| format!("cannot use the data folder {}", settings.data.display()))?;
        let (store, store_task) = Store::open(&settings.data, &settings.limits, metrics.clone())
            .await
            .with_context(|| format!("cannot use the database in {}", settings.data.display()))?;
        let modes = Arc::new(Modes::new(&settings.modes, &settings.data, &settings.scripts));
        let found =
            modes.refresh().with_context(|| format!("cannot read the modes in {}", settings.modes.display()))?;
        found.iter().filter(|change| matches!(change, Change::Broken { .. })).for_each(log_change);
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (pump, polls) = Pump::open(sockets::threads(cores)).context("the WebSockets")?;
        let commons = Commons {
            tokens: Arc::new(Tokens::new(&settings.secret, settings.token_lifetime)),
            directory: Arc::new(Directory::default()),
            settings: settings.clone(),
            metrics,
            archive,
            store,
            pump: Arc::new(pump),
        };
        let workers = Workers::start(&commons).context("cannot start the workers")?;
        let server = Arc::new(Server {
            networks: Networks::new(settings.limits),
            screenings: Screenings::default(),
            doors: workers.doors().to_vec(),
            lines: AtomicU64::new(0),
            begun: Instant::now(),
            is_draining: AtomicBool::new(false),
            commons,
            modes,
            rtc,
            turn: turning.await.context("the relay")?,
        });
        let socket_threads = sockets::start(&server, polls).context("the WebSockets")?;
        Ok(Self { server, listener, workers, socket_threads, archive_thread, rtc_thread, store_task })
    }

    /// The server.
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> std::io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }

    /// Runs until it is told to end: by SIGTERM or SIGINT it drains, by the second at once.
    ///
    /// # Errors
    /// When signals cannot be had.
    pub async fn run(self) -> anyhow::Result<()> {
        let Self { server, listener, workers, socket_threads, archive_thread, rtc_thread, store_task } = self;
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut hangup = signal(SignalKind::hangup())?;
        // Who comes back finds their match only when it is listed; until then they wait to be accepted.
        let restoring = server.clone();
        tokio::task::spawn_blocking(move || restoring.restore(&Handle::current())).await.context("saved matches")?;
        let accepting = tokio::spawn(http::serve(server.clone(), listener));
        let mut watch = tokio::time::interval(WATCH_EVERY);
        watch.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => refresh(&server).await,
                _ = watch.tick(), if server.commons.settings.watch => refresh(&server).await,
            }
        }
        server.is_draining.store(true, Ordering::Relaxed);
        server.turn.drain();
        let deadline = server.commons.settings.drain_deadline;
        tracing::info!(matches = server.commons.directory.len(), seconds = deadline.as_secs(), "draining");
        let (telling, seconds) = (server.clone(), u32::try_from(deadline.as_secs()).unwrap_or(u32::MAX));
        // A worker with a full queue is waited for, and the end is not.
        drop(tokio::task::spawn_blocking(move || {
            telling.doors.iter().for_each(|door| door.send(Order::Drain { seconds }));
        }));
        let drained = async {
            while !server.commons.directory.is_empty() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            _ = tokio::time::timeout(deadline, drained) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        accepting.abort();
        if let Some(rtc) = &server.rtc {
            rtc.stop();
        }
        let ended = server.clone();
        let ending = tokio::task::spawn_blocking(move || {
            workers.stop();
            ended.commons.archive.stop();
            ended.turn.stop();
            join([Some(archive_thread), rtc_thread].into_iter().flatten());
        });
        ending.await.context("the end")?;
        // What matches asked for at last is done, whether they hear of it or not.
        server.commons.store.stop().await;
        store_task.await.context("the store")?;
        // What was said last is on its way to the clients.
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.commons.pump.stop();
        let ending = tokio::task::spawn_blocking(move || join(socket_threads));
        ending.await.context("the end")?;
        tracing::info!("ended");
        Ok(())
    }
}

fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread had broken before its end");
        }
    }
}

async fn refresh(server: &Arc<Server>) {
    let server = server.clone();
    // Compiling takes its time, and a worker with a full queue is waited for.
    if tokio::task::spawn_blocking(move || server.refresh_modes()).await.is_err() {
        tracing::error!("looking at the modes broke");
    }
}

fn seconds_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
