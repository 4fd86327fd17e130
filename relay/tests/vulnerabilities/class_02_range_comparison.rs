//! Ranges compared octet by octet: an address whose later octets lie outside an earlier range is let through, or the
//! other way round.

use muster_sim::{Relay, RelaySetup};

use super::{address, allocate_both, caller, reaches};

#[test]
fn a_range_is_a_prefix() {
    let allow_peer = ["10.1.128.0/17", "fd00:1:8000::/33"].map(|range| range.parse().unwrap()).to_vec();
    for (peer, open) in [
        ("10.1.128.0:1", true),
        ("10.1.255.255:1", true),
        ("10.1.127.255:1", false),
        ("10.2.128.1:1", false),
        ("10.0.200.1:1", false),
        ("[fd00:1:8000::]:1", true),
        ("[fd00:1:ffff:ffff::1]:1", true),
        ("[fd00:1:7fff:ffff::1]:1", false),
        ("[fd00:2:8000::1]:1", false),
        ("[fd00:0:9000::1]:1", false),
        ("[fd01:1:8000::1]:1", false),
        ("[fbff:1:8000::1]:1", false),
    ] {
        let mut relay = Relay::new(RelaySetup { allow_peer: allow_peer.clone(), ..RelaySetup::default() });
        let mut client = caller(&relay, "30.0.0.1:4000");
        assert_eq!(allocate_both(&mut client, &mut relay).code(), 0);
        assert_eq!(reaches(&mut relay, &mut client, address(peer)), open, "{peer}");
    }
}
