//! A client that asks one thing at a time and gets the answer at once: for tests of what the relay answers.

use std::{net::SocketAddr, time::Duration};

use muster_relay::turn::{Client, Transport};
use stun_types::{AddressFamily, message::MessageClass};
use turn_types::attribute::{ChannelNumber, Lifetime, RequestedAddressFamily, RequestedTransport};

use crate::{
    message::{Answer, Credentials, Draft, attribute, channel_data, method},
    relay::{Output, Relay},
};

/// See the module's text.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The 5-tuple.
    pub client: Client,
    /// The worker that its datagrams reach.
    pub worker: u8,
    /// Who it says it is.
    pub credentials: Credentials,
    /// From the last challenge; empty before the first.
    pub nonce: String,
    /// From the last challenge.
    pub realm: String,
    transaction: u128,
}

impl Caller {
    /// A client over UDP.
    pub fn udp(relay: &Relay, address: SocketAddr, credentials: Credentials) -> Self {
        Self::new(relay.udp_client(address), relay.worker_of(address), credentials)
    }

    /// A client over a stream.
    pub fn stream(worker: u8, address: SocketAddr, id: u64, credentials: Credentials) -> Self {
        Self::new(Client { address, transport: Transport::Stream { id } }, worker, credentials)
    }

    fn new(client: Client, worker: u8, credentials: Credentials) -> Self {
        // Transaction ids only need to differ between requests of one client.
        let transaction = u128::from(client.address.port()) << 64;
        Self { client, worker, credentials, nonce: String::new(), realm: String::new(), transaction }
    }

    /// A request with a transaction id of its own.
    pub fn request(&mut self, method: u16) -> Draft {
        self.transaction += 1;
        Draft::request(method, self.transaction)
    }

    /// Completes a request with the caller's credentials.
    pub fn sign(&self, draft: Draft) -> Vec<u8> {
        draft.signed(&self.credentials, &self.realm, &self.nonce).finish()
    }

    /// Sends bytes and returns everything that leaves the relay because of them.
    pub fn send(&self, relay: &mut Relay, bytes: &[u8]) -> Vec<Output> {
        relay.handle_client(self.worker, self.client, bytes);
        std::iter::from_fn(|| relay.poll_output()).collect()
    }

    /// Sends bytes and returns the one STUN message that comes back to this client, if any.
    ///
    /// # Panics
    /// If more than one message leaves the relay, or one that is no answer.
    pub fn exchange(&self, relay: &mut Relay, bytes: &[u8]) -> Option<Answer> {
        let outputs = self.send(relay, bytes);
        assert!(outputs.len() <= 1, "one request, one answer: {outputs:?}");
        outputs.first().map(|output| {
            let Output::ToClient { to, bytes, .. } = output else { panic!("not an answer: {output:?}") };
            assert_eq!(*to, self.client, "the answer goes where the request came from");
            Answer::parse(bytes).expect("answers are well-formed")
        })
    }

    /// Takes a new nonce.
    ///
    /// # Panics
    /// If the relay does not challenge.
    pub fn challenge(&mut self, relay: &mut Relay) {
        let request = self.request(method::REFRESH).finish();
        let answer = self.exchange(relay, &request).expect("a request without credentials is challenged");
        assert_eq!(answer.code(), 401);
        self.realm = answer.realm().expect("a challenge has a realm");
        self.nonce = answer.nonce().expect("a challenge has a nonce");
    }

    /// Sends a request that `fill` completes, signed, and returns its answer. Takes a nonce first if there is none, and
    /// a new one if the relay says that it is stale.
    ///
    /// # Panics
    /// If there is no answer, it answers another request, or it is not signed although it is no challenge.
    pub fn ask(&mut self, relay: &mut Relay, method: u16, fill: impl Fn(Draft) -> Draft) -> Answer {
        if self.nonce.is_empty() {
            self.challenge(relay);
        }
        let mut answer = self.ask_once(relay, method, &fill);
        if answer.code() == 438 {
            self.challenge(relay);
            answer = self.ask_once(relay, method, &fill);
        }
        answer
    }

    fn ask_once(&mut self, relay: &mut Relay, method: u16, fill: impl Fn(Draft) -> Draft) -> Answer {
        let draft = fill(self.request(method));
        let request = self.sign(draft);
        let answer = self.exchange(relay, &request).expect("a signed request is answered");
        let class = if answer.code() == 0 { MessageClass::Success } else { MessageClass::Error };
        assert_eq!(answer.header(), (class, method, self.transaction));
        let challenged = matches!(answer.code(), 400 | 401 | 438);
        let key = self.credentials.key(&self.realm);
        assert!(challenged || answer.is_signed(&key), "{} is signed", answer.code());
        answer
    }

    /// Allocates one IPv4 address.
    pub fn allocate(&mut self, relay: &mut Relay) -> Answer {
        self.ask(relay, method::ALLOCATE, udp)
    }

    /// Allocates one address of a family.
    pub fn allocate_family(&mut self, relay: &mut Relay, family: AddressFamily) -> Answer {
        self.ask(relay, method::ALLOCATE, |draft| udp(draft).with(&RequestedAddressFamily::new(family)))
    }

    /// Allocates one IPv4 address and returns it.
    ///
    /// # Panics
    /// If the relay refuses.
    pub fn allocated(&mut self, relay: &mut Relay) -> SocketAddr {
        let answer = self.allocate(relay);
        assert_eq!(answer.code(), 0);
        answer.relayed()[0]
    }

    /// Refreshes to `lifetime_s`.
    pub fn refresh(&mut self, relay: &mut Relay, lifetime_s: u32) -> Answer {
        self.ask(relay, method::REFRESH, |draft| draft.with(&Lifetime::new(lifetime_s)))
    }

    /// Installs permissions; the code that comes back.
    pub fn permit(&mut self, relay: &mut Relay, peers: &[SocketAddr]) -> u16 {
        self.ask(relay, method::CREATE_PERMISSION, |draft| peers.iter().fold(draft, |draft, &peer| draft.peer(peer)))
            .code()
    }

    /// Binds a channel; the code that comes back.
    pub fn bind(&mut self, relay: &mut Relay, number: u16, peer: SocketAddr) -> u16 {
        self.ask(relay, method::CHANNEL_BIND, |draft| draft.with(&ChannelNumber::new(number)).peer(peer)).code()
    }

    /// Sends a payload by Send indication and returns what leaves the relay.
    pub fn indicate(&mut self, relay: &mut Relay, peer: SocketAddr, payload: &[u8]) -> Vec<Output> {
        self.transaction += 1;
        let draft = Draft::indication(method::SEND, self.transaction).peer(peer).raw(attribute::DATA, payload);
        self.send(relay, &draft.finish())
    }

    /// Sends a payload by channel and returns what leaves the relay.
    pub fn channel(&self, relay: &mut Relay, number: u16, payload: &[u8]) -> Vec<Output> {
        self.send(relay, &channel_data(number, payload))
    }

    /// Lets a peer send to the relayed address `at` and returns what leaves the relay.
    pub fn peer_sends(relay: &mut Relay, at: SocketAddr, from: SocketAddr, payload: &[u8]) -> Vec<Output> {
        relay.handle_peer(at, from, payload);
        std::iter::from_fn(|| relay.poll_output()).collect()
    }

    /// Keeps the allocation alive for `time` by refreshing it every four minutes.
    ///
    /// # Panics
    /// If a refresh is refused.
    pub fn stay(&mut self, relay: &mut Relay, time: Duration) {
        let end = relay.now().monotonic + time;
        while relay.now().monotonic < end {
            relay.advance(Duration::from_secs(240).min(end - relay.now().monotonic));
            assert_eq!(self.refresh(relay, 600).code(), 0);
        }
    }
}

/// Adds REQUESTED-TRANSPORT for UDP.
fn udp(draft: Draft) -> Draft {
    draft.with(&RequestedTransport::new(RequestedTransport::UDP))
}
