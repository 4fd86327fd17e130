//! Which peers a client may reach through the relay: none but globally routable ones, unless the operator says so.
//!
//! **An address is judged as the IPv4 address that it leads to**, whatever form it is written in, and ranges are
//! compared as prefixes. The ranges are those of the IANA special-purpose address registries of IPv4 and IPv6 (RFC
//! 6890) that are not globally reachable, and a few that are so only by name. The policy knows nothing of live relayed
//! addresses: whoever lets a peer be one of those asks for that before it asks here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// Why a peer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Denied {
    /// Port 0, which no datagram can come from.
    PortZero,
    /// A port that this server listens on.
    OwnListener,
    /// 0.0.0.0 or ::, which the kernel takes for this host. No range opens it.
    Unspecified,
    /// This host.
    Loopback,
    /// Private (RFC 1918), shared (RFC 6598), unique local or site local.
    Private,
    /// Link local.
    LinkLocal,
    /// A cloud's metadata or control address.
    Metadata,
    /// Multicast or broadcast.
    Multicast,
    /// Reserved, for documentation, benchmarks or protocols, or not assigned.
    Reserved,
}

/// Judges peers.
#[derive(Debug, Clone)]
pub struct PeerPolicy {
    allow: Box<[IpNet]>,
    /// The listening addresses in canonical form, the unspecified ones spelled out.
    listeners: Box<[SocketAddr]>,
    /// Ports that are closed on every loopback address, of which IPv4 has 16 million.
    loopback_ports: Box<[u16]>,
}

impl PeerPolicy {
    /// `allow` opens ranges that are closed by default; a range opens only addresses of its own family, in canonical
    /// form. `own_listeners` are closed whatever `allow` says; an unspecified one stands for its port on all
    /// `local_addresses` (the host's interfaces, and the external addresses that lead back to it) and on loopback.
    pub fn new(allow: &[IpNet], own_listeners: &[SocketAddr], local_addresses: &[IpAddr]) -> Self {
        let mut listeners = Vec::new();
        let mut loopback_ports = Vec::new();
        for listener in own_listeners {
            let (ip, port) = (listener.ip().to_canonical(), listener.port());
            if ip.is_unspecified() {
                loopback_ports.push(port);
                // [::] may be dual-stack, so it stands for both families; 0.0.0.0 for its own.
                let covered = local_addresses.iter().map(|local| canonical(*local));
                let covered = covered.filter(|local| ip.is_ipv6() || local.is_ipv4());
                listeners.extend(covered.map(|local| SocketAddr::new(local, port)));
            } else {
                listeners.push(SocketAddr::new(canonical(ip), port));
            }
        }
        Self { allow: allow.into(), listeners: listeners.into(), loopback_ports: loopback_ports.into() }
    }

    /// Whether datagrams may go to `address` and come from it.
    ///
    /// # Errors
    ///
    /// [`Denied`] says why not.
    pub fn judge(&self, address: SocketAddr) -> Result<(), Denied> {
        let port = address.port();
        if port == 0 {
            return Err(Denied::PortZero);
        }
        for ip in readings(address.ip()) {
            let on_loopback = ip.is_loopback() && self.loopback_ports.contains(&port);
            if on_loopback || self.listeners.contains(&SocketAddr::new(ip, port)) {
                return Err(Denied::OwnListener);
            }
        }
        self.judge_ip(address.ip())
    }

    /// As [`Self::judge`], for a permission, which has no port.
    ///
    /// # Errors
    ///
    /// [`Denied`] says why not.
    pub fn judge_ip(&self, ip: IpAddr) -> Result<(), Denied> {
        // Where a local-use NAT64 leads is for the local network to say, so only ranges that are opened by name count.
        let fallback = matches!(ip, IpAddr::V6(ip) if is_local_nat64(ip)).then_some(Denied::Reserved);
        readings(ip).try_for_each(|reading| match closed(reading).or(fallback) {
            None => Ok(()),
            Some(Denied::Unspecified) => Err(Denied::Unspecified),
            Some(_) if self.allow.iter().any(|range| range.contains(&reading)) => Ok(()),
            Some(reason) => Err(reason),
        })
    }
}

/// The address that `ip` leads to: the IPv4 address in a form of IPv6 that embeds one, otherwise `ip` itself.
///
/// The forms: v4-mapped, v4-compatible and v4-translated (RFC 4291, 2765), NAT64 with its well-known prefix and, read
/// as a /96, its local-use prefix (RFC 6052, 8215), 6to4 (RFC 3056), and the client of Teredo (RFC 4380).
pub fn canonical(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => embedded(v6).map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// Every address that a datagram to `ip` may end up at: the canonical one, then further readings of the same bits.
fn readings(ip: IpAddr) -> impl Iterator<Item = IpAddr> {
    let further = match ip {
        IpAddr::V4(_) => [None; 3],
        IpAddr::V6(v6) => further_readings(v6),
    };
    std::iter::once(canonical(ip)).chain(further.into_iter().flatten().map(IpAddr::V4))
}

fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = ip.octets();
    let at = |start: usize| Ipv4Addr::new(octets[start], octets[start + 1], octets[start + 2], octets[start + 3]);
    match ip.segments() {
        // :: and ::1 are addresses of their own and not v4-compatible ones.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] => Some(at(12)),
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] | [0x64, 0xff9b, 1, ..] => Some(at(12)),
        [0x2002, ..] => Some(at(2)),
        [0x2001, 0, ..] => Some(Ipv4Addr::from_bits(!at(12).to_bits())),
        _ => None,
    }
}

fn further_readings(ip: Ipv6Addr) -> [Option<Ipv4Addr>; 3] {
    let octets = ip.octets();
    let of = |at: [usize; 4]| Some(Ipv4Addr::from(at.map(|index| octets[index])));
    match ip.segments() {
        // Prefixes of 48, 56 and 64 bits skip octet 8 (RFC 6052, section 2.2).
        _ if is_local_nat64(ip) => [of([6, 7, 9, 10]), of([7, 9, 10, 11]), of([9, 10, 11, 12])],
        // Teredo's server, which is sent to before the client (RFC 4380, section 5.2.4).
        [0x2001, 0, ..] => [of([4, 5, 6, 7]), None, None],
        // ISATAP's interface identifier, under any prefix (RFC 5214, section 6.1).
        [_, _, _, _, 0 | 0x200, 0x5efe, _, _] => [of([12, 13, 14, 15]), None, None],
        _ => [None; 3],
    }
}

fn is_local_nat64(ip: Ipv6Addr) -> bool {
    matches!(ip.segments(), [0x64, 0xff9b, 1, ..])
}

/// Why a canonical address is closed by default, if it is.
fn closed(ip: IpAddr) -> Option<Denied> {
    match ip {
        IpAddr::V4(ip) => closed_v4(ip),
        IpAddr::V6(ip) => closed_v6(ip),
    }
}

fn closed_v4(ip: Ipv4Addr) -> Option<Denied> {
    Some(match ip.octets() {
        [0, 0, 0, 0] => Denied::Unspecified,
        // The metadata service of most clouds, Alibaba's, Oracle's, and Azure's control address, which is not in any
        // special range.
        [169, 254, 169, 254] | [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16] => Denied::Metadata,
        [127, ..] => Denied::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Denied::Private,
        [169, 254, ..] => Denied::LinkLocal,
        [224..=239, ..] | [255, 255, 255, 255] => Denied::Multicast,
        // This network; protocol assignments, also the anycast ones, which lead into the local network's own PCP and
        // TURN servers; documentation; 6to4 relays; benchmarks; future use.
        [0, ..]
        | [192, 0, 0, _]
        | [192, 0, 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [240..=255, ..] => Denied::Reserved,
        _ => return None,
    })
}

fn closed_v6(ip: Ipv6Addr) -> Option<Denied> {
    Some(match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Denied::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Denied::Loopback,
        // Amazon's metadata service and Google's.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Denied::Metadata,
        [0xfe80..=0xfebf, ..] => Denied::LinkLocal,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Denied::Private,
        [0xff00..=0xffff, ..] => Denied::Multicast,
        // Of the protocol assignments in 2001::/23, AMT, AS112, ORCHIDv2 and drone identifiers are globally reachable;
        // the anycast addresses are too, but lead into the local network's own servers.
        [0x2001, 3, ..] | [0x2001, 4, 0x112, ..] | [0x2001, 0x20..=0x3f, ..] => return None,
        [0x2001, 0..=0x1ff, ..] => Denied::Reserved,
        // Documentation.
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Denied::Reserved,
        // All of global unicast that is assigned so far is in 2000::/3.
        [0x2000..=0x3fff, ..] => return None,
        _ => Denied::Reserved,
    })
}

#[cfg(test)]
mod tests;
