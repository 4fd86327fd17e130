//! Whom an entity has as a target, and where it is expected to look for it.

use super::movement::{Movement, Pose, Times};
use crate::{
    space::angle_of,
    sync::{GROUP, GroupState},
};

/// What is known of an entity's target and of those who go with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Aim {
    /// One of the classes below, less than [`AIMS`].
    pub(super) class: usize,
    /// The heading that is expected.
    pub(super) heading: u8,
}

/// The classes of [`Aim::class`].
pub(super) const AIMS: usize = 8;

const NOBODY: usize = 0;
/// The target is no member of the group.
const ELSEWHERE: usize = 1;
/// It faces its target, and is expected to go on facing it.
const FACING: usize = 2;
/// It is turned away from it by little, more, or far, and does not turn further away.
const OFF: [usize; 3] = [3, 4, 5];
const TURNING_AWAY: usize = 6;
/// It goes as the one before it in the group does.
const ALIKE: usize = 7;

impl Aim {
    /// Of the entity in a place of the base.
    pub(super) fn new(
        base: &GroupState,
        before: Option<&GroupState>,
        times: Times,
        index: usize,
        movement: &Movement,
    ) -> Self {
        let heading = movement.heading(times);
        if movement.is_alike {
            return Self { class: ALIKE, heading };
        }
        let target = base.target[index];
        if target.is_null() {
            return Self { class: NOBODY, heading };
        }
        let Some(member) = (0..GROUP).find(|member| base.id[*member] == target && base.present >> member & 1 == 1)
        else {
            return Self { class: ELSEWHERE, heading };
        };
        let way = (
            i32::from(base.x[member]) - i32::from(base.x[index]),
            i32::from(base.y[member]) - i32::from(base.y[index]),
        );
        let bearing = angle_of(way.0, way.1);
        let off = i32::from(bearing.wrapping_sub(u16::from(base.heading[index]) << 8).cast_signed());
        let class = match off.abs() {
            0..=1_024 => FACING,
            _ if !movement.turns_to(off) => TURNING_AWAY,
            1_025..=3_072 => OFF[0],
            3_073..=6_144 => OFF[1],
            _ => OFF[2],
        };
        if class != FACING {
            return Self { class, heading };
        }
        let goes = match Pose::before(base, before, member) {
            Some(before) => Pose::of(base, member).advance_from(before, times),
            None => (0, 0),
        };
        let own = movement.advance(times);
        let then = angle_of(way.0 + goes.0 - own.0, way.1 + goes.1 - own.1);
        let turn = then.wrapping_sub(bearing).wrapping_add(128) >> 8;
        Self { class, heading: base.heading[index].wrapping_add(turn as u8) }
    }

    /// Nobody, somebody, or together with others.
    pub(super) const fn kind(self) -> usize {
        match self.class {
            NOBODY => 0,
            ALIKE => 2,
            _ => 1,
        }
    }
}
