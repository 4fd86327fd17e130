//! Goal: what viewers are told is what the world has, under any loss; and nothing else than what they may see.
//! Method: worlds with a bit of everything run beside a plain reader of packets, which compares every state with the world,
//! looks for what is hidden, and loses, doubles and reorders packets and reports as a seed says.

mod mirror;
mod scene;

use mirror::{Departure, Mirror, packets};
use muster_core::{
    Column, Entity, EntityId, Execution, METRE, World, WorldConfig,
    event::{Class, Kind},
    sync::{
        Scope,
        packet::read_packet,
        server::{SyncConfig, SyncServer, View, ViewPoint, ViewerId, ViewerOptions},
    },
};
use scene::{Scene, at};

/// A source of choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// How many packets a scene takes, their bytes, and the digest of those (FNV-1a).
const GOLDEN: (usize, usize, u64) = (133, 36_532, 18_054_780_673_211_293_508);

fn everything(server: &mut SyncServer) -> ViewerId {
    let options =
        ViewerOptions { is_everywhere: true, sees_hidden: true, budget: 10_000_000, ..ViewerOptions::default() };
    server.add_viewer(&options).expect("there is room")
}

fn config() -> SyncConfig {
    // Everything at the rate of updates, and both attributes.
    SyncConfig { rates_hz: [60; 3], public_attributes: vec![1, 0], ..SyncConfig::default() }
}

/// Packets and reports on their way.
struct Line {
    dice: Dice,
    loss: u64,
    delay: u64,
    on_the_way: Vec<(u64, Vec<u8>)>,
}

impl Line {
    fn new(seed: u64, loss: u64, delay: u64) -> Self {
        Self { dice: Dice(seed), loss, delay, on_the_way: Vec::new() }
    }

    /// Sends a packet, which is lost, doubled or late as chance will have it.
    fn send(&mut self, now: u64, packet: &[u8]) {
        for _ in 0..1 + self.dice.roll(20) / 19 {
            if self.dice.roll(100) >= self.loss {
                let jitter = if self.loss == 0 { 0 } else { self.dice.roll(4) };
                self.on_the_way.push((now + self.delay + jitter, packet.to_vec()));
            }
        }
    }

    fn arrived(&mut self, now: u64) -> Vec<Vec<u8>> {
        let (here, rest) = std::mem::take(&mut self.on_the_way).into_iter().partition(|(when, _)| *when <= now);
        self.on_the_way = rest;
        here.into_iter().map(|(_, packet)| packet).collect()
    }
}

/// Lets a scene run with one viewer behind lossy lines, then without loss until it must have caught up.
fn follow(seed: u64, loss: u64, delay: u64, ticks: u32) -> (Mirror, World, SyncServer) {
    let mut scene = Scene::of(seed, 90);
    let mut world = scene.world(Execution::default());
    let config = config();
    let mut server = SyncServer::new(config.clone(), &world).expect("valid");
    let viewer = everything(&mut server);
    let mut mirror = Mirror::new(&config);
    let (mut down, mut up) = (Line::new(seed, loss, delay), Line::new(seed + 1, loss, delay));
    for tick in 0..ticks {
        if tick == ticks - 120 {
            (down.loss, up.loss) = (0, 0);
        }
        scene.advance(&mut world, 1);
        let now = world.tick();
        if server.tick(&world) {
            for packet in packets(&mut server, &world, viewer) {
                assert!(packet.len() <= usize::from(config.packet_max), "{} bytes", packet.len());
                down.send(now, &packet);
            }
        }
        for packet in down.arrived(now) {
            mirror.receive(&packet);
        }
        if now.is_multiple_of(2) {
            up.send(now, &mirror.report());
        }
        for report in up.arrived(now) {
            // Doubled and late reports are refused, and that is all.
            let _ = server.receive(viewer, &report, now * 16_667);
        }
        if loss == 0 && delay == 0 && server.last_update() == mirror.update && now.is_multiple_of(3) {
            mirror.must_match(&world, &config);
        }
    }
    (mirror, world, server)
}

fn living(world: &World) -> Vec<EntityId> {
    let mut ids = Vec::new();
    world.ids(&mut ids);
    ids.sort_unstable();
    ids
}

#[test]
fn without_loss_every_state_is_exact_at_once() {
    for seed in 1..6 {
        let (mirror, world, _) = follow(seed, 0, 0, 600);
        assert_eq!(mirror.ids(), living(&world));
        mirror.must_match(&world, &config());
        assert!(mirror.departures.iter().any(|(_, departure)| *departure == Departure::Left));
        assert!(mirror.departures.iter().any(|(_, departure)| *departure == Departure::Destroyed));
    }
}

#[test]
fn after_any_loss_the_states_converge() {
    for (seed, loss, delay) in [(1, 1, 6), (2, 5, 6), (3, 20, 6), (4, 60, 10), (5, 5, 30), (6, 20, 2)] {
        let (mirror, world, server) = follow(seed, loss, delay, 900);
        // The last packets are still on their way.
        assert!(mirror.update + delay as u32 / 3 + 4 >= server.last_update());
        let known = mirror.ids();
        let alive = living(&world);
        let missing = alive.iter().filter(|id| !known.contains(id)).count();
        assert!(missing <= 8, "{missing} of {} are not known with {loss} % lost", alive.len());
        let stale = known.iter().filter(|id| !alive.contains(id)).count();
        assert!(stale <= 8, "{stale} are known that are no more");
    }
}

#[test]
fn who_is_destroyed_is_told_so_and_who_goes_elsewhere_is_not() {
    let (mirror, world, _) = follow(7, 0, 0, 900);
    let alive = living(&world);
    for (id, departure) in &mirror.departures {
        if *departure == Departure::Destroyed {
            assert!(!alive.contains(id), "an id is not used twice");
        }
    }
    // Whoever is gone was told so in the end.
    let destroyed = mirror.departures.iter().filter(|(_, departure)| *departure == Departure::Destroyed).count();
    let left_last = mirror
        .departures
        .iter()
        .filter(|(id, _)| !alive.contains(id))
        .filter(|(id, _)| !mirror.departures.contains(&(*id, Departure::Destroyed)))
        .count();
    assert!(destroyed > 5);
    assert_eq!(left_last, 0);
}

#[test]
fn packets_do_not_depend_on_how_the_world_is_worked_on() {
    let run = |execution: Execution| {
        let mut scene = Scene::with_map(3);
        let mut world = scene.world(execution);
        let mut server = SyncServer::new(config(), &world).expect("valid");
        let viewer = everything(&mut server);
        let mut mirror = Mirror::new(&config());
        let mut all = Vec::new();
        for _ in 0..400 {
            scene.advance(&mut world, 1);
            if server.tick(&world) {
                for packet in packets(&mut server, &world, viewer) {
                    mirror.receive(&packet);
                    all.push(packet);
                }
                server.receive(viewer, &mirror.report(), 0).expect("a report");
            }
        }
        all
    };
    let [plain, others @ ..] = scene::executions();
    let plain = run(plain);
    let digest = plain
        .iter()
        .flatten()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let bytes: usize = plain.iter().map(Vec::len).sum();
    // Other bytes mean another wire or other models: say so in docs/WIRE.md and raise the version.
    assert_eq!((plain.len(), bytes, digest), GOLDEN);
    for execution in others {
        assert!(run(execution) == plain, "{execution:?}");
    }
}

/// A world without motion of its own, and one entity of each sort of scope for two teams.
fn quiet_world() -> World {
    let config = WorldConfig { attributes: vec!["gold".into(), "fuel".into()], ..WorldConfig::default() };
    World::new(config, None, Execution::default()).expect("valid")
}

const TEAM_ONLY: u32 = muster_core::entity::FLAG_TEAM_ONLY;
const OWNER_ONLY: u32 = muster_core::entity::FLAG_OWNER_ONLY;

#[test]
fn nothing_hidden_is_in_any_packet() {
    let mut world = quiet_world();
    let metre = |right: i64| at(100 + right, 100);
    let mut spawn = |team: u16, owner: u32, flags: u32, right: i64| {
        let entity = Entity { team, owner, flags, health: 10, health_max: 10, layers: 1, ..Entity::at(metre(right)) };
        world.spawn(&entity).expect("there is room")
    };
    let open = spawn(1, 1, 0, 0);
    let team = spawn(1, 1, TEAM_ONLY, 1);
    let own = spawn(1, 1, OWNER_ONLY, 2);
    let hunter = spawn(2, 2, 0, 3);
    // Who is seen aims at who is not.
    for target in [team, own] {
        world.set(hunter, Column::Target, target.bits().cast_signed()).expect("an id");
    }
    let config = SyncConfig { owner_attributes: vec![0], ..SyncConfig::default() };
    let mut server = SyncServer::new(config.clone(), &world).expect("valid");
    let mut viewers: Vec<_> = [(0u32, 0u16), (1, 1), (3, 1), (2, 2)]
        .into_iter()
        .map(|(player, team)| {
            let id = server.add_viewer(&ViewerOptions { player, team, ..ViewerOptions::default() }).expect("room");
            let view = View { point: ViewPoint::Place(metre(0)), enter: 80 * METRE, leave: 90 * METRE };
            server.set_views(id, &[view]).expect("a view");
            (id, Mirror::new(&config))
        })
        .collect();
    for tick in 0..120u32 {
        let flags = if tick >= 60 { TEAM_ONLY } else { 0 };
        if tick == 60 {
            // Who was seen hides; who was hidden comes out.
            world.set(open, Column::Flags, flags.into()).expect("flags");
            world.set(team, Column::Flags, 0).expect("flags");
        }
        world.set(own, Column::Attribute(0), i64::from(tick)).expect("declared");
        for subject in [team, own, open] {
            world
                .apply(&muster_core::Input::Emit {
                    class: if tick % 2 == 0 { Class::Critical } else { Class::Normal },
                    position: metre(0),
                    subject,
                    object: own,
                    detail: tick,
                    value: 0,
                })
                .expect("an event");
        }
        world.step();
        if server.tick(&world) {
            for (id, mirror) in &mut viewers {
                for packet in packets(&mut server, &world, *id) {
                    mirror.receive(&packet);
                }
                server.receive(*id, &mirror.report(), 0).expect("a report");
            }
        }
    }
    let knows = |mirror: &Mirror| mirror.ids();
    let (spectator, owner, mate, enemy) = (&viewers[0].1, &viewers[1].1, &viewers[2].1, &viewers[3].1);
    let sorted = |mut ids: Vec<EntityId>| {
        ids.sort_unstable();
        ids
    };
    assert_eq!(knows(spectator), sorted(vec![team, hunter]));
    assert_eq!(knows(enemy), sorted(vec![team, hunter]));
    assert_eq!(knows(mate), sorted(vec![open, team, hunter]));
    assert_eq!(knows(owner), sorted(vec![open, team, own, hunter]));
    for mirror in [spectator, enemy, mate] {
        assert!(
            mirror.departures.iter().all(|(_, departure)| *departure == Departure::Left),
            "hiding looks like leaving"
        );
        let all = mirror.events.values().chain(&mirror.once);
        for told in all {
            assert!(told.event.subject != own && told.event.object != own, "{told:?}");
        }
        for (_, state) in mirror.states() {
            assert!(state.places().all(|place| state.target[place] != own));
        }
    }
    for mirror in [spectator, enemy] {
        let is_known = |id: EntityId, tick: u64| if tick < 60 { id == open } else { id == team };
        for told in mirror.events.values().chain(&mirror.once) {
            assert!(is_known(told.event.subject, told.event.tick), "{told:?}");
        }
        assert!(!mirror.events.is_empty() && !mirror.once.is_empty());
    }
    for mirror in [spectator, mate, enemy] {
        let mut part = muster_core::sync::own::Own::default();
        if !mirror.own.is_empty() {
            muster_core::sync::own::decode_own(&mirror.own, &mut part).expect("an own part");
        }
        assert!(part.values.iter().all(|value| value.entity != own));
    }
    assert!(owner.groups.values().any(|group| group.identity.scope == Scope::Owner(1).into()));
}

#[test]
fn who_changes_sides_sees_what_the_new_one_does() {
    let mut world = quiet_world();
    let metre = |right: i64| at(100 + right, 100);
    let mut spawn = |team: u16, flags: u32, right: i64| {
        let entity = Entity { team, flags, health: 10, health_max: 10, layers: 1, ..Entity::at(metre(right)) };
        world.spawn(&entity).expect("there is room")
    };
    let (red, blue, open) = (spawn(1, TEAM_ONLY, 0), spawn(2, TEAM_ONLY, 1), spawn(1, 0, 2));
    let config = SyncConfig::default();
    let mut server = SyncServer::new(config.clone(), &world).expect("valid");
    let mut dice = Dice(5);
    let mut viewers: Vec<_> = [false, true]
        .into_iter()
        .map(|is_everywhere| {
            let options = ViewerOptions { player: 1, team: 1, is_everywhere, ..ViewerOptions::default() };
            let id = server.add_viewer(&options).expect("room");
            if !is_everywhere {
                let view = View { point: ViewPoint::Place(metre(0)), enter: 80 * METRE, leave: 90 * METRE };
                server.set_views(id, &[view]).expect("a view");
            }
            (id, Mirror::new(&config))
        })
        .collect();
    let mut sorted = [red, open];
    sorted.sort_unstable();
    let mut expected = sorted.to_vec();
    for tick in 0..400u32 {
        // To the other side and back, once before the first side is forgotten, and to where it is already.
        let team = match tick {
            100 | 103 | 300 => 2,
            101 | 200 => 1,
            _ => 0,
        };
        if team != 0 {
            for (id, _) in &viewers {
                server.set_team(*id, team).expect("it is there");
            }
            expected = vec![if team == 1 { red } else { blue }, open];
            expected.sort_unstable();
        }
        world.step();
        if server.tick(&world) {
            for (id, mirror) in &mut viewers {
                for packet in packets(&mut server, &world, *id) {
                    if dice.roll(100) < 70 {
                        mirror.receive(&packet);
                    }
                }
                server.receive(*id, &mirror.report(), 0).expect("a report");
            }
        }
        if tick % 100 == 99 {
            for (_, mirror) in &viewers {
                assert_eq!(mirror.ids(), expected, "at {tick}");
            }
        }
    }
    for (id, _) in viewers {
        server.remove_viewer(id).expect("it is there");
    }
    assert_eq!(server.set_team(ViewerId::from_bits(1), 1), Err(muster_core::sync::server::ViewerError::Gone));
    assert_eq!(server.stats().viewers, 0);
}

#[test]
fn borders_are_wider_on_the_way_out() {
    let mut world = quiet_world();
    let entity = world.spawn(&Entity::at(at(500, 500))).expect("room");
    // Cells of 32 m, so that a quarter of one is little beside the radii.
    let config = SyncConfig { cell_shift: 21, ..SyncConfig::default() };
    let mut server = SyncServer::new(config.clone(), &world).expect("valid");
    let viewer = server.add_viewer(&ViewerOptions::default()).expect("room");
    let mut mirror = Mirror::new(&config);
    let mut changes = 0;
    let mut was_known = false;
    // Back and forth between 60 and 170 m from the entity, in small steps.
    for step in 0..1200i64 {
        let away = 60 + (step % 220 - 110).abs();
        let place = ViewPoint::Place(at(500 - away, 500));
        server.set_views(viewer, &[View { point: place, enter: 80 * METRE, leave: 120 * METRE }]).expect("a view");
        world.step();
        if server.tick(&world) {
            for packet in packets(&mut server, &world, viewer) {
                mirror.receive(&packet);
            }
            server.receive(viewer, &mirror.report(), 0).expect("a report");
        }
        let is_known = mirror.ids() == [entity];
        changes += u32::from(is_known != was_known);
        was_known = is_known;
    }
    // In and out once each way there and back: 1200 steps are less than six ways.
    assert!((4..=12).contains(&changes), "{changes}");
    assert!(mirror.departures.iter().all(|(_, departure)| *departure == Departure::Left));
    assert!(!mirror.departures.is_empty());
}

#[test]
fn budgets_hold_and_nobody_starves() {
    let mut world = quiet_world();
    for number in 0..1000i64 {
        let velocity_x = (number % 7 - 3) as i32 * METRE;
        let entity = Entity {
            velocity_x,
            velocity_y: (number % 5 - 2) as i32 * METRE,
            health: 10,
            health_max: 10,
            ..Entity::at(at(200 + number % 32 * 6, 200 + number / 32 * 6))
        };
        world.spawn(&entity).expect("room");
    }
    let config = SyncConfig::default();
    let mut server = SyncServer::new(config.clone(), &world).expect("valid");
    let budget = 8000;
    let viewer = server.add_viewer(&ViewerOptions { budget, ..ViewerOptions::default() }).expect("room");
    let view = View { point: ViewPoint::Place(at(300, 300)), enter: 300 * METRE, leave: 320 * METRE };
    server.set_views(viewer, &[view]).expect("a view");
    let mut mirror = Mirror::new(&config);
    let mut last_told = std::collections::BTreeMap::new();
    let mut worst = 0;
    for tick in 1..=3600u64 {
        world.step();
        if !server.tick(&world) {
            continue;
        }
        for packet in packets(&mut server, &world, viewer) {
            for (group, _) in read_packet(&packet).expect("a packet").groups() {
                last_told.insert(group.group, tick);
            }
            mirror.receive(&packet);
        }
        server.receive(viewer, &mirror.report(), 0).expect("a report");
        let allowed = u64::from(budget) * tick / 60 + u64::from(budget) / 4 + 2 * u64::from(config.packet_max);
        assert!(mirror.bytes <= allowed, "{} bytes of {allowed} after {tick} ticks", mirror.bytes);
        if tick > 900 {
            for (number, group) in &mirror.groups {
                let is_moving = |id: EntityId| world.value(id, Column::VelocityX).is_ok_and(|speed| speed != 0);
                if group.newest().places().any(|place| is_moving(group.newest().id[place])) {
                    worst = worst.max(tick - last_told[number]);
                }
            }
        }
    }
    assert!(server.stats().shares_deferred > 1000, "the budget was short");
    // Who goes over a border may be in both cells or in none, until both were told.
    let mut ids = mirror.ids();
    ids.dedup();
    assert!(ids.len() > 980, "{} of 1000 are known", ids.len());
    assert!(worst < 900, "a group waited for {worst} ticks");
}

#[test]
fn critical_events_come_first_and_arrive() {
    let mut world = quiet_world();
    for number in 0..500i64 {
        let entity = Entity {
            velocity_x: METRE * (1 + number as i32 % 3),
            ..Entity::at(at(300 + number % 25, 300 + number / 25))
        };
        world.spawn(&entity).expect("room");
    }
    let config = SyncConfig::default();
    let mut server = SyncServer::new(config.clone(), &world).expect("valid");
    let viewer = server.add_viewer(&ViewerOptions { budget: 2000, ..ViewerOptions::default() }).expect("room");
    let view = View { point: ViewPoint::Place(at(310, 310)), enter: 200 * METRE, leave: 220 * METRE };
    server.set_views(viewer, &[view]).expect("a view");
    let mut mirror = Mirror::new(&config);
    let mut line = Line::new(5, 20, 3);
    let mut emitted = 0u32;
    let mut late = Vec::new();
    for tick in 1..=1800u64 {
        if tick.is_multiple_of(30) && tick < 1500 {
            emitted += 1;
            world
                .apply(&muster_core::Input::Emit {
                    class: Class::Critical,
                    position: at(310, 310),
                    subject: EntityId::NULL,
                    object: EntityId::NULL,
                    detail: emitted,
                    value: tick.cast_signed(),
                })
                .expect("an event");
        }
        world.step();
        if server.tick(&world) {
            for packet in packets(&mut server, &world, viewer) {
                line.send(tick, &packet);
            }
        }
        for packet in line.arrived(tick) {
            let known = mirror.events.len();
            mirror.receive(&packet);
            for (_, told) in mirror.events.iter().skip(known) {
                late.push(tick - told.event.value.cast_unsigned());
            }
        }
        let _ = server.receive(viewer, &mirror.report(), 0);
    }
    let customs: Vec<_> = mirror.events.values().filter(|told| told.event.kind == Kind::Custom).collect();
    assert_eq!(customs.len() as u32, emitted, "every one has arrived");
    assert!(customs.iter().zip(1..).all(|(told, number)| told.event.detail == number), "in their order");
    late.sort_unstable();
    // With a fifth lost, half a second for most, however short the budget is.
    assert!(late[late.len() / 2] <= 12 && late[late.len() * 9 / 10] <= 60, "{late:?}");
}

#[test]
fn spectators_behind_get_what_was_encoded_already() {
    let mut scene = Scene::of(9, 90);
    let mut world = scene.world(Execution::default());
    let config = SyncConfig { delay_max: 40, ..config() };
    let mut server = SyncServer::new(config.clone(), &world).expect("valid");
    let live = everything(&mut server);
    let mut mirror = Mirror::new(&config);
    let options = ViewerOptions {
        is_everywhere: true,
        sees_hidden: true,
        delay: 40,
        budget: 10_000_000,
        ..ViewerOptions::default()
    };
    let behind = server.add_viewer(&options).expect("room");
    let mut second = Mirror::new(&config);
    let (mut encoded_late, mut sent_late) = (0, 0);
    let mut past = std::collections::VecDeque::new();
    for _ in 0..900 {
        scene.advance(&mut world, 1);
        if !server.tick(&world) {
            continue;
        }
        for packet in packets(&mut server, &world, live) {
            mirror.receive(&packet);
        }
        server.receive(live, &mirror.report(), 0).expect("a report");
        past.push_back((server.last_update(), mirror.ids()));
        let before = server.stats();
        for packet in packets(&mut server, &world, behind) {
            second.receive(&packet);
        }
        server.receive(behind, &second.report(), 0).expect("a report");
        if server.last_update() > 100 {
            encoded_late += server.stats().shares_encoded - before.shares_encoded;
            sent_late += server.stats().shares_sent - before.shares_sent;
        }
        while past.front().is_some_and(|(update, _)| *update < second.update) {
            past.pop_front();
        }
        if let Some((update, ids)) = past.front()
            && *update == second.update
        {
            assert_eq!(&second.ids(), ids, "what it sees is what the other saw {} updates before", options.delay);
        }
    }
    assert_eq!(second.update + 40, mirror.update);
    assert!(second.packets > 100);
    // The other forgot groups that were empty for a while and got them whole again; all else was there.
    assert!(encoded_late < sent_late / 20, "{encoded_late} of {sent_late}");
}

#[test]
fn groups_that_do_not_fit_are_divided() {
    let names = (0..64).map(|number| format!("a{number}")).collect();
    let config = WorldConfig { attributes: names, ..WorldConfig::default() };
    let mut world = World::new(config, None, Execution::default()).expect("valid");
    let mut dice = Dice(3);
    for number in 0..40i64 {
        let attributes = (0..64).map(|_| dice.roll(1 << 31) as i32).collect();
        let entity = Entity { attributes, ..Entity::at(at(100 + number % 8, 100 + number / 8)) };
        world.spawn(&entity).expect("room");
    }
    let config = SyncConfig { public_attributes: (0..64).collect(), ..SyncConfig::default() };
    let mut server = SyncServer::new(config.clone(), &world).expect("valid");
    let viewer = everything(&mut server);
    let mut mirror = Mirror::new(&config);
    for _ in 0..60 {
        world.step();
        if server.tick(&world) {
            for packet in packets(&mut server, &world, viewer) {
                assert!(packet.len() <= usize::from(config.packet_max));
                mirror.receive(&packet);
            }
            server.receive(viewer, &mirror.report(), 0).expect("a report");
        }
    }
    assert_eq!(mirror.ids().len(), 40);
    mirror.must_match(&world, &config);
    assert!(server.stats().divided > 2);
}
