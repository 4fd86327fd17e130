//! Tables of addresses and what the policy says of them, and the ways round it that other relays once had.

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text} is an address"))
}

fn policy(allow: &[&str]) -> PeerPolicy {
    let allow: Vec<IpNet> = allow.iter().map(|range| range.parse().unwrap()).collect();
    PeerPolicy::new(&allow, &[], &[])
}

fn octets(v4: &str) -> [u8; 4] {
    v4.parse::<Ipv4Addr>().unwrap().octets()
}

/// Every spelling of an IPv4 address as an IPv6 one that leads to it.
fn encodings(v4: &str) -> Vec<IpAddr> {
    let [a, b, c, d] = octets(v4).map(u16::from);
    let (high, low) = (a << 8 | b, c << 8 | d);
    let v6 = |segments: [u16; 8]| IpAddr::V6(Ipv6Addr::from(segments));
    let mut all = vec![
        ip(v4),
        v6([0, 0, 0, 0, 0, 0xffff, high, low]),
        v6([0, 0, 0, 0, 0xffff, 0, high, low]),
        v6([0x64, 0xff9b, 0, 0, 0, 0, high, low]),
        v6([0x2002, high, low, 0, 0, 0, 0, 1]),
        v6([0x2002, high, low, 0x1234, 0x5678, 0x9abc, 0xdef0, 0x1111]),
        v6([0x2001, 0, 0x4136, 0xe378, 0x8000, 0x63bf, !high, !low]),
    ];
    // :: and ::1 are not v4-compatible addresses.
    if ![0, 1].contains(&(u32::from(high) << 16 | u32::from(low))) {
        all.push(v6([0, 0, 0, 0, 0, 0, high, low]));
    }
    all
}

/// IPv6 addresses that lead to an IPv4 one only by one of several readings.
fn ambiguous_encodings(v4: &str) -> Vec<IpAddr> {
    let [a, b, c, d] = octets(v4);
    let v6 = |octets: [u8; 16]| IpAddr::V6(Ipv6Addr::from(octets));
    vec![
        // 64:ff9b:1::/48 with IPv4 addresses after 48, 56, 64 and 96 bits.
        v6([0, 0x64, 0xff, 0x9b, 0, 1, a, b, 0, c, d, 0, 8, 8, 8, 8]),
        v6([0, 0x64, 0xff, 0x9b, 0, 1, 8, a, 0, b, c, d, 8, 8, 8, 8]),
        v6([0, 0x64, 0xff, 0x9b, 0, 1, 8, 8, 0, a, b, c, d, 8, 8, 8]),
        v6([0, 0x64, 0xff, 0x9b, 0, 1, 8, 8, 0, 8, 8, 8, a, b, c, d]),
        // ISATAP under a global prefix, with both forms of the identifier.
        v6([0x2a, 0, 0x14, 0x50, 0, 0, 0, 0, 0, 0, 0x5e, 0xfe, a, b, c, d]),
        v6([0x2a, 0, 0x14, 0x50, 0, 0, 0, 0, 2, 0, 0x5e, 0xfe, a, b, c, d]),
        // Teredo with a global client behind the address as its server.
        v6([0x20, 1, 0, 0, a, b, c, d, 0x80, 0, 0x63, 0xbf, !8, !8, !8, !8]),
    ]
}

const CLOSED_V4: &[(&str, Denied)] = &[
    ("0.0.0.0", Denied::Unspecified),
    ("0.0.0.1", Denied::Reserved),
    ("0.255.255.255", Denied::Reserved),
    ("10.0.0.0", Denied::Private),
    ("10.255.255.255", Denied::Private),
    ("100.64.0.0", Denied::Private),
    ("100.127.255.255", Denied::Private),
    ("100.100.100.200", Denied::Metadata),
    ("127.0.0.0", Denied::Loopback),
    ("127.0.0.1", Denied::Loopback),
    ("127.255.255.255", Denied::Loopback),
    ("168.63.129.16", Denied::Metadata),
    ("169.254.0.0", Denied::LinkLocal),
    ("169.254.169.254", Denied::Metadata),
    ("169.254.255.255", Denied::LinkLocal),
    ("172.16.0.0", Denied::Private),
    ("172.31.255.255", Denied::Private),
    ("192.0.0.0", Denied::Reserved),
    ("192.0.0.9", Denied::Reserved),
    ("192.0.0.192", Denied::Metadata),
    ("192.0.0.255", Denied::Reserved),
    ("192.0.2.0", Denied::Reserved),
    ("192.0.2.255", Denied::Reserved),
    ("192.88.99.1", Denied::Reserved),
    ("192.168.0.0", Denied::Private),
    ("192.168.255.255", Denied::Private),
    ("198.18.0.0", Denied::Reserved),
    ("198.19.255.255", Denied::Reserved),
    ("198.51.100.255", Denied::Reserved),
    ("203.0.113.0", Denied::Reserved),
    ("224.0.0.0", Denied::Multicast),
    ("239.255.255.255", Denied::Multicast),
    ("240.0.0.0", Denied::Reserved),
    ("255.255.255.254", Denied::Reserved),
    ("255.255.255.255", Denied::Multicast),
];

const OPEN_V4: &[&str] = &[
    "1.0.0.0",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.3.0",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "192.175.48.1",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
];

const CLOSED_V6: &[(&str, Denied)] = &[
    ("::", Denied::Unspecified),
    ("::1", Denied::Loopback),
    ("1::", Denied::Reserved),
    ("64:ff9a::808:808", Denied::Reserved),
    ("64:ff9b:0:0:0:1:808:808", Denied::Reserved),
    ("64:ff9b:2::808:808", Denied::Reserved),
    ("100::1", Denied::Reserved),
    ("100:0:0:1::", Denied::Reserved),
    ("1fff:ffff::", Denied::Reserved),
    ("2001:1::1", Denied::Reserved),
    ("2001:1::2", Denied::Reserved),
    ("2001:2::1", Denied::Reserved),
    ("2001:4:111::1", Denied::Reserved),
    ("2001:10::1", Denied::Reserved),
    ("2001:40::1", Denied::Reserved),
    ("2001:1ff:ffff::1", Denied::Reserved),
    ("2001:db8::1", Denied::Reserved),
    ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", Denied::Reserved),
    ("3fff::1", Denied::Reserved),
    ("3fff:fff:ffff::1", Denied::Reserved),
    ("4000::1", Denied::Reserved),
    ("5f00::1", Denied::Reserved),
    ("fbff::1", Denied::Reserved),
    ("fc00::1", Denied::Private),
    ("fd00::1", Denied::Private),
    ("fdff:ffff::1", Denied::Private),
    ("fd00:ec2::254", Denied::Metadata),
    ("fd20:ce::254", Denied::Metadata),
    ("fe00::1", Denied::Reserved),
    ("fe80::1", Denied::LinkLocal),
    ("febf:ffff::1", Denied::LinkLocal),
    ("fe80::5efe:808:808", Denied::LinkLocal),
    ("fec0::1", Denied::Private),
    ("feff::1", Denied::Private),
    ("ff00::", Denied::Multicast),
    ("ff02::1", Denied::Multicast),
    ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Denied::Multicast),
];

const OPEN_V6: &[&str] = &[
    "2000::1",
    "2001:3::1",
    "2001:4:112::1",
    "2001:20::1",
    "2001:2f:ffff::1",
    "2001:30::1",
    "2001:3f:ffff::1",
    "2001:200::1",
    "2001:db7:ffff::1",
    "2001:db9::1",
    "2001:4860:4860::8888",
    "2003::1",
    "2606:4700::1111",
    "2620:4f:8000::1",
    "3ffe:ffff::1",
    "3fff:1000::1",
];

#[test]
fn special_ranges_are_closed_to_their_edges_and_not_beyond() {
    let policy = policy(&[]);
    for (address, reason) in CLOSED_V4.iter().chain(CLOSED_V6) {
        assert_eq!(policy.judge_ip(ip(address)), Err(*reason), "{address}");
    }
    for address in OPEN_V4.iter().chain(OPEN_V6) {
        assert_eq!(policy.judge_ip(ip(address)), Ok(()), "{address}");
        assert_eq!(policy.judge(SocketAddr::new(ip(address), 1)), Ok(()), "{address}");
    }
}

#[test]
fn class_1_no_encoding_of_a_closed_address_is_open() {
    let policy = policy(&[]);
    for (address, reason) in CLOSED_V4 {
        for encoding in encodings(address) {
            assert_eq!(canonical(encoding), ip(address), "{encoding}");
            assert_eq!(policy.judge_ip(encoding), Err(*reason), "{encoding} leads to {address}");
        }
        for encoding in ambiguous_encodings(address) {
            assert!(policy.judge_ip(encoding).is_err(), "{encoding} may lead to {address}");
        }
    }
}

#[test]
fn class_1_an_encoding_of_an_open_address_is_no_more_closed_than_it() {
    let policy = policy(&[]);
    for address in OPEN_V4 {
        for encoding in encodings(address) {
            assert_eq!(policy.judge_ip(encoding), Ok(()), "{encoding} leads to {address}");
        }
        // All readings of ISATAP and Teredo are global here; those of a local-use NAT64 are never open by default.
        let ambiguous = ambiguous_encodings(address);
        let (local_nat64, global) = ambiguous.split_at(4);
        assert!(local_nat64.iter().all(|encoding| policy.judge_ip(*encoding) == Err(Denied::Reserved)), "{address}");
        assert!(global.iter().all(|encoding| policy.judge_ip(*encoding) == Ok(())), "{address}");
    }
}

#[test]
fn class_1_a_range_of_one_family_opens_nothing_of_the_other() {
    let all_v6 = policy(&["::/0"]);
    for (address, reason) in CLOSED_V4 {
        for encoding in encodings(address) {
            assert_eq!(all_v6.judge_ip(encoding), Err(*reason), "{encoding} leads to {address}");
        }
        for encoding in ambiguous_encodings(address) {
            assert!(all_v6.judge_ip(encoding).is_err(), "{encoding} may lead to {address}");
        }
    }
    let all_v4 = policy(&["0.0.0.0/0"]);
    for (address, reason) in CLOSED_V6 {
        assert_eq!(all_v4.judge_ip(ip(address)), Err(*reason), "{address}");
    }
    for (address, reason) in CLOSED_V4 {
        let expect = if *reason == Denied::Unspecified { Err(*reason) } else { Ok(()) };
        for encoding in encodings(address) {
            assert_eq!(all_v4.judge_ip(encoding), expect, "{encoding} leads to {address}");
        }
    }
    assert_eq!(policy(&["::ffff:0:0/96"]).judge_ip(ip("::ffff:127.0.0.1")), Err(Denied::Loopback));
    assert_eq!(policy(&["64:ff9b::/96"]).judge_ip(ip("64:ff9b::10.0.0.1")), Err(Denied::Private));
}

#[test]
fn class_2_ranges_are_compared_as_prefixes() {
    // A comparison octet by octet would take 10.5.9.0 to be outside 10.4.10.0 to 10.6.2.255, or the reverse.
    for (range, inside, outside) in [
        ("10.4.0.0/14", &["10.4.0.0", "10.5.9.0", "10.7.255.255"][..], &["10.3.255.255", "10.8.0.0"][..]),
        ("192.168.1.128/25", &["192.168.1.128", "192.168.1.255"], &["192.168.1.127", "192.168.2.128"]),
        ("fd00:5:80::/41", &["fd00:5:80::", "fd00:5:ff:1::9"], &["fd00:5:7f:ffff::", "fd00:5:100::", "fd00:4:80::"]),
        ("fe80::/64", &["fe80::1", "fe80::ffff:ffff:ffff:ffff"], &["fe80:0:0:1::1", "fe81::1"]),
        ("::1/128", &["::1"], &["::2", "::"]),
        ("127.0.0.0/8", &["127.0.0.1", "::ffff:127.9.9.9", "2002:7f00:1::"], &["169.254.0.1", "10.0.0.1"]),
    ] {
        let policy = policy(&[range]);
        for address in inside {
            assert_eq!(policy.judge_ip(ip(address)), Ok(()), "{address} in {range}");
        }
        for address in outside {
            assert!(policy.judge_ip(ip(address)).is_err(), "{address} not in {range}");
        }
    }
}

#[test]
fn class_2_every_reading_of_an_ambiguous_address_must_be_open() {
    let local_nat64 = ip("64:ff9b:1:a0a:a:a0a:a0a:a0a");
    assert_eq!(policy(&["10.0.0.0/8"]).judge_ip(local_nat64), Ok(()), "all four readings are 10.10.10.10");
    assert!(policy(&["10.0.0.0/8"]).judge_ip(ip("64:ff9b:1::10.10.10.10")).is_err(), "another reading is 0.0.0.0");
    let isatap = ip("2a00:1450::5efe:10.0.0.1");
    assert_eq!(policy(&[]).judge_ip(isatap), Err(Denied::Private));
    assert_eq!(policy(&["10.0.0.0/8"]).judge_ip(isatap), Ok(()));
}

#[test]
fn class_3_own_listeners_are_closed_in_every_encoding() {
    let local = ["203.0.114.7", "2a00:1450::7", "10.0.0.7"].map(ip);
    let listeners = ["203.0.114.9:3478", "[2a00:1450::9]:5349", "127.0.0.5:9000"].map(|text| text.parse().unwrap());
    let allow: Vec<IpNet> = ["0.0.0.0/0", "::/0"].map(|range| range.parse().unwrap()).into();
    let policy = PeerPolicy::new(&allow, &listeners, &local);
    for encoding in encodings("203.0.114.9").into_iter().chain(ambiguous_encodings("203.0.114.9")) {
        assert_eq!(policy.judge(SocketAddr::new(encoding, 3478)), Err(Denied::OwnListener), "{encoding}");
        assert_eq!(policy.judge(SocketAddr::new(encoding, 3479)), Ok(()), "{encoding}");
    }
    for (address, expect) in [
        ("[2a00:1450::9]:5349", Err(Denied::OwnListener)),
        ("[2a00:1450::9]:3478", Ok(())),
        ("[::ffff:127.0.0.5]:9000", Err(Denied::OwnListener)),
        ("127.0.0.6:9000", Ok(())),
        ("203.0.114.7:3478", Ok(())),
    ] {
        assert_eq!(policy.judge(address.parse().unwrap()), expect, "{address}");
    }
}

#[test]
fn class_3_a_listener_on_every_address_is_closed_on_every_address() {
    let local = ["203.0.114.7", "2a00:1450::7", "10.0.0.7"].map(ip);
    let allow: Vec<IpNet> = ["0.0.0.0/0", "::/0"].map(|range| range.parse().unwrap()).into();
    for (listener, closed, open) in [
        (
            "0.0.0.0:3478",
            &["203.0.114.7", "10.0.0.7", "127.0.0.1", "127.8.8.8", "::ffff:10.0.0.7", "2002:7f00:1::"][..],
            &["2a00:1450::7", "8.8.8.8"][..],
        ),
        ("[::]:3478", &["203.0.114.7", "2a00:1450::7", "::1", "127.0.0.1"], &["8.8.8.8", "2a00:1450::8"]),
    ] {
        let policy = PeerPolicy::new(&allow, &[listener.parse().unwrap()], &local);
        for address in closed {
            let peer = SocketAddr::new(ip(address), 3478);
            assert_eq!(policy.judge(peer), Err(Denied::OwnListener), "{peer} with {listener}");
            assert_eq!(policy.judge(SocketAddr::new(ip(address), 3479)), Ok(()), "{address} with {listener}");
        }
        for address in open {
            assert_eq!(policy.judge(SocketAddr::new(ip(address), 3478)), Ok(()), "{address} with {listener}");
        }
        for address in ["0.0.0.0:3478", "[::]:3478", "[::]:9", "[::ffff:0.0.0.0]:3478"] {
            assert_eq!(policy.judge(address.parse().unwrap()), Err(Denied::Unspecified), "{address}");
        }
    }
}

#[test]
fn class_3_port_zero_is_no_peer() {
    assert_eq!(policy(&["0.0.0.0/0"]).judge("8.8.8.8:0".parse().unwrap()), Err(Denied::PortZero));
    assert_eq!(policy(&[]).judge("[2a00:1450::7]:0".parse().unwrap()), Err(Denied::PortZero));
}
