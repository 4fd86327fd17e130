//! A blocking TURN client for the behaviours that finished clients cannot be asked for.
//!
//! It answers challenges (401, 438) by itself, repeats requests over UDP, checks the integrity of every success, and
//! keeps what peers send while it waits for an answer. Everything else is the test's decision.

use std::{
    collections::VecDeque,
    fmt, io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use stun_types::{
    AddressFamily,
    attribute::{AlternateServer, AttributeWrite, ErrorCode, Nonce, Realm, Username},
    message::{
        IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageIntegrityCredentials, MessageWrite,
        MessageWriteExt, MessageWriteVec, Method, TransactionId,
    },
};
use turn_types::{
    attribute::{
        ChannelNumber, Data, Lifetime, RequestedAddressFamily, RequestedTransport, XorPeerAddress, XorRelayedAddress,
    },
    channel::ChannelData,
    message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, DATA, REFRESH, SEND},
};

use crate::{
    credentials::Account,
    matrix::Family,
    wire::{Via, Wire},
};

/// How long a request may go without an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// A request over UDP is repeated at this interval.
const REPEAT: Duration = Duration::from_millis(500);
/// REQUESTED-TRANSPORT for UDP.
const UDP: u8 = 17;

/// The relay said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// ERROR-CODE.
    pub code: u16,
    /// Where the relay sends the client instead.
    pub alternate_server: Option<SocketAddr>,
}

/// Why a request failed.
#[derive(Debug)]
pub enum RequestError {
    /// It was answered with an error.
    Refused(Refusal),
    /// It was not answered in time.
    Silence,
    /// The connection is closed or broken.
    Broken(io::Error),
}

impl RequestError {
    /// The error code, if there was an answer.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            Self::Silence | Self::Broken(_) => None,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "refused with {}", refusal.code),
            Self::Silence => write!(f, "no answer within {PATIENCE:?}"),
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
        }
    }
}

impl std::error::Error for RequestError {}

impl From<io::Error> for RequestError {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// What an Allocate request brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    /// XOR-RELAYED-ADDRESS.
    pub relayed: SocketAddr,
    /// LIFETIME in seconds.
    pub lifetime_s: u32,
}

/// What a peer sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// On a channel.
    Channel {
        /// The channel's number.
        number: u16,
        /// The payload.
        data: Vec<u8>,
    },
    /// In a Data indication.
    Indication {
        /// Who sent it.
        peer: SocketAddr,
        /// The payload.
        data: Vec<u8>,
    },
}

/// One client with at most one allocation.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    session: Session,
    received: VecDeque<Received>,
}

/// What a client knows about its login.
#[derive(Debug, Clone)]
struct Session {
    account: Account,
    challenge: Option<Challenge>,
}

#[derive(Debug, Clone)]
struct Challenge {
    realm: String,
    nonce: String,
}

/// A client over UDP that has put down its socket; its allocation lives on at the relay.
#[derive(Debug)]
pub struct Parked {
    server: SocketAddr,
    local: SocketAddr,
    session: Session,
}

impl Parked {
    /// Takes up the same 5-tuple again.
    ///
    /// # Errors
    /// When somebody else has bound the client's address in the meantime.
    pub fn resume(self) -> io::Result<Client> {
        let wire = Wire::connect(self.server, &Via::Udp, Some(self.local))?;
        Ok(Client { wire, session: self.session, received: VecDeque::new() })
    }
}

enum Field {
    Transport,
    Family(Family),
    Lifetime(u32),
    Peer(SocketAddr),
    Channel(u16),
}

impl Client {
    /// Connects to `server`. Nothing is sent yet, but for a handshake.
    ///
    /// # Errors
    /// When the connection or the handshake fails.
    pub fn connect(server: SocketAddr, via: &Via, account: Account) -> io::Result<Self> {
        let wire = Wire::connect(server, via, None)?;
        Ok(Self { wire, session: Session { account, challenge: None }, received: VecDeque::new() })
    }

    /// Connects to `server` over UDP from the address `local`.
    ///
    /// # Errors
    /// When the address is in use.
    pub fn connect_from(local: SocketAddr, server: SocketAddr, account: Account) -> io::Result<Self> {
        let wire = Wire::connect(server, &Via::Udp, Some(local))?;
        Ok(Self { wire, session: Session { account, challenge: None }, received: VecDeque::new() })
    }

    /// Puts down the socket and keeps what is needed to go on later.
    ///
    /// # Errors
    /// When the socket has no address.
    pub fn park(self, server: SocketAddr) -> io::Result<Parked> {
        Ok(Parked { server, local: self.wire.local()?, session: self.session })
    }

    /// Asks for a relayed address of `family`.
    ///
    /// # Errors
    /// As every request: refusal, silence, or a broken connection.
    pub fn allocate(&mut self, family: Family) -> Result<Allocation, RequestError> {
        let answer = self.request(ALLOCATE, &[Field::Transport, Field::Family(family)])?;
        let message = parse(&answer)?;
        let relayed = message.attribute::<XorRelayedAddress>().map_err(io::Error::other)?;
        let lifetime = message.attribute::<Lifetime>().map_err(io::Error::other)?;
        Ok(Allocation { relayed: relayed.addr(message.transaction_id()), lifetime_s: lifetime.seconds() })
    }

    /// Refreshes the allocation; 0 ends it. Returns the lifetime that was granted.
    ///
    /// # Errors
    /// As every request.
    pub fn refresh(&mut self, lifetime_s: u32) -> Result<u32, RequestError> {
        let answer = self.request(REFRESH, &[Field::Lifetime(lifetime_s)])?;
        let message = parse(&answer)?;
        let lifetime = message.attribute::<Lifetime>().map_err(io::Error::other)?;
        Ok(lifetime.seconds())
    }

    /// Permits `peer` to send.
    ///
    /// # Errors
    /// As every request.
    pub fn permit(&mut self, peer: SocketAddr) -> Result<(), RequestError> {
        self.request(CREATE_PERMISSION, &[Field::Peer(peer)]).map(drop)
    }

    /// Binds a channel to `peer`.
    ///
    /// # Errors
    /// As every request.
    pub fn bind(&mut self, number: u16, peer: SocketAddr) -> Result<(), RequestError> {
        self.request(CHANNEL_BIND, &[Field::Channel(number), Field::Peer(peer)]).map(drop)
    }

    /// Sends on a channel.
    ///
    /// # Errors
    /// When the socket refuses.
    ///
    /// # Panics
    /// When `data` does not fit one message.
    pub fn send_channel(&mut self, number: u16, data: &[u8]) -> io::Result<()> {
        let length = u16::try_from(data.len()).expect("channel data has at most 65,535 bytes");
        let mut message = Vec::with_capacity(4 + data.len());
        message.extend_from_slice(&number.to_be_bytes());
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(data);
        self.wire.send(&message)
    }

    /// Sends in a Send indication.
    ///
    /// # Errors
    /// When the socket refuses.
    ///
    /// # Panics
    /// When `data` does not fit one message.
    pub fn send_indication(&mut self, peer: SocketAddr, data: &[u8]) -> io::Result<()> {
        let mut builder = Message::builder(
            stun_types::message::MessageType::from_class_method(MessageClass::Indication, SEND),
            TransactionId::generate(),
            MessageWriteVec::new(),
        );
        let transaction = builder.transaction_id();
        builder.add_attribute(&XorPeerAddress::new(peer, transaction)).expect("the message has room");
        builder.add_attribute(&Data::new(data)).expect("the data fits a message");
        self.wire.send(&builder.finish())
    }

    /// The next thing that a peer sent; `None` when nothing came within `limit`.
    ///
    /// # Errors
    /// When the connection is closed or broken.
    pub fn receive(&mut self, limit: Duration) -> io::Result<Option<Received>> {
        let end = Instant::now() + limit;
        loop {
            if let Some(received) = self.received.pop_front() {
                return Ok(Some(received));
            }
            let Some(bytes) = self.wire.receive(end.saturating_duration_since(Instant::now()))? else {
                return Ok(None);
            };
            self.keep(&bytes);
        }
    }

    /// The client's own address.
    ///
    /// # Errors
    /// When the socket is not connected any more.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.wire.local()
    }

    /// The connection underneath.
    pub fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// Sends the request, with the credentials once the relay has asked for them, and answers each kind of challenge
    /// once. Returns the success.
    fn request(&mut self, method: Method, fields: &[Field]) -> Result<Vec<u8>, RequestError> {
        let (mut logins, mut stale) = (0, 0);
        loop {
            let answer = self.exchange(method, fields)?;
            let message = parse(&answer)?;
            if message.has_class(MessageClass::Success) {
                if let Some(key) = self.session.key() {
                    let checked = message.validate_integrity(&key);
                    checked.map_err(|error| io::Error::other(format!("a success without integrity: {error}")))?;
                }
                return Ok(answer);
            }
            let code = message.attribute::<ErrorCode>().map_err(io::Error::other)?.code();
            let challenge = self.session.challenge_of(&message);
            match (code, challenge) {
                (401, Some(challenge)) if logins == 0 && self.session.challenge.is_none() => {
                    logins += 1;
                    self.session.challenge = Some(challenge);
                }
                (438, Some(challenge)) if stale == 0 => {
                    stale += 1;
                    self.session.challenge = Some(challenge);
                }
                _ => {
                    let alternate_server = message.attribute::<AlternateServer>().ok().map(|found| found.server());
                    return Err(RequestError::Refused(Refusal { code, alternate_server }));
                }
            }
        }
    }

    /// Sends one request until its answer comes.
    fn exchange(&mut self, method: Method, fields: &[Field]) -> Result<Vec<u8>, RequestError> {
        let (transaction, request) = self.session.request(method, fields);
        let end = Instant::now() + PATIENCE;
        loop {
            self.wire.send(&request)?;
            let repeat = if self.wire.is_lossy() { Instant::now() + REPEAT } else { end };
            while let Some(bytes) = self.wire.receive(repeat.saturating_duration_since(Instant::now()))? {
                match Message::from_bytes(&bytes) {
                    Ok(message) if message.is_response() && message.transaction_id() == transaction => {
                        return Ok(bytes);
                    }
                    _ => self.keep(&bytes),
                }
            }
            if Instant::now() >= end {
                return Err(RequestError::Silence);
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if let Ok(channel) = ChannelData::parse(bytes) {
            self.received.push_back(Received::Channel { number: channel.id(), data: channel.data().to_vec() });
            return;
        }
        // What is neither is an answer that came twice.
        let Ok(message) = Message::from_bytes(bytes) else { return };
        if message.has_class(MessageClass::Indication)
            && message.has_method(DATA)
            && let (Ok(peer), Ok(data)) = (message.attribute::<XorPeerAddress>(), message.attribute::<Data<'_>>())
        {
            let peer = peer.addr(message.transaction_id());
            self.received.push_back(Received::Indication { peer, data: data.data().to_vec() });
        }
    }
}

impl Session {
    fn key(&self) -> Option<MessageIntegrityCredentials> {
        let Challenge { realm, .. } = self.challenge.as_ref()?;
        let Account { name, password } = self.account.clone();
        Some(LongTermKeyCredentials::new(name, password, realm.clone()).into())
    }

    fn challenge_of(&self, message: &Message<'_>) -> Option<Challenge> {
        let nonce = message.attribute::<Nonce>().ok()?.nonce().to_owned();
        let realm = message.attribute::<Realm>().ok().map(|realm| realm.realm().to_owned());
        let realm = realm.or_else(|| self.challenge.as_ref().map(|known| known.realm.clone()))?;
        Some(Challenge { realm, nonce })
    }

    fn request(&self, method: Method, fields: &[Field]) -> (TransactionId, Vec<u8>) {
        let mut builder = Message::builder_request(method, MessageWriteVec::new());
        let transaction = builder.transaction_id();
        for field in fields {
            let attribute: Box<dyn AttributeWrite> = match *field {
                Field::Transport => Box::new(RequestedTransport::new(UDP)),
                Field::Family(Family::V4) => Box::new(RequestedAddressFamily::new(AddressFamily::IPV4)),
                Field::Family(Family::V6) => Box::new(RequestedAddressFamily::new(AddressFamily::IPV6)),
                Field::Lifetime(seconds) => Box::new(Lifetime::new(seconds)),
                Field::Peer(peer) => Box::new(XorPeerAddress::new(peer, transaction)),
                Field::Channel(number) => Box::new(ChannelNumber::new(number)),
            };
            builder.add_attribute(&*attribute).expect("each attribute is written once");
        }
        if let (Some(challenge), Some(key)) = (&self.challenge, self.key()) {
            let username = Username::new(&self.account.name).expect("names of tests are short");
            let realm = Realm::new(&challenge.realm).expect("it came in a realm");
            let nonce = Nonce::new(&challenge.nonce).expect("it came in a nonce");
            for attribute in [&username as &dyn AttributeWrite, &realm, &nonce] {
                builder.add_attribute(attribute).expect("each attribute is written once");
            }
            builder.add_message_integrity(&key, IntegrityAlgorithm::Sha1).expect("it is written once");
        }
        builder.add_fingerprint().expect("it is written once");
        (transaction, builder.finish())
    }
}

fn parse(bytes: &[u8]) -> Result<Message<'_>, RequestError> {
    Message::from_bytes(bytes).map_err(|error| io::Error::other(error).into())
}
