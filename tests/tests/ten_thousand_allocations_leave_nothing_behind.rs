//! Goal: 10,000 allocations that were deleted, and 10,000 that expired, leave no memory, no socket and no count behind,
//! under both drivers.
//! Method: clients that put their sockets down once they are served; resident memory and open descriptors of the
//! relay's process before, between and after.

use std::{net::SocketAddr, time::Duration};

use muster_tests::{
    matrix::{Case, Family, Io},
    relay::{Relay, Setup},
    storm,
};

const COUNT: u16 = 10_000;
/// Memory that may stay after the first round: tables that have been touched once, and what an allocator keeps.
const KEPT_ONCE: u64 = 8 << 20;
/// Memory that each later round may add: 200 bytes leaked by each allocation would be twice this.
const KEPT_EACH: u64 = 1 << 20;

fn relay(io: Io, lifetime_max_s: u32) -> Relay {
    let limits = format!(
        "[limits]\nallocations = 12000\nallocations_per_user = 12000\nallocations_per_address = 12000\n\
         unproven_replies_per_second = 1000000\nlifetime_max_s = {lifetime_max_s}\n"
    );
    // One block of the test's own ports is too small; these are the program's defaults.
    Setup::new(Case { io, workers: 1 }).config(&limits).relay_ports(49_152..=65_535).start()
}

fn deleted(io: Io, block: u8) {
    let relay = relay(io, 3_600);
    let server: SocketAddr = relay.address(Family::V4);
    let (files, before) = (relay.open_files(), relay.resident_bytes());
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let clients = storm::open(server, &relay.account(), block, COUNT);
        assert_eq!(relay.metrics().allocations(), u64::from(COUNT));
        let full = relay.resident_bytes();
        storm::close(clients);
        relay.await_allocations(0, Duration::from_secs(30));
        rounds.push(relay.resident_bytes());
        println!("resident: {before} before, {full} with {COUNT} allocations, {} after", rounds[rounds.len() - 1]);
    }
    assert_eq!(relay.open_files(), files, "every relayed socket is closed");
    assert!(rounds[0] <= before + KEPT_ONCE, "{before} bytes before the first round, {} after it", rounds[0]);
    assert!(rounds[2] <= rounds[0] + 2 * KEPT_EACH, "memory grows from round to round: {rounds:?}");
}

fn expired(io: Io, block: u8) {
    // Long enough that all are there at once on a slow machine, short enough to wait for.
    let relay = relay(io, 60);
    let (files, before) = (relay.open_files(), relay.resident_bytes());
    let clients = storm::open(relay.address(Family::V4), &relay.account(), block, COUNT);
    assert_eq!(relay.metrics().allocations(), u64::from(COUNT));
    drop(clients);
    relay.await_allocations(0, Duration::from_secs(120));
    assert_eq!(relay.open_files(), files, "every relayed socket is closed");
    let after = relay.resident_bytes();
    assert!(after <= before + KEPT_ONCE, "{before} bytes before, {after} after 10,000 allocations have expired");
}

#[test]
fn deleted_under_uring() {
    deleted(Io::Uring, 1);
}

#[test]
fn deleted_under_epoll() {
    deleted(Io::Epoll, 2);
}

#[test]
fn expired_under_uring() {
    expired(Io::Uring, 3);
}

#[test]
fn expired_under_epoll() {
    expired(Io::Epoll, 4);
}
