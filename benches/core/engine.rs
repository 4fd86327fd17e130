//! What every engine of a comparison does.

use crate::scene::Scene;

/// Where a disc is and how fast, in metres and metres a second from the lower left corner of the scene.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Body {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) velocity_x: f64,
    pub(crate) velocity_y: f64,
}

/// A scene in an engine.
pub(crate) trait Engine {
    /// One tick of the scene, with all that it asks of the engine's user.
    fn tick(&mut self);

    /// Where the discs are, in the order of the scene.
    fn bodies(&self) -> Vec<Body>;
}

/// An engine by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contender {
    Muster,
    #[cfg(feature = "rapier")]
    Rapier,
}

impl Contender {
    /// Every contender that is built in, Muster first.
    pub(crate) const ALL: &[Self] = &[
        Self::Muster,
        #[cfg(feature = "rapier")]
        Self::Rapier,
    ];

    /// Its name in tables and JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Muster => "muster",
            #[cfg(feature = "rapier")]
            Self::Rapier => "rapier2d",
        }
    }

    /// The scene in this engine, on one thread.
    pub(crate) fn build(self, scene: &Scene) -> Box<dyn Engine> {
        match self {
            Self::Muster => Box::new(crate::muster::Muster::new(scene)),
            #[cfg(feature = "rapier")]
            Self::Rapier => Box::new(crate::rapier::Rapier::new(scene)),
        }
    }
}
