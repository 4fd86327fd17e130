//! What a fuzzer may do to a relay.

use arbitrary::Arbitrary;
use muster_relay::{config::Limits, turn::OpenError};
use muster_sim::{Draft, attribute};

/// How the run begins.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) struct Setup {
    /// Whether sockets are opened only by [`Operation::Open`].
    pub(super) late: bool,
    /// Whether clients are told other addresses than the sockets'.
    pub(super) translated: bool,
    pub(super) limits: LimitChoice,
}

/// Limits that are low enough to be reached.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) struct LimitChoice {
    allocations: u8,
    per_user: u8,
    per_address: u8,
    permissions: u8,
    channels: u8,
    rates: u8,
}

impl LimitChoice {
    pub(super) fn limits(self) -> Limits {
        let few = |choice: u8| u32::from(choice % 8) + 1;
        Limits {
            allocations: few(self.allocations),
            allocations_per_user: few(self.per_user),
            allocations_per_address: few(self.per_address),
            permissions_per_allocation: few(self.permissions) as u16,
            channels_per_allocation: few(self.channels) as u16,
            bytes_per_second_per_allocation: if self.rates & 1 == 0 { 0 } else { 1_000 },
            bytes_per_second: if self.rates & 2 == 0 { 0 } else { 2_000 },
            unproven_replies_per_second: if self.rates & 4 == 0 { 1_000 } else { 1 },
            ..Limits::default()
        }
    }
}

/// One step. Clients, peers and sockets are numbers that are taken modulo how many there are.
#[derive(Debug, Clone, Arbitrary)]
pub(super) enum Operation {
    /// Time passes, and every machine is woken when it asked to be.
    Advance(Step),
    /// Time passes unnoticed: nothing is swept.
    Skip(Step),
    /// A request that is signed as well as its client can.
    Request { client: u8, method: Method, lie: Lie, attributes: Vec<Attribute>, fingerprint: bool, again: bool },
    /// A request with nothing but the usual attributes, for reaching deep states soon.
    Plain { client: u8, method: Method, peer: u8, number: u8 },
    /// A Send indication.
    Send { client: u8, peer: u8, bytes: u8 },
    /// ChannelData.
    Channel { client: u8, number: u8, bytes: u8 },
    /// Bytes without meaning.
    Raw { client: u8, bytes: [u8; 24] },
    /// A datagram from a peer on a relayed socket that is open, or was.
    Peer { socket: u8, peer: u8, bytes: u8, closed: bool },
    /// An ICMP error on a relayed socket that is open, or was.
    Icmp { socket: u8, peer: u8, kind: u8, closed: bool },
    /// One of the sockets that were asked for is opened, or fails to.
    Open { which: u8, fault: Fault },
    /// The next sockets that are asked for fail.
    Faults { count: u8, fault: Fault },
    /// A stream ends.
    Gone { client: u8 },
    /// New settings.
    Reload { limits: LimitChoice, without_bob: bool, closed_peers: bool, alternate: bool },
    /// No new allocations, or again.
    Drain(bool),
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub(super) enum Step {
    Milliseconds(u8),
    Seconds(u8),
    Minutes(u8),
}

impl Step {
    pub(super) fn duration(self) -> std::time::Duration {
        match self {
            Self::Milliseconds(count) => std::time::Duration::from_millis(count.into()),
            Self::Seconds(count) => std::time::Duration::from_secs(count.into()),
            Self::Minutes(count) => std::time::Duration::from_secs(60 * u64::from(count % 64)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
pub(super) enum Method {
    Binding,
    Allocate,
    Refresh,
    CreatePermission,
    ChannelBind,
    Other(u16),
}

impl Method {
    pub(super) fn number(self) -> u16 {
        match self {
            Self::Binding => 1,
            Self::Allocate => 3,
            Self::Refresh => 4,
            Self::CreatePermission => 8,
            Self::ChannelBind => 9,
            Self::Other(method) => method & 0x0FFF,
        }
    }
}

/// What is wrong with how a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
pub(super) enum Lie {
    Nothing,
    NoCredentials,
    WrongPassword,
    OtherUser,
    StrangeNonce,
    FlippedByte(u8),
}

#[derive(Debug, Clone, Arbitrary)]
pub(super) enum Attribute {
    Transport(u8),
    Lifetime(u16),
    Family(bool),
    AlsoIpv6,
    Even(bool),
    Token { last: bool },
    Peer(u8),
    Number(u8),
    Raw { kind: u16, value: [u8; 4], bytes: u8 },
}

impl Attribute {
    /// Appends the attribute; `token` is the last one that the relay gave anybody.
    pub(super) fn append(&self, draft: Draft, peer: impl Fn(u8) -> std::net::SocketAddr, token: u64) -> Draft {
        match *self {
            Self::Transport(protocol) => draft.raw(attribute::REQUESTED_TRANSPORT, &[protocol, 0, 0, 0]),
            Self::Lifetime(seconds) => draft.raw(attribute::LIFETIME, &u32::from(seconds).to_be_bytes()),
            Self::Family(ipv6) => draft.raw(attribute::REQUESTED_ADDRESS_FAMILY, &[1 + u8::from(ipv6), 0, 0, 0]),
            Self::AlsoIpv6 => draft.raw(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]),
            Self::Even(reserve) => draft.raw(attribute::EVEN_PORT, &[u8::from(reserve) << 7]),
            Self::Token { last } => {
                draft.raw(attribute::RESERVATION_TOKEN, &(if last { token } else { !token }).to_be_bytes())
            }
            Self::Peer(which) => draft.peer(peer(which)),
            Self::Number(which) => draft.raw(attribute::CHANNEL_NUMBER, &channel(which).to_be_bytes()),
            // A second nonce or the like would stand in front of the ones that the request is signed with.
            Self::Raw { kind, value, bytes } => match kind & 0x803F {
                0x0006 | 0x0008 | 0x0014 | 0x0015 | 0x001C | 0x001D | 0x001E | 0x8028 => draft,
                kind => draft.raw(kind, &value[..usize::from(bytes % 5)]),
            },
        }
    }
}

/// A channel's two bytes, value and reserved: numbers in the range, and every eighth time one outside.
fn channel(which: u8) -> u32 {
    u32::from(number(which)) << 16
}

/// The channel number of a choice.
pub(super) fn number(which: u8) -> u16 {
    match which % 8 {
        7 => 0x8000,
        low => 0x4000 + u16::from(low),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
pub(super) enum Fault {
    None,
    InUse,
    Exhausted,
}

impl Fault {
    pub(super) fn error(self) -> Option<OpenError> {
        match self {
            Self::None => None,
            Self::InUse => Some(OpenError::InUse),
            Self::Exhausted => Some(OpenError::Exhausted),
        }
    }
}
