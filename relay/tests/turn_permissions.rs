//! Permissions and channels (RFC 8656 sections 9 to 12): whom they let in, how long they last, and what conflicts.

use std::{net::SocketAddr, time::Duration};

use muster_relay::counters::Drop;
use muster_sim::{Answer, Caller, Credentials, Output, Relay, RelaySetup};

const PEER: &str = "30.0.0.9:7000";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A relay with one client that has an IPv4 allocation.
fn allocated() -> (Relay, Caller, SocketAddr) {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = Caller::udp(&relay, address("30.0.0.1:4000"), Credentials::new("ann", "ann's password"));
    let relayed = client.allocated(&mut relay);
    (relay, client, relayed)
}

/// Whether a payload from the peer reaches the client, and by which channel if it came by one.
fn arrives(relay: &mut Relay, relayed: SocketAddr, from: &str) -> Option<Option<u16>> {
    let outputs = Caller::peer_sends(relay, relayed, address(from), b"payload");
    let [Output::ToClient { bytes, .. }] = &outputs[..] else {
        assert_eq!(outputs, []);
        return None;
    };
    match bytes[0] {
        64..=79 => Some(Some(u16::from_be_bytes([bytes[0], bytes[1]]))),
        _ => {
            assert_eq!(Answer::parse(bytes).unwrap().peer(), Some(address(from)));
            Some(None)
        }
    }
}

fn keep(relay: &mut Relay, client: &mut Caller, seconds: u64) {
    client.stay(relay, Duration::from_secs(seconds));
}

#[test]
fn a_permission_is_for_an_address_with_any_port() {
    let (mut relay, mut client, relayed) = allocated();
    assert_eq!(arrives(&mut relay, relayed, PEER), None, "nobody may send at first");
    assert_eq!(client.indicate(&mut relay, address(PEER), b"x"), [], "nor be sent to");
    assert_eq!(relay.counters(0).dropped_so_far(Drop::NoPermission), 2);
    assert_eq!(client.permit(&mut relay, &[address(PEER)]), 0);
    for from in [PEER, "30.0.0.9:1", "30.0.0.9:65535"] {
        assert_eq!(arrives(&mut relay, relayed, from), Some(None), "{from}");
        assert_eq!(client.indicate(&mut relay, address(from), b"x").len(), 1, "{from}");
    }
    assert_eq!(arrives(&mut relay, relayed, "30.0.0.8:7000"), None, "another address");
}

#[test]
fn a_permission_lasts_five_minutes_from_its_last_refresh() {
    let (mut relay, mut client, relayed) = allocated();
    for renew in [false, true] {
        assert_eq!(client.permit(&mut relay, &[address(PEER)]), 0);
        if renew {
            keep(&mut relay, &mut client, 200);
            assert_eq!(client.permit(&mut relay, &[address(PEER)]), 0);
        }
        keep(&mut relay, &mut client, 299);
        assert_eq!(arrives(&mut relay, relayed, PEER), Some(None));
        keep(&mut relay, &mut client, 1);
        assert_eq!(arrives(&mut relay, relayed, PEER), None);
        assert_eq!(client.indicate(&mut relay, address(PEER), b"x"), []);
    }
}

#[test]
fn traffic_does_not_refresh_a_permission() {
    let (mut relay, mut client, relayed) = allocated();
    assert_eq!(client.permit(&mut relay, &[address(PEER)]), 0);
    for _ in 0..10 {
        keep(&mut relay, &mut client, 30);
        client.indicate(&mut relay, address(PEER), b"x");
        arrives(&mut relay, relayed, PEER);
    }
    assert_eq!(arrives(&mut relay, relayed, PEER), None);
}

#[test]
fn a_channel_carries_both_ways_and_brings_a_permission() {
    let (mut relay, mut client, relayed) = allocated();
    assert_eq!(client.bind(&mut relay, 0x4ABC, address(PEER)), 0);
    assert_eq!(arrives(&mut relay, relayed, PEER), Some(Some(0x4ABC)));
    assert_eq!(arrives(&mut relay, relayed, "30.0.0.9:1"), Some(None), "another port comes by indication");
    let sent = client.channel(&mut relay, 0x4ABC, b"hello");
    assert_eq!(sent, [Output::ToPeer { from: relayed, to: address(PEER), bytes: b"hello".to_vec() }]);
    assert_eq!(client.indicate(&mut relay, address(PEER), b"x").len(), 1, "indications go on working");
    assert_eq!(client.channel(&mut relay, 0x4ABD, b"hello"), []);
    assert_eq!(relay.counters(0).dropped_so_far(Drop::NoChannel), 1);
}

/// The permission of a channel ends before the channel does (RFC 8656 section 12): the peer is shut out, and when it is
/// let in again, its data comes by channel as before.
#[test]
fn a_channel_outlives_its_permission() {
    let (mut relay, mut client, relayed) = allocated();
    assert_eq!(client.bind(&mut relay, 0x4000, address(PEER)), 0);
    keep(&mut relay, &mut client, 300);
    assert_eq!(arrives(&mut relay, relayed, PEER), None);
    assert_eq!(client.permit(&mut relay, &[address(PEER)]), 0);
    assert_eq!(arrives(&mut relay, relayed, PEER), Some(Some(0x4000)));
    keep(&mut relay, &mut client, 290);
    assert_eq!(client.permit(&mut relay, &[address(PEER)]), 0);
    keep(&mut relay, &mut client, 10);
    assert_eq!(arrives(&mut relay, relayed, PEER), Some(None), "after ten minutes the channel is gone");
    assert_eq!(client.channel(&mut relay, 0x4000, b"x"), []);
}

#[test]
fn a_channel_is_refreshed_by_binding_it_again() {
    let (mut relay, mut client, relayed) = allocated();
    assert_eq!(client.bind(&mut relay, 0x4000, address(PEER)), 0);
    for _ in 0..10 {
        keep(&mut relay, &mut client, 290);
        assert_eq!(client.bind(&mut relay, 0x4000, address(PEER)), 0);
        assert_eq!(arrives(&mut relay, relayed, PEER), Some(Some(0x4000)));
        assert_eq!(client.channel(&mut relay, 0x4000, b"x").len(), 1);
    }
}

#[test]
fn a_number_has_one_peer_and_a_peer_one_number() {
    let (mut relay, mut client, relayed) = allocated();
    let other = address("30.0.0.9:7001");
    assert_eq!(client.bind(&mut relay, 0x4000, address(PEER)), 0);
    assert_eq!(client.bind(&mut relay, 0x4000, other), 400, "the number is taken");
    assert_eq!(client.bind(&mut relay, 0x4001, address(PEER)), 400, "the peer is taken");
    assert_eq!(client.bind(&mut relay, 0x4001, other), 0, "another port is another peer");
    assert_eq!(arrives(&mut relay, relayed, "30.0.0.9:7001"), Some(Some(0x4001)));
    keep(&mut relay, &mut client, 600);
    assert_eq!(client.bind(&mut relay, 0x4000, other), 0, "what has expired is free");
    assert_eq!(client.bind(&mut relay, 0x4001, address(PEER)), 0);
    assert_eq!(client.permit(&mut relay, &[address(PEER)]), 0);
    assert_eq!(arrives(&mut relay, relayed, "30.0.0.9:7001"), Some(Some(0x4000)));
    assert_eq!(arrives(&mut relay, relayed, PEER), Some(Some(0x4001)));
}

/// A request that is refused changes nothing, so it must not let the peer in either.
#[test]
fn a_refused_channel_leaves_no_permission() {
    let (mut relay, mut client, relayed) = allocated();
    assert_eq!(client.bind(&mut relay, 0x4000, address(PEER)), 0);
    assert_eq!(client.bind(&mut relay, 0x4000, address("30.0.0.7:7000")), 400);
    assert_eq!(arrives(&mut relay, relayed, "30.0.0.7:7000"), None);
    assert_eq!(client.permit(&mut relay, &[address("30.0.0.6:1"), address("10.0.0.1:1")]), 403);
    assert_eq!(arrives(&mut relay, relayed, "30.0.0.6:1"), None, "all or none");
}

#[test]
fn allocations_do_not_share_permissions_or_channels() {
    let (mut relay, mut ann, relayed) = allocated();
    let mut bob = Caller::udp(&relay, address("30.0.0.2:4000"), Credentials::new("bob", "bob's password"));
    let bobs = bob.allocated(&mut relay);
    assert_eq!(ann.bind(&mut relay, 0x4000, address(PEER)), 0);
    assert_eq!(arrives(&mut relay, bobs, PEER), None);
    assert_eq!(bob.channel(&mut relay, 0x4000, b"x"), []);
    assert_eq!(bob.bind(&mut relay, 0x4000, address("30.0.0.8:1")), 0);
    assert_eq!(arrives(&mut relay, relayed, PEER), Some(Some(0x4000)));
    assert_eq!(arrives(&mut relay, bobs, "30.0.0.8:1"), Some(Some(0x4000)));
}

#[test]
fn nothing_outlives_its_allocation() {
    let (mut relay, mut client, _) = allocated();
    assert_eq!(client.bind(&mut relay, 0x4000, address(PEER)), 0);
    assert_eq!(client.refresh(&mut relay, 0).code(), 0);
    assert_eq!(client.channel(&mut relay, 0x4000, b"x"), []);
    let relayed = client.allocated(&mut relay);
    assert_eq!(client.channel(&mut relay, 0x4000, b"x"), [], "a new allocation on the same 5-tuple begins empty");
    assert_eq!(arrives(&mut relay, relayed, PEER), None);
}

/// Datagrams that had arrived for a socket before it was closed must not reach the next owner of its place.
#[test]
fn a_late_datagram_does_not_reach_the_next_allocation() {
    let (mut relay, mut ann, relayed) = allocated();
    assert_eq!(ann.permit(&mut relay, &[address(PEER)]), 0);
    let (worker, name) = relay.bound()[&relayed];
    assert_eq!(ann.refresh(&mut relay, 0).code(), 0);
    let mut bob = Caller::udp(&relay, address("30.0.0.2:4000"), Credentials::new("bob", "bob's password"));
    let bobs = bob.allocated(&mut relay);
    assert_eq!(bob.permit(&mut relay, &[address(PEER)]), 0);
    assert_eq!(relay.bound()[&bobs].1.index, name.index, "the place in the table is used again");
    relay.handle_peer_named(worker, name, address(PEER), b"for ann");
    assert_eq!(relay.poll_output(), None);
}

/// What a reload closes is closed for live allocations too, and what it opens is open.
#[test]
fn a_reload_changes_whom_live_allocations_reach() {
    let (mut relay, mut client, relayed) = allocated();
    let inside = address("10.1.2.3:5000");
    assert_eq!(client.bind(&mut relay, 0x4000, inside), 403);
    relay.reload(|setup| setup.allow_peer = vec!["10.1.0.0/16".parse().unwrap()]);
    assert_eq!(client.bind(&mut relay, 0x4000, inside), 0);
    assert_eq!(client.channel(&mut relay, 0x4000, b"x").len(), 1);
    assert_eq!(client.indicate(&mut relay, inside, b"x").len(), 1);
    assert_eq!(arrives(&mut relay, relayed, "10.1.2.3:5000"), Some(Some(0x4000)));
    relay.reload(|setup| setup.allow_peer.clear());
    assert_eq!(client.channel(&mut relay, 0x4000, b"x"), []);
    assert_eq!(client.indicate(&mut relay, inside, b"x"), []);
    assert_eq!(relay.counters(0).dropped_so_far(Drop::PeerDenied), 1);
    assert_eq!(relay.counters(0).dropped_so_far(Drop::NoPermission), 1);
    assert_eq!(arrives(&mut relay, relayed, "10.1.2.3:5000"), None, "nor does it get in");
    relay.reload(|setup| setup.allow_peer = vec!["10.1.2.3/32".parse().unwrap()]);
    assert_eq!(client.channel(&mut relay, 0x4000, b"x").len(), 1, "a channel that is left is open again");
}
