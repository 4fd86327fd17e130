//! What a host does to a world, out of bytes: numbers that meet, so that something comes of it.

use arbitrary::{Result, Unstructured};
use muster_core::{
    Column, Entity, EntityId, Execution, Input, METRE, Position, Projectile, SectorId, Weapon, WorldConfig,
    command::{Action, Command},
    config::{Behaviour, Step},
    entity::COLUMNS,
    event::Class,
    map::{Map, MapDef, PickupEffect, PickupSpawn, WallDef, WallForm, Zone, ZoneForm, ZoneKind},
};

/// How many attributes the worlds have.
const ATTRIBUTES: usize = 2;

/// One thing to do.
#[derive(Debug)]
pub(crate) enum Operation {
    /// The same for all worlds.
    Input(Input),
    /// Steps.
    Steps(u8),
    /// One of the worlds is worked on in another way.
    Execution(Execution),
    /// One of the worlds is put in the place of the other, by a snapshot, and worked on in that way.
    Save(Execution),
}

/// A configuration whose limits are soon reached.
pub(crate) fn config(input: &mut Unstructured<'_>) -> Result<WorldConfig> {
    let weapon = |projectile_speed| Weapon {
        damage: 10,
        range: 50 * METRE,
        reload_ticks: 3,
        projectile_speed,
        projectile_radius: METRE / 8,
        hits: 3,
        friendly_fire: projectile_speed == 0,
        rewinds: true,
        tracer: false,
    };
    let steps = vec![
        Step::Flee { below_percent: 30 },
        Step::Chase,
        Step::Guard { radius: 20 * METRE },
        Step::Capture,
        Step::Follow { distance: 3 * METRE },
        Step::Patrol { route: 0 },
        Step::Wander { radius: 10 * METRE },
    ];
    let first = input.int_in_range(0..=steps.len() - 1)?;
    let (tick_rate_hz, rewind_ticks) = *input.choose(&[(60, 0), (1, 0), (240, 3), (60, 15)])?;
    Ok(WorldConfig {
        seed: input.arbitrary()?,
        tick_rate_hz,
        rewind_ticks,
        entities_max: *input.choose(&[32, 1, 200])?,
        projectiles_max: *input.choose(&[16, 0, 200])?,
        sectors_max: *input.choose(&[9, 1, 2])?,
        attributes: vec!["ore".into(), "fuel".into()],
        weapons: vec![weapon(40 * METRE), weapon(0)],
        speed_max: *input.choose(&[200 * METRE, METRE, 1])?,
        commands_per_tick_max: *input.choose(&[4, 0, 100])?,
        reach_max: *input.choose(&[100 * i64::from(METRE), 0, 1 << 50])?,
        events_max: *input.choose(&[[8; 4], [0; 4], [1, 2, 3, 4], [1000; 4]])?,
        massive_battle_min: 2,
        base_kinds: vec![1],
        behaviours: vec![
            Behaviour { steps: steps[first..].to_vec(), sight: 60 * METRE, think_ticks: 2 },
            Behaviour { steps, sight: 0, think_ticks: 1 },
        ],
        ..WorldConfig::default()
    })
}

/// A map of 64 m a side round the corner where most things happen, or none.
pub(crate) fn map(input: &mut Unstructured<'_>) -> Result<Option<Map>> {
    if input.arbitrary()? {
        return Ok(None);
    }
    let side = 64 * METRE;
    let at = |x: i32, y: i32| (x * METRE, y * METRE);
    let wall = |form| WallDef { form, layers: 1 };
    let zone = |kind, form| Zone { name: "zone".into(), kind, form, team: 0, capture_ticks: 5, value: 1, tag: 0 };
    let pickup = |x, effect| PickupSpawn {
        x: x * METRE,
        y: 40 * METRE,
        radius: METRE,
        kind: 1,
        effect,
        amount: 7,
        respawn_ticks: 10,
    };
    let definition = MapDef {
        origin: Position::new(SectorId::new(0, 0), i64::from(-side / 2), i64::from(-side / 2)),
        walls: vec![
            wall(WallForm::Segment { from: at(10, 10), to: at(50, 14) }),
            wall(WallForm::Box { min: at(30, 30), max: at(34, 50) }),
        ],
        zones: vec![
            zone(ZoneKind::Resource, ZoneForm::Circle { at: at(32, 28), radius: 6 * METRE }),
            zone(ZoneKind::Base, ZoneForm::Box { min: at(0, 0), max: at(20, 20) }),
        ],
        pickups: vec![pickup(20, PickupEffect::Health), pickup(44, PickupEffect::Named("fuel".into()))],
        routes: vec![vec![at(5, 5), at(60, 5), at(60, 60)]],
        ..MapDef::empty(side, side)
    };
    Ok(Some(Map::new(definition).expect("the map is good")))
}

/// Another way to work on a world.
pub(crate) fn execution(input: &mut Unstructured<'_>) -> Result<Execution> {
    Ok(Execution {
        shards: *input.choose(&[1, 2, 3, 8])?,
        // To start threads takes most of a run's time.
        threads: *input.choose(&[1, 1, 1, 1, 1, 1, 1, 2])?,
        inline_below: *input.choose(&[0, 0, 5, 2000])?,
        split_above: *input.choose(&[0, 1, 2, 10])?,
    })
}

impl Operation {
    /// The next operation. `ids` are those of entities that live or lived.
    pub(crate) fn next(input: &mut Unstructured<'_>, ids: &[EntityId]) -> Result<Self> {
        Ok(Self::Input(match input.int_in_range(0..=17)? {
            0..=2 => Input::Spawn(entity(input, ids)?),
            3 => Input::Despawn(id(input, ids)?),
            4 => Input::Set { entity: id(input, ids)?, column: column(input)?, value: value(input)? },
            5 => Input::Place { entity: id(input, ids)?, position: position(input)? },
            6 => Input::Fire(projectile(input, ids)?),
            7 => Input::Emit {
                class: *input.choose(&[Class::Critical, Class::High, Class::Normal, Class::Low])?,
                position: position(input)?,
                subject: id(input, ids)?,
                object: id(input, ids)?,
                detail: input.arbitrary()?,
                value: input.arbitrary()?,
            },
            8 => Input::TakeOver { player: player(input)?, behaviour: input.int_in_range(0..=3)? },
            9 => Input::HandBack { player: player(input)? },
            10..=12 => Input::Command(command(input, ids)?),
            13 => return Ok(Self::Execution(execution(input)?)),
            14 => return Ok(Self::Save(execution(input)?)),
            15 => Input::Load { permille: *input.choose(&[1000, 0, 750])? },
            _ => return Ok(Self::Steps(input.int_in_range(1..=8)?)),
        }))
    }
}

fn player(input: &mut Unstructured<'_>) -> Result<u32> {
    input.int_in_range(0..=3)
}

fn id(input: &mut Unstructured<'_>, ids: &[EntityId]) -> Result<EntityId> {
    if ids.is_empty() || input.ratio(1, 16)? {
        return Ok(EntityId::from_bits(*input.choose(&[0, 1, 1 << 32, 1 << 32 | 1, u64::MAX])?));
    }
    input.choose(ids).copied()
}

/// Near a corner where four sectors meet, far from everything, or nowhere.
fn position(input: &mut Unstructured<'_>) -> Result<Position> {
    if input.ratio(1, 32)? {
        let sector = SectorId { x: input.arbitrary()?, y: input.arbitrary()?, scale: input.int_in_range(0..=1)? };
        return Ok(Position { sector, x: input.arbitrary()?, y: input.arbitrary()? });
    }
    let sector = if input.ratio(1, 8)? { SectorId::new(i64::MAX, i64::MIN) } else { SectorId::new(0, 0) };
    let (x, y): (i16, i16) = input.arbitrary()?;
    Ok(Position::new(sector, i64::from(x) * 64, i64::from(y) * 64))
}

fn column(input: &mut Unstructured<'_>) -> Result<Column> {
    let number = input.int_in_range(0..=COLUMNS.len() + ATTRIBUTES)?;
    Ok(COLUMNS.get(number).copied().unwrap_or_else(|| Column::Attribute((number - COLUMNS.len()) as u8)))
}

fn value(input: &mut Unstructured<'_>) -> Result<i64> {
    Ok(match input.int_in_range(0..=4)? {
        0 => input.int_in_range(0..=4)?,
        1 => input.arbitrary::<i16>()?.into(),
        2 => input.arbitrary::<i32>()?.into(),
        3 => *input.choose(&[-1, i64::MIN, i64::MAX, 1 << 31, (1 << 31) - 1, 1 << 32])?,
        _ => input.arbitrary()?,
    })
}

fn velocity(input: &mut Unstructured<'_>) -> Result<i32> {
    Ok(i32::from(input.arbitrary::<i8>()?) * METRE)
}

fn entity(input: &mut Unstructured<'_>, ids: &[EntityId]) -> Result<Entity> {
    let mut entity = Entity {
        velocity_x: velocity(input)?,
        velocity_y: velocity(input)?,
        heading: input.arbitrary()?,
        shape: input.int_in_range(0..=1)?,
        half_x: input.int_in_range(0..=2000)?,
        half_y: input.int_in_range(0..=2000)?,
        mass: *input.choose(&[1000, 0, 1, u32::MAX])?,
        restitution: input.arbitrary()?,
        layers: input.int_in_range(0..=3)?,
        collides: input.int_in_range(0..=3)?,
        acceleration_max: *input.choose(&[10 * METRE, 0, i32::MAX])?,
        health: *input.choose(&[20, 1, 0, -1])?,
        health_max: *input.choose(&[20, 0, i32::MAX])?,
        team: input.int_in_range(0..=2)?,
        kind: input.int_in_range(0..=1)?,
        owner: player(input)?,
        weapon: input.int_in_range(0..=2)?,
        bot: input.int_in_range(0..=2)?,
        ..Entity::at(position(input)?)
    };
    if input.ratio(1, 4)? {
        entity.target = id(input, ids)?;
        // A value may be refused by the column's type here, and by the world later.
        let _ = entity.set_value(column(input)?, value(input)?);
        entity.attributes = vec![1; input.int_in_range(0..=ATTRIBUTES + 1)?];
    }
    Ok(entity)
}

fn projectile(input: &mut Unstructured<'_>, ids: &[EntityId]) -> Result<Projectile> {
    Ok(Projectile {
        position: position(input)?,
        velocity_x: velocity(input)?,
        velocity_y: velocity(input)?,
        radius: *input.choose(&[METRE / 8, 0, 10 * METRE, -1, i32::MAX])?,
        damage: *input.choose(&[5, 0, i32::MAX, -1])?,
        range: *input.choose(&[30 * METRE, 0, i32::MAX, -1])?,
        shooter: id(input, ids)?,
        team: input.int_in_range(0..=2)?,
        hits: input.int_in_range(0..=3)?,
    })
}

fn command(input: &mut Unstructured<'_>, ids: &[EntityId]) -> Result<Command> {
    let action = match input.int_in_range(0..=6)? {
        0 => Action::MoveTo(position(input)?),
        1 => Action::SetVelocity { x: velocity(input)?, y: velocity(input)? },
        2 => Action::Attack(id(input, ids)?),
        3 => Action::Fire { heading: input.arbitrary()? },
        4 => Action::Stop,
        5 => Action::Use(id(input, ids)?),
        _ => Action::Custom { kind: input.arbitrary()?, target: id(input, ids)?, value: input.arbitrary()? },
    };
    let (player, entity) = (player(input)?, id(input, ids)?);
    // Last, so that the bytes of older seeds mean what they meant.
    let sector = if input.arbitrary()? {
        let near = position(input)?.sector;
        Some(SectorId { scale: input.int_in_range(0..=2)?, ..near })
    } else {
        None
    };
    let rewind = if input.ratio(1, 2)? { *input.choose(&[1, 2, 15, u8::MAX])? } else { 0 };
    Ok(Command { player, entity, sector, action, rewind })
}
