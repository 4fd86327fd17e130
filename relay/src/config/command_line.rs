//! Commands and flags. The flags of settings come from the table; their values are checked with those of the other
//! sources, so that one run reports every problem.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, builder::OsStringValueParser, error::ErrorKind};

use super::{
    environment::CONFIG_VARIABLE,
    layer::{Given, Layer},
    problem::{LoadError, Origin, Problem},
    table::{Chapter, Setting, settings},
    value::Raw,
};

/// What the command line asks for.
#[derive(Debug)]
pub(super) enum Parsed {
    /// A command that needs settings.
    Command(Invocation),
    /// Text to print.
    Help(String),
    /// The version, to print.
    Version(String),
}

#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) verb: Verb,
    pub(super) json: bool,
    pub(super) config: Option<PathBuf>,
    pub(super) layer: Layer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Run,
    Check,
    Doctor,
}

const EXAMPLES: &str = "\
Examples:
  A relay for one user, on every address of the host:
    muster-relay run --user alice:correct-horse
  A relay behind 1:1 NAT, with ephemeral credentials and TLS:
    muster-relay run --external-ip 203.0.113.7 --relay-ip 10.0.0.5 --auth-secret-file /etc/muster-relay/secrets \\
        --listen-tls 0.0.0.0:5349 --tls-cert /etc/muster-relay/fullchain.pem --tls-key /etc/muster-relay/privkey.pem
  The same settings from a file, with one of them changed:
    muster-relay run --config /etc/muster-relay/relay.toml --batch-window-us 250
  What would run, and whether this host is ready for it:
    muster-relay check --config /etc/muster-relay/relay.toml
    muster-relay doctor --config /etc/muster-relay/relay.toml";

/// Reads the command line; the first argument is the program's name.
pub(super) fn parse(arguments: &[OsString], problems: &mut Vec<Problem>) -> Result<Parsed, LoadError> {
    let matches = match program().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            let text = error.render().to_string();
            return match error.kind() {
                ErrorKind::DisplayHelp => Ok(Parsed::Help(text)),
                ErrorKind::DisplayVersion => Ok(Parsed::Version(text)),
                _ => Err(LoadError::Usage(text)),
            };
        }
    };
    let (verb, matches) = match matches.subcommand() {
        Some(("run", matches)) => (Verb::Run, matches),
        Some(("check", matches)) => (Verb::Check, matches),
        Some(("doctor", matches)) => (Verb::Doctor, matches),
        _ => return Err(LoadError::Usage(program().render_help().to_string())),
    };
    Ok(Parsed::Command(Invocation {
        verb,
        json: verb != Verb::Run && matches.get_flag("json"),
        config: matches.get_one::<OsString>("config").map(PathBuf::from),
        layer: layer(matches, problems),
    }))
}

fn layer(matches: &ArgMatches, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::default();
    for (index, setting) in settings().iter().enumerate() {
        let Some(values) = matches.get_many::<OsString>(setting.flag()) else { continue };
        let origin = Origin::Flag(format!("--{}", setting.flag()));
        let mut given = Vec::new();
        for value in values {
            match value.to_str() {
                Some(text) => given.push(Given { raw: Raw::Untyped(text.to_owned()), origin: origin.clone() }),
                None => problems.push(Problem {
                    origin: origin.clone(),
                    key: setting.path().to_owned(),
                    found: "bytes that are not UTF-8".into(),
                    allowed: setting.kind.allowed(),
                    hint: None,
                }),
            }
        }
        layer.insert(index, given, origin);
    }
    layer
}

fn program() -> Command {
    Command::new("muster-relay")
        .bin_name("muster-relay")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A STUN and TURN relay for every ICE client, on io_uring")
        .subcommand_required(true)
        .after_help(EXAMPLES)
        .subcommand(with_settings(Command::new("run").about("Run the relay until SIGTERM; reload on SIGHUP")))
        .subcommand(with_settings(
            Command::new("check").about("Check the settings and say what would run, without running it").arg(json()),
        ))
        .subcommand(with_settings(
            Command::new("doctor")
                .about("Inspect this host and say what to change; fails if something fails")
                .arg(json()),
        ))
}

fn json() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print JSON")
}

fn with_settings(command: Command) -> Command {
    command
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(OsStringValueParser::new())
                .help(format!("TOML file with settings; a flag or a variable wins over it [env: {CONFIG_VARIABLE}]")),
        )
        .args(settings().iter().map(argument))
        .after_help(EXAMPLES)
        .after_long_help(format!(
            "A flag wins over the environment, the environment over the file. A setting that may be given several \
             times replaces the whole list of the lower source; in the environment its values stand between \
             commas.\n\n{EXAMPLES}"
        ))
}

fn argument(setting: &'static Setting) -> Arg {
    let heading = setting.chapter.title();
    let times = if setting.is_repeatable() { " May be given several times." } else { "" };
    let file_key = match setting.chapter {
        Chapter::Limits => format!("{} in [limits]", setting.key),
        _ => setting.key.to_owned(),
    };
    Arg::new(setting.flag())
        .long(setting.flag())
        .value_name(setting.value_name)
        .help_heading(heading)
        .action(if setting.is_repeatable() { ArgAction::Append } else { ArgAction::Set })
        .value_parser(OsStringValueParser::new())
        .hide_default_value(true)
        .help(format!("{} [default: {}]", first_sentence(setting.help), setting.default_shown()))
        .long_help(format!(
            "{}{times}\nAllowed: {}\nDefault: {}\nExample: --{} {}\nVariable: {}; file: {file_key}",
            setting.help,
            setting.kind.allowed(),
            setting.default_shown(),
            setting.flag(),
            setting.example,
            setting.variable(),
        ))
}

fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')
}
