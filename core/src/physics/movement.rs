//! How an entity's velocity and place change in a tick.

use crate::{
    space::{METRE, length, root, square_of_length},
    tick::view::Constants,
};

/// Most that contacts move an entity in a tick in each direction, so that it crosses one border of sectors at most.
pub(crate) const PUSH_MAX: i32 = 500 * METRE;

/// The largest change of speed that a drive looks at.
const PART_MAX: i64 = i32::MAX as i64;

/// The velocity after a tick of driving towards another one with a limited acceleration, in units of length a second per
/// second.
pub(crate) fn drive(
    velocity: (i32, i32),
    wanted: (i32, i32),
    acceleration_max: i32,
    constants: &Constants,
) -> (i32, i32) {
    // A push of contacts and a speed wanted by the host may be as far apart as 2^32, whose square has no room.
    let part = |wanted: i32, velocity: i32| (i64::from(wanted) - i64::from(velocity)).clamp(-PART_MAX, PART_MAX);
    let (x, y) = (part(wanted.0, velocity.0), part(wanted.1, velocity.1));
    let change_max = i64::from(constants.way(acceleration_max).max(1));
    if x.abs() + y.abs() <= change_max || square_of_length(x, y) <= (change_max * change_max) as u64 {
        return wanted;
    }
    let length = length(x, y).max(1);
    (velocity.0 + (x * change_max / length) as i32, velocity.1 + (y * change_max / length) as i32)
}

/// The velocity cut to a speed.
pub(crate) fn limit(velocity: (i32, i32), speed_max: i32) -> (i32, i32) {
    let (x, y, max) = (i64::from(velocity.0), i64::from(velocity.1), i64::from(speed_max));
    if square_of_length(x, y) <= (max * max) as u64 {
        return velocity;
    }
    let length = length(x, y).max(1);
    ((x * max / length) as i32, (y * max / length) as i32)
}

/// The velocity that leads to a place `(x, y)` away and stops there: full speed, and near the end no more than braking
/// takes off.
pub(crate) fn approach(x: i64, y: i64, speed_max: i32, acceleration_max: i32, constants: &Constants) -> (i32, i32) {
    let distance = far_length(x, y);
    if distance == 0 {
        return (0, 0);
    }
    let mut speed = i64::from(speed_max);
    // v^2 = 2 a d; a root is taken only where braking has begun.
    let braking = (2 * i64::from(acceleration_max)).saturating_mul(distance);
    if braking < speed * speed {
        speed = root(braking.cast_unsigned()) as i64;
    }
    // Near the end at most the way that is left in a tick, so that it does not overshoot.
    speed = speed.min(distance.saturating_mul(i64::from(constants.config.tick_rate_hz)));
    if distance < 1 << 31 {
        return ((x * speed / distance) as i32, (y * speed / distance) as i32);
    }
    let along = |part: i64| (i128::from(part) * i128::from(speed) / i128::from(distance)) as i32;
    (along(x), along(y))
}

/// The length of a vector of any size, rounded down where it is below 2^31 and to 2^-30 of it beyond.
pub(crate) fn far_length(x: i64, y: i64) -> i64 {
    let largest = x.unsigned_abs().max(y.unsigned_abs());
    let shift = (64 - largest.leading_zeros()).saturating_sub(31);
    length(x >> shift, y >> shift).saturating_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::WorldConfig;

    #[test]
    fn driving_reaches_what_is_wanted_and_no_sooner() {
        let constants = Constants::new(WorldConfig::default(), None);
        let mut velocity = (0, 0);
        let mut ticks = 0;
        while velocity != (3 * METRE, -4 * METRE) {
            velocity = drive(velocity, (3 * METRE, -4 * METRE), 5 * METRE, &constants);
            ticks += 1;
        }
        assert!((60..=62).contains(&ticks), "{ticks}");
    }

    #[test]
    fn approaching_ends_at_the_place() {
        let constants = Constants::new(WorldConfig::default(), None);
        let (mut x, mut velocity) = (0i64, (0, 0));
        let goal = 50 * i64::from(METRE);
        for _ in 0..2000 {
            let wanted = approach(goal - x, 0, 10 * METRE, 8 * METRE, &constants);
            velocity = drive(velocity, wanted, 8 * METRE, &constants);
            x += i64::from(constants.way(velocity.0));
            assert!(x <= goal + i64::from(METRE) / 4, "{x}");
        }
        assert!((goal - x).abs() < i64::from(METRE) / 100, "{x}");
    }

    #[test]
    fn driving_holds_at_the_ends() {
        let constants = Constants::new(WorldConfig::default(), None);
        for speed in [i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX] {
            for wanted in [i32::MIN, 0, i32::MAX] {
                for acceleration in [1, METRE, i32::MAX] {
                    let (x, y) = drive((speed, speed), (wanted, wanted), acceleration, &constants);
                    let between = speed.min(wanted)..=speed.max(wanted);
                    assert!(between.contains(&x) && between.contains(&y), "{speed} {wanted} {acceleration}: {x} {y}");
                }
            }
        }
    }

    #[test]
    fn lengths_hold_at_the_ends() {
        assert_eq!(far_length(3, -4), 5);
        assert_eq!(far_length(i64::MIN, 0), i64::MAX);
        assert!(far_length(i64::MAX, i64::MAX) == i64::MAX);
        assert_eq!(limit((i32::MIN, 0), 7), (-7, 0));
    }
}
