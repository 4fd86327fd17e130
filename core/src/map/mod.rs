//! Maps: static geometry, zones, places to spawn, pickups, patrols and the navigation grid, checked and ready to ask.
//!
//! A map is made from a [`MapDef`], which a host fills or [`Map::from_json`] reads from a document; its JSON Schema is
//! `schemas/map.schema.json`. It lies at an origin in the world and all of its own coordinates are relative to that
//! corner, so that they are small. **A map never changes**: what happens to zones and pickups is the world's.

mod buckets;
mod cells;
mod contact;
mod decode;
mod definition;
mod encode;
mod error;
mod fields;
mod identity;
mod json;
mod navigable;
mod overview;
mod ray;
mod sweep;
mod walk;
mod walls;

pub use contact::Body;
pub use decode::{MapMessageError, decode_map};
pub use definition::{
    CellsDef, MapDef, NavigationDef, PickupEffect, PickupSpawn, SpawnPoint, WallDef, WallForm, Zone, ZoneForm, ZoneKind,
};
pub use encode::encode_map;
pub use error::{MapError, MapFault};
pub use ray::{Hit, Normal};
pub use walls::{PushOut, Travel, Walls};

use self::{
    buckets::{Bounds, Buckets},
    error::Place,
};
use crate::{navigation::NavGrid, space::Position};

/// A map.
#[derive(Clone, Debug)]
pub struct Map {
    definition: MapDef,
    walls: Walls,
    zones: Buckets,
    grid: NavGrid,
    hash: u64,
}

impl Map {
    /// Checks a definition and makes a map of it.
    ///
    /// # Errors
    /// The first part of it that is not as [`MapDef`] says, or a wall or zone with more than 1024 others near it: within
    /// 2 m, or a thousandth of the map if that is more, or further where walls are long and many.
    pub fn new(definition: MapDef) -> Result<Self, MapError> {
        definition.validate()?;
        let crowded = |list: &'static str| {
            move |index: u32| {
                let expected = "one with at most 1024 others near it";
                MapError::expected(&Place::Whole.field(list).item(index as usize), expected)
            }
        };
        let walls = Walls::new(&definition).map_err(crowded("walls"))?;
        let bounds = |index: usize| definition.zones[index].bounds();
        let columns = |index: usize, _, _| (bounds(index).x0, bounds(index).x1);
        let zones = Buckets::new((definition.width, definition.height), definition.zones.len(), bounds, columns)
            .map_err(crowded("zones"))?;
        let grid = navigable::grid(&definition, &walls);
        let hash = identity::hash(&definition);
        Ok(Self { definition, walls, zones, grid, hash })
    }

    /// Reads a JSON document of at most 4 MiB.
    ///
    /// # Errors
    /// The place in the document, as `zones[3].circle.radius`, and what belongs there.
    pub fn from_json(document: &str) -> Result<Self, MapError> {
        Self::new(json::read(document)?)
    }

    /// Gives pickups whose attribute has a name the number that it has in a world: its place in `attributes`.
    ///
    /// # Errors
    /// When a name is not among them.
    pub fn resolve(&mut self, attributes: &[String]) -> Result<(), MapError> {
        for (index, pickup) in self.definition.pickups.iter_mut().enumerate() {
            let PickupEffect::Named(name) = &pickup.effect else { continue };
            let number = attributes.iter().position(|attribute| attribute == name).and_then(|at| u8::try_from(at).ok());
            let Some(number) = number else {
                let pickups = Place::Whole.field("pickups");
                let pickup = pickups.item(index);
                let place = pickup.field("effect");
                return Err(MapError::expected(&place.field("attribute"), "an attribute that the world declares"));
            };
            pickup.effect = PickupEffect::Attribute(number);
        }
        self.hash = identity::hash(&self.definition);
        Ok(())
    }

    /// What it was made from.
    pub const fn definition(&self) -> &MapDef {
        &self.definition
    }

    /// For people.
    pub fn name(&self) -> &str {
        &self.definition.name
    }

    /// Where its lower left corner is; all other coordinates are relative to that.
    pub const fn origin(&self) -> Position {
        self.definition.origin
    }

    /// From left to right, in units of length: 1 m to 16 km.
    pub const fn width(&self) -> i32 {
        self.definition.width
    }

    /// From bottom to top, in units of length: 1 m to 16 km.
    pub const fn height(&self) -> i32 {
        self.definition.height
    }

    /// A place as coordinates of the map; `None` when it is further off than `i32` reaches, where there is no wall and no
    /// zone.
    pub fn local(&self, position: Position) -> Option<(i32, i32)> {
        let (x, y) = self.origin().offset_to(position)?;
        Some((i32::try_from(x).ok()?, i32::try_from(y).ok()?))
    }

    /// Coordinates of the map as a place.
    pub fn position(&self, x: i32, y: i32) -> Position {
        self.origin().offset(x.into(), y.into())
    }

    /// The static geometry.
    pub const fn walls(&self) -> &Walls {
        &self.walls
    }

    /// The zones; events name them by their index.
    pub fn zones(&self) -> &[Zone] {
        &self.definition.zones
    }

    /// Replaces what is in `zones` by the zones that a place is in, ascending; none outside of the map.
    pub fn zones_at(&self, x: i32, y: i32, zones: &mut Vec<u32>) {
        zones.clear();
        if !(0..=self.width()).contains(&x) || !(0..=self.height()).contains(&y) {
            return;
        }
        let list = self.zones.list_at(x.into(), y.into());
        zones.extend(list.iter().filter(|index| self.definition.zones[**index as usize].contains(x, y)));
    }

    /// Where entities come into the world.
    pub fn spawn_points(&self) -> &[SpawnPoint] {
        &self.definition.spawn_points
    }

    /// What lies there to be taken; events name them by their index.
    pub fn pickups(&self) -> &[PickupSpawn] {
        &self.definition.pickups
    }

    /// The patrols: the points of each, in order.
    pub fn routes(&self) -> &[Vec<(i32, i32)>] {
        &self.definition.routes
    }

    /// Which cells can be walked on; the grid begins at the map's corner.
    pub const fn grid(&self) -> &NavGrid {
        &self.grid
    }

    /// What names the map: two maps that differ in anything have different ones, but for a chance of 2^-64. It is the
    /// same on every machine.
    pub const fn hash(&self) -> u64 {
        self.hash
    }
}

impl Zone {
    /// Whether a place is in it, its edge included.
    pub fn contains(&self, x: i32, y: i32) -> bool {
        let (x, y) = (i64::from(x), i64::from(y));
        match self.form {
            ZoneForm::Circle { at, radius } => {
                let (right, up) = (x - i64::from(at.0), y - i64::from(at.1));
                // Far off, the squares would not fit.
                right.abs().max(up.abs()) <= i64::from(radius)
                    && right * right + up * up <= i64::from(radius) * i64::from(radius)
            }
            ZoneForm::Box { min, max } => {
                (i64::from(min.0)..=i64::from(max.0)).contains(&x) && (i64::from(min.1)..=i64::from(max.1)).contains(&y)
            }
        }
    }

    fn bounds(&self) -> Bounds {
        match self.form {
            ZoneForm::Circle { at, radius } => Bounds::around(at.0.into(), at.1.into(), radius.into(), radius.into()),
            ZoneForm::Box { min, max } => {
                Bounds { x0: min.0.into(), y0: min.1.into(), x1: max.0.into(), y1: max.1.into() }
            }
        }
    }
}
