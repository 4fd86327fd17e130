//! Which cells are in a viewer's area, with a border that is wider on the way out than on the way in.
//!
//! **Work is in proportion to crossings.** An area is looked at again when a point of view comes into another quarter of a
//! cell, and not before; a viewer whose points stay in theirs is not even asked.

use super::{
    cells::{Cells, NO_CELL},
    config::{View, ViewPoint},
    roster::{Changes, Roster, anchor},
    viewer::Viewer,
};
use crate::{
    EntityId, Position, World,
    space::{SECTOR_SIDE, SectorId},
    sync::Cell,
};

/// Most cells that one view may reach.
const VIEW_CELLS_MAX: i64 = 4096;

/// Most views of a viewer.
pub const VIEWS_MAX: usize = 16;

/// Whether a view reaches no more cells than it may.
pub(super) fn is_small_enough(view: &View, shift: u8) -> bool {
    cells_of(view, shift) <= VIEW_CELLS_MAX
}

/// How many cells a view reaches at most.
fn cells_of(view: &View, shift: u8) -> i64 {
    let across = ((i64::from(view.leave) * 2) >> shift) + 3;
    across * across
}

/// What has changed for a viewer.
#[derive(Debug, Default)]
pub(super) struct AreaChanges {
    pub(super) entered: Vec<(u32, u8)>,
    pub(super) left: Vec<u32>,
    /// Cells that are in another tier now.
    pub(super) nearer_or_further: Vec<(u32, u8)>,
}

impl AreaChanges {
    /// Makes room for what may change in the area of a viewer with these views, and in the area.
    pub(super) fn make_room(&mut self, viewer: &mut Viewer, views: &[View], shift: u8) {
        let cells = views.iter().map(|view| cells_of(view, shift)).sum::<i64>() as usize;
        let room = |length: usize| cells.saturating_sub(length);
        viewer.area.reserve_exact(room(viewer.area.len()));
        self.entered.reserve_exact(room(self.entered.len()));
        self.left.reserve_exact(room(self.left.len()));
        self.nearer_or_further.reserve_exact(room(self.nearer_or_further.len()));
    }
}

/// Who looks from which entity, and whose area has to be looked at in the next update.
#[derive(Debug)]
pub(super) struct Eyes {
    /// Entities and numbers of viewers, ascending.
    entities: Vec<(EntityId, u16)>,
    /// Viewers whose views were set.
    unsettled: Vec<u16>,
    due: Vec<u16>,
}

impl Eyes {
    pub(super) fn new(viewers_max: u16) -> Self {
        let viewers = usize::from(viewers_max);
        // Memory that is not written to is only an address.
        Self {
            entities: Vec::with_capacity(viewers * VIEWS_MAX),
            unsettled: Vec::with_capacity(viewers),
            due: Vec::with_capacity(viewers * VIEWS_MAX),
        }
    }

    /// A viewer looks from other entities than before; null is none.
    fn change(&mut self, number: u16, old: impl Iterator<Item = EntityId>, new: impl Iterator<Item = EntityId>) {
        for entity in old {
            // It may look from the same one twice.
            if let Ok(at) = self.entities.binary_search(&(entity, number)) {
                self.entities.remove(at);
            }
        }
        for entity in new.filter(|entity| !entity.is_null()) {
            if let Err(at) = self.entities.binary_search(&(entity, number)) {
                self.entities.insert(at, (entity, number));
            }
        }
    }

    /// A viewer is gone.
    pub(super) fn close(&mut self, number: u16, lookout: &Lookout) {
        self.change(number, lookout.entities(), std::iter::empty());
        self.unsettled.retain(|other| *other != number);
    }

    /// The viewers whose area may not be what it was, ascending.
    pub(super) fn take_due(&mut self, changes: &Changes) -> Vec<u16> {
        let mut due = std::mem::take(&mut self.due);
        due.clear();
        due.append(&mut self.unsettled);
        for entity in &changes.moved {
            let start = self.entities.partition_point(|(other, _)| other < entity);
            let of_entity = self.entities[start..].iter().take_while(|(other, _)| other == entity);
            due.extend(of_entity.map(|(_, number)| *number));
        }
        due.sort_unstable();
        due.dedup();
        due
    }

    /// Gives the memory of [`Self::take_due`] back.
    pub(super) fn put_back(&mut self, due: Vec<u16>) {
        self.due = due;
    }
}

/// Where a viewer's points of view were when its area was looked at last. It is apart from the viewer, so that a look at all of
/// them goes over little memory.
#[derive(Debug)]
pub(super) struct Lookout {
    outlooks: Vec<Outlook>,
    /// Whether a view was set since.
    is_unsettled: bool,
}

/// One point of view.
#[derive(Clone, Copy, Debug)]
struct Outlook {
    /// The entity that it follows; null if it is a place.
    entity: EntityId,
    anchor: (u32, u16),
    /// How far it reaches, on the way in and on the way out.
    reach: (i32, i32),
}

impl Outlook {
    const NONE: Self = Self { entity: EntityId::NULL, anchor: (NO_CELL, 0), reach: (0, 0) };
}

impl Lookout {
    pub(super) const NOWHERE: Self = Self { outlooks: Vec::new(), is_unsettled: false };

    fn entities(&self) -> impl Iterator<Item = EntityId> {
        self.outlooks.iter().map(|outlook| outlook.entity)
    }

    /// Takes over other views of the viewer of a number, which has [`VIEWS_MAX`] at most.
    pub(super) fn set(&mut self, number: u16, viewer: &mut Viewer, views: &[View], shift: u8, eyes: &mut Eyes) {
        let was_unsettled = self.is_unsettled;
        let entities = || views.iter().map(|view| view.point.entity());
        if !self.entities().eq(entities()) {
            eyes.change(number, self.entities(), entities());
            self.is_unsettled = true;
        }
        self.outlooks.resize(views.len(), Outlook::NONE);
        viewer.places.resize(views.len(), Position::default());
        for ((view, outlook), known) in views.iter().zip(&mut self.outlooks).zip(&mut viewer.places) {
            let reach = (view.enter, view.leave);
            self.is_unsettled |= outlook.reach != reach;
            (outlook.entity, outlook.reach) = (view.point.entity(), reach);
            if let ViewPoint::Place(place) = view.point {
                // No cell has this index: a quarter of a place is one of its sector.
                let quarter = (NO_CELL - 1, anchor(place.x, place.y, shift));
                self.is_unsettled |= outlook.anchor != quarter || known.sector != place.sector;
                (outlook.anchor, *known) = (quarter, place);
            }
        }
        if self.is_unsettled && !was_unsettled {
            eyes.unsettled.push(number);
        }
    }

    /// Whether a point of view has come into another quarter of a cell, or was set.
    pub(super) fn has_moved(&self, roster: &Roster) -> bool {
        let is_elsewhere = |outlook: &Outlook| {
            !outlook.entity.is_null() && roster.anchor_of(outlook.entity).is_some_and(|at| at != outlook.anchor)
        };
        self.is_unsettled || self.outlooks.iter().any(is_elsewhere)
    }

    /// Brings a viewer's area up to date.
    pub(super) fn look(
        &mut self,
        viewer: &mut Viewer,
        world: &World,
        roster: &Roster,
        cells: &mut Cells,
        radii: [i32; 2],
        changes: &mut AreaChanges,
    ) {
        self.is_unsettled = false;
        for (outlook, place) in self.outlooks.iter_mut().zip(&mut viewer.places) {
            let Some(at) = roster.anchor_of(outlook.entity).filter(|_| !outlook.entity.is_null()) else { continue };
            if let Ok(position) = world.position(outlook.entity) {
                (outlook.anchor, *place) = (at, position);
            }
        }
        survey(viewer, &self.outlooks, cells, radii, changes);
    }
}

/// Goes over the cells around each point of view. Distances are from where a point was when it came into its quarter, so radii
/// are wider by that quarter.
fn survey(viewer: &mut Viewer, outlooks: &[Outlook], cells: &mut Cells, radii: [i32; 2], changes: &mut AreaChanges) {
    let shift = cells.shift();
    let quarter = 1i64 << (shift - 2);
    changes.entered.clear();
    changes.left.clear();
    changes.nearer_or_further.clear();
    let places = &viewer.places;
    let square = |radius: i64| radius * radius;
    let tier = |nearest: i64| radii.iter().filter(|radius| nearest > square(i64::from(**radius))).count() as u8;
    // What is still near enough stays.
    viewer.area.retain_mut(|(index, tier_now)| {
        let cell = cells.entry(*index).cell;
        let (mut stays, mut nearest) = (false, i64::MAX);
        for (Outlook { reach: (_, leave), .. }, place) in outlooks.iter().zip(places) {
            let distance = distance_squared(*place, cell, shift);
            nearest = nearest.min(distance);
            stays |= distance <= square(i64::from(*leave) + quarter);
        }
        if !stays {
            changes.left.push(*index);
        } else if *tier_now != tier(nearest) {
            *tier_now = tier(nearest);
            changes.nearer_or_further.push((*index, *tier_now));
        }
        stays
    });
    let known = viewer.area.len();
    for (Outlook { reach: (enter, _), .. }, place) in outlooks.iter().zip(places) {
        let enter = i64::from(*enter) + quarter;
        each_cell(*place, enter, shift, |cell, distance| {
            let (_, index) = cells.open(cell);
            let area = &mut viewer.area;
            match area[..known].binary_search_by_key(&index, |(index, _)| *index) {
                Ok(_) => {}
                Err(_) => match area[known..].iter_mut().find(|(other, _)| *other == index) {
                    Some((_, tier_now)) => *tier_now = (*tier_now).min(tier(distance)),
                    None => area.push((index, tier(distance))),
                },
            }
        });
    }
    if viewer.area.len() > known {
        changes.entered.extend_from_slice(&viewer.area[known..]);
        viewer.area.sort_unstable();
    }
}

/// Calls with every cell whose square is no further than `radius` from a place, and the square of how far it is.
fn each_cell(place: Position, radius: i64, shift: u8, mut visit: impl FnMut(Cell, i64)) {
    let columns = Cell::columns(shift);
    let (low, high) = (place.offset(-radius, -radius), place.offset(radius, radius));
    let (first, last) = (Cell::at(low, shift), Cell::at(high, shift));
    // How far the corner of the first sector is; rows and columns follow from it without another look at the place.
    let corner = Position { sector: first.sector, x: 0, y: 0 };
    let Some((first_right, mut up)) = place.offset_to(corner) else { return };
    let mut row = (first.sector.y, first.y);
    loop {
        let above = outside_squared(up + (i64::from(row.1) << shift), shift);
        let (mut column, mut right) = ((first.sector.x, first.x), first_right);
        loop {
            let distance = above + outside_squared(right + (i64::from(column.1) << shift), shift);
            if distance <= radius * radius {
                visit(Cell { sector: SectorId::new(column.0, row.0), x: column.1, y: row.1 }, distance);
            }
            if column == (last.sector.x, last.x) {
                break;
            }
            column.1 += 1;
            if column.1 == columns {
                column = (column.0.wrapping_add(1), 0);
                right += i64::from(SECTOR_SIDE);
            }
        }
        if row == (last.sector.y, last.y) {
            break;
        }
        row.1 += 1;
        if row.1 == columns {
            row = (row.0.wrapping_add(1), 0);
            up += i64::from(SECTOR_SIDE);
        }
    }
}

/// The square of how far a place is from the nearest point of a cell, in units of length.
fn distance_squared(place: Position, cell: Cell, shift: u8) -> i64 {
    let corner = cell.corner(shift);
    let (right, up) = if cell.sector == place.sector {
        (i64::from(corner.x) - i64::from(place.x), i64::from(corner.y) - i64::from(place.y))
    } else {
        let Some(offset) = place.offset_to(corner) else { return i64::MAX };
        offset
    };
    outside_squared(right, shift).saturating_add(outside_squared(up, shift))
}

/// The square of how far a place is outside a cell along an axis, by where the cell begins; no more than 2^62.
fn outside_squared(corner: i64, shift: u8) -> i64 {
    let outside = corner.max(-(corner + (1 << shift))).clamp(0, 1 << 31);
    outside * outside
}
