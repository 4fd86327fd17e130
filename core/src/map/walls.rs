//! The static geometry of a map, and what asks about it: push-out, rays, lines of sight.

use super::{
    buckets::{Bounds, Buckets},
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
    pub(super) fn new(map: &MapDef) -> Self {
        let bounds = |index: usize| bounds_of(map.walls[index].form);
        let columns = |index: usize, low: i64, high: i64| columns_of(map.walls[index].form, low, high);
        Self {
            width: map.width,
            height: map.height,
            walls: map.walls.clone(),
            buckets: Buckets::new((map.width, map.height), map.walls.len(), bounds, columns),
            cells: map.cells.as_ref().map(Cells::new),
        }
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
        let standing = body.at(x.into(), y.into());
        !self.may_overlap(&standing) || self.deepest(&standing, body.mask).is_none()
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

    /// Moves a body by a vector as far as walls let it, and pushes it out of those that it then overlaps.
    ///
    /// **What begins free ends free, and its centre passes through no wall, at any speed.** The rest of a movement that
    /// a wall ended is lost; what is left of the velocity along the wall shows in the next.
    pub fn travel(&self, x: i32, y: i32, dx: i32, dy: i32, body: Body) -> Travel {
        let mut travel = Travel { dx, dy, ..Travel::default() };
        let extent = if body.shape == Shape::Box { body.half_x.min(body.half_y) } else { body.half_x };
        // What moves by less than its extent cannot have left the side of a wall that it was on.
        let is_short = i64::from(dx).abs().max(i64::from(dy).abs()) * 2 < i64::from(extent);
        let hit = if is_short { None } else { self.raycast(x, y, dx, dy, extent, body.mask) };
        if let Some(hit) = hit {
            (travel.dx, travel.dy) = hit.along(dx, dy);
            note(&mut travel.contacts, hit.normal);
        }
        let (end_x, end_y) = (x.saturating_add(travel.dx), y.saturating_add(travel.dy));
        (travel.dx, travel.dy) = (end_x.wrapping_sub(x), end_y.wrapping_sub(y));
        let out = self.push_out(end_x, end_y, body);
        if hit.is_none() && out.is_none() {
            return travel;
        }
        let out = out.unwrap_or(PushOut { is_free: true, ..PushOut::default() });
        out.contacts.into_iter().for_each(|normal| note(&mut travel.contacts, normal));
        let came = (travel.dx.saturating_add(out.dx), travel.dy.saturating_add(out.dy));
        // In a wedge the push may lead through a wall, or nowhere; and a point may by rounding come to the other side of
        // the wall that stopped it. Then it stays where it was.
        let stays =
            !out.is_free && self.is_free(x, y, body) || self.raycast(x, y, came.0, came.1, 0, body.mask).is_some();
        (travel.dx, travel.dy) = if stays { (0, 0) } else { came };
        travel
    }

    /// A quick no, which is what most bodies of most ticks get.
    fn may_overlap(&self, standing: &Standing) -> bool {
        self.any_near(standing.bounds())
    }

    /// Whether there may be a wall within bounds.
    pub(super) fn any_near(&self, bounds: Bounds) -> bool {
        self.buckets.any(bounds) || self.cells.as_ref().is_some_and(|cells| cells.any(bounds))
    }

    /// Whether a body overlaps a wall of some form that it collides with. Cells are boxes.
    pub(super) fn overlaps_any(&self, x: i32, y: i32, body: Body, counts: impl Fn(WallForm) -> bool) -> bool {
        let standing = body.at(x.into(), y.into());
        let mut overlaps = false;
        self.buckets.visit(standing.bounds(), |index| {
            let wall = &self.walls[index as usize];
            overlaps |= wall.layers & body.mask != 0 && counts(wall.form) && standing.overlaps(wall.form).is_some();
        });
        let a_box = WallForm::Box { min: (0, 0), max: (1, 1) };
        let cells = self.cells.as_ref().filter(|cells| cells.layers & body.mask != 0 && counts(a_box));
        overlaps
            || cells.is_some_and(|cells| {
                cells.exits(standing.x, standing.y).is_some()
                    || deepest_of_cells(cells, &standing, standing.bounds()).is_some()
            })
    }

    /// The deepest overlap; of those as deep, the one with a cell, then the one with the first wall.
    fn deepest(&self, standing: &Standing, mask: u16) -> Option<Contact> {
        let bounds = standing.bounds();
        let mut deepest = None;
        if let Some(cells) = self.cells.as_ref().filter(|cells| cells.layers & mask != 0) {
            let out = cells.exits(standing.x, standing.y).map(|exits| out_of_ground(standing, &exits));
            // A point on the edge of a cell is in none.
            deepest = out.filter(|out| out.depth > 0).or_else(|| deepest_of_cells(cells, standing, bounds));
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
        let mut walk = Walk::new((ray.x, ray.y), (ray.dx, ray.dy), self.buckets.shift());
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
        let grid = ((0, 0), self.buckets.shift(), (self.buckets.columns(), self.buckets.rows()));
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

fn deepest_of_cells(cells: &Cells, standing: &Standing, bounds: Bounds) -> Option<Contact> {
    let mut deepest = None;
    cells.visit(bounds, |column, row| {
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
