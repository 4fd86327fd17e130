//! How many allocations a user, an address and the whole relay may have, over all workers.
//!
//! Touched when an allocation is made or ends, never by a datagram; so one lock is enough.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use crate::config::Limits;

/// Which limit an allocation would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaExceeded {
    /// The user has as many as it may: 486.
    User,
    /// The client's address has as many as it may: 486.
    Address,
    /// The relay is full: 508.
    Relay,
}

impl QuotaExceeded {
    /// The error code that tells the client.
    pub const fn code(self) -> u16 {
        match self {
            Self::User | Self::Address => 486,
            Self::Relay => 508,
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    relay: u32,
    users: HashMap<Arc<str>, u32>,
    addresses: HashMap<IpAddr, u32>,
}

/// Counts of live allocations.
#[derive(Debug, Default)]
pub struct Quotas {
    counts: Mutex<Counts>,
}

impl Quotas {
    /// Counts one more allocation of `account` from `address`.
    ///
    /// # Errors
    /// When a limit is reached; nothing is counted then.
    pub fn take(&self, account: &Arc<str>, address: IpAddr, limits: &Limits) -> Result<(), QuotaExceeded> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network(address);
        if counts.relay >= limits.allocations {
            return Err(QuotaExceeded::Relay);
        }
        if counts.users.get(account).is_some_and(|&count| count >= limits.allocations_per_user) {
            return Err(QuotaExceeded::User);
        }
        if counts.addresses.get(&address).is_some_and(|&count| count >= limits.allocations_per_address) {
            return Err(QuotaExceeded::Address);
        }
        counts.relay += 1;
        *counts.users.entry(Arc::clone(account)).or_default() += 1;
        *counts.addresses.entry(address).or_default() += 1;
        Ok(())
    }

    /// Counts one allocation less. Every successful [`Quotas::take`] is followed by one call, with the same arguments.
    pub fn give_back(&self, account: &Arc<str>, address: IpAddr) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network(address);
        counts.relay -= 1;
        // An entry that reaches zero goes, so that the tables are no larger than what is live.
        if let Some(count) = counts.users.get_mut(account) {
            *count -= 1;
            if *count == 0 {
                counts.users.remove(account);
            }
        }
        if let Some(count) = counts.addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.addresses.remove(&address);
            }
        }
    }

    /// Live allocations of the whole relay.
    pub fn live(&self) -> u32 {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).relay
    }
}

/// One customer of an IPv6 network usually has a /64 of addresses, so that is what is counted.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_refuses_with_its_code_and_counts_come_back() {
        let limits =
            Limits { allocations: 3, allocations_per_user: 2, allocations_per_address: 2, ..Limits::default() };
        let quotas = Quotas::default();
        let (ann, bob, cid): (Arc<str>, Arc<str>, Arc<str>) = ("ann".into(), "bob".into(), "cid".into());
        let home: IpAddr = "2001:db8::1".parse().unwrap();
        let same_network: IpAddr = "2001:db8::2".parse().unwrap();
        let office: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(quotas.take(&ann, home, &limits), Ok(()));
        assert_eq!(quotas.take(&ann, same_network, &limits), Ok(()));
        assert_eq!(quotas.take(&ann, office, &limits), Err(QuotaExceeded::User));
        assert_eq!(quotas.take(&bob, home, &limits), Err(QuotaExceeded::Address), "a /64 is one address");
        assert_eq!(quotas.take(&bob, office, &limits), Ok(()));
        assert_eq!(quotas.take(&cid, office, &limits), Err(QuotaExceeded::Relay));
        assert_eq!(QuotaExceeded::Relay.code(), 508);
        quotas.give_back(&ann, home);
        assert_eq!(quotas.take(&cid, office, &limits), Ok(()));
        quotas.give_back(&ann, same_network);
        quotas.give_back(&bob, office);
        quotas.give_back(&cid, office);
        assert_eq!(quotas.live(), 0);
        let counts = quotas.counts.lock().unwrap();
        assert!(counts.users.is_empty() && counts.addresses.is_empty(), "no entry outlives its allocations");
    }
}
