//! The scenes, defined once for every engine.
//!
//! A scene is integers in the core's units, so that both engines start from the same state; rapier2d gets them as the
//! nearest `f32` in metres.

use std::f64::consts::TAU;

use muster_core::METRE;

/// The radius of every disc, in metres.
pub(crate) const RADIUS_M: f64 = 0.5;
/// Ticks a second, of both engines.
pub(crate) const TICK_RATE_HZ: u32 = 60;
/// How much of a disc's cell its jitter leaves free, so that no two begin in touch, in metres.
const CLEARANCE_M: f64 = 0.01;

/// One disc at the start. Lengths are in units of 2^-16 m from the lower left corner of the scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disc {
    pub(crate) x: i64,
    pub(crate) y: i64,
    /// Units a second.
    pub(crate) velocity_x: i32,
    /// Units a second.
    pub(crate) velocity_y: i32,
}

/// What every disc of a crowd does: it heads for the middle of the scene.
///
/// **The wanted velocity points at the middle with as much speed as can still be braked away on the way there, `speed` at
/// most and no more than leads there in a tick; the velocity changes towards it by at most `acceleration` a second.** This
/// is the core's own rule for an entity that was told to go somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pull {
    /// Units a second.
    pub(crate) speed: i32,
    /// Units a second per second.
    pub(crate) acceleration: i32,
}

/// A scene: discs in a square.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) discs: Vec<Disc>,
    /// The side of the square, in units of length.
    pub(crate) side: i64,
    /// Whether walls stand around the square.
    pub(crate) is_walled: bool,
    /// Whether the discs bounce off each other without loss, or not at all.
    pub(crate) is_elastic: bool,
    /// Where they want to go, if anywhere.
    pub(crate) pull: Option<Pull>,
}

impl Scene {
    /// `count` discs bouncing at 1 to 10 m/s in a walled square of side sqrt(`count`) x `spacing_m`, without friction,
    /// gravity or loss.
    pub(crate) fn drift(count: usize, spacing_m: f64) -> Self {
        let mut chance = Chance(0x6d75_7374_6572);
        let side_m = (count as f64).sqrt() * spacing_m;
        let discs = grid(count, side_m, &mut chance)
            .into_iter()
            .map(|(x, y)| {
                let (speed, angle) = (1.0 + 9.0 * chance.unit(), TAU * chance.unit());
                Disc {
                    x,
                    y,
                    velocity_x: units(speed * angle.cos()) as i32,
                    velocity_y: units(speed * angle.sin()) as i32,
                }
            })
            .collect();
        Self { discs, side: units(side_m), is_walled: true, is_elastic: true, pull: None }
    }

    /// `count` resting discs, 2 m apart, that all head for the middle of their square at 5 m/s, do not bounce, and press
    /// on when they cannot get there.
    pub(crate) fn crowd(count: usize) -> Self {
        let side_m = (count as f64).sqrt() * 2.0;
        let discs = grid(count, side_m, &mut Chance(0x63_726f_7764))
            .into_iter()
            .map(|(x, y)| Disc { x, y, velocity_x: 0, velocity_y: 0 })
            .collect();
        let pull = Pull { speed: 5 * METRE, acceleration: 20 * METRE };
        Self { discs, side: units(side_m), is_walled: false, is_elastic: false, pull: Some(pull) }
    }
}

/// Metres in units of length.
pub(crate) fn units(metres: f64) -> i64 {
    (metres * f64::from(METRE)).round() as i64
}

/// Units of length in metres.
pub(crate) fn metres(units: i64) -> f64 {
    units as f64 / f64::from(METRE)
}

/// `count` places in a square, one in each cell of a grid, as far from the middle of the cell as chance has it and no two
/// discs touching.
fn grid(count: usize, side_m: f64, chance: &mut Chance) -> Vec<(i64, i64)> {
    let columns = (count as f64).sqrt().ceil();
    let cell = side_m / columns;
    let jitter = cell / 2.0 - RADIUS_M - CLEARANCE_M;
    assert!(jitter > 0.0, "a cell of {cell} m has room for a disc");
    (0..count)
        .map(|index| {
            let (column, row) = (index as f64 % columns, (index as f64 / columns).floor());
            let mut along = |cells: f64| units((cells + 0.5) * cell + (2.0 * chance.unit() - 1.0) * jitter);
            (along(column), along(row))
        })
        .collect()
}

/// Numbers that look random and are the same in every run: splitmix64.
#[derive(Debug, Clone)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// Any number.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From 0 up to and not including 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 up to and not including `end`, which is at least 1.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(end)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_discs_of_a_scene_begin_in_touch() {
        for scene in [Scene::drift(1_000, 1.8), Scene::drift(1_000, 4.0), Scene::crowd(1_000)] {
            for (index, disc) in scene.discs.iter().enumerate() {
                assert!((0..scene.side).contains(&disc.x) && (0..scene.side).contains(&disc.y));
                for other in &scene.discs[..index] {
                    assert!((metres(disc.x - other.x)).hypot(metres(disc.y - other.y)) > 2.0 * RADIUS_M);
                }
            }
        }
    }

    #[test]
    fn discs_drift_at_1_to_10_metres_a_second() {
        let speeds = Scene::drift(1_000, 4.0).discs;
        let speeds = speeds.iter().map(|disc| metres(disc.velocity_x.into()).hypot(metres(disc.velocity_y.into())));
        let (low, high) = speeds.fold((f64::MAX, 0.0_f64), |(low, high), speed| (low.min(speed), high.max(speed)));
        assert!((0.999..1.2).contains(&low) && (9.8..10.001).contains(&high), "{low} to {high}");
    }
}
