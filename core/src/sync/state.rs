//! The state of a group of entities as viewers know it: quantised, and the same to the bit on both sides.

use crate::entity::EntityId;

/// How many entities a group has at most: a bit of a `u32` for each place.
pub const GROUP: usize = 32;

/// The state of a group at one update, column by column. Place `i` of every column is the same entity, as long as its id
/// stays the same.
///
/// Values in places that are not in [`Self::present`] mean nothing, and are no part of equality.
#[derive(Clone, Debug)]
pub struct GroupState {
    /// The places that have an entity, a bit each.
    pub present: u32,
    /// Of the entity that was in each place last and is no longer: whether it is gone from the world, and not only from the
    /// group. Of use while an older state that has it may be built on.
    pub destroyed: u32,
    /// Ids.
    pub id: [EntityId; GROUP],
    /// Right of the cell's left edge, in centimetres; see [`super::Cell::centimetres`].
    pub x: [u16; GROUP],
    /// Above the cell's lower edge, in centimetres.
    pub y: [u16; GROUP],
    /// The direction it faces, in 256ths of a turn.
    pub heading: [u8; GROUP],
    /// What is left of it.
    pub health: [i32; GROUP],
    /// Its health when whole.
    pub health_max: [i32; GROUP],
    /// What it does.
    pub state: [u16; GROUP],
    /// What it attacks, follows or uses; null where the viewers of the group may not know.
    pub target: [EntityId; GROUP],
    /// The bits of the game mode.
    pub flags: [u32; GROUP],
    /// What sort of thing it is.
    pub kind: [u16; GROUP],
    /// Whose side it is on.
    pub team: [u16; GROUP],
    /// Its player.
    pub owner: [u32; GROUP],
    /// Its form, as [`crate::Column::Shape`] has it: 0 or 1.
    pub shape: [u8; GROUP],
    /// Half its width.
    pub half_x: [u16; GROUP],
    /// Half its height.
    pub half_y: [u16; GROUP],
    /// The public attributes, in the order of the welcome.
    pub attributes: Vec<[i32; GROUP]>,
}

impl GroupState {
    /// A state without entities, with room for so many public attributes.
    pub fn new(attributes: usize) -> Self {
        Self {
            present: 0,
            destroyed: 0,
            id: [EntityId::NULL; GROUP],
            x: [0; GROUP],
            y: [0; GROUP],
            heading: [0; GROUP],
            health: [0; GROUP],
            health_max: [0; GROUP],
            state: [0; GROUP],
            target: [EntityId::NULL; GROUP],
            flags: [0; GROUP],
            kind: [0; GROUP],
            team: [0; GROUP],
            owner: [0; GROUP],
            shape: [0; GROUP],
            half_x: [0; GROUP],
            half_y: [0; GROUP],
            attributes: vec![[0; GROUP]; attributes],
        }
    }

    /// Makes this state equal to another with as many attributes, without allocating.
    pub fn copy_from(&mut self, other: &Self) {
        assert_eq!(self.attributes.len(), other.attributes.len(), "states of one session have the same attributes");
        let mut attributes = core::mem::take(&mut self.attributes);
        attributes.copy_from_slice(&other.attributes);
        *self = Self { attributes, ..*other };
    }

    /// Whether every value is the same, those in empty places too.
    pub(crate) fn is_equal(&self, other: &Self) -> bool {
        self.present == other.present
            && self.destroyed == other.destroyed
            && self.id == other.id
            && self.x == other.x
            && self.y == other.y
            && self.heading == other.heading
            && self.health == other.health
            && self.health_max == other.health_max
            && self.state == other.state
            && self.target == other.target
            && self.flags == other.flags
            && self.kind == other.kind
            && self.team == other.team
            && self.owner == other.owner
            && self.shape == other.shape
            && self.half_x == other.half_x
            && self.half_y == other.half_y
            && self.attributes == other.attributes
    }

    /// The places that have an entity, ascending.
    pub fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let mut rest = self.present;
        std::iter::from_fn(move || {
            let place = rest.trailing_zeros() as usize;
            rest &= rest.wrapping_sub(1);
            (place < GROUP).then_some(place)
        })
    }

    /// Whether a place has the same entity with the same state in both.
    pub fn is_same_at(&self, other: &Self, place: usize) -> bool {
        let i = place;
        self.id[i] == other.id[i]
            && self.x[i] == other.x[i]
            && self.y[i] == other.y[i]
            && self.heading[i] == other.heading[i]
            && self.health[i] == other.health[i]
            && self.health_max[i] == other.health_max[i]
            && self.state[i] == other.state[i]
            && self.target[i] == other.target[i]
            && self.flags[i] == other.flags[i]
            && self.kind[i] == other.kind[i]
            && self.team[i] == other.team[i]
            && self.owner[i] == other.owner[i]
            && self.shape[i] == other.shape[i]
            && self.half_x[i] == other.half_x[i]
            && self.half_y[i] == other.half_y[i]
            && self.attributes.iter().zip(&other.attributes).all(|(a, b)| a[i] == b[i])
    }
}

impl PartialEq for GroupState {
    fn eq(&self, other: &Self) -> bool {
        self.present == other.present
            && self.attributes.len() == other.attributes.len()
            && self.places().all(|place| self.is_same_at(other, place))
    }
}

impl Eq for GroupState {}
