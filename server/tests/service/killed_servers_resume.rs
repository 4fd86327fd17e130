//! Goal: when the process is killed in mid-match and started again, the match goes on from its last backup: players are back
//! within 5 s where they were, and the mode's behaviour plays for those who are not back yet.
//!
//! Method: SIGKILL; the backup is read with the server's own code and compared with what the players then see.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::stage::{Client, DISCS, Running, Scratch};
use muster_core::{METRE, command::Action, entity::Column, map::Map};
use muster_scripts::{Bundle, Host, Limits, MatchOptions};
use muster_server::host::archive::SavedMatch;
use serde_json::json;

/// How long coming back may take, the server's start included.
const BACK_WITHIN: Duration = Duration::from_secs(5);

fn steer(client: &mut Client, metres_a_second: i32) {
    let Some(sync) = &mut client.sync else { return };
    if let Some(own) = sync.predicted().map(|own| own.id) {
        sync.command(own, Action::SetVelocity { x: metres_a_second * METRE, y: 0 }).expect("there is room");
    }
}

/// Where the discs are in the last backup of the only match, in centimetres, by owner.
fn saved_places(scratch: &Scratch) -> Vec<(u32, i64, i64)> {
    let mut files = fs::read_dir(scratch.path().join("data/matches")).expect("the folder is there");
    let file = files.next().expect("there is a backup").expect("it can be read").path();
    let saved = SavedMatch::decode(&fs::read(file).expect("it can be read")).expect("it is one");
    let bundle = Bundle::load(&scratch.path().join("modes/discs")).expect("it is a mode");
    let host = Host::new(Arc::new(bundle), Limits::default()).expect("the rules are good");
    let game = host.restore(&saved.bytes, &MatchOptions::default()).expect("it goes on");
    let world = game.world();
    let mut ids = Vec::new();
    world.ids(&mut ids);
    let place = |id: &muster_core::EntityId| {
        let at = world.position(*id).expect("it is there");
        let owner = world.value(*id, Column::Owner).expect("it is there");
        let cm = |units: i32| i64::from(units) * 100 / i64::from(METRE);
        (owner as u32, cm(at.x), cm(at.y))
    };
    ids.iter().map(place).collect()
}

/// Waits until the match was written down anew, twice: the first may have been under way.
pub(crate) async fn wait_for_backup(server: &Running, client: &mut Client) {
    let before = server.metric("muster_backups_total").await;
    for _ in 0..1000 {
        if server.metric("muster_backups_total").await >= before + 2.0 {
            return;
        }
        client.play("a frame", |_| true).await;
    }
    panic!("nothing is written down");
}

#[tokio::test]
async fn players_are_back_within_five_seconds_where_they_were() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", DISCS);
    let server = Running::dev(&scratch, &[]);
    let token = server.guest("Ada").await;
    let mut ada = server.connect(&token).await;
    let joined = ada.join(json!({ "mode": "discs" })).await;
    ada.play("to be somewhere else", |client| {
        steer(client, 8);
        client.disc_of(1).is_some_and(|(x, _)| x > 2000)
    })
    .await;
    let mut last = None;
    ada.play("to stand still", |client| {
        steer(client, 0);
        let now = client.disc_of(1);
        now == std::mem::replace(&mut last, now)
    })
    .await;
    wait_for_backup(&server, &mut ada).await;
    server.kill();
    let saved = saved_places(&scratch);

    let begun = Instant::now();
    let server = Running::dev(&scratch, &[]);
    let mut ada = server.connect(&token).await;
    let back = ada.join(json!({ "resume": joined["resume"] })).await;
    assert_eq!((&back["number"], &back["match"]), (&joined["number"], &joined["match"]));
    ada.play("her disc", |client| client.disc_of(1).is_some()).await;
    assert!(begun.elapsed() < BACK_WITHIN, "it took {:?}", begun.elapsed());
    let (x, y) = ada.disc_of(1).expect("it is shown");
    assert_eq!(saved, [(1, x, y)]);
    // It is hers to steer.
    ada.play("to go on", |client| {
        steer(client, 8);
        client.disc_of(1).is_some_and(|(now, _)| now > x + 300)
    })
    .await;
}

#[tokio::test]
async fn the_modes_behaviour_plays_for_those_who_are_not_back() {
    let scratch = Scratch::new();
    let away = r#"away = { behaviour = "stroll", seconds = 60 }, 
        behaviours = { { name = "stroll", think_seconds = 0.1, steps = { { "wander", radius = 30 } } } },"#;
    scratch.write_mode("discs", &DISCS.replace("away = { seconds = 60 },", away));
    let server = Running::dev(&scratch, &[]);
    let (ada_token, bob_token) = (server.guest("Ada").await, server.guest("Bob").await);
    let (mut ada, mut bob) = (server.connect(&ada_token).await, server.connect(&bob_token).await);
    let joined = ada.join(json!({ "mode": "discs" })).await;
    let joined_bob = bob.join(json!({ "mode": "discs" })).await;
    bob.play("both discs", |client| client.disc_of(1).is_some() && client.disc_of(2).is_some()).await;
    wait_for_backup(&server, &mut bob).await;
    server.kill();
    let saved = saved_places(&scratch);

    let server = Running::dev(&scratch, &[]);
    let mut bob = server.connect(&bob_token).await;
    bob.join(json!({ "resume": joined_bob["resume"] })).await;
    let (_, was, _) = *saved.iter().find(|(owner, ..)| *owner == 1).expect("it was saved");
    bob.play("her disc to move by itself", |client| client.disc_of(1).is_some_and(|(x, _)| (x - was).abs() > 100))
        .await;
    let mut ada = server.connect(&ada_token).await;
    ada.join(json!({ "resume": joined["resume"] })).await;
    ada.play("to steer her disc to the right again", |client| {
        steer(client, 8);
        client.disc_of(1).is_some_and(|(x, _)| x > was + 1500)
    })
    .await;
}

#[tokio::test]
async fn a_match_goes_on_as_it_was_where_its_rules_were_broken_meanwhile() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", DISCS);
    let server = Running::dev(&scratch, &[]);
    let token = server.guest("Ada").await;
    let mut ada = server.connect(&token).await;
    let joined = ada.join(json!({ "mode": "discs" })).await;
    wait_for_backup(&server, &mut ada).await;
    server.kill();
    scratch.write_mode("discs", "this is no Luau");

    let server = Running::dev(&scratch, &[]);
    let (_, modes) = server.request("GET", "/v1/modes", "").await;
    assert!(modes.contains("rules.lua"), "the mistake is told: {modes}");
    let mut ada = server.connect(&token).await;
    let back = ada.join(json!({ "resume": joined["resume"] })).await;
    assert_eq!((&back["number"], &back["match"]), (&joined["number"], &joined["match"]));
    ada.tell_rules("1").await;
    ada.play("the rules as they were", |client| client.said.iter().any(|said| said["greeting"] == "first")).await;

    scratch.write_mode("discs", &DISCS.replace("rules.greeting = \"first\"", "rules.greeting = \"second\""));
    let begun = Instant::now();
    while !ada.said.iter().any(|said| said["greeting"] == "second") {
        assert!(begun.elapsed() < Duration::from_secs(20), "the rules that are good again are not taken up");
        ada.tell_rules("2").await;
        let heard = ada.said.len();
        ada.play("an answer", |client| client.said.len() > heard).await;
    }
}

/// A match has its map for good, whoever edits the mode's meanwhile: who comes is given that one, it is gone on with after a
/// kill, and its replay is shown on it.
#[tokio::test]
async fn a_match_keeps_the_map_that_it_began_with() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", &DISCS.replace("players_max = 4", "players_max = 2"));
    let map_of = |wall: u32| {
        json!({ "version": 1, "name": "one wall", "size": [64, 64], "walls": [{ "box": { "min": [wall, 0], "max": [64, 64] } }] })
            .to_string()
    };
    let write =
        |wall: u32| fs::write(scratch.path().join("modes/discs/map.json"), map_of(wall)).expect("it is written");
    let map = |text: &str| Some(Map::from_json(text).expect("it is a map"));
    write(60);
    let server = Running::dev(&scratch, &[]);
    let token = server.guest("Ada").await;
    let mut ada = server.connect(&token).await;
    ada.map = map(&map_of(60));
    let joined = ada.join(json!({ "mode": "discs" })).await;
    let is_at_wall = |client: &mut Client| client.disc_of(1).is_some_and(|(x, _)| x > 5940);
    ada.play("to stand at the wall", |client| {
        steer(client, 10);
        is_at_wall(client)
    })
    .await;
    let old = joined["settings"]["map"].as_str().expect("it has a map").to_owned();
    write(40);
    let changed = |list: &str| {
        let list: serde_json::Value = serde_json::from_str(list).expect("it is JSON");
        list["modes"][0]["map"].as_str().filter(|id| *id != old).map(str::to_owned)
    };
    let begun = Instant::now();
    let new = loop {
        if let Some(new) = changed(&server.request("GET", "/v1/modes", "").await.1) {
            break new;
        }
        assert!(begun.elapsed() < BACK_WITHIN, "the new map is not there");
        ada.play("a frame", |_| true).await;
    };
    assert_eq!(server.request("GET", &format!("/v1/maps/{new}"), "").await.1, map_of(40));
    let (mut bob, other) = server.join("Bob", json!({ "match": joined["match"] })).await;
    assert_eq!(other["settings"]["map"], old);
    bob.map = map(&server.request("GET", &format!("/v1/maps/{old}"), "").await.1);
    bob.play("her disc at the old wall", is_at_wall).await;
    wait_for_backup(&server, &mut ada).await;
    server.kill();

    let mut server = Running::dev(&scratch, &[]);
    let mut ada = server.connect(&token).await;
    ada.map = map(&server.request("GET", &format!("/v1/maps/{old}"), "").await.1);
    let back = ada.join(json!({ "resume": joined["resume"] })).await;
    assert_eq!((&back["match"], &back["settings"]["map"]), (&joined["match"], &json!(old)));
    ada.play("her disc where it was", is_at_wall).await;
    // Whoever finds no seat there has the new one.
    let (_eve, elsewhere) = server.join("Eve", json!({ "mode": "discs" })).await;
    assert_eq!(elsewhere["settings"]["map"], new);
    server.terminate();
    assert!(server.child.wait().expect("it ends").success());

    // The match has gone, and its replay has the map still; a map that nobody has is forgotten.
    fs::remove_dir_all(scratch.path().join("data/matches")).expect("they are there");
    let stray = scratch.path().join("data/kept-maps/0123456789abcdef.json");
    fs::write(&stray, map_of(30)).expect("it is written");
    let server = Running::dev(&scratch, &[]);
    let replays: serde_json::Value =
        serde_json::from_str(&server.request("GET", "/v1/replays", "").await.1).expect("it is JSON");
    let of_ada = |replay: &&serde_json::Value| replay["map"] == json!(old);
    let replay = replays["replays"].as_array().and_then(|all| all.iter().find(of_ada)).expect("it is listed");
    let mut viewer = server.connect(&token).await;
    viewer.map = map(&server.request("GET", &format!("/v1/maps/{old}"), "").await.1);
    let shown = viewer.join(json!({ "replay": replay["id"] })).await;
    assert_eq!(shown["settings"]["map"], old);
    viewer.play("the disc at the old wall", is_at_wall).await;
    assert!(!stray.exists());
}
