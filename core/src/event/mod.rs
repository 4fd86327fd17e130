//! Events: what happened in a tick.

mod battle;
mod encode;
mod group;
mod queue;
mod waiting;

pub use battle::Battles;
pub use encode::{EVENTS_MAX, TooManyEvents, encode_events};
pub use queue::Queues;

use crate::{
    command::Refusal,
    entity::EntityId,
    space::{Position, SectorId},
};

/// How much it matters that an event arrives. Queues are bounded for each class; see [`crate::WorldConfig`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// Changes the course of the game.
    Critical = 0,
    /// A player waits for it.
    High = 1,
    /// Worth showing.
    Normal = 2,
    /// Nobody misses it.
    Low = 3,
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Kind {
    /// `subject` was destroyed; `object` did it, if any.
    UnitDestroyed,
    /// A base was destroyed; `object` did it.
    BaseDestroyed,
    /// Many entities fought in one sector; `value` is how many took part.
    MassiveBattle,
    /// `subject`'s team (in `value`) took a resource zone (its number in `detail`).
    ResourceCapture,
    /// Two entities began to touch. `value` is the speed at which they met, in units of length a second.
    Contact,
    /// `object` was hit by `subject`; `value` is the damage.
    Hit,
    /// `subject` came into zone `detail`.
    ZoneEntered,
    /// `subject` left zone `detail`.
    ZoneLeft,
    /// `subject` took pickup `detail`; `value` is what it was worth.
    PickupTaken,
    /// A player's command to `subject` was refused: `detail` is a [`Refusal`], `value` the player.
    CommandRefused,
    /// `subject` used `object`.
    Used,
    /// What the game mode defines: a custom command, or an event that the host put in; `detail` is its kind.
    Custom,
    /// `subject` fired its weapon, `detail` (from 1), towards the heading `value`. Only a weapon with
    /// [tracers](crate::Weapon::tracer) says so.
    Fired,
}

/// One event.
///
/// **Events of a tick are in the order (class, sector, kind, subject, object, detail, value, count), whatever the threads
/// did.**
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// The tick it happened in.
    pub tick: u64,
    /// How much it matters.
    pub class: Class,
    /// What happened.
    pub kind: Kind,
    /// The sector of scale 0 where it happened.
    pub sector: SectorId,
    /// Where in the sector.
    pub x: i32,
    /// Where in the sector.
    pub y: i32,
    /// Who it is about.
    pub subject: EntityId,
    /// Who else took part.
    pub object: EntityId,
    /// By kind.
    pub detail: u32,
    /// By kind.
    pub value: i64,
    /// How many like it were merged into this one, itself included.
    pub count: u32,
}

impl Event {
    /// An event of the ordinary class of its kind.
    pub fn new(
        tick: u64,
        kind: Kind,
        at: Position,
        subject: EntityId,
        object: EntityId,
        detail: u32,
        value: i64,
    ) -> Self {
        Self {
            tick,
            class: kind.class(),
            kind,
            sector: at.sector,
            x: at.x,
            y: at.y,
            subject,
            object,
            detail,
            value,
            count: 1,
        }
    }

    /// What events of a tick are ordered by.
    pub fn key(&self) -> impl Ord + Copy + use<> {
        (
            self.class,
            self.sector,
            self.kind,
            self.subject,
            self.object,
            (self.detail, self.value, self.count, self.x, self.y),
        )
    }

    /// Why a command was refused, of an event that says so.
    pub fn refusal(&self) -> Option<Refusal> {
        (self.kind == Kind::CommandRefused).then_some(())?;
        [
            Refusal::NoEntity,
            Refusal::NotOwner,
            Refusal::Rate,
            Refusal::NoTarget,
            Refusal::Reach,
            Refusal::Speed,
            Refusal::Unable,
            Refusal::NotReady,
            Refusal::WrongSector,
        ]
        .into_iter()
        .find(|refusal| *refusal as u32 == self.detail)
    }
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub(crate) const ALL: [Self; 13] = [
        Self::UnitDestroyed,
        Self::BaseDestroyed,
        Self::MassiveBattle,
        Self::ResourceCapture,
        Self::Contact,
        Self::Hit,
        Self::ZoneEntered,
        Self::ZoneLeft,
        Self::PickupTaken,
        Self::CommandRefused,
        Self::Used,
        Self::Custom,
        Self::Fired,
    ];

    /// The class of events of this kind.
    pub const fn class(self) -> Class {
        match self {
            Self::BaseDestroyed | Self::MassiveBattle | Self::ResourceCapture => Class::Critical,
            Self::UnitDestroyed | Self::PickupTaken | Self::CommandRefused | Self::Used => Class::High,
            Self::Hit | Self::ZoneEntered | Self::ZoneLeft | Self::Custom | Self::Fired => Class::Normal,
            Self::Contact => Class::Low,
        }
    }
}
