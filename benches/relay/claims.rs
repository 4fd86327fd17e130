//! What the relay claims, each held against what was measured.

use crate::{
    contender::Contender,
    figure::Figure,
    results::{CaseResults, Results},
};

/// One claim and what became of it.
#[derive(Debug)]
pub(crate) struct Claim {
    /// What is claimed, of which figure.
    pub(crate) what: String,
    /// The most that the figure may be.
    pub(crate) target: String,
    /// What was measured, or nothing if the case or a contender was left out.
    pub(crate) measured: Option<String>,
    /// Whether it holds; nothing if it was not measured.
    pub(crate) holds: Option<bool>,
}

/// Largest resident memory of one allocation, in bytes.
const RESIDENT_MAX: f64 = 4_096.0;
/// Heap allocations a datagram that count as none: the admin endpoint is asked twice in a run and allocates itself.
const HEAP_MAX: f64 = 0.001;

/// Every claim, held against `results`.
pub(crate) fn claims(results: &Results) -> Vec<Claim> {
    let cost = Figure::CpuNsPerDatagram;
    let window = Some(Contender::MusterUringWindow);
    let mut claims = Vec::new();
    for (name, title) in [("closed-64-100", "64 flows, client-peer, 100 B"), ("closed-64-1200", "the same, 1,200 B")] {
        let case = results.case(name);
        let what = format!("CPU per datagram, {title}");
        claims.push(ratio(case, &what, own(case), Base::Coturn, cost, 0.75));
        claims.push(ratio(case, &what, own(case), Base::Floor, cost, 1.12));
    }
    let paced = results.case("paced-500x60");
    claims.push(ratio(paced, "CPU per datagram, 500 x 60 Hz, window 250 us", window, Base::Coturn, cost, 0.55));
    claims.push(ratio(paced, "the same without a window", own(paced), Base::Coturn, cost, 0.80));
    claims.push(ratio(paced, "p50 without a window", own(paced), Base::Coturn, Figure::P50Us, 1.0));
    for (name, title, target) in [("hairpin-64", "64 flows", 0.40), ("hairpin-400x60", "400 x 60 Hz", 0.50)] {
        let case = results.case(name);
        claims.push(ratio(case, &format!("CPU per datagram, hairpin, {title}"), own(case), Base::Coturn, cost, target));
    }
    let idle = results.case("idle-10000");
    claims.push(ceiling(
        idle,
        "resident memory per allocation",
        Figure::ResidentPerAllocation,
        RESIDENT_MAX,
        "<= 4 KiB",
        |bytes| format!("{:.2} KiB", bytes / 1_024.0),
    ));
    claims.push(ratio(idle, "allocate + channel bind, time", own(idle), Base::Coturn, Figure::AllocationUs, 0.5));
    claims.push(ratio(idle, "allocate + channel bind, CPU", own(idle), Base::Coturn, Figure::AllocationCpuUs, 0.5));
    let steady = results.case("closed-64-100");
    claims.push(ceiling(
        steady,
        "heap allocations per datagram on the steady path",
        Figure::HeapPerDatagram,
        HEAP_MAX,
        "0",
        |count| if count <= HEAP_MAX { "0".to_owned() } else { format!("{count:.4}") },
    ));
    claims
}

#[derive(Clone, Copy)]
enum Base {
    Coturn,
    Floor,
}

/// The relay as it runs by default: on io_uring where that was measured.
fn own(case: Option<&CaseResults>) -> Option<Contender> {
    let case = case?;
    [Contender::MusterUring, Contender::MusterEpoll].into_iter().find(|own| case.rounds.contains_key(own))
}

fn ratio(
    case: Option<&CaseResults>,
    what: &str,
    own: Option<Contender>,
    base: Base,
    figure: Figure,
    target: f64,
) -> Claim {
    let measured = case.and_then(|case| {
        let base = match base {
            Base::Coturn => Contender::Coturn,
            Base::Floor => case.floor()?,
        };
        case.ratio(own?, base, figure)
    });
    let name = match base {
        Base::Coturn => "coturn",
        Base::Floor => "floor",
    };
    Claim {
        what: what.to_owned(),
        target: format!("<= {target:.2} x {name}"),
        measured: measured.map(|ratio| format!("{ratio:.3}")),
        holds: measured.map(|ratio| ratio <= target),
    }
}

fn ceiling(
    case: Option<&CaseResults>,
    what: &str,
    figure: Figure,
    target: f64,
    shown: &str,
    show: fn(f64) -> String,
) -> Claim {
    let measured = case.and_then(|results| results.figure(own(case)?, figure));
    Claim {
        what: what.to_owned(),
        target: shown.to_owned(),
        measured: measured.map(show),
        holds: measured.map(|value| value <= target),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{case::CASES, figure::Figures};

    #[test]
    fn a_claim_holds_falls_short_or_was_not_measured() {
        let round = |cost| vec![Figures::from([(Figure::CpuNsPerDatagram, cost)])];
        let case = *CASES.iter().find(|case| case.name == "closed-64-100").expect("the case exists");
        let rounds = BTreeMap::from([
            (Contender::MusterUring, round(700.0)),
            (Contender::Coturn, round(1_000.0)),
            (Contender::FloorEpoll, round(500.0)),
        ]);
        let claims = claims(&Results { cases: vec![CaseResults { case, rounds }] });
        assert_eq!(claims[0].holds, Some(true));
        assert_eq!(claims[0].measured.as_deref(), Some("0.700"));
        assert_eq!(claims[1].holds, Some(false), "1.4 times the floor");
        assert!(claims[2..].iter().all(|claim| claim.holds.is_none()));
    }
}
