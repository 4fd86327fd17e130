//! stub
#![allow(missing_docs, dead_code)]
use super::{integrity::*, *};
use stun_types::message::Message;
#[derive(Debug, Clone)]
pub struct Identity {
    pub username: std::sync::Arc<str>,
    pub key: Key,
    pub integrity: IntegrityKind,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Unauthorized,
    BadRequest,
    StaleNonce,
    WrongCredentials,
}
impl Refusal {
    pub fn code(self) -> u16 {
        401
    }
}
#[derive(Debug)]
pub struct Authenticator;
impl Authenticator {
    pub fn account<'a>(&self, u: &'a str) -> &'a str {
        u
    }
    pub fn check(&self, _m: &Message<'_>, _c: &Client, _n: Now, _e: Option<&Identity>) -> Result<Identity, Refusal> {
        Err(Refusal::BadRequest)
    }
    pub fn write_challenge(&self, _m: &Message<'_>, _r: Refusal, _c: &Client, _n: Now, _o: &mut Vec<u8>) {}
}
