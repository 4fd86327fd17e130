//! The fields of entities as scripts know them: names, units, and how they become values of the world.
//!
//! Scripts count in metres, seconds, radians and kilograms; the world in integers. Lengths of the world are multiples of
//! 2^-16 m, which numbers of scripts hold exactly.

use std::f64::consts::TAU;

use muster_core::{
    Column, EntityId, METRE, Position, SectorId, World,
    entity::{FLAG_AVOIDS, FLAG_NOT_REWOUND, FLAG_OWNER_ONLY, FLAG_TEAM_ONLY, FLAG_TELLS_CONTACTS},
    world::Rows,
};

use crate::{error::likely, stage::Names};

/// A field of an entity.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Field {
    /// Where it is, to the right of the map's left edge.
    X,
    /// Where it is, above the map's lower edge.
    Y,
    /// A column, and how many of its units one of the script's is.
    Column(Column, f64),
    /// The way it faces.
    Heading,
}

/// How many units of the world one of the script's is.
const LENGTH: f64 = METRE as f64;
const HALF: f64 = 256.0;
const GRAMS: f64 = 1000.0;
const TURN: f64 = 65_536.0;

/// What a script may ask of an entity: the name, what it is, what it means.
pub(crate) const FIELDS: &[(&str, Field, &str)] = &[
    ("x", Field::X, "metres to the right of the map's left edge"),
    ("y", Field::Y, "metres above the map's lower edge"),
    ("velocity_x", Field::Column(Column::VelocityX, LENGTH), "metres a second to the right"),
    ("velocity_y", Field::Column(Column::VelocityY, LENGTH), "metres a second upwards"),
    ("heading", Field::Heading, "radians, 0 along x, growing towards y"),
    ("radius", Field::Column(Column::HalfX, HALF), "metres; of a box, half its width"),
    ("half_height", Field::Column(Column::HalfY, HALF), "metres; half the height of a box"),
    ("shape", Field::Column(Column::Shape, 1.0), "0 a circle, 1 a box along the axes"),
    ("mass", Field::Column(Column::Mass, GRAMS), "kilograms; 0 cannot be pushed"),
    ("restitution", Field::Column(Column::Restitution, 255.0), "0 to 1: how much speed comes back from a collision"),
    (
        "layers",
        Field::Column(Column::Layers, 1.0),
        "bits: the collision layers that it is on; on none, no query finds it",
    ),
    ("collides", Field::Column(Column::Collides, 1.0), "bits: the layers that it collides with"),
    ("speed_max", Field::Column(Column::SpeedMax, LENGTH), "metres a second; 0 is the world's limit"),
    (
        "acceleration_max",
        Field::Column(Column::AccelerationMax, LENGTH),
        "metres a second per second of its own drive; 0 cannot be steered",
    ),
    ("health", Field::Column(Column::Health, 1.0), "what is left of it"),
    ("health_max", Field::Column(Column::HealthMax, 1.0), "its health when whole; 0 cannot be destroyed"),
    ("state", Field::Column(Column::State, 1.0), "0 to 65535, for the mode; everybody is told"),
    ("team", Field::Column(Column::Team, 1.0), "whose side it is on; 0 is nobody's"),
    ("kind", Field::Column(Column::Kind, 1.0), "0 to 65535: what sort of thing it is; everybody is told"),
    ("owner", Field::Column(Column::Owner, 1.0), "the number of the player who commands it; 0 is nobody"),
    ("flags", Field::Column(Column::Flags, 1.0), "bits; those below 2^24 are the mode's"),
    ("target", Field::Column(Column::Target, 1.0), "the id of what it attacks, follows or uses"),
    ("order", Field::Column(Column::Order, 1.0), "0 none, 1 velocity, 2 move, 3 attack"),
    ("weapon", Field::Column(Column::Weapon, 1.0), "number or name of a weapon; 0 is none"),
    ("ready_tick", Field::Column(Column::ReadyTick, 1.0), "the tick at which its weapon is ready again"),
    ("bot", Field::Column(Column::Bot, 1.0), "number or name of a behaviour that commands it; 0 is none"),
];

/// Flags by name, which `world.spawn` takes as booleans.
pub(crate) const FLAGS: &[(&str, u32, &str)] = &[
    ("tells_contacts", FLAG_TELLS_CONTACTS, "whether touching it is an event"),
    ("avoids", FLAG_AVOIDS, "whether it steers round others"),
    ("not_rewound", FLAG_NOT_REWOUND, "whether it is hit where it is, whoever sees it late"),
    ("team_only", FLAG_TEAM_ONLY, "whether only its team is told of it"),
    ("owner_only", FLAG_OWNER_ONLY, "whether only its owner is told of it"),
];

/// The largest id that a number of a script holds.
const ID_MAX: u64 = 1 << 53;

impl Field {
    /// The field of a name.
    ///
    /// # Errors
    /// When there is none; with the name that may be meant.
    pub(crate) fn of(name: &str, names: &Names) -> mlua::Result<Self> {
        if let Some((_, field, _)) = FIELDS.iter().find(|(known, ..)| *known == name) {
            return Ok(*field);
        }
        if let Some(number) = names.attributes.get(name) {
            return Ok(Self::Column(Column::Attribute(*number), 1.0));
        }
        let known = FIELDS.iter().map(|(known, ..)| *known).chain(names.attributes.keys().map(String::as_str));
        let meant = likely(name, known).map_or(String::new(), |meant| format!("; is `{meant}` meant?"));
        Err(mlua::Error::runtime(format!("entities have no field `{name}`{meant}")))
    }

    /// The value for a script.
    pub(crate) fn read(self, world: &World, id: EntityId) -> Option<f64> {
        Some(match self {
            Self::X => metres(world, world.position(id).ok()?).0,
            Self::Y => metres(world, world.position(id).ok()?).1,
            Self::Heading => world.value(id, Column::Heading).ok()? as f64 * (TAU / TURN),
            Self::Column(Column::Target, _) => {
                from_id(EntityId::from_bits(world.value(id, Column::Target).ok()?.cast_unsigned()))
            }
            Self::Column(column, unit) => world.value(id, column).ok()? as f64 / unit,
        })
    }

    /// The values for a script of many entities, as the bytes of as many numbers; 0 for who is gone. `places` is filled when
    /// places are needed, and kept for the next field of the same entities.
    pub(crate) fn read_all(self, world: &World, rows: &Rows<'_>, places: &mut Vec<(f64, f64)>, out: &mut [u8]) {
        let mut out = out.as_chunks_mut().0.iter_mut();
        let mut put = |value: f64| {
            if let Some(bytes) = out.next() {
                *bytes = value.to_le_bytes();
            }
        };
        match self {
            Self::X | Self::Y => {
                // Both coordinates of a place are found at once.
                if places.is_empty() {
                    fill_places(world, rows, places);
                }
                places.iter().for_each(|(x, y)| put(if self == Self::X { *x } else { *y }));
            }
            Self::Heading => rows.read(Column::Heading, |value| put(value as f64 * (TAU / TURN))),
            Self::Column(Column::Target, _) => {
                rows.read(Column::Target, |value| put(from_id(EntityId::from_bits(value.cast_unsigned()))));
            }
            Self::Column(column, unit) => rows.read(column, |value| put(value as f64 / unit)),
        }
    }

    /// The column that it is; places are none.
    pub(crate) const fn column(self) -> Option<Column> {
        match self {
            Self::X | Self::Y => None,
            Self::Column(column, _) => Some(column),
            Self::Heading => Some(Column::Heading),
        }
    }

    /// The value for the world, of a field that is a column.
    ///
    /// # Errors
    /// When the number is none, or too large for any column.
    pub(crate) fn value(self, name: &str, number: f64) -> mlua::Result<(Column, i64)> {
        let unit = match self {
            Self::Column(_, unit) => unit,
            Self::Heading => return Ok((Column::Heading, i64::from(heading(number, name)?))),
            Self::X | Self::Y => 1.0,
        };
        let scaled = finite(number, name)? * unit;
        // 2^62 is exact, and so is what is below it in the cast.
        if scaled.abs() >= (1i64 << 62) as f64 {
            return Err(mlua::Error::runtime(format!("`{name}` cannot be {number}")));
        }
        let Self::Column(column, _) = self else {
            return Err(mlua::Error::runtime("use world.place(id, x, y) to put an entity somewhere else"));
        };
        Ok((column, rounded(scaled)))
    }
}

/// The number as an angle of the world.
pub(crate) fn heading(radians: f64, name: &str) -> mlua::Result<u16> {
    let turns = (finite(radians, name)? / TAU).rem_euclid(1.0);
    Ok(((turns * TURN).round() as u32 & 0xffff) as u16)
}

/// The number, if it is one.
#[inline]
pub(crate) fn finite(number: f64, name: &str) -> mlua::Result<f64> {
    if number.is_finite() { Ok(number) } else { Err(not_finite(number, name)) }
}

#[cold]
fn not_finite(number: f64, name: &str) -> mlua::Error {
    mlua::Error::runtime(format!("`{name}` must be a number, not {number}; was something divided by 0?"))
}

/// As `f64::round`, halves away from 0, of what fits: where the processor has no instruction for that, it is a call.
#[inline]
fn rounded(number: f64) -> i64 {
    // The largest number below a half: a half would make 1 of itself.
    const BELOW_HALF: f64 = 0.5 - f64::EPSILON / 4.0;
    (number + BELOW_HALF.copysign(number)) as i64
}

/// A length in units of the world.
///
/// # Errors
/// When it is no number, or longer than 2^30 m.
#[inline]
pub(crate) fn length(metres: f64, name: &str) -> mlua::Result<i64> {
    const MOST: f64 = (1u64 << 30) as f64;
    if finite(metres, name)?.abs() > MOST {
        return Err(too_long(metres, name));
    }
    Ok(rounded(metres * LENGTH))
}

#[cold]
fn too_long(metres: f64, name: &str) -> mlua::Error {
    mlua::Error::runtime(format!("`{name}` cannot be {metres} m"))
}

/// A length that fits a column or a setting.
#[inline]
pub(crate) fn short_length(metres: f64, name: &str) -> mlua::Result<i32> {
    let units = length(metres, name)?;
    i32::try_from(units).map_err(|_| too_long_for_column(metres, name))
}

#[cold]
fn too_long_for_column(metres: f64, name: &str) -> mlua::Error {
    mlua::Error::runtime(format!("`{name}` cannot be {metres}: at most 32,767"))
}

/// The places of entities in metres; (0, 0) for who is gone.
fn fill_places(world: &World, rows: &Rows<'_>, out: &mut Vec<(f64, f64)>) {
    // Most are in the sector that the one before was in, whose corner is worked out once.
    let mut last: Option<(SectorId, (f64, f64))> = None;
    out.extend(rows.positions().map(|place| {
        let Some(Position { sector, x, y }) = place else { return (0.0, 0.0) };
        let (_, corner) = match last {
            Some(known) if known.0 == sector => known,
            _ => *last.insert((sector, metres(world, Position { sector, x: 0, y: 0 }))),
        };
        (corner.0 + f64::from(x) / LENGTH, corner.1 + f64::from(y) / LENGTH)
    }));
}

/// A place of the world.
pub(crate) fn position(world: &World, x: f64, y: f64) -> mlua::Result<Position> {
    Ok(origin(world).offset(length(x, "x")?, length(y, "y")?))
}

/// A place in metres from the map's corner.
pub(crate) fn metres(world: &World, place: Position) -> (f64, f64) {
    let (x, y) = origin(world).offset_to(place).unwrap_or((i64::MAX, i64::MAX));
    (x as f64 / LENGTH, y as f64 / LENGTH)
}

fn origin(world: &World) -> Position {
    world.map().map_or_else(Position::default, muster_core::Map::origin)
}

/// An id as a number of a script.
pub(crate) fn from_id(id: EntityId) -> f64 {
    id.bits() as f64
}

/// Whether the id fits a number of a script exactly. It does until a slot was used two million times.
pub(crate) const fn fits(id: EntityId) -> bool {
    id.bits() < ID_MAX
}

/// The id of a number; what no entity can have is the null id.
#[inline]
pub(crate) fn to_id(number: f64) -> EntityId {
    let bits = number as i64;
    let is_id = (0..ID_MAX as i64).contains(&bits) && bits as f64 == number;
    if is_id { EntityId::from_bits(bits.cast_unsigned()) } else { EntityId::NULL }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_that_of_the_language() {
        let mut number = 1e-20_f64;
        while number < 4e18 {
            for near in [number, number.next_up(), number.next_down(), number.floor() + 0.5, number.floor()] {
                for near in [near, (near + 0.5).next_down(), -near] {
                    assert_eq!(rounded(near), near.round() as i64, "{near:?}");
                }
            }
            number *= 1.37;
        }
        for number in [0.5, 0.499_999_999_999_999_94, 1.5, 2.5, 4_503_599_627_370_495.5, 9_007_199_254_740_991.0] {
            assert_eq!((rounded(number), rounded(-number)), (number.round() as i64, -number.round() as i64));
        }
    }

    #[test]
    fn what_is_no_id_is_the_null_id() {
        for number in [-1.0, 0.5, f64::NAN, f64::INFINITY, -f64::INFINITY, 1e300, (1u64 << 53) as f64, -0.5] {
            assert!(to_id(number).is_null(), "{number}");
        }
        assert_eq!(to_id(7.0).bits(), 7);
        assert_eq!(to_id(((1u64 << 53) - 1) as f64).bits(), (1 << 53) - 1);
    }
}
