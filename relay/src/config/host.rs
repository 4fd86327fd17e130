//! What the host offers: its addresses and CPUs. Passed to the checks as an argument, so that they can be tested.

use std::{
    fs::File,
    io::{self, Read as _},
    net::{IpAddr, Ipv6Addr},
    path::Path,
    thread,
};

/// What the host offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Addresses of its interfaces, in the kernel's order, without those that need an interface's name to be used
    /// (IPv6 link-local).
    pub addresses: Vec<IpAddr>,
    /// CPUs that this process may use.
    pub cpus: usize,
}

impl Host {
    /// Asks the system.
    ///
    /// # Errors
    /// When the system does not list its interfaces.
    pub fn detect() -> io::Result<Self> {
        let interfaces = if_addrs::get_if_addrs()?;
        let mut addresses: Vec<IpAddr> = Vec::new();
        for ip in interfaces.iter().map(if_addrs::Interface::ip) {
            if !is_link_local_v6(ip) && !addresses.contains(&ip) {
                addresses.push(ip);
            }
        }
        Ok(Self { addresses, cpus: thread::available_parallelism().map_or(1, Into::into) })
    }

    /// The address that relayed traffic of a family goes out from when the operator names none: globally routable
    /// before private, private before loopback.
    pub(super) fn preferred(&self, ipv6: bool) -> Option<IpAddr> {
        let of_family = || self.addresses.iter().copied().filter(|ip| ip.is_ipv6() == ipv6);
        of_family()
            .find(|ip| is_public(*ip))
            .or_else(|| of_family().find(|ip| !ip.is_loopback()))
            .or_else(|| of_family().next())
    }
}

/// Reads a file of the operator's, refusing what is too large to be one.
///
/// # Errors
/// Those of the file system, and `FileTooLarge`.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    /// Room for the largest configuration that makes sense; a device or a log file named by mistake ends here.
    const BYTES_MAX: u64 = 1 << 20;
    let mut bytes = Vec::new();
    File::open(path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// Whether clients elsewhere can be expected to reach the address. Used for advice and for choosing a default, never to
/// judge a peer.
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmark = a == 198 && (b == 18 || b == 19);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_documentation()
                || shared
                || benchmark
                || a == 0
                || a >= 224)
        }
        IpAddr::V6(v6) => {
            let segments = v6.segments();
            let documentation = segments[0] == 0x2001 && segments[1] == 0x0db8;
            segments[0] & 0xe000 == 0x2000 && !documentation
        }
    }
}

fn is_link_local_v6(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if Ipv6Addr::is_unicast_link_local(&v6))
}
