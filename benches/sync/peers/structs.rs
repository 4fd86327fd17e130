//! Plain structs of the entities that changed, whole, through zstd.

#![cfg(feature = "peers")]

use std::ops::Range;

use super::{Change, Peer, changes, short};
use crate::frame::{Frame, Told};

/// What zstd's own documentation takes for a default.
const LEVEL: i32 = 3;

/// How the structs lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One after the other.
    Rows,
    /// Field by field, which zstd finds more in.
    Columns,
}

/// Structs of 24 bytes for who changed, and 21 more for who came, numbers for who left.
pub(super) struct Structs {
    layout: Layout,
    compressor: zstd::bulk::Compressor<'static>,
    plain: Vec<u8>,
}

impl Structs {
    pub(super) fn new(layout: Layout) -> Self {
        let compressor = zstd::bulk::Compressor::new(LEVEL).expect("zstd has this level");
        Self { layout, compressor, plain: Vec::new() }
    }

    /// What is compressed.
    pub(super) fn plain(&mut self, now: &Frame, base: &Frame, slots: Range<usize>) -> &[u8] {
        let (mut changed, mut came, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for (slot, change) in changes(now, base, slots) {
            match change {
                Change::Came(told) => {
                    changed.push(row(slot, told));
                    came.push(rest(told));
                }
                Change::Changed(told, _) => changed.push(row(slot, told)),
                Change::Left => left.push(slot.to_le_bytes()),
            }
        }
        self.plain.clear();
        for count in [changed.len(), came.len(), left.len()] {
            self.plain.extend_from_slice(&(count as u16).to_le_bytes());
        }
        match self.layout {
            Layout::Rows => {
                self.plain.extend(changed.iter().flatten());
                self.plain.extend(came.iter().flatten());
            }
            Layout::Columns => {
                // Bytes of the same place together: the high bytes of coordinates hardly differ.
                self.plain.extend((0..24).flat_map(|at| changed.iter().map(move |row| row[at])));
                self.plain.extend((0..21).flat_map(|at| came.iter().map(move |row| row[at])));
            }
        }
        self.plain.extend(left.iter().flatten());
        &self.plain
    }
}

impl Peer for Structs {
    fn name(&self) -> &'static str {
        match self.layout {
            Layout::Rows => "structs + zstd",
            Layout::Columns => "structs by field + zstd",
        }
    }

    fn bytes(&mut self, now: &Frame, base: &Frame, slots: Range<usize>) -> usize {
        self.plain(now, base, slots);
        self.compressor.compress(&self.plain).expect("there is room for what is compressed").len()
    }
}

/// What changes in a game.
fn row(slot: u16, told: &Told) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[0..2].copy_from_slice(&slot.to_le_bytes());
    bytes[2..6].copy_from_slice(&told.x.to_le_bytes());
    bytes[6..10].copy_from_slice(&told.y.to_le_bytes());
    bytes[10..14].copy_from_slice(&told.flags.to_le_bytes());
    bytes[14..16].copy_from_slice(&(told.health as i16).to_le_bytes());
    bytes[16..18].copy_from_slice(&(told.rank as i16).to_le_bytes());
    bytes[18..20].copy_from_slice(&told.state.to_le_bytes());
    bytes[20..22].copy_from_slice(&short(told.target).to_le_bytes());
    bytes[22] = told.heading;
    bytes
}

/// What a newcomer has beside that.
fn rest(told: &Told) -> [u8; 21] {
    let mut bytes = [0; 21];
    bytes[0..8].copy_from_slice(&told.id.bits().to_le_bytes());
    bytes[8..12].copy_from_slice(&told.owner.to_le_bytes());
    bytes[12..14].copy_from_slice(&(told.health_max as i16).to_le_bytes());
    bytes[14..16].copy_from_slice(&told.half_x.to_le_bytes());
    bytes[16..18].copy_from_slice(&told.half_y.to_le_bytes());
    bytes[18] = told.kind as u8;
    bytes[19] = told.team as u8;
    bytes[20] = told.shape;
    bytes
}
