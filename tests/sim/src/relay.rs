//! A relay without sockets: the real machines of one or more workers, and a driver that carries out what they ask for.
//!
//! The driver checks the contract as it goes: no address is bound twice, no socket is closed twice or used after it was
//! closed, and a hand-off between workers ends where it arrives. Every slot is surrounded by bytes that are not zero, so
//! what leaks from a slot into a message shows.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use ipnet::IpNet;
use muster_relay::{
    config::{Limits, User},
    counters::TurnCounters,
    io::{IcmpError, SocketId},
    slot::{HEADROOM, Slot, TAILROOM},
    turn::{
        Action, Authenticator, Client, LiveSettings, Now, OpenError, PeerPolicy, RelayAddress, RelayId, RelayedPorts,
        Route, Server, Shared, Transport, credentials::Credentials,
    },
};
use rand::Rng;

use crate::seeds::seeded;

/// What surrounds every payload in its slot.
const JUNK: u8 = 0xA5;

/// Where the virtual clock starts: not at zero, because a real one does not either.
const START: Duration = Duration::from_secs(1_000);

/// Seconds since 1970 when the virtual clock starts.
const START_UNIX_S: u64 = 1_800_000_000;

/// How a relay is set up. The default has one worker, one IPv4 and one IPv6 relay address, and two users.
#[derive(Debug, Clone)]
pub struct RelaySetup {
    /// Of everything random.
    pub seed: u64,
    /// Workers that share the ports.
    pub workers: u8,
    /// The listening addresses.
    pub listen: Vec<SocketAddr>,
    /// The relay addresses.
    pub addresses: Vec<RelayAddress>,
    /// Relayed ports of each address.
    pub ports: RangeInclusive<u16>,
    /// The realm.
    pub realm: String,
    /// Static users.
    pub users: Vec<User>,
    /// Secrets of ephemeral names.
    pub auth_secret: Vec<String>,
    /// Ranges opened to clients.
    pub allow_peer: Vec<IpNet>,
    /// What may be used.
    pub limits: Limits,
    /// Where clients are sent while draining.
    pub alternate_server: Vec<SocketAddr>,
}

impl Default for RelaySetup {
    fn default() -> Self {
        let same = |ip: &str| {
            let ip: IpAddr = ip.parse().expect("a literal");
            RelayAddress { internal: ip, external: ip }
        };
        let user = |name: &str, password: &str| User { name: name.into(), password: password.into() };
        Self {
            seed: 0,
            workers: 1,
            listen: vec!["20.0.0.1:3478".parse().expect("a literal"), "[2600::1]:3478".parse().expect("a literal")],
            addresses: vec![same("20.0.0.1"), same("2600::1")],
            ports: 50_000..=50_099,
            realm: "sim.example".into(),
            users: vec![user("ann", "ann's password"), user("bob", "bob's password")],
            auth_secret: Vec::new(),
            allow_peer: Vec::new(),
            limits: Limits { allocations: 256, ..Limits::default() },
            alternate_server: Vec::new(),
        }
    }
}

/// A datagram or frame that leaves the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// To a client.
    ToClient {
        /// The worker that sends it.
        worker: u8,
        /// Where to.
        to: Client,
        /// What.
        bytes: Vec<u8>,
    },
    /// From a relayed address to a peer.
    ToPeer {
        /// The relayed address.
        from: SocketAddr,
        /// The peer.
        to: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
}

/// Decides which binds fail; `None` lets one succeed.
pub type BindFault = Box<dyn FnMut(SocketAddr) -> Option<OpenError>>;

struct Worker {
    server: Server,
    counters: Arc<TurnCounters>,
    /// By index of [`SocketId`]: how many sockets there have been, and which one is open.
    sockets: Vec<(u32, Option<(RelayId, SocketAddr)>)>,
}

struct Handoff {
    worker: u8,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// See the module's text.
pub struct Relay {
    setup: RelaySetup,
    shared: Arc<Shared>,
    nonce_key: [u8; 32],
    workers: Vec<Worker>,
    now: Now,
    /// Every open relayed socket.
    bound: BTreeMap<SocketAddr, (u8, RelayId)>,
    bind_fault: BindFault,
    held: bool,
    handoffs: VecDeque<Handoff>,
    outputs: VecDeque<Output>,
    unallocated_streams: Vec<u64>,
    opened: u64,
    closed: u64,
}

impl Relay {
    /// A relay that has just started.
    pub fn new(setup: RelaySetup) -> Self {
        let mut random = seeded(setup.seed, b'r');
        let shared = Arc::new(Shared::new(RelayedPorts::new(&setup.addresses, setup.ports.clone())));
        let mut nonce_key = [0; 32];
        random.fill_bytes(&mut nonce_key);
        let live = live_settings(&setup, nonce_key);
        let workers = (0..setup.workers)
            .map(|number| {
                let mut seed = [0; 32];
                random.fill_bytes(&mut seed);
                let counters = Arc::new(TurnCounters::default());
                let server = Server::new(number, Arc::clone(&shared), Arc::clone(&live), Arc::clone(&counters), seed);
                Worker { server, counters, sockets: Vec::new() }
            })
            .collect();
        Self {
            setup,
            shared,
            nonce_key,
            workers,
            now: Now { monotonic: START, unix_s: START_UNIX_S },
            bound: BTreeMap::new(),
            bind_fault: Box::new(|_| None),
            held: false,
            handoffs: VecDeque::new(),
            outputs: VecDeque::new(),
            unallocated_streams: Vec::new(),
            opened: 0,
            closed: 0,
        }
    }

    /// Moves the clock to `at`, which is not earlier than it stands, without running what is due on the way.
    ///
    /// # Panics
    /// If the clock would go back.
    pub fn set_now(&mut self, at: Duration) {
        assert!(at >= self.now.monotonic, "the clock never goes back");
        self.now = Now { monotonic: at, unix_s: START_UNIX_S + (at - START).as_secs() };
    }

    /// Moves the clock forward, stopping at every time at which a machine asked to be woken.
    pub fn advance(&mut self, by: Duration) {
        let end = self.now.monotonic + by;
        while let Some(due) = self.poll_timeout().filter(|&due| due <= end) {
            self.set_now(due.max(self.now.monotonic));
            self.handle_timeout();
        }
        self.set_now(end);
    }

    /// Lets `fault` decide which binds fail from now on.
    pub fn set_bind_fault(&mut self, fault: BindFault) {
        self.bind_fault = fault;
    }

    /// Keeps payloads for other workers until [`Relay::run_handoffs`], as a ring between threads may.
    pub fn hold_handoffs(&mut self, held: bool) {
        self.held = held;
    }

    /// Hands in a datagram or frame from a client.
    pub fn handle_client(&mut self, worker: u8, client: Client, bytes: &[u8]) {
        let now = self.now;
        self.with_slot(worker, bytes, |server, slot| server.handle_client(now, client, slot));
    }

    /// Hands in a datagram from outside for the relayed address `at`; returns whether a socket is open there.
    pub fn handle_peer(&mut self, at: SocketAddr, from: SocketAddr, bytes: &[u8]) -> bool {
        let now = self.now;
        let Some(&(worker, relay)) = self.bound.get(&at) else { return false };
        self.with_slot(worker, bytes, |server, slot| server.handle_peer(now, relay, from, slot));
        true
    }

    /// Hands in a datagram under a name that may be out of date, as a driver does with what had arrived before a close.
    pub fn handle_peer_named(&mut self, worker: u8, relay: RelayId, from: SocketAddr, bytes: &[u8]) {
        let now = self.now;
        self.with_slot(worker, bytes, |server, slot| server.handle_peer(now, relay, from, slot));
    }

    /// Reports an ICMP error for a datagram sent from the relayed address `at`.
    pub fn handle_icmp(&mut self, at: SocketAddr, error: IcmpError) {
        let now = self.now;
        if let Some(&(worker, relay)) = self.bound.get(&at) {
            self.workers[usize::from(worker)].server.handle_icmp(now, relay, error);
            self.drain_machine(worker);
        }
    }

    /// Tells a worker that a client's stream has ended.
    pub fn handle_client_gone(&mut self, worker: u8, client: &Client) {
        self.workers[usize::from(worker)].server.handle_client_gone(client);
        self.drain_machine(worker);
    }

    /// Runs what is due now on every worker.
    pub fn handle_timeout(&mut self) {
        for worker in 0..self.setup.workers {
            let server = &mut self.workers[usize::from(worker)].server;
            if server.poll_timeout().is_some_and(|due| due <= self.now.monotonic) {
                server.handle_timeout(self.now);
                self.drain_machine(worker);
            }
        }
    }

    /// Changes the setup and gives every worker the new settings, as a reload does. Ports, addresses, workers and the
    /// seed are fixed at start.
    pub fn reload(&mut self, change: impl FnOnce(&mut RelaySetup)) {
        change(&mut self.setup);
        let live = live_settings(&self.setup, self.nonce_key);
        for worker in 0..self.setup.workers {
            self.workers[usize::from(worker)].server.handle_settings(Arc::clone(&live));
            self.drain_machine(worker);
        }
    }

    /// Makes no new allocations from now on.
    pub fn drain(&mut self) {
        self.shared.draining.store(true, Relaxed);
    }

    /// Delivers the payloads that are on their way between workers.
    pub fn run_handoffs(&mut self) {
        while let Some(Handoff { worker, from, to, bytes }) = self.handoffs.pop_front() {
            let now = self.now;
            self.with_slot(worker, &bytes, |server, slot| {
                let route = server.handle_hairpin(now, from, to, slot);
                assert!(matches!(route, Route::Nothing | Route::ToClient(_)), "a hand-off goes no further: {route:?}");
                route
            });
        }
    }

    /// The next datagram that leaves the relay.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Relay::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.workers.iter().filter_map(|worker| worker.server.poll_timeout()).min()
    }

    /// The clock.
    pub fn now(&self) -> Now {
        self.now
    }

    /// The setup as it stands.
    pub fn setup(&self) -> &RelaySetup {
        &self.setup
    }

    /// What the workers share.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// One worker's machine.
    pub fn server(&self, worker: u8) -> &Server {
        &self.workers[usize::from(worker)].server
    }

    /// Calls one worker's machine directly. What it asks for meanwhile is for `call` to take; the rest is carried out
    /// with the next call of the relay.
    pub fn with_server<R>(&mut self, worker: u8, call: impl FnOnce(&mut Server) -> R) -> R {
        call(&mut self.workers[usize::from(worker)].server)
    }

    /// One worker's counters.
    pub fn counters(&self, worker: u8) -> &TurnCounters {
        &self.workers[usize::from(worker)].counters
    }

    /// The open relayed sockets, each with its worker and name.
    pub fn bound(&self) -> &BTreeMap<SocketAddr, (u8, RelayId)> {
        &self.bound
    }

    /// How many relayed sockets have been opened and closed.
    pub fn opened_and_closed(&self) -> (u64, u64) {
        (self.opened, self.closed)
    }

    /// The streams that have lost their allocation, in order.
    pub fn unallocated_streams(&self) -> &[u64] {
        &self.unallocated_streams
    }

    /// The worker that the kernel gives a client's datagrams to.
    pub fn worker_of(&self, client: SocketAddr) -> u8 {
        let mut trace = crate::trace::Trace::default();
        trace.record(client.to_string().as_bytes());
        (trace.hash() >> 32) as u8 % self.setup.workers
    }

    /// The client at `address`, on the first listener of its family.
    pub fn udp_client(&self, address: SocketAddr) -> Client {
        let listener = self.setup.listen.iter().position(|listen| listen.is_ipv6() == address.is_ipv6());
        Client { address, transport: Transport::Udp { listener: listener.unwrap_or_default() as u8 } }
    }

    /// Live allocations of all workers.
    pub fn allocations(&self) -> usize {
        self.workers.iter().map(|worker| worker.server.allocations()).sum()
    }

    /// Relayed ports that somebody owns.
    pub fn owned_ports(&self) -> usize {
        let addresses = self.setup.addresses.iter().map(|address| address.internal);
        let all = addresses.flat_map(|ip| self.setup.ports.clone().map(move |port| SocketAddr::new(ip, port)));
        all.filter(|&at| self.shared.ports.owner(at).is_some()).count()
    }

    /// Checks what holds between any two calls.
    ///
    /// # Panics
    /// When one of the invariants is broken.
    pub fn assert_consistent(&self) {
        for (&at, &(worker, _)) in &self.bound {
            assert_eq!(self.shared.ports.owner(at), Some(worker), "{at} is open on worker {worker}");
        }
        let kept = self.shared.reservations.live() as usize;
        assert_eq!(self.owned_ports(), self.bound.len() + kept, "a port is owned for a socket or a reservation");
        let gauge: u64 = self.workers.iter().map(|worker| worker.counters.allocations.read()).sum();
        assert_eq!(gauge, u64::from(self.shared.quotas.live()), "the gauge counts what the quotas count");
        assert_eq!(gauge, self.allocations() as u64, "the gauge counts the table's entries");
        assert_eq!(self.opened - self.closed, self.bound.len() as u64);
    }

    /// Checks that nothing is left of any client.
    ///
    /// # Panics
    /// When something is.
    pub fn assert_empty(&self) {
        self.assert_consistent();
        assert_eq!(self.allocations(), 0, "no allocation is left");
        assert_eq!(self.owned_ports(), 0, "no port is left");
        assert!(self.bound.is_empty(), "no socket is left: {:?}", self.bound);
    }

    fn with_slot(&mut self, worker: u8, bytes: &[u8], handle: impl FnOnce(&mut Server, &mut Slot<'_>) -> Route) {
        let mut buffer = vec![JUNK; HEADROOM + bytes.len() + TAILROOM];
        buffer[HEADROOM..HEADROOM + bytes.len()].copy_from_slice(bytes);
        let mut slot = Slot::new(&mut buffer, HEADROOM..HEADROOM + bytes.len());
        let this = &mut self.workers[usize::from(worker)];
        let route = handle(&mut this.server, &mut slot);
        let bytes = slot.payload().to_vec();
        match route {
            Route::Nothing => {}
            Route::ToClient(to) => self.outputs.push_back(Output::ToClient { worker, to, bytes }),
            Route::ToPeer { socket, to } => {
                let (_, from) = this.open_socket(socket);
                self.outputs.push_back(Output::ToPeer { from, to, bytes });
            }
            Route::ToWorker { worker: other, from, to } => {
                assert_ne!(other, worker, "a worker hands nothing to itself");
                self.handoffs.push_back(Handoff { worker: other, from, to, bytes });
            }
        }
        self.drain_machine(worker);
        if !self.held {
            self.run_handoffs();
        }
    }

    fn drain_machine(&mut self, worker: u8) {
        let number = usize::from(worker);
        while let Some(action) = self.workers[number].server.poll_action() {
            match action {
                Action::Open { relay, address } => {
                    let fault = (self.bind_fault)(address);
                    let result = fault.map_or_else(|| Ok(self.open(worker, relay, address)), Err);
                    self.workers[number].server.handle_opened(self.now, relay, result);
                }
                Action::Close { socket } => {
                    let (_, at) = self.workers[number].open_socket(socket);
                    self.workers[number].sockets[socket.index as usize].1 = None;
                    assert!(self.bound.remove(&at).is_some(), "{at} was bound");
                    self.closed += 1;
                }
            }
        }
        self.unallocated_streams.extend(std::iter::from_fn(|| self.workers[number].server.poll_unallocated_stream()));
        while let Some(reply) = self.workers[number].server.poll_reply() {
            self.outputs.push_back(Output::ToClient { worker, to: reply.to, bytes: reply.bytes });
        }
    }

    fn open(&mut self, worker: u8, relay: RelayId, address: SocketAddr) -> SocketId {
        let previous = self.bound.insert(address, (worker, relay));
        assert!(previous.is_none(), "{address} is bound twice");
        self.opened += 1;
        let sockets = &mut self.workers[usize::from(worker)].sockets;
        let index = sockets.iter().position(|(_, open)| open.is_none()).unwrap_or_else(|| {
            sockets.push((0, None));
            sockets.len() - 1
        });
        sockets[index].0 += 1;
        sockets[index].1 = Some((relay, address));
        SocketId { index: index as u32, generation: sockets[index].0 }
    }
}

impl Worker {
    fn open_socket(&self, socket: SocketId) -> (RelayId, SocketAddr) {
        let (generation, open) = self.sockets[socket.index as usize];
        assert_eq!(generation, socket.generation, "{socket:?} was closed before");
        open.unwrap_or_else(|| panic!("{socket:?} is closed already"))
    }
}

fn credentials(setup: &RelaySetup) -> Arc<Credentials> {
    Arc::new(Credentials::new(&setup.realm, &setup.users, &setup.auth_secret))
}

fn live_settings(setup: &RelaySetup, nonce_key: [u8; 32]) -> Arc<LiveSettings> {
    let local: Vec<IpAddr> = setup.addresses.iter().flat_map(|address| [address.internal, address.external]).collect();
    Arc::new(LiveSettings {
        authenticator: Authenticator::new(credentials(setup), nonce_key),
        peer_policy: PeerPolicy::new(&setup.allow_peer, &setup.listen, &local),
        limits: setup.limits,
        alternate_server: setup.alternate_server.clone(),
    })
}
