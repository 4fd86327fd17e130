//! Goal: the metrics are true. What clients and peers did is in the counters, with exactly the right amount under exactly
//! the right label.
//! Method: known traffic against both drivers, and the values that it must come to. Counts are waited for, because a
//! worker publishes some of them at its next turn; that they are not exceeded is seen by reading them once more at the
//! end.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use muster_tests::{
    certificate::Certificate,
    client::{Client, Received},
    deadline,
    echo::Echo,
    matrix::{Case, Family},
    relay::{Relay, Setup},
    wire::{Via, Wire},
};

/// Longer than a handshake may take before the relay gives it up.
const SOON: Duration = Duration::from_secs(25);
const CHANNEL: u16 = 0x4001;

/// A metric, its labels, and the value that it has to have.
type Expected<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

/// Waits until all of `expected` is so at once, and names what is not otherwise.
#[track_caller]
fn expect(relay: &Relay, case: Case, expected: &[Expected<'_>]) {
    let mut wrong = Vec::new();
    deadline::within(SOON, || {
        let metrics = relay.metrics();
        let differs = |&&(name, labels, value): &&Expected<'_>| metrics.labelled(name, labels) != value;
        let found = expected.iter().filter(differs).map(|(name, labels, value)| {
            format!("{name} {labels:?} is {} and should be {value}", metrics.labelled(name, labels))
        });
        wrong = found.collect();
        wrong.is_empty().then_some(())
    });
    assert!(wrong.is_empty(), "{case}:\n{}", wrong.join("\n"));
}

fn connect(relay: &Relay, via: &Via) -> Client {
    let server = if matches!(via, Via::Tls(_)) { relay.tls_address(Family::V4) } else { relay.address(Family::V4) };
    Client::connect(server, via, relay.account()).unwrap()
}

/// A client with an allocation, and its relayed address.
fn allocated(relay: &Relay, via: &Via) -> (Client, SocketAddr) {
    let mut client = connect(relay, via);
    let relayed = client.allocate(Family::V4).unwrap().relayed;
    (client, relayed)
}

#[test]
fn of_relayed_datagrams() {
    for case in Case::DRIVERS {
        let relay = Relay::start(case);
        let echo = Echo::start(Family::V4);
        let (mut alice, alices) = allocated(&relay, &Via::Tcp);
        let (mut bob, bobs) = allocated(&relay, &Via::Tcp);
        alice.bind(CHANNEL, echo.address()).unwrap();
        for length in [100, 200, 300] {
            alice.send_channel(CHANNEL, &vec![7; length]).unwrap();
            let back = alice.receive(SOON).unwrap();
            assert_eq!(back, Some(Received::Channel { number: CHANNEL, data: vec![7; length] }), "{case}");
        }
        alice.permit(bobs).unwrap();
        bob.permit(alices).unwrap();
        for _ in 0..2 {
            alice.send_indication(bobs, b"next door").unwrap();
            let there = bob.receive(SOON).unwrap();
            assert_eq!(there, Some(Received::Indication { peer: alices, data: b"next door".to_vec() }), "{case}");
        }
        let (datagrams, bytes) = ("muster_relay_datagrams_total", "muster_relay_bytes_total");
        let [to_peer, to_client, hairpin] =
            [[("direction", "to_peer")], [("direction", "to_client")], [("direction", "hairpin")]];
        expect(
            &relay,
            case,
            &[
                (datagrams, &to_peer, 3.0),
                (bytes, &to_peer, 600.0),
                (datagrams, &to_client, 3.0),
                (bytes, &to_client, 600.0),
                (datagrams, &hairpin, 2.0),
                (bytes, &hairpin, 18.0),
                ("muster_relay_drops_total", &[], 0.0),
                ("muster_relay_allocations", &[], 2.0),
                ("muster_relay_allocations_opened_total", &[], 2.0),
                ("muster_relay_connections", &[], 2.0),
            ],
        );
        // One leaves by its own word, the other by closing its stream.
        assert_eq!(alice.refresh(0).unwrap(), 0);
        drop((alice, bob));
        expect(
            &relay,
            case,
            &[
                ("muster_relay_allocations", &[], 0.0),
                ("muster_relay_allocations_opened_total", &[], 2.0),
                ("muster_relay_connections", &[], 0.0),
            ],
        );
    }
}

#[test]
fn of_drops_by_cause() {
    const DROPS: &str = "muster_relay_drops_total";
    for case in Case::DRIVERS {
        let relay = Setup::new(case).config("slot_bytes = 1024\n").start();
        let server = relay.address(Family::V4);
        let echo = Echo::start(Family::V4);
        // Neither STUN nor ChannelData, and a message whose length is a lie.
        let mut nobody = Wire::connect(server, &Via::Udp, None).unwrap();
        nobody.send(&[0xFF; 40]).unwrap();
        nobody.send(b"\x00\x01\x00\x40\x21\x12\xA4\x42 too short").unwrap();
        let mut newcomer = connect(&relay, &Via::Udp);
        for _ in 0..3 {
            newcomer.send_channel(CHANNEL, b"without an allocation").unwrap();
        }

        let (mut client, _) = allocated(&relay, &Via::Udp);
        client.bind(CHANNEL, echo.address()).unwrap();
        for number in CHANNEL + 1..=CHANNEL + 4 {
            client.send_channel(number, b"on a channel that is not bound").unwrap();
        }
        let stranger = SocketAddr::from(([127, 0, 0, 77], 9));
        for _ in 0..5 {
            client.send_indication(stranger, b"to a peer without a permission").unwrap();
        }
        // The address is permitted, but the port is the relay's own, which is closed always.
        for _ in 0..6 {
            client.send_indication(server, b"to the relay itself").unwrap();
        }
        for _ in 0..7 {
            client.send_channel(CHANNEL, &[7; 2000]).unwrap();
        }
        let cause = |cause: &'static str| [("cause", cause)];
        expect(
            &relay,
            case,
            &[
                (DROPS, &cause("malformed"), 2.0),
                (DROPS, &cause("no_allocation"), 3.0),
                (DROPS, &cause("no_channel"), 4.0),
                (DROPS, &cause("no_permission"), 5.0),
                (DROPS, &cause("peer_denied"), 6.0),
                (DROPS, &cause("oversize"), 7.0),
                (DROPS, &[], 27.0),
                ("muster_relay_datagrams_total", &[], 0.0),
            ],
        );
    }
}

#[test]
fn of_what_is_over_the_rate() {
    // A bucket starts with 64 KiB; at one byte a second hardly anything comes in while the test runs.
    const SENT: f64 = 100.0;
    const PASSED: f64 = 65.0;
    for case in Case::DRIVERS {
        let relay = Setup::new(case).config("[limits]\nbytes_per_second_per_allocation = 1\n").start();
        let sink = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let (mut client, _) = allocated(&relay, &Via::Tcp);
        client.bind(CHANNEL, sink.local_addr().unwrap()).unwrap();
        for _ in 0..SENT as usize {
            client.send_channel(CHANNEL, &[7; 1000]).unwrap();
        }
        expect(
            &relay,
            case,
            &[
                ("muster_relay_datagrams_total", &[("direction", "to_peer")], PASSED),
                ("muster_relay_bytes_total", &[("direction", "to_peer")], PASSED * 1000.0),
                ("muster_relay_drops_total", &[("cause", "rate_limited")], SENT - PASSED),
                ("muster_relay_drops_total", &[], SENT - PASSED),
            ],
        );
    }
}

#[test]
fn of_answers() {
    const ANSWERS: &str = "muster_relay_answers_total";
    for case in Case::DRIVERS {
        let relay = Setup::new(case).config("[limits]\nallocations_per_user = 2\n").start();
        let echo = Echo::start(Family::V4);
        // Over streams no request is sent twice. Every client begins with a request that is challenged.
        let (mut first, _) = allocated(&relay, &Via::Tcp);
        let (mut second, _) = allocated(&relay, &Via::Tcp);
        assert_eq!(
            first.allocate(Family::V4).unwrap_err().code(),
            Some(437),
            "{case}: one allocation for each 5-tuple"
        );
        let mut third = connect(&relay, &Via::Tcp);
        assert_eq!(third.allocate(Family::V4).unwrap_err().code(), Some(486), "{case}: the user's third");
        assert_eq!(third.refresh(600).unwrap_err().code(), Some(437), "{case}: nothing to refresh");
        first.permit(echo.address()).unwrap();
        first.bind(CHANNEL, echo.address()).unwrap();
        assert_eq!(first.bind(CHANNEL, relay.address(Family::V4)).unwrap_err().code(), Some(403), "{case}");
        second.refresh(600).unwrap();
        second.refresh(0).unwrap();
        let answers = |method: &'static str, code: &'static str| [("method", method), ("code", code)];
        expect(
            &relay,
            case,
            &[
                (ANSWERS, &answers("allocate", "401"), 3.0),
                (ANSWERS, &answers("allocate", "0"), 2.0),
                (ANSWERS, &answers("allocate", "437"), 1.0),
                (ANSWERS, &answers("allocate", "486"), 1.0),
                (ANSWERS, &answers("refresh", "437"), 1.0),
                (ANSWERS, &answers("refresh", "0"), 2.0),
                (ANSWERS, &answers("create_permission", "0"), 1.0),
                (ANSWERS, &answers("channel_bind", "0"), 1.0),
                (ANSWERS, &answers("channel_bind", "403"), 1.0),
                (ANSWERS, &[], 13.0),
            ],
        );
    }
}

#[test]
fn of_tls_handshakes() {
    const HANDSHAKES: &str = "muster_relay_tls_handshakes_total";
    for case in Case::DRIVERS {
        let relay = Setup::new(case).tls(Certificate::new()).start();
        let via = Via::Tls(relay.certificate().client());
        let clients = [(); 2].map(|()| connect(&relay, &via));
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 64], &[0xFF; 64]] {
            let mut stream = TcpStream::connect(relay.tls_address(Family::V4)).unwrap();
            stream.set_read_timeout(Some(SOON)).unwrap();
            stream.write_all(bytes).unwrap();
            // An alert may come first; what matters is that the relay hangs up.
            let mut alert = Vec::new();
            let closed = stream.read_to_end(&mut alert);
            assert!(closed.is_ok() || closed.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
        }
        expect(
            &relay,
            case,
            &[
                (HANDSHAKES, &[("result", "completed")], 2.0),
                (HANDSHAKES, &[("result", "failed")], 3.0),
                (HANDSHAKES, &[], 5.0),
                ("muster_relay_connections", &[], 2.0),
            ],
        );
        drop(clients);
        expect(&relay, case, &[("muster_relay_connections", &[], 0.0)]);
    }
}

#[test]
fn of_silent_tls_handshakes() {
    const HANDSHAKES: &str = "muster_relay_tls_handshakes_total";
    for case in Case::DRIVERS {
        let setup = Setup::new(case).tls(Certificate::new());
        let relay = setup.config("[limits]\nhandshakes = 1\n").start();
        // The first one takes the only place and says nothing, the second one finds no place.
        let _silent = TcpStream::connect(relay.tls_address(Family::V4)).unwrap();
        expect(&relay, case, &[("muster_relay_connections", &[], 1.0)]);
        let _refused = TcpStream::connect(relay.tls_address(Family::V4)).unwrap();
        expect(
            &relay,
            case,
            &[
                (HANDSHAKES, &[("result", "refused")], 1.0),
                (HANDSHAKES, &[("result", "timed_out")], 1.0),
                (HANDSHAKES, &[], 2.0),
            ],
        );
    }
}

#[test]
fn of_the_time_in_the_relay() {
    const RESIDENCE: &str = "muster_relay_residence_seconds";
    for case in Case::ALL {
        let relay = Relay::start(case);
        let echo = Echo::start(Family::V4);
        let count = |worker: &str| relay.metrics().labelled(&format!("{RESIDENCE}_count"), &[("worker", worker)]);
        let mut flows = Vec::new();
        for worker in (0..case.workers).map(|number| number.to_string()) {
            // The kernel chooses the worker of a client, so clients come until this one has had a datagram.
            deadline::until(SOON, "every worker relays", || {
                let (mut client, _) = allocated(&relay, &Via::Udp);
                client.bind(CHANNEL, echo.address()).unwrap();
                Echo::answers(&mut client, CHANNEL, b"how long?").unwrap();
                flows.push(client);
                (count(&worker) > 0.0).then_some(())
            });
        }
        // Clients that end make the workers quiet.
        for client in &mut flows {
            client.refresh(0).unwrap();
        }
        relay.await_allocations(0, SOON);
        for worker in (0..case.workers).map(|number| number.to_string()) {
            let labels = [("worker", worker.as_str())];
            let metrics = relay.metrics();
            let [count, sum] = ["count", "sum"].map(|part| metrics.labelled(&format!("{RESIDENCE}_{part}"), &labels));
            let within = |bound: &str| {
                metrics.labelled(&format!("{RESIDENCE}_bucket"), &[("worker", worker.as_str()), ("le", bound)])
            };
            assert!(count > 0.0 && sum > 0.0, "{case}, worker {worker}: {metrics:?}");
            assert_eq!(within("+Inf"), count, "{case}, worker {worker}: the last bucket has everything: {metrics:?}");
        }
    }
}
