//! The sockets of a case: clients set up with the server, and the peers they talk to.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
};

use anyhow::{Context, Result};

use crate::{
    case::{Case, Pattern},
    contender::{CLIENT_IP, Control, PASSWORD, PEER_IP, Server, USER},
    floor::registration::{self, Request},
    turn_client::TurnClient,
};

/// The channel of every client: each allocation has its own numbering.
const CHANNEL: u16 = 0x4000;

/// The open flows of one case.
#[derive(Debug)]
pub(crate) struct Flows {
    /// One socket for each allocation, connected to the server. In a hairpin case client `i` talks to client `i ^ 1`.
    pub(crate) clients: Vec<UdpSocket>,
    /// One echo socket for each client, connected to where the server relays for it; none in a hairpin case.
    pub(crate) peers: Vec<UdpSocket>,
    /// What clients put before every payload, without its length: the channel number, or nothing.
    pub(crate) channel: Option<u16>,
}

impl Flows {
    /// Sets up the flows of `case`.
    ///
    /// # Errors
    /// When the server refuses one.
    pub(crate) fn open(case: &Case, control: Control) -> Result<Self> {
        let clients = (0..case.flows).map(|_| client_socket()).collect::<io::Result<Vec<_>>>()?;
        let channel = (control == Control::Turn).then_some(CHANNEL);
        let mut flows = Self { clients, peers: Vec::new(), channel };
        match (case.pattern, control) {
            (Pattern::ClientPeer, Control::Turn) => flows.open_client_peer_over_turn()?,
            (Pattern::ClientPeer, Control::Floor) => flows.open_client_peer_over_floor()?,
            (Pattern::Hairpin, Control::Turn) => flows.open_pairs_over_turn()?,
            (Pattern::Hairpin, Control::Floor) => flows.open_pairs_over_floor()?,
            (Pattern::Idle, _) => {}
        }
        Ok(flows)
    }

    fn open_client_peer_over_turn(&mut self) -> Result<()> {
        let mut turn = TurnClient::new(USER, PASSWORD);
        for client in &self.clients {
            let peer = bound(PEER_IP)?;
            let allocation = turn.allocate(client)?;
            turn.bind_channel(client, &allocation, CHANNEL, peer.local_addr()?)?;
            peer.connect(allocation.relayed)?;
            self.peers.push(peer);
        }
        Ok(())
    }

    fn open_client_peer_over_floor(&mut self) -> Result<()> {
        for client in &self.clients {
            let peer = bound(PEER_IP)?;
            let reached_at = registration::ask(client, Request::Flow(ipv4(peer.local_addr()?)?))?;
            peer.connect(reached_at)?;
            self.peers.push(peer);
        }
        Ok(())
    }

    fn open_pairs_over_turn(&self) -> Result<()> {
        let mut turn = TurnClient::new(USER, PASSWORD);
        for pair in self.clients.chunks_exact(2) {
            let left = turn.allocate(&pair[0])?;
            let right = turn.allocate(&pair[1])?;
            turn.bind_channel(&pair[0], &left, CHANNEL, right.relayed)?;
            turn.bind_channel(&pair[1], &right, CHANNEL, left.relayed)?;
        }
        Ok(())
    }

    fn open_pairs_over_floor(&self) -> Result<()> {
        for pair in self.clients.chunks_exact(2) {
            registration::ask(&pair[0], Request::Pair(ipv4(pair[1].local_addr()?)?))?;
            registration::ask(&pair[1], Request::Pair(ipv4(pair[0].local_addr()?)?))?;
        }
        Ok(())
    }
}

/// A client's socket, connected to the server: connected sockets make the load cheaper than what it measures.
///
/// # Errors
/// When the machine is out of ports or descriptors.
pub(crate) fn client_socket() -> io::Result<UdpSocket> {
    let socket = bound(CLIENT_IP)?;
    socket.connect(Server::address())?;
    Ok(socket)
}

fn bound(ip: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((ip, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn ipv4(address: SocketAddr) -> Result<SocketAddrV4> {
    match address {
        SocketAddr::V4(address) => Some(address),
        SocketAddr::V6(_) => None,
    }
    .context("sockets are bound to an IPv4 address")
}
