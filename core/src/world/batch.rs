//! Looking at many changes before any of them is made, for hosts that want all of them or none.
//!
//! **What is found good here is accepted by [`World::apply`]**, as long as nothing else is done in between.

use core::fmt;

use super::{SpawnError, World, WriteError};
use crate::{
    entity::{Column, Entity, EntityId},
    input::Projectile,
    space::{Position, SectorId},
};

/// Why a projectile of a list cannot fly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProjectileError {
    /// Its position is not in a sector of scale 0, or its speed, radius, damage or range is out of range.
    Value,
    /// [`crate::WorldConfig::projectiles_max`] fly already, or no sector is left for it.
    TooMany,
}

impl World {
    /// Whether all these entities can be spawned, one after the other; the error names the first that cannot by its place
    /// in the list.
    pub fn check_spawns(&mut self, entities: &[Entity]) -> Result<(), (usize, SpawnError)> {
        for (index, entity) in entities.iter().enumerate() {
            self.check(entity).map_err(|error| (index, error))?;
        }
        let room = self.constants.config.entities_max.saturating_sub(self.directory.live()) as usize;
        if entities.len() > room {
            return Err((room, SpawnError::TooManyEntities));
        }
        if let Err(index) = self.check_sectors(|index| entities.get(index).map(|entity| entity.position.sector)) {
            return Err((index, SpawnError::TooManySectors));
        }
        Ok(())
    }

    /// Whether all these values can be written to a column; the error names the first that cannot by its place in the
    /// lists, which are of the same length.
    pub fn check_values(&self, ids: &[EntityId], column: Column, values: &[i64]) -> Result<(), (usize, WriteError)> {
        let attributes = self.constants.config.attributes.len();
        if matches!(column, Column::Attribute(number) if usize::from(number) >= attributes) {
            return Err((0, WriteError::NoAttribute));
        }
        let mut sample = Entity { attributes: vec![0; attributes], ..Entity::default() };
        for (index, (id, value)) in ids.iter().zip(values).enumerate() {
            if !self.is_alive(*id) {
                return Err((index, WriteError::Gone));
            }
            if !sample.set_value(column, *value) || !self.is_valid(column, *value) {
                return Err((index, WriteError::Value));
            }
        }
        Ok(())
    }

    /// Whether all these entities can be put to these places; the error names the first that cannot by its place in the
    /// lists, which are of the same length.
    pub fn check_places(&mut self, ids: &[EntityId], positions: &[Position]) -> Result<(), (usize, WriteError)> {
        for (index, (id, position)) in ids.iter().zip(positions).enumerate() {
            if !self.is_alive(*id) {
                return Err((index, WriteError::Gone));
            }
            if !position.is_canonical() {
                return Err((index, WriteError::Position));
            }
        }
        self.check_sectors(|index| positions.get(index).map(|position| position.sector))
            .map_err(|index| (index, WriteError::Position))
    }

    /// Whether all these projectiles can fly; the error names the first that cannot by its place in the list.
    pub fn check_projectiles(&mut self, projectiles: &[Projectile]) -> Result<(), (usize, ProjectileError)> {
        if let Some(index) = projectiles.iter().position(|projectile| !self.is_possible(projectile)) {
            return Err((index, ProjectileError::Value));
        }
        let room = self.projectiles_left();
        if projectiles.len() > room {
            return Err((room, ProjectileError::TooMany));
        }
        self.check_sectors(|index| projectiles.get(index).map(|projectile| projectile.position.sector))
            .map_err(|index| (index, ProjectileError::TooMany))
    }

    /// Whether there is room for all these sectors; otherwise the place in the list of the first that has none.
    fn check_sectors(&mut self, sector: impl Fn(usize) -> Option<SectorId>) -> Result<(), usize> {
        let all = || (0..).map_while(&sector);
        let sectors_max = self.constants.config.sectors_max as usize;
        let missing = |world: &Self| {
            let mut missing: Vec<SectorId> = all().filter(|at| world.partition.regions_of(*at).is_empty()).collect();
            missing.sort_unstable();
            missing.dedup();
            missing.len()
        };
        if missing(self) + self.partition.sectors() as usize <= sectors_max {
            return Ok(());
        }
        self.close_empty_sectors();
        if missing(self) + self.partition.sectors() as usize <= sectors_max {
            return Ok(());
        }
        let mut room = sectors_max.saturating_sub(self.partition.sectors() as usize);
        let mut opened: Vec<SectorId> = Vec::new();
        for (index, at) in all().enumerate() {
            if self.partition.regions_of(at).is_empty() && !opened.contains(&at) {
                if room == 0 {
                    return Err(index);
                }
                room -= 1;
                opened.push(at);
            }
        }
        Ok(())
    }
}

impl fmt::Display for ProjectileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value => "its place, speed, radius, damage or range is out of range",
            Self::TooMany => "projectiles_max fly already, or no sector is left for it",
        })
    }
}

impl core::error::Error for ProjectileError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Execution, METRE, WorldConfig};

    fn at(x: i64) -> Position {
        Position { sector: SectorId::new(x, 0), x: METRE, y: METRE }
    }

    fn world(entities_max: u32, sectors_max: u32) -> World {
        let config = WorldConfig { entities_max, sectors_max, ..WorldConfig::default() };
        World::new(config, None, Execution::default()).expect("the configuration is good")
    }

    #[test]
    fn what_fits_is_accepted_and_what_does_not_is_named() {
        let mut world = world(4, 2);
        let good = Entity::at(at(0));
        let bad = Entity { velocity_x: i32::MAX, ..good.clone() };
        let list = |sectors: &[i64]| sectors.iter().map(|sector| Entity::at(at(*sector))).collect::<Vec<_>>();
        assert_eq!(world.check_spawns(&[good.clone(), bad]), Err((1, SpawnError::Value(Column::VelocityX))));
        assert_eq!(world.check_spawns(&list(&[0; 5])), Err((4, SpawnError::TooManyEntities)));
        assert_eq!(world.check_spawns(&list(&[0, 1, 0, 2])), Err((3, SpawnError::TooManySectors)));
        assert_eq!(world.check_spawns(&list(&[0, 1, 0, 1])), Ok(()));
        for entity in list(&[0, 1, 0, 1]) {
            assert!(world.spawn(&entity).is_ok());
        }
        assert_eq!(world.check_spawns(&list(&[0])), Err((0, SpawnError::TooManyEntities)));
    }

    #[test]
    fn empty_sectors_are_room() {
        let mut world = world(8, 2);
        let first = world.spawn(&Entity::at(at(0))).expect("there is room");
        let second = world.spawn(&Entity::at(at(1))).expect("there is room");
        assert_eq!(world.check_places(&[first], &[at(2)]), Err((0, WriteError::Position)));
        assert_eq!(world.despawn(second), Ok(()));
        assert_eq!(world.check_places(&[first], &[at(2)]), Ok(()));
        assert_eq!(world.check_places(&[second], &[at(2)]), Err((0, WriteError::Gone)));
        assert_eq!(world.place_at(first, at(2)), Ok(()));
    }

    #[test]
    fn projectiles_are_judged_together() {
        let config = WorldConfig { projectiles_max: 2, ..WorldConfig::default() };
        let mut world = World::new(config, None, Execution::default()).expect("the configuration is good");
        let good = Projectile { position: at(0), velocity_x: METRE, range: METRE, ..Projectile::default() };
        let bad = Projectile { range: -1, ..good };
        assert_eq!(world.check_projectiles(&[good, bad]), Err((1, ProjectileError::Value)));
        assert_eq!(world.check_projectiles(&[good; 3]), Err((2, ProjectileError::TooMany)));
        assert_eq!(world.check_projectiles(&[good; 2]), Ok(()));
        assert_eq!(world.fire(&good), Ok(()));
        assert_eq!(world.check_projectiles(&[good; 2]), Err((1, ProjectileError::TooMany)));
    }

    #[test]
    fn values_are_judged_by_their_column() {
        let mut world = world(8, 2);
        let id = world.spawn(&Entity::at(at(0))).expect("there is room");
        let check = |column, value| world.check_values(&[id], column, &[value]);
        assert_eq!(check(Column::Health, 5), Ok(()));
        assert_eq!(check(Column::Health, 1 << 40), Err((0, WriteError::Value)));
        assert_eq!(check(Column::Shape, 2), Err((0, WriteError::Value)));
        assert_eq!(check(Column::Attribute(0), 1), Err((0, WriteError::NoAttribute)));
        assert_eq!(world.check_values(&[EntityId::NULL], Column::Health, &[1]), Err((0, WriteError::Gone)));
    }
}
