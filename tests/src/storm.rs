//! Many allocations at once, without as many open sockets.

use std::net::{Ipv4Addr, SocketAddr};

use crate::{
    client::{Client, Parked},
    credentials::Account,
    matrix::Family,
};

/// Each client address gives this many 5-tuples.
const PER_ADDRESS: u16 = 1_000;
/// Client ports start here: below the range from which Linux gives ports to others.
const FIRST_PORT: u16 = 1_100;

/// Opens `count` allocations at `server`, each from a 5-tuple of its own (127.1.`block`.1 and up), one after the other.
/// A client puts its socket down as soon as it has its allocation.
///
/// # Panics
/// When an allocation is refused.
#[track_caller]
pub fn open(server: SocketAddr, account: &Account, block: u8, count: u16) -> Vec<Parked> {
    let parked = (0..count).map(|number| {
        let host = u8::try_from(1 + number / PER_ADDRESS).expect("one block has 254 addresses");
        let local = SocketAddr::new(Ipv4Addr::new(127, 1, block, host).into(), FIRST_PORT + number % PER_ADDRESS);
        let client = Client::connect_from(local, server, account.clone());
        let mut client = client.unwrap_or_else(|error| panic!("{local} cannot be bound: {error}"));
        let allocated = client.allocate(Family::V4);
        allocated.unwrap_or_else(|error| panic!("allocation {number} of {count}: {error}"));
        client.park(server).expect("the socket is bound")
    });
    parked.collect()
}

/// Ends each allocation with a Refresh of 0.
///
/// # Panics
/// When the relay does not know one of them any more.
#[track_caller]
pub fn close(parked: Vec<Parked>) {
    for client in parked {
        let mut client = client.resume().expect("the client's address is still free");
        let lifetime = client.refresh(0).expect("the allocation is still there");
        assert_eq!(lifetime, 0, "a refresh of 0 ends the allocation");
    }
}
