//! Allocate and Refresh (RFC 8656 sections 7 and 8): families, even ports and reservations, lifetimes,
//! retransmissions, and what is left when binding a port fails.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use muster_relay::{
    config::Limits,
    turn::{OpenError, RelayAddress},
};
use muster_sim::{Answer, Caller, Credentials, Draft, Output, Relay, RelaySetup, attribute, method};
use stun_types::AddressFamily;
use turn_types::attribute::{
    AdditionalAddressFamily, EvenPort, Lifetime, RequestedAddressFamily, RequestedTransport, ReservationToken,
};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn user(name: &str) -> Credentials {
    Credentials::new(name, &format!("{name}'s password"))
}

fn caller(relay: &Relay, at: &str) -> Caller {
    Caller::udp(relay, address(at), user("ann"))
}

fn udp(draft: Draft) -> Draft {
    draft.with(&RequestedTransport::new(RequestedTransport::UDP))
}

fn even(client: &mut Caller, relay: &mut Relay, reserve: bool) -> Answer {
    client.ask(relay, method::ALLOCATE, |draft| udp(draft).with(&EvenPort::new(reserve)))
}

fn claim(client: &mut Caller, relay: &mut Relay, token: u64) -> Answer {
    client.ask(relay, method::ALLOCATE, |draft| udp(draft).with(&ReservationToken::new(token)))
}

fn both_families(client: &mut Caller, relay: &mut Relay) -> Answer {
    let also_ipv6 = AdditionalAddressFamily::new(AddressFamily::IPV6);
    client.ask(relay, method::ALLOCATE, |draft| udp(draft).with(&also_ipv6))
}

#[test]
fn a_success_response_says_what_was_allocated() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:4000");
    let answer = client.allocate(&mut relay);
    assert_eq!(answer.code(), 0);
    let relayed = answer.relayed();
    assert_eq!(relayed.len(), 1);
    assert_eq!(relayed[0].ip(), address("20.0.0.1:0").ip());
    assert!(relay.setup().ports.contains(&relayed[0].port()));
    assert!(relay.bound().contains_key(&relayed[0]));
    assert_eq!((answer.mapped(), answer.lifetime_s(), answer.token()), (Some(client.client.address), Some(600), None));
    assert!(relay.server(0).is_allocated(&client.client));
    let mut v6 = caller(&relay, "30.0.0.2:4000");
    let answer = v6.allocate_family(&mut relay, AddressFamily::IPV6);
    assert!(answer.relayed()[0].is_ipv6(), "an IPv4 client may have an IPv6 address");
    assert_eq!(v6.refresh(&mut relay, 0).code(), 0);
    assert_eq!(client.refresh(&mut relay, 0).code(), 0);
    relay.assert_empty();
    assert_eq!(relay.opened_and_closed(), (2, 2));
}

#[test]
fn clients_are_told_the_external_address() {
    let outside = RelayAddress { internal: "10.0.0.1".parse().unwrap(), external: "20.0.0.77".parse().unwrap() };
    let mut relay = Relay::new(RelaySetup { addresses: vec![outside], ..RelaySetup::default() });
    let mut client = caller(&relay, "30.0.0.1:4000");
    let relayed = client.allocated(&mut relay);
    assert_eq!(relayed.ip(), outside.external);
    assert!(relay.bound().contains_key(&SocketAddr::new(outside.internal, relayed.port())));
}

#[test]
fn even_ports_are_even() {
    for seed in 0..20 {
        let mut relay = Relay::new(RelaySetup { seed, ports: 50_001..=50_040, ..RelaySetup::default() });
        for reserve in [false, true] {
            let mut client = caller(&relay, if reserve { "30.0.0.1:1" } else { "30.0.0.1:2" });
            let answer = even(&mut client, &mut relay, reserve);
            assert_eq!(answer.code(), 0);
            assert_eq!(answer.relayed()[0].port() % 2, 0);
            assert_eq!(answer.token().is_some(), reserve);
        }
        assert_eq!(relay.owned_ports(), 3, "R=0 keeps no second port");
        relay.assert_consistent();
    }
}

#[test]
fn a_token_gives_its_user_the_next_port_on_any_worker_once() {
    for seed in 0..20 {
        let mut relay = Relay::new(RelaySetup { seed, workers: 2, ..RelaySetup::default() });
        let mut first = caller(&relay, "30.0.0.1:4000");
        first.worker = 0;
        let answer = even(&mut first, &mut relay, true);
        let (port, token) = (answer.relayed()[0].port(), answer.token().unwrap());
        let mut thief = Caller::udp(&relay, address("30.0.0.2:4000"), user("bob"));
        assert_eq!(claim(&mut thief, &mut relay, token).code(), 508, "a token is its user's");
        assert_eq!(claim(&mut thief, &mut relay, token ^ 1).code(), 508, "and cannot be guessed");
        let mut second = caller(&relay, "30.0.0.1:4001");
        second.worker = 1;
        let answer = claim(&mut second, &mut relay, token);
        assert_eq!((answer.code(), answer.relayed()[0].port()), (0, port + 1));
        assert_eq!(relay.shared().ports.owner(answer.relayed()[0]), Some(1), "the port has moved to worker 1");
        let mut third = caller(&relay, "30.0.0.1:4002");
        assert_eq!(claim(&mut third, &mut relay, token).code(), 508, "a token is used once");
        relay.assert_consistent();
        assert_eq!(first.refresh(&mut relay, 0).code(), 0);
        relay.advance(Duration::from_secs(60));
        assert_eq!(relay.bound().len(), 1, "the second allocation does not end with the first");
        assert_eq!(second.refresh(&mut relay, 0).code(), 0);
        relay.assert_empty();
    }
}

#[test]
fn an_unclaimed_port_is_free_after_thirty_seconds() {
    let mut relay = Relay::new(RelaySetup { workers: 2, ..RelaySetup::default() });
    let mut client = caller(&relay, "30.0.0.1:4000");
    let token = even(&mut client, &mut relay, true).token().unwrap();
    assert_eq!(client.refresh(&mut relay, 0).code(), 0);
    assert_eq!((relay.owned_ports(), relay.shared().reservations.live()), (1, 1));
    relay.advance(Duration::from_secs(29));
    assert_eq!(relay.owned_ports(), 1, "thirty seconds are promised");
    relay.advance(Duration::from_millis(1_200));
    assert_eq!(claim(&mut client, &mut relay, token).code(), 508);
    assert_eq!(relay.shared().reservations.live(), 0);
    relay.assert_empty();
}

/// A reservation ends on the first instant of its thirty-first second even if no timer has run.
#[test]
fn a_token_is_refused_when_it_has_expired() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut first = caller(&relay, "30.0.0.1:4000");
    let token = even(&mut first, &mut relay, true).token().unwrap();
    let mut second = caller(&relay, "30.0.0.1:4001");
    second.challenge(&mut relay);
    let later = relay.now().monotonic + Duration::from_secs(30);
    relay.set_now(later);
    assert_eq!(claim(&mut second, &mut relay, token).code(), 508);
}

#[test]
fn a_relay_of_ipv6_only_serves_tokens_too() {
    let mut setup = RelaySetup::default();
    setup.addresses.remove(0);
    let mut relay = Relay::new(setup);
    let mut first = caller(&relay, "[2600:7::1]:4000");
    let ipv6 = RequestedAddressFamily::new(AddressFamily::IPV6);
    let answer = first.ask(&mut relay, method::ALLOCATE, |draft| udp(draft).with(&ipv6).with(&EvenPort::new(true)));
    let mut second = caller(&relay, "[2600:7::1]:4001");
    let claimed = claim(&mut second, &mut relay, answer.token().unwrap());
    assert_eq!((claimed.code(), claimed.relayed()[0].port()), (0, answer.relayed()[0].port() + 1));
}

#[test]
fn a_token_whose_port_cannot_be_bound_is_used_up_and_the_port_free() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut first = caller(&relay, "30.0.0.1:4000");
    let token = even(&mut first, &mut relay, true).token().unwrap();
    relay.set_bind_fault(Box::new(|_| Some(OpenError::InUse)));
    let mut second = caller(&relay, "30.0.0.1:4001");
    assert_eq!(claim(&mut second, &mut relay, token).code(), 508, "no other port stands in for it");
    assert_eq!(relay.owned_ports(), 1);
    relay.assert_consistent();
}

#[test]
fn a_user_keeps_no_more_ports_than_it_may_have_allocations() {
    let limits = Limits { allocations_per_user: 2, ..Limits::default() };
    let mut relay = Relay::new(RelaySetup { limits, ..RelaySetup::default() });
    let mut tokens = 0;
    for _ in 0..10 {
        let mut client = caller(&relay, "30.0.0.1:4000");
        let answer = even(&mut client, &mut relay, true);
        assert_eq!(answer.code(), 0, "the allocation is made all the same");
        tokens += usize::from(answer.token().is_some());
        assert_eq!(client.refresh(&mut relay, 0).code(), 0);
    }
    assert_eq!((tokens, relay.owned_ports()), (2, 2));
}

#[test]
fn both_families_are_allocated_and_end_together_or_alone() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:4000");
    let refresh = |client: &mut Caller, relay: &mut Relay, family, seconds| {
        let family = RequestedAddressFamily::new(family);
        client.ask(relay, method::REFRESH, |draft| draft.with(&Lifetime::new(seconds)).with(&family)).code()
    };
    let answer = both_families(&mut client, &mut relay);
    let families: Vec<_> = answer.relayed().iter().map(SocketAddr::is_ipv6).collect();
    assert_eq!((answer.code(), families, answer.address_error()), (0, vec![false, true], None));
    assert_eq!(client.permit(&mut relay, &[address("30.0.0.9:1"), address("[2600:9::9]:1")]), 0);
    assert_eq!(refresh(&mut client, &mut relay, AddressFamily::IPV6, 600), 0);
    assert_eq!(refresh(&mut client, &mut relay, AddressFamily::IPV4, 0), 0);
    assert_eq!(relay.bound().keys().map(SocketAddr::is_ipv6).collect::<Vec<_>>(), [true]);
    relay.assert_consistent();
    assert_eq!(refresh(&mut client, &mut relay, AddressFamily::IPV4, 600), 443, "IPv4 is gone");
    assert_eq!(client.permit(&mut relay, &[address("30.0.0.9:1")]), 443);
    assert_eq!(client.indicate(&mut relay, address("30.0.0.9:1"), b"x"), [], "nothing leaves from what is gone");
    assert_eq!(refresh(&mut client, &mut relay, AddressFamily::IPV6, 0), 0);
    relay.assert_empty();
    assert_eq!(both_families(&mut client, &mut relay).code(), 0);
    assert_eq!(client.refresh(&mut relay, 0).code(), 0, "without a family both end");
    relay.assert_empty();
}

/// A refresh that names a family is for that one (RFC 8656 section 8.1): it neither lengthens nor shortens the other.
#[test]
fn each_family_has_a_lifetime_of_its_own() {
    let (v4, v6) = (address("30.0.0.9:1"), address("[2600:9::9]:1"));
    let refresh = |client: &mut Caller, relay: &mut Relay, family, seconds| {
        let family = RequestedAddressFamily::new(family);
        client.ask(relay, method::REFRESH, |draft| draft.with(&Lifetime::new(seconds)).with(&family)).code()
    };
    for sweeps in [false, true] {
        let mut relay = Relay::new(RelaySetup::default());
        let mut client = caller(&relay, "30.0.0.1:4000");
        let relayed = both_families(&mut client, &mut relay).relayed();
        assert_eq!(refresh(&mut client, &mut relay, AddressFamily::IPV6, 1_800), 0);
        assert_eq!(refresh(&mut client, &mut relay, AddressFamily::IPV4, 700), 0);
        relay.advance(Duration::from_secs(600));
        assert_eq!(client.bind(&mut relay, 0x4000, v4), 0);
        assert_eq!(client.bind(&mut relay, 0x4001, v6), 0);
        let sent = |client: &Caller, relay: &mut Relay| {
            [0x4000, 0x4001].map(|number| client.channel(relay, number, b"x").len())
        };
        relay.advance(Duration::from_millis(99_999));
        assert_eq!(sent(&client, &mut relay), [1, 1]);
        // With and without the timers: a late sweep lengthens nothing.
        match sweeps {
            true => relay.advance(Duration::from_millis(1_101)),
            false => relay.set_now(relay.now().monotonic + Duration::from_millis(1)),
        }
        assert_eq!(relay.bound().len(), if sweeps { 1 } else { 2 });
        assert_eq!(sent(&client, &mut relay), [0, 1], "IPv4 has ended, IPv6 has not");
        assert_eq!(Caller::peer_sends(&mut relay, relayed[0], v4, b"x"), []);
        assert_eq!(Caller::peer_sends(&mut relay, relayed[1], v6, b"x").len(), 1);
        assert_eq!(client.permit(&mut relay, &[v4]), 443);
        assert_eq!(refresh(&mut client, &mut relay, AddressFamily::IPV4, 700), 443);
        assert_eq!(client.refresh(&mut relay, 600).code(), 0, "without a family, what is left is meant");
        relay.advance(Duration::from_secs(602));
        relay.assert_empty();
    }
}

/// One family that cannot be served does not take the other with it (RFC 8656 section 7.2).
#[test]
fn a_dual_allocation_may_succeed_in_part() {
    for (fails_ipv6, error) in [(true, OpenError::Exhausted), (false, OpenError::Exhausted), (true, OpenError::InUse)] {
        let mut relay = Relay::new(RelaySetup::default());
        relay.set_bind_fault(Box::new(move |at| (at.is_ipv6() == fails_ipv6).then_some(error)));
        let mut client = caller(&relay, "30.0.0.1:4000");
        let answer = both_families(&mut client, &mut relay);
        assert_eq!((answer.code(), answer.address_error()), (0, Some((fails_ipv6, 508))));
        assert_eq!(answer.relayed().iter().map(SocketAddr::is_ipv6).collect::<Vec<_>>(), [!fails_ipv6]);
        relay.assert_consistent();
        assert_eq!(client.refresh(&mut relay, 0).code(), 0);
        relay.assert_empty();
    }
    let mut setup = RelaySetup::default();
    setup.addresses.truncate(1);
    let mut relay = Relay::new(setup);
    let mut client = caller(&relay, "30.0.0.1:4000");
    assert_eq!(both_families(&mut client, &mut relay).address_error(), Some((true, 440)));
    let mut relay = Relay::new(RelaySetup::default());
    relay.set_bind_fault(Box::new(|_| Some(OpenError::Exhausted)));
    let mut client = caller(&relay, "30.0.0.1:4000");
    assert_eq!(both_families(&mut client, &mut relay).code(), 508, "both failed");
    relay.assert_empty();
}

#[test]
fn lifetimes_are_brought_into_range() {
    for (asked, max, given) in [
        (None, 3_600, 600),
        (Some(0), 3_600, 600),
        (Some(1), 3_600, 600),
        (Some(601), 3_600, 601),
        (Some(3_600), 3_600, 3_600),
        (Some(u32::MAX), 3_600, 3_600),
        (Some(777), 300, 300),
    ] {
        let limits = Limits { lifetime_max_s: max, ..Limits::default() };
        let mut relay = Relay::new(RelaySetup { limits, ..RelaySetup::default() });
        let mut client = caller(&relay, "30.0.0.1:4000");
        let lifetime = |draft: Draft| asked.into_iter().fold(draft, |draft, s| draft.with(&Lifetime::new(s)));
        let answer = client.ask(&mut relay, method::ALLOCATE, |draft| lifetime(udp(draft)));
        assert_eq!(answer.lifetime_s(), Some(given), "{asked:?} of {max}");
        if asked != Some(0) {
            let answer = client.ask(&mut relay, method::REFRESH, lifetime);
            assert_eq!(answer.lifetime_s(), Some(given), "{asked:?} of {max}");
        }
        let later = relay.now().monotonic + Duration::from_secs(given.into()) - Duration::from_millis(1);
        relay.advance(later - relay.now().monotonic);
        assert!(relay.server(0).is_allocated(&client.client), "it lasts as long as was said");
        relay.advance(Duration::from_millis(1_101));
        relay.assert_empty();
    }
}

#[test]
fn an_expired_allocation_is_gone_for_its_client_before_the_sweep() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:4000");
    let relayed = client.allocated(&mut relay);
    let peer = address("30.0.0.9:7000");
    assert_eq!(client.bind(&mut relay, 0x4000, peer), 0);
    client.stay(&mut relay, Duration::from_secs(240));
    assert_eq!(client.bind(&mut relay, 0x4000, peer), 0);
    assert_eq!(client.channel(&mut relay, 0x4000, b"before").len(), 1);
    let expiry = relay.now().monotonic + Duration::from_secs(600);
    // The timers do not run: that is the driver's doing, and a late one must not lengthen anything.
    relay.set_now(expiry);
    assert_eq!(client.channel(&mut relay, 0x4000, b"after"), []);
    assert_eq!(client.indicate(&mut relay, peer, b"after"), []);
    assert_eq!(Caller::peer_sends(&mut relay, relayed, peer, b"after"), []);
    assert_eq!(client.refresh(&mut relay, 600).code(), 437);
    relay.assert_empty();
    assert_eq!(client.allocate(&mut relay).code(), 0, "and another one can be had");
}

#[test]
fn a_retransmitted_allocate_gets_the_same_answer() {
    for dual in [false, true] {
        let mut relay = Relay::new(RelaySetup::default());
        relay.set_bind_fault(Box::new(|at| at.is_ipv6().then_some(OpenError::Exhausted)));
        let mut client = caller(&relay, "30.0.0.1:4000");
        client.challenge(&mut relay);
        let draft = udp(client.request(method::ALLOCATE));
        let draft = match dual {
            true => draft.with(&AdditionalAddressFamily::new(AddressFamily::IPV6)),
            false => draft.with(&EvenPort::new(true)),
        };
        let request = client.sign(draft);
        let first = client.exchange(&mut relay, &request).unwrap();
        assert_eq!((first.code(), first.address_error().is_some()), (0, dual));
        for _ in 0..3 {
            assert_eq!(client.exchange(&mut relay, &request), Some(first.clone()), "byte for byte");
        }
        assert_eq!(relay.opened_and_closed(), (1, 0));
        let other = udp(client.request(method::ALLOCATE));
        let other = client.sign(other);
        assert_eq!(client.exchange(&mut relay, &other).unwrap().code(), 437);
    }
}

#[test]
fn a_stream_has_no_retransmissions() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = Caller::stream(0, address("30.0.0.1:4000"), 5, user("ann"));
    client.challenge(&mut relay);
    let request = udp(client.request(method::ALLOCATE));
    let request = client.sign(request);
    assert_eq!(client.exchange(&mut relay, &request).unwrap().code(), 0);
    assert_eq!(client.exchange(&mut relay, &request).unwrap().code(), 437);
    relay.handle_client_gone(0, &client.client);
    relay.assert_empty();
    relay.handle_client_gone(0, &client.client);
    relay.assert_empty();
}

#[test]
fn binding_is_tried_on_other_ports_until_one_is_free() {
    for (tries, reserve) in [(1, false), (8, false), (8, true)] {
        let mut relay = Relay::new(RelaySetup::default());
        let mut left = tries;
        relay.set_bind_fault(Box::new(move |_| {
            left -= 1;
            (left >= 0).then_some(OpenError::InUse)
        }));
        let mut client = caller(&relay, "30.0.0.1:4000");
        let answer = even(&mut client, &mut relay, reserve);
        assert_eq!((answer.code(), answer.relayed()[0].port() % 2), (0, 0));
        assert_eq!(relay.owned_ports(), 1 + usize::from(reserve), "the ports that failed are free");
        relay.assert_consistent();
    }
}

#[test]
fn every_port_is_given_before_508_and_none_twice() {
    let limits = Limits { allocations_per_user: 1_000, ..Limits::default() };
    let mut relay = Relay::new(RelaySetup { workers: 3, limits, ..RelaySetup::default() });
    let mut given = BTreeSet::new();
    for number in 0..100 {
        let mut client = caller(&relay, &format!("30.0.0.1:1{number}"));
        client.worker = number % 3;
        assert!(given.insert(client.allocated(&mut relay)));
    }
    assert_eq!(caller(&relay, "30.0.0.1:9").allocate(&mut relay).code(), 508);
    let v6 = caller(&relay, "30.0.0.1:10").allocate_family(&mut relay, AddressFamily::IPV6);
    assert_eq!(v6.code(), 0, "the other address has its own ports");
}

/// The table of a worker grows with the limit that a reload raises, and a pair of ports that finds no room in it is
/// given back whole.
#[test]
fn a_reload_raises_the_limit_of_allocations() {
    let limits = Limits { allocations: 2, ..Limits::default() };
    let mut relay = Relay::new(RelaySetup { limits, ..RelaySetup::default() });
    let mut clients: Vec<_> = (1..=4).map(|port| caller(&relay, &format!("30.0.0.1:{port}"))).collect();
    let codes: Vec<_> = clients.iter_mut().map(|client| even(client, &mut relay, true).code()).collect();
    assert_eq!(codes, [0, 0, 508, 508]);
    relay.reload(|setup| setup.limits.allocations = 4);
    for client in &mut clients[2..] {
        assert_eq!(even(client, &mut relay, true).code(), 0);
    }
    relay.assert_consistent();
    relay.reload(|setup| setup.limits.allocations = 1);
    assert_eq!(clients[0].refresh(&mut relay, 600).code(), 0, "what is there stays");
    assert_eq!(clients[3].refresh(&mut relay, 0).code(), 0);
    assert_eq!(even(&mut clients[3], &mut relay, true).code(), 508);
}

#[test]
fn a_socket_that_opens_after_its_client_is_gone_is_closed() {
    use muster_relay::turn::Action;
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = Caller::stream(0, address("30.0.0.1:4000"), 1, user("ann"));
    client.challenge(&mut relay);
    let request = client.request(method::ALLOCATE);
    let request = client.sign(udp(request).with(&EvenPort::new(true)));
    let now = relay.now();
    // The machine alone, between the request and the answer to its Action::Open.
    let (actions, replies) = relay.with_server(0, |server| {
        let mut buffer = [&[0; 48][..], &request, &[0; 4]].concat();
        let mut slot = muster_relay::slot::Slot::new(&mut buffer, 48..48 + request.len());
        server.handle_client(now, client.client, &mut slot);
        let Some(Action::Open { relay: name, .. }) = server.poll_action() else { panic!("a socket is asked for") };
        server.handle_client_gone(&client.client);
        let socket = muster_relay::io::SocketId { index: 9, generation: 1 };
        server.handle_opened(now, name, Ok(socket));
        let actions: Vec<_> = std::iter::from_fn(|| server.poll_action()).collect();
        assert_eq!(actions, [Action::Close { socket }]);
        (actions.len(), server.poll_reply())
    });
    assert_eq!((actions, replies), (1, None), "and nobody is told");
    relay.assert_empty();
}

#[test]
fn nothing_is_sent_to_a_client_before_its_sockets_are_open() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:4000");
    client.challenge(&mut relay);
    let request = udp(client.request(method::ALLOCATE)).raw(attribute::EVEN_PORT, &[0]);
    let request = client.sign(request);
    let outputs = client.send(&mut relay, &request);
    assert!(matches!(&outputs[..], [Output::ToClient { to, .. }] if *to == client.client), "{outputs:?}");
}
