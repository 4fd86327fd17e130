//! stub
#![allow(missing_docs, dead_code)]
use std::net::*;
#[derive(Debug)]
pub struct PeerPolicy;
impl PeerPolicy {
    pub fn judge(&self, _a: SocketAddr) -> Result<(), ()> {
        Ok(())
    }
    pub fn judge_ip(&self, _a: IpAddr) -> Result<(), ()> {
        Ok(())
    }
}
