//! Goal: maps survive the way through bytes unchanged, and bytes that are no map are refused.
//! Method: the example maps and one with everything in it go there and back; messages are cut and flipped at every byte.

use std::{fs, path::Path};

use muster_core::{
    Position, SectorId,
    map::{
        CellsDef, Map, MapDef, MapMessageError, NavigationDef, PickupEffect, PickupSpawn, SpawnPoint, WallDef,
        WallForm, Zone, ZoneForm, ZoneKind, decode_map, encode_map,
    },
};
use muster_schemas::{Builder, Limits, SchemaError};

/// A map in which every field of every part says something.
fn everything() -> MapDef {
    let pickup = |effect| PickupSpawn { x: 1, y: 2, radius: 3, kind: 4, effect, amount: -5, respawn_ticks: 6 };
    let zone = |name: &str, kind, form| Zone {
        name: name.into(),
        kind,
        form,
        team: 1,
        capture_ticks: 2,
        value: -3,
        tag: u32::MAX,
    };
    MapDef {
        name: "everything".into(),
        origin: Position::new(SectorId::new(i64::MIN, 7), 5, 6),
        walls: vec![
            WallDef { form: WallForm::Segment { from: (1, 2), to: (3, 4) }, layers: 1 },
            WallDef { form: WallForm::Box { min: (5, 6), max: (70, 80) }, layers: u16::MAX },
        ],
        cells: Some(CellsDef {
            at: (9, 10),
            cell_shift: 14,
            columns: 13,
            rows: 11,
            solid: (0..13 * 11).map(|index| index % 3 == 0).collect(),
            layers: 2,
        }),
        zones: vec![
            zone("a", ZoneKind::Generic, ZoneForm::Circle { at: (100, 200), radius: 50 }),
            zone("b", ZoneKind::Resource, ZoneForm::Box { min: (1, 2), max: (3, 4) }),
            zone("", ZoneKind::Base, ZoneForm::Box { min: (0, 0), max: (9, 9) }),
        ],
        spawn_points: vec![SpawnPoint { x: 1, y: 2, team: 3, heading: 4 }],
        pickups: vec![
            pickup(PickupEffect::None),
            pickup(PickupEffect::Health),
            pickup(PickupEffect::Attribute(63)),
            pickup(PickupEffect::Named("ore".into())),
        ],
        routes: vec![vec![(1, 2), (3, 4)], vec![(5, 6), (7, 8), (9, 10)]],
        navigation: NavigationDef { cell_shift: Some(15), agent_radius: 77, layers: 5 },
        ..MapDef::empty(1 << 20, 1 << 21)
    }
}

#[test]
fn maps_are_the_same_behind_the_bytes() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/examples");
    let mut maps = vec![everything(), MapDef::empty(1 << 16, 1 << 16)];
    for entry in fs::read_dir(examples).expect("there are examples") {
        let path = entry.expect("the folder can be read").path();
        let document = fs::read_to_string(&path).expect("an example can be read");
        maps.push(Map::from_json(&document).expect("an example is a map").definition().clone());
    }
    assert!(maps.len() > 3, "examples were found");
    let mut builder = Builder::new();
    for map in maps {
        let back = decode_map(encode_map(&map, &mut builder)).expect("what was written can be read");
        assert_eq!(back, map);
        let hash = |definition| Map::new(definition).expect("it is a map").hash();
        assert_eq!(hash(back), hash(map));
    }
}

#[test]
fn every_cut_and_every_flip_is_harmless() {
    let mut builder = Builder::new();
    let whole = encode_map(&everything(), &mut builder).to_vec();
    for size in 0..whole.len() {
        // The end may be padding.
        let decoded = decode_map(&whole[..size]);
        assert!(decoded.is_err() || whole[size..].iter().all(|byte| *byte == 0), "cut to {size}");
    }
    let mut refused = 0;
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            let result = decode_map(&bytes);
            refused += u32::from(result.is_err());
            if let Err(error) = result {
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(refused > 500, "offsets, counts and kinds are looked at: {refused}");
}

#[test]
fn what_is_no_map_is_told_with_its_place() {
    let size_max = Limits::MAP.size_max;
    let too_large = MapMessageError::Schema(SchemaError::TooLarge { size: size_max + 1, size_max });
    assert_eq!(decode_map(&vec![0; size_max + 1]), Err(too_large));
    assert_eq!(decode_map(b"").map_err(|error| error.to_string()), {
        Err("the map is no valid message: the identifier MUMP is missing".to_owned())
    });

    // The number of cells is believed only if there are as many bits.
    let mut map = everything();
    if let Some(cells) = &mut map.cells {
        cells.columns = 4096;
    }
    let mut builder = Builder::new();
    let error = decode_map(encode_map(&map, &mut builder)).expect_err("bits are missing");
    assert_eq!(error.to_string(), "cells.solid: must be a bit for each of at most 4194304 cells");
}
