//! Goal: coturn's own client gets every message back, over UDP, TCP and TLS, to a peer and to another client, with IPv4
//! and IPv6 relayed addresses, under both drivers with one and two workers.
//! Method: all the ways at once against one relay, `turnutils_peer` as the peer, and the client's closing counts.

use std::{net::SocketAddr, panic, thread};

use muster_tests::{
    certificate::Certificate,
    matrix::{Case, Family, Io},
    relay::{Relay, Setup},
    uclient::{self, Counts, Peer},
};

const CLIENTS: u64 = 2;
const MESSAGES: u64 = 10;
/// Milliseconds between two messages of one client. At its default of 20 the client over TLS loses the first of each ten
/// messages to another client, also with coturn's own server behind it; presumably it reads two at once and keeps one.
const INTERVAL: &str = "50";
/// Bytes of a message: not a multiple of four, so that streams have to pad.
const BYTES: &str = "170";

/// The runs of this file have more allocations at once than one user usually may.
const LIMITS: &str = "[limits]\nallocations_per_user = 1000\n";

/// The flags by which the client is told its transport, and whether that is TLS.
const TRANSPORTS: [(&[&str], bool); 3] = [(&[], false), (&["-t"], false), (&["-t", "-S"], true)];

/// Runs the client in one way and checks its counts.
fn check(relay: &Relay, family: Family, (transport, tls): (&[&str], bool), peer: Option<SocketAddr>, login: &[&str]) {
    let server = if tls { relay.tls_address(family) } else { relay.address(family) };
    let (clients, messages) = (CLIENTS.to_string(), MESSAGES.to_string());
    let mut arguments = vec!["-m", &clients, "-n", &messages, "-l", BYTES, "-z", INTERVAL];
    arguments.extend(transport.iter().chain(login));
    if family == Family::V6 {
        arguments.push("-x");
    }
    let (host, port);
    match peer {
        Some(peer) => {
            (host, port) = (peer.ip().to_string(), peer.port().to_string());
            arguments.extend(["-e", &host, "-r", &port]);
        }
        None => arguments.push("-y"),
    }
    // Client to client, each of the clients has a partner that sends as many messages.
    let expected = CLIENTS * MESSAGES * if peer.is_some() { 1 } else { 2 };
    assert_eq!(uclient::run(server, &arguments), Counts::complete(expected), "{arguments:?} {server}");
}

fn every_way(case: Case) {
    let relay = Setup::new(case).tls(Certificate::new()).config(LIMITS).start();
    let peers = Family::ALL.map(|family| (family, Peer::start(family)));
    let (name, password) = Setup::ACCOUNT;
    let login = ["-u", name, "-w", password];
    thread::scope(|scope| {
        let mut ways = Vec::new();
        for (family, peer) in &peers {
            for transport in TRANSPORTS {
                for peer in [Some(peer.address()), None] {
                    let (relay, login) = (&relay, &login);
                    ways.push(scope.spawn(move || check(relay, *family, transport, peer, login)));
                }
            }
        }
        for way in ways {
            if let Err(panic) = way.join() {
                eprintln!("under {case}");
                panic::resume_unwind(panic);
            }
        }
    });
}

#[test]
fn uring_with_one_worker() {
    every_way(Case { io: Io::Uring, workers: 1 });
}

#[test]
fn uring_with_two_workers() {
    every_way(Case { io: Io::Uring, workers: 2 });
}

#[test]
fn epoll_with_one_worker() {
    every_way(Case { io: Io::Epoll, workers: 1 });
}

#[test]
fn epoll_with_two_workers() {
    every_way(Case { io: Io::Epoll, workers: 2 });
}

#[test]
fn with_a_shared_secret() {
    const SECRET: &str = "correct-horse-battery-staple";
    for case in Case::DRIVERS {
        let relay = Setup::new(case).secret(SECRET).tls(Certificate::new()).config(LIMITS).start();
        let peer = Peer::start(Family::V4);
        let login = ["-u", "bob", "-W", SECRET];
        thread::scope(|scope| {
            for transport in TRANSPORTS {
                let (relay, peer, login) = (&relay, peer.address(), &login);
                scope.spawn(move || check(relay, Family::V4, transport, Some(peer), login));
            }
        });
    }
}
