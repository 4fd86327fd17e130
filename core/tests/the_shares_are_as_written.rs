//! Goal: docs/WIRE.md says what shares and plain bits are in bytes, exactly.
//! Method: the vectors on the page are compared with what the code writes from the states that the page describes, and read
//! back.

use muster_core::{
    EntityId, SectorId,
    sync::{
        Cell, GroupState,
        codec::{Identity, Known, Layout, MODELS_HASH, ScopeKind, bits, decode_group, encode_group},
    },
};

const PAGE: &str = include_str!("../../docs/WIRE.md");
const LAYOUT: Layout = Layout { attributes: 1, cell_shift: 22 };

/// The digits of the vector of a name on the page.
fn vector(name: &str) -> String {
    let fence = format!("```vector {name}\n");
    let (_, rest) = PAGE.split_once(&fence).expect("the page has the vector");
    let (text, _) = rest.split_once("```").expect("the vector ends");
    text.chars().filter(char::is_ascii_hexdigit).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first state of the page: two fighters.
fn first() -> GroupState {
    let mut state = GroupState::new(1);
    state.present = 0b11;
    for (place, (id, x, y, heading)) in
        [(7, 1_000, 2_000, 64), (1 << 32 | 9, 1_100, 2_000, 192)].into_iter().enumerate()
    {
        state.id[place] = EntityId::from_bits(id);
        (state.x[place], state.y[place], state.heading[place]) = (x, y, heading);
        (state.health[place], state.health_max[place], state.state[place]) = (100, 100, 1);
        (state.kind[place], state.team[place], state.half_x[place], state.half_y[place]) = (3, 1, 102, 102);
        state.owner[place] = 40 + place as u32;
    }
    state.team[1] = 2;
    state
}

/// The second: the first of them goes up.
fn second() -> GroupState {
    let mut state = first();
    state.y[0] = 2_020;
    state
}

/// The third: it is further than it would be, both turn, one is hurt and has a target, a third one came.
fn third() -> GroupState {
    let mut state = second();
    (state.x[0], state.y[0], state.heading[0]) = (998, 2_061, 66);
    (state.heading[1], state.health[1], state.target[1]) = (188, 93, state.id[0]);
    state.present = 0b111;
    state.id[2] = EntityId::from_bits(12);
    (state.x[2], state.y[2], state.health[2], state.health_max[2]) = (50, 60, 5, 5);
    state.attributes[0][2] = -3;
    state
}

fn check(name: &str, now: &GroupState, update: u32, known: Option<&Known<'_>>) {
    let cell = Cell { sector: SectorId::new(-1, 2), x: 5, y: 6 };
    let identity = Identity { cell, scope: ScopeKind::Team, update };
    let mut share = Vec::new();
    encode_group(now, update, known, &identity, &LAYOUT, &mut share);
    assert_eq!(hex(&share), vector(name), "{name}");
    let mut out = GroupState::new(1);
    let told = decode_group(&share, update, known, &LAYOUT, &mut out);
    assert_eq!(told, Ok(known.is_none().then_some(identity)));
    assert_eq!(&out, now);
}

#[test]
fn shares_are_as_written() {
    let (first, second, third) = (first(), second(), third());
    check("share-whole", &first, 10, None);
    check("share-moved", &second, 11, Some(&Known { base: &first, base_update: 10, before: None }));
    let known = Known { base: &second, base_update: 11, before: Some((&first, 10)) };
    check("share-changed", &third, 13, Some(&known));
    check("share-same", &second, 13, Some(&Known { base: &second, base_update: 11, before: None }));
}

#[test]
fn the_hash_of_the_models_is_as_written() {
    assert_eq!(vector("models-hash"), format!("{MODELS_HASH:016x}"));
}

#[test]
fn plain_bits_are_as_written() {
    let mut bytes = Vec::new();
    let mut writer = bits::BitWriter::new(&mut bytes);
    writer.push(5, 3);
    writer.push_unsigned(9, 2);
    writer.push_signed(-2, 0);
    writer.push_unsigned(u64::MAX, 0);
    writer.finish();
    assert_eq!(hex(&bytes), vector("bits"));
    let mut reader = bits::BitReader::new(&bytes);
    assert_eq!((reader.bits(3), reader.unsigned(2), reader.signed(0)), (Ok(5), Ok(9), Ok(-2)));
    assert_eq!(reader.unsigned(0), Ok(u64::MAX));
    assert_eq!(reader.finish(), Ok(()));
}
