//! What one network may do: a network is an IPv4 address or an IPv6 /64.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::allowance::Allowance;
use crate::{code::ErrorCode, config::Limits};

/// Most networks that are remembered; beyond, newcomers wait.
const NETWORKS_MAX: usize = 65_536;

/// Counts by network.
pub struct Networks {
    limits: Limits,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    networks: BTreeMap<Ipv6Addr, Network>,
    connections: u32,
}

struct Network {
    connections: u32,
    arrivals: Allowance,
}

/// A connection that is counted as long as this is kept.
pub struct Admission {
    networks: Arc<Networks>,
    network: Ipv6Addr,
}

impl Networks {
    /// Nobody yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, table: Mutex::default() })
    }

    /// Somebody does something that is dear: makes a guest, opens a connection.
    ///
    /// # Errors
    /// [`ErrorCode::RateLimited`].
    pub fn arrive(&self, address: IpAddr, now: Instant) -> Result<(), ErrorCode> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        self.arrive_at(&mut table, network_of(address), now)
    }

    fn arrive_at(&self, table: &mut Table, network: Ipv6Addr, now: Instant) -> Result<(), ErrorCode> {
        if table.networks.len() >= NETWORKS_MAX && !table.networks.contains_key(&network) {
            table.networks.retain(|_, network| network.connections > 0 || !network.arrivals.is_full(now));
            if table.networks.len() >= NETWORKS_MAX {
                return Err(ErrorCode::RateLimited);
            }
        }
        let per_minute = self.limits.arrivals_per_minute;
        let entry = table.networks.entry(network).or_insert_with(|| {
            let arrivals = Allowance::new(per_minute, Duration::from_secs(60), per_minute, now);
            Network { connections: 0, arrivals }
        });
        if entry.arrivals.take(1, now) { Ok(()) } else { Err(ErrorCode::RateLimited) }
    }

    /// Somebody opens a connection.
    ///
    /// # Errors
    /// [`ErrorCode::RateLimited`] or [`ErrorCode::TooManyConnections`].
    pub fn admit(self: &Arc<Self>, address: IpAddr, now: Instant) -> Result<Admission, ErrorCode> {
        let network = network_of(address);
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        self.arrive_at(&mut table, network, now)?;
        if table.connections >= self.limits.connections {
            return Err(ErrorCode::TooManyConnections);
        }
        let entry = table.networks.get_mut(&network).expect("it has just arrived");
        if entry.connections >= self.limits.connections_per_network {
            return Err(ErrorCode::TooManyConnections);
        }
        entry.connections += 1;
        table.connections += 1;
        Ok(Admission { networks: self.clone(), network })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut table = self.networks.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.connections = table.connections.saturating_sub(1);
        if let Some(network) = table.networks.get_mut(&self.network) {
            network.connections = network.connections.saturating_sub(1);
        }
    }
}

fn network_of(address: IpAddr) -> Ipv6Addr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_own_share() {
        let limits = Limits { connections: 3, connections_per_network: 2, arrivals_per_minute: 4, ..Limits::default() };
        let networks = Networks::new(limits);
        let now = Instant::now();
        let ip = |text: &str| text.parse().expect("it is an address");
        let first = networks.admit(ip("192.0.2.1"), now).expect("there is room");
        let _second = networks.admit(ip("::ffff:192.0.2.1"), now).expect("there is room");
        assert_eq!(networks.admit(ip("192.0.2.1"), now).err(), Some(ErrorCode::TooManyConnections));
        let _other = networks.admit(ip("2001:db8::1"), now).expect("there is room");
        assert_eq!(networks.admit(ip("2001:db8:0:0:ffff::2"), now).err(), Some(ErrorCode::TooManyConnections));
        drop(first);
        let _again = networks.admit(ip("192.0.2.1"), now).expect("there is room again");
        assert_eq!(networks.admit(ip("192.0.2.1"), now).err(), Some(ErrorCode::RateLimited));
        assert_eq!(networks.arrive(ip("192.0.2.1"), now).err(), Some(ErrorCode::RateLimited));
        assert_eq!(networks.arrive(ip("192.0.2.1"), now + Duration::from_secs(16)).err(), None);
    }
}
