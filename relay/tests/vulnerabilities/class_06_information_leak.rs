//! Bytes of memory that leave in padding. The driver of these tests surrounds every payload with bytes that are not
//! zero, so what is not written is seen.

use muster_sim::{Answer, Caller, Output, Relay, RelaySetup, method};

use super::{address, allocate_both, caller, user};

/// Checks that everything between a value's end and the next attribute is zero.
fn assert_clean(bytes: &[u8]) {
    assert!(Answer::parse(bytes).is_some());
    let mut rest = &bytes[20..];
    while !rest.is_empty() {
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let padded = length.next_multiple_of(4);
        assert!(rest[4 + length..4 + padded].iter().all(|&byte| byte == 0), "padding is zero: {bytes:x?}");
        rest = &rest[4 + padded..];
    }
}

#[test]
fn padding_is_zero() {
    for realm in ["r", "re", "rea", "real"] {
        let mut relay = Relay::new(RelaySetup { realm: realm.into(), ..RelaySetup::default() });
        let mut client = caller(&relay, "30.0.0.1:4000");
        let challenge = client.request(method::ALLOCATE).finish();
        assert_clean(&client.exchange(&mut relay, &challenge).unwrap().bytes);
        let allocated = allocate_both(&mut client, &mut relay);
        assert_clean(&allocated.bytes);
        assert_eq!(client.permit(&mut relay, &[address("30.0.0.9:1"), address("[2600:9::9]:1")]), 0);
        let unknown =
            client.ask(&mut relay, method::REFRESH, |draft| draft.raw(0x7001, b"a").raw(0x7002, &[]).raw(0x7003, b"b"));
        assert_eq!(unknown.code(), 420);
        assert_clean(&unknown.bytes);
        for (relayed, peer) in allocated.relayed().into_iter().zip(["30.0.0.9:1", "[2600:9::9]:1"]) {
            for length in 0..9 {
                let outputs = Caller::peer_sends(&mut relay, relayed, address(peer), &vec![7; length]);
                let [Output::ToClient { bytes, .. }] = &outputs[..] else { panic!("one indication: {outputs:?}") };
                assert_clean(bytes);
            }
        }
    }
}

/// What is sent on is the payload alone, whatever is behind it in the client's message or around it in the slot.
#[test]
fn nothing_around_a_payload_is_sent_on() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = Caller::udp(&relay, address("30.0.0.1:4000"), user("ann"));
    client.allocated(&mut relay);
    let peer = address("30.0.0.9:1");
    assert_eq!(client.bind(&mut relay, 0x4000, peer), 0);
    for length in 0..9_u8 {
        let payload = vec![7; length.into()];
        let framed = [&[0x40, 0, 0, length][..], &payload, b"secret"].concat();
        for outputs in [client.send(&mut relay, &framed), client.indicate(&mut relay, peer, &payload)] {
            let [Output::ToPeer { bytes, .. }] = &outputs[..] else { panic!("one datagram: {outputs:?}") };
            assert_eq!(*bytes, payload);
        }
    }
}
