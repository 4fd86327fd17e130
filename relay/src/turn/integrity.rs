//! MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256 (RFC 8489, sections 9.2.2, 14.5 and 14.6), and FINGERPRINT (14.7).
//!
//! **How a key was made from the password and which hash signs the message are independent**: a key of MD5 may sign
//! with HMAC-SHA256 and the other way round. `stun-types` ties the two together, so only its parser is used here.

#[cfg(test)]
mod vectors;

use std::fmt;

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, hmac};
use md5::{Digest, Md5};
use stun_types::{
    attribute::{Fingerprint, MessageIntegrity, MessageIntegritySha256},
    message::Message,
    prelude::{Attribute, AttributeStaticType},
};

/// Bytes of the STUN header.
const HEADER_BYTES: usize = 20;
/// Bytes of an attribute's type and length.
const ATTRIBUTE_HEADER_BYTES: usize = 4;
/// XORed into FINGERPRINT's CRC-32, "STUN" in ASCII (RFC 8489, section 14.7).
const FINGERPRINT_XOR: u32 = 0x5354_554e;

/// How a long-term key is made from a password (RFC 8489, section 18.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PasswordAlgorithm {
    /// MD5, which every client speaks.
    Md5,
    /// SHA-256.
    Sha256,
}

/// Which attribute proved a message, and so which one its answer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IntegrityKind {
    /// MESSAGE-INTEGRITY.
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256.
    Sha256,
}

/// Why a message is not proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntegrityError {
    /// The message has neither MESSAGE-INTEGRITY nor MESSAGE-INTEGRITY-SHA256 where one counts.
    Missing,
    /// The attribute has a length that it cannot have, or the message is not as long as it says.
    Malformed,
    /// The message was not signed with this key, or was changed on its way.
    Mismatch,
}

impl fmt::Display for IntegrityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the message has no integrity attribute",
            Self::Malformed => "the message's integrity attribute is malformed",
            Self::Mismatch => "the message was not signed with this key",
        })
    }
}

impl std::error::Error for IntegrityError {}

/// A long-term key: 16 bytes of MD5 or 32 of SHA-256, held inline so that a copy allocates nothing.
#[derive(Clone)]
pub struct Key {
    bytes: [u8; 32],
    len: u8,
}

impl Key {
    /// The key of a user (RFC 8489, sections 9.2.2 and 18.5.1). The strings are taken as they are, byte for byte.
    pub fn derive(algorithm: PasswordAlgorithm, username: &str, realm: &str, password: &str) -> Self {
        let parts = [username, ":", realm, ":", password];
        match algorithm {
            PasswordAlgorithm::Md5 => {
                let mut hash = Md5::new();
                parts.iter().for_each(|part| hash.update(part));
                Self::from_hash(&hash.finalize())
            }
            PasswordAlgorithm::Sha256 => {
                let mut hash = digest::Context::new(&digest::SHA256);
                parts.iter().for_each(|part| hash.update(part.as_bytes()));
                Self::from_hash(hash.finish().as_ref())
            }
        }
    }

    /// A key that belongs to nobody, for spending on an unknown user the time that a known one costs.
    pub(super) fn nobody() -> Self {
        Self::from_hash(&[0; 16])
    }

    fn from_hash(hash: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes[..hash.len()].copy_from_slice(hash);
        Self { bytes, len: hash.len() as u8 }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn hmac(&self, kind: IntegrityKind, parts: [&[u8]; 2]) -> hmac::Tag {
        let algorithm = match kind {
            IntegrityKind::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            IntegrityKind::Sha256 => hmac::HMAC_SHA256,
        };
        let mut context = hmac::Context::with_key(&hmac::Key::new(algorithm, self.as_bytes()));
        parts.iter().for_each(|part| context.update(part));
        context.sign()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is as good as the password, so it must not reach a log.
        f.write_str("Key(..)")
    }
}

/// Checks that `message` was signed with `key`, and says with which attribute.
///
/// With both attributes present MESSAGE-INTEGRITY-SHA256 decides, so that nobody who can only forge SHA-1 gains from
/// adding it. A truncated MESSAGE-INTEGRITY-SHA256 is accepted down to 16 bytes. The comparison takes the same time
/// whatever the bytes are.
///
/// What is proved is everything before the attribute; `Message::iter_attributes` yields nothing unproved after it but
/// FINGERPRINT.
///
/// # Errors
///
/// [`IntegrityError`] says which check failed; a message whose length field is not the length of its bytes is
/// malformed.
pub fn verify(message: &Message<'_>, key: &Key) -> Result<IntegrityKind, IntegrityError> {
    let bytes = message.as_bytes();
    if declared_len(bytes) != bytes.len() {
        return Err(IntegrityError::Malformed);
    }
    let mut found = None;
    for (offset, attribute) in message.iter_attributes() {
        let kind = match attribute.get_type() {
            MessageIntegrity::TYPE => IntegrityKind::Sha1,
            MessageIntegritySha256::TYPE => IntegrityKind::Sha256,
            _ => continue,
        };
        // The iterator yields SHA-1 and then SHA-256 at most once each, so the last one found is the one to prefer.
        found = Some((kind, offset, attribute.value.len()));
    }
    let (kind, offset, len) = found.ok_or(IntegrityError::Missing)?;
    let well_formed = match kind {
        IntegrityKind::Sha1 => len == 20,
        IntegrityKind::Sha256 => (16..=32).contains(&len) && len.is_multiple_of(4),
    };
    if !well_formed {
        return Err(IntegrityError::Malformed);
    }
    let value_at = offset + ATTRIBUTE_HEADER_BYTES;
    let value = bytes.get(value_at..value_at + len).ok_or(IntegrityError::Malformed)?;
    // The HMAC covers a header whose length field ends with this attribute, whatever follows it (section 14.5).
    let start = header_start(bytes, value_at + len);
    let tag = key.hmac(kind, [&start, &bytes[4..offset]]);
    verify_slices_are_equal(&tag.as_ref()[..len], value).map_err(|_| IntegrityError::Mismatch)?;
    Ok(kind)
}

/// Appends the attribute of `kind` to a message that is complete but for it and FINGERPRINT, and corrects its length.
///
/// # Panics
///
/// If `message` is shorter than a STUN header or would be longer than the length field can say: both are mistakes of
/// the caller, never of a client.
pub fn sign(message: &mut Vec<u8>, key: &Key, kind: IntegrityKind) {
    let (attribute, len) = match kind {
        IntegrityKind::Sha1 => (MessageIntegrity::TYPE, 20),
        IntegrityKind::Sha256 => (MessageIntegritySha256::TYPE, 32),
    };
    append_last(message, attribute.value(), len, |message| key.hmac(kind, [message, &[]]));
}

/// Appends FINGERPRINT to a complete message and corrects its length.
///
/// # Panics
///
/// As [`sign`].
pub fn append_fingerprint(message: &mut Vec<u8>) {
    append_last(message, Fingerprint::TYPE.value(), 4, |message| {
        let crc = u32::from_be_bytes(Fingerprint::compute(&[message]));
        (crc ^ FINGERPRINT_XOR).to_be_bytes()
    });
}

/// Appends an attribute whose value is computed over the message before it, with a length that already includes it.
/// `len` is a multiple of 4.
fn append_last<V: AsRef<[u8]>>(message: &mut Vec<u8>, attribute: u16, len: u16, value: impl FnOnce(&[u8]) -> V) {
    assert!(message.len() >= HEADER_BYTES, "a STUN message has a header");
    let start = header_start(message, message.len() + ATTRIBUTE_HEADER_BYTES + usize::from(len));
    message[..4].copy_from_slice(&start);
    let value = value(message);
    message.extend_from_slice(&attribute.to_be_bytes());
    message.extend_from_slice(&len.to_be_bytes());
    message.extend_from_slice(&value.as_ref()[..usize::from(len)]);
}

/// The first four bytes of the header of `message` if it ended at `end`: its type, and that length.
fn header_start(message: &[u8], end: usize) -> [u8; 4] {
    let len = u16::try_from(end - HEADER_BYTES).expect("a STUN message fits into its length field");
    let [high, low] = len.to_be_bytes();
    [message[0], message[1], high, low]
}

/// How many bytes a message has by its own length field.
fn declared_len(message: &[u8]) -> usize {
    HEADER_BYTES + usize::from(u16::from_be_bytes([message[2], message[3]]))
}

#[cfg(test)]
mod tests {
    use stun_types::{
        attribute::{AttributeType, RawAttribute},
        message::{BINDING, MessageWriteVec},
        prelude::{MessageWrite, MessageWriteExt},
    };

    use super::*;

    fn key(algorithm: PasswordAlgorithm) -> Key {
        Key::derive(algorithm, "alice", "example.org", "secret")
    }

    fn plain() -> Vec<u8> {
        let mut message = Message::builder_request(BINDING, MessageWriteVec::new());
        message.add_attribute(&RawAttribute::new(AttributeType::new(0x8022), b"seven b")).unwrap();
        message.finish()
    }

    fn check(bytes: &[u8], key: &Key) -> Result<IntegrityKind, IntegrityError> {
        verify(&Message::from_bytes(bytes).unwrap(), key)
    }

    /// Appends a raw attribute and corrects the length.
    fn append(message: &mut Vec<u8>, attribute: u16, value: &[u8]) {
        message.extend_from_slice(&attribute.to_be_bytes());
        message.extend_from_slice(&(value.len() as u16).to_be_bytes());
        message.extend_from_slice(value);
        message.resize(message.len().next_multiple_of(4), 0);
        let start = header_start(message, message.len());
        message[..4].copy_from_slice(&start);
    }

    /// Appends a MESSAGE-INTEGRITY-SHA256 cut to `len` bytes, as a client that truncates does.
    fn sign_truncated(message: &mut Vec<u8>, key: &Key, len: usize) {
        let start = header_start(message, message.len() + 4 + len);
        let tag = key.hmac(IntegrityKind::Sha256, [&start, &message[4..]]);
        append(message, 0x001c, &tag.as_ref()[..len]);
    }

    #[test]
    fn any_key_signs_with_any_kind() {
        for algorithm in [PasswordAlgorithm::Md5, PasswordAlgorithm::Sha256] {
            for kind in [IntegrityKind::Sha1, IntegrityKind::Sha256] {
                let mut message = plain();
                sign(&mut message, &key(algorithm), kind);
                assert_eq!(check(&message, &key(algorithm)), Ok(kind));
                append_fingerprint(&mut message);
                assert_eq!(check(&message, &key(algorithm)), Ok(kind), "a fingerprint after it changes nothing");
                let other = Key::derive(algorithm, "alice", "example.org", "Secret");
                assert_eq!(check(&message, &other), Err(IntegrityError::Mismatch));
            }
        }
    }

    #[test]
    fn sha256_decides_when_both_are_present() {
        let (good, bad) = (key(PasswordAlgorithm::Md5), key(PasswordAlgorithm::Sha256));
        for (sha1, sha256, expect) in [
            (&good, &good, Ok(IntegrityKind::Sha256)),
            (&bad, &good, Ok(IntegrityKind::Sha256)),
            (&good, &bad, Err(IntegrityError::Mismatch)),
        ] {
            let mut message = plain();
            sign(&mut message, sha1, IntegrityKind::Sha1);
            sign(&mut message, sha256, IntegrityKind::Sha256);
            assert_eq!(check(&message, &good), expect);
        }
    }

    #[test]
    fn sha256_may_be_truncated_to_sixteen_bytes() {
        let key = key(PasswordAlgorithm::Sha256);
        for len in (0..=32).step_by(4) {
            let mut message = plain();
            sign_truncated(&mut message, &key, len);
            let expect = if len >= 16 { Ok(IntegrityKind::Sha256) } else { Err(IntegrityError::Malformed) };
            assert_eq!(check(&message, &key), expect, "{len} bytes");
        }
        for len in [17, 18, 19, 31, 33, 36] {
            let mut message = plain();
            append(&mut message, 0x001c, &[0; 36][..len]);
            assert_eq!(check(&message, &key), Err(IntegrityError::Malformed), "{len} bytes");
        }
    }

    #[test]
    fn sha1_has_one_length() {
        for len in [0, 4, 16, 19, 21, 24] {
            let mut message = plain();
            append(&mut message, 0x0008, &[0; 24][..len]);
            assert_eq!(check(&message, &key(PasswordAlgorithm::Md5)), Err(IntegrityError::Malformed), "{len} bytes");
        }
    }

    #[test]
    fn an_attribute_between_the_two_hides_the_second() {
        let key = key(PasswordAlgorithm::Md5);
        let mut message = plain();
        sign(&mut message, &key, IntegrityKind::Sha1);
        append(&mut message, 0x0012, &[0; 8]);
        sign(&mut message, &key, IntegrityKind::Sha256);
        assert_eq!(check(&message, &key), Ok(IntegrityKind::Sha1));
    }

    #[test]
    fn a_second_attribute_of_the_same_kind_does_not_count() {
        let (good, bad) = (key(PasswordAlgorithm::Md5), key(PasswordAlgorithm::Sha256));
        for kind in [IntegrityKind::Sha1, IntegrityKind::Sha256] {
            let mut message = plain();
            sign(&mut message, &bad, kind);
            sign(&mut message, &good, kind);
            assert_eq!(check(&message, &good), Err(IntegrityError::Mismatch));
            assert_eq!(check(&message, &bad), Ok(kind));
        }
    }

    #[test]
    fn nothing_to_verify_is_missing() {
        assert_eq!(check(&plain(), &key(PasswordAlgorithm::Md5)), Err(IntegrityError::Missing));
        let mut message = plain();
        append_fingerprint(&mut message);
        assert_eq!(check(&message, &key(PasswordAlgorithm::Md5)), Err(IntegrityError::Missing));
    }

    #[test]
    fn bytes_past_the_declared_length_are_malformed() {
        let key = key(PasswordAlgorithm::Md5);
        let mut message = plain();
        let len = message.len();
        sign(&mut message, &key, IntegrityKind::Sha1);
        let start = header_start(&message, len);
        message[..4].copy_from_slice(&start);
        assert_eq!(check(&message, &key), Err(IntegrityError::Malformed));
    }

    #[test]
    fn no_changed_byte_verifies_and_no_cut_panics() {
        let key = key(PasswordAlgorithm::Sha256);
        for kind in [IntegrityKind::Sha1, IntegrityKind::Sha256] {
            let mut message = plain();
            sign(&mut message, &key, kind);
            for at in 0..message.len() {
                for mask in 1..=255u8 {
                    let mut changed = message.clone();
                    changed[at] ^= mask;
                    let proved = Message::from_bytes(&changed).ok().and_then(|parsed| verify(&parsed, &key).ok());
                    assert_eq!(proved, None, "byte {at} xor {mask:#x}");
                }
                let proved = Message::from_bytes(&message[..at]).ok().and_then(|parsed| verify(&parsed, &key).ok());
                assert_eq!(proved, None, "cut to {at} bytes");
            }
        }
    }

    #[test]
    fn a_key_does_not_print_itself() {
        assert_eq!(format!("{:?}", key(PasswordAlgorithm::Md5)), "Key(..)");
    }
}
