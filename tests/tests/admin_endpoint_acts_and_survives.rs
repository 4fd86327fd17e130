//! Goal: POST /drain drains as SIGTERM does, no page in a browser can do that, and nothing that is sent to the admin
//! endpoint disturbs the relay or the endpoint.
//! Method: requests, and bytes that are none, against the real program.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use muster_tests::{
    client::Client,
    echo::Echo,
    matrix::{Case, Family},
    metrics,
    relay::Relay,
    wire::Via,
};

const SOON: Duration = Duration::from_secs(10);

fn flow(relay: &Relay, echo: &Echo) -> Client {
    let mut client = Client::connect(relay.address(Family::V4), &Via::Udp, relay.account()).unwrap();
    client.allocate(Family::V4).unwrap();
    client.bind(0x4001, echo.address()).unwrap();
    Echo::answers(&mut client, 0x4001, b"before").unwrap();
    client
}

fn status(relay: &Relay, path: &str) -> u16 {
    metrics::get(relay.admin(), path).unwrap().0
}

#[test]
fn a_posted_drain_drains() {
    for case in Case::DRIVERS {
        let mut relay = Relay::start(case);
        let echo = Echo::start(Family::V4);
        let mut client = flow(&relay, &echo);
        assert_eq!(status(&relay, "/drain"), 405, "{case}: looking does not drain");
        assert_eq!(status(&relay, "/readyz"), 200, "{case}");

        let (code, body) = metrics::post(relay.admin(), "/drain").unwrap();
        assert_eq!(code, 202, "{case}");
        assert!(body.contains("1 allocations left"), "{case}: {body}");
        assert_eq!(status(&relay, "/readyz"), 503, "{case}");
        assert_eq!(relay.metrics().sum("muster_relay_draining"), Some(1.0), "{case}");
        Echo::answers(&mut client, 0x4001, b"during the drain").unwrap();
        assert_eq!(client.refresh(0).unwrap(), 0);
        assert_eq!(relay.wait(SOON).code(), Some(0), "{case}");
    }
}

#[test]
fn a_page_cannot_drain() {
    for case in Case::DRIVERS {
        let mut relay = Relay::start(case);
        for origin in ["https://example.org", "null", ""] {
            let request =
                format!("POST /drain HTTP/1.0\r\nHost: localhost\r\nOrigin: {origin}\r\nContent-Length: 0\r\n\r\n");
            let (code, _) = metrics::exchange(relay.admin(), request.as_bytes()).unwrap();
            assert_eq!(code, 403, "{case}, origin {origin:?}");
        }
        assert_eq!(status(&relay, "/readyz"), 200, "{case}");
        assert_eq!(relay.metrics().sum("muster_relay_draining"), Some(0.0), "{case}");
        assert!(relay.is_running(), "{case}");
    }
}

/// Sends `bytes` and leaves the connection open. That the relay closes it in the middle is an answer too.
fn send(admin: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(admin).unwrap();
    stream.set_write_timeout(Some(SOON)).unwrap();
    let _ = stream.write_all(bytes);
    stream
}

#[test]
fn hostile_bytes_disturb_nothing() {
    let long_header = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(1 << 20));
    let many_headers = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(10_000));
    let noise: Vec<u8> = (0..4096_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let hostile: [&[u8]; 8] = [
        &noise,
        &[0; 4096],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /../../etc/passwd HTTP/1.1\r\n\r\n",
        b"POST /drain HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"GET /metr",
        long_header.as_bytes(),
        many_headers.as_bytes(),
    ];
    for case in Case::DRIVERS {
        let mut relay = Relay::start(case);
        let echo = Echo::start(Family::V4);
        let mut client = flow(&relay, &echo);
        // All at once, and open until the end.
        let open = hostile.map(|bytes| send(relay.admin(), bytes));
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(status(&relay, path), 200, "{case}: {path}");
        }
        Echo::answers(&mut client, 0x4001, b"beside hostile bytes").unwrap();
        assert_eq!(relay.metrics().allocations(), 1, "{case}");
        assert!(relay.is_running(), "{case}");
        drop(open);
    }
}
