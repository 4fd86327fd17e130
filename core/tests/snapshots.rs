//! Goal: a snapshot is the whole state and nothing but the state, has one form, and hostile bytes end in an error.
//! Method: worlds of different history, row order, shards and threads are saved, restored and stepped on side by side;
//! snapshots are cut and flipped at every byte, with and without their checksums put right again.

mod scene;

use muster_core::{
    Column, Entity, Execution, World, WorldConfig,
    command::{Action, Command},
    replay::compare,
    snapshot::{Fault, Header},
};
use proptest::prelude::*;
use scene::{Scene, at, executions, saved};
use twox_hash::XxHash3_64;

/// Puts the checksum of changed bytes right, so that what is behind it is reached.
fn reseal(bytes: &mut [u8]) {
    let (head, payload) = bytes.split_at_mut(Header::BYTES);
    let sum = XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(&head[..56]), payload);
    head[56..].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn a_restored_world_is_the_same_and_goes_on_the_same_on_any_number_of_shards() {
    for mut scene in [Scene::new(7), Scene::with_map(7), Scene::with_map(7).looking_back(15)] {
        let mut world = scene.world(Execution::default());
        scene.advance(&mut world, 40);
        let bytes = saved(&world);
        let mut restored: Vec<(World, Scene)> = Vec::new();
        for execution in executions() {
            let mut world_again = World::restore(&bytes, scene.map(), execution).expect("as saved");
            assert_eq!(saved(&world_again), bytes);
            assert_eq!(world_again.hash(), world.hash());
            assert_eq!(compare(&world, &world_again), None);
            restored.push((world_again, scene.clone()));
        }
        for tick in 0..40 {
            scene.advance(&mut world, 1);
            for (restored, scene) in &mut restored {
                scene.advance(restored, 1);
                assert_eq!(restored.hash(), world.hash(), "{tick}: {:?}", compare(&world, restored));
                assert_eq!(restored.events(), world.events(), "{tick}");
            }
        }
        assert!(restored.iter().all(|(restored, _)| saved(restored) == saved(&world)));
    }
}

#[test]
fn a_world_with_a_map_comes_back_at_every_tick() {
    let mut scene = Scene::with_map(13);
    let mut world = scene.world(Execution::default());
    for tick in 0..60 {
        // In the middle of a tick's inputs there is more that waits than between ticks.
        for input in scene.inputs(&world) {
            let _ = world.apply(&input);
        }
        let bytes = saved(&world);
        let mut restored = World::restore(&bytes, scene.map(), Execution::default()).expect("as saved");
        assert_eq!(saved(&restored), bytes, "{tick}");
        world.step();
        restored.step();
        assert_eq!(restored.hash(), world.hash(), "{tick}: {:?}", compare(&world, &restored));
        assert_eq!(restored.events(), world.events(), "{tick}");
    }
    let bytes = saved(&world);
    let fault = |map| World::restore(&bytes, map, Execution::default()).expect_err("another map").fault;
    assert_eq!(fault(None), Fault::Map);
    let other = include_str!("scene/map.json").replace("\"hill\"", "\"dale\"");
    assert_eq!(fault(Some(muster_core::Map::from_json(&other).expect("valid"))), Fault::Map);
}

#[test]
fn ids_after_a_restore_are_those_that_would_have_come() {
    let mut world = Scene::new(3).run(Execution::default(), 20);
    let mut ids = Vec::new();
    world.ids(&mut ids);
    for id in ids.iter().step_by(3) {
        world.despawn(*id).expect("lives");
    }
    let mut restored = World::restore(&saved(&world), None, Execution::default()).expect("as saved");
    for number in 0..ids.len() as i64 {
        let entity = Entity::at(at(number, 5));
        assert_eq!(world.spawn(&entity), restored.spawn(&entity));
    }
    assert_eq!(saved(&world), saved(&restored));
    assert!(!restored.is_alive(ids[0]));
}

#[test]
fn the_bytes_do_not_depend_on_shards_threads_or_on_sectors_that_were_left() {
    let looking_back = saved(&Scene::new(11).looking_back(15).run(Execution::default(), 50));
    for execution in executions() {
        assert_eq!(saved(&Scene::new(11).looking_back(15).run(execution, 50)), looking_back, "{execution:?}");
    }
    let plain = saved(&Scene::new(11).run(Execution::default(), 50));
    for execution in executions() {
        assert_eq!(saved(&Scene::new(11).run(execution, 50)), plain, "{execution:?}");
    }
    let mut there_and_back = World::restore(&plain, None, Execution::default()).expect("as saved");
    let mut ids = Vec::new();
    there_and_back.ids(&mut ids);
    // One that has no order, since a place that is given makes an entity forget it.
    let idle = |id: &muster_core::EntityId| there_and_back.value(*id, Column::Order) == Ok(0);
    let id = ids.into_iter().find(idle).expect("some do nothing");
    let home = there_and_back.position(id).expect("lives");
    there_and_back.place_at(id, home.offset(1 << 40, 0)).expect("somewhere");
    assert_ne!(saved(&there_and_back), plain);
    there_and_back.place_at(id, home).expect("back");
    assert_eq!(saved(&there_and_back), plain);
}

#[test]
fn every_cut_is_refused() {
    every_cut_of(Scene::small());
}

fn every_cut_of(scene: Scene) {
    let bytes = saved(&scene.run(Execution::default(), 3));
    assert!(World::restore(&bytes, None, Execution::default()).is_ok());
    for end in 0..bytes.len() {
        let mut cut = bytes[..end].to_vec();
        assert!(World::restore(&cut, None, Execution::default()).is_err(), "{end}");
        if end >= Header::BYTES {
            // As if it had been written that short.
            cut[48..56].copy_from_slice(&((end - Header::BYTES) as u64).to_le_bytes());
            reseal(&mut cut);
            let error = World::restore(&cut, None, Execution::default()).expect_err("too short").fault;
            assert!(matches!(error, Fault::Cut | Fault::Count(_)), "{end}: {error}");
        }
    }
    let mut longer = bytes;
    longer.push(0);
    let length = (longer.len() - Header::BYTES) as u64;
    longer[48..56].copy_from_slice(&length.to_le_bytes());
    reseal(&mut longer);
    assert_eq!(World::restore(&longer, None, Execution::default()).expect_err("too long").fault, Fault::Trailing);
}

#[test]
fn every_flip_is_refused_and_behind_the_checksum_is_refused_or_gives_another_world() {
    for scene in [Scene::small(), Scene::small().looking_back(2)] {
        every_flip_of(scene);
    }
}

fn every_flip_of(scene: Scene) {
    let bytes = saved(&scene.run(Execution::default(), 3));
    let (mut refused, mut others) = (0, 0);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            assert!(World::restore(&flipped, None, Execution::default()).is_err(), "byte {at}, bit {bit}");
            reseal(&mut flipped);
            match World::restore(&flipped, None, Execution::default()) {
                Err(_) => refused += 1,
                Ok(mut other) => {
                    others += 1;
                    assert_eq!(saved(&other), flipped, "one form only: byte {at}, bit {bit}");
                    other.step();
                }
            }
        }
    }
    assert!(refused > 1000 && others > 1000, "{refused} refused, {others} others");
}

#[test]
fn errors_name_the_part() {
    let bytes = saved(&Scene::small().run(Execution::default(), 3));
    let fails = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        reseal(&mut bytes);
        World::restore(&bytes, None, Execution::default()).expect_err("changed")
    };
    assert_eq!(fails(&|bytes| bytes[0] = b'X').fault, Fault::Magic);
    assert_eq!(fails(&|bytes| bytes[8] = 2).fault, Fault::Version);
    assert_eq!(fails(&|bytes| bytes[16] ^= 1).fault, Fault::Schema);
    assert_eq!(fails(&|bytes| bytes[24] ^= 1).fault, Fault::Hash("configuration"));
    assert_eq!(fails(&|bytes| bytes[32] ^= 1).fault, Fault::Map);
    let rate = fails(&|bytes| bytes[Header::BYTES + 8] = 0);
    assert_eq!((rate.part, rate.at > 64), ("config", true), "{rate}");
    let bad = Execution { shards: 0, ..Execution::default() };
    assert!(
        matches!(World::restore(&bytes, None, bad).expect_err("no shards").fault, Fault::Config(error) if error.field == "shards")
    );
}

/// Commands of a player wait in the order they came in, and those of players in the order of their numbers.
#[test]
fn commands_wait_in_the_order_of_players() {
    let mut world = World::new(WorldConfig::default(), None, Execution::default()).expect("valid");
    let entity = world.spawn(&Entity::at(at(1, 2))).expect("room");
    for player in [7, 9, 7] {
        let command = Command { player, entity, sector: None, action: Action::Stop, rewind: 0 };
        world.command(command).expect("room");
    }
    let bytes = saved(&world);
    let waiting = |player: u32| [&player.to_le_bytes()[..], &entity.bits().to_le_bytes(), &[4]].concat();
    let in_order = [waiting(7), waiting(7), waiting(9)].concat();
    let start = bytes.windows(in_order.len()).position(|window| window == in_order).expect("they wait");
    for order in [[7, 9, 7], [9, 7, 7]] {
        let mut turned = bytes.clone();
        turned[start..start + in_order.len()].copy_from_slice(&order.map(waiting).concat());
        reseal(&mut turned);
        let error = World::restore(&turned, None, Execution::default()).expect_err("another form of the same state");
        assert_eq!(error.fault, Fault::Order("commands"));
    }
}

/// The form is a promise: this changes only with [`muster_core::snapshot::FORMAT`].
#[test]
fn a_small_snapshot_has_the_bytes_it_always_had() {
    let config = WorldConfig { seed: 1, attributes: vec!["ammunition".into()], ..WorldConfig::default() };
    let mut world = World::new(config, None, Execution::default()).expect("valid");
    let first = world.spawn(&Entity { velocity_x: 1000, attributes: vec![9], ..Entity::at(at(1, 2)) }).expect("room");
    world.spawn(&Entity { health: -3, team: 7, target: first, ..Entity::at(at(-1, -2)) }).expect("room");
    world.step();
    let bytes = saved(&world);
    assert_eq!((bytes.len(), XxHash3_64::oneshot(&bytes), world.tick()), (550, 2_833_241_432_437_836_451, 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn worlds_of_any_history_come_back(seed in any::<u64>(), ticks in 0u32..40, shards in 1u16..9, cut in any::<u16>()) {
        let mut world = Scene::new(seed).run(Execution { shards, ..Execution::default() }, ticks);
        let bytes = saved(&world);
        let mut restored = World::restore(&bytes, None, Execution::default()).expect("as saved");
        prop_assert_eq!(saved(&restored), &bytes[..]);
        prop_assert_eq!(restored.hash(), world.hash());
        let junk = &bytes[bytes.len().min(usize::from(cut))..];
        prop_assert!(cut == 0 || World::restore(junk, None, Execution::default()).is_err());
    }
    /// Values that a configuration allows and no game would use must not break the arithmetic of a tick, which debug builds
    /// check.
    #[test]
    fn worlds_of_strange_values_go_on(
        seed in 0u64..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = saved(&Scene::of(seed, 8).run(Execution::default(), 12));
        for (at, byte) in changes {
            let at = Header::BYTES + at.index(bytes.len() - Header::BYTES);
            bytes[at] = byte;
        }
        reseal(&mut bytes);
        if let Ok(mut world) = World::restore(&bytes, None, Execution::default()) {
            prop_assert_eq!(saved(&world), bytes);
            for _ in 0..8 {
                world.step();
            }
            let bytes = saved(&world);
            prop_assert_eq!(saved(&World::restore(&bytes, None, Execution::default()).expect("as saved")), bytes);
        }
    }
}
