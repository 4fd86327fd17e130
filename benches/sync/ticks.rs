//! Whole server ticks: the world, what is told of it, and what comes back.

use std::time::Instant;

use anyhow::Result;
use muster_benches::{
    clock::thread_seconds,
    pinned,
    row::Finding,
    scene::{Kind, TICK_RATE_HZ, UPDATE_TICKS},
};
use muster_core::Execution;

use crate::{
    row::Plan,
    service::{FAR, Service, UNCAPPED, config, is_update_due},
};

/// Budgets that viewers may have.
const BUDGETS: [(u32, &str); 2] = [(UNCAPPED, "no budget"), (64_000, "64 kB/s each")];
/// Updates until every viewer is told of changes only.
const UPDATES_BEFORE: u32 = 30;

/// Milliseconds of the 95th of a hundred ticks of 20 Hz, on two cores, with everybody watching everybody.
///
/// A tick of 20 Hz is three steps of the world, which has 60 Hz, and one update with all its packets; reports of all viewers
/// are taken in. What players decide is the scene's, and is not counted.
pub(crate) fn whole(plan: &Plan, fighters: usize) -> Result<Finding> {
    let one_core = pinned::allowed()?;
    pinned::allow(&pinned::all_cores()?)?;
    let mut finding = Finding::default();
    for (budget, name) in BUDGETS {
        let times = run(plan, fighters, budget)?;
        if budget == UNCAPPED {
            finding.rounds = vec![percentile(&times.wall, 0.95)];
        }
        for (figure, part) in [("p50, ms", 0.5), ("p95, ms", 0.95), ("p99.9, ms", 0.999), ("max, ms", 1.0)] {
            finding.add(name, figure, vec![percentile(&times.wall, part)]);
        }
        finding.add(name, "p95 of the main thread's own time, ms", vec![percentile(&times.own, 0.95)]);
        finding.add(name, "of the mean: steps of the world, ms", vec![times.steps]);
        finding.add(name, "of the mean: reports, ms", vec![times.reports]);
        finding.add(name, "of the mean: update, ms", vec![times.update]);
        finding.add(name, "of the mean: packets, ms", vec![times.packets]);
        finding.add(name, "ticks", vec![times.wall.len() as f64]);
    }
    pinned::allow(&one_core)?;
    Ok(finding)
}

/// Milliseconds.
#[derive(Default)]
struct Times {
    /// Of each tick, by the wall's clock.
    wall: Vec<f64>,
    /// Of each tick, of the thread that calls.
    own: Vec<f64>,
    steps: f64,
    reports: f64,
    update: f64,
    packets: f64,
}

fn run(plan: &Plan, fighters: usize, budget: u32) -> Result<Times> {
    let kind = Kind::Camp(fighters);
    // As a host would have it: what is too little for two threads is done by one.
    let execution = Execution { shards: 8, threads: 2, ..Execution::default() };
    let mut scene = kind.build(13, execution);
    (0..kind.ticks_before()).for_each(|_| scene.step());
    let mut service = Service::new(scene.world(), config(scene.world()))?;
    service.add_players(scene.world(), fighters, FAR, budget)?;
    let updates = plan.updates() * plan.rounds as u32 * 7;
    let mut times = Times::default();
    let mut parts = [0.0; 4];
    for number in 0..UPDATES_BEFORE.min(updates * 4) + updates {
        let is_counted = number >= UPDATES_BEFORE.min(updates * 4);
        let (mut tick, mut own, mut now) = (0.0, 0.0, [0.0; 4]);
        let mut timed = |part: usize, work: &mut dyn FnMut()| {
            let began = Instant::now();
            own += 1e3 * thread_seconds(work);
            let wall = 1e3 * began.elapsed().as_secs_f64();
            tick += wall;
            now[part] += wall;
        };
        for _ in 0..UPDATE_TICKS {
            timed(0, &mut || scene.world_mut().step());
            if is_update_due(scene.world()) {
                service.follow(scene.world())?;
                let mut result = Ok(());
                timed(1, &mut || result = service.receive(scene.world()));
                result?;
                service.answer();
            }
            timed(2, &mut || {
                service.tick(scene.world());
            });
            if is_update_due(scene.world()) {
                let mut result = Ok(());
                timed(3, &mut || {
                    result = service.write(scene.world(), |_, packet| {
                        std::hint::black_box(packet);
                    });
                });
                result?;
            }
            scene.play();
        }
        if is_counted {
            times.wall.push(tick);
            times.own.push(own);
            parts.iter_mut().zip(now).for_each(|(part, now)| *part += now / f64::from(updates));
        }
    }
    [times.steps, times.reports, times.update, times.packets] = parts;
    Ok(times)
}

/// The value below which so large a part of all is.
pub(crate) fn percentile(values: &[f64], part: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((part * last as f64).ceil() as usize).copied().unwrap_or(0.0)
}

const _: () = assert!(TICK_RATE_HZ == 20 * UPDATE_TICKS, "ticks of 20 Hz are three steps");
