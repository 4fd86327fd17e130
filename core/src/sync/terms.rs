//! The terms of a session: what a viewer asks with, and what it needs to know to read packets.

use core::fmt;

use muster_schemas::{
    Builder, SCHEMA_HASH, SchemaError,
    config::{self as message, StepKind},
    sync::{self, HelloArgs, WelcomeArgs},
};

use super::{
    VERSION,
    cell::Cell,
    codec::MODELS_HASH,
    packet::{ENVELOPE, GROUP_HEADER_MAX, SHARE_MAX},
};
use crate::{
    config::{Behaviour, ConfigError, Step, Weapon, WorldConfig},
    entity::ATTRIBUTES_MAX,
    replay::write_config,
};

/// The least packet that a server may be told to make: what every path carries.
pub const PACKET_MIN: u16 = 512;
/// The longest packet: the largest share and what is around it fits many times over.
pub const PACKET_MAX: u16 = 16_384;
/// Most ticks from an update to the next.
pub const UPDATE_TICKS_MAX: u16 = 240;
/// The fewest states of a group that both sides keep.
pub const HISTORY_MIN: u8 = 4;
/// The most states of a group that both sides keep, so that six bits tell them apart.
pub const HISTORY_MAX: u8 = 63;

/// What a viewer can read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hello {
    /// The version of the protocol.
    pub version: u16,
    /// The hash of the models that bits are coded with.
    pub models_hash: u64,
    /// The hash of the schemas that it was built with.
    pub schema_hash: u64,
}

/// The terms of a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// What every packet and report carries.
    pub session: u32,
    /// The player that the viewer is; 0 is a spectator.
    pub player: u32,
    /// The side of a cell is 2^cell_shift units of length.
    pub cell_shift: u8,
    /// How many states of a group both sides keep, [`HISTORY_MIN`] to [`HISTORY_MAX`].
    pub history: u8,
    /// Ticks from an update to the next, 1 to [`UPDATE_TICKS_MAX`].
    pub update_ticks: u16,
    /// Most bytes of a packet, [`PACKET_MIN`] to [`PACKET_MAX`].
    pub packet_max: u16,
    /// The attributes that everybody sees, by their numbers in the configuration, in the order that packets have them in.
    pub public_attributes: Vec<u8>,
    /// The attributes that only an entity's owner sees.
    pub owner_attributes: Vec<u8>,
    /// The tick of the world when this was said.
    pub tick: u64,
    /// What the world was made with.
    pub config: WorldConfig,
    /// The hash of the world's map; 0 is none.
    pub map_hash: u64,
}

/// Why there is no session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TermsError {
    /// The bytes are no message of this kind within its limits.
    Schema(SchemaError),
    /// The other side speaks another version of the protocol.
    Version {
        /// Which.
        theirs: u16,
    },
    /// The other side codes bits with other models.
    Models {
        /// Their hash.
        theirs: u64,
    },
    /// The named field has a value that it cannot have.
    Value(&'static str),
    /// The configuration is none that a world can be made with.
    Config(ConfigError),
    /// The world has another map than the one that was given, or none was given.
    Map {
        /// The hash of the world's map; 0 is none.
        theirs: u64,
    },
}

impl Hello {
    /// What this build can read.
    pub const OURS: Self = Self { version: VERSION, models_hash: MODELS_HASH, schema_hash: SCHEMA_HASH };

    /// Appends the message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut builder = Builder::new();
        let Self { version, models_hash, schema_hash } = *self;
        let hello = sync::Hello::create(&mut builder, &HelloArgs { version, models_hash, schema_hash });
        sync::finish_hello_buffer(&mut builder, hello);
        out.extend_from_slice(builder.finished_data());
    }

    /// Reads what a viewer can read, and refuses one that cannot read what this build writes.
    ///
    /// # Errors
    /// When the bytes are no hello, or of a viewer that reads another version or other models.
    pub fn decode(bytes: &[u8]) -> Result<Self, TermsError> {
        let message = muster_schemas::read_hello(bytes).map_err(TermsError::Schema)?;
        must_match(message.version(), message.models_hash())?;
        let (version, models_hash) = (message.version(), message.models_hash());
        Ok(Self { version, models_hash, schema_hash: message.schema_hash() })
    }
}

impl Welcome {
    /// Appends the message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut builder = Builder::new();
        let config = write_config(&self.config, &mut builder);
        let public_attributes = builder.create_vector(&self.public_attributes);
        let owner_attributes = builder.create_vector(&self.owner_attributes);
        let args = WelcomeArgs {
            version: VERSION,
            models_hash: MODELS_HASH,
            schema_hash: SCHEMA_HASH,
            session: self.session,
            player: self.player,
            cell_shift: self.cell_shift,
            history: self.history,
            update_ticks: self.update_ticks,
            packet_max: self.packet_max,
            public_attributes: Some(public_attributes),
            owner_attributes: Some(owner_attributes),
            tick: self.tick,
            config: Some(config),
            map_hash: self.map_hash,
        };
        let welcome = sync::Welcome::create(&mut builder, &args);
        sync::finish_welcome_buffer(&mut builder, welcome);
        out.extend_from_slice(builder.finished_data());
    }

    /// Reads the terms of a session. What it allocates is bounded by the bytes that came.
    ///
    /// # Errors
    /// When the bytes are no welcome, of another version or other models, or a value is out of its range.
    pub fn decode(bytes: &[u8]) -> Result<Self, TermsError> {
        let message = muster_schemas::read_welcome(bytes).map_err(TermsError::Schema)?;
        must_match(message.version(), message.models_hash())?;
        let config = read_config(message.config().ok_or(TermsError::Value("config"))?)?;
        let list =
            |list: Option<muster_schemas::Vector<'_, u8>>| list.map_or_else(Vec::new, |list| list.bytes().to_vec());
        let welcome = Self {
            session: message.session(),
            player: message.player(),
            cell_shift: message.cell_shift(),
            history: message.history(),
            update_ticks: message.update_ticks(),
            packet_max: message.packet_max(),
            public_attributes: list(message.public_attributes()),
            owner_attributes: list(message.owner_attributes()),
            tick: message.tick(),
            config,
            map_hash: message.map_hash(),
        };
        welcome.validate()?;
        Ok(welcome)
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first that is out of its range.
    pub fn validate(&self) -> Result<(), TermsError> {
        let declared = self.config.attributes.len();
        let is_list = |list: &[u8]| list.len() <= ATTRIBUTES_MAX && list.iter().all(|at| usize::from(*at) < declared);
        let checks = [
            ((Cell::SHIFT_MIN..=Cell::SHIFT_MAX).contains(&self.cell_shift), "cell_shift"),
            ((HISTORY_MIN..=HISTORY_MAX).contains(&self.history), "history"),
            ((1..=UPDATE_TICKS_MAX).contains(&self.update_ticks), "update_ticks"),
            ((PACKET_MIN..=PACKET_MAX).contains(&self.packet_max), "packet_max"),
            (is_list(&self.public_attributes), "public_attributes"),
            (is_list(&self.owner_attributes), "owner_attributes"),
            (self.tick < 1 << 62, "tick"),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, field)| Err(TermsError::Value(field)))?;
        self.config.validate().map_err(TermsError::Config)
    }
}

/// The largest share fits the longest packet.
const _: () = assert!(ENVELOPE + GROUP_HEADER_MAX + SHARE_MAX < PACKET_MAX as usize);

fn must_match(version: u16, models_hash: u64) -> Result<(), TermsError> {
    if version != VERSION {
        return Err(TermsError::Version { theirs: version });
    }
    if models_hash != MODELS_HASH {
        return Err(TermsError::Models { theirs: models_hash });
    }
    Ok(())
}

/// The configuration of a message; whether it is one that a world can be made with is not looked at.
fn read_config(from: message::WorldConfig<'_>) -> Result<WorldConfig, TermsError> {
    let events_max = from.events_max().ok_or(TermsError::Value("events_max"))?;
    if events_max.len() != 4 {
        return Err(TermsError::Value("events_max"));
    }
    let behaviours = from.behaviours().into_iter().flatten().map(read_behaviour);
    // Left out, all weapons look back.
    let rewinds = from.weapons_rewind().into_iter().flatten().chain(std::iter::repeat(true));
    let tracers = from.weapons_tracer().into_iter().flatten().chain(std::iter::repeat(false));
    let weapons = from.weapons().into_iter().flatten().zip(rewinds).zip(tracers);
    let weapons = weapons.map(|((weapon, rewinds), tracer)| Weapon { rewinds, tracer, ..read_weapon(weapon) });
    Ok(WorldConfig {
        seed: from.seed(),
        tick_rate_hz: from.tick_rate_hz(),
        entities_max: from.entities_max(),
        projectiles_max: from.projectiles_max(),
        sectors_max: from.sectors_max(),
        attributes: from.attributes().into_iter().flatten().map(str::to_owned).collect(),
        weapons: weapons.collect(),
        speed_max: from.speed_max(),
        commands_per_tick_max: from.commands_per_tick_max(),
        reach_max: from.reach_max(),
        use_range: from.use_range(),
        events_max: [0, 1, 2, 3].map(|class| events_max.get(class)),
        massive_battle_min: from.massive_battle_min(),
        base_kinds: from.base_kinds().into_iter().flatten().collect(),
        path_expansions_per_tick: from.path_expansions_per_tick(),
        paths_max: from.paths_max(),
        behaviours: behaviours.collect::<Result<_, _>>()?,
        rewind_ticks: from.rewind_ticks(),
    })
}

/// What the message has in its structs; the rest is in vectors beside them.
fn read_weapon(from: &message::Weapon) -> Weapon {
    Weapon {
        damage: from.damage(),
        range: from.range(),
        reload_ticks: from.reload_ticks(),
        projectile_speed: from.projectile_speed(),
        projectile_radius: from.projectile_radius(),
        hits: from.hits(),
        friendly_fire: from.friendly_fire(),
        rewinds: true,
        tracer: false,
    }
}

fn read_behaviour(from: message::Behaviour<'_>) -> Result<Behaviour, TermsError> {
    let wrong = TermsError::Value("steps");
    let step = |step: &message::Step| {
        let value = step.value();
        Some(match step.kind() {
            StepKind::Flee => Step::Flee { below_percent: u8::try_from(value).ok()? },
            StepKind::Chase => Step::Chase,
            StepKind::Guard => Step::Guard { radius: value },
            StepKind::Capture => Step::Capture,
            StepKind::Follow => Step::Follow { distance: value },
            StepKind::Patrol => Step::Patrol { route: u16::try_from(value).ok()? },
            StepKind::Wander => Step::Wander { radius: value },
            _ => return None,
        })
    };
    let steps = from.steps().iter().map(step).collect::<Option<_>>().ok_or(wrong)?;
    Ok(Behaviour { steps, sight: from.sight(), think_ticks: from.think_ticks() })
}

impl fmt::Display for TermsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(error) => error.fmt(f),
            Self::Version { theirs } => {
                write!(f, "the other side speaks version {theirs} of the protocol, not {VERSION}")
            }
            Self::Models { theirs } => write!(f, "the other side has other models ({theirs:#x}, not {MODELS_HASH:#x})"),
            Self::Value(field) => write!(f, "{field} has a value that it cannot have"),
            Self::Config(error) => error.fmt(f),
            Self::Map { theirs: 0 } => f.write_str("the world has no map, and one was given"),
            Self::Map { theirs } => write!(f, "the world's map is {theirs:#x}, which was not given"),
        }
    }
}

impl core::error::Error for TermsError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome() -> Welcome {
        let weapon = Weapon {
            damage: 1,
            range: 2,
            reload_ticks: 3,
            projectile_speed: 4,
            projectile_radius: 5,
            hits: 6,
            friendly_fire: true,
            rewinds: false,
            tracer: true,
        };
        let steps = vec![
            Step::Flee { below_percent: 20 },
            Step::Chase,
            Step::Guard { radius: 7 },
            Step::Capture,
            Step::Follow { distance: 8 },
            Step::Patrol { route: 65_535 },
            Step::Wander { radius: 9 },
        ];
        Welcome {
            session: 0xdead_beef,
            player: 3,
            cell_shift: 22,
            history: 32,
            update_ticks: 3,
            packet_max: 1200,
            public_attributes: vec![1],
            owner_attributes: vec![0, 2],
            tick: 1 << 40,
            config: WorldConfig {
                seed: 5,
                tick_rate_hz: 30,
                attributes: vec!["fuel".into(), "armour".into(), "gold".into()],
                weapons: vec![Weapon { rewinds: true, tracer: false, ..weapon.clone() }, weapon],
                rewind_ticks: 7,
                base_kinds: vec![4, 5],
                behaviours: vec![Behaviour { steps, sight: 10, think_ticks: 11 }],
                events_max: [1, 2, 3, 4],
                ..WorldConfig::default()
            },
            map_hash: 77,
        }
    }

    #[test]
    fn terms_come_back_and_cuts_are_refused() {
        let mut bytes = Vec::new();
        welcome().encode(&mut bytes);
        assert_eq!(Welcome::decode(&bytes), Ok(welcome()));
        for end in 0..bytes.len() {
            // What stands after the last part that is read is padding.
            let read = Welcome::decode(&bytes[..end]);
            assert!(read.is_err() || read == Ok(welcome()), "{end}");
        }
        let mut bytes = Vec::new();
        Hello::OURS.encode(&mut bytes);
        assert_eq!(Hello::decode(&bytes), Ok(Hello::OURS));
        for end in 0..bytes.len() {
            assert!(Hello::decode(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn flipped_terms_are_refused_or_other_terms() {
        let mut bytes = Vec::new();
        welcome().encode(&mut bytes);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                if let Ok(read) = Welcome::decode(&bytes) {
                    assert_eq!(read.validate(), Ok(()));
                }
                bytes[at] ^= 1 << bit;
            }
        }
    }

    #[test]
    fn values_out_of_their_ranges_are_named() {
        let cases: [(&'static str, fn(&mut Welcome)); 8] = [
            ("cell_shift", |terms| terms.cell_shift = 25),
            ("history", |terms| terms.history = 64),
            ("history", |terms| terms.history = 3),
            ("update_ticks", |terms| terms.update_ticks = 0),
            ("update_ticks", |terms| terms.update_ticks = 241),
            ("packet_max", |terms| terms.packet_max = 100),
            ("public_attributes", |terms| terms.public_attributes = vec![3]),
            ("owner_attributes", |terms| terms.owner_attributes = vec![0; 65]),
        ];
        for (field, change) in cases {
            let mut terms = welcome();
            change(&mut terms);
            let mut bytes = Vec::new();
            terms.encode(&mut bytes);
            assert_eq!(Welcome::decode(&bytes), Err(TermsError::Value(field)));
        }
        let hello = Hello { version: 9, ..Hello::OURS };
        let mut bytes = Vec::new();
        hello.encode(&mut bytes);
        assert_eq!(Hello::decode(&bytes), Err(TermsError::Version { theirs: 9 }));
        let hello = Hello { models_hash: 9, ..Hello::OURS };
        bytes.clear();
        hello.encode(&mut bytes);
        assert_eq!(Hello::decode(&bytes), Err(TermsError::Models { theirs: 9 }));
    }
}
