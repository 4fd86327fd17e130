//! Goal: shards, threads and splitting never change a world.
//! Method: the same drifting, colliding discs over several sectors, stepped with many executions; hashes are compared
//! tick by tick.

use muster_core::{Entity, Execution, METRE, Position, SectorId, World, WorldConfig};

fn drifting(execution: Execution, count: u32) -> World {
    let mut world =
        World::new(WorldConfig { attributes: vec!["gold".into()], ..WorldConfig::default() }, None, execution)
            .expect("a valid configuration");
    let mut state = 1u64;
    let mut draw = |below: i64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as i64) % below
    };
    for number in 0..count {
        let at = Position::new(
            SectorId::new(i64::MAX, -1),
            draw(160 * i64::from(METRE)) - 80 * i64::from(METRE),
            draw(160 * i64::from(METRE)) - 80 * i64::from(METRE),
        );
        let is_box = number % 5 == 0;
        let entity = Entity {
            velocity_x: (draw(20) - 10) as i32 * METRE,
            velocity_y: (draw(20) - 10) as i32 * METRE,
            shape: u8::from(is_box),
            half_x: 64 + draw(if number % 97 == 0 { 2000 } else { 128 }) as u16,
            half_y: 64 + draw(128) as u16,
            mass: if number % 41 == 0 { 0 } else { 500 + draw(1000) as u32 },
            restitution: 255,
            layers: 1,
            collides: 1,
            flags: 1 << 31,
            health: 10,
            health_max: 10,
            ..Entity::at(at)
        };
        world.spawn(&entity).expect("room");
    }
    world
}

#[test]
fn any_execution_gives_the_same_world() {
    let mut expected: Vec<u64> = Vec::new();
    let mut contacts = 0;
    let executions = [
        Execution::default(),
        Execution { shards: 3, ..Execution::default() },
        Execution { shards: 2, threads: 2, inline_below: 0, split_above: 0 },
        Execution { shards: 8, threads: 3, inline_below: 0, split_above: 100 },
        Execution { shards: 16, threads: 1, inline_below: 0, split_above: 50 },
    ];
    for (number, execution) in executions.into_iter().enumerate() {
        let mut world = drifting(execution, 1200);
        for tick in 0..300 {
            world.step();
            let hash = world.hash();
            if number == 0 {
                expected.push(hash);
                contacts += world.events().len();
            }
            assert_eq!(hash, expected[tick], "tick {tick}, {execution:?}, {world:?}");
        }
        assert_eq!(world.entity_count(), 1200);
        assert!(world.stats().sectors >= 4);
    }
    assert!(contacts > 1000, "{contacts}");
}

#[test]
fn a_world_may_change_its_execution_at_any_time() {
    let mut plain = drifting(Execution::default(), 600);
    let mut changing = drifting(Execution::default(), 600);
    for tick in 0..120u32 {
        if tick % 7 == 0 {
            let execution = Execution {
                shards: (tick % 5 + 1) as u16,
                threads: (tick % 3 + 1) as u16,
                inline_below: 0,
                split_above: 40 * (tick % 4),
            };
            changing.set_execution(execution).expect("a valid execution");
        }
        plain.step();
        changing.step();
        assert_eq!(plain.hash(), changing.hash(), "{tick}");
        assert_eq!(plain.events(), changing.events(), "{tick}");
    }
}
