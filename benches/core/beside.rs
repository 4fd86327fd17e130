//! A scene in every engine, in turns on the same core.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::{
    clock::thread_seconds,
    engine::{Contender, Engine},
    quality::Quality,
    row::{Finding, Plan},
    scene::Scene,
};

/// Runs `scene` for `ticks_before` ticks in every engine, then measures: in each round every engine does the same ticks of
/// the scene, and who begins changes from round to round.
pub(crate) fn measure(plan: &Plan, scene: &Scene, ticks_before: u32) -> Result<Finding> {
    let mut engines: Vec<(Contender, Box<dyn Engine>)> =
        Contender::ALL.iter().map(|contender| (*contender, contender.build(scene))).collect();
    for (_, engine) in &mut engines {
        run(engine.as_mut(), ticks_before);
    }
    let mut times = BTreeMap::<Contender, Vec<f64>>::new();
    for _ in 0..plan.rounds {
        for (contender, engine) in &mut engines {
            let seconds = thread_seconds(|| run(engine.as_mut(), plan.ticks()));
            times.entry(*contender).or_default().push(1e3 * seconds / f64::from(plan.ticks()));
        }
        engines.rotate_left(1);
    }
    let mut finding = Finding::default();
    engines.sort_by_key(|(contender, _)| *contender);
    for (contender, engine) in &engines {
        let name = contender.name();
        let times = &times[contender];
        finding.add(name, "ms a tick", times.clone());
        finding.add(name, "bodies per ms", times.iter().map(|time| scene.discs.len() as f64 / time).collect());
        let quality = Quality::of(scene, &engine.bodies());
        let energy = if scene.pull.is_some() { "energy, % of all at full speed" } else { "energy, % of the start" };
        finding.add(name, energy, vec![100.0 * quality.energy_share]);
        finding.add(name, "contacts a disc", vec![quality.contacts_per_disc]);
        finding.add(name, "overlap in touch, mean, mm", vec![quality.overlap_mean_mm]);
        finding.add(name, "overlap, largest, mm", vec![quality.overlap_max_mm]);
        finding.add(name, "discs outside the walls", vec![quality.escaped as f64]);
        finding.add(name, "distance from the middle, mean, m", vec![quality.from_middle_mean_m]);
    }
    // Without another engine there is nothing to be a multiple of.
    if let (Some(own), Some((_, other))) = (times.get(&Contender::Muster), times.last_key_value())
        && times.len() > 1
    {
        finding.rounds = own.iter().zip(other).map(|(own, other)| other / own).collect();
    }
    Ok(finding)
}

fn run(engine: &mut dyn Engine, ticks: u32) {
    for _ in 0..ticks {
        engine.tick();
    }
}
