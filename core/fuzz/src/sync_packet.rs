//! A viewer in mid-session is given packets that the server sent, packets that somebody has changed, and bytes that are none:
//! it refuses them and is as it was, or takes them and stays within its bounds.

use arbitrary::{Result, Unstructured};
use muster_core::sync::client::SyncClient;

use crate::meeting::{ENTITIES_MAX, GROUPS_MAX, Meeting};

/// Most operations of a run.
const OPERATIONS_MAX: usize = 64;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    let mut meeting = Meeting::new();
    // A run ends where its bytes end.
    let _ = go_on(&mut meeting, &mut Unstructured::new(bytes));
    for _ in 0..6 {
        meeting.step(|_| true);
    }
    check(&meeting.client);
}

fn go_on(meeting: &mut Meeting, input: &mut Unstructured<'_>) -> Result<()> {
    for _ in 0..OPERATIONS_MAX {
        if input.is_empty() {
            break;
        }
        match input.int_in_range(0..=4)? {
            0 => {
                let arrive: u8 = input.arbitrary()?;
                for tick in 0..4 {
                    meeting.step(|_| arrive >> tick & 1 == 1);
                }
            }
            1 => meeting.drive(input.arbitrary()?, input.arbitrary()?),
            2 => {
                let length = input.int_in_range(0..=300)?.min(input.len());
                let bytes = input.bytes(length)?.to_vec();
                give(meeting, &bytes);
            }
            3 => {
                // One of the server's, with some bytes changed.
                let mut packets = Vec::new();
                for _ in 0..3 {
                    meeting.step(|packet| {
                        packets.push(packet.to_vec());
                        false
                    });
                }
                for packet in &mut packets {
                    for _ in 0..input.int_in_range(1..=4)? {
                        let at = input.choose_index(packet.len())?;
                        packet[at] ^= input.arbitrary::<u8>()?;
                    }
                    give(meeting, packet);
                }
            }
            _ => {
                // One of the server's, with other bits behind its envelope.
                let mut packets = Vec::new();
                for _ in 0..3 {
                    meeting.step(|packet| {
                        packets.push(packet.to_vec());
                        false
                    });
                }
                for packet in &mut packets {
                    let from = packet.len() - packet.len().min(input.int_in_range(0..=200)?);
                    let fill = input.bytes((packet.len() - from).min(input.len()))?;
                    packet[from..from + fill.len()].copy_from_slice(fill);
                    give(meeting, packet);
                }
            }
        }
    }
    Ok(())
}

fn give(meeting: &mut Meeting, packet: &[u8]) {
    let now = meeting.now_us();
    let client = &mut meeting.client;
    let before = image(client);
    if let Err(refusal) = client.receive(packet, now) {
        assert_eq!(image(client), before, "{refusal}");
        assert!(!refusal.to_string().is_empty());
    }
    client.advance(now);
    check(client);
}

/// What a refusal leaves alone.
fn image(client: &SyncClient) -> String {
    let groups: Vec<_> =
        client.groups().map(|(number, identity, update, state)| (number, *identity, update, state.clone())).collect();
    format!("{groups:?} {:?} {:?}", client.predicted(), client.shown_tick())
}

fn check(client: &SyncClient) {
    let statistics = client.statistics();
    assert!(statistics.groups <= u32::from(GROUPS_MAX) && statistics.entities <= ENTITIES_MAX);
    let shown = client.shown();
    assert!(shown.len() <= ENTITIES_MAX as usize);
    assert!(
        [shown.x.len(), shown.y.len(), shown.sector.len(), shown.health.len()].iter().all(|len| *len == shown.len())
    );
    assert!(shown.id.is_sorted_by_key(|id| id.bits().rotate_left(32)));
}
