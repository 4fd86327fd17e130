//! Rows of a table: what each measures and what it must reach.

use anyhow::Result;

use crate::spread::median;

/// What a figure must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// It is told for comparison only.
    None,
}

/// One row of a table; `P` says how much is measured.
#[derive(Debug)]
pub struct Row<P> {
    /// What `--only` calls it.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What the figure must be.
    pub target: Target,
    /// What it is measured in.
    pub unit: &'static str,
    /// Measures it.
    pub measure: fn(&P) -> Result<Finding>,
}

/// One figure of one thing that was measured, round by round.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Of what: an engine, or a way to run it.
    pub of: String,
    /// Which figure, with its unit.
    pub figure: &'static str,
    /// One value a round, or one in all.
    pub rounds: Vec<f64>,
}

/// What a row found.
#[derive(Debug, Clone, Default)]
pub struct Finding {
    /// The figure that the target is about, a value a round; empty if what it is compared with is not built in.
    pub rounds: Vec<f64>,
    /// Everything that was measured on the way.
    pub series: Vec<Series>,
}

impl<P> Clone for Row<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Row<P> {}

impl Target {
    /// Whether `value` reaches it.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
            Self::None => true,
        }
    }
}

impl Finding {
    /// The figure that the target is about.
    pub fn median(&self) -> Option<f64> {
        median(self.rounds.clone())
    }

    /// Keeps the rounds of one figure.
    pub fn add(&mut self, of: &str, figure: &'static str, rounds: Vec<f64>) {
        self.series.push(Series { of: of.to_owned(), figure, rounds });
    }
}
