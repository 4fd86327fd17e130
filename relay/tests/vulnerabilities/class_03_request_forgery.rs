//! A relay that reaches what its clients must not: the operator's own network, metadata services, itself; by UDP or by
//! the TCP relays of RFC 6062.

use muster_sim::{Caller, Relay, RelaySetup, method};
use turn_types::attribute::RequestedTransport;

use super::{address, allocate_both, allocated, caller, reaches, user};

#[test]
fn what_is_not_globally_routable_is_closed() {
    for closed in [
        "127.0.0.1:80",
        "10.255.255.255:80",
        "172.31.255.255:80",
        "192.168.0.1:80",
        "100.64.0.1:80",
        "169.254.169.254:80",
        "100.100.100.200:80",
        "168.63.129.16:80",
        "192.0.0.192:80",
        "224.0.0.1:80",
        "255.255.255.255:80",
        "240.0.0.1:80",
        "192.0.2.1:80",
        "198.18.0.1:80",
        "[fc00::1]:80",
        "[fd00:ec2::254]:80",
        "[fe80::1]:80",
        "[fec0::1]:80",
        "[ff0e::1]:80",
        "[2001:db8::1]:80",
        "[100::1]:80",
    ] {
        let (mut relay, mut client) = allocated();
        assert!(!reaches(&mut relay, &mut client, address(closed)), "{closed}");
    }
}

#[test]
fn our_own_listening_ports_are_closed_whatever_is_opened() {
    let allow_peer = ["0.0.0.0/0", "::/0"].map(|range| range.parse().unwrap()).to_vec();
    let mut relay = Relay::new(RelaySetup { allow_peer, ..RelaySetup::default() });
    let mut client = caller(&relay, "30.0.0.1:4000");
    assert_eq!(allocate_both(&mut client, &mut relay).code(), 0);
    for own in ["20.0.0.1:3478", "[2600::1]:3478", "[::ffff:20.0.0.1]:3478", "[64:ff9b::20.0.0.1]:3478"] {
        assert_eq!(client.permit(&mut relay, &[address(own)]), 0, "a permission has no port");
        assert_eq!(client.bind(&mut relay, 0x4000, address(own)), 403, "{own}");
        assert_eq!(client.indicate(&mut relay, address(own), b"x"), [], "{own}");
    }
}

/// RFC 6062 is not offered: neither its transport nor its methods do anything.
#[test]
fn there_are_no_tcp_relays() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = Caller::stream(0, address("30.0.0.1:4000"), 1, user("ann"));
    let tcp = RequestedTransport::new(RequestedTransport::TCP);
    assert_eq!(client.ask(&mut relay, method::ALLOCATE, |draft| draft.with(&tcp)).code(), 442);
    client.allocated(&mut relay);
    for method in [method::CONNECT, method::CONNECTION_BIND] {
        let request = client.request(method).peer(address("10.0.0.1:80"));
        let request = client.sign(request);
        assert_eq!(client.send(&mut relay, &request), []);
    }
}
