//! Two clients behind symmetric translators exchange data through their relayed addresses for an hour, over a network
//! that loses, repeats and reorders.
//!
//! What arrives is what was sent, comes from whom the relay says, and goes on arriving: allocations, permissions and
//! channels survive by their refreshes.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use muster_relay::counters::Direction;
use muster_sim::{
    AllocateOptions, Credentials, Event, HostId, Impairments, NatKind, RelaySetup, World, each_seed, seeded,
};
use rand::{Rng, RngExt};

const HOUR: Duration = Duration::from_secs(3_600);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// One side of the conversation.
struct Player {
    host: HostId,
    relayed: SocketAddr,
    sent: BTreeSet<Vec<u8>>,
    arrived: BTreeSet<Vec<u8>>,
}

fn join(world: &mut World, inside: &str, public: &str, user: &str) -> Player {
    let credentials = Credentials::new(user, &format!("{user}'s password"));
    let host = world.add_client(address(inside), Some((ip(public), NatKind::Symmetric)), credentials);
    world.act(host, |client, now| client.allocate(now, AllocateOptions::default()));
    let allocated = world.run_until(Duration::from_secs(60), |world| !world.client(host).relayed().is_empty());
    assert!(allocated, "{:?}", world.events(host));
    let relayed = world.client(host).relayed()[0];
    Player { host, relayed, sent: BTreeSet::new(), arrived: BTreeSet::new() }
}

/// Takes what has arrived and checks that it is the other's.
fn receive(world: &mut World, player: &mut Player, from: &Player) {
    for event in world.take_events(player.host) {
        match event {
            Event::Received { peer, payload } => {
                assert_eq!(peer, from.relayed, "the relay names the sender's relayed address");
                assert!(from.sent.contains(&payload), "what arrives was sent: {payload:?}");
                player.arrived.insert(payload);
            }
            Event::Failed(..) | Event::Lost | Event::Stray(_) => panic!("{event:?}"),
            _ => {}
        }
    }
}

fn converse(seed: u64, impairments: Impairments) -> (u64, [usize; 2], u64) {
    let setup = RelaySetup { seed, workers: 1 + (seed % 2) as u8, ports: 50_000..=50_019, ..RelaySetup::default() };
    let mut world = World::new(setup, impairments);
    let mut random = seeded(seed, b's');
    let mut ann = join(&mut world, "192.168.0.2:4000", "40.0.0.1", "ann");
    let mut bob = join(&mut world, "10.0.0.2:4000", "41.0.0.1", "bob");
    let by_channel = [random.random_bool(0.5), random.random_bool(0.5)];
    for (player, other, by_channel) in [(&ann, &bob, by_channel[0]), (&bob, &ann, by_channel[1])] {
        let peer = other.relayed;
        world.act(player.host, |client, now| match by_channel {
            true => client.bind(now, 0x4001, peer),
            false => client.permit(now, peer),
        });
    }
    world.run_for(Duration::from_secs(40));
    let end = world.now() + HOUR;
    while world.now() < end {
        let relayed = [ann.relayed, bob.relayed];
        for (player, other) in [(&mut ann, relayed[1]), (&mut bob, relayed[0])] {
            let mut payload = vec![0; random.random_range(8..=1_200)];
            random.fill_bytes(&mut payload);
            world.act(player.host, |client, _| client.send(other, &payload));
            player.sent.insert(payload);
        }
        world.run_for(Duration::from_secs(20));
        receive(&mut world, &mut ann, &bob);
        receive(&mut world, &mut bob, &ann);
    }
    let hairpins = (0..world.relay.setup().workers)
        .map(|worker| world.relay.counters(worker).relayed_so_far(Direction::Hairpin).0)
        .sum();
    let arrived = [&ann, &bob].map(|player| player.arrived.len());
    for player in [&ann, &bob] {
        world.act(player.host, |client, now| client.release(now));
    }
    world.run_for(Duration::from_secs(60));
    world.relay.assert_empty();
    (world.trace(), arrived, hairpins)
}

#[test]
fn everything_arrives_on_a_good_network() {
    each_seed("good network", 0..6, |seed| {
        let (_, arrived, hairpins) = converse(seed, Impairments::NONE);
        assert_eq!(arrived, [180, 180]);
        assert_eq!(hairpins, 360, "no datagram between two clients went through a socket");
    });
}

#[test]
fn most_arrives_on_a_bad_network() {
    each_seed("bad network", 0..60, |seed| {
        let (_, arrived, _) = converse(seed, Impairments::BAD);
        // Two links lose a tenth each, so four fifths of 180 are expected.
        assert!(arrived.iter().all(|&arrived| arrived >= 115), "{arrived:?}");
    });
}

#[test]
fn a_seed_gives_the_same_trace_again() {
    each_seed("same trace", 0..4, |seed| {
        let first = converse(seed, Impairments::BAD).0;
        assert_eq!(first, converse(seed, Impairments::BAD).0);
        assert_ne!(first, converse(seed + 1, Impairments::BAD).0);
    });
}
