//! Steering around others who move.

/// One who walks, as [`avoid`] needs it. Lengths are in units of length, speeds in units a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Walker {
    /// Where it would go if it were alone.
    pub desired: (i32, i32),
    /// How far it reaches from its middle.
    pub radius: i32,
}

/// One who is near.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// From the middle of the walker to its own.
    pub offset: (i32, i32),
    /// How it moves, or would if nobody were in its way: crowds that press against each other then still know where
    /// everybody wants to go.
    pub velocity: (i32, i32),
    /// How far it reaches from its middle.
    pub radius: i32,
}

/// Lengths and speeds are worked on in 2^-8 m, where products of two have 64 bits many times over.
const SCALE: i64 = 256;

/// The whole of a share.
const WHOLE: i64 = 1024;

/// How far ahead in time others matter, in 2^-10 s.
const HORIZON: i64 = 1536;

/// The velocity to walk with among others: the desired one turned and slowed so that the walker passes them. It is never
/// faster than the desired one, and one who wants to stand stands.
///
/// Each neighbour ahead whose course comes too near adds a push to the side where it is not, the sooner and the nearer
/// the stronger. **Of two who meet head on both go to their right**, which makes lanes of crowds that meet in a doorway;
/// sides are never chosen twice. Close behind somebody one follows their turns, so that lanes grow backwards into the
/// crowd, and slows down to their speed, so that nobody presses those in front against each other until they are stuck.
///
/// The result is a sum over the neighbours and does not depend on their order. The eight nearest are enough.
pub fn avoid(walker: &Walker, neighbours: &[Neighbour]) -> (i32, i32) {
    let scaled = |(x, y): (i32, i32)| (i64::from(x) / SCALE, i64::from(y) / SCALE);
    let (x, y) = scaled(walker.desired);
    let speed = ((x * x + y * y) as u64).isqrt() as i64;
    if speed == 0 {
        return walker.desired;
    }
    let course = Course { x, y, speed, inverse: (1 << 32) / speed };
    let (mut evading, mut following, mut slower) = (0, 0, 0);
    for neighbour in neighbours {
        let (ahead, left) = course.resolve(scaled(neighbour.offset));
        if ahead <= 0 {
            continue;
        }
        let (along, leftwards) = course.resolve(scaled(neighbour.velocity));
        let reach = ((i64::from(walker.radius) + i64::from(neighbour.radius)) / SCALE).max(1);
        let other = Other { ahead, left, along, leftwards, reach };
        evading += course.evade(&other);
        let close = course.closeness(&other);
        if close > 0 {
            // In the lane of the one in front, unless it is half beside the walker.
            let in_the_way = 4 * left.abs() < 3 * reach;
            following -= close * leftwards.clamp(-speed, speed);
            slower += if in_the_way { close * (speed - along).clamp(0, speed) / 2 } else { 0 };
        }
    }
    let (rightwards, slower) = (evading + following / speed, slower / speed);
    // Half the speed is kept, so that a crowd in which everybody waits for somebody else still moves.
    course.turned(walker.desired, rightwards.clamp(-2 * WHOLE, 2 * WHOLE), slower.clamp(0, WHOLE / 2))
}

/// The direction that a walker wants to go.
struct Course {
    x: i64,
    y: i64,
    speed: i64,
    /// Of the speed, in 2^-32.
    inverse: i64,
}

/// A neighbour as a walker sees it.
struct Other {
    /// Above 0.
    ahead: i64,
    left: i64,
    /// Its speed in the walker's direction.
    along: i64,
    leftwards: i64,
    /// The distance of the middles at which they touch.
    reach: i64,
}

impl Course {
    /// How far a vector leads ahead and to the left.
    fn resolve(&self, (x, y): (i64, i64)) -> (i64, i64) {
        let part = |product: i64| (product * self.inverse) >> 32;
        (part(self.x * x + self.y * y), part(self.x * y - self.y * x))
    }

    /// How far to turn to the right of somebody on a course that comes too near, as a share of the speed.
    fn evade(&self, other: &Other) -> i64 {
        let closing = self.speed - other.along;
        if closing <= 0 {
            return 0;
        }
        let distance = (other.ahead - other.reach / 2).max(0) * 1024;
        if distance >= closing * HORIZON {
            return 0;
        }
        let time = distance / closing;
        // Where it is beside the walker's course when they are level.
        let beside = other.left + other.leftwards * time / 1024;
        let wanted = other.reach + other.reach / 4;
        let missing = wanted - beside.abs();
        if missing <= 0 {
            return 0;
        }
        let strength = missing * (HORIZON - time) / wanted * WHOLE / HORIZON;
        // One who comes towards the walker, or stands, is passed on the right unless it is there clearly, or goes there.
        let meets = other.along < self.speed / 8 && other.leftwards > -self.speed / 2;
        let bias = if meets { other.reach / 2 } else { 0 };
        if beside >= -bias { strength } else { -strength }
    }

    /// How close behind somebody who leads the way it is, as a share: the whole where they touch.
    fn closeness(&self, other: &Other) -> i64 {
        let near = (2 * other.reach - other.ahead).min(other.reach);
        // Those who come towards the walker are no leaders; those who stand may be, as they may be stuck.
        if near <= 0 || other.left.abs() >= other.reach || other.along <= -self.speed / 8 {
            return 0;
        }
        near * WHOLE / other.reach
    }

    /// The desired velocity with shares of it to the right and taken off, no longer than before.
    fn turned(&self, desired: (i32, i32), rightwards: i64, slower: i64) -> (i32, i32) {
        let ahead = WHOLE - slower;
        // Rounded up, so that the result is not longer than the desired velocity.
        let length = ((ahead * ahead + rightwards * rightwards).max(1) as u64 - 1).isqrt() as i64 + 1;
        let length = length.max(WHOLE);
        let (x, y) = (i64::from(desired.0), i64::from(desired.1));
        (((x * ahead + y * rightwards) / length) as i32, ((y * ahead - x * rightwards) / length) as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRE: i32 = 1 << 16;

    fn walker(x: i32, y: i32) -> Walker {
        Walker { desired: (x * METRE, y * METRE), radius: METRE / 2 }
    }

    fn neighbour(offset: (i32, i32), velocity: (i32, i32)) -> Neighbour {
        let metres = |(x, y): (i32, i32)| (x * METRE, y * METRE);
        Neighbour { offset: metres(offset), velocity: metres(velocity), radius: METRE / 2 }
    }

    #[test]
    fn those_who_do_not_come_near_change_nothing() {
        for harmless in [
            neighbour((-2, 0), (9, 0)),
            neighbour((0, 3), (0, -1)),
            neighbour((5, 0), (3, 0)),
            neighbour((4, 3), (-3, 0)),
            neighbour((90, 0), (-3, 0)),
        ] {
            assert_eq!(avoid(&walker(3, 0), &[harmless]), walker(3, 0).desired, "{harmless:?}");
        }
        assert_eq!(avoid(&walker(0, 0), &[neighbour((1, 0), (-3, 0))]), (0, 0));
    }

    #[test]
    fn two_who_meet_head_on_both_turn_right() {
        for (x, y) in [(3, 0), (0, 3), (-3, 0), (0, -3)] {
            let (turned_x, turned_y) = avoid(&walker(x, y), &[neighbour((x, y), (-x, -y))]);
            // Right of (x, y) is (y, -x).
            assert!(turned_x * y.signum() - turned_y * x.signum() > METRE / 2, "({turned_x}, {turned_y})");
            assert!(turned_x * x.signum() + turned_y * y.signum() > METRE, "({turned_x}, {turned_y})");
        }
    }

    #[test]
    fn one_who_crosses_is_passed_behind() {
        // From the right to the left: when the walker is there, it is on the left.
        assert!(avoid(&walker(3, 0), &[neighbour((3, -2), (0, 3))]).1 < 0);
        assert!(avoid(&walker(3, 0), &[neighbour((3, 2), (0, -3))]).1 > 0);
    }

    #[test]
    fn numbers_at_their_ends_do_not_overflow() {
        let ends = [i32::MIN, -1, 0, 1, i32::MAX];
        for a in ends {
            for b in ends {
                for c in ends {
                    let crowd = [Neighbour { offset: (a, b), velocity: (b, c), radius: c }; 3];
                    let desired = (c, a);
                    let (x, y) = avoid(&Walker { desired, radius: b }, &crowd);
                    let square = |x: i32, y: i32| i128::from(x).pow(2) + i128::from(y).pow(2);
                    assert!(square(x, y) <= square(desired.0, desired.1), "{desired:?} became ({x}, {y})");
                }
            }
        }
    }
}
