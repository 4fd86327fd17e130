//! Maps out of bytes: a FlatBuffer `muster.Map`, as a tool or an engine writes it.

use core::fmt;

use muster_schemas::{
    SchemaError,
    map::{self, MapPoint},
};

use super::{
    definition::{
        CellsDef, MapDef, NavigationDef, PickupEffect, PickupSpawn, SpawnPoint, WallDef, WallForm, Zone, ZoneForm,
        ZoneKind, limits,
    },
    error::{MapError, Place},
};
use crate::space::{Position, SectorId};

/// Why bytes are no map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MapMessageError {
    /// They are no message of this kind within its limits.
    Schema(SchemaError),
    /// A part of the message says what no map says. The place is named as the schema names it.
    Map(MapError),
}

/// Reads a map from a message. What comes of it is checked by [`super::Map::new`] like any other definition.
///
/// # Errors
/// When the bytes are no valid message within [`muster_schemas::Limits::MAP`], or have numbers that name nothing.
pub fn decode_map(bytes: &[u8]) -> Result<MapDef, MapMessageError> {
    let message = muster_schemas::read_map(bytes).map_err(MapMessageError::Schema)?;
    read(&message).map_err(MapMessageError::Map)
}

fn read(message: &map::Map<'_>) -> Result<MapDef, MapError> {
    let whole = Place::Whole;
    let origin = message.origin();
    Ok(MapDef {
        name: message.name().unwrap_or_default().into(),
        origin: Position {
            sector: SectorId::new(origin.sector().x(), origin.sector().y()),
            x: origin.x(),
            y: origin.y(),
        },
        width: message.width(),
        height: message.height(),
        walls: each(message.walls(), &whole.field("walls"), read_wall)?,
        cells: message.cells().map(|cells| read_cells(&cells, &whole.field("cells"))).transpose()?,
        zones: each(message.zones(), &whole.field("zones"), |zone, place| read_zone(&zone, place))?,
        spawn_points: each(message.spawn_points(), &whole.field("spawn_points"), |spawn, _| {
            Ok(read_spawn_point(spawn))
        })?,
        pickups: each(message.pickups(), &whole.field("pickups"), |pickup, place| read_pickup(&pickup, place))?,
        routes: each(message.routes(), &whole.field("routes"), |route, _| {
            Ok(route.points().iter().map(read_point).collect())
        })?,
        navigation: message.navigation().map_or_else(NavigationDef::default, |navigation| NavigationDef {
            cell_shift: navigation.cell_shift().map(u32::from),
            agent_radius: navigation.agent_radius(),
            layers: navigation.layers(),
        }),
    })
}

/// Reads a list that may be left out.
fn each<'a, T: muster_schemas::Follow<'a> + 'a, R>(
    list: Option<muster_schemas::Vector<'a, T>>,
    place: &Place<'_>,
    mut read: impl FnMut(T::Inner, &Place<'_>) -> Result<R, MapError>,
) -> Result<Vec<R>, MapError> {
    list.into_iter().flatten().enumerate().map(|(index, item)| read(item, &place.item(index))).collect()
}

fn read_point(point: &MapPoint) -> (i32, i32) {
    (point.x(), point.y())
}

fn read_wall(wall: &map::Wall, place: &Place<'_>) -> Result<WallDef, MapError> {
    let (from, to) = (read_point(wall.from()), read_point(wall.to()));
    let form = match wall.form() {
        map::WallForm::Segment => WallForm::Segment { from, to },
        map::WallForm::Box => WallForm::Box { min: from, max: to },
        _ => return Err(MapError::expected(&place.field("form"), "a form of walls")),
    };
    Ok(WallDef { form, layers: wall.layers() })
}

fn read_cells(cells: &map::WallCells<'_>, place: &Place<'_>) -> Result<CellsDef, MapError> {
    let solid = cells.solid();
    let count = u64::from(cells.columns()) * u64::from(cells.rows());
    // A bit becomes a byte, so the count is looked at first.
    if count > limits::CELLS || count.div_ceil(64) != solid.len() as u64 {
        return Err(MapError::expected(&place.field("solid"), "a bit for each of at most 4194304 cells"));
    }
    let bits = solid.iter().flat_map(|word| (0..64).map(move |index| word >> index & 1 != 0));
    Ok(CellsDef {
        at: read_point(cells.at()),
        cell_shift: cells.cell_shift().into(),
        columns: cells.columns(),
        rows: cells.rows(),
        solid: bits.take(count as usize).collect(),
        layers: cells.layers(),
    })
}

fn read_zone(zone: &map::Zone<'_>, place: &Place<'_>) -> Result<Zone, MapError> {
    let from = read_point(zone.from());
    let form = match zone.form() {
        map::ZoneForm::Circle => ZoneForm::Circle { at: from, radius: zone.radius() },
        map::ZoneForm::Box => {
            let to = zone.to().ok_or_else(|| MapError::expected(&place.field("to"), "the box's upper right corner"))?;
            ZoneForm::Box { min: from, max: read_point(to) }
        }
        _ => return Err(MapError::expected(&place.field("form"), "a form of zones")),
    };
    let kind = match zone.kind() {
        map::ZoneKind::Generic => ZoneKind::Generic,
        map::ZoneKind::Resource => ZoneKind::Resource,
        map::ZoneKind::Base => ZoneKind::Base,
        _ => return Err(MapError::expected(&place.field("kind"), "a kind of zones")),
    };
    Ok(Zone {
        name: zone.name().into(),
        kind,
        form,
        team: zone.team(),
        capture_ticks: zone.capture_ticks(),
        value: zone.value(),
        tag: zone.tag(),
    })
}

fn read_spawn_point(spawn: &map::SpawnPoint) -> SpawnPoint {
    let (x, y) = read_point(spawn.at());
    SpawnPoint { x, y, team: spawn.team(), heading: spawn.heading() }
}

fn read_pickup(pickup: &map::Pickup<'_>, place: &Place<'_>) -> Result<PickupSpawn, MapError> {
    let (x, y) = read_point(pickup.at());
    let effect = match pickup.effect() {
        map::PickupEffect::None => PickupEffect::None,
        map::PickupEffect::Health => PickupEffect::Health,
        map::PickupEffect::Attribute => PickupEffect::Attribute(pickup.attribute()),
        map::PickupEffect::Named => PickupEffect::Named(pickup.attribute_name().unwrap_or_default().into()),
        _ => return Err(MapError::expected(&place.field("effect"), "an effect of pickups")),
    };
    Ok(PickupSpawn {
        x,
        y,
        radius: pickup.radius(),
        kind: pickup.kind(),
        effect,
        amount: pickup.amount(),
        respawn_ticks: pickup.respawn_ticks(),
    })
}

impl fmt::Display for MapMessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(error) => write!(f, "the map is no valid message: {error}"),
            Self::Map(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for MapMessageError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Schema(error) => Some(error),
            Self::Map(error) => Some(error),
        }
    }
}
