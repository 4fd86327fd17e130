//! Writing the canonical form.

use crate::{
    entity::EntityId,
    space::{Position, SectorId},
};

/// Appends numbers to bytes: little-endian, without padding.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

macro_rules! numbers {
    ($($name:ident: $type:ty),*) => { $(
        /// Appends a number.
        #[inline]
        pub fn $name(&mut self, value: $type) {
            self.out.extend_from_slice(&value.to_le_bytes());
        }
    )* };
}

impl<'a> Writer<'a> {
    /// Appends to `out`.
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    numbers!(u8: u8, u16: u16, u32: u32, u64: u64, i32: i32, i64: i64);

    /// Appends 0 or 1.
    pub fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Appends how many of something follow. A world's tables all have fewer than 2^32 entries.
    pub fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).expect("the tables of a world are bounded by 32-bit numbers"));
    }

    /// Appends bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Appends how many bytes a text has, and the text.
    pub fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes(text.as_bytes());
    }

    /// Appends an id.
    pub fn id(&mut self, id: EntityId) {
        self.u64(id.bits());
    }

    /// Appends the name of a sector, the one that [`super::Reader::sector`] takes.
    pub fn sector(&mut self, sector: SectorId) {
        let sector = sector.canonical();
        self.i64(sector.x);
        self.i64(sector.y);
        self.u8(sector.scale);
    }

    /// Appends a place, under the name that [`super::Reader::position`] takes. Its sector is of scale 0, which need not be
    /// said.
    pub fn position(&mut self, position: Position) {
        let position = position.canonical();
        self.i64(position.sector.x);
        self.i64(position.sector.y);
        self.i32(position.x);
        self.i32(position.y);
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The bytes, for parts that append to them on their own.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }
}
