//! Metres and radians, in which scenes are thought out, as the integers of the core.

use std::f64::consts::TAU;

use muster_core::{EntityId, METRE, Position, World, command::Action, command::Command};

/// Metres in units of length.
pub fn units(metres: f64) -> i64 {
    (metres * f64::from(METRE)).round() as i64
}

/// Units of length in metres.
pub fn metres(units: i64) -> f64 {
    units as f64 / f64::from(METRE)
}

/// The place so many metres right of and above another.
pub fn place(origin: Position, x: f64, y: f64) -> Position {
    origin.offset(units(x), units(y))
}

/// How many metres a place is right of and above another.
pub fn metres_between(from: Position, to: Position) -> (f64, f64) {
    let (x, y) = from.offset_to(to).expect("places of a scene are near each other");
    (metres(x), metres(y))
}

/// An extent in metres as columns have it, in 2^-8 m.
pub(super) fn extent(metres: f64) -> u16 {
    (metres * 256.0).round() as u16
}

/// An angle in radians as columns have it.
pub(super) fn turn(radians: f64) -> u16 {
    (radians.rem_euclid(TAU) / TAU * 65_536.0) as u32 as u16
}

/// The short way round from one direction to another, in radians from -pi to pi.
pub(super) fn short_way(from: f64, to: f64) -> f64 {
    let way = (to - from).rem_euclid(TAU);
    if way > TAU / 2.0 { way - TAU } else { way }
}

/// Tells an entity a velocity in metres a second, cut to what it can do.
pub(super) fn steer(world: &mut World, entity: EntityId, x: f64, y: f64, speed_max: f64) {
    // A little below the limit, which rounding would otherwise pass.
    let scale = (speed_max * 0.9999 / x.hypot(y).max(1e-9)).min(1.0);
    let action = Action::SetVelocity { x: units(x * scale) as i32, y: units(y * scale) as i32 };
    order(world, entity, action);
}

/// Gives a command as the host.
pub(super) fn order(world: &mut World, entity: EntityId, action: Action) {
    // What cannot be done any more, since the entity or its target is gone, is refused when the tick begins.
    let accepted = world.command(Command { player: 0, entity, sector: None, action, rewind: 0 });
    debug_assert!(accepted.is_ok(), "the host has no rate");
}
