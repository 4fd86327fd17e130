//! What a viewer reports: which packets came, and its last inputs. A FlatBuffer `muster.Report`.

use core::fmt;

use muster_schemas::SchemaError;

use super::{
    codec::bits::{BitReader, BitWriter, BitsError},
    word::{WordError, push_id, push_position, read_id, read_position, signed, unsigned},
};
use crate::{
    command::Action,
    entity::EntityId,
    space::{Position, SectorId},
};

/// Most bytes of a report, so that it is one datagram on any path.
pub const REPORT_MAX: usize = 1200;
/// Most inputs of a report.
pub const INPUTS_MAX: usize = 32;
/// Most commands of an input.
pub const COMMANDS_MAX: usize = 8;

/// Bytes of a report before its bits.
const ENVELOPE: usize = 60;

/// What every report says; see `schemas/report.fbs`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReportHeader {
    /// Which of the packets before `newest` came, from the lowest bit: newest - 1, newest - 2 and so on.
    pub received: u64,
    /// The number of the session.
    pub session: u32,
    /// Counts the reports, from 1.
    pub sequence: u32,
    /// The newest packet that came; 0 is none.
    pub newest: u32,
    /// The number of the first of the inputs, from 1; they follow each other.
    pub input_first: u32,
    /// The tick that the viewer shows others at, cut to 32 bits.
    pub shown_tick: u32,
}

impl ReportHeader {
    /// Whether a packet came, as far as the report tells.
    pub const fn has_received(&self, sequence: u32) -> bool {
        let before = self.newest.wrapping_sub(sequence);
        sequence != 0 && (before == 0 || before <= 64 && self.received >> (before - 1) & 1 == 1)
    }
}

/// What a viewer commands in one tick.
#[derive(Clone, Copy, Debug)]
pub struct TickInput {
    /// The tick that it is for, cut to 32 bits.
    pub tick: u32,
    count: u8,
    commands: [(EntityId, Action); COMMANDS_MAX],
}

impl TickInput {
    /// An input without commands.
    pub const fn new(tick: u32) -> Self {
        Self { tick, count: 0, commands: [(EntityId::NULL, Action::Stop); COMMANDS_MAX] }
    }

    /// Adds a command; false if there are [`COMMANDS_MAX`].
    pub fn push(&mut self, entity: EntityId, action: Action) -> bool {
        let Some(place) = self.commands.get_mut(usize::from(self.count)) else { return false };
        *place = (entity, action);
        self.count += 1;
        true
    }

    /// The commands, each with its entity, in the order they were given.
    pub fn commands(&self) -> &[(EntityId, Action)] {
        &self.commands[..usize::from(self.count)]
    }
}

impl PartialEq for TickInput {
    fn eq(&self, other: &Self) -> bool {
        self.tick == other.tick && self.commands() == other.commands()
    }
}

impl Eq for TickInput {}

/// Why bytes are no report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReportError {
    /// They are no message of this kind within its limits, or longer than [`REPORT_MAX`].
    Schema(SchemaError),
    /// There are more than [`INPUTS_MAX`], or their numbers do not fit.
    Inputs,
    /// Something in the inputs is wrong.
    Word(WordError),
    /// What is kept for later is not 0.
    Reserved,
}

/// Appends a report with as many of the inputs as fit, the oldest first, and returns how many those are. Their ticks must
/// grow; those that do not grow end the report before them.
pub fn encode_report(header: &ReportHeader, inputs: &[TickInput], out: &mut Vec<u8>) -> usize {
    let start = out.len();
    let grow = inputs.windows(2).take_while(|pair| pair[1].tick.wrapping_sub(pair[0].tick).cast_signed() > 0).count();
    let mut count = inputs.len().min(grow + 1).min(INPUTS_MAX);
    loop {
        // The root's offset; the table's description; the table: the way to its description, the offset of the bits, four
        // bytes that bring the header to its alignment, the header; the bits.
        out.extend_from_slice(&12u32.to_le_bytes());
        for part in [8u16, 44, 12, 4] {
            out.extend_from_slice(&part.to_le_bytes());
        }
        for word in [8u32, 40, 0] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&header.received.to_le_bytes());
        for word in [header.session, header.sequence, header.newest, header.input_first, header.shown_tick] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(&(count as u16).to_le_bytes());
        out.extend_from_slice(&0u16.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        debug_assert_eq!(out.len() - start, ENVELOPE, "the envelope is as long as its parts");
        push_inputs(&inputs[..count], out);
        let length = out.len() - start;
        if length <= REPORT_MAX || count == 0 {
            let bits = (length - ENVELOPE) as u32;
            out[start + ENVELOPE - 4..start + ENVELOPE].copy_from_slice(&bits.to_le_bytes());
            return count;
        }
        out.truncate(start);
        // At least one less, and no more than would fit if all were as long as the mean.
        count = (count * REPORT_MAX / length).min(count - 1);
    }
}

/// Reads a report: its inputs in place of what was in `inputs`, which grows to [`INPUTS_MAX`] at most.
///
/// # Errors
/// When the bytes are no report; what is in `inputs` then means nothing.
pub fn decode_report(bytes: &[u8], inputs: &mut Vec<TickInput>) -> Result<ReportHeader, ReportError> {
    inputs.clear();
    if bytes.len() > REPORT_MAX {
        return Err(ReportError::Schema(SchemaError::TooLarge { size: bytes.len(), size_max: REPORT_MAX }));
    }
    let message = muster_schemas::read_report(bytes).map_err(ReportError::Schema)?;
    let from = message.header();
    let header = ReportHeader {
        received: from.received(),
        session: from.session(),
        sequence: from.sequence(),
        newest: from.newest(),
        input_first: from.input_first(),
        shown_tick: from.shown_tick(),
    };
    let count = usize::from(from.inputs());
    if from.reserved() != 0 {
        return Err(ReportError::Reserved);
    }
    let last = header.input_first.checked_add(u32::from(from.inputs()));
    if count > INPUTS_MAX || last.is_none() || (count > 0 && header.input_first == 0) {
        return Err(ReportError::Inputs);
    }
    read_inputs(count, message.bits().bytes(), inputs).map_err(ReportError::Word)?;
    Ok(header)
}

fn push_inputs(inputs: &[TickInput], out: &mut Vec<u8>) {
    let Some(first) = inputs.first() else { return };
    let mut writer = BitWriter::new(out);
    writer.push(first.tick.into(), 32);
    let mut last = Last::default();
    for (index, input) in inputs.iter().enumerate() {
        if let Some(before) = index.checked_sub(1).and_then(|before| inputs.get(before)) {
            writer.push_unsigned(u64::from(input.tick.wrapping_sub(before.tick).wrapping_sub(1)), 0);
        }
        writer.push(u64::from(input.count), 4);
        for (entity, action) in input.commands() {
            push_command(&mut writer, *entity, action, &mut last);
        }
    }
    writer.finish();
}

fn read_inputs(count: usize, bytes: &[u8], inputs: &mut Vec<TickInput>) -> Result<(), WordError> {
    let mut reader = BitReader::new(bytes);
    if count == 0 {
        return Ok(if bytes.is_empty() { Ok(()) } else { Err(BitsError::Rest) }?);
    }
    let mut tick = reader.bits(32)? as u32;
    let mut last = Last::default();
    for index in 0..count {
        if index > 0 {
            let left_out: u32 = unsigned(&mut reader, 0)?;
            if left_out >= 1 << 30 {
                return Err(WordError::Value);
            }
            tick = tick.wrapping_add(left_out + 1);
        }
        let mut input = TickInput::new(tick);
        let commands = reader.bits(4)?;
        if commands > COMMANDS_MAX as u64 {
            return Err(WordError::Value);
        }
        for _ in 0..commands {
            let (entity, action) = read_command(&mut reader, &mut last)?;
            input.push(entity, action);
        }
        inputs.push(input);
    }
    Ok(reader.finish()?)
}

/// What the command before was about, which the next is often about too.
#[derive(Default)]
struct Last {
    entity: EntityId,
    sector: SectorId,
}

/// The numbers that actions have in reports.
const MOVE_TO: u64 = 0;
const SET_VELOCITY: u64 = 1;
const ATTACK: u64 = 2;
const FIRE: u64 = 3;
const STOP: u64 = 4;
const USE: u64 = 5;
const CUSTOM: u64 = 6;

/// Order of the code of a speed: those of up to 1 m/s are short.
const SPEED_ORDER: u32 = 16;

fn push_command(writer: &mut BitWriter<'_>, entity: EntityId, action: &Action, last: &mut Last) {
    writer.push_bool(entity == last.entity);
    if entity != last.entity {
        push_id(writer, entity);
        last.entity = entity;
    }
    let mut number = |number: u64| writer.push(number, 3);
    match *action {
        Action::MoveTo(place) => {
            number(MOVE_TO);
            let place = Position::new(place.sector, place.x.into(), place.y.into());
            push_position(writer, last.sector, place);
            last.sector = place.sector;
        }
        Action::SetVelocity { x, y } => {
            number(SET_VELOCITY);
            writer.push_signed(x.into(), SPEED_ORDER);
            writer.push_signed(y.into(), SPEED_ORDER);
        }
        Action::Attack(target) => {
            number(ATTACK);
            push_id(writer, target);
        }
        Action::Fire { heading } => {
            number(FIRE);
            writer.push(heading.into(), 16);
        }
        Action::Stop => number(STOP),
        Action::Use(target) => {
            number(USE);
            push_id(writer, target);
        }
        Action::Custom { kind, target, value } => {
            number(CUSTOM);
            writer.push_unsigned(kind.into(), 4);
            push_id(writer, target);
            writer.push_signed(value, 4);
        }
    }
}

fn read_command(reader: &mut BitReader<'_>, last: &mut Last) -> Result<(EntityId, Action), WordError> {
    if !reader.bool()? {
        last.entity = read_id(reader)?;
    }
    let action = match reader.bits(3)? {
        MOVE_TO => {
            let place = read_position(reader, last.sector)?;
            last.sector = place.sector;
            Action::MoveTo(place)
        }
        SET_VELOCITY => Action::SetVelocity { x: signed(reader, SPEED_ORDER)?, y: signed(reader, SPEED_ORDER)? },
        ATTACK => Action::Attack(read_id(reader)?),
        FIRE => Action::Fire { heading: reader.bits(16)? as u16 },
        STOP => Action::Stop,
        USE => Action::Use(read_id(reader)?),
        CUSTOM => Action::Custom { kind: unsigned(reader, 4)?, target: read_id(reader)?, value: reader.signed(4)? },
        _ => return Err(WordError::Value),
    };
    Ok((last.entity, action))
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema(error) => error.fmt(f),
            Self::Inputs => write!(f, "there are more than {INPUTS_MAX} inputs, or their numbers do not fit"),
            Self::Word(error) => error.fmt(f),
            Self::Reserved => f.write_str("what is kept for later is not 0"),
        }
    }
}

impl core::error::Error for ReportError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::SECTOR_SIDE;

    fn id() -> impl Strategy<Value = EntityId> {
        prop_oneof![Just(0), 1..5000u64, any::<u64>()].prop_map(EntityId::from_bits)
    }

    fn action() -> impl Strategy<Value = Action> {
        let place = (any::<i64>(), -9..9i64, 0..SECTOR_SIDE, 0..SECTOR_SIDE).prop_map(|(x, y, right, up)| Position {
            sector: SectorId::new(x, y),
            x: right,
            y: up,
        });
        prop_oneof![
            place.prop_map(Action::MoveTo),
            (any::<i32>(), any::<i32>()).prop_map(|(x, y)| Action::SetVelocity { x, y }),
            id().prop_map(Action::Attack),
            any::<u16>().prop_map(|heading| Action::Fire { heading }),
            Just(Action::Stop),
            id().prop_map(Action::Use),
            (any::<u16>(), id(), any::<i64>()).prop_map(|(kind, target, value)| Action::Custom { kind, target, value }),
        ]
    }

    fn inputs() -> impl Strategy<Value = Vec<TickInput>> {
        let commands = proptest::collection::vec((id(), action()), 0..=COMMANDS_MAX);
        let input = (1..1000u32, commands);
        (any::<u32>(), proptest::collection::vec(input, 0..=INPUTS_MAX + 2)).prop_map(|(first, list)| {
            let mut tick = first;
            let made = list.into_iter().map(|(step, commands)| {
                tick = tick.wrapping_add(step);
                let mut input = TickInput::new(tick);
                for (entity, action) in commands {
                    assert!(input.push(entity, action));
                }
                input
            });
            made.collect()
        })
    }

    fn header() -> ReportHeader {
        ReportHeader { received: 1 << 63 | 5, session: 7, sequence: 9, newest: 11, input_first: 1, shown_tick: 13 }
    }

    proptest! {
        #[test]
        fn reports_come_back_and_cuts_are_refused(inputs in inputs()) {
            let mut bytes = vec![1, 2, 3];
            let count = encode_report(&header(), &inputs, &mut bytes);
            let bytes = &bytes[3..];
            prop_assert!(bytes.len() <= REPORT_MAX);
            prop_assert!(count >= inputs.len().min(2), "two of the longest fit");
            let mut back = Vec::new();
            prop_assert_eq!(decode_report(bytes, &mut back), Ok(header()));
            prop_assert_eq!(&back[..], &inputs[..count]);
            for end in 0..bytes.len() {
                prop_assert!(decode_report(&bytes[..end], &mut back).is_err());
            }
        }

        #[test]
        fn a_changed_byte_is_refused_or_read(inputs in inputs(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = Vec::new();
            encode_report(&header(), &inputs, &mut bytes);
            *at.get_mut(&mut bytes) = byte;
            let mut back = Vec::new();
            if decode_report(&bytes, &mut back).is_ok() {
                prop_assert!(back.len() <= INPUTS_MAX);
            }
        }
    }

    #[test]
    fn short_inputs_all_fit() {
        let mut inputs = Vec::new();
        for tick in 0..32 {
            let mut input = TickInput::new((u32::MAX - 5).wrapping_add(tick));
            input.push(EntityId::from_bits(1 << 32 | 77), Action::SetVelocity { x: 5 * 65_536, y: -9 * 65_536 });
            input.push(EntityId::from_bits(1 << 32 | 77), Action::Fire { heading: 6 });
            inputs.push(input);
        }
        let mut bytes = Vec::new();
        assert_eq!(encode_report(&header(), &inputs, &mut bytes), 32);
        assert!(bytes.len() < 500, "{}", bytes.len());
    }

    #[test]
    fn the_bits_say_which_packets_came() {
        let header = ReportHeader { newest: 100, received: 1 << 63 | 1, ..header() };
        let came: Vec<u32> = (0..200).filter(|sequence| header.has_received(*sequence)).collect();
        assert_eq!(came, [36, 99, 100]);
        assert!(!ReportHeader::default().has_received(0));
    }
}
