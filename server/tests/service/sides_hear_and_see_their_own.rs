//! Goal: what is for one side reaches that side and nobody else, and in a mode with fog nobody is told of what their side does not
//! see.
//!
//! Method: a real server; two guests on two sides, one who looks on; the skirmish that ships.

use std::{fs, path::Path};

use crate::stage::{DISCS, Running, Scratch};
use muster_core::Map;
use serde_json::{Value, json};

#[tokio::test]
async fn a_message_for_a_side_is_heard_by_that_side_alone() {
    let scratch = Scratch::new();
    let rules = DISCS
        .replace("label = \"discs\",", "label = \"discs\", teams = 2,")
        .replace("    match.control(", "    match.set_team(player.number, 1 + player.number % 2)\n    match.control(")
        .replace(
            "match.broadcast({ from",
            "match.send_team(2, { side = 2 }) match.send_team(1, { side = 1 }) match.broadcast({ from",
        );
    scratch.write_mode("sides", &rules);
    let server = Running::dev(&scratch, &[]);
    let (mut ada, joined) = server.join("Ada", json!({ "mode": "sides" })).await;
    let (mut bob, _) = server.join("Bob", json!({ "mode": "sides" })).await;
    let spectate = json!({ "match": joined["match"], "spectate": true });
    let (mut eve, _) = server.join("Eve", spectate).await;
    ada.tell_rules("\"now\"").await;
    for (client, sides) in [(&mut ada, vec![json!(2)]), (&mut bob, vec![json!(1)]), (&mut eve, vec![])] {
        client.play("what all hear", |client| client.said.iter().any(|said| said["said"] == "now")).await;
        let heard: Vec<Value> =
            client.said.iter().map(|said| said["side"].clone()).filter(|side| !side.is_null()).collect();
        assert_eq!(heard, sides);
    }
}

#[tokio::test]
async fn nobody_is_told_of_what_the_fog_hides() {
    let scratch = Scratch::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/modes/skirmish");
    let mode = scratch.path().join("modes/skirmish");
    fs::create_dir_all(&mode).expect("a folder can be made");
    for file in ["rules.lua", "map.json"] {
        fs::copy(shipped.join(file), mode.join(file)).expect("the mode ships");
    }
    let server = Running::dev(&scratch, &[]);
    let map = fs::read_to_string(mode.join("map.json")).expect("there is a map");
    let mut players = Vec::new();
    for (name, team) in [("Ada", 1), ("Bob", 2)] {
        let mut player = server.connect(&server.guest(name).await).await;
        player.map = Some(Map::from_json(&map).expect("it is a map"));
        let joined = player.join(json!({ "mode": "skirmish" })).await;
        players.push((player, joined["number"].as_u64().expect("it is a number") as u32, team));
    }
    for (player, number, team) in &mut players {
        let (mut frames, mut strangers) = (0, 0);
        player
            .play("one's own units for a while", |client| {
                let Some(sync) = &client.sync else { return false };
                let shown = sync.shown();
                frames += u32::from(shown.owner.iter().filter(|owner| *owner == number).count() >= 8);
                strangers += shown.team.iter().filter(|other| **other != *team).count();
                frames > 40
            })
            .await;
        assert_eq!(strangers, 0, "side {team} sees the other from across the map");
    }
}
