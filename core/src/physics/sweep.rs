//! When something that moves along a straight way first touches an entity.

use super::index::Entry;
use crate::{entity::EntityId, tick::view::View};

/// A way as a whole: times are parts of it in 2^-32.
pub(crate) const WHOLE: u64 = 1 << 32;

/// What a shot or a ray stops at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Aim {
    /// The collision layers that it hits.
    pub(crate) hits: u16,
    /// An entity that it passes through, mostly the one it comes from.
    pub(crate) spares: EntityId,
    /// A side that it passes through; 0 is none.
    pub(crate) team: u16,
}

impl Aim {
    pub(crate) fn is_at(&self, entry: &Entry) -> bool {
        (entry.layers & self.hits != 0)
            & (self.spares.slot() != Some(entry.slot))
            & ((self.team == 0) | (entry.team != self.team))
    }
}

/// When a disc that goes `way` from a place first touches an entity whose centre is `to` from there; 0 if it touches it
/// at once. Boxes are taken as larger by the disc's radius on each side, corners included. Way and place are below 2^31
/// in amount.
pub(crate) fn touch(to: (i64, i64), way: (i64, i64), radius: i64, entry: &Entry) -> Option<u64> {
    if entry.is_box() {
        let (width, height) = (i64::from(entry.half_width()) + radius, i64::from(entry.half_height()) + radius);
        return touch_box(to, way, width, height);
    }
    let reach = i64::from(entry.half_width()) + radius;
    let apart = to.0 * to.0 + to.1 * to.1 - reach * reach;
    if apart < 0 {
        return Some(0);
    }
    let ahead = to.0 * way.0 + to.1 * way.1;
    if ahead <= 0 {
        return None;
    }
    let length = way.0 * way.0 + way.1 * way.1;
    // It passes at most as far from the centre as it will be at the end of the way, or at the foot of the perpendicular.
    let root = i128::from(ahead) * i128::from(ahead) - i128::from(length) * i128::from(apart);
    if root < 0 {
        return None;
    }
    let before = i128::from(ahead) - (root as u128).isqrt() as i128;
    let time = ((before << 32) / i128::from(length)) as u64;
    (time <= WHOLE).then_some(time)
}

fn touch_box(to: (i64, i64), way: (i64, i64), width: i64, height: i64) -> Option<u64> {
    let (mut enter, mut leave) = (0i128, i128::from(WHOLE));
    for (to, way, half) in [(to.0, way.0, width), (to.1, way.1, height)] {
        if way == 0 {
            if to.abs() >= half {
                return None;
            }
            continue;
        }
        let at = |edge: i64| (i128::from(edge) << 32) / i128::from(way);
        let (near, far) = if way > 0 { (at(to - half), at(to + half)) } else { (at(to + half), at(to - half)) };
        enter = enter.max(near);
        leave = leave.min(far);
    }
    (enter < leave).then_some(enter as u64)
}

/// What is hit first on a way from a place of a region, everything being judged where it was `ago` ticks before: when, and
/// what. Of two at the same time, the lower slot.
///
/// The way must end within the reach of the region's neighbours, 500 m from the region.
pub(crate) fn first_on_way(
    view: &View,
    region: u32,
    from: (i32, i32),
    way: (i32, i32),
    radius: i32,
    aim: &Aim,
    ago: u8,
) -> Option<(u64, Entry)> {
    /// Ways are looked at in pieces, so that a long one across the grid does not look at the whole box around it.
    const PIECE_SHIFT: u32 = 20;
    let pieces = i64::from((way.0.unsigned_abs().max(way.1.unsigned_abs()) >> PIECE_SHIFT) + 1);
    let at = |piece: i64| {
        (i64::from(from.0) + i64::from(way.0) * piece / pieces, i64::from(from.1) + i64::from(way.1) * piece / pieces)
    };
    let mut first: Option<(u64, Entry)> = None;
    for piece in 0..pieces {
        let (begin, end) = (at(piece), at(piece + 1));
        let radius = i64::from(radius);
        let low = ((begin.0.min(end.0) - radius) as i32, (begin.1.min(end.1) - radius) as i32);
        let high = ((begin.0.max(end.0) + radius) as i32, (begin.1.max(end.1) + radius) as i32);
        view.for_each_near_ago(region, low, high, ago, |entry, x, y| {
            if !aim.is_at(entry) {
                return;
            }
            let to = (
                i64::from(entry.x) + i64::from(x) - i64::from(from.0),
                i64::from(entry.y) + i64::from(y) - i64::from(from.1),
            );
            let Some(time) = touch(to, (i64::from(way.0), i64::from(way.1)), radius, entry) else { return };
            if first.is_none_or(|(earliest, other)| (time, entry.slot) < (earliest, other.slot)) {
                first = Some((time, *entry));
            }
        });
        // What is further on cannot be hit before what was hit in this piece.
        let passed = (WHOLE as i64 / pieces * (piece + 1)) as u64;
        if first.is_some_and(|(time, _)| time <= passed) {
            break;
        }
    }
    first
}

/// A part of a way.
pub(crate) fn along(way: (i32, i32), time: u64) -> (i32, i32) {
    let part = |way: i32| ((i128::from(way) * i128::from(time.min(WHOLE))) >> 32) as i32;
    (part(way.0), part(way.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::METRE;

    const M: i64 = METRE as i64;

    #[test]
    fn discs_are_touched_where_they_are() {
        let disc = Entry { half_x: 256, half_y: 256, ..Entry::default() };
        // A point, 10 m of way, a disc of 1 m in 5 m: touched after 4 m.
        let time = touch((5 * M, 0), (10 * M, 0), 0, &disc).expect("it is in the way");
        assert!((time as i64 - WHOLE as i64 * 4 / 10).abs() < 8, "{time}");
        assert_eq!(touch((5 * M, M + 1), (10 * M, 0), 0, &disc), None);
        assert!(touch((5 * M, M + 1), (10 * M, 0), M / 10, &disc).is_some());
        assert_eq!(touch((-5 * M, 0), (10 * M, 0), 0, &disc), None);
        assert_eq!(touch((15 * M, 0), (10 * M, 0), 0, &disc), None);
        assert_eq!(touch((M / 2, 0), (10 * M, 0), 0, &disc), Some(0));
    }

    #[test]
    fn boxes_are_touched_where_they_are() {
        let square = Entry { half_x: 256, half_y: 512, traits: Entry::BOX, ..Entry::default() };
        let time = touch((5 * M, M), (10 * M, 0), 0, &square).expect("it is in the way");
        assert_eq!(time, WHOLE * 4 / 10);
        assert_eq!(touch((5 * M, 3 * M), (10 * M, 0), 0, &square), None);
        assert_eq!(touch((0, 0), (0, 0), 0, &square), Some(0));
        assert_eq!(touch((5 * M, 0), (0, 0), 0, &square), None);
        assert_eq!(touch((0, -5 * M), (0, -2 * M), 0, &square), None);
    }
}
