//! The TURN server of one worker.
//!
//! **Every call of a `handle_*` method is followed by draining [`Server::poll_action`],
//! [`Server::poll_unallocated_stream`] and [`Server::poll_reply`]**, in this order, before the next wait; a [`Route`] is
//! carried out at once. That is the whole contract:
//!
//! ```no_run
//! use std::net::SocketAddr;
//!
//! use muster_relay::{
//!     io::SocketId,
//!     slot::Slot,
//!     turn::{Action, Client, Now, OpenError, Route, Server},
//! };
//!
//! /// What the owner of a server has around it.
//! trait Edge {
//!     fn bind(&mut self, address: SocketAddr) -> Result<SocketId, OpenError>;
//!     fn close(&mut self, socket: SocketId);
//!     fn close_when_idle(&mut self, stream: u64);
//!     fn send_to_client(&mut self, to: Client, bytes: &[u8]);
//!     fn send_to_peer(&mut self, socket: SocketId, to: SocketAddr, bytes: &[u8]);
//!     fn hand_over(&mut self, worker: u8, from: SocketAddr, to: SocketAddr, bytes: &[u8]);
//! }
//!
//! fn from_client(server: &mut Server, edge: &mut impl Edge, now: Now, client: Client, mut slot: Slot<'_>) {
//!     match server.handle_client(now, client, &mut slot) {
//!         Route::Nothing => {}
//!         Route::ToClient(to) => edge.send_to_client(to, slot.payload()),
//!         Route::ToPeer { socket, to } => edge.send_to_peer(socket, to, slot.payload()),
//!         Route::ToWorker { worker, from, to } => edge.hand_over(worker, from, to, slot.payload()),
//!     }
//!     while let Some(action) = server.poll_action() {
//!         match action {
//!             Action::Open { relay, address } => server.handle_opened(now, relay, edge.bind(address)),
//!             Action::Close { socket } => edge.close(socket),
//!         }
//!     }
//!     while let Some(stream) = server.poll_unallocated_stream() {
//!         edge.close_when_idle(stream);
//!     }
//!     while let Some(reply) = server.poll_reply() {
//!         edge.send_to_client(reply.to, &reply.bytes);
//!     }
//! }
//! ```
//!
//! What is deliberately absent: sockets, threads, a clock, hash iteration, and any state for an address that has not
//! proved itself.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use stun_types::message::{Message, MessageClass, MessageHeader};

use super::{
    Client, Now, Transport,
    allocation::{Allocations, RelayId, Relayed},
    authentication::Authenticator,
    peer_policy::PeerPolicy,
    permission,
    quotas::Quotas,
    rate::FairShare,
    relayed_ports::RelayedPorts,
    reply::{Incoming, Reply},
    reply_limiter::ReplyLimiter,
    reservations::Reservations,
};
use crate::{
    config::Limits,
    counters::{Drop, Request, TurnCounters},
    io::SocketId,
    slot::Slot,
};

/// How often a part of the table is looked through for what has expired.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);

/// The whole table is looked through in this many intervals, so an expired allocation is gone within a second.
const SWEEP_PARTS: u32 = 10;

/// What a reload may change.
#[derive(Debug)]
pub struct LiveSettings {
    /// Who may allocate.
    pub authenticator: Authenticator,
    /// Whom clients may talk to.
    pub peer_policy: PeerPolicy,
    /// What they may use.
    pub limits: Limits,
    /// Where they are sent while draining.
    pub alternate_server: Vec<SocketAddr>,
}

/// What all workers of a relay share; touched by control messages only, except for one byte a port.
#[derive(Debug)]
pub struct Shared {
    /// Owners of the relayed ports.
    pub ports: RelayedPorts,
    /// Live allocations by user and address.
    pub quotas: Quotas,
    /// Ports kept by EVEN-PORT.
    pub reservations: Reservations,
    /// No new allocations are made.
    pub draining: AtomicBool,
    /// Allocations that sent something in the last round of the fair share.
    pub active: AtomicU32,
}

impl Shared {
    /// An empty relay with these ports.
    pub fn new(ports: RelayedPorts) -> Self {
        Self {
            ports,
            quotas: Quotas::default(),
            reservations: Reservations::default(),
            draining: AtomicBool::new(false),
            active: AtomicU32::new(0),
        }
    }
}

/// What to do with the slot that a `handle_*` call was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Nothing: it was dropped and counted, or it was a control message.
    Nothing,
    /// Send the payload as it now stands to the client.
    ToClient(Client),
    /// Send the payload as it now stands from a relayed socket to a peer.
    ToPeer {
        /// The relayed socket.
        socket: SocketId,
        /// The peer.
        to: SocketAddr,
    },
    /// Give the payload to another worker's [`Server::handle_hairpin`].
    ToWorker {
        /// Which worker.
        worker: u8,
        /// The sender's relayed address.
        from: SocketAddr,
        /// The receiver's relayed address.
        to: SocketAddr,
    },
}

/// What the driver is asked to do with relayed sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Bind a socket and answer with [`Server::handle_opened`].
    Open {
        /// The name under which its datagrams are handed in.
        relay: RelayId,
        /// Where to bind it.
        address: SocketAddr,
    },
    /// Close a socket.
    Close {
        /// As given to [`Server::handle_opened`].
        socket: SocketId,
    },
}

/// Why a relayed socket could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenError {
    /// Another process has the port: another one is tried.
    InUse,
    /// Descriptors, memory or the driver's table have run out, or the address cannot be bound.
    Exhausted,
}

/// See the module's text.
#[derive(Debug)]
pub struct Server {
    pub(super) worker: u8,
    pub(super) shared: Arc<Shared>,
    pub(super) live: Arc<LiveSettings>,
    pub(super) counters: Arc<TurnCounters>,
    pub(super) allocations: Allocations,
    /// For each relay address and port, the allocation that has it, plus one.
    pub(super) by_port: Vec<Box<[u32]>>,
    pub(super) fair: FairShare,
    pub(super) random: StdRng,
    pub(super) indications: u64,
    pub(super) actions: VecDeque<Action>,
    pub(super) replies: VecDeque<Reply>,
    unallocated_streams: VecDeque<u64>,
    limiter: ReplyLimiter,
    next_sweep: Duration,
    sweep_part: u32,
}

impl Server {
    /// The server of worker number `worker` (from 0, at most 254). `seed` must be unpredictable in production.
    pub fn new(
        worker: u8,
        shared: Arc<Shared>,
        live: Arc<LiveSettings>,
        counters: Arc<TurnCounters>,
        seed: [u8; 32],
    ) -> Self {
        let mut random = StdRng::from_seed(seed);
        let mut draw = || random.next_u64();
        let max = live.limits.allocations as usize;
        let ports = &shared.ports;
        let table = || vec![0_u32; ports.ports_per_address()].into_boxed_slice();
        Self {
            worker,
            allocations: Allocations::new(max, [draw(), draw(), draw(), draw()]),
            by_port: (0..ports.addresses()).map(|_| table()).collect(),
            fair: FairShare::new(live.limits.bytes_per_second, max),
            limiter: ReplyLimiter::new(live.limits.unproven_replies_per_second, [draw(), draw(), draw(), draw()]),
            indications: draw(),
            random,
            shared,
            live,
            counters,
            actions: VecDeque::new(),
            replies: VecDeque::new(),
            unallocated_streams: VecDeque::new(),
            next_sweep: Duration::ZERO,
            sweep_part: 0,
        }
    }

    /// One datagram or frame from a client.
    pub fn handle_client(&mut self, now: Now, client: Client, slot: &mut Slot<'_>) -> Route {
        match slot.payload().first() {
            Some(64..=127) => self.channel_data_from_client(now, client, slot),
            Some(0..=3) => self.message_from_client(now, client, slot),
            _ => self.drop(Drop::Malformed),
        }
    }

    /// A client's stream has ended; its allocation ends with it (RFC 8656 section 3.1).
    pub fn handle_client_gone(&mut self, client: &Client) {
        if let Some(index) = self.allocations.find(client) {
            self.end_allocation(index);
        }
    }

    /// New settings, from the next message on. Live allocations keep their credentials.
    pub fn handle_settings(&mut self, live: Arc<LiveSettings>) {
        self.allocations.grow(live.limits.allocations as usize);
        self.fair.restart(live.limits.bytes_per_second, self.allocations.room(), &self.shared.active);
        let mut draw = || self.random.next_u64();
        let key = [draw(), draw(), draw(), draw()];
        self.limiter = ReplyLimiter::new(live.limits.unproven_replies_per_second, key);
        self.live = live;
        for index in 0..self.allocations.positions() as u32 {
            let (ports, policy) = (&self.shared.ports, &self.live.peer_policy);
            if let Some(allocation) = self.allocations.at(index) {
                allocation.judge_peers(
                    |peer| permission::judge(ports, policy, peer),
                    |peer| permission::may_permit(ports, policy, peer),
                );
            }
        }
    }

    /// Ends what has expired. To be called at [`Server::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Now) {
        let now = now.monotonic;
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + SWEEP_INTERVAL;
        let positions = self.allocations.positions() as u32;
        let part = positions.div_ceil(SWEEP_PARTS).max(1);
        let first = self.sweep_part * part;
        for index in first..(first + part).min(positions) {
            let Some(allocation) = self.allocations.at(index) else { continue };
            if allocation.expires <= now {
                self.end_allocation(index);
            } else if let Some(relayed) = allocation.take_relayed(None, now) {
                self.close_relayed(relayed);
            }
        }
        self.sweep_part = (self.sweep_part + 1) % SWEEP_PARTS;
        self.fair.handle_timeout(now, &self.shared.active);
        let ports = &self.shared.ports;
        self.shared.reservations.expire(self.worker, now, |kept| ports.give_back(kept.address, kept.port));
    }

    /// When [`Server::handle_timeout`] is due: never, while there is nothing that could expire or be counted.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let busy = self.allocations.len() > 0 || self.shared.reservations.live() > 0 || self.fair.is_counted();
        busy.then_some(self.next_sweep)
    }

    /// The next thing to do with a relayed socket.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next stream whose allocation has ended, by its [`Transport::Stream`] id. It may have a new one already, for
    /// which there is a reply then.
    pub fn poll_unallocated_stream(&mut self) -> Option<u64> {
        self.unallocated_streams.pop_front()
    }

    /// The next control message to send.
    pub fn poll_reply(&mut self) -> Option<Reply> {
        self.replies.pop_front()
    }

    /// Live allocations of this worker.
    pub fn allocations(&self) -> usize {
        self.allocations.len()
    }

    /// Gives back memory that was needed for more allocations than there are now.
    pub fn shrink(&mut self) {
        self.allocations.shrink();
        self.actions.shrink_to_fit();
        self.replies.shrink_to_fit();
    }

    /// Whether `client` has an allocation.
    pub fn is_allocated(&self, client: &Client) -> bool {
        self.allocations.find(client).is_some()
    }

    fn message_from_client(&mut self, now: Now, client: Client, slot: &mut Slot<'_>) -> Route {
        let payload = slot.payload();
        let Ok(message) = Message::from_bytes(payload) else { return self.drop(Drop::Malformed) };
        let length = MessageHeader::from_bytes(payload).map_or(0, |header| header.data_length());
        if MessageHeader::LENGTH + usize::from(length) != payload.len() {
            return self.drop(Drop::Malformed);
        }
        match (message.class(), message.method().value()) {
            (MessageClass::Indication, 0x006) => self.send_indication(now, client, slot),
            // A Binding indication is a keep-alive and has no answer (RFC 8489 section 6.3.2).
            (MessageClass::Indication, 0x001) => Route::Nothing,
            (MessageClass::Request, method) => {
                let request = match method {
                    0x001 => Request::Binding,
                    0x003 => Request::Allocate,
                    0x004 => Request::Refresh,
                    0x008 => Request::CreatePermission,
                    0x009 => Request::ChannelBind,
                    _ => return self.drop(Drop::Unexpected),
                };
                self.request(&Incoming { message, client, now, request });
                Route::Nothing
            }
            _ => self.drop(Drop::Unexpected),
        }
    }

    fn request(&mut self, incoming: &Incoming<'_>) {
        // No answer can be sent to port 0, so whoever uses it as a source is not waiting for one.
        if incoming.client.address.port() == 0 {
            self.drop(Drop::Unexpected);
            return;
        }
        if incoming.request == Request::Binding {
            return self.binding(incoming);
        }
        let mut existing = self.allocations.find(&incoming.client);
        if existing
            .and_then(|index| self.allocations.at(index))
            .is_some_and(|found| found.expires <= incoming.now.monotonic)
        {
            // The sweep has not come by yet, but to the client it is gone.
            if let Some(index) = existing.take() {
                self.end_allocation(index);
            }
        }
        let established = existing.and_then(|index| self.allocations.at(index)).map(|allocation| &allocation.identity);
        let checked = self.live.authenticator.check(&incoming.message, &incoming.client, incoming.now, established);
        let identity = match checked {
            Ok(identity) => identity,
            Err(refusal) => return self.challenge(incoming, &refusal),
        };
        if let Some(unknown) = incoming.unknown_attributes() {
            return self.reply_unknown(incoming, &identity, &unknown);
        }
        let result = match incoming.request {
            Request::Allocate => self.allocate(incoming, &identity, existing),
            Request::Refresh => self.refresh(incoming, &identity, existing),
            Request::CreatePermission => self.create_permission(incoming, &identity, existing),
            Request::ChannelBind => self.channel_bind(incoming, &identity, existing),
            Request::Binding => Ok(()),
        };
        if let Err(code) = result {
            self.reply_error(incoming, Some(&identity), code);
        }
    }

    /// Whether an answer may be sent to an address that has not proved itself.
    pub(super) fn may_answer_unproven(&mut self, incoming: &Incoming<'_>) -> bool {
        let proven = matches!(incoming.client.transport, Transport::Stream { .. })
            || self.allocations.find(&incoming.client).is_some();
        if proven || self.limiter.allow(incoming.client.address.ip(), incoming.now) {
            return true;
        }
        self.drop(Drop::ReplyLimited);
        false
    }

    /// Closes an allocation's sockets and forgets it.
    pub(super) fn end_allocation(&mut self, index: u32) {
        let Some(allocation) = self.allocations.remove(index) else { return };
        if let Transport::Stream { id } = allocation.client.transport {
            self.unallocated_streams.push_back(id);
        }
        for relayed in allocation.relayed.into_iter().flatten() {
            self.close_relayed(relayed);
        }
        match &allocation.opening {
            None => self.counters.allocations.subtract(1),
            Some(opening) => {
                for (family, wanted) in opening.wanted.iter().enumerate() {
                    let Some((address, port)) = *wanted else { continue };
                    if allocation.relayed[family].is_none() {
                        self.shared.ports.give_back(address, port);
                    }
                    if opening.reserve {
                        self.shared.ports.give_back(address, port + 1);
                    }
                }
            }
        }
        self.shared.quotas.give_back(&allocation.account, allocation.client.address.ip());
    }

    /// Closes a relayed socket and frees its port.
    pub(super) fn close_relayed(&mut self, relayed: Relayed) {
        self.actions.push_back(Action::Close { socket: relayed.socket });
        let ports = &self.shared.ports;
        if let (Some(address), Some(offset)) =
            (ports.position(relayed.address.ip()), ports.offset(relayed.address.port()))
        {
            self.by_port[address][offset] = 0;
            ports.give_back(address, relayed.address.port());
        }
    }

    pub(super) fn drop(&mut self, cause: Drop) -> Route {
        self.counters.dropped(cause);
        Route::Nothing
    }

    pub(super) fn draining(&self) -> bool {
        self.shared.draining.load(Relaxed)
    }
}
