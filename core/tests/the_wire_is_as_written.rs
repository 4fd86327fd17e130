//! Goal: docs/WIRE.md says what packets and reports are in bytes, exactly.
//! Method: the vectors on the page are compared with what the code writes from the same values, and read back.

use muster_core::{
    EntityId,
    command::Action,
    sync::{
        packet::{GroupHeader, PacketHeader, PacketWriter, read_packet},
        report::{ReportHeader, TickInput, decode_report, encode_report},
    },
};

/// The bytes of the vector of a name on the page.
fn vector(name: &str) -> Vec<u8> {
    let page = include_str!("../../docs/WIRE.md");
    let fence = format!("```vector {name}\n");
    let (_, rest) = page.split_once(&fence).expect("the page has the vector");
    let (text, _) = rest.split_once("```").expect("the vector ends");
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |digit: u8| (digit as char).to_digit(16).expect("a digit") as u8;
    digits.as_chunks::<2>().0.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect()
}

#[test]
fn the_packet_is_as_written() {
    let header =
        PacketHeader { session: 0xdead_beef, sequence: 7, update: 9, tick: 27, heard: 3, held: 12, parts: 1, part: 0 };
    let first = GroupHeader { group: 42, age: 0, version: 5, base: 2, before: 1, is_closing: false };
    let groups = [
        (first, vec![0xc1, 0xc2, 0xc3]),
        (GroupHeader { group: 44, age: 1, version: 9, ..first }, vec![0xd1]),
        (GroupHeader::closing(45), vec![]),
        (GroupHeader { group: 0x1234, version: 6, base: 0, before: 0, ..first }, vec![0xe1; 255]),
    ];
    let mut writer = PacketWriter::default();
    writer.begin(&header, &[0xa1, 0xa2], &[0xb1]);
    for (group, share) in &groups {
        assert!(writer.push_group(*group, share, 1200));
    }
    writer.finish();
    let bytes = writer.packets().next().expect("a packet").to_vec();
    // The last share is long, and the same byte all through: the page leaves all but the first out.
    let shown = bytes.len() - 254;
    assert_eq!(hex(&bytes[..shown]), hex(&vector("packet")));
    assert_eq!(bytes[shown..], [0xe1; 254]);
    let packet = read_packet(&bytes).expect("a packet");
    assert_eq!((packet.header, packet.own, packet.events), (header, &[0xa1, 0xa2][..], &[0xb1][..]));
    let read: Vec<_> = packet.groups().map(|(group, share)| (group, share.to_vec())).collect();
    assert_eq!(read, groups);
}

#[test]
fn the_report_is_as_written() {
    let header =
        ReportHeader { received: 3, session: 0xdead_beef, sequence: 2, newest: 7, input_first: 1, shown_tick: 90 };
    let mut input = TickInput::new(99);
    assert!(input.push(EntityId::from_bits(5), Action::Stop));
    let mut bytes = Vec::new();
    assert_eq!(encode_report(&header, &[input], &mut bytes), 1);
    assert_eq!(hex(&bytes), hex(&vector("report")));
    let mut inputs = Vec::new();
    assert_eq!(decode_report(&bytes, &mut inputs).expect("a report"), header);
    assert_eq!(inputs, [input]);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
