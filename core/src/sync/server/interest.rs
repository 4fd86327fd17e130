//! Which cells are in a viewer's area, with a border that is wider on the way out than on the way in.
//!
//! **Work is in proportion to crossings.** An area is looked at again when a point of view comes into another quarter of a
//! cell, and not before.

use super::{
    cells::Cells,
    config::{View, ViewPoint},
    roster::{Roster, anchor},
    viewer::Viewer,
};
use crate::{Position, World, sync::Cell};

/// Most cells that one view may reach.
const VIEW_CELLS_MAX: i64 = 4096;

/// Most views of a viewer.
pub(super) const VIEWS_MAX: usize = 4;

/// Whether a view reaches no more cells than it may.
pub(super) fn is_small_enough(view: &View, shift: u8) -> bool {
    let across = ((i64::from(view.leave) * 2) >> shift) + 3;
    across * across <= VIEW_CELLS_MAX
}

/// What has changed for a viewer.
#[derive(Debug, Default)]
pub(super) struct AreaChanges {
    pub(super) entered: Vec<u32>,
    pub(super) left: Vec<u32>,
}

/// Brings a viewer's area up to date if one of its points of view has moved. Returns whether it has.
pub(super) fn look(
    viewer: &mut Viewer,
    world: &World,
    roster: &Roster,
    cells: &mut Cells,
    radii: [i32; 2],
    changes: &mut AreaChanges,
) -> bool {
    let mut has_moved = false;
    for number in 0..viewer.views.len() {
        let ViewPoint::Entity(entity) = viewer.views[number].point else { continue };
        let Some(at) = roster.anchor_of(entity) else { continue };
        if viewer.anchors[number] != at
            && let Ok(position) = world.position(entity)
        {
            (viewer.anchors[number], viewer.places[number]) = (at, position);
            has_moved = true;
        }
    }
    if has_moved || viewer.is_unsettled {
        viewer.is_unsettled = false;
        survey(viewer, cells, radii, changes);
        return true;
    }
    false
}

/// Notes where a view begins or has been put.
pub(super) fn settle(viewer: &mut Viewer, number: usize, position: Position, shift: u8) {
    let at = (u32::MAX - 1, anchor(position.x, position.y, shift));
    let is_elsewhere = viewer.anchors[number] != at || viewer.places[number].sector != position.sector;
    viewer.is_unsettled |= is_elsewhere;
    (viewer.anchors[number], viewer.places[number]) = (at, position);
}

/// Goes over the cells around each point of view. Distances are from where a point was when it came into its quarter, so radii
/// are wider by that quarter.
fn survey(viewer: &mut Viewer, cells: &mut Cells, radii: [i32; 2], changes: &mut AreaChanges) {
    let shift = cells.shift();
    let quarter = 1i64 << (shift - 2);
    changes.entered.clear();
    changes.left.clear();
    let (views, places) = (&viewer.views, &viewer.places);
    let tier = |cell: Cell| {
        let nearest = places.iter().map(|place| distance(*place, cell, shift)).min().unwrap_or(i64::MAX);
        radii.iter().filter(|radius| nearest > i64::from(**radius)).count() as u8
    };
    // What is still near enough stays.
    viewer.area.retain_mut(|(index, tier_now)| {
        let cell = cells.entry(*index).cell;
        let stays = views
            .iter()
            .zip(places)
            .any(|(view, place)| distance(*place, cell, shift) <= i64::from(view.leave) + quarter);
        if stays {
            *tier_now = tier(cell);
        } else {
            changes.left.push(*index);
        }
        stays
    });
    let known = viewer.area.len();
    for (view, place) in views.iter().zip(places) {
        let enter = i64::from(view.enter) + quarter;
        each_cell(*place, enter, shift, |cell| {
            let index = cells.open(cell);
            if viewer.area[..known].binary_search_by_key(&index, |(index, _)| *index).is_err()
                && !viewer.area[known..].iter().any(|(other, _)| *other == index)
            {
                viewer.area.push((index, tier(cell)));
                changes.entered.push(index);
            }
        });
    }
    viewer.area.sort_unstable();
}

/// Calls with every cell whose square is no further than `radius` from a place.
fn each_cell(place: Position, radius: i64, shift: u8, mut visit: impl FnMut(Cell)) {
    let columns = Cell::columns(shift);
    let (low, high) = (place.offset(-radius, -radius), place.offset(radius, radius));
    let (first, last) = (Cell::at(low, shift), Cell::at(high, shift));
    let mut row = (first.sector.y, first.y);
    loop {
        let mut column = (first.sector.x, first.x);
        loop {
            let sector = crate::SectorId::new(column.0, row.0);
            let cell = Cell { sector, x: column.1, y: row.1 };
            if distance(place, cell, shift) <= radius {
                visit(cell);
            }
            if column == (last.sector.x, last.x) {
                break;
            }
            column = if column.1 + 1 < columns { (column.0, column.1 + 1) } else { (column.0.wrapping_add(1), 0) };
        }
        if row == (last.sector.y, last.y) {
            break;
        }
        row = if row.1 + 1 < columns { (row.0, row.1 + 1) } else { (row.0.wrapping_add(1), 0) };
    }
}

/// How far a place is from the nearest point of a cell, in units of length.
pub(super) fn distance(place: Position, cell: Cell, shift: u8) -> i64 {
    let Some((right, up)) = place.offset_to(cell.corner(shift)) else { return i64::MAX };
    let outside = |corner: i64| corner.max(-(corner + (1 << shift))).max(0);
    let (x, y) = (outside(right).min(1 << 31), outside(up).min(1 << 31));
    (x * x + y * y).isqrt()
}
