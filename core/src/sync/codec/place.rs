//! One entity of a group: what changed of it, or all of it.

use super::{
    DecodeError, Layout,
    aim::{AIMS, Aim},
    coder::Coder,
    model::Field,
    models,
    movement::{GAITS, Movement, Pose, TIMES, TURNS, Times},
};
use crate::{
    entity::EntityId,
    sync::{GROUP, GroupState},
};

/// The contexts are as many as the models have.
const _: () = {
    assert!(models::CHANGED.rows.len() == GAITS * KINDS * TURNS * 3 * TIMES);
    assert!(models::HEADING.rows.len() == GAITS * AIMS * TURNS * TIMES);
    assert!(models::AHEAD.rows.len() == GAITS * KINDS * 6 * TIMES);
    assert!(models::ASIDE.rows.len() == GAITS * 4 * 6 * SIZES);
};

/// The columns of one place, without the attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Place {
    pub(super) x: u16,
    pub(super) y: u16,
    pub(super) heading: u8,
    pub(super) health: i32,
    pub(super) state: u16,
    pub(super) target: EntityId,
    pub(super) flags: u32,
    pub(super) rest: Rest,
}

/// What hardly ever changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Rest {
    health_max: i32,
    kind: u16,
    team: u16,
    owner: u32,
    shape: u8,
    half_x: u16,
    half_y: u16,
}

/// A state that is told or heard.
pub(super) trait Side {
    /// What is to be told of a place; on the hearing side, anything.
    fn place(&self, index: usize) -> Place;
    /// Takes what was heard.
    fn set_place(&mut self, index: usize, place: &Place);
    fn attribute(&self, number: usize, index: usize) -> i32;
    fn set_attribute(&mut self, number: usize, index: usize, value: i32);
    /// The ids of the places that are known to both sides.
    fn ids(&self) -> &[EntityId; GROUP];
    fn set_id(&mut self, index: usize, id: EntityId);
}

/// The side that tells.
#[derive(Debug)]
pub(super) struct Telling<'a>(pub(super) &'a GroupState);

/// The side that hears.
#[derive(Debug)]
pub(super) struct Hearing<'a>(pub(super) &'a mut GroupState);

impl Side for Telling<'_> {
    #[inline]
    fn place(&self, index: usize) -> Place {
        Place::of(self.0, index)
    }

    fn set_place(&mut self, _: usize, _: &Place) {}

    fn attribute(&self, number: usize, index: usize) -> i32 {
        self.0.attributes[number][index]
    }

    fn set_attribute(&mut self, _: usize, _: usize, _: i32) {}

    fn ids(&self) -> &[EntityId; GROUP] {
        &self.0.id
    }

    fn set_id(&mut self, _: usize, _: EntityId) {}
}

impl Side for Hearing<'_> {
    #[inline]
    fn place(&self, _: usize) -> Place {
        Place::default()
    }

    #[inline]
    fn set_place(&mut self, index: usize, place: &Place) {
        let state = &mut *self.0;
        (state.x[index], state.y[index], state.heading[index]) = (place.x, place.y, place.heading);
        (state.health[index], state.state[index]) = (place.health, place.state);
        (state.target[index], state.flags[index]) = (place.target, place.flags);
        let rest = &place.rest;
        (state.health_max[index], state.kind[index], state.team[index]) = (rest.health_max, rest.kind, rest.team);
        (state.owner[index], state.shape[index]) = (rest.owner, rest.shape);
        (state.half_x[index], state.half_y[index]) = (rest.half_x, rest.half_y);
    }

    fn attribute(&self, _: usize, _: usize) -> i32 {
        0
    }

    fn set_attribute(&mut self, number: usize, index: usize, value: i32) {
        self.0.attributes[number][index] = value;
    }

    fn ids(&self) -> &[EntityId; GROUP] {
        &self.0.id
    }

    fn set_id(&mut self, index: usize, id: EntityId) {
        self.0.id[index] = id;
    }
}

impl Place {
    #[inline]
    pub(super) fn of(state: &GroupState, index: usize) -> Self {
        Self {
            x: state.x[index],
            y: state.y[index],
            heading: state.heading[index],
            health: state.health[index],
            state: state.state[index],
            target: state.target[index],
            flags: state.flags[index],
            rest: Rest {
                health_max: state.health_max[index],
                kind: state.kind[index],
                team: state.team[index],
                owner: state.owner[index],
                shape: state.shape[index],
                half_x: state.half_x[index],
                half_y: state.half_y[index],
            },
        }
    }
}

/// What the places of a share that came first say about the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    /// The movement of the place before.
    movement: Movement,
    /// What had changed of it, 0 to 2.
    changed: usize,
    /// The last change of anyone's health.
    health: Option<u32>,
    /// The last target that was told.
    target: EntityId,
    /// The places of the group whose ids both sides have.
    present: u32,
}

impl Memory {
    pub(super) fn new(present: u32) -> Self {
        Self { present, ..Self::default() }
    }
}

/// Tells what changed of an entity that stays.
pub(super) fn change<C: Coder, S: Side>(
    coder: &mut C,
    side: &mut S,
    index: usize,
    known: (&GroupState, Option<&GroupState>, Times),
    layout: &Layout,
    memory: &mut Memory,
) {
    let (base_state, before, times) = known;
    let base = Place::of(base_state, index);
    let now = side.place(index);
    let mut told = base;
    let pose = Pose { x: base.x, y: base.y, heading: base.heading };
    let movement = Movement::new(pose, Pose::before(base_state, before, index), times, &memory.movement);
    memory.movement = movement;
    let aim = Aim::new(base_state, before, times, index, &movement);
    let heading = aim.heading;
    let residual_from = |place: (i32, i32)| (i32::from(now.x) - place.0, i32::from(now.y) - place.1);

    let attributes = usize::from(layout.attributes);
    let is_rest_changed = now.rest != base.rest
        || (0..attributes).any(|number| side.attribute(number, index) != base_state.attributes[number][index]);
    let others = usize::from(now.state != base.state)
        | usize::from(now.target != base.target) << 1
        | usize::from(now.flags != base.flags) << 2
        | usize::from(is_rest_changed) << 3;
    let changed = usize::from(residual_from(movement.position(now.heading, times, layout.side())) != (0, 0))
        | usize::from(now.heading != heading) << 1
        | usize::from(now.health != base.health) << 2
        | usize::from(others != 0) << 3;
    let gait = movement.gait * KINDS + aim.kind();
    let context = (gait * TURNS + movement.turn_class) * 3 + memory.changed;
    let changed = coder.symbol(&models::CHANGED, context * TIMES + times.class, changed);
    memory.changed = (changed & 3).min(2);

    told.heading = heading;
    let mut turn = 0;
    if changed & 2 != 0 {
        let context = ((movement.gait * AIMS + aim.class) * TURNS + movement.turn_class) * TIMES + times.class;
        turn = i32::from(now.heading.wrapping_sub(heading).cast_signed());
        turn = movement.sign_turn() * coder.residual(&models::HEADING, context, movement.sign_turn() * turn);
        told.heading = heading.wrapping_add(turn as u8);
    }
    let expected = movement.position(told.heading, times, layout.side());
    (told.x, told.y) = (expected.0 as u16, expected.1 as u16);
    if changed & 1 != 0 {
        let axes = movement.axes(expected);
        let (ahead, aside) = axes.ahead(residual_from(expected));
        let turned = amount_class(turn) * 2 + usize::from(axes.is_diagonal());
        let ahead = coder.residual(&models::AHEAD, (gait * 6 + turned) * TIMES + times.class, ahead);
        let steady = usize::from(movement.is_alike) * 2 + usize::from(times.class == 0);
        let context = (movement.gait * 4 + steady) * 6 + turned;
        let aside = coder.residual(&models::ASIDE, context * SIZES + size_class(ahead), aside);
        let (x, y) = axes.along_axes((ahead, aside));
        (told.x, told.y) = position(coder, expected.0 + x, expected.1 + y, layout);
    }
    if changed & 4 != 0 {
        told.health = health(coder, base.health, now.health, memory);
    }
    if changed & 8 != 0 {
        let others = coder.symbol(&models::OTHER, changed >> 2 & 1, others);
        if others & 1 != 0 {
            told.state = state(coder, base.state, now.state);
        }
        if others & 2 != 0 {
            let context = usize::from(base.target.is_null());
            told.target = target(coder, side, context, side.ids()[index], now.target, memory);
        }
        if others & 4 != 0 {
            told.flags = flags(coder, base.flags, now.flags);
        }
        if others & 8 != 0 {
            told.rest = rest(coder, &base.rest, &now.rest);
            let mut context = 0;
            for number in 0..attributes {
                let (old, now) = (base_state.attributes[number][index], side.attribute(number, index));
                let value = attribute(coder, context, 0, old, now);
                context = usize::from(value != old);
                side.set_attribute(number, index, value);
            }
        }
    }
    side.set_place(index, &told);
}

/// Tells all of an entity, told from another, `like`, where it is the same.
pub(super) fn whole<C: Coder, S: Side>(
    coder: &mut C,
    side: &mut S,
    index: usize,
    like: &mut Place,
    layout: &Layout,
    memory: &mut Memory,
) {
    let now = side.place(index);
    let mut told = *like;
    let bits = layout.position_bits();
    let x = coder.plain(Field::Plain, u32::from(now.x), bits) as i32;
    let y = coder.plain(Field::Plain, u32::from(now.y), bits) as i32;
    (told.x, told.y) = position(coder, x, y, layout);
    told.heading = coder.plain(Field::Plain, u32::from(now.heading), 8) as u8;

    let more = usize::from(now.rest != like.rest)
        | usize::from(now.health != now.rest.health_max) << 1
        | usize::from(now.state != like.state) << 2
        | usize::from(now.flags != like.flags) << 3;
    let more = coder.symbol(&models::WHOLE_MORE, 0, more);
    if more & 1 != 0 {
        told.rest = rest(coder, &like.rest, &now.rest);
    }
    told.health = told.rest.health_max;
    if more & 2 != 0 {
        told.health = health(coder, told.rest.health_max, now.health, memory);
    }
    if more & 4 != 0 {
        told.state = state(coder, like.state, now.state);
    }
    if more & 8 != 0 {
        told.flags = flags(coder, like.flags, now.flags);
    }
    told.target = target(coder, side, 2, side.ids()[index], now.target, memory);
    for number in 0..usize::from(layout.attributes) {
        let value = attribute(coder, 2, 1, 0, side.attribute(number, index));
        side.set_attribute(number, index, value);
    }
    side.set_place(index, &told);
    *like = told;
}

/// An id, from that of another entity. A null id is refused.
pub(super) fn id<C: Coder>(coder: &mut C, is_first: bool, from: EntityId, id: EntityId) -> EntityId {
    let slot = coder.difference(&models::SLOT, usize::from(is_first), from.bits() as u32, id.bits() as u32);
    let generation = coder.number(&models::GENERATION, 0, (id.bits() >> 32) as u32);
    if slot == 0 {
        coder.refuse(DecodeError::Id);
    }
    EntityId::from_bits(u64::from(generation) << 32 | u64::from(slot))
}

fn position<C: Coder>(coder: &mut C, x: i32, y: i32, layout: &Layout) -> (u16, u16) {
    let side = layout.side();
    if !(0..side).contains(&x) || !(0..side).contains(&y) {
        coder.refuse(DecodeError::Position);
    }
    (x.clamp(0, side - 1) as u16, y.clamp(0, side - 1) as u16)
}

const fn amount_class(residual: i32) -> usize {
    match residual {
        0 => 0,
        -6..=6 => 1,
        _ => 2,
    }
}

/// The classes of [`Aim::kind`].
const KINDS: usize = 3;
/// The classes of [`size_class`].
const SIZES: usize = 11;

const fn size_class(residual: i32) -> usize {
    let size = match residual.unsigned_abs() {
        0 => 0,
        1 => 1,
        2..=3 => 2,
        4..=8 => 3,
        9..=20 => 4,
        _ => 5,
    };
    if residual < 0 { size + 5 } else { size }
}

fn health<C: Coder>(coder: &mut C, old: i32, now: i32, memory: &mut Memory) -> i32 {
    let difference = now.wrapping_sub(old).cast_unsigned();
    let is_again = memory.health == Some(difference);
    // The first symbol is "as much as the one before"; the others are those of a number.
    let folded = difference << 1 ^ (difference.cast_signed() >> 31).cast_unsigned();
    let length = u32::BITS - folded.leading_zeros();
    let symbol = if is_again { 0 } else { length as usize + 1 };
    let symbol = coder.symbol(&models::HEALTH, usize::from(memory.health.is_some()), symbol) as u32;
    let told = match symbol {
        0 => memory.health.unwrap_or(0),
        1 | 2 => (symbol - 1).wrapping_neg(),
        length => {
            let folded = coder.below_highest(Field::Health, folded, length - 1);
            folded >> 1 ^ (folded & 1).wrapping_neg()
        }
    };
    memory.health = Some(told);
    old.wrapping_add(told.cast_signed())
}

fn state<C: Coder>(coder: &mut C, old: u16, now: u16) -> u16 {
    let symbol = coder.symbol(&models::STATE, usize::from(old.min(15)), usize::from(now.min(15)));
    if symbol < 15 { symbol as u16 } else { coder.plain(Field::State, now.into(), 16) as u16 }
}

/// Whom an entity `own` has as a target: nobody, one of the group, the one told last, or anybody.
fn target<C: Coder, S: Side>(
    coder: &mut C,
    side: &S,
    context: usize,
    own: EntityId,
    now: EntityId,
    memory: &mut Memory,
) -> EntityId {
    const NOBODY: usize = 0;
    const AGAIN: usize = 1;
    const MEMBER: usize = 2;
    const ANYBODY: usize = 3;
    let member = (0..GROUP).find(|member| memory.present >> member & 1 == 1 && side.ids()[*member] == now);
    let how = match member {
        _ if now.is_null() => NOBODY,
        _ if now == memory.target => AGAIN,
        Some(_) => MEMBER,
        None => ANYBODY,
    };
    let told = match coder.symbol(&models::TARGET, context, how) {
        NOBODY => return EntityId::NULL,
        AGAIN => memory.target,
        MEMBER => {
            let member = coder.plain(Field::Target, member.unwrap_or(0) as u32, 5) as usize;
            if memory.present >> member & 1 == 0 {
                coder.refuse(DecodeError::Target);
                return EntityId::NULL;
            }
            side.ids()[member]
        }
        _ => {
            let slot = coder.difference(&models::TARGET_SLOT, 0, own.bits() as u32, now.bits() as u32);
            let generation = coder.number(&models::TARGET_GENERATION, 0, (now.bits() >> 32) as u32);
            EntityId::from_bits(u64::from(generation) << 32 | u64::from(slot))
        }
    };
    memory.target = told;
    told
}

/// Which bits are other than they were: one, two, or any.
fn flags<C: Coder>(coder: &mut C, old: u32, now: u32) -> u32 {
    let toggled = old ^ now;
    let count = (toggled.count_ones().clamp(1, 3) - 1) as usize;
    let first = toggled.trailing_zeros() & 31;
    let rest = toggled & toggled.wrapping_sub(1);
    old ^ match coder.symbol(&models::FLAGS, 0, count) {
        0 => 1 << coder.plain(Field::Flags, first, 5),
        1 => {
            let first = 1 << coder.plain(Field::Flags, first, 5);
            first | 1 << coder.plain(Field::Flags, rest.trailing_zeros() & 31, 5)
        }
        _ => {
            let low = coder.plain(Field::Flags, toggled & 0xffff, 16);
            coder.plain(Field::Flags, toggled >> 16, 16) << 16 | low
        }
    }
}

fn rest<C: Coder>(coder: &mut C, old: &Rest, now: &Rest) -> Rest {
    let mut told = *old;
    let mut value = |context: usize, old: u32, now: u32| {
        if coder.flag(&models::RARE, context, old != now) {
            coder.difference(&models::RARE_VALUE, context, old, now)
        } else {
            old
        }
    };
    told.kind = value(0, old.kind.into(), now.kind.into()) as u16;
    told.team = value(1, old.team.into(), now.team.into()) as u16;
    told.owner = value(2, old.owner, now.owner);
    told.health_max = value(3, old.health_max.cast_unsigned(), now.health_max.cast_unsigned()).cast_signed();
    told.half_x = value(4, old.half_x.into(), now.half_x.into()) as u16;
    // The shape is one bit, and goes with the other extent.
    let height = value(5, extent(old), extent(now));
    (told.half_y, told.shape) = ((height >> 1) as u16, (height & 1) as u8);
    told
}

const fn extent(rest: &Rest) -> u32 {
    (rest.half_y as u32) << 1 | rest.shape as u32 & 1
}

fn attribute<C: Coder>(coder: &mut C, flag: usize, context: usize, old: i32, now: i32) -> i32 {
    if coder.flag(&models::ATTRIBUTE_CHANGED, flag, now != old) {
        coder.difference(&models::ATTRIBUTE, context, old.cast_unsigned(), now.cast_unsigned()).cast_signed()
    } else {
        old
    }
}
