//! What scripts cost in a process of their own; `scripts/benches/cost/` measures it.

#[path = "../../scripts/benches/cost/mod.rs"]
mod cost;

use anyhow::Result;
use muster_benches::{pinned::pin_to, row::Finding};

use crate::row::Plan;

/// What the budget costs tight loops, in hundredths, the worst of them.
pub(crate) fn budget(plan: &Plan) -> Result<Finding> {
    pin_to(plan.server_core)?;
    let mut finding = Finding::default();
    let mut loops: Vec<(&str, Vec<f64>)> = Vec::new();
    for round in 0..plan.rounds {
        let mut worst = 0.0_f64;
        for (index, one) in cost::loops(15).into_iter().enumerate() {
            let percent = 100.0 * (one.with.as_secs_f64() / one.without.as_secs_f64() - 1.0);
            worst = worst.max(percent);
            if round == 0 {
                loops.push((one.name, Vec::new()));
            }
            loops[index].1.push(percent);
        }
        finding.rounds.push(worst);
    }
    loops.into_iter().for_each(|(name, rounds)| finding.add(name, "more time with the budget, %", rounds));
    Ok(finding)
}

/// What rules take that do something with a thousand entities in a tick, in microseconds.
pub(crate) fn bulk(plan: &Plan) -> Result<Finding> {
    pin_to(plan.server_core)?;
    let mut finding = Finding::default();
    let mut ticks: Vec<(&str, Vec<f64>)> = Vec::new();
    for round in 0..plan.rounds {
        let mut longest = 0.0_f64;
        for (index, tick) in cost::bulk(300).into_iter().enumerate() {
            let us = 1e6 * tick.time.as_secs_f64();
            longest = longest.max(us);
            if round == 0 {
                ticks.push((tick.name, Vec::new()));
            }
            ticks[index].1.push(us);
        }
        finding.rounds.push(longest);
    }
    ticks.into_iter().for_each(|(name, rounds)| finding.add(name, "us", rounds));
    Ok(finding)
}
