//! Ways around the limits: counts that are given back too early, twice or never, ports that leak, lists without an end,
//! and many names for one user.

use std::time::Duration;

use muster_relay::{config::Limits, turn::OpenError};
use muster_sim::{Caller, Credentials, Relay, RelaySetup, attribute, method};
use turn_types::attribute::RequestedTransport;

use super::{address, caller, user};

#[test]
fn counts_are_exact_however_an_allocation_ends() {
    let limits = Limits { allocations_per_user: 2, ..Limits::default() };
    let mut relay = Relay::new(RelaySetup { limits, ..RelaySetup::default() });
    for round in 0..20_u64 {
        let mut clients: Vec<_> =
            (0..2).map(|id| Caller::stream(0, address("30.0.0.1:4000"), 2 * round + id, user("ann"))).collect();
        for client in &mut clients {
            client.allocated(&mut relay);
        }
        let mut third = caller(&relay, "30.0.0.1:4001");
        assert_eq!(third.allocate(&mut relay).code(), 486);
        match round % 4 {
            0 => clients.iter_mut().for_each(|client| assert_eq!(client.refresh(&mut relay, 0).code(), 0)),
            1 => clients.iter().for_each(|client| relay.handle_client_gone(0, &client.client)),
            2 => relay.advance(Duration::from_secs(602)),
            _ => {
                for client in &mut clients {
                    assert_eq!(client.refresh(&mut relay, 0).code(), 0);
                    assert_eq!(client.refresh(&mut relay, 0).code(), 437, "it is given back once");
                    relay.handle_client_gone(0, &client.client);
                }
            }
        }
        relay.assert_empty();
        assert_eq!(relay.shared().quotas.live(), 0);
    }
}

#[test]
fn refused_and_failed_allocations_cost_nothing() {
    let limits = Limits { allocations_per_user: 1, ..Limits::default() };
    let mut relay = Relay::new(RelaySetup { limits, ..RelaySetup::default() });
    let mut client = caller(&relay, "30.0.0.1:4000");
    for _ in 0..50 {
        relay.set_bind_fault(Box::new(|_| Some(OpenError::Exhausted)));
        assert_eq!(client.allocate(&mut relay).code(), 508);
        relay.set_bind_fault(Box::new(|_| None));
        assert_eq!(client.ask(&mut relay, method::ALLOCATE, |draft| draft).code(), 400);
        relay.assert_empty();
    }
    client.allocated(&mut relay);
}

/// EVEN-PORT without the R bit must not keep the second port, with it not longer than thirty seconds.
#[test]
fn even_ports_leak_no_port() {
    let mut relay = Relay::new(RelaySetup { ports: 50_000..=50_007, ..RelaySetup::default() });
    let mut client = caller(&relay, "30.0.0.1:4000");
    for reserve in [0x00, 0x80] {
        for _ in 0..20 {
            let answer = client.ask(&mut relay, method::ALLOCATE, |draft| {
                draft.with(&RequestedTransport::new(RequestedTransport::UDP)).raw(attribute::EVEN_PORT, &[reserve])
            });
            assert_eq!(answer.code(), 0);
            assert_eq!(client.refresh(&mut relay, 0).code(), 0);
            if reserve != 0 {
                relay.advance(Duration::from_secs(32));
            }
            relay.assert_empty();
        }
    }
}

#[test]
fn permissions_and_channels_have_an_end() {
    let limits = Limits { permissions_per_allocation: 10, channels_per_allocation: 10, ..Limits::default() };
    let mut relay = Relay::new(RelaySetup { limits, ..RelaySetup::default() });
    let mut client = caller(&relay, "30.0.0.1:4000");
    client.allocated(&mut relay);
    let codes: Vec<_> =
        (0..20).map(|number| client.permit(&mut relay, &[address(&format!("31.0.0.{number}:1"))])).collect();
    assert_eq!(codes, [[0; 10], [508; 10]].concat());
    let codes: Vec<_> = (0..20)
        .map(|number| client.bind(&mut relay, 0x4000 + number, address(&format!("31.0.0.1:{}", 1 + number))))
        .collect();
    assert_eq!(codes, [[0; 10], [508; 10]].concat());
}

/// An ephemeral name carries its time, so one user can have any number of names. They are one account.
#[test]
fn many_names_of_one_user_are_one_account() {
    let limits = Limits { allocations_per_user: 3, ..Limits::default() };
    let auth_secret = vec!["north remembers".to_owned()];
    let mut relay = Relay::new(RelaySetup { limits, auth_secret, users: Vec::new(), ..RelaySetup::default() });
    // Made with `printf NAME | openssl dgst -sha1 -hmac 'north remembers' -binary | base64`.
    let names = [
        ("1900000001:zoe", "wNqDGLpo9U4nWqYpQPxBfMYpXGI="),
        ("1900000002:zoe", "etMhCuyzh24jP9m3JfWThGH7owE="),
        ("1900000003:zoe", "rxixkWfxdsp/YXCkFPAULQsKnoM="),
        ("1900000004:zoe", "xzd03jMB8IVMcq1Ft47jBdVjC0s="),
    ];
    let mut codes = Vec::new();
    for (number, (name, password)) in names.into_iter().enumerate() {
        let at = address(&format!("30.0.0.{number}:4000"));
        let mut client = Caller::udp(&relay, at, Credentials::new(name, password));
        codes.push(client.allocate(&mut relay).code());
    }
    assert_eq!(codes, [0, 0, 0, 486]);
}

/// What a datagram costs the relay hardly depends on its size, so bytes alone would leave tiny ones without a limit.
#[test]
fn empty_datagrams_are_not_free() {
    for (per_allocation, whole) in [(200_000, 0), (0, 200_000)] {
        let limits = Limits {
            bytes_per_second_per_allocation: per_allocation,
            bytes_per_second: whole,
            ..RelaySetup::default().limits
        };
        let mut relay = Relay::new(RelaySetup { limits, ..RelaySetup::default() });
        let mut client = caller(&relay, "30.0.0.1:4000");
        client.allocated(&mut relay);
        assert_eq!(client.bind(&mut relay, 0x4000, address("31.0.0.1:1")), 0);
        let passed: usize = (0..20_000).map(|_| client.channel(&mut relay, 0x4000, b"").len()).sum();
        assert!((300..=1_600).contains(&passed), "{passed} with {per_allocation} and {whole}");
    }
}

/// A connection whose allocation has run out must count as idle again, or it would hold its place for ever.
#[test]
fn a_stream_that_loses_its_allocation_is_reported() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut expiring = Caller::stream(0, address("30.0.0.1:4000"), 7, user("ann"));
    expiring.allocated(&mut relay);
    let mut refreshed = Caller::stream(0, address("30.0.0.1:4001"), 8, user("ann"));
    refreshed.allocated(&mut relay);
    let mut datagrams = caller(&relay, "30.0.0.1:4002");
    datagrams.allocated(&mut relay);
    relay.advance(Duration::from_secs(500));
    assert_eq!(refreshed.refresh(&mut relay, 600).code(), 0);
    assert!(relay.unallocated_streams().is_empty());
    relay.advance(Duration::from_secs(102));
    assert_eq!(relay.unallocated_streams(), [7]);
    assert_eq!(refreshed.refresh(&mut relay, 0).code(), 0);
    assert_eq!(relay.unallocated_streams(), [7, 8]);
}
