//! `muster/query.h`.

use muster_core::{EntityId, Position, world::Filter};

use crate::{
    base::muster_position_t,
    boundary::{In, Out, Versioned},
    entity::muster_entity_t,
    error::{Refused, muster_result_t},
    world::{World, muster_world_t, with},
};

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_filter_t {
    pub size: u32,
    pub layers: u16,
    pub except_team: u16,
    pub except: muster_entity_t,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_ray_hit_t {
    pub size: u32,
    pub reserved: u32,
    pub entity: muster_entity_t,
    pub time: u64,
    pub position: muster_position_t,
}

impl Versioned for muster_filter_t {
    const SIZE_MIN: usize = 16;
}
impl Versioned for muster_ray_hit_t {
    const SIZE_MIN: usize = 48;
}

fn read_filter(filter: In<muster_filter_t>) -> Result<Filter, Refused> {
    if filter.is_null() {
        return Ok(Filter::default());
    }
    let muster_filter_t { layers, except_team, except, .. } = filter.versioned("filter")?;
    Ok(Filter { layers, except_team, except: EntityId::from_bits(except) })
}

/// Lets `find` fill a list and gives the caller what is in it.
fn answer_with(
    world: *mut muster_world_t,
    centre: muster_position_t,
    filter: In<muster_filter_t>,
    find: impl FnOnce(&mut World, Position, &Filter, &mut Vec<EntityId>),
    answer: impl FnOnce(&[EntityId]) -> Result<(), Refused>,
) -> muster_result_t {
    with(world, |world| {
        let (centre, filter) = (centre.read("centre")?, read_filter(filter)?);
        let mut ids = world.take_ids();
        find(world, centre, &filter, &mut ids);
        let answer = answer(&ids);
        world.ids = ids;
        answer
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_query_radius(
    world: *mut muster_world_t,
    centre: muster_position_t,
    radius: i64,
    filter: In<muster_filter_t>,
    out_ids: Out<muster_entity_t>,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    answer_with(
        world,
        centre,
        filter,
        |world, centre, filter, ids| world.core.radius(centre, radius, filter, ids),
        |ids| out_ids.fill(ids.iter().map(|id| id.bits()), capacity, out_count, "out_ids"),
    )
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_query_box(
    world: *mut muster_world_t,
    centre: muster_position_t,
    half_width: i64,
    half_height: i64,
    filter: In<muster_filter_t>,
    out_ids: Out<muster_entity_t>,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    answer_with(
        world,
        centre,
        filter,
        |world, centre, filter, ids| world.core.in_box(centre, half_width, half_height, filter, ids),
        |ids| out_ids.fill(ids.iter().map(|id| id.bits()), capacity, out_count, "out_ids"),
    )
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_query_nearest(
    world: *mut muster_world_t,
    centre: muster_position_t,
    radius: i64,
    filter: In<muster_filter_t>,
    out_ids: Out<muster_entity_t>,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    answer_with(
        world,
        centre,
        filter,
        |world, centre, filter, ids| world.core.nearest(centre, radius, capacity, filter, ids),
        |ids| out_ids.fill(ids.iter().map(|id| id.bits()), capacity, out_count, "out_ids"),
    )
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_query_ray(
    world: *mut muster_world_t,
    from: muster_position_t,
    right: i64,
    up: i64,
    radius: i32,
    filter: In<muster_filter_t>,
    out_is_hit: Out<bool>,
    out_hit: Out<muster_ray_hit_t>,
) -> muster_result_t {
    muster_query_raycast_rewound(world, from, right, up, radius, filter, 0, out_is_hit, out_hit)
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_query_raycast_rewound(
    world: *mut muster_world_t,
    from: muster_position_t,
    right: i64,
    up: i64,
    radius: i32,
    filter: In<muster_filter_t>,
    ticks: u32,
    out_is_hit: Out<bool>,
    out_hit: Out<muster_ray_hit_t>,
) -> muster_result_t {
    with(world, |world| {
        let (from, filter) = (from.read("from")?, read_filter(filter)?);
        out_is_hit.check("out_is_hit")?;
        out_hit.check_versioned("out_hit")?;
        let ticks = u8::try_from(ticks).unwrap_or(u8::MAX);
        let hit = world.core.raycast_rewound(from, right, up, radius, &filter, ticks);
        if let Some(hit) = hit {
            let (entity, time, position) = (hit.entity.bits(), hit.time, hit.position.into());
            out_hit.write_versioned(muster_ray_hit_t { size: 0, reserved: 0, entity, time, position }, "out_hit")?;
        }
        out_is_hit.write(hit.is_some(), "out_is_hit")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_query_line_of_sight(
    world: *mut muster_world_t,
    from: muster_position_t,
    to: muster_position_t,
    out_is_free: Out<bool>,
) -> muster_result_t {
    with(world, |world| {
        let is_free = world.core.line_of_sight(from.read("from")?, to.read("to")?);
        out_is_free.write(is_free, "out_is_free")
    })
}
