//! Goal: a server that has more and more to do sends less often before it leaves ticks out; and when it leaves some out, it
//! says so.
//!
//! Method: a world that grows by a few hundred discs at a time, on one worker, until the rates step down, and then without
//! measure.

use std::time::{Duration, Instant};

use crate::stage::{Client, DISCS, Running, Scratch};
use serde_json::{Value, json};

fn growing() -> String {
    let join = "for _, message in messages do if tonumber(message.text) then self:grow(tonumber(message.text)) end";
    DISCS
        .replace("tick_rate = 20,", "tick_rate = 60, world = { entities_max = 65536, sectors_max = 1024 },")
        .replace("for _, message in messages do", join)
        .replace(
            "function rules.match_join(",
            r#"function rules.grow(self, count)
    for i = 1, count do
        world.spawn({ x = 200 + math.random() * 600, y = 200 + math.random() * 600, radius = 2, mass = 80, layers = 1,
            speed_max = 20, acceleration_max = 100, velocity_x = math.random() * 20 - 10, velocity_y = math.random() * 20 - 10 })
    end
end
function rules.match_join("#,
        )
}

/// Lets the world grow until what the server says of itself is as wanted; that.
async fn grow(client: &mut Client, count: u32, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(90);
    while Instant::now() < deadline {
        client.tell_rules(&count.to_string()).await;
        let stats = client.hear("dev:stats").await;
        if is_wanted(&stats) {
            return stats;
        }
    }
    panic!("the server has never too much to do");
}

#[tokio::test]
async fn less_is_sent_before_ticks_are_lost() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", &growing());
    let server = Running::dev(&scratch, &["--workers", "1", "--replays", "false"]);
    let (mut ada, _) = server.join("Ada", json!({ "mode": "discs" })).await;
    ada.say(&json!({ "type": "dev:watch" })).await;
    assert_eq!(ada.hear("dev:stats").await["rate_step"], 0);
    let stats = grow(&mut ada, 400, |stats| stats["rate_step"] != 0).await;
    assert_eq!(stats["ticks_lost"], 0, "{stats}");
    let stats = grow(&mut ada, 2000, |stats| stats["ticks_lost"] != 0).await;
    assert!(stats["rate_step"].as_u64() >= Some(1), "{stats}");
    assert!(server.metric("muster_ticks_lost_total").await > 0.0);
    assert_eq!(server.request("GET", "/health", "").await.0, 200);
}
