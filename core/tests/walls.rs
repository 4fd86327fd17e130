//! Goal: what walls answer is right at edges and corners, for any arrangement and any speed.
//! Method: random walls and movements, half of them on a coarse lattice so that they touch, align and coincide. Answers
//! are compared with those of maps of one wall each, of cells made of boxes, and of the movement backwards.

use muster_core::{
    Map,
    entity::Shape,
    map::{Body, CellsDef, Hit, MapDef, Normal, Travel, WallDef, WallForm, Walls},
};
use proptest::prelude::*;

const METRE: i32 = muster_core::METRE;
/// Side of the maps here, in metres.
const SIDE: i32 = 16;
const ALL: u16 = u16::MAX;

type Point = (i32, i32);

fn coordinate(from: i32, to: i32) -> impl Strategy<Value = i32> {
    prop_oneof![
        (from..=to).prop_map(|metres| metres * METRE),
        (4 * from..=4 * to).prop_map(|quarters| quarters * (METRE / 4)),
        from * METRE..=to * METRE
    ]
}

fn inside() -> impl Strategy<Value = Point> {
    (coordinate(0, SIDE), coordinate(0, SIDE))
}

fn around() -> impl Strategy<Value = Point> {
    (coordinate(-4, SIDE + 4), coordinate(-4, SIDE + 4))
}

fn form() -> impl Strategy<Value = WallForm> {
    (inside(), inside(), any::<bool>()).prop_filter_map("a wall that is none", |(a, b, is_box)| {
        if is_box {
            let (min, max) = ((a.0.min(b.0), a.1.min(b.1)), (a.0.max(b.0), a.1.max(b.1)));
            (min.0 < max.0 && min.1 < max.1).then_some(WallForm::Box { min, max })
        } else {
            (a != b).then_some(WallForm::Segment { from: a, to: b })
        }
    })
}

fn forms() -> impl Strategy<Value = Vec<WallForm>> {
    prop::collection::vec(form(), 1..6)
}

/// Grids of a few and of many blocks, at the corner of the map and elsewhere, from nearly open to nearly closed.
fn cells() -> impl Strategy<Value = CellsDef> {
    let grid = (1..=64u32, 1..=64u32, 14..=16u32, prop_oneof![Just((0, 0)), inside()]);
    let density = prop_oneof![Just(0.002), Just(0.02), Just(0.2), Just(0.6)];
    let full = (grid, density).prop_flat_map(|((columns, rows, cell_shift, at), density)| {
        let (columns, rows) = (columns << (16 - cell_shift) >> 2, rows << (16 - cell_shift) >> 2);
        let (columns, rows) = (columns.max(1), rows.max(1));
        let solid = prop::collection::vec(prop::bool::weighted(density), (columns * rows) as usize);
        (Just((at, cell_shift, columns, rows)), solid)
    });
    full.prop_map(|((at, cell_shift, columns, rows), solid)| {
        // As far right and up as it fits.
        let fit = |at: i32, cells: u32| at.min(SIDE * METRE - (cells << cell_shift) as i32);
        CellsDef { at: (fit(at.0, columns), fit(at.1, rows)), cell_shift, columns, rows, solid, layers: ALL }
    })
}

fn body() -> impl Strategy<Value = Body> {
    let extent = prop_oneof![Just(0), Just(METRE / 2), Just(METRE), 1..2 * METRE];
    (extent.clone(), extent, any::<bool>()).prop_map(|(half_x, half_y, is_box)| {
        let shape = if is_box { Shape::Box } else { Shape::Circle };
        Body { half_x, half_y, shape, mask: ALL }
    })
}

fn map_of(forms: &[WallForm], cells: Option<CellsDef>) -> Map {
    let mut map = MapDef::empty(SIDE * METRE, SIDE * METRE);
    map.walls = forms.iter().map(|form| WallDef { form: *form, layers: ALL }).collect();
    map.cells = cells;
    // The navigation grid is not what this is about.
    map.navigation.cell_shift = Some(20);
    Map::new(map).expect("a valid map")
}

fn as_boxes(cells: &CellsDef) -> Vec<WallForm> {
    let solid = (0..cells.columns * cells.rows).filter(|index| cells.solid[*index as usize]);
    solid
        .map(|index| {
            let (column, row) = (index % cells.columns, index / cells.columns);
            let corner = |column: u32, row: u32| {
                (cells.at.0 + (column << cells.cell_shift) as i32, cells.at.1 + (row << cells.cell_shift) as i32)
            };
            WallForm::Box { min: corner(column, row), max: corner(column + 1, row + 1) }
        })
        .collect()
}

/// The first hit of all walls, each alone in a map.
fn one_by_one(forms: &[WallForm], cast: impl Fn(&Walls) -> Option<Hit>) -> Option<Hit> {
    let hits = forms.iter().filter_map(|form| cast(map_of(&[*form], None).walls()));
    hits.reduce(|first, hit| if hit.time < first.time { hit } else { first })
}

/// How near a point is to a wall, in units of length; 0 within a box.
fn distance(form: WallForm, (x, y): (f64, f64)) -> f64 {
    match form {
        WallForm::Box { min, max } => {
            let off = |at: f64, low: i32, high: i32| (f64::from(low) - at).max(at - f64::from(high)).max(0.0);
            off(x, min.0, max.0).hypot(off(y, min.1, max.1))
        }
        WallForm::Segment { from, to } => {
            let (ax, ay) = (f64::from(from.0), f64::from(from.1));
            let (sx, sy) = (f64::from(to.0) - ax, f64::from(to.1) - ay);
            let part = (((x - ax) * sx + (y - ay) * sy) / (sx * sx + sy * sy)).clamp(0.0, 1.0);
            (x - ax - part * sx).hypot(y - ay - part * sy)
        }
    }
}

fn nearest(forms: &[WallForm], at: (f64, f64)) -> f64 {
    forms.iter().map(|form| distance(*form, at)).fold(f64::INFINITY, f64::min)
}

/// A place on a movement.
fn part_of(from: Point, by: Point, part: f64) -> (f64, f64) {
    (f64::from(from.0) + f64::from(by.0) * part, f64::from(from.1) + f64::from(by.1) * part)
}

fn is_unit(normal: Normal) -> bool {
    let length = f64::from(normal.x).hypot(f64::from(normal.y));
    (length - 32768.0).abs() < 3.0
}

fn vector(from: Point, to: Point) -> Point {
    (to.0 - from.0, to.1 - from.1)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rays_find_the_first_of_many_walls(forms in forms(), from in around(), to in around(), radius in 0..METRE) {
        let map = map_of(&forms, None);
        let (dx, dy) = vector(from, to);
        for radius in [0, radius, METRE / 2] {
            let cast = |walls: &Walls| walls.raycast(from.0, from.1, dx, dy, radius, ALL);
            let (hit, expected) = (cast(map.walls()), one_by_one(&forms, cast));
            prop_assert_eq!(hit, expected, "radius {}", radius);
        }
    }

    #[test]
    fn a_hit_is_at_a_wall_and_nothing_is_before_it(forms in forms(), from in around(), to in around(), radius in 0..METRE) {
        let map = map_of(&forms, None);
        let by = vector(from, to);
        for radius in [0, radius] {
            let reach = f64::from(radius);
            let begins_free = nearest(&forms, part_of(from, by, 0.0)) > reach;
            let hit = map.walls().raycast(from.0, from.1, by.0, by.1, radius, ALL);
            let end = hit.map_or(1.0, |hit| hit.time as f64 / Hit::WHOLE as f64);
            if begins_free {
                for step in 0..200 {
                    let at = part_of(from, by, end * f64::from(step) / 200.0);
                    prop_assert!(nearest(&forms, at) > reach - 1.5, "radius {}, step {}", radius, step);
                }
            }
            if let Some(hit) = hit {
                let at = nearest(&forms, part_of(from, by, end));
                prop_assert!(at < reach + 3.0, "{at} from the wall, radius {radius}");
                prop_assert!(is_unit(hit.normal), "{:?}", hit.normal);
                prop_assert!(hit.normal.dot(by.0, by.1) <= 1 << 20, "{:?} is not against {:?}", hit.normal, by);
            }
        }
    }

    #[test]
    fn cells_answer_as_boxes_do(cells in cells(), from in around(), to in around(), radius in 1..METRE, body in body()) {
        let boxes = as_boxes(&cells);
        let (of_cells, of_boxes) = (map_of(&[], Some(cells)), map_of(&boxes, None));
        let (dx, dy) = vector(from, to);
        for radius in [0, radius, METRE / 2] {
            let time = |map: &Map| map.walls().raycast(from.0, from.1, dx, dy, radius, ALL).map(|hit| hit.time);
            prop_assert_eq!(time(&of_cells), time(&of_boxes), "radius {}", radius);
        }
        let sees = |map: &Map| map.walls().line_of_sight(from, to, ALL);
        prop_assert_eq!(sees(&of_cells), sees(&of_boxes));
        // What has no width can stand on the line between two boxes, but not between two cells.
        let body = Body { half_x: body.half_x.max(1), half_y: body.half_y.max(1), ..body };
        let is_free = |map: &Map| map.walls().is_free(from.0, from.1, body);
        prop_assert_eq!(is_free(&of_cells), is_free(&of_boxes));
    }

    #[test]
    fn sight_is_the_same_both_ways(forms in forms(), cells in cells(), from in around(), to in around()) {
        let with_cells = map_of(&forms, Some(cells));
        for map in [&with_cells, &map_of(&forms, None)] {
            prop_assert_eq!(map.walls().line_of_sight(from, to, ALL), map.walls().line_of_sight(to, from, ALL));
        }
    }

    #[test]
    fn what_is_pushed_out_of_walls_overlaps_none(forms in forms(), at in around(), body in body()) {
        let map = map_of(&forms, None);
        let walls = map.walls();
        match walls.push_out(at.0, at.1, body) {
            None => prop_assert!(walls.is_free(at.0, at.1, body)),
            Some(out) => {
                prop_assert!(!walls.is_free(at.0, at.1, body));
                prop_assert_eq!(out.is_free, walls.is_free(at.0 + out.dx, at.1 + out.dy, body));
                prop_assert!(out.contacts[0] != Normal::default() && is_unit(out.contacts[0]));
            }
        }
    }

    #[test]
    fn one_wall_frees_at_once_and_by_no_more_than_it_must(form in form(), at in around(), radius in 1..2 * METRE) {
        let map = map_of(&[form], None);
        let body = Body::disc(radius);
        let Some(out) = map.walls().push_out(at.0, at.1, body) else { return Ok(()) };
        prop_assert!(out.is_free);
        let depth = f64::from(radius) - distance(form, part_of(at, (0, 0), 0.0));
        let push = f64::from(out.dx).hypot(f64::from(out.dy));
        let within = matches!(form, WallForm::Box { .. }) && depth >= f64::from(radius);
        prop_assert!(within || push <= depth + 6.0, "pushed by {push}, {depth} deep");
    }

    #[test]
    fn the_order_of_walls_is_of_no_account(forms in forms(), at in around(), to in around(), body in body()) {
        let reversed: Vec<WallForm> = forms.iter().rev().copied().collect();
        let (map, other) = (map_of(&forms, None), map_of(&reversed, None));
        let (dx, dy) = vector(at, to);
        let time = |map: &Map| map.walls().raycast(at.0, at.1, dx, dy, 0, ALL).map(|hit| hit.time);
        prop_assert_eq!(time(&map), time(&other));
        prop_assert_eq!(map.walls().is_free(at.0, at.1, body), other.walls().is_free(at.0, at.1, body));
    }

    #[test]
    fn who_begins_free_ends_free_and_passes_through_nothing(
        forms in forms(),
        cells in cells(),
        at in around(),
        ways in prop::collection::vec(around(), 1..8),
        body in body(),
    ) {
        for map in [map_of(&forms, None), map_of(&forms, Some(cells))] {
            let walls = map.walls();
            let (mut x, mut y) = at;
            if !walls.is_free(x, y, body) {
                continue;
            }
            for way in &ways {
                let (dx, dy) = vector(at, *way);
                let Travel { dx, dy, .. } = walls.travel(x, y, dx, dy, body);
                prop_assert_eq!(walls.raycast(x, y, dx, dy, 0, ALL), None, "through a wall");
                (x, y) = (x + dx, y + dy);
                prop_assert!(walls.is_free(x, y, body), "({x}, {y}) is not free");
            }
        }
    }

    #[test]
    fn any_numbers_at_all_are_answered(forms in forms(), cells in cells(), x: i32, y: i32, dx: i32, dy: i32, radius: i32, half: i32) {
        let map = map_of(&forms, Some(cells));
        let walls = map.walls();
        for (x, y) in [(x, y), (x % (SIDE * METRE), y % (SIDE * METRE)), (i32::MIN, i32::MAX)] {
            for (dx, dy) in [(dx, dy), (i32::MIN, i32::MIN), (i32::MAX, i32::MIN), (x.wrapping_neg(), y.wrapping_neg())] {
                let hit = walls.raycast(x, y, dx, dy, radius, ALL);
                prop_assert!(hit.is_none_or(|hit| hit.time <= Hit::WHOLE));
                for shape in [Shape::Circle, Shape::Box] {
                    let body = Body { half_x: half, half_y: radius, shape, mask: ALL };
                    let travel = walls.travel(x, y, dx, dy, body);
                    prop_assert!(x.checked_add(travel.dx).is_some() && y.checked_add(travel.dy).is_some());
                }
            }
            let there = (x.wrapping_add(dx), y.wrapping_add(dy));
            prop_assert_eq!(walls.line_of_sight((x, y), there, ALL), walls.line_of_sight((x, y), there, ALL));
        }
    }
}

/// A disc of half a metre that starts free and is steered one way for a second of ticks.
fn steered(map: &Map, from: Point, way: Point) -> (Point, bool) {
    let (walls, body, (mut x, mut y)) = (map.walls(), Body::disc(METRE / 2), from);
    assert!(walls.is_free(x, y, body));
    let mut is_free = true;
    for _ in 0..20 {
        let Travel { dx, dy, .. } = walls.travel(x, y, way.0, way.1, body);
        (x, y) = (x + dx, y + dy);
        is_free &= walls.is_free(x, y, body);
    }
    ((x, y), is_free)
}

/// Who leans on a wall goes along it as fast as its speed says, however large the way of a tick is.
#[test]
fn who_leans_on_a_wall_glides_along_it() {
    let metres = |x: i32, y: i32| (x * METRE, y * METRE);
    let segment = |from: Point, to: Point| WallForm::Segment { from, to };
    let floor = segment(metres(0, 4), metres(16, 4));
    let boxed = WallForm::Box { min: metres(0, 0), max: metres(16, 4) };
    let joints: Vec<WallForm> = (0..16).map(|x| WallForm::Box { min: metres(x, 3), max: metres(x + 1, 4) }).collect();
    let slope = segment(metres(0, 0), metres(16, 8));
    // What is left of the speed along the wall: to the right and down, it is all that goes right on a floor.
    for (forms, (right, up)) in
        [(vec![floor], (1.0, 0.0)), (vec![boxed], (1.0, 0.0)), (joints, (1.0, 0.0)), (vec![slope], (0.4, 0.2))]
    {
        let map = map_of(&forms, None);
        let from = metres(1, 5);
        // From half of its radius on a movement is cast.
        for way in [METRE / 8, METRE / 4 - 1, METRE / 4, METRE / 3, METRE / 2] {
            let (end, is_free) = steered(&map, from, (way, -way));
            let whole = f64::from(20 * way);
            let (along_x, along_y) = (right * whole, up * whole);
            let length = along_x.hypot(along_y);
            let along = (f64::from(end.0 - from.0) * along_x + f64::from(end.1 - from.1) * along_y) / length;
            assert!((along - length).abs() <= length / 1000.0, "{forms:?}, {way}: {along} of {length}");
            assert!(is_free, "{forms:?}, {way}");
        }
    }
}

/// Round an obtuse corner the second wall leads on; in a sharp one there is no way, and it does not tremble.
#[test]
fn corners_lead_on_or_hold() {
    let metres = |x: i32, y: i32| (x * METRE, y * METRE);
    let way = METRE / 3;
    let obtuse = [
        WallForm::Segment { from: metres(0, 4), to: metres(6, 4) },
        WallForm::Segment { from: metres(6, 4), to: metres(16, 8) },
    ];
    for forms in [obtuse.to_vec(), obtuse.iter().rev().copied().collect()] {
        let map = map_of(&forms, None);
        let (end, is_free) = steered(&map, metres(4, 5), (way, -way / 2));
        assert!(is_free && end.0 > 8 * METRE && end.1 > 5 * METRE, "{end:?}");
    }
    let sharp = [
        WallForm::Segment { from: metres(0, 4), to: metres(8, 4) },
        WallForm::Segment { from: metres(8, 4), to: metres(2, 8) },
    ];
    let map = map_of(&sharp, None);
    let (end, is_free) = steered(&map, metres(3, 5), (way, -way / 8));
    let (again, _) = steered(&map, end, (way, -way / 8));
    assert!(is_free && (end.0 - again.0).abs().max((end.1 - again.1).abs()) < METRE / 64, "{end:?}, {again:?}");
}
