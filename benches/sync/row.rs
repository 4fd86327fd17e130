//! The rows of the table: what each measures and what it must reach.

use muster_benches::{row::Target, scene::Kind};

use crate::{
    bytes::{self, Figure},
    crowd, interest,
    service::UPDATES_HZ,
    steady, ticks,
};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Rounds; in each, everything that is compared runs once.
    pub(crate) rounds: usize,
    /// Seconds of simulated time in each round.
    pub(crate) seconds: f64,
    /// Caps the entities of every row.
    pub(crate) entities_max: usize,
    /// Caps the viewers of every row.
    pub(crate) viewers_max: usize,
}

/// One row of the table.
pub(crate) type Row = muster_benches::row::Row<Plan>;

/// Every row, in the order in which they are measured.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "bytes-camp",
        title: "bytes a moving entity and update, camp fights of 250, 600 and 1,000, nothing lost",
        target: Target::AtMost(2.5),
        unit: "B",
        measure: |plan| bytes::measure(plan, &camps(plan), Figure::Bytes(0), true),
    },
    Row {
        name: "bytes-march",
        title: "bytes a moving entity and update, march of 5,000, nothing lost",
        target: Target::AtMost(2.5),
        unit: "B",
        measure: |plan| bytes::measure(plan, &[march(plan)], Figure::Bytes(0), true),
    },
    Row {
        name: "loss-camp",
        title: "the same, camp fights, 5 % lost",
        target: Target::AtMost(3.0),
        unit: "B",
        measure: |plan| bytes::measure(plan, &camps(plan), Figure::Bytes(2), false),
    },
    Row {
        name: "loss-march",
        title: "the same, march, 5 % lost",
        target: Target::AtMost(3.0),
        unit: "B",
        measure: |plan| bytes::measure(plan, &[march(plan)], Figure::Bytes(2), false),
    },
    Row {
        name: "ratio-camp",
        title: "against the best peer, camp fights",
        target: Target::AtMost(0.55),
        unit: "x",
        measure: |plan| bytes::measure(plan, &camps(plan), Figure::Ratio, false),
    },
    Row {
        name: "ratio-march",
        title: "against the best peer, march",
        target: Target::AtMost(0.55),
        unit: "x",
        measure: |plan| bytes::measure(plan, &[march(plan)], Figure::Ratio, false),
    },
    Row {
        name: "bytes-others",
        title: "bytes a moving entity and update, other scenes",
        target: Target::None,
        unit: "B",
        measure: |plan| bytes::measure(plan, &others(plan), Figure::Bytes(0), true),
    },
    Row {
        name: "crowd-1000",
        title: "1,000 viewers of one camp of 1,000, encode + assemble, one core",
        target: Target::AtMost(12.0),
        unit: "ms",
        measure: |plan| crowd::update(plan, plan.entities(1_000), plan.viewers(1_000)),
    },
    Row {
        name: "crowd-250",
        title: "250 viewers of one camp of 250, encode + assemble, one core",
        target: Target::AtMost(2.0),
        unit: "ms",
        measure: |plan| crowd::update(plan, plan.entities(250), plan.viewers(250)),
    },
    Row {
        name: "viewer",
        title: "one more viewer of a camp of 1,000, beyond copying its bytes",
        target: Target::AtMost(3.0),
        unit: "us",
        measure: |plan| crowd::viewer(plan, plan.entities(1_000), plan.viewers(1_000)),
    },
    Row {
        name: "interest-camp",
        title: "interest, 1,000 viewers and 1,000 entities in one camp",
        target: Target::AtMost(200.0),
        unit: "us",
        measure: |plan| interest::upkeep(plan, Kind::Walk(plan.entities(1_000), 200), plan.viewers(1_000)),
    },
    Row {
        name: "interest-2km",
        title: "interest, 1,000 viewers and 1,000 entities over 2 km",
        target: Target::AtMost(20.0),
        unit: "us",
        measure: |plan| interest::upkeep(plan, Kind::Walk(plan.entities(1_000), 2_000), plan.viewers(1_000)),
    },
    Row {
        name: "tick-250",
        title: "whole server tick at 20 Hz, 250 fighters in one camp, all watching, p95",
        target: Target::AtMost(5.0),
        unit: "ms",
        measure: |plan| ticks::whole(plan, plan.entities(250)),
    },
    Row {
        name: "tick-600",
        title: "whole server tick at 20 Hz, 600 fighters in one camp, all watching, p95",
        target: Target::AtMost(14.0),
        unit: "ms",
        measure: |plan| ticks::whole(plan, plan.entities(600)),
    },
    Row {
        name: "tick-1000",
        title: "whole server tick at 20 Hz, 1,000 fighters in one camp, all watching, p95",
        target: Target::AtMost(30.0),
        unit: "ms",
        measure: |plan| ticks::whole(plan, plan.entities(1_000)),
    },
    Row {
        name: "allocations",
        title: "allocations in a steady update, server",
        target: Target::AtMost(0.0),
        unit: "",
        measure: |plan| steady::server(plan, plan.entities(250), plan.viewers(250)),
    },
];

fn camps(plan: &Plan) -> [Kind; 3] {
    [250, 600, 1_000].map(|fighters| Kind::Camp(plan.entities(fighters)))
}

fn march(plan: &Plan) -> Kind {
    Kind::March(plan.entities(5_000))
}

fn others(plan: &Plan) -> [Kind; 3] {
    [Kind::Drift(plan.entities(1_000)), Kind::Race(plan.entities(32)), Kind::Katamari(plan.entities(901))]
}

impl Plan {
    /// `count`, or fewer if the run is a small one.
    pub(crate) fn entities(&self, count: usize) -> usize {
        count.min(self.entities_max)
    }

    /// `count`, or fewer if the run is a small one.
    pub(crate) fn viewers(&self, count: usize) -> usize {
        count.min(self.viewers_max)
    }

    /// The updates of a round.
    pub(crate) fn updates(&self) -> u32 {
        ((self.seconds * f64::from(UPDATES_HZ)).round() as u32).max(2)
    }
}
