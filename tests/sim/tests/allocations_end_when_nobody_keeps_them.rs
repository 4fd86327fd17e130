//! Clients that vanish, are cut off for longer than their allocations last, or come out of another port: what they had
//! is freed, what arrives for it is dropped, and they can begin again.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use muster_sim::{
    AllocateOptions, Credentials, Event, Failure, HostId, Impairments, Method, NatKind, RelaySetup, World, each_seed,
};

const RELAY: &str = "20.0.0.1";
const NAT: &str = "40.0.0.1";
const PEER: &str = "30.0.0.9:7000";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn world(seed: u64, impairments: Impairments) -> World {
    let workers = 1 + (seed % 2) as u8;
    World::new(RelaySetup { seed, workers, ports: 50_000..=50_019, ..RelaySetup::default() }, impairments)
}

fn join(world: &mut World, options: AllocateOptions) -> HostId {
    let nat = Some((ip(NAT), NatKind::Symmetric));
    let host = world.add_client(address("192.168.0.2:4000"), nat, Credentials::new("ann", "ann's password"));
    allocate(world, host, options);
    host
}

fn allocate(world: &mut World, host: HostId, options: AllocateOptions) {
    world.act(host, |client, now| client.allocate(now, options));
    let allocated = world.run_until(Duration::from_secs(60), |world| !world.client(host).relayed().is_empty());
    assert!(allocated, "{:?}", world.events(host));
}

#[test]
fn a_client_that_vanishes_leaves_nothing() {
    each_seed("vanish", 0..100, |seed| {
        let mut world = world(seed, Impairments::BAD);
        let options = AllocateOptions {
            dual: seed % 3 == 0,
            even: (seed % 3 == 1).then_some(true),
            lifetime_s: (seed % 2 == 0).then_some(1_200),
            ..AllocateOptions::default()
        };
        let host = join(&mut world, options);
        world.act(host, |client, now| client.bind(now, 0x4000, address(PEER)));
        world.run_for(Duration::from_secs(60));
        assert_eq!(world.relay.allocations(), 1);
        world.network.cut(ip(NAT), ip(RELAY));
        let lifetime = Duration::from_secs(u64::from(options.lifetime_s.unwrap_or(600)));
        world.run_for(lifetime - Duration::from_secs(130));
        assert_eq!(world.relay.allocations(), 1, "not before its time");
        world.run_for(Duration::from_secs(142));
        world.relay.assert_empty();
        let (opened, closed) = world.relay.opened_and_closed();
        assert_eq!(opened, closed, "every socket was closed once");
        assert_eq!(world.relay.shared().quotas.live(), 0);
        assert_eq!(world.relay.poll_timeout(), None, "an empty relay sleeps");
    });
}

#[test]
fn a_client_comes_back_after_a_long_partition() {
    each_seed("partition", 0..50, |seed| {
        let mut world = world(seed, Impairments::BAD);
        let host = join(&mut world, AllocateOptions::default());
        let peer = world.add_peer(address(PEER), None);
        world.act(host, |client, now| client.bind(now, 0x4000, address(PEER)));
        world.run_for(Duration::from_secs(30));
        let before = world.client(host).relayed()[0];
        world.network.cut(ip(NAT), ip(RELAY));
        world.run_for(Duration::from_secs(20));
        world.send(peer, before, b"into the void");
        world.run_for(Duration::from_secs(680));
        world.relay.assert_empty();
        let events = world.take_events(host);
        assert!(events.contains(&Event::Failed(Method::Refresh, Failure::TimedOut)), "{events:?}");
        assert!(events.contains(&Event::Lost), "the client knows by its own clock: {events:?}");
        world.network.heal();
        allocate(&mut world, host, AllocateOptions::default());
        let after = world.client(host).relayed()[0];
        world.act(host, |client, now| client.permit(now, address(PEER)));
        world.run_for(Duration::from_secs(40));
        world.take_events(host);
        for number in 0..30_u8 {
            world.send(peer, after, &[number]);
            world.run_for(Duration::from_millis(100));
        }
        world.run_for(Duration::from_secs(2));
        let received = world.take_events(host).iter().filter(|event| matches!(event, Event::Received { .. })).count();
        assert!(received >= 12, "{received} of 30 over two bad links");
    });
}

/// A partition that is shorter than the allocation is survived by retransmissions.
#[test]
fn a_short_partition_is_survived() {
    each_seed("short partition", 0..50, |seed| {
        let mut world = world(seed, Impairments::NONE);
        let host = join(&mut world, AllocateOptions::default());
        let relayed = world.client(host).relayed().to_vec();
        // Refreshes are due at 540 seconds; the cut lies over them for a part of their retransmissions.
        world.run_for(Duration::from_secs(530 + seed % 10));
        world.network.cut(ip(NAT), ip(RELAY));
        world.run_for(Duration::from_secs(10 + seed % 20));
        world.network.heal();
        world.run_for(Duration::from_secs(600));
        assert_eq!(world.client(host).relayed(), relayed);
        assert!(!world.take_events(host).contains(&Event::Lost));
        assert_eq!(world.relay.opened_and_closed(), (1, 0));
    });
}

#[test]
fn a_client_whose_translator_restarts_begins_again() {
    each_seed("rebinding", 0..100, |seed| {
        let mut world = world(seed, Impairments::BAD);
        let host = join(&mut world, AllocateOptions::default());
        let peer = world.add_peer(address(PEER), None);
        world.act(host, |client, now| client.bind(now, 0x4000, address(PEER)));
        assert!(world.run_until(Duration::from_secs(40), |world| world.client(host).is_bound(0x4000)));
        let before = world.client(host).relayed()[0];
        world.run_for(Duration::from_secs(2));
        world.take_events(host);
        world.take_events(peer);
        world.network.nat(ip(NAT)).unwrap().rebind();
        for _ in 0..20 {
            world.act(host, |client, _| client.send(address(PEER), b"from another 5-tuple"));
            world.send(peer, before, b"to the old mapping");
            world.run_for(Duration::from_millis(200));
        }
        assert_eq!(world.take_events(peer), [], "the relay takes nothing from a 5-tuple that it does not know");
        assert_eq!(world.take_events(host), [], "and the old mapping leads nowhere");
        world.run_for(Duration::from_secs(300));
        let events = world.take_events(host);
        assert!(events.contains(&Event::Lost), "the next request is answered with 437: {events:?}");
        allocate(&mut world, host, AllocateOptions::default());
        assert_ne!(world.client(host).relayed()[0], before);
        world.act(host, |client, now| client.bind(now, 0x4000, address(PEER)));
        assert!(world.run_until(Duration::from_secs(40), |world| world.client(host).is_bound(0x4000)));
        for _ in 0..30 {
            world.act(host, |client, _| client.send(address(PEER), b"again"));
            world.run_for(Duration::from_millis(100));
        }
        world.run_for(Duration::from_secs(1));
        assert!(world.take_events(peer).len() >= 12);
        world.run_for(Duration::from_secs(700));
        assert_eq!(world.relay.allocations(), 1, "the old allocation has expired");
    });
}
