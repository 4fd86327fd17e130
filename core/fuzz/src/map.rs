//! Documents and messages become maps that answer every question, or errors that name a place.
//!
//! Bytes up to the first zero are a JSON document, what follows asks it questions; bytes with the identifier of a message
//! are that.

use arbitrary::{Result, Unstructured};
use muster_core::{
    entity::Shape,
    map::{Body, Map, MapDef, decode_map, encode_map},
};
use muster_schemas::Builder;

/// The grid of a larger map takes so long to make that a run would be about nothing else: 1 km.
const SIDE_MAX: i32 = 1 << 26;

/// Runs the target.
pub fn run(bytes: &[u8]) {
    if bytes.get(4..8) == Some(b"MUMP") {
        match decode_map(bytes) {
            Ok(definition) => ask(definition, &[]),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        return;
    }
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (document, questions) = bytes.split_at(end);
    let Ok(document) = core::str::from_utf8(document) else { return };
    match Map::from_json(document) {
        Ok(map) => ask(map.definition().clone(), questions),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn ask(definition: MapDef, questions: &[u8]) {
    let mut builder = Builder::new();
    let bytes = encode_map(&definition, &mut builder);
    assert_eq!(decode_map(bytes).as_ref(), Ok(&definition), "a map survives the way through bytes");
    if definition.width > SIDE_MAX || definition.height > SIDE_MAX {
        return;
    }
    let Ok(map) = Map::new(definition) else { return };
    let again = Map::new(map.definition().clone()).expect("what was checked is good");
    assert_eq!(map.hash(), again.hash());
    // Questions that end in the middle are the last.
    let _ = ask_walls(&map, &mut Unstructured::new(questions));
}

fn ask_walls(map: &Map, input: &mut Unstructured<'_>) -> Result<()> {
    let mut zones = Vec::new();
    for _ in 0..32 {
        if input.is_empty() {
            break;
        }
        let (x, y, dx, dy): (i32, i32, i32, i32) = input.arbitrary()?;
        // Mostly in the map.
        let (x, y) =
            if input.ratio(7, 8)? { (x.rem_euclid(map.width() + 1), y.rem_euclid(map.height() + 1)) } else { (x, y) };
        let shape = if input.arbitrary()? { Shape::Box } else { Shape::Circle };
        let body = Body {
            half_x: input.arbitrary::<u16>()?.into(),
            half_y: input.arbitrary::<i32>()?,
            shape,
            mask: input.arbitrary()?,
        };
        let is_free = map.walls().is_free(x, y, body);
        assert_eq!(map.walls().push_out(x, y, body).is_none(), is_free, "{x}, {y}: {body:?}");
        let travel = map.walls().travel(x, y, dx, dy, body);
        if is_free {
            let (x, y) = (x.saturating_add(travel.dx), y.saturating_add(travel.dy));
            assert!(map.walls().is_free(x, y, body), "what begins free ends free: {x}, {y}: {body:?}");
        }
        if let Some(hit) = map.walls().raycast(x, y, dx, dy, body.half_x, body.mask) {
            assert!(hit.time <= 1 << 32, "{hit:?}");
        }
        let to = (x.saturating_add(dx), y.saturating_add(dy));
        let there = map.walls().line_of_sight((x, y), to, body.mask);
        assert_eq!(there, map.walls().line_of_sight(to, (x, y), body.mask), "{x}, {y} and {to:?}");
        map.zones_at(x, y, &mut zones);
        assert!(zones.is_sorted() && zones.iter().all(|zone| (*zone as usize) < map.zones().len()));
        if let Some(cell) = map.grid().cell_of(x, y) {
            let centre = map.grid().centre_of(cell);
            assert_eq!(map.grid().cell_of(centre.0, centre.1), Some(cell));
        }
    }
    Ok(())
}
