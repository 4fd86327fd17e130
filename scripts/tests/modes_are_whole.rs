//! Goal: every mode that ships has nothing to find fault with, and does what it is for.
//! Method: the check that `muster check` runs, on each folder of modes; then races and skirmishes of bots, and a room.

mod support;

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use muster_scripts::{Bundle, Host, Limits, Match, MatchOptions, Output, To, check};
use serde_json::{Value, json};
use support::{outputs, player, step};

fn bundle(mode: &str) -> Arc<Bundle> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modes").join(mode);
    Arc::new(Bundle::load(&folder).unwrap_or_else(|error| panic!("{mode}: {error}")))
}

fn open(mode: &str, params: Value) -> Match {
    let host = Host::new(bundle(mode), Limits::default()).expect("the mode compiles");
    host.open(&MatchOptions { params, ..MatchOptions::default() }).expect("the mode opens")
}

fn play(game: &mut Match, ticks: u32) -> Vec<Value> {
    let mut said = Vec::new();
    for _ in 0..ticks {
        let report = step(game);
        for output in outputs(game) {
            match output {
                Output::Message { bytes, .. } => said.push(serde_json::from_slice(&bytes).expect("messages are JSON")),
                Output::ScriptError(error) => panic!("{error}"),
                _ => {}
            }
        }
        if report.has_ended {
            break;
        }
    }
    said
}

fn types(said: &[Value]) -> BTreeSet<&str> {
    said.iter().filter_map(|value| value["type"].as_str()).collect()
}

#[test]
fn nothing_is_found_in_the_modes_that_ship() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modes");
    let mut modes = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let checked = check(&bundle(&name), &Limits::default());
        assert!(checked.findings.is_empty(), "{name}: {:#?}", checked.findings);
        assert_eq!(checked.ticks, 60);
        assert!(checked.work_max < 50_000, "{name}: {}", checked.work_max);
        modes += 1;
    }
    assert_eq!(modes, 4);
}

#[test]
fn what_is_wrong_with_a_mode_is_named() {
    let cases = [
        ("local rules = {", "rules.lua:1: "),
        ("return {}", "match_init"),
        (
            "function rules.match_loop(self) if self.x then world.spwan({}) end end return rules",
            "is world.spawn meant?",
        ),
        ("function rules.match_join(self, player) player.nane.x = 1 end return rules", "attempt to index nil"),
        ("function rules.match_leave(self) while true do end end return rules", "match_leave did more than"),
        ("function rules.match_loop(self) self.f = print end return rules", "self.f is a function"),
        ("function rules.match_loop() match.stop('early') end return rules", "ended by itself after 1 ticks: early"),
        ("function rules.match_join_attempt() return false, 'nobody' end return rules", "not let in: nobody"),
        ("function rules.on_reload() error('no way') end return rules", "no way"),
    ];
    for (rules, expect) in cases {
        let head = if rules.contains("return rules") {
            "local rules = {} function rules.match_init() return {} end "
        } else {
            ""
        };
        let checked = check(&support::bundle(&[("rules.lua", &format!("{head}{rules}"))]), &Limits::default());
        assert!(checked.findings.iter().any(|finding| finding.to_string().contains(expect)), "{expect}: {checked:?}");
    }
}

#[test]
fn bots_race_to_the_end() {
    let mut game = open("race", json!({ "laps": 1, "bots": 4 }));
    let said = play(&mut game, 30 * 240);
    assert_eq!(game.ended().map(|ended| ended.reason.as_str()), Some("finished"));
    assert!(types(&said).is_superset(&["go", "places", "finished", "over"].into()));
}

#[test]
fn bots_fight_over_points_and_units_are_commanded_in_groups() {
    let mut game = open("skirmish", json!({ "units": 10, "seconds": 200 }));
    game.join(&player(1)).unwrap();
    let owned: Vec<f64> = {
        let mut ids = Vec::new();
        game.world().ids(&mut ids);
        let is_mine = |id: &muster_core::EntityId| game.world().value(*id, muster_core::Column::Owner) == Ok(1);
        ids.into_iter().filter(is_mine).map(|id| id.bits() as f64).collect()
    };
    assert_eq!(owned.len(), 10);
    let order = json!({ "type": "group", "units": owned, "x": 36, "y": 64 });
    game.message(1, order.to_string().as_bytes()).unwrap();
    game.message(1, b"{\"type\":\"buy\"}").unwrap();
    let said = play(&mut game, 20 * 200 + 1);
    assert!(types(&said).is_superset(&["gold", "captured", "over"].into()), "{:?}", types(&said));
    assert!(said.iter().any(|value| value["type"] == "captured" && value["team"] == 1));
    assert_eq!(game.ended().map(|ended| ended.reason.as_str()), Some("finished"));
}

#[test]
fn members_of_a_room_hear_each_other() {
    let mut game = open("relay_room", Value::Null);
    for number in 1..=3 {
        game.join(&player(number)).unwrap();
    }
    outputs(&mut game);
    game.message(2, b"{\"k\":[1,2]}").unwrap();
    game.message(1, b"{\"to\": 3, \"x\":1}").unwrap();
    game.message(1, b"{\"to\": 9}").unwrap();
    step(&mut game);
    let sent: Vec<_> = outputs(&mut game)
        .into_iter()
        .filter_map(|output| match output {
            Output::Message { to, bytes } => Some((to, String::from_utf8(bytes).unwrap())),
            _ => None,
        })
        .collect();
    assert_eq!(
        sent,
        [
            (To::AllBut(2), "{\"from\":2,\"data\":{\"k\":[1,2]}}".to_owned()),
            (To::Player(3), "{\"from\":1,\"data\":{\"to\": 3, \"x\":1}}".to_owned()),
        ]
    );
}
