//! Goal: a world that was saved and restored goes on as if nothing had been.
//! Method: the battle of the golden values; at random ticks, up to a few in a row, the world is replaced by its own
//! snapshot, worked on in another way from then on. A snapshot of a restored world is the same bytes.

use muster_core::World;
use muster_determinism::{Dice, Way, execution, fight, map};

/// Replaces a world by what its snapshot says.
fn pass_through_bytes(world: &mut World, dice: &mut Dice) {
    let (mut bytes, mut again) = (Vec::new(), Vec::new());
    world.save(&mut bytes);
    let shards = 1 + dice.below(9) as u16;
    let restored =
        World::restore(&bytes, Some(map()), execution(shards, 1, dice.below(2) * 50)).expect("a snapshot of a world");
    restored.save(&mut again);
    assert!(bytes == again, "tick {}: the snapshot of the restored world is another one", world.tick());
    *world = restored;
}

#[test]
fn a_restored_world_goes_on_as_the_saved_one_did() {
    fight(&Way::changing("saved and restored at random", execution(3, 1, 0), |world| {
        let mut dice = Dice::new(7, world.tick(), 1);
        if dice.one_in(40) || (world.tick() % 1000 < 20 && dice.one_in(2)) {
            pass_through_bytes(world, &mut dice);
        }
    }));
}
