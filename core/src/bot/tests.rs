//! Goal: each step does what it says in small situations, the first that applies decides, and nothing overflows.
//! Method: situations are changed one field at a time from a calm one; properties run over every number there is.

use proptest::prelude::*;

use super::*;
use crate::{
    WorldConfig,
    command::{Command, Extent, Facts, Subject, check},
    space::{SECTOR_SIDE, SectorId, angle_of},
};

const M: i32 = METRE;
const HERE: Position = Position { sector: SectorId::new(-3, 8), x: 400 * M, y: 500 * M };

fn behaviour(steps: &[Step]) -> Behaviour {
    Behaviour { steps: steps.to_vec(), sight: 50 * M, think_ticks: 10 }
}

fn id(bits: u64) -> EntityId {
    EntityId::from_bits(bits)
}

/// Enemies by id and offset in metres.
fn sight(enemies: &[(u64, i32, i32)]) -> Sight {
    let mut sight = Sight::new(50 * M);
    for (bits, x, y) in enemies {
        sight.handle_enemy(id(*bits), i64::from(x * M), i64::from(y * M));
    }
    sight
}

/// A whole bot of team 1 with a weapon that reaches 10 m, doing nothing, in a map whose origin is 100 m left of and below
/// it.
fn calm<'a>(sight: &'a Sight) -> Situation<'a> {
    Situation {
        seed: 1,
        tick: 1000,
        id: id(1),
        position: HERE,
        team: 1,
        health: 100,
        health_max: 100,
        weapon_range: Some(10 * M),
        weapon_is_ready: true,
        order: Order::None,
        goal: None,
        target: EntityId::NULL,
        target_offset: None,
        sight,
        ground: Ground { origin: HERE.offset(i64::from(-100 * M), i64::from(-100 * M)), routes: &[], resources: &[] },
    }
}

/// On the way to a place so many metres away.
fn going<'a>(situation: Situation<'a>, x: i32, y: i32) -> Situation<'a> {
    Situation { order: Order::MoveTo, goal: Some((i64::from(x * M), i64::from(y * M))), ..situation }
}

fn action(steps: &[Step], situation: &Situation<'_>) -> Option<Action> {
    decide(&behaviour(steps), situation, begin(HERE)).0
}

/// The order to go so many metres from a place.
fn go(from: Position, x: i32, y: i32) -> Option<Action> {
    Some(Action::MoveTo(from.offset(i64::from(x * M), i64::from(y * M))))
}

#[test]
fn a_hurt_bot_runs_from_the_nearest_enemy() {
    let enemies = sight(&[(5, 10, 0), (6, 0, 20)]);
    let flee = [Step::Flee { below_percent: 30 }];
    let hurt = Situation { health: 29, order: Order::Attack, ..calm(&enemies) };
    assert_eq!(action(&flee, &hurt), go(HERE, -50, 0));
    assert_eq!(action(&flee, &Situation { health: 30, ..hurt }), None);
    assert_eq!(action(&flee, &Situation { health_max: 0, health: 0, ..hurt }), None);
    let nobody = sight(&[]);
    assert_eq!(action(&flee, &Situation { sight: &nobody, order: Order::None, ..hurt }), None);
    // It goes on while the way leads away, and turns when it leads to the enemy.
    assert_eq!(action(&flee, &going(hurt, -30, 10)), None);
    assert_eq!(action(&flee, &going(hurt, 5, 0)), go(HERE, -50, 0));
    assert_eq!(action(&flee, &going(hurt, -1, 0)), go(HERE, -50, 0), "it is nearly there");
    // From a stop it tries another way, but away.
    let mut ways = Vec::new();
    for tick in 0..20 {
        let Some(Action::MoveTo(place)) = action(&flee, &Situation { order: Order::None, tick, ..hurt }) else {
            panic!("it runs");
        };
        let (x, y) = HERE.offset_to(place).expect("it is near");
        assert!(x < i64::from(-35 * M) && y.abs() < i64::from(36 * M), "({x}, {y})");
        ways.push((x, y));
    }
    ways.sort_unstable();
    ways.dedup();
    assert!(ways.len() > 10);
    // Right upon it, there is a way as well.
    let upon = sight(&[(5, 0, 0)]);
    assert!(action(&flee, &Situation { sight: &upon, ..hurt }).is_some());
}

#[test]
fn a_chasing_bot_attacks_the_nearest_and_does_not_waver() {
    let enemies = sight(&[(5, 10, 0), (6, 0, 12), (7, 0, 13)]);
    let attacking = |bits| Situation { order: Order::Attack, target: id(bits), ..calm(&enemies) };
    let chase = |situation: &Situation<'_>| action(&[Step::Chase], situation);
    assert_eq!(chase(&calm(&enemies)), Some(Action::Attack(id(5))));
    assert_eq!(chase(&attacking(5)), None);
    assert_eq!(chase(&attacking(6)), None, "12 m is not much further than 10 m");
    assert_eq!(chase(&attacking(7)), Some(Action::Attack(id(5))), "13 m is");
    assert_eq!(chase(&attacking(8)), Some(Action::Attack(id(5))));
    assert_eq!(chase(&Situation { weapon_range: None, ..calm(&enemies) }), None);
    assert_eq!(
        chase(&Situation { order: Order::MoveTo, target: id(5), ..calm(&enemies) }),
        Some(Action::Attack(id(5)))
    );
}

#[test]
fn an_enemy_out_of_sight_is_let_go() {
    let nobody = sight(&[]);
    let attacking = Situation { order: Order::Attack, target: id(5), ..calm(&nobody) };
    assert_eq!(action(&[Step::Chase], &attacking), Some(Action::Stop));
    assert_eq!(
        action(&[Step::Follow { distance: M }], &attacking),
        None,
        "who does not fight was told to by someone else"
    );
    assert!(matches!(action(&[Step::Chase, Step::Wander { radius: M }], &attacking), Some(Action::MoveTo(_))));
    assert_eq!(action(&[Step::Chase], &calm(&nobody)), None);
}

#[test]
fn a_guard_stays_about_its_post() {
    let guard = |situation: &Situation<'_>| action(&[Step::Guard { radius: 20 * M }], situation);
    let nobody = sight(&[]);
    let at = |x: i32, enemies| Situation { position: HERE.offset(i64::from(x * M), 0), ..calm(enemies) };
    assert_eq!(guard(&at(19, &nobody)), None);
    assert_eq!(guard(&at(21, &nobody)), go(HERE, 0, 0));
    assert_eq!(guard(&going(at(21, &nobody), -21, 0)), None, "it is on its way");
    // 15 m from the post it sees one 4 m further out and one 10 m further out.
    let (near, far) = (sight(&[(5, 4, 0), (6, 10, 0)]), sight(&[(6, 10, 0)]));
    assert_eq!(guard(&at(15, &near)), Some(Action::Attack(id(5))));
    assert_eq!(guard(&at(15, &far)), None);
    assert_eq!(guard(&Situation { order: Order::Attack, target: id(6), ..at(15, &far) }), go(HERE, 0, 0));
    assert_eq!(guard(&Situation { order: Order::Attack, target: id(5), ..at(15, &near) }), None);
    assert_eq!(guard(&at(21, &near)), go(HERE, 0, 0), "first back, then fight");
    assert_eq!(guard(&Situation { weapon_range: None, ..at(15, &near) }), None);
}

#[test]
fn a_bot_takes_the_nearest_zone_that_is_not_its_teams() {
    let nobody = sight(&[]);
    let zone = |x, holder| Resource { x: x * M, y: 100 * M, radius: 5 * M, holder };
    let capture = |resources: &[Resource], change: &dyn Fn(&mut Situation<'_>)| {
        let mut situation = calm(&nobody);
        change(&mut situation);
        let ground = Ground { resources, ..situation.ground };
        action(&[Step::Capture], &Situation { ground, ..situation })
    };
    let zones = [zone(100, 1), zone(160, 0), zone(50, 2)];
    assert_eq!(capture(&zones, &|_| ()), go(HERE, -50, 0));
    assert_eq!(capture(&[zone(150, 0), zone(50, 2)], &|_| ()), go(HERE, 50, 0), "the first of equally near ones");
    assert_eq!(capture(&zones, &|situation| situation.team = 2), go(HERE, 0, 0).filter(|_| false), "it is in one");
    assert_eq!(
        capture(&zones, &|situation| (situation.team, situation.order) = (2, Order::MoveTo)),
        Some(Action::Stop)
    );
    assert_eq!(capture(&zones, &|situation| *situation = going(*situation, -49, 1)), None, "it is on its way");
    assert_eq!(capture(&zones, &|situation| situation.team = 0), None);
    assert_eq!(capture(&[zone(100, 1)], &|_| ()), None);
    assert_eq!(capture(&zones, &|situation| situation.ground.origin.sector.x = i64::MAX), None, "that is too far");
}

#[test]
fn a_follower_keeps_near_and_keeps_its_leader() {
    let nobody = sight(&[]);
    let led = |x: i32| Situation { target: id(9), target_offset: Some((i64::from(x * M), 0)), ..calm(&nobody) };
    let follow = |situation: &Situation<'_>| action(&[Step::Chase, Step::Follow { distance: 6 * M }], situation);
    assert_eq!(follow(&led(7)), go(HERE, 7, 0));
    assert_eq!(follow(&going(led(7), 5, 0)), None);
    assert_eq!(follow(&going(led(7), 3, 0)), go(HERE, 7, 0), "the leader has moved on");
    assert_eq!(follow(&going(led(6), 7, 0)), Some(Action::Stop));
    assert_eq!(follow(&led(6)), None);
    assert_eq!(follow(&Situation { target_offset: None, ..led(7) }), None);
    assert_eq!(follow(&Situation { target: id(1), ..led(7) }), None, "nobody follows itself");
    // It fights without an order to attack, which would make the enemy its target.
    let (near, far) = (sight(&[(5, 0, 10)]), sight(&[(5, 0, 11)]));
    assert_eq!(follow(&Situation { sight: &near, ..led(7) }), Some(Action::Fire { heading: angle_of(0, 10 * M) }));
    assert_eq!(follow(&Situation { sight: &near, weapon_is_ready: false, ..led(7) }), None);
    assert_eq!(follow(&Situation { sight: &far, ..led(7) }), go(HERE, 0, 11));
}

#[test]
fn a_patrol_goes_round() {
    let nobody = sight(&[]);
    let routes = [vec![], vec![(100 * M, 100 * M), (120 * M, 100 * M), (120 * M, 130 * M)], vec![(100 * M, 110 * M)]];
    let ground = Ground { routes: &routes, ..calm(&nobody).ground };
    let here = Situation { ground, ..calm(&nobody) };
    let patrol =
        |route, situation: &Situation<'_>, memory| decide(&behaviour(&[Step::Patrol { route }]), situation, memory);
    // It stands at the first place.
    let (first, memory) = patrol(1, &here, 0);
    assert_eq!(first, go(HERE, 20, 0));
    assert_eq!(patrol(1, &going(here, 20, 0), memory), (None, memory), "it is on its way");
    let at_second = going(Situation { position: HERE.offset(i64::from(19 * M), 0), ..here }, 1, 0);
    let (second, memory) = patrol(1, &at_second, memory);
    assert_eq!(second, go(HERE, 20, 30));
    // It comes to a stop on the way: it leaves that place out.
    let stuck = Situation { order: Order::None, goal: None, ..at_second };
    let (third, memory) = patrol(1, &stuck, memory & !(1 << 62));
    assert_eq!(third, go(HERE, 20, 30), "it was not sent there by its last decision");
    let (fourth, memory) = patrol(1, &stuck, memory);
    assert_eq!(fourth, go(HERE, 0, 0));
    // Another step decides in between: the place is not left out for that.
    let enemies = sight(&[(5, 3, 0)]);
    let steps = behaviour(&[Step::Chase, Step::Patrol { route: 1 }]);
    let (attack, memory) = decide(&steps, &Situation { sight: &enemies, ..stuck }, memory);
    assert_eq!(attack, Some(Action::Attack(id(5))));
    assert_eq!(decide(&steps, &stuck, memory).0, go(HERE, 0, 0));
    // One place is a post, no place no patrol.
    assert_eq!(patrol(2, &here, 0).0, go(HERE, 0, 10));
    let there = Situation { position: HERE.offset(0, i64::from(10 * M)), ..here };
    assert_eq!(patrol(2, &there, 0).0, None);
    assert_eq!(patrol(0, &here, 0).0, None);
    assert_eq!(patrol(3, &here, 0).0, None);
}

#[test]
fn a_wanderer_goes_all_about_its_post() {
    let nobody = sight(&[]);
    let away = Situation { position: HERE.offset(i64::from(30 * M), 0), ..calm(&nobody) };
    let mut quarters = [0; 4];
    let mut inner = 0;
    for tick in 0..4000 {
        let Some(Action::MoveTo(place)) = action(&[Step::Wander { radius: 10 * M }], &Situation { tick, ..away })
        else {
            panic!("it goes somewhere");
        };
        let (x, y) = HERE.offset_to(place).expect("it is near");
        assert!(is_near((x, y), i64::from(10 * M) + 512), "({x}, {y})");
        quarters[usize::from(x < 0) + 2 * usize::from(y < 0)] += 1;
        inner += u32::from(is_near((x, y), i64::from(5 * M)));
    }
    assert!(quarters.iter().all(|count| (900..1100).contains(count)), "{quarters:?}");
    assert!((900..1100).contains(&inner), "a quarter of the disc has a quarter of the places: {inner}");
    let keeps = (0..1600).filter(|tick| {
        action(&[Step::Wander { radius: M }], &going(Situation { tick: *tick, ..away }, 1, 1)).is_none()
    });
    assert!((1450..1550).contains(&keeps.count()), "now and then it goes somewhere else");
    assert_eq!(action(&[Step::Wander { radius: -5 }], &calm(&nobody)), go(HERE, 0, 0));
}

#[test]
fn the_first_step_that_applies_decides() {
    let (enemies, nobody) = (sight(&[(5, 10, 0)]), sight(&[]));
    let steps = [Step::Flee { below_percent: 50 }, Step::Chase, Step::Guard { radius: M }, Step::Wander { radius: M }];
    let far = Situation { position: HERE.offset(i64::from(9 * M), 0), ..calm(&nobody) };
    assert_eq!(action(&steps, &Situation { health: 1, order: Order::MoveTo, ..calm(&enemies) }), go(HERE, -50, 0));
    assert_eq!(action(&steps, &Situation { sight: &enemies, ..far }), Some(Action::Attack(id(5))));
    assert_eq!(action(&steps, &far), go(HERE, 0, 0));
    assert!(matches!(action(&steps, &calm(&nobody)), Some(Action::MoveTo(_))));
    assert_eq!(action(&[], &calm(&enemies)), None);
}

#[test]
fn bots_take_turns() {
    for think_ticks in [0, 1, 7, 60] {
        let turns = u64::from(think_ticks.max(1));
        for tick in 5000..5000 + turns {
            let thinking = (1..=turns * 10).filter(|slot| thinks_now(id(*slot | 3 << 32), tick, think_ticks)).count();
            assert_eq!(thinking, 10, "in tick {tick} of {think_ticks}");
        }
    }
    assert!(thinks_now(id(0), u64::MAX / 60 * 60, 60));
}

/// Any step with any numbers.
fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<u8>().prop_map(|below_percent| Step::Flee { below_percent }),
        Just(Step::Chase),
        any::<i32>().prop_map(|radius| Step::Guard { radius }),
        Just(Step::Capture),
        any::<i32>().prop_map(|distance| Step::Follow { distance }),
        (0..3u16).prop_map(|route| Step::Patrol { route }),
        any::<i32>().prop_map(|radius| Step::Wander { radius }),
    ]
}

fn any_length() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), any::<i32>().prop_map(i64::from), Just(i64::MIN), Just(i64::MAX), -3..3i64]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever a host has put into the columns, a bot decides, the same twice, and only what a player could command.
    #[test]
    fn every_situation_has_an_answer(
        steps in proptest::collection::vec(any_step(), 0..6),
        (look, memory, tick) in (any::<i32>(), any::<i64>(), any::<u64>()),
        sectors in proptest::array::uniform4(any_length()),
        within in proptest::array::uniform4(0..SECTOR_SIDE),
        enemies in proptest::collection::vec((any::<u64>(), any_length(), any_length()), 0..12),
        (health, health_max, team) in (any::<i32>(), any::<i32>(), 0..3u16),
        order in proptest::sample::select(vec![Order::None, Order::MoveTo, Order::Attack, Order::Velocity]),
        weapon_range in proptest::option::of(any::<i32>()),
        offsets in proptest::array::uniform4(any_length()),
        places in proptest::collection::vec(any::<(i32, i32)>(), 0..4),
        (radius, target) in (any::<i32>(), 0..3u64),
    ) {
        let mut sight = Sight::new(look);
        for (bits, x, y) in enemies {
            sight.handle_enemy(id(bits), x, y);
        }
        let resources = places.iter().map(|(x, y)| Resource { x: *x, y: *y, radius, holder: 2 }).collect::<Vec<_>>();
        let routes = [places.clone(), places];
        let situation = Situation {
            seed: 1,
            tick,
            id: id(1),
            position: Position { sector: SectorId::new(sectors[0], sectors[1]), x: within[0], y: within[1] },
            team,
            health,
            health_max,
            weapon_range,
            weapon_is_ready: radius > 0,
            order,
            goal: Some((offsets[0], offsets[1])),
            target: id(target),
            target_offset: Some((offsets[2], offsets[3])),
            sight: &sight,
            ground: Ground {
                origin: Position { sector: SectorId::new(sectors[2], sectors[3]), x: within[2], y: within[3] },
                routes: &routes,
                resources: &resources,
            },
        };
        let behaviour = Behaviour { steps, sight: look, think_ticks: 1 };
        let (action, next) = decide(&behaviour, &situation, memory);
        prop_assert_eq!(decide(&behaviour, &situation, memory), (action, next));
        prop_assert!(next < 0, "it has a post from now on");
        if let Some(Action::MoveTo(place)) = action {
            prop_assert!(place.is_canonical());
            let subject = Subject { position: situation.position, extent: Extent::default(), acceleration_max: 1, ..Subject::default() };
            let command = Command { player: 0, entity: id(1), sector: None, action: Action::MoveTo(place), rewind: 0 };
            let facts = Facts { subject: Some(subject), ..Facts::default() };
            let reach_max = i64::MAX;
            let verdict = check(&command, &facts, &WorldConfig { reach_max, ..WorldConfig::default() });
            prop_assert!(verdict.is_ok() || situation.position.offset_to(place).is_none());
        }
    }
}
