//! The navigation grid that follows from a map's walls.

use super::{
    buckets::Bounds,
    contact::Body,
    definition::{MapDef, SIDE_MAX, WallForm, cells_of},
    walls::Walls,
};
use crate::{entity::Shape, navigation::NavGrid};

/// The smallest cell that is chosen for a map that does not say: 0.5 m.
const SHIFT_MIN: u32 = 15;
/// Most cells a side of a grid that is chosen for a map that does not say.
const SIDE_CHOSEN_MAX: u32 = 1024;

/// Which cells somebody can walk on: those in whose middle an agent overlaps no wall, that no solid wall reaches into,
/// and from whose middle no segment is as near as the cell's edge. The last two keep a way from cell to cell from leading
/// through a wall that is thinner than the cells are wide.
pub(super) fn grid(map: &MapDef, walls: &Walls) -> NavGrid {
    let shift = map.navigation.cell_shift.unwrap_or_else(|| choose(map));
    let (columns, rows) = cells_of(map.width, map.height, shift);
    let mut grid = NavGrid::new(columns, rows, shift).expect("a validated map's grid has a size that grids can have");
    let half = 1 << shift >> 1;
    let mask = map.navigation.layers;
    let agent = Body { mask, ..Body::disc(map.navigation.agent_radius) };
    let square = Body { half_x: half, half_y: half, shape: Shape::Box, mask };
    // One unit more than half a cell, because to touch is not to overlap.
    let wire = Body { mask, ..Body::disc(half + 1) };
    for row in 0..rows {
        for column in 0..columns {
            let (x, y) = grid.centre_of((column, row));
            let reach = agent.half_x.max(half + 1).into();
            if !walls.any_near(Bounds::around(x.into(), y.into(), reach, reach)) {
                continue;
            }
            let is_segment = |form| matches!(form, WallForm::Segment { .. });
            let is_free = walls.is_free(x, y, agent)
                && !walls.overlaps_any(x, y, square, |form| !is_segment(form))
                && !walls.overlaps_any(x, y, wire, is_segment);
            grid.set_blocked(column, row, !is_free);
        }
    }
    grid
}

fn choose(map: &MapDef) -> u32 {
    let fits = |shift: &u32| {
        let (columns, rows) = cells_of(map.width, map.height, *shift);
        columns.max(rows) <= SIDE_CHOSEN_MAX
    };
    let cells = map.cells.as_ref().map(|cells| cells.cell_shift);
    let cells = cells.filter(|shift| {
        let (columns, rows) = cells_of(map.width, map.height, *shift);
        columns.max(rows) <= NavGrid::SIDE_MAX && u64::from(columns) * u64::from(rows) <= 1 << 22
    });
    debug_assert!(SIDE_MAX >> 24 < 1024, "the largest map fits into cells of 256 m");
    cells.or_else(|| (SHIFT_MIN..=24).find(fits)).unwrap_or(24)
}
