//! Lengths that lie: messages and attributes that are cut short, claim more than there is, or wrap around.

use std::time::Duration;

use muster_sim::{Caller, Draft, Output, Relay, RelaySetup, attribute, channel_data, method, seeded};
use rand::{Rng, RngExt};
use turn_types::attribute::RequestedTransport;

use super::{address, allocated, caller, user};

/// One message of each kind, complete and signed.
fn messages(client: &mut Caller) -> Vec<Vec<u8>> {
    let peer = address("30.0.0.9:7000");
    let udp = RequestedTransport::new(RequestedTransport::UDP);
    let [allocate, refresh, permission, channel] =
        [method::ALLOCATE, method::REFRESH, method::CREATE_PERMISSION, method::CHANNEL_BIND]
            .map(|method| client.request(method));
    let channel = channel.raw(attribute::CHANNEL_NUMBER, &[0x40, 0, 0, 0]).peer(peer);
    vec![
        client.sign(allocate.with(&udp)),
        client.sign(refresh),
        client.sign(permission.peer(peer)),
        client.sign(channel),
        Draft::request(method::BINDING, 1).fingerprint().finish(),
        Draft::indication(method::SEND, 1).peer(peer).raw(attribute::DATA, b"payload").finish(),
        channel_data(0x4000, b"payload"),
    ]
}

#[test]
fn no_cut_and_no_false_length_is_acted_on_or_harms() {
    let (mut relay, mut client) = allocated();
    for message in messages(&mut client) {
        for cut in 0..message.len() {
            assert_eq!(client.send(&mut relay, &message[..cut]), [], "{message:x?} cut to {cut}");
        }
        for length in [0, 1, 3, 4, 8, 0x7FFC, 0x8000, 0xFFFC, 0xFFFF_u16] {
            if message[2..4] == length.to_be_bytes() {
                continue;
            }
            let mut lying = message.clone();
            lying[2..4].copy_from_slice(&length.to_be_bytes());
            // A short ChannelData is one with padding behind it, so only what is too long is wrong there.
            let short_channel_data = message[0] == 0x40 && usize::from(length) <= message.len() - 4;
            assert!(short_channel_data || client.send(&mut relay, &lying).is_empty(), "{message:x?} of {length}");
        }
    }
    assert_eq!(client.refresh(&mut relay, 600).code(), 0, "the relay goes on");
    relay.assert_consistent();
}

#[test]
fn attributes_of_any_length_are_survived() {
    let (mut relay, mut client) = allocated();
    let kinds = (0..0x30).chain(0x8000..0x8030);
    for kind in kinds.filter(|kind| !matches!(kind, 0x0006 | 0x0008 | 0x0014 | 0x0015 | 0x001C | 0x001E | 0x8028)) {
        for length in [0, 1, 2, 3, 4, 5, 7, 8, 12, 20, 21, 32, 763, 8_000] {
            for method in [method::ALLOCATE, method::REFRESH, method::CREATE_PERMISSION, method::CHANNEL_BIND] {
                let request = client.request(method).raw(kind, &vec![0x41; length]);
                let request = client.sign(request);
                let outputs = client.send(&mut relay, &request);
                assert_eq!(outputs.len(), 1, "{kind:#x} of {length} is answered");
            }
            let indication = Draft::indication(method::SEND, 1).raw(kind, &vec![0x41; length]).finish();
            assert_eq!(client.send(&mut relay, &indication), []);
        }
    }
    relay.assert_consistent();
}

/// An attribute's length is as false as the message's: byte by byte, every length field is overwritten.
#[test]
fn no_false_attribute_length_harms() {
    let (mut relay, mut client) = allocated();
    for message in messages(&mut client) {
        for position in 4..message.len().saturating_sub(1) {
            for value in [[0, 0], [0, 1], [0x7F, 0xFF], [0xFF, 0xFC], [0xFF, 0xFF]] {
                let mut lying = message.clone();
                lying[position..position + 2].copy_from_slice(&value);
                client.send(&mut relay, &lying);
            }
        }
    }
    relay.assert_consistent();
}

#[test]
fn random_bytes_are_survived() {
    let mut relay = Relay::new(RelaySetup::default());
    let client = caller(&relay, "30.0.0.1:4000");
    let mut random = seeded(5, 5);
    for _ in 0..20_000 {
        let mut bytes = vec![0; random.random_range(0..200)];
        random.fill_bytes(&mut bytes);
        if random.random_bool(0.7) && bytes.len() >= 8 {
            bytes[0] &= 0x03;
            let length = (bytes.len().saturating_sub(20) as u16) & !3;
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
            bytes[4..8].copy_from_slice(&0x2112_A442_u32.to_be_bytes());
            bytes.truncate(20 + usize::from(length));
        }
        client.send(&mut relay, &bytes);
    }
    relay.assert_empty();
}

#[test]
fn the_largest_datagram_is_relayed_and_the_largest_message_survived() {
    let (mut relay, mut client) = allocated();
    let peer = address("30.0.0.9:7000");
    assert_eq!(client.bind(&mut relay, 0x4000, peer), 0);
    assert_eq!(client.channel(&mut relay, 0x4000, &vec![1; 65_503]).len(), 1);
    let request = client.request(method::REFRESH).raw(0x8022, &vec![0x41; 65_300]);
    let request = client.sign(request);
    assert_eq!(client.exchange(&mut relay, &request).unwrap().code(), 0);
}

/// A header adds to a payload, and the sum must not wrap: over a stream, whoever sent the payload would write the rest
/// of the receiver's messages.
#[test]
fn an_indication_that_its_length_field_cannot_hold_is_dropped() {
    let (mut relay, mut sender) = allocated();
    let mut receiver = Caller::stream(0, address("30.0.0.2:4000"), 1, user("bob"));
    let to = receiver.allocated(&mut relay);
    let from = *relay.bound().keys().find(|&&at| at != to).expect("two allocations");
    assert_eq!(sender.bind(&mut relay, 0x4000, to), 0);
    assert_eq!(receiver.permit(&mut relay, &[from]), 0);
    for length in [65_500, 65_516, 65_517, 65_531] {
        relay.advance(Duration::from_secs(1));
        let outputs = sender.channel(&mut relay, 0x4000, &vec![7; length]);
        if length > 65_516 {
            assert!(outputs.is_empty(), "{length}");
            continue;
        }
        let [Output::ToClient { bytes, .. }] = &outputs[..] else { panic!("{length}") };
        assert_eq!(usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), bytes.len() - 20, "{length}");
    }
}
