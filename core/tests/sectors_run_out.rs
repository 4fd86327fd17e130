//! Goal: a world that has no sector left for what leaves one goes on, and the same way whatever it has been through.
//! Method: lone entities, crowds and projectiles go to where nothing is, while `sectors_max` is reached. A world that is
//! replaced by its own snapshot before every tick, which has no region for an empty sector, is the same one.

use muster_core::{
    Column, Entity, EntityId, Execution, METRE, Position, Projectile, SectorId, World, WorldConfig,
    command::{Action, Command},
};

const M: i64 = METRE as i64;

fn world(sectors_max: u32) -> World {
    let config = WorldConfig { sectors_max, projectiles_max: 6, ..WorldConfig::default() };
    World::new(config, None, Execution { shards: 3, threads: 1, inline_below: 0, split_above: 0 }).expect("valid")
}

/// A disc one metre from the right edge of its sector, on its way out.
fn on_its_way(sector: SectorId, y: i64) -> Entity {
    let at = Position::new(sector, 999 * M, y * M);
    Entity { velocity_x: 100 * METRE, half_x: 64, mass: 1, ..Entity::at(at) }
}

fn leaving(world: &mut World, sector: SectorId, y: i64) -> EntityId {
    world.spawn(&on_its_way(sector, y)).expect("room")
}

fn shot(sector: SectorId) -> Projectile {
    let position = Position::new(sector, 500 * M, 999 * M);
    Projectile { position, velocity_y: 150 * METRE, range: 5000 * METRE, ..Projectile::default() }
}

#[test]
fn who_finds_no_sector_stays_in_the_one_it_left() {
    let mut world = world(4);
    let far = |x: i64| SectorId::new(x * 100, 0);
    // The last of their sectors, and a projectile that takes the room which the first of them makes.
    let alone = [leaving(&mut world, far(1), 10), leaving(&mut world, far(2), 10)];
    let together = [leaving(&mut world, far(3), 10), leaving(&mut world, far(3), 500)];
    world.fire(&shot(far(0))).expect("room");
    let stays = world.spawn(&Entity::at(Position::new(far(0), 0, 0))).expect("room");
    for _ in 0..100 {
        world.step();
    }
    assert_eq!(world.entity_count(), 5);
    assert!(world.stats().kept_at_edge > 0, "{world:?}");
    for id in alone.into_iter().chain(together).chain([stays]) {
        let sector = world.position(id).expect("it lives").sector;
        assert!(sector.y == 0 && sector.x.rem_euclid(100) < 10, "{sector}");
    }
}

#[test]
fn an_empty_sector_is_one_that_is_not_there() {
    for split_above in [0, 2] {
        let mut kept = world(5);
        let execution = Execution { split_above, ..kept.execution() };
        kept.set_execution(execution).expect("valid");
        let mut restored = world(5);
        for tick in 0..600i64 {
            for world in [&mut kept, &mut restored] {
                // Sectors next to one another, so that what one leaves another comes into.
                // Where there is no sector left for it, there is none for either of the two.
                if tick % 7 == 0
                    && let Ok(right) = world.spawn(&on_its_way(SectorId::new(tick % 3, 0), tick % 900))
                {
                    world.set(right, Column::VelocityX, (50 + tick % 150) * M).expect("valid");
                }
                if tick % 11 == 0 && world.stats().projectiles < 6 {
                    let _ = world.fire(&shot(SectorId::new(tick % 2, 0)));
                }
                let mut ids = Vec::new();
                world.ids(&mut ids);
                for id in ids.iter().skip(14) {
                    world.despawn(*id).expect("it lives");
                }
            }
            let mut bytes = Vec::new();
            restored.save(&mut bytes);
            restored = World::restore(&bytes, None, execution).expect("a snapshot");
            kept.step();
            restored.step();
            assert_eq!(kept.hash(), restored.hash(), "tick {tick}: {kept:?} {restored:?}");
        }
        assert!(kept.stats().kept_at_edge > 0 && kept.stats().projectiles_dropped > 0, "{kept:?}");
    }
}

#[test]
fn a_wanted_velocity_is_kept_over_borders() {
    let mut world = world(1);
    let id = leaving(&mut world, SectorId::new(0, 0), 10);
    world.spawn(&Entity::at(Position::new(SectorId::new(0, 0), 0, 0))).expect("room");
    world.set(id, Column::AccelerationMax, 100 * M).expect("valid");
    let action = Action::SetVelocity { x: 100 * METRE, y: 0 };
    world.command(Command { player: 0, entity: id, sector: None, action, rewind: 0 }).expect("room");
    for _ in 0..50 {
        world.step();
    }
    assert!(world.stats().kept_at_edge > 0, "{world:?}");
    assert_eq!(world.value(id, Column::GoalX), Ok(100 * M));
}
