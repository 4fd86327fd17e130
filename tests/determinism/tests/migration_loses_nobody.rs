//! Goal: no entity is lost or doubled on its way from sector to sector, and none is changed by it.
//! Method: fast entities, each with a mark of its own, cross borders, corners and the ends of space while sectors open,
//! close, run out and are split among threads; who lives, and with which mark, is compared with a list after every
//! tick. Energy is left to physics: nothing touches anything here.

use std::collections::BTreeMap;

use muster_core::{
    Column, Entity, EntityId, Execution, METRE, Position, SECTOR_SIDE, SectorId, World, WorldConfig, space::Angle,
};
use muster_determinism::Dice;

const M: i64 = METRE as i64;

fn place(dice: &mut Dice) -> Position {
    let sector = dice.of(&[
        SectorId::new(0, 0),
        SectorId::new(-3, 2),
        SectorId::new(i64::MAX, i64::MIN),
        SectorId::new(i64::MIN, i64::MIN),
        SectorId::new(i64::MAX, i64::MAX),
    ]);
    // Mostly near borders, and some exactly on them.
    let mut along = || match dice.below(4) {
        0 => 0,
        1 => i64::from(SECTOR_SIDE) - 1,
        2 => dice.between(0, i64::from(SECTOR_SIDE) - 1),
        _ => dice.between(-20 * M, 20 * M),
    };
    Position::new(sector, along(), along())
}

fn traveller(dice: &mut Dice, mark: u32) -> Entity {
    Entity {
        velocity_x: dice.between(-140 * M, 140 * M) as i32,
        velocity_y: dice.between(-140 * M, 140 * M) as i32,
        owner: mark,
        heading: mark as Angle,
        attributes: vec![mark.cast_signed()],
        ..Entity::at(place(dice))
    }
}

fn run(sectors_max: u32, execution: impl Fn(u64) -> Execution) -> u64 {
    let config = WorldConfig {
        tick_rate_hz: 10,
        entities_max: 400,
        sectors_max,
        attributes: vec!["mark".into()],
        ..WorldConfig::default()
    };
    let mut world = World::new(config, None, execution(0)).expect("a valid configuration");
    let mut marks: BTreeMap<EntityId, u32> = BTreeMap::new();
    let (mut crossings, mut mark) = (0u64, 0);
    let mut ids = Vec::new();
    let mut sectors: BTreeMap<EntityId, SectorId> = BTreeMap::new();
    for tick in 0..1_500 {
        let mut dice = Dice::new(9, tick, 2);
        while marks.len() < 380 {
            mark += 1;
            // With no sector left for it, another one may have a place.
            if let Ok(id) = world.spawn(&traveller(&mut dice, mark)) {
                assert_eq!(marks.insert(id, mark), None, "an id of someone who lives was given out");
            }
        }
        for _ in 0..dice.below(4) {
            let id = dice.of(&marks.keys().copied().collect::<Vec<_>>());
            if dice.one_in(2) {
                world.despawn(id).expect("it lives");
                marks.remove(&id);
            } else if world.place_at(id, place(&mut dice)).is_ok() {
                world.set(id, Column::VelocityX, dice.between(-140 * M, 140 * M)).expect("a valid speed");
            }
        }
        world.set_execution(execution(tick)).expect("a valid execution");
        world.step();
        world.ids(&mut ids);
        ids.sort_unstable();
        assert!(ids.iter().eq(marks.keys()), "tick {tick}: others live than should");
        for (id, mark) in &marks {
            let entity = world.entity(*id).expect("it lives");
            let marked = (entity.owner, entity.heading, entity.attributes[0]);
            assert_eq!(marked, (*mark, *mark as Angle, mark.cast_signed()), "tick {tick}, {id}");
            assert!(entity.position.is_canonical(), "tick {tick}, {id}: {:?}", entity.position);
            let before = sectors.insert(*id, entity.position.sector);
            crossings += u64::from(before.is_some_and(|before| before != entity.position.sector));
        }
        assert_eq!(world.entity_count(), marks.len() as u32, "tick {tick}");
    }
    crossings
}

#[test]
fn travellers_arrive_whole() {
    let still = Execution { shards: 5, threads: 1, inline_below: 0, split_above: 0 };
    let crossings = run(4096, |_| still);
    assert!(crossings > 5_000, "{crossings}");
}

#[test]
fn travellers_arrive_whole_where_sectors_run_out() {
    let still = Execution { shards: 4, threads: 2, inline_below: 0, split_above: 20 };
    let crossings = run(24, |_| still);
    assert!(crossings > 100, "{crossings}");
}

#[test]
fn travellers_arrive_whole_while_the_division_changes() {
    let restless = |tick: u64| Execution {
        shards: 1 + (tick / 5 % 7) as u16,
        threads: 1,
        inline_below: 0,
        split_above: [0, 3, 30][tick as usize / 5 % 3],
    };
    let crossings = run(200, restless);
    assert!(crossings > 1_000, "{crossings}");
}
