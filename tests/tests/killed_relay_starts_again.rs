//! Goal: after `kill -9` the relay starts again at once on the same ports; clients of the old one learn with their next
//! refresh that their allocation is gone (437) and get a new one on the same 5-tuple.
//! Method: one client over UDP, a kill, a restart without any pause.

use muster_tests::{
    client::Client,
    credentials::Account,
    echo::Echo,
    matrix::{Case, Family},
    relay::{Relay, Setup},
    wire::Via,
};

fn account() -> Account {
    let (name, password) = Setup::ACCOUNT;
    Account::new(name, password)
}

#[test]
fn a_client_of_the_killed_relay_starts_over() {
    for case in Case::ALL {
        for family in Family::ALL {
            let mut relay = Relay::start(case);
            let echo = Echo::start(family);
            let mut client = Client::connect(relay.address(family), &Via::Udp, account()).unwrap();
            client.allocate(family).unwrap();
            client.bind(0x4000, echo.address()).unwrap();
            Echo::answers(&mut client, 0x4000, b"before").unwrap();

            relay.kill_and_restart();
            assert_eq!(relay.metrics().allocations(), 0, "{case}");
            let refused = client.refresh(600).unwrap_err();
            assert_eq!(refused.code(), Some(437), "{case}: {refused}");

            client.allocate(family).unwrap();
            client.bind(0x4000, echo.address()).unwrap();
            Echo::answers(&mut client, 0x4000, b"after").unwrap();
            relay.await_allocations(1, std::time::Duration::from_secs(5));
        }
    }
}

#[test]
fn clients_over_tcp_connect_again() {
    for case in Case::DRIVERS {
        let mut relay = Relay::start(case);
        let echo = Echo::start(Family::V4);
        let mut client = Client::connect(relay.address(Family::V4), &Via::Tcp, account()).unwrap();
        client.allocate(Family::V4).unwrap();
        relay.kill_and_restart();
        let broken = client.refresh(600).unwrap_err();
        assert_eq!(broken.code(), None, "{case}: a connection to a killed process answered: {broken}");

        let mut client = Client::connect(relay.address(Family::V4), &Via::Tcp, account()).unwrap();
        client.allocate(Family::V4).unwrap();
        client.bind(0x4000, echo.address()).unwrap();
        Echo::answers(&mut client, 0x4000, b"after").unwrap();
    }
}
