//! What a whole run found, and how runs are compared.

use std::collections::BTreeMap;

use muster_benches::spread::{median, range};

use crate::{
    case::Case,
    contender::Contender,
    figure::{Figure, Figures},
};

/// The rounds of every contender in one case.
#[derive(Debug)]
pub(crate) struct CaseResults {
    /// The case.
    pub(crate) case: Case,
    /// One entry a round, in order; contenders took turns, so equal positions were measured close together.
    pub(crate) rounds: BTreeMap<Contender, Vec<Figures>>,
}

/// Every case that was run.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// In the order of the list of cases.
    pub(crate) cases: Vec<CaseResults>,
}

impl CaseResults {
    /// The median of a figure over the rounds.
    pub(crate) fn figure(&self, contender: Contender, figure: Figure) -> Option<f64> {
        median(self.values(contender, figure))
    }

    /// The smallest and the largest of a figure over the rounds.
    pub(crate) fn spread(&self, contender: Contender, figure: Figure) -> Option<(f64, f64)> {
        range(&self.values(contender, figure))
    }

    /// How many times `base`'s figure `contender`'s is: the median of the rounds' own ratios, so that what slows a whole
    /// round down does not count.
    pub(crate) fn ratio(&self, contender: Contender, base: Contender, figure: Figure) -> Option<f64> {
        let pairs = self.rounds.get(&contender)?.iter().zip(self.rounds.get(&base)?);
        median(pairs.filter_map(|(own, other)| Some(own.get(&figure)? / other.get(&figure)?)).collect())
    }

    /// The forwarder that was cheaper: the one that counts as the floor.
    pub(crate) fn floor(&self) -> Option<Contender> {
        let cost = |contender: &Contender| self.figure(*contender, Figure::CpuNsPerDatagram);
        [Contender::FloorUring, Contender::FloorEpoll]
            .into_iter()
            .filter(|contender| cost(contender).is_some())
            .min_by(|left, right| f64::total_cmp(&cost(left).unwrap_or(0.0), &cost(right).unwrap_or(0.0)))
    }

    fn values(&self, contender: Contender, figure: Figure) -> Vec<f64> {
        let rounds = self.rounds.get(&contender).map_or(&[][..], Vec::as_slice);
        rounds.iter().filter_map(|figures| figures.get(&figure).copied()).collect()
    }
}

impl Results {
    /// The results of the case called `name`, if it was run.
    pub(crate) fn case(&self, name: &str) -> Option<&CaseResults> {
        self.cases.iter().find(|results| results.case.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::CASES;

    fn results() -> CaseResults {
        let round = |cost| Figures::from([(Figure::CpuNsPerDatagram, cost)]);
        let rounds = BTreeMap::from([
            (Contender::Coturn, vec![round(1_000.0), round(4_000.0), round(2_000.0)]),
            (Contender::FloorEpoll, vec![round(500.0), round(1_000.0), round(1_500.0)]),
            (Contender::FloorUring, vec![round(600.0), round(600.0), round(600.0)]),
        ]);
        CaseResults { case: CASES[0], rounds }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let results = results();
        let ratio = results.ratio(Contender::FloorEpoll, Contender::Coturn, Figure::CpuNsPerDatagram);
        assert_eq!(ratio, Some(0.5));
        assert_eq!(results.ratio(Contender::MusterUring, Contender::Coturn, Figure::CpuNsPerDatagram), None);
        assert_eq!(results.spread(Contender::Coturn, Figure::CpuNsPerDatagram), Some((1_000.0, 4_000.0)));
    }

    #[test]
    fn the_cheaper_forwarder_is_the_floor() {
        let mut results = results();
        assert_eq!(results.floor(), Some(Contender::FloorUring));
        results.rounds.remove(&Contender::FloorUring);
        assert_eq!(results.floor(), Some(Contender::FloorEpoll));
        results.rounds.remove(&Contender::FloorEpoll);
        assert_eq!(results.floor(), None);
    }
}
