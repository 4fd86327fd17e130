//! `muster/space.h`.

use muster_core::{Position, SectorId};

use crate::{
    base::muster_position_t,
    boundary::Out,
    error::{
        Refused, call, muster_result_t,
        muster_result_t::{MUSTER_E_ARGUMENT, MUSTER_E_VALUE},
    },
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_sector_t {
    pub x: i64,
    pub y: i64,
    pub scale: u32,
    pub reserved: u32,
}

const _: () = assert!(size_of::<muster_sector_t>() == 24);

impl muster_sector_t {
    pub(crate) fn read(self) -> Result<SectorId, Refused> {
        let scale = u8::try_from(self.scale).ok().filter(|scale| *scale <= SectorId::SCALE_MAX);
        let scale = scale.ok_or_else(|| Refused::argument("sector.scale", "is larger than 63"))?;
        Ok(SectorId { x: self.x, y: self.y, scale })
    }
}

impl From<SectorId> for muster_sector_t {
    fn from(sector: SectorId) -> Self {
        Self { x: sector.x, y: sector.y, scale: sector.scale.into(), reserved: 0 }
    }
}

/// A place is put into its sector first, so this is also how to make one.
#[unsafe(no_mangle)]
pub extern "C" fn muster_position_offset(from: muster_position_t, right: i64, up: i64) -> muster_position_t {
    from.normal().offset(right, up).into()
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_position_offset_to(
    from: muster_position_t,
    to: muster_position_t,
    out_right: Out<i64>,
    out_up: Out<i64>,
) -> muster_result_t {
    call(|| {
        out_right.check("out_right")?;
        out_up.check("out_up")?;
        let (from, to): (Position, Position) = (from.normal(), to.normal());
        let (right, up) = from
            .offset_to(to)
            .ok_or_else(|| Refused::new(MUSTER_E_VALUE, "the places are 2^62 units apart or more"))?;
        out_right.write(right, "out_right")?;
        out_up.write(up, "out_up")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sector_ancestor(
    sector: muster_sector_t,
    scale: u32,
    out_sector: Out<muster_sector_t>,
) -> muster_result_t {
    call(|| {
        let ancestor =
            u8::try_from(scale).ok().and_then(|scale| sector.read().map(|sector| sector.ancestor(scale)).transpose());
        let ancestor = ancestor.transpose()?.ok_or_else(|| {
            Refused::new(
                MUSTER_E_ARGUMENT,
                format!("no sector of scale {scale} has one of scale {} in it", sector.scale),
            )
        })?;
        out_sector.write(ancestor.into(), "out_sector")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sector_children(
    sector: muster_sector_t,
    out_sectors: Out<muster_sector_t>,
) -> muster_result_t {
    call(|| {
        let children = sector.read()?.children();
        let children = children.ok_or_else(|| Refused::argument("sector", "is of scale 0 and has no parts"))?;
        out_sectors.write_all(&children.map(Into::into), "out_sectors")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_sector_neighbours(
    sector: muster_sector_t,
    out_sectors: Out<muster_sector_t>,
) -> muster_result_t {
    call(|| out_sectors.write_all(&sector.read()?.neighbours().map(Into::into), "out_sectors"))
}
