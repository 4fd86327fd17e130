//! Goal: what a game needs happens in a world and is told: fights with shots that fly and shots that hit at once, walls that
//! stop them, bases, zones, pickups, paths through a doorway, bots, players who go and come back, and refusals.
//! Method: small scenes on real maps, each played by commands for a few seconds; the events and the state at the end.

use muster_core::{
    Column, Entity, EntityId, Execution, METRE, Map, Position, Weapon, World, WorldConfig,
    command::{Action, Command, Refusal},
    config::{Behaviour, Step},
    entity::FLAG_AVOIDS,
    event::{Event, Kind},
    space::{SectorId, angle_of},
};

const M: i64 = METRE as i64;
const ARENA: &str = include_str!("../../schemas/examples/arena.json");
const DOORWAY: &str = include_str!("../../schemas/examples/doorway.json");

fn at(x: i64, y: i64) -> Position {
    Position::new(SectorId::new(0, 0), x * M / 10, y * M / 10)
}

/// Weapon 1 shoots balls, weapon 2 hits at once; bots of behaviour 1 chase, of behaviour 2 guard.
fn config() -> WorldConfig {
    let weapon = Weapon {
        damage: 10,
        range: 30 * METRE,
        reload_ticks: 20,
        projectile_speed: 40 * METRE,
        projectile_radius: METRE / 10,
        hits: 1,
        friendly_fire: false,
        rewinds: true,
        tracer: true,
    };
    let behaviour = |step| Behaviour { steps: vec![step], sight: 60 * METRE, think_ticks: 6 };
    WorldConfig {
        attributes: vec!["ammunition".into()],
        weapons: vec![weapon.clone(), Weapon { projectile_speed: 0, ..weapon }],
        behaviours: vec![behaviour(Step::Chase), behaviour(Step::Guard { radius: 10 * METRE })],
        base_kinds: vec![9],
        massive_battle_min: 4,
        ..WorldConfig::default()
    }
}

fn world(map: &str) -> World {
    let map = Map::from_json(map).expect("a shipped map");
    World::new(config(), Some(map), Execution { shards: 3, ..Execution::default() }).expect("a valid configuration")
}

/// A soldier of a team, its owner the player of the same number.
fn soldier(team: u16, place: Position) -> Entity {
    Entity {
        half_x: 102,
        mass: 80_000,
        layers: 1,
        collides: 1,
        speed_max: 5 * METRE,
        acceleration_max: 20 * METRE,
        health: 30,
        health_max: 100,
        team,
        owner: u32::from(team),
        weapon: 1,
        ..Entity::at(place)
    }
}

fn order(world: &mut World, player: u32, entity: EntityId, action: Action) {
    world.command(Command { player, entity, sector: None, action, rewind: 0 }).expect("few commands");
}

/// Plays some ticks and returns what was told.
fn play(world: &mut World, ticks: u32) -> Vec<Event> {
    let mut told = Vec::new();
    for _ in 0..ticks {
        world.step();
        told.extend_from_slice(world.events());
    }
    told
}

fn of(told: &[Event], kind: Kind) -> Vec<&Event> {
    told.iter().filter(|event| event.kind == kind).collect()
}

#[test]
fn an_attack_ends_with_the_destruction_of_its_target() {
    for weapon in [1, 2] {
        let mut world = world(ARENA);
        let attacker = world.spawn(&Entity { weapon, ..soldier(1, at(50, 100)) }).expect("room");
        let target = world.spawn(&Entity { kind: 9, acceleration_max: 0, ..soldier(2, at(400, 100)) }).expect("room");
        order(&mut world, 1, attacker, Action::Attack(target));
        let told = play(&mut world, 400);
        let hits = of(&told, Kind::Hit);
        assert_eq!(hits.len(), 3, "{hits:?}");
        assert!(hits.iter().all(|hit| (hit.subject, hit.object, hit.value) == (attacker, target, 10)));
        // Each shot is told where and when it leaves, to the right.
        let shots = of(&told, Kind::Fired);
        let said = |shot: &Event| (shot.subject, shot.object, shot.detail, shot.value);
        assert!(
            shots.len() >= 3 && shots.iter().all(|shot| said(shot) == (attacker, EntityId::NULL, weapon.into(), 0))
        );
        assert!(shots.iter().zip(&hits).all(|(shot, hit)| shot.tick <= hit.tick && shot.x < hit.x), "{shots:?}");
        let ends = of(&told, Kind::BaseDestroyed);
        assert_eq!(ends.len(), 1);
        assert_eq!((ends[0].subject, ends[0].object), (target, attacker));
        assert!(!world.is_alive(target));
        // It shot from as far as its weapon reaches, and has no order left.
        let place = world.position(attacker).expect("it lives");
        assert!(place.x < 15 * METRE, "{place:?}");
        assert_eq!(world.value(attacker, Column::Order), Ok(0));
    }
}

#[test]
fn walls_stop_shots_and_friends_are_spared() {
    let mut world = world(ARENA);
    let shooter = world.spawn(&soldier(1, at(100, 160))).expect("room");
    let friend = world.spawn(&soldier(1, at(120, 160))).expect("room");
    // Behind the box from (14, 14) to (18, 18).
    let hidden = world.spawn(&soldier(2, at(220, 160))).expect("room");
    order(&mut world, 1, shooter, Action::Fire { heading: 0 });
    let told = play(&mut world, 60);
    assert!(of(&told, Kind::Hit).is_empty());
    assert_eq!(of(&told, Kind::Fired).len(), 1);
    assert_eq!(world.stats().projectiles, 0);
    assert!(!world.line_of_sight(at(100, 160), at(220, 160)));
    // From above the box there is nothing between them.
    let other = world.spawn(&soldier(1, at(220, 260))).expect("room");
    order(&mut world, 1, other, Action::Fire { heading: 0xc000 });
    let told = play(&mut world, 60);
    assert_eq!(of(&told, Kind::Hit).iter().map(|hit| hit.object).collect::<Vec<_>>(), [hidden]);
    assert_eq!(world.value(friend, Column::Health), Ok(30));
}

#[test]
fn a_team_alone_in_a_zone_takes_it_and_a_pickup_is_worth_what_the_map_says() {
    let mut world = world(ARENA);
    let walker = world.spawn(&soldier(2, at(320, 300))).expect("room");
    order(&mut world, 2, walker, Action::MoveTo(at(300, 260)));
    let told = play(&mut world, 900);
    let entered = of(&told, Kind::ZoneEntered);
    assert_eq!(entered.iter().map(|event| (event.subject, event.detail)).collect::<Vec<_>>(), [(walker, 0)]);
    let taken = of(&told, Kind::ResourceCapture);
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].subject, taken[0].detail, taken[0].value), (walker, 0, 2));
    assert!(taken[0].tick >= entered[0].tick + 599, "{taken:?} {entered:?}");
    assert_eq!(world.zone_holder(0), 2);

    order(&mut world, 2, walker, Action::MoveTo(at(320, 400)));
    let told = play(&mut world, 400);
    assert_eq!(of(&told, Kind::ZoneLeft).len(), 1);
    let taken = of(&told, Kind::PickupTaken);
    assert_eq!((taken.len(), taken[0].subject, taken[0].value), (1, walker, 50));
    assert_eq!(world.value(walker, Column::Health), Ok(80));
    assert!(!world.is_pickup_there(0));
    // It comes again after 1,200 ticks, and whoever stands there has it.
    let told = play(&mut world, 1200);
    assert_eq!(of(&told, Kind::PickupTaken).len(), 1);
    assert_eq!(world.value(walker, Column::Health), Ok(100));
}

#[test]
fn paths_lead_round_walls() {
    let mut world = world(DOORWAY);
    let walker = world.spawn(&soldier(1, at(150, 30))).expect("room");
    order(&mut world, 1, walker, Action::MoveTo(at(250, 30)));
    let mut through = false;
    for _ in 0..900 {
        world.step();
        let seen = world.entity(walker).expect("it lives");
        if seen.velocity_x.abs().max(seen.velocity_y.abs()) > METRE {
            let ahead = angle_of(seen.velocity_x, seen.velocity_y).wrapping_sub(seen.heading) as i16;
            // Walls turn it a little after it has turned.
            assert!(ahead.unsigned_abs() < 0x2000, "{seen:?}");
        }
        let place = world.position(walker).expect("it lives");
        through |= (20 * METRE..21 * METRE).contains(&place.x) && (9 * METRE..11 * METRE).contains(&place.y);
    }
    let off = world.position(walker).expect("it lives").offset_to(at(250, 30)).expect("near");
    assert!(through && off.0.abs() < M / 2 && off.1.abs() < M / 2, "{off:?}");
    assert_eq!(world.value(walker, Column::Order), Ok(0));
    // To a place within the wall there is none: it stays.
    order(&mut world, 1, walker, Action::MoveTo(at(205, 30)));
    play(&mut world, 120);
    assert_eq!(world.value(walker, Column::Order), Ok(0));
}

#[test]
fn two_hundred_cross_a_doorway() {
    let mut world = world(DOORWAY);
    let mut walkers = Vec::new();
    for number in 0..200i64 {
        // Ten columns of twenty, 0.85 m apart, left of the wall.
        let place = at(15 + number % 20 * 85 / 10, 20 + number / 20 * 85 / 10 + number / 100 * 75);
        let entity = Entity { flags: FLAG_AVOIDS, ..soldier(1, place) };
        walkers.push(world.spawn(&entity).expect("room"));
    }
    for (number, walker) in walkers.iter().enumerate() {
        // To the far side, so that those who have come do not stand in the door.
        let goal = at(375, 20 + number as i64 % 18 * 9);
        order(&mut world, 0, *walker, Action::MoveTo(goal));
    }
    let mut ticks = 0;
    let is_left = |world: &World, id: &EntityId| world.position(*id).is_ok_and(|place| place.x < 21 * METRE);
    while walkers.iter().any(|id| is_left(&world, id)) {
        world.step();
        ticks += 1;
        let left = walkers.iter().filter(|id| is_left(&world, id)).count();
        assert!(ticks < 60 * 120, "{left} are still on this side after two minutes");
    }
    // A door of 2 m and bodies of 0.8 m at 5 m/s: ten seconds would be perfect.
    assert!(ticks > 300, "{ticks}");
}

#[test]
fn bots_fight_and_a_massive_battle_is_told() {
    let mut world = world(ARENA);
    for number in 0..6i64 {
        let team = 1 + (number % 2) as u16;
        let place = at(if team == 1 { 100 } else { 540 }, 200 + number * 15);
        world.spawn(&Entity { bot: 1, health: 100, ..soldier(team, place) }).expect("room");
    }
    let told = play(&mut world, 1800);
    assert!(!of(&told, Kind::UnitDestroyed).is_empty());
    assert!(!of(&told, Kind::MassiveBattle).is_empty());
    assert!(world.entity_count() < 6);
}

#[test]
fn a_bot_stands_in_for_a_player_and_gives_back() {
    let mut world = world(ARENA);
    let own = world.spawn(&Entity { health: 100, ..soldier(1, at(100, 100)) }).expect("room");
    let enemy = world.spawn(&Entity { weapon: 0, ..soldier(2, at(300, 100)) }).expect("room");
    order(&mut world, 1, own, Action::MoveTo(at(50, 50)));
    world.take_over(1, 1).expect("there is such a behaviour");
    // The player's own commands are refused while the bot has the entity.
    order(&mut world, 1, own, Action::Stop);
    let told = play(&mut world, 300);
    let refused = of(&told, Kind::CommandRefused);
    assert!(refused.iter().all(|event| event.refusal() == Some(Refusal::NotOwner)), "{refused:?}");
    assert_eq!(refused.iter().map(|event| event.count).sum::<u32>(), 2, "{refused:?}");
    assert!(!world.is_alive(enemy), "the bot chases");
    world.hand_back(1);
    assert_eq!(world.value(own, Column::Bot), Ok(0));
    order(&mut world, 1, own, Action::MoveTo(at(50, 50)));
    let told = play(&mut world, 600);
    assert!(of(&told, Kind::CommandRefused).is_empty());
    let off = world.position(own).expect("it lives").offset_to(at(50, 50)).expect("near");
    assert!(off.0.abs() < M / 2 && off.1.abs() < M / 2, "{off:?}");
}

#[test]
fn refusals_say_why() {
    let mut world = world(ARENA);
    let own = world.spawn(&soldier(1, at(100, 100))).expect("room");
    let turret = world.spawn(&Entity { acceleration_max: 0, weapon: 0, ..soldier(1, at(40, 100)) }).expect("room");
    let gone = world.spawn(&soldier(2, at(300, 100))).expect("room");
    world.despawn(gone).expect("it lives");
    let far = at(0, 0).offset(200_000 * M, 0);
    let cases = [
        (1, gone, Action::Stop, Refusal::NoEntity),
        (2, own, Action::Stop, Refusal::NotOwner),
        (1, own, Action::Attack(gone), Refusal::NoTarget),
        (1, own, Action::Attack(own), Refusal::NoTarget),
        (1, own, Action::Attack(turret), Refusal::Unable),
        (1, own, Action::MoveTo(far), Refusal::Reach),
        (1, own, Action::Use(turret), Refusal::Reach),
        (1, own, Action::SetVelocity { x: 6 * METRE, y: 0 }, Refusal::Speed),
        (1, turret, Action::MoveTo(at(50, 50)), Refusal::Unable),
        (1, turret, Action::Fire { heading: 0 }, Refusal::Unable),
    ];
    for (player, entity, action, reason) in cases {
        let before = world.entity(own).expect("it lives");
        order(&mut world, player, entity, action);
        world.step();
        let told = world.events().to_vec();
        assert_eq!(told.iter().filter_map(Event::refusal).collect::<Vec<_>>(), [reason], "{action:?}");
        assert_eq!(world.entity(own).expect("it lives"), before, "{action:?}");
    }
    order(&mut world, 1, own, Action::Fire { heading: 0 });
    world.step();
    order(&mut world, 1, own, Action::Fire { heading: 0 });
    world.step();
    assert_eq!(world.events().iter().filter_map(Event::refusal).collect::<Vec<_>>(), [Refusal::NotReady]);
    order(&mut world, 1, own, Action::Custom { kind: 7, target: EntityId::NULL, value: -3 });
    world.step();
    let custom: Vec<_> = world.events().iter().filter(|event| event.kind == Kind::Custom).collect();
    assert_eq!((custom.len(), custom[0].subject, custom[0].detail, custom[0].value), (1, own, 7, -3));
}
