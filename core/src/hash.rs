//! The hash of a world's state.
//!
//! **The hash depends on the state and on nothing else**: not on the order of rows, not on how sectors are grouped, not on
//! what was there before. An entity's part is a strong mix of its id and its values, and the parts are added up, so that
//! the order is free without equal changes cancelling as they would under XOR of the plain values. A sector's sum is mixed
//! with the sector's name before sectors are added up, so an entity cannot move unseen between two sectors.
//!
//! What changes in every tick (place, velocity, heading) is mixed anew each time with two multiplications. Everything
//! else is the row's *cold* part, which its owner keeps and renews only for rows that changed. Both functions read only.
//!
//! The mixing is the folded multiplication of wyhash and its kin: it finds faults and divergence, it does not withstand
//! someone who makes collisions on purpose.

use crate::{
    entity::{Column, Columns, EntityId},
    random::mix,
    space::SectorId,
};

/// Odd constants from the fraction of the golden ratio and of square roots of primes, as wyhash and splitmix64 have them.
const KEYS: [u64; 4] = [0x9e37_79b9_7f4a_7c15, 0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3];

/// The halves of the 128-bit product, folded into each other.
#[inline(always)]
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

/// The splitmix64 finaliser; keys for as many purposes as there are numbers.
const fn key(number: u64) -> u64 {
    mix(number.wrapping_add(1).wrapping_mul(KEYS[0]))
}

/// Two halves of a word.
#[inline(always)]
const fn pair(low: i32, high: i32) -> u64 {
    low as u32 as u64 | (high as u32 as u64) << 32
}

/// The part of an entity's hash that changes in every tick: its place relative to its sector, its velocity, its heading.
#[inline(always)]
pub fn hot(id: EntityId, x: i32, y: i32, velocity_x: i32, velocity_y: i32, heading: u16) -> u64 {
    // No factor is 0 for a place within a sector and a slot below 2^24, whose upper bits the keys leave as they are; a
    // factor of 0 would hide the other one.
    let place = fold(pair(x, y) ^ KEYS[0], id.bits() ^ KEYS[1]);
    // Both factors have all of the place's hash, so what a change of motion does to the product is another thing for each
    // entity.
    fold(pair(velocity_x, velocity_y) ^ place, u64::from(heading) ^ KEYS[2] ^ place.rotate_left(32))
}

/// Whether a column is in [`hot`] and not in [`cold`].
#[inline(always)]
const fn is_hot(column: Column) -> bool {
    matches!(column, Column::VelocityX | Column::VelocityY | Column::Heading)
}

/// The part of an entity's hash that has all other columns and the attributes. It changes only when one of them does.
pub fn cold(columns: &Columns, row: usize) -> u64 {
    let mut sum = 0u64;
    columns.for_each_value(row, |column, value| {
        if !is_hot(column) {
            let number = u64::from(column.number());
            // The products do not wait for one another, which a chain of them would.
            sum = sum.wrapping_add(fold(value.cast_unsigned() ^ key(2 * number), key(2 * number + 1)));
        }
    });
    fold(sum ^ KEYS[2], columns.id[row].bits() ^ KEYS[3])
}

/// The sum over rows of the hashes of where they were before a tick, of a world that looks back.
pub(crate) fn past(columns: &Columns, tick: u64) -> u64 {
    let mut sum = 0u64;
    for (row, id) in columns.id.iter().enumerate() {
        let mut state = id.bits() ^ u64::from(columns.order_rewind[row]).rotate_left(56);
        for (x, y) in columns.past.row(row, tick) {
            // The constant added keeps a state of 0, once reached, from staying.
            state = fold(pair(x, y) ^ state, KEYS[1]).wrapping_add(KEYS[0]);
        }
        sum = sum.wrapping_add(fold(state ^ KEYS[2], id.bits() ^ KEYS[3]));
    }
    sum
}

/// A sector's part of the world's hash, of the wrapping sum of [`hot`] and [`cold`] over its entities. The parts of
/// sectors are added up, wrapping; sectors without entities have none.
pub fn combine(sector: SectorId, sum: u64) -> u64 {
    let mut digest = Digest::new(Part::Sector);
    digest.i64(sector.x);
    digest.i64(sector.y);
    digest.u64(u64::from(sector.scale));
    digest.u64(sum);
    digest.finish()
}

/// What a part of the world's state is, so that the same numbers in two parts have two hashes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum Part {
    /// The configuration.
    Config = 1,
    /// The map.
    Map = 2,
    /// The tick's number and the sum of what else there is; where everybody was, and the load that was reported.
    World = 3,
    /// The entities of one sector.
    Sector = 4,
    /// The slots of ids: generations and the free ones.
    Slots = 5,
    /// The projectiles in flight.
    Projectiles = 6,
    /// Commands that wait for the coming tick.
    Commands = 7,
    /// Events that wait for the coming tick.
    Events = 8,
    /// Paths, those that are looked for included.
    Navigation = 9,
    /// Zones and who takes them.
    Zones = 10,
    /// Pickups and when they come back.
    Pickups = 11,
    /// What finds massive battles.
    Battles = 12,
    /// Players whose entities a bot commands.
    TakeOvers = 13,
    /// Pairs that touched in the last tick.
    Contacts = 14,
    /// The table of columns and the forms of snapshots.
    Schema = 15,
}

impl Part {
    /// Every part, in order.
    pub const ALL: [Self; 15] = [
        Self::Config,
        Self::Map,
        Self::World,
        Self::Sector,
        Self::Slots,
        Self::Projectiles,
        Self::Commands,
        Self::Events,
        Self::Navigation,
        Self::Zones,
        Self::Pickups,
        Self::Battles,
        Self::TakeOvers,
        Self::Contacts,
        Self::Schema,
    ];

    /// The name, as reports have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Map => "map",
            Self::World => "world",
            Self::Sector => "sector",
            Self::Slots => "slots",
            Self::Projectiles => "projectiles",
            Self::Commands => "commands",
            Self::Events => "events",
            Self::Navigation => "navigation",
            Self::Zones => "zones",
            Self::Pickups => "pickups",
            Self::Battles => "battles",
            Self::TakeOvers => "take_overs",
            Self::Contacts => "contacts",
            Self::Schema => "schema",
        }
    }
}

/// A hash of a sequence of numbers and bytes, for state that has an order. What has none is hashed one by one and added
/// up.
#[derive(Clone, Debug)]
pub struct Digest {
    state: u64,
    words: u64,
}

impl Digest {
    /// For one part of the state.
    pub const fn new(part: Part) -> Self {
        Self { state: key(part as u64), words: 0 }
    }

    /// Takes in a number.
    #[inline]
    pub fn u64(&mut self, value: u64) {
        // The constant added keeps a state of 0, once reached, from staying.
        self.state = fold(value ^ self.state, KEYS[1]).wrapping_add(KEYS[0]) ^ value.rotate_left(32);
        self.words = self.words.wrapping_add(1);
    }

    /// Takes in a number.
    #[inline]
    pub fn i64(&mut self, value: i64) {
        self.u64(value.cast_unsigned());
    }

    /// Takes in bytes and how many there are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.u64(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.u64(u64::from_le_bytes(last));
    }

    /// The hash of what was taken in so far.
    #[inline]
    pub fn finish(&self) -> u64 {
        fold(self.state ^ KEYS[2], self.words ^ KEYS[3])
    }
}

/// A hash of a sequence of words that is as small as its result, for the many that a path store keeps, and for the names
/// of maps, which are in files. It knows neither a part nor a length: who needs them takes them in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain(u64);

impl Chain {
    pub(crate) const fn new() -> Self {
        Self(KEYS[0])
    }

    /// Takes in a number; the order counts.
    pub(crate) const fn u64(&mut self, word: u64) {
        // The finaliser is a bijection, so that no word that goes in is lost before the next one.
        self.0 = mix(self.0.rotate_left(23) ^ word);
    }

    pub(crate) const fn finish(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::entity::{COLUMNS, Entity};

    const ATTRIBUTES: usize = 3;

    fn columns() -> Columns {
        let mut columns = Columns::new(ATTRIBUTES);
        for slot in 0..4 {
            columns.push(EntityId::new(slot, slot / 2), &Entity::default());
        }
        columns
    }

    fn all() -> impl Iterator<Item = Column> {
        COLUMNS.iter().copied().chain((0..ATTRIBUTES as u8).map(Column::Attribute))
    }

    fn of(columns: &Columns, row: usize) -> u64 {
        let hot = hot(
            columns.id[row],
            columns.x[row],
            columns.y[row],
            columns.velocity_x[row],
            columns.velocity_y[row],
            columns.heading[row],
        );
        hot.wrapping_add(cold(columns, row))
    }

    /// Flips one bit of a value, within the type of its column.
    fn flip(columns: &mut Columns, column: Column, row: usize, bit: u32) {
        let bits = 8 * column.bytes() as u32;
        let value = columns.value(column, row).expect("declared") ^ (1 << bit);
        // Signed columns take the value with its sign, unsigned ones without.
        let signed = (value << (64 - bits)) >> (64 - bits);
        assert!(columns.set_value(column, row, value) || columns.set_value(column, row, signed), "{column:?} {bit}");
    }

    #[test]
    fn every_bit_of_every_column_changes_the_hash_and_no_two_cancel() {
        let plain = columns();
        let before: Vec<u64> = (0..plain.len()).map(|row| of(&plain, row)).collect();
        let mut differences = BTreeSet::new();
        let mut flips = 0;
        let mut differ = |difference: u64, what: &dyn core::fmt::Debug| {
            assert_ne!(difference, 0, "{what:?}");
            // Two changes cancel when the difference of one is the negative of the other's; the same difference twice would
            // cancel when one is made and the other undone.
            assert!(differences.insert(difference) && differences.insert(difference.wrapping_neg()), "{what:?}");
            flips += 1;
        };
        for (row, before) in before.iter().copied().enumerate() {
            for column in all() {
                for bit in 0..8 * column.bytes() as u32 {
                    let mut changed = plain.clone();
                    flip(&mut changed, column, row, bit);
                    differ(of(&changed, row).wrapping_sub(before), &(row, column, bit));
                }
            }
            for bit in 0..26 {
                let (mut right, mut above) = (plain.clone(), plain.clone());
                right.x[row] ^= 1 << bit;
                above.y[row] ^= 1 << bit;
                differ(of(&right, row).wrapping_sub(before), &(row, "x", bit));
                differ(of(&above, row).wrapping_sub(before), &(row, "y", bit));
            }
        }
        let bits: usize = all().map(|column| 8 * column.bytes()).sum::<usize>() + 52;
        assert_eq!(flips, 4 * bits);
    }

    #[test]
    fn opposite_changes_and_exchanged_values_are_seen() {
        let sum = |columns: &Columns| (0..columns.len()).fold(0u64, |sum, row| sum.wrapping_add(of(columns, row)));
        let mut plain = columns();
        for row in 0..4 {
            for column in all() {
                let value = 3 + row as i64 * 2 + i64::from(column.number()) % 7;
                assert!(plain.set_value(column, row, value));
            }
        }
        let before = sum(&plain);
        let mut seen = BTreeSet::from([before]);
        for column in all() {
            for other in 1..4 {
                // One up, one down; then exchanged.
                let mut moved = plain.clone();
                let (left, right) =
                    (moved.value(column, 0).expect("declared"), moved.value(column, other).expect("declared"));
                assert!(moved.set_value(column, 0, left + 1) && moved.set_value(column, other, right - 1));
                assert!(seen.insert(sum(&moved)), "{column:?} {other}");
                let mut exchanged = plain.clone();
                assert!(exchanged.set_value(column, 0, right) && exchanged.set_value(column, other, left));
                assert!(seen.insert(sum(&exchanged)), "{column:?} {other}");
            }
            for second in all().filter(|second| second.number() > column.number()) {
                let mut moved = plain.clone();
                let (left, right) =
                    (moved.value(column, 1).expect("declared"), moved.value(second, 1).expect("declared"));
                assert!(moved.set_value(column, 1, left + 1) && moved.set_value(second, 1, right - 1));
                assert!(seen.insert(sum(&moved)), "{column:?} {second:?}");
            }
        }
    }

    #[test]
    fn the_order_of_rows_is_free_and_sectors_are_not() {
        let mut plain = columns();
        assert!(plain.set_value(Column::Health, 1, 77));
        let mut turned = plain.clone();
        turned.swap_remove(0);
        turned.push(plain.id[0], &plain.entity(0, SectorId::default()));
        let sum = |columns: &Columns| (0..columns.len()).fold(0u64, |sum, row| sum.wrapping_add(of(columns, row)));
        assert_ne!(plain.id, turned.id);
        assert_eq!(sum(&plain), sum(&turned));
        let sectors =
            [SectorId::new(0, 0), SectorId::new(1, 0), SectorId::new(0, 1), SectorId { x: 0, y: 0, scale: 1 }];
        let parts: BTreeSet<u64> = sectors.iter().map(|sector| combine(*sector, sum(&plain))).collect();
        assert_eq!(parts.len(), 4);
    }

    #[test]
    fn digests_see_order_length_and_part() {
        let of = |part, numbers: &[u64]| {
            let mut digest = Digest::new(part);
            numbers.iter().for_each(|number| digest.u64(*number));
            digest.finish()
        };
        let bytes = |bytes: &[u8]| {
            let mut digest = Digest::new(Part::Config);
            digest.bytes(bytes);
            digest.finish()
        };
        let mut seen = BTreeSet::new();
        for part in Part::ALL {
            for numbers in [&[][..], &[0], &[0, 0], &[1, 0], &[0, 1], &[1, 1], &[u64::MAX], &[key(part as u64)]] {
                assert!(seen.insert(of(part, numbers)), "{part:?} {numbers:?}");
            }
        }
        let mut seen = BTreeSet::new();
        for text in [&b""[..], b"\0", b"\0\0", b"a", b"a\0", b"abcdefgh", b"abcdefgh\0", b"abcdefghi"] {
            assert!(seen.insert(bytes(text)), "{text:?}");
        }
        assert_eq!(Part::ALL.map(Part::name).iter().collect::<BTreeSet<_>>().len(), Part::ALL.len());
    }

    #[test]
    fn numbers_of_columns_come_back() {
        for (place, column) in COLUMNS.iter().enumerate() {
            assert_eq!(usize::from(column.number()), place);
        }
        for column in all() {
            assert_eq!(Column::from_number(column.number()), Some(column));
        }
        assert_eq!(Column::from_number(COLUMNS.len() as u16), None);
        assert_eq!(Column::from_number(511), Some(Column::Attribute(255)));
        assert_eq!(Column::from_number(512), None);
    }

    #[test]
    fn chains_see_order() {
        let of = |words: &[u64]| {
            let mut chain = Chain::new();
            words.iter().for_each(|word| chain.u64(*word));
            chain.finish()
        };
        let mut seen = BTreeSet::new();
        for words in [&[][..], &[0], &[0, 0], &[1, 0], &[0, 1], &[1, 1], &[u64::MAX], &[KEYS[0]]] {
            assert!(seen.insert(of(words)), "{words:?}");
        }
        assert_eq!(of(&[1, 2]), 9_508_373_634_584_820_725, "the hashes of maps are in snapshots and replays");
    }

    /// The hash is in replays, so a change of it is a change of the format.
    #[test]
    fn the_hash_is_the_one_that_replays_were_written_with() {
        let columns = columns();
        assert_eq!(
            [
                hot(EntityId::new(2, 7), 1, 2, -3, 4, 5),
                cold(&columns, 1),
                combine(SectorId { x: -1, y: i64::MAX, scale: 3 }, 42),
            ],
            [3_427_412_900_399_068_983, 63_260_934_422_188_705, 15_083_317_624_590_827_587]
        );
    }
}
