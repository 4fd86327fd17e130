//! A relay that is made to talk to itself for ever: a peer that is its own relayed address, two allocations that point
//! at each other, its own listening port.

use muster_sim::{Caller, Output, Relay, RelaySetup};

use super::{address, user};

/// Two clients on one worker or two, each the other's peer and its own, by every form: one datagram in is at most one
/// datagram out, and that one goes to a client.
#[test]
fn one_datagram_in_is_one_out_to_a_client() {
    for workers in [1, 2] {
        let mut relay = Relay::new(RelaySetup { workers, ..RelaySetup::default() });
        let mut clients = ["30.0.0.1:4000", "30.0.0.2:4000"].map(|at| Caller::udp(&relay, address(at), user("ann")));
        clients[1].worker = workers - 1;
        clients[0].worker = 0;
        let relayed: Vec<_> = clients.iter_mut().map(|client| client.allocated(&mut relay)).collect();
        for client in &mut clients {
            assert_eq!(client.permit(&mut relay, &relayed), 0);
            for (number, &peer) in (0x4000..).zip(&relayed) {
                assert_eq!(client.bind(&mut relay, number, peer), 0);
            }
        }
        for client in &mut clients {
            for (number, &peer) in (0x4000..).zip(&relayed) {
                for outputs in [client.channel(&mut relay, number, b"x"), client.indicate(&mut relay, peer, b"x")] {
                    let [Output::ToClient { bytes, .. }] = &outputs[..] else { panic!("{outputs:?}") };
                    // ChannelData inside ChannelData would be one step of a loop; it stays a payload.
                    assert_eq!(bytes[4..], *b"x");
                }
                let nested = muster_sim::channel_data(0x4000, &muster_sim::channel_data(0x4001, b"x"));
                assert_eq!(client.channel(&mut relay, number, &nested).len(), 1);
            }
        }
    }
}

#[test]
fn our_listening_port_is_nobodys_peer() {
    let mut relay = Relay::new(RelaySetup::default());
    let mut client = Caller::udp(&relay, address("30.0.0.1:4000"), user("ann"));
    client.allocated(&mut relay);
    let own = address("20.0.0.1:3478");
    assert_eq!(client.bind(&mut relay, 0x4000, own), 403);
    assert_eq!(client.permit(&mut relay, &[own]), 0, "its address is one of a relayed address too");
    assert_eq!(client.indicate(&mut relay, own, b"x"), []);
}
