//! Where two worlds that should be the same are not.

use core::fmt;

use crate::{
    entity::{COLUMNS, Column, EntityId},
    hash::Part,
    space::SectorId,
    world::World,
};

/// The first difference between two worlds, and how many entities differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Divergence {
    /// The tick of the left world.
    pub tick: u64,
    /// How many entities differ in any way, or are in one of the worlds only.
    pub entities: u32,
    /// What differs first: by sector, then entity, then column; parts that are no entities come last.
    pub difference: Difference,
}

/// What differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Difference {
    /// One value of one entity.
    Value {
        /// The sector that the entity is in.
        sector: SectorId,
        /// The entity.
        entity: EntityId,
        /// Which of its values.
        field: Field,
        /// The value in the left world.
        left: i64,
        /// The value in the right world.
        right: i64,
    },
    /// An entity is in different sectors.
    Sector {
        /// The entity.
        entity: EntityId,
        /// Its sector in the left world.
        left: SectorId,
        /// Its sector in the right world.
        right: SectorId,
    },
    /// An entity lives in one world only.
    Missing {
        /// The sector that it is in.
        sector: SectorId,
        /// The entity.
        entity: EntityId,
        /// Whether it is the left world in which it lives.
        in_left: bool,
    },
    /// A part of the world's state that is no entity.
    Part {
        /// Which.
        part: Part,
        /// Its hash in the left world.
        left: u64,
        /// Its hash in the right world.
        right: u64,
    },
}

/// A value of an entity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// How far it is from its sector's left edge.
    X,
    /// How far it is from its sector's lower edge.
    Y,
    /// A column.
    Column(Column),
}

/// What the verification of a replay found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DivergenceReport {
    /// The first tick after which the worlds differ: the number of the tick that begins then.
    pub tick: u64,
    /// The world's hash as recorded.
    pub recorded: u64,
    /// The world's hash as played.
    pub played: u64,
    /// The sectors whose hashes differ, in order; empty if the file has none or the difference is elsewhere.
    pub sectors: Vec<SectorId>,
    /// The first difference between the recorded world (left) and the played one (right) that could be looked at: at the
    /// next key frame, whose tick it has. `None` if the recording ends before.
    pub first: Option<Divergence>,
}

/// The first difference between two worlds; `None` if there is none. Every value is compared, not only hashes.
pub fn compare(left: &World, right: &World) -> Option<Divergence> {
    let (mut entities, mut first) = (0u32, None::<(SectorId, EntityId, Difference)>);
    let mut note = |sector: SectorId, entity: EntityId, difference: Difference| {
        entities += 1;
        if first.is_none_or(|(at, id, _)| (sector, entity) < (at, id)) {
            first = Some((sector, entity, difference));
        }
    };
    let sorted = |world: &World| {
        let mut ids = Vec::new();
        world.ids(&mut ids);
        ids.sort_unstable();
        ids
    };
    let (left_ids, right_ids) = (sorted(left), sorted(right));
    for (world, other, ids, in_left) in [(left, &right_ids, &left_ids, true), (right, &left_ids, &right_ids, false)] {
        for id in ids.iter().filter(|id| other.binary_search(id).is_err()) {
            if let Ok(entity) = world.entity(*id) {
                let sector = entity.position.sector;
                note(sector, *id, Difference::Missing { sector, entity: *id, in_left });
            }
        }
    }
    for id in left_ids {
        if let Some((sector, difference)) = compare_entity(left, right, id) {
            note(sector, id, difference);
        }
    }
    let part = || {
        let parts = left.part_hashes().into_iter().zip(right.part_hashes());
        parts
            .map(|((part, left), (_, right))| Difference::Part { part, left, right })
            .find(|part| matches!(part, Difference::Part { left, right, .. } if left != right))
    };
    let difference = first.map(|(.., difference)| difference).or_else(part)?;
    Some(Divergence { tick: left.tick(), entities, difference })
}

/// The first difference of an entity that lives in both worlds, and the sector it has in the left one.
fn compare_entity(left: &World, right: &World, id: EntityId) -> Option<(SectorId, Difference)> {
    let (left, right) = (left.entity(id).ok()?, right.entity(id).ok()?);
    let sector = left.position.sector;
    if sector != right.position.sector {
        return Some((sector, Difference::Sector { entity: id, left: sector, right: right.position.sector }));
    }
    let places = [
        (Field::X, i64::from(left.position.x), i64::from(right.position.x)),
        (Field::Y, i64::from(left.position.y), i64::from(right.position.y)),
    ];
    let attributes =
        (0..left.attributes.len().max(right.attributes.len())).map(|number| Column::Attribute(number as u8));
    let columns = COLUMNS.iter().copied().chain(attributes).map(|column| {
        // An attribute that only one of the worlds declares differs from 0 or not at all.
        (Field::Column(column), left.value(column).unwrap_or(0), right.value(column).unwrap_or(0))
    });
    let (field, left, right) = places.into_iter().chain(columns).find(|(_, left, right)| left != right)?;
    Some((sector, Difference::Value { sector, entity: id, field, left, right }))
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X => f.write_str("x"),
            Self::Y => f.write_str("y"),
            Self::Column(Column::Attribute(number)) => write!(f, "attribute {number}"),
            Self::Column(column) => f.write_str(column.name()),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { sector, entity, field, left, right } => {
                write!(f, "sector {sector}, entity {entity}, {field}: {left} and {right}")
            }
            Self::Sector { entity, left, right } => write!(f, "entity {entity}: in sector {left} and in {right}"),
            Self::Missing { sector, entity, in_left } => {
                let side = if *in_left { "first" } else { "second" };
                write!(f, "sector {sector}, entity {entity}: only in the {side} world")
            }
            Self::Part { part, left, right } => write!(f, "{}: hashes {left:016x} and {right:016x}", part.name()),
        }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tick {}: {}", self.tick, self.difference)?;
        if self.entities > 1 {
            write!(f, " ({} entities differ)", self.entities)?;
        }
        Ok(())
    }
}

impl fmt::Display for DivergenceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tick {}: hash {:016x} recorded, {:016x} played", self.tick, self.recorded, self.played)?;
        for sector in self.sectors.iter().take(8) {
            write!(f, "; sector {sector}")?;
        }
        if self.sectors.len() > 8 {
            write!(f, " and {} more", self.sectors.len() - 8)?;
        }
        if let Some(first) = &self.first {
            write!(f, "; {first}")?;
        }
        Ok(())
    }
}
