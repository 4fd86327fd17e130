//! Inputs in their canonical form, as logs keep them.

use super::{Fault, Reader, RestoreError, Writer};
use crate::{
    command::{Action, Command},
    entity::{ATTRIBUTES_MAX, COLUMNS, Column, Entity, EntityId},
    event::Class,
    input::{Input, Projectile},
};

const SPAWN: u8 = 0;
const DESPAWN: u8 = 1;
const SET: u8 = 2;
const PLACE: u8 = 3;
const FIRE: u8 = 4;
const EMIT: u8 = 5;
const TAKE_OVER: u8 = 6;
const HAND_BACK: u8 = 7;
const COMMAND: u8 = 8;
const STEP: u8 = 9;
const LOAD: u8 = 10;

/// A bit of an action's number: behind it comes how far its command looks back, 1 or more.
const REWINDS: u8 = 1 << 7;

/// Stands where else a command's action does and says that the name of a sector comes before that. A command that names
/// none has the bytes that it had before commands could.
const SECTOR: u8 = 255;

/// Appends an input. Attributes of an entity beyond [`ATTRIBUTES_MAX`], which no world accepts, are left out.
pub fn encode_input(input: &Input, writer: &mut Writer<'_>) {
    match input {
        Input::Spawn(entity) => {
            writer.u8(SPAWN);
            encode_entity(entity, writer);
        }
        Input::Despawn(entity) => {
            writer.u8(DESPAWN);
            writer.id(*entity);
        }
        Input::Set { entity, column, value } => {
            writer.u8(SET);
            writer.id(*entity);
            writer.u16(column.number());
            writer.i64(*value);
        }
        Input::Place { entity, position } => {
            writer.u8(PLACE);
            writer.id(*entity);
            writer.position(*position);
        }
        Input::Fire(projectile) => {
            writer.u8(FIRE);
            encode_projectile(projectile, writer);
        }
        Input::Emit { class, position, subject, object, detail, value } => {
            writer.u8(EMIT);
            writer.u8(*class as u8);
            writer.position(*position);
            writer.id(*subject);
            writer.id(*object);
            writer.u32(*detail);
            writer.i64(*value);
        }
        Input::TakeOver { player, behaviour } => {
            writer.u8(TAKE_OVER);
            writer.u32(*player);
            writer.u16(*behaviour);
        }
        Input::HandBack { player } => {
            writer.u8(HAND_BACK);
            writer.u32(*player);
        }
        Input::Command(command) => {
            writer.u8(COMMAND);
            encode_command(command, writer);
        }
        Input::Step => writer.u8(STEP),
        Input::Load { permille } => {
            writer.u8(LOAD);
            writer.u16(*permille);
        }
    }
}

/// Reads an input. Whether a world would accept it is for the world to say.
pub fn decode_input(reader: &mut Reader<'_>) -> Result<Input, RestoreError> {
    Ok(match reader.u8()? {
        SPAWN => Input::Spawn(decode_entity(reader)?),
        DESPAWN => Input::Despawn(reader.id()?),
        SET => Input::Set {
            entity: reader.id()?,
            column: Column::from_number(reader.u16()?).ok_or_else(|| reader.error(Fault::Value("column")))?,
            value: reader.i64()?,
        },
        PLACE => Input::Place { entity: reader.id()?, position: reader.position()? },
        FIRE => Input::Fire(decode_projectile(reader)?),
        EMIT => Input::Emit {
            class: match reader.u8()? {
                0 => Class::Critical,
                1 => Class::High,
                2 => Class::Normal,
                3 => Class::Low,
                _ => return Err(reader.error(Fault::Value("class"))),
            },
            position: reader.position()?,
            subject: reader.id()?,
            object: reader.id()?,
            detail: reader.u32()?,
            value: reader.i64()?,
        },
        TAKE_OVER => Input::TakeOver { player: reader.u32()?, behaviour: reader.u16()? },
        HAND_BACK => Input::HandBack { player: reader.u32()? },
        COMMAND => Input::Command(decode_command(reader)?),
        STEP => Input::Step,
        LOAD => Input::Load { permille: reader.u16()? },
        _ => return Err(reader.error(Fault::Value("input"))),
    })
}

/// Most values of a new entity are 0, so a bit each says which are not; and columns that are added later are not there.
fn encode_entity(entity: &Entity, writer: &mut Writer<'_>) {
    const { assert!(COLUMNS.len() <= 64, "a bit for each column") };
    writer.position(entity.position);
    let values = COLUMNS.iter().filter_map(|column| entity.value(*column).map(|value| (*column, value)));
    let present = values.clone().filter(|(_, value)| *value != 0);
    writer.u64(present.clone().fold(0, |bits, (column, _)| bits | 1 << column.number()));
    for (column, value) in present {
        writer.bytes(&value.to_le_bytes()[..column.bytes()]);
    }
    let attributes = &entity.attributes[..entity.attributes.len().min(ATTRIBUTES_MAX)];
    writer.u8(attributes.len() as u8);
    attributes.iter().for_each(|value| writer.i32(*value));
}

fn decode_entity(reader: &mut Reader<'_>) -> Result<Entity, RestoreError> {
    let mut entity = Entity::at(reader.position()?);
    let present = reader.u64()?;
    if COLUMNS.len() < 64 && present >> COLUMNS.len() != 0 {
        return Err(reader.error(Fault::Value("columns")));
    }
    for column in COLUMNS.iter().copied().filter(|column| present >> column.number() & 1 != 0) {
        let mut bytes = [0; 8];
        bytes[..column.bytes()].copy_from_slice(reader.bytes(column.bytes())?);
        let value = i64::from_le_bytes(bytes);
        // Signed columns take the value with its sign, unsigned ones without; only one of the two fits if they differ.
        let shift = 64 - 8 * column.bytes() as u32;
        let taken = entity.set_value(column, value) || entity.set_value(column, value << shift >> shift);
        if value == 0 || !taken {
            return Err(reader.error(Fault::Value(column.name())));
        }
    }
    let attributes = reader.u8()?;
    if usize::from(attributes) > ATTRIBUTES_MAX {
        return Err(reader.error(Fault::Count("attributes")));
    }
    for _ in 0..attributes {
        entity.attributes.push(reader.i32()?);
    }
    Ok(entity)
}

/// Appends a projectile.
pub(crate) fn encode_projectile(projectile: &Projectile, writer: &mut Writer<'_>) {
    let Projectile { position, velocity_x, velocity_y, radius, damage, range, shooter, team, hits } = projectile;
    writer.position(*position);
    writer.i32(*velocity_x);
    writer.i32(*velocity_y);
    writer.i32(*radius);
    writer.i32(*damage);
    writer.i32(*range);
    writer.id(*shooter);
    writer.u16(*team);
    writer.u16(*hits);
}

pub(crate) fn decode_projectile(reader: &mut Reader<'_>) -> Result<Projectile, RestoreError> {
    Ok(Projectile {
        position: reader.position()?,
        velocity_x: reader.i32()?,
        velocity_y: reader.i32()?,
        radius: reader.i32()?,
        damage: reader.i32()?,
        range: reader.i32()?,
        shooter: reader.id()?,
        team: reader.u16()?,
        hits: reader.u16()?,
    })
}

/// Appends a command.
pub(crate) fn encode_command(command: &Command, writer: &mut Writer<'_>) {
    let Command { player, entity, sector, action, rewind } = command;
    writer.u32(*player);
    writer.id(*entity);
    if let Some(sector) = sector {
        writer.u8(SECTOR);
        writer.sector(*sector);
    }
    let number = match action {
        Action::MoveTo(_) => 0,
        Action::SetVelocity { .. } => 1,
        Action::Attack(_) => 2,
        Action::Fire { .. } => 3,
        Action::Stop => 4,
        Action::Use(_) => 5,
        Action::Custom { .. } => 6,
    };
    if *rewind == 0 {
        writer.u8(number);
    } else {
        writer.u8(number | REWINDS);
        writer.u8(*rewind);
    }
    match *action {
        Action::MoveTo(position) => writer.position(position),
        Action::SetVelocity { x, y } => {
            writer.i32(x);
            writer.i32(y);
        }
        Action::Attack(target) | Action::Use(target) => writer.id(target),
        Action::Fire { heading } => writer.u16(heading),
        Action::Stop => {}
        Action::Custom { kind, target, value } => {
            writer.u16(kind);
            writer.id(target);
            writer.i64(value);
        }
    }
}

pub(crate) fn decode_command(reader: &mut Reader<'_>) -> Result<Command, RestoreError> {
    let (player, entity): (u32, EntityId) = (reader.u32()?, reader.id()?);
    let mut number = reader.u8()?;
    let mut sector = None;
    if number == SECTOR {
        sector = Some(reader.sector()?);
        number = reader.u8()?;
    }
    let mut rewind = 0;
    if number & REWINDS != 0 && number != SECTOR {
        rewind = reader.u8()?;
        if rewind == 0 {
            return Err(reader.error(Fault::Value("rewind")));
        }
        number &= !REWINDS;
    }
    let action = match number {
        0 => Action::MoveTo(reader.position()?),
        1 => Action::SetVelocity { x: reader.i32()?, y: reader.i32()? },
        2 => Action::Attack(reader.id()?),
        3 => Action::Fire { heading: reader.u16()? },
        4 => Action::Stop,
        5 => Action::Use(reader.id()?),
        6 => Action::Custom { kind: reader.u16()?, target: reader.id()?, value: reader.i64()? },
        _ => return Err(reader.error(Fault::Value("action"))),
    };
    Ok(Command { player, entity, sector, action, rewind })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::{Position, SECTOR_SIDE, SectorId};

    fn position() -> impl Strategy<Value = Position> {
        (any::<i64>(), any::<i64>(), 0..SECTOR_SIDE, 0..SECTOR_SIDE).prop_map(|(sector_x, sector_y, x, y)| Position {
            sector: SectorId::new(sector_x, sector_y),
            x,
            y,
        })
    }

    fn sector() -> impl Strategy<Value = SectorId> {
        (any::<i64>(), any::<i64>(), 0..=SectorId::SCALE_MAX)
            .prop_map(|(x, y, scale)| SectorId { x, y, scale }.canonical())
    }

    fn id() -> impl Strategy<Value = EntityId> {
        any::<u64>().prop_map(EntityId::from_bits)
    }

    fn entity() -> impl Strategy<Value = Entity> {
        let values = prop::collection::vec((0..COLUMNS.len(), any::<i64>()), 0..40);
        (position(), values, prop::collection::vec(any::<i32>(), 0..=ATTRIBUTES_MAX)).prop_map(
            |(position, values, attributes)| {
                let mut entity = Entity { attributes, ..Entity::at(position) };
                for (column, value) in values {
                    let column = COLUMNS[column];
                    let shift = 64 - 8 * column.bytes() as u32;
                    let _ = entity.set_value(column, value << shift >> shift)
                        || entity.set_value(column, (value.cast_unsigned() << shift >> shift).cast_signed());
                }
                entity
            },
        )
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            position().prop_map(Action::MoveTo),
            any::<(i32, i32)>().prop_map(|(x, y)| Action::SetVelocity { x, y }),
            id().prop_map(Action::Attack),
            any::<u16>().prop_map(|heading| Action::Fire { heading }),
            Just(Action::Stop),
            id().prop_map(Action::Use),
            (any::<u16>(), id(), any::<i64>()).prop_map(|(kind, target, value)| Action::Custom { kind, target, value }),
        ]
    }

    fn column() -> impl Strategy<Value = Column> {
        prop_oneof![(0..COLUMNS.len()).prop_map(|at| COLUMNS[at]), any::<u8>().prop_map(Column::Attribute)]
    }

    fn projectile() -> impl Strategy<Value = Projectile> {
        (position(), any::<[i32; 5]>(), id(), any::<(u16, u16)>()).prop_map(
            |(position, numbers, shooter, (team, hits))| {
                let [velocity_x, velocity_y, radius, damage, range] = numbers;
                Projectile { position, velocity_x, velocity_y, radius, damage, range, shooter, team, hits }
            },
        )
    }

    fn input() -> impl Strategy<Value = Input> {
        let class = prop::sample::select(vec![Class::Critical, Class::High, Class::Normal, Class::Low]);
        prop_oneof![
            entity().prop_map(Input::Spawn),
            id().prop_map(Input::Despawn),
            (id(), column(), any::<i64>()).prop_map(|(entity, column, value)| Input::Set { entity, column, value }),
            (id(), position()).prop_map(|(entity, position)| Input::Place { entity, position }),
            projectile().prop_map(Input::Fire),
            (class, position(), id(), id(), any::<(u32, i64)>()).prop_map(
                |(class, position, subject, object, (detail, value))| Input::Emit {
                    class,
                    position,
                    subject,
                    object,
                    detail,
                    value
                }
            ),
            any::<(u32, u16)>().prop_map(|(player, behaviour)| Input::TakeOver { player, behaviour }),
            any::<u32>().prop_map(|player| Input::HandBack { player }),
            (any::<u32>(), id(), proptest::option::of(sector()), action(), any::<u8>()).prop_map(
                |(player, entity, sector, action, rewind)| {
                    Input::Command(Command { player, entity, sector, action, rewind })
                }
            ),
            Just(Input::Step),
            any::<u16>().prop_map(|permille| Input::Load { permille }),
            any::<u16>().prop_map(|permille| Input::Load { permille }),
        ]
    }

    fn read(bytes: &[u8]) -> Result<Input, RestoreError> {
        let mut reader = Reader::new(bytes, "input");
        let input = decode_input(&mut reader)?;
        reader.finish()?;
        Ok(input)
    }

    proptest! {
        #[test]
        fn inputs_come_back_and_have_one_form(input in input(), at in any::<prop::sample::Index>(), bit in 0u32..8) {
            let mut bytes = Vec::new();
            encode_input(&input, &mut Writer::new(&mut bytes));
            prop_assert_eq!(read(&bytes), Ok(input));
            for end in 0..bytes.len() {
                prop_assert!(read(&bytes[..end]).is_err());
            }
            let at = at.index(bytes.len());
            bytes[at] ^= 1u8 << bit;
            if let Ok(other) = read(&bytes) {
                let mut again = Vec::new();
                encode_input(&other, &mut Writer::new(&mut again));
                prop_assert_eq!(again, bytes);
            }
        }
    }

    /// A log must be readable whatever the host gave.
    #[test]
    fn places_and_sectors_are_written_under_their_one_name() {
        let place = Position { sector: SectorId { x: 1, y: 2, scale: 9 }, x: -1, y: SECTOR_SIDE };
        let sector = Some(SectorId { x: 1 << 62, y: 0, scale: 200 });
        let command = Command { player: 1, entity: EntityId::NULL, sector, action: Action::MoveTo(place), rewind: 0 };
        let mut bytes = Vec::new();
        encode_input(&Input::Command(command), &mut Writer::new(&mut bytes));
        assert_ne!(command.canonical(), command);
        assert_eq!(read(&bytes), Ok(Input::Command(command.canonical())));
    }

    #[test]
    fn an_entity_that_is_mostly_nothing_takes_little() {
        let mut bytes = Vec::new();
        encode_input(&Input::Spawn(Entity::default()), &mut Writer::new(&mut bytes));
        assert_eq!(bytes.len(), 1 + 24 + 8 + 1);
    }
}
