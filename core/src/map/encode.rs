//! Maps into bytes: a FlatBuffer `muster.Map`.

use muster_schemas::{
    Builder, Offset,
    common::{self, Sector},
    map::{
        self, MapArgs, MapPoint, NavigationArgs, Pickup, PickupArgs, Route, RouteArgs, Wall, WallCells, WallCellsArgs,
        ZoneArgs,
    },
};

use super::definition::{CellsDef, MapDef, PickupEffect, PickupSpawn, WallDef, WallForm, Zone, ZoneForm, ZoneKind};

/// Writes a map into a builder, which is cleared first. [`super::decode_map`] gives the same map again.
pub fn encode_map<'a>(definition: &MapDef, builder: &'a mut Builder<'_>) -> &'a [u8] {
    builder.reset();
    let name = builder.create_string(&definition.name);
    let origin = definition.origin;
    let sector = Sector::new(origin.sector.x, origin.sector.y);
    let origin = common::Position::new(&sector, origin.x, origin.y);
    let walls = builder.create_vector_from_iter(definition.walls.iter().map(wall));
    let cells = definition.cells.as_ref().map(|cells| write_cells(cells, builder));
    let zones: Vec<_> = definition.zones.iter().map(|zone| write_zone(zone, builder)).collect();
    let zones = builder.create_vector(&zones);
    let spawn_points = builder.create_vector_from_iter(
        definition
            .spawn_points
            .iter()
            .map(|spawn| map::SpawnPoint::new(&point((spawn.x, spawn.y)), spawn.team, spawn.heading)),
    );
    let pickups: Vec<_> = definition.pickups.iter().map(|pickup| write_pickup(pickup, builder)).collect();
    let pickups = builder.create_vector(&pickups);
    let routes: Vec<_> = definition
        .routes
        .iter()
        .map(|route| {
            let points = builder.create_vector_from_iter(route.iter().copied().map(point));
            Route::create(builder, &RouteArgs { points: Some(points) })
        })
        .collect();
    let routes = builder.create_vector(&routes);
    let navigation = NavigationArgs {
        cell_shift: definition.navigation.cell_shift.map(small_shift),
        agent_radius: definition.navigation.agent_radius,
        layers: definition.navigation.layers,
    };
    let navigation = map::Navigation::create(builder, &navigation);
    let args = MapArgs {
        name: Some(name),
        origin: Some(&origin),
        width: definition.width,
        height: definition.height,
        walls: Some(walls),
        cells,
        zones: Some(zones),
        spawn_points: Some(spawn_points),
        pickups: Some(pickups),
        routes: Some(routes),
        navigation: Some(navigation),
    };
    let root = map::Map::create(builder, &args);
    map::finish_map_buffer(builder, root);
    builder.finished_data()
}

fn point((x, y): (i32, i32)) -> MapPoint {
    MapPoint::new(x, y)
}

/// A shift beyond a byte is no valid one, and stays none.
fn small_shift(shift: u32) -> u8 {
    u8::try_from(shift).unwrap_or(u8::MAX)
}

fn wall(wall: &WallDef) -> Wall {
    let (from, to, form) = match wall.form {
        WallForm::Segment { from, to } => (from, to, map::WallForm::Segment),
        WallForm::Box { min, max } => (min, max, map::WallForm::Box),
    };
    Wall::new(&point(from), &point(to), wall.layers, form)
}

fn write_cells<'a>(cells: &CellsDef, builder: &mut Builder<'a>) -> Offset<WallCells<'a>> {
    let words = cells
        .solid
        .chunks(64)
        .map(|word| word.iter().zip(0..).fold(0_u64, |bits, (is_solid, index)| bits | u64::from(*is_solid) << index));
    let solid = builder.create_vector_from_iter(words);
    let args = WallCellsArgs {
        at: Some(&point(cells.at)),
        cell_shift: small_shift(cells.cell_shift),
        columns: cells.columns,
        rows: cells.rows,
        solid: Some(solid),
        layers: cells.layers,
    };
    WallCells::create(builder, &args)
}

fn write_zone<'a>(zone: &Zone, builder: &mut Builder<'a>) -> Offset<map::Zone<'a>> {
    let name = builder.create_string(&zone.name);
    let (form, from, to, radius) = match zone.form {
        ZoneForm::Circle { at, radius } => (map::ZoneForm::Circle, point(at), None, radius),
        ZoneForm::Box { min, max } => (map::ZoneForm::Box, point(min), Some(point(max)), 0),
    };
    let kind = match zone.kind {
        ZoneKind::Generic => map::ZoneKind::Generic,
        ZoneKind::Resource => map::ZoneKind::Resource,
        ZoneKind::Base => map::ZoneKind::Base,
    };
    let args = ZoneArgs {
        name: Some(name),
        kind,
        form,
        from: Some(&from),
        to: to.as_ref(),
        radius,
        team: zone.team,
        capture_ticks: zone.capture_ticks,
        value: zone.value,
        tag: zone.tag,
    };
    map::Zone::create(builder, &args)
}

fn write_pickup<'a>(pickup: &PickupSpawn, builder: &mut Builder<'a>) -> Offset<Pickup<'a>> {
    let (effect, attribute, attribute_name) = match &pickup.effect {
        PickupEffect::None => (map::PickupEffect::None, 0, None),
        PickupEffect::Health => (map::PickupEffect::Health, 0, None),
        PickupEffect::Attribute(number) => (map::PickupEffect::Attribute, *number, None),
        PickupEffect::Named(name) => (map::PickupEffect::Named, 0, Some(builder.create_string(name))),
    };
    let args = PickupArgs {
        at: Some(&point((pickup.x, pickup.y))),
        radius: pickup.radius,
        kind: pickup.kind,
        effect,
        attribute,
        attribute_name,
        amount: pickup.amount,
        respawn_ticks: pickup.respawn_ticks,
    };
    Pickup::create(builder, &args)
}
