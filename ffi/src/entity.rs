//! `muster/entity.h`.

use core::mem;

use muster_core::{
    Column, Entity, EntityId, Input, METRE, Position,
    entity::COLUMNS,
    world::{SpawnError, WriteError},
};

use crate::{
    base::muster_position_t,
    boundary::{In, Out, Plain, Versioned},
    error::{Refused, muster_result_t, muster_result_t::*},
    world::{World, muster_world_t, with},
};

#[allow(non_camel_case_types, reason = "the name that C has")]
pub type muster_entity_t = u64;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub enum muster_shape_t {
    MUSTER_SHAPE_CIRCLE = 0,
    MUSTER_SHAPE_BOX = 1,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub enum muster_column_t {
    MUSTER_COLUMN_VELOCITY_X = 0,
    MUSTER_COLUMN_VELOCITY_Y = 1,
    MUSTER_COLUMN_HEADING = 2,
    MUSTER_COLUMN_SHAPE = 3,
    MUSTER_COLUMN_HALF_X = 4,
    MUSTER_COLUMN_HALF_Y = 5,
    MUSTER_COLUMN_MASS = 6,
    MUSTER_COLUMN_RESTITUTION = 7,
    MUSTER_COLUMN_LAYERS = 8,
    MUSTER_COLUMN_COLLIDES = 9,
    MUSTER_COLUMN_SPEED_MAX = 10,
    MUSTER_COLUMN_ACCELERATION_MAX = 11,
    MUSTER_COLUMN_HEALTH = 12,
    MUSTER_COLUMN_HEALTH_MAX = 13,
    MUSTER_COLUMN_STATE = 14,
    MUSTER_COLUMN_TEAM = 15,
    MUSTER_COLUMN_KIND = 16,
    MUSTER_COLUMN_OWNER = 17,
    MUSTER_COLUMN_FLAGS = 18,
    MUSTER_COLUMN_TARGET = 19,
    MUSTER_COLUMN_ORDER = 20,
    MUSTER_COLUMN_GOAL_X = 21,
    MUSTER_COLUMN_GOAL_Y = 22,
    MUSTER_COLUMN_WEAPON = 23,
    MUSTER_COLUMN_READY_TICK = 24,
    MUSTER_COLUMN_PATH = 25,
    MUSTER_COLUMN_WAYPOINT = 26,
    MUSTER_COLUMN_BOT = 27,
    MUSTER_COLUMN_BOT_STATE = 28,
    MUSTER_COLUMN_ATTRIBUTE = 256,
}

// The numbers of C are those of the core; a column that the core adds has to be added here.
const _: () = {
    assert!(COLUMNS.len() == muster_column_t::MUSTER_COLUMN_BOT_STATE as usize + 1);
    assert!(COLUMNS[muster_column_t::MUSTER_COLUMN_BOT_STATE as usize].number() == 28);
    assert!(Column::Attribute(0).number() == muster_column_t::MUSTER_COLUMN_ATTRIBUTE as u16);
};

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_spawn_t {
    pub position: muster_position_t,
    pub attributes: In<i32>,
    pub velocity_x: i32,
    pub velocity_y: i32,
    pub speed_max: i32,
    pub acceleration_max: i32,
    pub health: i32,
    pub health_max: i32,
    pub mass: u32,
    pub owner: u32,
    pub flags: u32,
    pub attribute_count: u32,
    pub heading: u16,
    pub half_x: u16,
    pub half_y: u16,
    pub layers: u16,
    pub collides: u16,
    pub state: u16,
    pub team: u16,
    pub kind: u16,
    pub bot: u16,
    pub shape: u8,
    pub restitution: u8,
    pub weapon: u8,
    pub reserved: [u8; 3],
}

impl Versioned for muster_spawn_t {
    const SIZE_MIN: usize = 96;
}

impl muster_spawn_t {
    fn read(&self, attributes_max: usize) -> Result<Entity, Refused> {
        let count = self.attribute_count as usize;
        if count > attributes_max {
            let text = format!("attribute_count is {count}; the world has {attributes_max} attributes");
            return Err(Refused::new(MUSTER_E_VALUE, text));
        }
        if self.reserved != [0; 3] {
            return Err(Refused::new(MUSTER_E_VALUE, "reserved must be 0"));
        }
        Ok(Entity {
            position: self.position.read("position")?,
            attributes: self.attributes.slice(count, "attributes")?.to_vec(),
            velocity_x: self.velocity_x,
            velocity_y: self.velocity_y,
            speed_max: self.speed_max,
            acceleration_max: self.acceleration_max,
            health: self.health,
            health_max: self.health_max,
            mass: self.mass,
            owner: self.owner,
            flags: self.flags,
            heading: self.heading,
            half_x: self.half_x,
            half_y: self.half_y,
            layers: self.layers,
            collides: self.collides,
            state: self.state,
            team: self.team,
            kind: self.kind,
            bot: self.bot,
            shape: self.shape,
            restitution: self.restitution,
            weapon: self.weapon,
            ..Entity::default()
        })
    }
}

/// The column of a number; attributes only as far as the world has them.
fn column(world: &World, number: u32) -> Result<Column, Refused> {
    let attributes = world.core.config().attributes.len();
    let column = u16::try_from(number).ok().and_then(Column::from_number);
    let declared = |column: &Column| !matches!(column, Column::Attribute(number) if usize::from(*number) >= attributes);
    column.filter(declared).ok_or_else(|| {
        Refused::argument("column", &format!("{number} is none of a world with {attributes} attributes"))
    })
}

fn gone(index: usize, id: EntityId) -> Refused {
    Refused::new(MUSTER_E_ENTITY, format!("ids[{index}], {id}, is no entity of this world: gone, or never was"))
}

fn all_live(world: &World, ids: &[EntityId]) -> Result<(), Refused> {
    let dead = ids.iter().position(|id| !world.core.is_alive(*id));
    dead.map_or(Ok(()), |index| Err(gone(index, ids[index])))
}

fn spawn_refused(index: usize, error: SpawnError) -> Refused {
    let code = match error {
        SpawnError::TooManyEntities | SpawnError::TooManySectors => MUSTER_E_FULL,
        SpawnError::Position | SpawnError::Value(_) | SpawnError::Attributes => MUSTER_E_VALUE,
    };
    Refused::new(code, format!("spawns[{index}]: {error}"))
}

fn write_refused(index: usize, id: EntityId, column: Option<Column>, error: WriteError) -> Refused {
    match (error, column) {
        (WriteError::Gone, _) => gone(index, id),
        (WriteError::Value, Some(column)) => {
            Refused::new(MUSTER_E_VALUE, format!("values[{index}] is out of the range of {}", column.name()))
        }
        (WriteError::Position, _) => {
            Refused::new(MUSTER_E_FULL, format!("positions[{index}]: no sector is left for it"))
        }
        (error, _) => Refused::new(MUSTER_E_VALUE, format!("at {index}: {error}")),
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_entities_spawn(
    world: *mut muster_world_t,
    spawns: In<muster_spawn_t>,
    count: usize,
    spawn_size: usize,
    out_ids: Out<muster_entity_t>,
) -> muster_result_t {
    with(world, |world| {
        let attributes = world.core.config().attributes.len();
        let records = spawns.records(count, spawn_size, "spawns")?;
        let entities: Vec<Entity> = records
            .enumerate()
            .map(|(index, spawn)| {
                spawn?.read(attributes).map_err(|refused| refused.within(&format!("spawns[{index}]")))
            })
            .collect::<Result<_, _>>()?;
        if !out_ids.is_null() {
            out_ids.check("out_ids")?;
        }
        world.core.check_spawns(&entities).map_err(|(index, error)| spawn_refused(index, error))?;
        let mut ids = Vec::with_capacity(entities.len());
        for entity in entities {
            ids.push(world.spawn(entity).bits());
        }
        if out_ids.is_null() { Ok(()) } else { out_ids.write_all(&ids, "out_ids") }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_entities_despawn(
    world: *mut muster_world_t,
    ids: In<muster_entity_t>,
    count: usize,
) -> muster_result_t {
    with_ids(world, ids, count, |world, ids| {
        all_live(world, ids)?;
        let mut sorted = ids.to_vec();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Refused::argument("ids", &format!("has {} twice", pair[0])));
        }
        ids.iter().for_each(|id| world.accept(&Input::Despawn(*id)));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_entities_ids(
    world: *mut muster_world_t,
    out_ids: Out<muster_entity_t>,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(world, |world| {
        let mut ids = world.take_ids();
        world.core.ids(&mut ids);
        let answer = out_ids.fill(ids.iter().map(|id| id.bits()), capacity, out_count, "out_ids");
        world.ids = ids;
        answer
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_entity_is_alive(
    world: *mut muster_world_t,
    id: muster_entity_t,
    out_is_alive: Out<bool>,
) -> muster_result_t {
    with(world, |world| out_is_alive.write(world.core.is_alive(EntityId::from_bits(id)), "out_is_alive"))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_entities_read_i64(
    world: *mut muster_world_t,
    ids: In<muster_entity_t>,
    count: usize,
    column: u32,
    out_values: Out<i64>,
) -> muster_result_t {
    read_column(world, ids, count, column, out_values, |world| &mut world.wide, |_, value| Ok(value))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_entities_read_i32(
    world: *mut muster_world_t,
    ids: In<muster_entity_t>,
    count: usize,
    column: u32,
    out_values: Out<i32>,
) -> muster_result_t {
    read_column(
        world,
        ids,
        count,
        column,
        out_values,
        |world| &mut world.narrow,
        |index, value| {
            i32::try_from(value).map_err(|_| {
                Refused::new(MUSTER_E_VALUE, format!("the value of ids[{index}], {value}, does not fit 32 bits"))
            })
        },
    )
}

fn read_column<T: Plain>(
    world: *mut muster_world_t,
    ids: In<muster_entity_t>,
    count: usize,
    number: u32,
    out_values: Out<T>,
    scratch: fn(&mut World) -> &mut Vec<T>,
    convert: impl Fn(usize, i64) -> Result<T, Refused>,
) -> muster_result_t {
    with_ids(world, ids, count, |world, ids| {
        let column = column(world, number)?;
        let mut kept = mem::take(scratch(world));
        let values = ids.iter().enumerate().map(|(index, id)| {
            let value = world.core.value(*id, column).map_err(|_| gone(index, *id))?;
            convert(index, value)
        });
        let answer = out_values.fill_all(values, &mut kept, "out_values");
        *scratch(world) = kept;
        answer
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_entities_write_i64(
    world: *mut muster_world_t,
    ids: In<muster_entity_t>,
    count: usize,
    column: u32,
    values: In<i64>,
) -> muster_result_t {
    write_column(world, ids, count, column, values)
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_entities_write_i32(
    world: *mut muster_world_t,
    ids: In<muster_entity_t>,
    count: usize,
    column: u32,
    values: In<i32>,
) -> muster_result_t {
    write_column(world, ids, count, column, values)
}

fn write_column<T: Plain + Into<i64>>(
    world: *mut muster_world_t,
    ids: In<muster_entity_t>,
    count: usize,
    number: u32,
    values: In<T>,
) -> muster_result_t {
    with_ids(world, ids, count, |world, ids| {
        let column = column(world, number)?;
        let values: Vec<i64> = values.slice(count, "values")?.iter().map(|value| (*value).into()).collect();
        world
            .core
            .check_values(ids, column, &values)
            .map_err(|(index, error)| write_refused(index, ids[index], Some(column), error))?;
        for (entity, value) in ids.iter().zip(values) {
            world.accept(&Input::Set { entity: *entity, column, value });
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_entities_read_positions(
    world: *mut muster_world_t,
    ids: In<muster_entity_t>,
    count: usize,
    out_positions: Out<muster_position_t>,
) -> muster_result_t {
    with_ids(world, ids, count, |world, ids| {
        let positions = ids
            .iter()
            .enumerate()
            .map(|(index, id)| world.core.position(*id).map(muster_position_t::from).map_err(|_| gone(index, *id)));
        out_positions.fill_all(positions, &mut world.positions, "out_positions")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_entities_read_metres(
    world: *mut muster_world_t,
    ids: In<muster_entity_t>,
    count: usize,
    origin: muster_position_t,
    out_xy: Out<f32>,
) -> muster_result_t {
    with_ids(world, ids, count, |world, ids| {
        let origin = origin.normal();
        // Beyond 2^62 units nothing is drawn, so the far end of a float will do.
        let metres = |units: i64| (units as f64 / f64::from(METRE)) as f32;
        let pairs = ids.iter().enumerate().map(|(index, id)| {
            let position = world.core.position(*id).map_err(|_| gone(index, *id))?;
            let offset = origin.offset_to(position);
            Ok(offset.map_or([f32::INFINITY; 2], |(right, up)| [metres(right), metres(up)]))
        });
        out_xy.pairs().fill_all(pairs, &mut world.pairs, "out_xy")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_entities_place(
    world: *mut muster_world_t,
    ids: In<muster_entity_t>,
    count: usize,
    positions: In<muster_position_t>,
) -> muster_result_t {
    with_ids(world, ids, count, |world, ids| {
        let positions: Vec<Position> =
            positions.slice(count, "positions")?.iter().map(|at| at.read("positions[]")).collect::<Result<_, _>>()?;
        world
            .core
            .check_places(ids, &positions)
            .map_err(|(index, error)| write_refused(index, ids[index], None, error))?;
        for (entity, position) in ids.iter().zip(positions) {
            world.accept(&Input::Place { entity: *entity, position });
        }
        Ok(())
    })
}

/// Works with a world and the ids that a caller gives, in a list that the world keeps for the next call.
fn with_ids(
    world: *mut muster_world_t,
    ids: In<muster_entity_t>,
    count: usize,
    work: impl FnOnce(&mut World, &[EntityId]) -> Result<(), Refused>,
) -> muster_result_t {
    with(world, |world| {
        let mut list = world.take_ids();
        let given = ids.slice(count, "ids");
        let answer = given.and_then(|given| {
            list.extend(given.iter().map(|id| EntityId::from_bits(*id)));
            work(world, &list)
        });
        world.ids = list;
        answer
    })
}
