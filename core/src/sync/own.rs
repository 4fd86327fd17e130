//! A viewer's own part of a packet: how far its inputs were carried out, the exact state of what it predicts, and what only
//! the owner of an entity sees.

use super::{
    codec::bits::{BitReader, BitWriter},
    word::{WordError, push_id, push_position, read_id, read_position, signed, unsigned},
};
use crate::{
    command::Order,
    entity::{Columns, Entity, EntityId},
    space::{Position, SECTOR_SIDE, SectorId},
};

/// Most values of attributes in one part.
pub const OWNER_VALUES_MAX: usize = 128;

/// Orders of the codes of speeds and ways: those of up to 1 m/s and 4 m are short.
const SPEED_ORDER: u32 = 16;
const WAY_ORDER: u32 = 18;

/// What only one viewer is told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Own {
    /// The number of the last input that was carried out, or given up, before the packet's tick; 0 is none.
    pub input: u32,
    /// What the viewer predicts, as it is at the packet's tick.
    pub predicted: Option<Predicted>,
    /// Attributes of the viewer's entities that only it sees and may not know yet, [`OWNER_VALUES_MAX`] at most.
    pub values: Vec<OwnerValue>,
}

/// An attribute that only an entity's owner sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OwnerValue {
    /// The entity.
    pub entity: EntityId,
    /// Which attribute: a place in the welcome's list of owners' attributes.
    pub attribute: u8,
    /// What it is.
    pub value: i32,
}

/// The state of an entity that changes while it moves, exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Predicted {
    /// The entity.
    pub id: EntityId,
    /// Where it is.
    pub position: Position,
    /// The column of this name.
    pub velocity_x: i32,
    /// The column of this name.
    pub velocity_y: i32,
    /// The column of this name.
    pub heading: u16,
    /// The column of this name, 0 to 3.
    pub order: u8,
    /// The column of this name, below 2^62 in amount.
    pub goal_x: i64,
    /// The column of this name, below 2^62 in amount.
    pub goal_y: i64,
    /// The column of this name.
    pub target: EntityId,
    /// The column of this name.
    pub ready_tick: u32,
    /// What seldom changes; left out once the viewer has acknowledged it.
    pub traits: Option<Traits>,
}

/// The state of an entity that decides how it moves and seldom changes: the columns of these names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "they are the columns of these names")]
pub struct Traits {
    pub shape: u8,
    pub half_x: u16,
    pub half_y: u16,
    pub mass: u32,
    pub restitution: u8,
    pub layers: u16,
    pub collides: u16,
    pub speed_max: i32,
    pub acceleration_max: i32,
    pub team: u16,
    pub owner: u32,
    pub flags: u32,
    pub weapon: u8,
    pub bot: u16,
}

impl Traits {
    /// Those of an entity.
    pub const fn of(entity: &Entity) -> Self {
        Self {
            shape: entity.shape,
            half_x: entity.half_x,
            half_y: entity.half_y,
            mass: entity.mass,
            restitution: entity.restitution,
            layers: entity.layers,
            collides: entity.collides,
            speed_max: entity.speed_max,
            acceleration_max: entity.acceleration_max,
            team: entity.team,
            owner: entity.owner,
            flags: entity.flags,
            weapon: entity.weapon,
            bot: entity.bot,
        }
    }
}

impl Traits {
    /// Those of a row.
    pub(crate) fn of_row(columns: &Columns, row: usize) -> Self {
        Self {
            shape: columns.shape[row],
            half_x: columns.half_x[row],
            half_y: columns.half_y[row],
            mass: columns.mass[row],
            restitution: columns.restitution[row],
            layers: columns.layers[row],
            collides: columns.collides[row],
            speed_max: columns.speed_max[row],
            acceleration_max: columns.acceleration_max[row],
            team: columns.team[row],
            owner: columns.owner[row],
            flags: columns.flags[row],
            weapon: columns.weapon[row],
            bot: columns.bot[row],
        }
    }
}

impl Predicted {
    /// The state of an entity, without its traits.
    pub const fn of(id: EntityId, entity: &Entity) -> Self {
        Self {
            id,
            position: entity.position,
            velocity_x: entity.velocity_x,
            velocity_y: entity.velocity_y,
            heading: entity.heading,
            order: entity.order,
            goal_x: entity.goal_x,
            goal_y: entity.goal_y,
            target: entity.target,
            ready_tick: entity.ready_tick,
            traits: None,
        }
    }

    /// The state of a row, with its traits.
    pub(crate) fn of_row(columns: &Columns, row: usize, sector: SectorId) -> Self {
        Self {
            id: columns.id[row],
            position: Position { sector, x: columns.x[row], y: columns.y[row] },
            velocity_x: columns.velocity_x[row],
            velocity_y: columns.velocity_y[row],
            heading: columns.heading[row],
            order: columns.order[row],
            goal_x: columns.goal_x[row],
            goal_y: columns.goal_y[row],
            target: columns.target[row],
            ready_tick: columns.ready_tick[row],
            traits: Some(Traits::of_row(columns, row)),
        }
    }

    /// An entity in this state and with these traits.
    pub fn entity(&self, traits: &Traits) -> Entity {
        Entity {
            velocity_x: self.velocity_x,
            velocity_y: self.velocity_y,
            heading: self.heading,
            order: self.order,
            goal_x: self.goal_x,
            goal_y: self.goal_y,
            target: self.target,
            ready_tick: self.ready_tick,
            shape: traits.shape,
            half_x: traits.half_x,
            half_y: traits.half_y,
            mass: traits.mass,
            restitution: traits.restitution,
            layers: traits.layers,
            collides: traits.collides,
            speed_max: traits.speed_max,
            acceleration_max: traits.acceleration_max,
            team: traits.team,
            owner: traits.owner,
            flags: traits.flags,
            weapon: traits.weapon,
            bot: traits.bot,
            ..Entity::at(self.position)
        }
    }

    /// What a goal is told from: the place of who goes there, or a standstill.
    const fn goal_base(&self) -> (i64, i64) {
        if self.order == Order::MoveTo as u8 { (self.position.x as i64, self.position.y as i64) } else { (0, 0) }
    }
}

/// Appends the part; values beyond [`OWNER_VALUES_MAX`] are left out.
pub fn encode_own(own: &Own, out: &mut Vec<u8>) {
    let mut writer = BitWriter::new(out);
    writer.push(u64::from(own.input), 32);
    writer.push_bool(own.predicted.is_some());
    if let Some(predicted) = &own.predicted {
        push_predicted(&mut writer, predicted);
    }
    let mut last = EntityId::NULL;
    for value in own.values.iter().take(OWNER_VALUES_MAX) {
        writer.push_bool(true);
        writer.push_bool(value.entity == last);
        if value.entity != last {
            push_id(&mut writer, value.entity);
        }
        writer.push_unsigned(u64::from(value.attribute), 2);
        writer.push_signed(i64::from(value.value), 6);
        last = value.entity;
    }
    writer.push_bool(false);
    writer.finish();
}

/// Reads a part in place of what was in `own`. It grows to [`OWNER_VALUES_MAX`] values at most.
///
/// # Errors
/// When the bytes are no such part; what is in `own` then means nothing.
pub fn decode_own(bytes: &[u8], own: &mut Own) -> Result<(), WordError> {
    let mut reader = BitReader::new(bytes);
    own.values.clear();
    own.input = reader.bits(32)? as u32;
    own.predicted = if reader.bool()? { Some(read_predicted(&mut reader)?) } else { None };
    let mut last = EntityId::NULL;
    while reader.bool()? {
        if own.values.len() == OWNER_VALUES_MAX {
            return Err(WordError::Value);
        }
        if !reader.bool()? {
            last = read_id(&mut reader)?;
        }
        let (attribute, value) = (unsigned(&mut reader, 2)?, signed(&mut reader, 6)?);
        own.values.push(OwnerValue { entity: last, attribute, value });
    }
    Ok(reader.finish()?)
}

fn push_predicted(writer: &mut BitWriter<'_>, state: &Predicted) {
    push_id(writer, state.id);
    push_position(writer, SectorId::default(), state.position);
    let is_moving = (state.velocity_x, state.velocity_y) != (0, 0);
    writer.push_bool(is_moving);
    if is_moving {
        writer.push_signed(state.velocity_x.into(), SPEED_ORDER);
        writer.push_signed(state.velocity_y.into(), SPEED_ORDER);
    }
    writer.push(state.heading.into(), 16);
    writer.push(state.order.into(), 2);
    let has_goal = (state.goal_x, state.goal_y) != (0, 0);
    writer.push_bool(has_goal);
    if has_goal {
        let base = state.goal_base();
        writer.push_signed(state.goal_x.wrapping_sub(base.0), WAY_ORDER);
        writer.push_signed(state.goal_y.wrapping_sub(base.1), WAY_ORDER);
    }
    push_id(writer, state.target);
    writer.push_bool(state.ready_tick != 0);
    if state.ready_tick != 0 {
        writer.push(state.ready_tick.into(), 32);
    }
    writer.push_bool(state.traits.is_some());
    let Some(traits) = &state.traits else { return };
    writer.push(traits.shape.into(), 1);
    writer.push(traits.half_x.into(), 16);
    writer.push(traits.half_y.into(), 16);
    writer.push_unsigned(traits.mass.into(), 16);
    writer.push(traits.restitution.into(), 8);
    writer.push(traits.layers.into(), 16);
    writer.push(traits.collides.into(), 16);
    writer.push_unsigned(u64::from(traits.speed_max.cast_unsigned()), SPEED_ORDER);
    writer.push_unsigned(u64::from(traits.acceleration_max.cast_unsigned()), SPEED_ORDER);
    writer.push_unsigned(traits.team.into(), 2);
    writer.push_unsigned(traits.owner.into(), 8);
    writer.push(traits.flags.into(), 32);
    writer.push(traits.weapon.into(), 8);
    writer.push_unsigned(traits.bot.into(), 0);
}

fn read_predicted(reader: &mut BitReader<'_>) -> Result<Predicted, WordError> {
    let mut state = Predicted {
        id: read_id(reader)?,
        position: read_position(reader, SectorId::default())?,
        ..Predicted::default()
    };
    if reader.bool()? {
        (state.velocity_x, state.velocity_y) = (signed(reader, SPEED_ORDER)?, signed(reader, SPEED_ORDER)?);
    }
    state.heading = reader.bits(16)? as u16;
    state.order = reader.bits(2)? as u8;
    if reader.bool()? {
        let base = state.goal_base();
        state.goal_x = reader.signed(WAY_ORDER)?.wrapping_add(base.0);
        state.goal_y = reader.signed(WAY_ORDER)?.wrapping_add(base.1);
        if state.goal_x.unsigned_abs().max(state.goal_y.unsigned_abs()) >= 1 << 62 {
            return Err(WordError::Value);
        }
    }
    state.target = read_id(reader)?;
    if reader.bool()? {
        state.ready_tick = reader.bits(32)? as u32;
    }
    if !reader.bool()? {
        return Ok(state);
    }
    let traits = Traits {
        shape: reader.bits(1)? as u8,
        half_x: reader.bits(16)? as u16,
        half_y: reader.bits(16)? as u16,
        mass: unsigned(reader, 16)?,
        restitution: reader.bits(8)? as u8,
        layers: reader.bits(16)? as u16,
        collides: reader.bits(16)? as u16,
        speed_max: speed(reader)?,
        acceleration_max: speed(reader)?,
        team: unsigned(reader, 2)?,
        owner: unsigned(reader, 8)?,
        flags: reader.bits(32)? as u32,
        weapon: reader.bits(8)? as u8,
        bot: unsigned(reader, 0)?,
    };
    state.traits = Some(traits);
    Ok(state)
}

fn speed(reader: &mut BitReader<'_>) -> Result<i32, WordError> {
    i32::try_from(reader.unsigned(SPEED_ORDER)?).map_err(|_| WordError::Value)
}

/// Coordinates are told in as many bits as they have.
const _: () = assert!(SECTOR_SIDE < 1 << 26);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id() -> impl Strategy<Value = EntityId> {
        prop_oneof![Just(1), 1..5000u64, any::<u64>().prop_map(|bits| bits.max(1))].prop_map(EntityId::from_bits)
    }

    fn traits() -> impl Strategy<Value = Traits> {
        let first = (0..2u8, any::<u16>(), any::<u16>(), any::<u32>(), any::<u8>(), any::<u16>(), any::<u16>());
        let second = (0..i32::MAX, 0..i32::MAX, any::<u16>(), any::<u32>(), any::<u32>(), any::<u8>(), any::<u16>());
        (first, second).prop_map(|(first, second)| {
            let (shape, half_x, half_y, mass, restitution, layers, collides) = first;
            let (speed_max, acceleration_max, team, owner, flags, weapon, bot) = second;
            Traits {
                shape,
                half_x,
                half_y,
                mass,
                restitution,
                layers,
                collides,
                speed_max,
                acceleration_max,
                team,
                owner,
                flags,
                weapon,
                bot,
            }
        })
    }

    fn predicted() -> impl Strategy<Value = Predicted> {
        let place = (any::<i64>(), any::<i64>(), 0..SECTOR_SIDE, 0..SECTOR_SIDE);
        let goal = || prop_oneof![Just(0), 1 - (1i64 << 62)..1 << 62, -99_999_999i64..99_999_999];
        let target = prop_oneof![Just(EntityId::NULL), id()];
        let rest = (any::<u16>(), 0..4u8, goal(), goal(), target, any::<u32>(), proptest::option::of(traits()));
        (id(), place, any::<i32>(), any::<i32>(), rest).prop_map(|(id, place, velocity_x, velocity_y, rest)| {
            let (heading, order, goal_x, goal_y, target, ready_tick, traits) = rest;
            let position = Position { sector: SectorId::new(place.0, place.1), x: place.2, y: place.3 };
            Predicted {
                id,
                position,
                velocity_x,
                velocity_y,
                heading,
                order,
                goal_x,
                goal_y,
                target,
                ready_tick,
                traits,
            }
        })
    }

    fn own() -> impl Strategy<Value = Own> {
        let value = (id(), any::<u8>(), any::<i32>()).prop_map(|(entity, attribute, value)| OwnerValue {
            entity,
            attribute,
            value,
        });
        let values = proptest::collection::vec(value, 0..=OWNER_VALUES_MAX);
        (any::<u32>(), proptest::option::of(predicted()), values).prop_map(|(input, predicted, values)| Own {
            input,
            predicted,
            values,
        })
    }

    proptest! {
        #[test]
        fn parts_come_back_and_cuts_are_refused(own in own()) {
            let mut bytes = vec![9; 3];
            encode_own(&own, &mut bytes);
            let mut back = Own::default();
            prop_assert_eq!(decode_own(&bytes[3..], &mut back), Ok(()));
            prop_assert_eq!(&back, &own);
            for end in 3..bytes.len() {
                prop_assert!(decode_own(&bytes[3..end], &mut back).is_err());
            }
            bytes.push(0);
            prop_assert!(decode_own(&bytes[3..], &mut back).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut own = Own::default();
            if decode_own(&bytes, &mut own).is_ok() {
                prop_assert!(own.values.len() <= OWNER_VALUES_MAX);
                prop_assert!(own.predicted.is_none_or(|state| state.position.is_canonical()));
            }
        }
    }

    #[test]
    fn an_entity_comes_back_from_its_state() {
        let entity = Entity {
            velocity_x: 5,
            velocity_y: -6,
            heading: 7,
            shape: 1,
            half_x: 8,
            half_y: 9,
            mass: 10,
            restitution: 11,
            layers: 12,
            collides: 13,
            speed_max: 14,
            acceleration_max: 15,
            team: 16,
            owner: 17,
            flags: 18,
            target: EntityId::from_bits(19),
            order: 2,
            goal_x: 20,
            goal_y: 21,
            weapon: 22,
            ready_tick: 23,
            bot: 24,
            ..Entity::at(Position::new(SectorId::new(1, 2), 3, 4))
        };
        let state = Predicted::of(EntityId::from_bits(1), &entity);
        assert_eq!(state.entity(&Traits::of(&entity)), entity);
    }
}
