//! Parts of the core by themselves, for whoever changes one: `make bench-parts`.
//!
//! What has no door of its own is measured through the world, as two benches whose difference it is. All figures are of
//! one thread; `benches/core/RESULTS.md` has those of whole ticks, which decide.

use divan::{
    Bencher, black_box,
    counter::{BytesCount, ItemsCount},
};
use muster_core::{
    Column, Entity, EntityId, Execution, METRE, Position, SectorId, World, WorldConfig,
    command::{Action, Command, decode_inputs, encode_inputs},
    event::{Event, Kind, Queues},
    navigation::{NavGrid, Progress, Search},
    world::Filter,
};

use crate::{
    ground::{Ground, free_pairs},
    scene::{Chance, units},
};

#[allow(dead_code, reason = "the comparison with rapier2d uses more of it")]
mod ground;
#[allow(dead_code, unused_imports, reason = "as of the ground; its tests run where they have a harness")]
mod scene;

const ENTITIES: usize = 10_000;
/// Of those, the ones that stand in pairs.
const PAIRS: usize = 1_000;
/// Cells of a side of the maps for rays and paths.
const SIDE: u32 = 256;
/// Commands of a message, events of a tick.
const BATCH: usize = 1_000;

fn main() {
    divan::main();
}

/// All work on the caller's thread.
const ONE_THREAD: Execution = Execution { shards: 1, threads: 1, inline_below: 0, split_above: 0 };

/// A place in the first sector, in metres.
fn at(x: f64, y: f64) -> Position {
    Position::new(SectorId::new(0, 0), units(x), units(y))
}

/// A disc of 1 m that can be run into.
fn disc(position: Position) -> Entity {
    Entity { half_x: 128, mass: 80_000, layers: 1, collides: 1, ..Entity::at(position) }
}

fn world_of(discs: impl IntoIterator<Item = Entity>) -> World {
    let mut world = World::new(WorldConfig::default(), None, ONE_THREAD).expect("the configuration is in bounds");
    for disc in discs {
        world.spawn(&disc).expect("there is room for the discs");
    }
    world
}

/// 10,000 discs at 4 m spacing, each somewhere in its cell, on their way at up to 10 m/s.
fn crowd() -> World {
    let mut chance = Chance(0x70_6172_7473);
    let columns = (ENTITIES as f64).sqrt() as usize;
    world_of((0..ENTITIES).map(|number| {
        let (column, row) = ((number % columns) as f64, (number / columns) as f64);
        let position = at(4.0 * column + 3.0 * chance.unit() + 1.0, 4.0 * row + 3.0 * chance.unit() + 1.0);
        let mut speed = || units(20.0 * chance.unit() - 10.0) as i32;
        Entity { velocity_x: speed(), velocity_y: speed(), ..disc(position) }
    }))
}

fn saved(world: &World) -> Vec<u8> {
    let mut bytes = Vec::new();
    world.save(&mut bytes);
    bytes
}

/// The first tick of 1,000 pairs. Apart, what the rest of a tick costs; in touch, that and one contact for each item.
#[divan::bench(args = ["apart", "in touch"])]
fn contact_of_two(bencher: Bencher<'_, '_>, pair: &str) {
    let gap = if pair == "apart" { 1.5 } else { 0.9 };
    let bytes = saved(&world_of((0..PAIRS).flat_map(|number| {
        let (x, y) = (8.0 + 16.0 * (number % 32) as f64, 8.0 + 16.0 * (number / 32) as f64);
        [disc(at(x, y)), disc(at(x + gap, y))]
    })));
    bencher
        .counter(ItemsCount::new(PAIRS))
        .with_inputs(|| World::restore(&bytes, None, ONE_THREAD).expect("it was just saved"))
        .bench_local_values(|mut world| {
            world.step();
            world
        });
}

/// The way of a disc of 0.5 m over 20 m, past ten others or against the last of them.
#[divan::bench(args = ["past", "against"])]
fn sweep(bencher: Bencher<'_, '_>, way: &str) {
    let aside = if way == "past" { 0.8 } else { 0.7 };
    let mut world = world_of((0..10).map(|number| {
        let aside = if number == 9 { aside } else { 0.8 };
        disc(at(103.0 + 1.5 * f64::from(number), 100.0 + aside))
    }));
    let (from, filter) = (at(100.0, 100.0), Filter::default());
    let right = units(20.0);
    let is_hit = world.raycast(from, right, 0, METRE / 4, &filter).is_some();
    assert_eq!(is_hit, way == "against", "the others are where they should be");
    bencher.bench_local(|| world.raycast(black_box(from), right, 0, METRE / 4, &filter));
}

/// One entity is put elsewhere, so that the next question makes the index of its region anew; and the question alone.
#[divan::bench(args = ["index rebuilt", "index there"])]
fn index_of_10_000(bencher: Bencher<'_, '_>, state: &str) {
    let mut world = crowd();
    let moved = world.spawn(&disc(at(600.0, 600.0))).expect("there is room for another");
    let (nowhere, filter) = (at(800.0, 800.0), Filter::default());
    let mut ids = Vec::new();
    let (mut turn, is_moved) = (0, state == "index rebuilt");
    bencher.counter(ItemsCount::new(ENTITIES)).bench_local(|| {
        turn ^= 1;
        if is_moved {
            world.place_at(moved, at(600.0 + f64::from(turn), 600.0)).expect("it lives");
        }
        world.radius(nowhere, units(1.0), &filter, &mut ids);
        ids.len()
    });
}

/// Who is within so many metres in a crowd; the items are those found.
#[divan::bench(args = [5, 30, 100])]
fn radius_query(bencher: Bencher<'_, '_>, radius_m: u32) {
    let mut world = crowd();
    let filter = Filter::default();
    let mut chance = Chance(0x7261_6469_7573);
    let centres: Vec<_> = (0..256).map(|_| at(100.0 + 200.0 * chance.unit(), 100.0 + 200.0 * chance.unit())).collect();
    let radius = units(f64::from(radius_m));
    let mut ids = Vec::new();
    let mut found = 0;
    for centre in &centres {
        world.radius(*centre, radius, &filter, &mut ids);
        found += ids.len();
    }
    let mut centres = centres.iter().cycle();
    bencher.counter(ItemsCount::new(found / 256)).bench_local(|| {
        let centre = centres.next().expect("a cycle has no end");
        world.radius(*centre, radius, &filter, &mut ids);
        ids.len()
    });
}

/// Rays from the middle of one free cell to that of another.
#[divan::bench(args = [Ground::Rubble, Ground::Town, Ground::Rooms, Ground::Plain])]
fn raycast(bencher: Bencher<'_, '_>, ground: &Ground) {
    let map = ground.map(SIDE).expect("the map is in bounds");
    let middle = |cell: u32| cell as i32 * METRE + METRE / 2;
    let pairs = free_pairs(&ground.cells(SIDE), SIDE, 1_024);
    let mut rays = pairs.iter().cycle();
    bencher.bench_local(|| {
        let &[from, to] = rays.next().expect("a cycle has no end");
        let (x, y) = (middle(from.0), middle(from.1));
        map.walls().raycast(x, y, middle(to.0) - x, middle(to.1) - y, 0, u16::MAX)
    });
}

/// Paths between two free cells, from nothing each.
#[divan::bench(args = [Ground::Rubble, Ground::Town, Ground::Rooms, Ground::Plain])]
fn path_search(bencher: Bencher<'_, '_>, ground: &Ground) {
    let cells = ground.cells(SIDE);
    let mut grid = NavGrid::new(SIDE, SIDE, 16).expect("the grid is in bounds");
    for (index, blocked) in cells.iter().enumerate() {
        grid.set_blocked(index as u32 % SIDE, index as u32 / SIDE, *blocked);
    }
    let mut search = Search::new(&grid);
    let pairs = free_pairs(&cells, SIDE, 128);
    let mut pairs = pairs.iter().cycle();
    let mut path = Vec::new();
    bencher.bench_local(|| {
        let &[from, to] = pairs.next().expect("a cycle has no end");
        search.begin(from, to);
        while search.advance(&grid, u64::MAX) == Progress::More {}
        search.path(&mut path);
        path.len()
    });
}

/// The hash of a region of which one entity was changed.
#[divan::bench]
fn hash_of_a_region_of_10_000(bencher: Bencher<'_, '_>) {
    let mut world = crowd();
    let mut ids = Vec::new();
    world.ids(&mut ids);
    let mut heading = 0;
    bencher.counter(ItemsCount::new(ENTITIES)).bench_local(|| {
        heading ^= 1;
        world.set(ids[0], Column::Heading, heading).expect("a heading can be written");
        world.hash()
    });
}

#[divan::bench]
fn snapshot_of_10_000_encode(bencher: Bencher<'_, '_>) {
    let world = crowd();
    let mut bytes = saved(&world);
    bencher.counter(ItemsCount::new(ENTITIES)).counter(BytesCount::new(bytes.len())).bench_local(|| {
        bytes.clear();
        world.save(&mut bytes);
        bytes.len()
    });
}

/// What it takes to make the room of the world's tables is in it.
#[divan::bench]
fn snapshot_of_10_000_decode(bencher: Bencher<'_, '_>) {
    let bytes = saved(&crowd());
    bencher
        .counter(ItemsCount::new(ENTITIES))
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| World::restore(black_box(&bytes), None, ONE_THREAD).expect("it was just saved"));
}

/// A message of 1,000 commands, of ten players or of as many as commands.
#[divan::bench(args = [10, 1_000])]
fn commands_decode(bencher: Bencher<'_, '_>, players: usize) {
    let here = SectorId::new(3, -4);
    let commands: Vec<_> = (0..BATCH)
        .map(|number| Command {
            player: (number * players / BATCH) as u32 + 1,
            entity: EntityId::from_bits(number as u64 + 1),
            sector: Some(here),
            action: Action::MoveTo(Position::new(here, number as i64 * 99, 5)),
            rewind: 0,
        })
        .collect();
    let mut builder = muster_schemas::Builder::new();
    let bytes = encode_inputs(Some(7), &commands, &mut builder).to_vec();
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(BATCH)).counter(BytesCount::new(bytes.len())).bench_local(|| {
        out.clear();
        decode_inputs(black_box(&bytes), &mut out).expect("it was just encoded")
    });
}

/// 1,000 events of a tick, with room for all of them or for a tenth, and handing them out.
#[divan::bench(args = [BATCH, BATCH / 10])]
fn events_push(bencher: Bencher<'_, '_>, room: usize) {
    let mut chance = Chance(0x65_7665_6e74);
    let events: Vec<_> = (0..BATCH)
        .map(|_| {
            let (subject, object) = (u64::from(chance.below(500)), u64::from(chance.below(500)));
            let position = at(1_000.0 * chance.unit(), 1_000.0 * chance.unit());
            Event::new(1, Kind::Hit, position, EntityId::from_bits(subject), EntityId::from_bits(object), 0, 5)
        })
        .collect();
    let mut queues = Queues::new([room as u32; 4]);
    let mut out = Vec::new();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        events.iter().for_each(|event| queues.push(*event));
        queues.finish(&mut out);
        out.len()
    });
}
