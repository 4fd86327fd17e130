//! The `muster-relay` binary: reads the command line and hands over to the library.

#![forbid(unsafe_code)]

use std::{
    io::Write as _,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use muster_relay::{
    announcement,
    config::{self, Command, Host, LoadError, Settings, Sources},
    doctor,
    io::{CountedHeap, probe},
    supervisor,
};
use tracing_subscriber::{Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

#[global_allocator]
static HEAP: CountedHeap = CountedHeap;

fn main() -> ExitCode {
    let command =
        Host::detect().map_err(|error| format!("the host's interfaces cannot be listed: {error}")).and_then(|host| {
            config::load(std::env::args_os(), std::env::vars_os(), &host, &config::read_file)
                .map_err(|error: LoadError| error.to_string())
        });
    match command {
        Ok(Command::Run { settings, sources }) => run(&settings, &sources),
        Ok(Command::Check { settings, json }) => print(&if json {
            format!("{:#}\n", config::report::json(&settings))
        } else {
            config::report::text(&settings)
        }),
        Ok(Command::Doctor { settings, json }) => {
            let evidence = doctor::Evidence {
                read: &config::read_file,
                probe: &|| {
                    probe()
                        .map(|facts| {
                            if facts.batch_window {
                                "works, batching window included"
                            } else {
                                "works, without the batching window (Linux 6.12)"
                            }
                            .to_owned()
                        })
                        .map_err(|error| error.to_string())
                },
                bind: &doctor::try_bind,
                unix_s: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            };
            let report = doctor::examine(&settings, &evidence);
            print(&if json { format!("{:#}\n", report.json()) } else { report.text() });
            ExitCode::from(report.exit_code())
        }
        Ok(Command::Help(text) | Command::Version(text)) => print(&text),
        Err(problems) => {
            eprintln!("{}", problems.trim_end());
            ExitCode::from(2)
        }
    }
}

fn run(settings: &Settings, sources: &Sources) -> ExitCode {
    // Only our own lines: a parser that warns of malformed input would let a flood fill the disk.
    let ours = Targets::new().with_target("muster_relay", tracing::Level::INFO);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    tracing_subscriber::registry().with(layer.with_filter(ours)).init();

    let load = || {
        let new = sources.reload().map_err(|error| error.to_string())?;
        let restart = settings.restart_needed_for(&new);
        if !restart.is_empty() {
            tracing::warn!(settings = restart.join(", "), "changed, but only a restart puts them into effect");
        }
        Ok(settings.with_live_of(&new))
    };
    let announce = |relay: &supervisor::Relay| {
        tracing::info!(driver = relay.driver(), workers = settings.workers, "relaying");
        // A closed standard output must not end a relay.
        let _ = std::io::stdout().write_all(announcement::text(settings).as_bytes());
    };
    match supervisor::run(settings, announce, load) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("muster-relay: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
