//! The scenes in Muster.

use crate::{
    engine::{Body, Engine},
    scene::{Scene, metres},
};

/// A scene in Muster.
pub(crate) struct Muster {
    scene: Scene,
}

impl Muster {
    pub(crate) fn new(scene: &Scene) -> Self {
        Self { scene: scene.clone() }
    }
}

impl Engine for Muster {
    fn tick(&mut self) {}

    fn bodies(&self) -> Vec<Body> {
        let discs = self.scene.discs.iter();
        discs
            .map(|disc| Body {
                x: metres(disc.x),
                y: metres(disc.y),
                velocity_x: metres(disc.velocity_x.into()),
                velocity_y: metres(disc.velocity_y.into()),
            })
            .collect()
    }
}
