//! An operator drains the relay, rotates its secrets or reloads its limits while players talk: nobody who is there
//! notices, and newcomers get what the new settings say.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use muster_sim::{
    AllocateOptions, Credentials, Event, Failure, HostId, Impairments, Method, NatKind, RelaySetup, World, each_seed,
};

const PEER: &str = "30.0.0.9:7000";
const FAR_FUTURE: &str = "1900000000";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn nat(number: u8) -> Option<(IpAddr, NatKind)> {
    Some((IpAddr::from([40, 0, 0, number]), NatKind::Symmetric))
}

fn join(world: &mut World, number: u8, credentials: Credentials) -> HostId {
    let inside = SocketAddr::from(([192, 168, number, 2], 4_000));
    let host = world.add_client(inside, nat(number), credentials);
    world.act(host, |client, now| client.allocate(now, AllocateOptions::default()));
    let answered = |world: &World| !world.events(host).is_empty();
    assert!(world.run_until(Duration::from_secs(60), answered));
    host
}

fn outcome(world: &World, host: HostId) -> Result<(), Failure> {
    match &world.events(host)[0] {
        Event::Allocated { .. } => Ok(()),
        Event::Failed(Method::Allocate, failure) => Err(*failure),
        event => panic!("{event:?}"),
    }
}

/// Sends and receives for `minutes` and checks that it gets through both ways: two bad links lose a fifth.
fn talk(world: &mut World, host: HostId, peer: HostId, minutes: u64) {
    let relayed = world.client(host).relayed()[0];
    world.take_events(host);
    world.take_events(peer);
    for _ in 0..minutes * 3 {
        world.act(host, |client, _| client.send(address(PEER), b"there"));
        world.send(peer, relayed, b"back");
        world.run_for(Duration::from_secs(20));
    }
    let received = |events: Vec<Event>, expect: &[u8]| {
        let lost = events.iter().any(|event| matches!(event, Event::Lost | Event::Failed(..)));
        assert!(!lost, "{events:?}");
        let payloads =
            events.iter().filter(|event| matches!(event, Event::Received { payload, .. } if payload == expect));
        payloads.count() as u64
    };
    let (back, there) = (received(world.take_events(host), b"back"), received(world.take_events(peer), b"there"));
    assert!(back > minutes && there > minutes, "{back} and {there} of {}", minutes * 3);
}

#[test]
fn a_drain_ends_when_the_last_flow_does() {
    each_seed("drain", 0..40, |seed| {
        let alternate_server = if seed % 2 == 0 { vec![address("21.0.0.1:3478")] } else { Vec::new() };
        let setup = RelaySetup { seed, workers: 2, ports: 50_000..=50_019, alternate_server, ..RelaySetup::default() };
        let mut world = World::new(setup, Impairments::BAD);
        let early = join(&mut world, 1, Credentials::new("ann", "ann's password"));
        let peer = world.add_peer(address(PEER), None);
        world.act(early, |client, now| client.bind(now, 0x4000, address(PEER)));
        world.run_for(Duration::from_secs(40));
        world.relay.drain();
        let late = join(&mut world, 2, Credentials::new("bob", "bob's password"));
        let code = if seed % 2 == 0 { 300 } else { 508 };
        assert_eq!(outcome(&world, late), Err(Failure::Code(code)));
        talk(&mut world, early, peer, 25);
        world.act(early, |client, now| client.release(now));
        world.run_for(Duration::from_secs(60));
        world.relay.assert_empty();
    });
}

/// Passwords made with `printf NAME | openssl dgst -sha1 -hmac SECRET -binary | base64`.
fn ephemeral(user: &str, secret: &str) -> Credentials {
    let password = match (user, secret) {
        ("ann", "old") => "8qGypv4RuR5WQsVkqaibFhI1xkk=",
        ("bob", "old") => "IDus/31KgbrTn7KuZeV5vo9BpC4=",
        ("bob", "new") => "xnk/cnVYUiX0LQTRKEUtHI1trEs=",
        _ => panic!("no password for {user} with {secret}"),
    };
    Credentials::new(&format!("{FAR_FUTURE}:{user}"), password)
}

#[test]
fn secrets_are_rotated_under_live_flows() {
    each_seed("rotation", 0..40, |seed| {
        let setup = RelaySetup {
            seed,
            workers: 1 + (seed % 2) as u8,
            ports: 50_000..=50_019,
            users: Vec::new(),
            auth_secret: vec!["old".into()],
            ..RelaySetup::default()
        };
        let mut world = World::new(setup, Impairments::BAD);
        let ann = join(&mut world, 1, ephemeral("ann", "old"));
        let peer = world.add_peer(address(PEER), None);
        world.act(ann, |client, now| client.bind(now, 0x4000, address(PEER)));
        world.run_for(Duration::from_secs(40));
        world.relay.reload(|setup| setup.auth_secret = vec!["new".into(), "old".into()]);
        talk(&mut world, ann, peer, 11);
        for secret in ["old", "new"] {
            let number = if secret == "old" { 2 } else { 3 };
            let bob = join(&mut world, number, ephemeral("bob", secret));
            assert_eq!(outcome(&world, bob), Ok(()), "both secrets are good while both are there: {secret}");
            world.act(bob, |client, now| client.release(now));
        }
        world.relay.reload(|setup| setup.auth_secret = vec!["new".into()]);
        talk(&mut world, ann, peer, 25);
        let late = join(&mut world, 4, ephemeral("bob", "old"));
        assert_eq!(outcome(&world, late), Err(Failure::Code(401)), "the old secret opens nothing new");
        world.set_credentials(late, ephemeral("bob", "new"));
        world.take_events(late);
        world.act(late, |client, now| client.allocate(now, AllocateOptions::default()));
        assert!(world.run_until(Duration::from_secs(60), |world| !world.events(late).is_empty()));
        assert_eq!(outcome(&world, late), Ok(()));
    });
}

#[test]
fn reloads_of_every_kind_do_not_disturb_a_flow() {
    each_seed("reloads", 0..20, |seed| {
        let mut world =
            World::new(RelaySetup { seed, ports: 50_000..=50_019, ..RelaySetup::default() }, Impairments::BAD);
        let ann = join(&mut world, 1, Credentials::new("ann", "ann's password"));
        let peer = world.add_peer(address(PEER), None);
        world.act(ann, |client, now| client.bind(now, 0x4000, address(PEER)));
        world.run_for(Duration::from_secs(40));
        for round in 0..10 {
            world.relay.reload(|setup| match round % 4 {
                0 => setup.limits.bytes_per_second = 1_000_000,
                1 => setup.users.retain(|user| user.name != "ann"),
                2 => setup.limits.allocations = 1,
                _ => setup.allow_peer = vec!["10.0.0.0/8".parse().unwrap()],
            });
            talk(&mut world, ann, peer, 4);
        }
        let again = join(&mut world, 2, Credentials::new("ann", "ann's password"));
        assert!(outcome(&world, again).is_err(), "the user is gone for whoever comes now");
    });
}
