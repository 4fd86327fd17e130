//! A closed way round, by the distance along it.

/// Metres between two samples.
const STEP_M: f64 = 1.0;

/// A closed curve through the plane, in metres.
#[derive(Debug)]
pub(super) struct Course {
    /// Places at equal distances along the curve.
    samples: Vec<(f64, f64)>,
    step_m: f64,
}

impl Course {
    /// The curve along a closed line of at least three corners, which are close to each other.
    pub(super) fn along(corners: &[(f64, f64)]) -> Self {
        let next = |index: usize| corners[(index + 1) % corners.len()];
        let lengths: Vec<f64> = corners
            .iter()
            .enumerate()
            .map(|(index, from)| (next(index).0 - from.0).hypot(next(index).1 - from.1))
            .collect();
        let whole: f64 = lengths.iter().sum();
        let count = (whole / STEP_M).round().max(8.0) as usize;
        let step_m = whole / count as f64;
        let (mut samples, mut index, mut gone) = (Vec::with_capacity(count), 0, 0.0);
        for number in 0..count {
            let at = number as f64 * step_m;
            while gone + lengths[index] < at && index + 1 < corners.len() {
                gone += lengths[index];
                index += 1;
            }
            let part = (at - gone) / lengths[index].max(1e-9);
            let (from, to) = (corners[index], next(index));
            samples.push((from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part));
        }
        Self { samples, step_m }
    }

    /// A smooth curve through places (Catmull-Rom).
    pub(super) fn through(places: &[(f64, f64)]) -> Self {
        let at = |index: usize| places[index % places.len()];
        let mut corners = Vec::new();
        for index in 0..places.len() {
            let [a, b, c, d] = [at(index + places.len() - 1), at(index), at(index + 1), at(index + 2)];
            for part in 0..32 {
                let t = f64::from(part) / 32.0;
                let blend = |a: f64, b: f64, c: f64, d: f64| {
                    let (first, second) = (c - a, 2.0 * a - 5.0 * b + 4.0 * c - d);
                    0.5 * (2.0 * b + t * (first + t * (second + t * (3.0 * b - a - 3.0 * c + d))))
                };
                corners.push((blend(a.0, b.0, c.0, d.0), blend(a.1, b.1, c.1, d.1)));
            }
        }
        Self::along(&corners)
    }

    /// How long it is, in metres.
    pub(super) fn length_m(&self) -> f64 {
        self.step_m * self.samples.len() as f64
    }

    /// The place so many metres along it, any number of times round.
    pub(super) fn at(&self, along_m: f64) -> (f64, f64) {
        let steps = along_m.rem_euclid(self.length_m()) / self.step_m;
        let (index, part) = (steps as usize % self.samples.len(), steps.fract());
        let (from, to) = (self.samples[index], self.samples[(index + 1) % self.samples.len()]);
        (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part)
    }

    /// The direction in which it goes there, in radians.
    pub(super) fn heading(&self, along_m: f64) -> f64 {
        let (from, to) = (self.at(along_m - 1.5), self.at(along_m + 1.5));
        (to.1 - from.1).atan2(to.0 - from.0)
    }

    /// How much it turns there, in radians a metre.
    pub(super) fn curvature(&self, along_m: f64) -> f64 {
        super::measure::short_way(self.heading(along_m - 4.0), self.heading(along_m + 4.0)) / 8.0
    }
}
