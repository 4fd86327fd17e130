//! The same control messages to this server and to `turn-server-proto`, an independent one: each request must have the
//! same outcome (success, the same error code, or silence), except where [`DIFFERENCES`] says why not.
//!
//! The messages are drawn by a seed: requests of every method, right and wrong, signed and not, changed after signing.
//! Each server has its own nonce, so a request is written once and signed twice. A difference ends its sequence, because
//! the two servers no longer have the same state.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use muster_sim::{Answer, Caller, Credentials, Draft, Hash, Relay, RelaySetup, attribute, each_seed, method, seeded};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};
use stun_types::{TransportType, message::MessageClass};
use turn_server_proto::{
    api::{Transmit, TurnServerApi, TurnServerPollRet},
    server::TurnServer,
};
use turn_types::{Instant, prelude::DelayedTransmitBuild};

/// Requests of one sequence at most.
const REQUESTS: usize = 30;

/// What a server made of a request: 0 is success, no number is silence.
type Outcome = Option<u16>;

/// What makes a request one that the two servers treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trait {
    BindingWithCredentials,
    ClosedPeer,
    Damaged,
    DontFragment,
    EvenPortAndBothFamilies,
    Malformed,
    NumberAndFamily,
    NumberOfAnotherPeer,
    OtherTransport,
    UnknownAttribute,
    UnknownMethod,
    UnknownToken,
}

/// The deliberate differences: the trait, our outcomes, theirs, and why ours are as they are.
const DIFFERENCES: &[(Trait, &[Outcome], &[Outcome], &str)] = &[
    (
        Trait::BindingWithCredentials,
        &[Some(0)],
        &[Some(420)],
        "USERNAME, REALM and NONCE are understood, so a Binding request that has them is answered",
    ),
    (
        Trait::UnknownMethod,
        &[None],
        &[Some(400), Some(401), Some(437), Some(438)],
        "a message of a method that is not supported is discarded in silence (RFC 8489 section 6.3)",
    ),
    (
        Trait::EvenPortAndBothFamilies,
        &[Some(0)],
        &[Some(400)],
        "only the R bit contradicts ADDITIONAL-ADDRESS-FAMILY (RFC 8656 section 7.2)",
    ),
    (Trait::OtherTransport, &[Some(442)], &[Some(400)], "the transport comes before the families in section 7.2"),
    (Trait::UnknownToken, &[Some(508)], &[Some(0)], "they have no reservations; section 7.2 wants 508"),
    (
        Trait::NumberOfAnotherPeer,
        &[Some(400)],
        &[Some(0)],
        "they bind a number to a second peer, which RFC 8656 section 12.2 forbids",
    ),
    (Trait::NumberAndFamily, &[Some(400)], &[Some(443)], "the number comes before the family in section 12.2"),
    (Trait::ClosedPeer, &[Some(403)], &[Some(0), Some(443)], "they have no address policy"),
    (
        Trait::DontFragment,
        &[Some(420)],
        &[Some(0), Some(400), Some(437), Some(442)],
        "it is not supported, and section 7.2 wants 420; they ignore it in Allocate",
    ),
    (
        Trait::UnknownAttribute,
        &[Some(420)],
        &[Some(400), Some(437), Some(442), Some(443)],
        "unknown attributes are looked for before the method looks at anything (RFC 8489 section 6.3.1)",
    ),
    (Trait::Malformed, &[Some(400)], &[Some(0), Some(443)], "they take a malformed attribute for a missing one"),
    (
        Trait::Damaged,
        &[Some(400), Some(401), Some(420), Some(438)],
        &[Some(400), Some(401), Some(437), Some(438)],
        "both refuse; the nonce is checked first here, so that nobody with a false address makes us hash",
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signing {
    Proper,
    Nothing,
    WrongPassword,
    UnknownUser,
    NoNonce,
    ForeignNonce,
    AttributesOnly,
}

#[derive(Debug, Clone)]
struct Wish {
    client: usize,
    method: u16,
    attributes: Vec<(u16, Vec<u8>)>,
    peers: Vec<SocketAddr>,
    signing: Signing,
    /// A byte that is changed after signing.
    damage: Option<(usize, u8)>,
    traits: Vec<Trait>,
}

impl Wish {
    fn draw(random: &mut StdRng) -> Self {
        let method = match random.random_range(0..60) {
            0..=2 => method::BINDING,
            3..=22 => method::ALLOCATE,
            23..=34 => method::REFRESH,
            35..=46 => method::CREATE_PERMISSION,
            47..=58 => method::CHANNEL_BIND,
            _ => 0x0F0,
        };
        let signing = match random.random_range(0..30) {
            0 => Signing::Nothing,
            1 => Signing::WrongPassword,
            2 => Signing::UnknownUser,
            3 => Signing::NoNonce,
            4 => Signing::ForeignNonce,
            5 => Signing::AttributesOnly,
            _ => Signing::Proper,
        };
        let mut wish = Self {
            client: random.random_range(0..2),
            method,
            attributes: Vec::new(),
            peers: Vec::new(),
            signing,
            damage: None,
            traits: Vec::new(),
        };
        if method == 0x0F0 {
            wish.traits.push(Trait::UnknownMethod);
        }
        if method == method::BINDING && random.random_bool(0.8) {
            wish.signing = Signing::Nothing;
        }
        if method == method::BINDING && wish.signing != Signing::Nothing {
            wish.traits.push(Trait::BindingWithCredentials);
        }
        match method {
            method::ALLOCATE => wish.draw_allocate(random),
            method::REFRESH => {
                if random.random_bool(0.6) {
                    let seconds = [0_u32, 1, 700, 3_000, 90_000].choose(random).unwrap();
                    wish.attributes.push((attribute::LIFETIME, seconds.to_be_bytes().to_vec()));
                }
                if random.random_bool(0.3) {
                    let family = random.random_range(1..=2);
                    wish.attributes.push((attribute::REQUESTED_ADDRESS_FAMILY, vec![family, 0, 0, 0]));
                }
            }
            method::CREATE_PERMISSION => {
                wish.peers = (0..random.random_range(0..3)).map(|_| wish.draw_peer(random)).collect();
            }
            method::CHANNEL_BIND => wish.draw_bind(random),
            _ => {}
        }
        if random.random_bool(0.05) {
            let kind = *[0x7F00, 0x0003, 0xC0DE, attribute::DONT_FRAGMENT].choose(random).unwrap();
            wish.traits.push(match kind {
                attribute::DONT_FRAGMENT => Trait::DontFragment,
                _ => Trait::UnknownAttribute,
            });
            wish.attributes.push((kind, Vec::new()));
        }
        if random.random_bool(0.05) && !wish.attributes.is_empty() {
            wish.traits.push(Trait::Malformed);
            let position = random.random_range(0..wish.attributes.len());
            wish.attributes[position].1 = vec![1; random.random_range(0..12)];
        }
        if random.random_bool(0.05) {
            wish.traits.push(Trait::Damaged);
            wish.damage = Some((random.random_range(20..400), random.random_range(1..=255)));
        }
        wish
    }

    fn draw_allocate(&mut self, random: &mut StdRng) {
        if random.random_bool(0.95) {
            let protocol = *[17, 17, 17, 17, 17, 17, 99].choose(random).unwrap();
            if protocol != 17 {
                self.traits.push(Trait::OtherTransport);
            }
            self.attributes.push((attribute::REQUESTED_TRANSPORT, vec![protocol, 0, 0, 0]));
        }
        let (mut even, mut both) = (false, false);
        match random.random_range(0..12) {
            0 | 1 => {
                self.attributes.push((attribute::REQUESTED_ADDRESS_FAMILY, vec![random.random_range(1..=2), 0, 0, 0]));
            }
            2..=4 => {
                both = true;
                let family = if random.random_bool(0.9) { 2 } else { 1 };
                self.attributes.push((attribute::ADDITIONAL_ADDRESS_FAMILY, vec![family, 0, 0, 0]));
            }
            5 => {
                both = true;
                self.attributes.push((attribute::REQUESTED_ADDRESS_FAMILY, vec![2, 0, 0, 0]));
                self.attributes.push((attribute::ADDITIONAL_ADDRESS_FAMILY, vec![2, 0, 0, 0]));
            }
            6 | 7 => {
                even = true;
                let reserve = if random.random_bool(0.5) { 0x80 } else { 0 };
                self.attributes.push((attribute::EVEN_PORT, vec![reserve]));
            }
            _ => {}
        }
        if both && random.random_bool(0.2) {
            even = true;
            self.attributes.push((attribute::EVEN_PORT, vec![0]));
        }
        if random.random_bool(0.07) {
            self.traits.push(Trait::UnknownToken);
            self.attributes.push((attribute::RESERVATION_TOKEN, vec![7; 8]));
        }
        if even && both {
            self.traits.push(Trait::EvenPortAndBothFamilies);
        }
    }

    fn draw_bind(&mut self, random: &mut StdRng) {
        self.traits.push(Trait::NumberAndFamily);
        if random.random_bool(0.95) {
            let number = *[0x4000_u16, 0x4000, 0x4001, 0x4FFF, 0x5000, 0x7FFF, 0x3FFF, 0x8000].choose(random).unwrap();
            self.traits.push(Trait::NumberOfAnotherPeer);
            let [a, b] = number.to_be_bytes();
            self.attributes.push((attribute::CHANNEL_NUMBER, vec![a, b, 0, 0]));
        }
        if random.random_bool(0.95) {
            let peer = self.draw_peer(random);
            self.peers.push(peer);
        }
    }

    fn draw_peer(&mut self, random: &mut StdRng) -> SocketAddr {
        let closed = random.random_bool(0.08);
        if closed {
            self.traits.push(Trait::ClosedPeer);
        }
        let peers: &[&str] = match closed {
            true => &["10.0.0.1:1", "127.0.0.1:2", "[fe80::1]:3"],
            false => &["30.0.0.9:1", "30.0.0.9:2", "30.0.0.8:1", "[2600:9::9]:1"],
        };
        peers.choose(random).unwrap().parse().unwrap()
    }

    fn write(&self, transaction: u128, credentials: &Credentials, realm: &str, nonce: &str) -> Vec<u8> {
        let mut draft = Draft::request(self.method, transaction);
        for (kind, value) in &self.attributes {
            draft = draft.raw(*kind, value);
        }
        draft = self.peers.iter().fold(draft, |draft, &peer| draft.peer(peer));
        let stranger = Credentials { username: "nobody".into(), ..credentials.clone() };
        let guess = Credentials { password: "guess".into(), ..credentials.clone() };
        let draft = match self.signing {
            Signing::Proper => draft.signed(credentials, realm, nonce),
            Signing::Nothing => draft,
            Signing::WrongPassword => draft.signed(&guess, realm, nonce),
            Signing::UnknownUser => draft.signed(&stranger, realm, nonce),
            Signing::NoNonce => draft
                .raw(attribute::USERNAME, credentials.username.as_bytes())
                .raw(0x0014, realm.as_bytes())
                .integrity(credentials, realm),
            Signing::ForeignNonce => draft.signed(credentials, realm, "a nonce of nobody"),
            Signing::AttributesOnly => draft.authenticated(credentials, realm, nonce),
        };
        let mut bytes = draft.finish();
        if let Some((position, mask)) = self.damage
            && let Some(byte) = bytes.get_mut(position)
        {
            *byte ^= mask;
        }
        bytes
    }
}

/// The other server, with a driver that opens every socket it asks for.
struct Oracle {
    server: TurnServer,
    listen: SocketAddr,
    now: Duration,
    port: u16,
}

impl Oracle {
    fn new(setup: &RelaySetup) -> Self {
        let listen = setup.listen[0];
        let mut server = TurnServer::new(TransportType::Udp, listen, setup.realm.clone());
        for user in &setup.users {
            server.add_user(user.name.clone(), user.password.clone());
        }
        Self { server, listen, now: Duration::from_secs(1_000), port: 50_000 }
    }

    fn instant(&self) -> Instant {
        Instant::from_nanos(self.now.as_nanos() as i64)
    }

    fn exchange(&mut self, from: SocketAddr, bytes: &[u8]) -> Option<Answer> {
        let now = self.instant();
        let request = Transmit::new(bytes.to_vec(), TransportType::Udp, from, self.listen);
        let at_once = self.server.recv(request, now).map(|answer| answer.data.build());
        self.poll();
        let later = self.server.poll_transmit(now).map(|answer| answer.data);
        at_once.or(later).map(|bytes| Answer::parse(&bytes).expect("the oracle's answers are well-formed"))
    }

    fn poll(&mut self) {
        let now = self.instant();
        // Each turn opens or closes one socket, of which one request has few.
        for _ in 0..64 {
            match self.server.poll(now) {
                TurnServerPollRet::AllocateSocket {
                    transport,
                    listen_addr,
                    client_addr,
                    allocation_transport,
                    family,
                } => {
                    self.port += 1;
                    let ipv6 = family == stun_types::AddressFamily::IPV6;
                    let ip = if ipv6 { "2600::1" } else { "20.0.0.1" }.parse().unwrap();
                    let at = Ok(SocketAddr::new(ip, self.port));
                    self.server.allocated_socket(
                        transport,
                        listen_addr,
                        client_addr,
                        allocation_transport,
                        family,
                        at,
                        now,
                    );
                }
                TurnServerPollRet::WaitUntil(_) => return,
                _ => {}
            }
        }
    }

    fn challenge(&mut self, from: SocketAddr, transaction: u128) -> (String, String) {
        let request = Draft::request(method::REFRESH, transaction).finish();
        let answer = self.exchange(from, &request).expect("the oracle challenges");
        (answer.realm().expect("a realm"), answer.nonce().expect("a nonce"))
    }
}

fn outcome(answer: Option<&Answer>) -> Outcome {
    let class = answer.map(|answer| answer.header().0);
    assert!(matches!(class, None | Some(MessageClass::Success | MessageClass::Error)));
    answer.map(Answer::code)
}

#[derive(Default)]
struct Tally {
    same: BTreeMap<(u16, Outcome), u32>,
    different: BTreeMap<Trait, u32>,
}

fn compare(seed: u64, tally: &mut Tally) {
    let setup = RelaySetup { seed, ..RelaySetup::default() };
    let mut oracle = Oracle::new(&setup);
    let mut relay = Relay::new(setup);
    let mut random = seeded(seed, b'd');
    let hash = if seed.is_multiple_of(2) { Hash::Sha1 } else { Hash::Sha256 };
    let mut callers = [("30.0.0.1:4000", "ann"), ("30.0.0.2:4000", "bob")].map(|(at, name)| {
        let credentials = Credentials { hash, ..Credentials::new(name, &format!("{name}'s password")) };
        Caller::udp(&relay, at.parse().unwrap(), credentials)
    });
    for number in 0..REQUESTS as u128 {
        let time = Duration::from_millis(random.random_range(0..150_000));
        relay.advance(time);
        oracle.now += time;
        oracle.poll();
        let wish = Wish::draw(&mut random);
        let caller = &mut callers[wish.client];
        caller.challenge(&mut relay);
        let (realm, nonce) = oracle.challenge(caller.client.address, 1_000 + number);
        let request = |realm: &str, nonce: &str| wish.write(number, &caller.credentials, realm, nonce);
        let ours = outcome(caller.exchange(&mut relay, &request(&caller.realm, &caller.nonce)).as_ref());
        let theirs = outcome(oracle.exchange(caller.client.address, &request(&realm, &nonce)).as_ref());
        if ours == theirs {
            *tally.same.entry((wish.method, ours)).or_default() += 1;
            continue;
        }
        let known = DIFFERENCES
            .iter()
            .find(|(kind, our, their, _)| wish.traits.contains(kind) && our.contains(&ours) && their.contains(&theirs));
        let Some((kind, ..)) = known else { panic!("seed {seed}: {wish:?}: ours {ours:?}, theirs {theirs:?}") };
        *tally.different.entry(*kind).or_default() += 1;
        return;
    }
}

#[test]
fn an_independent_server_gives_the_same_answers() {
    let tally = std::cell::RefCell::new(Tally::default());
    each_seed("oracle", 0..1_500, |seed| compare(seed, &mut tally.borrow_mut()));
    let tally = tally.into_inner();
    let same: u32 = tally.same.values().sum();
    let different: u32 = tally.different.values().sum();
    assert!(same > 8 * different, "{same} the same, {different} different");
    if std::env::var_os("MUSTER_SIM_SEED").is_none() {
        for (kind, _, _, reason) in DIFFERENCES {
            assert!(tally.different.contains_key(kind), "never seen any more: {kind:?}, {reason}");
        }
        for code in [0, 400, 401, 420, 437, 438, 442, 443] {
            assert!(tally.same.keys().any(|(_, outcome)| *outcome == Some(code)), "{code} was compared");
        }
    }
}
