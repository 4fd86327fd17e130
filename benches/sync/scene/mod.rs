//! Scenes whose movement is like that of games, made in the core's own world.
//!
//! **A scene is a function of its kind and its seed**: what players do is drawn from the seed and from the state of the
//! world, so two runs of a scene go through the same states. What is destroyed comes back, so numbers stay.
//!
//! [`Scene::step`] is a tick of the world and then what players do about it; whoever measures the world's own tick calls
//! the two halves. Only the core is needed here, so a crate that wants the scenes for something else can take this folder.

mod camp;
mod chance;
mod course;
mod drift;
mod fighter;
mod katamari;
mod march;
mod measure;
mod race;

pub use camp::Camp;
pub use chance::Chance;
pub use drift::Drift;
pub use katamari::Katamari;
pub use march::March;
pub use measure::{metres, metres_between, place, units};
pub use race::Race;

use muster_core::{Execution, Position, SectorId, World};

/// Ticks a second of every scene's world.
pub const TICK_RATE_HZ: u32 = 60;
/// Ticks from an update to the next: 20 updates a second.
pub const UPDATE_TICKS: u32 = 3;
/// The public attribute of fighters that changes when they destroy somebody.
pub const RANK: u8 = 0;
/// The attribute of fighters that only owners see and that changes with each shot.
pub const AMMUNITION: u8 = 1;

/// A scene that is being played.
pub trait Scene: Send {
    /// Its world.
    fn world(&self) -> &World;

    /// Its world, to step it by itself or to let a server update from it.
    fn world_mut(&mut self) -> &mut World;

    /// What players do after a tick: they see what happened in it and give orders for the next. What was destroyed comes
    /// back here.
    fn play(&mut self);

    /// A tick of the world, and what players do about it.
    fn step(&mut self) {
        self.world_mut().step();
        self.play();
    }
}

/// A kind of scene and how many take part in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Discs that bounce in a walled square at 1 to 10 m/s, at 4 m spacing.
    Drift(usize),
    /// Fighters of four teams in one camp of 200 m.
    Camp(usize),
    /// The same spread over a field of so many metres a side.
    Field(usize, u32),
    /// The same without weapons, who walk through each other: nothing happens but movement.
    Walk(usize, u32),
    /// Units that march in blocks of a hundred, wheel at corners and halt.
    March(usize),
    /// Cars on a circuit, up to 60 m/s.
    Race(usize),
    /// Bodies at rest through which a large one rolls, 901 in all unless fewer are asked for.
    Katamari(usize),
}

impl Kind {
    /// What tables call it.
    pub fn name(self) -> String {
        match self {
            Self::Drift(count) => format!("drift, {count} discs"),
            Self::Camp(count) => format!("camp fight, {count} fighters"),
            Self::Field(count, side) => format!("fight of {count} over {side} m"),
            Self::Walk(count, side) => format!("walk of {count} over {side} m"),
            Self::March(count) => format!("march, {count} units"),
            Self::Race(count) => format!("race, {count} cars"),
            Self::Katamari(count) => format!("katamari-like, {count} bodies"),
        }
    }

    /// The scene, at its beginning.
    pub fn build(self, seed: u64, execution: Execution) -> Box<dyn Scene> {
        match self {
            Self::Drift(count) => Box::new(Drift::new(count, seed, execution)),
            Self::Camp(count) => Box::new(Camp::new(count, camp::SIDE_M, true, seed, execution)),
            Self::Field(count, side) => Box::new(Camp::new(count, f64::from(side), true, seed, execution)),
            Self::Walk(count, side) => Box::new(Camp::new(count, f64::from(side), false, seed, execution)),
            Self::March(count) => Box::new(March::new(count, seed, execution)),
            Self::Race(count) => Box::new(Race::new(count, seed, execution)),
            Self::Katamari(count) => Box::new(Katamari::new(count, seed, execution)),
        }
    }

    /// Ticks until the scene is what it is meant to be: lines have met, cars have speed.
    pub fn ticks_before(self) -> u32 {
        match self {
            Self::Drift(_) => TICK_RATE_HZ,
            Self::Katamari(_) => 5 * TICK_RATE_HZ,
            Self::Camp(_) | Self::Field(..) | Self::Walk(..) | Self::March(_) | Self::Race(_) => 10 * TICK_RATE_HZ,
        }
    }

    /// The middle of where it happens.
    pub fn middle(self) -> Position {
        let (x, y) = match self {
            Self::Drift(count) => [drift::side_m(count) / 2.0; 2].into(),
            Self::Camp(_) => (camp::SIDE_M / 2.0, camp::SIDE_M / 2.0),
            Self::Field(_, side) | Self::Walk(_, side) => (f64::from(side) / 2.0, f64::from(side) / 2.0),
            Self::March(count) => march::middle_m(count),
            Self::Race(_) => race::MIDDLE_M,
            Self::Katamari(_) => (katamari::SIDE_M / 2.0, katamari::SIDE_M / 2.0),
        };
        place(CORNER, x, y)
    }
}

/// The lower left corner of every scene: somewhere in a sector, on no cell's border.
pub const CORNER: Position = Position { sector: SectorId::new(0, 0), x: 331 * 65_536, y: 347 * 65_536 };

/// All work on the caller's thread.
pub const ONE_THREAD: Execution = Execution { shards: 1, threads: 1, inline_below: 0, split_above: 0 };

#[cfg(test)]
mod tests;
