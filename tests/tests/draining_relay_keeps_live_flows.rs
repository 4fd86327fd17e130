//! Goal: SIGTERM drains. Live flows go on and can be refreshed, new clients are refused (300 with ALTERNATE-SERVER when
//! one is set, 508 otherwise), `/readyz` says no, and the process exits with success when the last allocation has ended
//! or the deadline has passed.
//! Method: a flow over UDP and one over TCP across the signal, and a newcomer.

use std::{net::SocketAddr, time::Duration};

use muster_tests::{
    client::{Client, Refusal, RequestError},
    deadline,
    echo::Echo,
    matrix::{Case, Family},
    metrics,
    process::Signal,
    relay::{Relay, Setup},
    wire::Via,
};

const SOON: Duration = Duration::from_secs(10);

fn flow(relay: &Relay, via: &Via, echo: &Echo) -> Client {
    let mut client = Client::connect(relay.address(Family::V4), via, relay.account()).unwrap();
    client.allocate(Family::V4).unwrap();
    client.bind(0x4001, echo.address()).unwrap();
    Echo::answers(&mut client, 0x4001, b"before the drain").unwrap();
    client
}

fn drain(relay: &mut Relay) {
    relay.signal(Signal::Term);
    deadline::until(SOON, "/readyz says that the relay takes no more", || {
        matches!(metrics::get(relay.admin(), "/readyz"), Ok((503, _))).then_some(())
    });
}

fn refusal(relay: &Relay) -> Refusal {
    let mut newcomer = Client::connect(relay.address(Family::V4), &Via::Udp, relay.account()).unwrap();
    match newcomer.allocate(Family::V4) {
        Err(RequestError::Refused(refusal)) => refusal,
        other => panic!("a draining relay refuses, but: {other:?}"),
    }
}

#[test]
fn flows_go_on_until_the_last_one_ends() {
    for case in Case::ALL {
        let mut relay = Relay::start(case);
        let echo = Echo::start(Family::V4);
        let mut flows = [Via::Udp, Via::Tcp].map(|via| flow(&relay, &via, &echo));
        drain(&mut relay);

        assert_eq!(refusal(&relay), Refusal { code: 508, alternate_server: None }, "{case}");
        let health = metrics::get(relay.admin(), "/healthz").unwrap();
        assert_eq!(health.0, 200, "{case}: a draining relay is healthy");
        for client in &mut flows {
            Echo::answers(client, 0x4001, b"during the drain").unwrap();
            assert!(client.refresh(600).unwrap() >= 600, "{case}");
        }
        let [mut over_udp, over_tcp] = flows;
        assert_eq!(over_udp.refresh(0).unwrap(), 0);
        assert!(relay.is_running(), "{case}: one allocation is still alive");
        // A stream that closes ends its allocation.
        drop(over_tcp);
        assert!(relay.wait(SOON).success(), "{case}: a drained relay ends with success");
    }
}

#[test]
fn an_empty_relay_ends_at_once() {
    for case in Case::DRIVERS {
        let mut relay = Relay::start(case);
        relay.signal(Signal::Term);
        assert!(relay.wait(SOON).success(), "{case}");
    }
}

#[test]
fn newcomers_are_sent_to_the_alternate_server() {
    let alternate: SocketAddr = "127.0.0.9:3478".parse().unwrap();
    for case in Case::DRIVERS {
        let config = format!("alternate_server = [\"{alternate}\"]\n");
        let mut relay = Setup::new(case).config(&config).start();
        let echo = Echo::start(Family::V4);
        let mut client = flow(&relay, &Via::Udp, &echo);
        drain(&mut relay);
        assert_eq!(refusal(&relay), Refusal { code: 300, alternate_server: Some(alternate) }, "{case}");
        Echo::answers(&mut client, 0x4001, b"during the drain").unwrap();
    }
}

#[test]
fn the_deadline_ends_what_does_not_end_by_itself() {
    for case in Case::DRIVERS {
        let mut relay = Setup::new(case).config("drain_deadline_s = 2\n").start();
        let echo = Echo::start(Family::V4);
        let mut client = flow(&relay, &Via::Udp, &echo);
        drain(&mut relay);
        Echo::answers(&mut client, 0x4001, b"during the drain").unwrap();
        assert!(relay.wait(SOON).success(), "{case}: a drain that met its deadline ends with success");
    }
}
