//! One datagram, whatever its bytes, from everybody: clients with and without an allocation, and peers with and without
//! a permission.
//!
//! What must hold: a payload leaves only to peers that are permitted and open, and it is a part of the datagram that came
//! in; who has no allocation gets at most one answer of a bounded size and nothing else; who has no permission gets
//! nothing at all.

use std::net::{IpAddr, SocketAddr};

use muster_relay::{
    slot::{HEADROOM, Slot, TAILROOM},
    turn::{Client, RelayId, Reply, Route, Server},
};
use muster_sim::{Answer, Caller, Credentials, Relay, RelaySetup, attribute, method};
use stun_types::{AddressFamily, message::MessageClass};
use turn_types::attribute::{AdditionalAddressFamily, RequestedTransport};

/// A peer with a channel, and the same host at another port.
const PEER: &str = "30.0.0.9:7000";
const PEER_OTHER_PORT: &str = "30.0.0.9:7001";
/// A peer with a permission and no channel.
const PEER_V6: &str = "[2600:9::9]:7000";
/// A peer without a permission.
const STRANGER: &str = "30.0.0.66:7000";
/// What surrounds a payload in its slot, so that a leak shows.
const JUNK: u8 = 0xA5;

fn address(text: &str) -> SocketAddr {
    text.parse().expect("a literal")
}

/// A relay on which two clients have allocations and know each other.
struct Stage {
    relay: Relay,
    ann: Caller,
    bob: Caller,
    /// Ann's relayed addresses, IPv4 and IPv6.
    relayed: Vec<SocketAddr>,
    bob_relayed: SocketAddr,
}

impl Stage {
    fn new() -> Self {
        let mut relay = Relay::new(RelaySetup { ports: 50_000..=50_015, ..RelaySetup::default() });
        let credentials = |name: &str| Credentials::new(name, &format!("{name}'s password"));
        let mut ann = Caller::udp(&relay, address("30.0.0.1:4000"), credentials("ann"));
        let mut bob = Caller::stream(0, address("30.0.0.2:4000"), 1, credentials("bob"));
        let both = AdditionalAddressFamily::new(AddressFamily::IPV6);
        let udp = RequestedTransport::new(RequestedTransport::UDP);
        let relayed = ann.ask(&mut relay, method::ALLOCATE, |draft| draft.with(&udp).with(&both)).relayed();
        let bob_relayed = bob.allocated(&mut relay);
        for (number, peer) in [(0x4000, address(PEER)), (0x4001, bob_relayed)] {
            assert_eq!(ann.bind(&mut relay, number, peer), 0);
        }
        assert_eq!(ann.permit(&mut relay, &[address(PEER_V6)]), 0);
        assert_eq!(bob.bind(&mut relay, 0x4000, relayed[0]), 0);
        assert_eq!(relayed.len(), 2, "an address of each family");
        Self { relay, ann, bob, relayed, bob_relayed }
    }

    /// Gives `bytes` to the machine in a slot. What is left there, where it stands in the datagram that came in if it is
    /// a part of it, and the replies.
    fn give(
        &mut self,
        bytes: &[u8],
        handle: impl FnOnce(&mut Server, &mut Slot<'_>) -> Route,
    ) -> (Route, Vec<u8>, bool, Vec<Reply>) {
        let mut buffer = vec![JUNK; HEADROOM + bytes.len() + TAILROOM];
        buffer[HEADROOM..HEADROOM + bytes.len()].copy_from_slice(bytes);
        let mut slot = Slot::new(&mut buffer, HEADROOM..HEADROOM + bytes.len());
        let (route, replies) = self.relay.with_server(0, |server| {
            let route = handle(server, &mut slot);
            (route, std::iter::from_fn(|| server.poll_reply()).collect())
        });
        let range = slot.range();
        let inside = range.start >= HEADROOM
            && range.end <= HEADROOM + bytes.len()
            && slot.payload() == &bytes[range.start - HEADROOM..range.end - HEADROOM];
        (route, slot.payload().to_vec(), inside, replies)
    }

    fn name(&self, relayed: SocketAddr) -> RelayId {
        self.relay.bound()[&relayed].1
    }
}

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let mut stage = Stage::new();
    from_peers(&mut stage, bytes);
    from_clients_without(&mut stage, bytes);
    from_client_with_allocation(stage, bytes);
}

fn from_client_with_allocation(mut stage: Stage, bytes: &[u8]) {
    let (now, ann, bob) = (stage.relay.now(), stage.ann.client, stage.bob.client);
    let sockets = stage.relay.opened_and_closed();
    let (route, payload, inside, replies) = stage.give(bytes, |server, slot| server.handle_client(now, ann, slot));
    match route {
        Route::Nothing => {}
        Route::ToPeer { to, .. } => {
            // A permission has no port: the relay's own address at a port that it gave nobody is an ordinary peer.
            let permitted = [address(PEER), address(PEER_V6), stage.bob_relayed].map(|peer| peer.ip());
            assert!(permitted.contains(&to.ip()), "{to} is not permitted");
            assert!(inside, "what a peer gets is what its client sent");
            assert!(payload.len() + 4 <= bytes.len());
        }
        Route::ToClient(to) => {
            assert_eq!(to, bob, "only bob is reached without a socket");
            let header = [&[0x40, 0x00][..], &((payload.len() - 4) as u16).to_be_bytes()].concat();
            assert_eq!(&payload[..4], header, "bob has a channel to ann");
            assert!(payload.len() == 4 || bytes.windows(payload.len() - 4).any(|part| part == &payload[4..]));
        }
        Route::ToWorker { .. } => panic!("there is one worker: {route:?}"),
    }
    check_replies(&stage, ann, bytes, &replies, usize::MAX);
    assert!(route == Route::Nothing || replies.is_empty(), "what is relayed is not answered");
    // A request that is signed for may end the allocation; whatever it does, the books balance.
    stage.relay.handle_client_gone(0, &ann);
    stage.relay.handle_client_gone(0, &bob);
    stage.relay.assert_consistent();
    stage.relay.assert_empty();
    assert_eq!(stage.relay.opened_and_closed().0, sockets.0, "a client has one allocation");
}

fn from_clients_without(stage: &mut Stage, bytes: &[u8]) {
    let now = stage.relay.now();
    let reply_max = reply_max(&stage.relay.setup().realm);
    let clients = [
        stage.relay.udp_client(address("30.0.0.3:4000")),
        stage.relay.udp_client(address("[2600:3::3]:4000")),
        Caller::stream(0, address("30.0.0.4:4000"), 2, stage.ann.credentials.clone()).client,
    ];
    for client in clients {
        let (route, _, _, replies) = stage.give(bytes, |server, slot| server.handle_client(now, client, slot));
        assert_eq!(route, Route::Nothing, "nothing is relayed without an allocation");
        check_replies(stage, client, bytes, &replies, reply_max);
        assert!(!stage.relay.server(0).is_allocated(&client), "a nonce of ann's is nobody else's");
    }
    assert_eq!(stage.relay.allocations(), 2);
    stage.relay.assert_consistent();
}

/// The largest answer to an address that has not proved itself is a challenge: header, ERROR-CODE, REALM, NONCE,
/// PASSWORD-ALGORITHMS and FINGERPRINT.
fn reply_max(realm: &str) -> usize {
    20 + 8 + (4 + realm.len().next_multiple_of(4)) + (4 + 32) + (4 + 8) + 8
}

fn check_replies(stage: &Stage, client: Client, bytes: &[u8], replies: &[Reply], reply_max: usize) {
    assert!(replies.len() <= 1, "one datagram, one answer");
    for reply in replies {
        assert_eq!(reply.to, client);
        assert!(reply.bytes.len() <= reply_max, "{} bytes", reply.bytes.len());
        let answer = Answer::parse(&reply.bytes).expect("answers are well-formed");
        let (class, method, transaction) = answer.header();
        assert!(matches!(class, MessageClass::Success | MessageClass::Error));
        assert_eq!(transaction.to_be_bytes()[4..], bytes[8..20], "the answer is to this request");
        assert_eq!(method, Answer::parse(bytes).expect("only a message is answered").header().1);
        assert!(answer.realm().is_none_or(|realm| realm == stage.relay.setup().realm));
        assert!(!answer.has(attribute::DATA));
    }
}

fn from_peers(stage: &mut Stage, bytes: &[u8]) {
    let (now, ann) = (stage.relay.now(), stage.ann.client);
    let [v4, v6] = [stage.relayed[0], stage.relayed[1]].map(|relayed| stage.name(relayed));
    let peers = [
        (v4, address(PEER), Some(true)),
        (v4, address(PEER_OTHER_PORT), Some(false)),
        (v6, address(PEER_V6), Some(false)),
        (v4, address(STRANGER), None),
        (v6, address("[2600:9::a]:7000"), None),
    ];
    for (relay, from, expect) in peers {
        let (route, sent, _, replies) = stage.give(bytes, |server, slot| server.handle_peer(now, relay, from, slot));
        assert!(replies.is_empty(), "a peer is never answered");
        let Some(channel) = expect else {
            assert_eq!(route, Route::Nothing, "{from} has no permission");
            continue;
        };
        assert_eq!(route, Route::ToClient(ann));
        if channel {
            let expect = [&[0x40, 0x00][..], &(bytes.len() as u16).to_be_bytes(), bytes].concat();
            assert_eq!(sent, expect, "a peer with a channel comes as ChannelData");
        } else {
            check_data_indication(&sent, from, bytes);
        }
    }
    let outside: IpAddr = address(PEER).ip();
    let hairpin = stage.give(bytes, |server, slot| {
        server.handle_hairpin(now, SocketAddr::new(outside, 50_000), "20.0.0.1:49999".parse().expect("a literal"), slot)
    });
    assert_eq!(hairpin.0, Route::Nothing, "nobody has a port outside of the range");
    let from = stage.relayed[0];
    let to = stage.bob_relayed;
    let (route, sent, _, _) = stage.give(bytes, |server, slot| server.handle_hairpin(now, from, to, slot));
    assert_eq!(route, Route::ToClient(stage.bob.client));
    assert_eq!(&sent[4..], bytes);
    stage.relay.assert_consistent();
}

fn check_data_indication(sent: &[u8], from: SocketAddr, payload: &[u8]) {
    let indication = Answer::parse(sent).expect("an indication is well-formed");
    let (class, kind, _) = indication.header();
    assert_eq!((class, kind), (MessageClass::Indication, method::DATA));
    assert_eq!(indication.peer(), Some(from));
    assert_eq!(indication.data().as_deref(), Some(payload));
    let padding = payload.len().next_multiple_of(4) - payload.len();
    assert!(sent.ends_with(&[0; 3][..padding]), "padding holds no byte of somebody else's");
}
