//! Time of an update for a crowd: everybody sees everybody.

use anyhow::Result;
use muster_benches::{
    clock::thread_seconds,
    row::Finding,
    scene::{Kind, ONE_THREAD},
};

use crate::{
    row::Plan,
    service::{FAR, Service, UNCAPPED, config, is_update_due},
};

/// Updates until every viewer is told of changes only.
const UPDATES_BEFORE: u32 = 30;

/// Milliseconds that an update takes for `viewers` of the fighters: quantising, encoding and putting every packet together.
pub(crate) fn update(plan: &Plan, fighters: usize, viewers: usize) -> Result<Finding> {
    let mut crowd = Crowd::new(fighters, &[viewers], true)?;
    let mut finding = Finding::default();
    let rounds: Vec<Times> = (0..plan.rounds).map(|_| Ok(crowd.round(plan.updates())?[0])).collect::<Result<_>>()?;
    finding.rounds = rounds.iter().map(|times| 1e3 * (times.tick + times.write)).collect();
    let of = format!("{viewers} viewers of {fighters}");
    let all = |of_times: fn(&Times) -> f64| rounds.iter().map(of_times).collect::<Vec<f64>>();
    finding.add(&of, "quantising and interest, ms", all(|times| 1e3 * times.tick));
    finding.add(&of, "encoding and putting packets together, ms", all(|times| 1e3 * times.write));
    finding.add(&of, "taking in reports, ms", all(|times| 1e3 * times.receive));
    finding.add(&of, "MB written", all(|times| times.bytes / 1e6));
    finding.add(&of, "copying as many bytes, ms", all(|times| 1e3 * times.copy));
    finding.add(&of, "shares encoded", all(|times| times.encoded));
    finding.add(&of, "shares sent", all(|times| times.sent));
    Ok(finding)
}

/// Microseconds that one more viewer of the same cells costs, beyond the copying of its bytes: what it takes with all
/// viewers less what it takes with half of them.
pub(crate) fn viewer(plan: &Plan, fighters: usize, viewers: usize) -> Result<Finding> {
    let mut finding = Finding::default();
    for (are_players, of) in [(true, "one more player"), (false, "one more spectator")] {
        let rounds = slope(plan, fighters, viewers, are_players, of, &mut finding)?;
        if are_players {
            finding.rounds = rounds;
        }
    }
    Ok(finding)
}

/// The microseconds of one more viewer, beyond the copying, in each round.
fn slope(
    plan: &Plan,
    fighters: usize,
    viewers: usize,
    are_players: bool,
    of: &str,
    finding: &mut Finding,
) -> Result<Vec<f64>> {
    let mut crowd = Crowd::new(fighters, &[viewers, viewers / 2], are_players)?;
    let more = (viewers - viewers / 2) as f64;
    let (mut each, mut copies, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let times = crowd.round(plan.updates())?;
        let slope = |of: fn(&Times) -> f64| (of(&times[0]) - of(&times[1])) / more;
        copies.push(1e6 * slope(|times| times.copy));
        each.push(1e6 * slope(|times| times.tick + times.write));
        bytes.push(slope(|times| times.bytes));
    }
    let rounds = each.iter().zip(&copies).map(|(each, copy)| each - copy).collect();
    finding.add(of, "us an update", each);
    finding.add(of, "of these, copying its bytes once, us", copies);
    finding.add(of, "bytes an update", bytes);
    Ok(rounds)
}

/// Seconds of one update, and what was done in them.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    receive: f64,
    tick: f64,
    write: f64,
    copy: f64,
    bytes: f64,
    encoded: f64,
    sent: f64,
}

/// A camp, and servers of it with more or fewer viewers.
struct Crowd {
    scene: Box<dyn muster_benches::scene::Scene>,
    services: Vec<Service>,
    /// What packets are copied to, and from.
    copied: (Vec<u8>, Vec<u8>),
}

impl Crowd {
    fn new(fighters: usize, viewers: &[usize], are_players: bool) -> Result<Self> {
        let kind = Kind::Camp(fighters);
        let mut scene = kind.build(5, ONE_THREAD);
        (0..kind.ticks_before()).for_each(|_| scene.step());
        let services = viewers.iter().map(|viewers| {
            let mut service = Service::new(scene.world(), config(scene.world()))?;
            if are_players {
                service.add_players(scene.world(), *viewers, FAR, UNCAPPED)?;
            }
            while service.watchers.len() < *viewers {
                service.add_spectator(kind.middle(), 0.0, UNCAPPED)?;
            }
            Ok(service)
        });
        let services = services.collect::<Result<_>>()?;
        let mut crowd = Self { scene, services, copied: Default::default() };
        crowd.round(UPDATES_BEFORE)?;
        Ok(crowd)
    }

    /// The means of some updates, for each server.
    fn round(&mut self, updates: u32) -> Result<Vec<Times>> {
        let mut sums = vec![Times::default(); self.services.len()];
        let mut left = updates;
        while left > 0 {
            self.scene.step();
            let world = self.scene.world();
            let is_due = is_update_due(world);
            left -= u32::from(is_due);
            for (service, sum) in self.services.iter_mut().zip(&mut sums) {
                let mut result = Ok(());
                if is_due {
                    service.follow(world)?;
                    sum.receive += thread_seconds(|| result = service.receive(world));
                    result?;
                    service.answer();
                }
                sum.tick += thread_seconds(|| {
                    service.tick(world);
                });
                if !is_due {
                    continue;
                }
                let before = service.server.stats();
                let mut result = Ok(());
                sum.write += thread_seconds(|| {
                    result = service.write(world, |_, packet| {
                        std::hint::black_box(packet);
                    });
                });
                result?;
                let after = service.server.stats();
                sum.bytes += (after.bytes - before.bytes) as f64;
                sum.encoded += (after.shares_encoded - before.shares_encoded) as f64;
                sum.sent += (after.shares_sent - before.shares_sent) as f64;
                let bytes = (after.bytes - before.bytes) as usize;
                sum.copy += copy(&mut self.copied, bytes, (after.packets - before.packets) as usize);
            }
        }
        let mean = |sum: f64| sum / f64::from(updates);
        let means = sums.iter().map(|sum| Times {
            receive: mean(sum.receive),
            tick: mean(sum.tick),
            write: mean(sum.write),
            copy: mean(sum.copy),
            bytes: mean(sum.bytes),
            encoded: mean(sum.encoded),
            sent: mean(sum.sent),
        });
        Ok(means.collect())
    }
}

/// Seconds that it takes to copy so many bytes in so many pieces.
fn copy((from, to): &mut (Vec<u8>, Vec<u8>), bytes: usize, pieces: usize) -> f64 {
    let piece = bytes / pieces.max(1);
    from.resize(1 << 16, 1);
    thread_seconds(|| {
        for number in 0..pieces {
            let start = number * 64 % ((1 << 16) - piece.min(1 << 15));
            to.clear();
            to.extend_from_slice(&from[start..start + piece.min(1 << 15)]);
            std::hint::black_box(&to);
        }
    })
}
