//! Packets: the envelope around groups, events and a viewer's own part. A FlatBuffer `muster.Packet`.
//!
//! The writer lays the bytes out itself, as `docs/WIRE.md` has them, so that shares are copied once, from where they were encoded
//! to where they are sent from. What it writes is read by the verifier like any other message.

use core::fmt;

use muster_schemas::{SchemaError, sync::PacketHeader as HeaderMessage};

/// Bytes of a packet before its bits.
pub const ENVELOPE: usize = 44;
/// Most bytes of what is said of a group before its share.
pub const GROUP_HEADER_MAX: usize = 9;
/// In how many bytes it is laid out.
const HEADER_ROOM: usize = 16;
/// Most bytes of a group's share.
pub const SHARE_MAX: usize = (1 << 11) - 1;
/// The age that stands for itself and anything beyond.
pub const AGE_MAX: u32 = 31;

/// The step from one group's number to the next that stands for a number that follows.
const FAR: u8 = 63;
/// Set where the base is not that of the group before.
const HAS_BASE: u8 = 64;
/// Set where the age is not 0.
const HAS_AGE: u8 = 128;
/// The age that closes a group.
const CLOSING: u8 = 255;
/// The length that stands for one of two bytes that follow.
const LONG: u8 = 255;
/// Where the number of an update's packets is in each, from its beginning; the packet's own is behind it.
const PARTS_AT: usize = 38;

/// What every packet says; see `schemas/packet.fbs`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PacketHeader {
    /// The number of the session.
    pub session: u32,
    /// Counts the packets to the viewer, from 1.
    pub sequence: u32,
    /// The update that it is a part of.
    pub update: u32,
    /// The tick that the update shows, cut to 16 bits.
    pub tick: u16,
    /// The newest report that the server has from the viewer, cut to 16 bits; 0 is none.
    pub heard: u16,
    /// How long ago it came, in 0.1 ms, at most 65,535.
    pub held: u16,
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
    /// How many updates before the packet's the state was made; [`AGE_MAX`] is that or more.
    pub age: u8,
    /// The version of the state, cut to 8 bits.
    pub version: u8,
    /// How many versions back its base is, at most 63; 0 is none.
    pub base: u8,
    /// How many versions before its base the state is from which movement is told, at most 3; 0 is none.
    pub before: u8,
    /// Whether the group is out of the viewer's area: it has no share.
    pub is_closing: bool,
}

impl GroupHeader {
    /// The header that closes a group.
    pub const fn closing(group: u16) -> Self {
        Self { group, age: 0, version: 0, base: 0, before: 0, is_closing: true }
    }
}

/// Lays out the packets of an update one behind the other.
#[derive(Debug, Default)]
pub struct PacketWriter {
    out: Vec<u8>,
    starts: Vec<usize>,
    last: Last,
}

/// What a group's header is told from.
#[derive(Clone, Copy, Debug)]
struct Last {
    group: u16,
    base: u8,
}

impl Default for Last {
    /// Before the first group of a packet.
    fn default() -> Self {
        Self { group: u16::MAX, base: 0 }
    }
}

impl PacketWriter {
    /// One with room for so many bytes.
    pub fn with_room(bytes: usize) -> Self {
        // Nearly all packets are longer than this.
        Self { out: Vec::with_capacity(bytes), starts: Vec::with_capacity(bytes / 256), ..Self::default() }
    }

    /// Takes every packet out.
    pub fn clear(&mut self) {
        self.out.clear();
        self.starts.clear();
    }

    /// Begins a packet. Its number among those of the update is counted here; own part and events are for the first of them.
    pub fn begin(&mut self, header: &PacketHeader, own: &[u8], events: &[u8]) {
        self.end();
        self.starts.push(self.out.len());
        self.last = Last::default();
        let out = &mut self.out;
        // The root's offset; the table's description; the table: the way to its description, that to the bits, the header.
        out.extend_from_slice(&12u32.to_le_bytes());
        for part in [8u16, 28, 8, 4] {
            out.extend_from_slice(&part.to_le_bytes());
        }
        for word in [8, 24, header.session, header.sequence, header.update] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        for half in [header.tick, header.heard, header.held] {
            out.extend_from_slice(&half.to_le_bytes());
        }
        // The number of packets and that of bytes are written when they are known.
        out.extend_from_slice(&[0; 6]);
        if self.starts.len() == 1 {
            for part in [own, events] {
                let length = part.len() as u16;
                if length < LONG.into() {
                    out.push(length as u8);
                } else {
                    out.push(LONG);
                    out.extend_from_slice(&length.to_le_bytes());
                }
                out.extend_from_slice(part);
            }
        }
    }

    /// Bytes of all packets.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether there is no packet.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Adds a group and its share to the packet that was begun last, unless that would then be longer than `packet_max`. Returns
    /// whether it did.
    #[inline]
    pub fn push_group(&mut self, header: GroupHeader, share: &[u8], packet_max: usize) -> bool {
        let start = self.starts.last().expect("a packet has been begun");
        let before = self.out.len();
        // A number of bytes that the compiler knows costs less than the right one, which follows.
        self.out.extend_from_slice(&[0; HEADER_ROOM]);
        let head: &mut [u8; HEADER_ROOM] = self.out.last_chunk_mut().expect("they were added");
        let (length, base) = write_header(&header, share.len() as u16, self.last, head);
        if before - start + length + share.len() > packet_max {
            self.out.truncate(before);
            return false;
        }
        self.out.truncate(before + length);
        self.out.extend_from_slice(share);
        self.last = Last { group: header.group, base };
        true
    }

    /// Takes the packet that was begun last out again.
    pub fn take_back(&mut self) {
        if let Some(start) = self.starts.pop() {
            self.out.truncate(start);
        }
    }

    /// Writes into the packet that was begun last how many bytes it has.
    fn end(&mut self) {
        if let Some(start) = self.starts.last() {
            let bits = (self.out.len() - start - ENVELOPE) as u32;
            self.out[start + ENVELOPE - 4..start + ENVELOPE].copy_from_slice(&bits.to_le_bytes());
        }
    }

    /// Completes the packets; nothing can be added to them any more.
    pub fn finish(&mut self) {
        self.end();
        let parts = self.starts.len().min(255) as u8;
        for (part, start) in self.starts.iter().enumerate() {
            self.out[start + PARTS_AT] = parts;
            self.out[start + PARTS_AT + 1] = (part as u8).min(parts.saturating_sub(1));
        }
    }

    /// The packets.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.starts.iter().enumerate().map(|(number, start)| {
            let end = self.starts.get(number + 1).copied().unwrap_or(self.out.len());
            &self.out[*start..end]
        })
    }
}

/// Writes a group's header, told from the one before it. Returns how many bytes it has and the base that the next one is told from.
#[inline]
fn write_header(header: &GroupHeader, share: u16, last: Last, out: &mut [u8; HEADER_ROOM]) -> (usize, u8) {
    let mut length = 1;
    let mut push = |byte| {
        out[length % HEADER_ROOM] = byte;
        length += 1;
    };
    let step = header.group.wrapping_sub(last.group).wrapping_sub(1);
    let mut lead = if step < FAR.into() { step as u8 } else { FAR };
    if lead == FAR {
        header.group.to_le_bytes().into_iter().for_each(&mut push);
    }
    if header.is_closing {
        push(CLOSING);
        out[0] = lead | HAS_AGE;
        return (length, last.base);
    }
    if header.age != 0 {
        lead |= HAS_AGE;
        push(header.age);
    }
    push(header.version);
    let base = header.base | header.before << 6;
    if base != last.base {
        lead |= HAS_BASE;
        push(base);
    }
    if share < LONG.into() {
        push(share as u8);
    } else {
        push(LONG);
        share.to_le_bytes().into_iter().for_each(&mut push);
    }
    out[0] = lead;
    (length, base)
}

/// Why bytes are no packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PacketError {
    /// They are no message of this kind within its limits.
    Schema(SchemaError),
    /// Its own part, its events or a group end behind its end, or a group's number is beyond the last.
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
    groups: &'a [u8],
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
    let mut bits = Bytes(message.bits().bytes());
    let is_first = header.part == 0;
    let own = if is_first { bits.take_told().ok_or(PacketError::Lengths)? } else { &[] };
    let events = if is_first { bits.take_told().ok_or(PacketError::Lengths)? } else { &[] };
    let mut groups = Groups { bytes: bits, last: Last::default() };
    while !groups.bytes.0.is_empty() {
        groups.take().ok_or(PacketError::Lengths)?;
    }
    Ok(Packet { header, own, events, groups: bits.0 })
}

impl<'a> Packet<'a> {
    /// The groups and their shares.
    pub fn groups(&self) -> impl Iterator<Item = (GroupHeader, &'a [u8])> + use<'a> {
        let mut groups = Groups { bytes: Bytes(self.groups), last: Last::default() };
        std::iter::from_fn(move || groups.take())
    }
}

/// Bytes that are taken from the front.
#[derive(Clone, Copy, Debug)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn half(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes([self.byte()?, self.byte()?]))
    }

    /// Bytes behind their number.
    fn take_told(&mut self) -> Option<&'a [u8]> {
        let length = match self.byte()? {
            LONG => self.half()?,
            length => length.into(),
        };
        self.take(length.into())
    }
}

/// Groups that are read one by one.
struct Groups<'a> {
    bytes: Bytes<'a>,
    last: Last,
}

impl<'a> Groups<'a> {
    /// The next group; none at the end, or where there is none to be read.
    fn take(&mut self) -> Option<(GroupHeader, &'a [u8])> {
        let lead = self.bytes.byte()?;
        let group = match lead & FAR {
            FAR => self.bytes.half()?,
            // Before the first is -1.
            step if self.last.group == u16::MAX => step.into(),
            step => self.last.group.checked_add(u16::from(step) + 1)?,
        };
        if group == u16::MAX {
            // The largest number is that of no group.
            return None;
        }
        self.last.group = group;
        let age = if lead & HAS_AGE == 0 { 0 } else { self.bytes.byte()? };
        if age == CLOSING {
            return Some((GroupHeader::closing(group), &[]));
        }
        let version = self.bytes.byte()?;
        if lead & HAS_BASE != 0 {
            self.last.base = self.bytes.byte()?;
        }
        let (base, before) = (self.last.base & 63, self.last.base >> 6);
        let share = self.bytes.take_told()?;
        Some((GroupHeader { group, age, version, base, before, is_closing: false }, share))
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
        parts: message.parts(),
        part: message.part(),
    }
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(error) => error.fmt(f),
            Self::Lengths => f.write_str("something in it ends behind its end"),
            Self::Parts => f.write_str("it is a part that its update does not have"),
        }
    }
}

impl core::error::Error for PacketError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn header_of_group(number: u16) -> GroupHeader {
        if number % 5 == 3 {
            return GroupHeader::closing(1000 + 63 * number);
        }
        GroupHeader {
            // Near, far, and back again.
            group: if number % 4 == 2 { number } else { 1000 + 63 * number },
            age: (number % 3) as u8 * 15,
            version: 250 + number as u8 % 6,
            base: 63 - number as u8 / 3,
            before: number as u8 / 3 % 4,
            is_closing: false,
        }
    }

    #[test]
    fn packets_are_valid_messages_and_come_back() {
        let mut writer = PacketWriter::default();
        for groups in 0..16u16 {
            let header = PacketHeader {
                session: 0xdead_beef,
                sequence: 7,
                update: 1 << 31,
                tick: u16::MAX,
                heard: 3,
                held: 65_535,
                parts: 2,
                part: 0,
            };
            writer.clear();
            // Lengths on both sides of what a byte has.
            let own = vec![5; usize::from(groups) * 40];
            writer.begin(&header, &own, &[4, 5]);
            for group in 0..groups {
                let share = vec![group as u8; 1 + usize::from(group) * 30];
                let header = header_of_group(group);
                let share = if header.is_closing { &[][..] } else { &share };
                assert!(writer.push_group(header, share, usize::MAX));
            }
            writer.begin(&PacketHeader { sequence: 8, ..header }, &own, &[4, 5]);
            assert!(!writer.push_group(header_of_group(0), &[1, 2], ENVELOPE + 6));
            writer.finish();
            assert_eq!(writer.packets().map(<[u8]>::len).sum::<usize>(), writer.len());
            let packets: Vec<_> = writer.packets().collect();
            assert_eq!((packets.len(), packets[1].len()), (2, ENVELOPE));
            let second = read_packet(packets[1]).expect("what the writer writes is a packet");
            assert_eq!((second.header.part, second.header.sequence, second.own.len()), (1, 8, 0));
            let packet = read_packet(packets[0]).expect("what the writer writes is a packet");
            assert_eq!(packet.header, header);
            assert_eq!((packet.own, packet.events), (&own[..], &[4, 5][..]));
            let shares: Vec<_> = packet.groups().collect();
            assert_eq!(shares.len(), usize::from(groups));
            for (group, (header, share)) in (0..).zip(shares) {
                assert_eq!(header, header_of_group(group));
                let length = if header.is_closing { 0 } else { 1 + usize::from(group) * 30 };
                assert_eq!(share, vec![group as u8; length]);
            }
            // Cut anywhere, it is no packet.
            for end in 0..packets[0].len() {
                assert!(read_packet(&packets[0][..end]).is_err());
            }
        }
    }

    #[test]
    fn no_group_has_a_number_beyond_the_last() {
        let mut writer = PacketWriter::default();
        writer.begin(&PacketHeader::default(), &[], &[]);
        let header = GroupHeader { group: 65_530, ..GroupHeader::default() };
        assert!(writer.push_group(header, &[1], 1000));
        assert!(writer.push_group(GroupHeader { group: 65_534, ..header }, &[1], 1000));
        writer.finish();
        let mut bytes = writer.packets().next().expect("a packet").to_vec();
        read_packet(&bytes).expect("the numbers are good");
        // The second group's step is behind the first's five bytes and share.
        let step = &mut bytes[ENVELOPE + 2 + 6];
        assert_eq!(*step, 3);
        *step = 60;
        assert_eq!(read_packet(&bytes).expect_err("the number is too large"), PacketError::Lengths);
    }
}
