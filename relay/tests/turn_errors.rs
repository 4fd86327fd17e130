//! Every error code that the TURN machine answers with, and the condition that brings it (RFC 8489 section 6.3,
//! RFC 8656 section 7 to 12). One line is one request of a signed client; `check` sends it and compares the code.

use muster_relay::{config::Limits, turn::OpenError};
use muster_sim::{Answer, Caller, Credentials, Draft, Hash, Relay, RelaySetup, attribute, method};
use std::net::SocketAddr;
use stun_types::AddressFamily;
use turn_types::attribute::{
    AdditionalAddressFamily, ChannelNumber, EvenPort, Lifetime, RequestedAddressFamily, RequestedTransport,
    ReservationToken,
};

const PEER: &str = "30.0.0.9:7000";
const PEER_V6: &str = "[2600:9::9]:7000";

/// Adds what a request asks for.
type Fill<'a> = &'a dyn Fn(Draft) -> Draft;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ann() -> Credentials {
    Credentials::new("ann", "ann's password")
}

fn caller(relay: &Relay, at: &str) -> Caller {
    Caller::udp(relay, address(at), ann())
}

fn udp() -> RequestedTransport {
    RequestedTransport::new(RequestedTransport::UDP)
}

/// The answer to a request of a client that has an allocation, or has none.
fn check(allocated: bool, method: u16, fill: impl Fn(Draft) -> Draft) -> u16 {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:4000");
    if allocated {
        client.allocated(&mut relay);
    }
    let code = client.ask(&mut relay, method, fill).code();
    relay.assert_consistent();
    code
}

#[test]
fn allocate_requests_are_refused_for_what_they_ask() {
    let ipv6 = || RequestedAddressFamily::new(AddressFamily::IPV6);
    let also_ipv6 = || AdditionalAddressFamily::new(AddressFamily::IPV6);
    let cases: [(&str, u16, Fill<'_>); 16] = [
        ("UDP", 0, &|draft| draft.with(&udp())),
        ("IPv6", 0, &|draft| draft.with(&udp()).with(&ipv6())),
        ("both families", 0, &|draft| draft.with(&udp()).with(&also_ipv6())),
        ("even port, both families, nothing reserved", 0, &|draft| {
            draft.with(&udp()).with(&EvenPort::new(false)).with(&also_ipv6())
        }),
        ("no transport", 400, &|draft| draft),
        ("a transport of the wrong length", 400, &|draft| draft.raw(attribute::REQUESTED_TRANSPORT, &[17, 0])),
        ("an even port of the wrong length", 400, &|draft| draft.with(&udp()).raw(attribute::EVEN_PORT, &[1, 2, 3])),
        ("TCP", 442, &|draft| draft.with(&RequestedTransport::new(RequestedTransport::TCP))),
        ("DONT-FRAGMENT", 420, &|draft| draft.with(&udp()).raw(attribute::DONT_FRAGMENT, &[])),
        ("a family and another", 400, &|draft| draft.with(&udp()).with(&ipv6()).with(&also_ipv6())),
        ("IPv4 as the additional family", 400, &|draft| {
            draft.with(&udp()).raw(attribute::ADDITIONAL_ADDRESS_FAMILY, &[1, 0, 0, 0])
        }),
        ("a reserved pair and both families", 400, &|draft| {
            draft.with(&udp()).with(&EvenPort::new(true)).with(&also_ipv6())
        }),
        ("a token and an even port", 400, &|draft| {
            draft.with(&udp()).with(&ReservationToken::new(1)).with(&EvenPort::new(false))
        }),
        ("a token and a family", 400, &|draft| draft.with(&udp()).with(&ReservationToken::new(1)).with(&ipv6())),
        ("a token and both families", 400, &|draft| {
            draft.with(&udp()).with(&ReservationToken::new(1)).with(&also_ipv6())
        }),
        ("a token that nobody got", 508, &|draft| draft.with(&udp()).with(&ReservationToken::new(1))),
    ];
    for (what, code, fill) in cases {
        assert_eq!(check(false, method::ALLOCATE, fill), code, "{what}");
    }
}

#[test]
fn requests_for_an_allocation_are_refused_without_one() {
    let permission = |draft: Draft| draft.peer(address(PEER));
    let channel = |draft: Draft| draft.with(&ChannelNumber::new(0x4000)).peer(address(PEER));
    for (allocated, code) in [(true, 0), (false, 437)] {
        assert_eq!(check(allocated, method::REFRESH, |draft| draft), code);
        assert_eq!(check(allocated, method::REFRESH, |draft| draft.with(&Lifetime::new(0))), code);
        assert_eq!(check(allocated, method::CREATE_PERMISSION, permission), code);
        assert_eq!(check(allocated, method::CHANNEL_BIND, channel), code);
    }
    assert_eq!(check(true, method::ALLOCATE, |draft| draft.with(&udp())), 437, "a second allocation");
}

#[test]
fn permissions_channels_and_refreshes_are_refused_for_what_they_ask() {
    let number = |number: u16| ChannelNumber::new(number);
    let cases: [(&str, u16, u16, Fill<'_>); 17] = [
        ("permission for nobody", 400, method::CREATE_PERMISSION, &|draft| draft),
        ("permission, cut short", 400, method::CREATE_PERMISSION, &|draft| {
            draft.raw(attribute::XOR_PEER_ADDRESS, &[0, 1, 2])
        }),
        ("permission for a family that is not allocated", 443, method::CREATE_PERMISSION, &|draft| {
            draft.peer(address(PEER)).peer(address(PEER_V6))
        }),
        ("permission for a private address", 403, method::CREATE_PERMISSION, &|draft| {
            draft.peer(address(PEER)).peer(address("10.0.0.1:1"))
        }),
        ("permission for any port", 0, method::CREATE_PERMISSION, &|draft| draft.peer(address("30.0.0.9:0"))),
        ("permission with an attribute of tomorrow", 420, method::CREATE_PERMISSION, &|draft| {
            draft.peer(address(PEER)).raw(0x7123, &[])
        }),
        ("permission with an attribute that may be ignored", 0, method::CREATE_PERMISSION, &|draft| {
            draft.peer(address(PEER)).raw(0xC123, b"abc")
        }),
        ("channel without a number", 400, method::CHANNEL_BIND, &|draft| draft.peer(address(PEER))),
        ("channel without a peer", 400, method::CHANNEL_BIND, &|draft| draft.with(&number(0x4000))),
        ("channel below the range", 400, method::CHANNEL_BIND, &|draft| {
            draft.with(&number(0x3FFF)).peer(address(PEER))
        }),
        ("channel above the range", 400, method::CHANNEL_BIND, &|draft| {
            draft.with(&number(0x8000)).peer(address(PEER))
        }),
        ("last channel", 0, method::CHANNEL_BIND, &|draft| draft.with(&number(0x7FFF)).peer(address(PEER))),
        ("channel of a family that is not allocated", 443, method::CHANNEL_BIND, &|draft| {
            draft.with(&number(0x4000)).peer(address(PEER_V6))
        }),
        ("channel to loopback", 403, method::CHANNEL_BIND, &|draft| {
            draft.with(&number(0x4000)).peer(address("127.0.0.1:1"))
        }),
        ("channel to our own listening port", 403, method::CHANNEL_BIND, &|draft| {
            draft.with(&number(0x4000)).peer(address("20.0.0.1:3478"))
        }),
        ("refresh of a family that is not allocated", 443, method::REFRESH, &|draft| {
            draft.with(&RequestedAddressFamily::new(AddressFamily::IPV6))
        }),
        ("refresh, lifetime cut short", 400, method::REFRESH, &|draft| draft.raw(attribute::LIFETIME, &[0, 0])),
    ];
    for (what, code, method, fill) in cases {
        assert_eq!(check(true, method, fill), code, "{what}");
    }
}

#[test]
fn unknown_attributes_are_named() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:4000");
    let answer = client.ask(&mut relay, method::ALLOCATE, |draft| {
        draft.with(&udp()).raw(attribute::DONT_FRAGMENT, &[]).raw(0x7F01, b"x")
    });
    assert_eq!(answer.code(), 420);
    assert!(answer.names_unknown(attribute::DONT_FRAGMENT) && answer.names_unknown(0x7F01));
    assert!(!answer.names_unknown(attribute::REQUESTED_TRANSPORT));
    let request = client.request(method::BINDING).raw(0x0003, &[0; 4]).finish();
    let answer = client.exchange(&mut relay, &request).unwrap();
    assert!(answer.code() == 420 && answer.names_unknown(0x0003), "CHANGE-REQUEST is not understood");
}

/// A challenge has what RFC 8489 section 9.2.4 wants in it and nothing more, and only a complete signature passes.
#[test]
fn credentials_are_asked_for_and_checked() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:4000");
    client.challenge(&mut relay);
    let (realm, nonce) = (client.realm.clone(), client.nonce.clone());
    let wrong_password = Credentials::new("ann", "guess");
    let nobody = Credentials::new("nobody", "ann's password");
    let sha256 = Credentials { hash: Hash::Sha256, ..ann() };
    let hidden = Credentials { anonymous: true, ..sha256.clone() };
    let draft = |client: &mut Caller| client.request(method::ALLOCATE).with(&udp());
    let cases: [(&str, u16, Fill<'_>); 10] = [
        ("nothing", 401, &|draft| draft),
        ("a wrong password", 401, &|draft| draft.signed(&wrong_password, &realm, &nonce)),
        ("an unknown user", 401, &|draft| draft.signed(&nobody, &realm, &nonce)),
        ("another realm", 401, &|draft| draft.signed(&ann(), "elsewhere", &nonce)),
        ("no nonce", 400, &|draft| {
            draft.raw(attribute::USERNAME, b"ann").raw(0x0014, realm.as_bytes()).integrity(&ann(), &realm)
        }),
        ("a nonce that is not ours", 438, &|draft| draft.signed(&ann(), &realm, "obMatJos2 made this up")),
        ("attributes but no signature", 401, &|draft| draft.authenticated(&ann(), &realm, &nonce)),
        ("an algorithm that was not offered", 400, &|draft| {
            draft.authenticated(&ann(), &realm, &nonce).raw(0x001D, &[0, 9, 0, 0]).integrity(&ann(), &realm)
        }),
        ("SHA-256 and a hashed name", 0, &|draft| draft.signed(&hidden, &realm, &nonce)),
        ("SHA-256, but there is an allocation by now", 437, &|draft| draft.signed(&sha256, &realm, &nonce)),
    ];
    for (what, code, fill) in cases {
        let request = fill(draft(&mut client)).finish();
        let answer = client.exchange(&mut relay, &request).unwrap();
        assert_eq!(answer.code(), code, "{what}");
        let challenged = code == 401 || code == 438;
        assert_eq!(answer.nonce().is_some() && answer.realm().is_some(), challenged, "{what}");
        assert!(answer.bytes.len() < 128, "{what}: an answer stays small");
    }
}

#[test]
fn a_nonce_is_stale_after_its_time_and_a_new_one_is_given() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:4000");
    client.allocated(&mut relay);
    client.stay(&mut relay, std::time::Duration::from_secs(500));
    relay.advance(std::time::Duration::from_secs(200));
    let old = client.nonce.clone();
    let request = client.request(method::REFRESH);
    let request = client.sign(request);
    let answer = client.exchange(&mut relay, &request).unwrap();
    assert_eq!(answer.code(), 438);
    assert_ne!(answer.nonce(), Some(old));
    assert_eq!(client.refresh(&mut relay, 600).code(), 0, "the new nonce is good");
}

#[test]
fn another_user_gets_441_on_the_same_5_tuple() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut ann = caller(&relay, "30.0.0.1:4000");
    ann.allocated(&mut relay);
    let mut bob = Caller::udp(&relay, address("30.0.0.1:4000"), Credentials::new("bob", "bob's password"));
    for method in [method::REFRESH, method::ALLOCATE, method::CREATE_PERMISSION, method::CHANNEL_BIND] {
        assert_eq!(bob.ask(&mut relay, method, |draft| draft.with(&udp())).code(), 441);
    }
    assert_eq!(ann.refresh(&mut relay, 0).code(), 0);
    assert_eq!(bob.allocate(&mut relay).code(), 0, "the 5-tuple is free again");
}

#[test]
fn quotas_answer_486_and_capacity_508() {
    let limits = Limits { allocations: 4, allocations_per_user: 2, allocations_per_address: 3, ..Limits::default() };
    let mut relay = Relay::new(RelaySetup { limits, ..RelaySetup::default() });
    let mut codes = Vec::new();
    for (user, at) in [
        ("ann", "30.0.0.1:1"),
        ("ann", "30.0.0.2:2"),
        ("ann", "30.0.0.3:3"),
        ("bob", "30.0.0.1:4"),
        ("bob", "30.0.0.1:5"),
        ("bob", "30.0.0.4:6"),
    ] {
        let mut client = Caller::udp(&relay, address(at), Credentials::new(user, &format!("{user}'s password")));
        codes.push(client.allocate(&mut relay).code());
    }
    assert_eq!(codes, [0, 0, 486, 0, 0, 508], "per user, then the whole relay");
    relay.assert_consistent();
    let limits = Limits { allocations_per_address: 1, ..Limits::default() };
    let mut relay = Relay::new(RelaySetup { limits, ..RelaySetup::default() });
    assert_eq!(caller(&relay, "[2600:1::1]:1").allocate(&mut relay).code(), 0);
    assert_eq!(caller(&relay, "[2600:1::2]:1").allocate(&mut relay).code(), 486, "a /64 is one address");
    assert_eq!(caller(&relay, "[2600:1:0:1::1]:1").allocate(&mut relay).code(), 0);
}

#[test]
fn permissions_and_channels_beyond_the_limit_answer_508() {
    let limits = Limits { permissions_per_allocation: 3, channels_per_allocation: 2, ..Limits::default() };
    let mut relay = Relay::new(RelaySetup { limits, ..RelaySetup::default() });
    let mut client = caller(&relay, "30.0.0.1:4000");
    client.allocated(&mut relay);
    let peer = |number: u8| SocketAddr::from(([30, 0, 1, number], 7_000));
    assert_eq!(client.permit(&mut relay, &[peer(1), peer(2)]), 0);
    assert_eq!(client.permit(&mut relay, &[peer(3), peer(4)]), 508, "all or none");
    assert_eq!(client.permit(&mut relay, &[peer(3)]), 0, "so there is still room for one");
    assert_eq!(client.permit(&mut relay, &[peer(1)]), 0, "and what is there can be refreshed");
    assert_eq!(client.bind(&mut relay, 0x4000, peer(1)), 0);
    assert_eq!(client.bind(&mut relay, 0x4001, peer(4)), 508, "a channel needs a permission");
    assert_eq!(client.bind(&mut relay, 0x4001, peer(2)), 0);
    assert_eq!(client.bind(&mut relay, 0x4002, peer(3)), 508);
    client.stay(&mut relay, std::time::Duration::from_secs(301));
    assert_eq!(client.permit(&mut relay, &[peer(7), peer(8), peer(9)]), 0, "expired ones make room");
}

#[test]
fn a_request_names_at_most_64_peers() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:4000");
    client.allocated(&mut relay);
    let peers = |count: u8| (0..count).map(|number| SocketAddr::from(([30, 0, 1, number], 1))).collect::<Vec<_>>();
    assert_eq!(client.permit(&mut relay, &peers(65)), 400);
    assert_eq!(client.permit(&mut relay, &peers(64)), 0);
}

#[test]
fn a_draining_relay_sends_new_clients_elsewhere() {
    let elsewhere = vec![address("21.0.0.1:3478")];
    let mut relay = Relay::new(RelaySetup { alternate_server: elsewhere, ..RelaySetup::default() });
    let mut early = caller(&relay, "30.0.0.1:4000");
    early.allocated(&mut relay);
    relay.drain();
    let answer = caller(&relay, "30.0.0.2:4000").allocate(&mut relay);
    assert_eq!((answer.code(), answer.alternate()), (300, Some(address("21.0.0.1:3478"))));
    let answer = caller(&relay, "[2600:5::1]:4000").allocate(&mut relay);
    assert_eq!((answer.code(), answer.alternate()), (508, None), "there is no alternate of its family");
    assert_eq!(early.refresh(&mut relay, 600).code(), 0, "what is there goes on");
    assert_eq!(early.permit(&mut relay, &[address(PEER)]), 0);
    assert_eq!(early.refresh(&mut relay, 0).code(), 0);
    relay.assert_empty();
}

#[test]
fn a_family_without_a_relay_address_answers_440() {
    let mut setup = RelaySetup::default();
    setup.addresses.truncate(1);
    let mut relay = Relay::new(setup);
    let mut client = caller(&relay, "30.0.0.1:4000");
    assert_eq!(client.allocate_family(&mut relay, AddressFamily::IPV6).code(), 440);
    relay.assert_empty();
}

#[test]
fn ports_that_cannot_be_bound_answer_508_and_are_free_again() {
    for (error, tries) in [(OpenError::InUse, 33), (OpenError::Exhausted, 1)] {
        let mut relay = Relay::new(RelaySetup::default());
        let asked = std::rc::Rc::new(std::cell::Cell::new(0));
        let counter = std::rc::Rc::clone(&asked);
        relay.set_bind_fault(Box::new(move |_| {
            counter.set(counter.get() + 1);
            Some(error)
        }));
        let mut client = caller(&relay, "30.0.0.1:4000");
        assert_eq!(client.allocate(&mut relay).code(), 508, "{error:?}");
        assert_eq!(asked.get(), tries, "{error:?}");
        relay.assert_empty();
        relay.set_bind_fault(Box::new(|_| None));
        assert_eq!(client.allocate(&mut relay).code(), 0);
    }
}

#[test]
fn running_out_of_ports_answers_508() {
    let mut relay = Relay::new(RelaySetup { ports: 50_000..=50_003, ..RelaySetup::default() });
    let codes: Vec<_> =
        (1..=5).map(|port| caller(&relay, &format!("30.0.0.1:{port}")).allocate(&mut relay).code()).collect();
    assert_eq!(codes, [0, 0, 0, 0, 508]);
    relay.assert_consistent();
}

#[test]
fn what_is_not_for_a_server_gets_no_answer() {
    use stun_types::message::MessageClass::{Error, Indication, Request, Success};
    let mut relay = Relay::new(RelaySetup::default());
    let client = caller(&relay, "30.0.0.1:4000");
    let cases = [
        (Success, method::BINDING),
        (Error, method::ALLOCATE),
        (Success, method::REFRESH),
        (Indication, method::BINDING),
        (Indication, method::ALLOCATE),
        (Indication, method::DATA),
        (Request, method::SEND),
        (Request, method::CONNECT),
        (Request, method::CONNECTION_BIND),
        (Request, 0xFFF),
    ];
    for (class, method) in cases {
        let message = Draft::new(class, method, 7).finish();
        assert_eq!(client.send(&mut relay, &message), [], "{class:?} {method:#x}");
    }
    for bytes in [&b""[..], b"\x00", b"\x00\x01\x00\x00", b"GET / HTTP/1.1\r\n\r\n", &[0x40, 0, 0, 0], &[0xFF; 40]] {
        assert_eq!(client.send(&mut relay, bytes), [], "{bytes:?}");
    }
    let mut longer = Draft::request(method::BINDING, 1).finish();
    longer.extend_from_slice(&[0; 4]);
    assert_eq!(client.send(&mut relay, &longer), [], "bytes behind the message");
}

#[test]
fn a_binding_request_is_told_its_address() {
    let mut relay = Relay::new(RelaySetup::default());
    for at in ["30.0.0.1:4000", "[2600:5::1]:4001"] {
        let mut client = caller(&relay, at);
        for fingerprint in [false, true] {
            let draft = client.request(method::BINDING);
            let request = if fingerprint { draft.fingerprint() } else { draft }.finish();
            let answer: Answer = client.exchange(&mut relay, &request).unwrap();
            assert_eq!((answer.code(), answer.mapped()), (0, Some(address(at))));
            assert_eq!(answer.has(0x8028), fingerprint, "FINGERPRINT as the request had it");
        }
    }
}
