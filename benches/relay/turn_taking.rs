//! One comparison at a time, and one server at a time within it.

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::contender::SERVER_IP;

/// A comparison holds this port of the servers' address for as long as it runs.
const GUARD_PORT: u16 = 9477;
/// How long another comparison is waited for.
const PATIENCE: Duration = Duration::from_secs(1_800);
/// How long the sockets of a server that was ended may live on.
const RELEASE: Duration = Duration::from_secs(20);

/// The right to run servers. Dropping it lets the next comparison begin.
#[derive(Debug)]
pub(crate) struct Turn {
    _guard: UdpSocket,
}

impl Turn {
    /// Waits until no other comparison runs: two at once would share cores and ports, and measure each other.
    ///
    /// # Errors
    /// When the other one takes longer than half an hour, or the address cannot be used at all.
    pub(crate) fn wait() -> Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        let mut said = false;
        loop {
            match UdpSocket::bind((SERVER_IP, GUARD_PORT)) {
                Ok(guard) => return Ok(Self { _guard: guard }),
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                    if !said {
                        eprintln!("another comparison is running; waiting for it to end");
                        said = true;
                    }
                    thread::sleep(Duration::from_millis(200));
                }
                Err(error) => return Err(error).context("another comparison does not end"),
            }
        }
    }
}

/// Waits until no UDP socket is bound to the servers' address but the guard.
///
/// The sockets of a ring outlive their process for a moment; a next server that shares its port would lose the clients
/// that the kernel still gives to the old socket.
///
/// # Errors
/// When a socket stays for 20 s.
pub(crate) fn wait_for_free_ports() -> Result<()> {
    let deadline = Instant::now() + RELEASE;
    loop {
        let table = fs::read_to_string("/proc/net/udp").context("the table of UDP sockets cannot be read")?;
        let Some(port) = bound_ports(&table, SERVER_IP).find(|port| *port != GUARD_PORT) else { return Ok(()) };
        if Instant::now() > deadline {
            bail!("something holds {SERVER_IP}:{port}/udp");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// The ports that are bound to `ip` in the kernel's table of sockets.
fn bound_ports(table: &str, ip: Ipv4Addr) -> impl Iterator<Item = u16> {
    // The table shows addresses as the machine's own number, in hexadecimal.
    let own = format!("{:08X}", u32::from_ne_bytes(ip.octets()));
    table.lines().skip(1).filter_map(move |line| {
        let (address, port) = line.split_whitespace().nth(1)?.split_once(':')?;
        (address == own).then(|| u16::from_str_radix(port, 16).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_port_is_seen_and_a_closed_one_is_not() {
        // An address of its own, so that nothing else is found.
        let ip = Ipv4Addr::new(127, 0, 78, 9);
        let table = || fs::read_to_string("/proc/net/udp").expect("Linux has the table");
        let socket = UdpSocket::bind((ip, 0)).expect("a loopback address can be bound");
        let port = socket.local_addr().expect("it is bound").port();
        assert_eq!(bound_ports(&table(), ip).collect::<Vec<_>>(), [port]);
        drop(socket);
        assert_eq!(bound_ports(&table(), ip).count(), 0);
    }
}
