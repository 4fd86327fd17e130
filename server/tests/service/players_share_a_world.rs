//! Goal: two players are in one world and see each other move; they come back after their connection, or the whole server,
//! has gone; a rule that is edited changes the match that runs.
//!
//! Method: a real server, clients over WebSocket with the receiving side of the core; the process is killed and started
//! again; the mode's file is written while they play.

use crate::stage::{Client, DISCS, Running, Scratch};
use muster_core::command::Action;
use serde_json::{Value, json};

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write_mode("discs", DISCS);
    scratch
}

/// Steers one's own disc to the right.
fn steer(client: &mut Client) {
    let Some(sync) = &mut client.sync else { return };
    if let Some(own) = sync.predicted().map(|own| own.id) {
        sync.command(own, Action::SetVelocity { x: 8 * muster_core::METRE, y: 0 }).expect("there is room");
    }
}

/// Until the other sees the first player's disc beyond a place.
async fn race(first: &mut Client, number: u32, second: &mut Client, beyond_cm: i64) {
    let mut place = 0;
    first
        .play("the own movement", |client| {
            steer(client);
            place = client.disc_of(number).map_or(0, |(x, _)| x);
            place > beyond_cm
        })
        .await;
    second
        .play("the other's movement", |client| client.disc_of(number).is_some_and(|(x, _)| x > beyond_cm - 100))
        .await;
}

#[tokio::test]
async fn players_see_each_other_move_and_spectators_see_both() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &[]);
    let (mut ada, joined) = server.join("Ada", json!({ "mode": "discs" })).await;
    assert_eq!((joined["number"].as_u64(), joined["mode"].as_str()), (Some(1), Some("discs")));
    let (mut bob, other) = server.join("Bob", json!({ "mode": "discs" })).await;
    assert_eq!(joined["match"], other["match"]);
    assert_eq!(other["number"], 2);
    race(&mut ada, 1, &mut bob, 1500).await;

    let (mut eve, looked) = server.join("Eve", json!({ "match": joined["match"], "spectate": true })).await;
    assert_eq!((looked["spectator"].as_bool(), looked["number"].as_u64()), (Some(true), Some(0)));
    let names = json!([{ "number": 1, "name": "Ada", "team": 0 }, { "number": 2, "name": "Bob", "team": 0 }]);
    assert_eq!(looked["players"], names, "who comes late knows who plays");
    eve.play("both discs", |client| client.disc_of(1).is_some() && client.disc_of(2).is_some()).await;

    bob.tell_rules("{\"hello\":[1,2]}").await;
    ada.play("the message", |client| client.said.iter().any(|said| said["said"]["hello"][1] == 2)).await;

    let (_, list) = server.request("GET", "/v1/matches?mode=discs", "").await;
    let list: Value = serde_json::from_str(&list).expect("it is JSON");
    assert_eq!((&list["matches"][0]["players"], &list["matches"][0]["spectators"]), (&json!(2), &json!(1)));

    bob.say(&json!({ "type": "match:leave" })).await;
    assert_eq!(bob.hear("match:left").await["reason"], "left");
    ada.play("the other's end", |client| client.disc_of(2).is_none()).await;
}

#[tokio::test]
async fn who_changes_sides_sees_what_the_new_one_does() {
    let scratch = Scratch::new();
    let hidden = r#"function rules.match_start(self)
    for team = 1, 2 do
        world.spawn({ x = 30, y = 10 * team, radius = 0.5, team = team, owner = 100 + team, team_only = true })
    end
end
function rules.match_join("#;
    let change = "for _, message in messages do match.set_team(message.player, tonumber(message.text))";
    let rules = DISCS.replace("label = \"discs\",", "label = \"discs\", teams = 2,");
    let rules = rules.replace("function rules.match_join(", hidden).replace("for _, message in messages do", change);
    scratch.write_mode("discs", &rules);
    let server = Running::dev(&scratch, &[]);
    let (mut ada, joined) = server.join("Ada", json!({ "mode": "discs" })).await;
    assert_eq!(joined["team"], 0);
    ada.play("nobody's secrets", |client| {
        client.disc_of(1).is_some() && client.disc_of(101).is_none() && client.disc_of(102).is_none()
    })
    .await;
    for (team, seen, unseen) in [(1, 101, 102), (2, 102, 101)] {
        ada.tell_rules(&team.to_string()).await;
        assert_eq!(ada.hear("match:team").await["team"], team);
        // The same session goes on, without another hello.
        ada.play("the secrets of its side", |client| {
            client.disc_of(seen).is_some() && client.disc_of(unseen).is_none()
        })
        .await;
    }
}

#[tokio::test]
async fn who_loses_the_connection_comes_back_to_the_same_place() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &[]);
    let token = server.guest("Ada").await;
    let mut ada = server.connect(&token).await;
    let joined = ada.join(json!({ "mode": "discs" })).await;
    let (mut bob, _) = server.join("Bob", json!({ "mode": "discs" })).await;
    race(&mut ada, 1, &mut bob, 1500).await;
    drop(ada);
    let mut ada = server.connect(&token).await;
    let back = ada.join(json!({ "resume": joined["resume"] })).await;
    assert_eq!((&back["number"], &back["match"]), (&joined["number"], &joined["match"]));
    ada.play("the old place", |client| client.disc_of(1).is_some_and(|(x, _)| x > 1400)).await;

    // The newer connection has the seat.
    let mut again = server.connect(&token).await;
    again.join(json!({ "match": joined["match"] })).await;
    assert_eq!(ada.refusal().await, "replaced");
    // A stranger has no use for the token.
    let mut eve = server.connect(&server.guest("Eve").await).await;
    eve.say(&json!({ "type": "match:join", "resume": joined["resume"] })).await;
    assert_eq!(eve.refusal().await, "resume_gone");
}

#[tokio::test]
async fn a_killed_server_goes_on_where_it_was() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &[]);
    let token = server.guest("Ada").await;
    let mut ada = server.connect(&token).await;
    let joined = ada.join(json!({ "mode": "discs" })).await;
    let (mut bob, _) = server.join("Bob", json!({ "mode": "discs" })).await;
    race(&mut ada, 1, &mut bob, 2500).await;
    let saved = server.metric("muster_backups_total").await;
    let mut polls = 0;
    while server.metric("muster_backups_total").await < saved + 2.0 {
        ada.play("a frame", |_| true).await;
        polls += 1;
        assert!(polls < 1000, "nothing is written down");
    }
    let before = ada.disc_of(1).expect("it is shown");
    server.kill();

    let server = Running::dev(&scratch, &[]);
    let mut ada = server.connect(&token).await;
    let back = ada.join(json!({ "resume": joined["resume"] })).await;
    assert_eq!((&back["number"], &back["match"]), (&joined["number"], &joined["match"]));
    ada.play("the old place", |client| {
        client.disc_of(1).is_some_and(|(x, _)| x >= before.0 - 1500 && x > 1500) && client.disc_of(2).is_some()
    })
    .await;
    assert_eq!(server.metric("muster_matches_restored_total").await, 1.0);
}

#[tokio::test]
async fn edited_rules_change_the_running_match_and_broken_ones_do_not() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &[]);
    let (mut ada, joined) = server.join("Ada", json!({ "mode": "discs" })).await;
    ada.say(&json!({ "type": "dev:watch" })).await;
    assert!(ada.hear("dev:stats").await["entities"].as_u64() == Some(1));

    scratch.write_mode("discs", &DISCS.replace("\"first\"", "\"second\""));
    let reloaded = ada.hear("script:reloaded").await;
    assert_ne!(reloaded["version"], joined["settings"]["version"]);
    ada.tell_rules("1").await;
    ada.play("the new rule", |client| client.said.iter().any(|said| said["greeting"] == "second")).await;
    ada.said.clear();

    scratch.write_mode("discs", &DISCS.replace("rules.greeting = \"first\"", "rules.greeting = = \"third\""));
    let error = ada.hear("script:error").await;
    assert_eq!((error["file"].as_str(), error["line"].as_u64()), (Some("rules.lua"), Some(3)), "{error}");
    ada.tell_rules("2").await;
    ada.play("the old rule", |client| client.said.iter().any(|said| said["greeting"] == "second")).await;

    // Rules that fail as they run are told of, and the match goes on.
    scratch.write_mode("discs", &DISCS.replace("greeting = rules.greeting", "greeting = rules.none.none"));
    ada.hear("script:reloaded").await;
    ada.tell_rules("3").await;
    let error = ada.hear("script:error").await;
    assert!(error["line"] == 21, "{error}");
    scratch.write_mode("discs", DISCS);
    ada.hear("script:reloaded").await;
    ada.said.clear();
    ada.tell_rules("4").await;
    ada.play("the first rule", |client| client.said.iter().any(|said| said["greeting"] == "first")).await;
}

#[tokio::test]
async fn rules_that_open_no_match_are_refused_and_the_last_good_ones_stay() {
    let scratch = scratch();
    let begins_badly = DISCS.replace("local rules = {}", "local rules = nil\nrules.x = 1");
    let opens_badly = DISCS.replace("return { tick_rate", "local seats = nil + 1 return { tick_rate");
    scratch.write_mode("never", &opens_badly);
    let server = Running::dev(&scratch, &[]);
    let mut eve = server.connect(&server.guest("Eve").await).await;
    eve.say(&json!({ "type": "match:join", "mode": "never" })).await;
    assert_eq!(eve.refusal().await, "mode_broken");
    // Nobody plays, so that nothing but the files says that they are good.
    for (rules, line) in [(begins_badly, 3), (opens_badly, 5)] {
        scratch.write_mode("discs", &rules);
        loop {
            let (_, body) = server.request("GET", "/v1/modes", "").await;
            let body: Value = serde_json::from_str(&body).expect("it is JSON");
            let modes = body["modes"].as_array().expect("there are modes");
            let discs = modes.iter().find(|mode| mode["name"] == "discs").expect("the mode is there");
            if discs["error"]["line"] == line {
                break;
            }
            // It looks five times a second.
            tokio::task::yield_now().await;
        }
        let (mut ada, _) = server.join("Ada", json!({ "mode": "discs" })).await;
        ada.tell_rules("1").await;
        ada.play("the last good rules", |client| client.said.iter().any(|said| said["greeting"] == "first")).await;
    }
}

/// Whoever the rules make leave as soon as they come is told so, and the match goes on.
#[tokio::test]
async fn who_is_kicked_at_the_door_ends_nothing() {
    let scratch = Scratch::new();
    let kicking = DISCS.replace(
        "    match.control(player.number, id)",
        "    match.control(player.number, id)
    if player.name == \"Mallory\" then match.kick(player.number, \"not you\") end",
    );
    scratch.write_mode("discs", &kicking);
    let server = Running::dev(&scratch, &[]);
    let (mut ada, joined) = server.join("Ada", json!({ "mode": "discs" })).await;
    let token = server.guest("Mallory").await;
    for _ in 0..2 {
        let mut mallory = server.connect(&token).await;
        mallory.say(&json!({ "type": "match:join", "match": joined["match"] })).await;
        let kicked = mallory.hear_error().await;
        assert_eq!((&kicked["code"], &kicked["message"]), (&json!("kicked"), &json!("not you")));
        assert_eq!(mallory.refusal().await, "match_refused");
    }
    let (mut bob, other) = server.join("Bob", json!({ "mode": "discs" })).await;
    assert_eq!(other["match"], joined["match"]);
    race(&mut ada, 1, &mut bob, 2000).await;
    assert_eq!(server.metric("muster_matches_failed_total").await, 0.0);
}
