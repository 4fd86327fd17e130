//! The static geometry of a map, and what asks about it: push-out, rays, lines of sight.

use super::{
    buckets::{self, Bounds, Buckets},
    cells::{Cells, Exits},
    contact::{Body, Contact, Standing, least},
    definition::{MapDef, RADIUS_MAX, WallDef, WallForm},
    ray::{Hit, Normal, Ray},
    sweep::Sweep,
    walk::Walk,
};
use crate::entity::Shape;

/// Most contacts that a push-out resolves, one after the other.
const ROUNDS_MAX: usize = 12;
/// Most straight parts of a movement along walls: one to the first, and three that let it round a corner.
const GLIDES_MAX: usize = 4;
/// Least extent of what glides along walls, in units of length: many times what a place is rounded by.
const GLIDING_MIN: i32 = 64;
/// Longest part of a ray that is cast at once, in units of length in x and in y.
const RAY_MAX: i64 = 1 << 30;

/// Segments, boxes and solid cells that do not move.
///
/// All coordinates are map-local units of length. **Outside of the map there are no walls**, and every `i32` is a
/// coordinate. Answers are exact or rounded to the safe side, and the same on every machine; they depend on the order of
/// walls only where two walls tie to the last bit. Nothing here allocates.
#[derive(Clone, Debug)]
pub struct Walls {
    width: i32,
    height: i32,
    walls: Vec<WallDef>,
    buckets: Buckets,
    cells: Option<Cells>,
}

/// How something was freed from walls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PushOut {
    /// How far it is moved to the right, in units of length.
    pub dx: i32,
    /// How far it is moved upwards.
    pub dy: i32,
    /// Out of the walls: the direction of the movement as a whole; null if it comes back to where it was.
    pub normal: Normal,
    /// The directions out of the walls that it was pushed out of, the deepest first; null ones are unused. Take the part
    /// of a velocity that goes against each of them.
    pub contacts: [Normal; 4],
    /// Whether it overlaps no wall now. It may not be where walls leave too little room.
    pub is_free: bool,
}

/// Where a movement ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Travel {
    /// How far it came to the right, in units of length.
    pub dx: i32,
    /// How far it came upwards.
    pub dy: i32,
    /// The directions out of the walls that it met; null ones are unused.
    pub contacts: [Normal; 4],
}

impl Walls {
    /// The error is the number of a wall with too many others near it.
    pub(super) fn new(map: &MapDef) -> Result<Self, u32> {
        let bounds = |index: usize| bounds_of(map.walls[index].form);
        let columns = |index: usize, low: i64, high: i64| columns_of(map.walls[index].form, low, high);
        Ok(Self {
            width: map.width,
            height: map.height,
            walls: map.walls.clone(),
            buckets: Buckets::new((map.width, map.height), map.walls.len(), bounds, columns)?,
            cells: map.cells.as_ref().map(Cells::new),
        })
    }

    /// The least push that frees a body from all walls that it collides with; `None` if it overlaps none. To touch is
    /// not to overlap.
    ///
    /// The deepest overlap is resolved first, then the deepest of what is left, a bounded number of times: in a corner
    /// there are several, and along a wall of many parts the flat one counts and not the joints.
    pub fn push_out(&self, x: i32, y: i32, body: Body) -> Option<PushOut> {
        let (mut standing, mask) = (body.at(x.into(), y.into()), body.mask);
        if !self.may_overlap(&standing) {
            return None;
        }
        let mut deepest = self.deepest(&standing, mask)?;
        let mut out = PushOut::default();
        for _ in 0..ROUNDS_MAX {
            standing.x += deepest.push.0;
            standing.y += deepest.push.1;
            note(&mut out.contacts, deepest.normal);
            match self.deepest(&standing, mask) {
                Some(next) if next.push != (0, 0) => deepest = next,
                Some(_) => break,
                None => {
                    out.is_free = true;
                    break;
                }
            }
        }
        let (dx, dy) = (standing.x - i64::from(x), standing.y - i64::from(y));
        // A push is at most a few times the body's size and the depth that is looked into, near a map: far below 2^31.
        (out.dx, out.dy, out.normal) = (dx as i32, dy as i32, Normal::along(dx, dy));
        Some(out)
    }

    /// Whether a body overlaps no wall that it collides with. To touch is not to overlap.
    pub fn is_free(&self, x: i32, y: i32, body: Body) -> bool {
        !self.overlaps_any(x, y, body, |_| true)
    }

    /// The first wall on one of the layers of `mask` that a point (radius 0) or a disc meets on its way by a vector. The
    /// radius is 0 to 256 m; what is beyond counts as that.
    ///
    /// A point meets a wall when it touches it; a wall that it leaves from its edge does not count, one in which it
    /// begins does. A disc meets a wall when it would overlap it; at its beginning only if it goes further in. A null
    /// vector meets nothing.
    pub fn raycast(&self, x: i32, y: i32, dx: i32, dy: i32, radius: i32, mask: u16) -> Option<Hit> {
        let ray = Ray { x: x.into(), y: y.into(), dx: dx.into(), dy: dy.into(), is_open: false };
        self.cast(ray, radius.clamp(0, RADIUS_MAX).into(), mask)
    }

    /// Whether no wall on one of the layers of `mask` is between two points. It is the same in both directions. Walls
    /// are seen past if an end touches them, but not if it is within.
    pub fn line_of_sight(&self, from: (i32, i32), to: (i32, i32), mask: u16) -> bool {
        let (x, y) = (i64::from(from.0), i64::from(from.1));
        let ray = Ray { x, y, dx: i64::from(to.0) - x, dy: i64::from(to.1) - y, is_open: true };
        self.cast(ray, 0, mask).is_none()
    }

    /// Moves a body by a vector as far as walls let it, along those that it meets, and pushes it out of those that it then
    /// overlaps.
    ///
    /// **What begins free ends free, and its centre passes through no wall, at any speed.** A point does not glide: the wall
    /// that it meets ends its movement.
    pub fn travel(&self, x: i32, y: i32, dx: i32, dy: i32, body: Body) -> Travel {
        if !self.may_meet(x, y, dx, dy, body) {
            return Travel { dx: x.saturating_add(dx) - x, dy: y.saturating_add(dy) - y, ..Travel::default() };
        }
        // In a wedge the push may lead through a wall, or nowhere; something thin may stand between the parts of a way; and a
        // point may by rounding come to the other side of the wall that stopped it. Then it stays where it was.
        let mut contacts = [Normal::default(); 4];
        let tries = if body.is_short((dx, dy)) { &[1][..] } else { &[GLIDES_MAX, 1] };
        let ends = tries.iter().find_map(|parts| {
            contacts = [Normal::default(); 4];
            self.arrive((x, y), (dx, dy), body, *parts, &mut contacts)
        });
        let (end_x, end_y) = ends.unwrap_or((x, y));
        Travel { dx: end_x - x, dy: end_y - y, contacts }
    }

    /// Where a movement of so many straight parts ends, free of walls; `None` if that is not to be reached.
    fn arrive(
        &self,
        from: (i32, i32),
        way: (i32, i32),
        body: Body,
        parts: usize,
        contacts: &mut [Normal; 4],
    ) -> Option<(i32, i32)> {
        let end = self.glide(from, way, body, parts, contacts);
        let out = self.push_out(end.0, end.1, body);
        if contacts[0] == Normal::default() && out.is_none() {
            return Some(end);
        }
        let out = out.unwrap_or_else(|| PushOut { is_free: true, ..PushOut::default() });
        out.contacts.into_iter().for_each(|normal| note(contacts, normal));
        let end = (end.0.saturating_add(out.dx), end.1.saturating_add(out.dy));
        let came = (end.0.checked_sub(from.0)?, end.1.checked_sub(from.1)?);
        let is_freer = out.is_free || !self.is_free(from.0, from.1, body);
        (is_freer && self.raycast(from.0, from.1, came.0, came.1, 0, body.mask).is_none()).then_some(end)
    }

    /// Where a movement leads along the walls that it meets, in so many straight parts.
    fn glide(
        &self,
        mut at: (i32, i32),
        mut left: (i32, i32),
        body: Body,
        parts: usize,
        contacts: &mut [Normal; 4],
    ) -> (i32, i32) {
        let extent = body.extent();
        for _ in 0..parts {
            let hit =
                if body.is_short(left) { None } else { self.raycast(at.0, at.1, left.0, left.1, extent, body.mask) };
            let Some(hit) = hit else {
                at = (at.0.saturating_add(left.0), at.1.saturating_add(left.1));
                break;
            };
            let way = hit.along(left.0, left.1);
            at = (at.0.saturating_add(way.0), at.1.saturating_add(way.1));
            note(contacts, hit.normal);
            left = hit.normal.glance(left.0 - way.0, left.1 - way.1);
            // Back into a wall that it met before: it is in a corner.
            let is_held = contacts.iter().any(|normal| normal.dot(left.0, left.1) < 0);
            if is_held || extent < GLIDING_MIN || left == (0, 0) {
                break;
            }
        }
        at
    }

    /// A quick no for a body that moves by up to 32 m, which is what most bodies of most ticks get.
    fn may_meet(&self, x: i32, y: i32, dx: i32, dy: i32, body: Body) -> bool {
        const NEAR: u32 = 1 << 21;
        if dx.unsigned_abs().max(dy.unsigned_abs()) > NEAR {
            return true;
        }
        let Bounds { x0, y0, x1, y1 } = body.at(x.into(), y.into()).bounds();
        let (dx, dy) = (i64::from(dx), i64::from(dy));
        self.any_near(Bounds { x0: x0 + dx.min(0), y0: y0 + dy.min(0), x1: x1 + dx.max(0), y1: y1 + dy.max(0) })
    }

    /// A quick no.
    fn may_overlap(&self, standing: &Standing) -> bool {
        self.any_near(standing.bounds())
    }

    /// Whether there may be a wall within bounds.
    pub(super) fn any_near(&self, bounds: Bounds) -> bool {
        self.buckets.any(bounds) || self.cells.as_ref().is_some_and(|cells| cells.any(bounds))
    }

    /// Whether a body overlaps a wall of some form that it collides with. Cells are boxes.
    pub(super) fn overlaps_any(&self, x: i32, y: i32, body: Body, counts: impl Fn(WallForm) -> bool) -> bool {
        let (standing, mask) = (body.at(x.into(), y.into()), body.mask);
        let bounds = standing.bounds();
        if !self.any_near(bounds) {
            return false;
        }
        let a_box = WallForm::Box { min: (0, 0), max: (1, 1) };
        let cells = self.cells.as_ref().filter(|cells| cells.layers & mask != 0 && counts(a_box));
        cells.is_some_and(|cells| overlaps_cells(cells, &standing).is_some())
            || self.buckets.find(bounds, |index| {
                let wall = &self.walls[index as usize];
                wall.layers & mask != 0 && counts(wall.form) && standing.overlaps(wall.form).is_some()
            })
    }

    /// The deepest overlap; of those as deep, the one with a cell, then the one with the first wall.
    fn deepest(&self, standing: &Standing, mask: u16) -> Option<Contact> {
        let bounds = standing.bounds();
        let mut deepest = None;
        if let Some(cells) = self.cells.as_ref().filter(|cells| cells.layers & mask != 0) {
            deepest = overlaps_cells(cells, standing);
        }
        let mut number = u32::MAX;
        self.buckets.visit(bounds, |index| {
            let wall = &self.walls[index as usize];
            if wall.layers & mask == 0 {
                return;
            }
            let Some(contact) = standing.overlaps(wall.form) else { return };
            // Lists are in the order of places, not of walls: of two as deep the first wall counts, whatever the list.
            let depth = deepest.map_or(0, |deepest| deepest.depth);
            if contact.depth > depth || (contact.depth == depth && number != u32::MAX && index < number) {
                (deepest, number) = (Some(contact), index);
            }
        });
        deepest
    }

    fn cast(&self, ray: Ray, radius: i64, mask: u16) -> Option<Hit> {
        if ray.dx.abs() > RAY_MAX || ray.dy.abs() > RAY_MAX {
            return self.cast_halves(ray, radius, mask);
        }
        let reach = RAY_MAX + radius;
        let is_near = |at: i64, side: i32| (-reach..=i64::from(side) + reach).contains(&at);
        // From further away it cannot come to the map.
        if (ray.dx, ray.dy) == (0, 0) || !is_near(ray.x, self.width) || !is_near(ray.y, self.height) {
            return None;
        }
        let cells = self.cells.as_ref().filter(|cells| cells.layers & mask != 0);
        if radius > 0 {
            let sweep = Sweep { ray, radius };
            let hit = cells.and_then(|cells| sweep_cells(cells, &sweep));
            return self.sweep_walls(&sweep, mask, hit);
        }
        let hit = cells.and_then(|cells| cells.meets(&ray));
        self.cast_at_walls(&ray, mask, hit)
    }

    /// A ray that is too long for the arithmetic: first its first half, then the rest.
    fn cast_halves(&self, ray: Ray, radius: i64, mask: u16) -> Option<Hit> {
        let (dx, dy) = (ray.dx / 2, ray.dy / 2);
        if let Some(hit) = self.cast(Ray { dx, dy, is_open: false, ..ray }, radius, mask) {
            return Some(Hit { time: hit.time / 2, ..hit });
        }
        let rest = Ray { x: ray.x + dx, y: ray.y + dy, dx: ray.dx - dx, dy: ray.dy - dy, ..ray };
        self.cast(rest, radius, mask).map(|hit| Hit { time: Hit::WHOLE / 2 + hit.time / 2, ..hit })
    }

    /// The first of the walls that are not cells, unless something before them is met.
    fn cast_at_walls(&self, ray: &Ray, mask: u16, mut hit: Option<Hit>) -> Option<Hit> {
        let (columns, rows) = (self.buckets.columns(), self.buckets.rows());
        let mut walk =
            Walk::new((ray.x - buckets::ORIGIN, ray.y - buckets::ORIGIN), (ray.dx, ray.dy), self.buckets.shift());
        walk.approach(columns, rows);
        let mut number = 0;
        while !walk.is_beyond(columns, rows) {
            for index in self.buckets.list(walk.column, walk.row) {
                let wall = &self.walls[*index as usize];
                if wall.layers & mask == 0 {
                    continue;
                }
                let Some(found) = ray.meets(wall.form) else { continue };
                let is_first = hit.is_none_or(|hit| (found.time, *index + 1) < (hit.time, number));
                if is_first {
                    (hit, number) = (Some(found), *index + 1);
                }
            }
            let leaves = walk.leaves();
            if leaves > walk.limit {
                break;
            }
            if let Some(hit) = hit {
                let time = ((i128::from(leaves) << 32) / i128::from(walk.limit)) as u64;
                if hit.time < time {
                    break;
                }
            }
            walk.step();
        }
        hit
    }

    fn sweep_walls(&self, sweep: &Sweep, mask: u16, mut hit: Option<Hit>) -> Option<Hit> {
        let mut number = 0;
        let origin = (buckets::ORIGIN, buckets::ORIGIN);
        let grid = (origin, self.buckets.shift(), (self.buckets.columns(), self.buckets.rows()));
        sweep.bands(grid, |bounds, enters| {
            if hit.is_some_and(|hit| hit.time < enters) {
                return false;
            }
            self.buckets.visit(bounds, |index| {
                let wall = &self.walls[index as usize];
                if wall.layers & mask == 0 {
                    return;
                }
                let Some(found) = sweep.meets(wall.form) else { return };
                if hit.is_none_or(|hit| (found.time, index + 1) < (hit.time, number)) {
                    (hit, number) = (Some(found), index + 1);
                }
            });
            true
        });
        hit
    }
}

impl Body {
    /// A disc that collides with everything.
    pub const fn disc(radius: i32) -> Self {
        Self { half_x: radius, half_y: radius, shape: Shape::Circle, mask: u16::MAX }
    }

    /// How near its centre comes to a wall.
    fn extent(&self) -> i32 {
        if self.shape == Shape::Box { self.half_x.min(self.half_y) } else { self.half_x }
    }

    /// What moves by less than its extent cannot have left the side of a wall that it was on.
    fn is_short(&self, way: (i32, i32)) -> bool {
        i64::from(way.0).abs().max(i64::from(way.1).abs()) * 2 < i64::from(self.extent())
    }

    fn at(&self, x: i64, y: i64) -> Standing {
        let half = |half: i32| i64::from(half.clamp(0, RADIUS_MAX));
        Standing { x, y, half_x: half(self.half_x), half_y: half(self.half_y), is_box: self.shape == Shape::Box }
    }
}

impl Standing {
    fn bounds(&self) -> Bounds {
        Bounds::around(self.x, self.y, self.half_x, if self.is_box { self.half_y } else { self.half_x })
    }
}

/// Adds a direction to those that are known.
fn note(contacts: &mut [Normal; 4], normal: Normal) {
    if normal == Normal::default() || contacts.contains(&normal) {
        return;
    }
    if let Some(free) = contacts.iter_mut().find(|known| **known == Normal::default()) {
        *free = normal;
    }
}

/// Out of cells in which the centre is.
fn out_of_ground(standing: &Standing, exits: &Exits) -> Contact {
    // Nowhere near: it stays, and is not free.
    const NO_WAY: i64 = i64::MAX;
    let half_y = if standing.is_box { standing.half_y } else { standing.half_x };
    let way = |way: Option<i64>, half: i64| way.map_or(NO_WAY, |way| way + half);
    let ways = [
        (-1, 0, way(exits.left, standing.half_x)),
        (1, 0, way(exits.right, standing.half_x)),
        (0, -1, way(exits.down, half_y)),
        (0, 1, way(exits.up, half_y)),
    ];
    if ways.iter().all(|way| way.2 == NO_WAY) {
        return Contact { depth: NO_WAY, push: (0, 0), normal: Normal::default() };
    }
    least(ways)
}

/// The deepest overlap with cells.
fn overlaps_cells(cells: &Cells, standing: &Standing) -> Option<Contact> {
    let out = cells.exits(standing.x, standing.y).map(|exits| out_of_ground(standing, &exits));
    // A point on the edge of a cell is in none.
    if out.is_some_and(|out| out.depth > 0) {
        return out;
    }
    let mut deepest = None;
    cells.visit(standing.bounds(), |column, row| {
        let (min, max) = cells.corners(column, row);
        deepest = Contact::deeper(deepest, standing.overlaps_box(min, max));
        true
    });
    deepest
}

fn sweep_cells(cells: &Cells, sweep: &Sweep) -> Option<Hit> {
    let mut hit: Option<Hit> = None;
    sweep.bands(cells.blocks(), |bounds, enters| {
        if hit.is_some_and(|hit| hit.time < enters) {
            return false;
        }
        cells.visit(bounds, |column, row| {
            let (min, max) = cells.corners(column, row);
            let found = sweep.meets_box(min, max);
            if let Some(found) = found {
                let is_first = hit.is_none_or(|hit| found.time < hit.time);
                if is_first {
                    hit = Some(found);
                }
            }
            true
        });
        true
    });
    hit
}

fn bounds_of(form: WallForm) -> Bounds {
    let (a, b) = match form {
        WallForm::Segment { from, to } => (from, to),
        WallForm::Box { min, max } => (min, max),
    };
    Bounds { x0: a.0.min(b.0).into(), y0: a.1.min(b.1).into(), x1: a.0.max(b.0).into(), y1: a.1.max(b.1).into() }
}

/// From where to where a wall reaches in a band of heights within its bounds.
fn columns_of(form: WallForm, low: i64, high: i64) -> (i64, i64) {
    let all = bounds_of(form);
    match form {
        WallForm::Segment { from, to } if from.1 != to.1 => {
            let (rise, run) = (i64::from(to.1) - i64::from(from.1), i64::from(to.0) - i64::from(from.0));
            let at = |y: i64| i64::from(from.0) + (y - i64::from(from.1)) * run / rise;
            let (a, b) = (at(low), at(high));
            ((a.min(b) - 1).max(all.x0), (a.max(b) + 1).min(all.x1))
        }
        _ => (all.x0, all.x1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        map::{CellsDef, Map},
        space::METRE,
    };

    const ALL: u16 = u16::MAX;

    /// Eight by eight cells of 1 m; rows as documents have them.
    fn of_rows(rows: [&str; 8]) -> Map {
        let mut map = MapDef::empty(8 * METRE, 8 * METRE);
        let solid = rows.iter().rev().flat_map(|row| row.bytes().map(|cell| cell == b'#')).collect();
        map.cells = Some(CellsDef { at: (0, 0), cell_shift: 16, columns: 8, rows: 8, solid, layers: ALL });
        Map::new(map).expect("a valid map")
    }

    fn of_forms(forms: &[(WallForm, u16)]) -> Map {
        let mut map = MapDef::empty(8 * METRE, 8 * METRE);
        map.walls = forms.iter().map(|(form, layers)| WallDef { form: *form, layers: *layers }).collect();
        Map::new(map).expect("a valid map")
    }

    fn segment(from: (i32, i32), to: (i32, i32)) -> WallForm {
        WallForm::Segment { from: (from.0 * METRE, from.1 * METRE), to: (to.0 * METRE, to.1 * METRE) }
    }

    fn cast(map: &Map, from: (i32, i32), to: (i32, i32)) -> Option<(u64, (i32, i32))> {
        let (x, y) = (from.0 * METRE, from.1 * METRE);
        let hit = map.walls().raycast(x, y, to.0 * METRE - x, to.1 * METRE - y, 0, ALL);
        hit.map(|hit| (hit.time, (hit.normal.x >> 15, hit.normal.y >> 15)))
    }

    #[test]
    fn a_ray_touches_what_it_passes_and_leaves_what_it_stands_at() {
        let map =
            of_rows(["........", "........", "........", "..#.....", ".#......", "........", "........", "........"]);
        let half = Some(Hit::WHOLE / 2);
        let cases = [
            // Between two cells that meet at a corner; past the corner of one; along a side.
            ((1, 5), (3, 3), half, Some((1, 0))),
            ((0, 4), (2, 2), half, Some((1, 0))),
            ((0, 4), (2, 4), half, Some((-1, 0))),
            ((0, 3), (2, 3), half, Some((-1, 0))),
            // From a side: away, along it, in.
            ((1, 3), (0, 3), None, None),
            ((1, 3), (1, 8), Some(0), Some((0, -1))),
            ((1, 3), (5, 7), Some(0), Some((-1, 0))),
            // To a side.
            ((0, 3), (1, 3), Some(Hit::WHOLE), Some((-1, 0))),
            // Nowhere.
            ((1, 3), (1, 3), None, None),
        ];
        for (from, to, time, normal) in cases {
            let found = cast(&map, from, to);
            assert_eq!(found.map(|found| found.0), time, "{from:?} to {to:?}");
            // The corner's normal is that of either side.
            if let (Some((_, found)), Some(expected)) = (found, normal) {
                let against = found.0 * (to.0 - from.0) + found.1 * (to.1 - from.1) < 0;
                assert!(against, "{found:?} is not against {from:?} to {to:?} as {expected:?}");
            }
        }
        assert!(map.walls().line_of_sight((0, 3 * METRE), (METRE, 3 * METRE), ALL), "an end may touch");
        assert!(!map.walls().line_of_sight((0, 0), (METRE + 1, 3 * METRE + 1), ALL), "an end may not be within");
    }

    #[test]
    fn a_ray_past_the_first_corner_of_a_map_touches_what_is_there() {
        let square = WallForm::Box { min: (0, 0), max: (METRE, METRE) };
        let mut rows = ["........"; 8];
        rows[7] = "#.......";
        let maps = [of_rows(rows), of_forms(&[(square, ALL)]), of_forms(&[(segment((0, 0), (1, 1)), ALL)])];
        for map in maps {
            for (from, to) in [((-1, 1), (1, -1)), ((1, -1), (-1, 1)), ((-1, 1), (7, -7))] {
                let time = cast(&map, from, to).map(|found| found.0);
                assert_eq!(time, Some(Hit::WHOLE / if to.0 == 7 { 8 } else { 2 }), "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn a_disc_slides_along_what_it_touches() {
        let cells =
            of_rows(["........", "........", "........", "........", "########", "........", "........", "........"]);
        let line = of_forms(&[(segment((0, 4), (8, 4)), ALL)]);
        let slanted = of_forms(&[(segment((0, 0), (8, 8)), ALL)]);
        let radius = METRE / 2;
        for map in [&cells, &line] {
            let walls = map.walls();
            let y = 4 * METRE + radius;
            assert!(walls.is_free(METRE, y, Body::disc(radius)));
            assert_eq!(walls.raycast(METRE, y, 6 * METRE, 0, radius, ALL), None);
            let hit = walls.raycast(METRE, y + METRE, 6 * METRE, -2 * METRE, radius, ALL).expect("it goes down");
            assert_eq!((hit.time, hit.normal), (Hit::WHOLE / 2, Normal { x: 0, y: 1 << 15 }));
        }
        let hit = slanted.walls().raycast(0, 4 * METRE, 4 * METRE, 0, radius, ALL).expect("it meets the diagonal");
        assert_eq!((hit.normal.x, hit.normal.y), (-23170, 23170));
        let centre = i64::from(4 * METRE) - (f64::from(radius) * 2.0_f64.sqrt()) as i64;
        assert!((i64::from(hit.along(4 * METRE, 0).0) - centre).abs() <= 2);
    }

    #[test]
    fn a_corner_pushes_both_ways_and_a_row_of_cells_only_up() {
        let map =
            of_rows(["........", "........", "........", "........", "#.......", "#.......", "########", "########"]);
        let body = Body::disc(METRE / 2);
        let out = map.walls().push_out(METRE + METRE / 4, 2 * METRE + METRE / 4, body).expect("it overlaps");
        assert_eq!((out.dx, out.dy, out.is_free), (METRE / 4, METRE / 4, true));
        assert!(
            out.contacts.contains(&Normal { x: 1 << 15, y: 0 }) && out.contacts.contains(&Normal { x: 0, y: 1 << 15 })
        );
        // Across the joints of a flat row there is no other direction than up.
        for step in 0..64 {
            let x = 3 * METRE + step * (METRE / 16);
            let out = map.walls().push_out(x, 2 * METRE + METRE / 2 - 10, body).expect("it overlaps");
            assert_eq!((out.dx, out.dy, out.contacts[1]), (0, 10, Normal::default()), "step {step}");
        }
        // Deep within, the way out is through the ground.
        let out = map.walls().push_out(4 * METRE + METRE / 3, METRE / 2, body).expect("it is in the ground");
        assert!(out.is_free && out.dx == 0);
    }

    #[test]
    fn walls_stop_only_what_collides_with_their_layers() {
        let map = of_forms(&[(segment((4, 0), (4, 8)), 0b01)]);
        let (walls, disc) = (map.walls(), |mask| Body { mask, ..Body::disc(METRE) });
        for (mask, stops) in [(0b01, true), (0b11, true), (0b10, false), (0, false)] {
            assert_eq!(walls.raycast(0, METRE, 8 * METRE, 0, 0, mask).is_some(), stops, "{mask}");
            assert_eq!(walls.raycast(0, METRE, 8 * METRE, 0, 100, mask).is_some(), stops, "{mask}");
            assert_eq!(walls.push_out(4 * METRE - 5, METRE, disc(mask)).is_some(), stops, "{mask}");
            assert_eq!(!walls.is_free(4 * METRE - 5, METRE, disc(mask)), stops, "{mask}");
            assert_eq!(walls.travel(0, METRE, 8 * METRE, 0, disc(mask)).dx < 4 * METRE, stops, "{mask}");
        }
    }

    #[test]
    fn nothing_is_too_fast_for_a_wall_without_thickness() {
        let map = of_forms(&[(segment((4, 0), (4, 8)), ALL), (segment((7, 0), (7, 8)), ALL)]);
        for radius in [0, 1, METRE / 2, METRE] {
            for speed in [METRE, 100 * METRE, 16_000 * METRE, i32::MAX] {
                for shape in [Shape::Circle, Shape::Box] {
                    let body = Body { half_x: radius, half_y: radius, shape, mask: ALL };
                    let end = map.walls().travel(METRE, 4 * METRE, speed, speed / 4096, body);
                    assert!(METRE + end.dx <= 4 * METRE - radius, "radius {radius}, speed {speed}: {end:?}");
                }
            }
        }
    }

    #[test]
    fn a_ray_longer_than_the_arithmetic_finds_its_wall() {
        let map = of_forms(&[(segment((4, 0), (4, 8)), ALL)]);
        let hit = map.walls().raycast(i32::MIN, METRE, i32::MAX, 0, 0, ALL);
        assert_eq!(hit, None, "it ends at the edge of the map");
        let from = -(1 << 30);
        let hit = map.walls().raycast(from, METRE, i32::MAX, 0, 0, ALL).expect("the wall is on the way");
        let at = i64::from(from) + i64::from(hit.along(i32::MAX, 0).0);
        assert!((at - i64::from(4 * METRE)).abs() <= 2, "{at}");
    }
}
