//! How many connections and handshakes the whole relay and one client may have.
//!
//! **Whoever was admitted holds a permit, and the count goes down when the permit is dropped and at no other time**, so
//! no way of ending a connection can forget to give its place back. All workers share one [`StreamLimits`]; it is
//! touched when a connection is accepted and when it is closed, never for a frame.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

/// Why a connection was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The relay has as many connections as it may.
    Total,
    /// The client's address (an IPv6 client's /64) has as many connections as it may.
    Address,
}

/// Counts shared by all workers.
#[derive(Debug)]
pub struct StreamLimits {
    connections_max: AtomicU32,
    per_address_max: AtomicU32,
    handshakes_max: AtomicU32,
    connections: AtomicU32,
    handshakes: AtomicU32,
    by_network: Mutex<HashMap<IpAddr, Counts>>,
}

/// What one network has now. An entry is there only while something is counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    connections: u32,
    handshakes: u32,
}

/// One network may have this part of all handshakes under way, so that nobody shuts the others out alone...
const HANDSHAKES_PART: u32 = 8;

/// ...but always as many as this, so that a few clients behind one address translator get on.
const HANDSHAKES_LEAST: u32 = 16;

impl StreamLimits {
    /// At most `connections` at once, `per_address` of them from one IPv4 address or IPv6 /64, and `handshakes` TLS
    /// handshakes under way.
    pub fn new(connections: u32, per_address: u32, handshakes: u32) -> Self {
        Self {
            connections_max: connections.into(),
            per_address_max: per_address.into(),
            handshakes_max: handshakes.into(),
            connections: 0.into(),
            handshakes: 0.into(),
            by_network: Mutex::default(),
        }
    }

    /// Changes the limits for those who come from now on; nobody who is in is turned out.
    pub fn set(&self, connections: u32, per_address: u32, handshakes: u32) {
        self.connections_max.store(connections, Relaxed);
        self.per_address_max.store(per_address, Relaxed);
        self.handshakes_max.store(handshakes, Relaxed);
    }

    /// Counts one more connection from `address`.
    ///
    /// # Errors
    /// [`Refusal`] when a limit is reached; nothing is counted then.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Permit, Refusal> {
        if !take(&self.connections, &self.connections_max) {
            return Err(Refusal::Total);
        }
        let network = network(address);
        let mut by_network = self.networks();
        let now = by_network.get(&network).map_or(0, |counts| counts.connections);
        if now >= self.per_address_max.load(Relaxed) {
            drop(by_network);
            self.connections.fetch_sub(1, Relaxed);
            return Err(Refusal::Address);
        }
        by_network.entry(network).or_default().connections += 1;
        drop(by_network);
        Ok(Permit { limits: Arc::clone(self), network })
    }

    /// Counts one more handshake with `address`; `None` when as many are under way as may be, with everybody or with
    /// its network, which may have an eighth of them and at least 16.
    pub fn begin_handshake(self: &Arc<Self>, address: IpAddr) -> Option<HandshakePermit> {
        let network = network(address);
        let part = (self.handshakes_max.load(Relaxed) / HANDSHAKES_PART).max(HANDSHAKES_LEAST);
        let mut by_network = self.networks();
        let now = by_network.get(&network).map_or(0, |counts| counts.handshakes);
        if now >= part || !take(&self.handshakes, &self.handshakes_max) {
            return None;
        }
        by_network.entry(network).or_default().handshakes += 1;
        Some(HandshakePermit { limits: Arc::clone(self), network })
    }

    /// Connections now.
    pub fn connections(&self) -> u32 {
        self.connections.load(Relaxed)
    }

    /// Handshakes under way now.
    pub fn handshakes(&self) -> u32 {
        self.handshakes.load(Relaxed)
    }

    /// Addresses (IPv6: networks) that have a connection now.
    pub fn networks_connected(&self) -> usize {
        self.networks().len()
    }

    /// The counts stay true even if a thread died while it held them: every change under the lock is one step.
    fn networks(&self) -> MutexGuard<'_, HashMap<IpAddr, Counts>> {
        self.by_network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes something off the counts of a network, and the entry away with the last.
    fn take_off(&self, network: IpAddr, change: impl FnOnce(&mut Counts)) {
        if let Entry::Occupied(mut entry) = self.networks().entry(network) {
            change(entry.get_mut());
            if *entry.get() == Counts::default() {
                entry.remove();
            }
        }
    }
}

/// Adds one to `count` unless it has reached `max`.
fn take(count: &AtomicU32, max: &AtomicU32) -> bool {
    let max = max.load(Relaxed);
    count.fetch_update(Relaxed, Relaxed, |now| (now < max).then_some(now + 1)).is_ok()
}

/// What a client cannot cheaply have more than one of: an IPv4 address in any of its spellings, or an IPv6 /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// The place of one connection.
#[derive(Debug)]
pub struct Permit {
    limits: Arc<StreamLimits>,
    network: IpAddr,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limits.connections.fetch_sub(1, Relaxed);
        self.limits.take_off(self.network, |counts| counts.connections -= 1);
    }
}

/// The place of one handshake.
#[derive(Debug)]
pub struct HandshakePermit {
    limits: Arc<StreamLimits>,
    network: IpAddr,
}

impl Drop for HandshakePermit {
    fn drop(&mut self) {
        self.limits.handshakes.fetch_sub(1, Relaxed);
        self.limits.take_off(self.network, |counts| counts.handshakes -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_refuses_and_gives_back() {
        let limits = Arc::new(StreamLimits::new(3, 2, 1));
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        let first = limits.admit(one).unwrap();
        let second = limits.admit(mapped).unwrap();
        assert_eq!(limits.admit(one).unwrap_err(), Refusal::Address, "the mapped spelling is the same client");
        assert_eq!(limits.connections(), 2, "a refusal counts nothing");
        let third = limits.admit("2001:db8::1".parse().unwrap()).unwrap();
        assert_eq!(limits.admit("198.51.100.7".parse().unwrap()).unwrap_err(), Refusal::Total);
        drop((first, second));
        let fourth = limits.admit("2001:db8::ffff:0:0:2".parse().unwrap()).unwrap();
        assert_eq!(limits.admit("2001:db8::3".parse().unwrap()).unwrap_err(), Refusal::Address, "one /64");
        assert_eq!(limits.networks_connected(), 1);
        drop((third, fourth));
        assert_eq!((limits.connections(), limits.networks_connected()), (0, 0));

        let handshake = limits.begin_handshake(one).unwrap();
        assert!(limits.begin_handshake(one).is_none());
        drop(handshake);
        assert_eq!(limits.handshakes(), 0);
    }

    #[test]
    fn a_limit_of_none_admits_nobody_and_remembers_nobody() {
        let limits = Arc::new(StreamLimits::new(1, 0, 0));
        assert_eq!(limits.admit("192.0.2.1".parse().unwrap()).unwrap_err(), Refusal::Address);
        assert_eq!(limits.networks_connected(), 0);
        limits.set(1, 1, 1);
        assert!(limits.admit("192.0.2.1".parse().unwrap()).is_ok());
    }
    #[test]
    fn one_network_cannot_take_every_handshake() {
        let limits = Arc::new(StreamLimits::new(1_000, 1_000, 160));
        let flooder: IpAddr = "192.0.2.1".parse().unwrap();
        let taken: Vec<_> = std::iter::from_fn(|| limits.begin_handshake(flooder)).collect();
        assert_eq!(taken.len(), 20);
        assert!(limits.begin_handshake("198.51.100.7".parse().unwrap()).is_some());
        drop(taken);
        assert_eq!((limits.handshakes(), limits.networks_connected()), (0, 0));
    }
}
