//! Requests that a test writes attribute by attribute, right or wrong, and the answers to them.
//!
//! Everything here is written with `stun-types` and not with the relay's own code, so that the two check each other.

use std::net::SocketAddr;

use stun_types::{
    attribute::{
        AlternateServer, AttributeType, ErrorCode, Nonce, PasswordAlgorithm, PasswordAlgorithmValue,
        PasswordAlgorithms, RawAttribute, Realm, UnknownAttributes, Userhash, Username, XorMappedAddress,
    },
    message::{
        IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials, Message, MessageClass, MessageType, MessageWriteVec,
        Method as StunMethod, TransactionId,
    },
    prelude::*,
};
use turn_types::attribute::{AddressErrorCode, Lifetime, ReservationToken, XorPeerAddress, XorRelayedAddress};

/// Methods by number (RFC 8489 section 18.2, RFC 8656 section 17, RFC 6062 section 6.1).
#[allow(missing_docs, reason = "the names are those of the RFCs")]
pub mod method {
    pub const BINDING: u16 = 0x001;
    pub const ALLOCATE: u16 = 0x003;
    pub const REFRESH: u16 = 0x004;
    pub const SEND: u16 = 0x006;
    pub const DATA: u16 = 0x007;
    pub const CREATE_PERMISSION: u16 = 0x008;
    pub const CHANNEL_BIND: u16 = 0x009;
    pub const CONNECT: u16 = 0x00A;
    pub const CONNECTION_BIND: u16 = 0x00B;
}

/// Attributes by number, for messages that no typed writer would make.
#[allow(missing_docs, reason = "the names are those of the RFCs")]
pub mod attribute {
    pub const USERNAME: u16 = 0x0006;
    pub const MESSAGE_INTEGRITY: u16 = 0x0008;
    pub const CHANNEL_NUMBER: u16 = 0x000C;
    pub const LIFETIME: u16 = 0x000D;
    pub const XOR_PEER_ADDRESS: u16 = 0x0012;
    pub const DATA: u16 = 0x0013;
    pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
    pub const EVEN_PORT: u16 = 0x0018;
    pub const REQUESTED_TRANSPORT: u16 = 0x0019;
    pub const DONT_FRAGMENT: u16 = 0x001A;
    pub const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
    pub const RESERVATION_TOKEN: u16 = 0x0022;
    pub const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
}

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// MESSAGE-INTEGRITY with a key of MD5, as clients of RFC 5389 do.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256 with a key of SHA-256, and PASSWORD-ALGORITHM.
    Sha256,
}

/// A user as a client knows itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// USERNAME.
    pub username: String,
    /// Password.
    pub password: String,
    /// How requests are signed.
    pub hash: Hash,
    /// Whether USERHASH is sent in place of USERNAME.
    pub anonymous: bool,
}

impl Credentials {
    /// A user that signs with SHA-1.
    pub fn new(username: &str, password: &str) -> Self {
        Self { username: username.into(), password: password.into(), hash: Hash::Sha1, anonymous: false }
    }

    /// The key for `realm`.
    pub fn key(&self, realm: &str) -> IntegrityKey {
        let algorithm = self.algorithm();
        LongTermKeyCredentials::new(self.username.clone(), self.password.clone(), realm.into()).make_key(algorithm)
    }

    fn algorithm(&self) -> IntegrityAlgorithm {
        match self.hash {
            Hash::Sha1 => IntegrityAlgorithm::Sha1,
            Hash::Sha256 => IntegrityAlgorithm::Sha256,
        }
    }
}

/// A message that is being written.
#[derive(Debug)]
pub struct Draft {
    message: MessageWriteVec,
    transaction: TransactionId,
}

impl Draft {
    /// A request of `method` with transaction id `transaction` (its low 96 bits).
    pub fn request(method: u16, transaction: u128) -> Self {
        Self::new(MessageClass::Request, method, transaction)
    }

    /// An indication.
    pub fn indication(method: u16, transaction: u128) -> Self {
        Self::new(MessageClass::Indication, method, transaction)
    }

    /// A message of any class.
    pub fn new(class: MessageClass, method: u16, transaction: u128) -> Self {
        let transaction = TransactionId::from(transaction);
        let kind = MessageType::from_class_method(class, StunMethod::new(method));
        Self { message: Message::builder(kind, transaction, MessageWriteVec::new()), transaction }
    }

    /// Appends an attribute as it is, whatever the rules say about it.
    #[must_use]
    pub fn raw(mut self, kind: u16, value: &[u8]) -> Self {
        self.message.push_attribute_unchecked(&RawAttribute::new(AttributeType::new(kind), value));
        self
    }

    /// Appends a typed attribute.
    #[must_use]
    pub fn with(mut self, attribute: &dyn AttributeWrite) -> Self {
        self.message.push_attribute_unchecked(attribute);
        self
    }

    /// Appends XOR-PEER-ADDRESS.
    #[must_use]
    pub fn peer(self, peer: SocketAddr) -> Self {
        let attribute = XorPeerAddress::new(peer, self.transaction);
        self.with(&attribute)
    }

    /// Appends the attributes of the long-term mechanism and the integrity attribute.
    #[must_use]
    pub fn signed(self, credentials: &Credentials, realm: &str, nonce: &str) -> Self {
        self.authenticated(credentials, realm, nonce).integrity(credentials, realm)
    }

    /// Appends the attributes of the long-term mechanism without the integrity attribute.
    #[must_use]
    pub fn authenticated(self, credentials: &Credentials, realm: &str, nonce: &str) -> Self {
        let named = if credentials.anonymous {
            self.with(&Userhash::new(Userhash::compute(&credentials.username, realm)))
        } else {
            self.with(&Username::new(&credentials.username).expect("test names are short"))
        };
        let draft = named
            .with(&Realm::new(realm).expect("test realms are short"))
            .with(&Nonce::new(nonce).expect("the server's nonces are short"));
        match credentials.hash {
            Hash::Sha1 => draft,
            Hash::Sha256 => draft
                .with(&PasswordAlgorithms::new(&[PasswordAlgorithmValue::SHA256, PasswordAlgorithmValue::MD5]))
                .with(&PasswordAlgorithm::new(PasswordAlgorithmValue::SHA256)),
        }
    }

    /// Appends the integrity attribute over what is there.
    ///
    /// # Panics
    /// If the message has one already.
    #[must_use]
    pub fn integrity(mut self, credentials: &Credentials, realm: &str) -> Self {
        let written = self.message.add_message_integrity_with_key(&credentials.key(realm), credentials.algorithm());
        written.expect("a message is signed once");
        self
    }

    /// Appends FINGERPRINT.
    ///
    /// # Panics
    /// If the message has one already.
    #[must_use]
    pub fn fingerprint(mut self) -> Self {
        self.message.add_fingerprint().expect("a message has one fingerprint");
        self
    }

    /// The message's bytes.
    pub fn finish(self) -> Vec<u8> {
        self.message.finish()
    }
}

/// One ChannelData message without padding.
pub fn channel_data(number: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 + payload.len());
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A STUN message that the relay sent, owned. The getters return what is missing as nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The whole message.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// Takes `bytes` if they are one whole, well-formed STUN message.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let length = usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]));
        let whole = Message::from_bytes(bytes).is_ok() && length + 20 == bytes.len();
        whole.then(|| Self { bytes: bytes.to_vec() })
    }

    /// The message, borrowed.
    ///
    /// # Panics
    /// If the bytes were changed after parsing so that they are no message any more.
    pub fn message(&self) -> Message<'_> {
        Message::from_bytes(&self.bytes).expect("checked when it was parsed")
    }

    /// 0 for a success response, otherwise the value of ERROR-CODE.
    pub fn code(&self) -> u16 {
        let message = self.message();
        match message.class() {
            MessageClass::Success => 0,
            _ => message.attribute::<ErrorCode>().map_or(u16::MAX, |error| error.code()),
        }
    }

    /// Class, method and transaction id.
    pub fn header(&self) -> (MessageClass, u16, u128) {
        let message = self.message();
        (message.class(), message.method().value(), message.transaction_id().into())
    }

    /// XOR-RELAYED-ADDRESS of each family, in the order of the message.
    pub fn relayed(&self) -> Vec<SocketAddr> {
        let message = self.message();
        let transaction = message.transaction_id();
        let found = message.iter_attributes().filter(|(_, raw)| raw.get_type() == XorRelayedAddress::TYPE);
        found.filter_map(|(_, raw)| Some(XorRelayedAddress::from_raw(raw).ok()?.addr(transaction))).collect()
    }

    /// XOR-MAPPED-ADDRESS.
    pub fn mapped(&self) -> Option<SocketAddr> {
        let message = self.message();
        Some(message.attribute::<XorMappedAddress>().ok()?.addr(message.transaction_id()))
    }

    /// XOR-PEER-ADDRESS.
    pub fn peer(&self) -> Option<SocketAddr> {
        let message = self.message();
        Some(message.attribute::<XorPeerAddress>().ok()?.addr(message.transaction_id()))
    }

    /// DATA.
    pub fn data(&self) -> Option<Vec<u8>> {
        Some(self.message().attribute::<turn_types::attribute::Data>().ok()?.data().to_vec())
    }

    /// LIFETIME in seconds.
    pub fn lifetime_s(&self) -> Option<u32> {
        Some(self.message().attribute::<Lifetime>().ok()?.seconds())
    }

    /// RESERVATION-TOKEN.
    pub fn token(&self) -> Option<u64> {
        Some(self.message().attribute::<ReservationToken>().ok()?.token())
    }

    /// NONCE.
    pub fn nonce(&self) -> Option<String> {
        Some(self.message().attribute::<Nonce>().ok()?.nonce().to_owned())
    }

    /// REALM.
    pub fn realm(&self) -> Option<String> {
        Some(self.message().attribute::<Realm>().ok()?.realm().to_owned())
    }

    /// ALTERNATE-SERVER.
    pub fn alternate(&self) -> Option<SocketAddr> {
        Some(self.message().attribute::<AlternateServer>().ok()?.server())
    }

    /// ADDRESS-ERROR-CODE: whether it is about IPv6, and the code.
    pub fn address_error(&self) -> Option<(bool, u16)> {
        let message = self.message();
        let error = message.attribute::<AddressErrorCode>().ok()?;
        Some((error.family() == stun_types::AddressFamily::IPV6, error.error().code()))
    }

    /// Whether UNKNOWN-ATTRIBUTES names `kind`.
    pub fn names_unknown(&self, kind: u16) -> bool {
        let message = self.message();
        message.attribute::<UnknownAttributes>().is_ok_and(|unknown| unknown.has_attribute(AttributeType::new(kind)))
    }

    /// Whether the message has an attribute of this type.
    pub fn has(&self, kind: u16) -> bool {
        self.message().has_attribute(AttributeType::new(kind))
    }

    /// Whether the message is signed with `key`.
    pub fn is_signed(&self, key: &IntegrityKey) -> bool {
        self.message().validate_integrity_with_key(key).is_ok()
    }
}
