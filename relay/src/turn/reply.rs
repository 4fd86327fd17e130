//! Requests as they came, and the answers to them.

use stun_types::{
    attribute::{AlternateServer, AttributeType, ErrorCode, UnknownAttributes, XorMappedAddress},
    message::{Message, MessageWriteVec},
    prelude::*,
};

use super::{
    Client, Now,
    authentication::{Identity, Refusal},
    integrity,
    server::Server,
};
use crate::counters::Request;

/// Attributes that must be understood and are (RFC 8489, RFC 8656); any other such attribute is answered with 420.
/// DONT-FRAGMENT is left out on purpose: Linux sets the bit a socket, not a datagram, and RFC 8656 section 7.2 gives
/// a server that cannot set it this answer.
const UNDERSTOOD: [u16; 20] = [
    0x0001, 0x0006, 0x0008, 0x0009, 0x000A, 0x000C, 0x000D, 0x0012, 0x0013, 0x0014, 0x0015, 0x0016, 0x0017, 0x0018,
    0x0019, 0x001C, 0x001D, 0x001E, 0x0020, 0x0022,
];

const FINGERPRINT: AttributeType = AttributeType::new(0x8028);

/// A request and where it came from.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    pub(super) message: Message<'a>,
    pub(super) client: Client,
    pub(super) now: Now,
    pub(super) request: Request,
}

impl Incoming<'_> {
    /// The attributes that must be understood and are not.
    pub(super) fn unknown_attributes(&self) -> Option<Vec<AttributeType>> {
        let unknown: Vec<_> = self
            .message
            .iter_attributes()
            .map(|(_, attribute)| attribute.get_type())
            .filter(|kind| kind.comprehension_required() && !UNDERSTOOD.contains(&kind.value()))
            .take(16)
            .collect();
        (!unknown.is_empty()).then_some(unknown)
    }

    /// Whether the answer is to carry a FINGERPRINT: as the request did.
    pub(super) fn fingerprint(&self) -> bool {
        self.message.has_attribute(FINGERPRINT)
    }
}

/// A message to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Where to.
    pub to: Client,
    /// One STUN message.
    pub bytes: Vec<u8>,
}

impl Server {
    pub(super) fn binding(&mut self, incoming: &Incoming<'_>) {
        if !self.may_answer_unproven(incoming) {
            return;
        }
        if let Some(unknown) = incoming.unknown_attributes() {
            return self.write_unknown(incoming, None, &unknown);
        }
        let mut answer = Message::builder_success(&incoming.message, MessageWriteVec::new());
        let mapped = XorMappedAddress::new(incoming.client.address, incoming.message.transaction_id());
        append(&mut answer, &mapped);
        self.finish(incoming, None, 0, answer);
    }

    /// Answers a request that did not prove who it comes from.
    pub(super) fn challenge(&mut self, incoming: &Incoming<'_>, refusal: &Refusal) {
        // 441 comes from a client that has proved its address; the rest may come from anybody.
        if !matches!(refusal, Refusal::WrongCredentials(_)) && !self.may_answer_unproven(incoming) {
            return;
        }
        let mut bytes = Vec::with_capacity(128);
        self.live.authenticator.write_challenge(&incoming.message, refusal, &incoming.client, incoming.now, &mut bytes);
        if incoming.fingerprint() {
            integrity::append_fingerprint(&mut bytes);
        }
        self.counters.answered(incoming.request, refusal.code());
        self.replies.push_back(Reply { to: incoming.client, bytes });
    }

    /// Sends a success response that `fill` completes.
    pub(super) fn reply_success(
        &mut self,
        incoming: &Incoming<'_>,
        identity: &Identity,
        fill: impl FnOnce(&mut MessageWriteVec),
    ) {
        let mut answer = Message::builder_success(&incoming.message, MessageWriteVec::new());
        fill(&mut answer);
        self.finish(incoming, Some(identity), 0, answer);
    }

    /// Sends an error response.
    pub(super) fn reply_error(&mut self, incoming: &Incoming<'_>, identity: Option<&Identity>, code: u16) {
        let mut answer = Message::builder_error(&incoming.message, MessageWriteVec::new());
        append(&mut answer, &error_code(code));
        if code == 300 {
            for &alternate in &self.live.alternate_server {
                if alternate.is_ipv6() == incoming.client.address.is_ipv6() {
                    append(&mut answer, &AlternateServer::new(alternate));
                }
            }
        }
        self.finish(incoming, identity, code, answer);
    }

    pub(super) fn reply_unknown(&mut self, incoming: &Incoming<'_>, identity: &Identity, unknown: &[AttributeType]) {
        self.write_unknown(incoming, Some(identity), unknown);
    }

    fn write_unknown(&mut self, incoming: &Incoming<'_>, identity: Option<&Identity>, unknown: &[AttributeType]) {
        let mut answer = Message::builder_error(&incoming.message, MessageWriteVec::new());
        append(&mut answer, &error_code(420));
        append(&mut answer, &UnknownAttributes::new(unknown));
        self.finish(incoming, identity, 420, answer);
    }

    fn finish(&mut self, incoming: &Incoming<'_>, identity: Option<&Identity>, code: u16, answer: MessageWriteVec) {
        self.counters.answered(incoming.request, code);
        let bytes = seal(answer, identity, incoming.fingerprint());
        self.replies.push_back(Reply { to: incoming.client, bytes });
    }
}

/// Completes a message with MESSAGE-INTEGRITY, as its identity uses it, and FINGERPRINT.
pub(super) fn seal(message: MessageWriteVec, identity: Option<&Identity>, fingerprint: bool) -> Vec<u8> {
    let mut bytes = message.finish();
    if let Some(identity) = identity {
        integrity::sign(&mut bytes, &identity.key, identity.integrity);
    }
    if fingerprint {
        integrity::append_fingerprint(&mut bytes);
    }
    bytes
}

/// ERROR-CODE without a reason phrase: answers to unproven addresses stay small, and the code says it all.
pub(super) fn error_code(code: u16) -> ErrorCode {
    ErrorCode::new(code, "").expect("every code we use is between 300 and 699")
}

/// Appends an attribute to a message of ours.
pub(super) fn append(message: &mut MessageWriteVec, attribute: &dyn AttributeWrite) {
    message.add_attribute(attribute).expect("our messages are far below 64 KiB and repeat no attribute");
}
