//! A share: who is in the group, then what each of them is.

use super::{
    DecodeError, Identity, Known, Layout, ScopeKind,
    coder::Coder,
    model::Field,
    models,
    movement::Times,
    place::{self, Memory, Place, Side},
};
use crate::{
    entity::EntityId,
    space::SectorId,
    sync::{Cell, GROUP, GroupState},
};

/// Who is in a group, by place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Members {
    /// The same entities as in the base.
    pub(super) stay: u32,
    /// Entities of the base that are no longer in their places.
    pub(super) left: u32,
    /// Those of `left` that are gone from the world.
    pub(super) destroyed: u32,
    /// Entities that the base does not have in their places.
    pub(super) came: u32,
}

impl Members {
    /// What became of `base`.
    pub(super) fn between(base: &GroupState, now: &GroupState) -> Self {
        let stay = places(base.present & now.present)
            .filter(|index| base.id[*index] == now.id[*index])
            .fold(0, |stay, index| stay | 1 << index);
        let left = base.present & !stay;
        Self { stay, left, destroyed: left & now.destroyed, came: now.present & !stay }
    }

    /// The places that have an entity.
    pub(super) const fn present(&self) -> u32 {
        self.stay | self.came
    }
}

/// Tells a share; `base` says which places the base has. What it returns is what was told.
pub(super) fn members<C: Coder>(coder: &mut C, base: u32, now: &Members) -> Members {
    let is_same = coder.flag(&models::SAME, 0, now.left == 0 && now.came == 0);
    if is_same {
        return Members { stay: base, ..Members::default() };
    }
    let mut told = Members::default();
    for index in places(base) {
        let bit = 1 << index;
        if coder.flag(&models::LEFT, 0, now.left & bit != 0) {
            told.left |= bit;
            if coder.flag(&models::DESTROYED, 0, now.destroyed & bit != 0) {
                told.destroyed |= bit;
            }
        } else {
            told.stay |= bit;
        }
    }
    told.came = came(coder, 0, !told.stay, now.came);
    told
}

/// Tells which of the places that are free have somebody new.
pub(super) fn came<C: Coder>(coder: &mut C, class: usize, free: u32, now: u32) -> u32 {
    let (mut told, mut context) = (0, 2 * class);
    for index in places(free) {
        let is_new = coder.flag(&models::CAME, context, now >> index & 1 == 1);
        context = 2 * class + usize::from(is_new);
        told |= u32::from(is_new) << index;
    }
    told
}

/// Tells what the entities of `members` are, told from `known` if they were there.
pub(super) fn entities<C: Coder, S: Side>(
    coder: &mut C,
    side: &mut S,
    members: &Members,
    update: u32,
    known: Option<&Known<'_>>,
    layout: &Layout,
) {
    let mut from = EntityId::NULL;
    for index in places(members.came) {
        let id = place::id(coder, from.is_null(), from, side.ids()[index]);
        side.set_id(index, id);
        from = id;
    }
    let mut memory = Memory::new(members.present());
    let mut like = Place::default();
    if let Some(known) = known {
        let times = Times::new(update, known.base_update, known.before.map(|(_, update)| update));
        let before = known.before.map(|(before, _)| before).filter(|_| times.has_before());
        for index in places(members.stay) {
            place::change(coder, side, index, (known.base, before, times), layout, &mut memory);
        }
        if let Some(index) = places(known.base.present).next() {
            like = Place::of(known.base, index);
        }
    }
    for index in places(members.came) {
        place::whole(coder, side, index, &mut like, layout, &mut memory);
    }
}

/// Tells what a whole state begins with.
pub(super) fn identity<C: Coder>(coder: &mut C, now: &Identity, layout: &Layout) -> Identity {
    let mut sector = [0; 2];
    for (told, now) in sector.iter_mut().zip([now.cell.sector.x, now.cell.sector.y]) {
        let folded = super::bits::fold_sign(now);
        let low = coder.number(&models::SECTOR, 0, folded as u32);
        // A sector whose upper half is not 0 is 2^31 sectors away, further than anybody walks.
        let high = coder.number(&models::SECTOR, 0, (folded >> 32) as u32);
        *told = super::bits::unfold_sign(u64::from(high) << 32 | u64::from(low));
    }
    let columns = u32::from(Cell::columns(layout.cell_shift));
    let column = coder.plain(Field::Plain, now.cell.x.into(), 8);
    let row = coder.plain(Field::Plain, now.cell.y.into(), 8);
    let kind = ScopeKind::from_bits(coder.plain(Field::Plain, now.scope.bits(), 2));
    let update = coder.plain(Field::Plain, now.update & 0xffff, 16);
    let update = coder.plain(Field::Plain, now.update >> 16, 16) << 16 | update;
    if column >= columns || row >= columns {
        coder.refuse(DecodeError::Cell);
    }
    if kind.is_none() {
        coder.refuse(DecodeError::Scope);
    }
    let sector = SectorId { x: sector[0], y: sector[1], ..SectorId::default() };
    Identity { cell: Cell { sector, x: column as u8, y: row as u8 }, scope: kind.unwrap_or_default(), update }
}

/// The places of a mask, ascending.
fn places(mask: u32) -> impl Iterator<Item = usize> {
    let mut rest = mask;
    core::iter::from_fn(move || {
        let place = rest.trailing_zeros() as usize;
        rest &= rest.wrapping_sub(1);
        (place < GROUP).then_some(place)
    })
}
