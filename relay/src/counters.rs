//! Counts that one worker writes and the admin endpoint reads.
//!
//! **Each [`Counter`] has one writer**, so adding is a plain load and store: no locked instruction on the relay path.
//! The labels are closed sets, so no client can make the list of metrics grow.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A count with one writer and any number of readers. Monotonic, except where a gauge says otherwise.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Only the owner calls this.
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Takes `n` off a gauge. Only the owner calls this.
    pub fn subtract(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_sub(n), Relaxed);
    }

    /// Replaces the value, for counts that someone else keeps.
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// The value now.
    pub fn read(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Why a datagram was not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Drop {
    /// Neither STUN nor ChannelData, or cut short.
    Malformed,
    /// A STUN message that no server handles: a response, an unknown method, an unexpected indication.
    Unexpected,
    /// Data from a 5-tuple that has no allocation.
    NoAllocation,
    /// ChannelData on a channel that is not bound.
    NoChannel,
    /// The peer has no permission.
    NoPermission,
    /// The peer's address is closed by policy.
    PeerDenied,
    /// The allocation is over its bytes a second.
    RateLimited,
    /// The relay is full and the allocation is over its fair share.
    FairShare,
    /// An answer to an address that has not proved itself, over its network's limit.
    ReplyLimited,
    /// The queue to another worker was full.
    HandoffFull,
    /// The client's stream was too far behind.
    StreamBacklog,
    /// Larger than a buffer slot.
    Oversize,
    /// The kernel's send buffer was full.
    SendFull,
    /// The kernel refused the send.
    SendError,
    /// Its sender's address could not be read.
    Unreadable,
}

impl Drop {
    /// Every cause, in the order of the discriminants.
    pub const ALL: [Self; 15] = [
        Self::Malformed,
        Self::Unexpected,
        Self::NoAllocation,
        Self::NoChannel,
        Self::NoPermission,
        Self::PeerDenied,
        Self::RateLimited,
        Self::FairShare,
        Self::ReplyLimited,
        Self::HandoffFull,
        Self::StreamBacklog,
        Self::Oversize,
        Self::SendFull,
        Self::SendError,
        Self::Unreadable,
    ];

    /// The value of the metric's `cause` label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unexpected => "unexpected",
            Self::NoAllocation => "no_allocation",
            Self::NoChannel => "no_channel",
            Self::NoPermission => "no_permission",
            Self::PeerDenied => "peer_denied",
            Self::RateLimited => "rate_limited",
            Self::FairShare => "fair_share",
            Self::ReplyLimited => "reply_limited",
            Self::HandoffFull => "handoff_full",
            Self::StreamBacklog => "stream_backlog",
            Self::Oversize => "oversize",
            Self::SendFull => "send_full",
            Self::SendError => "send_error",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Which way a relayed datagram went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Direction {
    /// From a client to a peer outside.
    ToPeer,
    /// From a peer outside to a client.
    ToClient,
    /// From a client straight to another client of this relay.
    Hairpin,
}

impl Direction {
    /// Every direction, in the order of the discriminants.
    pub const ALL: [Self; 3] = [Self::ToPeer, Self::ToClient, Self::Hairpin];

    /// The value of the metric's `direction` label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ToPeer => "to_peer",
            Self::ToClient => "to_client",
            Self::Hairpin => "hairpin",
        }
    }
}

/// The kinds of request that are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Request {
    /// STUN Binding.
    Binding,
    /// TURN Allocate.
    Allocate,
    /// TURN Refresh.
    Refresh,
    /// TURN CreatePermission.
    CreatePermission,
    /// TURN ChannelBind.
    ChannelBind,
}

impl Request {
    /// Every kind, in the order of the discriminants.
    pub const ALL: [Self; 5] =
        [Self::Binding, Self::Allocate, Self::Refresh, Self::CreatePermission, Self::ChannelBind];

    /// The value of the metric's `method` label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Binding => "binding",
            Self::Allocate => "allocate",
            Self::Refresh => "refresh",
            Self::CreatePermission => "create_permission",
            Self::ChannelBind => "channel_bind",
        }
    }
}

/// The error codes that the relay answers with; 0 stands for success.
pub const RESULTS: [u16; 13] = [0, 300, 400, 401, 403, 420, 437, 438, 440, 441, 442, 443, 486];

/// One more slot than [`RESULTS`] has, for 508, which is also where an unlisted code would be counted.
const RESULT_SLOTS: usize = RESULTS.len() + 1;

/// What one worker counts on the TURN side.
#[derive(Debug, Default)]
pub struct TurnCounters {
    /// Live allocations (a gauge).
    pub allocations: Counter,
    /// Allocations ever made.
    pub allocations_opened: Counter,
    /// Relayed datagrams by [`Direction`].
    datagrams: [Counter; Direction::ALL.len()],
    /// Relayed payload bytes by [`Direction`].
    bytes: [Counter; Direction::ALL.len()],
    /// Drops by cause.
    drops: [Counter; Drop::ALL.len()],
    /// Answers by request and code.
    answers: [[Counter; RESULT_SLOTS]; Request::ALL.len()],
    /// ICMP errors passed on to clients.
    pub icmp: Counter,
}

impl TurnCounters {
    /// Counts one relayed datagram of `bytes` payload.
    pub fn relayed(&self, direction: Direction, bytes: usize) {
        self.datagrams[direction as usize].add(1);
        self.bytes[direction as usize].add(bytes as u64);
    }

    /// Counts one drop.
    pub fn dropped(&self, cause: Drop) {
        self.drops[cause as usize].add(1);
    }

    /// Replaces a count of drops that the driver or the streams keep.
    pub fn set_dropped(&self, cause: Drop, total: u64) {
        self.drops[cause as usize].set(total);
    }

    /// Counts one answer; `code` 0 is success.
    pub fn answered(&self, request: Request, code: u16) {
        let slot = RESULTS.iter().position(|&known| known == code).unwrap_or(RESULTS.len());
        self.answers[request as usize][slot].add(1);
    }

    /// Datagrams and bytes relayed in one direction.
    pub fn relayed_so_far(&self, direction: Direction) -> (u64, u64) {
        (self.datagrams[direction as usize].read(), self.bytes[direction as usize].read())
    }

    /// Drops of one cause.
    pub fn dropped_so_far(&self, cause: Drop) -> u64 {
        self.drops[cause as usize].read()
    }

    /// Answers of one kind by code (0 is success), those that occurred.
    pub fn answers_so_far(&self, request: Request) -> impl Iterator<Item = (u16, u64)> {
        RESULTS
            .iter()
            .copied()
            .chain([508])
            .zip(&self.answers[request as usize])
            .map(|(code, counter)| (code, counter.read()))
            .filter(|&(_, count)| count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_at_their_discriminants() {
        for (index, cause) in Drop::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, index, "{}", cause.label());
        }
        for (index, request) in Request::ALL.into_iter().enumerate() {
            assert_eq!(request as usize, index, "{}", request.label());
        }
        for (index, direction) in Direction::ALL.into_iter().enumerate() {
            assert_eq!(direction as usize, index, "{}", direction.label());
        }
    }

    #[test]
    fn answers_are_counted_by_code() {
        let counters = TurnCounters::default();
        for code in [0, 401, 401, 508, 437] {
            counters.answered(Request::Allocate, code);
        }
        let answers: Vec<_> = counters.answers_so_far(Request::Allocate).collect();
        assert_eq!(answers, [(0, 1), (401, 2), (437, 1), (508, 1)]);
    }
}
