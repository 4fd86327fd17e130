//! Goal: a batch is about entities in its sector and the eight around it, when the tick begins; what it says of others is
//! refused as WrongSector and changes nothing else, also when the world was saved and restored in between.
//! Method: batches go through their bytes into a world with one entity, which stands, crosses a border or is far away.

use muster_core::{
    Entity, EntityId, Execution, Input, METRE, Position, SECTOR_SIDE, SectorId, World, WorldConfig,
    command::{Action, Command, Refusal, decode_inputs, encode_inputs},
    event::{Event, Kind},
    replay::{Player, Recorder, Replay, Settings},
};
use muster_schemas::Builder;

const M: i64 = METRE as i64;
const PLAYER: u32 = 7;

fn world() -> World {
    World::new(WorldConfig::default(), None, Execution::default()).expect("a valid configuration")
}

/// An entity of the player that can drive and goes to the right at 20 m/s.
fn spawn(world: &mut World, position: Position) -> EntityId {
    let entity = Entity {
        owner: PLAYER,
        half_x: 128,
        mass: 1000,
        acceleration_max: 10 * METRE,
        velocity_x: 20 * METRE,
        ..Entity::at(position)
    };
    world.spawn(&entity).expect("there is room")
}

/// A command as it comes out of the bytes of a batch.
fn batched(entity: EntityId, sector: SectorId, action: Action) -> Command {
    let mut builder = Builder::new();
    let mut commands = Vec::new();
    let told = Command { player: PLAYER, entity, sector: Some(sector), action, rewind: 0 };
    decode_inputs(encode_inputs(None, &[told], &mut builder), &mut commands).expect("good bytes");
    assert_eq!(commands, [told]);
    told
}

fn refusals(events: &[Event]) -> Vec<u32> {
    events.iter().filter(|event| event.kind == Kind::CommandRefused).map(|event| event.detail).collect()
}

fn saved(world: &World) -> Vec<u8> {
    let mut bytes = Vec::new();
    world.save(&mut bytes);
    bytes
}

/// What a command comes to in the next tick, in the world, in one that is restored with the command waiting, and in the
/// replay of what was recorded of it. The refused one must leave the world that no command leaves.
fn verdict(home: Position, sector: SectorId, action: Action) -> Result<(), Refusal> {
    let mut world = world();
    let entity = spawn(&mut world, home);
    let mut plain = World::restore(&saved(&world), None, Execution::default()).expect("a snapshot");
    let mut recorder = Recorder::new(&world, Settings::default());
    let input = Input::Command(batched(entity, sector, action));
    recorder.apply(&mut world, &input).expect("one command is not too many");
    let mut restored = World::restore(&saved(&world), None, Execution::default()).expect("a snapshot");
    assert_eq!(saved(&restored), saved(&world));
    recorder.apply(&mut world, &Input::Step).expect("a step is always accepted");
    recorder.finish();
    restored.step();
    plain.step();
    assert_eq!(saved(&restored), saved(&world));
    assert_eq!(restored.events(), world.events());
    let replay = Replay::open(recorder.pending()).expect("a replay");
    let mut player = Player::new(replay, None, Execution::default()).expect("a replay of this version");
    assert_eq!(player.verify(), Ok(None));
    match refusals(world.events())[..] {
        [] => Ok(()),
        [refusal] => {
            assert_eq!(refusal, Refusal::WrongSector as u32);
            assert_eq!(world.stats().commands_refused, 1);
            assert_eq!((saved(&world), world.hash()), (saved(&plain), plain.hash()), "nothing else changed");
            Err(Refusal::WrongSector)
        }
        ref more => panic!("{more:?}"),
    }
}

#[test]
fn the_square_of_nine_is_near_enough() {
    for home in [SectorId::new(0, 0), SectorId::new(i64::MAX, i64::MIN)] {
        let position = Position::new(home, 500 * M, 500 * M);
        for (right, up) in (-3..=3).flat_map(|right| (-3..=3).map(move |up| (right, up))) {
            let sector = home.step(right, up);
            let is_near = right.abs() <= 1 && up.abs() <= 1;
            let expected = if is_near { Ok(()) } else { Err(Refusal::WrongSector) };
            assert_eq!(verdict(position, sector, Action::Stop), expected, "{home} {right} {up}");
        }
    }
}

#[test]
fn a_place_counts_from_the_sector_of_the_batch_wherever_it_lies() {
    let home = Position::new(SectorId::new(4, 4), 10 * M, 10 * M);
    let place = home.offset(-50 * M, 20 * M);
    assert_eq!(verdict(home, SectorId::new(3, 5), Action::MoveTo(place)), Ok(()));
    assert_eq!(verdict(home, SectorId::new(2, 4), Action::MoveTo(place)), Err(Refusal::WrongSector));
}

/// It is where the entity is when the command is carried out that counts, not where it was when it was given.
#[test]
fn one_border_may_be_crossed_on_the_way_and_no_second() {
    let mut world = world();
    let old = SectorId::new(-1, 0);
    let entity = spawn(&mut world, Position::new(old, i64::from(SECTOR_SIDE) - M / 10, 0));
    world.step();
    let here = world.position(entity).expect("it lives");
    assert_eq!(here.sector, SectorId::new(0, 0), "it has crossed the border");
    world.command(batched(entity, old, Action::SetVelocity { x: 20 * METRE, y: 0 })).expect("there is room");
    world.step();
    assert!(refusals(world.events()).is_empty());
    let late = batched(entity, old, Action::Stop);
    world.command(late).expect("there is room");
    let far = Position::new(SectorId::new(1, 0), M, M);
    world.apply(&Input::Place { entity, position: far }).expect("there is room");
    world.step();
    assert_eq!(refusals(world.events()), [Refusal::WrongSector as u32]);
    // Who names no sector commands it wherever it is.
    world.command(Command { sector: None, ..late }).expect("there is room");
    world.step();
    assert!(refusals(world.events()).is_empty());
}
