//! Goal: a match is recorded so that every tick can be made again; a server that is told to end saves what runs; what breaks is
//! kept with a report, and its players are told.
//!
//! Method: the arena that ships, with its bots and one player; SIGTERM; `muster replay` on the file; rules that fail for ever.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::stage::{DEADLINE, DISCS, Running, Scratch, muster};
use muster_core::Map;
use serde_json::{Value, json};

fn arena() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/modes/arena"))
}

fn files(scratch: &Scratch, folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(scratch.path().join("data").join(folder)).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

#[tokio::test]
async fn a_recorded_match_is_the_same_at_every_tick_and_goes_on_after_an_orderly_end() {
    let scratch = Scratch::new();
    for file in ["rules.lua", "map.json"] {
        let folder = scratch.path().join("modes/arena");
        fs::create_dir_all(&folder).expect("a folder can be made");
        fs::copy(arena().join(file), folder.join(file)).expect("the arena is there");
    }
    let mut server = Running::dev(&scratch, &["--limit-replay-files", "3"]);
    let (_, modes) = server.request("GET", "/v1/modes", "").await;
    let modes: Value = serde_json::from_str(&modes).expect("it is JSON");
    let id = modes["modes"][0]["map"].as_str().expect("the arena has a map");
    let (status, map) = server.request("GET", &format!("/v1/maps/{id}"), "").await;
    assert_eq!(status, 200);
    let token = server.guest("Ada").await;
    let mut ada = server.connect(&token).await;
    ada.map = Some(Map::from_json(&map).expect("it is a map"));
    let joined = ada.join(json!({ "mode": "arena" })).await;
    assert!(joined["team"].as_u64().is_some_and(|team| team > 0), "{joined}");
    ada.play("her own fighter among bots", |client| {
        let Some(sync) = &client.sync else { return false };
        sync.predicted().is_some() && sync.shown().id.len() > 1 && sync.statistics().packets > 60
    })
    .await;

    server.terminate();
    assert_eq!(ada.refusal().await, "draining");
    assert!(server.child.wait().expect("it ends").success());
    let replays = files(&scratch, "replays", "replay");
    assert_eq!(replays.len(), 1);
    let verified = muster(&["replay", "--json", "--map"])
        .args([scratch.path().join(format!("data/kept-maps/{id}.json")), replays[0].clone()])
        .output()
        .expect("it runs");
    let verdict: Value = serde_json::from_slice(&verified.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&verified.stderr)));
    assert!(verified.status.success(), "{verdict}");
    assert_eq!((&verdict["is_finished"], &verdict["divergence"]), (&json!(true), &Value::Null));
    assert!(verdict["tick_last"].as_u64() >= Some(60), "{verdict}");

    let server = Running::dev(&scratch, &[]);
    let mut ada = server.connect(&token).await;
    ada.map = Some(Map::from_json(&map).expect("it is a map"));
    let back = ada.join(json!({ "resume": joined["resume"] })).await;
    assert_eq!(
        (&back["match"], &back["number"], &back["team"]),
        (&joined["match"], &joined["number"], &joined["team"])
    );
    ada.play("her own fighter", |client| client.sync.as_ref().is_some_and(|sync| sync.predicted().is_some())).await;
    let (_, list) = server.request("GET", "/v1/replays", "").await;
    let list: Value = serde_json::from_str(&list).expect("it is JSON");
    assert_eq!(list["replays"][0]["players"], json!(["Ada"]));
    let id = list["replays"][0]["id"].as_str().expect("it has an id");
    assert_eq!(server.request("GET", &format!("/v1/replays/{id}"), "").await.0, 200);

    let mut eve = server.connect(&server.guest("Eve").await).await;
    eve.say(&json!({ "type": "match:join", "replay": "nothing" })).await;
    assert_eq!(eve.refusal().await, "not_found");
    eve.map = Some(Map::from_json(&map).expect("it is a map"));
    let film = eve.join(json!({ "replay": id })).await;
    assert_eq!(
        (&film["replay"]["tick_first"], &film["settings"]["client"]),
        (&json!(0), &joined["settings"]["client"])
    );
    let last = film["replay"]["tick_last"].as_u64().expect("it is a number");
    eve.play("the fighters", |client| client.sync.as_ref().is_some_and(|sync| sync.shown().id.len() > 1)).await;
    eve.say(&json!({ "type": "replay:seek", "tick": last - 20 })).await;
    assert_eq!(eve.hear("match:joined").await["replay"]["tick"], last - 20);
    eve.hello().await;
    loop {
        let at = eve.hear("replay:at").await;
        if at["paused"] == true {
            assert_eq!(at["tick"], last);
            break;
        }
    }
    eve.say(&json!({ "type": "match:leave" })).await;
    eve.hear("match:left").await;
    eve.join(json!({ "match": joined["match"], "spectate": true })).await;
}

#[tokio::test]
async fn a_match_whose_rules_fail_for_ever_ends_with_a_report_and_others_go_on() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", DISCS);
    scratch.write_mode(
        "broken",
        &DISCS.replace("for _, message in messages do", "while true do end for _, message in messages do"),
    );
    let server = Running::dev(&scratch, &[]);
    let (mut good, _) = server.join("Good", json!({ "mode": "discs" })).await;
    let mut bad = server.connect(&server.guest("Bad").await).await;
    let joined = bad.join(json!({ "mode": "broken" })).await;
    assert_eq!(bad.refusal().await, "match_failed");
    bad.hear("match:ended").await;
    // The connection stays, for another match.
    bad.sync = None;
    bad.join(json!({ "mode": "discs" })).await;
    good.tell_rules("1").await;
    bad.play("the good guest's message", |client| client.said.iter().any(|said| said["said"] == 1)).await;
    assert_eq!(server.metric("muster_matches_failed_total").await, 1.0);
    assert!(server.metric("muster_script_kills_total").await >= 1.0);
    assert!(server.metric("muster_script_seconds_sum").await > 0.001, "what was stopped took its time");
    // The archive writes while the players are told.
    let (begun, mut turn) = (Instant::now(), tokio::time::interval(Duration::from_millis(20)));
    while files(&scratch, "failed", "state").is_empty() || files(&scratch, "failed", "json").is_empty() {
        assert!(begun.elapsed() < DEADLINE, "nothing is kept");
        turn.tick().await;
    }
    let reports = files(&scratch, "failed", "json");
    let report: Value = serde_json::from_slice(&fs::read(&reports[0]).expect("it can be read")).expect("it is JSON");
    assert_eq!(report["match_id"], joined["match"]);
    assert_eq!(report["error"]["file"], "rules.lua", "{report}");
    assert_eq!(files(&scratch, "failed", "state").len(), 1);
}
