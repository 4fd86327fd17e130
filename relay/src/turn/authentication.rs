//! The long-term credential mechanism (RFC 8489, section 9.2) as TURN uses it (RFC 8656, section 5).
//!
//! **No request is acted on before [`Authenticator::check`] has said whose it is**, and nothing is stored to say it.
//! A request without credentials gets a challenge; its nonce proves the client's address when it comes back.

use std::sync::Arc;

use stun_types::{
    attribute::{
        AttributeType, ErrorCode, MessageIntegrity, MessageIntegritySha256, Nonce as NonceAttribute,
        PasswordAlgorithm as PasswordAlgorithmAttribute, PasswordAlgorithms, Realm, Userhash, Username,
    },
    data::Data,
    message::Message,
    prelude::{Attribute, AttributeStaticType},
};

use super::{
    Client, Now,
    credentials::{Credentials, userhash},
    integrity::{self, IntegrityError, IntegrityKind, Key, PasswordAlgorithm, verify},
    nonce::{NonceState, Nonces},
};

/// The value of PASSWORD-ALGORITHMS in every challenge: SHA-256, then MD5, neither with parameters.
const OFFERED_ALGORITHMS: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];

/// Who made a request, and how to sign the answer. A clone allocates nothing.
#[derive(Debug, Clone)]
pub struct Identity {
    /// USERNAME, also when the client sent USERHASH.
    pub username: Arc<str>,
    /// The key that the request was signed with; the answer is signed with it too.
    pub key: Key,
    /// The attribute that the request was signed with; the answer carries the same.
    pub integrity: IntegrityKind,
    /// How `key` was made.
    pub password_algorithm: PasswordAlgorithm,
}

/// Why a request is not acted on.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// There are no credentials, or wrong ones: 401 and a challenge.
    Unauthorized,
    /// The request cannot be checked, or was bid down: 400.
    BadRequest,
    /// The nonce is not, or is no longer, this client's: 438 and a challenge.
    StaleNonce,
    /// The credentials are right, but not those that made the allocation (RFC 8656, section 5): 441. The answer is
    /// signed for the identity that asked, because a client drops an unsigned one.
    WrongCredentials(Identity),
}

impl Refusal {
    /// The value of ERROR-CODE.
    pub fn code(&self) -> u16 {
        match self {
            Self::Unauthorized => ErrorCode::UNAUTHORIZED,
            Self::BadRequest => ErrorCode::BAD_REQUEST,
            Self::StaleNonce => ErrorCode::STALE_NONCE,
            Self::WrongCredentials(_) => ErrorCode::WRONG_CREDENTIALS,
        }
    }
}

/// Decides who made a request.
#[derive(Debug, Clone)]
pub struct Authenticator {
    credentials: Arc<Credentials>,
    nonces: Nonces,
    nobody: Key,
}

impl Authenticator {
    /// `nonce_key` must be random and secret; see [`Nonces`] for who may share it. With the key of another
    /// authenticator, as after a reload, that one's nonces stay valid unless what the credentials offer has changed.
    pub fn new(credentials: Arc<Credentials>, nonce_key: [u8; 32]) -> Self {
        let nonces = Nonces::new(nonce_key, credentials.security_features());
        Self { credentials, nonces, nobody: Key::nobody() }
    }

    /// The credentials in force.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Whose request `message` is (RFC 8489, section 9.2.4). `established` is who made the allocation on this 5-tuple,
    /// if there is one: that identity stays good when its secret is rotated out or its ephemeral name expires, so that
    /// a running call is never cut by either.
    ///
    /// The order differs from section 9.2.4 in one point: the nonce is checked before the credentials and not after
    /// them. Only who returns a nonce makes us hash, and no sender with a false address can.
    ///
    /// # Errors
    ///
    /// [`Refusal`] says what to answer; [`Self::write_challenge`] writes it.
    pub fn check(
        &self,
        message: &Message<'_>,
        client: &Client,
        now: Now,
        established: Option<&Identity>,
    ) -> Result<Identity, Refusal> {
        let attributes = Attributes::read(message);
        if !attributes.has_integrity {
            return Err(Refusal::Unauthorized);
        }
        let (Some(name), Some(realm), Some(nonce)) = (attributes.name, attributes.realm, attributes.nonce) else {
            return Err(Refusal::BadRequest);
        };
        if self.nonces.check(nonce, client, now.monotonic.as_secs()) == NonceState::Stale {
            return Err(Refusal::StaleNonce);
        }
        let algorithm = attributes.password_algorithm()?;
        // The realm is no secret, and a client of a realm from before a reload is told the new one by the challenge.
        if realm != self.credentials.realm().as_bytes() {
            return Err(Refusal::Unauthorized);
        }
        let username = self.username(name, established);
        if let Some(known) = established
            && username == Some(&*known.username)
            && algorithm == known.password_algorithm
            && let Some(integrity) = proves(message, &known.key)?
        {
            return Ok(Identity { integrity, ..known.clone() });
        }
        let identity = self.prove(message, username, algorithm, now)?;
        match established {
            Some(known) if known.username != identity.username => Err(Refusal::WrongCredentials(identity)),
            _ => Ok(identity),
        }
    }

    /// Writes the answer to a refused request in place of what is in `out`: an error response as small as it may be,
    /// with an empty reason and no SOFTWARE.
    pub fn write_challenge(
        &self,
        request: &Message<'_>,
        refusal: &Refusal,
        client: &Client,
        now: Now,
        out: &mut Vec<u8>,
    ) {
        let code = refusal.code();
        out.clear();
        out.extend_from_slice(&request.as_bytes()[..20]);
        // Both bits of the class make a request an error response (RFC 8489, section 5).
        out[0] |= 0x01;
        out[1] |= 0x10;
        push_attribute(out, ErrorCode::TYPE, &[0, 0, (code / 100) as u8, (code % 100) as u8]);
        match refusal {
            Refusal::Unauthorized | Refusal::StaleNonce => {
                let nonce = self.nonces.issue(client, now.monotonic.as_secs());
                push_attribute(out, Realm::TYPE, self.credentials.realm().as_bytes());
                push_attribute(out, NonceAttribute::TYPE, nonce.as_bytes());
                push_attribute(out, PasswordAlgorithms::TYPE, &OFFERED_ALGORITHMS);
            }
            Refusal::BadRequest | Refusal::WrongCredentials(_) => {}
        }
        let len = u16::try_from(out.len() - 20).expect("a realm is far shorter than 64 KiB");
        out[2..4].copy_from_slice(&len.to_be_bytes());
        if let Refusal::WrongCredentials(identity) = refusal {
            integrity::sign(out, &identity.key, identity.integrity);
        }
    }

    /// The name that the request gives or hashes, if it is text and can be found.
    fn username<'a>(&'a self, name: Name<'a>, established: Option<&'a Identity>) -> Option<&'a str> {
        match name {
            Name::Plain(bytes) => std::str::from_utf8(bytes).ok(),
            Name::Hashed(bytes) => {
                let hash = bytes.try_into().ok()?;
                // A user that a reload has removed is still found as the owner of the allocation.
                self.credentials.resolve_userhash(hash).or_else(|| {
                    let known = &*established?.username;
                    (userhash(known, self.credentials.realm()) == *hash).then_some(known)
                })
            }
        }
    }

    /// Tries the keys that `username` may have now.
    fn prove(
        &self,
        message: &Message<'_>,
        username: Option<&str>,
        algorithm: PasswordAlgorithm,
        now: Now,
    ) -> Result<Identity, Refusal> {
        let mut tried = false;
        if let Some(username) = username {
            for key in self.credentials.keys(username, algorithm, now.unix_s) {
                tried = true;
                if let Some(integrity) = proves(message, &key)? {
                    let username = self.credentials.share_name(username);
                    return Ok(Identity { username, key, integrity, password_algorithm: algorithm });
                }
            }
        }
        if !tried {
            // An unknown user takes as long as a wrong password, and so cannot be told from one.
            proves(message, &self.nobody)?;
        }
        Err(Refusal::Unauthorized)
    }
}

/// Whether `message` is signed with `key`, and with which attribute.
fn proves(message: &Message<'_>, key: &Key) -> Result<Option<IntegrityKind>, Refusal> {
    match verify(message, key) {
        Ok(kind) => Ok(Some(kind)),
        Err(IntegrityError::Mismatch) => Ok(None),
        Err(IntegrityError::Malformed | IntegrityError::Missing) => Err(Refusal::BadRequest),
    }
}

/// How a request names its user.
#[derive(Clone, Copy)]
enum Name<'a> {
    /// The value of USERNAME.
    Plain(&'a [u8]),
    /// The value of USERHASH.
    Hashed(&'a [u8]),
}

/// The attributes of the mechanism. Of duplicates the first counts (RFC 8489, section 14), and what follows the
/// integrity attribute does not (section 14.5); the parser's iterator has left it out.
#[derive(Default)]
struct Attributes<'a> {
    has_integrity: bool,
    name: Option<Name<'a>>,
    realm: Option<&'a [u8]>,
    nonce: Option<&'a [u8]>,
    algorithm: Option<&'a [u8]>,
    algorithms: Option<&'a [u8]>,
}

impl<'a> Attributes<'a> {
    fn read(message: &'a Message<'_>) -> Self {
        let mut read = Self::default();
        for (_, attribute) in message.iter_attributes() {
            let kind = attribute.get_type();
            let Data::Borrowed(value) = attribute.value else { continue };
            let value = value.take();
            match kind {
                MessageIntegrity::TYPE | MessageIntegritySha256::TYPE => read.has_integrity = true,
                Username::TYPE => _ = read.name.get_or_insert(Name::Plain(value)),
                Userhash::TYPE => _ = read.name.get_or_insert(Name::Hashed(value)),
                Realm::TYPE => _ = read.realm.get_or_insert(value),
                NonceAttribute::TYPE => _ = read.nonce.get_or_insert(value),
                PasswordAlgorithmAttribute::TYPE => _ = read.algorithm.get_or_insert(value),
                PasswordAlgorithms::TYPE => _ = read.algorithms.get_or_insert(value),
                _ => {}
            }
        }
        read
    }

    /// The bid-down check of section 9.2.4: a client that speaks of algorithms repeats our offer unchanged and takes
    /// one of it; one that does not gets MD5.
    fn password_algorithm(&self) -> Result<PasswordAlgorithm, Refusal> {
        match (self.algorithm, self.algorithms) {
            (None, None) => Ok(PasswordAlgorithm::Md5),
            (Some([0, 1, 0, 0]), Some(offer)) if offer == OFFERED_ALGORITHMS => Ok(PasswordAlgorithm::Md5),
            (Some([0, 2, 0, 0]), Some(offer)) if offer == OFFERED_ALGORITHMS => Ok(PasswordAlgorithm::Sha256),
            _ => Err(Refusal::BadRequest),
        }
    }
}

/// Appends an attribute, padded to a multiple of 4 bytes. The header's length is left to the caller.
fn push_attribute(out: &mut Vec<u8>, attribute: AttributeType, value: &[u8]) {
    let len = u16::try_from(value.len()).expect("a realm is far shorter than 64 KiB");
    out.extend_from_slice(&attribute.value().to_be_bytes());
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests;
