//! Discs that bounce: the one scene in which movement is straight for long.

use std::f64::consts::TAU;

use muster_core::{
    Entity, Execution, METRE, Map, World, WorldConfig,
    map::{MapDef, NavigationDef, WallDef, WallForm},
};

use super::{
    CORNER, Scene, TICK_RATE_HZ,
    chance::Chance,
    measure::{extent, place, units},
};

/// How far apart discs begin, in metres.
const SPACING_M: f64 = 4.0;
/// The radius of every disc, in metres.
const RADIUS_M: f64 = 0.5;
/// The thickness of the walls, in metres.
const WALL_M: f64 = 10.0;

/// Discs of radius 0.5 m at 1 to 10 m/s in a walled square, without loss.
#[derive(Debug)]
pub struct Drift {
    world: World,
}

/// The side of the square of so many discs, in metres.
pub(super) fn side_m(discs: usize) -> f64 {
    (discs as f64).sqrt() * SPACING_M
}

impl Drift {
    /// So many discs on a jittered grid.
    pub fn new(discs: usize, seed: u64, execution: Execution) -> Self {
        let mut chance = Chance::new(seed);
        let side = side_m(discs);
        let config = WorldConfig {
            seed,
            tick_rate_hz: TICK_RATE_HZ,
            entities_max: discs.max(1) as u32,
            projectiles_max: 16,
            ..WorldConfig::default()
        };
        let mut world = World::new(config, Some(walls(side)), execution).expect("the configuration is in bounds");
        let columns = (discs as f64).sqrt().ceil();
        let cell = side / columns;
        let jitter = cell / 2.0 - RADIUS_M - 0.01;
        for index in 0..discs {
            let (column, row) = (index as f64 % columns, (index as f64 / columns).floor());
            let mut along = |cells: f64| (cells + 0.5) * cell + chance.between(-jitter, jitter);
            let (x, y) = (along(column), along(row));
            let (speed, angle) = (chance.between(1.0, 10.0), chance.between(0.0, TAU));
            let disc = Entity {
                half_x: extent(RADIUS_M),
                mass: 80_000,
                restitution: 255,
                layers: 1,
                collides: 1,
                velocity_x: units(speed * angle.cos()) as i32,
                velocity_y: units(speed * angle.sin()) as i32,
                ..Entity::at(place(CORNER, x, y))
            };
            world.spawn(&disc).expect("there is room for the discs");
        }
        Self { world }
    }
}

impl Scene for Drift {
    fn world(&self) -> &World {
        &self.world
    }

    fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    fn play(&mut self) {}
}

fn walls(side: f64) -> Map {
    let (thick, inner) = (WALL_M as i32 * METRE, WALL_M as i32 * METRE + units(side) as i32);
    let outer = inner + thick;
    let boxes = [
        ((0, 0), (outer, thick)),
        ((0, inner), (outer, outer)),
        ((0, thick), (thick, inner)),
        ((inner, thick), (outer, inner)),
    ];
    let definition = MapDef {
        origin: place(CORNER, -WALL_M, -WALL_M),
        walls: boxes.map(|(min, max)| WallDef { form: WallForm::Box { min, max }, layers: u16::MAX }).to_vec(),
        // Nobody looks for paths here, so the grid for them is as coarse as it can be.
        navigation: NavigationDef { cell_shift: Some(24), ..NavigationDef::default() },
        ..MapDef::empty(outer, outer)
    };
    Map::new(definition).expect("the walls are in bounds")
}
