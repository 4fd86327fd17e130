//! A relay, a network, and hosts around it, under one clock.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use muster_relay::turn::Transport;

use crate::{
    client::{Client, Event},
    message::Credentials,
    nat::NatKind,
    network::{Datagram, Impairments, Network},
    relay::{Output, Relay, RelaySetup},
    seeds::seeded,
    trace::Trace,
};

/// Names a host of one world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostId(usize);

struct Host {
    address: SocketAddr,
    /// A TURN client and the relay's address, or nothing for a host that only sends and receives datagrams.
    client: Option<(Client, SocketAddr)>,
    events: Vec<Event>,
}

/// See the module's text.
pub struct World {
    /// The relay.
    pub relay: Relay,
    /// The network.
    pub network: Network,
    hosts: Vec<Host>,
    by_address: BTreeMap<SocketAddr, HostId>,
    trace: Trace,
    seed: u64,
    tap: Option<Vec<Datagram>>,
}

impl World {
    /// A world with no hosts but the relay, whose seed is the world's.
    pub fn new(setup: RelaySetup, impairments: Impairments) -> Self {
        let seed = setup.seed;
        Self {
            relay: Relay::new(setup),
            network: Network::new(seed, impairments),
            hosts: Vec::new(),
            by_address: BTreeMap::new(),
            trace: Trace::default(),
            seed,
            tap: None,
        }
    }

    /// Adds a TURN client that uses the relay's first listener of its family. `nat` is the translator in front of it.
    pub fn add_client(
        &mut self,
        address: SocketAddr,
        nat: Option<(IpAddr, NatKind)>,
        credentials: Credentials,
    ) -> HostId {
        let mut listen = self.relay.setup().listen.iter();
        let server = *listen.find(|listen| listen.is_ipv6() == address.is_ipv6()).expect("the relay has this family");
        let client = Client::new(credentials, seeded(self.seed, 0x80 | self.hosts.len() as u8));
        self.add(Host { address, client: Some((client, server)), events: Vec::new() }, nat)
    }

    /// Adds a host that only sends and receives datagrams.
    pub fn add_peer(&mut self, address: SocketAddr, nat: Option<(IpAddr, NatKind)>) -> HostId {
        self.add(Host { address, client: None, events: Vec::new() }, nat)
    }

    fn add(&mut self, host: Host, nat: Option<(IpAddr, NatKind)>) -> HostId {
        let id = HostId(self.hosts.len());
        if let Some((public, kind)) = nat {
            self.network.put_behind(host.address.ip(), public, kind);
        }
        self.by_address.insert(host.address, id);
        self.hosts.push(host);
        id
    }

    /// Lets a client do something now, and sends what it has to say.
    ///
    /// # Panics
    /// If the host is no client.
    pub fn act(&mut self, host: HostId, act: impl FnOnce(&mut Client, Duration)) {
        let now = self.now();
        act(&mut self.hosts[host.0].client.as_mut().expect("a client").0, now);
        self.drain_host(host);
    }

    /// Gives a client its user, as it would with new credentials from its application, and sends nothing yet.
    ///
    /// # Panics
    /// If the host is no client.
    pub fn set_credentials(&mut self, host: HostId, credentials: Credentials) {
        self.hosts[host.0].client.as_mut().expect("a client").0.set_credentials(credentials);
    }

    /// Lets a plain host send a datagram.
    pub fn send(&mut self, host: HostId, to: SocketAddr, bytes: &[u8]) {
        let datagram = Datagram { from: self.hosts[host.0].address, to, bytes: bytes.to_vec() };
        self.network.send(self.now(), datagram);
    }

    /// Moves time forward.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now() + time;
        self.run_until(time, |_| false);
        self.relay.set_now(end);
    }

    /// Moves time forward until `done`, at most by `time`; returns whether it came to that.
    pub fn run_until(&mut self, time: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now() + time;
        while !done(self) {
            let Some(due) = self.poll_timeout().filter(|&due| due <= end) else { return false };
            self.relay.set_now(due.max(self.now()));
            self.step();
        }
        true
    }

    /// The virtual clock.
    pub fn now(&self) -> Duration {
        self.relay.now().monotonic
    }

    /// A client.
    ///
    /// # Panics
    /// If the host is no client.
    pub fn client(&self, host: HostId) -> &Client {
        &self.hosts[host.0].client.as_ref().expect("a client").0
    }

    /// What a host has been told since the last call. A plain host is told what it receives, by [`Event::Received`].
    pub fn take_events(&mut self, host: HostId) -> Vec<Event> {
        std::mem::take(&mut self.hosts[host.0].events)
    }

    /// What a host has been told since the last [`World::take_events`].
    pub fn events(&self, host: HostId) -> &[Event] {
        &self.hosts[host.0].events
    }

    /// Starts to record what reaches the relay's listening addresses, as somebody on the path can.
    pub fn tap(&mut self) {
        self.tap = Some(Vec::new());
    }

    /// What has been recorded since the last call.
    pub fn take_tapped(&mut self) -> Vec<Datagram> {
        self.tap.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Everything that has happened, as one number.
    pub fn trace(&self) -> u64 {
        self.trace.hash()
    }

    fn poll_timeout(&self) -> Option<Duration> {
        let clients = self.hosts.iter().filter_map(|host| host.client.as_ref()?.0.poll_timeout());
        clients.chain(self.relay.poll_timeout()).chain(self.network.poll_timeout()).min()
    }

    /// Does everything that is due now.
    fn step(&mut self) {
        let now = self.now();
        while let Some(datagram) = self.network.poll_arrival(now) {
            self.arrive(datagram);
        }
        self.relay.handle_timeout();
        self.drain_relay();
        for number in 0..self.hosts.len() {
            if let Some((client, _)) = &mut self.hosts[number].client
                && client.poll_timeout().is_some_and(|due| due <= now)
            {
                client.handle_timeout(now);
                self.drain_host(HostId(number));
            }
        }
        self.relay.assert_consistent();
    }

    fn arrive(&mut self, datagram: Datagram) {
        let now = self.now();
        self.trace.record(&now.as_nanos().to_be_bytes());
        self.trace.record(format!("{} {}", datagram.from, datagram.to).as_bytes());
        self.trace.record(&datagram.bytes);
        if let Some(tap) = self.tap.as_mut().filter(|_| self.relay.setup().listen.contains(&datagram.to)) {
            tap.push(datagram.clone());
        }
        let Datagram { from, to, bytes } = datagram;
        if let Some(&id) = self.by_address.get(&to) {
            let host = &mut self.hosts[id.0];
            match &mut host.client {
                Some((client, server)) if *server == from => client.handle_datagram(now, &bytes),
                // A connected socket takes nothing from elsewhere.
                Some(_) => {}
                None => host.events.push(Event::Received { peer: from, payload: bytes }),
            }
            return self.drain_host(id);
        }
        if let Some(listener) = self.relay.setup().listen.iter().position(|&listen| listen == to) {
            let transport = Transport::Udp { listener: listener as u8 };
            let client = muster_relay::turn::Client { address: from, transport };
            self.relay.handle_client(self.relay.worker_of(from), client, &bytes);
        } else {
            self.relay.handle_peer(to, from, &bytes);
        }
        self.drain_relay();
    }

    fn drain_host(&mut self, id: HostId) {
        let now = self.now();
        let host = &mut self.hosts[id.0];
        let Some((client, server)) = &mut host.client else { return };
        while let Some(bytes) = client.poll_transmit() {
            self.network.send(now, Datagram { from: host.address, to: *server, bytes });
        }
        while let Some(event) = client.poll_event() {
            host.events.push(event);
        }
    }

    fn drain_relay(&mut self) {
        let now = self.now();
        while let Some(output) = self.relay.poll_output() {
            let datagram = match output {
                Output::ToClient { to, bytes, .. } => {
                    let Transport::Udp { listener } = to.transport else { continue };
                    let from = self.relay.setup().listen[usize::from(listener)];
                    Datagram { from, to: to.address, bytes }
                }
                Output::ToPeer { from, to, bytes } => Datagram { from: self.outward(from), to, bytes },
            };
            self.network.inject(now, datagram);
        }
    }

    /// A one-to-one translator in front of the relay gives its datagrams their external source.
    fn outward(&self, from: SocketAddr) -> SocketAddr {
        self.relay.shared().ports.outward(from)
    }
}
