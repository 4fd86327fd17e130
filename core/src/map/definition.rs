//! What a map is made from: plain lists, as a document, a host or a generator has them.

use super::error::{MapError, MapFault, Place};
use crate::{
    entity::ATTRIBUTES_MAX,
    space::{Angle, METRE, Position},
};

/// Everything that a map consists of. [`super::Map::new`] checks it.
///
/// **All coordinates are units of length (2^-16 m) right of and above `origin`, the map's lower left corner, and lie in
/// `0..=width` and `0..=height`.**
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MapDef {
    /// For people; at most 64 bytes.
    pub name: String,
    /// Where the lower left corner is.
    pub origin: Position,
    /// In units of length, 1 m to 16 km.
    pub width: i32,
    /// In units of length, 1 m to 16 km.
    pub height: i32,
    /// Walls that are not cells, at most 65,536.
    pub walls: Vec<WallDef>,
    /// Walls that are cells.
    pub cells: Option<CellsDef>,
    /// At most 4096.
    pub zones: Vec<Zone>,
    /// At most 16,384.
    pub spawn_points: Vec<SpawnPoint>,
    /// At most 16,384.
    pub pickups: Vec<PickupSpawn>,
    /// Ways to patrol, at most 1024 of 2 to 1024 points each.
    pub routes: Vec<Vec<(i32, i32)>>,
    /// How ways are found.
    pub navigation: NavigationDef,
}

/// A wall and on which collision layers it is. It stops what collides with any of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WallDef {
    /// Where it is.
    pub form: WallForm,
    /// A bit for each layer, not 0.
    pub layers: u16,
}

/// The form of a wall.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WallForm {
    /// A line without thickness between two points, which differ.
    Segment {
        /// One end.
        from: (i32, i32),
        /// The other end.
        to: (i32, i32),
    },
    /// A solid box with sides along the axes.
    Box {
        /// The lower left corner.
        min: (i32, i32),
        /// The upper right corner, above and right of the other.
        max: (i32, i32),
    },
}

/// Walls as a grid of square cells, each solid or free.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CellsDef {
    /// The lower left corner of the grid.
    pub at: (i32, i32),
    /// The side of a cell is 2 to the power of this, in units of length: 14 (0.25 m) to 22 (64 m).
    pub cell_shift: u32,
    /// Cells from left to right, 1 to 4096.
    pub columns: u32,
    /// Cells from bottom to top, 1 to 4096; at most 2^22 cells in all.
    pub rows: u32,
    /// Whether a cell is solid, the lowest row first: `columns` x `rows` of them.
    pub solid: Vec<bool>,
    /// On which collision layers they are, a bit for each, not 0.
    pub layers: u16,
}

/// A part of the map that something is about: entering and leaving it are events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// For people and scripts; at most 64 bytes.
    pub name: String,
    /// What it is for.
    pub kind: ZoneKind,
    /// Where it is.
    pub form: ZoneForm,
    /// Whose it is at the beginning; 0 is nobody's.
    pub team: u16,
    /// How many ticks a team must hold a resource zone alone to take it; 0 takes it at once.
    pub capture_ticks: u32,
    /// What it is worth, for the mode to define.
    pub value: i32,
    /// For the mode to define.
    pub tag: u32,
}

/// What a zone is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum ZoneKind {
    /// What the mode makes of it.
    #[default]
    Generic = 0,
    /// Can be taken by a team.
    Resource = 1,
    /// Where a team is at home.
    Base = 2,
}

/// The form of a zone. Its edge belongs to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ZoneForm {
    /// A disc.
    Circle {
        /// Its centre.
        at: (i32, i32),
        /// Above 0.
        radius: i32,
    },
    /// A box with sides along the axes.
    Box {
        /// The lower left corner.
        min: (i32, i32),
        /// The upper right corner, above and right of the other.
        max: (i32, i32),
    },
}

/// Where entities come into the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SpawnPoint {
    /// Where.
    pub x: i32,
    /// Where.
    pub y: i32,
    /// For whom; 0 is for everybody.
    pub team: u16,
    /// Which way they face.
    pub heading: Angle,
}

/// Something that lies there to be taken, and comes again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PickupSpawn {
    /// Where.
    pub x: i32,
    /// Where.
    pub y: i32,
    /// An entity that is so near, edge to edge, takes it. Units of length, 0 to 256 m.
    pub radius: i32,
    /// What sort of thing it is, for the mode to define.
    pub kind: u16,
    /// What grows for who takes it.
    pub effect: PickupEffect,
    /// By how much.
    pub amount: i32,
    /// After how many ticks it is there again; 0 never.
    pub respawn_ticks: u32,
}

/// What a pickup adds to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum PickupEffect {
    /// Nothing but the event.
    #[default]
    None,
    /// Health, up to the whole.
    Health,
    /// An attribute by its number, 0 to 63.
    Attribute(u8),
    /// An attribute by its name, until [`super::Map::resolve`] knows its number.
    Named(String),
}

/// How the navigation grid is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NavigationDef {
    /// The side of a cell is 2 to the power of this, in units of length: 14 (0.25 m) to 24 (256 m). `None` takes the
    /// cells of [`MapDef::cells`] or, without, the smallest from 0.5 m that makes a grid of at most 1024 a side.
    pub cell_shift: Option<u32>,
    /// Radius of who walks, in units of length, 0 to 256 m.
    pub agent_radius: i32,
    /// The collision layers that who walks collides with, a bit each.
    pub layers: u16,
}

/// Most of everything.
pub(super) mod limits {
    pub(crate) const NAME_BYTES: usize = 64;
    pub(crate) const WALLS: usize = 65_536;
    pub(crate) const ZONES: usize = 4096;
    pub(crate) const SPAWN_POINTS: usize = 16_384;
    pub(crate) const PICKUPS: usize = 16_384;
    pub(crate) const ROUTES: usize = 1024;
    pub(crate) const ROUTE_POINTS: usize = 1024;
    pub(crate) const CELLS_SIDE: u32 = 4096;
    pub(crate) const CELLS: u64 = 1 << 22;
}

/// Longest side of a map in units of length: 16 km.
pub(super) const SIDE_MAX: i32 = 16_000 * METRE;
/// Largest radius of anything that moves or is taken: 256 m.
pub(super) const RADIUS_MAX: i32 = 256 * METRE;

impl Default for NavigationDef {
    fn default() -> Self {
        Self { cell_shift: None, agent_radius: METRE / 2, layers: u16::MAX }
    }
}

impl MapDef {
    /// A map of that many units of length, at the corner of the first sector, with nothing in it.
    pub fn empty(width: i32, height: i32) -> Self {
        Self {
            name: String::new(),
            origin: Position::default(),
            width,
            height,
            walls: Vec::new(),
            cells: None,
            zones: Vec::new(),
            spawn_points: Vec::new(),
            pickups: Vec::new(),
            routes: Vec::new(),
            navigation: NavigationDef::default(),
        }
    }

    /// Checks everything.
    ///
    /// # Errors
    /// The first thing that is not as its documentation says.
    pub fn validate(&self) -> Result<(), MapError> {
        let whole = Place::Whole;
        name_is_short(&self.name, &whole)?;
        if !self.origin.is_canonical() {
            return Err(MapError::expected(&whole.field("origin"), "a place within a sector of scale 0"));
        }
        for side in [self.width, self.height] {
            expect((METRE..=SIDE_MAX).contains(&side), &whole.field("size"), "two lengths of 1 to 16000 m")?;
        }
        each(&self.walls, limits::WALLS, &whole.field("walls"), |wall, place| self.validate_wall(wall, place))?;
        if let Some(cells) = &self.cells {
            self.validate_cells(cells, &whole.field("cells"))?;
        }
        each(&self.zones, limits::ZONES, &whole.field("zones"), |zone, place| self.validate_zone(zone, place))?;
        each(&self.spawn_points, limits::SPAWN_POINTS, &whole.field("spawn_points"), |point, place| {
            self.holds((point.x, point.y), &place.field("at"))
        })?;
        each(&self.pickups, limits::PICKUPS, &whole.field("pickups"), |pickup, place| {
            self.validate_pickup(pickup, place)
        })?;
        each(&self.routes, limits::ROUTES, &whole.field("routes"), |route, place| {
            expect(route.len() >= 2, place, "at least two points")?;
            each(route, limits::ROUTE_POINTS, place, |point, place| self.holds(*point, place))
        })?;
        self.validate_navigation(&whole.field("navigation"))
    }

    fn validate_wall(&self, wall: &WallDef, place: &Place<'_>) -> Result<(), MapError> {
        layers_are_some(wall.layers, place)?;
        match wall.form {
            WallForm::Segment { from, to } => {
                let segment = place.field("segment");
                self.holds(from, &segment.field("from"))?;
                self.holds(to, &segment.field("to"))?;
                expect(from != to, &segment.field("to"), "another point than \"from\"")
            }
            WallForm::Box { min, max } => self.validate_box(min, max, &place.field("box")),
        }
    }

    fn validate_box(&self, min: (i32, i32), max: (i32, i32), place: &Place<'_>) -> Result<(), MapError> {
        self.holds(min, &place.field("min"))?;
        self.holds(max, &place.field("max"))?;
        expect(min.0 < max.0 && min.1 < max.1, &place.field("max"), "above and right of \"min\"")
    }

    fn validate_cells(&self, cells: &CellsDef, place: &Place<'_>) -> Result<(), MapError> {
        layers_are_some(cells.layers, place)?;
        expect((14..=22).contains(&cells.cell_shift), &place.field("cell"), "a power of two of 0.25 to 64 m")?;
        let sides = 1..=limits::CELLS_SIDE;
        let rows = place.field("rows");
        expect(sides.contains(&cells.columns) && sides.contains(&cells.rows), &rows, "1 to 4096 rows of 1 to 4096")?;
        let count = u64::from(cells.columns) * u64::from(cells.rows);
        expect(count <= limits::CELLS, &rows, "at most 4194304 cells in all")?;
        expect(cells.solid.len() as u64 == count, &rows, "a cell for each column of each row")?;
        let at = place.field("at");
        self.holds(cells.at, &at)?;
        let fits = |from: i32, cells_along: u32, side: i32| {
            i64::from(from) + (i64::from(cells_along) << cells.cell_shift) <= i64::from(side)
        };
        let all = fits(cells.at.0, cells.columns, self.width) && fits(cells.at.1, cells.rows, self.height);
        expect(all, &at, "a corner from which all cells are within the map")
    }

    fn validate_zone(&self, zone: &Zone, place: &Place<'_>) -> Result<(), MapError> {
        name_is_short(&zone.name, place)?;
        match zone.form {
            ZoneForm::Circle { at, radius } => {
                let circle = place.field("circle");
                self.holds(at, &circle.field("at"))?;
                let radius_is_valid = (1..=SIDE_MAX).contains(&radius);
                expect(radius_is_valid, &circle.field("radius"), "a length above 0 and up to 16000 m")
            }
            ZoneForm::Box { min, max } => self.validate_box(min, max, &place.field("box")),
        }
    }

    fn validate_pickup(&self, pickup: &PickupSpawn, place: &Place<'_>) -> Result<(), MapError> {
        self.holds((pickup.x, pickup.y), &place.field("at"))?;
        expect((0..=RADIUS_MAX).contains(&pickup.radius), &place.field("radius"), "a length of 0 to 256 m")?;
        let effect = place.field("effect");
        let attribute = effect.field("attribute");
        match &pickup.effect {
            PickupEffect::None | PickupEffect::Health => Ok(()),
            PickupEffect::Attribute(number) => {
                expect(usize::from(*number) < ATTRIBUTES_MAX, &attribute, "a name or a number of 0 to 63")
            }
            PickupEffect::Named(name) => {
                expect((1..=limits::NAME_BYTES).contains(&name.len()), &attribute, "a name of 1 to 64 bytes")
            }
        }
    }

    fn validate_navigation(&self, place: &Place<'_>) -> Result<(), MapError> {
        let radius = self.navigation.agent_radius;
        expect((0..=RADIUS_MAX).contains(&radius), &place.field("agent_radius"), "a length of 0 to 256 m")?;
        let Some(shift) = self.navigation.cell_shift else { return Ok(()) };
        let cell = place.field("cell");
        expect((14..=24).contains(&shift), &cell, "a power of two of 0.25 to 256 m")?;
        let (columns, rows) = cells_of(self.width, self.height, shift);
        let fits = columns.max(rows) <= limits::CELLS_SIDE && u64::from(columns) * u64::from(rows) <= limits::CELLS;
        expect(fits, &cell, "large enough that the map has at most 4096 cells a side and 4194304 in all")
    }

    fn holds(&self, point: (i32, i32), place: &Place<'_>) -> Result<(), MapError> {
        let within = (0..=self.width).contains(&point.0) && (0..=self.height).contains(&point.1);
        expect(within, place, "a point within the map: two lengths from its lower left corner")
    }
}

/// How many cells of a size it takes to cover a map.
pub(super) fn cells_of(width: i32, height: i32, shift: u32) -> (u32, u32) {
    let along = |side: i32| ((i64::from(side) + (1 << shift) - 1) >> shift) as u32;
    (along(width), along(height))
}

fn expect(holds: bool, place: &Place<'_>, expected: &'static str) -> Result<(), MapError> {
    if holds { Ok(()) } else { Err(MapError::expected(place, expected)) }
}

fn layers_are_some(layers: u16, place: &Place<'_>) -> Result<(), MapError> {
    expect(layers != 0, &place.field("layers"), "a number of 1 to 65535, a bit for each layer")
}

fn name_is_short(name: &str, place: &Place<'_>) -> Result<(), MapError> {
    expect(name.len() <= limits::NAME_BYTES, &place.field("name"), "at most 64 bytes")
}

fn each<T>(
    items: &[T],
    most: usize,
    place: &Place<'_>,
    mut check: impl FnMut(&T, &Place<'_>) -> Result<(), MapError>,
) -> Result<(), MapError> {
    if items.len() > most {
        return Err(MapError::new(place, MapFault::TooMany { most: most as u32 }));
    }
    items.iter().enumerate().try_for_each(|(index, item)| check(item, &place.item(index)))
}

impl ZoneForm {
    /// Its centre, and half its width and height, rounded up.
    pub fn middle(&self) -> ((i32, i32), (i32, i32)) {
        match *self {
            Self::Circle { at, radius } => (at, (radius, radius)),
            Self::Box { min, max } => {
                let middle = (i32::midpoint(min.0, max.0), i32::midpoint(min.1, max.1));
                (middle, ((max.0 - min.0) / 2 + 1, (max.1 - min.1) / 2 + 1))
            }
        }
    }
}
