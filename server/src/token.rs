//! Signed tokens: who a guest is, and which place in which match they may come back to.
//!
//! **A token is believed for what it was made for and nothing else**: the audience tells them apart.

use std::time::{Duration, SystemTime};

use aws_lc_rs::rand;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::code::ErrorCode;

/// Longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 2048;
/// What names the key in a token's head, so that another one can stand beside it one day.
const KEY_ID: &str = "1";
const GUEST: &str = "muster:play";
const RESUME: &str = "muster:resume";

/// Makes and reads tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    lifetime: Duration,
}

/// Who plays.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Guest {
    /// Who they are, everywhere.
    #[serde(rename = "sub")]
    pub id: String,
    /// For people.
    pub name: String,
}

/// A place in a match.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// Whose.
    #[serde(rename = "sub")]
    pub player: String,
    /// In which match.
    #[serde(rename = "match")]
    pub match_id: String,
    /// The player's number there.
    pub number: u32,
}

#[derive(Serialize, Deserialize)]
struct Claims<T> {
    aud: String,
    iat: u64,
    exp: u64,
    #[serde(flatten)]
    about: T,
}

/// Characters that show nothing, or turn the direction of text round: with them a name would show as another one, or as none.
fn is_unseen(c: char) -> bool {
    let ranges = [
        '\u{ad}'..='\u{ad}',
        '\u{34f}'..='\u{34f}',
        '\u{61c}'..='\u{61c}',
        '\u{115f}'..='\u{1160}',
        '\u{17b4}'..='\u{17b5}',
        '\u{180b}'..='\u{180f}',
        '\u{200b}'..='\u{206f}',
        '\u{2800}'..='\u{2800}',
        '\u{3164}'..='\u{3164}',
        '\u{fe00}'..='\u{fe0d}',
        '\u{feff}'..='\u{feff}',
        '\u{ffa0}'..='\u{ffa0}',
        '\u{fff0}'..='\u{fffb}',
        '\u{e0000}'..='\u{e0fff}',
    ];
    c.is_control() || ranges.iter().any(|range| range.contains(&c))
}

impl Tokens {
    /// Tokens of a secret.
    pub fn new(secret: &str, lifetime: Duration) -> Self {
        let (encoding, decoding) =
            (EncodingKey::from_secret(secret.as_bytes()), DecodingKey::from_secret(secret.as_bytes()));
        Self { encoding, decoding, lifetime }
    }

    /// A new guest and their token. `None` if the name is none: 1 to 32 characters, no control characters, not only spaces.
    pub fn guest(&self, name: &str, now: SystemTime) -> Option<(Guest, String)> {
        let name = name.trim();
        if !(1..=32).contains(&name.chars().count()) || name.len() > 64 || name.chars().any(is_unseen) {
            return None;
        }
        let guest = Guest { id: format!("g-{}", random_hex::<12>()), name: name.into() };
        let token = self.sign(GUEST, &guest, now);
        Some((guest, token))
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// That it is none, or too old.
    pub fn read_guest(&self, token: &str) -> Result<Guest, ErrorCode> {
        self.read(GUEST, token)
    }

    /// A token for coming back.
    pub fn resume(&self, place: &Place, now: SystemTime) -> String {
        self.sign(RESUME, place, now)
    }

    /// Where a player comes back to.
    ///
    /// # Errors
    /// That it is none, or too old.
    pub fn read_resume(&self, token: &str) -> Result<Place, ErrorCode> {
        self.read(RESUME, token)
    }

    fn sign<T: Serialize>(&self, audience: &str, about: &T, now: SystemTime) -> String {
        let iat = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let claims = Claims { aud: audience.into(), iat, exp: iat + self.lifetime.as_secs(), about };
        let header = Header { kid: Some(KEY_ID.into()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, &self.encoding).expect("claims of text and numbers can be written")
    }

    fn read<T: DeserializeOwned + Clone>(&self, audience: &str, token: &str) -> Result<T, ErrorCode> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(ErrorCode::TokenInvalid);
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "aud"]);
        validation.leeway = 5;
        match jsonwebtoken::decode::<Claims<T>>(token, &self.decoding, &validation) {
            Ok(data) => Ok(data.claims.about),
            Err(error) if *error.kind() == ErrorKind::ExpiredSignature => Err(ErrorCode::TokenExpired),
            Err(_) => Err(ErrorCode::TokenInvalid),
        }
    }
}

/// `BYTES` random bytes as hexadecimal digits.
pub fn random_hex<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    rand::fill(&mut bytes).expect("the system gives random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A random number.
pub fn random_u64() -> u64 {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).expect("the system gives random bytes");
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::new("gXh4Z0l2b3J5LXRvd2VyLWJhdHRlcnktc3RhcGxl", Duration::from_secs(3600))
    }

    #[test]
    fn a_token_says_who_somebody_is_for_its_time() {
        let (guest, token) = tokens().guest("  Ada Łovelace ", SystemTime::now()).expect("it is a name");
        assert_eq!(guest.name, "Ada Łovelace");
        assert_eq!(tokens().read_guest(&token), Ok(guest));
        let (_, old) = tokens().guest("Ada", SystemTime::now() - Duration::from_secs(3700)).expect("it is a name");
        assert_eq!(tokens().read_guest(&old), Err(ErrorCode::TokenExpired));
    }

    #[test]
    fn a_token_of_another_kind_or_server_or_changed_is_none() {
        let place = Place { player: "g-1".into(), match_id: "m".into(), number: 3 };
        let resume = tokens().resume(&place, SystemTime::now());
        assert_eq!(tokens().read_resume(&resume), Ok(place));
        assert_eq!(tokens().read_guest(&resume), Err(ErrorCode::TokenInvalid));
        let other = Tokens::new("b3RoZXItdG93ZXItYmF0dGVyeS1zdGFwbGUtaG9yc2U", Duration::from_secs(9));
        assert_eq!(other.read_resume(&resume), Err(ErrorCode::TokenInvalid));
        for at in 0..resume.len() {
            let mut changed = resume.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("it is ASCII");
            // The last digit of a part has bits that do not count.
            let read = tokens().read_resume(&changed);
            assert!(read.is_err() || at + 1 == resume.len() || resume.as_bytes()[at + 1] == b'.', "{at}");
        }
        // No key at all: the algorithm `none`.
        assert_eq!(tokens().read_guest("eyJhbGciOiJub25lIn0.e30."), Err(ErrorCode::TokenInvalid));
        assert_eq!(tokens().read_guest(&"x".repeat(5000)), Err(ErrorCode::TokenInvalid));
    }

    #[test]
    fn names_are_text_of_a_size() {
        let is_name = |name: &str| tokens().guest(name, SystemTime::now()).is_some();
        for name in ["A", "Zoë 2", "名前", &"x".repeat(32)] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "   ",
            "a\nb",
            "a\u{202e}b",
            "a\u{61c}b",
            "\u{3164}",
            "\u{2800}\u{2800}",
            "\u{e0041}",
            &"x".repeat(33),
            "a\0b",
        ] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
