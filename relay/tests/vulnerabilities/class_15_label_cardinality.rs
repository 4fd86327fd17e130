//! Metrics and logs that a client can make grow: every label is one of a closed set, whatever is sent.

use std::collections::BTreeSet;

use muster_relay::counters::{Direction, Drop, RESULTS, Request};
use muster_sim::{Caller, Credentials, Draft, method, seeded};
use rand::RngExt;
use stun_types::message::MessageClass;

use super::{address, allocated, user};

#[test]
fn labels_are_a_closed_set_of_plain_words() {
    let labels: Vec<&str> = Drop::ALL
        .map(Drop::label)
        .into_iter()
        .chain(Direction::ALL.map(Direction::label))
        .chain(Request::ALL.map(Request::label))
        .collect();
    let distinct: BTreeSet<_> = labels.iter().collect();
    assert_eq!(distinct.len(), labels.len());
    let plain = |label: &&&str| label.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    assert_eq!(labels.iter().filter(plain).count(), labels.len());
}

/// Everything that was sent is counted, under the labels that there are.
#[test]
fn hostile_traffic_is_counted_under_known_labels() {
    let (mut relay, mut client) = allocated();
    let before: u64 = Request::ALL
        .into_iter()
        .flat_map(|request| relay.counters(0).answers_so_far(request))
        .map(|(_, count)| count)
        .sum();
    let mut random = seeded(15, 15);
    let (mut answered, mut sent) = (0, 0);
    for number in 0..2_000_u128 {
        let stranger = Credentials::new(&format!("user-{number}"), "x");
        let class = [MessageClass::Request, MessageClass::Indication, MessageClass::Success, MessageClass::Error]
            [random.random_range(0..4)];
        let draft = Draft::new(class, random.random_range(0..0x20), number).raw(random.random(), &[0; 4]);
        let message = match random.random_range(0..3) {
            0 => draft.finish(),
            1 => draft.signed(&stranger, &client.realm, &client.nonce).finish(),
            _ => draft.signed(&client.credentials, &client.realm, &client.nonce).finish(),
        };
        answered += client.send(&mut relay, &message).len() as u64;
        sent += 1;
    }
    let counters = relay.counters(0);
    let mut counted = 0;
    for request in Request::ALL {
        for (code, count) in counters.answers_so_far(request) {
            assert!(RESULTS.contains(&code) || code == 508, "{code}");
            counted += count;
        }
    }
    assert_eq!(counted - before, answered, "every answer has its label");
    let dropped: u64 = Drop::ALL.into_iter().map(|cause| counters.dropped_so_far(cause)).sum();
    assert!(answered > 50 && dropped > 100 && answered + dropped <= sent, "{answered} {dropped}");
    assert_eq!(client.refresh(&mut relay, 0).code() % 437, 0);
    let other = Caller::udp(&relay, address("30.0.0.7:1"), user("bob"));
    assert_eq!(other.channel(&mut relay, 0x4000, &[0; 10]), []);
    assert_eq!(client.ask(&mut relay, method::REFRESH, |draft| draft).code(), 437);
}
