//! Goal: when relayed ports or file descriptors run out, clients are told so (508), live flows go on, and the relay
//! serves again as soon as an allocation ends.
//! Method: a tiny range of ports; a low limit of open files; in both cases clients until one is refused.

use std::time::Duration;

use muster_tests::{
    client::{Client, RequestError},
    deadline,
    echo::Echo,
    matrix::{Case, Family},
    ports::Ports,
    relay::{Relay, Setup},
    wire::Via,
};

const SOON: Duration = Duration::from_secs(10);

fn newcomer(relay: &Relay) -> Result<Client, RequestError> {
    let mut client = Client::connect(relay.address(Family::V4), &Via::Udp, relay.account())?;
    client.allocate(Family::V4)?;
    Ok(client)
}

/// Allocates until the relay refuses; the clients that were served, and the code of the refusal.
fn fill(relay: &Relay, at_most: usize) -> (Vec<Client>, Option<u16>) {
    let mut served = Vec::new();
    while served.len() < at_most {
        match newcomer(relay) {
            Ok(client) => served.push(client),
            Err(error) => return (served, error.code()),
        }
    }
    panic!("{at_most} allocations, and the relay still has room");
}

/// The first client's flow goes on in a full relay, and when the last client leaves, a new one is served.
fn recovers(relay: &Relay, case: Case, mut served: Vec<Client>) {
    let echo = Echo::start(Family::V4);
    let first = &mut served[0];
    first.bind(0x4004, echo.address()).unwrap();
    Echo::answers(first, 0x4004, b"in a full relay").unwrap();

    let count = served.len() as u64;
    let mut last = served.pop().expect("more than one client was served");
    assert_eq!(last.refresh(0).unwrap(), 0);
    let mut next = deadline::until(SOON, "the relay serves again", || newcomer(relay).ok());
    relay.await_allocations(count, SOON);
    next.bind(0x4005, echo.address()).unwrap();
    Echo::answers(&mut next, 0x4005, b"in the place of another").unwrap();
    assert!(newcomer(relay).is_err(), "{case}: the relay is full again");
}

#[test]
fn of_relayed_ports() {
    const PORTS: u16 = 6;
    for case in Case::ALL {
        let ports = Ports::claim();
        let relay = Setup::new(case).few_relay_ports(&ports, PORTS).start_on(ports);
        let (served, code) = fill(&relay, usize::from(PORTS) + 1);
        assert_eq!(code, Some(508), "{case}");
        assert_eq!(served.len(), usize::from(PORTS), "{case}: every port of the range is used");
        recovers(&relay, case, served);
    }
}

#[test]
fn of_file_descriptors() {
    for case in Case::DRIVERS {
        let relay = Setup::new(case).config("[limits]\nallocations_per_user = 1000\n").files_max(100).start();
        let (served, code) = fill(&relay, 101);
        assert_eq!(code, Some(508), "{case}");
        assert!(served.len() > 8, "{case}: only {} allocations with 100 descriptors", served.len());
        // The admin endpoint is needed most when something has run out.
        assert_eq!(relay.metrics().allocations(), served.len() as u64, "{case}");
        recovers(&relay, case, served);
    }
}
