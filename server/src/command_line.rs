//! The command line: `muster dev`, `serve`, `check`, `new`, `replay`, `version`.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, builder::ValueParser};

use crate::config::table;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// Run a server.
    Run {
        /// On the machine of who writes rules.
        is_dev: bool,
        /// The configuration file.
        config: Option<PathBuf>,
        /// Settings by flag.
        flags: Vec<(&'static str, String)>,
        /// Only show the settings.
        print_config: bool,
        /// As JSON.
        json: bool,
    },
    /// Look at modes without running them for anybody.
    Check {
        /// Their folders.
        modes: Vec<PathBuf>,
        /// The configuration file, for the limits of scripts.
        config: Option<PathBuf>,
        /// Answer in JSON.
        json: bool,
    },
    /// Write a mode that works.
    New {
        /// Its name.
        name: String,
        /// Below which folder.
        folder: PathBuf,
    },
    /// Play a replay and compare each tick.
    Replay {
        /// The file.
        file: PathBuf,
        /// The map that it was played on.
        map: Option<PathBuf>,
        /// Answer in JSON.
        json: bool,
    },
    /// The version.
    Version {
        /// Answer in JSON.
        json: bool,
    },
}

/// Reads a command line.
///
/// # Errors
/// The help that was asked for, or what is wrong.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Asked, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let (name, matches) = matches.subcommand().expect("clap asks for one");
    let path = |id: &str| matches.get_one::<PathBuf>(id).cloned();
    Ok(match name {
        "dev" | "serve" => Asked::Run {
            is_dev: name == "dev",
            config: path("config"),
            flags: flags(matches),
            print_config: matches.get_flag("print-config"),
            json: matches.get_flag("json"),
        },
        "check" => Asked::Check {
            modes: matches.get_many::<PathBuf>("mode").into_iter().flatten().cloned().collect(),
            config: path("config"),
            json: matches.get_flag("json"),
        },
        "new" => Asked::New {
            name: matches.get_one::<String>("name").cloned().expect("clap asks for it"),
            folder: path("folder").expect("it has a default"),
        },
        "replay" => Asked::Replay {
            file: path("file").expect("clap asks for it"),
            map: path("map"),
            json: matches.get_flag("json"),
        },
        _ => Asked::Version { json: matches.get_flag("json") },
    })
}

fn flags(matches: &ArgMatches) -> Vec<(&'static str, String)> {
    table::settings()
        .iter()
        .filter_map(|setting| Some((setting.path(), matches.get_one::<String>(setting.path())?.clone())))
        .collect()
}

fn json() -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help("Answer in JSON")
}

fn file(id: &'static str) -> Arg {
    Arg::new(id).value_parser(ValueParser::path_buf())
}

fn command() -> Command {
    let examples = "Examples:\n  muster dev                               play on this machine, edit rules meanwhile\n  \
                    muster dev --modes my-modes              with modes of your own\n  \
                    muster new mode arena2                   write a mode to begin with\n  \
                    muster check scripts/modes/arena         look for mistakes in a mode\n  \
                    muster serve --config muster.toml        for players\n  \
                    muster serve --config muster.toml --print-config\n  \
                    muster replay .muster/replays/ID.replay  compare every tick of a replay";
    let dev = running("dev", "Run on this machine: loopback, a secret of its own, files are watched").after_help(
        "Every setting can also stand in a TOML file or in MUSTER_* variables; see --print-config.\n\n\
         Examples:\n  muster dev\n  muster dev --modes my-modes --listen 127.0.0.1:8000\n  muster dev --print-config",
    );
    let serve = running("serve", "Run for players").after_help(
        "The secret is best in the file or in MUSTER_SECRET: openssl rand -base64 48\n\n\
         Examples:\n  MUSTER_SECRET=... muster serve --modes modes --data /var/lib/muster\n  \
         muster serve --config /etc/muster/muster.toml",
    );
    let check = Command::new("check")
        .about("Compile modes and play a few ticks of each, without a server")
        .arg(file("mode").required(true).num_args(1..).value_name("MODE").help("A mode's folder"))
        .arg(
            file("config")
                .long("config")
                .value_name("FILE")
                .help("The server's configuration, for its limits of scripts"),
        )
        .arg(json())
        .after_help(
            "Ends with 1 if a mode cannot be played, or a file that begins with --!strict has a mistake of types.\n\n\
             Examples:\n  muster check scripts/modes/*\n  muster check --json my-modes/duel\n  \
             muster check --config /etc/muster/muster.toml my-modes/duel",
        );
    let new = Command::new("new")
        .about("Write something new")
        .subcommand_required(false)
        .arg(Arg::new("kind").required(true).value_parser(["mode"]).value_name("mode").help("What to write"))
        .arg(Arg::new("name").required(true).value_name("NAME").help("Its name: letters, digits, _ and -"))
        .arg(file("folder").long("in").default_value("scripts/modes").value_name("FOLDER").help("Below which folder"))
        .after_help("Examples:\n  muster new mode duel\n  muster new mode duel --in my-modes");
    let replay = Command::new("replay")
        .about("Play a replay and compare the world's hash at every tick")
        .arg(file("file").required(true).value_name("FILE").help("The replay"))
        .arg(file("map").long("map").value_name("FILE").help("map.json of the mode, if it has a map"))
        .arg(json())
        .after_help("Examples:\n  muster replay .muster/replays/ID.replay --map scripts/modes/arena/map.json");
    Command::new("muster")
        .about("Matches whose rules are Lua, and the doors that players come in by")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(examples)
        .subcommand(dev)
        .subcommand(serve)
        .subcommand(check)
        .subcommand(new)
        .subcommand(replay)
        .subcommand(Command::new("version").about("Print the version").arg(json()))
}

fn running(name: &'static str, about: &'static str) -> Command {
    let mut command = Command::new(name)
        .about(about)
        .arg(file("config").long("config").value_name("FILE").help("The configuration, in TOML"))
        .arg(
            Arg::new("print-config")
                .long("print-config")
                .action(ArgAction::SetTrue)
                .help("Print every setting and where its value came from, and end"),
        )
        .arg(json().help("With --print-config: in JSON"));
    for setting in table::settings() {
        command = command.arg(
            Arg::new(setting.path())
                .long(setting.flag())
                .value_name(setting.value_name)
                .help(setting.help)
                .hide_short_help(setting.path().starts_with("limits.")),
        );
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked, clap::Error> {
        parse(line.split(' ').map(OsString::from))
    }

    #[test]
    fn commands_are_understood() {
        command().debug_assert();
        let Ok(Asked::Run { is_dev: true, flags, .. }) = asked("muster dev --workers 3 --limit-matches 9") else {
            panic!("it is a command")
        };
        assert_eq!(flags, [("workers", "3".to_owned()), ("limits.matches", "9".to_owned())]);
        let new = asked("muster new mode duel").expect("it is a command");
        assert_eq!(new, Asked::New { name: "duel".into(), folder: "scripts/modes".into() });
        assert_eq!(asked("muster version --json").expect("it is a command"), Asked::Version { json: true });
        for wrong in ["muster", "muster dance", "muster check", "muster new room x", "muster dev --colour red"] {
            assert!(asked(wrong).is_err(), "{wrong}");
        }
    }
}
