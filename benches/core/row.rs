//! The rows of the table: what each measures and what it must reach.

pub(crate) use muster_benches::row::{Finding, Target};

use crate::{beside, memory, paths, rays, scene::Scene, threads, upkeep};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Rounds; in each, everything that is compared runs once.
    pub(crate) rounds: usize,
    /// Seconds of simulated time in each round of a scene; about that much real time in each round of the others.
    pub(crate) seconds: f64,
    /// Caps the entities of every row.
    pub(crate) entities_max: usize,
    /// Caps the side of every map, in cells.
    pub(crate) cells_max: u32,
}

/// One row of the table.
pub(crate) type Row = muster_benches::row::Row<Plan>;

/// Every row, in the order in which they are measured.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "drift-10k",
        title: "drift, 10,000 discs at 4 m spacing, against rapier2d",
        target: Target::AtLeast(3.0),
        unit: "x",
        measure: |plan| beside::measure(plan, &Scene::drift(plan.entities(10_000), 4.0), 60),
    },
    Row {
        name: "drift-50k",
        title: "drift, 50,000 discs at 4 m spacing, against rapier2d",
        target: Target::AtLeast(3.0),
        unit: "x",
        measure: |plan| beside::measure(plan, &Scene::drift(plan.entities(50_000), 4.0), 60),
    },
    Row {
        name: "drift-dense",
        title: "drift, 10,000 discs at 1.8 m spacing, against rapier2d",
        target: Target::AtLeast(3.0),
        unit: "x",
        measure: |plan| beside::measure(plan, &Scene::drift(plan.entities(10_000), 1.8), 60),
    },
    Row {
        name: "crowd",
        title: "crowd, 1,000 discs steered to one point, against rapier2d",
        target: Target::AtLeast(3.0),
        unit: "x",
        // Five seconds bring most of them to the pile.
        measure: |plan| beside::measure(plan, &Scene::crowd(plan.entities(1_000)), 300),
    },
    Row {
        name: "threads-64",
        title: "two worker threads against one, 50,000 discs over 64 sectors",
        target: Target::AtLeast(1.7),
        unit: "x",
        // A disc has 36 m to itself: a square of 8 km.
        measure: |plan| threads::measure(plan, plan.entities(50_000), threads::Spread::Sectors(8)),
    },
    Row {
        name: "threads-1",
        title: "two worker threads against one, 50,000 discs in one sector",
        target: Target::AtLeast(1.5),
        unit: "x",
        measure: |plan| threads::measure(plan, plan.entities(50_000), threads::Spread::OneSector),
    },
    Row {
        name: "rays",
        title: "raycasts over a 512 x 512 grid map, where they are slowest",
        target: Target::AtLeast(2.0),
        unit: "million a second",
        measure: rays::on_maps,
    },
    Row {
        name: "radius",
        title: "radius query, per entity found, 30 m among 50,000 discs",
        target: Target::AtMost(20.0),
        unit: "ns",
        measure: rays::radius,
    },
    Row {
        name: "paths",
        title: "optimal path on a 512 x 512 grid, mean over random pairs, cold, where it is slowest",
        target: Target::AtMost(1.0),
        unit: "ms",
        measure: paths::optimal,
    },
    Row {
        name: "hash",
        title: "state hash of the whole world each tick, 50,000 discs",
        target: Target::AtMost(5.0),
        unit: "% of the tick",
        measure: upkeep::hash,
    },
    Row {
        name: "save",
        title: "save + restore of 50,000 entities with 8 attributes",
        target: Target::AtMost(20.0),
        unit: "ms",
        measure: upkeep::save_and_restore,
    },
    Row {
        name: "memory",
        title: "memory per entity with 8 attributes, all indexes included, 50,000",
        target: Target::AtMost(256.0),
        unit: "B",
        measure: memory::per_entity,
    },
    Row {
        name: "allocations",
        title: "allocations in a steady tick",
        target: Target::AtMost(0.0),
        unit: "",
        measure: memory::allocations,
    },
];

impl Plan {
    /// `count`, or fewer if the run is a small one.
    pub(crate) fn entities(&self, count: usize) -> usize {
        count.min(self.entities_max)
    }

    /// `side` cells, or fewer if the run is a small one.
    pub(crate) fn cells(&self, side: u32) -> u32 {
        side.min(self.cells_max)
    }

    /// The ticks of a round of a scene.
    pub(crate) fn ticks(&self) -> u32 {
        ((self.seconds * f64::from(crate::scene::TICK_RATE_HZ)).round() as u32).max(1)
    }
}
