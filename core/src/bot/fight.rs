//! What bots do about enemies: run, attack, guard.

use super::{ARRIVED, Bot, Choice, Seen, along, is_near, memory::Memory};
use crate::{
    command::{Action, Order},
    config::Step,
    random::below,
    space::{angle_of, length},
};

/// The purposes of random draws.
const FLEE_ASIDE: u32 = 0xb0_0001;

impl Bot<'_> {
    /// Runs from the nearest enemy, as far as it sees, while it is hurt. A bot that has come to a stop, by a wall or
    /// because it is there, turns aside by up to an eighth of a turn, so that no corner holds it for long.
    pub(super) fn flee(&self, below_percent: u8) -> Choice {
        let (health, whole) = (i64::from(self.situation.health), i64::from(self.situation.health_max));
        let is_hurt = health * 100 < whole * i64::from(below_percent);
        let Some(enemy) = self.situation.sight.nearest_first().first().filter(|_| is_hurt) else {
            return Choice::Pass;
        };
        let is_away = |goal: (i64, i64)| {
            let along = |goal: i64, enemy: i32| i128::from(goal) * i128::from(enemy);
            along(goal.0, enemy.x) + along(goal.1, enemy.y) < 0 && !is_near(goal, ARRIVED)
        };
        if self.is_going() && self.situation.goal.is_some_and(is_away) {
            return Choice::Keep;
        }
        let word = self.draw(FLEE_ASIDE);
        let aside = match self.situation.order {
            _ if (enemy.x, enemy.y) == (0, 0) => below(word, 1 << 16) as u16,
            Order::None => (below(word, 1 << 14) as u16).wrapping_sub(1 << 13),
            _ => 0,
        };
        let heading = angle_of(enemy.x, enemy.y).wrapping_add(1 << 15).wrapping_add(aside);
        let away = i64::from(self.behaviour.sight.max(0)).max(ARRIVED);
        let (right, up) = along(heading, away);
        Choice::Act(Action::MoveTo(self.situation.position.offset(right, up)))
    }

    /// Attacks the nearest enemy.
    pub(super) fn chase(&self) -> Choice {
        self.attack(|_| true)
    }

    /// Attacks enemies within a distance of the post, and goes back to the post from beyond it.
    pub(super) fn guard(&self, radius: i32, memory: Memory) -> Choice {
        let (right, up) = memory.post_from(self.situation.position);
        if !is_near((right, up), i64::from(radius).max(0)) {
            return self.go_to((right, up), ARRIVED);
        }
        let of_post = |enemy: &Seen| (i64::from(enemy.x) - right, i64::from(enemy.y) - up);
        match self.attack(|enemy| is_near(of_post(enemy), i64::from(radius))) {
            // What it attacks has left: it does not go after it.
            Choice::Pass if self.situation.order == Order::Attack => self.go_to((right, up), ARRIVED),
            choice => choice,
        }
    }

    /// What a bot does that no step has anything for: it lets go of an enemy that it cannot see.
    pub(super) fn give_up(&self) -> Choice {
        let fights = |step: &Step| matches!(step, Step::Chase | Step::Guard { .. });
        if self.situation.order == Order::Attack && self.behaviour.steps.iter().any(fights) {
            return Choice::Act(Action::Stop);
        }
        Choice::Pass
    }

    /// Attacks the nearest of some of the enemies in sight, if it has a weapon. It stays with the one that it attacks
    /// until another is nearer by a fifth, so that it does not waver between two.
    fn attack(&self, counts: impl Fn(&Seen) -> bool) -> Choice {
        let Some(range) = self.situation.weapon_range else {
            return Choice::Pass;
        };
        let mut enemies = self.situation.sight.nearest_first().iter().filter(|enemy| counts(enemy));
        let Some(nearest) = enemies.next() else {
            return Choice::Pass;
        };
        if self.follows() {
            return self.skirmish(nearest, range);
        }
        let attacked = |enemy: &&Seen| self.situation.order == Order::Attack && enemy.id == self.situation.target;
        let not_much_further =
            |enemy: &&Seen| u128::from(enemy.distance_squared()) * 16 <= u128::from(nearest.distance_squared()) * 25;
        if attacked(&nearest) || enemies.find(attacked).is_some_and(|enemy| not_much_further(&enemy)) {
            return Choice::Keep;
        }
        Choice::Act(Action::Attack(nearest.id))
    }

    /// Whether the target column is whom it follows. An order to attack would overwrite that.
    fn follows(&self) -> bool {
        self.behaviour.steps.iter().any(|step| matches!(step, Step::Follow { .. }))
    }

    /// Goes within range of an enemy and fires shot by shot, without an order to attack.
    fn skirmish(&self, enemy: &Seen, range: i32) -> Choice {
        let offset = (i64::from(enemy.x), i64::from(enemy.y));
        if length(offset.0, offset.1) > i64::from(range) {
            return self.go_to(offset, (i64::from(range) / 4).max(ARRIVED));
        }
        if self.situation.weapon_is_ready {
            return Choice::Act(Action::Fire { heading: angle_of(enemy.x, enemy.y) });
        }
        Choice::Keep
    }
}
