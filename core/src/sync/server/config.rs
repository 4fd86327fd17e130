//! What a server of viewers is made with, and what a viewer is.

use crate::{
    ConfigError, World,
    sync::{
        Cell,
        terms::{HISTORY_MAX, HISTORY_MIN, PACKET_MAX, PACKET_MIN},
    },
};

/// How a world is told to its viewers, and how much of it at a time.
///
/// **A server takes its memory from the beginning**, and its updates take none as long as they stay within it:
///
/// | for | bytes, about |
/// |---|---|
/// | each of [`Self::groups_kept`] groups | 2700 for each of [`Self::history`] states and one more, and 128 more for each public attribute: 90 kB, together 8.6 MB. With [`Self::delay_max`] as much is for fewer groups |
/// | each viewer, when it is added | 70 kB with room for 128 groups; one that is everywhere has room for all of [`Self::groups_max`], 28 each |
/// | each view, when it is set | 8 for each cell that it may reach |
/// | cells and sectors | room for 4096 cells and 16 sectors: 0.3 MB, and half a kilobyte a cell for a thousand of [`Self::viewers_max`], which is only used for cells that are |
/// | events | 1024 in an update, or four for each entity that the world may have, 6 MB at most for all updates of [`Self::delay_max`] together |
/// | each entity of the world | 32, and 40 for those with values that only owners see |
///
/// Beyond, it takes more the first time, and keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyncConfig {
    /// What every packet and report carries, so that those of another world are refused. A number drawn at random.
    pub session: u32,
    /// Most viewers at a time, 1 to 65,534.
    pub viewers_max: u16,
    /// Most groups of entities at a time, 1 to 65,534. Entities beyond are told to nobody and counted.
    pub groups_max: u16,
    /// How many of them have memory for their states from the beginning; more take theirs when they are watched for the first
    /// time, and keep it.
    pub groups_kept: u16,
    /// The side of a cell is 2^cell_shift units of length, 20 (16 m) to 24 (256 m).
    pub cell_shift: u8,
    /// How many states of a group are kept to tell others from, 4 to 63.
    pub history: u8,
    /// Most updates that a spectator may be behind, 0 to 1000. States and what was encoded of them are kept as long.
    pub delay_max: u16,
    /// Ticks from an update to the next, 1 to 240.
    pub update_ticks: u16,
    /// Most bytes of a packet, 512 to 16,384: what a datagram holds on its way. 1200 goes nearly everywhere.
    pub packet_max: u16,
    /// How often a viewer is told of what is near, further off and far, in Hz, each at least 1. No more often than there are
    /// updates.
    pub rates_hz: [u16; 3],
    /// How far near and further off reach from a point of view, in units of length.
    pub rate_radii: [i32; 2],
    /// The attributes that everybody sees, by number.
    pub public_attributes: Vec<u8>,
    /// The attributes that only an entity's owner sees, by number.
    pub owner_attributes: Vec<u8>,
    /// Weights of kinds that matter more, or less, than 16: (kind, weight of 1 to 255).
    pub kind_weights: Vec<(u16, u8)>,
}

impl Default for SyncConfig {
    fn default() -> Self {
        Self {
            session: 1,
            viewers_max: 1024,
            groups_max: 8192,
            groups_kept: 96,
            cell_shift: 23,
            history: 32,
            delay_max: 0,
            update_ticks: 3,
            packet_max: 1200,
            rates_hz: [60, 20, 10],
            rate_radii: [64 * crate::METRE, 192 * crate::METRE],
            public_attributes: Vec::new(),
            owner_attributes: Vec::new(),
            kind_weights: Vec::new(),
        }
    }
}

impl SyncConfig {
    /// Checks every field against its range and the world.
    ///
    /// # Errors
    /// Names the first field that is out of its range.
    pub fn validate(&self, world: &World) -> Result<(), ConfigError> {
        let attributes = world.config().attributes.len();
        let are_declared = |numbers: &[u8]| numbers.iter().all(|number| usize::from(*number) < attributes);
        let checks = [
            ((1..u16::MAX).contains(&self.viewers_max), "viewers_max", "1 to 65,534"),
            ((1..u16::MAX).contains(&self.groups_max), "groups_max", "1 to 65,534"),
            ((Cell::SHIFT_MIN..=Cell::SHIFT_MAX).contains(&self.cell_shift), "cell_shift", "20 to 24"),
            ((HISTORY_MIN..=HISTORY_MAX).contains(&self.history), "history", "4 to 63"),
            (self.delay_max <= 1000, "delay_max", "at most 1000"),
            ((1..=240).contains(&self.update_ticks), "update_ticks", "1 to 240"),
            ((PACKET_MIN..=PACKET_MAX).contains(&self.packet_max), "packet_max", "512 to 16,384"),
            (self.rates_hz.iter().all(|rate| *rate >= 1), "rates_hz", "at least 1 each"),
            (self.rate_radii.iter().all(|radius| *radius >= 0), "rate_radii", "0 or more each"),
            (are_declared(&self.public_attributes), "public_attributes", "attributes that the world declares"),
            (self.public_attributes.len() <= 64, "public_attributes", "at most 64"),
            (are_declared(&self.owner_attributes), "owner_attributes", "attributes that the world declares"),
            (self.owner_attributes.len() <= 64, "owner_attributes", "at most 64"),
            (self.kind_weights.iter().all(|(_, weight)| *weight > 0), "kind_weights", "weights of 1 to 255"),
        ];
        checks
            .into_iter()
            .find(|(holds, ..)| !holds)
            .map_or(Ok(()), |(_, field, expected)| Err(ConfigError { field, expected }))
    }
}

/// Who a viewer is and what it may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ViewerOptions {
    /// Its player, who sees what only an owner sees; 0 is none.
    pub player: u32,
    /// Its side, which sees what only the side sees; 0 is none.
    pub team: u16,
    /// Whether it sees what is hidden, whoever it belongs to: a referee.
    pub sees_hidden: bool,
    /// Whether it sees all of the world and has no point of view: a spectator, a recorder.
    pub is_everywhere: bool,
    /// Updates that it is behind, at most [`SyncConfig::delay_max`].
    pub delay: u16,
    /// Bytes a second that its packets may have together, headers below them not counted; at least 1000.
    pub budget: u32,
}

impl Default for ViewerOptions {
    fn default() -> Self {
        Self { player: 0, team: 0, sees_hidden: false, is_everywhere: false, delay: 0, budget: 64_000 }
    }
}

/// A point of view: what is within `enter` of it comes into sight, and goes out of it beyond `leave`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct View {
    /// Where it is.
    pub point: ViewPoint,
    /// In units of length, 0 or more.
    pub enter: i32,
    /// In units of length, at least `enter`. A tenth more than it keeps what is at the edge from coming and going.
    pub leave: i32,
}

/// Where a viewer looks from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ViewPoint {
    /// A place.
    Place(crate::Position),
    /// An entity, wherever it goes. When it is gone, the last place it was at.
    Entity(crate::EntityId),
}

impl ViewPoint {
    /// The entity; null for a place.
    pub(super) const fn entity(self) -> crate::EntityId {
        match self {
            Self::Place(_) => crate::EntityId::NULL,
            Self::Entity(entity) => entity,
        }
    }
}
