//! Metrics and logs that a client can make grow: every label is one of a closed set, whatever is sent.

use std::collections::{BTreeMap, BTreeSet};

use muster_relay::counters::{Direction, Drop, Request, TurnCounters};
use muster_sim::{Answer, Caller, Credentials, Draft, Output, method, seeded};
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

/// The answers counted so far, by the label of the request and the code.
fn counted(counters: &TurnCounters) -> BTreeMap<(&'static str, u16), u64> {
    Request::ALL
        .into_iter()
        .flat_map(|request| counters.answers_so_far(request).map(move |(code, count)| ((request.label(), code), count)))
        .collect()
}

/// Every answer is counted under its own method and code, so none has a code that the labels do not foresee.
#[test]
fn hostile_traffic_is_counted_under_known_labels() {
    let (mut relay, mut client) = allocated();
    let mut expected = counted(relay.counters(0));
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
        for output in client.send(&mut relay, &message) {
            let Output::ToClient { bytes, .. } = output else { panic!("nothing is relayed: {output:?}") };
            let answer = Answer::parse(&bytes).expect("only answers are sent");
            let request = match answer.header().1 {
                method::BINDING => Request::Binding,
                method::ALLOCATE => Request::Allocate,
                method::REFRESH => Request::Refresh,
                method::CREATE_PERMISSION => Request::CreatePermission,
                method::CHANNEL_BIND => Request::ChannelBind,
                other => panic!("nothing else is answered: {other:#x}"),
            };
            *expected.entry((request.label(), answer.code())).or_default() += 1;
            answered += 1;
        }
        sent += 1;
    }
    let counters = relay.counters(0);
    assert_eq!(counted(counters), expected);
    let dropped: u64 = Drop::ALL.into_iter().map(|cause| counters.dropped_so_far(cause)).sum();
    assert!(answered > 50 && dropped > 100 && answered + dropped <= sent, "{answered} {dropped}");
    assert_eq!(client.refresh(&mut relay, 0).code(), 0, "none of it ended the allocation");
    let other = Caller::udp(&relay, address("30.0.0.7:1"), user("bob"));
    assert_eq!(other.channel(&mut relay, 0x4000, &[0; 10]), []);
    assert_eq!(client.ask(&mut relay, method::REFRESH, |draft| draft).code(), 437);
}
