//! Goal: who sees others late hits what they see: hits at once, uses and rays are judged where everybody was, also across
//! borders of sectors, at most 250 ms back, unless the weapon or the target is excepted; and nothing of it depends on how
//! the world is worked on, on a save, or on whether it is played again.
//! Method: targets cross lines of fire at a metre a tick, and where they were is written down tick by tick; rays into the
//! past are compared with rays in a world that is made of what was written down.

mod scene;

use muster_core::{
    Column, Entity, EntityId, Execution, Input, METRE, Map, Position, SectorId, Weapon, World, WorldConfig,
    command::{Action, Command, Order, Refusal},
    entity::FLAG_NOT_REWOUND,
    event::{Event, Kind},
    replay::{Player, Replay, Settings, compare},
    world::{Filter, OVERLOADS_TO_RISE, RATE_STEP_MAX},
};
use scene::{Scene, executions, saved};

const M: i64 = METRE as i64;
/// Straight up.
const UP: u16 = 1 << 14;
const REWIND_TICKS: u8 = 15;

fn laser() -> Weapon {
    Weapon {
        damage: 1,
        range: 100 * METRE,
        reload_ticks: 1,
        projectile_speed: 0,
        projectile_radius: 0,
        hits: 1,
        friendly_fire: false,
        rewinds: true,
        tracer: false,
    }
}

fn config() -> WorldConfig {
    let weapons = vec![laser(), Weapon { rewinds: false, ..laser() }, Weapon { range: 500 * METRE, ..laser() }];
    WorldConfig { weapons, rewind_ticks: REWIND_TICKS, entities_max: 512, ..WorldConfig::default() }
}

fn world(map: Option<Map>) -> World {
    World::new(config(), map, Execution::default()).expect("a valid configuration")
}

/// In the middle of where four sectors meet, far out.
fn at(right: i64, up: i64) -> Position {
    Position::new(SectorId::new(-7, i64::MAX), right * M, up * M)
}

fn shooter(place: Position) -> Entity {
    Entity { half_x: 64, weapon: 1, team: 1, owner: 5, health: 9, health_max: 9, layers: 2, ..Entity::at(place) }
}

/// Goes a metre a tick to the right, without a drive.
fn runner(place: Position) -> Entity {
    let (health, health_max) = (1000, 1000);
    Entity { half_x: 100, velocity_x: 60 * METRE, team: 2, layers: 1, health, health_max, ..Entity::at(place) }
}

fn order(world: &mut World, entity: EntityId, action: Action, rewind: u8) {
    world.command(Command { player: 5, entity, sector: None, action, rewind }).expect("few commands");
}

fn hits(world: &World) -> Vec<Event> {
    world.events().iter().filter(|event| event.kind == Kind::Hit).cloned().collect()
}

/// A runner who has crossed the line of fire of a shooter, and the border of a sector behind it, 8 ticks ago.
struct Crossing {
    world: World,
    shooter: EntityId,
    runner: EntityId,
}

/// How many ticks ago the runner was in the line.
const CROSSED_AGO: u8 = 8;

/// `from` is where the line of fire begins, 20 m below the way of the runner.
fn crossing(from: Position, map: Option<Map>, change: impl FnOnce(&mut Entity, &mut Entity)) -> Crossing {
    let mut world = world(map);
    let (mut shooter, mut runner) = (shooter(from), runner(from.offset(-20 * M, 20 * M)));
    change(&mut shooter, &mut runner);
    let shooter = world.spawn(&shooter).expect("room");
    let runner = world.spawn(&runner).expect("room");
    for _ in 0..20 + CROSSED_AGO {
        world.step();
    }
    Crossing { world, shooter, runner }
}

impl Crossing {
    fn is_hit(&self, rewind: u8) -> bool {
        let bytes = saved(&self.world);
        let mut world = World::restore(&bytes, self.world.map().cloned(), Execution::default()).expect("as saved");
        order(&mut world, self.shooter, Action::Fire { heading: UP }, rewind);
        world.step();
        let hits = hits(&world);
        assert!(hits.iter().all(|hit| (hit.subject, hit.object) == (self.shooter, self.runner)));
        assert_eq!(hits.is_empty(), world.value(self.runner, Column::Health) == Ok(1000));
        !hits.is_empty()
    }

    fn is_met(&mut self, rewind: u8) -> bool {
        let from = self.world.position(self.shooter).expect("lives");
        let hit = self.world.raycast_rewound(from, 0, 100 * M, 0, &Filter { layers: 1, ..Filter::default() }, rewind);
        hit.is_some_and(|hit| hit.entity == self.runner)
    }
}

#[test]
fn a_shot_hits_where_the_target_was_seen_across_every_border() {
    // In the middle of a sector; with the border between the line and the runner; with the shooter below a border; with a
    // corner of four sectors in between.
    for from in [at(500, 500), at(996, 500), at(500, 990), at(996, 990)] {
        let mut crossing = crossing(from, None, |_, _| ());
        let here = crossing.world.position(crossing.runner).expect("lives");
        assert_eq!(here.sector.x != from.sector.x, from.x > 900 * METRE, "{here:?}");
        for rewind in 0..=REWIND_TICKS {
            // It is 0.4 m thick to each side and goes 1 m a tick.
            assert_eq!(crossing.is_hit(rewind), rewind == CROSSED_AGO, "{rewind} from {from:?}");
            assert_eq!(crossing.is_met(rewind), rewind == CROSSED_AGO, "{rewind} from {from:?}");
        }
    }
}

#[test]
fn a_target_or_a_weapon_may_be_excepted() {
    let mut defended = crossing(at(996, 990), None, |_, runner| runner.flags = FLAG_NOT_REWOUND);
    assert!((0..=REWIND_TICKS).all(|rewind| !defended.is_hit(rewind) && !defended.is_met(rewind)));
    let (mut world, runner) = (defended.world, defended.runner);
    world.set(runner, Column::Flags, 0).expect("lives");
    let mut again = Crossing { world, ..defended };
    assert!(again.is_hit(CROSSED_AGO) && again.is_met(CROSSED_AGO));

    let plain = crossing(at(996, 990), None, |shooter, _| shooter.weapon = 2);
    assert!((0..=REWIND_TICKS).all(|rewind| !plain.is_hit(rewind)));
}

#[test]
fn nobody_looks_back_further_than_250_ms() {
    for (tick_rate_hz, most) in [(60, 15), (20, 5), (240, 60), (10, 2), (3, 0)] {
        let with =
            |rewind_ticks| WorldConfig { tick_rate_hz, rewind_ticks, speed_max: METRE, ..WorldConfig::default() };
        assert_eq!(with(most).validate(), Ok(()), "{tick_rate_hz}");
        assert_eq!(with(most + 1).validate().expect_err("too far").field, "rewind_ticks", "{tick_rate_hz}");
    }
    // 15 ticks ago it was in the line, 16 ticks ago in the shooter's other line: whoever says more than 15 means 15.
    let mut world = world(None);
    let shooter = world.spawn(&shooter(at(500, 480))).expect("room");
    let runner = world.spawn(&runner(at(480, 500))).expect("room");
    for _ in 0..20 + REWIND_TICKS {
        world.step();
    }
    let mut late = Crossing { world, shooter, runner };
    for rewind in [REWIND_TICKS, REWIND_TICKS + 1, u8::MAX] {
        assert!(late.is_hit(rewind) && late.is_met(rewind), "{rewind}");
    }
    late.world.step();
    for rewind in [REWIND_TICKS, REWIND_TICKS + 1, u8::MAX] {
        assert!(!late.is_hit(rewind) && !late.is_met(rewind), "{rewind}");
    }
}

#[test]
fn a_world_that_keeps_no_past_ignores_what_players_see() {
    let mut world =
        World::new(WorldConfig { rewind_ticks: 0, ..config() }, None, Execution::default()).expect("a valid world");
    let shooter = world.spawn(&shooter(at(996, 500))).expect("room");
    let runner = world.spawn(&runner(at(976, 520))).expect("room");
    for _ in 0..20 + CROSSED_AGO {
        world.step();
    }
    let mut plain = Crossing { world, shooter, runner };
    assert!((0..=u8::MAX).all(|rewind| !plain.is_met(rewind)));
    assert!((0..=REWIND_TICKS).all(|rewind| !plain.is_hit(rewind)));
}

#[test]
fn walls_and_others_stop_what_was_seen_behind_them() {
    // The runner was in the line and is now beyond it; a wall stands in the line, or somebody did.
    let wall = |from: [i32; 2], to: [i32; 2]| {
        let text = format!(
            r#"{{ "version": 1, "origin": {{ "sector": [0, 0], "at": [0, 0] }}, "size": [100, 100],
                "walls": [{{ "segment": {{ "from": {from:?}, "to": {to:?} }} }}] }}"#
        );
        Some(Map::from_json(&text).expect("a valid map"))
    };
    let from = Position::new(SectorId::new(0, 0), 50 * M, 40 * M);
    let layered = |shooter: &mut Entity, _: &mut Entity| shooter.layers = 2;
    assert!(!crossing(from, wall([48, 50], [52, 50]), layered).is_hit(CROSSED_AGO));
    // A wall before where it is now is none before where it was.
    assert!(crossing(from, wall([56, 50], [60, 50]), layered).is_hit(CROSSED_AGO));

    let mut crossing = crossing(from, None, layered);
    // Somebody who stands in the line has always been there.
    let other = crossing.world.spawn(&Entity { velocity_x: 0, ..runner(from.offset(0, 10 * M)) }).expect("room");
    order(&mut crossing.world, crossing.shooter, Action::Fire { heading: UP }, CROSSED_AGO);
    crossing.world.step();
    assert_eq!(hits(&crossing.world)[0].object, other);
}

#[test]
fn nobody_is_hit_where_the_host_took_them_from() {
    let mut crossing = crossing(at(996, 990), None, |_, _| ());
    let (there, back) = (at(900, 900), crossing.world.position(crossing.runner).expect("lives"));
    crossing.world.place_at(crossing.runner, there).expect("room");
    crossing.world.place_at(crossing.runner, back).expect("room");
    assert!((0..=REWIND_TICKS).all(|rewind| !crossing.is_hit(rewind) && !crossing.is_met(rewind)));
}

#[test]
fn an_attack_keeps_how_late_its_player_saw() {
    const AGO: usize = 12;
    let mut world = world(None);
    let shooter = world.spawn(&shooter(at(996, 960))).expect("room");
    let runner = world.spawn(&runner(at(970, 1000))).expect("room");
    let mut seen = vec![world.position(runner).expect("lives"); AGO + 1];
    order(&mut world, shooter, Action::Attack(runner), AGO as u8);
    let mut hits_seen = [0; 3];
    for tick in 0..75 {
        if tick == 30 {
            world =
                World::restore(&saved(&world), None, Execution { shards: 3, ..Execution::default() }).expect("saved");
        }
        if tick == 45 {
            order(&mut world, shooter, Action::Attack(runner), 0);
        }
        if tick == 55 {
            order(&mut world, shooter, Action::Attack(runner), AGO as u8);
        }
        if tick == 60 {
            // The host gives the same order, and sees everybody where they are.
            world.set(shooter, Column::Order, Order::Attack as i64).expect("valid");
            world.set(shooter, Column::Target, runner.bits().cast_signed()).expect("valid");
        }
        world.step();
        for hit in hits(&world) {
            let looks_back = tick < 45 || (55..60).contains(&tick);
            let was = seen[seen.len() - 1 - if looks_back { AGO } else { 0 }];
            let off = was.offset_to(Position { sector: hit.sector, x: hit.x, y: hit.y }).expect("near");
            assert!(off.0.abs() < M && off.1.abs() < M, "tick {tick}: {off:?}");
            hits_seen[tick / 25] += 1;
        }
        seen.push(world.position(runner).expect("lives"));
    }
    assert!(hits_seen.iter().all(|hits| *hits > 20), "{hits_seen:?}");
}

#[test]
fn a_large_target_is_hit_from_where_nothing_of_it_is_now() {
    // Its middle was 250 m from the ray that it touched, and is in a sector that is further away than it is large.
    let fast = |place, half_x: u16| Entity { half_x: half_x << 8, velocity_x: 600 * METRE, ..runner(place) };
    let config = WorldConfig { speed_max: 1200 * METRE, ..config() };
    let mut world = World::new(config.clone(), None, Execution::default()).expect("a valid world");
    let target = world.spawn(&fast(at(850, 500), 250)).expect("room");
    for _ in 0..16 {
        world.step();
    }
    assert_ne!(world.position(target).expect("lives").sector, at(0, 0).sector);
    let mut ray = |rewind| world.raycast_rewound(at(700, 490), 0, 20 * M, 0, &Filter::default(), rewind);
    assert_eq!(ray(14).map(|hit| hit.entity), Some(target));
    assert_eq!(ray(4), None);

    // The same of a shot from a strip of a sector that is far from the strip where the target is now.
    let mut world = World::new(config, None, Execution::default()).expect("a valid world");
    for height in [5, 20, 940] {
        for number in 0..30 {
            world.spawn(&Entity { half_x: 64, ..Entity::at(at(5 + 20 * number, height)) }).expect("room");
        }
    }
    let shooter = world.spawn(&Entity { weapon: 3, ..shooter(at(500, 3)) }).expect("room");
    let up = Entity { velocity_x: 0, velocity_y: 900 * METRE, ..fast(at(500, 740), 255) };
    let target = world.spawn(&up).expect("room");
    for _ in 0..14 {
        world.step();
    }
    let bytes = saved(&world);
    for execution in [Execution::default(), Execution { shards: 3, split_above: 10, ..Execution::default() }] {
        let mut world = World::restore(&bytes, None, execution).expect("as saved");
        order(&mut world, shooter, Action::Fire { heading: UP }, 14);
        world.step();
        assert_eq!(hits(&world).iter().map(|hit| hit.object).collect::<Vec<_>>(), [target], "{execution:?}");
        assert_eq!(world.stats().regions, u32::from(execution.shards));
    }
}

#[test]
fn what_was_near_can_be_used() {
    let mut world = world(None);
    let user = world.spawn(&shooter(at(996, 1000))).expect("room");
    let door = world.spawn(&runner(at(994, 1001))).expect("room");
    for _ in 0..10 {
        world.step();
    }
    let bytes = saved(&world);
    for (rewind, is_used) in [(0, false), (4, false), (9, true)] {
        let mut world = World::restore(&bytes, None, Execution::default()).expect("as saved");
        order(&mut world, user, Action::Use(door), rewind);
        world.step();
        let told = world.events().iter().rfind(|event| matches!(event.kind, Kind::Used | Kind::CommandRefused));
        let told = told.expect("it is used or refused");
        assert_eq!(told.kind == Kind::Used, is_used, "{rewind}: {told:?}");
        assert!(is_used || told.detail == Refusal::Reach as u32, "{told:?}");
    }
}

/// Numbers that depend on nothing.
struct Dice(u64);

impl Dice {
    fn below(&mut self, below: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as i64) % below
    }
}

#[test]
fn rays_into_the_past_meet_what_rays_met_then() {
    let executions = [
        Execution::default(),
        Execution { shards: 8, threads: 2, inline_below: 0, split_above: 30 },
        Execution { shards: 3, split_above: 60, ..Execution::default() },
    ];
    for execution in executions {
        let mut dice = Dice(9);
        let mut world = World::new(config(), None, execution).expect("a valid world");
        let mut crowd = Vec::new();
        for number in 0..150 {
            let place = at(1000 + dice.below(200) - 100, 1000 + dice.below(200) - 100);
            let entity = Entity {
                velocity_x: (dice.below(400) - 200) as i32 * METRE,
                velocity_y: (dice.below(400) - 200) as i32 * METRE,
                shape: (number % 4 == 0).into(),
                half_x: 50 + dice.below(2000) as u16,
                half_y: 50 + dice.below(900) as u16,
                mass: 1000,
                restitution: 255,
                collides: u16::from(number % 3 == 0),
                flags: if number % 7 == 0 { FLAG_NOT_REWOUND } else { 0 },
                ..runner(place)
            };
            crowd.push((world.spawn(&entity).expect("room"), entity));
        }
        let mut then: Vec<Vec<Position>> = Vec::new();
        let places =
            |world: &World| crowd.iter().map(|(id, _)| world.position(*id).expect("lives")).collect::<Vec<_>>();
        let (mut met, mut borders) = (0, 0);
        for tick in 0..60usize {
            then.push(places(&world));
            let ago = dice.below(i64::from(REWIND_TICKS) + 2) as u8;
            let kept = usize::from(ago.min(REWIND_TICKS)).min(tick);
            // A world made of what was written down; whoever went too far, or is excepted, is where it is.
            let mut past = World::new(config(), None, Execution::default()).expect("a valid world");
            let (now, was) = (&then[tick], &then[tick - kept]);
            for ((_, entity), (now, was)) in crowd.iter().zip(now.iter().zip(was)) {
                let (x, y) = now.offset_to(*was).expect("near");
                let is_here = entity.flags != 0 || x.abs().max(y.abs()) > 224 * M;
                borders += u32::from(now.sector != was.sector);
                past.spawn(&Entity { position: if is_here { *now } else { *was }, ..entity.clone() }).expect("room");
            }
            for _ in 0..40 {
                let from = at(1000 + dice.below(400) - 200, 1000 + dice.below(400) - 200);
                let (right, up) = ((dice.below(800) - 400) * M, (dice.below(800) - 400) * M);
                let radius = dice.below(2) as i32 * METRE / 2;
                let expected = past.raycast(from, right, up, radius, &Filter::default());
                let found = world.raycast_rewound(from, right, up, radius, &Filter::default(), ago);
                assert_eq!(found, expected, "tick {tick}, {ago} ago, {execution:?}");
                met += u32::from(found.is_some());
            }
            world.step();
        }
        assert!(met > 1000 && borders > 500, "{met} met, {borders} borders");
    }
}

#[test]
fn neither_shards_nor_threads_nor_a_save_show() {
    let ticks = 240;
    let mut hashes: Vec<u64> = Vec::new();
    let (mut looked_back, mut steps) = (0, 0);
    for shards in 1..=8 {
        let threads = 1 + shards % 3;
        let split_above = if shards % 2 == 0 { 20 } else { 0 };
        let mut scene = Scene::with_map(17).looking_back(REWIND_TICKS);
        let mut world = scene.world(Execution { shards, threads, inline_below: 0, split_above });
        for tick in 0..ticks {
            for input in scene.inputs(&world) {
                looked_back += u32::from(matches!(input, Input::Command(Command { rewind: 1.., .. })));
                let _ = world.apply(&input);
            }
            // In the middle of the inputs, orders that look back may be waiting.
            if tick % 50 == 5 * usize::from(shards) {
                let other = executions()[usize::from(shards) % 4];
                let restored = World::restore(&saved(&world), scene.map(), other).expect("as saved");
                assert_eq!((compare(&world, &restored), saved(&restored) == saved(&world)), (None, true));
                world = restored;
            }
            world.step();
            steps = steps.max(world.rate_step());
            let hash = world.hash();
            if shards == 1 {
                hashes.push(hash);
            }
            assert_eq!(hash, hashes[tick], "{shards} shards, tick {tick}");
        }
    }
    assert!(looked_back > 500 && steps == RATE_STEP_MAX, "{looked_back} looked back, {steps} steps");
}

#[test]
fn a_replay_looks_back_as_the_game_did() {
    let settings = Settings { key_ticks: 40, ..Settings::default() };
    let (mut world, file) = Scene::new(23).looking_back(REWIND_TICKS).record(settings, 200, |_| ());
    let replay = Replay::open(&file).expect("as recorded");
    let mut player = Player::new(replay, None, Execution { shards: 4, ..Execution::default() }).expect("as recorded");
    assert_eq!(player.verify(), Ok(None));
    // From the middle on, from a key frame.
    player.seek(110).expect("as recorded");
    player.seek(200).expect("as recorded");
    assert_eq!(saved(player.world()), saved(&world));
    assert_eq!(player.into_world().hash(), world.hash());
}

#[test]
fn the_past_and_the_load_are_in_the_hash_and_only_where_they_are() {
    // Two worlds that are the same now and were not a tick ago.
    let there = |metres| {
        let mut world = world(None);
        let id = world.spawn(&Entity { velocity_x: 0, ..runner(at(metres, 1)) }).expect("room");
        world.set(id, Column::VelocityX, i64::from((500 - metres) as i32 * 60 * METRE)).expect("valid");
        world.step();
        world.set(id, Column::VelocityX, 0).expect("valid");
        (world, id)
    };
    let ((mut left, id), (mut right, _)) = (there(499), there(501));
    assert_eq!(left.entity(id), right.entity(id), "the test means them to meet");
    assert_ne!(left.hash(), right.hash());
    assert!(compare(&left, &right).is_some());
    for _ in 0..REWIND_TICKS {
        left.step();
        right.step();
    }
    assert_eq!(left.hash(), right.hash());
    assert_eq!(compare(&left, &right), None);

    left.report_load(1000);
    assert_ne!(left.hash(), right.hash());
    assert!(compare(&left, &right).is_some());
    left.report_load(0);
    assert_eq!((left.hash(), saved(&left)), (right.hash(), saved(&right)));
    (0..OVERLOADS_TO_RISE).for_each(|_| left.report_load(1000));
    let mut restored = World::restore(&saved(&left), None, Execution::default()).expect("as saved");
    assert_eq!((restored.rate_step(), restored.hash()), (1, left.hash()));
}
