//! Goal: orders that are documented as free are free: of rows in memory, and of commands of different players within a
//! tick.
//! Method: the battle of the golden values, in which rows are now and then put in the order of ids, by way of a
//! snapshot, or thrown together by other divisions; and a small one in which each tick's commands are given player by player
//! from the last to the first, compared tick by tick.

use muster_core::{Input, World};
use muster_determinism::{Run, Setting, Way, digest_of_events, execution, fight, map};

/// Puts the rows of every sector in the order of ids.
fn sort_rows(world: &mut World) {
    let mut bytes = Vec::new();
    world.save(&mut bytes);
    *world = World::restore(&bytes, Some(map()), world.execution()).expect("a snapshot of a world");
}

/// Leaves the rows in an order that no history of entities has made.
fn mix_rows(world: &mut World) {
    let execution = world.execution();
    for strips in [3, 7, 2] {
        world.set_execution(muster_determinism::execution(strips, 1, 4)).expect("a valid execution");
    }
    world.set_execution(execution).expect("a valid execution");
}

#[test]
fn the_order_of_rows_is_free() {
    fight(&Way::changing("rows sorted and mixed", execution(1, 1, 0), |world| match world.tick() % 100 {
        0 => sort_rows(world),
        37 | 71 => mix_rows(world),
        _ => {}
    }));
}

#[test]
fn the_order_of_players_within_a_tick_is_free() {
    let setting = Setting::small(11, 300);
    let (mut plain, mut turned) = (Run::new(setting, execution(1, 1, 0)), Run::new(setting, execution(1, 1, 0)));
    let mut order = Vec::new();
    for tick in 0..2_000 {
        let moment = plain.tick();
        order.clear();
        order.extend_from_slice(turned.inputs());
        let is_command = |input: &Input| matches!(input, Input::Command(_));
        for run in order.chunk_by_mut(|a, b| is_command(a) && is_command(b)) {
            // Of each player the order stays.
            run.sort_by_key(|input| match input {
                Input::Command(command) => std::cmp::Reverse(command.player),
                _ => std::cmp::Reverse(0),
            });
        }
        for input in &order {
            // What is refused is refused in both; the events say so too.
            let _ = turned.world_mut().apply(input);
        }
        turned.world_mut().step();
        assert_eq!(turned.world_mut().hash(), moment.hash, "tick {tick}");
        assert_eq!(digest_of_events(turned.world().events()), moment.events, "tick {tick}");
    }
}
