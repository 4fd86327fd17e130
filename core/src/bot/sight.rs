//! What a bot sees: the nearest few enemies.

use crate::{entity::EntityId, space::square_of_length};

/// Most enemies that a bot looks at.
pub const SEEN_MAX: usize = 8;

/// An enemy in sight.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// Who.
    pub id: EntityId,
    /// How far to the right of the bot, in units of length; below 2^31 in amount.
    pub x: i32,
    /// How far above the bot.
    pub y: i32,
}

/// The nearest enemies within a distance, from centre to centre, at most [`SEEN_MAX`], nearest first and of equally near
/// ones the smallest id first.
///
/// **What it holds depends on which entities it was shown, not on their order.**
#[derive(Clone, Copy, Debug, Default)]
pub struct Sight {
    seen: [Seen; SEEN_MAX],
    count: usize,
    radius: u64,
}

impl Sight {
    /// Sees nothing yet, and nothing beyond `radius` units of length; nothing at all if that is below 0.
    pub fn new(radius: i32) -> Self {
        let mut sight = Self::default();
        sight.clear(radius);
        sight
    }

    /// Begins anew.
    pub fn clear(&mut self, radius: i32) {
        self.count = 0;
        // One too many, so that 0 is nothing at all.
        self.radius = u64::try_from(i64::from(radius) + 1).unwrap_or(0);
    }

    /// Shows it an enemy so far to the right of and above the bot.
    pub fn handle_enemy(&mut self, id: EntityId, right: i64, up: i64) {
        if right.unsigned_abs() >= self.radius || up.unsigned_abs() >= self.radius {
            return;
        }
        let distance = square_of_length(right, up);
        if distance > (self.radius - 1) * (self.radius - 1) {
            return;
        }
        let enemy = Seen { id, x: right as i32, y: up as i32 };
        let at = self.nearest_first().partition_point(|seen| (seen.distance_squared(), seen.id) < (distance, id));
        if at == SEEN_MAX || self.nearest_first().get(at) == Some(&enemy) {
            return;
        }
        self.count = (self.count + 1).min(SEEN_MAX);
        self.seen[at..self.count].rotate_right(1);
        self.seen[at] = enemy;
    }

    /// The enemies.
    pub fn nearest_first(&self) -> &[Seen] {
        &self.seen[..self.count]
    }
}

impl Seen {
    /// The square of the distance.
    pub(super) fn distance_squared(&self) -> u64 {
        square_of_length(i64::from(self.x), i64::from(self.y))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_is_near_is_seen() {
        let mut sight = Sight::new(5);
        for (number, (right, up)) in [(3, 4), (3, 5), (-5, 0), (i64::MIN, i64::MAX), (0, 6)].into_iter().enumerate() {
            sight.handle_enemy(EntityId::from_bits(number as u64), right, up);
        }
        assert_eq!(sight.nearest_first().iter().map(|seen| seen.id.bits()).collect::<Vec<_>>(), [0, 2]);
        sight.clear(-1);
        sight.handle_enemy(EntityId::from_bits(1), 0, 0);
        assert_eq!(sight.nearest_first(), []);
        sight.clear(i32::MAX);
        sight.handle_enemy(EntityId::from_bits(1), -i64::from(i32::MAX), 0);
        assert_eq!(sight.nearest_first()[0].x, -i32::MAX);
    }

    proptest! {
        #[test]
        fn the_nearest_few_are_seen_in_order(
            shown in proptest::collection::vec((-9..9i64, -9..9i64), 0..40)
                .prop_map(|places| places.into_iter().zip(1..).collect::<Vec<_>>())
                .prop_shuffle(),
        ) {
            let mut sight = Sight::new(9);
            // Who is shown twice is seen once.
            for ((x, y), id) in shown.iter().chain(&shown) {
                sight.handle_enemy(EntityId::from_bits(*id), *x, *y);
            }
            let mut expected = shown;
            expected.retain(|((x, y), _)| x * x + y * y <= 81);
            expected.sort_unstable_by_key(|((x, y), id)| (x * x + y * y, *id));
            expected.truncate(SEEN_MAX);
            let seen = sight.nearest_first().iter().map(|seen| ((i64::from(seen.x), i64::from(seen.y)), seen.id.bits()));
            prop_assert!(seen.eq(expected));
        }
    }
}
