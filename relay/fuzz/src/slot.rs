//! A slot behaves as the bytes it shows: every operation inside its bounds is compared with one on a plain vector.

use arbitrary::{Arbitrary, Result, Unstructured};
use muster_relay::slot::{HEADROOM, Slot, TAILROOM};

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Operation {
    Strip(u8),
    Truncate(u8),
    Grow(u8),
    Pad,
    Rewrite(u8),
}

/// Runs the target.
pub fn run(bytes: &[u8]) {
    // Bytes that are too short to hold a payload are no input.
    let _ = compare(Unstructured::new(bytes));
}

fn compare(mut input: Unstructured<'_>) -> Result<()> {
    let payload: [u8; 16] = input.arbitrary()?;
    let mut model = payload[..usize::from(input.int_in_range(0..=16_u8)?)].to_vec();
    let mut buffer = vec![0xA5; HEADROOM + model.len() + TAILROOM];
    buffer[HEADROOM..HEADROOM + model.len()].copy_from_slice(&model);
    let end = buffer.len();
    let mut slot = Slot::new(&mut buffer, HEADROOM..HEADROOM + model.len());
    // Input that has run out yields zeroes and no error.
    while !input.is_empty() {
        let operation = input.arbitrary::<Operation>()?;
        let room = (slot.range().start, end - slot.range().end);
        match operation {
            Operation::Strip(bytes) => {
                let bytes = usize::from(bytes).min(model.len());
                slot.strip_front(bytes);
                model.drain(..bytes);
            }
            Operation::Truncate(bytes) => {
                let bytes = usize::from(bytes).min(model.len());
                slot.truncate(bytes);
                model.truncate(bytes);
            }
            Operation::Grow(byte) if room.0 >= 4 => {
                *slot.grow_front::<4>() = [byte; 4];
                model.splice(..0, [byte; 4]);
            }
            Operation::Grow(_) => {}
            Operation::Pad => {
                let padding = (model.len().next_multiple_of(4) - model.len()).min(room.1);
                slot.pad_to_four();
                model.resize(model.len() + padding, 0);
            }
            // As relaying does: a header goes and another one takes its place.
            Operation::Rewrite(byte) if model.len() >= 4 => {
                slot.strip_front(4);
                *slot.grow_front::<4>() = [byte; 4];
                model[..4].fill(byte);
            }
            Operation::Rewrite(_) => {}
        }
        assert_eq!(slot.payload(), model);
        assert_eq!(slot.range().len(), model.len());
    }
    Ok(())
}
