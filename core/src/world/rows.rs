//! Many entities at once: found once, and read column by column.

use super::World;
use crate::{
    Column, EntityId,
    command::Order,
    entity::{Columns, Place},
    space::{Position, SectorId},
};

/// Where entities are, for reading several values of each; the world stays as it is meanwhile. Values come in the order of the ids.
#[derive(Debug)]
pub struct Rows<'w> {
    world: &'w World,
    /// `None` for who is gone.
    places: Vec<Option<Place>>,
}

impl World {
    /// Finds entities for reading several values of each.
    pub fn rows(&self, ids: impl IntoIterator<Item = EntityId>) -> Rows<'_> {
        Rows { world: self, places: ids.into_iter().map(|id| self.directory.place(id)).collect() }
    }
}

impl<'w> Rows<'w> {
    /// Where their centres are; `None` for who is gone.
    pub fn positions(&self) -> impl Iterator<Item = Option<Position>> {
        self.each().map(|at| at.map(|(columns, row, sector)| Position { sector, x: columns.x[row], y: columns.y[row] }))
    }

    /// Hands over one value of each; 0 for who is gone and for attributes that are not declared.
    pub fn read(&self, column: Column, put: impl FnMut(i64)) {
        Columns::read(self.each().map(|at| at.map(|(columns, row, _)| (columns, row))), column, put);
    }

    /// The velocities that they have the order to take on; `None` for who has none.
    pub fn velocity_orders(&self) -> impl Iterator<Item = Option<(i64, i64)>> {
        self.each().map(|at| {
            let (columns, row, _) = at.filter(|(columns, row, _)| columns.order[*row] == Order::Velocity as u8)?;
            Some((columns.goal_x[row], columns.goal_y[row]))
        })
    }

    fn each(&self) -> impl Iterator<Item = Option<(&'w Columns, usize, SectorId)>> {
        let world = self.world;
        // Most are in the region that the one before was in.
        let mut last: Option<(u32, &'w Columns, SectorId)> = None;
        self.places.iter().map(move |place| {
            let Place { region: number, row } = (*place)?;
            let (_, columns, sector) = match last {
                Some(known) if known.0 == number => known,
                _ => {
                    let region = world.region(number);
                    *last.insert((number, &region.columns, region.sector))
                }
            };
            Some((columns, row as usize, sector))
        })
    }
}
