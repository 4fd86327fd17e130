//! A byte stream is cut into the same frames however it arrives, and nothing a client sends moves the cut.
//!
//! Method: streams with every kind of frame are fed in every way of cutting them, and hostile streams are fed whole and
//! byte by byte; all ways must agree.

use muster_relay::stream::framing::{Framer, FramingError, write_padding};

/// What a stream gives: its frames, how many were too large, and how it ended.
#[derive(Debug, PartialEq, Eq, Default)]
struct Outcome {
    frames: Vec<Vec<u8>>,
    oversize: u64,
    error: Option<FramingError>,
}

/// Feeds `pieces` to a new framer, checking its memory on the way.
fn feed<'a>(frame_max: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut framer = Framer::new(frame_max);
    let mut outcome = Outcome::default();
    'pieces: for mut piece in pieces {
        loop {
            match framer.next_frame(&mut piece) {
                Ok(Some(frame)) => outcome.frames.push(frame.to_vec()),
                Ok(None) => {
                    assert!(piece.is_empty(), "input is left over only behind a frame");
                    break;
                }
                Err(error) => {
                    outcome.error = Some(error);
                    break 'pieces;
                }
            }
        }
        assert!(framer.held() <= frame_max);
    }
    outcome.oversize = framer.take_oversize();
    outcome
}

fn stun(length: u16) -> Vec<u8> {
    let mut message = vec![0x00, 0x01];
    message.extend_from_slice(&length.to_be_bytes());
    message.resize(20 + usize::from(length), 0xA5);
    message
}

/// A ChannelData frame and, separately, the padding that follows it: not zero, for a sender may put anything there.
fn channel_data(number: u16, length: u16) -> (Vec<u8>, Vec<u8>) {
    let mut frame = number.to_be_bytes().to_vec();
    frame.extend_from_slice(&length.to_be_bytes());
    frame.resize(4 + usize::from(length), 0x5A);
    let padding = vec![0xEE; frame.len().next_multiple_of(4) - frame.len()];
    (frame, padding)
}

/// A stream with every kind of frame, among them two that are larger than 64 bytes, and what it must give.
fn mixed() -> (Vec<u8>, Outcome) {
    let mut bytes = Vec::new();
    let mut expect = Outcome { oversize: 2, ..Outcome::default() };
    for length in [0, 1, 2, 3, 4, 5] {
        let (frame, padding) = channel_data(0x4000 + length, length);
        bytes.extend([frame.clone(), padding].concat());
        expect.frames.push(frame);
    }
    let (oversize, padding) = channel_data(0x4FFF, 69);
    bytes.extend([oversize, padding].concat());
    bytes.extend(stun(0));
    expect.frames.push(stun(0));
    bytes.extend(stun(48));
    bytes.extend(stun(44));
    expect.frames.push(stun(44));
    let (last, padding) = channel_data(0x4001, 7);
    bytes.extend([last.clone(), padding].concat());
    expect.frames.push(last);
    (bytes, expect)
}

#[test]
fn every_cut_gives_the_same_frames() {
    let (bytes, expect) = mixed();
    assert_eq!(feed(64, [&bytes[..]]), expect, "whole");
    assert_eq!(feed(64, bytes.chunks(1)), expect, "byte by byte");
    for first in 0..=bytes.len() {
        for second in first..=bytes.len() {
            let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
            assert_eq!(feed(64, pieces), expect, "cut at {first} and {second}");
        }
    }
}

#[test]
fn a_frame_that_is_not_complete_is_not_given() {
    let (frame, padding) = channel_data(0x4000, 5);
    let wire = [frame.clone(), padding].concat();
    for end in 0..frame.len() {
        assert_eq!(feed(64, [&wire[..end]]).frames, Vec::<Vec<u8>>::new(), "{end} bytes");
    }
    for end in frame.len()..=wire.len() {
        assert_eq!(feed(64, [&wire[..end]]).frames, std::slice::from_ref(&frame), "padding is not waited for");
    }
}

#[test]
fn every_first_byte_is_known_or_refused() {
    for first in 0..=u8::MAX {
        let mut wire = vec![first, 0, 0, 0];
        wire.resize(20, 0);
        let outcome = feed(64, [&wire[..1], &wire[1..]]);
        let expect = match first {
            0..=3 | 64..=127 => None,
            _ => Some(FramingError::FirstByte(first)),
        };
        // A ChannelData of no length is followed by STUN headers of zeroes here, the last of them cut short.
        assert_eq!(outcome.error, expect, "{first:#04x}");
        assert_eq!(feed(64, [&[first][..]]).error, expect, "{first:#04x} is refused at once");
        assert_eq!(outcome.frames.is_empty(), expect.is_some());
    }
}

/// Class 5 of the vulnerabilities to defend: a length near 65,535 that is truncated to 16 bits after adding a header
/// or padding makes the rest of the stream be read from the wrong place.
#[test]
fn lengths_at_the_edge_of_sixteen_bits_keep_the_stream_in_step() {
    let marker = stun(4);
    for length in 0xFFF8..=0xFFFF_u16 {
        let (frame, padding) = channel_data(0x4000, length);
        let wire = [&frame[..], &padding, &marker].concat();
        let kept = Outcome { frames: vec![frame, marker.clone()], ..Outcome::default() };
        let skipped = Outcome { frames: vec![marker.clone()], oversize: 1, ..Outcome::default() };
        assert_eq!(feed(usize::MAX, wire.chunks(1_000)), kept, "{length:#06x}");
        assert_eq!(feed(usize::from(length) + 4, wire.chunks(1_000)), kept, "{length:#06x} is exactly the limit");
        assert_eq!(feed(usize::from(length) + 3, wire.chunks(1_000)), skipped, "{length:#06x} is over the limit");
        assert_eq!(feed(2_048, wire.chunks(7)), skipped, "{length:#06x}");
    }
    let wire = [stun(0xFFFC), marker.clone()].concat();
    assert_eq!(feed(2_048, wire.chunks(13)).frames, std::slice::from_ref(&marker));
    assert_eq!(feed(usize::MAX, wire.chunks(13)).frames, [stun(0xFFFC), marker]);
}

#[test]
fn a_stun_length_that_is_no_multiple_of_four_ends_the_stream() {
    for length in [1, 2, 3, 5, 0xFFFD, 0xFFFE, 0xFFFF] {
        let mut wire = stun(0);
        wire.extend([0x01, 0x01]);
        wire.extend(u16::to_be_bytes(length));
        wire.resize(200, 0);
        for step in [1, 3, 200] {
            let outcome = feed(64, wire.chunks(step));
            assert_eq!(outcome.error, Some(FramingError::StunLength(length)));
            assert_eq!(outcome.frames, [stun(0)], "what came before is good");
        }
    }
}

#[test]
fn an_oversized_frame_is_not_buffered() {
    let mut framer = Framer::new(64);
    let (frame, _) = channel_data(0x4000, 60_000);
    for mut piece in frame.chunks(100) {
        assert_eq!(framer.next_frame(&mut piece), Ok(None));
        assert_eq!(framer.held(), 0);
    }
    assert_eq!(framer.take_oversize(), 1);
    assert!(framer.take_buffer().is_none(), "nothing was ever allocated");
}

#[test]
fn an_empty_framer_gives_its_buffer_away() {
    let mut framer = Framer::new(64);
    let (frame, padding) = channel_data(0x4000, 6);
    assert_eq!(framer.next_frame(&mut &frame[..7]), Ok(None));
    assert!(framer.take_buffer().is_none(), "it is in use");
    assert_eq!(framer.next_frame(&mut &frame[7..]), Ok(Some(&frame[..])));
    let mut spares = vec![framer.take_buffer().expect("a frame was put together in it")];
    framer.lend_buffer(&mut spares);
    assert!(spares.is_empty());
    assert_eq!(framer.next_frame(&mut &padding[..]), Ok(None));
    assert_eq!(framer.held(), 0);
}

/// Any bytes at all: no panic, and no difference between ways of cutting them.
#[test]
fn noise_is_cut_the_same_way_however_it_comes() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..2_000 {
        // Mostly plausible beginnings, or nearly every stream would end at its first byte.
        let mut bytes = Vec::new();
        while bytes.len() < 300 {
            let first = [0, 1, 0x40, 0x4F, random() as u8][(random() % 5) as usize];
            bytes.extend([first, random() as u8, (random() % 64 / 63) as u8, random() as u8 & 0x3C]);
            bytes.extend((0..random() % 40).map(|_| 0));
        }
        let whole = feed(40, [&bytes[..]]);
        let step = 1 + (random() % 50) as usize;
        assert_eq!(feed(40, bytes.chunks(step)), whole, "round {round}, pieces of {step}");
    }
}

/// Class 6: padding must not carry what was in memory before.
#[test]
fn outgoing_padding_is_zero_and_only_behind_channel_data() {
    for length in 0..=9 {
        let (frame, _) = channel_data(0x4000, length);
        let padding = write_padding(&frame);
        assert!(padding.iter().all(|byte| *byte == 0));
        assert!((frame.len() + padding.len()).is_multiple_of(4));
        assert!(padding.len() < 4);
    }
    for frame in [&stun(8)[..], &[], &[0, 1, 0]] {
        assert_eq!(write_padding(frame), b"");
    }
}
