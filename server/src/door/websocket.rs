//! The frames of a WebSocket (RFC 6455), as a server reads and writes them. There is no socket here.
//!
//! Headers and what they may hold are the library's; what is here is what it would keep memory for: a message is read where it
//! lies in the bytes that came, and what it answers is written where the caller gathers what it sends.

use std::{borrow::Cow, io::Cursor};

use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{CloseCode, Control, Data, OpCode},
};

use crate::code::ErrorCode;

/// Most bytes of what a frame of control carries.
const CONTROL_MAX: u64 = 125;

/// What a client has said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard<'a> {
    /// A message that is text.
    Text(Cow<'a, str>),
    /// Any other message.
    Binary(Cow<'a, [u8]>),
    /// To be answered with the same bytes.
    Ping(&'a [u8]),
    /// An answer to a ping.
    Pong,
    /// Nothing comes after it.
    Close(Option<u16>),
    /// A part of a message, and not the last.
    Part,
}

/// One frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// How many bytes it has, its header included.
    pub length: usize,
    /// How many it carries.
    pub payload: usize,
    /// What that is.
    pub heard: Heard<'a>,
}

/// Why a connection cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// That is no WebSocket, or not a client's side of one.
    Protocol,
    /// A text, or the reason of an end, that is not UTF-8.
    NotText,
    /// A message is longer than it may be.
    TooLong,
}

impl Broken {
    /// What the client is told before.
    pub const fn code(self) -> ErrorCode {
        match self {
            Self::Protocol | Self::NotText => ErrorCode::Malformed,
            Self::TooLong => ErrorCode::TooLarge,
        }
    }

    /// The code that the connection is closed with, and a reason for people.
    pub const fn close(self) -> (u16, &'static str) {
        match self {
            Self::Protocol => (1002, "not a frame of a client of RFC 6455"),
            Self::NotText => (1007, "a text that is not UTF-8"),
            Self::TooLong => (1009, "a message is too long"),
        }
    }
}

/// What a client says, frame by frame. It takes memory only while a message has come in part.
#[derive(Default)]
pub struct Incoming {
    begun: Option<Box<Begun>>,
}

/// A message whose last frame has not come.
struct Begun {
    is_text: bool,
    bytes: Vec<u8>,
}

impl Incoming {
    /// Takes the first frame of `bytes`, and unmasks it there; `None` is that it has not come whole. A message has at most
    /// `message_max` bytes.
    ///
    /// # Errors
    /// Why nothing that comes can be understood any more.
    pub fn next<'a>(&mut self, bytes: &'a mut [u8], message_max: usize) -> Result<Option<Frame<'a>>, Broken> {
        let mut cursor = Cursor::new(&*bytes);
        let Some((header, payload)) = FrameHeader::parse(&mut cursor).map_err(|_| Broken::Protocol)? else {
            return Ok(None);
        };
        let begins = cursor.position() as usize;
        let Some(mask) = header.mask else { return Err(Broken::Protocol) };
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Broken::Protocol);
        }
        let is_control = matches!(header.opcode, OpCode::Control(_));
        if is_control && (!header.is_final || payload > CONTROL_MAX) {
            return Err(Broken::Protocol);
        }
        let begun = self.begun.as_ref().map_or(0, |begun| begun.bytes.len());
        if !is_control && payload > message_max.saturating_sub(begun) as u64 {
            return Err(Broken::TooLong);
        }
        let payload = payload as usize;
        let length = begins + payload;
        let Some(bytes) = bytes.get_mut(begins..length) else { return Ok(None) };
        unmask(bytes, mask);
        let heard = match header.opcode {
            OpCode::Data(data) => self.join(data, header.is_final, bytes)?,
            OpCode::Control(Control::Ping) => Heard::Ping(bytes),
            OpCode::Control(Control::Pong) => Heard::Pong,
            OpCode::Control(Control::Close) => Heard::Close(close_code(bytes)?),
            OpCode::Control(Control::Reserved(_)) => return Err(Broken::Protocol),
        };
        Ok(Some(Frame { length, payload, heard }))
    }

    fn join<'a>(&mut self, data: Data, is_last: bool, bytes: &'a [u8]) -> Result<Heard<'a>, Broken> {
        let is_text = match (data, &self.begun) {
            (Data::Text, None) => true,
            (Data::Binary, None) => false,
            (Data::Continue, Some(begun)) => begun.is_text,
            _ => return Err(Broken::Protocol),
        };
        if !is_last {
            let begun = self.begun.get_or_insert_with(|| Box::new(Begun { is_text, bytes: Vec::new() }));
            begun.bytes.extend_from_slice(bytes);
            return Ok(Heard::Part);
        }
        let whole = match self.begun.take() {
            Some(mut begun) => {
                begun.bytes.extend_from_slice(bytes);
                Cow::Owned(begun.bytes)
            }
            None => Cow::Borrowed(bytes),
        };
        match whole {
            whole if !is_text => Ok(Heard::Binary(whole)),
            Cow::Borrowed(bytes) => {
                str::from_utf8(bytes).map(|text| Heard::Text(text.into())).map_err(|_| Broken::NotText)
            }
            Cow::Owned(bytes) => {
                String::from_utf8(bytes).map(|text| Heard::Text(text.into())).map_err(|_| Broken::NotText)
            }
        }
    }
}

fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let (words, rest) = bytes.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

fn close_code(bytes: &[u8]) -> Result<Option<u16>, Broken> {
    match bytes {
        [] => Ok(None),
        [_] => Err(Broken::Protocol),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !CloseCode::from(code).is_allowed() {
                return Err(Broken::Protocol);
            }
            str::from_utf8(reason).map_err(|_| Broken::NotText)?;
            Ok(Some(code))
        }
    }
}

/// Writes a message that is text.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    write(out, OpCode::Data(Data::Text), text.as_bytes());
}

/// Writes any other message.
pub fn write_binary(out: &mut Vec<u8>, bytes: &[u8]) {
    write(out, OpCode::Data(Data::Binary), bytes);
}

/// Writes a ping, of nothing.
pub fn write_ping(out: &mut Vec<u8>) {
    write(out, OpCode::Control(Control::Ping), &[]);
}

/// Writes the answer to a ping.
pub fn write_pong(out: &mut Vec<u8>, bytes: &[u8]) {
    write(out, OpCode::Control(Control::Pong), bytes);
}

/// Writes that nothing comes any more, and why. A reason that is too long is left out.
pub fn write_close(out: &mut Vec<u8>, code: u16, reason: &str) {
    let mut bytes = [0; CONTROL_MAX as usize];
    let (head, rest) = bytes.split_at_mut(2);
    head.copy_from_slice(&code.to_be_bytes());
    let reason = if reason.len() <= rest.len() { reason } else { "" };
    rest[..reason.len()].copy_from_slice(reason.as_bytes());
    write(out, OpCode::Control(Control::Close), &bytes[..2 + reason.len()]);
}

fn write(out: &mut Vec<u8>, opcode: OpCode, bytes: &[u8]) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    header.format(bytes.len() as u64, out).expect("a vector takes everything");
    out.extend_from_slice(bytes);
}
