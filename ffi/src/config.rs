//! The structs of `muster/world.h` that say what a world is, and how they become a [`WorldConfig`].

use core::ffi::c_char;

use muster_core::{
    Execution, Weapon, WorldConfig,
    config::{Behaviour, Step},
};

use crate::{
    base::muster_bytes_t,
    boundary::{In, Versioned},
    error::{Refused, muster_result_t::MUSTER_E_CONFIG},
};

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_weapon_t {
    pub damage: i32,
    pub range: i32,
    pub reload_ticks: u32,
    pub projectile_speed: i32,
    pub projectile_radius: i32,
    pub hits: u16,
    pub friendly_fire: u8,
    pub is_not_rewound: u8,
    pub has_tracers: u8,
    pub reserved: [u8; 3],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub enum muster_step_kind_t {
    MUSTER_STEP_FLEE = 0,
    MUSTER_STEP_CHASE = 1,
    MUSTER_STEP_GUARD = 2,
    MUSTER_STEP_CAPTURE = 3,
    MUSTER_STEP_FOLLOW = 4,
    MUSTER_STEP_PATROL = 5,
    MUSTER_STEP_WANDER = 6,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_step_t {
    pub kind: u32,
    pub value: i32,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_behaviour_t {
    pub steps: In<muster_step_t>,
    pub step_count: u32,
    pub think_ticks: u32,
    pub sight: i32,
    pub reserved: u32,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_world_config_t {
    pub size: u32,
    pub tick_rate_hz: u32,
    pub seed: u64,
    pub entities_max: u32,
    pub projectiles_max: u32,
    pub sectors_max: u32,
    pub speed_max: i32,
    pub reach_max: i64,
    pub use_range: i32,
    pub commands_per_tick_max: u32,
    pub events_max: [u32; 4],
    pub massive_battle_min: u32,
    pub path_expansions_per_tick: u32,
    pub paths_max: u32,
    pub attribute_count: u32,
    pub attributes: In<In<c_char>>,
    pub weapons: In<muster_weapon_t>,
    pub weapon_count: u32,
    pub weapon_size: u32,
    pub behaviours: In<muster_behaviour_t>,
    pub behaviour_count: u32,
    pub behaviour_size: u32,
    pub base_kinds: In<u16>,
    pub base_kind_count: u32,
    pub rewind_ticks: u32,
    pub map_json: muster_bytes_t,
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
#[allow(non_camel_case_types, reason = "the name that C has")]
pub struct muster_execution_t {
    pub size: u32,
    pub shards: u32,
    pub threads: u32,
    pub inline_below: u32,
    pub split_above: u32,
}

impl Versioned for muster_weapon_t {
    const SIZE_MIN: usize = 24;
}
impl Versioned for muster_behaviour_t {
    const SIZE_MIN: usize = 24;
}
impl Versioned for muster_world_config_t {
    const SIZE_MIN: usize = 152;
}
impl Versioned for muster_execution_t {
    const SIZE_MIN: usize = 20;
}

/// The longest name of an attribute, in bytes.
const NAME_BYTES_MAX: usize = 255;

fn wrong(field: &str, expected: &str) -> Refused {
    Refused::new(MUSTER_E_CONFIG, format!("{field} must be {expected}"))
}

impl muster_world_config_t {
    /// The defaults, as the core has them.
    pub(crate) fn defaults(size: u32) -> Self {
        let config = WorldConfig::default();
        Self {
            size,
            tick_rate_hz: config.tick_rate_hz,
            seed: config.seed,
            entities_max: config.entities_max,
            projectiles_max: config.projectiles_max,
            sectors_max: config.sectors_max,
            speed_max: config.speed_max,
            reach_max: config.reach_max,
            use_range: config.use_range,
            commands_per_tick_max: config.commands_per_tick_max,
            events_max: config.events_max,
            massive_battle_min: config.massive_battle_min,
            path_expansions_per_tick: config.path_expansions_per_tick,
            paths_max: config.paths_max,
            attribute_count: 0,
            attributes: In::null(),
            weapons: In::null(),
            weapon_count: 0,
            weapon_size: 0,
            behaviours: In::null(),
            behaviour_count: 0,
            behaviour_size: 0,
            base_kinds: In::null(),
            base_kind_count: 0,
            rewind_ticks: config.rewind_ticks.into(),
            map_json: muster_bytes_t { data: In::null(), size: 0 },
        }
    }

    /// What the core makes of it. Counts are checked before anything is read by them; the fields' ranges are for the core
    /// to judge.
    pub(crate) fn read(&self) -> Result<WorldConfig, Refused> {
        let most = |count: u32, most: usize, field, expected| {
            usize::try_from(count).ok().filter(|count| *count <= most).ok_or_else(|| wrong(field, expected))
        };
        let attributes =
            most(self.attribute_count, muster_core::entity::ATTRIBUTES_MAX, "attribute_count", "at most 64")?;
        let weapons = most(self.weapon_count, 255, "weapon_count", "at most 255")?;
        let behaviours = most(self.behaviour_count, 65_535, "behaviour_count", "at most 65535")?;
        let base_kinds = most(self.base_kind_count, 65_536, "base_kind_count", "at most 65536")?;
        let attribute = |name: &In<c_char>| name.text(NAME_BYTES_MAX, "attributes[]").map(str::to_owned);
        Ok(WorldConfig {
            seed: self.seed,
            tick_rate_hz: self.tick_rate_hz,
            entities_max: self.entities_max,
            projectiles_max: self.projectiles_max,
            sectors_max: self.sectors_max,
            attributes: self
                .attributes
                .slice(attributes, "attributes")?
                .iter()
                .map(attribute)
                .collect::<Result<_, _>>()?,
            weapons: self
                .weapons
                .records(weapons, self.weapon_size as usize, "weapons")?
                .map(|weapon| weapon?.read())
                .collect::<Result<_, _>>()?,
            speed_max: self.speed_max,
            commands_per_tick_max: self.commands_per_tick_max,
            reach_max: self.reach_max,
            use_range: self.use_range,
            events_max: self.events_max,
            massive_battle_min: self.massive_battle_min,
            base_kinds: self.base_kinds.slice(base_kinds, "base_kinds")?.to_vec(),
            path_expansions_per_tick: self.path_expansions_per_tick,
            paths_max: self.paths_max,
            behaviours: self
                .behaviours
                .records(behaviours, self.behaviour_size as usize, "behaviours")?
                .map(|behaviour| behaviour?.read())
                .collect::<Result<_, _>>()?,
            // What does not fit is beyond every limit, and refused as such.
            rewind_ticks: u8::try_from(self.rewind_ticks).unwrap_or(u8::MAX),
        })
    }
}

fn is_set(value: u8, field: &str) -> Result<bool, Refused> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(wrong(field, "0 or 1")),
    }
}

impl muster_weapon_t {
    fn read(self) -> Result<Weapon, Refused> {
        if self.reserved != [0; 3] {
            return Err(wrong("reserved", "0"));
        }
        Ok(Weapon {
            damage: self.damage,
            range: self.range,
            reload_ticks: self.reload_ticks,
            projectile_speed: self.projectile_speed,
            projectile_radius: self.projectile_radius,
            hits: self.hits,
            friendly_fire: is_set(self.friendly_fire, "friendly_fire")?,
            rewinds: !is_set(self.is_not_rewound, "is_not_rewound")?,
            tracer: is_set(self.has_tracers, "has_tracers")?,
        })
    }
}

impl muster_behaviour_t {
    fn read(self) -> Result<Behaviour, Refused> {
        if self.step_count > 16 {
            return Err(wrong("step_count", "at most 16"));
        }
        let steps = self.steps.slice(self.step_count as usize, "steps")?.iter();
        Ok(Behaviour {
            steps: steps.map(|step| step.read()).collect::<Result<_, _>>()?,
            sight: self.sight,
            think_ticks: self.think_ticks,
        })
    }
}

impl muster_step_t {
    fn read(self) -> Result<Step, Refused> {
        use muster_step_kind_t::*;
        const KINDS: [muster_step_kind_t; 7] = [
            MUSTER_STEP_FLEE,
            MUSTER_STEP_CHASE,
            MUSTER_STEP_GUARD,
            MUSTER_STEP_CAPTURE,
            MUSTER_STEP_FOLLOW,
            MUSTER_STEP_PATROL,
            MUSTER_STEP_WANDER,
        ];
        let kind = KINDS.into_iter().find(|kind| *kind as u32 == self.kind);
        Ok(match kind.ok_or_else(|| wrong("steps[].kind", "a muster_step_kind_t"))? {
            MUSTER_STEP_FLEE => Step::Flee {
                below_percent: u8::try_from(self.value)
                    .ok()
                    .filter(|percent| *percent <= 100)
                    .ok_or_else(|| wrong("steps[].value of a flee", "0 to 100"))?,
            },
            MUSTER_STEP_CHASE => Step::Chase,
            MUSTER_STEP_GUARD => Step::Guard { radius: self.value },
            MUSTER_STEP_CAPTURE => Step::Capture,
            MUSTER_STEP_FOLLOW => Step::Follow { distance: self.value },
            MUSTER_STEP_PATROL => Step::Patrol {
                route: u16::try_from(self.value).map_err(|_| wrong("steps[].value of a patrol", "0 to 65535"))?,
            },
            MUSTER_STEP_WANDER => Step::Wander { radius: self.value },
        })
    }
}

impl muster_execution_t {
    pub(crate) fn read(self) -> Result<Execution, Refused> {
        let count = |field, value: u32| u16::try_from(value).map_err(|_| wrong(field, "1 to 256"));
        Ok(Execution {
            shards: count("shards", self.shards)?,
            threads: count("threads", self.threads)?,
            inline_below: self.inline_below,
            split_above: self.split_above,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_core() {
        let config = muster_world_config_t::defaults(152);
        assert_eq!(config.read().ok(), Some(WorldConfig::default()));
    }

    #[test]
    fn counts_are_limited_before_they_are_read_by() {
        let with = |change: fn(&mut muster_world_config_t)| {
            let mut config = muster_world_config_t::defaults(152);
            change(&mut config);
            config.read().err().map(|refused| refused.code)
        };
        let wrong = Some(MUSTER_E_CONFIG);
        assert_eq!(with(|config| config.attribute_count = 65), wrong);
        assert_eq!(with(|config| config.weapon_count = 256), wrong);
        assert_eq!(with(|config| config.behaviour_count = u32::MAX), wrong);
        assert_eq!(with(|config| config.base_kind_count = u32::MAX), wrong);
        assert_eq!(with(|config| config.weapon_count = 1), Some(crate::error::muster_result_t::MUSTER_E_ARGUMENT));
    }
}
