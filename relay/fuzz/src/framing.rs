//! A stream is cut into the same frames however its bytes arrive, and what the framer holds is bounded.
//!
//! The first bytes choose the largest frame and how the rest is cut; the rest is the stream.

use arbitrary::{Result, Unstructured};
use muster_relay::stream::framing::{Framer, FramingError, write_padding};

/// Largest frames that are tried, from the least allowed to one that holds every length.
const FRAME_MAX: [usize; 8] = [0, 4, 5, 20, 64, 2_048, 65_539, 70_000];

/// What a stream gives.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    frames: Vec<Vec<u8>>,
    oversize: u64,
    error: Option<FramingError>,
}

/// Runs the target.
pub fn run(bytes: &[u8]) {
    // Bytes that are too short to say how they are cut are no input.
    let _ = cut(Unstructured::new(bytes));
}

fn cut(mut input: Unstructured<'_>) -> Result<()> {
    let frame_max = *input.choose(&FRAME_MAX)?;
    let pieces: [u8; 6] = input.arbitrary()?;
    let takes_buffers: bool = input.arbitrary()?;
    let stream = input.take_rest();

    let whole = feed(frame_max, false, [stream]);
    assert_eq!(whole, feed(frame_max, false, stream.chunks(1)), "byte by byte");
    assert_eq!(whole, feed(frame_max, takes_buffers, Cuts { stream, sizes: pieces.into_iter().cycle() }), "in pieces");

    for frame in &whole.frames {
        assert!(frame.len() <= frame_max.max(4));
        assert!((frame.len() + write_padding(frame).len()).is_multiple_of(4), "the next frame is aligned");
    }
    let written: Vec<u8> = whole.frames.iter().flat_map(|frame| [&frame[..], write_padding(frame)].concat()).collect();
    let expect = Outcome { frames: whole.frames, ..Outcome::default() };
    assert_eq!(feed(frame_max, takes_buffers, [&written[..]]), expect, "what we send is cut as it was meant");
    Ok(())
}

/// Pieces of the given sizes, over and over.
struct Cuts<'a, I> {
    stream: &'a [u8],
    sizes: I,
}

impl<'a, I: Iterator<Item = u8>> Iterator for Cuts<'a, I> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.stream.is_empty() {
            return None;
        }
        // At least one byte, so that the stream ends.
        let size = usize::from(self.sizes.next()?).max(1).min(self.stream.len());
        let (piece, rest) = self.stream.split_at(size);
        self.stream = rest;
        Some(piece)
    }
}

/// Feeds a new framer, checking its memory; `takes_buffers` takes and lends its buffer between the pieces, as the owner
/// of many connections does.
fn feed<'a>(frame_max: usize, takes_buffers: bool, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut framer = Framer::new(frame_max);
    let mut outcome = Outcome::default();
    let mut spares = Vec::new();
    let held_max = frame_max.max(4);
    'pieces: for mut piece in pieces {
        if takes_buffers {
            framer.lend_buffer(&mut spares);
        }
        loop {
            let before = piece.len();
            match framer.next_frame(&mut piece) {
                Ok(Some(frame)) => {
                    assert!(!frame.is_empty());
                    outcome.frames.push(frame.to_vec());
                    assert!(piece.len() < before, "a frame takes input");
                }
                Ok(None) => {
                    assert!(piece.is_empty(), "input is left over only behind a frame");
                    break;
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    outcome.error = Some(error);
                    break 'pieces;
                }
            }
        }
        assert!(framer.held() <= held_max, "{} bytes are held of frames of {held_max}", framer.held());
        if takes_buffers && let Some(buffer) = framer.take_buffer() {
            assert!(buffer.is_empty() || framer.held() == 0, "a buffer with bytes in it is not given away");
            // A vector grows by doubling.
            assert!(buffer.capacity() <= 2 * held_max.max(8));
            spares.push(Vec::with_capacity(buffer.capacity()));
        }
    }
    outcome.oversize = framer.take_oversize();
    assert_eq!(framer.take_oversize(), 0, "oversize frames are told once");
    outcome
}
