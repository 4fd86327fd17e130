//! What a bot remembers from one decision to the next: the 64 bits of the column `bot_state`.

use crate::space::{Position, SECTOR_SIDE};

/// A bot's memory.
///
/// | bits | what |
/// |---|---|
/// | 0-23, 24-47 | the post, where it began: its x and y in 2^-8 m, modulo 2^24 (65.5 km) |
/// | 48-61 | the next waypoint of its patrol, modulo 2^14 |
/// | 62 | whether it was sent to that waypoint by its last decision |
/// | 63 | whether it has a post |
///
/// **Every 64 bits are a memory.** The post is found again as the nearest place with its bits, wherever in space that is,
/// so no map and no sector is needed to tell where it is; a bot that is taken further than 32 km from its post has its
/// post somewhere else from then on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Memory {
    post: Option<(u32, u32)>,
    pub(super) waypoint: u16,
    pub(super) is_sent: bool,
}

const PART: u32 = (1 << 24) - 1;

/// Most waypoints of a route that are told apart.
pub(super) const WAYPOINTS_MAX: usize = 1 << 14;

impl Memory {
    pub(super) const fn from_bits(bits: i64) -> Self {
        let bits = bits.cast_unsigned();
        let post = (bits as u32 & PART, (bits >> 24) as u32 & PART);
        Self {
            post: if bits >> 63 != 0 { Some(post) } else { None },
            waypoint: (bits >> 48) as u16 % WAYPOINTS_MAX as u16,
            is_sent: bits >> 62 & 1 != 0,
        }
    }

    pub(super) fn bits(self) -> i64 {
        let (x, y) = self.post.unwrap_or_default();
        let flags = u64::from(self.is_sent) << 62 | u64::from(self.post.is_some()) << 63;
        (u64::from(x) | u64::from(y) << 24 | u64::from(self.waypoint) << 48 | flags).cast_signed()
    }

    /// Makes a place the post, unless there is one.
    pub(super) fn begin(&mut self, at: Position) {
        self.post.get_or_insert_with(|| remainder(at));
    }

    /// How far the post is to the right of and above a place, to within 2^-8 m; at most 2^31 units either way.
    pub(super) fn post_from(self, place: Position) -> (i64, i64) {
        let Some(post) = self.post else {
            return (0, 0);
        };
        let own = remainder(place);
        // The upper bits are cut off and the sign is drawn out again: the short way round.
        let offset = |post: u32, own: u32, fine: i32| {
            let steps = (post.wrapping_sub(own) << 8).cast_signed() >> 8;
            i64::from(steps) * 256 - i64::from(fine & 255)
        };
        (offset(post.0, own.0, place.x), offset(post.1, own.1, place.y))
    }
}

/// A place in 2^-8 m, modulo 2^24. Sectors wrap at 2^64, a multiple of that.
const fn remainder(place: Position) -> (u32, u32) {
    const fn part(sector: i64, within: i32) -> u32 {
        let sectors = (sector as u32).wrapping_mul((SECTOR_SIDE >> 8) as u32);
        sectors.wrapping_add((within >> 8).cast_unsigned()) & PART
    }
    (part(place.sector.x, place.x), part(place.sector.y, place.y))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::{METRE, SectorId};

    #[test]
    fn a_memory_without_a_post_takes_the_first() {
        let here = Position::new(SectorId::new(5, -7), 123_456, 7_000_000);
        let mut memory = Memory::from_bits(0);
        assert_eq!((memory, memory.post_from(here)), (Memory::default(), (0, 0)));
        memory.begin(here);
        let there = here.offset(70_000, -1 << 20);
        memory.begin(there);
        let (x, y) = memory.post_from(there);
        assert!((x + 70_000).abs() < 256 && (y - (1 << 20)).abs() < 256, "({x}, {y})");
    }

    proptest! {
        #[test]
        fn every_word_is_a_memory(bits in any::<i64>(), at in any::<[i64; 4]>()) {
            let memory = Memory::from_bits(bits);
            prop_assert_eq!(Memory::from_bits(memory.bits()), memory);
            if bits < 0 {
                prop_assert_eq!(memory.bits(), bits);
            }
            let (x, y) = memory.post_from(Position::new(SectorId::new(at[0], at[1]), at[2], at[3]));
            prop_assert!(x.abs() <= 1 << 31 && y.abs() <= 1 << 31);
        }

        /// Anywhere in space, also over its ends, a post within 32 km is found again to 4 mm.
        #[test]
        fn posts_are_found_again(
            sector in any::<[i64; 2]>(),
            at in proptest::array::uniform2(0..SECTOR_SIDE),
            away in proptest::array::uniform2(-32_000 * i64::from(METRE)..32_000 * i64::from(METRE)),
        ) {
            let post = Position { sector: SectorId::new(sector[0], sector[1]), x: at[0], y: at[1] };
            let mut memory = Memory { waypoint: 77, ..Memory::default() };
            memory.begin(post);
            let memory = Memory::from_bits(memory.bits());
            let (x, y) = memory.post_from(post.offset(away[0], away[1]));
            prop_assert!((-256..=0).contains(&(x + away[0])) && (-256..=0).contains(&(y + away[1])), "({x}, {y})");
        }
    }
}
