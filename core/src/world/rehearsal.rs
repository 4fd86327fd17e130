//! A world in which one entity rehearses what it will do in another one.

use super::World;

impl World {
    /// Goes to another tick, earlier or later, with everything as it is. Weapons are ready by ticks, so a rehearsal has to be
    /// at the tick of the world that it rehearses for. What a map's places remember is not brought back.
    pub(crate) fn go_to_tick(&mut self, tick: u64) {
        self.tick = tick;
    }
}
