//! The scenes in rapier2d, with its default features and its default integration parameters, on one thread.

use muster_core::METRE;
use rapier2d::prelude::{ColliderBuilder, PhysicsWorld, RigidBodyBuilder, RigidBodyHandle, Vector};

use crate::{
    engine::{Body, Engine},
    scene::{Pull, RADIUS_M, Scene, TICK_RATE_HZ, metres},
};

/// Half the thickness of the walls, in metres.
const WALL_HALF_M: f32 = 5.0;

/// A scene in rapier2d.
pub(crate) struct Rapier {
    world: PhysicsWorld,
    discs: Vec<RigidBodyHandle>,
    middle: Vector,
    pull: Option<Pull>,
}

impl Rapier {
    pub(crate) fn new(scene: &Scene) -> Self {
        let mut world = PhysicsWorld { gravity: Vector::new(0.0, 0.0), ..PhysicsWorld::default() };
        world.integration_parameters.dt = 1.0 / TICK_RATE_HZ as f32;
        let restitution = if scene.is_elastic { 1.0 } else { 0.0 };
        let side = metres(scene.side) as f32;
        if scene.is_walled {
            let (half, out) = (side / 2.0, WALL_HALF_M);
            let walls = [
                (-out, half, out, half + 2.0 * out),
                (side + out, half, out, half + 2.0 * out),
                (half, -out, half, out),
                (half, side + out, half, out),
            ];
            for (x, y, half_x, half_y) in walls {
                world.insert(
                    RigidBodyBuilder::fixed().translation(Vector::new(x, y)),
                    ColliderBuilder::cuboid(half_x, half_y).restitution(restitution).friction(0.0),
                );
            }
        }
        let discs = scene.discs.iter().map(|disc| {
            let at = Vector::new(metres(disc.x) as f32, metres(disc.y) as f32);
            let velocity = Vector::new(metres(disc.velocity_x.into()) as f32, metres(disc.velocity_y.into()) as f32);
            let body = RigidBodyBuilder::dynamic().translation(at).linvel(velocity).can_sleep(false);
            world.insert(body, ColliderBuilder::ball(RADIUS_M as f32).restitution(restitution).friction(0.0)).0
        });
        let discs = discs.collect();
        Self { world, discs, middle: Vector::new(side / 2.0, side / 2.0), pull: scene.pull }
    }

    /// Changes every disc's velocity by the scene's rule, as a user of rapier2d does it between two steps.
    fn steer(&mut self, pull: Pull) {
        let speed_max = pull.speed as f32 / METRE as f32;
        let acceleration = pull.acceleration as f32 / METRE as f32;
        let change_max = acceleration / TICK_RATE_HZ as f32;
        for handle in &self.discs {
            let body = &mut self.world.bodies[*handle];
            let way = self.middle - body.translation();
            let distance = way.length();
            let speed = speed_max.min((2.0 * acceleration * distance).sqrt()).min(distance * TICK_RATE_HZ as f32);
            let wanted = if distance > 0.0 { way * (speed / distance) } else { Vector::ZERO };
            let change = wanted - body.linvel();
            let length = change.length();
            let change = if length > change_max { change * (change_max / length) } else { change };
            body.set_linvel(body.linvel() + change, false);
        }
    }
}

impl Engine for Rapier {
    fn tick(&mut self) {
        if let Some(pull) = self.pull {
            self.steer(pull);
        }
        self.world.step();
    }

    fn bodies(&self) -> Vec<Body> {
        let bodies = self.discs.iter().map(|handle| &self.world.bodies[*handle]);
        bodies
            .map(|body| {
                // The drift scene is about work: a body that sleeps would do none.
                assert!(!body.is_sleeping(), "no disc sleeps");
                Body {
                    x: body.translation().x.into(),
                    y: body.translation().y.into(),
                    velocity_x: body.linvel().x.into(),
                    velocity_y: body.linvel().y.into(),
                }
            })
            .collect()
    }
}
