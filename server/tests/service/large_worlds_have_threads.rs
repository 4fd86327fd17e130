//! Goal: a mode that says that its world is large has a thread of its own and as many for its world as there are workers; it
//! is played, reloaded, saved and gone on with as others are, and its results are those of one thread.
//!
//! Method: three thousand discs that push each other, on three threads; the recording is played again on one.

use std::fs;

use crate::stage::{DISCS, Running, Scratch, muster};
use serde_json::{Value, json};

fn crowd() -> String {
    DISCS
        .replace("label = \"discs\",", "label = \"discs\", world = { large = true, entities_max = 8192 },")
        .replace(
            "function rules.match_join(",
            r#"function rules.match_start(self)
    for i = 0, 2999 do
        world.spawn({ x = 40 + i % 60 * 1.5, y = 40 + i // 60 * 1.5, radius = 0.5, mass = 80, layers = 1, speed_max = 20,
            acceleration_max = 100, velocity_x = math.random() * 10 - 5, velocity_y = math.random() * 10 - 5 })
    end
end
function rules.match_join("#,
        )
}

/// The names of the server's threads.
fn threads(server: &Running) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.child.id())).expect("the process runs");
    let name = |task: std::io::Result<fs::DirEntry>| fs::read_to_string(task.ok()?.path().join("comm")).ok();
    tasks.filter_map(name).map(|name| name.trim().to_owned()).collect()
}

#[tokio::test]
async fn a_large_world_is_the_same_on_many_threads() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", &crowd());
    let flags = ["--workers", "3", "--limit-empty-seconds", "600"];
    let mut server = Running::dev(&scratch, &flags);
    assert!(!threads(&server).iter().any(|name| name.starts_with("world-")));
    let token = server.guest("Ada").await;
    let mut ada = server.connect(&token).await;
    let joined = ada.join(json!({ "mode": "discs" })).await;
    let (_, list) = server.request("GET", "/v1/matches", "").await;
    assert!(list.contains(joined["match"].as_str().expect("it is text")), "{list}");
    assert!(threads(&server).iter().any(|name| name.starts_with("world-")), "{:?}", threads(&server));
    // Who comes later finds it where it is.
    let (mut bob, other) = server.join("Bob", json!({ "mode": "discs" })).await;
    assert_eq!(joined["match"], other["match"]);
    bob.play("both discs", |client| client.disc_of(1).is_some() && client.disc_of(2).is_some()).await;
    ada.say(&json!({ "type": "dev:watch" })).await;
    assert_eq!(ada.hear("dev:stats").await["entities"], 3002);
    scratch.write_mode("discs", &crowd().replace("\"first\"", "\"second\""));
    ada.hear("script:reloaded").await;
    while ada.hear("dev:stats").await["tick"].as_u64() < Some(40) {}

    server.terminate();
    assert!(server.child.wait().expect("it ends").success());
    let replays = fs::read_dir(scratch.path().join("data/replays")).expect("the folder is there");
    let paths = replays.map(|file| file.expect("it can be read").path());
    let file = paths.filter(|path| path.extension().is_some_and(|e| e == "replay")).last().expect("there is one");
    let verified = muster(&["replay", "--json"]).arg(file).output().expect("it runs");
    let verdict: Value = serde_json::from_slice(&verified.stdout).expect("it is JSON");
    assert!(verified.status.success(), "{verdict}");
    assert_eq!((&verdict["is_finished"], &verdict["divergence"]), (&json!(true), &Value::Null));
    assert!(verdict["tick_last"].as_u64() > Some(39), "{verdict}");

    let server = Running::dev(&scratch, &flags);
    let mut ada = server.connect(&token).await;
    let back = ada.join(json!({ "resume": joined["resume"] })).await;
    assert_eq!((&back["match"], &back["number"]), (&joined["match"], &joined["number"]));
    assert!(threads(&server).iter().any(|name| name.starts_with("world-")), "{:?}", threads(&server));
    ada.play("her disc", |client| client.disc_of(1).is_some()).await;
}
