//! Goal: what scripts keep is a player's in a mode, or the mode's; it is there after the match, and after the process was
//! killed as soon as it was answered; `add` loses nothing, whoever else adds; limits are told.
//!
//! Method: a mode that passes wishes of its players on to the store; a server that is killed while it is adding.

use crate::stage::{Client, Running, Scratch};
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
