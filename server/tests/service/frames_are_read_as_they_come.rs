//! Goal: a WebSocket is what RFC 6455 says, however its bytes come: with the request, in pieces, many at once; and what is none
//! is closed with the code that says why.
//!
//! Method: bytes by hand over a plain socket. What is said is told from what comes back, read by another library.

use std::time::Duration;

use crate::stage::{DEADLINE, DISCS, Running, Scratch};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
/// The key of the RFC's own example, and what answers it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ANSWER: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A frame as a client sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let mut bytes = vec![first];
    match payload.len() {
        length @ ..126 => bytes.push(0x80 | length as u8),
        length => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

fn said(message: &Value) -> Vec<u8> {
    frame(TEXT, message.to_string().as_bytes())
}

/// A client that writes by hand, and has its library read.
struct ByHand {
    stream: TcpStream,
}

impl ByHand {
    /// Asks for a WebSocket and goes on with `ahead` in the same breath.
    async fn open(server: &Running, ahead: &[u8]) -> Self {
        let mut stream = TcpStream::connect(server.address).await.expect("it listens");
        stream.set_nodelay(true).expect("it can be set");
        let head = format!(
            "GET /v1/play HTTP/1.1\r\nHost: {}\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n",
            server.address
        );
        stream.write_all(&[head.as_bytes(), ahead].concat()).await.expect("it is taken");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(timeout(DEADLINE, stream.read_u8()).await.expect("it answers").expect("it answers whole"));
        }
        let answer = String::from_utf8(answer).expect("it is text").to_lowercase();
        assert!(answer.starts_with("http/1.1 101 "), "{answer}");
        assert!(answer.contains(&format!("sec-websocket-accept: {}\r\n", ANSWER.to_lowercase())), "{answer}");
        Self { stream }
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("it is taken");
    }

    /// All that comes until the end.
    async fn read(self) -> Vec<Message> {
        let socket = WebSocketStream::from_raw_socket(self.stream, Role::Client, None).await;
        let read = socket.filter_map(async |message| message.ok()).collect::<Vec<_>>();
        timeout(DEADLINE, read).await.expect("the server ends it")
    }
}

/// The types of the JSON messages.
fn types(messages: &[Message]) -> Vec<String> {
    let texts = messages.iter().filter_map(|message| message.to_text().ok().filter(|_| message.is_text()));
    let values = texts.map(|text| serde_json::from_str::<Value>(text).expect("it is JSON"));
    values.map(|value| value["type"].as_str().expect("it has a type").to_owned()).collect()
}

/// The code that ends them.
fn code(messages: &[Message]) -> Option<u16> {
    match messages.last() {
        Some(Message::Close(frame)) => frame.as_ref().map(|frame| frame.code.into()),
        other => panic!("there is no end: {other:?}"),
    }
}

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.write_mode("discs", DISCS);
    scratch
}

#[tokio::test]
async fn all_that_comes_with_the_request_is_heard_in_order() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &[]);
    let token = server.guest("Ada").await;
    let ahead = [
        said(&json!({ "type": "connect", "token": token })),
        said(&json!({ "type": "ping", "at": 1 })),
        said(&json!({ "type": "match:join", "mode": "discs" })),
        // What is asked before the join is answered waits for it.
        said(&json!({ "type": "match:leave" })),
        frame(CLOSE, &1000_u16.to_be_bytes()),
    ]
    .concat();
    let messages = ByHand::open(&server, &ahead).await.read().await;
    assert_eq!(types(&messages)[..3], ["connected", "pong", "match:joined"]);
    assert_eq!(code(&messages), Some(1000));
}

#[tokio::test]
async fn a_message_in_pieces_is_one_message() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &[]);
    let token = server.guest("Ada").await;
    let mut client = ByHand::open(&server, &[]).await;
    let connect = json!({ "type": "connect", "token": token }).to_string();
    let (first, rest) = connect.as_bytes().split_at(10);
    let (second, third) = rest.split_at(30);
    let pieces = [frame(0x01, first), frame(PING, b"between"), frame(0x00, second), frame(0x80, third)].concat();
    // Cut where frames are not, at first byte by byte.
    let (bytes, rest) = pieces.split_at(24);
    for part in bytes.chunks(1).chain(rest.chunks(23)) {
        client.write(part).await;
        sleep(Duration::from_millis(2)).await;
    }
    client.write(&said(&json!({ "type": "ping", "at": 2 }))).await;
    // A payload whose length has a form of its own.
    let long = format!("{}{{\"type\":\"ping\",\"at\":3}}", " ".repeat(2000));
    client.write(&frame(TEXT, long.as_bytes())).await;
    client.write(&frame(CLOSE, &[])).await;
    let messages = client.read().await;
    assert!(messages.contains(&Message::Pong(b"between".as_slice().into())), "{messages:?}");
    assert_eq!(types(&messages), ["connected", "pong", "pong"]);
    assert_eq!(code(&messages), Some(1000));
}

#[tokio::test]
async fn what_is_no_websocket_is_closed_with_the_reason() {
    let scratch = scratch();
    let server = Running::dev(&scratch, &["--limit-arrivals-per-minute", "600"]);
    let token = server.guest("Ada").await;
    let connect = said(&json!({ "type": "connect", "token": token }));
    let unmasked = b"\x81\x02{}".to_vec();
    let begun = frame(0x01, b"{");
    let cases: [(&str, Vec<u8>, u16); 16] = [
        ("a frame without a mask", unmasked, 1002),
        ("a bit that is reserved", frame(0xc1, b"{}"), 1002),
        ("an opcode that is reserved", frame(0x83, b"{}"), 1002),
        ("a control opcode that is reserved", frame(0x8b, b""), 1002),
        ("a long ping", frame(PING, &[0; 126]), 1002),
        ("a ping in pieces", frame(0x09, b"1"), 1002),
        ("the rest of nothing", frame(0x80, b"{}"), 1002),
        ("a message within another", [begun.clone(), frame(TEXT, b"{}")].concat(), 1002),
        ("half a code", frame(CLOSE, &[3]), 1002),
        ("a code that nobody sends", frame(CLOSE, &1005_u16.to_be_bytes()), 1002),
        ("a reason that is no text", frame(CLOSE, b"\x03\xe8\xff"), 1007),
        ("a text that is none", frame(TEXT, b"\xff\xfe"), 1007),
        ("a text that is none, in pieces", [begun, frame(0x80, b"\xff")].concat(), 1007),
        // Its length alone is too much; nothing of it is waited for.
        ("a long message", b"\x82\xff\0\0\0\0\x7f\xff\xff\xff\x01\x02\x03\x04".to_vec(), 1009),
        ("a length beyond all", b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x03\x04".to_vec(), 1009),
        (
            "a long message in pieces",
            [frame(0x02, &[0; 60_000]), frame(0x00, &[0; 60_000]), frame(0x00, &[0; 60_000])].concat(),
            1009,
        ),
    ];
    for (name, bytes, expected) in cases {
        let mut client = ByHand::open(&server, &connect).await;
        client.write(&bytes).await;
        // Nothing after it is heard.
        drop(client.stream.write_all(&said(&json!({ "type": "ping", "at": 1 }))).await);
        let messages = client.read().await;
        assert_eq!(types(&messages), ["connected", "error"], "{name}");
        assert_eq!(code(&messages), Some(expected), "{name}");
    }
    assert_eq!(server.request("GET", "/health", "").await.0, 200);
}

#[tokio::test]
async fn many_messages_at_once_are_all_answered() {
    const MANY: usize = 1000;
    let scratch = scratch();
    let server = Running::dev(&scratch, &["--limit-messages-per-second", "10000", "--limit-queue", "8192"]);
    let token = server.guest("Ada").await;
    let mut client = ByHand::open(&server, &said(&json!({ "type": "connect", "token": token }))).await;
    let pings: Vec<u8> = (0..MANY).flat_map(|at| said(&json!({ "type": "ping", "at": at }))).collect();
    client.write(&pings).await;
    client.write(&frame(BINARY, b"in no match")).await;
    client.write(&frame(CLOSE, &[])).await;
    let messages = client.read().await;
    let answers = messages.iter().filter_map(|message| message.to_text().ok());
    let answers = answers.filter_map(|text| serde_json::from_str::<Value>(text).ok());
    let pongs: Vec<u64> = answers.filter_map(|answer| answer["at"].as_u64()).collect();
    assert!(pongs.iter().copied().eq(0..MANY as u64), "{} answers", pongs.len());
}
