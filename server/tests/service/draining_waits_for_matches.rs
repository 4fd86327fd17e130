//! Goal: after SIGTERM nobody new is let in, those who play go on to the end of their match, players who lose their
//! connection come back, and the process ends when the last match is over, long before its deadline.
//!
//! Method: a match that ends when it is told to; SIGTERM to a server with a long deadline.

use std::time::{Duration, Instant};

use crate::stage::{DISCS, Running, Scratch};
use serde_json::{Value, json};

#[tokio::test]
async fn matches_come_to_their_end_and_nobody_new_comes_in() {
    let scratch = Scratch::new();
    let end = "for _, message in messages do if message.text == '\"end\"' then match.stop(\"over\", { won = 1 }) end";
    let told = "function rules.match_terminate(self, grace_seconds) match.broadcast({ seconds = grace_seconds }) end return rules";
    scratch.write_mode("discs", &DISCS.replace("for _, message in messages do", end).replace("return rules", told));
    let mut server = Running::dev(&scratch, &["--drain-seconds", "600"]);
    let ada_token = server.guest("Ada").await;
    let mut ada = server.connect(&ada_token).await;
    let joined = ada.join(json!({ "mode": "discs" })).await;
    let mut eve = server.connect(&server.guest("Eve").await).await;
    assert_eq!(server.request("GET", "/ready", "").await, (200, "ready\n".into()));

    let begun = Instant::now();
    server.terminate();
    while server.request("GET", "/ready", "").await.0 == 200 {
        ada.play("a frame", |_| true).await;
    }
    assert_eq!(server.request("GET", "/ready", "").await, (503, "draining\n".into()));
    ada.play("the rules are told", |client| client.said.iter().any(|said| said["seconds"] == 600)).await;
    assert_eq!(server.request("GET", "/health", "").await.0, 200);
    eve.say(&json!({ "type": "match:join", "mode": "discs" })).await;
    assert_eq!(eve.refusal().await, "draining");
    drop(ada);
    let mut ada = server.connect(&ada_token).await;
    ada.join(json!({ "resume": joined["resume"] })).await;
    ada.tell_rules("1").await;
    ada.play("the match goes on", |client| client.said.iter().any(|said| said["said"] == 1)).await;
    ada.tell_rules("\"end\"").await;
    let ended = ada.hear("match:ended").await;
    assert_eq!((&ended["reason"], &ended["result"]["won"]), (&json!("over"), &json!(1)));
    assert!(server.child.wait().expect("it ends").success());
    assert!(begun.elapsed() < Duration::from_secs(60), "it waited for its deadline");
    let left = std::fs::read_dir(scratch.path().join("data/matches")).expect("the folder is there").count();
    assert_eq!(left, 0, "a match that is over is gone on with by nobody");
    let replays = std::fs::read_dir(scratch.path().join("data/replays")).expect("the folder is there");
    let heads = replays
        .map(|file| file.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"));
    let heads: Vec<Value> = heads
        .map(|path| serde_json::from_slice(&std::fs::read(path).expect("it can be read")).expect("it is JSON"))
        .collect();
    assert_eq!(heads.len(), 1);
    assert_eq!(heads[0]["reason"], "over");
}
