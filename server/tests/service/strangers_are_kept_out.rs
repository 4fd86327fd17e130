//! Goal: who has no good token, says what is no message, or too much, is refused with a code, and others do not notice.
//!
//! Method: a real server; connections that each do one bad thing; one good guest who plays meanwhile.

use std::time::{Duration, Instant};

use crate::stage::{DEADLINE, DISCS, Running, Scratch, script_message};
use serde_json::json;
use tokio::time::interval;
use tokio_tungstenite::tungstenite::Message;

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write_mode("discs", DISCS);
    scratch
}

#[tokio::test]
async fn a_token_is_needed_and_must_be_good() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &[]);
    let good = server.guest("Ada").await;
    let (head, tail) = good.rsplit_once('.').expect("a token has three parts");
    let other = if tail.starts_with('A') { "B" } else { "A" };
    let changed = format!("{head}.{other}{}", &tail[1..]);
    for token in ["", "x", "a.b.c", changed.as_str()] {
        let mut client = server.open().await;
        client.say(&json!({ "type": "connect", "token": token })).await;
        assert_eq!(client.refusal().await, "token_invalid");
        client.end().await;
    }
    let mut silent = server.open().await;
    silent.say(&json!({ "type": "match:join", "mode": "discs" })).await;
    assert_eq!(silent.refusal().await, "not_connected");
    silent.end().await;
    let mut binary = server.open().await;
    binary.send(Message::Binary(vec![0; 40].into())).await;
    assert_eq!(binary.refusal().await, "not_joined");
    binary.end().await;
}

#[tokio::test]
async fn hostile_messages_are_refused_and_others_play_on() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &[]);
    let (mut good, _) = server.join("Good", json!({ "mode": "discs" })).await;
    let deep = format!(r#"{{"type":"match:join","mode":"discs","metadata":{}1{}}}"#, "[".repeat(300), "]".repeat(300));
    for text in ["", "{", "[]", "{}", r#"{"type":"nonsense"}"#, r#"{"type":"match:join","mode":"discs","x":1}"#, &deep]
    {
        let mut client = server.connect(&server.guest("Bad").await).await;
        client.send(Message::Text(text.into())).await;
        let refusal = client.hear_error().await;
        assert_eq!(refusal["code"], "malformed", "{text}");
        let says_form = refusal["message"].as_str().is_some_and(|message| message.contains("as in {\"type\""));
        assert_eq!(says_form, !text.contains("\"type\""), "{refusal}");
        // A mistake is told and forgiven.
        client.say(&json!({ "type": "ping", "at": 7 })).await;
        assert_eq!(client.hear("pong").await["at"], 7);
    }
    for (request, code) in [
        (json!({ "mode": "nothing" }), "mode_unknown"),
        (json!({ "mode": "../discs" }), "mode_unknown"),
        (json!({ "match": "0123456789abcdef" }), "match_unknown"),
        (json!({ "resume": "a.b.c" }), "token_invalid"),
        (json!({ "mode": "discs", "metadata": { "password": "wrong" } }), "match_refused"),
    ] {
        let mut client = server.connect(&server.guest("Bad").await).await;
        let mut request = request;
        request["type"] = "match:join".into();
        client.say(&request).await;
        assert_eq!(client.refusal().await, code, "{request}");
    }
    // Binary messages of those who are in.
    let (mut client, _) = server.join("Bad", json!({ "mode": "discs" })).await;
    client.say(&json!({ "type": "match:join", "mode": "discs" })).await;
    assert_eq!(client.refusal().await, "already_joined");
    for bytes in
        [b"\x04\0\0\0MUXX".to_vec(), b"\x04\0\0\0MUMSxxxx".to_vec(), script_message(b"{"), script_message(b"\xff")]
    {
        client.send(Message::Binary(bytes.into())).await;
        assert_eq!(client.refusal().await, "malformed");
    }
    client.send(Message::Binary(b"\x04\0\0\0MUHExxxxxxxx".to_vec().into())).await;
    assert_eq!(client.refusal().await, "hello_refused");
    let counted = server.metric("muster_refusals_total{code=\"malformed\"}").await;
    for bytes in [vec![], vec![0], vec![255; 1000], b"\x04\0\0\0\0\0\0\0".to_vec()] {
        client.send(Message::Binary(bytes.into())).await;
    }
    // All are counted, and the client is told once: it may say so much that answers to each would be a flood.
    let refusal = client.hear_error().await;
    assert_eq!(refusal["code"], "malformed");
    assert!(refusal["message"].as_str().is_some_and(|message| message.contains("WIRE.md")), "{refusal}");
    client.say(&json!({ "type": "ping", "at": 1.5 })).await;
    assert_eq!(client.hear("pong").await["at"], 1.5);
    let (begun, mut turn) = (Instant::now(), interval(Duration::from_millis(50)));
    while server.metric("muster_refusals_total{code=\"malformed\"}").await < counted + 4.0 {
        assert!(begun.elapsed() < DEADLINE, "what is no message is not counted");
        turn.tick().await;
    }

    good.tell_rules("1").await;
    good.play("the good guest's message", |client| client.said.iter().any(|said| said["said"] == 1)).await;
    assert_eq!(server.metric("muster_matches_failed_total").await, 0.0);
    assert_eq!(server.request("GET", "/health", "").await.0, 200);
}

#[tokio::test]
async fn who_says_too_much_is_cut_and_counted() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &["--limit-connections-per-network", "3", "--limit-messages-per-second", "60"]);
    let (mut good, _) = server.join("Good", json!({ "mode": "discs" })).await;
    let mut large = server.connect(&server.guest("Large").await).await;
    large.send(Message::Text("x".repeat(100_000).into())).await;
    large.end().await;

    let mut loud = server.connect(&server.guest("Loud").await).await;
    for at in 0..1000 {
        loud.say(&json!({ "type": "ping", "at": at })).await;
    }
    assert_eq!(loud.refusal().await, "rate_limited");
    loud.end().await;
    assert_eq!(server.metric("muster_cuts_total{code=\"rate_limited\"}").await, 1.0);

    // Those that have ended may be counted for a moment.
    let url = format!("ws://{}/v1/play", server.address);
    let (mut kept, mut refusal) = (Vec::new(), None);
    while kept.len() < 4 && refusal.is_none() {
        match tokio_tungstenite::connect_async(&url).await {
            Ok((socket, _)) => kept.push(socket),
            Err(error) => refusal = Some(error),
        }
    }
    let Some(tokio_tungstenite::tungstenite::Error::Http(answer)) = refusal else { panic!("it is refused") };
    assert_eq!(answer.status(), 429);
    good.tell_rules("2").await;
    good.play("the good guest's message", |client| client.said.iter().any(|said| said["said"] == 2)).await;
}

#[tokio::test]
async fn a_silent_client_is_cut() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &["--limit-idle-seconds", "5"]);
    let mut client = server.open().await;
    // Its library answers pings only when it is asked for messages, which `end` does; it never says who it is.
    assert_eq!(client.refusal().await, "idle");
    client.end().await;
}

#[tokio::test]
async fn requests_are_bounded_and_answers_are_guarded() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &["--limit-arrivals-per-minute", "5"]);
    for (method, path, body, status) in [
        ("POST", "/v1/guests", "", 400),
        ("POST", "/v1/guests", "{\"name\":1}", 400),
        ("POST", "/v1/guests", "{\"name\":\"a\",\"admin\":true}", 400),
        ("POST", "/v1/guests", "{\"name\":\"\\n\"}", 400),
        ("GET", "/v1/replays/..%2f..%2fetc%2fpasswd", "", 404),
        ("GET", "/v1/modes/nothing/map", "", 404),
        ("GET", "/v1/nothing", "", 404),
        ("GET", "/../Cargo.toml", "", 404),
        ("DELETE", "/", "", 405),
        ("GET", "/v1/play", "", 400),
    ] {
        assert_eq!(server.request(method, path, body).await.0, status, "{method} {path}");
    }
    assert_eq!(server.request("POST", "/v1/guests", &"x".repeat(10_000)).await.0, 413);
    assert_eq!(server.request("POST", "/v1/guests", "{\"name\":\"Ada\"}").await.0, 200);
    let (status, body) = server.request("POST", "/v1/guests", "{\"name\":\"Ada\"}").await;
    assert_eq!(status, 429, "{body}");
    assert!(body.contains("rate_limited"));
}
