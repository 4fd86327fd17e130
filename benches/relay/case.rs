//! What is measured: the list of cases, each a pattern of traffic and its size.

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Client to relay to peer, and the peer's echo back the same way.
    ClientPeer,
    /// Clients in pairs, each the other's peer: client to relay to client.
    Hairpin,
    /// Allocations that are opened and then carry nothing.
    Idle,
}

/// When a flow sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// One datagram in flight a flow; the answer starts the next.
    Closed,
    /// So many datagrams a second from each flow, whatever comes back.
    Hertz(u32),
}

/// One measured case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    /// What `--case` matches.
    pub(crate) name: &'static str,
    /// What tables call it.
    pub(crate) title: &'static str,
    /// Who talks to whom.
    pub(crate) pattern: Pattern,
    /// When they send.
    pub(crate) pace: Pace,
    /// Allocations (of a hairpin case: clients, so twice the pairs).
    pub(crate) flows: usize,
    /// Bytes of application payload in each datagram.
    pub(crate) payload: usize,
}

impl Case {
    const fn client_peer(name: &'static str, title: &'static str, flows: usize, payload: usize) -> Self {
        Self { name, title, pattern: Pattern::ClientPeer, pace: Pace::Closed, flows, payload }
    }
}

/// Every case, in the order of the report.
pub(crate) const CASES: [Case; 10] = [
    Case::client_peer("closed-1-100", "1 flow closed loop, 100 B", 1, 100),
    Case::client_peer("closed-64-100", "64 flows closed loop, 100 B", 64, 100),
    Case::client_peer("closed-1000-100", "1,000 flows closed loop, 100 B", 1_000, 100),
    Case::client_peer("closed-1-1200", "1 flow closed loop, 1,200 B", 1, 1_200),
    Case::client_peer("closed-64-1200", "64 flows closed loop, 1,200 B", 64, 1_200),
    Case::client_peer("closed-1000-1200", "1,000 flows closed loop, 1,200 B", 1_000, 1_200),
    Case {
        name: "paced-500x60",
        title: "500 flows x 60 Hz, 100 B",
        pattern: Pattern::ClientPeer,
        pace: Pace::Hertz(60),
        flows: 500,
        payload: 100,
    },
    Case {
        name: "hairpin-64",
        title: "hairpin, 64 flows closed loop, 100 B",
        pattern: Pattern::Hairpin,
        pace: Pace::Closed,
        flows: 64,
        payload: 100,
    },
    Case {
        name: "hairpin-400x60",
        title: "hairpin, 400 flows x 60 Hz, 100 B",
        pattern: Pattern::Hairpin,
        pace: Pace::Hertz(60),
        flows: 400,
        payload: 100,
    },
    Case {
        name: "idle-10000",
        title: "10,000 idle allocations",
        pattern: Pattern::Idle,
        pace: Pace::Closed,
        flows: 10_000,
        payload: 0,
    },
];
