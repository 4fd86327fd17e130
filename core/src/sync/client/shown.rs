//! What a viewer shows now, column by column.

use crate::{
    entity::EntityId,
    space::{Angle, SectorId},
    sync::GroupState,
};

/// The entities that are in sight. Row `i` of every column is the same entity; rows ascend by the slots of their ids.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Ids.
    pub id: Vec<EntityId>,
    /// The sectors that they are in.
    pub sector: Vec<SectorId>,
    /// Right of the sector's left edge, in units of length.
    pub x: Vec<i32>,
    /// Above the sector's lower edge, in units of length.
    pub y: Vec<i32>,
    /// The directions that they face.
    pub heading: Vec<Angle>,
    /// What is left of them.
    pub health: Vec<i32>,
    /// Their health when whole.
    pub health_max: Vec<i32>,
    /// What they do.
    pub state: Vec<u16>,
    /// What they attack, follow or use.
    pub target: Vec<EntityId>,
    /// The bits of the game mode.
    pub flags: Vec<u32>,
    /// What sorts of thing they are.
    pub kind: Vec<u16>,
    /// Their sides.
    pub team: Vec<u16>,
    /// Their players.
    pub owner: Vec<u32>,
    /// Their forms: 0 is a disc, 1 a box.
    pub shape: Vec<u8>,
    /// Half their widths, in 2^-8 m.
    pub half_x: Vec<u16>,
    /// Half their heights, in 2^-8 m.
    pub half_y: Vec<u16>,
    /// The public attributes, in the order of the welcome.
    pub attributes: Vec<Vec<i32>>,
    /// The row of the entity that is predicted, if it is in sight.
    pub predicted: Option<usize>,
}

impl Shown {
    pub(super) fn new(attributes: usize) -> Self {
        Self { attributes: vec![Vec::new(); attributes], ..Self::default() }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.id.len()
    }

    /// Whether nothing is in sight.
    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
    }

    /// The row of an entity.
    pub fn row(&self, id: EntityId) -> Option<usize> {
        let key = |id: EntityId| id.bits().rotate_left(32);
        self.id.binary_search_by_key(&key(id), |other| key(*other)).ok()
    }

    pub(super) fn clear(&mut self) {
        self.id.clear();
        self.sector.clear();
        self.x.clear();
        self.y.clear();
        self.heading.clear();
        self.health.clear();
        self.health_max.clear();
        self.state.clear();
        self.target.clear();
        self.flags.clear();
        self.kind.clear();
        self.team.clear();
        self.owner.clear();
        self.shape.clear();
        self.half_x.clear();
        self.half_y.clear();
        self.attributes.iter_mut().for_each(Vec::clear);
        self.predicted = None;
    }

    /// Adds a row but for its place.
    pub(super) fn push(&mut self, from: &GroupState, place: usize) {
        self.id.push(from.id[place]);
        self.health.push(from.health[place]);
        self.health_max.push(from.health_max[place]);
        self.state.push(from.state[place]);
        self.target.push(from.target[place]);
        self.flags.push(from.flags[place]);
        self.kind.push(from.kind[place]);
        self.team.push(from.team[place]);
        self.owner.push(from.owner[place]);
        self.shape.push(from.shape[place]);
        self.half_x.push(from.half_x[place]);
        self.half_y.push(from.half_y[place]);
        for (column, values) in self.attributes.iter_mut().zip(&from.attributes) {
            column.push(values[place]);
        }
    }
}
