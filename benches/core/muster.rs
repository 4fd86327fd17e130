//! The scenes in Muster.

use muster_core::{Column, Entity, EntityId, Execution, METRE, Position, SectorId, World, WorldConfig, command::Order};

use crate::{
    engine::{Body, Engine},
    scene::{RADIUS_M, Scene, TICK_RATE_HZ, metres, units},
};

/// All work on the caller's thread.
pub(crate) const ONE_THREAD: Execution = Execution { shards: 1, threads: 1, inline_below: 0, split_above: 0 };

/// Where the lower left corner of a scene is: far enough from the sector's corner that the walls are in the sector too.
const CORNER_M: f64 = 20.0;
/// Half the thickness of the walls, in metres.
const WALL_HALF_M: f64 = 5.0;
/// Half the length of one piece of wall, in metres: an entity may be little longer.
const PIECE_HALF_M: f64 = 200.0;

/// A scene in Muster.
pub(crate) struct Muster {
    pub(crate) world: World,
    /// The discs, in the order of the scene.
    pub(crate) discs: Vec<EntityId>,
    /// Where the scene's lower left corner is.
    pub(crate) corner: Position,
}

impl Muster {
    /// The scene on one thread.
    pub(crate) fn new(scene: &Scene) -> Self {
        Self::with(scene, 0, ONE_THREAD)
    }

    /// The scene with so many attributes an entity, worked on as `execution` says.
    pub(crate) fn with(scene: &Scene, attributes: usize, execution: Execution) -> Self {
        let side_m = metres(scene.side);
        let walls = if scene.is_walled { walls(side_m) } else { Vec::new() };
        let config = WorldConfig {
            tick_rate_hz: TICK_RATE_HZ,
            entities_max: (scene.discs.len() + walls.len()) as u32,
            projectiles_max: 1_024,
            attributes: (0..attributes).map(|number| format!("attribute {number}")).collect(),
            ..WorldConfig::default()
        };
        let mut world = World::new(config, execution).expect("the configuration is in bounds");
        let corner = Position::new(SectorId::new(0, 0), units(CORNER_M), units(CORNER_M));
        let plain = Entity {
            restitution: if scene.is_elastic { 255 } else { 0 },
            layers: 1,
            collides: 1,
            attributes: (0..attributes as i32).collect(),
            ..Entity::at(corner)
        };
        for [x, y, half_x, half_y] in walls {
            let wall = Entity {
                position: corner.offset(units(x), units(y)),
                shape: 1,
                half_x: (half_x * 256.0) as u16,
                half_y: (half_y * 256.0) as u16,
                ..plain.clone()
            };
            world.spawn(&wall).expect("there is room for the walls");
        }
        let disc = Entity { half_x: (RADIUS_M * 256.0) as u16, mass: 80_000, ..plain };
        let disc = match scene.pull {
            Some(pull) => Entity { speed_max: pull.speed, acceleration_max: pull.acceleration, ..disc },
            None => disc,
        };
        let middle = corner.offset(scene.side / 2, scene.side / 2);
        let discs = scene.discs.iter().map(|start| {
            let position = corner.offset(start.x, start.y);
            let mut entity =
                Entity { position, velocity_x: start.velocity_x, velocity_y: start.velocity_y, ..disc.clone() };
            if scene.pull.is_some() {
                entity.order = Order::MoveTo as u8;
                let edge = Position { x: 0, y: 0, ..position };
                (entity.goal_x, entity.goal_y) = edge.offset_to(middle).expect("the middle is near");
            }
            world.spawn(&entity).expect("there is room for the discs")
        });
        let discs = discs.collect();
        Self { world, discs, corner }
    }
}

impl Engine for Muster {
    fn tick(&mut self) {
        self.world.step();
    }

    fn bodies(&self) -> Vec<Body> {
        let metres_of =
            |id: EntityId, column: Column| metres(self.world.value(id, column).expect("a disc of the scene lives"));
        let discs = self.discs.iter().map(|id| {
            let position = self.world.position(*id).expect("a disc of the scene lives");
            let (x, y) = self.corner.offset_to(position).expect("a disc of the scene is near");
            Body {
                x: metres(x),
                y: metres(y),
                velocity_x: metres_of(*id, Column::VelocityX),
                velocity_y: metres_of(*id, Column::VelocityY),
            }
        });
        discs.collect()
    }
}

/// The walls around a square, in pieces that an entity can be: the middle of each and half its sides, in metres.
fn walls(side: f64) -> Vec<[f64; 4]> {
    let pieces = ((side / 2.0 + 2.0 * WALL_HALF_M) / PIECE_HALF_M).ceil();
    // They overlap at the corners, so that nothing slips through.
    let half = (side / 2.0 + 2.0 * WALL_HALF_M) / pieces;
    let mut walls = Vec::new();
    for piece in 0..pieces as u32 {
        let along = side / 2.0 + half * (f64::from(2 * piece) + 1.0 - pieces);
        for across in [-WALL_HALF_M, side + WALL_HALF_M] {
            // One unit of extent is 4 mm: rounded up, so that there is no gap.
            let half = half + 1.0 / 256.0;
            walls.push([along, across, half, WALL_HALF_M]);
            walls.push([across, along, WALL_HALF_M, half]);
        }
    }
    walls
}

const _: () = assert!(METRE == 1 << 16, "an extent is in 2^-8 m");
