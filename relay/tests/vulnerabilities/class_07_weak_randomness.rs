//! Nonces, relayed ports and reservation tokens that can be predicted (CVE-2025-69217).

use std::{collections::BTreeSet, time::Duration};

use muster_sim::{Relay, RelaySetup, method};
use turn_types::attribute::{EvenPort, RequestedTransport};

use super::caller;

#[test]
fn relayed_ports_do_not_follow_each_other() {
    let mut steps = BTreeSet::new();
    let mut first = BTreeSet::new();
    for seed in 0..50 {
        let mut relay = Relay::new(RelaySetup { seed, ports: 50_000..=59_999, ..RelaySetup::default() });
        let ports: Vec<_> = (0..20)
            .map(|number| caller(&relay, &format!("30.0.0.1:{}", 4_000 + number)).allocated(&mut relay).port())
            .collect();
        first.insert(ports[0]);
        steps.extend(ports.windows(2).map(|pair| i32::from(pair[1]) - i32::from(pair[0])));
    }
    // 950 differences over 20,000 possible values: a few coincide, most do not.
    assert!(steps.len() > 850, "{} different steps", steps.len());
    assert!(first.len() > 45, "each start gives its own ports");
}

/// A port that was given back says nothing about the next one, and the same client does not get it again by rule.
#[test]
fn a_freed_port_is_not_the_next_one() {
    let mut relay = Relay::new(RelaySetup { ports: 50_000..=59_999, ..RelaySetup::default() });
    let mut client = caller(&relay, "30.0.0.1:4000");
    let mut ports = BTreeSet::new();
    for _ in 0..50 {
        ports.insert(client.allocated(&mut relay).port());
        assert_eq!(client.refresh(&mut relay, 0).code(), 0);
    }
    assert!(ports.len() >= 48, "{}", ports.len());
}

#[test]
fn tokens_and_nonces_do_not_repeat() {
    let mut seen = BTreeSet::new();
    for seed in 0..8 {
        let mut relay = Relay::new(RelaySetup { seed, ..RelaySetup::default() });
        for number in 0..20 {
            let mut client = caller(&relay, &format!("30.0.0.1:{}", 4_000 + number));
            let answer = client.ask(&mut relay, method::ALLOCATE, |draft| {
                draft.with(&RequestedTransport::new(RequestedTransport::UDP)).with(&EvenPort::new(true))
            });
            let token = answer.token().unwrap();
            assert!(seen.insert(token.to_string()) && token.count_ones() > 8, "{token:#x}");
            assert!(seen.insert(client.nonce.clone()), "each client has a nonce of its own");
            relay.advance(Duration::from_secs(1));
            client.challenge(&mut relay);
            assert!(seen.insert(client.nonce), "and each second another one");
        }
    }
}
