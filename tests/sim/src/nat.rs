//! Address translators of the kinds that players sit behind (RFC 4787).

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use rand::{RngExt, rngs::StdRng};

/// A mapping that nothing has left through for this long is forgotten; RFC 4787 asks for two minutes at least.
const MAPPING_LIFETIME: Duration = Duration::from_secs(120);

/// How a translator maps and filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NatKind {
    /// One port for a host's socket, open to everybody.
    FullCone,
    /// One port for a host's socket, open to the addresses it has sent to.
    AddressRestricted,
    /// One port for a host's socket, open to the addresses and ports it has sent to.
    PortRestricted,
    /// One port for each destination of a host's socket, open to that destination.
    Symmetric,
}

#[derive(Debug)]
struct Mapping {
    inside: SocketAddr,
    /// What the mapping is for, if the translator is symmetric.
    toward: Option<SocketAddr>,
    port: u16,
    contacted: BTreeSet<SocketAddr>,
    used: Duration,
}

/// One translator with one public address.
#[derive(Debug)]
pub struct Nat {
    kind: NatKind,
    public: IpAddr,
    mappings: Vec<Mapping>,
    random: StdRng,
}

impl Nat {
    /// A translator without mappings. `random` chooses its ports.
    pub fn new(kind: NatKind, public: IpAddr, random: StdRng) -> Self {
        Self { kind, public, mappings: Vec::new(), random }
    }

    /// The public source of a datagram that leaves from `inside` to `to`.
    pub fn outbound(&mut self, now: Duration, inside: SocketAddr, to: SocketAddr) -> SocketAddr {
        self.mappings.retain(|mapping| mapping.used + MAPPING_LIFETIME > now);
        let toward = (self.kind == NatKind::Symmetric).then_some(to);
        let known = self.mappings.iter().position(|mapping| mapping.inside == inside && mapping.toward == toward);
        let position = known.unwrap_or_else(|| {
            let port = self.free_port();
            self.mappings.push(Mapping { inside, toward, port, contacted: BTreeSet::new(), used: now });
            self.mappings.len() - 1
        });
        let mapping = &mut self.mappings[position];
        mapping.used = now;
        mapping.contacted.insert(to);
        SocketAddr::new(self.public, mapping.port)
    }

    /// The host that a datagram from `from` to the public port `port` is for, if it is let in.
    pub fn inbound(&self, now: Duration, port: u16, from: SocketAddr) -> Option<SocketAddr> {
        let mapping = self.mappings.iter().find(|mapping| mapping.port == port)?;
        let open = match self.kind {
            NatKind::FullCone => true,
            NatKind::AddressRestricted => mapping.contacted.iter().any(|contacted| contacted.ip() == from.ip()),
            NatKind::PortRestricted | NatKind::Symmetric => mapping.contacted.contains(&from),
        };
        (open && mapping.used + MAPPING_LIFETIME > now).then_some(mapping.inside)
    }

    /// Forgets every mapping, as a restart does: hosts come out of other ports from now on.
    pub fn rebind(&mut self) {
        self.mappings.clear();
    }

    fn free_port(&mut self) -> u16 {
        loop {
            let port = self.random.random_range(1_024..=u16::MAX);
            if self.mappings.iter().all(|mapping| mapping.port != port) {
                return port;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds::seeded;

    /// Who gets in after a host has sent to `30.0.0.1:1`, and whether a second destination gives a second port.
    #[test]
    fn each_kind_maps_and_filters_as_it_is_named() {
        let host: SocketAddr = "192.168.0.2:5000".parse().unwrap();
        let [sent_to, other_port, other_host] =
            ["30.0.0.1:1", "30.0.0.1:2", "30.0.0.2:1"].map(|text| text.parse::<SocketAddr>().unwrap());
        for (kind, open, ports) in [
            (NatKind::FullCone, [true, true, true], 1),
            (NatKind::AddressRestricted, [true, true, false], 1),
            (NatKind::PortRestricted, [true, false, false], 1),
            (NatKind::Symmetric, [true, false, false], 2),
        ] {
            let mut nat = Nat::new(kind, "40.0.0.1".parse().unwrap(), seeded(1, 0));
            let now = Duration::from_secs(5);
            let outside = nat.outbound(now, host, sent_to);
            for (from, open) in [sent_to, other_port, other_host].into_iter().zip(open) {
                let inside = nat.inbound(now, outside.port(), from);
                assert_eq!(inside, open.then_some(host), "{kind:?} {from}");
            }
            assert_eq!(nat.inbound(now + MAPPING_LIFETIME, outside.port(), sent_to), None, "{kind:?} forgets");
            let second = nat.outbound(now, host, other_host);
            assert_eq!(BTreeSet::from([outside, second]).len(), ports, "{kind:?}");
            nat.rebind();
            assert_ne!(nat.outbound(now, host, sent_to), outside);
        }
    }
}
