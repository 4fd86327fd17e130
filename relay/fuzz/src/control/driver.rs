//! The driver, the clients, and the model of who may send to whom.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use muster_relay::{
    config::User,
    counters::TurnCounters,
    io::{IcmpError, SocketId},
    slot::{HEADROOM, Slot, TAILROOM},
    turn::{
        Action, Authenticator, Client, Credentials as Known, LiveSettings, Now, OpenError, PeerPolicy, RelayAddress,
        RelayId, RelayedPorts, Reply, Route, Server, Shared, Transport,
    },
};
use muster_sim::{Answer, Credentials, Draft, attribute, channel_data, method};
use stun_types::message::MessageClass;

use super::operation::{Attribute, Lie, LimitChoice, Method, Operation, Setup, number};

const WORKERS: usize = 2;
const REALM: &str = "fuzz.example";
/// Few ports, so that they run out and are given again.
const PORTS: std::ops::RangeInclusive<u16> = 50_001..=50_008;
const NONCE_KEY: [u8; 32] = [7; 32];
const START: Duration = Duration::from_secs(1_000);
const START_UNIX_S: u64 = 1_800_000_000;
const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);

/// A client as it knows itself.
struct Asking {
    client: Client,
    worker: usize,
    credentials: Credentials,
    nonce: String,
    transaction: u128,
    last: Vec<u8>,
    /// What the relay has confirmed: until when which address may send.
    permitted: BTreeMap<IpAddr, Duration>,
    /// Until when which peer may be sent to by a channel, which outlives its permission.
    bound: BTreeMap<SocketAddr, Duration>,
    /// Its relayed addresses in internal form.
    relayed: Vec<SocketAddr>,
}

struct Worker {
    server: Server,
    counters: Arc<TurnCounters>,
    /// Open sockets and where they are bound.
    sockets: BTreeMap<u32, (SocketId, RelayId, SocketAddr)>,
    /// Sockets that were asked for and are not opened yet.
    wanted: VecDeque<(RelayId, SocketAddr)>,
    closed: Vec<RelayId>,
    opened: u32,
}

/// See the module's text.
pub(super) struct Driver {
    shared: Arc<Shared>,
    policy: PeerPolicy,
    addresses: Vec<RelayAddress>,
    workers: Vec<Worker>,
    clients: Vec<Asking>,
    now: Now,
    late: bool,
    faults: (u8, Option<OpenError>),
    token: u64,
}

impl Driver {
    pub(super) fn new(setup: &Setup) -> Self {
        let address = |internal: &str, external: &str| RelayAddress {
            internal: ip(internal),
            external: ip(if setup.translated { external } else { internal }),
        };
        let addresses = vec![address("20.0.0.1", "20.0.0.77"), address("2600::1", "2600::77")];
        let shared = Arc::new(Shared::new(RelayedPorts::new(&addresses, PORTS)));
        let authenticator = Authenticator::new(Arc::new(known(true)), NONCE_KEY);
        let policy = policy(false, &addresses);
        let live = settings(&authenticator, &policy, setup.limits, false);
        let workers = (0..WORKERS as u8).map(|number| {
            let counters = Arc::new(TurnCounters::default());
            let (shared, live, seen) = (Arc::clone(&shared), Arc::clone(&live), Arc::clone(&counters));
            let server = Server::new(number, shared, live, seen, [number; 32]);
            let (sockets, wanted) = (BTreeMap::new(), VecDeque::new());
            Worker { server, counters, sockets, wanted, closed: Vec::new(), opened: 0 }
        });
        Self {
            workers: workers.collect(),
            clients: clients(),
            now: Now { monotonic: START, unix_s: START_UNIX_S },
            late: setup.late,
            faults: (0, None),
            token: 0,
            shared,
            policy,
            addresses,
        }
    }

    pub(super) fn carry_out(&mut self, operation: Operation) {
        match operation {
            Operation::Advance(step) => self.advance(step.duration()),
            Operation::Skip(step) => self.pass(step.duration()),
            Operation::Request { client, method, lie, attributes, fingerprint, again } => {
                let client = self.client(client);
                if again {
                    let bytes = self.clients[client].last.clone();
                    self.give_client(client, &bytes);
                } else {
                    self.request(client, method, lie, &attributes, fingerprint);
                }
            }
            Operation::Plain { client, method, peer, number } => {
                let client = self.client(client);
                let attributes: &[Attribute] = match method {
                    Method::Allocate => &[Attribute::Transport(17)],
                    Method::CreatePermission => &[Attribute::Peer(peer)],
                    Method::ChannelBind => &[Attribute::Number(number), Attribute::Peer(peer)],
                    Method::Binding | Method::Refresh | Method::Other(_) => &[],
                };
                self.request(client, method, Lie::Nothing, attributes, false);
            }
            Operation::Send { client, peer, bytes } => {
                let (client, peer) = (self.client(client), self.peer(peer));
                let draft = Draft::indication(method::SEND, 5).peer(peer);
                self.give_client(client, &draft.raw(attribute::DATA, &[0x5A; 255][..bytes.into()]).finish());
            }
            Operation::Channel { client, number: which, bytes } => {
                let client = self.client(client);
                self.give_client(client, &channel_data(number(which), &[0x5A; 255][..bytes.into()]));
            }
            Operation::Raw { client, bytes } => {
                let client = self.client(client);
                self.give_client(client, &bytes);
            }
            Operation::Peer { socket, peer, bytes, closed } => {
                let Some((worker, relay)) = self.relay(socket, closed) else { return };
                // On a socket, peers have addresses as the kernel sees them.
                let from = self.inward(self.peer(peer));
                self.give(worker, &[0x5A; 255][..bytes.into()], None, Some(from), |server, now, slot| {
                    server.handle_peer(now, relay, from, slot)
                });
            }
            Operation::Icmp { socket, peer, kind, closed } => {
                let Some((worker, relay)) = self.relay(socket, closed) else { return };
                let error = IcmpError { peer: self.inward(self.peer(peer)), icmp_type: kind, code: kind, data: 0 };
                self.workers[worker].server.handle_icmp(self.now, relay, error);
                let replies = self.drain(worker);
                for reply in replies {
                    let told = self.clients.iter().find(|asking| asking.client == reply.to).expect("a client of ours");
                    assert!(told.permits(error.peer.ip(), self.now.monotonic), "an error from who has no permission");
                    assert_eq!(Answer::parse(&reply.bytes).expect("well-formed").header().1, method::DATA);
                }
            }
            Operation::Open { which, fault } => {
                let worker = usize::from(which) % WORKERS;
                let wanted = self.workers[worker].wanted.len();
                if wanted > 0 {
                    self.open(worker, usize::from(which / 2) % wanted, fault.error());
                }
            }
            Operation::Faults { count, fault } => self.faults = (count % 16, fault.error()),
            Operation::Gone { client } => {
                let client = self.client(client);
                let asking = &mut self.clients[client];
                if let Transport::Stream { id } = asking.client.transport {
                    let (worker, gone) = (asking.worker, asking.client);
                    asking.forget();
                    // A connection's number is never used again.
                    asking.client.transport = Transport::Stream { id: id + 100 };
                    asking.nonce.clear();
                    self.workers[worker].server.handle_client_gone(&gone);
                    assert!(!self.workers[worker].server.is_allocated(&gone));
                    assert!(self.drain(worker).is_empty(), "nobody is left to be answered");
                }
            }
            Operation::Reload { limits, without_bob, closed_peers, alternate } => {
                let authenticator = Authenticator::new(Arc::new(known(!without_bob)), NONCE_KEY);
                self.policy = policy(closed_peers, &self.addresses);
                let live = settings(&authenticator, &self.policy, limits, alternate);
                for worker in 0..WORKERS {
                    self.workers[worker].server.handle_settings(Arc::clone(&live));
                    assert!(self.drain(worker).is_empty(), "a reload answers nobody");
                }
            }
            Operation::Drain(draining) => self.shared.draining.store(draining, Relaxed),
        }
    }

    /// Moves the clock, stopping wherever a machine asked to be woken.
    pub(super) fn advance(&mut self, by: Duration) {
        let end = self.now.monotonic + by;
        loop {
            let due = self.workers.iter().filter_map(|worker| worker.server.poll_timeout()).min();
            let Some(due) = due.filter(|&due| due <= end) else { break };
            // While allocations live a machine wakes ten times a second; an hour of that shows no more than its ends.
            let due = due.max(self.now.monotonic).max(if end - self.now.monotonic > Duration::from_secs(20) {
                end - Duration::from_secs(10)
            } else {
                Duration::ZERO
            });
            self.pass(due - self.now.monotonic);
            for worker in 0..WORKERS {
                self.workers[worker].server.handle_timeout(self.now);
                assert!(self.drain(worker).is_empty(), "time answers nobody");
            }
        }
        self.pass(end - self.now.monotonic);
    }

    /// Opens every socket that was asked for, until none is.
    pub(super) fn open_all(&mut self) {
        self.faults = (0, None);
        for worker in 0..WORKERS {
            while !self.workers[worker].wanted.is_empty() {
                self.open(worker, 0, None);
            }
        }
    }

    pub(super) fn assert_books_balance(&self) {
        let mut allocations = 0;
        let mut complete = 0;
        let mut sockets = 0;
        for (number, worker) in self.workers.iter().enumerate() {
            allocations += worker.server.allocations();
            complete += worker.counters.allocations.read();
            sockets += worker.sockets.len();
            for (_, _, at) in worker.sockets.values() {
                assert_eq!(self.shared.ports.owner(*at), Some(number as u8), "{at} is open and not owned");
            }
        }
        assert_eq!(allocations, self.shared.quotas.live() as usize, "quotas count what lives");
        let late = self.workers.iter().map(|worker| worker.wanted.len()).sum::<usize>();
        assert!(complete as usize <= allocations);
        if late == 0 {
            assert_eq!(complete as usize, allocations, "the gauge counts what lives");
            let kept = self.shared.reservations.live() as usize;
            assert_eq!(self.owned_ports(), sockets + kept, "a port is owned for a socket or a reservation");
        }
    }

    pub(super) fn assert_nothing_left(&self) {
        assert_eq!((self.shared.quotas.live(), self.shared.reservations.live(), self.owned_ports()), (0, 0, 0));
        for worker in &self.workers {
            assert_eq!((worker.server.allocations(), worker.counters.allocations.read()), (0, 0));
            assert!(worker.sockets.is_empty(), "sockets are left open");
            assert_eq!(worker.server.poll_timeout(), None, "a relay with nothing to do sleeps");
        }
    }

    fn owned_ports(&self) -> usize {
        let all = self.addresses.iter().flat_map(|address| PORTS.map(|port| SocketAddr::new(address.internal, port)));
        all.filter(|&at| self.shared.ports.owner(at).is_some()).count()
    }

    fn pass(&mut self, by: Duration) {
        let monotonic = self.now.monotonic + by;
        self.now = Now { monotonic, unix_s: START_UNIX_S + (monotonic - START).as_secs() };
    }

    fn client(&self, which: u8) -> usize {
        usize::from(which) % self.clients.len()
    }

    /// Peers: hosts outside, some closed by policy, and relayed addresses of the relay as clients are told them.
    fn peer(&self, which: u8) -> SocketAddr {
        let fixed = ["30.0.0.9:7000", "30.0.0.9:7001", "[2600:9::9]:7000", "10.1.2.3:7000", "20.0.0.1:3478"];
        match usize::from(which) % 12 {
            fixed_peer @ 0..5 => fixed[fixed_peer].parse().expect("a literal"),
            relayed => {
                let address = self.addresses[relayed % 2].external;
                SocketAddr::new(address, PORTS.start() + (which / 12) as u16 % 8)
            }
        }
    }

    fn inward(&self, at: SocketAddr) -> SocketAddr {
        self.shared.ports.inward(at)
    }

    /// The name of a relayed socket that is open, or of one that was.
    fn relay(&self, which: u8, closed: bool) -> Option<(usize, RelayId)> {
        let names = self.workers.iter().enumerate().flat_map(|(number, worker)| {
            let open = worker.sockets.values().map(|(_, relay, _)| *relay);
            let names: Vec<_> = if closed { worker.closed.clone() } else { open.collect() };
            names.into_iter().map(move |relay| (number, relay))
        });
        let names: Vec<_> = names.collect();
        (!names.is_empty()).then(|| names[usize::from(which) % names.len()])
    }

    fn request(&mut self, client: usize, method: Method, lie: Lie, attributes: &[Attribute], fingerprint: bool) {
        if self.clients[client].nonce.is_empty() && lie != Lie::NoCredentials {
            let challenge = Draft::request(method::REFRESH, 1).finish();
            self.give_client(client, &challenge);
        }
        self.clients[client].transaction += 1;
        let asking = &self.clients[client];
        let mut draft = Draft::request(method.number(), asking.transaction);
        for attribute in attributes.iter().take(24) {
            draft = attribute.append(draft, |which| self.peer(which), self.token);
        }
        let mut credentials = asking.credentials.clone();
        let mut nonce = asking.nonce.as_str();
        match lie {
            Lie::WrongPassword => credentials.password.push('!'),
            Lie::OtherUser => credentials = user("eve"),
            Lie::StrangeNonce => nonce = "obMatJos2gAAA0000000000000000000",
            Lie::Nothing | Lie::NoCredentials | Lie::FlippedByte(_) => {}
        }
        if lie != Lie::NoCredentials && !nonce.is_empty() {
            draft = draft.signed(&credentials, REALM, nonce);
        }
        if fingerprint {
            draft = draft.fingerprint();
        }
        let mut bytes = draft.finish();
        if let Lie::FlippedByte(at) = lie {
            let at = usize::from(at) % bytes.len();
            bytes[at] ^= 0x10;
        }
        self.clients[client].last.clone_from(&bytes);
        self.give_client(client, &bytes);
    }

    fn give_client(&mut self, client: usize, bytes: &[u8]) {
        let (worker, from) = (self.clients[client].worker, self.clients[client].client);
        let replies =
            self.give(worker, bytes, Some(client), None, |server, now, slot| server.handle_client(now, from, slot));
        // An Allocate is answered when its sockets are open, which may be somebody else's turn.
        assert!(replies <= 1, "one request, one answer");
    }

    /// Hands a datagram in and follows what becomes of it; `sender` is the client that it came from, `peer` the peer.
    fn give(
        &mut self,
        worker: usize,
        bytes: &[u8],
        sender: Option<usize>,
        peer: Option<SocketAddr>,
        handle: impl FnOnce(&mut Server, Now, &mut Slot<'_>) -> Route,
    ) -> usize {
        let mut buffer = vec![0xA5; HEADROOM + bytes.len() + TAILROOM];
        buffer[HEADROOM..HEADROOM + bytes.len()].copy_from_slice(bytes);
        let mut slot = Slot::new(&mut buffer, HEADROOM..HEADROOM + bytes.len());
        let route = handle(&mut self.workers[worker].server, self.now, &mut slot);
        match route {
            Route::Nothing => {}
            Route::ToPeer { socket, to } => {
                let sender = &self.clients[sender.expect("only clients send to peers")];
                let (open, _, at) = self.workers[worker].sockets.get(&socket.index).expect("the socket is open");
                assert_eq!(*open, socket, "the socket was closed before");
                assert!(sender.may_send(to, self.now.monotonic), "{to} is not permitted");
                assert!(sender.relayed.contains(at), "a client sends from its own relayed address");
                assert!(self.policy.judge(to).is_ok(), "{to} is closed");
            }
            Route::ToClient(to) => self.assert_may_receive(to, peer, sender),
            Route::ToWorker { worker: other, from, to } => {
                let sender = &self.clients[sender.expect("only clients send to other workers")];
                assert!(usize::from(other) != worker && sender.relayed.contains(&from));
                assert!(sender.may_send(to, self.now.monotonic), "{to} is not permitted");
                let route = self.workers[usize::from(other)].server.handle_hairpin(self.now, from, to, &mut slot);
                match route {
                    Route::Nothing => {}
                    Route::ToClient(client) => self.assert_may_receive(client, Some(from), None),
                    Route::ToPeer { .. } | Route::ToWorker { .. } => panic!("a hand-off goes no further: {route:?}"),
                }
                assert!(self.drain(other.into()).is_empty(), "a payload is not answered");
            }
        }
        self.drain(worker).len()
    }

    /// `from` is the peer; or the payload came without a socket from a client of the same worker.
    fn assert_may_receive(&self, to: Client, from: Option<SocketAddr>, sender: Option<usize>) {
        let receiver = self.clients.iter().find(|asking| asking.client == to).expect("a client of ours");
        let from = from.map(|from| from.ip());
        let mut senders = from
            .into_iter()
            .chain(sender.iter().flat_map(|&sender| self.clients[sender].relayed.iter().map(SocketAddr::ip)));
        assert!(senders.any(|from| receiver.permits(from, self.now.monotonic)), "{to:?} permitted nobody of these");
    }

    /// Carries out what a machine asks for, and returns what it replies.
    fn drain(&mut self, number: usize) -> Vec<Reply> {
        while let Some(action) = self.workers[number].server.poll_action() {
            match action {
                Action::Open { relay, address } => {
                    assert!(self.addresses.iter().any(|known| known.internal == address.ip()));
                    self.workers[number].wanted.push_back((relay, address));
                }
                Action::Close { socket } => {
                    let worker = &mut self.workers[number];
                    let (open, relay, at) = worker.sockets.remove(&socket.index).expect("a socket is closed once");
                    assert_eq!(open, socket);
                    worker.closed.push(relay);
                    for asking in &mut self.clients {
                        asking.relayed.retain(|relayed| *relayed != at);
                    }
                }
            }
            if !self.late && !self.workers[number].wanted.is_empty() {
                self.answer(number, 0, None);
            }
        }
        let replies: Vec<_> = std::iter::from_fn(|| self.workers[number].server.poll_reply()).collect();
        for reply in &replies {
            self.hear(reply);
        }
        replies
    }

    fn open(&mut self, worker: usize, which: usize, fault: Option<OpenError>) {
        self.answer(worker, which, fault);
        assert!(self.drain(worker).len() <= 1, "one Allocate, one answer");
    }

    fn answer(&mut self, number: usize, which: usize, fault: Option<OpenError>) {
        let bound = |at: SocketAddr, workers: &[Worker]| {
            workers.iter().any(|worker| worker.sockets.values().any(|(_, _, open)| *open == at))
        };
        let Some((relay, at)) = self.workers[number].wanted.remove(which) else { return };
        let due = self.faults.0 > 0;
        self.faults.0 = self.faults.0.saturating_sub(1);
        let planned = fault.or(if due { self.faults.1 } else { None });
        // The kernel gives an address to one socket.
        let taken = bound(at, &self.workers);
        assert!(!taken || self.late, "{at} is opened twice");
        let fault = planned.or_else(|| taken.then_some(OpenError::InUse));
        let worker = &mut self.workers[number];
        let result = match fault {
            Some(error) => Err(error),
            None => {
                worker.opened += 1;
                let socket = SocketId { index: worker.opened, generation: 1 };
                worker.sockets.insert(socket.index, (socket, relay, at));
                Ok(socket)
            }
        };
        worker.server.handle_opened(self.now, relay, result);
    }

    /// What a client learns from an answer.
    fn hear(&mut self, reply: &Reply) {
        let answer = Answer::parse(&reply.bytes).expect("answers are well-formed");
        let (class, method, transaction) = answer.header();
        if class == MessageClass::Indication {
            return;
        }
        if let Some(token) = answer.token() {
            self.token = token;
        }
        let inward: Vec<_> = answer.relayed().into_iter().map(|at| self.inward(at)).collect();
        let now = self.now.monotonic;
        let (ports, owner) = (&self.shared.ports, self.clients.iter_mut().find(|asking| asking.client == reply.to));
        // A stream that has ended is not told.
        let Some(asking) = owner else { return };
        if let Some(nonce) = answer.nonce() {
            asking.nonce = nonce;
        }
        assert!(answer.code() != 0 || method == method::BINDING || asking.signed(&answer), "success is signed");
        match (answer.code(), method) {
            (0, method::ALLOCATE) => {
                assert!(!inward.is_empty() && answer.lifetime_s().is_some_and(|lifetime_s| lifetime_s > 0));
                for at in &inward {
                    assert_eq!(ports.owner(*at), Some(asking.worker as u8), "{at} was given and is not owned");
                }
                if asking.relayed != inward {
                    // Permissions end with the allocation that had them.
                    asking.forget();
                    asking.relayed = inward;
                }
            }
            (0, method::CREATE_PERMISSION | method::CHANNEL_BIND) => {
                let request = Answer::parse(&asking.last).expect("it was answered");
                assert_eq!(request.header().2, transaction, "the answer is to the last request");
                let message = request.message();
                for (_, raw) in message.iter_attributes() {
                    use stun_types::prelude::{Attribute as _, AttributeFromRaw as _, AttributeStaticType as _};
                    use turn_types::attribute::XorPeerAddress;
                    if raw.get_type() == XorPeerAddress::TYPE {
                        let peer =
                            XorPeerAddress::from_raw(raw).expect("it was accepted").addr(message.transaction_id());
                        let peer = ports.inward(peer);
                        asking.permitted.insert(peer.ip(), now + PERMISSION_LIFETIME);
                        if method == method::CHANNEL_BIND {
                            asking.bound.insert(peer, now + CHANNEL_LIFETIME);
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

impl Asking {
    fn permits(&self, peer: IpAddr, now: Duration) -> bool {
        self.permitted.get(&peer).is_some_and(|&expires| expires > now)
    }

    fn may_send(&self, to: SocketAddr, now: Duration) -> bool {
        self.permits(to.ip(), now) || self.bound.get(&to).is_some_and(|&expires| expires > now)
    }

    fn forget(&mut self) {
        self.permitted.clear();
        self.bound.clear();
        self.relayed.clear();
    }

    fn signed(&self, answer: &Answer) -> bool {
        let users = [&self.credentials, &user("eve")];
        users.iter().any(|user| answer.is_signed(&user.key(REALM)))
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("a literal")
}

fn user(name: &str) -> Credentials {
    Credentials::new(name, &format!("{name}'s password"))
}

/// Clients of two users on two workers, over datagrams and streams, two of them from one address.
fn clients() -> Vec<Asking> {
    let udp = Transport::Udp { listener: 0 };
    let places = [
        ("30.0.0.1:4000", udp, 0, "ann"),
        ("30.0.0.1:4001", udp, 1, "ann"),
        ("30.0.0.2:4000", Transport::Stream { id: 1 }, 0, "bob"),
        ("30.0.0.3:4000", Transport::Stream { id: 2 }, 1, "bob"),
        ("[2600:3::3]:4000", udp, 0, "ann"),
        ("30.0.0.4:4000", udp, 1, "eve"),
    ];
    let asking = places.map(|(address, transport, worker, name)| Asking {
        client: Client { address: address.parse().expect("a literal"), transport },
        worker,
        credentials: user(name),
        nonce: String::new(),
        transaction: 0,
        last: Vec::new(),
        permitted: BTreeMap::new(),
        bound: BTreeMap::new(),
        relayed: Vec::new(),
    });
    asking.into()
}

fn known(with_bob: bool) -> Known {
    let user = |name: &str| User { name: name.into(), password: format!("{name}'s password") };
    let users: Vec<_> = ["ann", "bob", "eve"].into_iter().filter(|name| with_bob || *name != "bob").map(user).collect();
    Known::new(REALM, &users, &[])
}

/// 30.0.0.0/8 is open to all; 10.0.0.0/8 is opened by name, or not.
fn policy(closed: bool, addresses: &[RelayAddress]) -> PeerPolicy {
    let open = "10.0.0.0/8".parse().expect("a literal");
    let local: Vec<_> = addresses.iter().flat_map(|address| [address.internal, address.external]).collect();
    let listeners = ["20.0.0.1:3478".parse().expect("a literal"), "[2600::1]:3478".parse().expect("a literal")];
    PeerPolicy::new(if closed { &[] } else { std::slice::from_ref(&open) }, &listeners, &local)
}

fn settings(
    authenticator: &Authenticator,
    policy: &PeerPolicy,
    limits: LimitChoice,
    alternate: bool,
) -> Arc<LiveSettings> {
    Arc::new(LiveSettings {
        authenticator: authenticator.clone(),
        peer_policy: policy.clone(),
        limits: limits.limits(),
        alternate_server: if alternate { vec!["20.0.0.2:3478".parse().expect("a literal")] } else { Vec::new() },
    })
}
