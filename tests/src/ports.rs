//! Ports that no other test uses at the same time, in this process or another.
//!
//! Binding to port 0 and closing again is not enough here: the relay binds with SO_REUSEPORT, so a second relay on the
//! same port would start and take half of the first one's clients. A block of ports is claimed instead by binding an
//! abstract Unix socket of its name; the kernel frees the name when the owner ends, however it ends.

use std::{
    net::{TcpListener, UdpSocket},
    ops::RangeInclusive,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    process,
};

/// Ports of one block: the first few are for listening, the rest for relayed addresses.
const BLOCK: u16 = 200;
/// Blocks lie below the range from which Linux gives ports to clients (32768 and up).
const FIRST: u16 = 10_000;
const BLOCKS: u16 = 110;
/// Ports of a block that are for listening.
const LISTENING: u16 = 20;

/// One claimed block.
#[derive(Debug)]
pub struct Ports {
    base: u16,
    next: u16,
    _claim: UnixListener,
}

impl Ports {
    /// Claims a block whose listening ports are free.
    ///
    /// # Panics
    /// When every block is taken.
    #[track_caller]
    pub fn claim() -> Self {
        // Tests of other processes start elsewhere, so that most claims succeed at once.
        let start = (process::id() % u32::from(BLOCKS)) as u16;
        for step in 0..BLOCKS {
            let number = (start + step) % BLOCKS;
            let name = format!("muster-tests-ports-{number}");
            let address = SocketAddr::from_abstract_name(name).expect("the name is short");
            let Ok(claim) = UnixListener::bind_addr(&address) else { continue };
            let base = FIRST + number * BLOCK;
            if (base..base + LISTENING).all(is_free) {
                return Self { base, next: base, _claim: claim };
            }
        }
        panic!("no free block of ports between {FIRST} and {}", FIRST + BLOCKS * BLOCK);
    }

    /// The next port for listening, on any address and both transports.
    ///
    /// # Panics
    /// When the block's listening ports are used up.
    #[track_caller]
    pub fn listening(&mut self) -> u16 {
        assert!(self.next < self.base + LISTENING, "a block has only {LISTENING} listening ports");
        self.next += 1;
        self.next - 1
    }

    /// The block's ports for relayed addresses.
    pub fn relayed(&self) -> RangeInclusive<u16> {
        self.base + LISTENING..=self.base + BLOCK - 1
    }
}

fn is_free(port: u16) -> bool {
    ["127.0.0.1", "::1"].iter().all(|host| {
        let tcp = TcpListener::bind((*host, port));
        let udp = UdpSocket::bind((*host, port));
        tcp.is_ok() && udp.is_ok()
    })
}
