//! Socket addresses as the kernel lays them out, converted in one place.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Bytes of the longest address that we use, `sockaddr_in6`.
pub(super) const ADDRESS_BYTES: usize = 28;

/// Bytes of `sockaddr_in`.
const ADDRESS_V4_BYTES: u32 = 16;

/// A `sockaddr_in` or `sockaddr_in6`, and its length.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(4))]
pub(super) struct RawAddress {
    bytes: [u8; ADDRESS_BYTES],
    length: u32,
}

impl RawAddress {
    /// No address.
    pub(super) const EMPTY: Self = Self { bytes: [0; ADDRESS_BYTES], length: 0 };

    /// Writes `address`. A flow label is never sent: it would make the peer's view of us depend on what it sent.
    pub(super) fn set(&mut self, address: SocketAddr) {
        match address {
            SocketAddr::V4(address) => {
                self.bytes[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
                self.bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
                self.bytes[4..8].copy_from_slice(&address.ip().octets());
                self.length = ADDRESS_V4_BYTES;
            }
            SocketAddr::V6(address) => {
                self.bytes[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
                self.bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
                self.bytes[4..8].fill(0);
                self.bytes[8..24].copy_from_slice(&address.ip().octets());
                self.bytes[24..28].copy_from_slice(&address.scope_id().to_ne_bytes());
                self.length = ADDRESS_BYTES as u32;
            }
        }
    }

    /// Where the kernel reads the address.
    pub(super) fn as_ptr(&self) -> *const libc::sockaddr {
        self.bytes.as_ptr().cast()
    }

    /// How many bytes the kernel reads.
    pub(super) fn len(&self) -> u32 {
        self.length
    }
}

/// Reads the address that the kernel wrote into `bytes`; `None` if it is of another family or was cut short.
///
/// The flow label is left out, so that a peer that changes it stays the same peer; the scope is kept, because a
/// link-local peer cannot be answered without it.
pub(super) fn decode(bytes: &[u8]) -> Option<SocketAddr> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    let (port, rest) = rest.split_first_chunk::<2>()?;
    let port = u16::from_be_bytes(*port);
    match i32::from(u16::from_ne_bytes(*family)) {
        libc::AF_INET => {
            let ip: [u8; 4] = *rest.first_chunk()?;
            Some(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::from(ip), port)))
        }
        libc::AF_INET6 => {
            let ip: [u8; 16] = *rest.get(4..)?.first_chunk()?;
            let scope: [u8; 4] = *rest.get(20..)?.first_chunk()?;
            Some(SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from(ip), port, 0, u32::from_ne_bytes(scope))))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_as_they_went() {
        let mut raw = RawAddress::EMPTY;
        for text in ["192.0.2.7:3478", "[2001:db8::5]:65535", "[fe80::1%3]:9", "0.0.0.0:0", "[::]:0"] {
            let address: SocketAddr = text.parse().unwrap();
            raw.set(address);
            assert_eq!(decode(&raw.bytes[..raw.length as usize]), Some(address), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_none() {
        let mut raw = RawAddress::EMPTY;
        raw.set("[2001:db8::5]:1".parse().unwrap());
        for length in 0..ADDRESS_BYTES {
            assert_eq!(decode(&raw.bytes[..length]), None, "cut to {length}");
        }
        assert_eq!(decode(&[0xff; ADDRESS_BYTES]), None);
    }
}
