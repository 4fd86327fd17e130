//! Goal: queries find what an exhaustive search finds, in their order, with any division of the world.
//! Method: entities of all sizes round a corner of four sectors; each query beside a search through all of them.

use muster_core::{
    Entity, EntityId, Execution, METRE, Position, SectorId, World, WorldConfig,
    world::{Filter, QUERY_MAX},
};

const M: i64 = METRE as i64;

struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as i64) % bound
    }
}

fn world(draw: &mut Draw) -> (World, Vec<(EntityId, Entity)>) {
    let execution = Execution { shards: 3, split_above: 100, ..Execution::default() };
    let mut world = World::new(WorldConfig::default(), None, execution).expect("a valid configuration");
    let mut all = Vec::new();
    for number in 0..800 {
        let at =
            Position::new(SectorId::new(i64::MIN, 0), draw.below(600 * M) - 300 * M, draw.below(600 * M) - 300 * M);
        let large = if number % 50 == 0 { 20_000 } else { 300 };
        let entity = Entity {
            shape: (number % 2) as u8,
            half_x: draw.below(large) as u16,
            half_y: draw.below(large) as u16,
            layers: 1 << (number % 3),
            team: (number % 4) as u16,
            ..Entity::at(at)
        };
        all.push((world.spawn(&entity).expect("room"), entity));
    }
    (world, all)
}

/// Whether an entity comes within a radius, and how far its centre is, squared.
fn within(entity: &Entity, centre: Position, radius: i64) -> Option<i64> {
    let (x, y) = centre.offset_to(entity.position)?;
    let (half_x, half_y) = (i64::from(entity.half_x) << 8, i64::from(entity.half_y) << 8);
    let is_in = if entity.shape == 0 {
        x * x + y * y <= (radius + half_x) * (radius + half_x)
    } else {
        let (x, y) = ((x.abs() - half_x).max(0), (y.abs() - half_y).max(0));
        x * x + y * y <= radius * radius
    };
    is_in.then_some(x * x + y * y)
}

#[test]
fn circles_boxes_and_nearest_are_those_of_a_search_through_all() {
    let mut draw = Draw(7);
    let (mut world, all) = world(&mut draw);
    let mut found_in_all = 0;
    for round in 0..200 {
        let centre =
            Position::new(SectorId::new(i64::MIN, 0), draw.below(700 * M) - 350 * M, draw.below(700 * M) - 350 * M);
        let radius = draw.below(150 * M);
        let filter = Filter { layers: 0b011, except_team: (round % 4) as u16, except: all[round].0 };
        let counts = |(id, entity): &&(EntityId, Entity)| {
            entity.layers & 0b011 != 0
                && (filter.except_team == 0 || entity.team != filter.except_team)
                && *id != filter.except
        };
        let mut found = Vec::new();
        world.radius(centre, radius, &filter, &mut found);
        let expected: Vec<_> = all
            .iter()
            .filter(counts)
            .filter(|(_, entity)| within(entity, centre, radius).is_some())
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(found, expected);
        found_in_all += found.len();

        world.nearest(centre, radius, 5, &filter, &mut found);
        let mut nearest: Vec<_> =
            all.iter().filter(counts).filter_map(|(id, entity)| Some((within(entity, centre, radius)?, *id))).collect();
        nearest.sort_unstable();
        assert_eq!(found, nearest.iter().take(5).map(|(_, id)| *id).collect::<Vec<_>>());

        let (width, height) = (draw.below(100 * M), draw.below(100 * M));
        world.in_box(centre, width, height, &filter, &mut found);
        let touches = |entity: &Entity| {
            let (x, y) = centre.offset_to(entity.position).expect("near");
            let half_y = if entity.shape == 0 { entity.half_x } else { entity.half_y };
            x.abs() <= width + (i64::from(entity.half_x) << 8) && y.abs() <= height + (i64::from(half_y) << 8)
        };
        let expected: Vec<_> =
            all.iter().filter(counts).filter(|(_, entity)| touches(entity)).map(|(id, _)| *id).collect();
        assert_eq!(found, expected);
    }
    assert!(found_in_all > 1000, "{found_in_all}");
}

#[test]
fn rays_meet_the_nearest() {
    let mut draw = Draw(11);
    let (mut world, _) = world(&mut draw);
    let mut hits = 0;
    for _ in 0..300 {
        let from =
            Position::new(SectorId::new(i64::MIN, 0), draw.below(600 * M) - 300 * M, draw.below(600 * M) - 300 * M);
        let (right, up) = (draw.below(800 * M) - 400 * M, draw.below(800 * M) - 400 * M);
        let Some(hit) = world.raycast(from, right, up, 0, &Filter::default()) else { continue };
        hits += 1;
        let entity = world.entity(hit.entity).expect("a ray without a map meets entities");
        // It ends at the edge of what it met, and meets nothing before.
        let slack = 64;
        assert!(within(&entity, hit.position, slack).is_some(), "{hit:?} {entity:?}");
        let mut time = hit.time;
        while time > 0 {
            time = time.saturating_sub((M as u64) << 8);
            let part = |way: i64| ((i128::from(way) * i128::from(time)) >> 32) as i64;
            let mut found = Vec::new();
            world.radius(from.offset(part(right), part(up)), 0, &Filter::default(), &mut found);
            assert!(
                time == 0 || found.is_empty() || within(&entity, from.offset(part(right), part(up)), slack).is_some()
            );
        }
    }
    assert!(hits > 100, "{hits}");
}

#[test]
fn queries_see_what_was_done_since_the_last_tick() {
    let mut world = World::new(WorldConfig::default(), None, Execution::default()).expect("a valid configuration");
    let at = Position::new(SectorId::new(0, 0), 5 * M, 5 * M);
    let mut found = Vec::new();
    world.radius(at, M, &Filter::default(), &mut found);
    assert!(found.is_empty());
    let id = world.spawn(&Entity { layers: 1, ..Entity::at(at) }).expect("room");
    world.radius(at, M, &Filter::default(), &mut found);
    assert_eq!(found, [id]);
    world.place_at(id, at.offset(2000 * M, 0)).expect("a place");
    world.radius(at, M, &Filter::default(), &mut found);
    assert!(found.is_empty());
    world.radius(at, i64::MAX, &Filter::default(), &mut found);
    assert_eq!(found, [id]);
    assert!(world.raycast(at, 2 * QUERY_MAX, 0, 0, &Filter::default()).is_some_and(|hit| hit.entity == id));
    world.despawn(id).expect("it lives");
    assert_eq!(world.despawn(id), Err(muster_core::world::EntityError::Gone));
    world.radius(at, i64::MAX, &Filter::default(), &mut found);
    assert!(found.is_empty());
}
