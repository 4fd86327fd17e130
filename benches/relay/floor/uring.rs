//! The forwarder on the relay's own io_uring driver: what the driver costs when nothing is done to a datagram.

use std::net::{SocketAddr, SocketAddrV4};

use anyhow::Result;
use muster_relay::{
    io::{Driver, DriverConfig, Forward, Handler, IcmpError, Readiness, SocketId, Token, UringDriver},
    slot::Slot,
};

use super::{
    DATAGRAM_MAX, peer_side_socket,
    registration::{self, Request},
    shared_socket,
    table::{Route, Table},
};

/// The token of the shared socket; the others are positions in the list of clients.
const SHARED: Token = Token::MAX;
/// Sockets of the largest case, with room to spare.
const SOCKETS_MAX: u32 = 4_096;
/// Receive slots, as many as the relay has by default.
const SLOTS: u16 = 1_024;

struct Forwarder {
    shared: SocketId,
    clients: Vec<SocketAddr>,
    routes: Table<SocketId>,
    /// Requests of this turn: sockets are opened between turns.
    requests: Vec<(SocketAddrV4, Request)>,
}

/// Forwards until the process is ended.
///
/// # Errors
/// When io_uring does not work here, or a socket cannot be opened.
pub(crate) fn run(listen: SocketAddrV4) -> Result<()> {
    let config =
        DriverConfig { sockets_max: SOCKETS_MAX, slot_bytes: DATAGRAM_MAX as u32, slots: SLOTS, batch_window_us: 0 };
    let mut driver = UringDriver::new(config)?;
    let shared = driver.open(shared_socket(listen)?, SHARED)?;
    let mut forwarder = Forwarder { shared, clients: Vec::new(), routes: Table::new(), requests: Vec::new() };
    loop {
        driver.turn(&mut forwarder, None)?;
        while let Some((client, request)) = forwarder.requests.pop() {
            forwarder.register(&mut driver, listen, client, request)?;
        }
    }
}

impl Forwarder {
    fn register(
        &mut self,
        driver: &mut UringDriver,
        listen: SocketAddrV4,
        client: SocketAddrV4,
        request: Request,
    ) -> Result<()> {
        let mut reached_at = client;
        match request {
            Request::Ready => {}
            Request::Pair(other) => self.routes.insert(client, Route::Client(other)),
            Request::Flow(peer) => {
                let socket = peer_side_socket(*listen.ip())?;
                reached_at.set_ip(*listen.ip());
                reached_at.set_port(socket.local_addr()?.port());
                let through = driver.open(socket, self.clients.len() as Token)?;
                self.clients.push(client.into());
                self.routes.insert(client, Route::Peer { through, peer });
            }
        }
        driver.send(self.shared, client.into(), &registration::answer(reached_at));
        Ok(())
    }
}

impl Handler for Forwarder {
    #[inline]
    fn handle_datagram(&mut self, token: Token, from: SocketAddr, slot: &mut Slot<'_>) -> Forward {
        if token != SHARED {
            return Forward::Send { socket: self.shared, to: self.clients[token as usize] };
        }
        let SocketAddr::V4(client) = from else { return Forward::Nothing };
        match self.routes.route(client) {
            Some(Route::Peer { through, peer }) => Forward::Send { socket: through, to: peer.into() },
            Some(Route::Client(to)) => Forward::Send { socket: self.shared, to: to.into() },
            None => {
                self.requests.extend(Request::read(slot.payload()).map(|request| (client, request)));
                Forward::Nothing
            }
        }
    }

    fn handle_icmp(&mut self, _: Token, _: IcmpError) {}

    fn handle_ready(&mut self, _: Token, _: Readiness) {}
}
