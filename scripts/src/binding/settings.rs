//! What `match_init` returns: the match and its world, in words.

use mlua::{FromLua, Lua, Table, Value};
use muster_core::{
    METRE, Weapon, WorldConfig,
    config::{Behaviour, Step},
    entity::ATTRIBUTES_MAX,
    sync::server::SyncConfig,
};

use super::{
    fields::{FIELDS, short_length},
    lua_to_json,
    players::LABEL_BYTES_MAX,
    values::whole,
};
use crate::{Limits, error::likely, matches::MatchSettings, stage::Names};

/// What a match is to be.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) settings: MatchSettings,
    pub(crate) config: WorldConfig,
    pub(crate) names: Names,
    /// What `self` begins as.
    pub(crate) state: Option<Table>,
}

/// A table whose names are all known.
struct Fields {
    table: Table,
    place: String,
    lua: Lua,
}

/// Ticks a second of a match, at most.
pub(crate) const TICK_RATE_MAX: u32 = 120;

/// Reads what `match_init` returned.
///
/// # Errors
/// The first field that is not known or cannot be, and what it must be.
pub(crate) fn read_settings(lua: &Lua, table: &Table, seed: u64, limits: &Limits) -> mlua::Result<Wanted> {
    let known = [
        "tick_rate",
        "players_max",
        "at_once",
        "label",
        "spectators",
        "teams",
        "view",
        "sync",
        "world",
        "attributes",
        "weapons",
        "behaviours",
        "away",
        "client",
        "state",
    ];
    let fields = Fields::of(lua, table, "match_init", &known)?;
    let mut settings = MatchSettings::default();
    settings.tick_rate_hz = fields.whole("tick_rate", settings.tick_rate_hz, 1, TICK_RATE_MAX)?;
    settings.players_max = fields.whole("players_max", settings.players_max, 1, limits.players_max)?;
    settings.label = fields.get::<String>("label")?.unwrap_or_default();
    if settings.label.len() > LABEL_BYTES_MAX {
        return Err(fields.wrong("label", "text of at most 2048 bytes"));
    }
    settings.at_once = fields.get("at_once")?.unwrap_or(false);
    settings.spectators = fields.get("spectators")?.unwrap_or(true);
    settings.teams = fields.whole("teams", 0, 0, u16::MAX)?;
    settings.client =
        fields.get::<Value>("client")?.map_or(Ok(serde_json::Value::Null), |value| lua_to_json(&value))?;
    let mut config = WorldConfig {
        seed,
        tick_rate_hz: settings.tick_rate_hz,
        // Of a match, not of a continent: what is asked for is what memory is taken for.
        entities_max: 4096.min(limits.entities_max),
        projectiles_max: 4096,
        sectors_max: 256,
        paths_max: 1024,
        ..WorldConfig::default()
    };
    let mut names = Names::default();
    read_attributes(&fields, &mut settings, &mut config, &mut names)?;
    settings.large = read_world(&fields, &mut config, limits)?;
    read_weapons(&fields, &mut config, &mut names)?;
    read_behaviours(&fields, &mut config, &mut names)?;
    read_view(&fields, &mut settings)?;
    read_sync(&fields, &mut settings)?;
    make_room(&mut settings.sync, config.entities_max);
    if let Some(away) = fields.table("away", &["behaviour", "seconds"])? {
        settings.away_seconds = away.whole("seconds", settings.away_seconds, 0, 3600)?;
        if let Some(name) = away.get::<String>("behaviour")? {
            let number = names.behaviours.get(&name).copied();
            settings.away_behaviour = number.ok_or_else(|| away.wrong("behaviour", "the name of a behaviour"))?;
        }
    }
    config.validate().map_err(|error| mlua::Error::runtime(format!("match_init: {error}")))?;
    Ok(Wanted { settings, config, names, state: fields.get("state")? })
}

fn read_attributes(
    fields: &Fields,
    settings: &mut MatchSettings,
    config: &mut WorldConfig,
    names: &mut Names,
) -> mlua::Result<()> {
    let Some(attributes) = fields.table("attributes", &["public", "owner", "hidden"])? else { return Ok(()) };
    for group in ["public", "owner", "hidden"] {
        for name in attributes.get::<Vec<String>>(group)?.unwrap_or_default() {
            let is_taken = FIELDS.iter().any(|(known, ..)| *known == name) || names.attributes.contains_key(&name);
            if is_taken || name.is_empty() || config.attributes.len() == ATTRIBUTES_MAX {
                return Err(attributes
                    .wrong(group, "at most 64 names in all, each another and none that entities have already"));
            }
            let number = config.attributes.len() as u8;
            names.attributes.insert(name.clone(), number);
            config.attributes.push(name);
            match group {
                "public" => settings.sync.public_attributes.push(number),
                "owner" => settings.sync.owner_attributes.push(number),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Reads the world's settings; whether it is a large one comes back.
fn read_world(fields: &Fields, config: &mut WorldConfig, limits: &Limits) -> mlua::Result<bool> {
    let known = [
        "entities_max",
        "projectiles_max",
        "sectors_max",
        "speed_max",
        "reach_max",
        "use_range",
        "commands_per_tick_max",
        "rewind_ms",
        "base_kinds",
        "massive_battle_min",
        "paths_max",
        "path_expansions_per_tick",
        "large",
    ];
    let Some(world) = fields.table("world", &known)? else { return Ok(false) };
    config.entities_max = world.whole("entities_max", config.entities_max, 1, limits.entities_max)?;
    config.projectiles_max = world.whole("projectiles_max", config.projectiles_max, 0, limits.entities_max)?;
    config.sectors_max = world.whole("sectors_max", config.sectors_max, 1, 1 << 16)?;
    config.commands_per_tick_max = world.whole("commands_per_tick_max", config.commands_per_tick_max, 1, 4096)?;
    config.massive_battle_min = world.whole("massive_battle_min", config.massive_battle_min, 1, u32::MAX)?;
    config.paths_max = world.whole("paths_max", config.paths_max, 0, 1 << 16)?;
    config.path_expansions_per_tick =
        world.whole("path_expansions_per_tick", config.path_expansions_per_tick, 0, 1_000_000)?;
    config.speed_max = world.length("speed_max", config.speed_max)?;
    config.use_range = world.length("use_range", config.use_range)?;
    if world.get::<f64>("reach_max")?.is_some() {
        config.reach_max = i64::from(world.length("reach_max", 0)?);
    }
    let rewind_ms: u32 = world.whole("rewind_ms", 0, 0, 250)?;
    config.rewind_ticks = (rewind_ms * config.tick_rate_hz / 1000).min(255) as u8;
    config.base_kinds = world.get::<Vec<u16>>("base_kinds")?.unwrap_or_default();
    Ok(world.get("large")?.unwrap_or(false))
}

fn read_weapons(fields: &Fields, config: &mut WorldConfig, names: &mut Names) -> mlua::Result<()> {
    let known = [
        "name",
        "damage",
        "range",
        "reload_seconds",
        "projectile_speed",
        "projectile_radius",
        "hits",
        "friendly_fire",
        "rewinds",
        "tracer",
    ];
    for (index, table) in fields.get::<Vec<Table>>("weapons")?.unwrap_or_default().iter().enumerate() {
        let weapon = Fields::of(&fields.lua, table, &format!("weapons[{}]", index + 1), &known)?;
        if let Some(name) = weapon.get::<String>("name")? {
            names.weapons.insert(name, (index + 1).try_into().unwrap_or(u16::MAX));
        }
        let seconds: f64 = weapon.get("reload_seconds")?.unwrap_or(1.0);
        let ticks = (seconds * f64::from(config.tick_rate_hz)).round();
        if !(0.0..=1e9).contains(&ticks) {
            return Err(weapon.wrong("reload_seconds", "a number of seconds"));
        }
        config.weapons.push(Weapon {
            damage: weapon.whole("damage", 1, 0, i32::MAX)?,
            range: weapon.length("range", 20 * METRE)?,
            reload_ticks: (ticks as u32).max(1),
            projectile_speed: weapon.length("projectile_speed", 0)?,
            projectile_radius: weapon.length("projectile_radius", 0)?,
            hits: weapon.whole("hits", u16::MAX, 0, u16::MAX)?,
            friendly_fire: weapon.get("friendly_fire")?.unwrap_or(false),
            rewinds: weapon.get("rewinds")?.unwrap_or(false),
            tracer: weapon.get("tracer")?.unwrap_or(false),
        });
    }
    Ok(())
}

fn read_behaviours(fields: &Fields, config: &mut WorldConfig, names: &mut Names) -> mlua::Result<()> {
    for (index, table) in fields.get::<Vec<Table>>("behaviours")?.unwrap_or_default().iter().enumerate() {
        let place = format!("behaviours[{}]", index + 1);
        let behaviour = Fields::of(&fields.lua, table, &place, &["name", "sight", "think_seconds", "steps"])?;
        if let Some(name) = behaviour.get::<String>("name")? {
            names.behaviours.insert(name, (index + 1).try_into().unwrap_or(u16::MAX));
        }
        let seconds: f64 = behaviour.get("think_seconds")?.unwrap_or(0.25);
        let ticks = (seconds * f64::from(config.tick_rate_hz)).round();
        if !(0.0..=1e9).contains(&ticks) {
            return Err(behaviour.wrong("think_seconds", "a number of seconds"));
        }
        let mut steps = Vec::new();
        for step in behaviour.get::<Vec<Value>>("steps")?.unwrap_or_default() {
            steps.push(read_step(&fields.lua, &step, &place)?);
        }
        config.behaviours.push(Behaviour {
            steps,
            sight: behaviour.length("sight", 30 * METRE)?,
            think_ticks: (ticks as u32).max(1),
        });
    }
    Ok(())
}

fn read_step(lua: &Lua, step: &Value, place: &str) -> mlua::Result<Step> {
    let expected = "flee, chase, guard, capture, follow, patrol or wander, as \"chase\" or { \"wander\", radius = 20 }";
    let wrong = || mlua::Error::runtime(format!("{place}.steps: each is one of {expected}"));
    let (name, table) = match step {
        Value::String(name) => (name.to_string_lossy(), lua.create_table()?),
        Value::Table(table) => (table.raw_get::<String>(1).map_err(|_| wrong())?, table.clone()),
        _ => return Err(wrong()),
    };
    let number =
        |field: &str, otherwise: f64| Ok::<f64, mlua::Error>(super::field(&table, field)?.unwrap_or(otherwise));
    Ok(match name.as_str() {
        "flee" => Step::Flee { below_percent: whole(number("below_percent", 30.0)?, "below_percent")? },
        "chase" => Step::Chase,
        "guard" => Step::Guard { radius: short_length(number("radius", 20.0)?, "radius")? },
        "capture" => Step::Capture,
        "follow" => Step::Follow { distance: short_length(number("distance", 5.0)?, "distance")? },
        "patrol" => Step::Patrol { route: whole(number("route", 0.0)?, "route")? },
        "wander" => Step::Wander { radius: short_length(number("radius", 20.0)?, "radius")? },
        _ => return Err(wrong()),
    })
}

fn read_view(fields: &Fields, settings: &mut MatchSettings) -> mlua::Result<()> {
    let Some(view) = fields.table("view", &["enter", "leave"])? else { return Ok(()) };
    settings.view_enter = view.length("enter", settings.view_enter)?;
    settings.view_leave = view.length("leave", settings.view_enter.saturating_add(settings.view_enter / 10))?;
    if settings.view_enter < 0 || settings.view_leave < settings.view_enter {
        return Err(view.wrong("leave", "at least enter, which is 0 or more"));
    }
    Ok(())
}

/// A match has memory for the groups of its entities, not for those of a great world: groups that are full at first, and at most
/// as many as entities make that are far apart and move fast.
fn make_room(sync: &mut SyncConfig, entities_max: u32) {
    let groups = |count: u32, most: u16| u16::try_from(count).unwrap_or(u16::MAX).min(most);
    sync.groups_max = groups(entities_max.saturating_mul(8).saturating_add(64), sync.groups_max);
    sync.groups_kept = groups(entities_max / 16, sync.groups_kept);
}

fn read_sync(fields: &Fields, settings: &mut MatchSettings) -> mlua::Result<()> {
    let Some(sync) = fields.table("sync", &["update_ticks", "rates_hz", "rate_radii", "cell_shift"])? else {
        return Ok(());
    };
    settings.sync.update_ticks = sync.whole("update_ticks", settings.sync.update_ticks, 1, 240)?;
    settings.sync.cell_shift = sync.whole("cell_shift", settings.sync.cell_shift, 20, 24)?;
    if let Some(rates) = sync.get::<Vec<u16>>("rates_hz")? {
        let rates = <[u16; 3]>::try_from(rates).ok().filter(|rates| rates.iter().all(|rate| *rate > 0));
        settings.sync.rates_hz = rates.ok_or_else(|| sync.wrong("rates_hz", "three numbers of 1 or more"))?;
    }
    if let Some(radii) = sync.get::<Vec<f64>>("rate_radii")? {
        let [near, far] = radii[..] else { return Err(sync.wrong("rate_radii", "two lengths in metres")) };
        settings.sync.rate_radii = [short_length(near, "rate_radii")?, short_length(far, "rate_radii")?];
    }
    Ok(())
}

impl Fields {
    fn of(lua: &Lua, table: &Table, place: &str, known: &[&str]) -> mlua::Result<Self> {
        for pair in table.pairs::<Value, Value>() {
            let (key, _) = pair?;
            let name = key.to_string().unwrap_or_default();
            if !known.contains(&name.as_str()) {
                let meant = likely(&name, known.iter().copied());
                let meant = meant
                    .map_or_else(|| format!("it has {}", known.join(", ")), |meant| format!("is `{meant}` meant?"));
                return Err(mlua::Error::runtime(format!("{place} has no `{name}`; {meant}")));
            }
        }
        Ok(Self { table: table.clone(), place: place.into(), lua: lua.clone() })
    }

    fn get<T: FromLua>(&self, name: &str) -> mlua::Result<Option<T>> {
        super::field(&self.table, name).map_err(|error| mlua::Error::runtime(format!("{}: {error}", self.place)))
    }

    fn table(&self, name: &str, known: &[&str]) -> mlua::Result<Option<Self>> {
        let Some(table) = self.get::<Table>(name)? else { return Ok(None) };
        Self::of(&self.lua, &table, name, known).map(Some)
    }

    fn whole<T: TryFrom<i64> + Into<i64> + Copy>(&self, name: &str, otherwise: T, low: T, high: T) -> mlua::Result<T> {
        whole_between(self.get(name)?, otherwise, low, high)
            .ok_or_else(|| self.wrong(name, &format!("a whole number of {} to {}", low.into(), high.into())))
    }

    fn length(&self, name: &str, otherwise: i32) -> mlua::Result<i32> {
        self.get::<f64>(name)?.map_or(Ok(otherwise), |metres| short_length(metres, name))
    }

    fn wrong(&self, name: &str, expected: &str) -> mlua::Error {
        mlua::Error::runtime(format!("{}.{name} must be {expected}", self.place))
    }
}

fn whole_between<T: TryFrom<i64> + Into<i64> + Copy>(number: Option<f64>, otherwise: T, low: T, high: T) -> Option<T> {
    let Some(number) = number else { return Some(otherwise) };
    let is_within = number.fract() == 0.0 && (low.into() as f64..=high.into() as f64).contains(&number);
    if is_within { T::try_from(number as i64).ok() } else { None }
}
