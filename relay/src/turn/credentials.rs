//! Who may use the relay: static users, and ephemeral names that a shared secret vouches for.
//!
//! An ephemeral name is `timestamp:user` or only `timestamp`, where the timestamp (seconds since 1970) is when it
//! stops to be valid; its password is base64(HMAC-SHA1(secret, name)). coturn made this the convention of TURN
//! services. Names and passwords are compared byte for byte: an operator stores them as OpaqueString leaves them.

use std::{slice, sync::Arc};

use aws_lc_rs::{digest, hmac};
use base64::{Engine, engine::general_purpose::STANDARD};

use crate::config::User;

use super::{
    integrity::{Key, PasswordAlgorithm},
    nonce::SecurityFeatures,
};

/// Longest USERNAME, in bytes (RFC 8489, section 14.3). A longer one is nobody's.
pub const USERNAME_BYTES_MAX: usize = 508;

/// Everything that is known about users. It never changes; a reload makes another one.
#[derive(Debug)]
pub struct Credentials {
    realm: Box<str>,
    /// Sorted by name.
    users: Box<[StaticUser]>,
    /// Sorted by hash; the number is an index of `users`.
    userhashes: Box<[([u8; 32], usize)]>,
    secrets: Box<[hmac::Key]>,
}

/// A static user with both keys made in advance, so that a request costs one HMAC and no key derivation.
#[derive(Debug)]
struct StaticUser {
    name: Arc<str>,
    md5: Key,
    sha256: Key,
}

impl Credentials {
    /// Of two users with one name the first counts. An empty secret vouches for nobody, for anyone could sign with it.
    ///
    /// `auth_secrets` should be few: each is one more HMAC for a wrong password.
    pub fn new(realm: &str, users: &[User], auth_secrets: &[String]) -> Self {
        let mut users: Vec<StaticUser> = users
            .iter()
            .map(|User { name, password }| StaticUser {
                name: name.as_str().into(),
                md5: Key::derive(PasswordAlgorithm::Md5, name, realm, password),
                sha256: Key::derive(PasswordAlgorithm::Sha256, name, realm, password),
            })
            .collect();
        users.sort_by(|a, b| a.name.cmp(&b.name));
        users.dedup_by(|later, earlier| later.name == earlier.name);
        let mut userhashes: Vec<_> =
            users.iter().enumerate().map(|(index, user)| (userhash(&user.name, realm), index)).collect();
        userhashes.sort_unstable();
        Self {
            realm: realm.into(),
            users: users.into(),
            userhashes: userhashes.into(),
            secrets: auth_secrets
                .iter()
                .filter(|secret| !secret.is_empty())
                .map(|secret| hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes()))
                .collect(),
        }
    }

    /// The realm of every user.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The keys that `username` may sign with at `unix_s` seconds since 1970: none for an unknown or expired name, one
    /// for a static user, one a secret for an ephemeral name. A static user's name is never taken for an ephemeral one.
    pub fn keys<'a>(&'a self, username: &'a str, algorithm: PasswordAlgorithm, unix_s: u64) -> Keys<'a> {
        let mut keys = Keys { fixed: None, secrets: [].iter(), username, realm: &self.realm, algorithm };
        if let Some(user) = self.static_user(username) {
            keys.fixed = Some(match algorithm {
                PasswordAlgorithm::Md5 => &user.md5,
                PasswordAlgorithm::Sha256 => &user.sha256,
            });
        } else if username.len() <= USERNAME_BYTES_MAX && expiry_s(username).is_some_and(|end_s| unix_s <= end_s) {
            keys.secrets = self.secrets.iter();
        }
        keys
    }

    /// The static user whose USERHASH this is (RFC 8489, section 14.4). Ephemeral names cannot be found this way.
    pub fn resolve_userhash(&self, hash: &[u8; 32]) -> Option<&str> {
        let found = self.userhashes.binary_search_by(|(known, _)| known.cmp(hash)).ok()?;
        let (_, index) = self.userhashes[found];
        Some(&self.users[index].name)
    }

    /// Whose quota `username` counts against: the part after the colon of an ephemeral name, otherwise all of it.
    ///
    /// The answer may change with a reload, so what was counted must be remembered and not asked again.
    pub fn account<'a>(&self, username: &'a str) -> &'a str {
        match username.split_once(':') {
            Some((time, user)) if !self.secrets.is_empty() && is_time(time) && self.static_user(username).is_none() => {
                user
            }
            _ => username,
        }
    }

    /// What challenges offer. Hashed names only if every name can be found by its hash.
    pub fn security_features(&self) -> SecurityFeatures {
        SecurityFeatures {
            password_algorithms: true,
            username_anonymity: !self.users.is_empty() && self.secrets.is_empty(),
        }
    }

    /// `username` in a form that is cheap to keep: no allocation for a static user.
    pub(super) fn share_name(&self, username: &str) -> Arc<str> {
        match self.static_user(username) {
            Some(user) => Arc::clone(&user.name),
            None => username.into(),
        }
    }

    fn static_user(&self, username: &str) -> Option<&StaticUser> {
        let found = self.users.binary_search_by(|user| (*user.name).cmp(username)).ok()?;
        Some(&self.users[found])
    }
}

/// The candidate keys of one name, made as they are asked for.
#[derive(Debug)]
pub struct Keys<'a> {
    fixed: Option<&'a Key>,
    secrets: slice::Iter<'a, hmac::Key>,
    username: &'a str,
    realm: &'a str,
    algorithm: PasswordAlgorithm,
}

impl Iterator for Keys<'_> {
    type Item = Key;

    fn next(&mut self) -> Option<Key> {
        if let Some(key) = self.fixed.take() {
            return Some(key.clone());
        }
        let password = password_of(self.secrets.next()?, self.username);
        let password = std::str::from_utf8(&password).expect("base64 is ASCII");
        Some(Key::derive(self.algorithm, self.username, self.realm, password))
    }
}

/// The password of an ephemeral name.
fn password_of(secret: &hmac::Key, username: &str) -> [u8; 28] {
    let mut password = [0; 28];
    let tag = hmac::sign(secret, username.as_bytes());
    STANDARD.encode_slice(tag, &mut password).expect("20 bytes are 28 characters");
    password
}

/// An ephemeral name of `user` that is good until `expires_s` seconds since 1970, and its password: what a service that
/// shares a secret with the relay gives to its users.
pub fn ephemeral(auth_secret: &str, user: &str, expires_s: u64) -> (String, String) {
    let username = format!("{expires_s}:{user}");
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_secret.as_bytes());
    let password = password_of(&key, &username).into_iter().map(char::from).collect();
    (username, password)
}

/// The value of USERHASH for a name (RFC 8489, section 14.4).
pub fn userhash(username: &str, realm: &str) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    [username, ":", realm].iter().for_each(|part| hash.update(part.as_bytes()));
    hash.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// When an ephemeral name stops to be valid; nothing if it is none, or its time is beyond 64 bits.
fn expiry_s(username: &str) -> Option<u64> {
    let time = username.split_once(':').map_or(username, |(time, _)| time);
    // `u64::from_str` alone would also take a plus sign.
    if is_time(time) { time.parse().ok() } else { None }
}

fn is_time(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: u64 = 1_700_000_000;

    fn users(pairs: &[(&str, &str)]) -> Vec<User> {
        pairs.iter().map(|(name, password)| User { name: (*name).into(), password: (*password).into() }).collect()
    }

    fn credentials(pairs: &[(&str, &str)], secrets: &[&str]) -> Credentials {
        let secrets: Vec<String> = secrets.iter().map(ToString::to_string).collect();
        Credentials::new("example.org", &users(pairs), &secrets)
    }

    fn key_texts(keys: impl Iterator<Item = Key>) -> Vec<Vec<u8>> {
        keys.map(|key| key.as_bytes().to_vec()).collect()
    }

    fn expected(algorithm: PasswordAlgorithm, name: &str, passwords: &[&str]) -> Vec<Vec<u8>> {
        key_texts(passwords.iter().map(|password| Key::derive(algorithm, name, "example.org", password)))
    }

    #[test]
    fn what_a_service_gives_out_is_believed_until_its_time() {
        let (username, password) = ephemeral("shared", "alice", NOW_S);
        let credentials = credentials(&[], &["older", "shared"]);
        for algorithm in [PasswordAlgorithm::Md5, PasswordAlgorithm::Sha256] {
            let keys = key_texts(credentials.keys(&username, algorithm, NOW_S));
            assert_eq!(keys[1..], expected(algorithm, &username, &[&password]));
            assert_eq!(credentials.keys(&username, algorithm, NOW_S + 1).count(), 0);
        }
        assert_eq!(credentials.account(&username), "alice");
    }

    #[test]
    fn a_static_user_has_one_key_an_algorithm() {
        let credentials = credentials(&[("bob", "b"), ("alice", "a"), ("alice", "never")], &[]);
        for algorithm in [PasswordAlgorithm::Md5, PasswordAlgorithm::Sha256] {
            for (name, passwords) in [("alice", &["a"][..]), ("bob", &["b"]), ("carol", &[]), ("", &[]), ("Alice", &[])]
            {
                let keys = key_texts(credentials.keys(name, algorithm, NOW_S));
                assert_eq!(keys, expected(algorithm, name, passwords), "{name}");
            }
        }
    }

    #[test]
    fn every_secret_vouches_for_an_ephemeral_name() {
        // The passwords come from `printf NAME | openssl dgst -sha1 -hmac SECRET -binary | base64`.
        let name = "1700000000:alice";
        let credentials = credentials(&[], &["new secret", "", "old secret"]);
        let keys = key_texts(credentials.keys(name, PasswordAlgorithm::Md5, NOW_S));
        assert_eq!(
            keys,
            expected(PasswordAlgorithm::Md5, name, &["sj5sJmtlMK/LVd1I2btYIoPFnRs=", "XdKuX6UXzb23ZLtsuX5bzHRQoeU="])
        );
    }

    #[test]
    fn an_ephemeral_name_ends_with_its_time() {
        let credentials = credentials(&[("1699999999:static", "s")], &["secret"]);
        for (name, count) in [
            ("1700000000:alice", 1),
            ("1700000001:alice", 1),
            ("1699999999:alice", 0),
            ("1700000000", 1),
            ("1699999999", 0),
            ("1700000000:", 1),
            ("1700000000:a:b", 1),
            ("18446744073709551615:alice", 1),
            ("18446744073709551616:alice", 0),
            ("+1700000000:alice", 0),
            ("-1:alice", 0),
            (" 1700000000:alice", 0),
            ("alice:1700000000", 0),
            (":alice", 0),
            ("alice", 0),
            ("", 0),
            ("1699999999:static", 1),
        ] {
            assert_eq!(credentials.keys(name, PasswordAlgorithm::Sha256, NOW_S).count(), count, "{name:?}");
        }
        let longest = format!("1700000000:{}", "a".repeat(USERNAME_BYTES_MAX - 11));
        assert_eq!(credentials.keys(&longest, PasswordAlgorithm::Md5, NOW_S).count(), 1);
        assert_eq!(credentials.keys(&(longest + "a"), PasswordAlgorithm::Md5, NOW_S).count(), 0);
    }

    #[test]
    fn a_userhash_finds_static_users_only() {
        let credentials = credentials(&[("bob", "b"), ("alice", "a"), ("carol", "c")], &["secret"]);
        for name in ["alice", "bob", "carol"] {
            assert_eq!(credentials.resolve_userhash(&userhash(name, "example.org")), Some(name));
            assert_eq!(credentials.resolve_userhash(&userhash(name, "example.com")), None);
        }
        assert_eq!(credentials.resolve_userhash(&userhash("1700000000:alice", "example.org")), None);
        assert_eq!(credentials.resolve_userhash(&[0; 32]), None);
        assert_eq!(userhash("alice", "example.org"), stun_types::attribute::Userhash::compute("alice", "example.org"));
    }

    #[test]
    fn an_account_is_the_user_behind_an_ephemeral_name() {
        let both = credentials(&[("12:static", "s"), ("plain", "p")], &["secret"]);
        for (name, account) in [
            ("1700000000:alice", "alice"),
            ("1:a:b", "a:b"),
            ("1700000000", "1700000000"),
            ("12:static", "12:static"),
            ("plain", "plain"),
            ("alice:1700000000", "alice:1700000000"),
            (":alice", ":alice"),
        ] {
            assert_eq!(both.account(name), account);
        }
        assert_eq!(credentials(&[("x", "y")], &[]).account("1:alice"), "1:alice");
    }

    #[test]
    fn hashed_names_are_offered_only_if_all_can_be_found() {
        for (pairs, secrets, username_anonymity) in [
            (&[("a", "b")][..], &[][..], true),
            (&[("a", "b")], &["secret"], false),
            (&[], &["secret"], false),
            (&[], &[], false),
        ] {
            let expect = SecurityFeatures { password_algorithms: true, username_anonymity };
            assert_eq!(credentials(pairs, secrets).security_features(), expect);
        }
    }
}
