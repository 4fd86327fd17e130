//! Somebody who walks along walls, as another rehearsal of the movement can follow it.

use std::fmt::Write as _;

use muster_core::{
    Entity, Execution, METRE, Map, Position, SectorId, World, WorldConfig,
    command::{Action, Command},
    random::draw,
    space::{SECTOR_SIDE, cos_q15, sin_q15},
};

/// Where the walk is committed, from the root of the repository.
pub(crate) const PATH: &str = "web/tests/vectors/walk.json";

const TICKS: u64 = 900;
/// As of the shipped arena, whose steps are long beside those who make them.
const RATE: u32 = 20;
const SPEED: i32 = 7 * METRE;
/// For so many ticks it goes one way.
const LEG_TICKS: u64 = 18;

const MAP: &str = r#"{
    "version": 1,
    "origin": { "sector": [2, -1], "at": [100, 200] },
    "size": [26, 22],
    "walls": [
        { "box": { "min": [0, 0], "max": [26, 1] } }, { "box": { "min": [0, 21], "max": [26, 22] } },
        { "box": { "min": [0, 1], "max": [1, 21] } }, { "box": { "min": [25, 1], "max": [26, 21] } },
        { "box": { "min": [6, 5], "max": [9, 11] } }, { "box": { "min": [9, 10], "max": [16, 11] } },
        { "segment": { "from": [12, 4], "to": [20, 4] } }, { "segment": { "from": [18, 8], "to": [23, 14] } },
        { "segment": { "from": [4, 14], "to": [10, 18] } }, { "segment": { "from": [14, 13], "to": [14, 19] } }
    ]
}"#;

/// Every place and speed of the walk, and what was commanded before each tick, as JSON.
pub(crate) fn walk() -> String {
    let map = Map::from_json(MAP).expect("the map is right");
    let config = WorldConfig { tick_rate_hz: RATE, speed_max: 60 * METRE, entities_max: 8, ..WorldConfig::default() };
    let mut world = World::new(config, Some(map), Execution::default()).expect("it is a world");
    let at = Position::new(SectorId::new(2, -1), 103 * i64::from(METRE), 203 * i64::from(METRE));
    let walker = Entity {
        half_x: 128,
        mass: 80_000,
        layers: 1,
        collides: 1,
        speed_max: SPEED,
        acceleration_max: 50 * METRE,
        ..Entity::at(at)
    };
    let id = world.spawn(&walker).expect("there is room");
    let mut text = String::new();
    let document: serde_json::Value = serde_json::from_str(MAP).expect("the map is JSON");
    writeln!(
        text,
        "{{\"map\":{document},\"rate\":{RATE},\"speed\":{SPEED},\"half\":128,\"acceleration\":{},",
        50 * METRE
    )
    .expect("a string takes everything");
    writeln!(text, "\"begins\":{},\n\"steps\":[", place_of(&world, id)).expect("a string takes everything");
    for tick in 0..TICKS {
        let mut told = String::from("null");
        if tick.is_multiple_of(LEG_TICKS) {
            let turn = draw(7, tick, 0, 0) as u16;
            // Mostly as fast as may be, now and then slower, and at rest.
            let part = [255, 255, 255, 160, 90, 0][(draw(7, tick, 0, 1) % 6) as usize];
            let (x, y) = (along(cos_q15(turn), part), along(sin_q15(turn), part));
            world
                .command(Command {
                    player: 0,
                    entity: id,
                    sector: None,
                    rewind: 0,
                    action: Action::SetVelocity { x, y },
                })
                .expect("there is room for a command");
            told = format!("[{x},{y}]");
        }
        world.step();
        let end = if tick + 1 < TICKS { "," } else { "" };
        writeln!(text, "[{told},{}]{end}", place_of(&world, id)).expect("a string takes everything");
    }
    text.push_str("]}\n");
    text
}

/// A part of the speed, in 256ths, along an axis.
fn along(direction: i32, part: i64) -> i32 {
    (i64::from(direction) * i64::from(SPEED) / 32_768 * part / 256) as i32
}

/// Where it is, and its velocity.
fn place_of(world: &World, id: muster_core::EntityId) -> String {
    let entity = world.entity(id).expect("it lives");
    let Position { sector, x, y } = entity.position;
    let whole = |sector: i64, within: i32| sector * i64::from(SECTOR_SIDE) + i64::from(within);
    let (velocity_x, velocity_y) = (entity.velocity_x, entity.velocity_y);
    format!("[{},{},{velocity_x},{velocity_y}]", whole(sector.x, x), whole(sector.y, y))
}
