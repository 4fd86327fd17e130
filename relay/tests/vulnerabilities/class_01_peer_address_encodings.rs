//! A closed IPv4 address written as an IPv6 address that leads to it (CVE-2020-26262, CVE-2026-27624 and others).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{address, allocated, reaches};

/// Every form of IPv6 that carries an IPv4 address.
fn encodings(v4: Ipv4Addr) -> Vec<Ipv6Addr> {
    let [a, b, c, d] = v4.octets();
    let low = u128::from(v4.to_bits());
    let teredo = u128::from(!v4.to_bits());
    let prefix = |text: &str| u128::from(text.parse::<Ipv6Addr>().unwrap());
    let six_to_four = u128::from_be_bytes([0x20, 0x02, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    [
        prefix("::ffff:0:0") | low,
        low,
        prefix("::ffff:0:0:0") | low,
        prefix("64:ff9b::") | low,
        prefix("64:ff9b:1::") | low,
        six_to_four,
        prefix("2001:0:102:304::") | teredo,
        prefix("2600::5efe:0:0") | low,
    ]
    .map(Ipv6Addr::from)
    .to_vec()
}

#[test]
fn no_encoding_of_a_closed_address_is_open() {
    for closed in
        ["127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "255.255.255.255"]
    {
        let v4: Ipv4Addr = closed.parse().unwrap();
        for form in encodings(v4) {
            let (mut relay, mut client) = allocated();
            let peer = SocketAddr::new(form.into(), 7_000);
            assert!(!reaches(&mut relay, &mut client, peer), "{closed} as {form}");
        }
        let (mut relay, mut client) = allocated();
        assert!(!reaches(&mut relay, &mut client, SocketAddr::new(v4.into(), 7_000)), "{closed}");
    }
    for closed in ["[::]:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "[fe80::1]:1", "[fd00::1]:1", "[ff02::1]:1"] {
        let (mut relay, mut client) = allocated();
        assert!(!reaches(&mut relay, &mut client, address(closed)), "{closed}");
    }
}

#[test]
fn an_ordinary_address_is_open() {
    for open in ["30.0.0.9:7000", "[2600:9::9]:7000"] {
        let (mut relay, mut client) = allocated();
        assert!(reaches(&mut relay, &mut client, address(open)), "{open}");
    }
}
