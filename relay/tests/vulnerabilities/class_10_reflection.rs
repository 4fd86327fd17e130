//! Answers that somebody else pays for: large ones, and many, to an address that asked for nothing.

use std::{net::SocketAddr, time::Duration};

use muster_relay::{config::Limits, counters::Drop};
use muster_sim::{Caller, Relay, RelaySetup, method};

use super::{address, caller, user};

const PER_SECOND: u32 = 50;

fn relay() -> Relay {
    let limits = Limits { unproven_replies_per_second: PER_SECOND, ..Limits::default() };
    Relay::new(RelaySetup { limits, ..RelaySetup::default() })
}

/// Sends requests from all over a network and returns how many are answered, and with how many bytes at most.
fn flood(relay: &mut Relay, network: [u8; 3], method: u16, count: u16) -> (usize, usize) {
    let mut answers = Vec::new();
    for number in 0..count {
        let [a, b, c] = network;
        let at = SocketAddr::from(([a, b, c, number as u8], 1_024 + number));
        let mut client = Caller::udp(relay, at, user("ann"));
        let request = client.request(method).finish();
        answers.extend(client.exchange(relay, &request));
    }
    (answers.len(), answers.iter().map(|answer| answer.bytes.len()).max().unwrap_or_default())
}

#[test]
fn answers_to_the_unproven_are_small_and_few() {
    for method in [method::BINDING, method::ALLOCATE, method::REFRESH, method::CREATE_PERMISSION] {
        let mut relay = relay();
        let (answers, bytes) = flood(&mut relay, [30, 1, 2], method, 1_000);
        assert_eq!(answers, 2 * PER_SECOND as usize, "a burst of two seconds for a whole /24");
        assert!(bytes <= 104, "{bytes}");
        assert_eq!(relay.counters(0).dropped_so_far(Drop::ReplyLimited), 900);
        assert_eq!(flood(&mut relay, [30, 1, 3], method, 20).0, 20, "other networks are answered");
        relay.advance(Duration::from_secs(1));
        assert_eq!(flood(&mut relay, [30, 1, 2], method, 1_000).0, PER_SECOND as usize);
    }
}

#[test]
fn an_error_says_no_more_than_it_must() {
    let mut relay = relay();
    let mut client = caller(&relay, "30.0.0.1:4000");
    let request = client.request(method::ALLOCATE).finish();
    let answer = client.exchange(&mut relay, &request).unwrap();
    assert!(!answer.has(0x8022), "no SOFTWARE");
    let message = answer.message();
    let error = message.attribute::<stun_types::attribute::ErrorCode>().unwrap();
    assert_eq!(error.reason(), "");
    assert!(answer.nonce().unwrap().len() <= 32);
}

/// A flood in its name does not silence a client that has an allocation, nor one that comes over a stream.
#[test]
fn who_has_proved_its_address_is_answered() {
    let mut relay = relay();
    let mut client = Caller::udp(&relay, address("30.1.2.200:4000"), user("ann"));
    client.allocated(&mut relay);
    flood(&mut relay, [30, 1, 2], method::ALLOCATE, 1_000);
    assert_eq!(client.refresh(&mut relay, 600).code(), 0);
    client.challenge(&mut relay);
    let mut stream = Caller::stream(0, address("30.1.2.201:4000"), 1, user("bob"));
    assert_eq!(stream.allocate(&mut relay).code(), 0);
}
