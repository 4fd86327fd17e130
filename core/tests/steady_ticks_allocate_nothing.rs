//! A world that has lived for a while does not allocate.
//!
//! Goal: no tick costs an allocation on any thread, with everything going on in it: bots that wander, chase and shoot,
//! walkers on paths round walls, commands, projectiles, contacts, crossings of sectors and zones. Method: an allocator that
//! counts what all threads ask for. After a minute of ticks, in which every buffer has grown to what it needs, the count
//! must not move over hundreds more.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use muster_core::{
    Entity, EntityId, Execution, METRE, Map, Position, SectorId, Weapon, World, WorldConfig,
    command::{Action, Command},
    config::{Behaviour, Step},
};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
/// The count is of the whole process, so one test runs at a time.
static TURN: Mutex<()> = Mutex::new(());

struct Counting;

// SAFETY: every call is passed on unchanged to the system's allocator; counting is an atomic addition and does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: forwarded to the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: forwarded to the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: forwarded to the caller.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: forwarded to the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Ticks until every buffer has grown.
const TICKS_BEFORE: u32 = 3_600;
/// Ticks that must not allocate.
const TICKS: u32 = 600;
/// Entities that a player has.
const OWN: usize = 60;

/// A square of 200 m around the corner of four sectors, with a wall, a doorway, a zone and a route.
const MAP: &str = r#"{
    "version": 1,
    "origin": { "sector": [-1, -1], "at": [900, 900] },
    "size": [200, 200],
    "walls": [
        { "box": { "min": [0, 0], "max": [200, 2] } }, { "box": { "min": [0, 198], "max": [200, 200] } },
        { "box": { "min": [0, 2], "max": [2, 198] } }, { "box": { "min": [198, 2], "max": [200, 198] } },
        { "segment": { "from": [60, 2], "to": [60, 150] } }, { "segment": { "from": [120, 198], "to": [120, 60] } }
    ],
    "zones": [{ "name": "well", "kind": "resource", "circle": { "at": [90, 90], "radius": 15 }, "capture_ticks": 60 }],
    "routes": [[[20, 20], [180, 180], [20, 180], [180, 20]]]
}"#;

fn config(rewind_ticks: u8) -> WorldConfig {
    let behaviour = |steps| Behaviour { steps, sight: 30 * METRE, think_ticks: 10 };
    WorldConfig {
        entities_max: 512,
        projectiles_max: 4096,
        attributes: vec!["ammunition".into(), "fuel".into()],
        weapons: [60 * METRE, 0]
            .map(|projectile_speed| Weapon {
                damage: 1,
                range: 25 * METRE,
                reload_ticks: 20,
                projectile_speed,
                projectile_radius: METRE / 8,
                hits: 1,
                friendly_fire: false,
                rewinds: true,
                tracer: false,
            })
            .to_vec(),
        rewind_ticks,
        behaviours: vec![
            behaviour(vec![Step::Chase, Step::Wander { radius: 60 * METRE }]),
            behaviour(vec![Step::Patrol { route: 0 }]),
            behaviour(vec![Step::Capture, Step::Wander { radius: 40 * METRE }]),
        ],
        ..WorldConfig::default()
    }
}

/// A world with some hundred entities that are busy for ever. Returns those of player 1 too.
fn world(execution: Execution, rewind_ticks: u8) -> (World, Vec<EntityId>) {
    let map = Map::from_json(MAP).expect("the map is right");
    let corner = map.origin();
    let mut world = World::new(config(rewind_ticks), Some(map), execution).expect("the configuration is right");
    let mut own = Vec::new();
    for number in 0..400_u16 {
        // On a grid of 20 x 20, the walls left free.
        let (column, row) = (i64::from(number % 20), i64::from(number / 20));
        let position = corner.offset((column * 9 + 10) * i64::from(METRE), (row * 9 + 10) * i64::from(METRE));
        let entity = Entity {
            half_x: 100,
            mass: 80_000,
            restitution: 60,
            layers: 1,
            collides: 1,
            speed_max: 6 * METRE,
            acceleration_max: 20 * METRE,
            health: i32::MAX,
            health_max: i32::MAX,
            team: 1 + number % 2,
            owner: u32::from(usize::from(number) < OWN),
            // A past is looked at by what hits at once.
            weapon: if rewind_ticks > 0 { 1 + (number % 3 / 2) as u8 } else { 1 },
            bot: if usize::from(number) < OWN { 0 } else { 1 + number % 3 },
            attributes: vec![7, 8],
            ..Entity::at(position)
        };
        let id = world.spawn(&entity).expect("there is room");
        if usize::from(number) < OWN {
            own.push(id);
        }
    }
    (world, own)
}

/// What player 1 says in a tick: a few entities are sent to and fro across the walls, one shoots.
fn command(world: &mut World, own: &[EntityId]) {
    let tick = world.tick();
    let corner = Position::new(SectorId::new(-1, -1), 900 * i64::from(METRE), 900 * i64::from(METRE));
    let entity = own[tick as usize % own.len()];
    let along = |step: u64| (10 + (tick * step) % 180) as i64 * i64::from(METRE);
    let rewind = (tick % 20) as u8;
    let action = match tick % 3 {
        0 => Action::Fire { heading: (tick * 1_000) as u16 },
        _ => Action::MoveTo(corner.offset(along(37), along(61))),
    };
    world.command(Command { player: 1, entity, sector: None, action, rewind }).expect("there is room for a command");
}

fn check(execution: Execution, rewind_ticks: u8) {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (mut world, own) = world(execution, rewind_ticks);
    let (mut events, mut projectiles) = (0, 0);
    for _ in 0..TICKS_BEFORE {
        command(&mut world, &own);
        world.step();
        events += world.events().len();
        projectiles = projectiles.max(world.stats().projectiles);
    }
    assert!(events > 1_000 && projectiles > 10, "enough goes on: {events} events, {projectiles} projectiles");
    assert!(world.stats().sectors >= 4, "sectors are crossed");
    let mut allocating = Vec::with_capacity(TICKS as usize);
    for _ in 0..TICKS {
        let before = ALLOCATIONS.load(Relaxed);
        command(&mut world, &own);
        world.step();
        let count = ALLOCATIONS.load(Relaxed) - before;
        if count > 0 {
            allocating.push((world.tick(), count));
        }
    }
    assert!(allocating.is_empty(), "{execution:?}: ticks with their allocations: {allocating:?}");
}

#[test]
fn one_thread() {
    check(Execution { shards: 1, threads: 1, inline_below: 0, split_above: 0 }, 0);
}

#[test]
fn two_threads() {
    check(Execution { shards: 4, threads: 2, inline_below: 0, split_above: 50 }, 0);
}

#[test]
fn with_a_past() {
    check(Execution { shards: 4, threads: 2, inline_below: 0, split_above: 50 }, 15);
}
