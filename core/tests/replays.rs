//! Goal: a replay leads where the recorded world went, from any tick on, and every difference is found and named.
//! Method: scripted worlds are recorded and played on other numbers of shards; files are cut and flipped at every byte;
//! one bit of one value is flipped behind the log's back, and the reports must say which.

mod scene;

use muster_core::{
    Column, EntityId, Execution, Input, World,
    entity::COLUMNS,
    replay::{Difference, Field, PlayError, Player, Recorder, Replay, Settings, Stepped, compare, encode_header},
};
use scene::{Scene, executions, saved};
use twox_hash::XxHash3_64;

const KEYS: Settings = Settings { key_ticks: 16, sector_hashes: true, pending_bytes_max: 1 << 24 };

fn player(file: &[u8]) -> Player<'_> {
    Player::new(Replay::open(file).expect("as recorded"), None, Execution::default()).expect("as recorded")
}

#[test]
fn a_replay_leads_where_the_world_went_on_any_number_of_shards() {
    let scenes = [Scene::new(5), Scene::with_map(5)];
    for (scene, execution) in scenes.iter().flat_map(|scene| executions().map(|execution| (scene, execution))) {
        let (world, file) = scene.clone().record(KEYS, 100, |_| {});
        let replay = Replay::open(&file).expect("as recorded");
        assert_eq!((replay.tick_first(), replay.tick_last(), replay.damage()), (0, 100, None));
        let mut player = Player::new(replay, scene.map(), execution).expect("as recorded");
        let mut ticks = 0;
        loop {
            match player.step().expect("as recorded") {
                Stepped::Same => ticks += 1,
                Stepped::Differs(report) => panic!("{report}"),
                Stepped::End => break,
            }
        }
        assert_eq!(ticks, 100);
        assert_eq!(saved(player.world()), saved(&world));
        assert_eq!(player.verify(), Ok(None));
    }
}

#[test]
fn what_a_replay_is_of_is_told_without_playing_it() {
    let scene = Scene::with_map(5);
    let (world, file) = scene.clone().record(KEYS, 40, |_| {});
    let mut builder = muster_schemas::Builder::new();
    for (end, is_cut) in [(file.len(), false), (file.len() - 20, true)] {
        let replay = Replay::open(&file[..end]).expect("whole frames");
        let config = scene.config();
        assert_eq!(replay.config().as_ref(), Ok(&config));
        let bytes = encode_header(&replay, &mut builder).expect("undamaged");
        let header = muster_schemas::read_replay_header(bytes).expect("within the limits");
        assert_eq!((header.tick_first(), header.tick_last(), header.key_ticks()), (0, 40, 16));
        let map_hash = world.map().expect("there is one").hash();
        assert_eq!((header.map_hash(), header.is_cut()), (map_hash, is_cut));
        let keys: Vec<u64> = header.key_frames().expect("there").iter().map(|key| key.tick()).collect();
        assert_eq!(keys, [0, 16, 32]);
        let told = header.config().expect("there");
        assert_eq!((told.seed(), told.entities_max()), (config.seed, config.entities_max));
        let behaviour = told.behaviours().expect("there").get(0);
        assert_eq!((behaviour.steps().len(), behaviour.think_ticks()), (4, 3));
        assert_eq!(told.attributes().expect("there").get(1), "fuel");
    }
}

#[test]
fn seeking_gives_the_same_world_as_going_straight() {
    let (_, file) = Scene::new(9).record(KEYS, 70, |_| {});
    let mut straight = player(&file);
    let mut worlds = vec![saved(straight.world())];
    while straight.step().expect("as recorded") == Stepped::Same {
        worlds.push(saved(straight.world()));
    }
    assert_eq!(worlds.len(), 71);
    let mut seeking = player(&file);
    for tick in [70, 0, 16, 15, 17, 33, 33, 1, 69, 48, 47, 70] {
        seeking.seek(tick).expect("in the replay");
        assert_eq!(seeking.world().tick(), tick);
        assert!(saved(seeking.world()) == worlds[tick as usize], "{tick}");
    }
    assert_eq!(seeking.seek(71), Err(PlayError::Tick { tick: 71 }));
    assert_eq!(seeking.world().tick(), 70);
    assert_eq!(seeking.step(), Ok(Stepped::End));
}

#[test]
fn a_file_that_was_cut_is_good_up_to_its_last_whole_frame() {
    let (_, file) = Scene::small().record(Settings { key_ticks: 4, ..KEYS }, 12, |_| {});
    let mut last = None;
    let mut ticks_seen = 0;
    for end in 0..=file.len() {
        let Ok(replay) = Replay::open(&file[..end]) else {
            assert_eq!(last, None, "what was playable stays so: {end}");
            continue;
        };
        let tick = replay.tick_last();
        assert!(last.is_none_or(|last| tick == last || tick == last + 1), "{end}");
        if last == Some(tick) {
            continue;
        }
        (last, ticks_seen) = (Some(tick), ticks_seen + 1);
        let mut player = Player::new(replay, None, Execution::default()).expect("whole frames");
        assert_eq!(player.verify(), Ok(None), "{end}");
        assert_eq!(player.world().tick(), tick);
        player.seek(tick / 2).expect("whole frames");
    }
    assert_eq!((last, ticks_seen), (Some(12), 13));
}

#[test]
fn every_flip_is_found_and_none_harms() {
    let (_, file) = Scene::small().record(Settings { key_ticks: 4, ..KEYS }, 10, |_| {});
    let mut unharmed = 0;
    for at in 0..file.len() {
        let mut flipped = file.clone();
        flipped[at] ^= 1 << (at % 8);
        let Ok(replay) = Replay::open(&flipped) else { continue };
        let found = replay.damage().is_some();
        let Ok(mut player) = Player::new(replay, None, Execution::default()) else { continue };
        // What is usable is as it was recorded: a difference is never taken for the recording.
        match player.verify() {
            Ok(None) => unharmed += usize::from(!found),
            Ok(Some(report)) => panic!("byte {at}: {report}"),
            Err(PlayError::File(_)) => {}
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
    // Only the index itself can be damaged without harm: it is made anew by looking at all frames.
    assert!((16..200).contains(&unharmed), "{unharmed}");
}

/// Puts the checksums of frames right after a change, as far as the frames still follow each other, and of the snapshots
/// in key frames.
fn reseal(file: &mut [u8]) {
    let sum = |head: &[u8], payload: &[u8]| XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(head), payload);
    let head_sum = sum(&file[..56], &[]);
    file[56..64].copy_from_slice(&head_sum.to_le_bytes());
    let mut rest = &mut file[64..];
    while rest.len() >= 24 {
        let length = u32::from_le_bytes([rest[4], rest[5], rest[6], rest[7]]) as usize;
        if rest.len() - 24 < length {
            return;
        }
        let (frame, after) = rest.split_at_mut(24 + length);
        let (head, payload) = frame.split_at_mut(24);
        if head.starts_with(b"KEYF") && payload.len() >= 64 {
            let (inner, state) = payload.split_at_mut(64);
            let inner_sum = sum(&inner[..56], state);
            inner[56..].copy_from_slice(&inner_sum.to_le_bytes());
        }
        let frame_sum = sum(&head[..16], payload);
        head[16..].copy_from_slice(&frame_sum.to_le_bytes());
        rest = after;
    }
}

#[test]
fn flips_behind_the_checksums_end_in_an_error_a_difference_or_another_recording() {
    let (_, file) = Scene::small().record(Settings { key_ticks: 4, ..KEYS }, 10, |_| {});
    let mut sealed = file.clone();
    reseal(&mut sealed);
    assert!(sealed == file, "the seals are put as the recorder puts them");
    let (mut errors, mut differences, mut others) = (0, 0, 0);
    for at in 0..file.len() {
        let mut flipped = file.clone();
        flipped[at] ^= 1 << (at * 5 % 8);
        reseal(&mut flipped);
        let Ok(mut player) = Replay::open(&flipped)
            .map_err(PlayError::from)
            .and_then(|replay| Player::new(replay, None, Execution::default()))
        else {
            errors += 1;
            continue;
        };
        match player.verify() {
            Ok(None) => others += 1,
            Ok(Some(_)) => differences += 1,
            Err(_) => errors += 1,
        }
        let _ = player.seek(7);
    }
    assert!(errors > 100 && differences > 100 && others > 10, "{errors} {differences} {others}");
}

#[test]
fn beyond_damage_the_next_key_frame_is_found() {
    let (world, mut file) = Scene::small().record(Settings { key_ticks: 8, ..KEYS }, 32, |_| {});
    let tick = file.windows(16).position(|bytes| bytes.starts_with(b"TICK") && bytes[8..] == 11u64.to_le_bytes());
    file[tick.expect("recorded") + 30] ^= 1;
    let mut player = player(&file);
    assert!(matches!(player.seek(15), Err(PlayError::File(_))));
    assert_eq!(player.world().tick(), 11);
    player.seek(32).expect("behind the damage");
    assert_eq!(saved(player.world()), saved(&world));
}

/// An entity in which a flipped bit is still to be seen after a tick, and before what it does to others: a tick itself
/// undoes some, such as the target of an entity that has nothing to do.
fn lasting(world: &World, column: Column, bit: u32) -> Option<EntityId> {
    let bytes = saved(world);
    let copy = || World::restore(&bytes, None, Execution::default()).expect("as saved");
    let mut ids = Vec::new();
    world.ids(&mut ids);
    let mut plain = copy();
    plain.step();
    ids.into_iter().rev().find(|id| {
        let mut struck = copy();
        struck.corrupt(*id, column, bit);
        struck.step();
        compare(&plain, &struck)
            .is_some_and(|found| matches!(found.difference, Difference::Value { entity, .. } if entity == *id))
    })
}

#[test]
fn a_flipped_bit_is_found_and_named_exactly() {
    let every_tick = Settings { key_ticks: 1, ..KEYS };
    let columns = COLUMNS.iter().copied().chain([Column::Attribute(0), Column::Attribute(1)]);
    for (number, column) in columns.enumerate() {
        // Bits that keep the value one that a world may have.
        let bit = match column {
            Column::Shape | Column::Order => 0,
            Column::Weapon | Column::Bot | Column::SpeedMax | Column::AccelerationMax => continue,
            _ => number as u32 % 6,
        };
        let at_tick = 3 + number as u64;
        let mut struck = None;
        let (_, file) = Scene::new(21).record(every_tick, 60, |world| {
            if world.tick() == at_tick {
                let id = lasting(world, column, bit).expect("some entity keeps the fault for a tick");
                assert!(world.corrupt(id, column, bit));
                struck = Some((id, world.position(id).expect("lives").sector));
            }
        });
        let (id, sector) = struck.expect("the tick was reached");
        let mut player = player(&file);
        let report = player.verify().expect("readable").expect("found");
        // The fault came between two ticks, so the tick after it is the first that differs.
        assert_eq!(report.tick, at_tick + 1, "{column:?}: {report}");
        assert!(report.sectors.contains(&sector), "{column:?}: {report}");
        if column == Column::Path {
            // A path that is not there: no world comes of that key frame.
            assert_eq!(report.first, None);
            continue;
        }
        let first = report.first.expect("there is a key frame each tick");
        let Difference::Value { entity, .. } = first.difference else { panic!("{column:?}: {report}") };
        assert_eq!((entity, first.tick), (id, at_tick + 1), "{column:?}: {report}");
    }
}

#[test]
fn two_live_worlds_are_compared_value_by_value() {
    let mut scene = Scene::new(30);
    let mut world = scene.world(Execution::default());
    scene.advance(&mut world, 20);
    let bytes = saved(&world);
    let mut ids = Vec::new();
    world.ids(&mut ids);
    let columns = COLUMNS.iter().copied().chain([Column::Attribute(0), Column::Attribute(1)]);
    for (number, column) in columns.enumerate() {
        let id = ids[(number * 7) % ids.len()];
        for bit in [0, 8 * column.bytes() as u32 - 1] {
            let mut other =
                World::restore(&bytes, None, Execution { shards: 3, ..Execution::default() }).expect("as saved");
            assert!(other.corrupt(id, column, bit));
            let found = compare(&world, &other).expect("one bit");
            let sector = world.position(id).expect("lives").sector;
            let (left, right) = (world.value(id, column).expect("lives"), other.value(id, column).expect("lives"));
            let difference = Difference::Value { sector, entity: id, field: Field::Column(column), left, right };
            assert_eq!((found.tick, found.entities, found.difference), (20, 1, difference));
            assert_ne!(world.hash(), other.hash(), "{column:?}");
            let report = found.to_string();
            assert!(report.contains(&id.to_string()) && report.contains(&sector.to_string()), "{report}");
        }
    }
    let mut other = World::restore(&bytes, None, Execution::default()).expect("as saved");
    other.despawn(ids[4]).expect("lives");
    let missing = compare(&world, &other).expect("one is gone").difference;
    assert!(matches!(missing, Difference::Missing { entity, in_left: true, .. } if entity == ids[4]), "{missing}");
    other.spawn(&world.entity(ids[4]).expect("lives")).expect("room");
    let other_id = compare(&world, &other).expect("another generation");
    assert_eq!(other_id.entities, 2, "{other_id}");
}

#[test]
fn parts_that_are_no_entities_are_named() {
    let mut world = Scene::new(2).run(Execution::default(), 5);
    let mut other = World::restore(&saved(&world), None, Execution::default()).expect("as saved");
    let entity = muster_core::Entity::at(scene::at(1, 1));
    for world in [&mut world, &mut other] {
        for _ in 0..2 {
            world.spawn(&entity).expect("room");
        }
    }
    let mut ids = Vec::new();
    world.ids(&mut ids);
    let [first, second] = [ids[ids.len() - 2], ids[ids.len() - 1]];
    for id in [first, second] {
        world.despawn(id).expect("lives");
    }
    for id in [second, first] {
        other.despawn(id).expect("lives");
    }
    let found = compare(&world, &other).expect("other ids will be given out");
    assert!(found.to_string().contains("slots"), "{found}");
}

#[test]
fn between_key_frames_the_tick_and_the_sector_are_named() {
    let mut struck = EntityId::NULL;
    let (_, file) = Scene::new(8).record(KEYS, 48, |world| {
        if world.tick() == 20 {
            let mut ids = Vec::new();
            world.ids(&mut ids);
            struck = ids[10];
            assert!(world.corrupt(struck, Column::State, 9));
        }
    });
    let report = player(&file).verify().expect("readable").expect("found");
    assert_eq!((report.tick, report.sectors.len()), (21, 1), "{report}");
    let first = report.first.expect("there is a key frame behind");
    assert_eq!(first.tick, 32);
    assert!(
        matches!(first.difference, Difference::Value { entity, field: Field::Column(Column::State), left, right, .. }
            if entity == struck && left ^ right == 1 << 9),
        "{report}"
    );
}

#[test]
fn against_a_live_world_the_value_is_named_without_a_key_frame() {
    let (mut world, file) = Scene::new(12).record(KEYS, 25, |_| {});
    let mut player = player(&file);
    assert_eq!(player.compare_with(&world), Ok(None));
    let mut ids = Vec::new();
    world.ids(&mut ids);
    assert!(world.corrupt(ids[7], Column::Attribute(0), 4));
    let found = player.compare_with(&world).expect("readable").expect("one bit");
    let named = matches!(found.difference, Difference::Value { entity, field: Field::Column(Column::Attribute(0)), left, right, .. }
        if entity == ids[7] && left ^ right == 16);
    assert!(named && found.tick == 25 && found.entities == 1, "{found}");
}

#[test]
fn a_host_that_does_not_take_the_bytes_leaves_a_gap_and_the_count_says_so() {
    let mut scene = Scene::new(6);
    let mut world = scene.world(Execution::default());
    let settings = Settings { key_ticks: 10, pending_bytes_max: 16_000, ..KEYS };
    let mut recorder = Recorder::new(&world, settings);
    let mut file = Vec::new();
    for tick in 0..60 {
        for input in scene.inputs(&world) {
            let _ = recorder.apply(&mut world, &input);
        }
        recorder.apply(&mut world, &Input::Step).expect("a step");
        if !(10..40).contains(&tick) {
            file.extend_from_slice(recorder.pending());
            recorder.consume(recorder.pending().len());
        }
        assert!(recorder.pending().len() < 40_000);
    }
    recorder.finish();
    file.extend_from_slice(recorder.pending());
    let lost = recorder.ticks_lost();
    assert!((5..35).contains(&lost), "{lost}");
    let mut player = player(&file);
    assert_eq!(player.verify(), Ok(None));
    assert_eq!(saved(player.world()), saved(&world));
    assert_eq!(player.seek(38), Err(PlayError::Tick { tick: 38 }));
    player.seek(60).expect("behind the gap");
    assert_eq!(saved(player.world()), saved(&world));
}
