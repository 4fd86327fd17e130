//! A TURN client without sockets or clocks, as RFC 8489 and RFC 8656 want one: it retransmits, answers challenges, and
//! keeps alive what it has.
//!
//! **Every `handle_*` call and every request is followed by draining [`Client::poll_transmit`] and
//! [`Client::poll_event`].**

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use rand::{RngExt, rngs::StdRng};
use stun_types::{AddressFamily, message::MessageClass};
use turn_types::attribute::{
    AdditionalAddressFamily, ChannelNumber, EvenPort, Icmp, Lifetime, RequestedAddressFamily, RequestedTransport,
    ReservationToken,
};

use crate::message::{Answer, Credentials, Draft, attribute, channel_data, method};

/// RFC 8489 section 6.2.1: the first retransmission follows after this long, and each waits twice as long.
const RTO: Duration = Duration::from_millis(500);
/// Transmissions of one request.
const RC: u32 = 7;
/// The last transmission is waited for this many RTOs.
const RM: u32 = 16;
/// Challenges that one request answers before it gives up.
const CHALLENGES_MAX: u32 = 4;
/// An allocation is refreshed this long before it ends: longer than all retransmissions of a request take.
const REFRESH_EARLY: Duration = Duration::from_secs(60);
/// A permission lasts 300 seconds.
const PERMISSION_EVERY: Duration = Duration::from_secs(240);
/// A channel lasts 600 seconds.
const CHANNEL_EVERY: Duration = Duration::from_secs(540);
/// Keeps the mapping of a translator alive.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(25);
/// What could not be refreshed is tried again after this long.
const RETRY: Duration = Duration::from_secs(5);

/// The requests a client makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Allocate.
    Allocate,
    /// Refresh.
    Refresh,
    /// CreatePermission.
    CreatePermission,
    /// ChannelBind.
    ChannelBind,
}

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The relay refused with this code.
    Code(u16),
    /// Nobody answered.
    TimedOut,
}

/// What a client tells its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// There is an allocation.
    Allocated {
        /// Its relayed addresses.
        relayed: Vec<SocketAddr>,
        /// The client's address as the relay sees it.
        mapped: SocketAddr,
        /// Of the port that was kept for EVEN-PORT.
        token: Option<u64>,
    },
    /// The allocation lasts longer.
    Refreshed,
    /// The allocation was given back.
    Released,
    /// The allocation is gone although it was not given back.
    Lost,
    /// A peer may send.
    Permitted(IpAddr),
    /// A channel is bound.
    Bound(u16),
    /// A request was not successful.
    Failed(Method, Failure),
    /// A payload came.
    Received {
        /// Who the relay says it is from.
        peer: SocketAddr,
        /// What.
        payload: Vec<u8>,
    },
    /// ChannelData came on a number that this client never asked for, or what came was no message at all.
    Stray(Vec<u8>),
    /// A datagram to a peer was answered by an ICMP error.
    Unreachable {
        /// The peer.
        peer: SocketAddr,
        /// ICMP type and code.
        kind: (u8, u8),
    },
}

/// What an Allocate request asks for beyond one IPv4 address.
#[derive(Debug, Clone, Copy, Default)]
pub struct AllocateOptions {
    /// REQUESTED-ADDRESS-FAMILY: IPv6.
    pub ipv6: bool,
    /// ADDITIONAL-ADDRESS-FAMILY: IPv6.
    pub dual: bool,
    /// EVEN-PORT, with or without the R bit.
    pub even: Option<bool>,
    /// RESERVATION-TOKEN.
    pub token: Option<u64>,
    /// LIFETIME in seconds.
    pub lifetime_s: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
enum Ask {
    Allocate(AllocateOptions),
    Refresh(u32),
    Permit(SocketAddr),
    Bind(u16, SocketAddr),
}

impl Ask {
    fn method(self) -> (Method, u16) {
        match self {
            Self::Allocate(_) => (Method::Allocate, method::ALLOCATE),
            Self::Refresh(_) => (Method::Refresh, method::REFRESH),
            Self::Permit(_) => (Method::CreatePermission, method::CREATE_PERMISSION),
            Self::Bind(..) => (Method::ChannelBind, method::CHANNEL_BIND),
        }
    }

    fn write(self, draft: Draft) -> Draft {
        match self {
            Self::Allocate(options) => {
                let mut draft = draft.with(&RequestedTransport::new(RequestedTransport::UDP));
                if options.ipv6 {
                    draft = draft.with(&RequestedAddressFamily::new(AddressFamily::IPV6));
                }
                if options.dual {
                    draft = draft.with(&AdditionalAddressFamily::new(AddressFamily::IPV6));
                }
                if let Some(reserve) = options.even {
                    draft = draft.with(&EvenPort::new(reserve));
                }
                if let Some(token) = options.token {
                    draft = draft.with(&ReservationToken::new(token));
                }
                options.lifetime_s.into_iter().fold(draft, |draft, seconds| draft.with(&Lifetime::new(seconds)))
            }
            Self::Refresh(seconds) => draft.with(&Lifetime::new(seconds)),
            Self::Permit(peer) => draft.peer(peer),
            Self::Bind(number, peer) => draft.with(&ChannelNumber::new(number)).peer(peer),
        }
    }
}

#[derive(Debug)]
struct Transaction {
    ask: Ask,
    bytes: Vec<u8>,
    sent: u32,
    next: Duration,
    challenges: u32,
}

#[derive(Debug)]
struct Allocation {
    relayed: Vec<SocketAddr>,
    lifetime_s: u32,
    refresh_at: Duration,
    expires: Duration,
}

/// See the module's text.
#[derive(Debug)]
pub struct Client {
    credentials: Credentials,
    realm: String,
    nonce: String,
    random: StdRng,
    transactions: BTreeMap<u128, Transaction>,
    allocation: Option<Allocation>,
    /// When each permission is asked for again. The port is of no meaning.
    permissions: BTreeMap<IpAddr, (SocketAddr, Duration)>,
    channels: BTreeMap<u16, Channel>,
    keepalive_at: Duration,
    transmits: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
}

#[derive(Debug)]
struct Channel {
    peer: SocketAddr,
    bound: bool,
    refresh_at: Duration,
}

impl Client {
    /// A client that has sent nothing yet.
    pub fn new(credentials: Credentials, random: StdRng) -> Self {
        Self {
            credentials,
            realm: String::new(),
            nonce: String::new(),
            random,
            transactions: BTreeMap::new(),
            allocation: None,
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
            keepalive_at: Duration::MAX,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Uses other credentials from the next request on.
    pub fn set_credentials(&mut self, credentials: Credentials) {
        self.credentials = credentials;
        self.nonce.clear();
    }

    /// Asks for an allocation.
    pub fn allocate(&mut self, now: Duration, options: AllocateOptions) {
        self.keepalive_at = now + KEEPALIVE_EVERY;
        self.start(now, Ask::Allocate(options), 0);
    }

    /// Gives the allocation back.
    pub fn release(&mut self, now: Duration) {
        self.start(now, Ask::Refresh(0), 0);
    }

    /// Installs a permission and keeps it alive.
    pub fn permit(&mut self, now: Duration, peer: SocketAddr) {
        self.permissions.insert(peer.ip(), (peer, Duration::MAX));
        self.start(now, Ask::Permit(peer), 0);
    }

    /// Binds a channel and keeps it and its permission alive.
    pub fn bind(&mut self, now: Duration, number: u16, peer: SocketAddr) {
        self.channels.insert(number, Channel { peer, bound: false, refresh_at: Duration::MAX });
        self.start(now, Ask::Bind(number, peer), 0);
    }

    /// Sends a payload: by channel if one is bound to the peer, otherwise by indication.
    pub fn send(&mut self, peer: SocketAddr, payload: &[u8]) {
        let channel = self.channels.iter().find(|(_, channel)| channel.bound && channel.peer == peer);
        let bytes = match channel {
            Some((&number, _)) => channel_data(number, payload),
            None => {
                let transaction = self.random.random();
                Draft::indication(method::SEND, transaction).peer(peer).raw(attribute::DATA, payload).finish()
            }
        };
        self.transmits.push_back(bytes);
    }

    /// Takes one datagram from the relay.
    pub fn handle_datagram(&mut self, now: Duration, bytes: &[u8]) {
        if let [64..=79, ..] = bytes {
            return self.handle_channel_data(bytes);
        }
        let Some(answer) = Answer::parse(bytes) else { return self.events.push_back(Event::Stray(bytes.to_vec())) };
        match answer.header() {
            (MessageClass::Indication, method::DATA, _) => self.handle_data(&answer),
            (MessageClass::Success | MessageClass::Error, _, transaction) => {
                self.handle_answer(now, transaction, &answer);
            }
            _ => self.events.push_back(Event::Stray(bytes.to_vec())),
        }
    }

    /// Does what is due. To be called at [`Client::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Duration) {
        self.retransmit(now);
        if self.allocation.as_ref().is_some_and(|allocation| allocation.expires <= now) {
            self.lose();
        }
        if let Some(allocation) = self.allocation.as_mut().filter(|allocation| allocation.refresh_at <= now) {
            allocation.refresh_at = Duration::MAX;
            let lifetime_s = allocation.lifetime_s;
            self.start(now, Ask::Refresh(lifetime_s), 0);
        }
        let mut due = Vec::new();
        for (peer, refresh_at) in self.permissions.values_mut().filter(|(_, refresh_at)| *refresh_at <= now) {
            *refresh_at = Duration::MAX;
            due.push(Ask::Permit(*peer));
        }
        for (&number, channel) in self.channels.iter_mut().filter(|(_, channel)| channel.refresh_at <= now) {
            channel.refresh_at = Duration::MAX;
            due.push(Ask::Bind(number, channel.peer));
        }
        for ask in due {
            self.start(now, ask, 0);
        }
        if self.keepalive_at <= now {
            self.keepalive_at = now + KEEPALIVE_EVERY;
            let transaction = self.random.random();
            self.transmits.push_back(Draft::indication(method::BINDING, transaction).finish());
        }
    }

    /// When [`Client::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let transactions = self.transactions.values().map(|transaction| transaction.next);
        let allocation = self.allocation.iter().flat_map(|allocation| [allocation.refresh_at, allocation.expires]);
        let permissions = self.permissions.values().map(|&(_, refresh_at)| refresh_at);
        let channels = self.channels.values().map(|channel| channel.refresh_at);
        let all = transactions.chain(allocation).chain(permissions).chain(channels).chain([self.keepalive_at]);
        all.min().filter(|&due| due < Duration::MAX)
    }

    /// The next datagram for the relay.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmits.pop_front()
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The relayed addresses, while there is an allocation.
    pub fn relayed(&self) -> &[SocketAddr] {
        self.allocation.as_ref().map_or(&[], |allocation| &allocation.relayed)
    }

    /// Whether the relay has confirmed the channel.
    pub fn is_bound(&self, number: u16) -> bool {
        self.channels.get(&number).is_some_and(|channel| channel.bound)
    }

    fn start(&mut self, now: Duration, ask: Ask, challenges: u32) {
        let transaction = self.random.random::<u128>() >> 32;
        let draft = ask.write(Draft::request(ask.method().1, transaction));
        let bytes = match self.nonce.as_str() {
            "" => draft.finish(),
            nonce => draft.signed(&self.credentials, &self.realm, nonce).finish(),
        };
        self.transmits.push_back(bytes.clone());
        self.transactions.insert(transaction, Transaction { ask, bytes, sent: 1, next: now + RTO, challenges });
    }

    fn retransmit(&mut self, now: Duration) {
        let mut failed = Vec::new();
        for (&id, transaction) in self.transactions.iter_mut().filter(|(_, transaction)| transaction.next <= now) {
            if transaction.sent == RC {
                failed.push((id, transaction.ask));
                continue;
            }
            self.transmits.push_back(transaction.bytes.clone());
            transaction.next = now + if transaction.sent + 1 == RC { RTO * RM } else { RTO * (1 << transaction.sent) };
            transaction.sent += 1;
        }
        for (id, ask) in failed {
            self.transactions.remove(&id);
            self.fail(now, ask, Failure::TimedOut);
        }
    }

    fn handle_answer(&mut self, now: Duration, id: u128, answer: &Answer) {
        let Some(transaction) = self.transactions.get(&id) else { return };
        let code = answer.code();
        let challenge = matches!(code, 401 | 438).then(|| answer.realm().zip(answer.nonce())).flatten();
        // Only a challenge is believed without a signature: it comes before there is anything to sign with.
        if challenge.is_none() && !answer.is_signed(&self.credentials.key(&self.realm)) {
            return;
        }
        let (ask, challenges) = (transaction.ask, transaction.challenges);
        self.transactions.remove(&id);
        if let Some((realm, nonce)) = challenge {
            (self.realm, self.nonce) = (realm, nonce);
            if challenges < CHALLENGES_MAX {
                return self.start(now, ask, challenges + 1);
            }
        }
        if code != 0 {
            return self.fail(now, ask, Failure::Code(code));
        }
        self.succeed(now, ask, answer);
    }

    fn succeed(&mut self, now: Duration, ask: Ask, answer: &Answer) {
        let lifetime_s = answer.lifetime_s().unwrap_or_default();
        let lasts = Duration::from_secs(lifetime_s.into());
        match ask {
            Ask::Allocate(_) => {
                let relayed = answer.relayed();
                self.allocation = Some(Allocation {
                    relayed: relayed.clone(),
                    lifetime_s,
                    refresh_at: now + lasts.saturating_sub(REFRESH_EARLY),
                    expires: now + lasts,
                });
                let unknown = SocketAddr::new(IpAddr::from([0; 4]), 0);
                let mapped = answer.mapped().unwrap_or(unknown);
                self.events.push_back(Event::Allocated { relayed, mapped, token: answer.token() });
            }
            Ask::Refresh(0) => {
                self.forget();
                self.events.push_back(Event::Released);
            }
            Ask::Refresh(_) => {
                if let Some(allocation) = &mut self.allocation {
                    allocation.expires = now + lasts;
                    allocation.refresh_at = now + lasts.saturating_sub(REFRESH_EARLY);
                }
                self.events.push_back(Event::Refreshed);
            }
            Ask::Permit(peer) => {
                if let Some((_, refresh_at)) = self.permissions.get_mut(&peer.ip()) {
                    *refresh_at = now + PERMISSION_EVERY;
                }
                self.events.push_back(Event::Permitted(peer.ip()));
            }
            Ask::Bind(number, peer) => {
                if let Some(channel) = self.channels.get_mut(&number) {
                    channel.bound = true;
                    channel.refresh_at = now + CHANNEL_EVERY;
                }
                self.permissions.insert(peer.ip(), (peer, now + PERMISSION_EVERY));
                self.events.push_back(Event::Bound(number));
            }
        }
    }

    fn fail(&mut self, now: Duration, ask: Ask, failure: Failure) {
        self.events.push_back(Event::Failed(ask.method().0, failure));
        let mismatch = failure == Failure::Code(437);
        match ask {
            Ask::Allocate(_) => {}
            Ask::Refresh(0) => self.forget(),
            _ if mismatch && self.allocation.is_some() => self.lose(),
            Ask::Refresh(_) => {
                if let Some(allocation) = &mut self.allocation {
                    allocation.refresh_at = now + RETRY;
                }
            }
            Ask::Permit(peer) => {
                if let Some((_, refresh_at)) = self.permissions.get_mut(&peer.ip()) {
                    *refresh_at = if failure == Failure::TimedOut { now + RETRY } else { Duration::MAX };
                }
            }
            Ask::Bind(number, _) => {
                if let Some(channel) = self.channels.get_mut(&number) {
                    channel.refresh_at = if failure == Failure::TimedOut { now + RETRY } else { Duration::MAX };
                }
            }
        }
    }

    fn lose(&mut self) {
        self.forget();
        self.events.push_back(Event::Lost);
    }

    fn forget(&mut self) {
        self.allocation = None;
        self.permissions.clear();
        self.channels.clear();
        self.transactions.retain(|_, transaction| matches!(transaction.ask, Ask::Allocate(_)));
    }

    fn handle_channel_data(&mut self, bytes: &[u8]) {
        let parsed = match bytes {
            [a, b, c, d, payload @ ..] if usize::from(u16::from_be_bytes([*c, *d])) == payload.len() => {
                self.channels.get(&u16::from_be_bytes([*a, *b])).map(|channel| (channel.peer, payload))
            }
            _ => None,
        };
        self.events.push_back(match parsed {
            Some((peer, payload)) => Event::Received { peer, payload: payload.to_vec() },
            None => Event::Stray(bytes.to_vec()),
        });
    }

    fn handle_data(&mut self, answer: &Answer) {
        let icmp = answer.message().attribute::<Icmp>().ok().map(|icmp| (icmp.icmp_type(), icmp.code()));
        self.events.push_back(match (answer.peer(), answer.data(), icmp) {
            (Some(peer), Some(payload), None) => Event::Received { peer, payload },
            (Some(peer), None, Some(kind)) => Event::Unreachable { peer, kind },
            _ => Event::Stray(answer.bytes.clone()),
        });
    }
}
