//! Optimal paths over the grid, a bounded number of expansions at a time.

use core::cmp::Ordering;

use super::{
    cost,
    grid::{Bitmap, NavGrid},
    open::{Open, OpenList},
    regions::Regions,
    scan::Stop,
};

/// A search for a cheapest path: straight steps cost 1, diagonal ones the square root of 2 and need both cells beside
/// them free.
///
/// It is A* over jump points (Harabor and Grastien 2011, 2014) in the variant without cut corners: of all the cheapest
/// ways between two places only those are followed that go diagonally as early as they can, and these can turn only at
/// the corners of obstacles, which scans over 64 cells at a time find. Turning points of a diagonal run are never put on
/// the open list; what the straight runs from them reach is.
///
/// **The path depends on the grid and the two cells only**: the open list is ordered by cost, then estimate, then cell, of
/// several parents of equal cost the first stays, and how the work is cut into pieces changes nothing.
///
/// ```
/// # use muster_core::navigation::{NavGrid, Progress, Search};
/// let mut grid = NavGrid::new(3, 3, 14)?;
/// grid.set_blocked(1, 1, true);
/// let mut search = Search::new(&grid);
/// search.begin((0, 0), (2, 2));
/// while search.advance(&grid, 100) == Progress::More {}
/// let mut path = Vec::new();
/// search.path(&mut path);
/// assert_eq!(path, [(0, 0), (2, 0), (2, 2)]);
/// # Ok::<(), muster_core::navigation::GridError>(())
/// ```
#[derive(Debug)]
pub struct Search {
    width: u32,
    height: u32,
    regions: Regions,
    /// A [`Node`] for each cell, in rows. They are written where a search comes by, so that `begin` has nothing to clear.
    /// As plain zeros they come untouched from the allocator, so that a large grid takes only the memory that its searches
    /// see.
    nodes: Vec<[u64; 2]>,
    /// Marks the nodes of this search.
    stamp: u32,
    open: OpenList,
    from: Cell,
    to: Cell,
    progress: Progress,
    expansions: u64,
}

/// What [`Search::advance`] came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// There is a path: [`Search::path`].
    Found,
    /// There is none.
    None,
    /// The budget is spent before either is known.
    More,
}

/// A cell's coordinates in one word: 12 bits of y above 12 of x.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Cell(u32);

/// What a search knows of a cell.
#[derive(Clone, Copy)]
struct Node {
    /// The cost of the cheapest known way here.
    cost: u64,
    /// The 24 bits of the cell where that way last turned, 4 of the arrivals to follow up and 4 of those that are.
    links: u32,
    stamp: u32,
}

/// Directions: four straight ones, which are also how one can arrive, and four diagonal ones.
const EAST: u8 = 1;
const NORTH: u8 = 1 << 1;
const WEST: u8 = 1 << 2;
const SOUTH: u8 = 1 << 3;
const NORTH_EAST: u8 = 1 << 4;
const NORTH_WEST: u8 = 1 << 5;
const SOUTH_WEST: u8 = 1 << 6;
const SOUTH_EAST: u8 = 1 << 7;

/// Stands for having arrived from nowhere: all directions are worth it.
const START: usize = 16;

/// Which directions are worth it, for each set of arrivals and the eight cells around: lower row first, bit set for blocked.
static WORTH: [[u8; 256]; 17] = worth();

impl Search {
    /// Memory for searches over grids of this size, and the labels of what is connected in this one.
    ///
    /// A grid that has changed since needs a new `Search`.
    pub fn new(grid: &NavGrid) -> Self {
        let cells = grid.width() as usize * grid.height() as usize;
        Self {
            width: grid.width(),
            height: grid.height(),
            regions: Regions::new(grid),
            nodes: vec![[0; 2]; cells],
            stamp: 0,
            open: OpenList::new(cells / 16 + 64),
            from: Cell::default(),
            to: Cell::default(),
            progress: Progress::None,
            expansions: 0,
        }
    }

    /// Begins a search for a path and forgets the one before.
    pub fn begin(&mut self, from: (u32, u32), to: (u32, u32)) {
        self.expansions = 0;
        self.open.clear();
        if !self.is_connected(from, to) {
            self.progress = Progress::None;
            return;
        }
        self.progress = Progress::More;
        self.stamp = self.stamp.checked_add(1).unwrap_or_else(|| {
            self.nodes.fill([0; 2]);
            1
        });
        self.from = Cell::new(from.0, from.1);
        self.to = Cell::new(to.0, to.1);
        let index = self.index(self.from);
        // As if it had been followed from all sides, so that no way leads back to it.
        self.nodes[index] = Node { cost: 0, links: self.from.0 | 15 << 28, stamp: self.stamp }.pack();
        if self.from == self.to {
            self.progress = Progress::Found;
        }
    }

    /// Goes on until the end is known or `budget` expansions are done; each is one cell looked at on its own, the scans
    /// between them not counted. The last step may go beyond the budget, by the cells on the diagonals from one cell at
    /// most. [`Progress::Found`] and [`Progress::None`] stay until the next `begin`.
    ///
    /// # Panics
    /// When the grid has another size than the one this was made for.
    pub fn advance(&mut self, grid: &NavGrid, budget: u64) -> Progress {
        assert!((grid.width(), grid.height()) == (self.width, self.height), "a search works on grids of its size");
        let until = self.expansions.saturating_add(budget);
        if self.progress == Progress::More && self.expansions == 0 && budget > 0 {
            self.expand(grid, self.from, 0, WORTH[START][around(grid, self.from)]);
        }
        while self.progress == Progress::More && self.expansions < until {
            self.step(grid);
        }
        self.progress
    }

    /// Whether there is a way between two cells, known without a search. Blocked cells and those outside have none.
    pub fn is_connected(&self, from: (u32, u32), to: (u32, u32)) -> bool {
        self.regions.label(from).is_some_and(|region| self.regions.label(to) == Some(region))
    }

    /// Expansions since `begin`.
    pub const fn expansions(&self) -> u64 {
        self.expansions
    }

    /// Replaces `path` by the cells where the path found begins, turns and ends. From one to the next it goes straight or
    /// diagonally. Empty when none is found.
    pub fn path(&self, path: &mut Vec<(u32, u32)>) {
        path.clear();
        if self.progress != Progress::Found {
            return;
        }
        let mut at = self.to;
        path.push(at.place());
        while at != self.from {
            let before = Cell(Node::unpack(self.nodes[self.index(at)]).links & Cell::MASK);
            // From the parent the way goes diagonally first, as far as it can.
            let ((x, y), (from_x, from_y)) = (at.place(), before.place());
            let diagonal = x.abs_diff(from_x).min(y.abs_diff(from_y));
            let towards = |from: u32, to: u32| if to < from { from - diagonal } else { from + diagonal };
            let turn = (towards(from_x, x), towards(from_y, y));
            if turn != (x, y) && turn != (from_x, from_y) {
                push_turn(path, turn);
            }
            push_turn(path, (from_x, from_y));
            at = before;
        }
        path.reverse();
    }

    /// Takes the cheapest cell off the open list.
    fn step(&mut self, grid: &NavGrid) {
        let Some(next) = self.open.pop() else {
            self.progress = Progress::None;
            return;
        };
        let cell = Cell(next.cell());
        if cell == self.to {
            self.progress = Progress::Found;
            return;
        }
        let index = self.index(cell);
        let node = Node::unpack(self.nodes[index]);
        let (pending, done) = (node.links >> 24 & 15, node.links >> 28);
        if pending == 0 {
            // A cheaper way here was found after this entry was made, and has been followed.
            self.expansions += 1;
            return;
        }
        let links = node.links & Cell::MASK | (pending | done) << 28;
        self.nodes[index] = Node { links, ..node }.pack();
        let around = around(grid, cell);
        let worth = WORTH[(pending | done) as usize][around] & !WORTH[done as usize][around];
        let cost = node.cost;
        self.expand(grid, cell, cost, worth);
    }

    /// Follows the ways from a cell in some directions.
    fn expand(&mut self, grid: &NavGrid, cell: Cell, cost: u64, directions: u8) {
        self.expansions += 1;
        let (x, y) = cell.bits();
        for straight in [EAST, NORTH, WEST, SOUTH] {
            if directions & straight != 0 {
                self.run(grid, cell, cost, (x, y), straight);
            }
        }
        for diagonal in [NORTH_EAST, NORTH_WEST, SOUTH_WEST, SOUTH_EAST] {
            if directions & diagonal != 0 {
                self.run_diagonally(grid, cell, cost, diagonal);
            }
        }
    }

    /// Goes diagonally until something is in the way, and from each cell on it straight both ways.
    fn run_diagonally(&mut self, grid: &NavGrid, cell: Cell, cost: u64, diagonal: u8) {
        let (mut x, mut y) = cell.bits();
        let (across, along) = match diagonal {
            NORTH_EAST => (EAST, NORTH),
            NORTH_WEST => (WEST, NORTH),
            SOUTH_WEST => (WEST, SOUTH),
            _ => (EAST, SOUTH),
        };
        let goal = self.to.bits();
        loop {
            let (next_x, next_y) =
                (if across == EAST { x + 1 } else { x - 1 }, if along == NORTH { y + 1 } else { y - 1 });
            // The first step is known to be free, but looking again costs less than the two ways to begin would.
            let rows = grid.rows();
            if rows.is_set_bit(next_x, y) || rows.is_set_bit(x, next_y) || rows.is_set_bit(next_x, next_y) {
                return;
            }
            (x, y) = (next_x, next_y);
            self.expansions += 1;
            if (x, y) == goal {
                self.reach(cell, cost, (x, y), EAST);
                return;
            }
            self.run(grid, cell, cost, (x, y), across);
            self.run(grid, cell, cost, (x, y), along);
        }
    }

    /// Goes straight from a place to the next where the way may turn, and puts that on the open list.
    #[inline]
    fn run(&mut self, grid: &NavGrid, parent: Cell, cost: u64, (x, y): (u32, u32), direction: u8) {
        let (goal_x, goal_y) = self.to.bits();
        let (rows, columns): (&Bitmap, &Bitmap) = (grid.rows(), grid.columns());
        let up = |stop: Stop, from: u32, goal: u32, aligned: bool| {
            if aligned && from < goal && goal <= stop.bit { Some(goal) } else { (!stop.blocked).then_some(stop.bit) }
        };
        let down = |stop: Stop, from: u32, goal: u32, aligned: bool| {
            if aligned && stop.bit <= goal && goal < from { Some(goal) } else { (!stop.blocked).then_some(stop.bit) }
        };
        let end = match direction {
            EAST => up(rows.scan_up(x, y), x, goal_x, y == goal_y).map(|x| (x, y)),
            WEST => down(rows.scan_down(x, y), x, goal_x, y == goal_y).map(|x| (x, y)),
            NORTH => up(columns.scan_up(y, x), y, goal_y, x == goal_x).map(|y| (x, y)),
            _ => down(columns.scan_down(y, x), y, goal_y, x == goal_x).map(|y| (x, y)),
        };
        if let Some(end) = end {
            self.reach(parent, cost, end, direction);
        }
    }

    /// Notes a way to a cell: from its parent diagonally, then straight in the direction of arrival.
    fn reach(&mut self, parent: Cell, cost: u64, (x, y): (u32, u32), arrival: u8) {
        let cell = Cell::new(x - 1, y - 1);
        let (parent_x, parent_y) = parent.bits();
        let cost = cost.wrapping_add(cost::octile(x.abs_diff(parent_x), y.abs_diff(parent_y)));
        let (index, stamp) = (self.index(cell), self.stamp);
        let node = Node::unpack(self.nodes[index]);
        let arrival = u32::from(arrival) << 24;
        let (known, done, waits) = (node.stamp == stamp, node.links >> 28 != 0, node.links & 15 << 24 != 0);
        let order = match (known, done) {
            (false, _) => Ordering::Less,
            (true, false) => cost::compare(cost, node.cost),
            // It has been followed, so no way there is cheaper. That costs which differ by a multiple of 2^15 pass for
            // equal is harmless: it is only more work.
            (true, true) if cost == node.cost && node.links & arrival << 4 == 0 => Ordering::Equal,
            (true, true) => Ordering::Greater,
        };
        let links = match order {
            Ordering::Less => parent.0 | arrival,
            // Another way as cheap may have to be followed in further directions. The first parent stays.
            Ordering::Equal => node.links | arrival,
            Ordering::Greater => return,
        };
        self.nodes[index] = Node { cost, links, stamp }.pack();
        if order == Ordering::Equal && waits {
            return;
        }
        let (goal_x, goal_y) = self.to.bits();
        let estimate = cost::octile(x.abs_diff(goal_x), y.abs_diff(goal_y));
        self.open.push(Open::new(cost.wrapping_add(estimate), estimate, cell.0));
    }

    fn index(&self, cell: Cell) -> usize {
        let (x, y) = cell.place();
        y as usize * self.width as usize + x as usize
    }
}

/// Adds a place to a path backwards, instead of the one before if that was on the way here.
fn push_turn(path: &mut Vec<(u32, u32)>, place: (u32, u32)) {
    let heading = |a: (u32, u32), b: (u32, u32)| (a.0.cmp(&b.0), a.1.cmp(&b.1));
    if let [.., before, last] = path[..]
        && heading(before, last) == heading(last, place)
    {
        path.pop();
    }
    path.push(place);
}

/// The eight cells around one, as an index of [`WORTH`].
#[inline]
fn around(grid: &NavGrid, cell: Cell) -> usize {
    let (x, y) = cell.bits();
    let three = |line: u32| grid.rows().three(x, line);
    let middle = three(y);
    (three(y - 1) | (middle & 1) << 3 | (middle & 4) << 2 | three(y + 1) << 5) as usize
}

const fn worth() -> [[u8; 256]; 17] {
    let mut table = [[0; 256]; 17];
    let mut around = 0;
    while around < 256 {
        table[START][around] = free_directions(around);
        let mut arrivals = 0;
        while arrivals < 16 {
            let mut straight = 0;
            while straight < 4 {
                if arrivals >> straight & 1 != 0 {
                    table[arrivals][around] |= worth_after(straight, around) & free_directions(around);
                }
                straight += 1;
            }
            arrivals += 1;
        }
        around += 1;
    }
    table
}

/// Around a cell, in the order of the directions: east, north, west, south, then the corners from north-east on.
const BITS: [u32; 8] = [4, 6, 3, 1, 7, 5, 0, 2];

/// The directions in which a step is possible.
const fn free_directions(around: usize) -> u8 {
    let mut directions = 0;
    let mut straight = 0;
    while straight < 4 {
        let next = (straight + 1) % 4;
        let free = around >> BITS[straight] & 1 == 0;
        directions |= (free as u8) << straight;
        // The corner between this direction and the next anticlockwise.
        let diagonal = free && around >> BITS[next] & 1 == 0 && around >> BITS[4 + straight] & 1 == 0;
        directions |= (diagonal as u8) << (4 + straight);
        straight += 1;
    }
    directions
}

/// The directions worth it after arriving straight: on, and round a corner that was passed just now.
const fn worth_after(arrival: usize, around: usize) -> u8 {
    let (left, back, right) = ((arrival + 1) % 4, (arrival + 2) % 4, (arrival + 3) % 4);
    let mut directions = 1 << arrival;
    // The corner of direction `d` lies between it and the next anticlockwise.
    if around >> BITS[4 + left] & 1 != 0 {
        directions |= 1 << left | 1 << (4 + arrival);
    }
    if around >> BITS[4 + back] & 1 != 0 {
        directions |= 1 << right | 1 << (4 + right);
    }
    directions
}

impl Node {
    #[inline]
    const fn pack(self) -> [u64; 2] {
        [self.cost, (self.stamp as u64) << 32 | self.links as u64]
    }

    #[inline]
    const fn unpack([cost, rest]: [u64; 2]) -> Self {
        Self { cost, links: rest as u32, stamp: (rest >> 32) as u32 }
    }
}

impl Cell {
    const MASK: u32 = (1 << 24) - 1;

    const fn new(x: u32, y: u32) -> Self {
        Self(y << 12 | x)
    }

    const fn place(self) -> (u32, u32) {
        (self.0 & 0xfff, self.0 >> 12)
    }

    /// Where it is in the bitmaps.
    const fn bits(self) -> (u32, u32) {
        let (x, y) = self.place();
        (x + 1, y + 1)
    }
}
