//! Checksums put right, so that changed bytes get past them to what is behind.

use twox_hash::XxHash3_64;

/// Bytes of the head of a snapshot and of a replay, whose last eight are a checksum.
const HEAD_BYTES: usize = 64;
/// Bytes of the head of a frame, whose last eight are a checksum.
const FRAME_BYTES: usize = 24;

/// Puts right a snapshot's length and checksum.
pub(crate) fn snapshot(bytes: &mut [u8]) {
    let Some((head, payload)) = bytes.split_at_mut_checked(HEAD_BYTES) else { return };
    head[48..56].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    let sum = XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(&head[..56]), payload);
    head[56..].copy_from_slice(&sum.to_le_bytes());
}

/// Puts right the checksums of a replay's head, of its frames, and of the snapshots in them.
pub(crate) fn replay(bytes: &mut [u8]) {
    let Some((head, mut rest)) = bytes.split_at_mut_checked(HEAD_BYTES) else { return };
    let sum = XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(&head[..56]), &[]);
    head[56..].copy_from_slice(&sum.to_le_bytes());
    while let Some((head, after)) = rest.split_at_mut_checked(FRAME_BYTES) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let Some((payload, after)) = after.split_at_mut_checked(length) else { return };
        if head.starts_with(b"KEYF") {
            snapshot(payload);
        }
        let sum = XxHash3_64::oneshot_with_seed(XxHash3_64::oneshot(&head[..16]), payload);
        head[16..].copy_from_slice(&sum.to_le_bytes());
        rest = after;
    }
}
