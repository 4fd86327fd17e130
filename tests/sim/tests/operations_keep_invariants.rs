//! Random operations of a few clients on a small relay, with bind failures, reloads, held hand-offs and time passing.
//!
//! A model remembers what each client was told that it has, and after every operation it is compared with the relay: no
//! port has two owners, the gauges agree, nobody receives from whom it did not permit, and nothing is sent to an address
//! that is closed. What the model knows for certain of an answer, it predicts.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use muster_relay::{
    config::Limits,
    io::IcmpError,
    turn::{OpenError, Transport},
};
use muster_sim::{Answer, Caller, Credentials, Draft, Output, Relay, RelaySetup, attribute, each_seed, method, seeded};
use rand::{Rng, RngExt, rngs::StdRng, seq::IndexedRandom};
use stun_types::{AddressFamily, message::MessageClass};
use turn_types::attribute::{
    AdditionalAddressFamily, EvenPort, Lifetime, RequestedAddressFamily, RequestedTransport, ReservationToken,
};

const OPERATIONS: usize = 400;
const CLIENTS: usize = 6;
const OPEN: [&str; 6] =
    ["30.0.0.1:7000", "30.0.0.1:7001", "30.0.0.2:7000", "[2600:9::1]:7000", "[2600:9::1]:7001", "[2600:9::2]:7000"];
const CLOSED: [&str; 6] =
    ["10.0.0.1:7000", "127.0.0.1:7000", "20.0.0.1:3478", "30.0.0.1:0", "[::ffff:10.0.0.1]:7000", "[fd00::1]:7000"];

#[derive(Debug, Clone)]
enum Operation {
    Allocate { families: u8, even: Option<bool>, token: Option<u64>, lifetime_s: Option<u32> },
    AllocateAgain,
    Refresh { lifetime_s: Option<u32>, ipv6: Option<bool> },
    Permit { peers: Vec<SocketAddr> },
    Bind { number: u16, peer: SocketAddr },
    Indicate { peer: SocketAddr },
    Channel { number: u16 },
    PeerSends { from: SocketAddr },
    Icmp { peer: SocketAddr },
    Gone,
    AsSomebodyElse { method: u16 },
    Garbage { bytes: Vec<u8> },
    Pass { time: Duration },
    Hold { held: bool },
    Reload { open_private: bool, bytes_per_second: u64 },
}

/// What a client was told that it has.
#[derive(Debug)]
struct Held {
    /// Each with the time when it expires.
    relayed: Vec<(SocketAddr, Duration)>,
    permissions: BTreeMap<IpAddr, Duration>,
    channels: BTreeMap<u16, (SocketAddr, Duration)>,
}

impl Held {
    fn expires(&self) -> Duration {
        self.relayed.iter().map(|&(_, expires)| expires).max().unwrap_or_default()
    }

    fn live(&self, now: Duration) -> impl Iterator<Item = SocketAddr> {
        self.relayed.iter().filter(move |(_, expires)| *expires > now).map(|&(at, _)| at)
    }

    fn permits(&self, peer: IpAddr, now: Duration) -> bool {
        self.permissions.get(&peer).is_some_and(|&expires| expires > now)
    }
}

struct Model {
    relay: Relay,
    random: StdRng,
    callers: Vec<Caller>,
    held: Vec<Option<Held>>,
    last_allocate: Vec<Option<Vec<u8>>>,
    tokens: Vec<u64>,
    open_private: bool,
}

impl Model {
    fn new(seed: u64) -> Self {
        let limits = Limits {
            allocations: 8,
            allocations_per_user: 2,
            permissions_per_allocation: 4,
            channels_per_allocation: 3,
            lifetime_max_s: 1_200,
            ..Limits::default()
        };
        let setup = RelaySetup { seed, workers: 2, ports: 50_000..=50_011, limits, ..RelaySetup::default() };
        let mut relay = Relay::new(setup);
        let mut faults = seeded(seed, b'f');
        relay.set_bind_fault(Box::new(move |_| match faults.random_range(0..10) {
            0 | 1 => Some(OpenError::InUse),
            2 => Some(OpenError::Exhausted),
            _ => None,
        }));
        let callers: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let name = if number % 2 == 0 { "ann" } else { "bob" };
                let credentials = Credentials::new(name, &format!("{name}'s password"));
                let at = SocketAddr::from(([40, 0, 0, number as u8], 4_000));
                let mut caller = match number {
                    0 | 1 => Caller::stream(0, at, number as u64, credentials),
                    _ => Caller::udp(&relay, at, credentials),
                };
                caller.worker = number as u8 % 2;
                caller
            })
            .collect();
        Self {
            relay,
            random: seeded(seed, b'o'),
            held: callers.iter().map(|_| None).collect(),
            last_allocate: vec![None; CLIENTS],
            callers,
            tokens: vec![1],
            open_private: false,
        }
    }

    fn now(&self) -> Duration {
        self.relay.now().monotonic
    }

    fn draw_peer(&mut self) -> SocketAddr {
        let literal = |text: &&str| text.parse().unwrap();
        let relayed: Vec<_> = self.held.iter().flatten().flat_map(|held| &held.relayed).map(|&(at, _)| at).collect();
        let bound = self.held.iter().flatten().flat_map(|held| held.channels.values());
        let bound: Vec<_> = bound.map(|&(peer, _)| peer).collect();
        match self.random.random_range(0..16) {
            10.. if !bound.is_empty() => *bound.choose(&mut self.random).unwrap(),
            0 => literal(CLOSED.choose(&mut self.random).unwrap()),
            1 => SocketAddr::from(([20, 0, 0, 1], self.random.random_range(49_999..=50_012))),
            2..=5 if !relayed.is_empty() => *relayed.choose(&mut self.random).unwrap(),
            _ => literal(OPEN.choose(&mut self.random).unwrap()),
        }
    }

    fn draw(&mut self) -> Operation {
        let number = 0x4000 + self.random.random_range(0..3);
        match self.random.random_range(0..100) {
            0..=13 => Operation::Allocate {
                families: self.random.random_range(0..4),
                even: [None, None, Some(false), Some(true)][self.random.random_range(0..4)],
                token: self.random.random_bool(0.2).then(|| *self.tokens.choose(&mut self.random).unwrap()),
                lifetime_s: self.random.random_bool(0.3).then(|| self.random.random_range(0..2_000)),
            },
            14..=16 => Operation::AllocateAgain,
            17..=23 => Operation::Refresh {
                lifetime_s: self.random.random_bool(0.7).then(|| self.random.random_range(0..3) * 700),
                ipv6: self.random.random_bool(0.2).then(|| self.random.random()),
            },
            24..=33 => {
                Operation::Permit { peers: (0..self.random.random_range(0..3)).map(|_| self.draw_peer()).collect() }
            }
            34..=43 => Operation::Bind { number, peer: self.draw_peer() },
            44..=57 => Operation::Indicate { peer: self.draw_peer() },
            58..=69 => Operation::Channel { number },
            70..=81 => Operation::PeerSends { from: self.draw_peer() },
            82 => Operation::Icmp { peer: self.draw_peer() },
            83 | 84 => Operation::Gone,
            85 | 86 => Operation::AsSomebodyElse {
                method: [method::ALLOCATE, method::REFRESH, method::CREATE_PERMISSION][self.random.random_range(0..3)],
            },
            87 | 88 => {
                let mut bytes = vec![0; self.random.random_range(0..60)];
                self.random.fill_bytes(&mut bytes);
                Operation::Garbage { bytes }
            }
            89..=95 => Operation::Pass { time: Duration::from_millis(self.random.random_range(1..120_000)) },
            96 | 97 => Operation::Hold { held: self.random.random() },
            _ => Operation::Reload {
                open_private: self.random.random(),
                bytes_per_second: self.random.random_range(0..2) * 10_000_000,
            },
        }
    }

    fn carry_out(&mut self, client: usize, operation: &Operation) {
        let alive = self.alive(client);
        match operation {
            Operation::Allocate { families, even, token, lifetime_s } => {
                let fill = |draft: Draft| {
                    let mut draft = draft.with(&RequestedTransport::new(RequestedTransport::UDP));
                    match families {
                        1 => draft = draft.with(&RequestedAddressFamily::new(AddressFamily::IPV6)),
                        2 => draft = draft.with(&AdditionalAddressFamily::new(AddressFamily::IPV6)),
                        _ => {}
                    }
                    draft = even.iter().fold(draft, |draft, reserve| draft.with(&EvenPort::new(*reserve)));
                    draft = token.iter().fold(draft, |draft, token| draft.with(&ReservationToken::new(*token)));
                    lifetime_s.iter().fold(draft, |draft, seconds| draft.with(&Lifetime::new(*seconds)))
                };
                let answer = self.ask(client, method::ALLOCATE, fill);
                assert_eq!(answer.code() == 437, alive, "{}", answer.code());
                assert!([0, 400, 437, 486, 508].contains(&answer.code()), "{}", answer.code());
                if answer.code() == 0 {
                    self.allocated(client, &answer);
                }
            }
            Operation::AllocateAgain => {
                let Some(request) = self.last_allocate[client].clone() else { return };
                let answer = self.exchange(client, &request);
                let udp = matches!(self.callers[client].client.transport, Transport::Udp { .. });
                match (answer.code(), &self.held[client]) {
                    (0, Some(held)) if alive => {
                        let same = answer.relayed().iter().all(|at| held.relayed.iter().any(|(known, _)| known == at));
                        assert!(udp && same, "a retransmission is answered with what there is");
                    }
                    (0, _) => self.allocated(client, &answer),
                    (code, _) => assert!([400, 437, 438, 486, 508].contains(&code), "{code}"),
                }
            }
            Operation::Refresh { lifetime_s, ipv6 } => self.refresh(client, *lifetime_s, *ipv6),
            Operation::Permit { peers } => {
                let fill = |draft| peers.iter().fold(draft, |draft: Draft, &peer| draft.peer(peer));
                let code = self.ask(client, method::CREATE_PERMISSION, fill).code();
                assert_eq!(code == 437, !alive);
                let closed = peers.iter().any(|peer| self.is_closed_ip(peer.ip()));
                assert!(code != 0 || (!closed && !peers.is_empty()), "{peers:?}");
                let expires = self.now() + Duration::from_secs(300);
                if let (0, Some(held)) = (code, &mut self.held[client]) {
                    held.permissions.extend(peers.iter().map(|peer| (peer.ip(), expires)));
                }
            }
            Operation::Bind { number, peer } => {
                let code = self.callers[client].bind(&mut self.relay, *number, *peer);
                assert_eq!(code == 437, !alive);
                assert!(code != 0 || !self.is_closed(*peer), "{peer}");
                let now = self.now();
                if let (0, Some(held)) = (code, &mut self.held[client]) {
                    held.channels.retain(|_, (_, expires)| *expires > now);
                    let conflict = held.channels.iter().any(|(known, (bound, _))| (known == number) != (bound == peer));
                    assert!(!conflict, "{number:#x} {peer}: {held:?}");
                    held.channels.insert(*number, (*peer, now + Duration::from_secs(600)));
                    held.permissions.insert(peer.ip(), now + Duration::from_secs(300));
                }
            }
            Operation::Indicate { peer } => {
                let outputs = self.callers[client].indicate(&mut self.relay, *peer, b"payload");
                let now = self.now();
                let permitted = self.held[client].as_ref().is_some_and(|held| held.permits(peer.ip(), now));
                assert!(outputs.is_empty() || (alive && permitted), "{outputs:?}");
                self.check_outputs(Some(client), outputs);
            }
            Operation::Channel { number } => {
                let outputs = self.callers[client].channel(&mut self.relay, *number, b"payload");
                let now = self.now();
                let bound = self.held[client].as_ref().and_then(|held| held.channels.get(number));
                assert!(outputs.is_empty() || (alive && bound.is_some_and(|(_, expires)| *expires > now)));
                self.check_outputs(Some(client), outputs);
            }
            Operation::PeerSends { from } => {
                let targets: Vec<_> = self.relay.bound().keys().copied().collect();
                for at in targets {
                    let outputs = Caller::peer_sends(&mut self.relay, at, *from, b"payload");
                    self.check_outputs(None, outputs);
                }
            }
            Operation::Icmp { peer } => {
                let targets: Vec<_> = self.relay.bound().keys().copied().collect();
                for at in targets {
                    self.relay.handle_icmp(at, IcmpError { peer: *peer, icmp_type: 3, code: 3, data: 0 });
                }
                let outputs = std::iter::from_fn(|| self.relay.poll_output()).collect();
                self.check_outputs(None, outputs);
            }
            Operation::Gone => {
                let Caller { client: name, worker, .. } = self.callers[client].clone();
                if matches!(name.transport, Transport::Stream { .. }) {
                    self.relay.handle_client_gone(worker, &name);
                    self.held[client] = None;
                }
            }
            Operation::AsSomebodyElse { method } => {
                let mut other = self.callers[client].clone();
                other.credentials = self.callers[(client + 1) % CLIENTS].credentials.clone();
                let code = other.ask(&mut self.relay, *method, |draft| draft.with(&Lifetime::new(0))).code();
                assert_eq!(code == 441, alive, "{code}");
            }
            Operation::Garbage { bytes } => {
                let outputs = self.callers[client].send(&mut self.relay, bytes);
                assert!(outputs.is_empty() || matches!(bytes[0], 0..=3 | 64..=79), "{outputs:?}");
            }
            Operation::Pass { time } => self.relay.advance(*time),
            Operation::Hold { held } => {
                self.relay.hold_handoffs(*held);
                self.relay.run_handoffs();
                let outputs = std::iter::from_fn(|| self.relay.poll_output()).collect();
                self.check_outputs(None, outputs);
            }
            Operation::Reload { open_private, bytes_per_second } => {
                self.open_private = *open_private;
                self.relay.reload(|setup| {
                    setup.limits.bytes_per_second = *bytes_per_second;
                    setup.allow_peer = match open_private {
                        true => vec!["10.0.0.0/8".parse().unwrap()],
                        false => Vec::new(),
                    };
                });
            }
        }
    }

    fn ask(&mut self, client: usize, method: u16, fill: impl Fn(Draft) -> Draft) -> Answer {
        let caller = &mut self.callers[client];
        caller.challenge(&mut self.relay);
        let request = caller.request(method);
        let request = caller.sign(fill(request));
        if method == method::ALLOCATE {
            self.last_allocate[client] = Some(request.clone());
        }
        self.exchange(client, &request)
    }

    fn exchange(&mut self, client: usize, request: &[u8]) -> Answer {
        self.callers[client].exchange(&mut self.relay, request).expect("a signed request is answered")
    }

    fn allocated(&mut self, client: usize, answer: &Answer) {
        let relayed = answer.relayed();
        let taken: BTreeSet<_> = self.living().flat_map(|(_, held)| held.live(self.now())).collect();
        assert!(!relayed.is_empty() && relayed.iter().all(|relayed| !taken.contains(relayed)), "{relayed:?}");
        self.tokens.extend(answer.token());
        let lifetime_s = answer.lifetime_s().unwrap();
        assert!((600..=1_200).contains(&lifetime_s));
        let expires = self.now() + Duration::from_secs(lifetime_s.into());
        self.held[client] = Some(Held {
            relayed: relayed.into_iter().map(|at| (at, expires)).collect(),
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
        });
    }

    fn refresh(&mut self, client: usize, lifetime_s: Option<u32>, ipv6: Option<bool>) {
        let alive = self.alive(client);
        let family = ipv6.map(|ipv6| if ipv6 { AddressFamily::IPV6 } else { AddressFamily::IPV4 });
        let answer = self.ask(client, method::REFRESH, |draft| {
            let draft = lifetime_s.into_iter().fold(draft, |draft, seconds| draft.with(&Lifetime::new(seconds)));
            family.into_iter().fold(draft, |draft, family| draft.with(&RequestedAddressFamily::new(family)))
        });
        let now = self.now();
        let Some(held) = self.held[client].as_mut().filter(|_| alive) else {
            return assert_eq!(answer.code(), 437);
        };
        let meant = |at: SocketAddr| ipv6.is_none_or(|ipv6| at.is_ipv6() == ipv6);
        let has = held.live(now).any(meant);
        assert_eq!(answer.code(), if has { 0 } else { 443 });
        match (has, lifetime_s) {
            (false, _) => {}
            (true, Some(0)) => {
                held.relayed.retain(|&(at, expires)| !meant(at) && expires > now);
                if held.relayed.is_empty() {
                    self.held[client] = None;
                }
            }
            (true, _) => {
                let lifetime = Duration::from_secs(answer.lifetime_s().unwrap().into());
                for (_, expires) in held.relayed.iter_mut().filter(|(at, expires)| meant(*at) && *expires > now) {
                    *expires = now + lifetime;
                }
            }
        }
    }

    /// Checks everything that leaves the relay.
    fn check_outputs(&self, sender: Option<usize>, outputs: Vec<Output>) {
        let now = self.now();
        for output in outputs {
            match output {
                Output::ToPeer { from, to, bytes } => {
                    let held = sender.and_then(|sender| self.held[sender].as_ref()).expect("a client sent it");
                    assert!(held.live(now).any(|at| at == from) && bytes == b"payload");
                    assert!(!self.is_closed(to), "nothing goes to {to}");
                }
                Output::ToClient { to, bytes, .. } => {
                    let client = self.callers.iter().position(|caller| caller.client == to).expect("a known client");
                    assert!(self.alive(client), "nothing comes to a client without an allocation");
                    let held = self.held[client].as_ref().unwrap();
                    let peer = if (64..=79).contains(&bytes[0]) {
                        let number = u16::from_be_bytes([bytes[0], bytes[1]]);
                        let (peer, expires) = held.channels[&number];
                        assert!(expires > now && bytes[4..] == *b"payload");
                        peer
                    } else {
                        let answer = Answer::parse(&bytes).unwrap();
                        assert_eq!((answer.header().0, answer.header().1), (MessageClass::Indication, method::DATA));
                        assert!(answer.data().is_none_or(|data| data == b"payload"));
                        assert_eq!(answer.data().is_none(), answer.has(0x8004), "DATA or ICMP");
                        answer.peer().unwrap()
                    };
                    assert!(held.permits(peer.ip(), now), "{peer} is not permitted");
                    assert!(held.live(now).any(|at| at.is_ipv6() == peer.is_ipv6()), "{peer} comes by a live address");
                }
            }
        }
    }

    /// By a rule of its own, simpler than the relay's: all addresses that the operations use are known.
    fn is_closed_ip(&self, ip: IpAddr) -> bool {
        let known = |text: &&&str| text.parse::<SocketAddr>().unwrap().ip() == ip;
        let private = ip.to_canonical() == IpAddr::from([10, 0, 0, 1]);
        let ours_or_open = ip == IpAddr::from([20, 0, 0, 1]) || OPEN.iter().any(|text| known(&text));
        CLOSED.iter().any(|text| known(&text)) && !ours_or_open && !(private && self.open_private)
    }

    fn is_closed(&self, peer: SocketAddr) -> bool {
        let listener = peer == "20.0.0.1:3478".parse().unwrap();
        listener || peer.port() == 0 || self.is_closed_ip(peer.ip())
    }

    fn alive(&self, client: usize) -> bool {
        self.held[client].as_ref().is_some_and(|held| held.expires() > self.now())
    }

    fn living(&self) -> impl Iterator<Item = (usize, &Held)> {
        (0..CLIENTS)
            .filter(|&client| self.alive(client))
            .filter_map(|client| Some((client, self.held[client].as_ref()?)))
    }

    fn check_invariants(&self) {
        self.relay.assert_consistent();
        for (client, held) in self.living() {
            let Caller { client: name, worker, .. } = &self.callers[client];
            assert!(self.relay.server(*worker).is_allocated(name));
            for relayed in held.live(self.now()) {
                assert_eq!(self.relay.bound()[&relayed].0, *worker, "{relayed} is where its client is");
            }
        }
        let now = self.now();
        let ended = Duration::from_millis(1_100);
        for (caller, held) in self.callers.iter().zip(&self.held) {
            let gone = held.as_ref().is_none_or(|held| held.expires() + ended <= now);
            assert!(!gone || !self.relay.server(caller.worker).is_allocated(&caller.client), "{held:?}");
        }
        let living: usize = self.living().map(|(_, held)| held.live(now).count()).sum();
        assert!(self.relay.bound().len() >= living);
        assert!(self.relay.shared().quotas.live() <= 8);
    }
}

fn run(seed: u64) {
    let mut model = Model::new(seed);
    let mut done: Vec<(usize, Operation)> = Vec::new();
    for _ in 0..OPERATIONS {
        let client = model.random.random_range(0..CLIENTS);
        let operation = model.draw();
        done.push((client, operation.clone()));
        let step = std::panic::AssertUnwindSafe(|| {
            model.carry_out(client, &operation);
            model.check_invariants();
        });
        if let Err(panic) = std::panic::catch_unwind(step) {
            let tail = &done[done.len().saturating_sub(12)..];
            eprintln!("the last operations of {}: {tail:#?}", done.len());
            std::panic::resume_unwind(panic);
        }
    }
    model.relay.hold_handoffs(false);
    model.relay.run_handoffs();
    model.relay.advance(Duration::from_secs(1_300));
    model.relay.assert_empty();
    assert_eq!(model.relay.shared().reservations.live(), 0);
    assert_eq!(model.relay.poll_timeout(), None);
}

#[test]
fn no_sequence_of_operations_breaks_an_invariant() {
    each_seed("operations", 0..400, run);
}

#[test]
fn operations_reach_every_answer_and_every_way_of_relaying() {
    use muster_relay::counters::{Direction, Request};
    let mut codes = BTreeSet::new();
    let mut relayed = [0; 3];
    for seed in 0..30 {
        let mut model = Model::new(seed);
        for _ in 0..OPERATIONS {
            let client = model.random.random_range(0..CLIENTS);
            let operation = model.draw();
            model.carry_out(client, &operation);
        }
        for worker in 0..2 {
            let counters = model.relay.counters(worker);
            codes.extend(
                Request::ALL.into_iter().flat_map(|request| counters.answers_so_far(request)).map(|(code, _)| code),
            );
            for (sum, direction) in relayed.iter_mut().zip(Direction::ALL) {
                *sum += counters.relayed_so_far(direction).0;
            }
        }
    }
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), [0, 400, 401, 403, 437, 438, 441, 443, 486, 508]);
    assert!(relayed.iter().all(|&datagrams| datagrams > 100), "the test is not asleep: {relayed:?}");
}

/// An attribute that the drafts above never write by hand keeps its number here.
#[test]
fn the_numbers_of_attributes_are_those_of_the_library() {
    use stun_types::prelude::AttributeStaticType;
    assert_eq!(attribute::LIFETIME, Lifetime::TYPE.value());
    assert_eq!(attribute::EVEN_PORT, EvenPort::TYPE.value());
    assert_eq!(attribute::RESERVATION_TOKEN, ReservationToken::TYPE.value());
    assert_eq!(attribute::ADDITIONAL_ADDRESS_FAMILY, AdditionalAddressFamily::TYPE.value());
    assert_eq!(attribute::REQUESTED_ADDRESS_FAMILY, RequestedAddressFamily::TYPE.value());
    assert_eq!(attribute::REQUESTED_TRANSPORT, RequestedTransport::TYPE.value());
}
