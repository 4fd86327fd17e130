//! No bytes are authenticated but those that somebody with the password signed, for the client that they came from and
//! while their nonce is young.
//!
//! Two halves: arbitrary bytes, which never prove anything; and a request that was signed for, with some of its bytes
//! changed. If a changed request still proves somebody, nothing before its integrity attribute may have changed.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use arbitrary::{Arbitrary, Result, Unstructured};
use muster_relay::{
    config::User,
    turn::{
        Authenticator, Client, Credentials as Known, Now, Transport,
        authentication::Identity,
        nonce::{LIFETIME_S, NONCE_BYTES_MAX, NonceState, Nonces, SecurityFeatures},
    },
};
use muster_sim::{Answer, Credentials, Draft, Hash, attribute};
use stun_types::{message::Message, prelude::Attribute as _};

const REALM: &str = "fuzz.example";
const SECRET: &str = "a secret";
const START: Now = Now { monotonic: Duration::from_secs(1_000), unix_s: 1_700_000_000 };

/// How the signed request is made.
#[derive(Debug, Arbitrary)]
struct Plan {
    method: u16,
    sha256: bool,
    anonymous: bool,
    ephemeral: bool,
    fingerprint: bool,
    stream: bool,
    transaction: u64,
    extra: Option<(u16, [u8; 8])>,
    /// Seconds between the challenge and the request.
    age_s: u16,
    other_client: bool,
    /// Whether the request comes on an allocation of ann's.
    established: bool,
    change: Vec<Change>,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Change {
    Flip { at: u16, mask: u8 },
    Remove { at: u16, bytes: u8 },
    Insert { at: u16, bytes: [u8; 4] },
    Cut { to: u16 },
    Move { from: u16, to: u16 },
}

/// Runs the target.
pub fn run(bytes: &[u8]) {
    arbitrary_bytes(bytes);
    // Bytes that are too short for a plan are no plan.
    let _ = changed_request(Unstructured::new(bytes));
}

fn client(stream: bool, port: u16) -> Client {
    let transport = if stream { Transport::Stream { id: 7 } } else { Transport::Udp { listener: 0 } };
    Client { address: SocketAddr::new([30, 0, 0, 1].into(), port), transport }
}

/// With static users alone hashed names are offered; a secret takes them away.
fn authenticator(with_secret: bool) -> Authenticator {
    let user = |name: &str, password: &str| User { name: name.into(), password: password.into() };
    let users = [user("ann", "ann's password"), user("bob", "bob's password")];
    let secrets = if with_secret { vec![SECRET.to_owned()] } else { Vec::new() };
    Authenticator::new(Arc::new(Known::new(REALM, &users, &secrets)), [7; 32])
}

fn arbitrary_bytes(bytes: &[u8]) {
    let client = client(false, 4_000);
    let nonces = Nonces::new([9; 32], SecurityFeatures { password_algorithms: true, username_anonymity: true });
    assert_eq!(nonces.check(bytes, &client, 1_000), NonceState::Stale, "a nonce cannot be made up");
    let Ok(message) = Message::from_bytes(bytes) else { return };
    for with_secret in [false, true] {
        let authenticator = authenticator(with_secret);
        let Err(refusal) = authenticator.check(&message, &client, START, None) else {
            panic!("bytes without a password proved somebody");
        };
        check_challenge(&authenticator, &message, &refusal, &client);
    }
}

fn check_challenge(
    authenticator: &Authenticator,
    message: &Message<'_>,
    refusal: &muster_relay::turn::authentication::Refusal,
    client: &Client,
) {
    let mut challenge = vec![0xA5; 7];
    authenticator.write_challenge(message, refusal, client, START, &mut challenge);
    let answer = Answer::parse(&challenge).expect("a challenge is well-formed");
    assert_eq!(answer.code(), refusal.code());
    let challenges = matches!(refusal.code(), 401 | 438);
    assert_eq!(answer.nonce().is_some_and(|nonce| nonce.len() <= NONCE_BYTES_MAX), challenges);
}

fn changed_request(mut input: Unstructured<'_>) -> Result<()> {
    let plan: Plan = input.arbitrary()?;
    let authenticator = authenticator(plan.ephemeral);
    let asking = client(plan.stream, 4_000);
    let credentials = credentials(&plan);

    // What the relay tells a client that has no nonce yet.
    let first = Draft::request(plan.method & 0x0FFF, 1).finish();
    let first = Message::from_bytes(&first).expect("a draft is a message");
    let Err(refusal) = authenticator.check(&first, &asking, START, None) else {
        panic!("a request without credentials proved somebody");
    };
    let mut challenge = Vec::new();
    authenticator.write_challenge(&first, &refusal, &asking, START, &mut challenge);
    let nonce = Answer::parse(&challenge).and_then(|answer| answer.nonce()).expect("a challenge has a nonce");

    let signed = sign(&plan, &credentials, &nonce);
    let original = Message::from_bytes(&signed).expect("a draft is a message");
    let now = Now { monotonic: START.monotonic + Duration::from_secs(plan.age_s.into()), ..START };
    let from = if plan.other_client { client(plan.stream, 4_001) } else { asking };
    let ann = known(&authenticator, &nonce, &asking, &plan);
    let proved = authenticator.check(&original, &from, now, ann.as_ref());
    let right = u64::from(plan.age_s) <= LIFETIME_S && !plan.other_client;
    assert_eq!(proved.as_ref().err().map(|refusal| refusal.code()), expected(right, &plan), "{plan:?}");
    if let Ok(identity) = &proved {
        assert_eq!(&*identity.username, credentials.username);
    }

    let mut changed = signed.clone();
    for change in plan.change.iter().take(4) {
        apply(*change, &mut changed);
    }
    let Ok(message) = Message::from_bytes(&changed) else { return Ok(()) };
    if let Ok(identity) = authenticator.check(&message, &from, now, ann.as_ref()) {
        assert!(right, "a nonce is one client's and does not live for ever");
        assert_eq!(&*identity.username, credentials.username);
        let proved = integrity_at(&signed);
        assert_eq!(changed[..2], signed[..2], "the method is under the signature");
        // The length field covers what follows the signature too, which is not proved.
        assert_eq!(changed[4..proved], signed[4..proved], "what is under the signature has changed");
    }
    Ok(())
}

/// The code that the unchanged request must be refused with, if it must.
fn expected(right: bool, plan: &Plan) -> Option<u16> {
    match (right, plan.established && plan.ephemeral) {
        (false, _) => Some(438),
        // The allocation is ann's, and the request proves somebody else.
        (true, true) => Some(441),
        (true, false) => None,
    }
}

fn credentials(plan: &Plan) -> Credentials {
    let mut credentials = if plan.ephemeral {
        // printf '1800000000:cid' | openssl dgst -sha1 -hmac 'a secret' -binary | base64
        Credentials::new("1800000000:cid", EPHEMERAL_PASSWORD)
    } else {
        Credentials::new("ann", "ann's password")
    };
    if plan.sha256 {
        credentials.hash = Hash::Sha256;
    }
    credentials.anonymous = plan.anonymous && !plan.ephemeral;
    credentials
}

const EPHEMERAL_PASSWORD: &str = "lgIfvUycBWEhLUi658JY69sAtYo=";

/// Ann as the owner of an allocation, if the plan says so.
fn known(authenticator: &Authenticator, nonce: &str, client: &Client, plan: &Plan) -> Option<Identity> {
    if !plan.established {
        return None;
    }
    let request = Draft::request(3, 2).signed(&Credentials::new("ann", "ann's password"), REALM, nonce).finish();
    let message = Message::from_bytes(&request).expect("a draft is a message");
    Some(authenticator.check(&message, client, START, None).expect("ann has the password"))
}

fn sign(plan: &Plan, credentials: &Credentials, nonce: &str) -> Vec<u8> {
    let mut draft = Draft::request(plan.method & 0x0FFF, plan.transaction.into());
    if let Some((kind, value)) = plan.extra
        && !MECHANISM.contains(&kind)
    {
        draft = draft.raw(kind, &value);
    }
    draft = draft.authenticated(credentials, REALM, nonce).integrity(credentials, REALM);
    if plan.fingerprint {
        draft = draft.fingerprint();
    }
    draft.finish()
}

/// Attributes of the mechanism itself: another one in front of them would be the one that counts.
const MECHANISM: [u16; 10] = [0x0006, 0x0008, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E, 0x8002, 0x8003, 0x8028];

/// Where the first integrity attribute of a message begins.
fn integrity_at(message: &[u8]) -> usize {
    let message = Message::from_bytes(message).expect("it was parsed before");
    let kinds = [attribute::MESSAGE_INTEGRITY, attribute::MESSAGE_INTEGRITY_SHA256];
    let found = message.iter_attributes().find(|(_, raw)| kinds.contains(&raw.get_type().value()));
    found.expect("it was signed").0
}

fn apply(change: Change, message: &mut Vec<u8>) {
    let place = |at: u16| usize::from(at) % (message.len() + 1);
    match change {
        Change::Flip { at, mask } => {
            let at = place(at);
            if let Some(byte) = message.get_mut(at) {
                *byte ^= mask;
            }
        }
        Change::Remove { at, bytes } => {
            let at = place(at);
            let end = (at + usize::from(bytes)).min(message.len());
            message.drain(at..end);
            correct_length(message);
        }
        Change::Insert { at, bytes } => {
            let at = place(at);
            message.splice(at..at, bytes);
            correct_length(message);
        }
        Change::Cut { to } => {
            message.truncate(place(to));
            correct_length(message);
        }
        Change::Move { from, to } => {
            let (from, to) = (place(from) / 4 * 4, place(to) / 4 * 4);
            if from + 4 <= message.len() && to + 4 <= message.len() {
                let word: [u8; 4] = message[from..from + 4].try_into().expect("four bytes");
                message[to..to + 4].copy_from_slice(&word);
            }
        }
    }
}

/// Makes the length field say how long the message is now: the parser would refuse the rest at once.
fn correct_length(message: &mut [u8]) {
    if let Some(length) = message.len().checked_sub(20) {
        message[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    }
}
