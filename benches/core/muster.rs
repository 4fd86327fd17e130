//! The scenes in Muster.

use muster_core::{
    Column, Entity, EntityId, Execution, METRE, Map, Position, SectorId, World, WorldConfig,
    command::Order,
    map::{MapDef, NavigationDef, WallDef, WallForm},
};

use crate::{
    engine::{Body, Engine},
    scene::{RADIUS_M, Scene, TICK_RATE_HZ, metres, units},
};

/// All work on the caller's thread.
pub(crate) const ONE_THREAD: Execution = Execution { shards: 1, threads: 1, inline_below: 0, split_above: 0 };

/// Where the lower left corner of a scene is: far enough from the sector's corner that the walls are in the sector too.
const CORNER_M: f64 = 20.0;
/// The thickness of the walls, in metres.
const WALL_M: f64 = 10.0;

/// A scene in Muster.
pub(crate) struct Muster {
    pub(crate) world: World,
    /// The discs, in the order of the scene.
    pub(crate) discs: Vec<EntityId>,
    /// Where the scene's lower left corner is.
    pub(crate) corner: Position,
    /// The walls.
    pub(crate) map: Option<Map>,
}

impl Muster {
    /// The scene on one thread.
    pub(crate) fn new(scene: &Scene) -> Self {
        Self::with(scene, 0, ONE_THREAD)
    }

    /// The scene with so many attributes an entity, worked on as `execution` says.
    pub(crate) fn with(scene: &Scene, attributes: usize, execution: Execution) -> Self {
        let corner = Position::new(SectorId::new(0, 0), units(CORNER_M), units(CORNER_M));
        let map = scene.is_walled.then(|| walls(corner, scene.side));
        let config = WorldConfig {
            tick_rate_hz: TICK_RATE_HZ,
            entities_max: scene.discs.len().max(1) as u32,
            projectiles_max: 1_024,
            paths_max: 64,
            attributes: (0..attributes).map(|number| format!("attribute {number}")).collect(),
            ..WorldConfig::default()
        };
        let mut world = World::new(config, map.clone(), execution).expect("the configuration is in bounds");
        let disc = Entity {
            half_x: (RADIUS_M * 256.0) as u16,
            mass: 80_000,
            restitution: if scene.is_elastic { 255 } else { 0 },
            layers: 1,
            collides: 1,
            attributes: (0..attributes as i32).collect(),
            ..Entity::at(corner)
        };
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
        Self { world, discs, corner, map }
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

/// The walls around a scene as a map, whose lower left corner is the outer corner of the walls.
fn walls(corner: Position, side: i64) -> Map {
    let thick = units(WALL_M) as i32;
    let (inner, outer) = (thick + side as i32, 2 * thick + side as i32);
    let boxes = [
        ((0, 0), (outer, thick)),
        ((0, inner), (outer, outer)),
        ((0, thick), (thick, inner)),
        ((inner, thick), (outer, inner)),
    ];
    let definition = MapDef {
        origin: corner.offset(-i64::from(thick), -i64::from(thick)),
        walls: boxes.map(|(min, max)| WallDef { form: WallForm::Box { min, max }, layers: u16::MAX }).to_vec(),
        // Nobody looks for paths here, so the grid for them is as coarse as it can be.
        navigation: NavigationDef { cell_shift: Some(24), ..NavigationDef::default() },
        ..MapDef::empty(outer, outer)
    };
    Map::new(definition).expect("the walls are in bounds")
}

const _: () = assert!(METRE == 1 << 16, "an extent is in 2^-8 m");
