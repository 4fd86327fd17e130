//! Goal: a peer's bytes hold what they are counted for. Method: frames of a fight are told, and read back where a reader
//! is at hand; nothing is told where nothing changed.

use muster_benches::scene::{Kind, ONE_THREAD};

use super::*;

/// More slots than any frame here has.
const ALL: Range<usize> = 0..200;

fn frames(count: usize) -> Vec<Frame> {
    let mut scene = Kind::Camp(120).build(3, ONE_THREAD);
    let mut frames = Vec::new();
    for _ in 0..count {
        (0..60).for_each(|_| scene.step());
        frames.push(Frame::of(scene.world()));
    }
    frames
}

#[test]
fn every_peer_tells_more_when_more_has_changed() {
    let frames = frames(3);
    for mut peer in all() {
        let nothing = peer.bytes(&frames[2], &frames[2], ALL);
        let whole = peer.bytes(&frames[2], &Frame::default(), ALL);
        let changes = peer.bytes(&frames[2], &frames[1], ALL);
        assert!(nothing < 32 && nothing < changes && changes < whole, "{}", peer.name());
        // All that is not the same takes a byte at least.
        assert!(changes > frames[2].moving_since(&frames[1]), "{}", peer.name());
    }
}

#[test]
fn changes_lead_from_one_frame_to_the_other() {
    let frames = frames(4);
    for (now, base) in [(3, 0), (2, 1), (0, 3)] {
        let (now, mut told) = (&frames[now], frames[base].clone());
        let list: Vec<_> = changes(now, &frames[base], ALL).collect();
        told.entities.resize(now.entities.len(), None);
        for (slot, change) in list {
            told.entities[usize::from(slot)] = match change {
                Change::Came(told) | Change::Changed(told, _) => Some(told.clone()),
                Change::Left => None,
            };
        }
        assert_eq!(told.entities, now.entities);
    }
}

#[cfg(feature = "peers")]
#[test]
fn what_is_packed_can_be_unpacked() {
    let frames = frames(2);
    let message = columns::message(&frames[1], &frames[0], ALL);
    let packed = bitcode::encode(&message);
    let back: columns::Message = bitcode::decode(&packed).expect("it was encoded by bitcode");
    assert_eq!(bitcode::encode(&back), packed);
    assert_eq!((back.changed.len(), back.came.len()), (message.changed.len(), message.came.len()));
    for layout in [structs::Layout::Rows, structs::Layout::Columns] {
        let mut structs = structs::Structs::new(layout);
        let plain = structs.plain(&frames[1], &frames[0], ALL).to_vec();
        let packed = zstd::bulk::compress(&plain, 3).expect("there is room");
        assert_eq!(structs.bytes(&frames[1], &frames[0], ALL), packed.len());
        assert_eq!(zstd::bulk::decompress(&packed, plain.len()).expect("it is whole"), plain);
    }
}
