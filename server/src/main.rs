//! The `muster` program.

use std::{
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use muster_server::{
    command_line::{self, Asked},
    config::{self, Given, Manner, Origin},
    new_mode, replays,
    server::Start,
    token::random_hex,
    trial,
};
use tracing_subscriber::EnvFilter;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let asked = match command_line::parse(std::env::args_os()) {
        Ok(asked) => asked,
        Err(error) => {
            // Help goes to standard output and succeeds, mistakes go to standard error and do not.
            let code = if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
            drop(error.print());
            return code;
        }
    };
    match carry_out(asked) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("muster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(asked: Asked) -> anyhow::Result<ExitCode> {
    match asked {
        Asked::Run { is_dev, config, flags, print_config, json } => {
            let manner = if is_dev { Manner::Dev } else { Manner::Serve };
            run(manner, config, flags, print_config, json)
        }
        Asked::Check { modes, config, json } => check(&modes, config, json),
        Asked::New { name, folder } => {
            let rules = new_mode::write(&name, &folder)?;
            println!("{} is written; `muster dev --modes {}` plays it", rules.display(), folder.display());
            Ok(ExitCode::SUCCESS)
        }
        Asked::Replay { file, map, json } => {
            let verdict = replays::verify(&file, map.as_deref())?;
            if json {
                println!("{}", serde_json::to_string(&verdict)?);
            } else {
                let (first, last) = (verdict.tick_first, verdict.tick_last);
                println!("ticks {first} to {last}{}", if verdict.is_finished { "" } else { ", not ended" });
                match (&verdict.divergence, &verdict.damage) {
                    (Some(divergence), _) => println!("{divergence}"),
                    (None, Some(damage)) => println!("the same up to where the file is damaged: {damage}"),
                    (None, None) => println!("every tick is the same"),
                }
            }
            Ok(if verdict.divergence.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Asked::Version { json } => {
            let version = env!("CARGO_PKG_VERSION");
            if json {
                println!("{}", serde_json::json!({ "version": version }));
            } else {
                println!("muster {version}");
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The secret of a server in development: made once for a data folder, so that players come back after a restart.
fn own_secret(data: &Path) -> std::io::Result<String> {
    let path = data.join("secret");
    match std::fs::read_to_string(&path) {
        Ok(secret) if secret.len() >= config::SECRET_BYTES_MIN => return Ok(secret),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let secret = random_hex::<32>();
    std::fs::create_dir_all(data)?;
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(secret.as_bytes())?;
    Ok(secret)
}

/// What was given on the command line, in the environment and in the file.
fn given(config: Option<PathBuf>, flags: Vec<(&'static str, String)>) -> anyhow::Result<Given> {
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let named = environment.iter().find(|(name, _)| name == config::CONFIG_VARIABLE);
    let file = config.or_else(|| named.map(|(_, value)| value.into()));
    let file = file.map(|path| config::read(&path)).transpose()?;
    Ok(Given { file, environment, flags })
}

fn check(modes: &[PathBuf], config: Option<PathBuf>, json: bool) -> anyhow::Result<ExitCode> {
    let limits = config::script_limits(&given(config, Vec::new())?)?;
    let trials: Vec<trial::Trial> = modes.iter().map(|mode| trial::try_mode(mode, &limits)).collect();
    let is_good = trials.iter().all(|trial| trial.errors.is_empty());
    if json {
        println!("{}", serde_json::to_string(&trials)?);
    } else {
        for trial in &trials {
            let findings = [("error", &trial.errors), ("warning", &trial.warnings)];
            for (word, found) in
                findings.into_iter().flat_map(|(word, list)| list.iter().map(move |found| (word, found)))
            {
                let hint = if found.hint.is_empty() { String::new() } else { format!(" ({})", found.hint) };
                let told = format!("{}/{}:{}: {word}: {}{hint}", trial.folder, found.file, found.line, found.message);
                println!("{}", for_a_terminal(&told));
            }
            if trial.errors.is_empty() {
                println!("{}: good", trial.folder);
            }
        }
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a mode says, without what would move a terminal's cursor or change its colours.
fn for_a_terminal(text: &str) -> String {
    let is_harmless = |letter: char| !letter.is_control() || letter == '\n' || letter == '\t';
    text.chars().map(|letter| if is_harmless(letter) { letter } else { '\u{fffd}' }).collect()
}

fn run(
    manner: Manner,
    config: Option<PathBuf>,
    flags: Vec<(&'static str, String)>,
    print_config: bool,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let mut loaded = config::load(manner, &given(config, flags)?)?;
    if loaded.settings.secret.is_empty() {
        // In development only: `serve` has refused before.
        loaded.settings.secret =
            if print_config { random_hex::<32>() } else { own_secret(&loaded.settings.data).context("a secret")? };
        loaded.origins.insert("secret", Origin::Generated);
    }
    if print_config {
        let text = if json { format!("{:#}\n", config::as_json(&loaded)) } else { config::as_text(&loaded) };
        std::io::stdout().write_all(text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let settings = loaded.settings;
    let filter = EnvFilter::builder().parse(&settings.log).context("the log's filter")?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if settings.log_json {
        log.json().init();
    } else {
        log.init();
    }

    // A match touches little here and there: in pages of 2 MiB it would hold ten times of what it uses.
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        tracing::warn!(%error, "memory comes in large pages");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let start = Start::open(settings).await?;
        let address = start.address()?;
        let mut out = std::io::stdout();
        writeln!(out, "muster: http://{address}")?;
        out.flush()?;
        start.run().await
    })?;
    // Tasks of clients who do not listen are not waited for.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}
