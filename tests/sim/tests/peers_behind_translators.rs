//! A client talks through its relayed address to a peer that is no client of the relay, behind each kind of translator.
//!
//! What ICE does without a relayed candidate on the other side: the client permits the translator's public address, and
//! both sides send until the translator lets the relay in.

use std::{net::SocketAddr, time::Duration};

use muster_relay::counters::Drop;
use muster_sim::{AllocateOptions, Credentials, Event, Impairments, NatKind, RelaySetup, World, each_seed, seeded};
use rand::RngExt;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn data_passes_both_ways_once_the_peer_has_sent() {
    each_seed("translators", 0..120, |seed| {
        let kinds = [NatKind::FullCone, NatKind::AddressRestricted, NatKind::PortRestricted, NatKind::Symmetric];
        let (near, far) = (kinds[seed as usize % 4], kinds[seed as usize / 4 % 4]);
        let impairments = if seed % 3 == 0 { Impairments::BAD } else { Impairments::NONE };
        let mut world = World::new(RelaySetup { seed, ports: 50_000..=50_019, ..RelaySetup::default() }, impairments);
        let mut random = seeded(seed, b's');
        let near_ip = "40.0.0.1".parse().unwrap();
        let far_ip = "41.0.0.1".parse().unwrap();
        let ann = Credentials::new("ann", "ann's password");
        let host = world.add_client(address("192.168.0.2:4000"), Some((near_ip, near)), ann);
        let peer = world.add_peer(address("10.0.0.2:5000"), Some((far_ip, far)));
        let stranger = world.add_peer(address("50.0.0.1:5000"), None);
        world.act(host, |client, now| client.allocate(now, AllocateOptions::default()));
        assert!(world.run_until(Duration::from_secs(60), |world| !world.client(host).relayed().is_empty()));
        let relayed = world.client(host).relayed()[0];
        world.send(peer, relayed, b"before the permission");
        world.run_for(Duration::from_secs(2));
        world.act(host, |client, now| client.permit(now, SocketAddr::new(far_ip, 9)));
        world.run_for(Duration::from_secs(40));
        world.take_events(host);
        let mut mapped = None;
        let (mut there, mut back) = (0, 0);
        for _ in 0..40 {
            world.send(peer, relayed, b"there");
            world.send(stranger, relayed, b"nobody asked");
            if let Some(mapped) = mapped {
                world.act(host, |client, _| client.send(mapped, b"back"));
            }
            world.run_for(Duration::from_millis(random.random_range(300..3_000)));
            for event in world.take_events(host) {
                let Event::Received { peer, payload } = event else { continue };
                assert_eq!((peer.ip(), &payload[..]), (far_ip, &b"there"[..]));
                mapped = Some(peer);
                there += 1;
            }
            for event in world.take_events(peer) {
                assert_eq!(event, Event::Received { peer: relayed, payload: b"back".to_vec() });
                back += 1;
            }
        }
        assert!(there >= 20 && back >= 18, "{near:?} and {far:?}: {there} there, {back} back");
        assert!(world.relay.counters(0).dropped_so_far(Drop::NoPermission) >= 30, "the stranger was kept out");
        assert_eq!(world.take_events(stranger), []);
    });
}
