//! Starts the workers, and tells them about reloads, drains and the end.
//!
//! **The supervisor is never on a datagram's way.** It shares flags and counters with the workers, and one lock that they
//! take when a reload has raised the version.

use std::{
    io,
    net::{SocketAddr, TcpListener, UdpSocket},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc::SyncSender,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use crate::{
    admin,
    config::{IoMode, Limits, Settings},
    handoff::Mailbox,
    io::{
        Choice, CountedHeap, Driver, DriverConfig, EpollDriver, UdpOptions, UringDriver, Waker, bind_tcp_listener,
        bind_udp, choose, raise_open_file_limit,
    },
    metrics::RelaySnapshot,
    stream::{StreamLimits, Streams, StreamsConfig, TlsAcceptor, TlsSlot},
    turn::{Authenticator, Credentials, LiveSettings, PeerPolicy, RelayAddress, RelayedPorts, Server, Shared},
    worker::{Orders, STREAM_TOKENS, Worker, WorkerCounters, WorkerSetup},
};

/// Bytes that a listening socket may hold for us: half a second of a busy relay.
const LISTENER_BUFFER: usize = 4 << 20;

/// Descriptors for the admin endpoint, the certificate's reload, and standard streams.
const OWN_DESCRIPTORS: u64 = 24;

/// How long starting waits for addresses that another process has.
const BIND_PATIENCE: Duration = Duration::from_secs(3);

/// How often it tries again.
const BIND_RETRY: Duration = Duration::from_millis(20);

/// How often a drain looks whether it has ended.
const DRAIN_POLL: Duration = Duration::from_millis(50);

/// Why the relay did not start, in words for the operator.
#[derive(Debug)]
pub struct StartError(String);

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// A running relay, as the admin endpoint and the signals see it.
#[derive(Debug)]
pub struct Relay {
    shared: Arc<Shared>,
    orders: Arc<Orders>,
    counters: Vec<Arc<WorkerCounters>>,
    mailboxes: Arc<[Mailbox]>,
    stream_limits: Arc<StreamLimits>,
    tls: Option<Arc<TlsSlot>>,
    nonce_key: [u8; 32],
    driver: &'static str,
    batching: bool,
    stepped_down: Option<String>,
    stopped: AtomicUsize,
    /// Told when a drain begins or a worker has stopped.
    disturbed: Notify,
    reloads: [AtomicU64; 2],
    drain_deadline_s: AtomicU64,
}

impl Relay {
    /// Makes no new allocations from now on.
    pub fn drain(&self) {
        if !self.shared.draining.swap(true, Relaxed) {
            self.disturbed.notify_one();
        }
    }

    /// Whether new allocations are refused.
    pub fn draining(&self) -> bool {
        self.shared.draining.load(Relaxed)
    }

    /// Live allocations of all workers.
    pub fn live_allocations(&self) -> u32 {
        self.shared.quotas.live()
    }

    /// Workers whose thread has ended although nobody told it to.
    pub fn stopped_workers(&self) -> usize {
        self.stopped.load(Relaxed)
    }

    /// Which driver moves the datagrams.
    pub fn driver(&self) -> &'static str {
        self.driver
    }

    /// Gives the workers new settings; live allocations are not touched.
    ///
    /// # Errors
    /// When the certificate cannot be loaded; nothing has changed then.
    pub fn reload(&self, settings: &Settings) -> Result<(), StartError> {
        let acceptor = match &self.tls {
            Some(slot) => Some((slot, load_tls(settings)?)),
            None => None,
        };
        if let Some((slot, acceptor)) = acceptor {
            slot.replace(acceptor);
        }
        self.drain_deadline_s.store(settings.drain_deadline.as_secs(), Relaxed);
        let limits = settings.limits;
        self.stream_limits.set(limits.connections, limits.connections_per_address, limits.handshakes);
        let live = Arc::new(live_settings(settings, self.nonce_key));
        *self.orders.settings.lock().unwrap_or_else(PoisonError::into_inner) = live;
        self.orders.version.fetch_add(1, Relaxed);
        self.wake();
        Ok(())
    }

    /// Tells the workers to end; their threads can be joined then.
    pub fn stop(&self) {
        self.orders.stop.store(true, Relaxed);
        self.wake();
    }

    /// What is counted, as OpenMetrics text.
    pub fn metrics(&self) -> String {
        crate::metrics::render(self)
    }

    fn wake(&self) {
        for mailbox in self.mailboxes.iter() {
            mailbox.waker().wake();
        }
    }

    pub(crate) fn snapshot(&self) -> RelaySnapshot {
        RelaySnapshot {
            workers: self.counters.clone(),
            driver: self.driver,
            batching: self.batching,
            stepped_down: self.stepped_down.clone(),
            draining: self.draining(),
            reservations: self.shared.reservations.live().into(),
            reloads: [self.reloads[0].load(Relaxed), self.reloads[1].load(Relaxed)],
            heap_allocations: CountedHeap::allocations(),
        }
    }
}

/// Binds everything and starts the workers.
///
/// # Errors
/// When an address cannot be bound, a file not be read, or the asked-for driver not be used.
pub fn start(settings: &Settings) -> Result<(Arc<Relay>, Vec<JoinHandle<()>>), StartError> {
    let files = raise_open_file_limit().map_err(|error| StartError(format!("open files: {error}")))?;
    let choice = choose(settings.io).map_err(|error| StartError(format!("--io uring: {error}")))?;
    let (driver, stepped_down) = match &choice {
        Choice::Uring(_) => ("uring", None),
        Choice::Epoll { reason } => ("epoll", reason.as_ref().map(ToString::to_string)),
    };
    if let (IoMode::Auto, Some(reason)) = (settings.io, &stepped_down) {
        tracing::warn!(%reason, "io_uring cannot be used, going on with epoll");
    }
    let tls = if settings.listen_tls.is_empty() { None } else { Some(Arc::new(TlsSlot::new(load_tls(settings)?))) };
    let nonce_key = random()?;
    let live = Arc::new(live_settings(settings, nonce_key));
    let shared = Arc::new(Shared::new(RelayedPorts::new(&relay_addresses(settings), settings.relay_ports.clone())));
    let orders = Arc::new(Orders {
        version: AtomicU64::new(0),
        settings: Mutex::new(Arc::clone(&live)),
        stop: AtomicBool::new(false),
        descriptors: AtomicI64::new(relayed_descriptors(settings, files)),
    });
    let limits = settings.limits;
    let stream_limits =
        Arc::new(StreamLimits::new(limits.connections, limits.connections_per_address, limits.handshakes));
    let several = settings.workers > 1;
    let mailboxes: Arc<[Mailbox]> = (0..settings.workers)
        .map(|_| Waker::new().map(|waker| Mailbox::new(waker, settings.slot_bytes as usize, several)))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| StartError(format!("eventfd: {error}")))?
        .into();
    let counters: Vec<_> = (0..settings.workers).map(|_| Arc::new(WorkerCounters::default())).collect();
    let relay = Arc::new(Relay {
        shared: Arc::clone(&shared),
        orders: Arc::clone(&orders),
        counters: counters.clone(),
        mailboxes: Arc::clone(&mailboxes),
        stream_limits: Arc::clone(&stream_limits),
        tls: tls.clone(),
        nonce_key,
        driver,
        batching: settings.batch_window_us > 0 && !matches!(&choice, Choice::Uring(facts) if !facts.batch_window),
        stepped_down,
        stopped: AtomicUsize::new(0),
        disturbed: Notify::new(),
        reloads: Default::default(),
        drain_deadline_s: settings.drain_deadline.as_secs().into(),
    });
    if u64::from(limits.allocations) + 256 > files {
        tracing::warn!(files, allocations = limits.allocations, "fewer open files are allowed than allocations");
    }
    let listeners = Listeners::bind(settings)?;
    let started = Instant::now();
    let mut threads = Vec::new();
    for ((number, counters), Listeners { udp, tcp, tls: over_tls }) in counters.iter().enumerate().zip(listeners) {
        let mut streams = Streams::new(streams_config(settings), Arc::clone(&stream_limits));
        let listening = tcp.into_iter().map(|listener| (listener, None));
        for (listener, tls) in listening.chain(over_tls.into_iter().map(|listener| (listener, tls.clone()))) {
            streams.listen(listener, tls).map_err(|error| StartError(format!("listen: {error}")))?;
        }
        let server =
            Server::new(number as u8, Arc::clone(&shared), Arc::clone(&live), Arc::clone(&counters.turn), random()?);
        let setup = WorkerSetup {
            number: number as u8,
            server,
            streams,
            mailboxes: Arc::clone(&mailboxes),
            counters: Arc::clone(counters),
            orders: Arc::clone(&orders),
            slot_bytes: settings.slot_bytes as usize,
            started,
        };
        threads.push(spawn(setup, udp, &choice, driver_config(settings, files), &relay)?);
    }
    Ok((relay, threads))
}

/// Starts the relay and answers signals until it ends. `load` reads the configuration again.
///
/// # Errors
/// When the relay cannot start, or when a worker ended although nobody told it to.
pub fn run(
    settings: &Settings,
    announce: impl FnOnce(&Relay),
    load: impl FnMut() -> Result<Settings, String>,
) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| StartError(format!("control runtime: {error}")))?;
    runtime.block_on(async {
        let admin = match settings.admin {
            Some(address) => Some(
                tokio::net::TcpListener::bind(address)
                    .await
                    .map_err(|error| StartError(format!("admin {address}: {error}")))?,
            ),
            None => None,
        };
        let mut signals = Signals::new().map_err(|error| StartError(format!("signals: {error}")))?;
        let (relay, threads) = start(settings)?;
        announce(&relay);
        if let Some(listener) = admin {
            tokio::spawn(admin::serve(listener, Arc::clone(&relay)));
        }
        signals.serve(&relay, load).await;
        let died = relay.stopped_workers();
        relay.stop();
        for thread in threads {
            // A panic was reported by the thread itself; it also counts as stopped.
            let _ = thread.join();
        }
        tracing::info!("stopped");
        if died > 0 { Err(StartError(format!("{died} workers ended by themselves; see above"))) } else { Ok(()) }
    })
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Returns when the relay is to end: drained, past the deadline, told twice, or crippled.
    async fn serve(&mut self, relay: &Relay, mut load: impl FnMut() -> Result<Settings, String>) {
        let mut began: Option<Instant> = None;
        loop {
            tokio::select! {
                _ = self.hangup.recv() => reload(relay, &mut load),
                _ = async { tokio::select! { _ = self.terminate.recv() => (), _ = self.interrupt.recv() => () } } => {
                    if relay.draining() {
                        tracing::warn!(allocations = relay.live_allocations(), "told again: ending at once");
                        return;
                    }
                    relay.drain();
                }
                () = relay.disturbed.notified() => {}
                () = tokio::time::sleep(DRAIN_POLL), if relay.draining() => {}
            }
            if relay.stopped_workers() > 0 {
                return;
            }
            if relay.draining() {
                let left = relay.live_allocations();
                // Read each time: a reload may change it while the drain is on.
                let deadline_s = relay.drain_deadline_s.load(Relaxed);
                let began = *began.get_or_insert_with(|| {
                    tracing::info!(allocations = left, deadline_s, "draining; a second signal ends it at once");
                    Instant::now()
                });
                if left == 0 {
                    tracing::info!("drained");
                    return;
                }
                if began.elapsed() >= Duration::from_secs(deadline_s) {
                    tracing::warn!(allocations = left, "drain deadline reached");
                    return;
                }
            }
        }
    }
}

fn reload(relay: &Relay, load: &mut impl FnMut() -> Result<Settings, String>) {
    let result = load().and_then(|settings| relay.reload(&settings).map_err(|error| error.to_string()));
    match result {
        Ok(()) => {
            relay.reloads[0].fetch_add(1, Relaxed);
            tracing::info!("configuration reloaded");
        }
        Err(error) => {
            relay.reloads[1].fetch_add(1, Relaxed);
            tracing::error!(%error, "configuration refused, the old one stays");
        }
    }
}

fn spawn(
    setup: WorkerSetup,
    udp: Vec<UdpSocket>,
    choice: &Choice,
    config: DriverConfig,
    relay: &Arc<Relay>,
) -> Result<JoinHandle<()>, StartError> {
    let uring = matches!(choice, Choice::Uring(_));
    let relay = Arc::clone(relay);
    // The ring belongs to the thread that made it, so the driver is made there; its result comes back by this channel.
    let (report, reported) = std::sync::mpsc::sync_channel(1);
    let number = setup.number;
    let thread = std::thread::Builder::new().name(format!("relay-{number}")).spawn(move || {
        let guard = StoppedGuard(relay);
        let ended = if uring {
            UringDriver::new(config).map_err(io::Error::other).and_then(|driver| work(driver, setup, udp, &report))
        } else {
            EpollDriver::new(config).and_then(|driver| work(driver, setup, udp, &report))
        };
        match ended {
            Ok(()) => std::mem::forget(guard),
            // The first message is the one that is waited for: this is it if the worker never began to work.
            Err(error) => {
                tracing::error!(worker = number, %error, "worker ended");
                let _ = report.try_send(Err(error));
            }
        }
    });
    let thread = thread.map_err(|error| StartError(format!("worker thread: {error}")))?;
    match reported.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => Err(StartError(format!("worker {number}: {error}"))),
        Err(_) => Err(StartError(format!("worker {number} ended while starting"))),
    }
}

fn work<D: Driver>(
    driver: D,
    setup: WorkerSetup,
    udp: Vec<UdpSocket>,
    report: &SyncSender<io::Result<()>>,
) -> io::Result<()> {
    let worker = Worker::new(driver, setup, udp)?;
    CountedHeap::count_this_thread();
    // Whoever waits for this has gone only if the whole process is going.
    let _ = report.send(Ok(()));
    worker.run()
}

/// Counts a worker as stopped however its thread ends, unless it was told to.
struct StoppedGuard(Arc<Relay>);

impl Drop for StoppedGuard {
    fn drop(&mut self) {
        self.0.stopped.fetch_add(1, Relaxed);
        self.0.disturbed.notify_one();
    }
}

/// The listening sockets of one worker. All are bound before any thread starts, so that a failure is reported whole.
struct Listeners {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
    tls: Vec<TcpListener>,
}

impl Listeners {
    fn bind(settings: &Settings) -> Result<Vec<Self>, StartError> {
        let shared = settings.workers > 1;
        let options = UdpOptions {
            reuse_port: shared,
            receive_buffer: LISTENER_BUFFER,
            send_buffer: LISTENER_BUFFER,
            icmp_errors: false,
        };
        let fail = |what: &'static str, address: SocketAddr| {
            move |error: io::Error| StartError(format!("{what} {address}: {error}{}", remedy(&error)))
        };
        if shared {
            // SO_REUSEPORT would let a second relay share the port in silence, so see first that it is free.
            for &address in &settings.listen {
                patiently(|| bind_udp(address, UdpOptions::default()).map(drop)).map_err(fail("listen", address))?;
                patiently(|| bind_tcp_listener(address, false).map(drop)).map_err(fail("listen", address))?;
            }
            for &address in &settings.listen_tls {
                patiently(|| bind_tcp_listener(address, false).map(drop)).map_err(fail("listen_tls", address))?;
            }
        }
        let udp = |&address: &SocketAddr| patiently(|| bind_udp(address, options)).map_err(fail("listen", address));
        let tcp = |key| {
            move |&address: &SocketAddr| patiently(|| bind_tcp_listener(address, shared)).map_err(fail(key, address))
        };
        let each = || {
            Ok(Self {
                udp: settings.listen.iter().map(udp).collect::<Result<_, _>>()?,
                tcp: settings.listen.iter().map(tcp("listen")).collect::<Result<_, _>>()?,
                tls: settings.listen_tls.iter().map(tcp("listen_tls")).collect::<Result<_, _>>()?,
            })
        };
        (0..settings.workers).map(|_| each()).collect()
    }
}

/// Tries to bind for a while: the kernel closes a killed process's sockets a moment after the process has gone, and
/// whoever restarts it is faster.
fn patiently<T>(bind: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let deadline = Instant::now() + BIND_PATIENCE;
    loop {
        match bind() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                std::thread::sleep(BIND_RETRY);
            }
            result => return result,
        }
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another process has it: end that one, or choose another port",
        io::ErrorKind::AddrNotAvailable => "; no interface of this host has this address",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need CAP_NET_BIND_SERVICE",
        _ => "",
    }
}

fn relay_addresses(settings: &Settings) -> Vec<RelayAddress> {
    let mut external = settings.external_ip.clone();
    settings
        .relay_ip
        .iter()
        .map(|&internal| {
            let same = external.iter().position(|address| address.is_ipv6() == internal.is_ipv6());
            RelayAddress { internal, external: same.map_or(internal, |position| external.remove(position)) }
        })
        .collect()
}

fn live_settings(settings: &Settings, nonce_key: [u8; 32]) -> LiveSettings {
    let listeners: Vec<_> = settings.listen.iter().chain(&settings.listen_tls).copied().chain(settings.admin).collect();
    let credentials = Credentials::new(&settings.realm, &settings.users, &settings.auth_secret);
    let local: Vec<_> = settings
        .relay_ip
        .iter()
        .chain(&settings.external_ip)
        .copied()
        .chain(settings.listen.iter().map(SocketAddr::ip))
        .collect();
    LiveSettings {
        authenticator: Authenticator::new(Arc::new(credentials), nonce_key),
        peer_policy: PeerPolicy::new(&settings.allow_peer, &listeners, &local),
        limits: Limits {
            // Each worker limits by itself, and the kernel spreads the clients of a network evenly over them.
            unproven_replies_per_second: (settings.limits.unproven_replies_per_second / settings.workers as u32).max(1),
            ..settings.limits
        },
        alternate_server: settings.alternate_server.clone(),
    }
}

fn streams_config(settings: &Settings) -> StreamsConfig {
    StreamsConfig {
        frame_max: settings.slot_bytes as usize,
        idle_timeout: Duration::from_secs(settings.limits.idle_timeout_s.into()),
        token_base: STREAM_TOKENS,
        ..StreamsConfig::default()
    }
}

/// How many relayed sockets may be open, so that connections and the admin endpoint still find a descriptor when clients
/// have taken all they can: a quarter of the limit, but no more than there may be connections, and a few for ourselves.
fn relayed_descriptors(settings: &Settings, files: u64) -> i64 {
    let listening = (settings.listen.len() * 2 + settings.listen_tls.len() + 4) * settings.workers;
    let connections = u64::from(settings.limits.connections).min(files / 4);
    files.saturating_sub(connections + listening as u64 + OWN_DESCRIPTORS).max(1) as i64
}

fn driver_config(settings: &Settings, files: u64) -> DriverConfig {
    // There are never more relayed sockets than ports. The limit of allocations does not count here, because a reload may
    // raise it. The kernel refuses a table larger than the limit of files, and no more can be open at once anyway.
    let ports = u64::from(*settings.relay_ports.end() - *settings.relay_ports.start()) + 1;
    let sockets = ports * settings.relay_ip.len() as u64 + settings.listen.len() as u64;
    DriverConfig {
        sockets_max: u32::try_from(sockets.min(files)).unwrap_or(u32::MAX),
        slot_bytes: settings.slot_bytes,
        slots: settings.slots,
        batch_window_us: settings.batch_window_us,
    }
}

fn load_tls(settings: &Settings) -> Result<TlsAcceptor, StartError> {
    let (Some(certificate), Some(key)) = (&settings.tls_cert, &settings.tls_key) else {
        return Err(StartError("listen_tls needs tls_cert and tls_key".to_owned()));
    };
    TlsAcceptor::load(certificate, key).map_err(|error| StartError(error.to_string()))
}

fn random() -> Result<[u8; 32], StartError> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| StartError("the system gives no random numbers".to_owned()))?;
    Ok(bytes)
}
