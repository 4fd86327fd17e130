//! A replay file as bytes: what is in it and where.

use super::frame::{Frame, FrameKind, Head, index_offset, read_sector_hash};
use crate::{
    config::WorldConfig,
    input::Input,
    snapshot::{Fault, Header, Reader, RestoreError, config_hash, decode_config, decode_input},
    space::SectorId,
};

/// A replay file that was looked through: its key frames are known, the rest is read when it is played.
///
/// **Whatever the bytes are, opening and playing end in an error or in a world**, and need no more memory than the bytes
/// and one world.
#[derive(Clone, Debug)]
pub struct Replay<'a> {
    /// All that is frames of keys and ticks, from the beginning of the file.
    bytes: &'a [u8],
    head: Head,
    keys: Vec<Key>,
    tick_last: u64,
    damage: Option<RestoreError>,
    is_finished: bool,
}

/// Where a key frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Key {
    tick: u64,
    offset: usize,
}

/// The next thing in a file.
#[derive(Debug)]
pub(super) enum Entry<'a> {
    /// A snapshot of the world at a tick.
    Key { tick: u64, snapshot: &'a [u8] },
    /// A tick: the one before the step.
    Tick { tick: u64, record: TickRecord<'a> },
}

/// What was recorded of a tick.
#[derive(Debug)]
pub(super) struct TickRecord<'a> {
    /// The world's hash after it.
    pub(super) hash: u64,
    inputs: u32,
    rest: Reader<'a>,
}

impl<'a> Replay<'a> {
    /// Looks through a file. One with an index at its end costs no more than reading that; one without, as is left by a
    /// recorder that did not come to its end, is read as a whole, and everything up to the last whole frame is usable.
    pub fn open(file: &'a [u8]) -> Result<Self, RestoreError> {
        let mut reader = Reader::new(file, "replay head");
        let head = Head::read(&mut reader)?;
        Self::from_index(file, head).map_or_else(|| Self::scan(file, head, reader), Ok)
    }

    /// What the file says of itself.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The tick of the first key frame.
    pub fn tick_first(&self) -> u64 {
        self.keys.first().map_or(self.head.tick_first, |key| key.tick)
    }

    /// The tick after the last step.
    pub const fn tick_last(&self) -> u64 {
        self.tick_last
    }

    /// Why the file could not be read to its end, if it could not: it was cut, or is damaged there. A file with an index
    /// is only found to be damaged when it is played.
    pub const fn damage(&self) -> Option<&RestoreError> {
        self.damage.as_ref()
    }

    /// Whether the recorder came to its end: the file has an index.
    pub const fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Tick and offset in the file of the key frames, in their order; of very many, only every other or fewer.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = (u64, usize)> + ExactSizeIterator {
        self.keys.iter().map(|key| (key.tick, key.offset))
    }

    /// The configuration of the world, from the first key frame.
    pub fn config(&self) -> Result<WorldConfig, RestoreError> {
        let error = |fault| Reader::new(self.bytes, "key frame").error(fault);
        let Some((Entry::Key { snapshot, .. }, _)) = self.entry(Head::BYTES)? else { return Err(error(Fault::Cut)) };
        let (header, mut reader) = Header::open(snapshot)?;
        reader.enter("config");
        let config = decode_config(&mut reader)?;
        // The head is what lists of replays go by, so that it must not say something else.
        let named = config_hash(&config);
        if [header.config_hash, self.head.config_hash] == [named; 2] {
            Ok(config)
        } else {
            Err(error(Fault::Hash("configuration")))
        }
    }

    /// What was given before the step of a tick, and the hash of the world after it; `None` if that tick was not recorded.
    /// Looks through the frames since the key frame before.
    pub fn inputs(&self, tick: u64, out: &mut Vec<Input>) -> Result<Option<u64>, RestoreError> {
        out.clear();
        let Some((_, mut offset)) = self.key_before(tick) else { return Ok(None) };
        while let Some((entry, next)) = self.entry(offset)? {
            match entry {
                Entry::Tick { tick: at, record } if at == tick => {
                    let hash = record.hash;
                    record.read(|input| out.push(input), &mut Vec::new())?;
                    return Ok(Some(hash));
                }
                Entry::Tick { tick: at, .. } if at > tick => break,
                _ => offset = next,
            }
        }
        Ok(None)
    }

    /// Takes the key frames from the index at the end; `None` if there is none, or it is not one of this file.
    fn from_index(file: &'a [u8], head: Head) -> Option<Self> {
        let offset = index_offset(file)?;
        let mut reader = Reader::new(file, "index");
        reader.bytes(offset).ok()?;
        let frame = Frame::read(&mut reader).ok()?;
        frame.check().ok()?;
        let bytes = &file[..offset];
        let mut entries = frame.payload;
        let count = entries.count("key frames", u32::MAX, 16).ok()?;
        let mut keys: Vec<Key> = Vec::with_capacity(count);
        for _ in 0..count {
            let (tick, offset) = (entries.u64().ok()?, usize::try_from(entries.u64().ok()?).ok()?);
            let mut at = Reader::new(bytes, "key frame");
            at.bytes(offset).ok()?;
            let key = Frame::read(&mut at).ok()?;
            let ascends = keys.last().is_none_or(|last| last.tick < tick && last.offset < offset);
            if key.kind != FrameKind::Key || key.tick != tick || !ascends {
                return None;
            }
            keys.push(Key { tick, offset });
        }
        let last = keys.last()?;
        let starts = keys.first().is_some_and(|key| key.offset == Head::BYTES);
        (frame.kind == FrameKind::Index && starts && entries.finish().is_ok() && frame.tick >= last.tick)
            .then_some(Self { bytes, head, keys, tick_last: frame.tick, damage: None, is_finished: true })
    }

    /// Reads all frames up to the first that is not whole.
    fn scan(file: &'a [u8], head: Head, mut reader: Reader<'a>) -> Result<Self, RestoreError> {
        let mut keys = Vec::new();
        let mut tick_last = head.tick_first;
        let mut end = Head::BYTES;
        reader.enter("frame");
        let damage = loop {
            if reader.left() == 0 {
                break None;
            }
            let offset = end;
            let frame = match Frame::read(&mut reader).and_then(|frame| frame.check().map(|()| frame)) {
                Ok(frame) => frame,
                Err(error) => break Some(error),
            };
            let fits = match frame.kind {
                FrameKind::Key => frame.tick >= tick_last,
                FrameKind::Tick => frame.tick == tick_last && !keys.is_empty(),
                FrameKind::Index => break None,
            };
            if !fits {
                break Some(frame.payload.error(Fault::Order("ticks")));
            }
            match frame.kind {
                FrameKind::Key => {
                    keys.push(Key { tick: frame.tick, offset });
                    tick_last = frame.tick;
                }
                _ => match frame.tick.checked_add(1) {
                    Some(next) => tick_last = next,
                    None => break Some(frame.payload.error(Fault::Value("tick"))),
                },
            }
            end = file.len() - reader.left();
        };
        if keys.is_empty() {
            return Err(damage.unwrap_or_else(|| reader.error(Fault::Cut)));
        }
        Ok(Self { bytes: &file[..end], head, keys, tick_last, damage, is_finished: false })
    }

    /// Where the last key frame not after `tick` is: its tick and its offset.
    pub(super) fn key_before(&self, tick: u64) -> Option<(u64, usize)> {
        let after = self.keys.partition_point(|key| key.tick <= tick);
        self.keys[..after].last().map(|key| (key.tick, key.offset))
    }

    /// What is at an offset, and the offset of what comes next; `None` at the end.
    pub(super) fn entry(&self, offset: usize) -> Result<Option<(Entry<'a>, usize)>, RestoreError> {
        let mut reader = Reader::new(self.bytes, "frame");
        reader.bytes(offset)?;
        if reader.left() == 0 {
            return Ok(None);
        }
        let frame = Frame::read(&mut reader)?;
        frame.check()?;
        let next = self.bytes.len() - reader.left();
        let mut payload = frame.payload;
        let entry = match frame.kind {
            FrameKind::Key => Entry::Key { tick: frame.tick, snapshot: payload.rest() },
            FrameKind::Tick => {
                payload.enter("tick");
                let hash = payload.u64()?;
                let inputs = payload.u32()?;
                Entry::Tick { tick: frame.tick, record: TickRecord { hash, inputs, rest: payload } }
            }
            FrameKind::Index => return Err(payload.error(Fault::Value("kind of frame"))),
        };
        Ok(Some((entry, next)))
    }
}

impl TickRecord<'_> {
    /// Hands over the inputs, one after the other, and then the hashes of sectors. All are read before any of `hashes` is
    /// there; an error in the middle of the inputs comes after those before it were handed over.
    pub(super) fn read(
        mut self,
        mut input: impl FnMut(Input),
        hashes: &mut Vec<(SectorId, u64)>,
    ) -> Result<(), RestoreError> {
        for _ in 0..self.inputs {
            match decode_input(&mut self.rest)? {
                // A tick is one step; recorders never write one as an input.
                Input::Step => return Err(self.rest.error(Fault::Value("input"))),
                other => input(other),
            }
        }
        hashes.clear();
        let count = self.rest.count("sector hashes", u32::MAX, 24)?;
        for _ in 0..count {
            let next = read_sector_hash(&mut self.rest)?;
            if hashes.last().is_some_and(|(sector, _)| *sector >= next.0) {
                return Err(self.rest.error(Fault::Order("sector hashes")));
            }
            hashes.push(next);
        }
        self.rest.finish()
    }
}
