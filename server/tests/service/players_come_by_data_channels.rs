//! Goal: a player who joined over the WebSocket plays on over data channels: hello, welcome and messages on the reliable one,
//! packets and reports on the other, also when one datagram of ten is lost; and goes back to the WebSocket when they break. Who
//! says too much over them, or too much at once, or does not take what is sent, is cut as over the WebSocket, and others play on.
//!
//! Method: a real server; a client made of the same WebRTC library as the server, over a socket of its own that loses
//! datagrams by a fixed pattern; the receiving side of the core.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::stage::{Client, DEADLINE, DISCS, Running, Scratch, script_message};
use muster_core::sync::client::{ClientOptions, SyncClient};
use serde_json::{Value, json};
use str0m::{
    Candidate, Event, Input, Output, Rtc, RtcConfig,
    change::{SdpAnswer, SdpPendingOffer},
    channel::{ChannelConfig, ChannelId, Reliability},
    crypto::from_feature_flags,
    net::{Protocol, Receive},
};

/// A browser's side of two data channels.
struct Channels {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    control: ChannelId,
    state: ChannelId,
    open: Vec<ChannelId>,
    /// Of so many datagrams one is lost, each way; 0 loses none.
    lose_each: u32,
    count: u32,
    sync: Option<SyncClient>,
    said: Vec<Value>,
    packets: u32,
    begun: Instant,
}

impl Channels {
    fn offer() -> (Self, String, SdpPendingOffer) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
        let local = socket.local_addr().expect("it is bound");
        let config = RtcConfig::new().set_crypto_provider(Arc::new(from_feature_flags())).clear_codecs();
        let mut rtc = config.build(Instant::now());
        rtc.add_local_candidate(Candidate::host(local, "udp").expect("it is an address"));
        let mut change = rtc.sdp_api();
        let control = change.add_channel_with_config(ChannelConfig { label: "control".into(), ..Default::default() });
        let state = change.add_channel_with_config(ChannelConfig {
            label: "state".into(),
            ordered: false,
            reliability: Reliability::MaxRetransmits { retransmits: 0 },
            ..Default::default()
        });
        let (offer, pending) = change.apply().expect("there is something to offer");
        let channels = Self {
            rtc,
            socket,
            local,
            control,
            state,
            open: Vec::new(),
            lose_each: 0,
            count: 0,
            sync: None,
            said: Vec::new(),
            packets: 0,
            begun: Instant::now(),
        };
        (channels, offer.to_sdp_string(), pending)
    }

    fn is_lost(&mut self) -> bool {
        self.count += 1;
        self.lose_each != 0 && self.count.is_multiple_of(self.lose_each)
    }

    fn now_us(&self) -> u64 {
        self.begun.elapsed().as_micros() as u64
    }

    fn write(&mut self, channel: ChannelId, bytes: &[u8]) {
        let mut channel = self.rtc.channel(channel).expect("the channel is open");
        assert!(channel.write(true, bytes).expect("the channel takes it"));
        self.drain();
    }

    /// Everything that the session has to say; when it wants to be asked again.
    fn drain(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().expect("the session lives") {
                Output::Timeout(due) => return due,
                Output::Transmit(transmit) => {
                    if !self.is_lost() {
                        self.socket.send_to(&transmit.contents, transmit.destination).expect("it is sent");
                    }
                }
                Output::Event(Event::ChannelOpen(id, _)) => self.open.push(id),
                Output::Event(Event::ChannelData(data)) => self.take_in(data.id, &data.data),
                Output::Event(_) => {}
            }
        }
    }

    fn take_in(&mut self, channel: ChannelId, bytes: &[u8]) {
        match bytes.get(4..8) {
            Some(b"MUWE") => {
                assert_eq!(channel, self.control);
                // A session that goes on keeps what it has.
                if self.sync.is_none() {
                    self.sync = Some(SyncClient::new(bytes, None, &ClientOptions::default()).expect("it is a welcome"));
                }
            }
            Some(b"MUMS") => {
                assert_eq!(channel, self.control);
                let message = muster_schemas::read_message(bytes).expect("it is a message");
                self.said.push(serde_json::from_slice(message.data().bytes()).expect("it is JSON"));
            }
            _ => {
                assert_eq!(channel, self.state);
                self.packets += 1;
                let now_us = self.now_us();
                if let Some(sync) = &mut self.sync {
                    sync.receive(bytes, now_us).expect("packets of the server are good");
                }
            }
        }
    }

    /// Goes on until something holds.
    fn run(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        let mut next_report = Instant::now();
        let mut buffer = [0; 2048];
        loop {
            let due = self.drain();
            if holds(self) {
                return;
            }
            let now = Instant::now();
            assert!(now < deadline, "{what} did not come about");
            if now >= next_report && self.sync.is_some() {
                next_report = now + Duration::from_millis(33);
                let now_us = self.now_us();
                let mut report = Vec::new();
                let sync = self.sync.as_mut().expect("it is there");
                sync.advance(now_us);
                sync.report(now_us, &mut report);
                let state = self.state;
                self.write(state, &report);
            }
            let wait = due.min(next_report.max(now + Duration::from_millis(1))).saturating_duration_since(now);
            let wait = wait.clamp(Duration::from_millis(1), Duration::from_millis(20));
            self.socket.set_read_timeout(Some(wait)).expect("it is a time");
            if let Ok((length, source)) = self.socket.recv_from(&mut buffer)
                && !self.is_lost()
            {
                let contents = buffer[..length].try_into().expect("the server's datagrams are good");
                let receive = Receive { proto: Protocol::Udp, source, destination: self.local, contents };
                self.rtc.handle_input(Input::Receive(Instant::now(), receive)).expect("the session lives");
            }
            self.drain();
            self.rtc.handle_input(Input::Timeout(Instant::now())).expect("the session lives");
        }
    }

    fn has_disc(&self, number: u32) -> bool {
        self.sync.as_ref().is_some_and(|sync| sync.shown().owner.contains(&number))
    }
}

/// Data channels of a client who keeps to no limit that the server tells.
async fn open_channels(client: &mut Client) -> Channels {
    let (mut channels, sdp, pending) = Channels::offer();
    client.say(&json!({ "type": "rtc:offer", "sdp": sdp })).await;
    let answer = client.hear("rtc:answer").await["sdp"].as_str().expect("it is text").to_owned();
    assert!(answer.contains("a=ice-lite"), "{answer}");
    let limit = "a=max-message-size:24576";
    assert!(answer.contains(limit), "{answer}");
    let answer = answer.replace(limit, "a=max-message-size:1000000");
    let answer = SdpAnswer::from_sdp_string(&answer).expect("it is an answer");
    channels.rtc.sdp_api().accept_answer(pending, answer).expect("it answers the offer");
    channels
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_something_over_data_channels_and_is_in_no_match_hears_so_once() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", DISCS);
    let server = Running::dev(&scratch, &[]);
    let mut client = server.connect(&server.guest("Ada").await).await;
    let mut channels = open_channels(&mut client).await;
    let channels = tokio::task::spawn_blocking(move || {
        channels.run("the channels", |channels| channels.open.len() == 2);
        for channel in [channels.control, channels.state, channels.control] {
            channels.write(channel, b"anything");
        }
        // Until the first of them has surely arrived.
        let until = Instant::now() + Duration::from_millis(200);
        channels.run("a moment", |_| Instant::now() > until);
        channels
    })
    .await
    .expect("the client goes on");
    assert_eq!(client.refusal().await, "not_joined");
    client.say(&json!({ "type": "ping", "at": 1 })).await;
    client.hear("pong").await;
    assert!(server.metric("muster_refusals_total{code=\"not_joined\"}").await >= 2.0);
    drop(channels);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_plays_over_data_channels_that_lose() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", DISCS);
    let server = Running::dev(&scratch, &[]);
    let (mut other, _) = server.join("Bob", json!({ "mode": "discs" })).await;

    let mut client = server.connect(&server.guest("Ada").await).await;
    client.say(&json!({ "type": "rtc:offer", "sdp": "nonsense" })).await;
    assert_eq!(client.refusal().await, "rtc_failed");
    client.say(&json!({ "type": "match:join", "mode": "discs" })).await;
    assert_eq!(client.hear("match:joined").await["number"], 2);
    let mut channels = open_channels(&mut client).await;
    let mut channels = tokio::task::spawn_blocking(move || {
        channels.run("the channels", |channels| channels.open.len() == 2);
        let mut hello = Vec::new();
        SyncClient::hello(&mut hello);
        let control = channels.control;
        channels.write(control, &hello);
        channels.lose_each = 10;
        channels.run("both discs", |channels| channels.has_disc(1) && channels.has_disc(2));
        channels.write(control, &script_message(b"\"over control\""));
        channels.run("the message", |channels| channels.said.iter().any(|said| said["said"] == "over control"));
        channels.run("a loss that is noticed", |channels| {
            channels.sync.as_ref().is_some_and(|sync| sync.statistics().lost > 0)
        });
        let packets = channels.packets;
        channels.run("more packets", |channels| channels.packets > packets + 20);
        channels
    })
    .await
    .expect("the client goes on");
    other.play("the message", |client| client.said.iter().any(|said| said["said"] == "over control")).await;
    assert_eq!(server.metric("muster_rtc_sessions").await, 1.0);

    // The channels break: a hello over the WebSocket, and the same session goes on there.
    channels.rtc.disconnect();
    client.sync = channels.sync.take();
    let before = client.sync.as_ref().expect("it is there").statistics().packets;
    client.keep_session = true;
    client.hello().await;
    client
        .play("packets over the WebSocket", |client| {
            client.sync.as_ref().is_some_and(|sync| sync.statistics().packets > before + 10)
        })
        .await;
}

#[tokio::test]
async fn offers_are_answered_only_so_often() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", DISCS);
    let server = Running::dev(&scratch, &[]);
    let mut client = server.connect(&server.guest("Ada").await).await;
    let mut refusals = Vec::new();
    for _ in 0..5 {
        client.say(&json!({ "type": "rtc:offer", "sdp": "nonsense" })).await;
        refusals.push(client.refusal().await);
    }
    assert_eq!(refusals, ["rtc_failed", "rtc_failed", "rtc_failed", "rtc_failed", "rate_limited"]);
    // That is no reason to go.
    client.join(json!({ "mode": "discs" })).await;
}

/// A player who is in a match and plays over data channels.
async fn join_by_channels(server: &Running, name: &str, mode: &str) -> (Client, Channels) {
    let mut client = server.connect(&server.guest(name).await).await;
    client.say(&json!({ "type": "match:join", "mode": mode })).await;
    client.hear("match:joined").await;
    let mut channels = open_channels(&mut client).await;
    let channels = tokio::task::spawn_blocking(move || {
        channels.run("the channels", |channels| channels.open.len() == 2);
        let mut hello = Vec::new();
        SyncClient::hello(&mut hello);
        let control = channels.control;
        channels.write(control, &hello);
        channels.run("a welcome", |channels| channels.sync.is_some());
        channels
    });
    (client, channels.await.expect("the client goes on"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_too_much_over_data_channels_is_cut() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", DISCS);
    let server = Running::dev(&scratch, &["--limit-messages-per-second", "100"]);
    let (mut good, _) = server.join("Good", json!({ "mode": "discs" })).await;
    let (mut loud, mut channels) = join_by_channels(&server, "Loud", "discs").await;
    let is_over = Arc::new(AtomicBool::new(false));
    let is_cut = is_over.clone();
    let shouting = tokio::task::spawn_blocking(move || {
        for number in 0..400 {
            let channel = if number % 2 == 0 { channels.control } else { channels.state };
            channels.write(channel, &script_message(b"1"));
        }
        channels.run("the end", |channels| !channels.rtc.is_alive() || is_cut.load(Ordering::Relaxed));
    });
    assert_eq!(loud.refusal().await, "rate_limited");
    loud.end().await;
    is_over.store(true, Ordering::Relaxed);
    shouting.await.expect("the client goes on");
    assert_eq!(server.metric("muster_cuts_total{code=\"rate_limited\"}").await, 1.0);
    good.tell_rules("2").await;
    good.play("the good guest's message", |client| client.said.iter().any(|said| said["said"] == 2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_over_a_data_channel_is_no_longer_than_one_over_the_websocket() {
    let scratch = Scratch::new();
    scratch.write_mode("discs", DISCS);
    let server = Running::dev(&scratch, &[]);
    let (mut good, _) = server.join("Good", json!({ "mode": "discs" })).await;
    let (mut client, mut channels) = join_by_channels(&server, "Long", "discs").await;
    let is_over = Arc::new(AtomicBool::new(false));
    let is_refused = is_over.clone();
    let said = tokio::task::spawn_blocking(move || {
        let text = |length: usize| format!("\"{}\"", "x".repeat(length));
        // The longest that rules hear, one that is too long for them, and one that is too long for the server.
        let control = channels.control;
        channels.write(control, &script_message(text(16_000).as_bytes()));
        channels.run("the longest", |channels| !channels.said.is_empty());
        for length in [17_000, 60_000] {
            channels.write(control, &script_message(text(length).as_bytes()));
        }
        channels.run("the refusal", |channels| !channels.rtc.is_alive() || is_refused.load(Ordering::Relaxed));
        channels.said
    });
    assert_eq!(client.refusal().await, "too_large");
    is_over.store(true, Ordering::Relaxed);
    let said = said.await.expect("the client goes on");
    let lengths: Vec<usize> = said.iter().filter_map(|said| said["said"].as_str()).map(str::len).collect();
    assert_eq!(lengths, [16_000]);
    good.tell_rules("2").await;
    good.play("the good guest's message", |client| client.said.iter().any(|said| said["said"] == 2)).await;
    assert_eq!(server.request("GET", "/health", "").await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_take_what_comes_over_data_channels_is_cut() {
    let scratch = Scratch::new();
    // Who is in it is told 2 MB a second.
    let shout = "for i = 1, 8 do match.broadcast(string.rep('x', 15000)) end for _, message in messages do";
    scratch.write_mode("loud", &DISCS.replace("for _, message in messages do", shout));
    scratch.write_mode("discs", DISCS);
    let server = Running::dev(&scratch, &["--limit-idle-seconds", "600"]);
    let (mut slow, channels) = join_by_channels(&server, "Slow", "loud").await;
    let (mut good, _) = server.join("Good", json!({ "mode": "discs" })).await;
    // Its socket is open, and nothing of it is read any more; its WebSocket is.
    assert_eq!(slow.refusal().await, "slow");
    slow.end().await;
    assert_eq!(server.metric("muster_cuts_total{code=\"slow\"}").await, 1.0);
    good.tell_rules("1").await;
    good.play("the good guest's message", |client| client.said.iter().any(|said| said["said"] == 1)).await;
    drop(channels);
}
