//! What one network may do: a network is an IPv4 address or an IPv6 /64.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::allowance::Allowance;
use crate::{code::ErrorCode, config::Limits};

/// Most networks that are remembered; beyond, newcomers wait.
const NETWORKS_MAX: usize = 65_536;
/// How often those are looked through for some that can be forgotten, when there is no room.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// TCP connections of one network beyond those of its WebSockets, for pages and lists.
const PAGE_CONNECTIONS: u32 = 64;
/// Looks at lists and replays for each arrival that a network has: a lobby that is open looks all the time, and must not
/// keep those of its network out who come to play.
const LOOKS_PER_ARRIVAL: u32 = 8;

/// Counts by network.
pub struct Networks {
    limits: Limits,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    networks: BTreeMap<Ipv6Addr, Network>,
    connections: u32,
    swept: Option<Instant>,
}

struct Network {
    /// TCP connections, those of WebSockets included.
    visits: u32,
    /// WebSockets.
    connections: u32,
    arrivals: Allowance,
    looks: Allowance,
}

impl Network {
    fn may_be_forgotten(&self, now: Instant) -> bool {
        self.visits == 0 && self.connections == 0 && self.arrivals.is_full(now) && self.looks.is_full(now)
    }
}

impl Table {
    /// What is known of a network, from now on if not before.
    fn network(&mut self, network: Ipv6Addr, limits: &Limits, now: Instant) -> Option<&mut Network> {
        if self.networks.len() >= NETWORKS_MAX && !self.networks.contains_key(&network) {
            // Whoever has so many networks has each of their newcomers cost little.
            if self.swept.is_some_and(|swept| now.saturating_duration_since(swept) < SWEEP_EVERY) {
                return None;
            }
            self.swept = Some(now);
            self.networks.retain(|_, network| !network.may_be_forgotten(now));
            if self.networks.len() >= NETWORKS_MAX {
                return None;
            }
        }
        let minute = Duration::from_secs(60);
        Some(self.networks.entry(network).or_insert_with(|| {
            let (arrivals, looks) =
                (limits.arrivals_per_minute, limits.arrivals_per_minute.saturating_mul(LOOKS_PER_ARRIVAL));
            Network {
                visits: 0,
                connections: 0,
                arrivals: Allowance::new(arrivals, minute, arrivals, now),
                looks: Allowance::new(looks, minute, looks, now),
            }
        }))
    }
}

/// A TCP connection that is counted as long as this is kept.
pub struct Visit {
    networks: Arc<Networks>,
    network: Ipv6Addr,
}

/// A WebSocket that is counted as long as this is kept.
pub struct Admission {
    networks: Arc<Networks>,
    network: Ipv6Addr,
}

impl Networks {
    /// Nobody yet.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, table: Mutex::default() })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody opens a TCP connection, for whatever.
    ///
    /// # Errors
    /// [`ErrorCode::TooManyConnections`].
    pub fn visit(self: &Arc<Self>, address: IpAddr, now: Instant) -> Result<Visit, ErrorCode> {
        let network = network_of(address);
        let mut table = self.table();
        let entry = table.network(network, &self.limits, now).ok_or(ErrorCode::TooManyConnections)?;
        if entry.visits >= self.limits.connections_per_network.saturating_add(PAGE_CONNECTIONS) {
            return Err(ErrorCode::TooManyConnections);
        }
        entry.visits += 1;
        Ok(Visit { networks: self.clone(), network })
    }

    /// Somebody does something that is dear: makes a guest, opens a WebSocket.
    ///
    /// # Errors
    /// [`ErrorCode::RateLimited`].
    pub fn arrive(&self, address: IpAddr, now: Instant) -> Result<(), ErrorCode> {
        self.arrive_at(&mut self.table(), network_of(address), now)
    }

    fn arrive_at(&self, table: &mut Table, network: Ipv6Addr, now: Instant) -> Result<(), ErrorCode> {
        let entry = table.network(network, &self.limits, now).ok_or(ErrorCode::RateLimited)?;
        if entry.arrivals.take(1, now) { Ok(()) } else { Err(ErrorCode::RateLimited) }
    }

    /// Somebody looks at a list or a replay.
    ///
    /// # Errors
    /// [`ErrorCode::RateLimited`].
    pub fn look(&self, address: IpAddr, now: Instant) -> Result<(), ErrorCode> {
        let mut table = self.table();
        let entry = table.network(network_of(address), &self.limits, now).ok_or(ErrorCode::RateLimited)?;
        if entry.looks.take(1, now) { Ok(()) } else { Err(ErrorCode::RateLimited) }
    }

    /// Somebody opens a WebSocket.
    ///
    /// # Errors
    /// [`ErrorCode::RateLimited`] or [`ErrorCode::TooManyConnections`].
    pub fn admit(self: &Arc<Self>, address: IpAddr, now: Instant) -> Result<Admission, ErrorCode> {
        let network = network_of(address);
        let mut table = self.table();
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

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some(network) = self.networks.table().networks.get_mut(&self.network) {
            network.visits = network.visits.saturating_sub(1);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut table = self.networks.table();
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

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("it is an address")
    }

    #[test]
    fn a_network_has_its_own_share() {
        let limits = Limits { connections: 3, connections_per_network: 2, arrivals_per_minute: 4, ..Limits::default() };
        let networks = Networks::new(limits);
        let now = Instant::now();
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

    #[test]
    fn a_network_has_so_many_tcp_connections_and_looks_and_others_theirs() {
        let limits = Limits { connections_per_network: 2, arrivals_per_minute: 1, ..Limits::default() };
        let networks = Networks::new(limits);
        let now = Instant::now();
        let (own, other) = (ip("192.0.2.1"), ip("192.0.2.2"));
        let mut visits: Vec<Visit> = std::iter::from_fn(|| networks.visit(own, now).ok()).take(1000).collect();
        assert_eq!(visits.len() as u32, 2 + PAGE_CONNECTIONS);
        assert!(networks.visit(other, now).is_ok());
        visits.pop();
        visits.extend(networks.visit(own, now));
        assert_eq!(visits.len() as u32, 2 + PAGE_CONNECTIONS);
        assert_eq!((0..100).filter(|_| networks.look(own, now).is_ok()).count() as u32, LOOKS_PER_ARRIVAL);
        assert_eq!(networks.look(other, now), Ok(()));
        assert_eq!(networks.arrive(own, now), Ok(()), "who looks may still come");
    }

    #[test]
    fn a_full_table_forgets_only_who_has_nothing_open() {
        let networks = Networks::new(Limits::default());
        let now = Instant::now();
        let address = |number: u32| IpAddr::from(std::net::Ipv4Addr::from_bits(number));
        let kept = networks.visit(address(0), now).expect("there is room");
        for number in 1..NETWORKS_MAX as u32 {
            networks.look(address(number), now).expect("there is room");
        }
        assert!(networks.visit(address(1 << 20), now).is_err(), "nobody can be forgotten yet");
        assert!(networks.visit(address(0), now).is_ok(), "who is known may");
        let soon = now + SWEEP_EVERY / 2;
        assert!(networks.visit(address(1 << 20), soon).is_err(), "it was looked a moment ago");
        assert!(networks.visit(address(1 << 20), now + Duration::from_secs(2)).is_ok());
        assert_eq!(networks.table().networks.len(), 2);
        drop(kept);
    }
}
