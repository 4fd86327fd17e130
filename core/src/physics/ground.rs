//! The walls of a map as the rows of a region meet them.

use crate::{
    Map,
    entity::{Columns, Shape},
    map::{Body, Normal, Walls},
    space::{Position, SECTOR_SIDE, SectorId},
};

/// A map's walls, with what is added to a sector's coordinates to have the map's.
pub(crate) struct Ground<'a> {
    walls: &'a Walls,
    shift: (i32, i32),
}

impl<'a> Ground<'a> {
    /// `None` where the map does not reach into the sector.
    pub(crate) fn new(map: Option<&'a Map>, sector: SectorId) -> Option<Self> {
        let map = map?;
        let shift = map.local(Position { sector, x: 0, y: 0 })?;
        let reaches = |shift: i32, side: i32| {
            // Something of up to 256 m at the sector's edge, which moves by up to 750 m.
            let margin = i64::from(SECTOR_SIDE) + i64::from(SECTOR_SIDE) / 4;
            i64::from(shift) <= i64::from(side) + margin && i64::from(shift) + i64::from(SECTOR_SIDE) >= -margin
        };
        (reaches(shift.0, map.width()) && reaches(shift.1, map.height())).then(|| Self { walls: map.walls(), shift })
    }

    /// Holds a row's way in a tick to what walls leave of it, and takes from its velocity what goes into them, or turns it
    /// back by the row's restitution. What is immovable goes through walls.
    pub(crate) fn hold(&self, columns: &mut Columns, row: usize, way: &mut (i32, i32)) {
        if columns.mass[row] == 0 {
            return;
        }
        let is_box = columns.shape[row] == Shape::Box as u8;
        let body = Body {
            half_x: i32::from(columns.half_x[row]) << 8,
            half_y: i32::from(columns.half_y[row]) << 8,
            shape: if is_box { Shape::Box } else { Shape::Circle },
            mask: columns.collides[row],
        };
        let (x, y) = (columns.x[row] + self.shift.0, columns.y[row] + self.shift.1);
        let travel = self.walls.travel(x, y, way.0, way.1, body);
        *way = (travel.dx, travel.dy);
        for normal in travel.contacts {
            turn(columns, row, normal);
        }
    }
}

/// Takes from a velocity what goes against a normal, and gives back the part that restitution says.
fn turn(columns: &mut Columns, row: usize, normal: Normal) {
    let (velocity_x, velocity_y) = (&mut columns.velocity_x[row], &mut columns.velocity_y[row]);
    let into = normal.dot(*velocity_x, *velocity_y) >> 15;
    if into >= 0 {
        return;
    }
    let restitution = i64::from(columns.restitution[row]);
    let change = -into * (256 + restitution + (restitution >> 7)) / 256;
    let part = |normal: i32| ((change * i64::from(normal)) >> 15) as i32;
    *velocity_x = velocity_x.saturating_add(part(normal.x));
    *velocity_y = velocity_y.saturating_add(part(normal.y));
}
