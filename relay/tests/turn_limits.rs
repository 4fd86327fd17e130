//! Bytes a second: the ceiling of one allocation, and the fair share of the relay's.
//!
//! Clients offer datagrams at given rates over virtual time, and what leaves the relay is counted.

use std::{net::SocketAddr, time::Duration};

use muster_relay::{config::Limits, counters::Drop};
use muster_sim::{Caller, Credentials, Output, Relay, RelaySetup};

const PEER: &str = "30.0.0.9:7000";

/// Datagrams of this size are offered.
const BYTES: usize = 1_000;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn relay(workers: u8, per_allocation: u64, whole: u64) -> Relay {
    let limits = Limits {
        bytes_per_second_per_allocation: per_allocation,
        bytes_per_second: whole,
        allocations: 16,
        ..Limits::default()
    };
    Relay::new(RelaySetup { workers, limits, ..RelaySetup::default() })
}

/// A client with a channel to the peer.
fn sender(relay: &mut Relay, number: u8, worker: u8) -> Caller {
    let at = SocketAddr::from(([30, 0, 0, number], 4_000));
    let mut client = Caller::udp(relay, at, Credentials::new("ann", "ann's password"));
    client.worker = worker;
    client.allocated(relay);
    assert_eq!(client.bind(relay, 0x4000, address(PEER)), 0);
    client
}

/// Lets each client offer so many datagrams every 10 ms, for `time`, and returns the bytes of each that went on.
fn offer(relay: &mut Relay, clients: &[(&Caller, usize)], time: Duration) -> Vec<usize> {
    let mut passed = vec![0; clients.len()];
    let end = relay.now().monotonic + time;
    while relay.now().monotonic < end {
        for (passed, (client, datagrams)) in passed.iter_mut().zip(clients) {
            for _ in 0..*datagrams {
                *passed += client.channel(relay, 0x4000, &[7; BYTES]).len() * BYTES;
            }
        }
        relay.advance(Duration::from_millis(10));
    }
    passed
}

#[test]
fn an_allocation_is_held_to_its_bytes_a_second() {
    let mut relay = relay(1, 200_000, 0);
    let (greedy, modest) = (sender(&mut relay, 1, 0), sender(&mut relay, 2, 0));
    let passed = offer(&mut relay, &[(&greedy, 10), (&modest, 1)], Duration::from_secs(10));
    // Ten seconds, and the burst of half a second.
    assert!((2_000_000..=2_110_000).contains(&passed[0]), "{passed:?}");
    assert_eq!(passed[1], 1_000_000, "who keeps below its limit loses nothing");
    assert_eq!(relay.counters(0).dropped_so_far(Drop::RateLimited), 10_000 - passed[0] as u64 / 1_000);
}

#[test]
fn both_directions_are_counted_together() {
    let mut relay = relay(1, 200_000, 0);
    let client = sender(&mut relay, 1, 0);
    let relayed = *relay.bound().keys().next().unwrap();
    let mut passed = 0;
    for _ in 0..1_000 {
        for _ in 0..5 {
            passed += client.channel(&mut relay, 0x4000, &[7; BYTES]).len() * BYTES;
            passed += Caller::peer_sends(&mut relay, relayed, address(PEER), &[7; BYTES]).len() * BYTES;
        }
        relay.advance(Duration::from_millis(10));
    }
    assert!((2_000_000..=2_110_000).contains(&passed), "{passed}");
}

/// The peers of one allocation cannot use up what others need, and control messages are never refused for bytes.
#[test]
fn a_limit_leaves_control_messages_alone() {
    let mut relay = relay(1, 1, 1);
    let mut client = sender(&mut relay, 1, 0);
    for _ in 0..100 {
        client.channel(&mut relay, 0x4000, &[7; BYTES]);
    }
    assert_eq!(client.channel(&mut relay, 0x4000, &[7; BYTES]), []);
    assert_eq!(client.refresh(&mut relay, 600).code(), 0);
}

#[test]
fn the_relays_bytes_are_shared_fairly() {
    let mut relay = relay(1, 0, 500_000);
    let clients: Vec<_> = (1..=3).map(|number| sender(&mut relay, number, 0)).collect();
    let offers = [(&clients[0], 10), (&clients[1], 1), (&clients[2], 1)];
    let passed = offer(&mut relay, &offers, Duration::from_secs(10));
    assert!(passed[1..].iter().all(|&modest| modest >= 950_000), "the modest have what they ask: {passed:?}");
    assert!((2_700_000..=3_100_000).contains(&passed[0]), "the greedy one has the rest: {passed:?}");
    assert!(relay.counters(0).dropped_so_far(Drop::FairShare) > 0);
}

/// A reload must not leave the old count of active allocations behind, which would shrink every worker's part.
#[test]
fn reloads_do_not_shrink_the_share() {
    let mut relay = relay(1, 0, 500_000);
    let client = sender(&mut relay, 1, 0);
    for _ in 0..20 {
        offer(&mut relay, &[(&client, 10)], Duration::from_millis(500));
        relay.reload(|_| ());
    }
    let passed = offer(&mut relay, &[(&client, 10)], Duration::from_secs(10));
    assert!((4_800_000..=5_200_000).contains(&passed[0]), "{passed:?}");
}

/// What an allocation remembers of its last round must mean nothing to the rounds after a reload.
#[test]
fn rounds_before_and_after_a_reload_are_not_taken_for_each_other() {
    for (before, after) in (1..8).flat_map(|before| (0..10).map(move |after| (before, after))) {
        let mut relay = relay(1, 0, 500_000);
        let clients: Vec<_> = (1..=3).map(|number| sender(&mut relay, number, 0)).collect();
        let offers: Vec<_> = clients.iter().map(|client| (client, 1)).collect();
        offer(&mut relay, &offers, Duration::from_millis(100 * before));
        relay.reload(|_| ());
        offer(&mut relay, &offers[..1], Duration::from_millis(100 * after));
        assert_eq!(clients[2].channel(&mut relay, 0x4000, &[7; BYTES]).len(), 1, "{before} rounds, then {after}");
    }
}

/// A reload that lowers the number of allocations leaves those that are there able to send.
#[test]
fn a_lower_limit_of_allocations_silences_nobody() {
    let mut relay = relay(1, 0, 500_000);
    let clients: Vec<_> = (1..=4).map(|number| sender(&mut relay, number, 0)).collect();
    for _ in 0..2 {
        relay.reload(|setup| setup.limits.allocations = 1);
    }
    let offers: Vec<_> = clients.iter().map(|client| (client, 1)).collect();
    let passed = offer(&mut relay, &offers, Duration::from_secs(5));
    assert!(passed.iter().all(|&passed| passed >= 475_000), "{passed:?}");
}

#[test]
fn a_worker_that_falls_silent_leaves_its_share_to_the_others() {
    for ended in [false, true] {
        let mut relay = relay(2, 0, 500_000);
        let (mut first, second) = (sender(&mut relay, 1, 0), sender(&mut relay, 2, 1));
        let both = offer(&mut relay, &[(&first, 10), (&second, 10)], Duration::from_secs(10));
        assert!(both.iter().all(|passed| (2_300_000..=2_700_000).contains(passed)), "half each: {both:?}");
        if ended {
            assert_eq!(first.refresh(&mut relay, 0).code(), 0);
        }
        relay.advance(Duration::from_secs(1));
        let alone = offer(&mut relay, &[(&second, 10)], Duration::from_secs(10));
        assert!((4_700_000..=5_200_000).contains(&alone[0]), "ended: {ended}, {alone:?}");
    }
}

#[test]
fn a_payload_between_two_clients_is_charged_to_both() {
    let mut relay = relay(1, 100_000, 0);
    let mut clients: Vec<_> = (1..=2).map(|number| sender(&mut relay, number, 0)).collect();
    let relayed: Vec<_> = relay.bound().keys().copied().collect();
    for client in &mut clients {
        assert_eq!(client.permit(&mut relay, &relayed), 0);
    }
    let sent = (0..200).filter(|_| {
        let outputs = clients[0].indicate(&mut relay, relayed[1], &[7; BYTES]);
        matches!(outputs[..], [Output::ToClient { .. }])
    });
    // The burst of one allocation is 64 KiB whatever its rate.
    assert_eq!(sent.count(), 65);
    assert_eq!(clients[1].channel(&mut relay, 0x4000, &[7; BYTES]), [], "the receiver's is used up too");
}
