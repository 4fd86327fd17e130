//! `bench-relay`: muster-relay, coturn and a bare forwarder side by side, one core each, in one run.
//!
//! `RESULTS.md` beside this file holds what was measured and how to read it.

#![forbid(unsafe_code)]

mod case;
mod claims;
mod contender;
mod figure;
mod floor;
mod flows;
mod heap;
mod host;
mod idle;
mod load;
mod report;
mod results;
mod turn_client;
mod turn_taking;

use std::{collections::BTreeMap, ffi::OsString, fs, net::SocketAddrV4, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use muster_benches::{
    page::write_measured,
    pinned::{self, pin_to},
};

use crate::{
    case::{CASES, Case, Pattern},
    contender::{Contender, Control, Programs, Server},
    figure::{Figure, Figures},
    flows::Flows,
    load::Timing,
    results::{CaseResults, Results},
};

/// The share of its time that the server or the load may wait for its core before a measurement is made again.
const DISTURBED: f64 = 0.05;

#[derive(Debug, Parser)]
#[command(name = "bench-relay", about = "Compares muster-relay with coturn and with a bare forwarder")]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// The muster-relay binary.
    #[arg(long, default_value = "target/release/muster-relay")]
    relay: PathBuf,
    /// coturn's server.
    #[arg(long, default_value = "/usr/bin/turnserver")]
    turnserver: PathBuf,
    /// Only this case; may be given several times.
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// Only this contender; may be given several times.
    #[arg(long = "contender", value_name = "NAME")]
    contenders: Vec<String>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Seconds of traffic before each measurement.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Rounds; in each, every contender runs once.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Times that a disturbed measurement is made again; the least disturbed counts.
    #[arg(long, default_value_t = 3)]
    repeats: usize,
    /// One round of one second, none of it made again.
    #[arg(long)]
    quick: bool,
    /// Caps the flows of each case. For tests: the figures are then no longer those of the case.
    #[arg(long, value_name = "N")]
    flows_max: Option<usize>,
    /// The core of the servers.
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// The core of the load.
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Writes every round's figures here.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Replaces the measured part of this file.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Names the cases and the contenders, and does nothing else.
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Runs the bare forwarder until it is ended.
    Floor {
        /// How it talks to the kernel.
        #[arg(long)]
        io: FloorIo,
        /// Where clients send to.
        #[arg(long)]
        listen: SocketAddrV4,
    },
    /// Executes a command on one core; it ends with the process that started this one.
    Pinned {
        /// The core.
        #[arg(long)]
        core: usize,
        /// The command.
        #[arg(last = true)]
        command: Vec<OsString>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FloorIo {
    Epoll,
    Uring,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.part {
        Some(Part::Floor { io: FloorIo::Epoll, listen }) => floor::epoll::run(listen),
        Some(Part::Floor { io: FloorIo::Uring, listen }) => floor::uring::run(listen),
        Some(Part::Pinned { core, command }) => pinned::become_command(core, &command),
        None if arguments.list => {
            list();
            Ok(())
        }
        None => compare(&arguments),
    }
}

fn list() {
    for case in CASES {
        println!("--case {:<18} {}", case.name, case.title);
    }
    for contender in Contender::ALL {
        println!("--contender {}", contender.name());
    }
}

fn compare(arguments: &Arguments) -> Result<()> {
    let programs = Programs {
        relay: arguments.relay.clone(),
        turnserver: arguments.turnserver.clone(),
        server_core: arguments.server_core,
    };
    let cases = chosen(&CASES, |case| case.name, &arguments.cases, "case")?;
    let contenders = chosen(&Contender::ALL, |contender| contender.name(), &arguments.contenders, "contender")?;
    for contender in &contenders {
        if let Some(program) = contender.program(&programs) {
            ensure!(
                program.exists(),
                "{} is needed for {}: build or install it, or choose others with --contender",
                program.display(),
                contender.name()
            );
        }
    }
    let (seconds, warm_up, rounds, repeats) = if arguments.quick {
        (1.0, 0.5, 1, 0)
    } else {
        (arguments.seconds, arguments.warm_up, arguments.rounds, arguments.repeats)
    };
    ensure!(rounds > 0, "at least one round is needed");
    let timing = Timing {
        warm_up: Duration::try_from_secs_f64(warm_up).context("--warm-up is a number of seconds")?,
        measured: Duration::try_from_secs_f64(seconds).context("--seconds is a number of seconds")?,
    };
    let _turn = turn_taking::Turn::wait()?;
    pinned::raise_descriptor_limit()?;
    pin_to(arguments.load_core)?;

    let mut results = Results::default();
    for mut case in cases {
        // A hairpin case needs whole pairs.
        case.flows = arguments.flows_max.map_or(case.flows, |max| case.flows.min(max.next_multiple_of(2)));
        let mut measured = BTreeMap::<Contender, Vec<Figures>>::new();
        for round in 0..rounds {
            for contender in contenders.iter().copied().filter(|contender| takes_part(*contender, &case)) {
                let figures = measure_undisturbed(&case, contender, &programs, timing, repeats)
                    .with_context(|| format!("{} in {}", contender.name(), case.name))?;
                progress(&case, contender, round, rounds, &figures);
                measured.entry(contender).or_default().push(figures);
            }
        }
        if !measured.is_empty() {
            results.cases.push(CaseResults { case, rounds: measured });
        }
    }
    let mut facts = host::facts(&programs);
    facts.push(("method", format!("{rounds} rounds of {seconds} s after {warm_up} s of warm-up, medians")));
    let text = report::markdown(&results, &facts);
    println!("{text}");
    if let Some(path) = &arguments.markdown {
        write_measured(path, &text)?;
    }
    if let Some(path) = &arguments.json {
        fs::write(path, serde_json::to_string_pretty(&report::json(&results, &facts))?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// All of `all`, or those that `names` chooses.
fn chosen<T: Copy>(all: &[T], name: fn(&T) -> &'static str, names: &[String], kind: &str) -> Result<Vec<T>> {
    if let Some(unknown) = names.iter().find(|wanted| !all.iter().any(|item| name(item) == wanted.as_str())) {
        bail!("there is no {kind} {unknown:?}; --list names them");
    }
    Ok(all.iter().copied().filter(|item| names.is_empty() || names.iter().any(|wanted| wanted == name(item))).collect())
}

/// A window only matters where datagrams come at a pace, and a forwarder has no allocations.
fn takes_part(contender: Contender, case: &Case) -> bool {
    match contender {
        Contender::MusterUringWindow => matches!(case.pace, case::Pace::Hertz(_)),
        _ => contender.control() == Control::Turn || case.pattern != Pattern::Idle,
    }
}

/// Measures again while other work on the machine took more than [`DISTURBED`] of either core, and returns the least
/// disturbed measurement. All contenders are treated alike.
fn measure_undisturbed(
    case: &Case,
    contender: Contender,
    programs: &Programs,
    timing: Timing,
    repeats: usize,
) -> Result<Figures> {
    let disturbance = |figures: &Figures| {
        let share = |figure| figures.get(&figure).copied().unwrap_or(0.0);
        share(Figure::ServerWaitedShare).max(share(Figure::LoadWaitedShare))
    };
    let mut best = measure(case, contender, programs, timing)?;
    for _ in 0..repeats {
        if disturbance(&best) <= DISTURBED {
            break;
        }
        let next = measure(case, contender, programs, timing)?;
        if disturbance(&next) < disturbance(&best) {
            best = next;
        }
    }
    Ok(best)
}

fn measure(case: &Case, contender: Contender, programs: &Programs, timing: Timing) -> Result<Figures> {
    let mut server = Server::start(contender, programs)?;
    let run = Flows::open(case, contender.control()).and_then(|flows| match case.pattern {
        Pattern::Idle => idle::run(case, &flows, &mut server),
        Pattern::ClientPeer | Pattern::Hairpin => load::run(case, &flows, &mut server, timing),
    });
    // The server's own last words explain more than what its clients saw.
    run.or_else(|error| server.must_live().and(Err(error)))
}

fn progress(case: &Case, contender: Contender, round: usize, rounds: usize, figures: &Figures) {
    let value = |figure| figures.get(&figure).copied().unwrap_or(f64::NAN);
    let name = contender.name();
    let place = format!("{} {}/{rounds} {name}:", case.name, round + 1);
    if case.pattern == Pattern::Idle {
        eprintln!(
            "{place} {:.1} us and {:.1} us CPU an allocation, {:.0} B resident each",
            value(Figure::AllocationUs),
            value(Figure::AllocationCpuUs),
            value(Figure::ResidentPerAllocation),
        );
    } else {
        eprintln!(
            "{place} {:.0} datagrams/s, {:.0} ns CPU each, p50 {:.1} us, loss {:.3} %, core {:.0} % busy, waited {:.0} + {:.0} %",
            value(Figure::DatagramsPerSecond),
            value(Figure::CpuNsPerDatagram),
            value(Figure::P50Us),
            value(Figure::LossShare) * 100.0,
            value(Figure::ServerBusyShare) * 100.0,
            value(Figure::ServerWaitedShare) * 100.0,
            value(Figure::LoadWaitedShare) * 100.0,
        );
    }
}
