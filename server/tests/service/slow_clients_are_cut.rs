//! Goal: who does not take what is sent, does not answer, does not finish what they began, or says something larger than may
//! be, is cut in a bounded time; and others play on.
//!
//! Method: real sockets that are not read, or are written to by hand; the server's counters say why it cut them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::stage::{DEADLINE, DISCS, Running, Scratch};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{interval, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, protocol::Role},
};

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    // Who is in it is told 2 MB a second.
    let shout = "for i = 1, 8 do match.broadcast(string.rep('x', 15000)) end for _, message in messages do";
    scratch.write_mode("loud", &DISCS.replace("for _, message in messages do", shout));
    scratch.write_mode("discs", DISCS);
    scratch
}

/// A WebSocket that nobody reads from, whose kernel keeps little.
async fn open_unread(server: &Running) -> WebSocketStream<TcpStream> {
    let socket = TcpSocket::new_v4().expect("there is a socket");
    socket.set_recv_buffer_size(4096).expect("it can be set");
    let stream = socket.connect(server.address).await.expect("it listens");
    client_async(format!("ws://{}/v1/play", server.address), stream).await.expect("it lets in").0
}

async fn say(socket: &mut WebSocketStream<TcpStream>, message: serde_json::Value) {
    use futures_util::SinkExt as _;
    socket.send(Message::Text(message.to_string().into())).await.expect("it is taken");
}

/// Waits until the server has cut somebody for a reason.
async fn wait_for_cut(server: &Running, code: &str) {
    let line = format!("muster_cuts_total{{code=\"{code}\"}} 1");
    let (begun, mut turn) = (Instant::now(), interval(Duration::from_millis(50)));
    while !server.request("GET", "/metrics", "").await.1.lines().any(|found| found == line) {
        assert!(begun.elapsed() < DEADLINE, "nobody was cut as {code}");
        turn.tick().await;
    }
}

/// Waits until only those are there who should be: who is cut has a moment to hear why.
async fn wait_for_connections(server: &Running, count: f64) {
    let (begun, mut turn) = (Instant::now(), interval(Duration::from_millis(50)));
    while server.metric("muster_connections").await != count {
        assert!(begun.elapsed() < DEADLINE, "connections stay");
        turn.tick().await;
    }
}

#[tokio::test]
async fn who_does_not_take_what_is_sent_is_cut() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &["--limit-idle-seconds", "600"]);
    let mut slow = open_unread(&server).await;
    let token = server.guest("Slow").await;
    say(&mut slow, json!({ "type": "connect", "token": token })).await;
    say(&mut slow, json!({ "type": "match:join", "mode": "loud" })).await;
    let (mut good, _) = server.join("Good", json!({ "mode": "discs" })).await;
    wait_for_cut(&server, "slow").await;
    good.tell_rules("1").await;
    good.play("the good guest's message", |client| client.said.iter().any(|said| said["said"] == 1)).await;
    wait_for_connections(&server, 1.0).await;
}

#[tokio::test]
async fn who_does_not_answer_is_cut() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &["--limit-idle-seconds", "5"]);
    // Its machine has gone without a word: the connection is open, and nothing comes.
    let mut gone = open_unread(&server).await;
    let token = server.guest("Gone").await;
    say(&mut gone, json!({ "type": "connect", "token": token })).await;
    say(&mut gone, json!({ "type": "match:join", "mode": "discs" })).await;
    wait_for_cut(&server, "idle").await;
    wait_for_connections(&server, 0.0).await;
    // The place is kept.
    assert_eq!(server.metric("muster_players").await, 1.0);
}

#[tokio::test]
async fn requests_that_do_not_come_to_an_end_are_cut() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &["--limit-idle-seconds", "5"]);
    let begins = [
        "",
        "GET /v1/modes HTTP/1.1\r\nhost: x\r\nx-slow: ",
        "POST /v1/guests HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{",
    ];
    let begun = Instant::now();
    let mut slow = Vec::new();
    for begin in begins.iter().cycle().take(30) {
        let mut stream = TcpStream::connect(server.address).await.expect("it listens");
        stream.write_all(begin.as_bytes()).await.expect("it is taken");
        slow.push(tokio::spawn(async move {
            let (mut reader, mut writer) = stream.into_split();
            // A byte now and then, as if there were more to come.
            let trickle = tokio::spawn(async move {
                let mut turn = interval(Duration::from_millis(700));
                while writer.write_all(b"x").await.is_ok() {
                    turn.tick().await;
                }
            });
            let mut answer = Vec::new();
            // An end by force is an end too.
            drop(reader.read_to_end(&mut answer).await);
            trickle.abort();
            String::from_utf8_lossy(&answer).into_owned()
        }));
    }
    assert_eq!(server.request("GET", "/health", "").await.0, 200);
    for task in slow {
        let answer = timeout(DEADLINE, task).await.expect("it is cut").expect("it is read");
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    assert!(begun.elapsed() < DEADLINE);
}

#[tokio::test]
async fn answers_that_are_not_read_are_cut() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &["--limit-idle-seconds", "5"]);
    let (mut slow, is_over) = (Vec::new(), Arc::new(AtomicBool::new(false)));
    for each in 0..20 {
        let socket = TcpSocket::new_v4().expect("there is a socket");
        socket.set_recv_buffer_size(4096).expect("it can be set");
        let mut stream = socket.connect(server.address).await.expect("it listens");
        // Some megabytes of answers.
        let requests = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(400);
        stream.write_all(requests.as_bytes()).await.expect("it is taken");
        let is_over = is_over.clone();
        slow.push(tokio::spawn(async move {
            let mut turn = interval(Duration::from_millis(300));
            let mut byte = [0];
            // Half of them take a byte now and then, as if they were on their way.
            while each % 2 == 0 && !is_over.load(Ordering::Relaxed) && stream.read_exact(&mut byte).await.is_ok() {
                turn.tick().await;
            }
            stream
        }));
    }
    let begun = Instant::now();
    let mut turn = interval(Duration::from_millis(50));
    // Only who asks is there at last; they were all accepted before.
    while server.metric("muster_tcp_connections").await > 1.0 {
        assert!(begun.elapsed() < DEADLINE, "connections stay");
        turn.tick().await;
    }
    is_over.store(true, Ordering::Relaxed);
    for task in slow {
        let mut stream = timeout(DEADLINE, task).await.expect("it is cut").expect("it is read");
        let mut rest = Vec::new();
        let end = timeout(DEADLINE, stream.read_to_end(&mut rest)).await.expect("it is cut");
        assert!(end.is_err() && rest.len() < 1 << 20, "what was not read is not sent on: {end:?}");
    }
}

#[tokio::test]
async fn who_asks_for_nothing_more_is_cut() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &["--limit-idle-seconds", "5"]);
    let mut stream = TcpStream::connect(server.address).await.expect("it listens");
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("it is taken");
    let mut answer = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("it is cut").expect("it ends in order");
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn frames_that_cannot_be_are_the_end() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &["--limit-idle-seconds", "600"]);
    let (mut good, _) = server.join("Good", json!({ "mode": "discs" })).await;
    let part = |head: &[u8]| [head, &[0x80 | 126, 0x4e, 0x20, 0, 0, 0, 0], &[b'x'; 20_000]].concat();
    let frames: [(&str, Vec<u8>); 6] = [
        ("as long as a number can be", [&[0x82, 0xff][..], &[0x7f; 8], &[0; 4]].concat()),
        ("longer than may be", [&[0x82, 0xff][..], &(1u64 << 20).to_be_bytes(), &[0; 4]].concat()),
        ("not masked", vec![0x81, 0x02, b'{', b'}']),
        ("of no kind", vec![0x83, 0x80, 0, 0, 0, 0]),
        ("not of UTF-8", vec![0x81, 0x81, 0, 0, 0, 0, 0xff]),
        ("too long in parts", [part(&[0x01]), part(&[0x00]), part(&[0x00])].concat()),
    ];
    for (what, bytes) in frames {
        let mut stream = open_unread(&server).await.into_inner();
        stream.write_all(&bytes).await.expect("it is taken");
        let mut rest = Vec::new();
        let end = timeout(DEADLINE, stream.read_to_end(&mut rest)).await;
        assert!(end.is_ok(), "a frame {what} is waited for");
    }
    // A frame of the right form on a socket of the same make is taken.
    let stream = open_unread(&server).await.into_inner();
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    say(&mut socket, json!({ "type": "connect", "token": server.guest("Eve").await })).await;
    good.tell_rules("1").await;
    good.play("the good guest's message", |client| client.said.iter().any(|said| said["said"] == 1)).await;
    wait_for_connections(&server, 2.0).await;
}
