//! Attributes behind MESSAGE-INTEGRITY, which anybody on the path can add, and attributes that occur twice.

use muster_sim::{Caller, Draft, attribute, method};
use turn_types::attribute::{ChannelNumber, Lifetime};

use super::{address, allocated};

fn signed(client: &mut Caller, method: u16, fill: impl FnOnce(Draft) -> Draft) -> Draft {
    let draft = fill(client.request(method));
    draft.signed(&client.credentials, &client.realm, &client.nonce)
}

#[test]
fn a_lifetime_behind_the_signature_is_not_read() {
    let (mut relay, mut client) = allocated();
    let request = signed(&mut client, method::REFRESH, |draft| draft).raw(attribute::LIFETIME, &[0; 4]).finish();
    let answer = client.exchange(&mut relay, &request).unwrap();
    assert_eq!((answer.code(), answer.lifetime_s()), (0, Some(600)));
    assert!(relay.server(0).is_allocated(&client.client));
}

#[test]
fn a_peer_behind_the_signature_is_not_permitted() {
    let (mut relay, mut client) = allocated();
    let (good, evil) = (address("30.0.0.9:1"), address("30.0.0.66:1"));
    let request = signed(&mut client, method::CREATE_PERMISSION, |draft| draft.peer(good)).peer(evil).finish();
    assert_eq!(client.exchange(&mut relay, &request).unwrap().code(), 0);
    assert_eq!(client.indicate(&mut relay, good, b"x").len(), 1);
    assert_eq!(client.indicate(&mut relay, evil, b"x"), []);
    let request = signed(&mut client, method::CREATE_PERMISSION, |draft| draft).peer(evil).finish();
    assert_eq!(client.exchange(&mut relay, &request).unwrap().code(), 400, "there is no peer in it");
}

#[test]
fn credentials_behind_the_signature_are_not_read() {
    let (mut relay, mut client) = allocated();
    let (credentials, realm, nonce) = (client.credentials.clone(), client.realm.clone(), client.nonce.clone());
    let request = client.request(method::REFRESH).integrity(&credentials, &realm);
    let request = request.authenticated(&credentials, &realm, &nonce).finish();
    assert_eq!(client.exchange(&mut relay, &request).unwrap().code(), 400);
}

#[test]
fn of_two_attributes_the_first_counts() {
    let (mut relay, mut client) = allocated();
    let (first, second) = (address("30.0.0.9:1"), address("30.0.0.66:1"));
    let answer =
        client.ask(&mut relay, method::REFRESH, |draft| draft.with(&Lifetime::new(900)).with(&Lifetime::new(0)));
    assert_eq!(answer.lifetime_s(), Some(900));
    let answer = client.ask(&mut relay, method::CHANNEL_BIND, |draft| {
        let draft = draft.with(&ChannelNumber::new(0x4001)).with(&ChannelNumber::new(0x4002));
        draft.peer(first).peer(second)
    });
    assert_eq!(answer.code(), 0);
    assert_eq!(client.channel(&mut relay, 0x4002, b"x"), []);
    assert_eq!(client.channel(&mut relay, 0x4001, b"x").len(), 1);
    assert_eq!(client.indicate(&mut relay, second, b"x"), []);
}

#[test]
fn a_request_that_was_changed_is_not_acted_on() {
    let (mut relay, mut client) = allocated();
    let request = signed(&mut client, method::REFRESH, |draft| draft.with(&Lifetime::new(0))).finish();
    for position in 0..request.len() {
        let mut changed = request.clone();
        changed[position] ^= 0x01;
        client.send(&mut relay, &changed);
        assert!(relay.server(0).is_allocated(&client.client), "byte {position}");
    }
    assert_eq!(client.exchange(&mut relay, &request).unwrap().code(), 0);
}
