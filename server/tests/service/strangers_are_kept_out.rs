//! Goal: who has no good token, says what is no message, or too much, is refused with a code, and others do not notice.
//!
//! Method: a real server; connections that each do one bad thing; one good guest who plays meanwhile.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::stage::{DEADLINE, DISCS, Running, Scratch, script_message};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{interval, timeout},
};
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
    assert_eq!(large.refusal().await, "too_large");
    large.end().await;
    assert_eq!(server.metric("muster_cuts_total{code=\"too_large\"}").await, 1.0);

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
    let Some(tungstenite::Error::Http(answer)) = refusal else { panic!("it is refused") };
    assert_eq!(answer.status(), 429);
    good.tell_rules("2").await;
    good.play("the good guest's message", |client| client.said.iter().any(|said| said["said"] == 2)).await;
}

/// One request from another address than the others', and its answer.
async fn ask_from_elsewhere(server: &Running, path: &str) -> String {
    let socket = TcpSocket::new_v4().expect("there is a socket");
    socket.bind("127.0.0.2:0".parse().expect("it is an address")).expect("the address is this machine's");
    let mut stream = socket.connect(server.address).await.expect("it listens");
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("it is taken");
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer)).await.expect("it answers").expect("it is text");
    answer
}

#[tokio::test]
async fn one_network_cannot_hold_every_connection() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &["--limit-connections-per-network", "1", "--limit-idle-seconds", "600"]);
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(TcpStream::connect(server.address).await.expect("the kernel takes it"));
    }
    // One for a WebSocket, 64 for pages; the others are closed at once.
    let (mut closed, begun, mut turn) = (0, Instant::now(), interval(Duration::from_millis(50)));
    while closed < 35 {
        assert!(begun.elapsed() < DEADLINE, "only {closed} are closed");
        turn.tick().await;
        closed = held.iter().filter(|stream| matches!(stream.try_read(&mut [0]), Ok(0))).count();
    }
    assert_eq!(closed, 35);
    let metrics = ask_from_elsewhere(&server, "/metrics").await;
    for line in ["muster_tcp_refused_total 35", "muster_tcp_connections 66"] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in {metrics}");
    }
    held.clear();
    while !ask_from_elsewhere(&server, "/metrics").await.lines().any(|found| found == "muster_tcp_connections 1") {
        assert!(begun.elapsed() < DEADLINE, "places stay taken");
        turn.tick().await;
    }
    let _player = server.connect(&server.guest("Ada").await).await;
}

#[tokio::test]
async fn lists_have_a_rate_that_keeps_no_player_out() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &["--limit-arrivals-per-minute", "5"]);
    let mut refused = None;
    for turn in 0..200 {
        let path = ["/v1/matches", "/v1/replays", "/v1/replays/nothing"][turn % 3];
        let (status, body) = server.request("GET", path, "").await;
        if status == 429 {
            refused = Some(body);
            break;
        }
        assert_eq!(status, if path.ends_with("nothing") { 404 } else { 200 }, "{body}");
    }
    assert!(refused.is_some_and(|body| body.contains("rate_limited")), "everything is answered");
    assert_eq!(server.request("GET", "/v1/replays/nothing", "").await.0, 429);
    assert!(ask_from_elsewhere(&server, "/v1/matches").await.starts_with("HTTP/1.1 200"));
    server.connect(&server.guest("Ada").await).await;
}

#[tokio::test]
async fn replays_are_sent_in_parts() {
    const LENGTH: usize = 48 << 20;
    let scratch = scratch();
    let folder = scratch.path().join("data/replays");
    fs::create_dir_all(&folder).expect("a folder can be made");
    let bytes: Vec<u8> = (0..LENGTH as u32 / 4).flat_map(u32::to_le_bytes).collect();
    fs::write(folder.join("large.replay"), &bytes).expect("it can be written");
    // What has come to its end has a head.
    fs::write(folder.join("large.json"), "{}").expect("it can be written");
    let server = Running::dev(&scratch, &["--limit-idle-seconds", "600"]);
    let resident = || {
        let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).expect("it runs");
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory").trim().to_owned();
        line.trim_end_matches(" kB").parse::<usize>().expect("it is a number") << 10
    };
    let before = resident();
    let request = "GET /v1/replays/large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let mut unread = Vec::new();
    for _ in 0..16 {
        let mut stream = TcpStream::connect(server.address).await.expect("it listens");
        stream.write_all(request.as_bytes()).await.expect("it is taken");
        let mut beginning = [0; 12];
        stream.read_exact(&mut beginning).await.expect("it answers");
        assert_eq!(&beginning, b"HTTP/1.1 200");
        unread.push(stream);
    }
    let mut answer = Vec::new();
    timeout(DEADLINE, unread[0].read_to_end(&mut answer)).await.expect("it comes").expect("it comes whole");
    let head = String::from_utf8_lossy(&answer[..answer.len() - LENGTH]).into_owned();
    assert!(head.contains(&format!("content-length: {LENGTH}\r\n")) && head.ends_with("\r\n\r\n"), "{head}");
    assert!(answer.ends_with(&bytes), "it is another one");
    let grown = resident().saturating_sub(before);
    assert!(grown < LENGTH / 2, "{grown} bytes for what is not read");
}

#[tokio::test]
async fn a_server_that_cannot_write_matches_down_is_not_ready_until_it_can() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &[]);
    let (mut player, _) = server.join("Ada", json!({ "mode": "discs" })).await;
    let (begun, mut turn) = (Instant::now(), interval(Duration::from_millis(50)));
    let folder = scratch.path().join("data/matches");
    let aside = scratch.path().join("aside");
    fs::rename(&folder, &aside).expect("the folder is there");
    while server.request("GET", "/ready", "").await != (503, "matches cannot be written down; see the log\n".into()) {
        assert!(begun.elapsed() < DEADLINE, "it stays ready");
        turn.tick().await;
    }
    // A start would be no better, and who plays plays on.
    assert_eq!(server.request("GET", "/health", "").await, (200, "ok\n".into()));
    player.tell_rules("1").await;
    player.play("one's own message", |client| client.said.iter().any(|said| said["said"] == 1)).await;
    fs::rename(&aside, &folder).expect("the folder is there");
    while server.request("GET", "/ready", "").await != (200, "ready\n".into()) {
        assert!(begun.elapsed() < DEADLINE, "it does not become ready");
        turn.tick().await;
    }
}

#[tokio::test]
async fn a_server_without_a_mode_that_can_be_played_is_healthy_and_not_ready() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", "this is no Luau");
    let server = Running::dev(&scratch, &[]);
    assert_eq!(server.request("GET", "/health", "").await, (200, "ok\n".into()));
    assert_eq!(server.request("GET", "/ready", "").await, (503, "no mode can be played\n".into()));
    scratch.write_mode("discs", DISCS);
    let (begun, mut turn) = (Instant::now(), interval(Duration::from_millis(50)));
    while server.request("GET", "/ready", "").await != (200, "ready\n".into()) {
        assert!(begun.elapsed() < DEADLINE, "it does not become ready");
        turn.tick().await;
    }
    // What was good once is played on.
    scratch.write_mode("discs", "this is no Luau");
    while !server.request("GET", "/v1/modes", "").await.1.contains("rules.lua") {
        assert!(begun.elapsed() < DEADLINE, "the mistake is not seen");
        turn.tick().await;
    }
    assert_eq!(server.request("GET", "/ready", "").await.0, 200);
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
    let server = Running::dev(&scratch, &["--limit-arrivals-per-minute", "6"]);
    for (method, path, body, status) in [
        ("POST", "/v1/guests", "", 400),
        ("POST", "/v1/guests", "{\"name\":1}", 400),
        ("POST", "/v1/guests", "{\"name\":\"a\",\"admin\":true}", 400),
        ("POST", "/v1/guests", "{\"name\":\"\\n\"}", 400),
        ("GET", "/v1/replays/..%2f..%2fetc%2fpasswd", "", 404),
        ("GET", "/v1/maps/0123456789abcdef", "", 404),
        ("GET", "/v1/maps/..%2fkept-modes%2fdiscs", "", 404),
        ("GET", "/v1/nothing", "", 404),
        ("GET", "/../Cargo.toml", "", 404),
        ("DELETE", "/", "", 405),
        ("GET", "/v1/play", "", 400),
    ] {
        assert_eq!(server.request(method, path, body).await.0, status, "{method} {path}");
    }
    let cases = [
        ("POST", "/v1/guests", "x".repeat(10_000), 413, "too_large"),
        ("DELETE", "/v1/modes", String::new(), 405, "method_not_allowed"),
        ("POST", "/nothing", String::new(), 405, "method_not_allowed"),
        ("GET", "/v1/nothing", String::new(), 404, "not_found"),
        ("POST", "/v1/nothing", String::new(), 404, "not_found"),
    ];
    for (method, path, body, status, code) in cases {
        let (answered, text) = server.request(method, path, &body).await;
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
        assert_eq!((answered, &answer["error"]["code"]), (status, &json!(code)), "{method} {path}");
    }
    assert_eq!(server.request("POST", "/v1/guests", "{\"name\":\"Ada\"}").await.0, 200);
    let (status, body) = server.request("POST", "/v1/guests", "{\"name\":\"Ada\"}").await;
    assert_eq!(status, 429, "{body}");
    assert!(body.contains("rate_limited"));
}
