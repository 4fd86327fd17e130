//! Whole requests against an [`Authenticator`], as a client makes them from a challenge, and as an attacker changes
//! them.

use std::time::Duration;

use super::*;
use crate::{config::User, turn::Transport};

const REALM: &str = "example.org";
const NOW: Now = Now { monotonic: Duration::from_secs(1_000), unix_s: 1_700_000_000 };
/// An Allocate request.
const HEADER: [u8; 20] = [0, 3, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const EPHEMERAL: &str = "1700000000:alice";
/// base64(HMAC-SHA1("new secret", EPHEMERAL)) and the same of "old secret".
const EPHEMERAL_PASSWORDS: [&str; 2] = ["sj5sJmtlMK/LVd1I2btYIoPFnRs=", "XdKuX6UXzb23ZLtsuX5bzHRQoeU="];

fn client() -> Client {
    Client { address: "192.0.2.1:5000".parse().unwrap(), transport: Transport::Udp { listener: 0 } }
}

fn authenticator(users: &[(&str, &str)], secrets: &[&str]) -> Authenticator {
    Authenticator::new(credentials(users, secrets).into(), [7; 32])
}

fn credentials(users: &[(&str, &str)], secrets: &[&str]) -> Credentials {
    let users: Vec<User> =
        users.iter().map(|(name, password)| User { name: (*name).into(), password: (*password).into() }).collect();
    let secrets: Vec<String> = secrets.iter().map(ToString::to_string).collect();
    Credentials::new(REALM, &users, &secrets)
}

fn alice() -> Authenticator {
    authenticator(&[("alice", "a"), ("bob", "b")], &[])
}

/// A request as a client puts it together; every part can be left out or replaced.
#[derive(Clone)]
struct Request {
    attributes: Vec<(AttributeType, Vec<u8>)>,
    key: Key,
    integrity: Option<IntegrityKind>,
}

impl Request {
    /// What a client of RFC 5389 sends after a challenge.
    fn legacy(authenticator: &Authenticator, username: &str, password: &str) -> Self {
        Self {
            attributes: vec![
                (Username::TYPE, username.into()),
                (Realm::TYPE, REALM.into()),
                (NonceAttribute::TYPE, challenged_nonce(authenticator)),
            ],
            key: Key::derive(PasswordAlgorithm::Md5, username, REALM, password),
            integrity: Some(IntegrityKind::Sha1),
        }
    }

    /// What a client of RFC 8489 sends after a challenge.
    fn modern(authenticator: &Authenticator, username: &str, password: &str) -> Self {
        let mut request = Self::legacy(authenticator, username, password);
        request.attributes.push((PasswordAlgorithms::TYPE, OFFERED_ALGORITHMS.into()));
        request.attributes.push((PasswordAlgorithmAttribute::TYPE, vec![0, 2, 0, 0]));
        request.key = Key::derive(PasswordAlgorithm::Sha256, username, REALM, password);
        request.integrity = Some(IntegrityKind::Sha256);
        request
    }

    fn without(mut self, attribute: AttributeType) -> Self {
        self.attributes.retain(|(known, _)| *known != attribute);
        self
    }

    fn with(mut self, attribute: AttributeType, value: &[u8]) -> Self {
        self.attributes.push((attribute, value.into()));
        self
    }

    fn with_first(mut self, attribute: AttributeType, value: &[u8]) -> Self {
        self.attributes.insert(0, (attribute, value.into()));
        self
    }

    fn replacing(self, attribute: AttributeType, value: &[u8]) -> Self {
        self.without(attribute).with(attribute, value)
    }

    fn signed(mut self, integrity: Option<IntegrityKind>) -> Self {
        self.integrity = integrity;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        for (attribute, value) in &self.attributes {
            push_attribute(&mut bytes, *attribute, value);
        }
        set_length(&mut bytes);
        if let Some(integrity) = self.integrity {
            integrity::sign(&mut bytes, &self.key, integrity);
        }
        bytes
    }

    fn check(&self, authenticator: &Authenticator) -> Result<Identity, Refusal> {
        check(authenticator, &self.bytes(), None)
    }

    /// The code that the request is refused with, or 200.
    fn code(&self, authenticator: &Authenticator) -> u16 {
        self.check(authenticator).map_or_else(|refusal| refusal.code(), |_| 200)
    }
}

fn set_length(bytes: &mut [u8]) {
    let len = (bytes.len() - 20) as u16;
    bytes[2..4].copy_from_slice(&len.to_be_bytes());
}

fn check(authenticator: &Authenticator, bytes: &[u8], established: Option<&Identity>) -> Result<Identity, Refusal> {
    authenticator.check(&Message::from_bytes(bytes).expect("the request parses"), &client(), NOW, established)
}

fn challenge(authenticator: &Authenticator, refusal: &Refusal) -> Vec<u8> {
    let mut bare = HEADER.to_vec();
    set_length(&mut bare);
    let mut out = b"left over".to_vec();
    authenticator.write_challenge(&Message::from_bytes(&bare).unwrap(), refusal, &client(), NOW, &mut out);
    out
}

fn challenged_nonce(authenticator: &Authenticator) -> Vec<u8> {
    let answer = challenge(authenticator, &Refusal::Unauthorized);
    let answer = Message::from_bytes(&answer).unwrap();
    answer.attribute::<NonceAttribute>().unwrap().nonce().into()
}

#[test]
fn a_challenge_is_as_small_as_it_may_be() {
    let authenticator = alice();
    for (refusal, code) in [(Refusal::Unauthorized, 401), (Refusal::StaleNonce, 438)] {
        let answer = challenge(&authenticator, &refusal);
        // Header, ERROR-CODE, REALM of 11 bytes, NONCE of 32, PASSWORD-ALGORITHMS.
        assert_eq!(answer.len(), 20 + 8 + 16 + 36 + 12);
        assert_eq!(answer[..2], [0x01, 0x13], "an error response to Allocate");
        assert_eq!(answer[4..20], HEADER[4..]);
        let parsed = Message::from_bytes(&answer).unwrap();
        let error = parsed.attribute::<ErrorCode>().unwrap();
        assert_eq!((error.code(), error.reason()), (code, ""));
        assert_eq!(parsed.attribute::<Realm>().unwrap().realm(), REALM);
        assert!(parsed.attribute::<NonceAttribute>().unwrap().nonce().starts_with("obMatJos2wAAA"));
        assert_eq!(*parsed.raw_attribute(PasswordAlgorithms::TYPE).unwrap().value, OFFERED_ALGORITHMS);
        assert_eq!(parsed.iter_attributes().count(), 4);
    }
}

#[test]
fn other_refusals_challenge_nobody() {
    let authenticator = alice();
    let answer = challenge(&authenticator, &Refusal::BadRequest);
    assert_eq!(answer.len(), 28);
    assert_eq!(Message::from_bytes(&answer).unwrap().attribute::<ErrorCode>().unwrap().code(), 400);

    let identity = Request::modern(&authenticator, "alice", "a").check(&authenticator).unwrap();
    let answer = challenge(&authenticator, &Refusal::WrongCredentials(identity.clone()));
    let parsed = Message::from_bytes(&answer).unwrap();
    assert_eq!(parsed.attribute::<ErrorCode>().unwrap().code(), 441);
    assert_eq!(verify(&parsed, &identity.key), Ok(IntegrityKind::Sha256), "a client drops an unsigned 441");
}

#[test]
fn a_client_answers_a_challenge_in_every_dialect() {
    let authenticator = alice();
    let modern = Request::modern(&authenticator, "alice", "a");
    let hash = userhash("alice", REALM);
    let md5 = Request { key: Key::derive(PasswordAlgorithm::Md5, "alice", REALM, "a"), ..modern.clone() }
        .replacing(PasswordAlgorithmAttribute::TYPE, &[0, 1, 0, 0]);
    for (request, algorithm, integrity) in [
        (Request::legacy(&authenticator, "alice", "a"), PasswordAlgorithm::Md5, IntegrityKind::Sha1),
        (
            Request::legacy(&authenticator, "alice", "a").signed(Some(IntegrityKind::Sha256)),
            PasswordAlgorithm::Md5,
            IntegrityKind::Sha256,
        ),
        (modern.clone(), PasswordAlgorithm::Sha256, IntegrityKind::Sha256),
        (modern.clone().signed(Some(IntegrityKind::Sha1)), PasswordAlgorithm::Sha256, IntegrityKind::Sha1),
        (md5, PasswordAlgorithm::Md5, IntegrityKind::Sha256),
        (modern.without(Username::TYPE).with(Userhash::TYPE, &hash), PasswordAlgorithm::Sha256, IntegrityKind::Sha256),
    ] {
        let identity = request.check(&authenticator).unwrap();
        assert_eq!(&*identity.username, "alice");
        assert_eq!((identity.password_algorithm, identity.integrity), (algorithm, integrity));
        assert_eq!(identity.key.as_bytes(), Key::derive(algorithm, "alice", REALM, "a").as_bytes());
    }
}

#[test]
fn section_9_2_4_in_its_order() {
    let authenticator = alice();
    let good = || Request::modern(&authenticator, "alice", "a");
    for (request, code, what) in [
        (good(), 200, "nothing is wrong"),
        (good().signed(None), 401, "no integrity"),
        (Request { attributes: vec![], ..good() }.signed(None), 401, "nothing at all"),
        (good().without(Username::TYPE), 400, "no USERNAME"),
        (good().without(Realm::TYPE), 400, "no REALM"),
        (good().without(NonceAttribute::TYPE), 400, "no NONCE"),
        (good().without(NonceAttribute::TYPE).signed(None), 401, "no integrity comes before no NONCE"),
        (good().replacing(NonceAttribute::TYPE, b"f//499k954d6OL34oL9FSTvy64sA"), 438, "somebody's nonce"),
        (good().replacing(NonceAttribute::TYPE, b""), 438, "an empty nonce"),
        (good().replacing(NonceAttribute::TYPE, &[0xff; 40]), 438, "a nonce that is no text"),
        (Request::modern(&authenticator, "carol", "a"), 401, "an unknown user"),
        (Request::modern(&authenticator, "alice", "b"), 401, "a wrong password"),
        (Request::modern(&authenticator, "", ""), 401, "an empty name"),
        (good().replacing(Username::TYPE, &[0xff, 0xfe]), 401, "a name that is no text"),
        (good().replacing(Username::TYPE, &[b'a'; 2_000]), 401, "a name of 2,000 bytes"),
        (good().replacing(Username::TYPE, b"bob"), 401, "somebody else's name"),
        (good().without(Username::TYPE).with(Userhash::TYPE, &[1; 32]), 401, "an unknown hash"),
        (good().without(Username::TYPE).with(Userhash::TYPE, &[1; 31]), 401, "a short hash"),
        (good().replacing(Realm::TYPE, b"example.com"), 401, "another realm"),
        (good().replacing(Realm::TYPE, b""), 401, "an empty realm"),
    ] {
        assert_eq!(request.code(&authenticator), code, "{what}");
    }
}

#[test]
fn a_stale_nonce_is_told_before_credentials_are_looked_at() {
    let authenticator = alice();
    for request in [
        Request::modern(&authenticator, "carol", "a"),
        Request::modern(&authenticator, "alice", "wrong"),
        Request::modern(&authenticator, "alice", "a"),
    ] {
        let bytes = request.bytes();
        let message = Message::from_bytes(&bytes).unwrap();
        let other_port = Client { address: "192.0.2.1:5001".parse().unwrap(), ..client() };
        let other_transport = Client { transport: Transport::Stream { id: 0 }, ..client() };
        let late = Now { monotonic: NOW.monotonic + Duration::from_secs(601), ..NOW };
        for (client, now) in [(other_port, NOW), (other_transport, NOW), (client(), late)] {
            let refusal = authenticator.check(&message, &client, now, None).unwrap_err();
            assert_eq!(refusal.code(), 438, "{client:?} {now:?}");
        }
    }
}

#[test]
fn nobody_is_bid_down() {
    let authenticator = alice();
    let modern = || Request::modern(&authenticator, "alice", "a");
    for (request, what) in [
        (modern().without(PasswordAlgorithms::TYPE), "the offer is not repeated"),
        (modern().without(PasswordAlgorithmAttribute::TYPE), "nothing is chosen"),
        (modern().replacing(PasswordAlgorithms::TYPE, &[0, 1, 0, 0]), "SHA-256 is gone from the offer"),
        (modern().replacing(PasswordAlgorithms::TYPE, &[0, 1, 0, 0, 0, 2, 0, 0]), "the offer is in another order"),
        (modern().replacing(PasswordAlgorithms::TYPE, &[0, 2, 0, 0]), "MD5 is gone from the offer"),
        (modern().replacing(PasswordAlgorithms::TYPE, &[]), "the offer is empty"),
        (modern().replacing(PasswordAlgorithmAttribute::TYPE, &[0, 3, 0, 0]), "an unknown algorithm"),
        (modern().replacing(PasswordAlgorithmAttribute::TYPE, &[0, 2, 0, 4, 0, 0, 0, 0]), "parameters"),
        (modern().replacing(PasswordAlgorithmAttribute::TYPE, &[0, 2]), "half an algorithm"),
        (modern().replacing(PasswordAlgorithmAttribute::TYPE, &[]), "an empty algorithm"),
    ] {
        assert_eq!(request.code(&authenticator), 400, "{what}");
    }
    // The other way is to clear the bits of the nonce on the way to the client and to set them again on the way back.
    let nonce = String::from_utf8(challenged_nonce(&authenticator)).unwrap();
    for features in ["AAAA", "QAAA", "gAAA"] {
        let changed = nonce.replacen("wAAA", features, 1);
        let request = Request::legacy(&authenticator, "alice", "a").replacing(NonceAttribute::TYPE, changed.as_bytes());
        assert_eq!(request.code(&authenticator), 438, "{changed}");
    }
}

#[test]
fn the_first_of_duplicate_attributes_counts() {
    let authenticator = alice();
    let good = || Request::modern(&authenticator, "alice", "a");
    let cases: [(AttributeType, &[u8], u16); 5] = [
        (Username::TYPE, b"bob", 401),
        (Realm::TYPE, b"example.com", 401),
        (NonceAttribute::TYPE, b"nonce", 438),
        (PasswordAlgorithms::TYPE, &[0, 1, 0, 0], 400),
        (PasswordAlgorithmAttribute::TYPE, &[0, 1, 0, 0], 401),
    ];
    for (attribute, value, code) in cases {
        assert_eq!(good().with(attribute, value).code(&authenticator), 200, "{attribute} again at the end");
        assert_eq!(good().with_first(attribute, value).code(&authenticator), code, "{attribute} again at the start");
    }
    let hash = userhash("bob", REALM);
    let identity = good().with(Userhash::TYPE, &hash).check(&authenticator).unwrap();
    assert_eq!(&*identity.username, "alice", "USERNAME came first");
}

#[test]
fn class_4_attributes_after_the_integrity_do_not_count() {
    let authenticator = alice();
    for missing in [Username::TYPE, Realm::TYPE, NonceAttribute::TYPE] {
        let complete = Request::legacy(&authenticator, "alice", "a");
        let (_, value) = complete.attributes.iter().find(|(known, _)| *known == missing).unwrap().clone();
        let mut bytes = complete.without(missing).bytes();
        push_attribute(&mut bytes, missing, &value);
        set_length(&mut bytes);
        assert_eq!(check(&authenticator, &bytes, None).unwrap_err().code(), 400, "{missing} comes too late");
    }
    let mut bytes = Request::legacy(&authenticator, "alice", "a").bytes();
    push_attribute(&mut bytes, Username::TYPE, b"bob");
    push_attribute(&mut bytes, PasswordAlgorithmAttribute::TYPE, &[0, 2, 0, 0]);
    set_length(&mut bytes);
    assert_eq!(&*check(&authenticator, &bytes, None).unwrap().username, "alice");
}

#[test]
fn a_malformed_integrity_is_a_bad_request_for_everybody() {
    let authenticator = alice();
    for (username, attribute, len) in [
        ("alice", MessageIntegrity::TYPE, 16),
        ("carol", MessageIntegrity::TYPE, 16),
        ("alice", MessageIntegritySha256::TYPE, 12),
        ("carol", MessageIntegritySha256::TYPE, 34),
    ] {
        let request = Request::legacy(&authenticator, username, "a").signed(None).with(attribute, &vec![0; len]);
        assert_eq!(request.code(&authenticator), 400, "{username} with {attribute} of {len} bytes");
    }
}

#[test]
fn no_changed_byte_is_let_in_and_none_panics() {
    let authenticator = alice();
    let legacy = Request::legacy(&authenticator, "alice", "a");
    for request in [&legacy, &Request::modern(&authenticator, "alice", "a")] {
        let bytes = request.bytes();
        let mut refused = 0;
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                let Ok(message) = Message::from_bytes(&changed) else { continue };
                let refusal = authenticator.check(&message, &client(), NOW, None);
                let refusal = refusal.expect_err(&format!("bit {bit} of byte {at}"));
                let mut out = Vec::new();
                authenticator.write_challenge(&message, &refusal, &client(), NOW, &mut out);
                Message::from_bytes(&out).expect("every challenge parses");
                refused += 1;
            }
        }
        assert!(refused > 4 * bytes.len(), "most changes leave a message that parses: {refused}");
    }
}

#[test]
fn secrets_rotate_with_two_valid_at_once() {
    for (secrets, accepted) in [
        (&["new secret"][..], [true, false]),
        (&["new secret", "old secret"], [true, true]),
        (&["old secret"], [false, true]),
    ] {
        let authenticator = authenticator(&[("static", "s")], secrets);
        for (password, accepted) in EPHEMERAL_PASSWORDS.into_iter().zip(accepted) {
            for request in [
                Request::legacy(&authenticator, EPHEMERAL, password),
                Request::modern(&authenticator, EPHEMERAL, password),
            ] {
                assert_eq!(request.code(&authenticator), if accepted { 200 } else { 401 }, "{secrets:?} {password}");
            }
        }
        assert_eq!(Request::modern(&authenticator, "static", "s").code(&authenticator), 200);
    }
}

#[test]
fn an_expired_ephemeral_name_is_unauthorized() {
    let authenticator = authenticator(&[], &["new secret"]);
    let bytes = Request::legacy(&authenticator, EPHEMERAL, EPHEMERAL_PASSWORDS[0]).bytes();
    let message = Message::from_bytes(&bytes).unwrap();
    for (unix_s, code) in [(1_700_000_000, 200), (1_700_000_001, 401)] {
        let result = authenticator.check(&message, &client(), Now { unix_s, ..NOW }, None);
        assert_eq!(result.map_or_else(|refusal| refusal.code(), |_| 200), code, "at {unix_s}");
    }
}

#[test]
fn an_allocation_outlives_its_secret_and_its_expiry() {
    let before = authenticator(&[("removed", "r")], &["new secret"]);
    let ephemeral = Request::legacy(&before, EPHEMERAL, EPHEMERAL_PASSWORDS[0]);
    let owner = ephemeral.check(&before).unwrap();
    let removed = Request::modern(&before, "removed", "r").check(&before).unwrap();
    let authenticator = authenticator(&[("alice", "a")], &["rotated"]);

    let later = Now { unix_s: NOW.unix_s + 86_400, ..NOW };
    let ask = |request: &Request, established: Option<&Identity>| {
        let bytes = request.bytes();
        let message = Message::from_bytes(&bytes).unwrap();
        let result = authenticator.check(&message, &client(), later, established);
        result.map_or_else(
            |refusal| refusal.code(),
            |identity| {
                assert_eq!(Some(&*identity.username), established.map(|known| &*known.username));
                200
            },
        )
    };
    assert_eq!(ask(&ephemeral, Some(&owner)), 200);
    assert_eq!(ask(&ephemeral, None), 401, "it makes no new allocation");
    let sha256 = ephemeral.clone().signed(Some(IntegrityKind::Sha256));
    assert_eq!(ask(&sha256, Some(&owner)), 200, "the kind of integrity may change");
    let hash = userhash("removed", REALM);
    let hashed = Request::modern(&authenticator, "removed", "r").without(Username::TYPE).with(Userhash::TYPE, &hash);
    assert_eq!(ask(&hashed, Some(&removed)), 200);
    assert_eq!(ask(&hashed, None), 401);
    let guess = Request::legacy(&authenticator, EPHEMERAL, "guess");
    assert_eq!(ask(&guess, Some(&owner)), 401);
}

#[test]
fn the_owner_may_change_its_password_but_not_its_name() {
    let authenticator = authenticator(&[("alice", "a"), ("bob", "b")], &["new secret", "old secret"]);
    let request = |password| Request::legacy(&authenticator, EPHEMERAL, password).bytes();
    let owner = check(&authenticator, &request(EPHEMERAL_PASSWORDS[1]), None).unwrap();
    let again = check(&authenticator, &request(EPHEMERAL_PASSWORDS[0]), Some(&owner)).unwrap();
    assert_eq!(again.username, owner.username);
    assert_ne!(again.key.as_bytes(), owner.key.as_bytes());

    let alice = Request::modern(&authenticator, "alice", "a").check(&authenticator).unwrap();
    let legacy = Request::legacy(&authenticator, "alice", "a").bytes();
    let changed = check(&authenticator, &legacy, Some(&alice)).unwrap();
    assert_eq!(changed.password_algorithm, PasswordAlgorithm::Md5, "and its algorithm");
    let mislabelled = Request { key: changed.key.clone(), ..Request::modern(&authenticator, "alice", "a") }.bytes();
    assert_eq!(
        check(&authenticator, &mislabelled, Some(&changed)).unwrap_err().code(),
        401,
        "a key of MD5 is not SHA-256's"
    );

    let bob = Request::modern(&authenticator, "bob", "b").bytes();
    match check(&authenticator, &bob, Some(&alice)).unwrap_err() {
        Refusal::WrongCredentials(identity) => assert_eq!(&*identity.username, "bob"),
        refusal => panic!("{refusal:?}"),
    }
    let stranger = Request::modern(&authenticator, "bob", "guess").bytes();
    assert_eq!(check(&authenticator, &stranger, Some(&alice)).unwrap_err().code(), 401, "441 is for valid users");
}

#[test]
fn a_reload_keeps_nonces_unless_the_offer_changes() {
    let request = Request::modern(&alice(), "alice", "a");
    assert_eq!(request.code(&authenticator(&[("alice", "a"), ("carol", "c")], &[])), 200);
    let authenticator = authenticator(&[("alice", "a")], &["new secret"]);
    assert_eq!(request.code(&authenticator), 438, "hashed names are no longer offered");
    assert_eq!(Request::modern(&authenticator, "alice", "a").code(&authenticator), 200);
}
