//! The rows of the table: what each measures and what it must reach.

use muster_benches::row::Target;

use crate::bytes;
use muster_benches::scene::Kind;

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
pub(crate) const ROWS: &[Row] = &[Row {
    name: "ratio-camp",
    title: "bytes against the best peer, camp fights, no loss",
    target: Target::AtMost(0.55),
    unit: "x",
    measure: |plan| {
        bytes::peers_only(
            plan,
            &[
                Kind::Camp(plan.entities(1_000)),
                Kind::March(plan.entities(5_000)),
                Kind::Race(32),
                Kind::Katamari(901),
                Kind::Drift(1000),
            ],
        )
    },
}];

impl Plan {
    /// `count`, or fewer if the run is a small one.
    pub(crate) fn entities(&self, count: usize) -> usize {
        count.min(self.entities_max)
    }

    /// `count`, or fewer if the run is a small one.
    pub(crate) fn viewers(&self, count: usize) -> usize {
        count.min(self.viewers_max)
    }
}
