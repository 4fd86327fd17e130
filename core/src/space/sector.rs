//! Sectors: squares of space, in a hierarchy of scales.

use core::fmt;

/// A square of space. At scale 0 its side is 1 km, and it doubles with each scale.
///
/// **Numbers of sectors wrap**: the neighbour to the right of `i64::MAX` is `i64::MIN`, so space is a torus of 2^64
/// sectors a side and has no place where arithmetic fails. Ordered by scale, then y, then x.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SectorId {
    /// Column, growing to the right.
    pub x: i64,
    /// Row, growing upwards.
    pub y: i64,
    /// 0 for the smallest, 63 at most.
    pub scale: u8,
}

impl SectorId {
    /// The largest scale: four sectors are all of space.
    pub const SCALE_MAX: u8 = 63;

    /// A sector of scale 0.
    pub const fn new(x: i64, y: i64) -> Self {
        Self { x, y, scale: 0 }
    }

    /// The sector of the next scale that this one is a quarter of; `None` at [`Self::SCALE_MAX`].
    pub fn parent(self) -> Option<Self> {
        (self.scale < Self::SCALE_MAX).then(|| Self { x: self.x >> 1, y: self.y >> 1, scale: self.scale + 1 })
    }

    /// The four quarters of this sector, lower row first; `None` at scale 0.
    pub fn children(self) -> Option<[Self; 4]> {
        let scale = self.scale.checked_sub(1)?;
        let (x, y) = (self.x.wrapping_mul(2), self.y.wrapping_mul(2));
        Some([(0, 0), (1, 0), (0, 1), (1, 1)].map(|(right, up)| Self { x: x | right, y: y | up, scale }))
    }

    /// The sector of a larger scale that has this one in it; `None` if `scale` is smaller than this one's or too large.
    pub fn ancestor(self, scale: u8) -> Option<Self> {
        let up = scale.checked_sub(self.scale).filter(|_| scale <= Self::SCALE_MAX)?;
        Some(Self { x: self.x >> up, y: self.y >> up, scale })
    }

    /// Whether `other` is this sector or in it.
    pub fn contains(self, other: Self) -> bool {
        other.ancestor(self.scale) == Some(self)
    }

    /// The sector of the same scale `right` and `up` steps away.
    pub fn step(self, right: i64, up: i64) -> Self {
        Self { x: self.wrap(self.x.wrapping_add(right)), y: self.wrap(self.y.wrapping_add(up)), scale: self.scale }
    }

    /// The eight sectors around this one, lower row first, left to right.
    pub fn neighbours(self) -> [Self; 8] {
        [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)].map(|(right, up)| self.step(right, up))
    }

    /// How many sectors of this scale there are to `other` in each direction, the short way round. Meaningless for
    /// sectors of different scales.
    pub fn steps_to(self, other: Self) -> (i64, i64) {
        (self.wrap(other.x.wrapping_sub(self.x)), self.wrap(other.y.wrapping_sub(self.y)))
    }

    /// Keeps a number to the 64 - scale bits that sectors of this scale have.
    fn wrap(self, number: i64) -> i64 {
        (number << self.scale) >> self.scale
    }
}

impl Ord for SectorId {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        (self.scale, self.y, self.x).cmp(&(other.scale, other.y, other.x))
    }
}

impl PartialOrd for SectorId {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for SectorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})@{}", self.x, self.y, self.scale)
    }
}

impl fmt::Display for SectorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: [i64; 7] = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];

    #[test]
    fn parents_hold_their_children_to_the_ends_of_space() {
        for x in ENDS {
            for y in ENDS {
                let mut sector = SectorId::new(x, y);
                while let Some(parent) = sector.parent() {
                    assert!(parent.contains(sector));
                    assert!(parent.children().expect("a parent has children").contains(&sector));
                    assert_eq!(sector.ancestor(parent.scale), Some(parent));
                    sector = parent;
                }
                assert_eq!(sector.scale, SectorId::SCALE_MAX);
            }
        }
        assert_eq!(SectorId::new(0, 0).children(), None);
    }

    #[test]
    fn neighbours_wrap_and_know_the_way_back() {
        for scale in [0, 1, 7, 62, 63] {
            for x in ENDS {
                for y in ENDS {
                    let sector = SectorId::new(x, y).ancestor(scale).expect("a scale within bounds");
                    for neighbour in sector.neighbours() {
                        let (right, up) = sector.steps_to(neighbour);
                        assert_eq!(sector.step(right, up), neighbour);
                        assert!(neighbour.neighbours().contains(&sector));
                    }
                }
            }
        }
        assert_eq!(SectorId::new(i64::MAX, 0).step(1, 0), SectorId::new(i64::MIN, 0));
    }
}
