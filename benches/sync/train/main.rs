//! `train-sync`: makes the constant models of the codec from scenes, and says what shares cost in other runs of them.
//!
//! `train-sync --write core/src/sync/codec/models_generated.rs` replaces the models. **Its output is a function of the
//! scenes and their seeds.** Without `--write` the models are measured, over seeds that they were not made from.

mod groups;
mod rows;
mod tables;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use muster_benches::scene::{Chance, Kind, ONE_THREAD, UPDATE_TICKS};
use muster_core::sync::codec::{Identity, Known, Layout, Tally, encode_group};

use crate::groups::{CELL_SHIFT, Group, Groups, Version};

#[derive(Debug, Parser)]
#[command(name = "train-sync", about = "Makes the constant models of state synchronisation")]
struct Arguments {
    /// Writes the models here instead of measuring those there are.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Updates of each scene.
    #[arg(long, default_value_t = 400)]
    updates: u32,
    /// Which of the acknowledged versions before the base movement is told from.
    #[arg(long, default_value_t = 1)]
    before: usize,
    /// Only the scenes whose names begin so.
    #[arg(long)]
    only: Option<String>,
}

/// The scenes and how often each counts.
const SCENES: [(Kind, u64); 7] = [
    (Kind::Camp(250), 4),
    (Kind::Camp(600), 3),
    (Kind::March(1_000), 1),
    (Kind::Drift(500), 1),
    (Kind::Race(32), 8),
    (Kind::Katamari(901), 1),
    (Kind::Field(300, 600), 2),
];
/// Runs of these seeds make the models.
const TRAINING: [u64; 6] = [21, 22, 23, 24, 25, 26];
/// A run of this one is measured.
const HELD_OUT: u64 = 97;

/// How old bases are, in updates, and in how many of 64 shares: at 20 Hz and with an acknowledgement 100 to 150 ms late,
/// with what is lost, late, and told more or less often.
const LAGS: [(u32, u64); 8] = [(1, 3), (2, 24), (3, 24), (4, 6), (5, 3), (7, 2), (12, 1), (20, 1)];

const LAYOUT: Layout = Layout { attributes: 1, cell_shift: CELL_SHIFT };

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match &arguments.write {
        Some(path) => {
            let tally = train(&arguments);
            fs::write(path, tables::source(&tally)).with_context(|| format!("cannot write {}", path.display()))?;
        }
        None => measure(&arguments),
    }
    Ok(())
}

fn train(arguments: &Arguments) -> Tally {
    let mut tally = Tally::new();
    for (kind, times) in SCENES {
        for seed in TRAINING {
            let mut chance = Chance::new(seed);
            play(kind, seed, arguments.updates, |groups| {
                for group in groups.groups.iter().filter(|group| group.is_new) {
                    // Each counts as often as its scene does, with another base each time.
                    for _ in 0..times {
                        let lag = draw_lag(&mut chance);
                        let before = 1 + chance.below(4).saturating_sub(1);
                        let whole = chance.below(50) == 0;
                        with_share(group, groups.update, lag, before, whole, |now, update, known, identity| {
                            tally.count_group(&now.state, update, known, identity, &LAYOUT);
                        });
                    }
                }
            });
        }
    }
    tally
}

fn draw_lag(chance: &mut Chance) -> u32 {
    let mut left = chance.below(64) as u64;
    for (lag, share) in LAGS {
        if left < share {
            return lag;
        }
        left -= share;
    }
    LAGS[1].0
}

/// Plays a scene and shows every update.
fn play(kind: Kind, seed: u64, updates: u32, mut see: impl FnMut(&Groups)) {
    let mut scene = kind.build(seed, ONE_THREAD);
    for _ in 0..kind.ticks_before() {
        scene.step();
    }
    let mut groups = Groups::default();
    for update in 0..updates + 40 {
        for _ in 0..UPDATE_TICKS {
            scene.step();
        }
        groups.update(scene.world());
        // The first have no versions to be told from.
        if update >= 40 {
            see(&groups);
        }
    }
}

/// Gives what the newest version of a group is told from, if its base is `lag` updates old.
fn with_share(
    group: &Group,
    update: u32,
    lag: u32,
    before: usize,
    whole: bool,
    mut take: impl FnMut(&Version, u32, Option<&Known<'_>>, &Identity),
) {
    let now = group.versions.back().expect("it is new");
    let mut older = group.versions.iter().rev().skip_while(|version| version.update + lag > update).peekable();
    let identity = Identity { cell: group.cell, update, ..Identity::default() };
    let base = older.next().filter(|_| !whole);
    // With fewer versions than that before it, the oldest.
    let before = older.take(before).last().map(|version| (&version.state, version.update));
    let known = base.map(|base| Known { base: &base.state, base_update: base.update, before });
    take(now, update, known.as_ref(), &identity);
}

fn measure(arguments: &Arguments) {
    println!("| scene | lag | B/moving entity/update | shares only | share B | whole B/entity |");
    println!("|---|---|---|---|---|---|");
    let mut all = Vec::new();
    for (kind, _) in SCENES
        .into_iter()
        .filter(|(kind, _)| arguments.only.as_ref().is_none_or(|only| kind.name().starts_with(only.as_str())))
    {
        let mut costs = [Cost::default(), Cost::default(), Cost::default()];
        let mut tally = Tally::new();
        let mut share = Vec::new();
        let mut chance = Chance::new(5);
        play(kind, HELD_OUT, arguments.updates, |groups| {
            for (cost, mode) in costs.iter_mut().zip(0..) {
                cost.moving += groups.moving;
                for group in groups.groups.iter().filter(|group| group.is_new) {
                    // The third with every twentieth packet lost: the base, and what is before it, are older then.
                    let lost = |chance: &mut Chance| mode == 2 && chance.below(20) == 0;
                    let lag = if mode == 2 { 2 } else { mode + 2 };
                    let lag = lag + (0..4).take_while(|_| lost(&mut chance)).count() as u32;
                    let before = arguments.before + usize::from(lost(&mut chance));
                    with_share(group, groups.update, lag, before, false, |now, update, known, identity| {
                        share.clear();
                        encode_group(&now.state, update, known, identity, &LAYOUT, &mut share);
                        cost.bytes += share.len() as u64;
                        cost.shares += 1;
                        if mode == 0 {
                            tally.count_group(&now.state, update, known, identity, &LAYOUT);
                        }
                        share.clear();
                        encode_group(&now.state, update, None, identity, &LAYOUT, &mut share);
                        cost.whole += share.len() as u64;
                        cost.entities += u64::from(now.state.present.count_ones());
                    });
                }
            }
        });
        for (cost, name) in costs.iter().zip(["2", "3", "2, 5 % lost"]) {
            let per = |bytes: f64| bytes / cost.moving as f64;
            // Packets of 1,200 bytes with 64 of an envelope and 28 of IP and UDP.
            let headers = (cost.bytes + 6 * cost.shares) as f64;
            let full = headers * (1.0 + 92.0 / (1_200.0 - 64.0));
            println!(
                "| {} | {name} | {:.3} | {:.3} | {:.1} | {:.2} |",
                kind.name(),
                per(full),
                per(cost.bytes as f64),
                cost.bytes as f64 / cost.shares as f64,
                cost.whole as f64 / cost.entities as f64
            );
        }
        all.push((kind.name(), tally, costs[0].moving));
    }
    for (name, tally, moving) in all {
        println!("\n{name}: bits a moving entity, base 2 updates old");
        tables::print_costs(&tally, moving);
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    bytes: u64,
    shares: u64,
    moving: u64,
    whole: u64,
    entities: u64,
}
