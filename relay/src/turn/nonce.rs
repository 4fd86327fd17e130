//! Nonces that need no memory of the client (RFC 8489, sections 9.2 and 18.1).
//!
//! **A nonce is valid only for the address and the socket it was given to**, so a client that returns one has proved
//! its address, and nothing was stored to learn it. The text is `obMatJos2`, the security features in 4 characters
//! of base64, then the time and a truncated HMAC-SHA256 in 19 more: 32 bytes, which need no padding. The features are
//! under the HMAC, so clearing a bit to bid a client down makes the nonce stale instead.

use std::{fmt, net::IpAddr};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

use super::{Client, Transport};

/// How long a nonce is valid, in seconds. RFC 8656, section 5, wants no more than an hour.
pub const LIFETIME_S: u64 = 600;
/// No nonce is longer than this, in bytes.
pub const NONCE_BYTES_MAX: usize = 32;

/// Starts every nonce that carries security features (RFC 8489, section 9.2).
const COOKIE: &[u8; 9] = b"obMatJos2";
/// Bytes of the time of issue, in seconds.
const TIME_BYTES: usize = 4;
/// Bytes of the HMAC that are kept. Forging one is guessing 80 bits online.
const TAG_BYTES: usize = 10;
/// The time and the HMAC in base64 without padding.
const TAIL_CHARACTERS: usize = 19;

/// What the server offers beyond RFC 5389, as told in the nonce (RFC 8489, section 18.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SecurityFeatures {
    /// PASSWORD-ALGORITHMS is offered.
    pub password_algorithms: bool,
    /// USERHASH is understood in place of USERNAME.
    pub username_anonymity: bool,
}

impl SecurityFeatures {
    /// The 24 bits; bit 0 of the registry is the most significant one.
    fn bits(self) -> [u8; 3] {
        [u8::from(self.password_algorithms) << 7 | u8::from(self.username_anonymity) << 6, 0, 0]
    }
}

/// Whether a nonce that came back is one of ours, for this client, and young enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceState {
    /// It is.
    Valid,
    /// It is too old, was given to somebody else, was changed, or never was ours. The client is told to take a new one.
    Stale,
}

/// The text of a nonce, held inline.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Nonce {
    bytes: [u8; NONCE_BYTES_MAX],
    len: u8,
}

impl Nonce {
    /// The value of the NONCE attribute: ASCII, at most [`NONCE_BYTES_MAX`] bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn push(&mut self, part: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + part.len()].copy_from_slice(part);
        self.len += part.len() as u8;
    }

    /// Appends `bytes` in base64 without padding.
    fn push_base64(&mut self, bytes: &[u8]) {
        let start = usize::from(self.len);
        let written = STANDARD_NO_PAD.encode_slice(bytes, &mut self.bytes[start..]).expect("the lengths add up to 32");
        self.len += written as u8;
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({})", self.as_bytes().escape_ascii())
    }
}

/// Issues nonces and knows its own again.
///
/// Workers may share a key only if they share the start of the clock too. They number their connections each for
/// itself, so a nonce for a connection of one may also be valid for a connection of another, but only for one from the
/// same address and port: that peer's handshake has proved the address, and a request still needs the user's key.
#[derive(Debug, Clone)]
pub struct Nonces {
    key: hmac::Key,
    features: SecurityFeatures,
}

impl Nonces {
    /// `key` must be random and secret. A new one makes every nonce stale, and so do other features with the same key.
    pub fn new(key: [u8; 32], features: SecurityFeatures) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), features }
    }

    /// A nonce for `client`. `now_s` is in seconds since any start that stays the same, and never goes back.
    pub fn issue(&self, client: &Client, now_s: u64) -> Nonce {
        // 32 bits wrap after 136 years; the difference in `check` wraps with them.
        self.write(client, (now_s as u32).to_be_bytes())
    }

    /// Whether `nonce`, as the client sent it, is valid for it now. Anything that cannot be ours costs no HMAC.
    pub fn check(&self, nonce: &[u8], client: &Client, now_s: u64) -> NonceState {
        let Some(time) = self.time_in(nonce) else { return NonceState::Stale };
        let age_s = (now_s as u32).wrapping_sub(u32::from_be_bytes(time));
        if u64::from(age_s) > LIFETIME_S {
            return NonceState::Stale;
        }
        // Comparing the whole text and not only the tag also refuses a second spelling of the same bits.
        match verify_slices_are_equal(self.write(client, time).as_bytes(), nonce) {
            Ok(()) => NonceState::Valid,
            Err(_) => NonceState::Stale,
        }
    }

    /// The time that a text of the right shape claims.
    fn time_in(&self, nonce: &[u8]) -> Option<[u8; TIME_BYTES]> {
        let tail = nonce.strip_prefix(self.head().as_bytes())?;
        let mut decoded = [0; TIME_BYTES + TAG_BYTES];
        if tail.len() != TAIL_CHARACTERS || STANDARD_NO_PAD.decode_slice(tail, &mut decoded) != Ok(decoded.len()) {
            return None;
        }
        decoded.first_chunk().copied()
    }

    /// The start of every nonce with these features; empty with none, because the cookie would promise some.
    fn head(&self) -> Nonce {
        let mut nonce = Nonce { bytes: [0; NONCE_BYTES_MAX], len: 0 };
        if self.features != SecurityFeatures::default() {
            nonce.push(COOKIE);
            nonce.push_base64(&self.features.bits());
        }
        nonce
    }

    fn write(&self, client: &Client, time: [u8; TIME_BYTES]) -> Nonce {
        let mut tail = [0; TIME_BYTES + TAG_BYTES];
        tail[..TIME_BYTES].copy_from_slice(&time);
        tail[TIME_BYTES..].copy_from_slice(&self.tag(client, time).as_ref()[..TAG_BYTES]);
        let mut nonce = self.head();
        nonce.push_base64(&tail);
        nonce
    }

    /// Every field has a fixed length, so no two clients give the same input.
    fn tag(&self, client: &Client, time: [u8; TIME_BYTES]) -> hmac::Tag {
        let (transport, socket) = match client.transport {
            Transport::Udp { listener } => (0, u64::from(listener)),
            Transport::Stream { id } => (1, id),
        };
        let address = match client.address.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&self.features.bits());
        context.update(&time);
        context.update(&[transport]);
        context.update(&socket.to_be_bytes());
        context.update(&client.address.port().to_be_bytes());
        context.update(&address.octets());
        context.sign()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEATURES: SecurityFeatures = SecurityFeatures { password_algorithms: true, username_anonymity: false };
    const NOW_S: u64 = 1_000;

    fn nonces(features: SecurityFeatures) -> Nonces {
        Nonces::new([7; 32], features)
    }

    fn udp(address: &str, listener: u8) -> Client {
        Client { address: address.parse().unwrap(), transport: Transport::Udp { listener } }
    }

    fn client() -> Client {
        udp("192.0.2.1:5000", 0)
    }

    #[test]
    fn the_text_is_short_and_tells_the_features() {
        for (password_algorithms, username_anonymity, head) in [
            (true, true, "obMatJos2wAAA"),
            (true, false, "obMatJos2gAAA"),
            (false, true, "obMatJos2QAAA"),
            (false, false, ""),
        ] {
            let features = SecurityFeatures { password_algorithms, username_anonymity };
            let nonce = nonces(features).issue(&client(), NOW_S);
            assert!(nonce.as_bytes().starts_with(head.as_bytes()), "{nonce:?}");
            assert_eq!(nonce.as_bytes().len(), head.len() + 19);
            assert_eq!(nonces(features).check(nonce.as_bytes(), &client(), NOW_S), NonceState::Valid);
        }
    }

    #[test]
    fn a_nonce_lives_ten_minutes() {
        let nonces = nonces(FEATURES);
        // The second start is just before the 32 bits of seconds wrap.
        for start_s in [NOW_S, u64::from(u32::MAX) - 5] {
            let nonce = nonces.issue(&client(), start_s);
            for (age_s, expect) in [(0, NonceState::Valid), (600, NonceState::Valid), (601, NonceState::Stale)] {
                assert_eq!(nonces.check(nonce.as_bytes(), &client(), start_s + age_s), expect, "{age_s} s");
            }
            assert_eq!(nonces.check(nonce.as_bytes(), &client(), start_s - 1), NonceState::Stale, "from the future");
        }
    }

    #[test]
    fn a_nonce_is_bound_to_address_port_and_transport() {
        let nonces = nonces(FEATURES);
        let nonce = nonces.issue(&client(), NOW_S);
        let stream = |id| Client { transport: Transport::Stream { id }, ..client() };
        for other in [
            udp("192.0.2.1:5001", 0),
            udp("192.0.2.2:5000", 0),
            udp("[2001:db8::1]:5000", 0),
            udp("192.0.2.1:5000", 1),
            stream(0),
            stream(1),
        ] {
            assert_eq!(nonces.check(nonce.as_bytes(), &other, NOW_S), NonceState::Stale, "{other:?}");
        }
        let nonce = nonces.issue(&stream(1), NOW_S);
        assert_eq!(nonces.check(nonce.as_bytes(), &stream(1), NOW_S), NonceState::Valid);
        assert_eq!(nonces.check(nonce.as_bytes(), &stream(2), NOW_S), NonceState::Stale);
    }

    #[test]
    fn no_changed_byte_is_valid() {
        let nonces = nonces(FEATURES);
        let nonce = nonces.issue(&client(), NOW_S);
        for at in 0..nonce.as_bytes().len() {
            for mask in 1..=255u8 {
                let mut changed = nonce.as_bytes().to_vec();
                changed[at] ^= mask;
                assert_eq!(nonces.check(&changed, &client(), NOW_S), NonceState::Stale, "byte {at} xor {mask:#x}");
            }
            assert_eq!(nonces.check(&nonce.as_bytes()[..at], &client(), NOW_S), NonceState::Stale, "cut to {at}");
        }
        let longer = [nonce.as_bytes(), b"A"].concat();
        assert_eq!(nonces.check(&longer, &client(), NOW_S), NonceState::Stale);
        assert_eq!(nonces.check(&[b'A'; 763], &client(), NOW_S), NonceState::Stale);
    }

    #[test]
    fn features_cannot_be_changed_without_the_key() {
        // A server that stopped offering a feature, and one that never did, both refuse what says otherwise; and the
        // bits are under the HMAC, not only in front of it.
        let both = SecurityFeatures { password_algorithms: true, username_anonymity: true };
        let nonce = nonces(both).issue(&client(), NOW_S);
        let nonces = nonces(FEATURES);
        assert_eq!(nonces.check(nonce.as_bytes(), &client(), NOW_S), NonceState::Stale);
        let mut respelled = nonce.as_bytes().to_vec();
        respelled[..13].copy_from_slice(b"obMatJos2gAAA");
        assert_eq!(nonces.check(&respelled, &client(), NOW_S), NonceState::Stale);
    }

    #[test]
    fn another_key_knows_nothing() {
        let nonce = nonces(FEATURES).issue(&client(), NOW_S);
        assert_eq!(Nonces::new([8; 32], FEATURES).check(nonce.as_bytes(), &client(), NOW_S), NonceState::Stale);
    }
}
