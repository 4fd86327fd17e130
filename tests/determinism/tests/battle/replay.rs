//! Goal: a replay is the battle again.
//! Method: the battle of the golden values is recorded and played with another execution; state and events are compared
//! tick by tick. A short recording with many key frames is verified, and played from the middle.

use muster_core::{
    Execution,
    replay::{Player, Recorder, Replay, Settings, Stepped},
};
use muster_determinism::{Moment, Run, Setting, check_golden, check_size, digest_of_events, execution, map, ticks};

/// Records a run; what it came to in each tick, and the file.
fn record(run: &mut Run, ticks: u64, settings: Settings) -> (Vec<Moment>, Vec<u8>) {
    let mut recorder = Recorder::new(run.world_mut(), settings);
    let mut file = Vec::new();
    let trace = (0..ticks)
        .map(|_| {
            let moment = run.tick_with(|world, input| recorder.apply(world, input));
            file.extend_from_slice(recorder.pending());
            recorder.consume(recorder.pending().len());
            moment
        })
        .collect();
    recorder.finish();
    file.extend_from_slice(recorder.pending());
    assert_eq!(recorder.ticks_lost(), 0);
    (trace, file)
}

/// Plays a file on and compares with what was recorded.
fn follow(player: &mut Player<'_>, trace: &[Moment]) {
    loop {
        let tick = player.world().tick();
        match player.step().expect("the file is whole") {
            Stepped::End => break assert_eq!(tick, trace.len() as u64),
            Stepped::Same => {
                let moment = &trace[tick as usize];
                assert_eq!(player.world_mut().hash(), moment.hash, "tick {tick}");
                assert_eq!(digest_of_events(player.world().events()), moment.events, "tick {tick}");
            }
            Stepped::Differs(report) => panic!("{report}"),
        }
    }
}

#[test]
fn a_replay_is_the_battle_again() {
    let mut run = Run::new(Setting::default(), execution(1, 1, 0));
    let settings = Settings { key_ticks: 9_000, sector_hashes: false, ..Settings::default() };
    let (trace, file) = record(&mut run, ticks(), settings);
    check_golden(run.outcomes());
    check_size(&run);
    let played: Execution = execution(6, 1, 60);
    let mut player = Player::new(Replay::open(&file).expect("a replay"), Some(map()), played).expect("a key frame");
    follow(&mut player, &trace);
}

#[test]
fn a_replay_can_be_verified_and_played_from_anywhere() {
    let mut run = Run::new(Setting::small(3, 300), execution(2, 1, 0));
    let (trace, file) = record(&mut run, 1000, Settings { key_ticks: 64, ..Settings::default() });
    let replay = Replay::open(&file).expect("a replay");
    let mut player = Player::new(replay, Some(map()), execution(3, 1, 20)).expect("a key frame");
    assert_eq!(player.verify().expect("the file is whole"), None);
    for tick in [999, 1, 64, 63, 640, 777] {
        player.seek(tick).expect("a tick of the file");
        assert_eq!(player.world_mut().hash(), trace[tick as usize - 1].hash, "{tick}");
    }
    follow(&mut player, &trace);
}
