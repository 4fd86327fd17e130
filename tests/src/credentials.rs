//! Who a client says it is.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};

/// A name and a password, static or ephemeral.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// USERNAME.
    pub name: String,
    /// Password.
    pub password: String,
}

impl Account {
    /// A static account.
    pub fn new(name: &str, password: &str) -> Self {
        Self { name: name.to_owned(), password: password.to_owned() }
    }

    /// The shared-secret scheme: the name is `expiry:user`, the password the base64 of the name's HMAC-SHA1.
    ///
    /// # Panics
    /// When the clock stands before 1970.
    pub fn ephemeral(secret: &str, user: &str, valid_s: u64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set").as_secs();
        let name = format!("{}:{user}", now + valid_s);
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        let password = STANDARD.encode(hmac::sign(&key, name.as_bytes()));
        Self { name, password }
    }
}
