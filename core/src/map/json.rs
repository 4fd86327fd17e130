//! Maps as JSON documents: `schemas/map.schema.json` is their schema.
//!
//! Lengths are metres in decimals and become integers by integer arithmetic: numbers are taken as the text they are, so
//! that no float is ever made of them. What is read here has the right form; [`MapDef::validate`] says whether it is a
//! map.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    definition::{
        CellsDef, MapDef, NavigationDef, PickupEffect, PickupSpawn, SpawnPoint, WallDef, WallForm, Zone, ZoneForm,
        ZoneKind, limits,
    },
    error::{MapError, MapFault, Place},
    fields::{Fields, integer, items, length, parse, power_of_two, text, turn, whole_number},
};
use crate::space::{Position, SectorId};

/// Most bytes of a document.
pub(super) const BYTES_MAX: usize = 4 << 20;

/// Reads a document. Its form is right then; its values may not be.
pub(super) fn read(document: &str) -> Result<MapDef, MapError> {
    let whole = Place::Whole;
    if document.len() > BYTES_MAX {
        return Err(MapError::expected(&whole, "a document of at most 4 MiB"));
    }
    let raw: &RawValue = parse(document)?;
    let known = &[
        "$schema",
        "version",
        "name",
        "origin",
        "size",
        "walls",
        "cells",
        "zones",
        "spawn_points",
        "pickups",
        "routes",
        "navigation",
    ];
    let map = Fields::read(raw, whole, known)?;
    map.optional("$schema", text, Cow::Borrowed(""))?;
    map.required("version", |raw, place| match integer::<u32>(raw, place)? {
        1 => Ok(()),
        _ => Err(MapError::expected(&place, "1")),
    })?;
    let (width, height) = map.required("size", |raw, place| pair(raw, place, "two lengths of 1 to 16000 m"))?;
    Ok(MapDef {
        name: map.optional("name", name, String::new())?,
        origin: map.optional("origin", origin, Position::default())?,
        width,
        height,
        walls: map.optional("walls", |raw, place| list(raw, place, limits::WALLS, wall), Vec::new())?,
        cells: map.optional("cells", |raw, place| cells(raw, place).map(Some), None)?,
        zones: map.optional("zones", |raw, place| list(raw, place, limits::ZONES, zone), Vec::new())?,
        spawn_points: map.optional(
            "spawn_points",
            |raw, place| list(raw, place, limits::SPAWN_POINTS, spawn_point),
            Vec::new(),
        )?,
        pickups: map.optional("pickups", |raw, place| list(raw, place, limits::PICKUPS, pickup), Vec::new())?,
        routes: map.optional(
            "routes",
            |raw, place| list(raw, place, limits::ROUTES, |raw, place| list(raw, place, limits::ROUTE_POINTS, point)),
            Vec::new(),
        )?,
        navigation: map.optional("navigation", navigation, NavigationDef::default())?,
    })
}

fn list<T>(
    raw: &RawValue,
    place: Place<'_>,
    most: usize,
    read: impl Fn(&RawValue, Place<'_>) -> Result<T, MapError>,
) -> Result<Vec<T>, MapError> {
    let raws = items(raw, place)?;
    if raws.len() > most {
        return Err(MapError::new(&place, MapFault::TooMany { most: most as u32 }));
    }
    raws.into_iter().enumerate().map(|(index, raw)| read(raw, place.item(index))).collect()
}

fn name(raw: &RawValue, place: Place<'_>) -> Result<String, MapError> {
    text(raw, place).map(Cow::into_owned)
}

fn pair(raw: &RawValue, place: Place<'_>, expected: &'static str) -> Result<(i32, i32), MapError> {
    match items(raw, place)?[..] {
        [x, y] => Ok((length(x, place.item(0))?, length(y, place.item(1))?)),
        _ => Err(MapError::expected(&place, expected)),
    }
}

fn point(raw: &RawValue, place: Place<'_>) -> Result<(i32, i32), MapError> {
    pair(raw, place, "a point within the map: two lengths from its lower left corner")
}

fn origin(raw: &RawValue, place: Place<'_>) -> Result<Position, MapError> {
    let fields = Fields::read(raw, place, &["sector", "at"])?;
    let sector = fields.optional(
        "sector",
        |raw, place| match items(raw, place)?[..] {
            [x, y] => Ok(SectorId::new(integer(x, place.item(0))?, integer(y, place.item(1))?)),
            _ => Err(MapError::expected(&place, "two numbers")),
        },
        SectorId::new(0, 0),
    )?;
    let (x, y) = fields.optional("at", |raw, place| pair(raw, place, "two lengths below 1000 m"), (0, 0))?;
    Ok(Position { sector, x, y })
}

fn box_of(raw: &RawValue, place: Place<'_>) -> Result<((i32, i32), (i32, i32)), MapError> {
    let fields = Fields::read(raw, place, &["min", "max"])?;
    Ok((fields.required("min", point)?, fields.required("max", point)?))
}

fn wall(raw: &RawValue, place: Place<'_>) -> Result<WallDef, MapError> {
    let fields = Fields::read(raw, place, &["segment", "box", "layers"])?;
    let segment = |raw: &RawValue, place: Place<'_>| {
        let fields = Fields::read(raw, place, &["from", "to"])?;
        Ok(Some(WallForm::Segment { from: fields.required("from", point)?, to: fields.required("to", point)? }))
    };
    let solid =
        |raw: &RawValue, place: Place<'_>| box_of(raw, place).map(|(min, max)| Some(WallForm::Box { min, max }));
    let forms = (fields.optional("segment", segment, None)?, fields.optional("box", solid, None)?);
    let ((Some(form), None) | (None, Some(form))) = forms else {
        return Err(MapError::expected(&place, "either a \"segment\" or a \"box\""));
    };
    Ok(WallDef { form, layers: fields.optional("layers", integer, u16::MAX)? })
}

fn cells(raw: &RawValue, place: Place<'_>) -> Result<CellsDef, MapError> {
    let fields = Fields::read(raw, place, &["cell", "at", "rows", "layers"])?;
    let cell_shift =
        fields.required("cell", |raw, place| power_of_two(raw, place, "a power of two of 0.25 to 64 m"))?;
    let (columns, rows, solid) = fields.required("rows", rows)?;
    Ok(CellsDef {
        at: fields.optional("at", point, (0, 0))?,
        cell_shift,
        columns,
        rows,
        solid,
        layers: fields.optional("layers", integer, u16::MAX)?,
    })
}

/// Reads rows of `#` and `.`, of which the first is the uppermost, so that a document looks like its map.
fn rows(raw: &RawValue, place: Place<'_>) -> Result<(u32, u32, Vec<bool>), MapError> {
    let rows = list(raw, place, limits::CELLS_SIDE as usize, |raw, place| text(raw, place).map(Cow::into_owned))?;
    let columns = rows.first().map_or(0, String::len);
    let mut solid = Vec::new();
    for (index, row) in rows.iter().enumerate().rev() {
        if row.len() != columns || row.bytes().any(|cell| !matches!(cell, b'#' | b'.')) {
            return Err(MapError::expected(&place.item(index), "\"#\" and \".\" only, as many as in the first row"));
        }
        solid.extend(row.bytes().map(|cell| cell == b'#'));
    }
    // Counts beyond u32 are impossible in a document of that size.
    Ok((columns as u32, rows.len() as u32, solid))
}

fn zone(raw: &RawValue, place: Place<'_>) -> Result<Zone, MapError> {
    let fields = Fields::read(raw, place, &["name", "kind", "circle", "box", "team", "capture_ticks", "value", "tag"])?;
    let circle = |raw: &RawValue, place: Place<'_>| {
        let fields = Fields::read(raw, place, &["at", "radius"])?;
        Ok(Some(ZoneForm::Circle { at: fields.required("at", point)?, radius: fields.required("radius", length)? }))
    };
    let area = |raw: &RawValue, place: Place<'_>| box_of(raw, place).map(|(min, max)| Some(ZoneForm::Box { min, max }));
    let forms = (fields.optional("circle", circle, None)?, fields.optional("box", area, None)?);
    let ((Some(form), None) | (None, Some(form))) = forms else {
        return Err(MapError::expected(&place, "either a \"circle\" or a \"box\""));
    };
    let kind = |raw: &RawValue, place: Place<'_>| match text(raw, place)?.as_ref() {
        "generic" => Ok(ZoneKind::Generic),
        "resource" => Ok(ZoneKind::Resource),
        "base" => Ok(ZoneKind::Base),
        _ => Err(MapError::expected(&place, "\"generic\", \"resource\" or \"base\"")),
    };
    Ok(Zone {
        name: fields.optional("name", name, String::new())?,
        kind: fields.optional("kind", kind, ZoneKind::Generic)?,
        form,
        team: fields.optional("team", integer, 0)?,
        capture_ticks: fields.optional("capture_ticks", integer, 0)?,
        value: fields.optional("value", integer, 0)?,
        tag: fields.optional("tag", integer, 0)?,
    })
}

fn spawn_point(raw: &RawValue, place: Place<'_>) -> Result<SpawnPoint, MapError> {
    let fields = Fields::read(raw, place, &["at", "team", "heading"])?;
    let (x, y) = fields.required("at", point)?;
    Ok(SpawnPoint { x, y, team: fields.optional("team", integer, 0)?, heading: fields.optional("heading", turn, 0)? })
}

fn pickup(raw: &RawValue, place: Place<'_>) -> Result<PickupSpawn, MapError> {
    let fields = Fields::read(raw, place, &["at", "radius", "kind", "effect", "amount", "respawn_ticks"])?;
    let (x, y) = fields.required("at", point)?;
    Ok(PickupSpawn {
        x,
        y,
        radius: fields.optional("radius", length, 0)?,
        kind: fields.optional("kind", integer, 0)?,
        effect: fields.optional("effect", effect, PickupEffect::None)?,
        amount: fields.optional("amount", integer, 0)?,
        respawn_ticks: fields.optional("respawn_ticks", integer, 0)?,
    })
}

fn effect(raw: &RawValue, place: Place<'_>) -> Result<PickupEffect, MapError> {
    if raw.get().starts_with('{') {
        let fields = Fields::read(raw, place, &["attribute"])?;
        return fields.required("attribute", |raw, place| {
            if raw.get().starts_with('"') {
                return Ok(PickupEffect::Named(text(raw, place)?.into_owned()));
            }
            match whole_number(raw.get()).and_then(|number| u8::try_from(number).ok()) {
                Some(number) => Ok(PickupEffect::Attribute(number)),
                None => Err(MapError::expected(&place, "a name or a number of 0 to 63")),
            }
        });
    }
    match text(raw, place).as_deref() {
        Ok("none") => Ok(PickupEffect::None),
        Ok("health") => Ok(PickupEffect::Health),
        _ => Err(MapError::expected(&place, "\"none\", \"health\" or an object with \"attribute\"")),
    }
}

fn navigation(raw: &RawValue, place: Place<'_>) -> Result<NavigationDef, MapError> {
    let fields = Fields::read(raw, place, &["cell", "agent_radius", "layers"])?;
    let ours = NavigationDef::default();
    let cell = |raw: &RawValue, place: Place<'_>| power_of_two(raw, place, "a power of two of 0.25 to 256 m").map(Some);
    Ok(NavigationDef {
        cell_shift: fields.optional("cell", cell, None)?,
        agent_radius: fields.optional("agent_radius", length, ours.agent_radius)?,
        layers: fields.optional("layers", integer, ours.layers)?,
    })
}
