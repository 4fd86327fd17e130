//! Places: a sector and a point in it.

use super::{SECTOR_SIDE, SectorId};

/// A place: a sector of scale 0 and integer coordinates in it.
///
/// **`x` and `y` are in `0..SECTOR_SIDE`** for every position that [`Position::new`] made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The sector, of scale 0.
    pub sector: SectorId,
    /// Units of length from the sector's left edge.
    pub x: i32,
    /// Units of length from the sector's lower edge.
    pub y: i32,
}

impl Position {
    /// The place `x` right of and `y` above the lower left corner of a sector of scale 0, which may lie in another
    /// sector.
    pub fn new(sector: SectorId, x: i64, y: i64) -> Self {
        let side = i64::from(SECTOR_SIDE);
        Self {
            sector: SectorId::new(sector.x, sector.y).step(x.div_euclid(side), y.div_euclid(side)),
            x: x.rem_euclid(side) as i32,
            y: y.rem_euclid(side) as i32,
        }
    }

    /// The place that far to the right of and above this one.
    pub fn offset(self, right: i64, up: i64) -> Self {
        let side = i64::from(SECTOR_SIDE);
        // Whole sectors first, so that nothing overflows at the ends of i64.
        let sector = self.sector.step(right.div_euclid(side), up.div_euclid(side));
        Self::new(sector, i64::from(self.x) + right.rem_euclid(side), i64::from(self.y) + up.rem_euclid(side))
    }

    /// How far `other` is to the right of and above this place, the short way round; `None` beyond 2^62 units (70
    /// billion km) either way.
    pub fn offset_to(self, other: Self) -> Option<(i64, i64)> {
        let (right, up) = self.sector.steps_to(other.sector);
        let along = |steps: i64, from: i32, to: i32| {
            let whole = steps.checked_mul(i64::from(SECTOR_SIDE))?;
            let sum = whole.checked_add(i64::from(to) - i64::from(from))?;
            (sum.unsigned_abs() < 1 << 62).then_some(sum)
        };
        Some((along(right, self.x, other.x)?, along(up, self.y, other.y)?))
    }

    /// The same place with coordinates within its sector, of scale 0.
    pub fn canonical(self) -> Self {
        Self::new(self.sector, self.x.into(), self.y.into())
    }

    /// Whether the coordinates are within the sector, and the sector is of scale 0.
    pub fn is_canonical(self) -> bool {
        self.sector.scale == 0 && (0..SECTOR_SIDE).contains(&self.x) && (0..SECTOR_SIDE).contains(&self.y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_come_back_at_the_ends_of_space() {
        for sector in [SectorId::new(0, 0), SectorId::new(i64::MAX, i64::MIN), SectorId::new(-1, i64::MAX)] {
            let from = Position::new(sector, 5, -5);
            for (right, up) in [(0, 0), (-6, 6), (1 << 40, -(1 << 40)), ((1 << 62) - 1, 1 - (1 << 62))] {
                let to = from.offset(right, up);
                assert!(to.is_canonical());
                assert_eq!(from.offset_to(to), Some((right, up)));
                assert_eq!(to.offset_to(from), Some((-right, -up)));
            }
            assert_eq!(from.offset_to(from.offset(1 << 62, 0)), None);
            assert_eq!(from.offset(i64::MAX, 0).offset(i64::MIN, 0).offset(1, 0), from);
        }
    }
}
