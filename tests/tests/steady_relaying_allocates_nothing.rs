//! Goal: once flows are set up, relaying takes no memory from the heap, whatever the driver and the number of workers.
//! Method: the binary's own count of what its workers allocate, before and after thousands of datagrams of each kind. A
//! control message in between shows that the count would move.

use std::{net::SocketAddr, time::Duration};

use muster_tests::{
    client::{Client, Received},
    echo::Echo,
    matrix::{Case, Family},
    relay::{Relay, Setup},
    wire::Via,
};

const DATAGRAMS: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(10);
const CHANNEL: u16 = 0x4001;

fn heap_allocations(relay: &Relay) -> u64 {
    relay.metrics().sum("muster_relay_heap_allocations_total").expect("the metric exists") as u64
}

fn client(relay: &Relay, via: &Via) -> (Client, SocketAddr) {
    let mut client = Client::connect(relay.address(Family::V4), via, relay.account()).unwrap();
    let relayed = client.allocate(Family::V4).unwrap().relayed;
    (client, relayed)
}

/// Sends one payload and waits for it at the other end, some thousand times.
fn volley(from: &mut Client, to: &mut Client) {
    for number in 0..DATAGRAMS {
        let payload = (number as u64).to_be_bytes();
        from.send_channel(CHANNEL, &payload).unwrap();
        let received = to.receive(PATIENCE).unwrap();
        assert!(matches!(&received, Some(Received::Channel { data, .. }) if data == &payload), "{received:?}");
    }
}

fn hairpin(relay: &Relay, via: &Via) -> (Client, Client) {
    let ((mut ann, at_ann), (mut bob, at_bob)) = (client(relay, via), client(relay, via));
    ann.bind(CHANNEL, at_bob).unwrap();
    bob.bind(CHANNEL, at_ann).unwrap();
    (ann, bob)
}

#[test]
fn by_channel_by_indication_and_by_hairpin() {
    for case in Case::ALL {
        let relay = Setup::new(case).start();
        let echo = Echo::start(Family::V4);
        let (mut outward, _) = client(&relay, &Via::Udp);
        outward.bind(CHANNEL, echo.address()).unwrap();
        let (mut by_indication, _) = client(&relay, &Via::Udp);
        by_indication.permit(echo.address()).unwrap();
        let mut pairs: Vec<_> = (0..4).map(|_| hairpin(&relay, &Via::Udp)).collect();
        pairs.push(hairpin(&relay, &Via::Tcp));
        let mut round = || {
            for _ in 0..DATAGRAMS {
                Echo::answers(&mut outward, CHANNEL, b"out and back").unwrap();
                by_indication.send_indication(echo.address(), b"out and back").unwrap();
                let received = by_indication.receive(PATIENCE).unwrap();
                assert!(matches!(received, Some(Received::Indication { .. })), "{received:?}");
            }
            for (ann, bob) in &mut pairs {
                volley(ann, bob);
            }
        };
        // The first round fills what grows to its size once: a stream's buffers, a driver's lists.
        round();
        let before = heap_allocations(&relay);
        round();
        assert_eq!(heap_allocations(&relay), before, "{case}");
        outward.refresh(600).unwrap();
        assert!(heap_allocations(&relay) > before, "{case}: the count counts");
    }
}
