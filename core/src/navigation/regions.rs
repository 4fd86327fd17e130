//! Which cells can be reached from which.

use super::grid::NavGrid;

/// Labels the connected parts of a grid, so that a path that does not exist costs nothing.
///
/// A diagonal step needs both cells beside it free, so what is connected at all is connected by straight steps. Labels
/// are kept for each run of free cells in a row: much less than one for each cell.
#[derive(Debug)]
pub(super) struct Regions {
    /// Where the runs of each row begin in the two lists below, and at the end their number.
    rows: Vec<u32>,
    /// The first and the last cell of each run, ascending within a row.
    runs: Vec<(u16, u16)>,
    labels: Vec<u32>,
}

impl Regions {
    pub(super) fn new(grid: &NavGrid) -> Self {
        let mut regions = Self { rows: vec![0], runs: Vec::new(), labels: Vec::new() };
        let mut below = 0..0;
        for y in 0..grid.height() {
            let first = regions.runs.len();
            grid.rows().for_each_free_run(y, |from, to| regions.runs.push((from as u16, to as u16)));
            regions.labels.extend(first as u32..regions.runs.len() as u32);
            regions.join_overlapping(below, first);
            below = first..regions.runs.len();
            regions.rows.push(regions.runs.len() as u32);
        }
        // Every label becomes the smallest of its region. Labels never point upwards, so one pass does it.
        for run in 0..regions.labels.len() {
            regions.labels[run] = regions.labels[regions.labels[run] as usize];
        }
        regions
    }

    /// The region of a cell; `None` if it is blocked or outside.
    pub(super) fn label(&self, (x, y): (u32, u32)) -> Option<u32> {
        let first = *self.rows.get(y as usize)? as usize;
        let end = *self.rows.get(y as usize + 1)? as usize;
        let run = first + self.runs[first..end].partition_point(|&(_, to)| u32::from(to) < x);
        (run < end && u32::from(self.runs[run].0) <= x).then(|| self.labels[run])
    }

    /// Joins the runs from `first` to the end with those of the row below that they touch.
    fn join_overlapping(&mut self, below: core::ops::Range<usize>, first: usize) {
        let (mut lower, mut upper) = (below.start, first);
        while lower < below.end && upper < self.runs.len() {
            let (a, b) = (self.runs[lower], self.runs[upper]);
            if a.0 <= b.1 && b.0 <= a.1 {
                self.join(lower as u32, upper as u32);
            }
            if a.1 < b.1 {
                lower += 1;
            } else {
                upper += 1;
            }
        }
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.labels[a.max(b) as usize] = a.min(b);
    }

    fn root(&mut self, mut label: u32) -> u32 {
        while self.labels[label as usize] != label {
            let above = self.labels[label as usize];
            self.labels[label as usize] = self.labels[above as usize];
            label = above;
        }
        label
    }
}
