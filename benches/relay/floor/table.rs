//! The flat table of the forwarder.

use std::net::SocketAddrV4;

/// Where a client's datagrams go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<S> {
    /// Out of the flow's own socket, to its peer.
    Peer {
        /// The flow's socket.
        through: S,
        /// Its peer.
        peer: SocketAddrV4,
    },
    /// Out of the shared socket, to another client.
    Client(SocketAddrV4),
}

/// One entry for each port, since all clients of a run share an address; the whole address is still compared.
#[derive(Debug)]
pub(crate) struct Table<S> {
    entries: Vec<Option<(SocketAddrV4, Route<S>)>>,
}

impl<S: Copy> Table<S> {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self { entries: vec![None; 1 << 16] }
    }

    /// Forwards what `client` sends along `route` from now on.
    pub(crate) fn insert(&mut self, client: SocketAddrV4, route: Route<S>) {
        self.entries[usize::from(client.port())] = Some((client, route));
    }

    /// The route of `client`, if it is known.
    #[inline]
    pub(crate) fn route(&self, client: SocketAddrV4) -> Option<Route<S>> {
        match self.entries[usize::from(client.port())] {
            Some((known, route)) if known == client => Some(route),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_whole_addresses_only() {
        let client = "127.0.77.2:40000".parse().expect("an address");
        let stranger = "127.0.77.9:40000".parse().expect("an address");
        let mut table = Table::<u32>::new();
        assert_eq!(table.route(client), None);
        table.insert(client, Route::Client(stranger));
        assert_eq!(table.route(client), Some(Route::Client(stranger)));
        assert_eq!(table.route(stranger), None);
    }
}
