//! What a peer's bytes come to in datagrams.

use std::ops::Range;

use super::Peer;
use crate::frame::Frame;

/// Bytes of a datagram, as Muster's packets have them.
const PACKET: usize = 1200;
/// What a datagram needs around the changes: which one it is, which update, told from which.
const HEADER: usize = 12;

/// How many bytes it takes to tell `now` to a viewer who has `base` in datagrams that can be read without each other, so
/// that the loss of one is not the loss of all.
pub(crate) fn bytes(peer: &mut dyn Peer, now: &Frame, base: &Frame) -> usize {
    let slots = now.entities.len().max(base.entities.len());
    let whole = peer.bytes(now, base, 0..slots);
    let mut parts = whole.div_ceil(PACKET - HEADER).max(1);
    loop {
        let part = |number: usize| -> Range<usize> { slots * number / parts..slots * (number + 1) / parts };
        let sizes = (0..parts).map(|number| peer.bytes(now, base, part(number)));
        let sizes: Vec<usize> = sizes.collect();
        if sizes.iter().all(|size| size + HEADER <= PACKET) {
            return sizes.iter().map(|size| size + HEADER).sum();
        }
        parts += 1;
    }
}
