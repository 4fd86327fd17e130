//! The classes of vulnerability that TURN servers have had, one file each, driven through the whole machine.
//!
//! Where a class cannot occur here because the feature is not there, its file asserts what makes that so.

mod class_01_peer_address_encodings;
mod class_02_range_comparison;
mod class_03_request_forgery;
mod class_04_attributes_behind_the_signature;
mod class_05_lengths_and_offsets;
mod class_06_information_leak;
mod class_07_weak_randomness;
mod class_08_state_before_authentication;
mod class_09_quota_bypass;
mod class_10_reflection;
mod class_11_timing_and_replay;
mod class_12_injection;
mod class_13_nonce_reuse;
mod class_14_relay_loops;
mod class_15_label_cardinality;

use std::net::SocketAddr;

use muster_sim::{Answer, Caller, Credentials, Output, Relay, RelaySetup, method};
use stun_types::AddressFamily;
use turn_types::attribute::{AdditionalAddressFamily, RequestedTransport};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn user(name: &str) -> Credentials {
    Credentials::new(name, &format!("{name}'s password"))
}

fn caller(relay: &Relay, at: &str) -> Caller {
    Caller::udp(relay, address(at), user("ann"))
}

/// A relay with one client that has an IPv4 and an IPv6 address allocated.
fn allocated() -> (Relay, Caller) {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = caller(&relay, "30.0.0.1:4000");
    let answer = allocate_both(&mut client, &mut relay);
    assert_eq!(answer.code(), 0);
    (relay, client)
}

fn allocate_both(client: &mut Caller, relay: &mut Relay) -> Answer {
    client.ask(relay, method::ALLOCATE, |draft| {
        draft
            .with(&RequestedTransport::new(RequestedTransport::UDP))
            .with(&AdditionalAddressFamily::new(AddressFamily::IPV6))
    })
}

/// Tries every way to reach a peer, and returns whether one of them worked.
fn reaches(relay: &mut Relay, client: &mut Caller, peer: SocketAddr) -> bool {
    let permitted = client.permit(relay, &[peer]) == 0;
    let bound = client.bind(relay, 0x4000, peer) == 0;
    let mut outputs = client.channel(relay, 0x4000, b"x");
    outputs.extend(client.indicate(relay, peer, b"x"));
    let sent = outputs.iter().any(|output| matches!(output, Output::ToPeer { .. }));
    assert!(!sent || permitted, "nothing is sent where no permission is given: {peer}");
    assert!(!sent || bound, "both ways of sending agree: {peer}");
    sent
}
