//! Packets that are not what the server sent leave a viewer as it was.
//!
//! Goal: a packet that is cut, changed, of another session, from the future, too old or seen before is refused with its reason,
//! and nothing of the viewer has changed; a changed one that still reads as a packet breaks nothing. Method: a viewer in
//! mid-session is given the packets of an update in every such form before the real ones.

mod session;

use muster_core::sync::client::{ClientOptions, PacketRefusal, SyncClient};
use session::{Network, Session, everywhere};

/// All of a viewer that its user sees, but for counters.
fn image(client: &SyncClient) -> String {
    let groups: Vec<_> = client.groups().collect();
    format!("{groups:?} {:?} {:?} {:?}", client.shown(), client.predicted(), client.shown_tick())
}

/// The packets of the next update, and the time.
fn packets(session: &mut Session) -> (Vec<Vec<u8>>, u64) {
    loop {
        session.world.step();
        if session.server.tick(&session.world) {
            let mut packets = Vec::new();
            let now = session.now_us();
            let id = session.viewers[0].id;
            session.server.write(&session.world, id, now, |packet| packets.push(packet.to_vec())).expect("it is there");
            return (packets, now);
        }
    }
}

fn in_mid_session(entities: u64) -> Session {
    let mut session = Session::new(3, entities);
    session.join(Network::default(), everywhere());
    for _ in 0..60 {
        session.step();
    }
    session
}

#[test]
fn cut_packets_are_refused() {
    let mut session = in_mid_session(60);
    let (packets, now) = packets(&mut session);
    let client = &mut session.viewers[0].client;
    for packet in &packets {
        let before = image(client);
        for end in 0..packet.len() {
            client.receive(&packet[..end], now).expect_err("it is cut");
        }
        assert_eq!(image(client), before);
        client.receive(packet, now).expect("it is whole");
    }
}

#[test]
fn changed_packets_are_refused_or_read() {
    let mut session = in_mid_session(12);
    let (mut packets_of_update, mut now) = packets(&mut session);
    let mut before = image(&session.viewers[0].client);
    let (length, mut refused, mut taken) = (packets_of_update[0].len(), 0, 0);
    for at in 0..length {
        for bit in 0..8 {
            let mut bytes = packets_of_update[0].clone();
            bytes[at] ^= 1 << bit;
            let client = &mut session.viewers[0].client;
            let result = client.receive(&bytes, now);
            if let Err(refusal) = result {
                assert!(!refusal.to_string().is_empty());
                assert_eq!(image(client), before, "byte {at}, bit {bit}: {refusal}");
                refused += 1;
                continue;
            }
            // What carries packets has to see that they come from the server. Whatever this one said, the next ones are read.
            taken += 1;
            for packet in &packets_of_update {
                let _ = client.receive(packet, now);
            }
            for _ in 0..6 {
                session.step();
            }
            session = in_mid_session(12);
            (packets_of_update, now) = packets(&mut session);
            before = image(&session.viewers[0].client);
        }
    }
    assert!(refused > 100 && taken > 100, "{refused} {taken}");
}

#[test]
fn each_reason_is_given() {
    let mut session = in_mid_session(60);
    let (packets, now) = packets(&mut session);
    let packet = packets.first().expect("there is a fight").clone();
    let client = &mut session.viewers[0].client;
    // Where the header's fields are is in docs/WIRE.md: session, sequence, update.
    let changed = |at: usize, to: u32| {
        let mut bytes = packet.clone();
        bytes[at..at + 4].copy_from_slice(&to.to_le_bytes());
        bytes
    };
    let field = |at: usize| u32::from_le_bytes(packet[at..at + 4].try_into().expect("four bytes"));
    let (sequence, update) = (field(24), field(28));
    let before = image(client);
    let mut refused = |bytes: &[u8]| {
        let refusal = client.receive(bytes, now).expect_err("it is refused");
        assert_eq!(image(client), before);
        refusal
    };
    assert_eq!(refused(&changed(20, 7)), PacketRefusal::Session);
    assert_eq!(refused(&changed(24, sequence + 100_000)), PacketRefusal::Future);
    assert_eq!(refused(&changed(24, 0)), PacketRefusal::Future);
    assert_eq!(refused(&changed(28, update + 100_000)), PacketRefusal::Future);
    assert_eq!(refused(&vec![0; 20_000]), PacketRefusal::Long);
    assert!(matches!(refused(&[]), PacketRefusal::Malformed(_)));
    client.receive(&packet, now).expect("it is good");
    assert_eq!(client.receive(&packet, now), Err(PacketRefusal::Doubled));
    // A hundred packets later it is too old.
    for _ in 0..400 {
        session.step();
    }
    let client = &mut session.viewers[0].client;
    assert_eq!(client.receive(&packet, now), Err(PacketRefusal::Old));
    let statistics = client.statistics();
    assert_eq!(statistics.refused[PacketRefusal::Old.number()], 1);
    assert_eq!(statistics.refused[PacketRefusal::Session.number()], 1);
}

#[test]
fn no_more_groups_are_opened_than_there_is_room_for() {
    let mut session = Session::new(5, 300);
    let options = ClientOptions { groups_max: 4, entities_max: 50, ..ClientOptions::default() };
    session.join_with(Network::default(), everywhere(), &options);
    for _ in 0..120 {
        session.step();
    }
    let statistics = session.viewers[0].client.statistics();
    assert!(statistics.groups <= 4 && statistics.entities <= 50, "{statistics:?}");
    assert!(statistics.refused[PacketRefusal::Groups.number()] > 0, "{statistics:?}");
}
