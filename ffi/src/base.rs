//! `muster/base.h`: the types that all headers share.

use muster_core::{Position, SectorId};

use crate::{
    boundary::In,
    error::{Refused, muster_result_t::MUSTER_E_VALUE},
};

/// Bytes of a caller, for one call.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_bytes_t {
    pub data: In<u8>,
    pub size: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_position_t {
    pub sector_x: i64,
    pub sector_y: i64,
    pub x: i32,
    pub y: i32,
}

const _: () = assert!(size_of::<muster_bytes_t>() == 16 && size_of::<muster_position_t>() == 24);

impl muster_bytes_t {
    pub(crate) fn read<'call>(self, name: &'static str) -> Result<&'call [u8], Refused> {
        self.data.slice(self.size, name)
    }

    /// Text of UTF-8; `None` if it is empty.
    pub(crate) fn text<'call>(self, name: &'static str) -> Result<Option<&'call str>, Refused> {
        let text = str::from_utf8(self.read(name)?).map_err(|_| Refused::argument(name, "is not UTF-8"))?;
        Ok((!text.is_empty()).then_some(text))
    }
}

impl muster_position_t {
    /// The place, if its point is in its sector.
    pub(crate) fn read(self, name: &str) -> Result<Position, Refused> {
        let position = Position { sector: SectorId::new(self.sector_x, self.sector_y), x: self.x, y: self.y };
        if !position.is_canonical() {
            let text = format!("{name} has a point ({}, {}) that is not in its sector", self.x, self.y);
            return Err(Refused::new(MUSTER_E_VALUE, text));
        }
        Ok(position)
    }

    /// The place, also if its point is in another sector.
    pub(crate) fn normal(self) -> Position {
        Position::new(SectorId::new(self.sector_x, self.sector_y), self.x.into(), self.y.into())
    }
}

impl From<Position> for muster_position_t {
    fn from(position: Position) -> Self {
        Self { sector_x: position.sector.x, sector_y: position.sector.y, x: position.x, y: position.y }
    }
}
