//! What the host does to a world between ticks.

use core::fmt;

use super::World;
use crate::{
    Column, Entity, EntityId,
    command::Order,
    entity::{Columns, Place},
    space::{Position, SECTOR_SIDE, SectorId},
};

/// An id that names nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntityError {
    /// The id is null, stale, or of another world.
    Gone,
}

/// Why an entity cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpawnError {
    /// [`crate::WorldConfig::entities_max`] live already.
    TooManyEntities,
    /// [`crate::WorldConfig::sectors_max`] have something in them already.
    TooManySectors,
    /// The position's sector is not of scale 0, or its coordinates are not in the sector.
    Position,
    /// A value is out of its range.
    Value(Column),
    /// More attributes than the world declares.
    Attributes,
}

/// Why a value cannot be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteError {
    /// The id is null, stale, or of another world.
    Gone,
    /// The value is out of the column's range.
    Value,
    /// The world does not declare the attribute.
    NoAttribute,
    /// The position cannot be, or no sector is left for it.
    Position,
}

impl World {
    /// Makes an entity.
    pub fn spawn(&mut self, entity: &Entity) -> Result<EntityId, SpawnError> {
        self.check(entity)?;
        if self.directory.live() >= self.constants.config.entities_max {
            return Err(SpawnError::TooManyEntities);
        }
        if !self.open_sector(entity.position.sector) {
            return Err(SpawnError::TooManySectors);
        }
        let number = self.region_at(entity.position);
        let id = self.directory.allocate(self.next_place(number));
        self.region_mut(number).insert(id, entity);
        Ok(id)
    }

    /// Takes an entity away, without an event.
    pub fn despawn(&mut self, id: EntityId) -> Result<(), EntityError> {
        let place = self.place(id)?;
        self.directory.release(id);
        let region = self.region_mut(place.region);
        let path = region.columns.path[place.row as usize];
        region.remove(place.row);
        if path != 0 {
            self.release_path(path);
        }
        self.note_moved(place.region);
        Ok(())
    }

    /// Whether the entity lives.
    pub fn is_alive(&self, id: EntityId) -> bool {
        self.directory.place(id).is_some()
    }

    /// The whole state of an entity.
    pub fn entity(&self, id: EntityId) -> Result<Entity, EntityError> {
        let Place { region, row } = self.place(id)?;
        let region = self.region(region);
        Ok(region.columns.entity(row as usize, region.sector))
    }

    /// Where the columns of an entity are, its row in them and the sector that they are in.
    pub(crate) fn row(&self, id: EntityId) -> Option<(&Columns, usize, SectorId)> {
        let Place { region, row } = self.directory.place(id)?;
        let region = self.region(region);
        Some((&region.columns, row as usize, region.sector))
    }

    /// Where an entity's centre is.
    pub fn position(&self, id: EntityId) -> Result<Position, EntityError> {
        let Place { region, row } = self.place(id)?;
        let region = self.region(region);
        Ok(Position { sector: region.sector, x: region.columns.x[row as usize], y: region.columns.y[row as usize] })
    }

    /// One value of an entity; attributes that are not declared are 0.
    pub fn value(&self, id: EntityId, column: Column) -> Result<i64, EntityError> {
        let Place { region, row } = self.place(id)?;
        Ok(self.region(region).columns.value(column, row as usize).unwrap_or(0))
    }

    /// Sets one value of an entity.
    pub fn set(&mut self, id: EntityId, column: Column, value: i64) -> Result<(), WriteError> {
        let place = self.directory.place(id).ok_or(WriteError::Gone)?;
        if let Column::Attribute(number) = column
            && usize::from(number) >= self.constants.config.attributes.len()
        {
            return Err(WriteError::NoAttribute);
        }
        if !self.is_valid(column, value) {
            return Err(WriteError::Value);
        }
        if column == Column::Order
            && let Some(path) = self.region_mut(place.region).forget_order(place.row as usize)
        {
            self.release_path(path);
        }
        let region = self.region_mut(place.region);
        if !region.columns.set_value(column, place.row as usize, value) {
            return Err(WriteError::Value);
        }
        region.note_written(place.row, column);
        Ok(())
    }

    /// Puts an entity somewhere else. It keeps its id, and its orders are forgotten, since they lead from where it was.
    pub fn place_at(&mut self, id: EntityId, position: Position) -> Result<(), WriteError> {
        let place = self.directory.place(id).ok_or(WriteError::Gone)?;
        if !position.is_canonical() || !self.open_sector(position.sector) {
            return Err(WriteError::Position);
        }
        let number = self.region_at(position);
        let (from, row) = (place.region, place.row as usize);
        let columns = &mut self.region_mut(from).columns;
        (columns.x[row], columns.y[row]) = (position.x, position.y);
        columns.past.fill(row, position.x, position.y);
        if columns.order[row] != Order::Velocity as u8
            && let Some(path) = self.region_mut(from).forget_order(row)
        {
            self.release_path(path);
        }
        self.region_mut(from).touch_cold(place.row);
        self.region_mut(from).touch();
        if number != from {
            let mut taken = Columns::of(&self.constants.config);
            self.region_mut(from).take(place.row, &mut taken);
            self.region_mut(number).arrive(&mut taken, 0);
            self.note_moved(from);
            self.note_moved(number);
        }
        Ok(())
    }

    pub(super) fn region_at(&self, position: Position) -> u32 {
        self.partition.find(position.sector, position.y).expect("the sector is open")
    }

    pub(super) fn check(&self, entity: &Entity) -> Result<(), SpawnError> {
        if !entity.position.is_canonical() {
            return Err(SpawnError::Position);
        }
        if entity.attributes.len() > self.constants.config.attributes.len() {
            return Err(SpawnError::Attributes);
        }
        let invalid = entity.values().find(|(column, value)| !self.is_valid(*column, *value));
        invalid.map_or(Ok(()), |(column, _)| Err(SpawnError::Value(column)))
    }

    /// Whether a value can be in a column of this world, beyond what its type says.
    pub(super) fn is_valid(&self, column: Column, value: i64) -> bool {
        let config = &self.constants.config;
        let speed = i64::from(config.speed_max);
        match column {
            Column::VelocityX | Column::VelocityY => (-speed..=speed).contains(&value),
            Column::SpeedMax | Column::AccelerationMax | Column::HealthMax => value >= 0,
            Column::Shape => (0..=1).contains(&value),
            Column::Weapon => (0..=config.weapons.len() as i64).contains(&value),
            Column::Bot => (0..=config.behaviours.len() as i64).contains(&value),
            Column::Order => (0..=3).contains(&value),
            // Paths are counted by the world, which alone gives them.
            Column::Path | Column::Waypoint => value == 0,
            Column::GoalX | Column::GoalY => value.unsigned_abs() < 1 << 62,
            _ => true,
        }
    }
}

/// The side of a sector fits the coordinates with room on both sides for what crosses an edge.
const _: () = assert!(SECTOR_SIDE < i32::MAX / 16);

impl fmt::Display for EntityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the id is null, stale, or of another world")
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyEntities => f.write_str("the world holds entities_max already"),
            Self::TooManySectors => f.write_str("sectors_max sectors have something in them already"),
            Self::Position => f.write_str("the position's coordinates must be in a sector of scale 0"),
            Self::Value(column) => write!(f, "{} is out of its range", column.name()),
            Self::Attributes => f.write_str("more attributes than the world declares"),
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the id is null, stale, or of another world",
            Self::Value => "the value is out of the column's range",
            Self::NoAttribute => "the world does not declare the attribute",
            Self::Position => {
                "the position's coordinates must be in a sector of scale 0, and a sector must be left for it"
            }
        })
    }
}

impl core::error::Error for EntityError {}
impl core::error::Error for SpawnError {}
impl core::error::Error for WriteError {}
