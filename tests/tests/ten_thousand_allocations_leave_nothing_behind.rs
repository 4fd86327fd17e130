//! Goal: 10,000 allocations that were deleted, and 10,000 that expired, leave no socket and no count behind, and no
//! memory beyond what the first of them needed, under both drivers.
//! Method: clients that put their sockets down once they are served; resident memory and open descriptors of the
//! relay's process before and after all of them, several rounds in a row. What a round leaves behind would be
//! added to what the one before it left.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use muster_tests::{
    client::Parked,
    deadline,
    matrix::{Case, Family, Io},
    relay::{Relay, Setup},
    storm,
};

const SOON: Duration = Duration::from_secs(30);
const COUNT: u16 = 10_000;
/// Bytes that may stay resident after a round: receive slots and tables that have been touched once. The process itself
/// is about 21 MiB, and 7 to 12 MiB more with all allocations.
const KEPT: u64 = 7 << 20;
/// Bytes by which what stays may grow to the last round. The allocator's own pages come and go by about 1 MiB; a leak of
/// 210 bytes for each allocation is more than this after one round, and an allocation has more than a kilobyte.
const GROWN: u64 = 2 << 20;
/// How long the allocator has to give pages back.
const SETTLED_AFTER: Duration = Duration::from_secs(5);
/// Seconds that an allocation lives that nobody refreshes: long enough that all are there at once on a slow machine.
const LIFETIME_S: u32 = 30;

/// A relay that has room for all, on an address of the test's own: two of these tests at once need more ports than one
/// address has.
fn relay(io: Io, block: u8, lifetime_max_s: u32) -> Relay {
    let limits = format!(
        "[limits]\nallocations = 12000\nallocations_per_user = 12000\nallocations_per_address = 12000\n\
         unproven_replies_per_second = 1000000\nlifetime_max_s = {lifetime_max_s}\n"
    );
    let address = Ipv4Addr::new(127, 2, block, 1).into();
    // The ports of the program's defaults: the test's own block is too small.
    Setup::new(Case { io, workers: 1 }).config(&limits).relay_ip(address).relay_ports(49_152..=65_535).start()
}

/// Opens all allocations, lets `end` end them, and checks what stays; `rounds` times.
fn check(relay: &Relay, block: u8, rounds: usize, end: impl Fn(Vec<Parked>)) {
    let server: SocketAddr = relay.address(Family::V4);
    let (files, before) = (relay.open_files(), relay.resident_bytes());
    let mut rests = Vec::new();
    for _ in 0..rounds {
        let clients = storm::open(server, &relay.account(), block, COUNT);
        assert_eq!(relay.metrics().allocations(), u64::from(COUNT));
        assert!(relay.open_files() >= usize::from(COUNT), "each allocation has a socket");
        end(clients);
        relay.await_allocations(0, Duration::from_secs(u64::from(LIFETIME_S)) + SOON);
        // A connection of the admin endpoint may be open for a moment, so the count is waited for.
        deadline::until(SOON, "every relayed socket is closed", || (relay.open_files() <= files).then_some(()));
        let most = rests.first().map_or(before + KEPT, |first| first + GROWN);
        let after = settled(relay, most);
        assert!(after <= before + KEPT, "{before} bytes resident before, {after} after; rounds: {rests:?}");
        rests.push(after);
    }
    let (first, last) = (rests[0], rests[rounds - 1]);
    assert!(last <= first + GROWN, "what stays grows from round to round: {rests:?}");
}

/// Resident memory, once it is no more than `most`, or after a while. The allocator gives free pages back a moment after they are
/// free, and when something is done; what leaks never comes back.
fn settled(relay: &Relay, most: u64) -> u64 {
    let settled = deadline::within(SETTLED_AFTER, || {
        relay.metrics();
        Some(relay.resident_bytes()).filter(|resident| *resident <= most)
    });
    settled.unwrap_or_else(|| relay.resident_bytes())
}

fn deleted(io: Io, block: u8) {
    check(&relay(io, block, 3_600), block, 4, storm::close);
}

fn expired(io: Io, block: u8) {
    check(&relay(io, block, LIFETIME_S), block, 2, drop);
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
