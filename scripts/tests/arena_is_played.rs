//! Goal: the arena that ships is a game: bots find and shoot each other, players take their seats, it ends with a winner,
//! and what it did is replayed without a script.
//! Method: whole matches in memory, with bots alone and with players who command their fighters.

mod support;

use std::path::Path;

use muster_core::{
    Execution, Map,
    command::{Action, Command},
    entity::EntityId,
    replay::{Player, Replay, Settings},
};
use muster_scripts::{Bundle, Host, LeaveReason, Limits, Match, MatchOptions, Output};
use serde_json::{Value, json};
use support::{outputs, player};

fn arena() -> Host {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modes/arena");
    Host::new(Bundle::load(&folder).expect("the arena is a bundle").into(), Limits::default()).expect("it compiles")
}

/// Steps until the end or so many ticks; what was said on the way.
fn play(game: &mut Match, ticks: u32) -> Vec<Output> {
    let mut said = Vec::new();
    for _ in 0..ticks {
        let report = game.step(&mut Vec::new());
        assert_eq!(report.script_errors, 0, "{:?}", outputs(game));
        said.extend(outputs(game));
        if report.has_ended {
            break;
        }
    }
    said
}

fn of_type(said: &[Output], wanted: &str) -> Vec<Value> {
    let text = |output: &Output| match output {
        Output::Message { bytes, .. } => serde_json::from_slice::<Value>(bytes).ok(),
        _ => None,
    };
    said.iter().filter_map(text).filter(|value| value["type"] == wanted).collect()
}

#[test]
fn bots_play_to_the_end_and_the_replay_verifies_without_scripts() {
    let options = MatchOptions { seed: 7, params: json!({ "score": 20, "seats": 8 }), ..MatchOptions::default() };
    let host = arena();
    let mut game = host.open(&options).unwrap();
    game.record(Settings { key_ticks: 600, ..Settings::default() });
    let said = play(&mut game, 6100);
    let ended = game.ended().expect("the match ends").clone();
    let score: i64 = (0..2).map(|team| ended.result["score"][team].as_i64().unwrap()).sum();
    assert!(score >= 20, "{ended:?}");
    assert!(of_type(&said, "kill").len() >= 20);
    assert_eq!(of_type(&said, "over").len(), 1);
    let hash = game.world_mut().hash();
    let recorder = game.recording_mut().unwrap();
    recorder.finish();
    let mut file = Vec::new();
    file.extend_from_slice(recorder.pending());
    let replay = Replay::open(&file).unwrap();
    let map = host.bundle().map().cloned();
    let mut player = Player::new(replay, map, Execution::default()).unwrap();
    assert!(player.verify().unwrap().is_none(), "every tick has the hash that was recorded");
    assert_eq!(player.into_world().hash(), hash);
}

#[test]
fn players_take_seats_move_shoot_and_leave() {
    let mut game = arena().open(&MatchOptions::default()).unwrap();
    game.join_attempt(&player(1), &Value::Null).unwrap();
    game.join(&player(1)).unwrap();
    game.join(&player(2)).unwrap();
    assert_ne!(game.team(1), game.team(2));
    let said = outputs(&mut game);
    let unit = said
        .iter()
        .find_map(|output| match output {
            Output::Predicted { player: 1, entity } => Some(*entity),
            _ => None,
        })
        .expect("a player steers a fighter");
    assert_ne!(unit, EntityId::NULL);
    assert_eq!(of_type(&said, "roster").len(), 2);
    let from = game.world().position(unit).unwrap();
    let command = |action| (1, Command { player: 1, entity: unit, sector: None, action, rewind: 0 });
    let mut fired = 0;
    for _ in 0..20 {
        let mut inputs = vec![command(Action::SetVelocity { x: 0, y: -7 << 16 }), command(Action::Fire { heading: 0 })];
        game.step(&mut inputs);
        fired = fired.max(game.world().stats().projectiles);
    }
    let to = game.world().position(unit).unwrap_or(from);
    assert!(fired > 0 && to != from);
    assert_eq!(game.world().entity_count(), 8);
    game.away(1, true);
    play(&mut game, 20);
    game.away(1, false);
    game.leave(1, LeaveReason::Left);
    game.leave(2, LeaveReason::Lost);
    let said = play(&mut game, 200);
    assert!(!said.iter().any(|output| matches!(output, Output::Predicted { .. })));
    assert_eq!(game.players().count(), 0);
}

#[test]
fn a_saved_arena_goes_on_with_the_same_fighters() {
    let host = arena();
    let mut game = host.open(&MatchOptions::default()).unwrap();
    game.join(&player(5)).unwrap();
    play(&mut game, 400);
    let mut saved = Vec::new();
    game.save(&mut saved).unwrap();
    let mut back = host.restore(&saved, &MatchOptions::default()).unwrap();
    let (one, two) = (play(&mut game, 6000), play(&mut back, 6000));
    assert_eq!(game.ended(), back.ended());
    assert!(!one.is_empty() && one.len() == two.len());
    assert_eq!(game.world_mut().hash(), back.world_mut().hash());
}

#[test]
fn the_map_is_one_for_the_core_alone() {
    let map = Map::from_json(arena().bundle().map_text().unwrap()).unwrap();
    assert_eq!(map.spawn_points().len(), 10);
}
