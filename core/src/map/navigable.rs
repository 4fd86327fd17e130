//! The navigation grid that follows from a map's walls.

use super::{
    buckets::Bounds,
    contact::Body,
    definition::{MapDef, WallForm, cells_of},
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
    // The largest map fits into cells of 16 m, so there is always one.
    cells.or_else(|| (SHIFT_MIN..=24).find(fits)).unwrap_or(24)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        map::{CellsDef, Map, WallDef, definition::SIDE_MAX},
        space::METRE,
    };

    fn blocked(map: &Map) -> Vec<String> {
        let grid = map.grid();
        let row = |y| (0..grid.width()).map(|x| if grid.is_blocked(x, y) { '#' } else { '.' }).collect();
        (0..grid.height()).rev().map(row).collect()
    }

    #[test]
    fn thin_walls_are_not_walked_through() {
        let metre = |metres: f64| (metres * f64::from(METRE)) as i32;
        // Between two columns of cells, in the middle of one, and as a thin box on the line.
        let line = |x: f64| WallForm::Segment { from: (metre(x), 0), to: (metre(x), 4 * METRE) };
        let cases = [
            (line(2.0), [".##.", ".##.", ".##.", ".##."]),
            (line(1.5), [".#..", ".#..", ".#..", ".#.."]),
            (WallForm::Box { min: (metre(1.95), 0), max: (metre(2.05), METRE) }, ["....", "....", "....", ".##."]),
            (WallForm::Box { min: (METRE, METRE), max: (3 * METRE, 2 * METRE) }, ["....", "....", ".##.", "...."]),
        ];
        for (form, expected) in cases {
            let mut map = MapDef::empty(4 * METRE, 4 * METRE);
            map.walls = vec![WallDef { form, layers: u16::MAX }];
            map.navigation.cell_shift = Some(16);
            map.navigation.agent_radius = METRE / 4;
            assert_eq!(blocked(&Map::new(map).expect("a valid map")), expected, "{form:?}");
        }
    }

    #[test]
    fn cells_are_those_of_the_walls_unless_the_map_says_otherwise() {
        let solid = vec![false, true, false, false];
        let cells = CellsDef { at: (0, 0), cell_shift: 17, columns: 2, rows: 2, solid, layers: u16::MAX };
        let mut map = MapDef::empty(4 * METRE, 4 * METRE);
        let plain = Map::new(map.clone()).expect("a valid map");
        assert_eq!((plain.grid().cell_shift(), plain.grid().width()), (15, 8));
        map.cells = Some(cells);
        assert_eq!(blocked(&Map::new(map.clone()).expect("a valid map")), ["..", ".#"]);
        map.navigation = crate::map::NavigationDef { cell_shift: Some(16), agent_radius: METRE, layers: 1 };
        let wide = ["....", ".###", ".###", ".###"];
        assert_eq!(blocked(&Map::new(map.clone()).expect("a valid map")), wide);
        map.navigation.layers = 0;
        assert_eq!(blocked(&Map::new(map).expect("a valid map")), ["...."; 4]);
    }

    #[test]
    fn the_largest_map_has_a_grid() {
        let map = Map::new(MapDef::empty(SIDE_MAX, SIDE_MAX)).expect("a valid map");
        assert_eq!((map.grid().width(), map.grid().cell_shift()), (1000, 20));
    }
}
