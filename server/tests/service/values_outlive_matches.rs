//! Goal: what scripts keep is a player's in a mode, or the mode's; it is there after the match, and after the process was
//! killed as soon as it was answered; `add` loses nothing, whoever else adds; limits are told.
//!
//! Method: a mode that passes wishes of its players on to the store; a server that is killed while it is adding.

use crate::{
    killed_servers_resume::wait_for_backup,
    stage::{Client, Running, Scratch},
};
use serde_json::{Value, json};

/// Does what players say, and adds to a number of the mode's in every tick once it is told to.
const LEDGER: &str = r#"
local rules = {}
function rules.match_init(ctx, params)
    return { tick_rate = 60, players_max = 1, label = "ledger", state = { left = 0 } }
end
function rules.match_loop(self, tick, messages)
    for _, message in messages do
        local said = json.decode(message.text)
        local player = if said.of_mode then 0 else message.player
        if said.action == "set" then
            store.set(player, said.key, said.value, said.tag)
        elseif said.action == "add" then
            self.left = said.times
        else
            store[said.action](player, said.key, said.tag)
        end
    end
    if self.left > 0 then
        self.left -= 1
        store.add(0, "sum", 1, "sum")
    end
end
function rules.match_stored(self, result)
    match.broadcast({ tag = result.tag, ok = result.ok, value = result.value, error = result.error })
end
return rules
"#;

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write_mode("ledger", LEDGER);
    scratch
}

/// Says something and waits for the answer.
async fn ask(client: &mut Client, mut wish: Value) -> Value {
    wish["tag"] = "asked".into();
    client.said.clear();
    client.tell_rules(&wish.to_string()).await;
    client.play("an answer of the store", |client| client.said.iter().any(|said| said["tag"] == "asked")).await;
    client.said.iter().find(|said| said["tag"] == "asked").expect("it has come").clone()
}

#[tokio::test]
async fn values_are_a_players_in_a_mode_and_stay() {
    let scratch = scratch();
    scratch.write_mode("other", LEDGER);
    let server = Running::dev(&scratch, &["--limit-store-keys", "2", "--limit-store-bytes", "2048"]);
    let token = server.guest("Ada").await;
    let mut ada = server.connect(&token).await;
    ada.join(json!({ "mode": "ledger" })).await;
    let house = json!({ "rooms": [1, 2.5, "attic"], "door": true });
    let answer = ask(&mut ada, json!({ "action": "set", "key": "house", "value": house })).await;
    assert_eq!((&answer["ok"], &answer["value"]), (&json!(true), &house));
    ask(&mut ada, json!({ "action": "set", "key": "house", "value": "of all", "of_mode": true })).await;
    ask(&mut ada, json!({ "action": "set", "key": "second", "value": 2 })).await;
    let third = ask(&mut ada, json!({ "action": "set", "key": "third", "value": 3 })).await;
    assert!(third["ok"] == false && third["error"].as_str().is_some_and(|e| e.starts_with("too_many_keys")), "{third}");
    let large = ask(&mut ada, json!({ "action": "set", "key": "second", "value": "x".repeat(4000) })).await;
    assert!(large["error"].as_str().is_some_and(|error| error.starts_with("too_many_bytes")), "{large}");
    assert_eq!(server.metric("muster_store_requests_total{outcome=\"refused\"}").await, 2.0);
    // Somebody else, and another mode.
    let (mut bob, _) = server.join("Bob", json!({ "mode": "ledger" })).await;
    assert_eq!(ask(&mut bob, json!({ "action": "get", "key": "house" })).await["value"], Value::Null);
    assert_eq!(ask(&mut bob, json!({ "action": "get", "key": "house", "of_mode": true })).await["value"], "of all");
    let mut elsewhere = server.connect(&token).await;
    elsewhere.join(json!({ "mode": "other" })).await;
    assert_eq!(ask(&mut elsewhere, json!({ "action": "get", "key": "house" })).await["value"], Value::Null);
    server.kill();

    let server = Running::dev(&scratch, &[]);
    let mut ada = server.connect(&token).await;
    ada.join(json!({ "mode": "ledger" })).await;
    assert_eq!(ask(&mut ada, json!({ "action": "get", "key": "house" })).await["value"], house);
    assert_eq!(ask(&mut ada, json!({ "action": "get", "key": "third" })).await["value"], Value::Null);
    assert_eq!(ask(&mut ada, json!({ "action": "delete", "key": "house" })).await["ok"], true);
    assert_eq!(ask(&mut ada, json!({ "action": "get", "key": "house" })).await["value"], Value::Null);
}

fn largest_sum(client: &Client) -> u64 {
    client.said.iter().filter(|said| said["tag"] == "sum").filter_map(|said| said["value"].as_u64()).max().unwrap_or(0)
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_kill_and_nobody_adds_over_another() {
    let scratch = scratch();
    let add = json!({ "action": "add", "times": 60 }).to_string();
    let server = Running::dev(&scratch, &["--workers", "2"]);
    // Two matches, which are on two threads, add to one number.
    let (mut ada, _) = server.join("Ada", json!({ "mode": "ledger" })).await;
    let (mut bob, _) = server.join("Bob", json!({ "mode": "ledger" })).await;
    ada.tell_rules(&add).await;
    bob.tell_rules(&add).await;
    let all =
        |client: &mut Client| client.said.iter().filter(|said| said["tag"] == "sum" && said["ok"] == true).count();
    ada.play("her sums", |client| all(client) == 60).await;
    bob.play("his sums", |client| all(client) == 60).await;
    assert_eq!(largest_sum(&ada).max(largest_sum(&bob)), 120);

    ada.tell_rules(&json!({ "action": "add", "times": 100_000 }).to_string()).await;
    ada.play("some more", |client| largest_sum(client) > 150).await;
    let answered = largest_sum(&ada);
    server.kill();
    let server = Running::dev(&scratch, &[]);
    let (mut eve, _) = server.join("Eve", json!({ "mode": "ledger" })).await;
    let found = ask(&mut eve, json!({ "action": "get", "key": "sum", "of_mode": true })).await;
    assert!(found["value"].as_u64() >= Some(answered), "{found} after {answered}");
}

/// Counts how often somebody was there; who is banned is not let in, and nobody has to wait for the store.
const VISITS: &str = r#"
local rules = {}
function rules.match_init(ctx, params)
    return { tick_rate = 60, players_max = 2, label = "visits", state = { season = store.known(0, "season") or "first" } }
end
function rules.match_join_attempt(self, player)
    return not store.known(player.number, "banned"), "banned"
end
function rules.match_join(self, player)
    store.add(player.number, "visits", 1)
    match.broadcast({ season = self.season, visits = store.known(player.number, "visits") })
end
function rules.match_loop(self, tick, messages)
    for _, message in messages do
        local said = json.decode(message.text)
        if said.key then
            store.set(if said.of_mode then 0 else message.player, said.key, said.value)
        end
        match.broadcast({ known = store.known(message.player, "visits") })
    end
end
function rules.match_stored(self, result)
    match.broadcast({ stored = result.key, ok = result.ok })
end
return rules
"#;

/// The same for a handler of Nakama's form.
const PROFILE: &str = r#"
local nk = require("nakama")
local M = {}
local function read(user)
    local objects = nk.storage_read({ { collection = "profile", key = "main", user_id = user } })
    return objects[1] and objects[1].value or { visits = 0 }
end
function M.match_init(context, params)
    return {}, 30, "profile"
end
function M.match_join_attempt(context, dispatcher, tick, state, presence, metadata)
    return state, read(presence.user_id).visits < 2, "twice is enough"
end
function M.match_join(context, dispatcher, tick, state, presences)
    for _, presence in ipairs(presences) do
        local value = read(presence.user_id)
        value.visits = value.visits + 1
        nk.storage_write({ { collection = "profile", key = "main", user_id = presence.user_id, value = value } })
        dispatcher.broadcast_message(1, nk.json_encode(read(presence.user_id)))
    end
    return state
end
function M.match_leave(context, dispatcher, tick, state, presences)
    return state
end
function M.match_loop(context, dispatcher, tick, state, messages)
    return state
end
function M.match_terminate(context, dispatcher, tick, state, grace_seconds)
    return state
end
return M
"#;

/// What the rules said last of somebody who came or asked.
async fn heard(client: &mut Client, what: &str) -> Value {
    client.play(what, |client| client.said.iter().any(|said| !said[what].is_null())).await;
    let last = client.said.iter().rev().find(|said| !said[what].is_null()).cloned();
    client.said.clear();
    last.expect("it was heard")
}

#[tokio::test]
async fn what_there_is_is_known_as_soon_as_somebody_comes() {
    let scratch = Scratch::new();
    scratch.write_mode("visits", VISITS);
    scratch.write_mode("profile", PROFILE);
    let server = Running::dev(&scratch, &[]);
    let token = server.guest("Ada").await;
    for visits in 1..=2 {
        let mut ada = server.connect(&token).await;
        for (mode, what, told) in [
            ("visits", "visits", json!({ "visits": visits, "season": "first" })),
            ("profile", "data", json!({ "op_code": 1, "data": json!({ "visits": visits }).to_string() })),
        ] {
            ada.join(json!({ "mode": mode })).await;
            assert_eq!(heard(&mut ada, what).await, told);
            ada.say(&json!({ "type": "match:leave" })).await;
            ada.hear("match:left").await;
        }
    }
    let mut ada = server.connect(&token).await;
    ada.say(&json!({ "type": "match:join", "mode": "profile" })).await;
    let refusal = ada.hear_error().await;
    assert_eq!((&refusal["code"], &refusal["message"]), (&json!("match_refused"), &json!("twice is enough")));

    // A match that is gone on with after a kill knows what was written last, and a new one what there is of the mode.
    let joined = ada.join(json!({ "mode": "visits" })).await;
    assert_eq!(heard(&mut ada, "visits").await["visits"], 3);
    let eve_token = server.guest("Eve").await;
    let mut eve = server.connect(&eve_token).await;
    eve.join(json!({ "match": joined["match"] })).await;
    for (key, value, of_mode) in
        [("visits", json!(30), false), ("banned", json!(true), false), ("season", json!("last"), true)]
    {
        let said = json!({ "key": key, "value": value, "of_mode": of_mode });
        let client = if key == "banned" { &mut eve } else { &mut ada };
        client.tell_rules(&said.to_string()).await;
        client
            .play("an answer", |client| client.said.iter().any(|said| said["stored"] == key && said["ok"] == true))
            .await;
    }
    wait_for_backup(&server, &mut ada).await;
    server.kill();
    let server = Running::dev(&scratch, &[]);
    let mut ada = server.connect(&token).await;
    ada.join(json!({ "resume": joined["resume"] })).await;
    ada.tell_rules("{}").await;
    assert_eq!(heard(&mut ada, "known").await["known"], 30);
    // Both seats are kept.
    let (mut bob, _) = server.join("Bob", json!({ "mode": "visits" })).await;
    assert_eq!(heard(&mut bob, "visits").await, json!({ "visits": 1, "season": "last" }));
    let mut eve = server.connect(&eve_token).await;
    eve.say(&json!({ "type": "match:join", "mode": "visits" })).await;
    assert_eq!(eve.hear_error().await["message"], "banned");
}

/// Writes when somebody leaves, and reads when they come, a tick a second.
const SLOW: &str = r#"
local rules = {}
function rules.match_init(ctx, params)
    return { tick_rate = 1, players_max = 2, label = "slow", state = {} }
end
function rules.match_join(self, player)
    self.coins = (store.known(player.number, "coins") or 0) + 1
    match.broadcast({ coins = self.coins })
end
function rules.match_leave(self, player)
    store.set(player.number, "coins", self.coins)
end
return rules
"#;

#[tokio::test]
async fn what_was_written_at_leaving_is_known_to_who_comes_again_at_once() {
    let scratch = Scratch::new();
    scratch.write_mode("slow", SLOW);
    let server = Running::dev(&scratch, &[]);
    // Two matches, each with a seat that Ada takes in turns.
    let (mut ada, first) = server.join("Ada", json!({ "mode": "slow" })).await;
    let (_bob, _) = server.join("Bob", json!({ "mode": "slow" })).await;
    let (_eve, second) = server.join("Eve", json!({ "mode": "slow" })).await;
    assert_ne!(first["match"], second["match"]);
    for coins in 1..=6 {
        while heard(&mut ada, "coins").await["coins"] != coins {}
        ada.say(&json!({ "type": "match:leave" })).await;
        ada.hear("match:left").await;
        ada.said.clear();
        let next = if coins % 2 == 0 { &first } else { &second };
        ada.join(json!({ "match": next["match"] })).await;
    }
}

#[tokio::test]
async fn rules_that_come_to_want_it_know_it_soon() {
    let scratch = Scratch::new();
    let plain = LEDGER.replace("match.broadcast({ tag", "match.broadcast({ old = 1, tag");
    scratch.write_mode("ledger", &plain);
    let server = Running::dev(&scratch, &[]);
    let (mut ada, _) = server.join("Ada", json!({ "mode": "ledger" })).await;
    ask(&mut ada, json!({ "action": "set", "key": "house", "value": 5 })).await;
    let knowing = plain.replace(
        "for _, message in messages do",
        "local ok, value = pcall(store.known, next(match.players()) and 1 or 0, 'house')
        match.broadcast({ house = if ok then value else 'unread' })
        for _, message in messages do",
    );
    scratch.write_mode("ledger", &knowing);
    ada.play("what was kept", |client| client.said.iter().any(|said| said["house"] == 5)).await;
}
