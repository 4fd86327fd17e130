//! What every behaviour is tested under: both drivers, one and two workers, both address families.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Which driver moves the datagrams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Io {
    /// io_uring.
    Uring,
    /// epoll.
    Epoll,
}

impl Io {
    /// Both drivers.
    pub const ALL: [Self; 2] = [Self::Uring, Self::Epoll];

    /// The value of `--io`.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Uring => "uring",
            Self::Epoll => "epoll",
        }
    }
}

/// Which loopback address clients, relayed sockets and peers use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// 127.0.0.1.
    V4,
    /// `::1`.
    V6,
}

impl Family {
    /// Both families.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The loopback address.
    pub fn loopback(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::LOCALHOST.into(),
            Self::V6 => Ipv6Addr::LOCALHOST.into(),
        }
    }
}

/// One way to run the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// The driver.
    pub io: Io,
    /// Worker threads.
    pub workers: usize,
}

impl Case {
    /// Both drivers with one and with two workers.
    pub const ALL: [Self; 4] = [
        Self { io: Io::Uring, workers: 1 },
        Self { io: Io::Uring, workers: 2 },
        Self { io: Io::Epoll, workers: 1 },
        Self { io: Io::Epoll, workers: 2 },
    ];

    /// Both drivers, each with two workers: for what does not depend on there being only one.
    pub const DRIVERS: [Self; 2] = [Self { io: Io::Uring, workers: 2 }, Self { io: Io::Epoll, workers: 2 }];
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--io {} --workers {}", self.io.flag(), self.workers)
    }
}
