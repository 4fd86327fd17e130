//! Who owns which relayed port, for all workers.
//!
//! One byte a port: 0 is free, otherwise the owning worker's number plus one. **A port is taken by one compare-and-swap
//! from free, and only its owner gives it back**, so no lock is needed, and a worker that sees a datagram for one of our
//! own relayed addresses knows at once whose it is (hairpin).

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    sync::atomic::{AtomicU8, Ordering::Relaxed},
};

use rand::{Rng, RngExt};

/// Ports that one pick looks at before it gives up; a table that is nearly full is scanned whole.
const RANDOM_PICKS: usize = 16;

/// One address that relayed sockets are bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayAddress {
    /// What sockets are bound to.
    pub internal: IpAddr,
    /// What clients are told; the same unless the host is behind a one-to-one NAT.
    pub external: IpAddr,
}

/// The ports of every relay address.
#[derive(Debug)]
pub struct RelayedPorts {
    range: RangeInclusive<u16>,
    addresses: Vec<(RelayAddress, Box<[AtomicU8]>)>,
}

impl RelayedPorts {
    /// An empty table for `addresses`, with ports of `range` to give away.
    pub fn new(addresses: &[RelayAddress], range: RangeInclusive<u16>) -> Self {
        let ports = usize::from(*range.end()) - usize::from(*range.start()) + 1;
        let table = || (0..ports).map(|_| AtomicU8::new(0)).collect();
        Self { addresses: addresses.iter().map(|&address| (address, table())).collect(), range }
    }

    /// Takes a random free port of address number `address` for `worker`. `even` asks for an even one; `pair` for an
    /// even one whose successor is free too, and takes both.
    pub fn take(&self, address: usize, worker: u8, even: bool, pair: bool, random: &mut impl Rng) -> Option<u16> {
        let random_port = |random: &mut _| Self::draw(&self.range, random);
        let first = random_port(random);
        let scan = self.range.clone().cycle_from(first);
        (0..RANDOM_PICKS)
            .map(|_| random_port(random))
            .chain(scan)
            .filter(|port| !(even || pair) || port % 2 == 0)
            .find(|&port| self.take_exactly(address, worker, port, pair))
    }

    fn draw(range: &RangeInclusive<u16>, random: &mut impl Rng) -> u16 {
        random.random_range(range.clone())
    }

    fn take_exactly(&self, address: usize, worker: u8, port: u16, pair: bool) -> bool {
        if !self.swap(address, port, 0, worker + 1) {
            return false;
        }
        if !pair {
            return true;
        }
        let successor_taken = port.checked_add(1).is_some_and(|next| self.swap(address, next, 0, worker + 1));
        if !successor_taken {
            self.give_back(address, port);
        }
        successor_taken
    }

    /// Makes `worker` the owner of a port that `from` holds: a reservation made on one worker and used on another.
    pub fn hand_over(&self, address: usize, port: u16, from: u8, worker: u8) -> bool {
        self.swap(address, port, from + 1, worker + 1)
    }

    /// Frees a port. Only its owner calls this.
    pub fn give_back(&self, address: usize, port: u16) {
        if let Some(owner) = self.slot(address, port) {
            owner.store(0, Relaxed);
        }
    }

    /// The worker that owns the relayed address `at`, which is in internal form.
    pub fn owner(&self, at: SocketAddr) -> Option<u8> {
        let address = self.position(at.ip())?;
        self.slot(address, at.port())?.load(Relaxed).checked_sub(1)
    }

    /// Which relay address has this internal IP.
    pub fn position(&self, internal: IpAddr) -> Option<usize> {
        self.addresses.iter().position(|(address, _)| address.internal == internal)
    }

    /// Which relay addresses have this family, in the order of the configuration.
    pub fn of_family(&self, ipv6: bool) -> impl Iterator<Item = usize> {
        let family = self.addresses.iter().enumerate();
        family.filter(move |(_, (address, _))| address.internal.is_ipv6() == ipv6).map(|(position, _)| position)
    }

    /// Relay address number `position`.
    pub fn address(&self, position: usize) -> RelayAddress {
        self.addresses[position].0
    }

    /// The internal form of an address that may be the external form of one of ours.
    pub fn inward(&self, at: SocketAddr) -> SocketAddr {
        let ours = self.addresses.iter().find(|(address, _)| address.external == at.ip());
        ours.map_or(at, |(address, _)| SocketAddr::new(address.internal, at.port()))
    }

    /// The external form of an address that may be the internal form of one of ours.
    pub fn outward(&self, at: SocketAddr) -> SocketAddr {
        let ours = self.addresses.iter().find(|(address, _)| address.internal == at.ip());
        ours.map_or(at, |(address, _)| SocketAddr::new(address.external, at.port()))
    }

    /// Where `port` stands in a table that covers the range.
    pub fn offset(&self, port: u16) -> Option<usize> {
        self.range.contains(&port).then(|| usize::from(port - self.range.start()))
    }

    /// How many ports each address has.
    pub fn ports_per_address(&self) -> usize {
        usize::from(*self.range.end()) - usize::from(*self.range.start()) + 1
    }

    /// How many relay addresses there are.
    pub fn addresses(&self) -> usize {
        self.addresses.len()
    }

    fn slot(&self, address: usize, port: u16) -> Option<&AtomicU8> {
        self.addresses.get(address)?.1.get(self.offset(port)?)
    }

    fn swap(&self, address: usize, port: u16, from: u8, to: u8) -> bool {
        self.slot(address, port).is_some_and(|owner| owner.compare_exchange(from, to, Relaxed, Relaxed).is_ok())
    }
}

/// Walks a whole range once, from somewhere in its middle.
trait CycleFrom {
    fn cycle_from(self, first: u16) -> impl Iterator<Item = u16>;
}

impl CycleFrom for RangeInclusive<u16> {
    fn cycle_from(self, first: u16) -> impl Iterator<Item = u16> {
        (first..=*self.end()).chain(*self.start()..first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    fn ports(range: RangeInclusive<u16>) -> RelayedPorts {
        let internal = "10.0.0.1".parse().unwrap();
        let external = "192.0.2.1".parse().unwrap();
        RelayedPorts::new(&[RelayAddress { internal, external }], range)
    }

    #[test]
    fn every_port_is_given_once_and_comes_back() {
        let ports = ports(1000..=1009);
        let mut random = StdRng::from_seed([7; 32]);
        let mut taken: Vec<_> = std::iter::from_fn(|| ports.take(0, 3, false, false, &mut random)).collect();
        taken.sort_unstable();
        assert_eq!(taken, (1000..=1009).collect::<Vec<_>>());
        assert_eq!(ports.owner("10.0.0.1:1004".parse().unwrap()), Some(3));
        ports.give_back(0, 1004);
        assert_eq!(ports.owner("10.0.0.1:1004".parse().unwrap()), None);
        assert_eq!(ports.take(0, 1, false, false, &mut random), Some(1004));
    }

    #[test]
    fn a_pair_is_even_and_leaves_nothing_behind_when_its_successor_is_taken() {
        let ports = ports(1001..=1004);
        let mut random = StdRng::from_seed([1; 32]);
        assert_eq!(ports.take(0, 0, true, true, &mut random), Some(1002), "1004 has no successor in the range");
        assert_eq!(ports.take(0, 0, true, true, &mut random), None);
        assert_eq!(ports.take(0, 0, true, false, &mut random), Some(1004), "the failed pair freed its first port");
    }

    #[test]
    fn external_and_internal_forms_are_one_address() {
        let ports = ports(1000..=1009);
        let outside: SocketAddr = "192.0.2.1:1003".parse().unwrap();
        let inside: SocketAddr = "10.0.0.1:1003".parse().unwrap();
        assert_eq!(ports.inward(outside), inside);
        assert_eq!(ports.outward(inside), outside);
        let other: SocketAddr = "198.51.100.7:1003".parse().unwrap();
        assert_eq!(ports.inward(other), other);
    }
}
