//! The configuration in its canonical form.

use super::{Fault, Reader, RestoreError, Writer};
use crate::{
    config::{Behaviour, Step, TEXT_MAX, Weapon, WorldConfig},
    entity::ATTRIBUTES_MAX,
    hash::{Digest, Part},
};

/// The hash of a configuration: two worlds whose configurations differ in anything have different ones.
pub fn config_hash(config: &WorldConfig) -> u64 {
    let mut bytes = Vec::new();
    encode_config(config, &mut Writer::new(&mut bytes));
    let mut digest = Digest::new(Part::Config);
    digest.bytes(&bytes);
    digest.finish()
}

pub(crate) fn encode_config(config: &WorldConfig, writer: &mut Writer<'_>) {
    // Taken apart by name, so that a new field cannot be forgotten here.
    let WorldConfig {
        seed,
        tick_rate_hz,
        entities_max,
        projectiles_max,
        sectors_max,
        attributes,
        weapons,
        speed_max,
        commands_per_tick_max,
        reach_max,
        use_range,
        events_max,
        massive_battle_min,
        base_kinds,
        path_expansions_per_tick,
        paths_max,
        behaviours,
        rewind_ticks,
    } = config;
    writer.u64(*seed);
    // What is too large for it is refused by who reads it, as it is by the configuration's own check.
    writer.u16(u16::try_from(*tick_rate_hz).unwrap_or(u16::MAX));
    writer.u16(u16::from(*rewind_ticks));
    writer.u32(*entities_max);
    writer.u32(*projectiles_max);
    writer.u32(*sectors_max);
    writer.i32(*speed_max);
    writer.u32(*commands_per_tick_max);
    writer.i64(*reach_max);
    writer.i32(*use_range);
    events_max.iter().for_each(|most| writer.u32(*most));
    writer.u32(*massive_battle_min);
    writer.u32(*path_expansions_per_tick);
    writer.u32(*paths_max);
    writer.count(attributes.len());
    attributes.iter().for_each(|name| writer.text(name));
    writer.count(base_kinds.len());
    base_kinds.iter().for_each(|kind| writer.u16(*kind));
    writer.count(weapons.len());
    weapons.iter().for_each(|weapon| encode_weapon(weapon, writer));
    writer.count(behaviours.len());
    behaviours.iter().for_each(|behaviour| encode_behaviour(behaviour, writer));
}

/// Reads a configuration and validates it.
pub(crate) fn decode_config(reader: &mut Reader<'_>) -> Result<WorldConfig, RestoreError> {
    let (seed, tick_rate_hz) = (reader.u64()?, u32::from(reader.u16()?));
    let rewind_ticks = u8::try_from(reader.u16()?).map_err(|_| reader.error(Fault::Value("rewind_ticks")))?;
    let mut config = WorldConfig {
        seed,
        tick_rate_hz,
        rewind_ticks,
        entities_max: reader.u32()?,
        projectiles_max: reader.u32()?,
        sectors_max: reader.u32()?,
        speed_max: reader.i32()?,
        commands_per_tick_max: reader.u32()?,
        reach_max: reader.i64()?,
        use_range: reader.i32()?,
        events_max: [reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?],
        massive_battle_min: reader.u32()?,
        path_expansions_per_tick: reader.u32()?,
        paths_max: reader.u32()?,
        attributes: Vec::new(),
        base_kinds: Vec::new(),
        weapons: Vec::new(),
        behaviours: Vec::new(),
    };
    for _ in 0..reader.count("attributes", ATTRIBUTES_MAX as u32, 4)? {
        config.attributes.push(reader.text("attribute", TEXT_MAX as u32)?.to_owned());
    }
    for _ in 0..reader.count("base kinds", 1 << 16, 2)? {
        config.base_kinds.push(reader.u16()?);
    }
    for _ in 0..reader.count("weapons", 255, 23)? {
        config.weapons.push(decode_weapon(reader)?);
    }
    for _ in 0..reader.count("behaviours", 65_535, 12)? {
        config.behaviours.push(decode_behaviour(reader)?);
    }
    config.validate().map_err(|error| reader.error(Fault::Config(error)))?;
    Ok(config)
}

/// Bits of the last byte of a weapon.
const FRIENDLY_FIRE: u8 = 1;
const NOT_REWOUND: u8 = 2;
const TRACER: u8 = 4;

fn encode_weapon(weapon: &Weapon, writer: &mut Writer<'_>) {
    let Weapon {
        damage,
        range,
        reload_ticks,
        projectile_speed,
        projectile_radius,
        hits,
        friendly_fire,
        rewinds,
        tracer,
    } = weapon;
    writer.i32(*damage);
    writer.i32(*range);
    writer.u32(*reload_ticks);
    writer.i32(*projectile_speed);
    writer.i32(*projectile_radius);
    writer.u16(*hits);
    let flag = |bit, is_set| if is_set { bit } else { 0 };
    writer.u8(flag(FRIENDLY_FIRE, *friendly_fire) | flag(NOT_REWOUND, !*rewinds) | flag(TRACER, *tracer));
}

fn decode_weapon(reader: &mut Reader<'_>) -> Result<Weapon, RestoreError> {
    let mut weapon = Weapon {
        damage: reader.i32()?,
        range: reader.i32()?,
        reload_ticks: reader.u32()?,
        projectile_speed: reader.i32()?,
        projectile_radius: reader.i32()?,
        hits: reader.u16()?,
        friendly_fire: false,
        rewinds: false,
        tracer: false,
    };
    let flags = reader.u8()?;
    if flags & !(FRIENDLY_FIRE | NOT_REWOUND | TRACER) != 0 {
        return Err(reader.error(Fault::Value("weapon")));
    }
    (weapon.friendly_fire, weapon.rewinds) = (flags & FRIENDLY_FIRE != 0, flags & NOT_REWOUND == 0);
    weapon.tracer = flags & TRACER != 0;
    Ok(weapon)
}

fn encode_behaviour(behaviour: &Behaviour, writer: &mut Writer<'_>) {
    let Behaviour { steps, sight, think_ticks } = behaviour;
    writer.i32(*sight);
    writer.u32(*think_ticks);
    writer.count(steps.len());
    for step in steps {
        match *step {
            Step::Flee { below_percent } => {
                writer.u8(0);
                writer.u8(below_percent);
            }
            Step::Chase => writer.u8(1),
            Step::Guard { radius } => {
                writer.u8(2);
                writer.i32(radius);
            }
            Step::Capture => writer.u8(3),
            Step::Follow { distance } => {
                writer.u8(4);
                writer.i32(distance);
            }
            Step::Patrol { route } => {
                writer.u8(5);
                writer.u16(route);
            }
            Step::Wander { radius } => {
                writer.u8(6);
                writer.i32(radius);
            }
        }
    }
}

fn decode_behaviour(reader: &mut Reader<'_>) -> Result<Behaviour, RestoreError> {
    let mut behaviour = Behaviour { sight: reader.i32()?, think_ticks: reader.u32()?, steps: Vec::new() };
    for _ in 0..reader.count("steps", 16, 1)? {
        behaviour.steps.push(match reader.u8()? {
            0 => Step::Flee { below_percent: reader.u8()? },
            1 => Step::Chase,
            2 => Step::Guard { radius: reader.i32()? },
            3 => Step::Capture,
            4 => Step::Follow { distance: reader.i32()? },
            5 => Step::Patrol { route: reader.u16()? },
            6 => Step::Wander { radius: reader.i32()? },
            _ => return Err(reader.error(Fault::Value("step"))),
        });
    }
    Ok(behaviour)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> WorldConfig {
        WorldConfig {
            seed: u64::MAX,
            attributes: vec!["ammunition".into(), String::new(), "Würfel".into()],
            base_kinds: vec![3, 65_535],
            weapons: vec![
                Weapon {
                    damage: 5,
                    range: 6,
                    reload_ticks: 7,
                    projectile_speed: 8,
                    projectile_radius: 9,
                    hits: 10,
                    friendly_fire: true,
                    rewinds: false,
                    tracer: true,
                };
                2
            ],
            behaviours: vec![Behaviour {
                steps: vec![
                    Step::Flee { below_percent: 30 },
                    Step::Chase,
                    Step::Guard { radius: 1 },
                    Step::Capture,
                    Step::Follow { distance: 2 },
                    Step::Patrol { route: 3 },
                    Step::Wander { radius: 4 },
                ],
                sight: 100,
                think_ticks: 6,
            }],
            ..WorldConfig::default()
        }
    }

    fn bytes_of(config: &WorldConfig) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_config(config, &mut Writer::new(&mut bytes));
        bytes
    }

    fn read(bytes: &[u8]) -> Result<WorldConfig, RestoreError> {
        let mut reader = Reader::new(bytes, "config");
        let config = decode_config(&mut reader)?;
        reader.finish()?;
        Ok(config)
    }

    #[test]
    fn configurations_come_back_and_cuts_are_refused() {
        for config in [WorldConfig::default(), full()] {
            let bytes = bytes_of(&config);
            assert_eq!(read(&bytes), Ok(config));
            for end in 0..bytes.len() {
                assert!(read(&bytes[..end]).is_err(), "{end}");
            }
        }
    }

    #[test]
    fn a_flip_is_refused_or_is_another_configuration_with_another_hash() {
        let config = full();
        let mut bytes = bytes_of(&config);
        let mut refused = 0;
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                match read(&bytes) {
                    Ok(other) => {
                        assert_eq!(bytes_of(&other), bytes, "one form only: byte {at}, bit {bit}");
                        assert_ne!(config_hash(&other), config_hash(&config));
                    }
                    Err(_) => refused += 1,
                }
                bytes[at] ^= 1 << bit;
            }
        }
        assert!(refused > 100, "{refused}");
    }

    #[test]
    fn what_no_world_can_be_made_with_is_refused_by_name() {
        let error = read(&bytes_of(&WorldConfig { tick_rate_hz: 0, ..full() })).expect_err("no rate");
        assert!(matches!(error.fault, Fault::Config(ref config) if config.field == "tick_rate_hz"), "{error}");
    }
}
