//! Goal: no scenario tells executions apart.
//! Method: proptest draws short scripts of whatever a host may do, and for a second world what must not show: other
//! executions and passages through snapshots at any place between two inputs. State and events are compared tick by tick.
//! What fails is shrunk to a short script.

use muster_core::{
    Column, Entity, EntityId, Execution, Input, METRE, Position, Projectile, SectorId, Weapon, World, WorldConfig,
    command::{Action, Command},
    config::{Behaviour, Step},
    event::Class,
};
use muster_determinism::map;
use proptest::prelude::*;

/// One part of a script. Entities are named by their places in the list of those that live.
#[derive(Clone, Debug)]
enum Part {
    Spawn(Entity),
    Despawn(usize),
    Set(usize, Column, i64),
    Place(usize, Position),
    Fire(Projectile, usize),
    Command(u32, usize, Action, usize),
    TakeOver(u32, u16),
    HandBack(u32),
    Emit(Position),
    Steps(u8),
    /// For the second world only.
    Execute(Execution),
    /// For the second world only.
    PassThroughBytes,
}

fn config() -> WorldConfig {
    let weapon = |projectile_speed: i32| Weapon {
        damage: 30,
        range: 60 * METRE,
        reload_ticks: 3,
        projectile_speed: projectile_speed * METRE,
        projectile_radius: METRE / 4,
        hits: 3,
        friendly_fire: projectile_speed == 0,
        rewinds: true,
        tracer: false,
    };
    let behaviour = |steps| Behaviour { steps, sight: 60 * METRE, think_ticks: 2 };
    WorldConfig {
        seed: 77,
        tick_rate_hz: 10,
        entities_max: 24,
        projectiles_max: 5,
        sectors_max: 4,
        attributes: vec!["gold".into(), "ammunition".into()],
        weapons: vec![weapon(0), weapon(90)],
        commands_per_tick_max: 2,
        events_max: [2, 3, 4, 3],
        massive_battle_min: 3,
        base_kinds: vec![1],
        path_expansions_per_tick: 40,
        paths_max: 2,
        behaviours: vec![
            behaviour(vec![Step::Chase, Step::Capture]),
            behaviour(vec![
                Step::Flee { below_percent: 90 },
                Step::Patrol { route: 0 },
                Step::Wander { radius: METRE },
            ]),
        ],
        ..WorldConfig::default()
    }
}

fn position() -> impl Strategy<Value = Position> {
    let along = || prop_oneof![3 => -30..30i64, 1 => -1500..1500i64];
    (along(), along(), 0..4u8).prop_map(|(x, y, far)| {
        let sector = if far == 0 { SectorId::new(i64::MAX, i64::MIN) } else { SectorId::new(0, 0) };
        Position::new(sector, x * i64::from(METRE), y * i64::from(METRE))
    })
}

fn entity() -> impl Strategy<Value = Entity> {
    let speed = || prop_oneof![Just(0), -150..150i32];
    let body = (0..2u8, 1..2000u16, prop_oneof![Just(0), 1..1000u32], 0..=255u8, 1..4u16);
    let mind = (0..3u8, 0..3u16, 0..3u16, 0..3u32, 0..2i32);
    (position(), speed(), speed(), body, mind).prop_map(|(position, x, y, body, mind)| {
        let ((shape, half, mass, restitution, layers), (weapon, bot, team, owner, drive)) = (body, mind);
        Entity {
            velocity_x: x * METRE,
            velocity_y: y * METRE,
            shape,
            half_x: half,
            half_y: half / 2,
            mass,
            restitution,
            layers,
            collides: 3,
            weapon,
            bot,
            team,
            owner,
            acceleration_max: drive * 20 * METRE,
            health: 100,
            health_max: 100,
            kind: team,
            flags: 1 << 31,
            ..Entity::at(position)
        }
    })
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        position().prop_map(Action::MoveTo),
        (-200..200i32, -200..200i32).prop_map(|(x, y)| Action::SetVelocity { x: x * METRE, y: y * METRE }),
        Just(Action::Attack(EntityId::NULL)),
        any::<u16>().prop_map(|heading| Action::Fire { heading }),
        Just(Action::Stop),
        Just(Action::Use(EntityId::NULL)),
        any::<i64>().prop_map(|value| Action::Custom { kind: 1, target: EntityId::NULL, value }),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    let who = || 0..30usize;
    let column = prop_oneof![
        Just(Column::VelocityX),
        Just(Column::Mass),
        Just(Column::HalfX),
        Just(Column::Shape),
        Just(Column::Team),
        Just(Column::Bot),
        Just(Column::Order),
        Just(Column::Layers),
        Just(Column::Attribute(1)),
        Just(Column::Health),
        Just(Column::Heading),
        Just(Column::AccelerationMax),
    ];
    let shot = (position(), -190..190i32, -190..190i32, 0..4000i32).prop_map(|(position, x, y, range)| Projectile {
        position,
        velocity_x: x * METRE,
        velocity_y: y * METRE,
        radius: METRE,
        damage: 20,
        range: range * METRE,
        hits: 3,
        ..Projectile::default()
    });
    let execution = (1..6u16, 1..3u16, prop_oneof![Just(0), Just(u32::MAX)], 0..4u32);
    let execution = execution.prop_map(|(shards, threads, inline_below, split_above)| {
        Part::Execute(Execution { shards, threads, inline_below, split_above })
    });
    prop_oneof![
        6 => entity().prop_map(Part::Spawn),
        1 => who().prop_map(Part::Despawn),
        2 => (who(), column, -3..3000i64).prop_map(|(who, column, value)| Part::Set(who, column, value)),
        1 => (who(), position()).prop_map(|(who, place)| Part::Place(who, place)),
        2 => (shot, who()).prop_map(|(shot, who)| Part::Fire(shot, who)),
        4 => (0..3u32, who(), action(), who()).prop_map(|(player, who, action, whom)| {
            Part::Command(player, who, action, whom)
        }),
        1 => (0..3u32, 0..4u16).prop_map(|(player, behaviour)| Part::TakeOver(player, behaviour)),
        1 => (0..3u32).prop_map(Part::HandBack),
        1 => position().prop_map(Part::Emit),
        6 => (1..40u8).prop_map(Part::Steps),
        2 => execution,
        1 => Just(Part::PassThroughBytes),
    ]
}

/// The input that a part is to a world with these entities; `None` for what is no input.
fn input(part: &Part, ids: &[EntityId]) -> Option<Input> {
    let id = |number: usize| ids.get(number).copied().unwrap_or_default();
    Some(match part.clone() {
        Part::Spawn(entity) => Input::Spawn(entity),
        Part::Despawn(who) => Input::Despawn(id(who)),
        Part::Set(who, column, value) => Input::Set { entity: id(who), column, value },
        Part::Place(who, position) => Input::Place { entity: id(who), position },
        Part::Fire(shot, who) => Input::Fire(Projectile { shooter: id(who), ..shot }),
        Part::Command(player, who, action, whom) => {
            let action = match action {
                Action::Attack(_) => Action::Attack(id(whom)),
                Action::Use(_) => Action::Use(id(whom)),
                Action::Custom { kind, value, .. } => Action::Custom { kind, target: id(whom), value },
                other => other,
            };
            Input::Command(Command { player, entity: id(who), sector: None, action, rewind: 0 })
        }
        Part::TakeOver(player, behaviour) => Input::TakeOver { player, behaviour },
        Part::HandBack(player) => Input::HandBack { player },
        Part::Emit(position) => {
            Input::Emit { class: Class::High, position, subject: id(0), object: id(1), detail: 1, value: 2 }
        }
        Part::Steps(_) | Part::Execute(_) | Part::PassThroughBytes => return None,
    })
}

fn play(script: &[Part]) -> Result<(), TestCaseError> {
    let plain = Execution { shards: 1, threads: 1, inline_below: 0, split_above: 0 };
    let mut first = World::new(config(), Some(map()), plain).expect("a valid configuration");
    let mut second = World::new(config(), Some(map()), plain).expect("a valid configuration");
    let mut ids = Vec::new();
    for part in script.iter().chain([&Part::Steps(20)]) {
        first.ids(&mut ids);
        if let Some(input) = input(part, &ids) {
            prop_assert_eq!(first.apply(&input), second.apply(&input), "{:?}", input);
        }
        match part {
            Part::Steps(steps) => {
                for _ in 0..*steps {
                    first.step();
                    second.step();
                    prop_assert_eq!(first.events(), second.events(), "tick {}", first.tick());
                    prop_assert_eq!(first.hash(), second.hash(), "tick {}: {:?} {:?}", first.tick(), first, second);
                }
            }
            Part::Execute(execution) => second.set_execution(*execution).expect("a valid execution"),
            Part::PassThroughBytes => {
                let (mut bytes, mut again) = (Vec::new(), Vec::new());
                second.save(&mut bytes);
                second = World::restore(&bytes, Some(map()), second.execution()).expect("a snapshot of a world");
                second.save(&mut again);
                prop_assert!(bytes == again, "the snapshot of the restored world is another one");
            }
            _ => {}
        }
    }
    let (mut bytes, mut again) = (Vec::new(), Vec::new());
    first.save(&mut bytes);
    second.save(&mut again);
    prop_assert!(bytes == again, "equal hashes, other bytes");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_worlds_stay_one(script in prop::collection::vec(part(), 1..60)) {
        play(&script)?;
    }
}
