//! Somebody on the path repeats everything that a client sends, from the client's address and from others, and forges
//! the client's address: the client keeps what it has, nobody else gets anything, and nothing is made twice.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use muster_sim::{
    AllocateOptions, Credentials, Datagram, Draft, Event, Impairments, NatKind, RelaySetup, World, attribute,
    channel_data, each_seed, method, seeded,
};
use rand::RngExt;
use turn_types::attribute::{Lifetime, RequestedTransport};

const PEER: &str = "30.0.0.9:7000";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn an_attacker_who_sees_everything_gains_nothing() {
    each_seed("forgery", 0..60, |seed| {
        let setup = RelaySetup { seed, workers: 2, ports: 50_000..=50_019, ..RelaySetup::default() };
        let mut world = World::new(setup, Impairments::BAD);
        let mut random = seeded(seed, b'a');
        let nat: IpAddr = "40.0.0.1".parse().unwrap();
        let listen = world.relay.setup().listen[0];
        world.tap();
        let nat = Some((nat, NatKind::PortRestricted));
        let host = world.add_client(address("192.168.0.2:4000"), nat, Credentials::new("ann", "ann's password"));
        let peer = world.add_peer(address(PEER), None);
        let eve = world.add_peer(address("66.0.0.6:4000"), None);
        world.act(host, |client, now| client.allocate(now, AllocateOptions::default()));
        assert!(world.run_until(Duration::from_secs(60), |world| !world.client(host).relayed().is_empty()));
        world.act(host, |client, now| client.bind(now, 0x4000, address(PEER)));
        let relayed = world.client(host).relayed().to_vec();
        let mut victim = None;
        for _ in 0..60 {
            let tapped = world.take_tapped();
            for datagram in &tapped {
                let evil = datagram.from == address("66.0.0.6:4000");
                if !evil {
                    victim = Some(datagram.from);
                }
                // From another address, from another port of the same, and once more from the same.
                let mut other_port = datagram.from;
                other_port.set_port(datagram.from.port() ^ 1);
                for from in [address("66.0.0.6:4000"), other_port, datagram.from] {
                    if !evil && random.random_bool(0.3) {
                        let now = world.now();
                        world.network.inject(now, Datagram { from, ..datagram.clone() });
                    }
                }
            }
            // Forged, with the victim's address and no key: give back, permit Eve, allocate again, send to the peer.
            let forged = [
                Draft::request(method::REFRESH, random.random()).with(&Lifetime::new(0)).finish(),
                Draft::request(method::CREATE_PERMISSION, random.random()).peer(address("66.0.0.6:4000")).finish(),
                Draft::request(method::ALLOCATE, random.random()).with(&RequestedTransport::new(17)).finish(),
                Draft::indication(method::SEND, 1).peer(address("66.0.0.6:4000")).raw(attribute::DATA, b"!").finish(),
                channel_data(0x4001, b"!"),
            ];
            if let Some(from) = victim {
                for bytes in forged {
                    let now = world.now();
                    world.network.inject(now, Datagram { from, to: listen, bytes });
                }
            }
            world.send(eve, relayed[0], b"let me in");
            world.act(host, |client, _| client.send(address(PEER), b"hello"));
            world.run_for(Duration::from_secs(20));
        }
        assert_eq!(world.client(host).relayed(), relayed, "the allocation is what it was");
        assert_eq!(world.relay.opened_and_closed(), (1, 0), "one socket was opened and none closed");
        assert_eq!(world.relay.allocations(), 1);
        let received = |event: &Event| matches!(event, Event::Received { .. });
        assert_eq!(world.take_events(host).iter().filter(|event| received(event)).count(), 0, "Eve was not let in");
        for event in world.take_events(eve) {
            let Event::Received { peer, payload } = event else { panic!("a plain host only receives: {event:?}") };
            assert_eq!(peer, listen, "Eve hears from the listener only");
            assert!(payload[0] == 1, "and only answers: {payload:x?}");
        }
        assert!(world.take_events(peer).iter().all(|event| match event {
            Event::Received { peer, payload } => *peer == relayed[0] && payload == b"hello",
            _ => false,
        }));
    });
}
