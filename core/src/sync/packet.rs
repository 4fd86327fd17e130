//! Packets: the envelope around groups, events and a viewer's own part. A FlatBuffer `muster.Packet`.
//!
//! The writer lays the bytes out itself, back to back as `docs/WIRE.md` has them, so that shares are copied once, from where
//! they were encoded to where they are sent from. What it writes is read by the verifier like any other message.

use core::fmt;

use muster_schemas::{
    SchemaError,
    sync::{GroupHeader as GroupMessage, Packet as Message, PacketHeader as HeaderMessage},
};

/// Bytes of a packet around its groups' headers and its bits.
pub const ENVELOPE: usize = 64;
/// Bytes of a group's header.
pub const GROUP_HEADER: usize = 6;
/// Most bytes of a group's share.
pub const SHARE_MAX: usize = (1 << 11) - 1;
/// The age that stands for itself and anything beyond.
pub const AGE_MAX: u32 = 31;

/// What every packet says; see `schemas/packet.fbs`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PacketHeader {
    /// The number of the session.
    pub session: u32,
    /// Counts the packets to the viewer, from 1.
    pub sequence: u32,
    /// The update that it is a part of.
    pub update: u32,
    /// The tick that the update shows, cut to 32 bits.
    pub tick: u32,
    /// The newest report that the server has from the viewer; 0 is none.
    pub heard: u32,
    /// How long ago it came, in 0.1 ms, at most 65,535.
    pub held: u16,
    /// Bytes of the viewer's own part.
    pub own: u16,
    /// Bytes of events.
    pub events: u16,
    /// How many packets the update has for the viewer.
    pub parts: u8,
    /// Which of them it is, from 0.
    pub part: u8,
}

/// One group in a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GroupHeader {
    /// The number of the group.
    pub group: u16,
    /// Bytes of its share, at most [`SHARE_MAX`].
    pub length: u16,
    /// How many updates before the packet's the state was made; [`AGE_MAX`] is that or more.
    pub age: u8,
    /// The version of the state, cut to 8 bits.
    pub version: u8,
    /// How many versions back its base is, at most 63; 0 is none.
    pub base: u8,
    /// How many versions before its base the state is from which movement is told, at most 3; 0 is none.
    pub before: u8,
}

impl GroupHeader {
    /// The header that closes a group.
    pub const fn closing(group: u16) -> Self {
        Self { group, length: 0, age: 0, version: 0, base: 0, before: 0 }
    }

    /// Whether it closes its group.
    pub const fn is_closing(&self) -> bool {
        self.length == 0 && self.age == 0
    }

    fn to_bytes(self) -> [u8; GROUP_HEADER] {
        let [group_low, group_high] = self.group.to_le_bytes();
        let [low, high] = (self.length | u16::from(self.age) << 11).to_le_bytes();
        [group_low, group_high, low, high, self.version, self.base | self.before << 6]
    }
}

/// Lays out one packet.
#[derive(Debug, Default)]
pub struct PacketWriter {
    groups: Vec<[u8; GROUP_HEADER]>,
    bits: Vec<u8>,
}

impl PacketWriter {
    /// Takes everything out.
    pub fn clear(&mut self) {
        self.groups.clear();
        self.bits.clear();
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.bits.is_empty()
    }

    /// How long the packet is with so many groups and bytes of bits more.
    pub fn len_with(&self, groups: usize, bits: usize) -> usize {
        let headers = (self.groups.len() + groups) * GROUP_HEADER;
        ENVELOPE + headers.next_multiple_of(4) + self.bits.len() + bits
    }

    /// Adds bytes of the own part or of events, before any group.
    pub fn push_bits(&mut self, bytes: &[u8]) {
        self.bits.extend_from_slice(bytes);
    }

    /// Adds a group and its share.
    pub fn push_group(&mut self, header: GroupHeader, share: &[u8]) {
        debug_assert_eq!(usize::from(header.length), share.len(), "a header says how long its share is");
        self.groups.push(header.to_bytes());
        self.bits.extend_from_slice(share);
    }

    /// Appends the packet to `out`.
    pub fn finish(&self, header: &PacketHeader, out: &mut Vec<u8>) {
        let start = out.len();
        let headers = (self.groups.len() * GROUP_HEADER).next_multiple_of(4);
        // The root's offset; the table's description of 10 bytes with 2 before it; the table: the way to its description,
        // two offsets, the header; the vectors.
        out.extend_from_slice(&16u32.to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        for part in [10u16, 40, 12, 4, 8] {
            out.extend_from_slice(&part.to_le_bytes());
        }
        out.extend_from_slice(&10i32.to_le_bytes());
        let groups_at = 16 + 40;
        let bits_at = groups_at + 4 + headers;
        out.extend_from_slice(&(groups_at as u32 - 20).to_le_bytes());
        out.extend_from_slice(&(bits_at as u32 - 24).to_le_bytes());
        for word in [header.session, header.sequence, header.update, header.tick, header.heard] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        for half in [header.held, header.own, header.events] {
            out.extend_from_slice(&half.to_le_bytes());
        }
        out.extend_from_slice(&[header.parts, header.part]);
        out.extend_from_slice(&(self.groups.len() as u32).to_le_bytes());
        for group in &self.groups {
            out.extend_from_slice(group);
        }
        out.resize(start + bits_at, 0);
        out.extend_from_slice(&(self.bits.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.bits);
    }
}

/// Why bytes are no packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PacketError {
    /// They are no message of this kind within its limits.
    Schema(SchemaError),
    /// The lengths of the own part, the events and the groups are not that of the bits.
    Lengths,
    /// It has more parts than it says, or none.
    Parts,
}

/// A packet whose lengths fit. Nothing has looked into its bits.
#[derive(Debug)]
pub struct Packet<'a> {
    /// What it says of itself.
    pub header: PacketHeader,
    /// The viewer's own part.
    pub own: &'a [u8],
    /// The events.
    pub events: &'a [u8],
    message: Message<'a>,
    shares: &'a [u8],
}

/// Reads a packet.
///
/// # Errors
/// When the bytes are no packet; nothing is allocated.
pub fn read_packet(bytes: &[u8]) -> Result<Packet<'_>, PacketError> {
    let message = muster_schemas::read_packet(bytes).map_err(PacketError::Schema)?;
    let header = header_of(message.header());
    if header.part >= header.parts {
        return Err(PacketError::Parts);
    }
    let bits = message.bits().bytes();
    let shares: usize = message.groups().iter().map(|group| usize::from(group.length_age() & SHARE_MAX as u16)).sum();
    let (own, events) = (usize::from(header.own), usize::from(header.events));
    if own + events + shares != bits.len() {
        return Err(PacketError::Lengths);
    }
    let (own, rest) = bits.split_at(own);
    let (events, shares) = rest.split_at(events);
    Ok(Packet { header, own, events, message, shares })
}

impl<'a> Packet<'a> {
    /// The groups and their shares.
    pub fn groups(&self) -> impl Iterator<Item = (GroupHeader, &'a [u8])> + use<'a> {
        let mut rest = self.shares;
        self.message.groups().iter().map(move |message| {
            let header = group_of(message);
            let (share, after) = rest.split_at(usize::from(header.length));
            rest = after;
            (header, share)
        })
    }
}

fn header_of(message: &HeaderMessage) -> PacketHeader {
    PacketHeader {
        session: message.session(),
        sequence: message.sequence(),
        update: message.update(),
        tick: message.tick(),
        heard: message.heard(),
        held: message.held(),
        own: message.own(),
        events: message.events(),
        parts: message.parts(),
        part: message.part(),
    }
}

fn group_of(message: &GroupMessage) -> GroupHeader {
    let (length_age, base) = (message.length_age(), message.base());
    GroupHeader {
        group: message.group(),
        length: length_age & SHARE_MAX as u16,
        age: (length_age >> 11) as u8,
        version: message.version(),
        base: base & 63,
        before: base >> 6,
    }
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(error) => error.fmt(f),
            Self::Lengths => f.write_str("the lengths of its parts are not that of its bits"),
            Self::Parts => f.write_str("it is a part that its update does not have"),
        }
    }
}

impl core::error::Error for PacketError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_valid_messages_and_come_back() {
        let mut writer = PacketWriter::default();
        for groups in 0..9u16 {
            writer.clear();
            writer.push_bits(&[1, 2, 3]);
            writer.push_bits(&[4, 5]);
            let header_of = |group: u16| GroupHeader {
                group: 65_535 - group,
                length: group * 7,
                age: 31 - group as u8,
                version: 250 + group as u8 % 6,
                base: 63 - group as u8,
                before: group as u8 % 4,
            };
            for group in 0..groups {
                writer.push_group(header_of(group), &vec![group as u8; usize::from(group) * 7]);
            }
            let header = PacketHeader {
                session: 0xdead_beef,
                sequence: 7,
                update: 1 << 31,
                tick: u32::MAX,
                heard: 3,
                held: 65_535,
                own: 3,
                events: 2,
                parts: 2,
                part: 1,
            };
            let mut bytes = vec![0; 3];
            writer.finish(&header, &mut bytes);
            assert_eq!(bytes.len() - 3, writer.len_with(0, 0));
            let packet = read_packet(&bytes[3..]).expect("what the writer writes is a packet");
            assert_eq!(packet.header, header);
            assert_eq!((packet.own, packet.events), (&[1, 2, 3][..], &[4, 5][..]));
            let shares: Vec<_> = packet.groups().collect();
            assert_eq!(shares.len(), usize::from(groups));
            for (group, (header, share)) in (0..).zip(shares) {
                assert_eq!(header, header_of(group));
                assert_eq!(share, vec![group as u8; usize::from(group) * 7]);
            }
            // Cut anywhere, it is no packet.
            for end in 3..bytes.len() {
                assert!(read_packet(&bytes[3..end]).is_err());
            }
        }
    }
}
