//! Datagrams between hosts: what is lost, repeated, late, overtaken, cut off or translated on the way.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use rand::{RngExt, rngs::StdRng};

use crate::{nat::Nat, seeds::seeded};

/// One datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// Source.
    pub from: SocketAddr,
    /// Destination.
    pub to: SocketAddr,
    /// Payload.
    pub bytes: Vec<u8>,
}

/// What a network does to datagrams. Probabilities are between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Impairments {
    /// A datagram is lost.
    pub loss: f64,
    /// A datagram arrives twice.
    pub duplicate: f64,
    /// A datagram is held back so long that later ones overtake it.
    pub reorder: f64,
    /// Every datagram takes at least this long.
    pub delay: Duration,
    /// And up to this much longer.
    pub jitter: Duration,
}

impl Impairments {
    /// 10 ms of delay and nothing else.
    pub const NONE: Self =
        Self { loss: 0.0, duplicate: 0.0, reorder: 0.0, delay: Duration::from_millis(10), jitter: Duration::ZERO };

    /// A bad mobile network: a tenth lost, a twentieth repeated, a tenth overtaken.
    pub const BAD: Self = Self {
        loss: 0.1,
        duplicate: 0.05,
        reorder: 0.1,
        delay: Duration::from_millis(30),
        jitter: Duration::from_millis(40),
    };
}

/// How long a datagram is held back that is to be overtaken.
const HELD_BACK: Duration = Duration::from_millis(300);

/// See the module's text.
#[derive(Debug)]
pub struct Network {
    seed: u64,
    random: StdRng,
    impairments: Impairments,
    /// By public address.
    nats: BTreeMap<IpAddr, Nat>,
    /// Public address of the translator that a private address is behind.
    behind: BTreeMap<IpAddr, IpAddr>,
    cut: BTreeSet<(IpAddr, IpAddr)>,
    /// By time of arrival, then by order of departure.
    flying: BTreeMap<(Duration, u64), Datagram>,
    departed: u64,
}

impl Network {
    /// A network without hosts in it.
    pub fn new(seed: u64, impairments: Impairments) -> Self {
        Self {
            seed,
            random: seeded(seed, b'n'),
            impairments,
            nats: BTreeMap::new(),
            behind: BTreeMap::new(),
            cut: BTreeSet::new(),
            flying: BTreeMap::new(),
            departed: 0,
        }
    }

    /// Puts a host behind a translator, which is made if it is not there yet.
    pub fn put_behind(&mut self, host: IpAddr, public: IpAddr, kind: crate::NatKind) {
        let purpose = self.nats.len() as u8;
        self.nats.entry(public).or_insert_with(|| Nat::new(kind, public, seeded(self.seed, purpose)));
        self.behind.insert(host, public);
    }

    /// The translator with this public address.
    pub fn nat(&mut self, public: IpAddr) -> Option<&mut Nat> {
        self.nats.get_mut(&public)
    }

    /// Changes what happens to datagrams that leave from now on.
    pub fn set_impairments(&mut self, impairments: Impairments) {
        self.impairments = impairments;
    }

    /// Lets nothing pass between two public addresses, either way, until [`Network::heal`].
    pub fn cut(&mut self, a: IpAddr, b: IpAddr) {
        self.cut.extend([(a, b), (b, a)]);
    }

    /// Ends every cut.
    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// Sends a datagram of a host.
    pub fn send(&mut self, now: Duration, mut datagram: Datagram) {
        if let Some(nat) = self.behind.get(&datagram.from.ip()).and_then(|public| self.nats.get_mut(public)) {
            datagram.from = nat.outbound(now, datagram.from, datagram.to);
        }
        self.inject(now, datagram);
    }

    /// Sends a datagram with any source, as somebody who forges addresses does.
    pub fn inject(&mut self, now: Duration, datagram: Datagram) {
        let cut = self.cut.contains(&(datagram.from.ip(), datagram.to.ip()));
        if cut || self.random.random_bool(self.impairments.loss) {
            return;
        }
        if self.random.random_bool(self.impairments.duplicate) {
            self.depart(now, datagram.clone());
        }
        self.depart(now, datagram);
    }

    fn depart(&mut self, now: Duration, datagram: Datagram) {
        let Impairments { reorder, delay, jitter, .. } = self.impairments;
        let mut arrival = now + delay + jitter.mul_f64(self.random.random::<f64>());
        if self.random.random_bool(reorder) {
            arrival += HELD_BACK;
        }
        self.departed += 1;
        self.flying.insert((arrival, self.departed), datagram);
    }

    /// When the next datagram arrives.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.flying.keys().next().map(|&(arrival, _)| arrival)
    }

    /// The next datagram that has arrived by `now`, with the host's own address as its destination. What a translator
    /// does not let in is gone.
    pub fn poll_arrival(&mut self, now: Duration) -> Option<Datagram> {
        loop {
            let (&key, _) = self.flying.iter().next().filter(|((arrival, _), _)| *arrival <= now)?;
            let mut datagram = self.flying.remove(&key)?;
            let Some(nat) = self.nats.get(&datagram.to.ip()) else { return Some(datagram) };
            if let Some(inside) = nat.inbound(now, datagram.to.port(), datagram.from) {
                datagram.to = inside;
                return Some(datagram);
            }
        }
    }
}
