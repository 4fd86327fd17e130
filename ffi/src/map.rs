//! `muster/map.h`.

use core::ffi::c_char;

use muster_core::map::{Map, PickupEffect, ZoneForm};

use crate::{
    base::{muster_bytes_t, muster_position_t},
    boundary::{Out, Versioned},
    entity::muster_shape_t,
    error::{Refused, call, muster_result_t, muster_result_t::MUSTER_E_MAP},
    world::{World, muster_world_t, with},
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub enum muster_zone_kind_t {
    MUSTER_ZONE_GENERIC = 0,
    MUSTER_ZONE_RESOURCE = 1,
    MUSTER_ZONE_BASE = 2,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub enum muster_pickup_effect_t {
    MUSTER_PICKUP_NOTHING = 0,
    MUSTER_PICKUP_HEALTH = 1,
    MUSTER_PICKUP_ATTRIBUTE = 2,
}

use muster_pickup_effect_t::*;

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_map_info_t {
    pub size: u32,
    pub width: i32,
    pub height: i32,
    pub zones: u32,
    pub pickups: u32,
    pub spawn_points: u32,
    pub routes: u32,
    pub reserved: u32,
    pub origin: muster_position_t,
    pub hash: u64,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_zone_t {
    pub centre: muster_position_t,
    pub kind: u32,
    pub shape: u32,
    pub half_x: i32,
    pub half_y: i32,
    pub capture_ticks: u32,
    pub value: i32,
    pub tag: u32,
    pub team: u16,
    pub reserved: u16,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_spawn_point_t {
    pub position: muster_position_t,
    pub team: u16,
    pub heading: u16,
    pub reserved: u32,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_pickup_t {
    pub position: muster_position_t,
    pub radius: i32,
    pub amount: i32,
    pub respawn_ticks: u32,
    pub effect: u32,
    pub kind: u16,
    pub attribute: u16,
    pub is_there: u32,
}

impl Versioned for muster_map_info_t {
    const SIZE_MIN: usize = 64;
}
impl Versioned for muster_zone_t {
    const SIZE_MIN: usize = 56;
}
impl Versioned for muster_spawn_point_t {
    const SIZE_MIN: usize = 32;
}
impl Versioned for muster_pickup_t {
    const SIZE_MIN: usize = 48;
}

/// Reads a map; an empty text is none.
pub(crate) fn read_map(json: muster_bytes_t) -> Result<Option<Map>, Refused> {
    let map = json.text("map_json")?.map(Map::from_json).transpose();
    map.map_err(|error| Refused::new(MUSTER_E_MAP, error.to_string()))
}

/// The map of a world, or the refusal of what needs one.
pub(crate) fn map_of(world: &World) -> Result<&Map, Refused> {
    world.core.map().ok_or_else(|| Refused::new(MUSTER_E_MAP, "the world has no map"))
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_map_check(map_json: muster_bytes_t) -> muster_result_t {
    call(|| {
        let text = map_json.text("map_json")?.unwrap_or_default();
        Map::from_json(text).map(drop).map_err(|error| Refused::new(MUSTER_E_MAP, error.to_string()))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_map_info(world: *mut muster_world_t, out_info: Out<muster_map_info_t>) -> muster_result_t {
    with(world, |world| {
        let map = map_of(world)?;
        let info = muster_map_info_t {
            size: 0,
            width: map.width(),
            height: map.height(),
            zones: map.zones().len() as u32,
            pickups: map.pickups().len() as u32,
            spawn_points: map.spawn_points().len() as u32,
            routes: map.routes().len() as u32,
            reserved: 0,
            origin: map.origin().into(),
            hash: map.hash(),
        };
        out_info.write_versioned(info, "out_info")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_map_zones(
    world: *mut muster_world_t,
    out_zones: Out<muster_zone_t>,
    zone_size: usize,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(world, |world| {
        let map = map_of(world)?;
        let zones = map.zones().iter().map(|zone| {
            let (shape, at, half) = match zone.form {
                ZoneForm::Circle { at, radius } => (muster_shape_t::MUSTER_SHAPE_CIRCLE, at, (radius, radius)),
                ZoneForm::Box { min, max } => {
                    let middle = (i32::midpoint(min.0, max.0), i32::midpoint(min.1, max.1));
                    (muster_shape_t::MUSTER_SHAPE_BOX, middle, (max.0 - middle.0, max.1 - middle.1))
                }
            };
            muster_zone_t {
                centre: map.position(at.0, at.1).into(),
                kind: zone.kind as u32,
                shape: shape as u32,
                half_x: half.0,
                half_y: half.1,
                capture_ticks: zone.capture_ticks,
                value: zone.value,
                tag: zone.tag,
                team: zone.team,
                reserved: 0,
            }
        });
        out_zones.fill_records(zones, zone_size, capacity, out_count, "out_zones")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_map_zone_name(
    world: *mut muster_world_t,
    zone: u32,
    out_name: Out<c_char>,
    capacity: usize,
    out_length: Out<usize>,
) -> muster_result_t {
    with(world, |world| {
        let zones = map_of(world)?.zones();
        let found = zones.get(zone as usize);
        let found = found.ok_or_else(|| Refused::argument("zone", &format!("is {zone}, of {} zones", zones.len())))?;
        out_name.fill_text(&found.name, capacity, out_length, "out_name")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_map_spawn_points(
    world: *mut muster_world_t,
    out_points: Out<muster_spawn_point_t>,
    point_size: usize,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(world, |world| {
        let map = map_of(world)?;
        let points = map.spawn_points().iter().map(|point| muster_spawn_point_t {
            position: map.position(point.x, point.y).into(),
            team: point.team,
            heading: point.heading,
            reserved: 0,
        });
        out_points.fill_records(points, point_size, capacity, out_count, "out_points")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_map_pickups(
    world: *mut muster_world_t,
    out_pickups: Out<muster_pickup_t>,
    pickup_size: usize,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(world, |world| {
        let map = map_of(world)?;
        let pickups = map.pickups().iter().enumerate().map(|(number, pickup)| {
            let (effect, attribute) = match &pickup.effect {
                PickupEffect::None => (MUSTER_PICKUP_NOTHING, 0),
                PickupEffect::Health => (MUSTER_PICKUP_HEALTH, 0),
                PickupEffect::Attribute(attribute) => (MUSTER_PICKUP_ATTRIBUTE, u16::from(*attribute)),
                PickupEffect::Named(name) => unreachable!("no world is made while {name} has no number"),
            };
            muster_pickup_t {
                position: map.position(pickup.x, pickup.y).into(),
                radius: pickup.radius,
                amount: pickup.amount,
                respawn_ticks: pickup.respawn_ticks,
                effect: effect as u32,
                kind: pickup.kind,
                attribute,
                is_there: world.core.is_pickup_there(number as u32).into(),
            }
        });
        out_pickups.fill_records(pickups, pickup_size, capacity, out_count, "out_pickups")
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn muster_map_route(
    world: *mut muster_world_t,
    route: u32,
    out_points: Out<muster_position_t>,
    capacity: usize,
    out_count: Out<usize>,
) -> muster_result_t {
    with(world, |world| {
        let map = map_of(world)?;
        let routes = map.routes();
        let found = routes.get(route as usize);
        let found =
            found.ok_or_else(|| Refused::argument("route", &format!("is {route}, of {} routes", routes.len())))?;
        let points = found.iter().map(|(x, y)| map.position(*x, *y).into());
        out_points.fill(points, capacity, out_count, "out_points")
    })
}
