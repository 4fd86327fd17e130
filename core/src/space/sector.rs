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

    /// The sector of scale 0 in the lower left corner of this one.
    pub fn corner(self) -> Self {
        Self::new(self.x << self.scale.min(Self::SCALE_MAX), self.y << self.scale.min(Self::SCALE_MAX))
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

    /// Whether `other` lies in this sector or in one of the eight around it. A sector of a smaller scale than this one's
    /// may; one of a larger never does.
    pub fn is_near(self, other: Self) -> bool {
        other.ancestor(self.scale).is_some_and(|other| {
            let (right, up) = self.steps_to(other);
            right.unsigned_abs() <= 1 && up.unsigned_abs() <= 1
        })
    }

    /// The same sector under the one name that it has: numbers of a scale have fewer bits the larger it is. A scale beyond
    /// [`Self::SCALE_MAX`] counts as that one.
    pub fn canonical(self) -> Self {
        Self { scale: self.scale.min(Self::SCALE_MAX), ..self }.step(0, 0)
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
                assert!(sector.contains(sector.corner()) && sector.corner().scale == 0);
            }
        }
        assert_eq!(SectorId::new(0, 0).children(), None);
    }

    #[test]
    fn what_is_near_is_in_the_square_of_nine() {
        for scale in [0, 1, 7, 61] {
            for x in ENDS {
                for y in ENDS {
                    let sector = SectorId::new(x, y).ancestor(scale).expect("a scale within bounds");
                    for (right, up, expected) in
                        [(0, 0, true), (1, -1, true), (-1, 0, true), (2, 0, false), (0, -2, false), (-2, 1, false)]
                    {
                        let other = sector.step(right, up);
                        assert_eq!(sector.is_near(other), expected, "{sector} {other}");
                        for small in other.children().into_iter().flatten() {
                            assert_eq!(sector.is_near(small), expected, "{sector} {small}");
                        }
                    }
                    assert!(!sector.is_near(sector.parent().expect("there is a larger scale")), "{sector}");
                }
            }
        }
        let all = SectorId { x: 0, y: 0, scale: SectorId::SCALE_MAX };
        assert!(ENDS.into_iter().all(|end| all.is_near(SectorId::new(end, end))), "four sectors are all of space");
        assert!(!SectorId { x: 0, y: 0, scale: 200 }.is_near(SectorId::new(0, 0)), "there is no such sector");
    }

    #[test]
    fn each_sector_has_one_name() {
        let wide = SectorId { x: 5, y: i64::MIN, scale: 62 };
        assert_eq!(wide.canonical(), SectorId { x: 1, y: 0, scale: 62 });
        assert_eq!(SectorId { scale: 255, ..wide }.canonical(), SectorId { x: -1, y: 0, scale: 63 });
        for end in ENDS {
            assert_eq!(SectorId::new(end, 7).canonical(), SectorId::new(end, 7));
        }
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
