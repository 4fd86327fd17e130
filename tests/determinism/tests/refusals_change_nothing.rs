//! Goal: what is refused changes nothing: no state, no id to come, nothing but the event or the error that says so.
//! Method: in the middle of a battle a world is given wrong inputs of every sort; its snapshot stays the same bytes. Two
//! worlds go on side by side, of which one is given commands that are all refused.

use muster_core::{
    Column, Entity, EntityId, Input, METRE, Position, Projectile, SectorId, World,
    command::{Action, Command},
    event::Kind,
};
use muster_determinism::{Dice, Run, Setting, execution, map};

fn bytes_of(world: &World) -> Vec<u8> {
    let mut bytes = Vec::new();
    world.save(&mut bytes);
    bytes
}

/// Inputs that are all refused, about an entity that lives and ids that name nothing.
fn wrong_inputs(living: EntityId) -> Vec<Input> {
    let good = Entity::default();
    let nowhere = [
        Position { x: -1, ..Position::default() },
        Position { y: i32::MAX, ..Position::default() },
        Position { sector: SectorId { x: 0, y: 0, scale: 1 }, x: 0, y: 0 },
    ];
    let values = [
        (Column::VelocityX, i64::MAX),
        (Column::VelocityY, 201 * i64::from(METRE)),
        (Column::Heading, -1),
        (Column::Shape, 2),
        (Column::HalfX, 65_536),
        (Column::Mass, -1),
        (Column::SpeedMax, -1),
        (Column::AccelerationMax, i64::from(i32::MAX) + 1),
        (Column::HealthMax, -1),
        (Column::Order, 4),
        (Column::GoalX, 1 << 62),
        (Column::GoalY, i64::MIN),
        (Column::Weapon, 6),
        (Column::Bot, 7),
        (Column::Attribute(2), 0),
        (Column::Attribute(255), 0),
        (Column::Attribute(0), i64::from(i32::MAX) + 1),
    ];
    let mut inputs = Vec::new();
    for position in nowhere {
        inputs.push(Input::Spawn(Entity { position, ..good.clone() }));
        inputs.push(Input::Place { entity: living, position });
        inputs.push(Input::Fire(Projectile { position, ..Projectile::default() }));
    }
    inputs.push(Input::Spawn(Entity { attributes: vec![0; 3], ..good.clone() }));
    for (column, value) in values {
        let mut entity = Entity { attributes: vec![0; 2], ..good.clone() };
        if entity.set_value(column, value) {
            inputs.push(Input::Spawn(entity));
        }
        inputs.push(Input::Set { entity: living, column, value });
    }
    for entity in [EntityId::NULL, EntityId::from_bits(u64::MAX), EntityId::from_bits(living.bits() + (1 << 32))] {
        inputs.push(Input::Despawn(entity));
        inputs.push(Input::Set { entity, column: Column::Health, value: 1 });
        inputs.push(Input::Place { entity, position: Position::default() });
    }
    let shot = Projectile::default();
    inputs.push(Input::Fire(Projectile { radius: -1, ..shot }));
    inputs.push(Input::Fire(Projectile { radius: 11 * METRE, ..shot }));
    inputs.push(Input::Fire(Projectile { damage: -1, ..shot }));
    inputs.push(Input::Fire(Projectile { range: -1, ..shot }));
    inputs.push(Input::Fire(Projectile { velocity_x: i32::MIN, velocity_y: i32::MIN, ..shot }));
    inputs.push(Input::TakeOver { player: 1, behaviour: 0 });
    inputs.push(Input::TakeOver { player: 1, behaviour: 7 });
    inputs
}

#[test]
fn wrong_inputs_leave_the_same_bytes() {
    let mut run = Run::new(Setting::small(31, 300), execution(3, 1, 20));
    for tick in 0..400 {
        run.tick();
        if tick % 40 != 0 {
            continue;
        }
        let world = run.world_mut();
        let mut ids = Vec::new();
        world.ids(&mut ids);
        let (before, hash) = (bytes_of(world), world.hash());
        for input in wrong_inputs(ids[tick % ids.len()]) {
            assert!(world.apply(&input).is_err(), "{input:?}");
            assert_eq!(world.hash(), hash, "{input:?}");
        }
        assert!(bytes_of(world) == before, "tick {tick}");
    }
}

/// A command that is refused whatever the world is.
fn wrong_command(dice: &mut Dice, ids: &[EntityId]) -> Command {
    let entity = dice.of(ids);
    let far = Position::new(SectorId::new(1 << 60, 7), 0, 0);
    let (player, entity, action) = match dice.below(6) {
        // Nobody has this number.
        0 => (4_000_000, entity, Action::Stop),
        1 => (0, EntityId::from_bits(entity.bits() + (1 << 40)), Action::Stop),
        2 => (0, entity, Action::MoveTo(far)),
        3 => (0, entity, Action::SetVelocity { x: i32::MIN, y: i32::MAX }),
        4 => (0, entity, Action::Attack(entity)),
        _ => (0, entity, Action::Custom { kind: 1, target: EntityId::from_bits(u64::MAX), value: 1 }),
    };
    Command { player, entity, sector: None, action, rewind: 0 }
}

#[test]
fn refused_commands_leave_the_same_world() {
    let setting = Setting::small(32, 300);
    let (mut plain, mut pestered) = (Run::new(setting, execution(1, 1, 0)), Run::new(setting, execution(1, 1, 0)));
    let (mut ids, mut refusals) = (Vec::new(), 0);
    for tick in 0..1_000 {
        let mut dice = Dice::new(1, tick, 4);
        pestered.world().ids(&mut ids);
        let pester = dice.below(12);
        for _ in 0..if ids.is_empty() { 0 } else { pester } {
            let command = wrong_command(&mut dice, &ids);
            // At the door or in the tick: refused it is.
            let _ = pestered.world_mut().command(command);
        }
        let (moment, other) = (plain.tick(), pestered.tick());
        assert_eq!(moment.hash, other.hash, "tick {tick}");
        let others = |run: &Run| {
            let events = run.world().events().iter().filter(|event| event.kind != Kind::CommandRefused);
            events.copied().collect::<Vec<_>>()
        };
        refusals += pestered.world().events().len() - others(&pestered).len();
        // A class that is cut keeps refusals last, so that they never cost another event its place.
        assert_eq!(others(&plain), others(&pestered), "tick {tick}");
    }
    assert!(refusals > 1_000, "{refusals}");
    assert!(bytes_of(plain.world()) == bytes_of(pestered.world()));
    let restored = World::restore(&bytes_of(plain.world()), Some(map()), execution(1, 1, 0)).expect("a snapshot");
    assert_eq!(restored.entity_count(), plain.world().entity_count());
}
