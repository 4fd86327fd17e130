//! Where bots go by themselves: to zones, after someone, on patrol, about.

use super::{
    ARRIVED, Bot, Choice, along, is_near,
    memory::{Memory, WAYPOINTS_MAX},
};
use crate::{
    command::{Action, Order},
    entity::EntityId,
    random::below,
    space::METRE,
};

/// The purposes of random draws.
const WANDER_TURN: u32 = 0xb0_0002;
const WANDER_DISTANCE: u32 = 0xb0_0003;
const WANDER_ANEW: u32 = 0xb0_0004;

/// In one of so many decisions a bot that wanders goes somewhere else before it has arrived, so that one that cannot
/// arrive does not try for ever.
const WANDER_PATIENCE: u32 = 16;

impl Bot<'_> {
    /// Goes to the nearest resource zone that its team does not hold, and stays in it until the team does.
    pub(super) fn capture(&self) -> Choice {
        let team = self.situation.team;
        let resources = self.situation.ground.resources.iter().filter(|resource| team != 0 && resource.holder != team);
        let placed = resources.filter_map(|resource| Some((self.offset_of((resource.x, resource.y))?, resource)));
        let distance = |offset: (i64, i64)| {
            let square = |part: i64| u128::from(part.unsigned_abs()) * u128::from(part.unsigned_abs());
            square(offset.0) + square(offset.1)
        };
        // The first of equally near ones, as the map has them.
        let Some((offset, resource)) = placed.min_by_key(|(offset, _)| distance(*offset)) else {
            return Choice::Pass;
        };
        if is_near(offset, i64::from(resource.radius)) {
            return self.halt();
        }
        self.go_to(offset, i64::from(resource.radius / 2))
    }

    /// Goes to the entity in the target column when that is further away than a distance.
    pub(super) fn follow(&self, distance: i32) -> Choice {
        let leader = self.situation.target_offset;
        let is_other = self.situation.target != EntityId::NULL && self.situation.target != self.situation.id;
        let Some(offset) = leader.filter(|_| is_other) else {
            return Choice::Pass;
        };
        if is_near(offset, i64::from(distance)) {
            return self.halt();
        }
        self.go_to(offset, i64::from(distance / 2))
    }

    /// Goes to the places of a route, one after another, for ever. A place that it was sent to counts as reached when it
    /// has come to a stop, too, so that one that cannot be reached is left out.
    pub(super) fn patrol(&self, route: u16, memory: &mut Memory, was_sent: bool) -> Choice {
        let places = self.situation.ground.routes.get(usize::from(route)).map_or(&[][..], Vec::as_slice);
        let count = places.len().min(WAYPOINTS_MAX);
        if count == 0 {
            return Choice::Pass;
        }
        let at = usize::from(memory.waypoint) % count;
        let Some(offset) = self.offset_of(places[at]) else {
            return Choice::Pass;
        };
        memory.is_sent = true;
        let has_stopped = was_sent && self.situation.order == Order::None;
        let (at, offset) = if is_near(offset, ARRIVED) || has_stopped {
            let next = (at + 1) % count;
            (next, self.offset_of(places[next]).unwrap_or(offset))
        } else {
            (at, offset)
        };
        memory.waypoint = at as u16;
        if is_near(offset, ARRIVED) && count == 1 {
            return self.halt();
        }
        self.go_to(offset, i64::from(METRE))
    }

    /// Goes to places at random, each as likely as another, within a distance of the post.
    pub(super) fn wander(&self, radius: i32, memory: Memory) -> Choice {
        if self.is_going() && below(self.draw(WANDER_ANEW), WANDER_PATIENCE) != 0 {
            return Choice::Keep;
        }
        let heading = below(self.draw(WANDER_TURN), 1 << 16) as u16;
        // The root, because a ring that is twice as far out is twice as long.
        let part = i64::from((self.draw(WANDER_DISTANCE) >> 32).isqrt() as u32);
        let (right, up) = along(heading, (i64::from(radius.max(0)) * part) >> 16);
        let post = memory.post_from(self.situation.position);
        Choice::Act(Action::MoveTo(self.situation.position.offset(post.0 + right, post.1 + up)))
    }

    /// Stays where it is.
    fn halt(&self) -> Choice {
        if self.situation.order == Order::None { Choice::Keep } else { Choice::Act(Action::Stop) }
    }
}
