//! The data path to the byte: ChannelData and indications both ways, hairpin on one worker and between two, external
//! addresses, and ICMP errors (RFC 8656 sections 11 and 12).

use std::net::{IpAddr, SocketAddr};

use muster_relay::{
    counters::{Direction, Drop},
    io::IcmpError,
    turn::{OpenError, RelayAddress},
};
use muster_sim::{Answer, Caller, Credentials, Draft, Output, Relay, RelaySetup, attribute, channel_data, method};
use stun_types::{AddressFamily, message::MessageClass};

const PEER: &str = "30.0.0.9:7000";
const PEER_V6: &str = "[2600:9::9]:7000";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn user(name: &str) -> Credentials {
    Credentials::new(name, &format!("{name}'s password"))
}

fn allocated() -> (Relay, Caller, SocketAddr) {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = Caller::udp(&relay, address("30.0.0.1:4000"), user("ann"));
    let relayed = client.allocated(&mut relay);
    (relay, client, relayed)
}

/// The one payload that a client got and the peer that it is said to be from, by whichever form.
fn delivered(outputs: &[Output], client: &Caller) -> (Vec<u8>, Option<SocketAddr>) {
    let [Output::ToClient { to, bytes, worker }] = outputs else { panic!("one datagram: {outputs:?}") };
    assert_eq!((*to, *worker), (client.client, client.worker));
    if (64..=79).contains(&bytes[0]) {
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        assert_eq!(bytes.len(), 4 + length, "a datagram needs no padding");
        return (bytes[4..].to_vec(), None);
    }
    let answer = Answer::parse(bytes).expect("a well-formed message");
    assert_eq!((answer.header().0, answer.header().1), (MessageClass::Indication, method::DATA));
    (answer.data().expect("a Data indication has DATA"), answer.peer())
}

#[test]
fn a_data_indication_has_its_peer_its_payload_and_clean_padding() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut transactions = std::collections::BTreeSet::new();
    for (at, peer) in [("30.0.0.1:4000", PEER), ("30.0.0.2:4000", PEER_V6)] {
        let mut client = Caller::udp(&relay, address(at), user("ann"));
        let family = if address(peer).is_ipv6() { AddressFamily::IPV6 } else { AddressFamily::IPV4 };
        let relayed = client.allocate_family(&mut relay, family).relayed()[0];
        assert_eq!(client.permit(&mut relay, &[address(peer)]), 0);
        for length in [0, 1, 2, 3, 4, 5, 100, 1_199, 1_200, 2_000, 9_000, 65_000] {
            let payload: Vec<u8> = (0..length).map(|index| index as u8 ^ 0x5A).collect();
            let outputs = Caller::peer_sends(&mut relay, relayed, address(peer), &payload);
            assert_eq!(delivered(&outputs, &client), (payload.clone(), Some(address(peer))));
            let [Output::ToClient { bytes, .. }] = &outputs[..] else { unreachable!("checked above") };
            let header = 20 + if family == AddressFamily::IPV6 { 24 } else { 12 } + 4;
            assert_eq!(bytes.len(), header + payload.len().next_multiple_of(4));
            assert!(bytes[header + payload.len()..].iter().all(|&byte| byte == 0), "{length}: padding is zero");
            assert!(transactions.insert(bytes[8..20].to_vec()), "a transaction id of its own");
        }
    }
}

#[test]
fn channel_data_is_read_by_its_length() {
    let (mut relay, mut client, relayed) = allocated();
    assert_eq!(client.bind(&mut relay, 0x4000, address(PEER)), 0);
    let message = |length: u16, bytes: &[u8]| [&[0x40, 0][..], &length.to_be_bytes(), bytes].concat();
    for (what, sent, passed) in [
        ("exact", message(5, b"hello"), Some(&b"hello"[..])),
        ("padded to four", message(5, b"hello\0\0\0"), Some(b"hello")),
        ("with more behind it", message(3, b"hello"), Some(b"hel")),
        ("empty", message(0, b""), Some(b"")),
        ("empty and padded", message(0, b"\0\0\0\0"), Some(b"")),
        ("longer than the datagram", message(6, b"hello"), None),
        ("much longer", message(u16::MAX, b"hello"), None),
        ("a header cut short", vec![0x40, 0, 0], None),
    ] {
        let expect: Vec<_> = passed
            .map(|bytes| Output::ToPeer { from: relayed, to: address(PEER), bytes: bytes.to_vec() })
            .into_iter()
            .collect();
        assert_eq!(client.send(&mut relay, &sent), expect, "{what}");
    }
    assert_eq!(relay.counters(0).dropped_so_far(Drop::Malformed), 3);
    assert_eq!(relay.counters(0).relayed_so_far(Direction::ToPeer), (5, 13));
    for first in (0x04..0x40).chain(0x50..=0xFF) {
        assert_eq!(client.send(&mut relay, &[first, 0, 0, 1, 0]), [], "{first:#x} begins no message");
    }
    assert_eq!(client.send(&mut relay, &channel_data(0x4FFF, b"x")), [], "not bound");
}

#[test]
fn a_channel_to_the_client_has_the_payload_and_nothing_else() {
    let (mut relay, mut client, relayed) = allocated();
    assert_eq!(client.bind(&mut relay, 0x4FFF, address(PEER)), 0);
    for length in [0, 1, 3, 4, 1_200, 65_507] {
        let payload = vec![0x11; length];
        let outputs = Caller::peer_sends(&mut relay, relayed, address(PEER), &payload);
        assert_eq!(delivered(&outputs, &client), (payload.clone(), None));
        let [Output::ToClient { bytes, .. }] = &outputs[..] else { unreachable!("checked above") };
        assert_eq!(*bytes, channel_data(0x4FFF, &payload));
    }
}

#[test]
fn a_send_indication_is_cut_down_to_its_data() {
    let (mut relay, mut client, relayed) = allocated();
    assert_eq!(client.permit(&mut relay, &[address(PEER)]), 0);
    let indication = || Draft::indication(method::SEND, 99);
    let data = |draft: Draft, bytes: &[u8]| draft.raw(attribute::DATA, bytes);
    let other = address("30.0.0.9:1");
    for (what, draft, passed) in [
        ("the usual order", data(indication().peer(address(PEER)), b"hello"), Some(&b"hello"[..])),
        ("the other order", data(indication(), b"hello").peer(address(PEER)), Some(b"hello")),
        ("empty", data(indication().peer(address(PEER)), b""), Some(b"")),
        ("with a fingerprint", data(indication().peer(address(PEER)), b"hi").fingerprint(), Some(b"hi")),
        (
            "with what may be ignored",
            data(indication().peer(address(PEER)), b"hi").raw(0x8022, b"software"),
            Some(b"hi"),
        ),
        ("the first of two peers", data(indication().peer(address(PEER)).peer(other), b"hi"), Some(b"hi")),
        (
            "the first of two payloads",
            data(data(indication().peer(address(PEER)), b"first"), b"second"),
            Some(b"first"),
        ),
        ("no payload", indication().peer(address(PEER)), None),
        ("no peer", data(indication(), b"hello"), None),
        ("DONT-FRAGMENT", data(indication().peer(address(PEER)), b"hi").raw(attribute::DONT_FRAGMENT, &[]), None),
        ("what must be understood", data(indication().peer(address(PEER)), b"hi").raw(0x0FFF, &[]), None),
        ("a peer cut short", data(indication().raw(attribute::XOR_PEER_ADDRESS, &[0, 1, 2, 3]), b"hi"), None),
        (
            "a peer of no family",
            data(indication().raw(attribute::XOR_PEER_ADDRESS, &[0, 9, 0, 0, 1, 2, 3, 4]), b"hi"),
            None,
        ),
        ("a peer without a permission", data(indication().peer(address("30.0.0.8:7000")), b"hi"), None),
        ("a peer of another family", data(indication().peer(address(PEER_V6)), b"hi"), None),
        ("port 0", data(indication().peer(address("30.0.0.9:0")), b"hi"), None),
    ] {
        let expect: Vec<_> = passed
            .map(|bytes| Output::ToPeer { from: relayed, to: address(PEER), bytes: bytes.to_vec() })
            .into_iter()
            .collect();
        assert_eq!(client.send(&mut relay, &draft.finish()), expect, "{what}");
    }
}

#[test]
fn data_without_an_allocation_goes_nowhere() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = Caller::udp(&relay, address("30.0.0.1:4000"), user("ann"));
    assert_eq!(client.channel(&mut relay, 0x4000, b"x"), []);
    assert_eq!(client.indicate(&mut relay, address(PEER), b"x"), []);
    assert_eq!(relay.counters(0).dropped_so_far(Drop::NoAllocation), 2);
    let first = client.allocated(&mut relay);
    let mut other = Caller::udp(&relay, address("30.0.0.1:4001"), user("ann"));
    assert_eq!(client.bind(&mut relay, 0x4000, address(PEER)), 0);
    assert_eq!(other.channel(&mut relay, 0x4000, b"x"), [], "the same address, another port");
    assert_eq!(other.indicate(&mut relay, address(PEER), b"x"), []);
    assert_eq!(client.channel(&mut relay, 0x4000, b"x").len(), 1);
    assert!(relay.bound().contains_key(&first));
}

/// Two clients of one relay, on one worker or two, by indication and by channel, with the relay's own addresses or with
/// external ones: every payload arrives with the sender's relayed address as clients know it, and no socket is used.
#[test]
fn clients_of_one_relay_reach_each_other_without_a_socket() {
    let behind = |internal: &str, external: &str| RelayAddress {
        internal: internal.parse().unwrap(),
        external: external.parse().unwrap(),
    };
    for (workers, internal) in [(1, "20.0.0.1"), (2, "20.0.0.1"), (1, "10.0.0.1"), (2, "10.0.0.1")] {
        let setup = RelaySetup { workers, addresses: vec![behind(internal, "20.0.0.1")], ..RelaySetup::default() };
        let mut relay = Relay::new(setup);
        let mut ann = Caller::udp(&relay, address("30.0.0.1:4000"), user("ann"));
        let mut bob = Caller::udp(&relay, address("30.0.0.2:4000"), user("bob"));
        (ann.worker, bob.worker) = (0, workers - 1);
        let (anns, bobs) = (ann.allocated(&mut relay), bob.allocated(&mut relay));
        assert_eq!(ann.permit(&mut relay, &[bobs]), 0);
        assert_eq!(ann.indicate(&mut relay, bobs, b"too early"), [], "the receiver's permission rules");
        assert_eq!(bob.permit(&mut relay, &[anns]), 0);
        for payload in [&b"hello"[..], b"", &[7; 1_400]] {
            let outputs = ann.indicate(&mut relay, bobs, payload);
            assert_eq!(delivered(&outputs, &bob), (payload.to_vec(), Some(anns)));
        }
        assert_eq!(ann.bind(&mut relay, 0x4001, bobs), 0);
        let outputs = ann.channel(&mut relay, 0x4001, b"by channel");
        assert_eq!(delivered(&outputs, &bob), (b"by channel".to_vec(), Some(anns)));
        assert_eq!(bob.bind(&mut relay, 0x4777, anns), 0);
        let outputs = ann.channel(&mut relay, 0x4001, b"both");
        assert_eq!(delivered(&outputs, &bob), (b"both".to_vec(), None));
        let outputs = bob.channel(&mut relay, 0x4777, b"back");
        assert_eq!(delivered(&outputs, &ann), (b"back".to_vec(), None));
        let hairpins: u64 =
            (0..workers).map(|worker| relay.counters(worker).relayed_so_far(Direction::Hairpin).0).sum();
        assert_eq!(hairpins, 6);
        assert_eq!(bob.refresh(&mut relay, 0).code(), 0);
        let sockets: Vec<IpAddr> = relay.bound().keys().map(SocketAddr::ip).collect();
        assert_eq!(sockets, [internal.parse::<IpAddr>().unwrap()]);
        for output in ann.channel(&mut relay, 0x4001, b"nobody is there") {
            let Output::ToPeer { to, .. } = output else { panic!("no client is left: {output:?}") };
            assert_eq!(to, bobs, "an open address without an owner is a peer like any other");
        }
    }
}

#[test]
fn a_payload_on_its_way_between_workers_finds_the_receiver_as_it_is_by_then() {
    let mut relay = Relay::new(RelaySetup { workers: 2, ports: 50_000..=50_001, ..RelaySetup::default() });
    let mut ann = Caller::udp(&relay, address("30.0.0.1:4000"), user("ann"));
    let mut bob = Caller::udp(&relay, address("30.0.0.2:4000"), user("bob"));
    (ann.worker, bob.worker) = (0, 1);
    let (anns, bobs) = (ann.allocated(&mut relay), bob.allocated(&mut relay));
    assert_eq!((ann.permit(&mut relay, &[bobs]), bob.permit(&mut relay, &[anns])), (0, 0));
    relay.hold_handoffs(true);
    assert_eq!(ann.indicate(&mut relay, bobs, b"for bob"), []);
    assert_eq!(bob.refresh(&mut relay, 0).code(), 0);
    let mut eve = Caller::udp(&relay, address("30.0.0.3:4000"), user("ann"));
    eve.worker = 1;
    assert_eq!(eve.allocated(&mut relay), bobs, "the port has a new owner, who permits nobody");
    relay.run_handoffs();
    assert_eq!(relay.poll_output(), None);
    assert_eq!(relay.counters(1).dropped_so_far(Drop::NoPermission), 1);
    assert_eq!(ann.indicate(&mut relay, bobs, b"for nobody"), []);
    assert_eq!(eve.refresh(&mut relay, 0).code(), 0);
    relay.run_handoffs();
    assert_eq!(relay.poll_output(), None);
    assert_eq!(relay.counters(1).dropped_so_far(Drop::NoAllocation), 1);
}

/// The next allocation in the same place of the table has another port, and permits the sender: what was meant for the
/// port that is gone must not reach it.
#[test]
fn a_payload_on_its_way_does_not_follow_a_place_in_the_table() {
    let mut relay = Relay::new(RelaySetup { workers: 2, ..RelaySetup::default() });
    let mut ann = Caller::udp(&relay, address("30.0.0.1:4000"), user("ann"));
    let mut bob = Caller::udp(&relay, address("30.0.0.2:4000"), user("bob"));
    let mut eve = Caller::udp(&relay, address("30.0.0.3:4000"), user("ann"));
    (ann.worker, bob.worker, eve.worker) = (0, 1, 1);
    let (anns, bobs) = (ann.allocated(&mut relay), bob.allocated(&mut relay));
    assert_eq!((ann.permit(&mut relay, &[bobs]), bob.permit(&mut relay, &[anns])), (0, 0));
    let place = relay.bound()[&bobs].1.index;
    relay.hold_handoffs(true);
    assert_eq!(ann.indicate(&mut relay, bobs, b"for bob"), []);
    assert_eq!(bob.refresh(&mut relay, 0).code(), 0);
    relay.set_bind_fault(Box::new(move |at| (at == bobs).then_some(OpenError::InUse)));
    let eves = eve.allocated(&mut relay);
    assert_eq!(relay.bound()[&eves].1.index, place);
    assert_eq!(eve.permit(&mut relay, &[anns]), 0);
    relay.run_handoffs();
    assert_eq!(relay.poll_output(), None);
}

#[test]
fn a_relayed_address_behind_a_private_one_is_reached_only_while_it_is_live() {
    let address_pair = RelayAddress { internal: "10.0.0.1".parse().unwrap(), external: "20.0.0.1".parse().unwrap() };
    let mut relay = Relay::new(RelaySetup { addresses: vec![address_pair], ..RelaySetup::default() });
    let mut ann = Caller::udp(&relay, address("30.0.0.1:4000"), user("ann"));
    let mut bob = Caller::udp(&relay, address("30.0.0.2:4000"), user("bob"));
    let (anns, bobs) = (ann.allocated(&mut relay), bob.allocated(&mut relay));
    let unused = (50_000..=50_099).map(|port| SocketAddr::new(anns.ip(), port)).find(|&at| at != anns && at != bobs);
    let inside = SocketAddr::new(address_pair.internal, bobs.port());
    assert_eq!(ann.bind(&mut relay, 0x4000, unused.unwrap()), 403, "nobody has that port");
    assert_eq!(ann.bind(&mut relay, 0x4000, SocketAddr::new(anns.ip(), 22)), 403, "nor is it ours to give");
    assert_eq!(ann.bind(&mut relay, 0x4001, bobs), 0);
    assert_eq!(ann.bind(&mut relay, 0x4002, inside), 400, "the internal form is the same peer");
    assert_eq!(bob.permit(&mut relay, &[anns]), 0);
    assert_eq!(ann.channel(&mut relay, 0x4001, b"x").len(), 1);
    assert_eq!(bob.refresh(&mut relay, 0).code(), 0);
    assert_eq!(ann.channel(&mut relay, 0x4001, b"x"), []);
    assert_eq!(relay.counters(0).dropped_so_far(Drop::PeerDenied), 1);
}

#[test]
fn a_client_may_reach_its_own_relayed_address_if_it_permits_that() {
    let (mut relay, mut client, relayed) = allocated();
    assert_eq!(client.indicate(&mut relay, relayed, b"echo"), []);
    assert_eq!(client.permit(&mut relay, &[relayed]), 0);
    let outputs = client.indicate(&mut relay, relayed, b"echo");
    assert_eq!(delivered(&outputs, &client), (b"echo".to_vec(), Some(relayed)));
}

#[test]
fn an_icmp_error_is_told_if_the_peer_is_permitted() {
    let mut relay = Relay::new(RelaySetup::default());
    for (at, peer, family) in
        [("30.0.0.1:4000", PEER, AddressFamily::IPV4), ("30.0.0.2:4000", PEER_V6, AddressFamily::IPV6)]
    {
        let mut client = Caller::udp(&relay, address(at), user("ann"));
        let relayed = client.allocate_family(&mut relay, family).relayed()[0];
        let error = IcmpError { peer: address(peer), icmp_type: 3, code: 4, data: 1_280 };
        relay.handle_icmp(relayed, error);
        assert_eq!(relay.poll_output(), None, "the peer has no permission");
        assert_eq!(client.permit(&mut relay, &[address(peer)]), 0);
        relay.handle_icmp(relayed, error);
        let Some(Output::ToClient { to, bytes, .. }) = relay.poll_output() else { panic!("the client is told") };
        let answer = Answer::parse(&bytes).unwrap();
        let icmp = answer.message();
        let icmp = icmp.attribute::<turn_types::attribute::Icmp>().unwrap();
        assert_eq!((to, answer.peer(), answer.data()), (client.client, Some(address(peer)), None));
        assert_eq!((icmp.icmp_type(), icmp.code(), icmp.data()), (3, 4, 1_280));
        assert_eq!((answer.header().0, answer.header().1), (MessageClass::Indication, method::DATA));
    }
    assert_eq!(relay.counters(0).icmp.read(), 2);
}

#[test]
fn a_stream_client_relays_like_any_other() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = Caller::stream(0, address("30.0.0.1:4000"), 7, user("ann"));
    let relayed = client.allocated(&mut relay);
    assert_eq!(client.bind(&mut relay, 0x4000, address(PEER)), 0);
    assert_eq!(client.send(&mut relay, &channel_data(0x4000, b"abc")).len(), 1);
    let outputs = Caller::peer_sends(&mut relay, relayed, address(PEER), b"abc");
    assert_eq!(delivered(&outputs, &client), (b"abc".to_vec(), None));
    let same_address = Caller::udp(&relay, address("30.0.0.1:4000"), user("ann"));
    assert_eq!(same_address.channel(&mut relay, 0x4000, b"abc"), [], "UDP from its address is another 5-tuple");
}
