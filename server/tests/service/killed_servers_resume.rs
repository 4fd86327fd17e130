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
use muster_core::{METRE, command::Action, entity::Column};
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
