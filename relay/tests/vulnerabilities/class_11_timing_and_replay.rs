//! What an attacker learns or gains by watching answers and repeating requests. That signatures are compared in
//! constant time is a property of the function that compares them, and `cargo xtask tidy` refuses any other where they
//! are made; here is what can be seen from outside.

use std::time::Duration;

use muster_sim::{Answer, Caller, Credentials, Relay, RelaySetup, attribute, method};
use turn_types::attribute::{Lifetime, RequestedTransport};

use super::{address, caller, user};

#[test]
fn an_unknown_user_and_a_wrong_password_look_the_same() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:4000");
    client.challenge(&mut relay);
    let (realm, nonce) = (client.realm.clone(), client.nonce.clone());
    let mut ask = |credentials: &Credentials| -> Answer {
        let request = muster_sim::Draft::request(method::ALLOCATE, 77).signed(credentials, &realm, &nonce).finish();
        client.exchange(&mut relay, &request).unwrap()
    };
    let wrong = ask(&Credentials::new("ann", "guess"));
    assert_eq!(wrong.code(), 401);
    assert_eq!(wrong, ask(&Credentials::new("nobody", "guess")));
    assert_eq!(wrong, ask(&Credentials { anonymous: true, ..Credentials::new("ann", "guess") }));
}

/// A recorded request does nothing for who repeats it from elsewhere, and nothing new for who repeats it from the same
/// address.
#[test]
fn a_recorded_request_is_worth_nothing_elsewhere() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:4000");
    client.challenge(&mut relay);
    let allocate = client.request(method::ALLOCATE).with(&RequestedTransport::new(RequestedTransport::UDP));
    let allocate = client.sign(allocate);
    let thieves = [
        Caller::udp(&relay, address("30.0.0.2:4000"), user("ann")),
        Caller::udp(&relay, address("30.0.0.1:4001"), user("ann")),
        Caller::udp(&relay, address("[2600:5::1]:4000"), user("ann")),
        Caller::stream(0, address("30.0.0.1:4000"), 1, user("ann")),
    ];
    for thief in &thieves {
        assert_eq!(thief.exchange(&mut relay, &allocate).unwrap().code(), 438, "{:?}", thief.client);
    }
    relay.assert_empty();
    assert_eq!(client.exchange(&mut relay, &allocate).unwrap().code(), 0);
    let release = client.request(method::REFRESH).with(&Lifetime::new(0));
    let release = client.sign(release);
    for thief in &thieves {
        assert_eq!(thief.exchange(&mut relay, &release).unwrap().code(), 438);
        assert!(relay.server(0).is_allocated(&client.client));
    }
    assert_eq!(client.exchange(&mut relay, &release).unwrap().code(), 0);
    relay.advance(Duration::from_secs(601));
    assert_eq!(client.exchange(&mut relay, &allocate).unwrap().code(), 438, "nor later, from the same address");
    relay.assert_empty();
}

/// Port 0 is nobody's: an answer to it could not be sent, and nothing that claims to come from it is acted on.
#[test]
fn requests_from_port_zero_are_dropped() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:0");
    for method in [method::BINDING, method::ALLOCATE, method::REFRESH] {
        let request = client.request(method).raw(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).finish();
        assert_eq!(client.send(&mut relay, &request), []);
    }
}
