//! Reading the canonical form from bytes that nobody vouches for.

use super::{Fault, RestoreError};
use crate::{
    entity::EntityId,
    space::{Position, SectorId},
};

/// A place in bytes. **It never reads beyond their end**, and every error says in which part and at which byte.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the bytes begin in what was given at first.
    base: u64,
    part: &'static str,
}

macro_rules! numbers {
    ($($name:ident: $type:ty),*) => { $(
        /// Reads a number.
        #[inline]
        pub fn $name(&mut self) -> Result<$type, RestoreError> {
            let (number, _) = self.rest().split_first_chunk().ok_or_else(|| self.error(Fault::Cut))?;
            self.at += size_of::<$type>();
            Ok(<$type>::from_le_bytes(*number))
        }
    )* };
}

impl<'a> Reader<'a> {
    /// Reads from the beginning; `part` is what errors call it.
    pub const fn new(bytes: &'a [u8], part: &'static str) -> Self {
        Self { bytes, at: 0, base: 0, part }
    }

    /// Says that another part begins here.
    pub const fn enter(&mut self, part: &'static str) {
        self.part = part;
    }

    numbers!(u8: u8, u16: u16, u32: u32, u64: u64, i32: i32, i64: i64);

    /// Reads 0 or 1.
    pub fn bool(&mut self, what: &'static str) -> Result<bool, RestoreError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.error(Fault::Value(what))),
        }
    }

    /// Reads how many of something follow: `limit` at most, and no more than there are bytes for when each takes at
    /// least `bytes_min`. So room may be made for that many.
    pub fn count(&mut self, what: &'static str, limit: u32, bytes_min: usize) -> Result<usize, RestoreError> {
        let count = self.u32()?;
        let fits = usize::try_from(count).ok().filter(|count| *count <= self.left() / bytes_min.max(1));
        fits.filter(|_| count <= limit).ok_or_else(|| self.error(Fault::Count(what)))
    }

    /// Reads bytes as they are.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], RestoreError> {
        let bytes = self.rest().get(..count).ok_or_else(|| self.error(Fault::Cut))?;
        self.at += count;
        Ok(bytes)
    }

    /// Reads a text of at most `bytes_max` bytes.
    pub fn text(&mut self, what: &'static str, bytes_max: u32) -> Result<&'a str, RestoreError> {
        let count = self.count(what, bytes_max, 1)?;
        let bytes = self.bytes(count)?;
        core::str::from_utf8(bytes).map_err(|_| self.error(Fault::Value(what)))
    }

    /// Reads an id. Whether it lives is not looked at.
    pub fn id(&mut self) -> Result<EntityId, RestoreError> {
        Ok(EntityId::from_bits(self.u64()?))
    }

    /// Reads the name of a sector.
    pub fn sector(&mut self) -> Result<SectorId, RestoreError> {
        let sector = SectorId { x: self.i64()?, y: self.i64()?, scale: self.u8()? };
        (sector.canonical() == sector).then_some(sector).ok_or_else(|| self.error(Fault::Value("sector")))
    }

    /// Reads a place, which must lie within its sector.
    pub fn position(&mut self) -> Result<Position, RestoreError> {
        let position = Position { sector: SectorId::new(self.i64()?, self.i64()?), x: self.i32()?, y: self.i32()? };
        position.is_canonical().then_some(position).ok_or_else(|| self.error(Fault::Value("position")))
    }

    /// A reader of the next `count` bytes alone, which this one goes past.
    pub fn split(&mut self, part: &'static str, count: usize) -> Result<Self, RestoreError> {
        let base = self.base + self.at as u64;
        Ok(Self { bytes: self.bytes(count)?, at: 0, base, part })
    }

    /// Ends the reading: there must be nothing left.
    pub fn finish(self) -> Result<(), RestoreError> {
        if self.left() == 0 { Ok(()) } else { Err(self.error(Fault::Trailing)) }
    }

    /// How many bytes are left.
    pub const fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// How many bytes of what was given at first lie before.
    pub const fn position_in_whole(&self) -> u64 {
        self.base + self.at as u64
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// An error here.
    #[cold]
    pub fn error(&self, fault: Fault) -> RestoreError {
        RestoreError { part: self.part, at: self.position_in_whole(), fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Writer;

    #[test]
    fn what_is_written_is_read_and_a_cut_is_an_error_with_its_place() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes);
        writer.u8(1);
        writer.u16(2);
        writer.u32(3);
        writer.u64(4);
        writer.i32(-5);
        writer.i64(i64::MIN);
        writer.bool(true);
        writer.text("käse");
        writer.sector(SectorId { x: -1, y: 3, scale: 2 });
        writer.position(Position { sector: SectorId::new(i64::MIN, 7), x: 1, y: 2 });
        let read = |bytes: &[u8]| -> Result<(), RestoreError> {
            let mut reader = Reader::new(bytes, "test");
            assert_eq!((reader.u8()?, reader.u16()?, reader.u32()?, reader.u64()?), (1, 2, 3, 4));
            assert_eq!((reader.i32()?, reader.i64()?, reader.bool("flag")?), (-5, i64::MIN, true));
            assert_eq!(reader.text("name", 5)?, "käse");
            assert_eq!(reader.sector()?, SectorId { x: -1, y: 3, scale: 2 });
            assert_eq!(reader.position()?.sector, SectorId::new(i64::MIN, 7));
            reader.finish()
        };
        assert_eq!(read(&bytes), Ok(()));
        for end in 0..bytes.len() {
            let error = read(&bytes[..end]).expect_err("cut");
            assert!(matches!(error.fault, Fault::Cut | Fault::Count(_)) && error.at <= end as u64, "{error}");
        }
        bytes.push(0);
        let error = read(&bytes).expect_err("one byte too many");
        assert_eq!((error.fault, error.at), (Fault::Trailing, bytes.len() as u64 - 1));
    }

    #[test]
    fn values_that_cannot_be_are_refused() {
        let fault = |bytes: &[u8], read: fn(&mut Reader<'_>) -> Result<(), RestoreError>| {
            read(&mut Reader::new(bytes, "test")).expect_err("hostile").fault
        };
        assert_eq!(fault(&[2], |r| r.bool("flag").map(drop)), Fault::Value("flag"));
        assert_eq!(fault(&[255; 4], |r| r.count("rows", u32::MAX, 1).map(drop)), Fault::Count("rows"));
        assert_eq!(fault(&[2, 0, 0, 0, 1, 1], |r| r.count("rows", 1, 1).map(drop)), Fault::Count("rows"));
        assert_eq!(fault(&[2, 0, 0, 0, 1, 1], |r| r.count("rows", 9, 2).map(drop)), Fault::Count("rows"));
        assert_eq!(fault(&[1, 0, 0, 0, 255], |r| r.text("name", 9).map(drop)), Fault::Value("name"));
        let mut far = [0; 17];
        far[16] = 64;
        assert_eq!(fault(&far, |r| r.sector().map(drop)), Fault::Value("sector"));
        // At scale 63 the numbers of sectors are 0 and -1.
        (far[0], far[16]) = (1, 63);
        assert_eq!(fault(&far, |r| r.sector().map(drop)), Fault::Value("sector"));
        assert_eq!(fault(&[255; 24], |r| r.position().map(drop)), Fault::Value("position"));
    }
}
