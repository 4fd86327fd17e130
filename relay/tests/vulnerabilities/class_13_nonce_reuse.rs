//! A value that must not repeat, repeated (CVE-2026-26014: random nonces of AES-GCM in DTLS). The relay encrypts nothing
//! of its own: there is no DTLS, and TLS is the library's. What it numbers itself, it numbers with a counter.

use std::collections::BTreeSet;

use muster_relay::counters::Drop;
use muster_sim::{Caller, Output, Relay, RelaySetup};

use super::{address, caller};

#[test]
fn dtls_is_not_spoken() {
    let mut relay = Relay::new(RelaySetup::default());
    let client = caller(&relay, "30.0.0.1:4000");
    for content_type in 20..=63_u8 {
        assert_eq!(client.send(&mut relay, &[content_type, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), []);
    }
    assert_eq!(relay.counters(0).dropped_so_far(Drop::Malformed), 44);
}

#[test]
fn transaction_ids_of_indications_do_not_repeat() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:4000");
    let relayed = client.allocated(&mut relay);
    let peer = address("30.0.0.9:1");
    assert_eq!(client.permit(&mut relay, &[peer]), 0);
    let mut seen = BTreeSet::new();
    for _ in 0..20_000 {
        let outputs = Caller::peer_sends(&mut relay, relayed, peer, b"x");
        let [Output::ToClient { bytes, .. }] = &outputs[..] else { panic!("one indication: {outputs:?}") };
        assert!(seen.insert(bytes[8..20].to_vec()));
    }
}
