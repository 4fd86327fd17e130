//! Goal: who connects is told of the relay in the same process with credentials of their own, by which they reach where data
//! channels end; what is not theirs is refused; the relay's counters are among the server's; and a relay that cannot start
//! ends nothing.
//!
//! Method: a TURN client on a socket of its own; a relay whose port is taken.

use std::{
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use crate::stage::{DEADLINE, DISCS, Running, Scratch};
use muster_sim::{AllocateOptions, Client as TurnClient, Credentials, Event, Failure, Method, seeded};
use serde_json::{Value, json};

/// A TURN client and its socket.
struct Caller {
    turn: TurnClient,
    socket: UdpSocket,
    relay: SocketAddr,
    begun: Instant,
}

impl Caller {
    fn new(relay: SocketAddr, username: &str, password: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("it is a time");
        let turn = TurnClient::new(Credentials::new(username, password), seeded(1, 1));
        Self { turn, socket, relay, begun: Instant::now() }
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The next event.
    fn event(&mut self) -> Event {
        let mut buffer = [0; 2048];
        while self.now() < DEADLINE {
            while let Some(bytes) = self.turn.poll_transmit() {
                self.socket.send_to(&bytes, self.relay).expect("it is sent");
            }
            if let Some(event) = self.turn.poll_event() {
                return event;
            }
            if let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
                self.turn.handle_datagram(self.now(), &buffer[..length]);
            }
            self.turn.handle_timeout(self.now());
        }
        panic!("nothing came of it");
    }
}

/// What a new guest is told when they connect.
async fn connected(server: &Running) -> Value {
    let token = server.guest("Ada").await;
    let mut client = server.open().await;
    client.say(&json!({ "type": "connect", "token": token })).await;
    client.hear("connected").await
}

fn address_of(ice_server: &Value) -> SocketAddr {
    let url = ice_server["urls"][0].as_str().expect("there is a URL");
    let address = url.strip_prefix("turn:").and_then(|rest| rest.strip_suffix("?transport=udp"));
    address.expect("it is one of TURN over UDP").parse().expect("it is an address")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_reaches_the_game_through_the_relay() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", DISCS);
    let server = Running::dev(&scratch, &[]);
    let told = connected(&server).await;
    let ice = told["ice_servers"][0].clone();
    assert_eq!(ice["urls"].as_array().map(Vec::len), Some(2), "{told}");
    let username = ice["username"].as_str().expect("it is text").to_owned();
    assert!(username.ends_with(told["player"].as_str().expect("it is text")), "{told}");
    let password = ice["credential"].as_str().expect("it is text").to_owned();
    let relay = address_of(&ice);
    let work = tokio::task::spawn_blocking(move || {
        let mut caller = Caller::new(relay, &username, &password);
        caller.turn.allocate(caller.now(), AllocateOptions::default());
        assert!(matches!(caller.event(), Event::Allocated { .. }));
        // Whoever is at the address of the data channels.
        let peer = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
        let address = peer.local_addr().expect("it is bound");
        caller.turn.permit(caller.now(), address);
        assert_eq!(caller.event(), Event::Permitted(address.ip()));
        caller.turn.send(address, b"to the game");
        while let Some(bytes) = caller.turn.poll_transmit() {
            caller.socket.send_to(&bytes, relay).expect("it is sent");
        }
        let mut buffer = [0; 100];
        peer.set_read_timeout(Some(DEADLINE)).expect("it is a time");
        let (length, from) = peer.recv_from(&mut buffer).expect("it comes");
        assert_eq!(&buffer[..length], b"to the game");
        peer.send_to(b"back", from).expect("it is sent");
        assert_eq!(caller.event(), Event::Received { peer: address, payload: b"back".to_vec() });
        // Nothing else inside is reached.
        caller.turn.permit(caller.now(), "10.0.0.1:80".parse().expect("it is an address"));
        assert_eq!(caller.event(), Event::Failed(Method::CreatePermission, Failure::Code(403)));

        let mut stranger = Caller::new(relay, &username, "cGFzc3dvcmQ=");
        stranger.turn.allocate(stranger.now(), AllocateOptions::default());
        assert_eq!(stranger.event(), Event::Failed(Method::Allocate, Failure::Code(401)));
    });
    work.await.expect("the relay relays");
    assert_eq!(server.metric("muster_relay_allocations").await, 1.0);
    assert_eq!(server.metric("muster_connections").await, 0.0);
    // Nobody else is given the same.
    assert_ne!(connected(&server).await["ice_servers"][0]["username"], ice["username"]);
}

#[tokio::test]
async fn a_relay_that_cannot_start_ends_nothing() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", DISCS);
    let taken = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
    let file = scratch.path().join("muster.toml");
    let listen = taken.local_addr().expect("it is bound");
    std::fs::write(
        &file,
        format!("[relay]\nlisten = \"{listen}\"\nrelay_ip = \"127.0.0.1\"\nrelay_ports = \"20000-20100\"\n"),
    )
    .expect("it is written");
    let server = Running::dev(&scratch, &["--config", file.to_str().expect("it is text")]);
    assert_eq!(connected(&server).await["ice_servers"], Value::Null);
    server.join("Bob", json!({ "mode": "discs" })).await;
    server.kill();

    // A relay elsewhere, whose secret is known here.
    let text = "turn = false\nturn_urls = \"turn:192.0.2.1:3478?transport=udp\"\n[relay]\nauth_secret = \"c2hhcmVk\"\n";
    std::fs::write(&file, text).expect("it is written");
    let server = Running::dev(&scratch, &["--config", file.to_str().expect("it is text")]);
    let told = connected(&server).await;
    assert_eq!(told["ice_servers"][0]["urls"], json!(["turn:192.0.2.1:3478?transport=udp"]));
}
