//! Goal: the smallest fault in a world is found at once, and the report names its tick, sector, entity and column.
//! Method: a battle is recorded with the hashes of its sectors. While it is played, one bit of one value is flipped behind
//! the world's back, once for every column and some for coordinates of the report: the next step differs, and the
//! comparison of the two worlds names the value.

use muster_core::{
    Column,
    entity::COLUMNS,
    replay::{Difference, Field, Player, Recorder, Replay, Settings, Stepped, compare},
};
use muster_determinism::{Dice, Run, Setting, execution, map};

const TICKS: u64 = 200;

#[test]
fn every_column_of_an_entity_is_watched() {
    let mut run = Run::new(Setting::small(5, 250), execution(1, 1, 0));
    let mut recorder = Recorder::new(run.world_mut(), Settings { key_ticks: 50, ..Settings::default() });
    for _ in 0..TICKS {
        run.tick_with(|world, input| recorder.apply(world, input));
    }
    recorder.finish();
    let file = recorder.pending();
    let open =
        |execution| Player::new(Replay::open(file).expect("a replay"), Some(map()), execution).expect("a key frame");
    let (mut sound, mut faulty) = (open(execution(1, 1, 0)), open(execution(3, 1, 10)));
    let columns = COLUMNS.iter().copied().chain([Column::Attribute(0), Column::Attribute(1)]);
    for (number, column) in columns.enumerate() {
        let mut dice = Dice::new(1, number as u64, 3);
        let tick = 100 + u64::from(dice.below(80));
        sound.seek(tick).expect("a tick of the file");
        faulty.seek(0).expect("the beginning");
        faulty.seek(tick).expect("a tick of the file");
        assert_eq!(compare(sound.world(), faulty.world()), None);
        let mut ids = Vec::new();
        sound.world().ids(&mut ids);
        let id = dice.of(&ids);
        let bit = dice.below(8 * column.bytes() as u32);
        assert!(faulty.world_mut().corrupt(id, column, bit), "{column:?}");

        let found = compare(sound.world(), faulty.world()).expect("a bit is flipped");
        let sector = sound.world().position(id).expect("it lives").sector;
        let Difference::Value { sector: named, entity, field, .. } = found.difference else {
            panic!("{column:?}: {found}");
        };
        assert_eq!((named, entity, field, found.entities), (sector, id, Field::Column(column), 1), "{found}");

        // Some faults heal within a tick, such as that of a heading that is set anew; the state's hash sees it before.
        assert_ne!(sound.world_mut().hash(), faulty.world_mut().hash(), "{column:?}");
        let (mut before, mut after) = (Vec::new(), Vec::new());
        sound.world_mut().sector_hashes(&mut before);
        faulty.world_mut().sector_hashes(&mut after);
        let differing: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).map(|(a, _)| a.0).collect();
        assert_eq!(differing, [sector], "{column:?}");
    }
}

#[test]
fn a_replay_says_in_which_tick_and_sector_the_fault_is() {
    let mut run = Run::new(Setting::small(6, 250), execution(1, 1, 0));
    let mut recorder = Recorder::new(run.world_mut(), Settings { key_ticks: 50, ..Settings::default() });
    for _ in 0..TICKS {
        run.tick_with(|world, input| recorder.apply(world, input));
    }
    recorder.finish();
    let replay = Replay::open(recorder.pending()).expect("a replay");
    let mut player = Player::new(replay, Some(map()), execution(2, 1, 0)).expect("a key frame");
    player.seek(120).expect("a tick of the file");
    let mut ids = Vec::new();
    player.world().ids(&mut ids);
    let id = ids[ids.len() / 2];
    assert!(player.world_mut().corrupt(id, Column::Attribute(1), 7));
    let sector = player.world().position(id).expect("it lives").sector;
    let Stepped::Differs(report) = player.step().expect("the file is whole") else { panic!("the fault was not seen") };
    assert_eq!(report.tick, 121);
    assert_ne!(report.recorded, report.played);
    let here = player.world().position(id).map_or(sector, |position| position.sector);
    assert!(report.sectors.contains(&sector) || report.sectors.contains(&here), "{report}");
}
