//! Goal: a document is a map or is refused with the place and what belongs there, and the schema says the same.
//! Method: the shipped examples; a table of documents with one thing wrong each; and the examples with random parts
//! replaced, removed, doubled or cut, of which the schema must allow all that the core takes.

use jsonschema::Validator;
use muster_core::{
    METRE, Map, Position, SectorId,
    map::{PickupEffect, WallForm, ZoneForm, ZoneKind},
};
use proptest::prelude::*;
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../../schemas/map.schema.json");
const ARENA: &str = include_str!("../../schemas/examples/arena.json");
const DOORWAY: &str = include_str!("../../schemas/examples/doorway.json");
const LARGE: &str = include_str!("../../schemas/examples/large.json");

fn schema() -> Validator {
    let schema = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    jsonschema::draft202012::meta::validate(&schema).expect("the schema is a schema");
    jsonschema::validator_for(&schema).expect("the schema compiles")
}

fn value(document: &str) -> Value {
    serde_json::from_str(document).expect("JSON")
}

#[test]
fn the_shipped_examples_are_maps_and_satisfy_the_schema() {
    let schema = schema();
    for document in [ARENA, DOORWAY, LARGE] {
        Map::from_json(document).expect("an example is a map");
        let errors: Vec<String> = schema.iter_errors(&value(document)).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}

#[test]
fn a_document_becomes_what_it_says() {
    let arena = Map::from_json(ARENA).expect("a map");
    assert_eq!((arena.name(), arena.width(), arena.height()), ("arena", 64 * METRE, 48 * METRE));
    let centre = &arena.zones()[0];
    assert_eq!((centre.name.as_str(), centre.kind, centre.capture_ticks), ("centre", ZoneKind::Resource, 600));
    assert_eq!(centre.form, ZoneForm::Circle { at: (32 * METRE, 24 * METRE), radius: 6 * METRE + METRE / 2 });
    let wall = arena.definition().walls[8];
    let (from, to) = ((28 * METRE, 20 * METRE), (36 * METRE, 28 * METRE));
    assert_eq!((wall.form, wall.layers), (WallForm::Segment { from, to }, 1));
    assert_eq!(arena.spawn_points()[2].heading, 0x8000);
    assert_eq!(arena.routes()[1], [(20 * METRE, 24 * METRE), (44 * METRE, 24 * METRE)]);
    let mut zones = Vec::new();
    for (at, expected) in [((32, 24), vec![0]), ((8, 16), vec![1]), ((60, 20), vec![2]), ((32, 40), vec![])] {
        arena.zones_at(at.0 * METRE, at.1 * METRE, &mut zones);
        assert_eq!(zones, expected, "{at:?}");
    }

    let large = Map::from_json(LARGE).expect("a map");
    let origin = Position::new(SectorId::new(-2, 9_000_000_000), 500 * i64::from(METRE), i64::from(METRE) * 1002 / 4);
    assert_eq!(large.origin(), origin);
    assert_eq!(large.local(large.position(5, 7)), Some((5, 7)));
    assert_eq!(large.local(Position::default()), None);
}

#[test]
fn rows_of_cells_are_written_as_they_look() {
    let document = json!({"version": 1, "size": [4, 4], "cells": {"cell": 1, "at": [1, 1], "rows": ["#..", "..."]}});
    let map = Map::from_json(&document.to_string()).expect("a map");
    let solid = (METRE + METRE / 2, 2 * METRE + METRE / 2);
    for x in 0..4 {
        for y in 0..4 {
            let at = (x * METRE + METRE / 2, y * METRE + METRE / 2);
            let is_free = map.walls().is_free(at.0, at.1, muster_core::map::Body::disc(1));
            assert_eq!(is_free, at != solid, "{at:?}");
            assert_eq!(map.grid().is_blocked(x as u32, y as u32), at == solid, "{at:?}");
        }
    }
}

#[test]
fn attributes_are_found_by_name() {
    let mut arena = Map::from_json(ARENA).expect("a map");
    let before = arena.hash();
    let error = arena.resolve(&["fuel".into()]).expect_err("no such attribute");
    assert_eq!(error.to_string(), "pickups[1].effect.attribute: must be an attribute that the world declares");
    arena.resolve(&["fuel".into(), "ammunition".into()]).expect("it is there");
    assert_eq!(arena.pickups()[1].effect, PickupEffect::Attribute(1));
    assert_ne!(arena.hash(), before);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let point = "must be a point within the map: two lengths from its lower left corner";
    let number = "must be a length in metres with at most 6 decimals, without exponent";
    // A part of the document, what is there instead, the answer, and whether the schema refuses it too.
    let cases = [
        ("/version", "2", "version: must be 1".into(), true),
        ("/size", "[64]", "size: must be two lengths of 1 to 16000 m".into(), true),
        ("/size/0", "16000.5", "size: must be two lengths of 1 to 16000 m".into(), true),
        ("/size/0", "\"64\"", format!("size[0]: {number}"), true),
        ("/size/0", "6.4e1", format!("size[0]: {number}"), false),
        ("/size/0", "64.0000001", format!("size[0]: {number}"), false),
        ("/walls", "{}", "walls: must be a list".into(), true),
        ("/walls/2", "7", "walls[2]: must be an object".into(), true),
        ("/walls/2", "{}", "walls[2]: must be either a \"segment\" or a \"box\"".into(), true),
        ("/walls/2/segment/to", "[64, 48]", "walls[2].segment.to: must be another point than \"from\"".into(), false),
        ("/walls/2/segment/to", "[64.1, 48]", format!("walls[2].segment.to: {point}"), false),
        ("/walls/2/segment/to", "[-0.1, 48]", format!("walls[2].segment.to: {point}"), true),
        ("/walls/2/segment", "{\"from\": [1, 1]}", "walls[2].segment.to: must be there".into(), true),
        ("/walls/5/box/max", "[46, 34]", "walls[5].box.max: must be above and right of \"min\"".into(), false),
        ("/walls/8/layers", "0", "walls[8].layers: must be a number of 1 to 65535, a bit for each layer".into(), true),
        ("/walls/8/layers", "65536", "walls[8].layers: must be a whole number of 0 to 65535".into(), true),
        (
            "/zones/0/circle/radius",
            "0",
            "zones[0].circle.radius: must be a length above 0 and up to 16000 m".into(),
            true,
        ),
        ("/zones/0/circle/radius", "null", format!("zones[0].circle.radius: {number}"), true),
        ("/zones/0/kind", "\"mine\"", "zones[0].kind: must be \"generic\", \"resource\" or \"base\"".into(), true),
        ("/zones/0/name", "7", "zones[0].name: must be a text".into(), true),
        ("/zones/1", "{\"bok\": 1}", "zones[1].bok: there is no such field; the nearest is \"box\"".into(), true),
        ("/spawn_points/2/heading", "360", "spawn_points[2].heading: must be degrees of 0 to below 360".into(), true),
        ("/spawn_points/2/team", "-1", "spawn_points[2].team: must be a whole number of 0 to 65535".into(), true),
        ("/pickups/0/radius", "256.1", "pickups[0].radius: must be a length of 0 to 256 m".into(), true),
        (
            "/pickups/0/effect",
            "\"speed\"",
            "pickups[0].effect: must be \"none\", \"health\" or an object with \"attribute\"".into(),
            true,
        ),
        (
            "/pickups/1/effect/attribute",
            "64",
            "pickups[1].effect.attribute: must be a name or a number of 0 to 63".into(),
            true,
        ),
        ("/routes/1", "[[1, 1]]", "routes[1]: must be at least two points".into(), true),
        ("/routes/1/0", "[1, 1, 1]", format!("routes[1][0]: {point}"), true),
        ("/navigation/cell", "0.3", "navigation.cell: must be a power of two of 0.25 to 256 m".into(), true),
        ("/navigation/cell", "512", "navigation.cell: must be a power of two of 0.25 to 256 m".into(), true),
    ];
    let schema = schema();
    for (pointer, replacement, expected, schema_refuses) in cases {
        let mut document = value(ARENA);
        // Put in as text, because a number has to stay as it is written.
        *document.pointer_mut(pointer).expect("the part is there") = json!("@");
        let document = document.to_string().replacen("\"@\"", replacement, 1);
        let error = Map::from_json(&document).expect_err(&expected);
        assert_eq!(error.to_string(), expected);
        assert_eq!(schema.is_valid(&value(&document)), !schema_refuses, "the schema, of {pointer} as {replacement}");
    }
}

#[test]
fn cells_are_checked_as_a_whole() {
    let cases = [
        (json!({"cell": 3, "rows": ["."]}), "cells.cell: must be a power of two of 0.25 to 64 m"),
        (json!({"cell": 1, "rows": []}), "cells.rows: must be 1 to 4096 rows of 1 to 4096"),
        (
            json!({"cell": 1, "rows": ["#.", "#"]}),
            "cells.rows[1]: must be \"#\" and \".\" only, as many as in the first row",
        ),
        (
            json!({"cell": 1, "rows": ["#x"]}),
            "cells.rows[0]: must be \"#\" and \".\" only, as many as in the first row",
        ),
        (json!({"cell": 64, "rows": ["#"]}), "cells.at: must be a corner from which all cells are within the map"),
        (
            json!({"cell": 1, "at": [7.5, 0], "rows": ["#"]}),
            "cells.at: must be a corner from which all cells are within the map",
        ),
        (json!({"cell": 1}), "cells.rows: must be there"),
    ];
    for (cells, expected) in cases {
        let document = json!({"version": 1, "size": [8, 8], "cells": cells});
        assert_eq!(Map::from_json(&document.to_string()).expect_err(expected).to_string(), expected);
    }
}

#[test]
fn documents_that_are_too_much_are_refused_before_they_cost_anything() {
    let deep = format!("{{\"version\": {}", "[".repeat(3 << 20));
    let long = " ".repeat((4 << 20) + 1);
    let many = json!({"version": 1, "size": [8, 8], "zones": vec![json!({}); 4097]}).to_string();
    let wall = json!({"box": {"min": [1, 1], "max": [2, 2]}});
    let crowd = json!({"version": 1, "size": [8, 8], "walls": vec![wall; 1025]}).to_string();
    let fine = json!({"version": 1, "size": [16000, 16000], "navigation": {"cell": 0.25}}).to_string();
    let cases = [
        (deep.as_str(), "the map: is not JSON at line 1, column 3145740"),
        (&long, "the map: must be a document of at most 4 MiB"),
        (&many, "zones: must be at most 4096"),
        (&crowd, "walls[1024]: must be one with at most 1024 others near it"),
        (&fine, "navigation.cell: must be large enough that the map has at most 4096 cells a side and 4194304 in all"),
        ("", "the map: is not JSON at line 1, column 0"),
        ("{\n\"version\": 1,}", "the map: is not JSON at line 2, column 14"),
        ("[]", "the map: must be an object"),
        ("{\"version\": 1, \"version\": 1}", "version: is there twice"),
        ("{\"version\": 1}", "size: must be there"),
    ];
    for (document, expected) in cases {
        assert_eq!(Map::from_json(document).expect_err(expected).to_string(), expected);
    }
}

/// What stands in for a part of a document.
fn odd_value() -> impl Strategy<Value = Value> {
    let odd = [
        "null",
        "true",
        "0",
        "-1",
        "1",
        "1.0",
        "2",
        "0.5",
        "4",
        "63",
        "64",
        "65535",
        "65536",
        "16000",
        "16001",
        "4294967296",
        "-9223372036854775808",
        "9223372036854775807",
        "18446744073709551615",
        "1e300",
        "0.0000001",
        "\"\"",
        "\"#\"",
        "\"none\"",
        "\"base\"",
        "[]",
        "[0, 0]",
        "[1, 1]",
        "[[1, 1], [2, 2]]",
        "{}",
        "[null]",
        "[[]]",
        "{\"attribute\": 3}",
        "{\"from\": [1, 1], \"to\": [2, 2]}",
        "{\"min\": [1, 1], \"max\": [2, 2]}",
        "{\"at\": [1, 1], \"radius\": 1}",
    ];
    (0..odd.len()).prop_map(move |index| value(odd[index]))
}

/// Every part of a value: the whole, and the parts of its parts.
fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| pointers(item, format!("{at}/{index}"), found));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| pointers(field, format!("{at}/{name}"), found));
        }
        _ => {}
    }
    found.push(at);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_schema_allows_whatever_the_core_takes(
        is_arena: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), odd_value(), 0..3), 1..4),
    ) {
        let mut document = value(if is_arena { ARENA } else { DOORWAY });
        for (place, odd, how) in changes {
            let mut all = Vec::new();
            pointers(&document, String::new(), &mut all);
            let pointer = &all[place.index(all.len())];
            match (how, document.pointer_mut(pointer).expect("a part that was found")) {
                (1, Value::Array(items)) => items.push(odd),
                (2, Value::Array(items)) => drop(items.pop()),
                (1, Value::Object(fields)) => drop(fields.insert("layers".into(), odd)),
                (2, Value::Object(fields)) => {
                    let name = fields.keys().nth(place.index(fields.len().max(1))).cloned();
                    name.map(|name| fields.remove(&name));
                }
                (_, part) => *part = odd,
            }
        }
        let text = document.to_string();
        match Map::from_json(&text) {
            Ok(_) => prop_assert!(schema().is_valid(&document), "the schema refuses {text}"),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn documents_that_are_cut_or_flipped_are_answered(at in any::<prop::sample::Index>(), byte: u8, is_cut: bool) {
        let mut bytes = ARENA.as_bytes().to_vec();
        let at = at.index(bytes.len() - 1);
        if is_cut {
            bytes.truncate(at);
            prop_assert!(Map::from_json(&String::from_utf8_lossy(&bytes)).is_err());
        } else {
            bytes[at] = byte;
            let document = String::from_utf8_lossy(&bytes);
            // Any answer will do, as long as it is one and the same.
            let hash = |map: Result<Map, _>| map.map(|map| map.hash());
            prop_assert_eq!(hash(Map::from_json(&document)), hash(Map::from_json(&document)));
        }
    }

    #[test]
    fn texts_of_any_sort_are_answered(text in "\\PC{0,200}", lists in "[\\[\\]{}\",:0-9a-z.#-]{0,200}") {
        for document in [text.clone(), lists, format!("{{\"version\": 1, \"size\": [8, 8], \"name\": {text:?}}}")] {
            if let Err(error) = Map::from_json(&document) {
                prop_assert!(error.to_string().len() < 400);
            }
        }
    }
}
