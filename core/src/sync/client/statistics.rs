//! What a viewer counts, and why it refuses packets.

use core::fmt;

use crate::sync::{codec::DecodeError, packet::PacketError, told::EventsError, word::WordError};

/// Why a packet was refused. Nothing has changed but counters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PacketRefusal {
    /// It is longer than the welcome says.
    Long,
    /// The bytes are no packet.
    Malformed(PacketError),
    /// It is of another session.
    Session,
    /// It has come before.
    Doubled,
    /// It is too old to know whether it has come before.
    Old,
    /// Its number, update or tick is further ahead than any could be.
    Future,
    /// The viewer's own part is none.
    Own(WordError),
    /// The events are none.
    Events(EventsError),
    /// There is no room for its events until some are taken, or their numbers are too far ahead.
    EventsWaiting,
    /// A group's share is none.
    Share {
        /// The group.
        group: u16,
        /// Why.
        error: DecodeError,
    },
    /// A group is in it twice.
    GroupTwice,
    /// It opens more groups than the viewer has room for.
    Groups,
}

impl PacketRefusal {
    /// How many reasons there are.
    pub const REASONS: usize = 12;

    /// The number of the reason, in the order of the list, from 0.
    pub const fn number(&self) -> usize {
        match self {
            Self::Long => 0,
            Self::Malformed(_) => 1,
            Self::Session => 2,
            Self::Doubled => 3,
            Self::Old => 4,
            Self::Future => 5,
            Self::Own(_) => 6,
            Self::Events(_) => 7,
            Self::EventsWaiting => 8,
            Self::Share { .. } => 9,
            Self::GroupTwice => 10,
            Self::Groups => 11,
        }
    }
}

/// What a viewer has counted since it was made, and its estimates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClientStatistics {
    /// Packets that came and were good.
    pub packets: u64,
    /// Bytes of all packets that came.
    pub bytes: u64,
    /// States of groups that came.
    pub states: u64,
    /// Those told whole.
    pub states_whole: u64,
    /// Those that came after a newer one, or after their group was closed.
    pub states_late: u64,
    /// Those told from a state that is not here. Their packets are not acknowledged.
    pub states_unknown: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets refused, by [`PacketRefusal::number`].
    pub refused: [u64; PacketRefusal::REASONS],
    /// Reports written.
    pub reports: u64,
    /// Bytes of them.
    pub report_bytes: u64,
    /// Times that the prediction was put right.
    pub corrections: u64,
    /// Events, departures, values and entities that had no room.
    pub dropped: u64,
    /// Groups that are open.
    pub groups: u32,
    /// Entities that are known.
    pub entities: u32,
    /// The way there and back, in microseconds; 0 until it is known.
    pub rtt_us: u32,
    /// How much later than the earliest most packets come, in microseconds.
    pub jitter_us: u32,
    /// How far behind the newest others are shown, in microseconds.
    pub delay_us: u32,
    /// How far ahead of the newest the viewer's own entity is, in microseconds.
    pub lead_us: u32,
}

impl fmt::Display for PacketRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long => f.write_str("the packet is longer than was agreed"),
            Self::Malformed(error) => error.fmt(f),
            Self::Session => f.write_str("the packet is of another session"),
            Self::Doubled => f.write_str("the packet has come before"),
            Self::Old => f.write_str("the packet is too old"),
            Self::Future => f.write_str("the packet is from the future"),
            Self::Own(error) => write!(f, "the viewer's own part: {error}"),
            Self::Events(error) => write!(f, "the events: {error}"),
            Self::EventsWaiting => f.write_str("there is no room for its events"),
            Self::Share { group, error } => write!(f, "group {group}: {error}"),
            Self::GroupTwice => f.write_str("a group is in it twice"),
            Self::Groups => f.write_str("it opens too many groups"),
        }
    }
}

impl core::error::Error for PacketRefusal {}
