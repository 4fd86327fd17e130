//! State that a sender can make us keep before it has proved its address or who it is.

use std::net::SocketAddr;

use muster_sim::{Caller, Credentials, Relay, RelaySetup, attribute, method};
use turn_types::attribute::RequestedTransport;

use super::user;

#[test]
fn nothing_is_kept_for_who_has_proved_nothing() {
    let mut relay = Relay::new(RelaySetup { workers: 2, ..RelaySetup::default() });
    let wrong = Credentials::new("ann", "a guess");
    for number in 0..20_000_u32 {
        let [_, b, c, d] = number.to_be_bytes();
        let at = SocketAddr::from(([60 + b, c, d, 1], 4_000));
        let mut client = Caller::udp(&relay, at, user("ann"));
        let udp = RequestedTransport::new(RequestedTransport::UDP);
        let plain = client.request(method::ALLOCATE).with(&udp).raw(attribute::EVEN_PORT, &[0x80]).finish();
        client.send(&mut relay, &plain);
        let forged =
            client.request(method::ALLOCATE).with(&udp).signed(&wrong, "sim.example", "obMatJos2gAAA").finish();
        client.send(&mut relay, &forged);
        assert!(!relay.server(client.worker).is_allocated(&client.client));
    }
    relay.assert_empty();
    assert_eq!(relay.opened_and_closed(), (0, 0));
    assert_eq!(relay.poll_timeout(), None, "there is nothing to wait for, so nothing is kept");
}

/// A client that has proved its address but not who it is leaves no more behind.
#[test]
fn a_wrong_password_keeps_nothing() {
    let mut relay = Relay::new(RelaySetup::default());
    for number in 0..2_000_u16 {
        let at = SocketAddr::from(([30, (number >> 8) as u8, number as u8, 1], 4_000));
        let mut client = Caller::udp(&relay, at, Credentials::new("ann", "a guess"));
        assert_eq!(client.allocate(&mut relay).code(), 401);
    }
    relay.assert_empty();
    assert_eq!(relay.poll_timeout(), None);
}
